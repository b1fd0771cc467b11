/* t_estimators.c -- SDS and the exact prior against closed forms */
#include "ref/estimator.h"
#include "sampler/exact.h"
#include "tensor/mem.h"
#include "tensor/rng.h"
#include "tests/harness.h"

#include <math.h>

enum { C = 3, H = 4, W = 5, N = C * H * W };

/* Data N(mu, q^2 I) under the prompt, N(nu, q^2 I) without: e_t(x) = sigma (x - alpha m)/v, v = abar q^2 + sigma^2. */
typedef struct Gaussian { const Schedule *S; real mu, nu, q; int calls[3]; } Gaussian;
static int gaussian_predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err)
{
    Gaussian *g = self;
    (void)err;
    const real at = sched_alpha(g->S, t), st = sched_sigma(g->S, t), v = at * at * g->q * g->q + st * st;
    g->calls[cond->kind]++;
    for (int i = 0; i < N; i++) eps[i] = st * (xt[i] - at * (cond->kind == COND_TEXT ? g->mu : g->nu)) / v;
    return 0;
}

typedef struct Setup { Schedule *S; Gaussian g; Denoiser D; Arena *arena; Err err; Estimate k; } Setup;
static void setup(Setup *s)
{
    *s = (Setup){ .S = NULL };
    const ScheduleConfig sd = schedule_config_sd();
    s->S = schedule_new(&sd, &s->err);
    s->g = (Gaussian){ .S = s->S, .mu = R(0.3), .nu = R(-0.4), .q = R(0.5) };
    s->D = (Denoiser){ C, H, W, gaussian_predict, &s->g };
    s->arena = arena_new(&s->err);
    s->k = (Estimate){ .S = s->S, .D = &s->D, .arena = s->arena, .err = &s->err };
}
static void teardown(Setup *s)
{
    CHECK(!s->err.set, "%s", s->err.msg);
    arena_free(s->arena);
    schedule_free(s->S);
}

/* T1 of the notes: E[grad] = w sigma alpha (x0 - mu_g)/v, mu_g = nu + s (mu - nu). The gradient is affine in the noise, so with noise and its
 * negative the mean of the two is the expectation itself, up to rounding. */
static void sds_mean_is_the_closed_form(void)
{
    Setup s;
    setup(&s);
    real x0[N], noise[N], grad[2][N];
    rng_normal(x0, (RngAt){ 1, 0, 0, RNG_PROBE }, N);
    const int ts[] = { 20, 500, 980 };
    const real guidance[] = { R(1.0), R(7.5) };
    for (int i = 0; i < 6; i++) {
        const int t = ts[i % 3];
        const real gs = guidance[i / 3];
        rng_normal(noise, (RngAt){ 1, 1, (uint32_t)i, RNG_PROBE }, N);
        CHECK_OK(sds_grad(grad[0], x0, &(Step){ .t = t, .guidance = gs, .weight = WEIGHT_SDS, .noise = noise }, &s.k), &s.err);
        for (int j = 0; j < N; j++) noise[j] = -noise[j];
        CHECK_OK(sds_grad(grad[1], x0, &(Step){ .t = t, .guidance = gs, .weight = WEIGHT_SDS, .noise = noise }, &s.k), &s.err);
        const double abar = sched_abar64(s.S, t), at = sqrt(abar), st = sqrt(1 - abar), v = abar * 0.25 + st * st;
        const double mu = -0.4 + (double)gs * 0.7, w = 1 - abar;
        for (int j = 0; j < N; j++) {
            const double mean = 0.5 * ((double)grad[0][j] + (double)grad[1][j]), want = w * st * at * ((double)x0[j] - mu) / v;
            CHECK_LE(fabs(mean - want), 40 * (double)REAL_EPS * (double)gs * 4, "t %d, guidance %g", t, (double)gs);   /* ~20 roundings of values below 4 gs */
        }
    }
    teardown(&s);
}

/* Every gradient is a pull towards x0_hat: w (x0 - x0_hat)/r_t = w (eps_hat - eps), for any prior. */
typedef struct Heard { real x0_hat[N], eps_cfg[N]; int count; char names[8][16]; } Heard;
static int hear(void *self, const char *name, real *v, Shape shape, Err *err)
{
    Heard *h = self;
    (void)err;
    snprintf(h->names[h->count++ % 8], 16, "%s", name);
    if (strcmp(name, "x0_hat") == 0) memcpy(h->x0_hat, v, shape_count(shape) * sizeof(real));
    if (strcmp(name, "eps_cfg") == 0) memcpy(h->eps_cfg, v, shape_count(shape) * sizeof(real));
    return 0;
}
static void sds_is_a_pull(void)
{
    static const TimeWeight weights[] = { WEIGHT_SDS, WEIGHT_UNIFORM, WEIGHT_FANTASIA3D, WEIGHT_RATIO };
    Setup s;
    setup(&s);
    Heard heard = { .count = 0 };
    const Trace trace = { .put = hear, .self = &heard };
    s.k.trace = &trace;
    real x0[N], noise[N], grad[N];
    rng_normal(x0, (RngAt){ 2, 0, 0, RNG_PROBE }, N);
    rng_normal(noise, (RngAt){ 2, 1, 0, RNG_PROBE }, N);
    for (int i = 0; i < 4; i++) {
        const int t = 300;
        heard.count = 0;
        CHECK_OK(sds_grad(grad, x0, &(Step){ .t = t, .guidance = R(3.0), .weight = weights[i], .noise = noise }, &s.k), &s.err);
        const double abar = sched_abar64(s.S, t), r = sqrt((1 - abar) / abar);
        const double w[] = { 1 - abar, 1, sqrt(abar) * (1 - abar), r };
        for (int j = 0; j < N; j++) {
            const double pull = w[i] * ((double)x0[j] - (double)heard.x0_hat[j]) / r;
            CHECK_LE(fabs((double)grad[j] - pull), 60 * (double)REAL_EPS * fmax(1, w[i] / r), "weight %d", i);
        }
    }
    static const char *const order[] = { "x_t", "eps_cond", "eps_uncond", "eps_cfg", "w", "grad", "x0_hat" };
    CHECK(heard.count == 7, "%d intermediates", heard.count);
    for (int i = 0; i < 7; i++) CHECK(strcmp(heard.names[i], order[i]) == 0, "intermediate %d is %s", i, heard.names[i]);
    teardown(&s);
}

static void guidance_one_asks_once(void)
{
    Setup s;
    setup(&s);
    real x0[N] = { 0 }, noise[N] = { 0 }, grad[N];
    CHECK_OK(sds_grad(grad, x0, &(Step){ .t = 10, .guidance = R(1.0), .weight = WEIGHT_SDS, .noise = noise }, &s.k), &s.err);
    CHECK(s.g.calls[COND_TEXT] == 1 && s.g.calls[COND_NULL] == 0, "%d %d calls", s.g.calls[0], s.g.calls[1]);
    CHECK_OK(sds_grad(grad, x0, &(Step){ .t = 10, .guidance = R(0.0), .weight = WEIGHT_SDS, .noise = noise }, &s.k), &s.err);
    CHECK(s.g.calls[COND_TEXT] == 2 && s.g.calls[COND_NULL] == 1, "%d %d calls", s.g.calls[0], s.g.calls[1]);
    teardown(&s);
}

/* ---- the exact prior on a made-up set: 2 objects, 2 colours, images that are one value each ---- */

static const real toy_colours[6] = { 0, R(0.25), R(0.5), 1, R(0.5), 0 };
static real toy_base(int object, const View *view, int look)
{
    return R(0.1) * (real)(object + 1) + R(0.001) * view->azimuth + R(0.02) * (real)look;
}
static void toy_layers(const void *self, real *base, real *shade, int object, const View *view, int look)
{
    (void)self;
    for (int i = 0; i < C * H * W; i++) base[i] = toy_base(object, view, look) + R(0.001) * (real)i;
    for (int i = 0; i < H * W; i++) shade[i] = R(0.2) + R(0.001) * (real)(i % 7);
}

/* The score of a mixture by its textbook sum, in binary64, every image spelled out. */
static void mixture_oracle(double *eps, const double (*x)[N], int n, const real *xt, double at, double st, double sd)
{
    const double v = at * at * sd * sd + st * st;
    double top = -1e30, total = 0;
    static double logw[4096];
    for (int i = 0; i < n; i++) {
        double d2 = 0;
        for (int j = 0; j < N; j++) d2 += ((double)xt[j] - at * x[i][j]) * ((double)xt[j] - at * x[i][j]);
        logw[i] = -d2 / (2 * v);
        if (logw[i] > top) top = logw[i];
    }
    for (int i = 0; i < n; i++) total += exp(logw[i] - top);
    for (int j = 0; j < N; j++) {
        double m = 0;
        for (int i = 0; i < n; i++) m += exp(logw[i] - top) / total * x[i][j];
        eps[j] = (double)(st * ((double)xt[j] - at * m) / v);
    }
}

/* All conditions, with the subset picked here by the labels' definition, not by the code under test. */
static int in_subset(Condition condition, CondKind kind, const View *want, const View *have)
{
    const double a = (double)want->azimuth, b = (double)have->azimuth;
    if (kind == COND_NULL || condition == CONDITION_PROMPT) return 1;
    if (condition == CONDITION_POSED) return 0;
    const int front_a = fabs(a) < 45, front_b = fabs(b) < 45, back_a = fabs(a) > 135, back_b = fabs(b) > 135;
    if (front_a || back_a) return front_a ? front_b : back_b;
    if (front_b || back_b) return 0;
    return condition == CONDITION_VIEW || (a > 0) == (b > 0);
}

static void exact_prior_is_the_textbook_score(void)
{
    enum { CAMERAS = 24, LOOKS = 2, MOST = 4 * CAMERAS * LOOKS + LOOKS };
    static double x[MOST][N];
    Setup s;
    setup(&s);
    const ExactSource source = { 2, 2, toy_colours, toy_layers, NULL };
    ExactConfig config = { .h = H, .w = W, .cameras = CAMERAS, .looks = LOOKS, .seed = 9, .range = { -10, 45, -180, 180, 2, 3, 40, 40 },
                           .thresholds = view_thresholds_default(), .sigma_d = R(0.3) };
    View set[CAMERAS];
    view_sample(set, CAMERAS, &config.range, VIEWS_STRATIFIED, 9, 1u << 30);
    const int object = 1, colour = 0;
    for (int condition = 0; condition < 4; condition++)
        for (int kind = 0; kind < 2; kind++) {
            config.condition = (Condition)condition;
            ExactPrior *p = exact_new(&source, &config, object, colour, s.S, &s.err);
            CHECK(p != NULL, "%s", s.err.msg);
            if (p == NULL) continue;
            const Denoiser D = exact_denoiser(p);
            const Cond cond = { (CondKind)kind, { R(10.0), R(100.0), R(2.5), R(40.0) } };
            int n = 0;
            for (int o = 0; o < 2; o++)
                for (int i = -1; i < CAMERAS; i++)                         /* -1: the camera asked for */
                    for (int look = 0; look < LOOKS; look++)
                        for (int c = 0; c < 2; c++) {
                            const View *view = i < 0 ? &cond.view : &set[i];
                            const int ours = o == object && c == colour;
                            if (i < 0 && (condition != CONDITION_POSED || !ours)) continue;
                            if (i >= 0 && !in_subset((Condition)condition, cond.kind, &cond.view, view)) continue;
                            if (kind == COND_TEXT && !ours) continue;
                            for (int j = 0; j < N; j++) {
                                const double shade = (double)(R(0.2) + R(0.001) * (real)(j % (H * W) % 7));
                                const double base = (double)toy_base(o, view, look) + 0.001 * j;
                                x[n][j] = 2 * (base + shade * (double)toy_colours[3 * c + j / (H * W)]) - 1;
                            }
                            n++;
                        }
            for (int t = 100; t < 1000; t += 400) {
                real xt[N], eps[N];
                double want[N], gap2 = 0, norm2 = 0;
                rng_normal(xt, (RngAt){ 3, 0, (uint32_t)t, RNG_PROBE }, N);
                CHECK_OK(D.predict(D.self, eps, xt, t, &cond, &s.err), &s.err);
                mixture_oracle(want, x, n, xt, sqrt(sched_abar64(s.S, t)), sqrt(1 - sched_abar64(s.S, t)), 0.3);
                for (int j = 0; j < N; j++) gap2 += pow((double)eps[j] - want[j], 2);
                for (int j = 0; j < N; j++) norm2 += want[j] * want[j];
                /* weights: squared distances of about N/v carry N eps/2 of rounding into the exponent; N = 60 */
                CHECK_LE(sqrt(gap2 / norm2), 2000 * (double)REAL_EPS, "condition %d, kind %d, t %d, %d images", condition, kind, t, n);
            }
            exact_free(p);
        }
    teardown(&s);
}

static void exact_prior_refuses(void)
{
    Setup s;
    setup(&s);
    const ExactSource source = { 2, 2, toy_colours, toy_layers, NULL };
    const ExactConfig config = { .h = H, .w = W, .cameras = 1, .looks = 1, .seed = 9, .range = { 0, 0, -10, 10, 2, 3, 40, 40 },
                                 .thresholds = view_thresholds_default(), .sigma_d = R(0.3), .condition = CONDITION_VIEW };
    ExactPrior *p = exact_new(&source, &config, 0, 0, s.S, &s.err);
    const Denoiser D = exact_denoiser(p);
    real xt[N] = { 0 }, eps[N];
    Err err = { 0 };
    CHECK(D.predict(D.self, eps, xt, 10, &(Cond){ COND_TEXT, { 0, R(170.0), R(2.5), R(40.0) } }, &err) != 0, "no camera has this label");
    CHECK(strstr(err.msg, "'back'") != NULL, "%s", err.msg);
    real none[N];
    CHECK_OK(D.predict(D.self, eps, xt, 10, &(Cond){ COND_NEGATIVE, { 0, 0, R(2.5), R(40.0) } }, &s.err), &s.err);
    CHECK_OK(D.predict(D.self, none, xt, 10, &(Cond){ COND_NULL, { 0, 0, R(2.5), R(40.0) } }, &s.err), &s.err);
    CHECK(memcmp(eps, none, sizeof eps) == 0, "no negative prompt is no prompt");
    exact_free(p);
    teardown(&s);
}

/* A clean image of one label, slightly off: the posterior names it, and sums to 1. */
static void posterior_names_the_label(void)
{
    Setup s;
    setup(&s);
    const ExactSource source = { 2, 2, toy_colours, toy_layers, NULL };
    const ExactConfig config = { .h = H, .w = W, .cameras = 6, .looks = 1, .seed = 9, .range = { 0, 0, -10, 10, 2, 3, 40, 40 },
                                 .thresholds = view_thresholds_default(), .sigma_d = R(0.1), .condition = CONDITION_PROMPT };
    ExactPrior *p = exact_new(&source, &config, 0, 0, s.S, &s.err);
    for (int label = 0; label < 4; label++) {
        real base[N], shade[H * W], x[N], posterior[4], total = 0;
        toy_layers(NULL, base, shade, label / 2, &(View){ 0, 5, R(2.5), R(40.0) }, 0);
        for (int j = 0; j < N; j++) x[j] = 2 * (base[j] + shade[j % (H * W)] * toy_colours[3 * (label % 2) + j / (H * W)]) - R(0.99);
        CHECK_OK(exact_posterior(posterior, p, x, &s.err), &s.err);
        for (int i = 0; i < 4; i++) total += posterior[i];
        for (int i = 0; i < 4; i++) CHECK(i == label || posterior[i] < posterior[label], "label %d against %d", label, i);
        CHECK_LE(fabs((double)total - 1), 8 * (double)REAL_EPS, "sum of the posterior");
    }
    exact_free(p);
    teardown(&s);
}

int main(void)
{
    TEST(sds_mean_is_the_closed_form);
    TEST(sds_is_a_pull);
    TEST(guidance_one_asks_once);
    TEST(exact_prior_is_the_textbook_score);
    TEST(exact_prior_refuses);
    TEST(posterior_names_the_label);
    return test_end();
}
