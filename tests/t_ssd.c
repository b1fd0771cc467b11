/* t_ssd.c -- SSD's control variate: SDS without it, mean 0 with it, and baselines that need no network
 *
 * Its coefficient is in t_stein.c, baselines that look at the render through a network in t_phi.c. Tolerances count roundings: a gradient is w(t) times
 * a sum of at most 3 terms of size up to s |e_cond - e_uncond| + |e| + |noise|; behind it are less than 20 of them.
 */
#include "ref/phi.h"
#include "tests/gaussian.h"

static const int ts[] = { 20, 199, 200, 500, 980 };
enum { TS = sizeof ts / sizeof ts[0] };

/* phi = 1: SDS with mu1 + mu of the noise. */
static void ssd_without_phi_is_sds(void)
{
    Setup s;
    setup(&s);
    PhiSource none = { .kind = PHI_NONE, .channels = C, .pixels = H * W };
    const Phi phi = phi_of(&none);
    s.k.phi = &phi;
    real x0[N], noise[N], sds[N], ssd[N];
    const double gs = 7.5;
    static const double mus[][2] = { { 1, 0 }, { 0, 1 }, { 0.25, 0.5 }, { 0, 0 } };
    draw(x0, 1, N);
    draw(noise, 2, N);
    for (int i = 0; i < 4 * TS; i++) {
        const int t = ts[i % TS];
        const double mu1 = mus[i / TS][0], mu = mus[i / TS][1], w = 1 - sched_abar64(s.S, t);
        Step p = { .t = t, .guidance = (real)gs, .weight = WEIGHT_SDS, .noise = noise, .mu1 = (real)mu1, .mu = (real)mu };
        CHECK_OK(estimate(sds, x0, sds_grad, &p, &s), &s.err);
        CHECK_OK(estimate(ssd, x0, ssd_grad, &p, &s), &s.err);
        for (int j = 0; j < N; j++)
            CHECK_NEAR(ssd[j], (double)sds[j] + w * (1 - mu1 - mu) * (double)noise[j], 20, w * size_of(gs), "t %d, mu1 %g, mu %g", t, mu1, mu);
    }
    teardown(&s);
}

/* SDS, VSD and SSD are one frame, grad = w (eps_hat - CV): CV = eps, the score of the renders, mu h. Renders N(m, 1/4), whose score is known; of a
 * render and noise and both turned round, 2m - x0 and -eps, each CV sums to 0, so the three gradients and the one without CV have one sum. The prior
 * is bent, so that nothing cancels in eps_hat. 1/sigma as in vsd_of_one_render_is_sds is not there: v >= 1/4. */
static void control_variates_leave_one_mean(void)
{
    Setup s;
    setup(&s);
    Gaussian renders = { .S = s.S, .mean = { 0.2 }, .q = { 0.5 }, .heard = s.heard };
    const Denoiser score = { C, H, W, gaussian_predict, &renders };
    PhiSource none = { .kind = PHI_NONE, .channels = C, .pixels = H * W };
    const Phi phi = phi_of(&none);
    s.k.phi = &phi;
    s.k.D_phi = &score;
    s.g.gap = 0.6;
    real x0[N], noise[N], grad[N];
    for (int i = 0; i < TS; i++) {
        const double w = 1 - sched_abar64(s.S, ts[i]), gs = 3;
        const Step p = { .t = ts[i], .guidance = (real)gs, .weight = WEIGHT_SDS, .noise = noise, .mu1 = R(0.25), .mu = R(0.5) };
        const Step bare = { .t = ts[i], .guidance = (real)gs, .weight = WEIGHT_SDS, .noise = noise };
        double sum[4][N] = { { 0 } };
        draw(x0, 1, N);
        draw(noise, 2, N);
        for (int side = 0; side < 2; side++) {
            for (int f = 0; f < 4; f++) {
                EstimatorGrad *const way = f == 1 ? sds_grad : f == 2 ? vsd_grad : ssd_grad;
                CHECK_OK(estimate(grad, x0, way, f == 0 ? &bare : &p, &s), &s.err);
                for (int j = 0; j < N; j++) sum[f][j] += (double)grad[j];
            }
            for (int j = 0; j < N; j++) x0[j] = R(0.4) - x0[j];
            for (int j = 0; j < N; j++) noise[j] = -noise[j];
        }
        for (int f = 1; f < 4; f++)
            for (int j = 0; j < N; j++) CHECK_NEAR(sum[f][j], sum[0][j], 40, w * size_of(gs), "t %d, way %d", ts[i], f);
        for (int j = 0; j < N; j++) CHECK(sum[0][j] != 0, "nothing to compare");
    }
    teardown(&s);
}

/* Stein's identity, exactly: with phi = |x_t|^2 / 2n each value of h is a polynomial of degree 3 in the noise, and the mean over the 2n points
 * +- sqrt(n) times a unit vector is the expectation of every such polynomial under N(0,I) (odd ones cancel, eps_i eps_j has mean 1 or 0). So the
 * mean of h is 0 and mu leaves the mean of the gradient alone; the printed sign biases it by -w mu (1 + sigma) E[grad phi],
 * E[grad phi] = alpha x0 / n. Values reach phi sqrt(n) < 40, 2n of them are added: 2n (40 + 10 s) 4 roundings / 2n. */
static void stein_term_has_mean_zero(void)
{
    Setup s;
    setup(&s);
    PhiSource quadratic = { .kind = PHI_QUADRATIC, .channels = C, .pixels = H * W };
    const Phi phi = phi_of(&quadratic);
    s.k.phi = &phi;
    real x0[N], noise[N], grad[N];
    const double mu = 0.5, gs = 2;
    draw(x0, 1, N);
    for (int i = 0; i < 2 * TS; i++) {
        const int t = ts[i % TS];
        const SsdSign sign = i < TS ? SSD_UNBIASED : SSD_PRINTED;
        const double w = 1 - sched_abar64(s.S, t), at = alpha64(s.S, t), st = sigma64(s.S, t), v = at * at * 0.25 + st * st;
        double mean_h[N] = { 0 }, mean_grad[N] = { 0 };
        for (int point = 0; point < 2 * N; point++) {
            memset(noise, 0, sizeof noise);
            noise[point / 2] = (point % 2 == 0 ? 1 : -1) * (real)sqrt(N);
            const Step p = { .t = t, .guidance = (real)gs, .weight = WEIGHT_SDS, .noise = noise, .mu1 = R(0.75), .mu = (real)mu, .ssd_sign = sign };
            CHECK_OK(estimate(grad, x0, ssd_grad, &p, &s), &s.err);
            const real *h = heard(s.heard, "h", N);
            for (int j = 0; j < N; j++) mean_h[j] += (double)h[j] / (2 * N);
            for (int j = 0; j < N; j++) mean_grad[j] += (double)grad[j] / (2 * N);
        }
        for (int j = 0; j < N; j++) {
            const double bias = sign == SSD_UNBIASED ? 0 : (1 + st) * at * (double)x0[j] / N;
            const double sds = w * st * at * ((double)x0[j] - (-0.4 + gs * 0.7)) / v;
            CHECK_NEAR(mean_h[j], bias, 4, 40 + 10 * gs, "t %d, sign %d", t, (int)sign);
            CHECK_NEAR(mean_grad[j], sds - w * mu * bias, 4, w * (40 + 10 * gs), "t %d, sign %d", t, (int)sign);
        }
    }
    teardown(&s);
}

/* 1 - corr, textbook, binary64 */
static double gap64(const double *a, const double *b, int n)
{
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < n; i++) ma += a[i] / n;
    for (int i = 0; i < n; i++) mb += b[i] / n;
    for (int i = 0; i < n; i++) ab += (a[i] - ma) * (b[i] - mb);
    for (int i = 0; i < n; i++) aa += (a[i] - ma) * (a[i] - ma);
    for (int i = 0; i < n; i++) bb += (b[i] - mb) * (b[i] - mb);
    return 1 - ab / sqrt(aa * bb);
}

/* The gradient of phi at x_t (through the mean over channels) against central differences of the textbook formula: step 1e-5, error 1e-9. */
static void phi_of_depth_has_its_gradient(void)
{
    enum { PIXELS = H * W };
    Err err = { 0 };
    real depth[PIXELS], xt[N], grad[N], phi;
    double wide_depth[PIXELS], wide[N], mean[PIXELS];
    draw(depth, 1, PIXELS);
    draw(xt, 2, N);
    PhiSource source = { .kind = PHI_PEARSON_DEPTH, .channels = C, .pixels = PIXELS, .render = depth };
    const Phi pearson = phi_of(&source);
    CHECK_OK(pearson.at(pearson.self, &phi, grad, xt, 500, &err), &err);
    for (int i = 0; i < PIXELS; i++) wide_depth[i] = 3 + (double)depth[i];      /* neither offset nor scale of depth is seen */
    for (int i = 0; i < N; i++) wide[i] = (double)xt[i];
    for (int j = -1; j < N; j++) {
        double gap[2];
        for (int side = 0; side < 2; side++) {
            if (j >= 0) wide[j] = (double)xt[j] + (side == 0 ? 1e-5 : -1e-5);
            for (int i = 0; i < PIXELS; i++) mean[i] = (wide[i] + wide[PIXELS + i] + wide[2 * PIXELS + i]) / 3;
            gap[side] = gap64(wide_depth, mean, PIXELS);
        }
        if (j < 0) CHECK_NEAR(phi, gap[0], 40, 1, "phi");
        else CHECK_LE(fabs((double)grad[j] - (gap[0] - gap[1]) / 2e-5), 1e-9 + 40 * (double)REAL_EPS, "value %d", j);
        if (j >= 0) wide[j] = (double)xt[j];
    }
}

/* A constant has no correlation, whatever its value. */
static void constants_have_no_correlation(void)
{
    static const double constants[] = { 0, 1, 0.1, 1.0 / 3, 2.7, 1e-3, 1234.567 };
    enum { MOST = 4096 };
    static real a[MOST], b[MOST], grad[MOST];
    draw(b, 1, MOST);
    for (int i = 0; i < 7 * 3; i++) {
        const size_t n = (const size_t[]){ 20, 1000, MOST }[i / 7];
        const double value = constants[i % 7];
        real gap;
        Err depth = { 0 }, xt = { 0 };
        for (size_t j = 0; j < n; j++) a[j] = (real)value;
        CHECK(pearson_gap(&gap, grad, a, b, n, &depth) != 0, "depth is %zu times %g", n, value);
        CHECK(strstr(depth.msg, "found depth without variance") != NULL, "%s", depth.msg);
        CHECK(pearson_gap(&gap, grad, b, a, n, &xt) != 0, "x_t is %zu times %g", n, value);
        CHECK(strstr(xt.msg, "found x_t without variance") != NULL, "%s", xt.msg);
    }
    /* and an estimator with it says so */
    Setup s;
    setup(&s);
    real x0[N] = { 0 }, noise[N] = { 0 }, depth[H * W] = { 0 };
    noise[0] = 1;
    PhiSource source = { .kind = PHI_PEARSON_DEPTH, .channels = C, .pixels = H * W, .render = depth };
    const Phi phi = phi_of(&source);
    s.k.phi = &phi;
    check_refused(x0, ssd_grad, &(Step){ .t = 500, .guidance = 1, .noise = noise }, "found depth without variance", &s);
    teardown(&s);
}

int main(void)
{
    TEST(ssd_without_phi_is_sds);
    TEST(control_variates_leave_one_mean);
    TEST(stein_term_has_mean_zero);
    TEST(phi_of_depth_has_its_gradient);
    TEST(constants_have_no_correlation);
    return test_end();
}
