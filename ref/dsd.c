/* dsd.c -- Diverse Score Distillation                           [DSD24] Xu et al. 2024, arXiv:2412.06780; read through its code and figures
 *
 * DDIM seen from its denoised images: with z_t on the ODE that starts at eps*, e_t = eps_hat(z_t; y, t) and x0(t) = (z_t - sigma_t e_t) / alpha_t,
 * one step t -> s is a gradient step of size 1:
 *     x0(s) = x0(t) - r_s (eps_hat(alpha_s x0(t) + sigma_s e_t; y, s) - e_t)                                   dsd_star_grad
 * So the image of a run may stand for x0(t), and another eps* leads to another picture. In 3-D the ODE is simulated beside the run, and its
 * image replaced by the render:
 *     grad_x0 = w(t) (eps_hat(x_t; y, t) - eps_hat'(x_tD; y, tD)),   x_u = alpha_u x0 + sigma_u e_tD,   e_tD = eps_hat(z_tD; y, tD)     dsd_grad
 * In 2-D nothing is replaced by anything: DSD* is one step of the ODE a step of the run, at the run's own image,                      dsd_star_step
 *     grad_x0 = r_s (eps_hat(alpha_s x0 + sigma_s e_t; y, s) - e_t)
 *
 * Reads: t, t_baseline (tD), noise (eps*), guidance, guidance_baseline, ode_steps, weight; of dsd_star only noise, guidance, ode_steps; of
 *   dsd_star_step t, s (the next level), guidance, noise: z_t, said as "z" for the next step once it is z_s. z_(T-1) = eps*.
 * DIFFERS: a run moves its image by Adam on what colours come from, not by -grad, so it follows x0(s) without being it, and ends near DDIM's image,
 *   not in it.
 * TRAP: the identity needs one guidance in both terms; the released code has 7.5 and 1. guidance_baseline says which.
 * Missing on purpose: reconstruction from one picture, which only adds a loss beside this gradient (ref/reference.h).
 * Check: dsd_star, and dsd_star_step after step, end in the DDIM sample, to rounding; with tD = t it is w (s - s_baseline)(e_cond - e_uncond);
 *   tests/t_dsd.c.
 */
#include "ref/estimator.h"
#include "sampler/invert.h"
#include "sampler/step.h"

#include <stdio.h>
#include <string.h>

enum { LEVELS_MAX = 1001 };

/* z: eps* at level T-1 -> level tD, through the levels of the grid above it. */
static int simulate(real *z, const Step *p, const Estimate *k)
{
    int all[LEVELS_MAX], grid[LEVELS_MAX + 1], count = 0;
    const int levels = ode_grid_dsd(all, p->ode_steps, k->S->T);
    for (int i = 0; i < levels && all[i] > p->t_baseline; i++) grid[count++] = all[i];
    grid[count++] = p->t_baseline;
    if (estimate_say_grid(k, grid, count) != 0) return -1;
    memcpy(z, p->noise, estimate_n(k) * sizeof *z);
    return guided_walk(z, grid, count, p->guidance, "ode", "z", k);
}

int dsd_grad(real *grad, const real *x0, const Step *p, const Estimate *k)
{
    const size_t n = estimate_n(k);
    const int t = p->t, tD = p->t_baseline;
    real *z = estimate_new(k, "z"), *e = estimate_new(k, "eps_ode"), *xt = estimate_new(k, "x_t"), *xtD = estimate_new(k, "x_tD");
    real *et = estimate_new(k, "eps_t"), *baseline = estimate_new(k, "eps_baseline");
    if (k->err->set) return -1;

    /* 1. the ODE from eps* down to tD, and its noise there */
    if (simulate(z, p, k) != 0) return -1;
    if (guided_eps(e, "eps_ode", z, tD, p->guidance, k) != 0) return -1;

    /* 2. diffuse the image, not the ODE's own, to tD and to t, with that noise */
    diffuse(xtD, x0, e, k->S, tD, n);
    diffuse(xt, x0, e, k->S, t, n);
    if (estimate_say(k, "x_tD", xtD) != 0 || estimate_say(k, "x_t", xt) != 0) return -1;

    /* 3. predict the noise, with guidance: of the baseline at tD, at t */
    if (guided_eps(baseline, "eps_baseline", xtD, tD, p->guidance_baseline, k) != 0) return -1;
    if (guided_eps(et, "eps_t", xt, t, p->guidance, k) != 0) return -1;

    /* 4. the estimator:  grad = w(t) (eps_t - eps_baseline) */
    real w = weight_at(p->weight, k->S, t);
    if (estimate_say_number(k, "w", &w) != 0) return -1;
    for (size_t i = 0; i < n; i++) grad[i] = w * (et[i] - baseline[i]);
    return estimate_say(k, "grad", grad);
}

/* All ode_steps steps of size 1 from x0(T-1) on, beside DDIM itself. x0 is not read: the image is the ODE's. */
int dsd_star_grad(real *grad, const real *x0, const Step *p, const Estimate *k)
{
    const size_t n = estimate_n(k);
    const int N = p->ode_steps;
    int grid[LEVELS_MAX + 1];
    char name[32];
    real *z = estimate_new(k, "z"), *e = estimate_new(k, "eps"), *x = estimate_new(k, "x0"), *g = estimate_new(k, "grad");
    (void)x0;
    if (k->err->set) return -1;
    if (estimate_say_grid(k, grid, ode_grid_dsd(grid, N, k->S->T)) != 0) return -1;

    /* 1. x0(T-1) = (eps* - sigma eps_hat) / alpha */
    if (guided_eps(e, "star.eps", p->noise, grid[0], p->guidance, k) != 0) return -1;
    denoise(x, p->noise, e, k->S, grid[0], n);
    if (estimate_say(k, "x0.0", x) != 0) return -1;

    /* 2. x0 <- x0 - grad,  grad = r_s (eps_hat(alpha_s x0 + sigma_s e; y, s) - e) */
    for (int i = 0; i < N; i++) {
        const int s = grid[i + 1];
        const real rs = sched_r(k->S, s);
        diffuse(z, x, e, k->S, s, n);
        snprintf(name, sizeof name, "star.%d.eps", i);
        memcpy(g, e, n * sizeof *g);
        if (guided_eps(e, name, z, s, p->guidance, k) != 0) return -1;
        for (size_t j = 0; j < n; j++) g[j] = rs * (e[j] - g[j]);
        snprintf(name, sizeof name, "grad.%d", i);
        if (estimate_say(k, name, g) != 0) return -1;
        if (i == 0) memcpy(grad, g, n * sizeof *grad);
        for (size_t j = 0; j < n; j++) x[j] = x[j] - g[j];
        snprintf(name, sizeof name, "x0.%d", i + 1);
        if (estimate_say(k, name, x) != 0) return -1;
    }
    if (estimate_say(k, "grad", grad) != 0) return -1;

    /* For comparison: DDIM from the same eps*, its denoised image at the last level. Equal to x0.N, to rounding. */
    memcpy(z, p->noise, n * sizeof *z);
    for (int i = 0; i <= N; i++) {
        snprintf(name, sizeof name, "ddim.%d.eps", i);
        if (guided_eps(e, name, z, grid[i], p->guidance, k) != 0) return -1;
        if (i < N) ddim_move(z, e, k->S, grid[i], grid[i + 1], n);
    }
    denoise(x, z, e, k->S, grid[N], n);
    return estimate_say(k, "ddim_x0", x);
}

int dsd_star_step(real *grad, const real *x0, const Step *p, const Estimate *k)
{
    const size_t n = estimate_n(k);
    const real rs = sched_r(k->S, p->s);
    real *z = estimate_new(k, "z"), *e = estimate_new(k, "eps_ode"), *xs = estimate_new(k, "x_s"), *es = estimate_new(k, "eps_s");
    if (k->err->set) return -1;

    /* 1. the ODE's noise where it stands, and its step */
    memcpy(z, p->noise, n * sizeof *z);
    if (guided_eps(e, "eps_ode", z, p->t, p->guidance, k) != 0) return -1;
    ddim_move(z, e, k->S, p->t, p->s, n);

    /* 2. the image diffused with that noise to the next level, and the prediction there */
    diffuse(xs, x0, e, k->S, p->s, n);
    if (estimate_say(k, "x_s", xs) != 0) return -1;
    if (guided_eps(es, "eps_s", xs, p->s, p->guidance, k) != 0) return -1;

    /* 3. the estimator:  grad = r_s (eps_s - eps_ode) */
    for (size_t i = 0; i < n; i++) grad[i] = rs * (es[i] - e[i]);
    if (estimate_say(k, "grad", grad) != 0) return -1;
    return estimate_say(k, "z", z);
}
