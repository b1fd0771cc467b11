/* sum.h -- sums over many values: the one scheme
 *
 * Sixteen interleaved partial sums, each started from 0: value i is added to partial i mod 16, i ascending. Then the
 * fixed tree: p[j] += p[j+8] for j = 0..7, p[j] += p[j+4] for j = 0..3, p[j] += p[j+2] for j = 0, 1, p[0] + p[1].
 * Sixteen binary32 lanes are one AVX-512 register, so this order costs nothing there and is the same everywhere.
 * Error: (n/16 + 4) REAL_EPS/2 sum |value|. A sum of no values is 0; NaN and infinity propagate.
 */
#ifndef SDREF_SUM_H
#define SDREF_SUM_H

#include "tensor/real.h"

/* Products are fused into their partial: p = r_fma(a_i, b_i, p). */
real sum16(const real *x, size_t n);                                /* sum x_i */
real dot16(const real *a, const real *b, size_t n);                 /* sum a_i b_i */
real sumsq16(const real *x, size_t n);                              /* sum x_i^2 */
real sumsq_about16(const real *x, real centre, size_t n);           /* sum t_i^2, t_i = x_i - centre */
real sumsq_diff16(const real *a, const real *b, real scale_b, size_t n);    /* sum t_i^2, t_i = r_fma(-scale_b, b_i, a_i) */

/* The same for values that are made on the way: start from {{0},0}, add in ascending order, end. */
typedef struct { real p[16]; size_t n; } Sum16;
static inline void sum16_add(Sum16 *s, real x)
{
    s->p[s->n % 16] += x;
    s->n++;
}
real sum16_end(const Sum16 *s);

real max_abs(const real *x, size_t n);                              /* 0 for none; NaN if any is NaN */
long first_not_finite(const real *x, size_t n);                     /* index of the first NaN or infinity, or -1 */

#endif
