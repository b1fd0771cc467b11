/* asd.c -- Asynchronous Score Distillation                      [ASD24] Ma et al. 2024, ScaleDreamer, arXiv:2407.02040; read through its code
 *
 *     grad_x0 = w(t) (eps_hat(x_t; y, t) - eps(x_tD; y, tD)),   tD = t + D,   both x from the same noise
 *
 * The noise of SDS is replaced by what the prior itself says at a slightly noisier time. D = 0 leaves the classifier's direction.
 *
 * Reads: t, t_baseline (tD), noise, guidance, weight. Who draws D: asd_shift of draw.h.
 * Missing on purpose: Perp-Neg's weights are halved in the official runs; that is a setting of guidance.
 * Check: with D = 0 it is w (s - 1)(e_cond - e_uncond); tests/t_estimators.c.
 * Not this: Adversarial Score Distillation (arXiv:2312.00739), which shares the abbreviation.
 */
#include "ref/estimator.h"
#include "sampler/step.h"

int asd_grad(real *grad, const real *x0, const Step *p, const Estimate *k)
{
    const size_t n = estimate_n(k);
    const int t = p->t, tD = p->t_baseline;
    real *xt = estimate_new(k, "x_t"), *xtD = estimate_new(k, "x_tD");
    real *eps_hat = estimate_new(k, "eps_cfg"), *baseline = estimate_new(k, "eps_baseline");
    if (k->err->set) return -1;

    /* 1. diffuse, to t and to tD, with one noise */
    diffuse(xt, x0, p->noise, k->S, t, n);
    diffuse(xtD, x0, p->noise, k->S, tD, n);
    if (estimate_say(k, "x_t", xt) != 0 || estimate_say(k, "x_tD", xtD) != 0) return -1;

    /* 2. predict the noise: at t with guidance, at tD with the prompt alone */
    if (guided_eps(eps_hat, "eps_cfg", xt, t, p->guidance, k) != 0) return -1;
    if (predicted_eps(baseline, "eps_baseline", xtD, tD, COND_TEXT, k) != 0) return -1;

    /* 3. the estimator:  grad = w(t) (eps_hat - eps_baseline) */
    real w = weight_at(p->weight, k->S, t);
    if (estimate_say_number(k, "w", &w) != 0) return -1;
    for (size_t i = 0; i < n; i++) grad[i] = w * (eps_hat[i] - baseline[i]);
    return estimate_say(k, "grad", grad);
}
