/* ism.c -- Interval Score Matching                              [ISM23] Liang et al. 2023, LucidDreamer, arXiv:2311.11284; read through its code
 *
 *     grad_x0 = r_t (eps_hat(x_t; y, t) - eps(x_s, s)),   0 < s < t
 *
 * x_s and x_t lie on one trajectory: DDIM inverted from x0 without a prompt. The prediction at s replaces the noise of SDS.
 *
 * Reads: t, s, delta_s, noise (of the start), guidance. Guidance here is away from the negative prompt; the inversion has no prompt at all.
 * Missing on purpose: the factor lambda (0.1 in its configs); the multi-step correction that the paper derives and then drops.
 * TRAP: r_t is 13 at t = 980: that is what lambda and a range of t up to 500 are for.
 * Check: predictions that are equal at s and t, with and without prompt, give 0; tests/t_ism_cds.c.
 */
#include "ref/estimator.h"
#include "sampler/invert.h"
#include "sampler/step.h"

#include <stdio.h>
#include <string.h>

enum { LEVELS_MAX = 1001 };

int ism_grad(real *grad, const real *x0, const Step *p, const Estimate *k)
{
    const size_t n = estimate_n(k);
    const int t = p->t, s = p->s;
    const real rt = sched_r(k->S, t);
    int grid[LEVELS_MAX + 1];
    char name[32];
    real *x = estimate_new(k, "x"), *e = estimate_new(k, "eps"), *eps_hat = estimate_new(k, "eps_cfg");
    if (k->err->set) return -1;
    if (s < 1 || s >= t) return err_set(k->err, "ism: s is %d, expected 1 to %d, below t", s, t - 1);
    const int count = invert_grid_ism(grid, s, p->delta_s);
    grid[count] = t;
    if (estimate_say_grid(k, grid, count + 1) != 0) return -1;

    /* 1. start at the lowest level:  x = alpha_0 x0 + sigma_0 noise */
    diffuse(x, x0, p->noise, k->S, 0, n);
    if (estimate_say(k, "x_start", x) != 0) return -1;

    /* 2. invert without a prompt:  0, delta_s, 2 delta_s, ..., s */
    for (int i = 0; i + 1 < count; i++) {
        snprintf(name, sizeof name, "inv.%d.eps", i);
        if (predicted_eps(e, name, x, grid[i], COND_NULL, k) != 0) return -1;
        ddim_move(x, e, k->S, grid[i], grid[i + 1], n);
        snprintf(name, sizeof name, "inv.%d.x", i);
        if (estimate_say(k, name, x) != 0) return -1;
    }
    if (estimate_say(k, "x_s", x) != 0) return -1;

    /* 3. on from s to t, by the prediction that is also the target */
    if (predicted_eps(e, "eps_s", x, s, COND_NULL, k) != 0) return -1;
    ddim_move(x, e, k->S, s, t, n);
    if (estimate_say(k, "x_t", x) != 0) return -1;

    /* 4. predict at t, guided away from the negative prompt */
    if (guided_eps_negative(eps_hat, "eps_cfg", x, t, p->guidance, k) != 0) return -1;

    /* 5. the estimator:  grad = r_t (eps_hat - eps_s) */
    for (size_t i = 0; i < n; i++) grad[i] = rt * (eps_hat[i] - e[i]);
    return estimate_say(k, "grad", grad);
}
