/* conv.h -- 2-D convolution (cross-correlation, as PyTorch's conv2d)
 *
 *     y[n,o,i,j] = b_o, then for k = (c, p, q) ascending, c slowest:
 *                  y = fma(w[o,c,p,q], x[n, c, i stride + p - before, j stride + q - before], y)
 * where a tap outside the image is a 0 that is multiplied like any other value. Backward, each sum starting from the
 * gradient already there: dx over (o, p, q) ascending (taps that no output used contribute a 0), dw over (n, i, j)
 * ascending, db over (n, i, j) ascending.
 * The fast forms are matrix products (gemm_into) one of whose operands is made of patches as it is asked for; what is
 * held besides the panels is one copy of the images with their margins.
 */
#ifndef SDREF_TENSOR_CONV_H
#define SDREF_TENSOR_CONV_H

#include "tensor/weight.h"

typedef struct Conv {
    int stride;               /* 1 and more, both directions */
    int before, after;        /* zeros above and left, below and right: (1,1) for a 3x3 that keeps the size; (0,1) for
                                 diffusers' stride 2 with padding 0, which pads the far sides */
} Conv;

/* Outputs along one side: (size + before + after - kernel)/stride + 1; 0: none. */
int conv_size(int size, int kernel, Conv c);

/* x (N,C,H,W), w (O,C,kh,kw), b (O) or NULL; y (N,O,H',W'). */
Tensor *op_conv2d(Tape *t, Tensor *x, const Weight *w, const Weight *b, Conv c, const char *name);

/* The definitions, one thread; sizes (N, C, H, W) of x, (O, kh, kw) of w. */
typedef struct ConvSizes { int N, C, H, W, O, kh, kw; } ConvSizes;
void conv2d_plain(real *y, const real *x, const real *w, const real *b, ConvSizes s, Conv c);
void conv2d_dx_plain(real *dx, const real *dy, const real *w, ConvSizes s, Conv c);            /* dx += */
void conv2d_dw_plain(real *dw, real *db, const real *dy, const real *x, ConvSizes s, Conv c);  /* dw +=, db += (or NULL) */

#endif
