/* nfsd.c -- Noise-Free Score Distillation                       [NFSD23] Katzir et al. 2023, arXiv:2310.17590; read through reviews
 *
 *     grad_x0 = w(t) (delta_D + s delta_C),   delta_C = eps(x_t; y) - eps(x_t)
 *     delta_D = eps(x_t)                      for t < threshold: there the noise in the prediction is small
 *             = eps(x_t) - eps(x_t; y_neg)    else: y_neg describes bad pictures, so the difference leads to the data, free of noise
 *
 * Reads: t, noise, guidance (s), threshold (200), weight. Nothing is paired with the prediction.
 * Check: for t >= threshold it is CSD with w1 = s, w2 = 1; tests/t_estimators.c.
 */
#include "ref/estimator.h"
#include "sampler/step.h"

int nfsd_grad(real *grad, const real *x0, const Step *p, const Estimate *k)
{
    const size_t n = estimate_n(k);
    const int t = p->t, noisy = t >= p->threshold;
    real *xt = estimate_new(k, "x_t");
    real *ec = estimate_new(k, "eps_cond"), *eu = estimate_new(k, "eps_uncond"), *en = estimate_new(k, "eps_negative");
    real *delta_C = estimate_new(k, "delta_C"), *delta_D = estimate_new(k, "delta_D");
    if (k->err->set) return -1;

    /* 1. diffuse:  x_t = alpha_t x0 + sigma_t eps */
    diffuse(xt, x0, p->noise, k->S, t, n);
    if (estimate_say(k, "x_t", xt) != 0) return -1;

    /* 2. predict the noise: with the prompt, without, with the negative prompt */
    if (predicted_eps(ec, "eps_cond", xt, t, COND_TEXT, k) != 0) return -1;
    if (predicted_eps(eu, "eps_uncond", xt, t, COND_NULL, k) != 0) return -1;
    if (noisy && predicted_eps(en, "eps_negative", xt, t, COND_NEGATIVE, k) != 0) return -1;

    /* 3. the two directions: of the condition, of the domain */
    for (size_t i = 0; i < n; i++) delta_C[i] = ec[i] - eu[i];
    for (size_t i = 0; i < n; i++) delta_D[i] = noisy ? eu[i] - en[i] : eu[i];
    if (estimate_say(k, "delta_C", delta_C) != 0 || estimate_say(k, "delta_D", delta_D) != 0) return -1;

    /* 4. the estimator:  grad = w(t) (delta_D + s delta_C) */
    real w = weight_at(p->weight, k->S, t);
    if (estimate_say_number(k, "w", &w) != 0) return -1;
    for (size_t i = 0; i < n; i++) grad[i] = w * r_fma(p->guidance, delta_C[i], delta_D[i]);
    return estimate_say(k, "grad", grad);
}
