/* t_dsd.c -- DSD against DDIM, of which it is another reading, and against its closed form
 *
 * The data has two modes, so that no prediction is affine. Tolerances count roundings, of values of size r_t (4 s + 10), r_t = 15 at t = 999.
 */
#include "tests/gaussian.h"

#include <math.h>

/* DDIM from eps* at T - 1, along the levels: z (N) at the last of them. */
static void ddim64(double *z, const Setup *s, const real *eps_star, const int *grid, int count, double guidance)
{
    for (int j = 0; j < N; j++) {
        z[j] = (double)eps_star[j];
        for (int k = 0; k + 1 < count; k++) z[j] = move64(s->S, z[j], cfg64(&s->g, COND_NULL, z[j], grid[k], guidance), grid[k], grid[k + 1]);
    }
}

/* Gradient steps of size 1 from x0(T-1) end where DDIM ends; both, as said and as computed here. Each gradient is x0 before less x0 after, and
 * the one handed out is the first. */
static void star_ends_in_ddim(void)
{
    static const struct { int steps; double guidance; } cases[] = {
        { 1, 1 }, { 4, 1 }, { 10, 1 }, { 50, 1 }, { 100, 1 }, { 10, 3 }, { 50, 3 }, { 50, 0 } };
    Setup s;
    setup(&s);
    s.g.gap = 0.6;
    real eps_star[N], grad[N];
    double z[N], x0_hat[N];
    draw(eps_star, 1, N);
    for (int i = 0; i < 8; i++) {
        const int steps = cases[i].steps;
        const double gs = cases[i].guidance, size = size_of(gs);
        char name[16];
        int grid[101];
        CHECK_OK(estimate(grad, NULL, dsd_star_grad, &(Step){ .ode_steps = steps, .guidance = (real)gs, .noise = eps_star }, &s), &s.err);
        for (int k = 0; k <= steps; k++) grid[k] = (int)floor(999.0 * (steps - k) / steps);
        for (int k = 0; k <= steps; k++) CHECK(heard(s.heard, "grid", (size_t)steps + 1)[k] == (real)grid[k], "%d steps, level %d", steps, k);
        CHECK(s.g.calls[COND_TEXT] == 2 * (steps + 1), "%d calls", s.g.calls[COND_TEXT]);
        ddim64(z, &s, eps_star, grid, steps + 1, gs);
        for (int j = 0; j < N; j++) x0_hat[j] = (z[j] - sigma64(s.S, 0) * cfg64(&s.g, COND_NULL, z[j], 0, gs)) / alpha64(s.S, 0);
        snprintf(name, sizeof name, "x0.%d", steps);
        const real *last = heard(s.heard, name, N), *ddim = heard(s.heard, "ddim_x0", N);
        for (int j = 0; j < N; j++) {
            CHECK_NEAR(last[j], ddim[j], 20, 15 * size, "%d steps, guidance %g", steps, gs);
            CHECK_NEAR(last[j], x0_hat[j], 20, 15 * size, "%d steps, guidance %g", steps, gs);
            CHECK_NEAR(ddim[j], x0_hat[j], 20, 15 * size, "%d steps, guidance %g", steps, gs);
        }
        for (int k = 0; k < steps; k++) {
            real before[N];
            snprintf(name, sizeof name, "x0.%d", k);
            memcpy(before, heard(s.heard, name, N), sizeof before);
            snprintf(name, sizeof name, "x0.%d", k + 1);
            const real *after = heard(s.heard, name, N);
            snprintf(name, sizeof name, "grad.%d", k);
            for (int j = 0; j < N; j++) CHECK(after[j] == before[j] - heard(s.heard, name, N)[j], "%d steps, step %d", steps, k);
        }
        CHECK(memcmp(grad, heard(s.heard, "grad.0", N), sizeof grad) == 0 && was_said(s.heard, "grad") == 1, "the gradient is the first");
    }
    teardown(&s);
}

/* What a run does, with an optimiser that steps by -grad from x0(T-1): the same images as in the identity, and z the ODE's, to rounding. From another
 * image the gradient leads back by r_s times what the prediction says of it. */
static void star_step_by_step_is_ddim(void)
{
    enum { STEPS = 20 };
    Setup s;
    setup(&s);
    s.g.gap = 0.6;
    const double gs = 3, size = size_of(gs);
    real eps_star[N], z[N], x[N], grad[N], eps[N];
    double ode[N], x0_hat[N];
    int grid[STEPS + 1];
    draw(eps_star, 1, N);
    for (int k = 0; k <= STEPS; k++) grid[k] = (int)floor(999.0 * (STEPS - k) / STEPS);
    memcpy(z, eps_star, sizeof z);
    for (int j = 0; j < N; j++)
        x[j] = (real)(((double)z[j] - sigma64(s.S, 999) * cfg64(&s.g, COND_NULL, (double)z[j], 999, gs)) / alpha64(s.S, 999));
    for (int k = 0; k < STEPS; k++) {
        CHECK_OK(estimate(grad, x, dsd_star_step, &(Step){ .t = grid[k], .s = grid[k + 1], .guidance = (real)gs, .noise = z }, &s), &s.err);
        CHECK(s.g.calls[COND_TEXT] == 2 && s.g.calls[COND_NULL] == 2, "two guided predictions");
        memcpy(eps, heard(s.heard, "eps_ode", N), sizeof eps);
        for (int j = 0; j < N && k % 7 == 0; j++) {            /* elsewhere */
            const int t = grid[k + 1];
            const double away = (double)x[j] + 0.5, xs = alpha64(s.S, t) * away + sigma64(s.S, t) * (double)eps[j];
            real other[N], g[N];
            for (int i = 0; i < N; i++) other[i] = x[i] + R(0.5);
            CHECK_OK(estimate(g, other, dsd_star_step, &(Step){ .t = grid[k], .s = t, .guidance = (real)gs, .noise = z }, &s), &s.err);
            const double want = r64(s.S, t) * (cfg64(&s.g, COND_NULL, xs, t, gs) - (double)eps[j]);
            CHECK_NEAR(g[j], want, 40, r64(s.S, t) * size * gs, "elsewhere, step %d", k);
        }
        memcpy(z, heard(s.heard, "z", N), sizeof z);
        for (int j = 0; j < N; j++) x[j] -= grad[j];
        ddim64(ode, &s, eps_star, grid, k + 2, gs);
        for (int j = 0; j < N; j++) {
            x0_hat[j] = (ode[j] - sigma64(s.S, grid[k + 1]) * cfg64(&s.g, COND_NULL, ode[j], grid[k + 1], gs)) / alpha64(s.S, grid[k + 1]);
            CHECK_NEAR(z[j], ode[j], 10 * k + 20, size, "z after step %d", k);
            CHECK_NEAR(x[j], x0_hat[j], 40, 15 * size, "the image after step %d", k);
        }
    }
    teardown(&s);
}

/* Another eps*, another image; the same one, the same image. */
static void star_is_its_noise(void)
{
    Setup s;
    setup(&s);
    s.g.gap = 0.6;
    s.g.q[COND_TEXT] = 0.1;
    real eps_star[N], grad[N];
    draw(eps_star, 1, N);
    const Step p = { .ode_steps = 50, .guidance = 1, .noise = eps_star };
    CHECK_OK(estimate(grad, NULL, dsd_star_grad, &p, &s), &s.err);
    int high = 0;
    for (int j = 0; j < N; j++) {                                /* modes 0.3 +- 0.6: the ODE is monotone, so the sign of eps* chooses */
        const double x = (double)heard(s.heard, "ddim_x0", N)[j];
        CHECK_LE(fabs(fabs(x - 0.3) - 0.6), 0.4, "a mode: value %d is %g", j, x);
        high += x > 0.3;
    }
    CHECK(high > N / 4 && high < 3 * N / 4, "%d of %d in the upper mode", high, N);
    teardown(&s);
}

/* tD = t: both predictions are at one x. One guidance: 0. Two: w (s - s_baseline)(e_cond - e_uncond), there. */
static void without_a_shift(void)
{
    static const int ts[] = { 320, 500, 980, 999 };
    static const double baselines[] = { 7.5, 1, 0, -2 };
    Setup s;
    setup(&s);
    s.g.gap = 0.6;
    real x0[N], eps_star[N], grad[N];
    draw(x0, 1, N);
    draw(eps_star, 2, N);
    for (int i = 0; i < 16; i++) {
        const int t = ts[i % 4];
        const double base = baselines[i / 4], w = 1 - sched_abar64(s.S, t);
        const Step p = { .t = t, .t_baseline = t, .guidance = R(7.5), .guidance_baseline = (real)base, .ode_steps = 10, .weight = WEIGHT_SDS,
                         .noise = eps_star };
        CHECK_OK(estimate(grad, x0, dsd_grad, &p, &s), &s.err);
        const real *e = heard(s.heard, "eps_ode", N);
        for (int j = 0; j < N; j++) {
            const double xt = alpha64(s.S, t) * (double)x0[j] + sigma64(s.S, t) * (double)e[j];
            const double classifier = eps64(&s.g, COND_TEXT, xt, t) - eps64(&s.g, COND_NULL, xt, t);
            if (i / 4 == 0) CHECK(grad[j] == 0, "t %d, one guidance: %g", t, (double)grad[j]);
            else CHECK_NEAR(grad[j], w * (7.5 - base) * classifier, 20, w * (size_of(7.5) + fabs((double)e[j])), "t %d, baseline %g", t, base);
        }
    }
    teardown(&s);
}

/* The ODE from eps* along the levels above tD and on to tD; its noise; the image diffused with it. 4 to 10 guided predictions a step. */
static void dsd_is_its_closed_form(void)
{
    static const struct { int t, tD, steps, above; double guidance, baseline; } cases[] = {
        { 980, 985, 10, 1, 7.5, 1 }, { 320, 321, 10, 7, 7.5, 1 }, { 600, 627, 10, 4, 3, 3 }, { 599, 599, 10, 4, 3, 2 }, { 500, 540, 1, 1, 7.5, 1 },
        { 970, 999, 10, 0, 7.5, 1 }, { 300, 310, 50, 35, 2, 2 } };
    Setup s;
    setup(&s);
    s.g.gap = 0.4;
    real x0[N], eps_star[N], grad[N];
    double z[N];
    draw(x0, 1, N);
    draw(eps_star, 2, N);
    for (int i = 0; i < 7; i++) {
        const int t = cases[i].t, tD = cases[i].tD, above = cases[i].above, steps = cases[i].steps;
        const double gs = cases[i].guidance, base = cases[i].baseline, w = 1 - sched_abar64(s.S, t);
        const Step p = { .t = t, .t_baseline = tD, .guidance = (real)gs, .guidance_baseline = (real)base, .ode_steps = steps, .weight = WEIGHT_SDS,
                         .noise = eps_star };
        CHECK_OK(estimate(grad, x0, dsd_grad, &p, &s), &s.err);
        CHECK(s.g.calls[COND_TEXT] == above + 3, "%d guided predictions", s.g.calls[COND_TEXT]);
        int grid[52];
        for (int k = 0; k < above; k++) grid[k] = (int)floor(999.0 * (steps - k) / steps);
        grid[above] = tD;
        for (int k = 0; k <= above; k++) CHECK(heard(s.heard, "grid", (size_t)above + 1)[k] == (real)grid[k], "case %d, level %d", i, k);
        ddim64(z, &s, eps_star, grid, above + 1, gs);
        for (int j = 0; j < N; j++) {
            const double x = (double)x0[j], e = cfg64(&s.g, COND_NULL, z[j], tD, gs);
            const double xtD = alpha64(s.S, tD) * x + sigma64(s.S, tD) * e, xt = alpha64(s.S, t) * x + sigma64(s.S, t) * e;
            const double want = w * (cfg64(&s.g, COND_NULL, xt, t, gs) - cfg64(&s.g, COND_NULL, xtD, tD, base));
            CHECK_NEAR(heard(s.heard, "eps_ode", N)[j], e, 8 * above + 20, size_of(gs), "eps_ode of case %d", i);
            CHECK_NEAR(grad[j], want, 8 * above + 20, w * size_of(gs) * size_of(gs) / 10, "case %d", i);      /* guidance upon guided noise */
        }
    }
    teardown(&s);
}

/* At tD = T - 1 the ODE has not begun: z is eps*, and no move is made. */
static void at_the_top_nothing_is_simulated(void)
{
    Setup s;
    setup(&s);
    real x0[N], eps_star[N], grad[N];
    draw(x0, 1, N);
    draw(eps_star, 2, N);
    const Step p = { .t = 980, .t_baseline = 999, .guidance = R(7.5), .guidance_baseline = 1, .ode_steps = 10, .weight = WEIGHT_SDS,
                     .noise = eps_star };
    CHECK_OK(estimate(grad, x0, dsd_grad, &p, &s), &s.err);
    CHECK(was_said(s.heard, "ode.0.eps") == 0 && was_said(s.heard, "ode.0.z") == 0, "a move was made");
    CHECK(heard(s.heard, "grid", 1)[0] == 999, "the grid is 999 alone");
    for (int j = 0; j < N; j++) {
        CHECK_NEAR(heard(s.heard, "eps_ode", N)[j], cfg64(&s.g, COND_NULL, (double)eps_star[j], 999, 7.5), 4, size_of(7.5), "value %d", j);
    }
    teardown(&s);
}

int main(void)
{
    TEST(star_ends_in_ddim);
    TEST(star_step_by_step_is_ddim);
    TEST(star_is_its_noise);
    TEST(without_a_shift);
    TEST(dsd_is_its_closed_form);
    TEST(at_the_top_nothing_is_simulated);
    return test_end();
}
