/* t_stein.c -- the fitted coefficient of SSD: against sums by hand, and as what it is for */
#include "ref/stein.h"
#include "tensor/rng.h"
#include "tests/harness.h"

#include <math.h>

enum { N = 64, T = 1000 };

static void hear(SteinStep *p, real *eps_hat, real *h)
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
        hear(&step, eps, h);
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

/* f = 0.7 h + something independent of h: mu goes to 0.7, within 5 deviations of a mean over some 10 x 64 products. */
static void it_finds_the_coefficient(void)
{
    Stein s = { { { 0 } } };
    for (uint32_t k = 0; k < 200; k++) {
        real h[N], eps[N], noise[N], f[N];
        rng_normal(h, (RngAt){ 2, 0, k, RNG_PROBE }, N);
        rng_normal(noise, (RngAt){ 2, 1, k, RNG_PROBE }, N);
        for (int i = 0; i < N; i++) eps[i] = R(0.7) * h[i] + R(1.5) * noise[i];
        SteinStep step = { .noise = noise, .mu1 = R(1.0), .n = N, .f = f };
        hear(&step, eps, h);
        stein_add(&s, &step, 999, T);
    }
    CHECK_LE(fabs((double)stein_mu(&s, 900, T) - 0.7), 5 * 0.5 / sqrt(640.0), "mu is %g", (double)stein_mu(&s, 900, T));
}

int main(void)
{
    TEST(two_samples_by_hand);
    TEST(it_finds_the_coefficient);
    return test_end();
}
