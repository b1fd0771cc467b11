/* sds.c -- Score Distillation Sampling                          [SDS22] Poole et al. 2022, DreamFusion, arXiv:2209.14988
 *
 *     grad_x0 = w(t) (eps_hat(x_t; y, t) - eps),   x_t = alpha_t x0 + sigma_t eps               [SDS22 Eq.3, in x0]
 *
 * Reads: t, noise, guidance, weight.
 * Missing on purpose: d eps_hat / d x_t, the denoiser's Jacobian. It cannot appear: this file has no tape.
 * Absorbed: d x_t / d x0 = alpha_t is part of w(t), as in the paper.
 * Check: on Gaussian data N(mu, q^2) the mean over eps is w sigma_t alpha_t (x0 - mu) / (abar_t q^2 + sigma_t^2), and for any
 *   prior the gradient is w (x0 - x0_hat) / r_t; both in tests/t_estimators.c.
 * DIFFERS: threestudio's guidance_scale 100 is 101 here (guidance.c); it replaces NaN by 0, here NaN stops the run.
 */
#include "ref/estimator.h"
#include "sampler/step.h"

int sds_grad(real *grad, const real *x0, const Step *p, const Estimate *k)
{
    const size_t n = estimate_n(k);
    const int t = p->t;
    real *xt = estimate_new(k, "x_t"), *eps_hat = estimate_new(k, "eps_cfg");
    if (k->err->set) return -1;

    /* 1. diffuse:  x_t = alpha_t x0 + sigma_t eps                                                  [SDS22 Sec.2] */
    diffuse(xt, x0, p->noise, k->S, t, n);
    if (estimate_say(k, "x_t", xt) != 0) return -1;

    /* 2. predict the noise, with guidance                                                          [CFG22] */
    if (guided_eps(eps_hat, "eps_cfg", xt, t, p->guidance, k) != 0) return -1;

    /* 3. the estimator:  grad = w(t) (eps_hat - eps)                                               [SDS22 Eq.3] */
    real w = weight_at(p->weight, k->S, t);
    if (estimate_say_number(k, "w", &w) != 0) return -1;
    for (size_t i = 0; i < n; i++) grad[i] = w * (eps_hat[i] - p->noise[i]);
    if (estimate_say(k, "grad", grad) != 0) return -1;
    return estimate_say_x0_hat(xt, eps_hat, t, k);
}
