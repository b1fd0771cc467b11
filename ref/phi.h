/* phi.h -- baselines phi(x_t) of SSD's control variate, each with its gradient
 *
 *     none            phi = 1                                      the variate is the noise itself
 *     quadratic       phi = 1/2 mean(x_t^2)                        grad = x_t / n
 *     pearson_depth   phi = 1 - corr(depth, mean over channels of x_t)
 * corr is Pearson's over the pixels; depth (H,W) is the render's own and a constant here. Unbiasedness hangs on none of it.
 */
#ifndef SDREF_REF_PHI_H
#define SDREF_REF_PHI_H

#include "ref/estimator.h"

typedef enum { PHI_NONE, PHI_QUADRATIC, PHI_PEARSON_DEPTH } PhiKind;

typedef struct PhiSource {
    PhiKind kind;
    int channels;
    size_t pixels;                /* n = channels * pixels */
    const real *depth;            /* (pixels), pearson_depth; borrowed */
} PhiSource;

/* Borrows source. depth without any variance is an error: its correlation is not defined. */
Phi phi_of(PhiSource *source);

/* 1 - corr(a, b) over n values; grad_b (n): its gradient with respect to b. 0, or -1 with err set: one of them is constant. */
int pearson_gap(real *gap, real *grad_b, const real *a, const real *b, size_t n, Err *err);

#endif
