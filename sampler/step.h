/* step.h -- from what a network puts out to the next sample: conversions, DDIM and DDPM steps, inference timesteps
 *
 * Coefficients are computed in binary64 from abar and rounded to `real` once; the arithmetic per element is `real`.
 * Every array has n elements; an output may be the same array as any input of its call, unless said otherwise.
 * t is a level of the schedule, 0..T-1; prev is below it, and any negative prev means "after the last step".
 */
#ifndef SDREF_SAMPLER_STEP_H
#define SDREF_SAMPLER_STEP_H

#include "sampler/schedule.h"

/* x_t = alpha_t x0 + sigma_t eps                                                      [DDPM20 Eq.4] */
void diffuse(real *xt, const real *x0, const real *eps, const Schedule *S, int t, size_t n);
/* The same solved for x0: x0_hat = (x_t - sigma_t eps) / alpha_t, whatever the prediction type is */
void denoise(real *x0, const real *xt, const real *eps, const Schedule *S, int t, size_t n);
/* v = alpha_t eps - sigma_t x0: what a v-prediction network is trained to put out */
void v_from(real *v, const real *x0, const real *eps, const Schedule *S, int t, size_t n);

/* The noise / the clean image that a network's output `out` at xt stands for, by S->config.prediction_type.
 * No clipping here. TRAP: x0 from epsilon is divided by alpha_t (0.068 at SD's t = 999), eps from sample by sigma_t. */
void to_eps(real *eps, const real *xt, const real *out, const Schedule *S, int t, size_t n);
void to_x0(real *x0, const real *xt, const real *out, const Schedule *S, int t, size_t n);

/* The n inference timesteps, descending, into timesteps (n), by config's spacing; equal to diffusers' integer for
 * integer, halves to even (a trailing list that numpy.arange makes one too long, n = 61 for one, is cut to n).
 * Refuses n < 1, n > T, and an offset that pushes the first one to T or beyond. */
int inference_timesteps(int *timesteps, const Schedule *S, int n, Err *err);
/* t - T/n (integer division), the level a step of n steps goes to, for all three spacings; may be negative. */
int inference_prev(const Schedule *S, int t, int n);

/* One DDIM step t -> prev. x0 (may be NULL) gets the predicted clean image, clipped if the config says so.
 *     x_prev = alpha_prev x0 + sqrt(1 - abar_prev - std^2) eps + std noise            [DDIM20 Eq.12]
 *     std = eta sqrt((1 - abar_prev)/(1 - abar_t)) sqrt(1 - abar_t/abar_prev)         [DDIM20 Eq.16]
 * With thresholding x0 is instead clamped to +-s and divided by s, s the dynamic_thresholding_ratio quantile of |x0| over the n
 * values, within [1, sample_max_value]: an array is one image then.                    [IMAGEN22 Sec.2.3]
 * eps is what the network said, not recomputed from a clipped x0 (diffusers' use_clipped_model_output false).
 * prev < 0: abar_prev is 1 or abar_0, by set_alpha_to_one. noise: may be NULL when eta is 0. eta in [0,1].
 * x_prev and x0 must not be the same array. */
void ddim_step(real *x_prev, real *x0, const real *xt, const real *out, const real *noise, double eta,
               const Schedule *S, int t, int prev, size_t n);

/* One DDPM step t -> prev (ancestral sampling), with alpha = abar_t/abar_prev, beta = 1 - alpha of the jump:
 *     mean  = sqrt(abar_prev) beta/(1 - abar_t) x0 + sqrt(alpha) (1 - abar_prev)/(1 - abar_t) x_t      [DDPM20 Eq.7]
 *     x_prev = mean + std noise,  std^2 = beta (1 - abar_prev)/(1 - abar_t)  (fixed_small),  beta (fixed_large)
 * prev < 0: abar_prev is 1, whatever set_alpha_to_one says. t = 0 adds no noise: `noise` may then be NULL.
 * fixed_small_log is the same number by another route: it is parsed as fixed_small.
 * DIFFERS: diffusers keeps std^2 >= 1e-20, so fixed_small there adds noise of 1e-10 where prev < 0 < t; we add none. */
void ddpm_step(real *x_prev, real *x0, const real *xt, const real *out, const real *noise,
               const Schedule *S, int t, int prev, size_t n);

#endif
