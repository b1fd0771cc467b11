/* t_stein.c -- the coefficient of SSD, fitted or left out: against sums by hand, and as what it is for */
#include "ref/phi.h"
#include "ref/stein.h"
#include "tests/gaussian.h"

#include <math.h>

enum { T = 1000 };

static void tell(SteinStep *p, real *eps_hat, real *h)
{
    Err err = { 0 };
    const Trace t = stein_listener(p);
    CHECK_OK(trace_put(&t, "x_t", h, (Shape){ 1, { N } }, &err), &err);
    CHECK_OK(trace_put(&t, "eps_cfg", eps_hat, (Shape){ 1, { N } }, &err), &err);
    CHECK_OK(trace_put(&t, "h", h, (Shape){ 1, { N } }, &err), &err);
}

/* Two samples of one tenth: mu = (0.9 <f1,h1> + <f2,h2>) / (0.9 |h1|^2 + |h2|^2), f = eps_hat - mu1 noise. */
static void two_samples_by_hand(void)
{
    Stein s = { { { 0 } } };
    double fh = 0, hh = 0;
    CHECK(stein_mu(&s, 500, T) == 0, "before anything was seen");
    for (uint32_t k = 0; k < 2; k++) {
        real eps[N], h[N], noise[N], f[N];
        rng_normal(eps, (RngAt){ 1, 0, k, RNG_PROBE }, N);
        rng_normal(h, (RngAt){ 1, 1, k, RNG_PROBE }, N);
        rng_normal(noise, (RngAt){ 1, 2, k, RNG_PROBE }, N);
        SteinStep step = { .noise = noise, .mu1 = R(0.5), .n = N, .f = f };
        tell(&step, eps, h);
        stein_add(&s, &step, 510 + (int)k, T);
        fh *= 0.9;
        hh *= 0.9;
        for (int i = 0; i < N; i++) {
            fh += ((double)eps[i] - 0.5 * (double)noise[i]) * (double)h[i];
            hh += (double)h[i] * (double)h[i];
        }
    }
    CHECK_LE(fabs((double)stein_mu(&s, 599, T) - fh / hh), 100 * (double)REAL_EPS, "mu is %g, by hand %g", (double)stein_mu(&s, 599, T), fh / hh);
    CHECK(stein_mu(&s, 499, T) == 0 && stein_mu(&s, 600, T) == 0, "other tenths");
}

/* f = 0.7 h + something independent of h: mu goes to 0.7, within 5 deviations of a mean over some 10 x 60 products. */
static void it_finds_the_coefficient(void)
{
    Stein s = { { { 0 } } };
    for (uint32_t k = 0; k < 200; k++) {
        real h[N], eps[N], noise[N], f[N];
        rng_normal(h, (RngAt){ 2, 0, k, RNG_PROBE }, N);
        rng_normal(noise, (RngAt){ 2, 1, k, RNG_PROBE }, N);
        for (int i = 0; i < N; i++) eps[i] = R(0.7) * h[i] + R(1.5) * noise[i];
        SteinStep step = { .noise = noise, .mu1 = R(1.0), .n = N, .f = f };
        tell(&step, eps, h);
        stein_add(&s, &step, 999, T);
    }
    CHECK_LE(fabs((double)stein_mu(&s, 900, T) - 0.7), 5 * 0.5 / sqrt(600.0), "mu is %g", (double)stein_mu(&s, 900, T));
}

/* mu_j = sum over the others of <f,h> / |h|^2; of one view, or of others that say nothing, 0. */
static void the_others_by_hand(void)
{
    const SteinStep step[3] = { { .fh = 3, .hh = 2 }, { .fh = -1, .hh = 4 }, { .fh = 5, .hh = 1 } };
    const SteinStep silent[2] = { { .fh = 3, .hh = 2 }, { .fh = 0, .hh = 0 } };
    static const double want[3] = { 0.8, 8.0 / 3, 1.0 / 3 };
    for (int j = 0; j < 3; j++) CHECK_LE(fabs((double)stein_mu_without(step, 3, j) - want[j]), (double)REAL_EPS * want[j], "view %d", j);
    CHECK(stein_mu_without(step, 1, 0) == 0 && stein_mu_without(silent, 2, 0) == 0, "nobody else");
}

/* A step that is told its prediction: nobody is asked, and the gradient is the same, bit for bit. */
static void a_told_step_asks_nobody(void)
{
    static const real guidance[] = { R(1.0), R(3.0) };
    Setup s;
    setup(&s);
    PhiSource quadratic = { .kind = PHI_QUADRATIC, .channels = C, .pixels = H * W };
    const Phi phi = phi_of(&quadratic);
    s.k.phi = &phi;
    real x0[N], noise[N], grad[2][N], f[N], eps[N];
    draw(x0, 1, N);
    draw(noise, 2, N);
    for (int i = 0; i < 2; i++) {
        const Step p = { .t = 500, .guidance = guidance[i], .weight = WEIGHT_SDS, .noise = noise, .mu1 = 1, .mu = R(0.5) };
        SteinStep step = { .noise = noise, .mu1 = 1, .n = N, .f = f, .eps = eps };
        const Trace listener = stein_listener(&step), teller = stein_teller(&step);
        s.k.trace = &listener;
        CHECK_OK(estimate(grad[0], x0, ssd_grad, &p, &s), &s.err);
        CHECK(s.g.asked == (i == 0 ? 1 : 2), "asked %d times", s.g.asked);
        s.k.trace = &teller;
        CHECK_OK(estimate(grad[1], x0, ssd_grad, &p, &s), &s.err);
        CHECK(s.g.asked == 0 && memcmp(grad[0], grad[1], sizeof grad[0]) == 0, "guidance %g", (double)guidance[i]);
    }
    s.k.trace = &s.trace;
    teardown(&s);
}

/* The mean over the 2n points +- sqrt(n) times a unit vector is the expectation of h under N(0,I) (t_ssd.c). View 1 stays as it is. With mu
 * from it the mean of view 0's gradient is that of mu = 0, to rounding (tolerance as there); with mu from view 0 itself it is not. */
static void only_the_others_leave_the_mean_alone(void)
{
    Setup s;
    setup(&s);
    PhiSource quadratic = { .kind = PHI_QUADRATIC, .channels = C, .pixels = H * W };
    const Phi phi = phi_of(&quadratic);
    s.k.phi = &phi;
    real x0[N], noise[N], grad[N], f[N];
    double mean[3][N] = { { 0 } };                          /* mu = 0, mu of the other, mu of its own */
    SteinStep view[2] = { { .noise = noise, .mu1 = 1, .n = N, .f = f }, { .noise = noise, .mu1 = 1, .n = N, .f = f } };
    Step p = { .t = 500, .guidance = 2, .weight = WEIGHT_UNIFORM, .noise = noise, .mu1 = 1 };
    draw(x0, 1, N);
    for (int j = 1; j >= 0; j--) {
        const Trace listener = stein_listener(&view[j]);
        s.k.trace = &listener;
        draw(noise, 2, N);
        for (int point = 0; point < (j == 1 ? 1 : 2 * N); point++) {
            if (j == 0) memset(noise, 0, sizeof noise);
            if (j == 0) noise[point / 2] = (point % 2 == 0 ? 1 : -1) * (real)sqrt(N);
            p.mu = 0;
            CHECK_OK(estimate(grad, x0, ssd_grad, &p, &s), &s.err);
            for (int i = 0; i < N && j == 0; i++) mean[0][i] += (double)grad[i] / (2 * N);
            for (int own = 0; own < 2 && j == 0; own++) {
                p.mu = stein_mu_without(view, 2, own);
                SteinStep deaf = view[0];
                const Trace aside = stein_listener(&deaf);
                s.k.trace = &aside;
                CHECK_OK(estimate(grad, x0, ssd_grad, &p, &s), &s.err);
                s.k.trace = &listener;
                for (int i = 0; i < N; i++) mean[1 + own][i] += (double)grad[i] / (2 * N);
            }
        }
    }
    double bias = 0;
    CHECK(fabs((double)stein_mu_without(view, 2, 0)) > 0.05, "mu of the other is %g", (double)stein_mu_without(view, 2, 0));
    for (int i = 0; i < N; i++) {
        CHECK_NEAR(mean[1][i], mean[0][i], 4, 60, "value %d, mu of the other", i);
        bias = fmax(bias, fabs(mean[2][i] - mean[0][i]));
    }
    CHECK_LE(1e-3, bias, "mu of its own biases nothing");
    s.k.trace = &s.trace;
    teardown(&s);
}

int main(void)
{
    TEST(two_samples_by_hand);
    TEST(it_finds_the_coefficient);
    TEST(the_others_by_hand);
    TEST(a_told_step_asks_nobody);
    TEST(only_the_others_leave_the_mean_alone);
    return test_end();
}
