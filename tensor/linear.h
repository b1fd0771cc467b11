/* linear.h -- y = x W^T + b
 *
 *     y_o = b_o (or 0), then for i = 0 .. in-1 ascending  y_o = fma(x_i, W_oi, y_o)
 * backward, each sum starting from the gradient already there:
 *     dx_i: o ascending, fma(dy_o, W_oi, .)    dW_oi: rows ascending, fma(dy_o, x_i, .)    db_o: rows ascending, + dy_o
 */
#ifndef SDREF_TENSOR_LINEAR_H
#define SDREF_TENSOR_LINEAR_H

#include "tensor/weight.h"

/* x (..., in), w (out, in) or (out, in, 1, 1), b (out) or NULL; y (..., out). */
Tensor *op_linear(Tape *t, Tensor *x, const Weight *w, const Weight *b, const char *name);
/* The definition, one thread: y (rows, out), x (rows, in), w (out, in), b (out) or NULL. */
void linear_plain(real *y, const real *x, const real *w, const real *b, int rows, int in, int out);

#endif
