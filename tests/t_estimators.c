/* t_estimators.c -- what estimators of one prediction are, held to closed forms on Gaussian data and to each other
 *
 * SDI is in t_sdi.c, ISM and CDS in t_ism_cds.c, DSD in t_dsd.c, SSD in t_ssd.c, guidance in t_guidance.c; what all of them do with trouble is here.
 * Tolerances count roundings: a gradient is w(t) times a sum of at most 3 terms of size up to s |e_cond - e_uncond| + |e| + |noise|; behind it are
 * less than 20 of them.
 */
#include "ref/estimators.h"
#include "ref/phi.h"
#include "tests/gaussian.h"

static const int ts[] = { 20, 199, 200, 500, 980 };
enum { TS = sizeof ts / sizeof ts[0] };

/* ---- SDS ---- */

/* E[grad] = w sigma alpha (x0 - mu_g)/v, mu_g = nu + s (mu - nu). The gradient is affine in the noise, so with noise and its negative the mean
 * of the two is the expectation itself, up to rounding. */
static void sds_mean_is_the_closed_form(void)
{
    Setup s;
    setup(&s);
    real x0[N], noise[N], grad[2][N];
    draw(x0, 1, N);
    const real guidance[] = { R(1.0), R(7.5) };
    for (int i = 0; i < 2 * TS; i++) {
        const int t = ts[i % TS];
        const real gs = guidance[i / TS];
        draw(noise, 2 + (uint32_t)i, N);
        CHECK_OK(estimate(grad[0], x0, sds_grad, &(Step){ .t = t, .guidance = gs, .weight = WEIGHT_SDS, .noise = noise }, &s), &s.err);
        for (int j = 0; j < N; j++) noise[j] = -noise[j];
        CHECK_OK(estimate(grad[1], x0, sds_grad, &(Step){ .t = t, .guidance = gs, .weight = WEIGHT_SDS, .noise = noise }, &s), &s.err);
        const double abar = sched_abar64(s.S, t), at = sqrt(abar), st = sqrt(1 - abar), v = abar * 0.25 + st * st;
        const double mu = -0.4 + (double)gs * 0.7, w = 1 - abar;
        for (int j = 0; j < N; j++) {
            const double mean = 0.5 * ((double)grad[0][j] + (double)grad[1][j]), want = w * st * at * ((double)x0[j] - mu) / v;
            CHECK_NEAR(mean, want, 20, w * size_of((double)gs), "t %d, guidance %g", t, (double)gs);
        }
    }
    teardown(&s);
}

/* Every gradient is a pull towards x0_hat: w (x0 - x0_hat)/r_t = w (eps_hat - eps), for any prior. So grad is what central differences of the
 * loss w/r_t 1/2 |x - x0_hat|^2 say, a sum over values, not a mean, with the image fixed that x0_hat is. */
static void sds_is_a_pull(void)
{
    static const TimeWeight weights[] = { WEIGHT_SDS, WEIGHT_UNIFORM, WEIGHT_FANTASIA3D, WEIGHT_RATIO };
    static const char *const order[] = { "x_t", "eps_cond", "eps_uncond", "eps_cfg", "w", "grad", "x0_hat" };
    Setup s;
    setup(&s);
    s.g.gap = 0.4;
    real x0[N], noise[N], grad[N];
    draw(x0, 1, N);
    draw(noise, 2, N);
    for (int i = 0; i < 4; i++) {
        const int t = 300;
        CHECK_OK(estimate(grad, x0, sds_grad, &(Step){ .t = t, .guidance = R(3.0), .weight = weights[i], .noise = noise }, &s), &s.err);
        const double abar = sched_abar64(s.S, t), at = sqrt(abar), st = sqrt(1 - abar), r = st / at, h = 0.5;
        const double w[] = { 1 - abar, 1, at * st * st, r };
        const real *said = heard(s.heard, "x0_hat", N);
        for (int j = 0; j < N; j++) {
            const double xt = at * (double)x0[j] + st * (double)noise[j], x0_hat = (xt - st * cfg64(&s.g, COND_NULL, xt, t, 3)) / at;
            CHECK_NEAR(said[j], x0_hat, 20, r * size_of(3), "x0_hat");
            const double up = (double)x0[j] + h - x0_hat, down = (double)x0[j] - h - x0_hat;
            const double slope = w[i] / r * (0.5 * up * up - 0.5 * down * down) / (2 * h);        /* of a square: exact */
            CHECK_NEAR(grad[j], slope, 20, w[i] * size_of(3), "weight %d", i);
        }
    }
    check_said(s.heard, order, 7);
    teardown(&s);
}

/* ---- identities with SDS ---- */

/* s CSD(w1 = 1, w2 = 0) = SDS(s) - w (e_uncond - noise); and with a negative prompt, the sum of three predictions. */
static void csd_is_sds_without_its_noise(void)
{
    Setup s;
    setup(&s);
    real x0[N], noise[N], sds[N], csd[N];
    const double gs = 7.5;
    draw(x0, 1, N);
    draw(noise, 2, N);
    for (int i = 0; i < TS; i++) {
        const int t = ts[i];
        CHECK_OK(estimate(sds, x0, sds_grad, &(Step){ .t = t, .guidance = (real)gs, .weight = WEIGHT_SDS, .noise = noise }, &s), &s.err);
        real eu[N];
        memcpy(eu, heard(s.heard, "eps_uncond", N), sizeof eu);
        CHECK_OK(estimate(csd, x0, csd_grad, &(Step){ .t = t, .w1 = 1, .w2 = 0, .weight = WEIGHT_SDS, .noise = noise }, &s), &s.err);
        CHECK(s.g.calls[COND_TEXT] == 1 && s.g.calls[COND_NULL] == 1 && s.g.calls[COND_NEGATIVE] == 0, "calls for w2 = 0");
        const double w = 1 - sched_abar64(s.S, t), at = alpha64(s.S, t), st = sigma64(s.S, t);
        for (int j = 0; j < N; j++) {
            const double want = (double)sds[j] - w * ((double)eu[j] - (double)noise[j]);
            CHECK_NEAR(gs * (double)csd[j], want, 20, w * size_of(gs), "t %d", t);
        }
        CHECK_OK(estimate(csd, x0, csd_grad, &(Step){ .t = t, .w1 = 2, .w2 = R(0.75), .weight = WEIGHT_SDS, .noise = noise }, &s), &s.err);
        CHECK(s.g.calls[COND_NEGATIVE] == 1 && s.g.asked == 3, "calls for w2 = 3/4");
        for (int j = 0; j < N; j++) {
            const double xt = at * (double)x0[j] + st * (double)noise[j];
            const double e = 2 * eps64(&s.g, COND_TEXT, xt, t) - 1.25 * eps64(&s.g, COND_NULL, xt, t) - 0.75 * eps64(&s.g, COND_NEGATIVE, xt, t);
            CHECK_NEAR(csd[j], w * e, 20, w * size_of(2), "t %d, with a negative prompt", t);
        }
    }
    teardown(&s);
}

/* From the threshold on: CSD with w1 = s, w2 = 1, bit for bit. Below: w (e_uncond + s (e_cond - e_uncond)), guidance without any noise. */
static void nfsd_is_csd_above_its_threshold(void)
{
    Setup s;
    setup(&s);
    real x0[N], noise[N], nfsd[N], csd[N];
    const double gs = 7.5;
    draw(x0, 1, N);
    draw(noise, 2, N);
    for (int i = 0; i < TS; i++) {
        const int t = ts[i];
        CHECK_OK(estimate(csd, x0, csd_grad, &(Step){ .t = t, .w1 = (real)gs, .w2 = 1, .weight = WEIGHT_SDS, .noise = noise }, &s), &s.err);
        const Step p = { .t = t, .guidance = (real)gs, .threshold = 200, .weight = WEIGHT_SDS, .noise = noise };
        CHECK_OK(estimate(nfsd, x0, nfsd_grad, &p, &s), &s.err);
        CHECK(s.g.calls[COND_NEGATIVE] == (t >= 200), "negative prompt at t %d", t);
        const double w = 1 - sched_abar64(s.S, t), at = alpha64(s.S, t), st = sigma64(s.S, t);
        for (int j = 0; j < N; j++) {
            if (t >= 200) CHECK(nfsd[j] == csd[j], "t %d, value %d: %g is not %g", t, j, (double)nfsd[j], (double)csd[j]);
            else CHECK_NEAR(nfsd[j], w * cfg64(&s.g, COND_NULL, at * (double)x0[j] + st * (double)noise[j], t, gs), 20, w * size_of(gs), "t %d", t);
        }
    }
    teardown(&s);
}

static void fsd_is_sds(void)
{
    Setup s;
    setup(&s);
    real x0[N], noise[N], sds[N], fsd[N];
    draw(x0, 1, N);
    draw(noise, 2, N);
    for (int i = 0; i < TS; i++) {
        const Step p = { .t = ts[i], .guidance = R(7.5), .weight = WEIGHT_RATIO, .noise = noise };
        CHECK_OK(estimate(sds, x0, sds_grad, &p, &s), &s.err);
        CHECK_OK(estimate(fsd, x0, fsd_grad, &p, &s), &s.err);
        CHECK(memcmp(sds, fsd, sizeof sds) == 0, "t %d", ts[i]);
    }
    teardown(&s);
}

/* D = 0, or a score of the renders that is the prior's own: w (s - 1)(e_cond - e_uncond). D > 0: the closed form. */
static void asd_and_vsd_without_a_shift_are_the_classifier(void)
{
    Setup s;
    setup(&s);
    s.k.D_phi = &s.D;
    s.k.view = (View){ 1, 2, 3, 4 };
    real x0[N], noise[N], asd[N], vsd[N];
    const double gs = 7.5;
    draw(x0, 1, N);
    draw(noise, 2, N);
    for (int i = 0; i < TS; i++) {
        const int t = ts[i], tD = t + 19;
        const double w = 1 - sched_abar64(s.S, t), at = alpha64(s.S, t), st = sigma64(s.S, t);
        Step p = { .t = t, .t_baseline = t, .guidance = (real)gs, .weight = WEIGHT_SDS, .noise = noise };
        CHECK_OK(estimate(vsd, x0, vsd_grad, &p, &s), &s.err);
        CHECK(s.g.calls[COND_TEXT] == 2 && s.g.calls[COND_NULL] == 1 && s.g.asked == 3, "calls of VSD");
        CHECK(memcmp(&s.g.view, &s.k.view, sizeof(View)) == 0, "the renders' score is asked for the image's camera");
        CHECK_OK(estimate(asd, x0, asd_grad, &p, &s), &s.err);
        for (int j = 0; j < N; j++) {
            const double xt = at * (double)x0[j] + st * (double)noise[j];
            const double want = w * (gs - 1) * (eps64(&s.g, COND_TEXT, xt, t) - eps64(&s.g, COND_NULL, xt, t));
            CHECK_NEAR(vsd[j], want, 20, w * size_of(gs), "VSD, t %d", t);
            CHECK_NEAR(asd[j], want, 20, w * size_of(gs), "ASD, t %d", t);
        }
        p.t_baseline = tD;
        CHECK_OK(estimate(asd, x0, asd_grad, &p, &s), &s.err);
        CHECK(s.g.calls[COND_TEXT] == 2 && s.g.calls[COND_NULL] == 1, "the baseline has the prompt alone");
        for (int j = 0; j < N; j++) {
            const double x = (double)x0[j], e = (double)noise[j];
            const double baseline = eps64(&s.g, COND_TEXT, alpha64(s.S, tD) * x + sigma64(s.S, tD) * e, tD);
            CHECK_NEAR(asd[j], w * (cfg64(&s.g, COND_NULL, at * x + st * e, t, gs) - baseline), 20, w * size_of(gs), "ASD, t %d to %d", t, tD);
        }
    }
    teardown(&s);
}

/* One render: its score is (x_t - alpha x0)/sigma, the noise itself. Where sigma is small that quotient is ill conditioned: 1/sigma more. */
typedef struct Dirac { const Schedule *S; const real *x0; } Dirac;
static int dirac_predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err)
{
    const Dirac *d = self;
    (void)cond, (void)err;
    for (int i = 0; i < N; i++) eps[i] = (xt[i] - sched_alpha(d->S, t) * d->x0[i]) / sched_sigma(d->S, t);
    return 0;
}
static void vsd_of_one_render_is_sds(void)
{
    Setup s;
    setup(&s);
    real x0[N], noise[N], sds[N], vsd[N];
    Dirac dirac = { s.S, x0 };
    const Denoiser phi = { C, H, W, dirac_predict, &dirac };
    s.k.D_phi = &phi;
    draw(x0, 1, N);
    draw(noise, 2, N);
    for (int i = 0; i < TS; i++) {
        const Step p = { .t = ts[i], .guidance = R(7.5), .weight = WEIGHT_SDS, .noise = noise };
        const double st = sigma64(s.S, ts[i]);
        CHECK_OK(estimate(sds, x0, sds_grad, &p, &s), &s.err);
        CHECK_OK(estimate(vsd, x0, vsd_grad, &p, &s), &s.err);
        for (int j = 0; j < N; j++) CHECK_NEAR(vsd[j], sds[j], 10, st * st * (size_of(7.5) + 4 / st), "t %d", ts[i]);
    }
    teardown(&s);
}

/* ---- all of them ---- */

/* A prediction that fails fails the step, with its own message and at once: nothing is said, nobody is asked after it. */
static void check_failure(const Estimator *e, const Step *p, const real *x0, int call, Setup *s)
{
    real grad[N];
    char want[40];
    Err err = { 0 };
    s->k.err = &err;
    s->g.fail_at = call;
    snprintf(want, sizeof want, "call %d was told to fail", call);
    CHECK(estimate(grad, x0, e->grad, p, s) != 0 && strcmp(err.msg, want) == 0, "%s, call %d: '%s'", e->name, call, err.msg);
    CHECK(s->g.asked == call && s->heard->count == s->g.said, "%s goes on after call %d", e->name, call);
    s->g.fail_at = 0;
    s->k.err = &s->err;
}

/* NaN in any prediction is NaN in the gradient, at its value. */
static void check_nan(const Estimator *e, const Step *p, const real *x0, int call, Setup *s)
{
    real grad[N];
    s->g.nan_at = call;
    CHECK_OK(estimate(grad, x0, e->grad, p, s), &s->err);
    CHECK(isnan(grad[7]), "%s, NaN in call %d: %g", e->name, call, (double)grad[7]);
    s->g.nan_at = 0;
}

static void trouble_comes_through(void)
{
    enum { PLAIN, ONE, PERP_NEG, OFFICIAL, FIXED_POINT, DESCENT, WAYS };
    Setup s;
    setup(&s);
    PhiSource quadratic = { .kind = PHI_QUADRATIC, .channels = C, .pixels = H * W };
    const Phi phi = phi_of(&quadratic);
    const PerpNeg negatives = { .count = 2, .negative = { { .kind = COND_NEGATIVE, .view = { 0, 0, 2, 40 } }, { .kind = COND_NEGATIVE, .view = { 0, 90, 2, 40 } } },
                        .w = { R(-0.5), R(-0.25) } };
    real x0[N], noise[6 * N], grad[N];
    draw(x0, 1, N);
    draw(noise, 2, 6 * N);
    s.k.phi = &phi;
    s.k.D_phi = &s.D;
    for (int i = 0; i < WAYS * estimator_count(); i++) {
        const Estimator *e = estimator_at(i / WAYS);
        const int way = i % WAYS;
        if (way >= OFFICIAL && e->grad != sdi_grad) continue;
        s.k.perp_neg = way == PERP_NEG ? &negatives : NULL;
        const Step p = { .t = 500, .weight = WEIGHT_SDS, .guidance = way == ONE ? 1 : 3, .noise = noise, .w1 = 1, .w2 = R(0.5), .threshold = 200,
                         .tau = 20, .sdi_form = way == OFFICIAL ? SDI_OFFICIAL : SDI_PAPER,
                         .kappa = way == FIXED_POINT ? KAPPA_FIXED_POINT : way == DESCENT ? KAPPA_GRADIENT_DESCENT : KAPPA_INVERSION,
                         .inversion_steps = 6, .guidance_inverse = way == ONE ? 1 : -3, .noise_scale = R(0.3), .s = 300, .delta_s = 100,
                         .t_baseline = 600, .guidance_baseline = way == ONE ? 1 : 2, .ode_steps = 10, .mu1 = 1, .mu = R(0.5) };
        CHECK_OK(estimate(grad, x0, e->grad, &p, &s), &s.err);
        for (int j = 0; j < N; j++) CHECK(isfinite(grad[j]), "%s", e->name);
        const int calls = s.g.asked;
        for (int call = 1; call <= calls; call++) {
            check_failure(e, &p, x0, call, &s);
            if (e->grad == dsd_star_grad && call > 2 * calls / 22) continue;   /* of 22 guided predictions the gradient has the first two */
            check_nan(e, &p, x0, call, &s);
        }
    }
    teardown(&s);
}

int main(void)
{
    TEST(sds_mean_is_the_closed_form);
    TEST(sds_is_a_pull);
    TEST(csd_is_sds_without_its_noise);
    TEST(nfsd_is_csd_above_its_threshold);
    TEST(fsd_is_sds);
    TEST(asd_and_vsd_without_a_shift_are_the_classifier);
    TEST(vsd_of_one_render_is_sds);
    TEST(trouble_comes_through);
    return test_end();
}
