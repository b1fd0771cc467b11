/* sdi.c -- Score Distillation via Inversion                     [SDI24] Lukoianov et al. 2024, arXiv:2405.15891
 *
 *     grad_x0 = r_t (eps_hat(x_t; y, t) - kappa),   x_t = alpha_t x0 + sigma_t kappa                     [SDI24 Eq.10]
 *
 * SDS is DDIM sampling whose noise is drawn anew in every step; kappa is the noise that DDIM would have had there: a root of
 * k = eps_hat(alpha_t x0 + sigma_t k; y, t)  [Eq.8], approached by inverting DDIM from x0 with guidance of the other sign.
 *
 * Reads: t, tau, inversion_steps, guidance, guidance_inverse, noise_scale, noise, sdi_form, kappa.
 *   noise: of H (n); of the official form one for every move, (inversion_steps, n); of kappa = random and fixed: kappa itself; of fixed-point and
 *   gradient-descent: its start.
 * The ablation [SDI24 Fig.9]: other roads to a root of Eq.8, ten steps from noise, each of which says its residual r_t^2 mean (eps_hat - k)^2.
 *   fixed-point: k <- eps_hat. gradient-descent: k <- k - 0.1 (k - eps_hat), down 1/2 |k - eps_hat|^2 with eps_hat held. random, fixed: no step at
 *   all, from a new noise every time or from one for the run. [SDI24 Fig.10], the sign of guidance in the inversion: guidance_inverse.
 * Missing on purpose: a weight w(t); r_t is the algorithm's own.
 * Two forms. paper: [SDI24 Alg.2], kappa from level t + tau put back to t, H = noise_scale sigma_t noise added once [Eq.11]. official: the
 *   released code, which adds noise_scale sqrt(V) noise in every move, asks the network at t for what is at level t + tau, and does not put it back.
 * TRAP: the released code averages its loss over the values: its gradient is this over n (16384 for Stable Diffusion), which
 *   changes what a regulariser beside it weighs.
 * DIFFERS: the released code asks the network at timestep -99 in its first move; here at 0.
 * DIFFERS: the whole gradient has the network's Jacobian in it, - sigma_t (d eps_hat/dx)^T (k - eps_hat); a Denoiser has no such product, so it is
 *   left out. Of one Gaussian it would not turn the step, only shorten it. The paper's rate could not be read; 0.1 is ours.
 * Check: on Gaussian data with the exact root the gradient is 0 (tau = 0), and the image contracts as in T5; tests/t_sdi.c.
 */
#include "ref/estimator.h"
#include "sampler/invert.h"
#include "sampler/step.h"
#include "tensor/sum.h"

#include <stdio.h>
#include <string.h>

enum { MOVES_MAX = 1000, KAPPA_STEPS = 10 };
#define KAPPA_RATE R(0.1)

/* kappa = (x - alpha x0) / sigma of the level that x is at */
static void noise_of(real *kappa, const real *x, const real *x0, int level, const Estimate *k)
{
    const size_t n = estimate_n(k);
    const real a = sched_alpha(k->S, level), s = sched_sigma(k->S, level);
    for (size_t i = 0; i < n; i++) kappa[i] = r_fma(-a, x0[i], x[i]) / s;
}

/* From noise towards a root of Eq.8, ten times  k <- k - rate (k - eps_hat(alpha_t x0 + sigma_t k; y, t)); rate 1: k <- eps_hat.
 * Residual: how far k is from a root, as an error of x0                                                  [SDI24 Fig.9] */
static int iterate(real *kappa, const real *x0, const Step *p, const Estimate *k)
{
    const size_t n = estimate_n(k);
    const int fixed_point = p->kappa == KAPPA_FIXED_POINT;
    const real rt = sched_r(k->S, p->t);
    char name[32];
    real *x = estimate_new(k, "x"), *e = estimate_new(k, "eps");
    if (x == NULL || e == NULL) return -1;
    memcpy(kappa, p->noise, n * sizeof *kappa);
    for (int i = 0; i < KAPPA_STEPS; i++) {
        diffuse(x, x0, kappa, k->S, p->t, n);
        snprintf(name, sizeof name, "fix.%d.eps", i);
        if (guided_eps(e, name, x, p->t, p->guidance, k) != 0) return -1;
        real residual = rt * rt * (sumsq_diff16(e, kappa, R(1.0), n) / (real)n);
        snprintf(name, sizeof name, "fix.%d.residual", i);
        if (estimate_say_number(k, name, &residual) != 0) return -1;
        for (size_t j = 0; j < n; j++) kappa[j] = fixed_point ? e[j] : r_fma(KAPPA_RATE, e[j] - kappa[j], kappa[j]);
    }
    return 0;
}

/* x <- x + (eta sqrt(V)) noise, V the posterior variance of DDPM between the levels                    [DDPM20 Eq.7] */
static void move_noise(real *x, const real *noise, real eta, const Schedule *S, int p, int q, size_t n)
{
    const double abar_p = sched_abar64(S, p), abar_q = sched_abar64(S, q);
    const real std = (real)((double)eta * sqrt((1 - abar_p) / (1 - abar_q) * (1 - abar_q / abar_p)));
    for (size_t i = 0; i < n; i++) x[i] = r_fma(std, noise[i], x[i]);
}

/* The official form: grad = x0 - (x_L - sigma_t eps_hat(x_L; y, t)) / alpha_t */
static int official(real *grad, const real *x0, const Step *p, const Estimate *k)
{
    const size_t n = estimate_n(k);
    const int t = p->t;
    int grid[MOVES_MAX + 1];
    char name[32];
    real *x = estimate_new(k, "x_t"), *eps_hat = estimate_new(k, "eps_cfg"), *kappa = estimate_new(k, "kappa"), *target = estimate_new(k, "x0_hat");
    if (k->err->set) return -1;
    if (t < 1) return err_set(k->err, "sdi: t is %d, expected at least 1 for the official form", t);
    if (k->S->T % 10 != 0) return err_set(k->err, "sdi: the schedule has %d levels, expected a multiple of 10 for the official form", k->S->T);
    const int count = invert_grid_sdi_official(grid, t, p->tau, k->S->T);
    if (p->inversion_steps != count - 1)
        return err_set(k->err, "sdi: inversion_steps is %d, expected %d: the moves of the official grid", p->inversion_steps, count - 1);
    if (estimate_say_grid(k, grid, count) != 0) return -1;
    memcpy(x, x0, n * sizeof *x);
    for (int i = 0; i + 1 < count; i++) {
        const int from = grid[i] < 0 ? 0 : grid[i];
        snprintf(name, sizeof name, "inv.%d.eps", i);
        if (guided_eps(eps_hat, name, x, from, p->guidance_inverse, k) != 0) return -1;
        ddim_move(x, eps_hat, k->S, from, grid[i + 1], n);
        move_noise(x, p->noise + (size_t)i * n, p->noise_scale, k->S, from, grid[i + 1], n);
        snprintf(name, sizeof name, "inv.%d.x", i);
        if (estimate_say(k, name, x) != 0) return -1;
    }
    noise_of(kappa, x, x0, grid[count - 1], k);
    if (estimate_say(k, "kappa", kappa) != 0 || estimate_say(k, "x_t", x) != 0) return -1;
    if (guided_eps(eps_hat, "eps_cfg", x, t, p->guidance, k) != 0) return -1;
    denoise(target, x, eps_hat, k->S, t, n);
    for (size_t i = 0; i < n; i++) grad[i] = x0[i] - target[i];
    if (estimate_say(k, "grad", grad) != 0) return -1;
    return estimate_say(k, "x0_hat", target);
}

int sdi_grad(real *grad, const real *x0, const Step *p, const Estimate *k)
{
    if (p->sdi_form == SDI_OFFICIAL) return official(grad, x0, p, k);
    const size_t n = estimate_n(k);
    const int t = p->t, target = t + p->tau < k->S->T ? t + p->tau : k->S->T - 1;
    const real rt = sched_r(k->S, t), scale = p->noise_scale * sched_sigma(k->S, t);
    int grid[MOVES_MAX + 1];
    real *x = estimate_new(k, "x"), *kappa = estimate_new(k, "kappa");
    real *xt = estimate_new(k, "x_t"), *eps_hat = estimate_new(k, "eps_cfg");
    if (k->err->set) return -1;

    /* 1. the noise:  kappa = inversion of x0 to t + tau, plus H = noise_scale sigma_t noise             [SDI24 Alg.2, Eq.11] */
    if (p->kappa == KAPPA_INVERSION) {
        const int count = invert_grid_sdi(grid, target, p->inversion_steps);
        if (estimate_say_grid(k, grid, count) != 0) return -1;
        memcpy(x, x0, n * sizeof *x);
        if (guided_walk(x, grid, count, p->guidance_inverse, "inv", "x", k) != 0) return -1;
        noise_of(kappa, x, x0, target, k);
        if (estimate_say(k, "kappa_inv", kappa) != 0) return -1;
        for (size_t i = 0; i < n; i++) kappa[i] = r_fma(scale, p->noise[i], kappa[i]);
    } else if (p->kappa == KAPPA_FIXED_POINT || p->kappa == KAPPA_GRADIENT_DESCENT) {
        if (iterate(kappa, x0, p, k) != 0) return -1;
    } else memcpy(kappa, p->noise, n * sizeof *kappa);
    if (estimate_say(k, "kappa", kappa) != 0) return -1;

    /* 2. diffuse:  x_t = alpha_t x0 + sigma_t kappa                                                     [SDI24 Eq.9] */
    diffuse(xt, x0, kappa, k->S, t, n);
    if (estimate_say(k, "x_t", xt) != 0) return -1;

    /* 3. predict the noise, with guidance                                                               [CFG22] */
    if (guided_eps(eps_hat, "eps_cfg", xt, t, p->guidance, k) != 0) return -1;

    /* 4. the estimator:  grad = r_t (eps_hat - kappa)                                                   [SDI24 Eq.10] */
    for (size_t i = 0; i < n; i++) grad[i] = rt * (eps_hat[i] - kappa[i]);
    if (estimate_say(k, "grad", grad) != 0) return -1;

    /* For the eye: how far kappa is from a root of Eq.8 */
    real residual = sumsq16(grad, n) / (real)n;
    if (estimate_say_number(k, "residual", &residual) != 0) return -1;
    return estimate_say_x0_hat(xt, eps_hat, t, k);
}
