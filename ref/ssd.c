/* ssd.c -- Stein Score Distillation                             [SSD24] Wang et al. 2024, SteinDreamer, arXiv:2401.00604; no official code
 *
 *     grad_x0 = w(t) (eps_hat(x_t; y, t) - mu1 eps - mu h),   h = eps phi(x_t) - sigma_t grad phi(x_t)
 *
 * A control variate: for any differentiable phi, Stein's identity says E[eps phi] = sigma_t E[grad phi], so E[h] = 0, and mu changes the variance,
 * never the mean. SDS, VSD and SSD are one frame, grad = w (eps_hat - CV) with E[CV] = 0, and differ in variance alone:                [SSD24]
 *     CV = eps                     SDS (sds.c);  the mu1 term here, and h of phi = 1, where grad phi = 0
 *     CV = eps_phi(x_t; c, t)      VSD (vsd.c): a score, which has mean 0 under its own density, that of the renders; of one render it is eps
 *     CV = mu (eps phi - sigma_t grad phi)      SSD
 *
 * Reads: t, noise, guidance, weight, mu1, mu, ssd_sign; k->phi.
 * TRAP: the sign and the scale. The paper's page prints eps phi + grad phi, which has mean zero only if eps stands for minus the noise
 *   and the gradient is taken with respect to x_t / sigma_t. With the noise that was added it is biased; ssd_sign = printed gives it to whoever
 *   wants to see that.
 * Missing on purpose: how mu is found. It is a number here; ref/stein.h finds it while a run goes on.
 * Check: phi constant: grad = SDS(mu1 + mu phi of the noise); the frame's one mean, by pairs; E[h] = 0 for a quadratic phi, exactly:
 *   tests/t_ssd.c; for the others by draws: tests/t_phi.c.
 */
#include "ref/estimator.h"
#include "sampler/step.h"

int ssd_grad(real *grad, const real *x0, const Step *p, const Estimate *k)
{
    const size_t n = estimate_n(k);
    const int t = p->t;
    real *xt = estimate_new(k, "x_t"), *eps_hat = estimate_new(k, "eps_cfg");
    real *grad_phi = estimate_new(k, "grad_phi"), *h = estimate_new(k, "h");
    real phi;
    if (k->err->set) return -1;

    /* 1. diffuse:  x_t = alpha_t x0 + sigma_t eps */
    diffuse(xt, x0, p->noise, k->S, t, n);
    if (estimate_say(k, "x_t", xt) != 0) return -1;

    /* 2. predict the noise, with guidance */
    if (guided_eps(eps_hat, "eps_cfg", xt, t, p->guidance, k) != 0) return -1;

    /* 3. the control variate:  h = eps phi - sigma_t grad phi */
    if (k->phi->at(k->phi->self, &phi, grad_phi, xt, t, k->err) != 0) return -1;
    if (estimate_say_number(k, "phi", &phi) != 0 || estimate_say(k, "grad_phi", grad_phi) != 0) return -1;
    const real scale = p->ssd_sign == SSD_UNBIASED ? -sched_sigma(k->S, t) : R(1.0);
    for (size_t i = 0; i < n; i++) h[i] = r_fma(scale, grad_phi[i], p->noise[i] * phi);
    if (estimate_say(k, "h", h) != 0) return -1;

    /* 4. the estimator:  grad = w(t) (eps_hat - mu1 eps - mu h) */
    real w = weight_at(p->weight, k->S, t);
    if (estimate_say_number(k, "w", &w) != 0) return -1;
    for (size_t i = 0; i < n; i++) grad[i] = w * r_fma(-p->mu, h[i], r_fma(-p->mu1, p->noise[i], eps_hat[i]));
    return estimate_say(k, "grad", grad);
}
