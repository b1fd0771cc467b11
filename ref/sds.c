/* sds.c -- Score Distillation Sampling                          [SDS22] Poole et al. 2022, DreamFusion, arXiv:2209.14988
 *
 *     grad_x0 = w(t) (eps_hat(x_t; y, t) - eps),   x_t = alpha_t x0 + sigma_t eps               [SDS22 Eq.3, in x0]
 *
 * Random inputs: t and eps, both arguments.
 * Missing on purpose: d eps_hat / d x_t, the denoiser's Jacobian. It cannot appear: this file has no tape.
 * Absorbed: d x_t / d x0 = alpha_t is part of w(t), as in the paper.
 * Check: on Gaussian data N(mu, q^2) the mean over eps is w sigma_t alpha_t (x0 - mu) / (abar_t q^2 + sigma_t^2), and for any
 *   prior the gradient is w (x0 - x0_hat) / r_t; both in tests/t_estimators.c.
 * DIFFERS: threestudio's guidance_scale 100 is 101 here (guidance.c); it replaces NaN by 0, here NaN stops the run.
 */
#include "ref/estimator.h"

int sds_grad(real *grad, const real *x0, const real *noise, int t, real guidance, TimeWeight weight, const Estimate *k)
{
    const size_t n = estimate_n(k);
    const Shape shape = estimate_shape(k);
    const real at = sched_alpha(k->S, t), st = sched_sigma(k->S, t);
    real *xt = arena_real(k->arena, n, "x_t");
    real *eps_hat = arena_real(k->arena, n, "eps_cfg");
    real *x0_hat = arena_real(k->arena, n, "x0_hat");
    if (xt == NULL || eps_hat == NULL || x0_hat == NULL) return err_set(k->err, "sds: out of memory");

    /* 1. diffuse:  x_t = alpha_t x0 + sigma_t eps                                                  [SDS22 Sec.2] */
    for (size_t i = 0; i < n; i++) xt[i] = r_fma(at, x0[i], st * noise[i]);
    if (trace_put(k->trace, "x_t", xt, shape, k->err) != 0) return -1;

    /* 2. predict the noise, with guidance                                                          [CFG22] */
    if (guided_eps(eps_hat, xt, t, guidance, k) != 0) return -1;

    /* 3. the estimator:  grad = w(t) (eps_hat - eps)                                               [SDS22 Eq.3] */
    real w = weight_at(weight, k->S, t);
    if (trace_put(k->trace, "w", &w, (Shape){ 1, { 1 } }, k->err) != 0) return -1;
    for (size_t i = 0; i < n; i++) grad[i] = w * (eps_hat[i] - noise[i]);
    if (trace_put(k->trace, "grad", grad, shape, k->err) != 0) return -1;

    /* For the eye: the image the denoiser sees, x0_hat = (x_t - sigma_t eps_hat) / alpha_t. Nothing depends on it. */
    for (size_t i = 0; i < n; i++) x0_hat[i] = r_fma(-st, eps_hat[i], xt[i]) / at;
    return trace_put(k->trace, "x0_hat", x0_hat, shape, k->err);
}
