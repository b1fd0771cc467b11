/* t_sdi.c -- SDI on data whose score is known: DDIM as gradient steps, exact roots, contractions, both forms to the last term
 *
 * Gaussian data N(mu, q^2), v = abar q^2 + sigma^2: everything is affine, and the ODE of DDIM keeps (x - alpha mu)/sqrt(v). Tolerances count
 * roundings: 8 a move of an inversion, 20 for the rest, of values of size r_t (4 |s| + 10). Both forms on a network: tests/t_verify.c.
 */
#include "sampler/invert.h"
#include "tests/gaussian.h"

#include <math.h>

static double spread(const Gaussian *g, int t) { return sched_abar64(g->S, t) * g->q[0] * g->q[0] + 1 - sched_abar64(g->S, t); }

/* x0 -> the last level of the grid; noise: of every move, times its std; NULL: none. Level below -1: abar_0. */
static double move_std(const Schedule *S, int p, int q)
{
    const double abar_p = sched_abar64(S, p < 0 ? 0 : p), abar_q = sched_abar64(S, q);
    return sqrt((1 - abar_p) / (1 - abar_q) * (1 - abar_q / abar_p));
}
static double invert64(const Gaussian *g, double x, const int *grid, int count, double guidance, const real *noise, int i)
{
    for (int k = 0; k + 1 < count; k++) {
        const int from = grid[k] < -1 ? 0 : grid[k], to = grid[k + 1];
        x = move64(g->S, x, cfg64(g, COND_NULL, x, from < 0 ? 0 : from, guidance), from, to);
        if (noise != NULL) x += 0.3 * move_std(g->S, from, to) * (double)noise[k * N + i];
    }
    return x;
}

/* [SDI24 Eqs.6-10]: 50 steps of DDIM, and 50 gradient steps of size 1 whose kappa is the prediction before. Data of two modes, so that nothing
 * cancels by being affine. */
static void ddim_is_gradient_descent(void)
{
    enum { STEPS = 50 };
    const double scales[] = { 1, 3 };
    for (int i = 0; i < 2; i++) {
        Setup s;
        setup(&s);
        s.g.gap = 0.6;
        real start[N], x[N], kappa[N], grad[N];
        double z[N], e[N];
        draw(start, 1, N);
        for (int j = 0; j < N; j++) {
            z[j] = (double)start[j];
            e[j] = cfg64(&s.g, COND_NULL, z[j], 999, scales[i]);
            x[j] = (real)((z[j] - sigma64(s.S, 999) * e[j]) / alpha64(s.S, 999));
            kappa[j] = (real)e[j];
        }
        for (int k = 1; k <= STEPS; k++) {
            const int before = 999 - 20 * (k - 1), t = k == STEPS ? 0 : 999 - 20 * k;
            const Step p = { .t = t, .guidance = (real)scales[i], .noise = kappa, .kappa = KAPPA_RANDOM };
            CHECK_OK(estimate(grad, x, sdi_grad, &p, &s), &s.err);
            for (int j = 0; j < N; j++) x[j] -= grad[j];
            memcpy(kappa, heard(s.heard, "eps_cfg", N), sizeof kappa);
            for (int j = 0; j < N; j++) {
                z[j] = move64(s.S, z[j], e[j], before, t);
                e[j] = cfg64(&s.g, COND_NULL, z[j], t, scales[i]);
                const double x0_hat = (z[j] - sigma64(s.S, t) * e[j]) / alpha64(s.S, t);
                /* rounding of the first image, at r = 15, and of every step: of values up to 15 size */
                CHECK_NEAR(x[j], x0_hat, 20, 15 * size_of(scales[i]), "scale %g, step %d", scales[i], k);
            }
        }
        teardown(&s);
    }
}

/* The noise that solves k = eps(alpha x0 + sigma k) is sigma (x0 - mu)/(alpha q^2): nothing moves. */
static void an_exact_root_moves_nothing(void)
{
    static const int ts[] = { 20, 200, 500, 980 };
    Setup s;
    setup(&s);
    real x0[N], root[N], grad[N];
    draw(x0, 1, N);
    for (int i = 0; i < 4; i++) {
        const int t = ts[i];
        for (int j = 0; j < N; j++) root[j] = (real)(r64(s.S, t) * ((double)x0[j] - 0.3) / 0.25);
        CHECK_OK(estimate(grad, x0, sdi_grad, &(Step){ .t = t, .guidance = 1, .noise = root, .kappa = KAPPA_RANDOM }, &s), &s.err);
        CHECK(s.g.asked == 1, "asked %d times", s.g.asked);
        for (int j = 0; j < N; j++) CHECK_NEAR(grad[j], 0, 10, r64(s.S, t) * (fabs((double)root[j]) + 1), "t %d", t);
        CHECK_LE((double)heard(s.heard, "residual", 1)[0], pow((double)REAL_EPS * 5 * r64(s.S, t) * (r64(s.S, t) * 16 + 1), 2), "t %d", t);
    }
    teardown(&s);
}

/* k <- eps(alpha x0 + sigma k): the distance to the root is multiplied by F each time; F = sigma^2/v < 1 on one Gaussian (0.9129 at t = 500), and
 * sigma^2 ((1-s)/v_uncond + s/v_cond) with guidance, which leaves the unit disc where the variances differ. */
static void the_fixed_point_iteration_contracts_by_its_factor(void)
{
    static const struct { double q_cond, q_uncond, guidance; } cases[] = { { 0.5, 0.5, 1 }, { 0.5, 0.5, 7.5 }, { 0.3, 0.8, 7.5 } };
    Setup s;
    setup(&s);
    const int t = 500;
    const double a = alpha64(s.S, t), st = sigma64(s.S, t), abar = a * a;
    real x0[N], start[N], grad[N];
    double factor[3];
    draw(x0, 1, N);
    draw(start, 2, N);
    for (int i = 0; i < 3; i++) {
        const double gs = cases[i].guidance;
        s.g.q[COND_TEXT] = cases[i].q_cond;
        s.g.q[COND_NULL] = cases[i].q_uncond;
        const double vc = abar * cases[i].q_cond * cases[i].q_cond + st * st, vu = abar * cases[i].q_uncond * cases[i].q_uncond + st * st;
        factor[i] = st * st * ((1 - gs) / vu + gs / vc);
        CHECK_OK(estimate(grad, x0, sdi_grad, &(Step){ .t = t, .guidance = (real)gs, .noise = start, .kappa = KAPPA_FIXED_POINT }, &s), &s.err);
        double sum = 0;
        for (int j = 0; j < N; j++) {
            const double x = (double)x0[j], constant = st * a * ((1 - gs) * (x + 0.4) / vu + gs * (x - 0.3) / vc);
            const double root = constant / (1 - factor[i]), from = (double)start[j] - root;
            for (int k = 0; k < 10; k++) {
                char name[16];
                snprintf(name, sizeof name, "fix.%d.eps", k);
                const double grown = pow(factor[i], k + 1);          /* ten iterations, each of 20 roundings, that grow like the distance */
                CHECK_NEAR(heard(s.heard, name, N)[j], root + grown * from, 200, size_of(gs) * fmax(1, grown), "case %d, iteration %d", i, k);
            }
            const double want = r64(s.S, t) * (factor[i] - 1) * pow(factor[i], 10) * from;
            CHECK_NEAR(grad[j], want, 200, r64(s.S, t) * size_of(gs) * fmax(1, pow(factor[i], 11)), "case %d", i);
            sum += want * want / N;
        }
        CHECK_LE(fabs((double)heard(s.heard, "residual", 1)[0] / sum - 1), 2000 * (double)REAL_EPS, "residual of case %d", i);
    }
    CHECK_LE(fabs(factor[0] - 0.9129), 5e-5, "t 500, q 1/2");
    CHECK(factor[2] > 2, "with guidance and unequal variances: %g", factor[2]);
    teardown(&s);
}

/* k <- k - 0.1 (k - eps(alpha x0 + sigma k)): the distance to the root is multiplied by 1 - 0.1 (1 - F) each time, F = sigma^2/v, and the residual,
 * which is that distance times r (1 - F), falls. Where the last run ended the next one begins: after 60 of them the root is reached, and nothing
 * moves. With guidance between unequal variances F is above 1, and it runs away as the plain iteration does. */
static void gradient_descent_reaches_the_root(void)
{
    static const struct { double q_cond, q_uncond, guidance; int t; } cases[] = {
        { 0.5, 0.5, 1, 500 }, { 0.5, 0.5, 1, 100 }, { 0.3, 0.8, 7.5, 500 } };
    Setup s;
    setup(&s);
    real x0[N], k[N], grad[N];
    draw(x0, 1, N);
    for (int i = 0; i < 3; i++) {
        const double gs = cases[i].guidance;
        const int t = cases[i].t;
        const double a = alpha64(s.S, t), st = sigma64(s.S, t), abar = a * a;
        s.g.q[COND_TEXT] = cases[i].q_cond;
        s.g.q[COND_NULL] = cases[i].q_uncond;
        const double vc = abar * cases[i].q_cond * cases[i].q_cond + st * st, vu = abar * cases[i].q_uncond * cases[i].q_uncond + st * st;
        const double F = st * st * ((1 - gs) / vu + gs / vc), shrink = 1 - 0.1 * (1 - F);
        double root[N], before = DBL_MAX;
        draw(k, 2, N);
        for (int j = 0; j < N; j++) {
            const double x = (double)x0[j];
            root[j] = st * a * ((1 - gs) * (x + 0.4) / vu + gs * (x - 0.3) / vc) / (1 - F);
        }
        CHECK_OK(estimate(grad, x0, sdi_grad, &(Step){ .t = t, .guidance = (real)gs, .noise = k, .kappa = KAPPA_GRADIENT_DESCENT }, &s), &s.err);
        for (int step = 0; step <= 10; step++) {
            char name[24];
            double want = 0, found = (double)heard(s.heard, "residual", 1)[0];
            if (step < 10) {
                snprintf(name, sizeof name, "fix.%d.residual", step);
                found = (double)heard(s.heard, name, 1)[0];
            }
            for (int j = 0; j < N; j++) want += pow(r64(s.S, t) * (F - 1) * pow(shrink, step) * ((double)k[j] - root[j]), 2) / N;
            CHECK_LE(fabs(found / want - 1), 2000 * (double)REAL_EPS, "case %d, step %d: residual %g, expected %g", i, step, found, want);
            CHECK(i == 2 ? step == 0 || found > before : found < before, "case %d, step %d: %g after %g", i, step, found, before);
            before = found;
        }
        for (int j = 0; j < N; j++) {
            const double want = root[j] + pow(shrink, 10) * ((double)k[j] - root[j]);
            CHECK_NEAR(heard(s.heard, "kappa", N)[j], want, 200, size_of(gs) * fmax(1, pow(shrink, 10)), "kappa of case %d", i);
        }
        for (int run = 0; run < 60 && i == 1; run++) {
            memcpy(k, heard(s.heard, "kappa", N), sizeof k);
            CHECK_OK(estimate(grad, x0, sdi_grad, &(Step){ .t = t, .guidance = 1, .noise = k, .kappa = KAPPA_GRADIENT_DESCENT }, &s), &s.err);
        }
        for (int j = 0; j < N && i == 1; j++) {
            CHECK_NEAR(heard(s.heard, "kappa", N)[j], root[j], 200, size_of(1), "the root");
            CHECK_NEAR(grad[j], 0, 200, r64(s.S, t) * size_of(1), "at the root");
        }
    }
    teardown(&s);
}

/* The target of one step, x0 - grad, from x0: SDI with the ODE's own noise contracts by alpha q / sqrt(v), SDS in the mean by the square of that,
 * and ten Euler steps come near the first. */
static void one_step_contracts(void)
{
    static const struct { int t; double exact, euler, from_0; } table[] = { { 500, 0.2952, 0.2634, 0.2625 }, { 200, 0.6583, 0.6315, 0.6294 } };
    Setup s;
    setup(&s);
    const double mu = 0.3, q = 0.5;
    real x0[N], kappa[N], grad[N];
    draw(x0, 1, N);
    for (int j = 0; j < N; j++) x0[j] = x0[j] < 0 ? x0[j] - 2 : x0[j] + 2;             /* a ratio needs a distance: above 1 */
    for (int i = 0; i < 2; i++) {
        const int t = table[i].t;
        const double a = alpha64(s.S, t), st = sigma64(s.S, t), v = spread(&s.g, t), r = r64(s.S, t);
        for (int j = 0; j < N; j++) kappa[j] = (real)((sqrt(v) / q * ((double)x0[j] - mu) + a * mu - a * (double)x0[j]) / st);
        CHECK_OK(estimate(grad, x0, sdi_grad, &(Step){ .t = t, .guidance = 1, .noise = kappa, .kappa = KAPPA_RANDOM }, &s), &s.err);
        for (int j = 0; j < N; j++) {
            const double left = ((double)x0[j] - (double)grad[j] - mu) / ((double)x0[j] - mu);
            CHECK_NEAR(left, a * q / sqrt(v), 20, r * (fabs((double)kappa[j]) + 5), "t %d", t);
            CHECK_LE(fabs(left - table[i].exact), 6e-5, "t %d", t);
        }
        const real zero[N] = { 0 };                                                     /* affine: the mean of SDS is SDS of the mean noise */
        CHECK_OK(estimate(grad, x0, sds_grad, &(Step){ .t = t, .guidance = 1, .weight = WEIGHT_RATIO, .noise = zero }, &s), &s.err);
        for (int j = 0; j < N; j++)
            CHECK_NEAR((double)x0[j] - (double)grad[j] - mu, ((double)x0[j] - mu) * a * a * q * q / v, 20, 10, "SDS, t %d", t);

        int grid[11];
        for (int k = 0; k <= 10; k++) grid[k] = k == 0 ? -1 : t * k / 10;
        const Step ten = { .t = t, .guidance = 1, .guidance_inverse = 1, .inversion_steps = 10, .noise = zero };
        CHECK_OK(estimate(grad, x0, sdi_grad, &ten, &s), &s.err);
        CHECK(s.g.calls[COND_TEXT] == 11 && s.g.calls[COND_NULL] == 0, "calls");
        for (int j = 0; j < N; j++) {
            const double x = invert64(&s.g, (double)x0[j], grid, 11, 1, NULL, j), want = (x - st * eps64(&s.g, COND_TEXT, x, t)) / a;
            CHECK_NEAR((double)x0[j] - (double)grad[j], want, 100, r * size_of(1), "ten steps, t %d", t);
            CHECK_LE(fabs(((double)x0[j] - (double)grad[j] - mu) / ((double)x0[j] - mu) - table[i].euler), 2e-4, "ten steps, t %d", t);
        }
        real x[N], e[N];                                                                /* the same with x0 put to level 0 at once */
        grid[0] = 0;
        for (int j = 0; j < N; j++) x[j] = sched_alpha(s.S, 0) * x0[j];
        for (int k = 0; k < 10; k++) {
            CHECK_OK(predicted_eps(e, "eps", x, grid[k], COND_TEXT, &s.k), &s.err);
            ddim_move(x, e, s.S, grid[k], grid[k + 1], N);
        }
        for (int j = 0; j < N; j++) {
            const double x0_hat = ((double)x[j] - st * eps64(&s.g, COND_TEXT, (double)x[j], t)) / a;
            CHECK_LE(fabs((x0_hat - mu) / ((double)x0[j] - mu) - table[i].from_0), 6e-5, "from level 0, t %d", t);
        }
    }
    teardown(&s);
}

/* Of two Gaussians of one variance nothing is learnt about the sign of the inversion's guidance: the residual falls with it, the reverse of what
 * the paper's networks show. N(1, 1/4) under the prompt, N(0, 1/4) without, x0 = 0.4, t = 500, s = 7.5: |r (eps_hat - kappa)| is 5.24, 6.55,
 * 7.87 with x0 put to level 0 at once, which moves the last digit; of random noise 6.49 in the root mean square, which noise +1 and -1 have. */
static void gaussians_reverse_the_sign_of_guidance(void)
{
    static const struct { double guidance, residual; } table[] = { { 7.5, 5.24 }, { 0, 6.55 }, { -7.5, 7.87 } };
    Setup s;
    setup(&s);
    s.g.mean[COND_TEXT] = 1;
    s.g.mean[COND_NULL] = 0;
    real x0[N], noise[N], grad[N];
    double found[3], random = 0;
    for (int j = 0; j < N; j++) x0[j] = R(0.4);
    for (int i = 0; i < 3; i++) {
        const Step p = { .t = 500, .guidance = R(7.5), .guidance_inverse = (real)table[i].guidance, .inversion_steps = 10, .noise = x0 };
        CHECK_OK(estimate(grad, x0, sdi_grad, &p, &s), &s.err);
        found[i] = sqrt((double)heard(s.heard, "residual", 1)[0]);
        CHECK_LE(fabs(found[i] - table[i].residual), 0.015, "guidance_inverse %g", table[i].guidance);
    }
    CHECK(found[0] < found[1] && found[1] < found[2], "%g %g %g", found[0], found[1], found[2]);
    for (int sign = -1; sign <= 1; sign += 2) {
        for (int j = 0; j < N; j++) noise[j] = (real)sign;
        CHECK_OK(estimate(grad, x0, sdi_grad, &(Step){ .t = 500, .guidance = R(7.5), .noise = noise, .kappa = KAPPA_RANDOM }, &s), &s.err);
        random += 0.5 * (double)heard(s.heard, "residual", 1)[0];
    }
    CHECK_LE(fabs(sqrt(random) - 6.49), 0.01, "random noise");
    teardown(&s);
}

/* The whole of the paper's form: inversion to t + tau, at most T - 1, H = noise_scale sigma_t noise, back to t. */
static void the_papers_form_is_its_closed_form(void)
{
    static const struct { int t, tau, moves; double guidance, inverse, scale; } cases[] = {
        { 500, 20, 5, 7.5, -7.5, 0.3 }, { 500, 0, 10, 3, 0, 0 }, { 980, 33, 9, 7.5, -7.5, 0.3 }, { 200, 20, 2, 7.5, 7.5, 0.3 },
        { 20, 5, 1, 1, 1, 0.3 } };
    Setup s;
    setup(&s);
    s.g.gap = 0.4;
    real x0[N], noise[N], grad[N];
    draw(x0, 1, N);
    draw(noise, 2, N);
    for (int i = 0; i < 5; i++) {
        const int t = cases[i].t, target = t + cases[i].tau > 999 ? 999 : t + cases[i].tau, count = cases[i].moves + 1;
        const double gs = cases[i].guidance, a = alpha64(s.S, t), st = sigma64(s.S, t);
        const Step p = { .t = t, .tau = cases[i].tau, .inversion_steps = cases[i].moves, .guidance = (real)gs,
                         .guidance_inverse = (real)cases[i].inverse, .noise_scale = (real)cases[i].scale, .noise = noise };
        CHECK_OK(estimate(grad, x0, sdi_grad, &p, &s), &s.err);
        int grid[11];
        for (int k = 0; k < count; k++) grid[k] = k == 0 ? -1 : (int)rint((double)target * k / cases[i].moves);
        for (int k = 0; k < count; k++) CHECK(heard(s.heard, "grid", (size_t)count)[k] == (real)grid[k], "case %d, level %d", i, k);
        for (int j = 0; j < N; j++) {
            const double x = (double)x0[j], high = invert64(&s.g, x, grid, count, cases[i].inverse, NULL, j);
            const double kappa = (high - alpha64(s.S, target) * x) / sigma64(s.S, target) + cases[i].scale * st * (double)noise[j];
            const double xt = a * x + st * kappa, x0_hat = (xt - st * cfg64(&s.g, COND_NULL, xt, t, gs)) / a;
            const double size = r64(s.S, t) * size_of(fmax(fabs(gs), fabs(cases[i].inverse))) * (1 + 0.1 / sigma64(s.S, target));
            CHECK_NEAR(heard(s.heard, "kappa", N)[j], kappa, 8 * count + 20, size / r64(s.S, t), "kappa of case %d", i);
            CHECK_NEAR(heard(s.heard, "x0_hat", N)[j], x0_hat, 8 * count + 20, size, "x0_hat of case %d", i);
            CHECK_NEAR(grad[j], x - x0_hat, 8 * count + 20, size, "case %d", i);                /* the slope of 1/2 |x - x0_hat|^2, a sum */
        }
    }
    teardown(&s);
}

/* The released grid: levels 1, 101, ... below t, then t + tau; the first move from abar_0, asked at 0. */
static const int official_980[] = { -99, 1, 101, 201, 301, 401, 501, 601, 701, 801, 901, 980 }, official_250[] = { -99, 1, 101, 201, 270 };
static const int official_999[] = { -99, 1, 101, 201, 301, 401, 501, 601, 701, 801, 901, 999 };
static const struct { int t, tau, count; const int *grid; } official[] = {
    { 980, 0, 12, official_980 }, { 250, 20, 5, official_250 }, { 980, 60, 12, official_999 } };

static void the_released_form_is_its_closed_form(void)
{
    Setup s;
    setup(&s);
    s.g.gap = 0.4;
    real x0[N], noise[11 * N], grad[N];
    draw(x0, 1, N);
    draw(noise, 2, 11 * N);
    for (int i = 0; i < 3; i++) {
        const int t = official[i].t, count = official[i].count, last = official[i].grid[count - 1];
        const Step p = { .t = t, .tau = official[i].tau, .sdi_form = SDI_OFFICIAL, .inversion_steps = count - 1, .guidance = R(7.5),
                         .guidance_inverse = R(-7.5), .noise_scale = R(0.3), .noise = noise };
        CHECK_OK(estimate(grad, x0, sdi_grad, &p, &s), &s.err);
        CHECK(s.g.calls[COND_TEXT] == count && s.g.calls[COND_NULL] == count, "%d calls", s.g.asked);
        for (int k = 0; k < count; k++) CHECK(heard(s.heard, "grid", (size_t)count)[k] == (real)official[i].grid[k], "t %d, level %d", t, k);
        for (int j = 0; j < N; j++) {
            const double x = (double)x0[j], high = invert64(&s.g, x, official[i].grid, count, -7.5, noise, j);
            const double target = (high - sigma64(s.S, t) * cfg64(&s.g, COND_NULL, high, t, 7.5)) / alpha64(s.S, t);
            const double kappa = (high - alpha64(s.S, last) * x) / sigma64(s.S, last);
            CHECK_NEAR(heard(s.heard, "kappa", N)[j], kappa, 8 * count + 20, size_of(7.5), "kappa, t %d", t);
            CHECK_NEAR(grad[j], x - target, 8 * count + 20, r64(s.S, t) * size_of(7.5), "t %d", t);
        }
    }
    check_refused(x0, sdi_grad, &(Step){ .t = 980, .sdi_form = SDI_OFFICIAL, .inversion_steps = 10, .noise = noise }, "is 10, expected 11", &s);
    check_refused(x0, sdi_grad, &(Step){ .t = 0, .sdi_form = SDI_OFFICIAL, .inversion_steps = 1, .noise = noise }, "t is 0", &s);
    ScheduleConfig odd = schedule_config_sd();
    odd.num_train_timesteps = 505;
    Schedule *S = schedule_new(&odd, &s.err);
    s.k.S = S;
    check_refused(x0, sdi_grad, &(Step){ .t = 400, .sdi_form = SDI_OFFICIAL, .inversion_steps = 1, .noise = noise }, "505 levels, expected a multiple of 10", &s);
    schedule_free(S);
    teardown(&s);
}

/* On data of mean 0 the image 0 stays where it is, so what noise 1 in one move leaves is that move's standard deviation, 0.3 sqrt(V). */
static void the_released_noise_has_its_deviations(void)
{
    static const struct { int move; double std; } printed[] = { { 10, 0.7602 }, { 1, 0.0410 }, { 0, 0.0206 } };   /* 901 -> 980, 1 -> 101, -99 -> 1 */
    Setup s;
    setup(&s);
    s.g.mean[COND_TEXT] = s.g.mean[COND_NULL] = 0;
    const real x0[N] = { 0 };
    real noise[11 * N], grad[N];
    for (int move = 0; move < 11; move++) {
        char name[16];
        memset(noise, 0, sizeof noise);
        noise[move * N + 17] = 1;
        const Step p = { .t = 980, .sdi_form = SDI_OFFICIAL, .inversion_steps = 11, .guidance = 1, .guidance_inverse = 1, .noise_scale = R(0.3),
                         .noise = noise };
        CHECK_OK(estimate(grad, x0, sdi_grad, &p, &s), &s.err);
        snprintf(name, sizeof name, "inv.%d.x", move);
        const double std = (double)heard(s.heard, name, N)[17];
        CHECK_NEAR(std, 0.3 * move_std(s.S, official_980[move], official_980[move + 1]), 4, 1, "move %d", move);
        for (int j = 0; j < N; j++) CHECK(j == 17 || heard(s.heard, name, N)[j] == 0, "move %d, value %d", move, j);
        for (int i = 0; i < 3; i++) if (printed[i].move == move) CHECK_LE(fabs(std / 0.3 - printed[i].std), 5.1e-5, "move %d", move);
    }
    teardown(&s);
}

/* With a fresh noise for kappa it is SDS, weighted by r_t. */
static void random_kappa_is_sds(void)
{
    Setup s;
    setup(&s);
    real x0[N], noise[N], sds[N], sdi[N];
    draw(x0, 1, N);
    draw(noise, 2, N);
    for (int t = 0; t < 1000; t += 111) {
        const Step p = { .t = t, .guidance = R(7.5), .weight = WEIGHT_RATIO, .noise = noise, .kappa = KAPPA_RANDOM };
        CHECK_OK(estimate(sds, x0, sds_grad, &p, &s), &s.err);
        CHECK_OK(estimate(sdi, x0, sdi_grad, &p, &s), &s.err);
        CHECK(memcmp(sds, sdi, sizeof sds) == 0, "t %d", t);
        double mean = 0;
        for (int j = 0; j < N; j++) mean += (double)sdi[j] * (double)sdi[j] / N;
        CHECK_LE(fabs((double)heard(s.heard, "residual", 1)[0] / mean - 1), 20 * (double)REAL_EPS, "residual, t %d", t);
    }
    teardown(&s);
}

int main(void)
{
    TEST(ddim_is_gradient_descent);
    TEST(an_exact_root_moves_nothing);
    TEST(the_fixed_point_iteration_contracts_by_its_factor);
    TEST(gradient_descent_reaches_the_root);
    TEST(one_step_contracts);
    TEST(gaussians_reverse_the_sign_of_guidance);
    TEST(the_papers_form_is_its_closed_form);
    TEST(the_released_form_is_its_closed_form);
    TEST(the_released_noise_has_its_deviations);
    TEST(random_kappa_is_sds);
    return test_end();
}
