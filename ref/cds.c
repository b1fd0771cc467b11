/* cds.c -- Consistency Distillation Sampling                    [CDS24] Wu et al. 2024, Consistent3D, arXiv:2401.09050; read through its code
 *
 * In variance-exploding coordinates v = x_t / alpha_t, with eps* the same for the whole run and s < t:
 *     v_t = x0 + r_t eps*,                 e_t = eps_hat(v_t / sqrt(1 + r_t^2); y, t)
 *     v_s = v_t + (r_s - r_t) e_t,         e_s = eps_hat(v_s / sqrt(1 + r_s^2); y, s)        one Euler step of the ODE
 *     grad_x0 = w(t) (e_t - e_s)
 *
 * Reads: t, s, noise (eps*), guidance, weight (uniform by default), cds_sign.
 * TRAP: the sign. Descending |D_t - sg(D_s)|^2 of the two denoised images without the network's Jacobian gives w (e_s - e_t); the
 *   released code moves the image by +w (e_s - e_t), that is, its gradient is the one above, as in ISM and SDS. cds_sign = opposite is the
 *   other; on the toy of tests/t_toy.c it runs away.
 * DIFFERS: the released code clamps w (e_t - e_s) to +-c, c growing from 2 to 8; here nothing is clamped. Its guidance 100 is 101 here.
 * Check: e_t = e_s (a straight path) gives 0; tests/t_ism_cds.c.
 */
#include "ref/estimator.h"

/* The network's own coordinates: v / sqrt(1 + r^2) = alpha v. */
static int guided_at(real *e, const char *name, real *xt, const real *v, int t, const Step *p, const Estimate *k)
{
    const size_t n = estimate_n(k);
    const real at = sched_alpha(k->S, t);
    for (size_t i = 0; i < n; i++) xt[i] = at * v[i];
    return guided_eps(e, name, xt, t, p->guidance, k);
}

int cds_grad(real *grad, const real *x0, const Step *p, const Estimate *k)
{
    const size_t n = estimate_n(k);
    const int t = p->t, s = p->s;
    const real rt = sched_r(k->S, t), rs = sched_r(k->S, s);
    real *vt = estimate_new(k, "v_t"), *vs = estimate_new(k, "v_s"), *xt = estimate_new(k, "x_t");
    real *et = estimate_new(k, "eps_t"), *es = estimate_new(k, "eps_s");
    if (k->err->set) return -1;
    if (s >= t) return err_set(k->err, "cds: s is %d, expected below t, %d", s, t);

    /* 1. diffuse:  v_t = x0 + r_t eps* */
    for (size_t i = 0; i < n; i++) vt[i] = r_fma(rt, p->noise[i], x0[i]);
    if (estimate_say(k, "v_t", vt) != 0) return -1;

    /* 2. predict the noise at t, with guidance */
    if (guided_at(et, "eps_t", xt, vt, t, p, k) != 0) return -1;

    /* 3. one step of the ODE:  v_s = v_t + (r_s - r_t) eps_t;  predict there */
    for (size_t i = 0; i < n; i++) vs[i] = r_fma(rs - rt, et[i], vt[i]);
    if (estimate_say(k, "v_s", vs) != 0) return -1;
    if (guided_at(es, "eps_s", xt, vs, s, p, k) != 0) return -1;

    /* 4. the estimator:  grad = w(t) (eps_t - eps_s) */
    real w = weight_at(p->weight, k->S, t);
    if (estimate_say_number(k, "w", &w) != 0) return -1;
    const real signed_w = p->cds_sign == CDS_RELEASED ? w : -w;
    for (size_t i = 0; i < n; i++) grad[i] = signed_w * (et[i] - es[i]);
    return estimate_say(k, "grad", grad);
}
