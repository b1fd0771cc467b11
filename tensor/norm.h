/* norm.h -- group and layer normalisation, forward and backward
 *
 *     y = (x - mean) / sqrt(var + eps) * gamma + beta,   var = mean of (x - mean)^2 (biased)
 * over the n values of one group (channels C/groups x all P positions) of one image, or of one row (n = C). In this order:
 *     mean = sum16(x)/n,  var = sumsq_about16(x, mean)/n,  rstd = 1/sqrt(var + eps)
 *     h = (x - mean) rstd,  y = fma(h, gamma, beta)
 *
 * Backward, with h made again:
 *     group   a_c = sum16(dy), b_c = dot16(dy, h) over the P positions of channel c of one image; images ascending
 *             dbeta_c += a_c,  dgamma_c += b_c;   m1 = dot16(gamma, a)/n, m2 = dot16(gamma, b)/n over the channels of the group
 *     layer   dbeta_c += dy,  dgamma_c = fma(dy, h, dgamma_c), rows ascending;   m1 = sum16(dy gamma)/n, m2 = dot16(dy gamma, h)/n
 *     dx = fma(rstd, fma(-h, m2, dy gamma - m1), dx)
 * dy gamma is rounded by itself.
 */
#ifndef SDREF_TENSOR_NORM_H
#define SDREF_TENSOR_NORM_H

#include "tensor/weight.h"

/* x (N,C) or (N,C,T) or (N,C,H,W): normalised over groups of channels; gamma, beta (C), or NULL (1, 0). groups divides C. */
Tensor *op_group_norm(Tape *t, Tensor *x, const Weight *gamma, const Weight *beta, int groups, real eps, const char *name);
/* x (..., C): over the last index; gamma, beta (C), or NULL (1, 0). */
Tensor *op_layer_norm(Tape *t, Tensor *x, const Weight *gamma, const Weight *beta, real eps, const char *name);

#endif
