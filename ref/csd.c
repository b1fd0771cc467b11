/* csd.c -- Classifier Score Distillation                        [CSD23] Yu et al. 2023, arXiv:2310.19415; read through its code
 *
 *     grad_x0 = w(t) (w1 (eps(x_t; y) - eps(x_t)) - w2 (eps(x_t; y_neg) - eps(x_t)))
 *             = w(t) (w1 eps(x_t; y) + (w2 - w1) eps(x_t) - w2 eps(x_t; y_neg))
 *
 * The classifier's direction alone: nothing is paired with the prediction, the noise only makes x_t. w2 = 0 is the plain form.
 *
 * Reads: t, noise, w1, w2, weight. The negative prediction is asked for only where w2 is not 0.
 * Missing on purpose: the stage-wise schedules of w2 (0 to 1 in stage 1, 1 to 1/2 in stage 2) and the division by the gradient's
 *   length of its stage 1 are settings of a run, not of a step.
 * Check: s CSD(w1 = 1, w2 = 0) = SDS(s) - w (eps(x_t) - noise), for the same noise; tests/t_estimators.c.
 */
#include "ref/estimator.h"
#include "sampler/step.h"

int csd_grad(real *grad, const real *x0, const Step *p, const Estimate *k)
{
    const size_t n = estimate_n(k);
    const int t = p->t;
    real *xt = estimate_new(k, "x_t");
    real *ec = estimate_new(k, "eps_cond"), *eu = estimate_new(k, "eps_uncond"), *en = estimate_new(k, "eps_negative");
    if (k->err->set) return -1;

    /* 1. diffuse:  x_t = alpha_t x0 + sigma_t eps */
    diffuse(xt, x0, p->noise, k->S, t, n);
    if (estimate_say(k, "x_t", xt) != 0) return -1;

    /* 2. predict the noise: with the prompt, without, with the negative prompt */
    if (predicted_eps(ec, "eps_cond", xt, t, COND_TEXT, k) != 0) return -1;
    if (predicted_eps(eu, "eps_uncond", xt, t, COND_NULL, k) != 0) return -1;
    if (p->w2 != 0 && predicted_eps(en, "eps_negative", xt, t, COND_NEGATIVE, k) != 0) return -1;

    /* 3. the estimator:  grad = w(t) (w1 (e_cond - e_uncond) - w2 (e_negative - e_uncond)) */
    real w = weight_at(p->weight, k->S, t);
    if (estimate_say_number(k, "w", &w) != 0) return -1;
    for (size_t i = 0; i < n; i++) {
        const real away = p->w2 == 0 ? 0 : p->w2 * (en[i] - eu[i]);
        grad[i] = w * r_fma(p->w1, ec[i] - eu[i], -away);
    }
    return estimate_say(k, "grad", grad);
}
