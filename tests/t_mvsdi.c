/* t_mvsdi.c -- many views in one step: against single views one by one, gradients made by hand, and what the released runs do with t */
#include "ref/distill.h"
#include "ref/view_camera.h"
#include "tensor/mem.h"
#include "tests/harness.h"

#include <math.h>
#include <unistd.h>

enum { SIDE = 10, PIXELS = SIDE * SIDE, N = 3 * PIXELS };

/* A prior that knows one flat image for each view: its colour turns with the azimuth. */
static int turning_predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err)
{
    const Schedule *S = self;
    const real at = sched_alpha(S, t), st = sched_sigma(S, t), turn = cond->view.azimuth / R(180.0);
    (void)err;
    for (int i = 0; i < N; i++) eps[i] = (xt[i] - at * turn * (R(0.3) + R(0.2) * (real)(i / PIXELS))) / st;
    return 0;
}

static DistillConfig config(const char *estimator, FieldKind field, int views)
{
    return (DistillConfig){
        .field = field, .grid = 5, .blob_peak = 2, .blob_slope = 1, .resolution = SIDE, .samples = 8, .jitter = 1,
        .background = { R(0.5), R(0.4), R(0.3) }, .views = views, .view_mode = VIEWS_ANTIPODAL,
        .range = { R(-10.0), R(45.0), R(-180.0), R(180.0), R(2.5), R(3.0), R(40.0), R(50.0) },
        .steps = 20, .seed = 5, .lr = R(0.2), .lr_end = R(0.02), .draw = {
            .estimator = estimator_find(estimator),
            .settings = { .guidance = 2, .guidance_inverse = -2, .noise_scale = R(0.3), .weight = WEIGHT_SDS },
            .timesteps = { TIMESTEP_LINEAR, 0.1, 0.9, 0.5, 0.2 }, .inversion_steps = 5, .tau_max = 0.03,
        },
    };
}

typedef struct Setup { Err err; Schedule *S; Denoiser D; Distill *d; } Setup;
static void setup(Setup *s, const DistillConfig *c)
{
    const ScheduleConfig sd = schedule_config_sd();
    *s = (Setup){ .S = NULL };
    s->S = schedule_new(&sd, &s->err);
    s->D = (Denoiser){ 3, SIDE, SIDE, turning_predict, s->S };
    s->d = distill_new(c, s->S, &s->D, &s->err);
    CHECK(s->d != NULL, "%s", s->err.msg);
    if (s->d == NULL) exit(1);
}
static void teardown(Setup *s)
{
    CHECK(!s->err.set, "%s", s->err.msg);
    distill_free(s->d);
    schedule_free(s->S);
}

/* gradient (n) += J_j^T (grad_x0 / over) of view j of the step that s is at: camera, draws, estimator and adjoint, without the loop. */
static void single(real *gradient, Setup *s, int j, real over)
{
    Distill *d = s->d;
    const DistillConfig *c = &d->config;
    View view[8];
    ViewJitter stray;
    Camera camera;
    Step p;
    real grad[N], x0[N], noise[N], jitter[PIXELS * 8], rgb[N], cotangent[N];
    if (c->field == FIELD_IMAGE) view[j] = image_view(&c->range);
    else view_sample(view, c->views, &c->range, c->view_mode, c->seed, (uint32_t)d->step);
    view_jitter(&stray, &view[j], &c->jitter_scale, c->seed, (uint32_t)j, (uint32_t)d->step);
    CHECK_OK(camera_of_jittered_view(&camera, &view[j], &stray, SIDE, SIDE, &s->err), &s->err);
    rng_uniform(jitter, (RngAt){ c->seed, (uint32_t)j, (uint32_t)d->step, RNG_JITTER }, (size_t)PIXELS * (size_t)c->samples);
    const RenderSettings settings = { .samples = c->samples, .background = { c->background[0], c->background[1], c->background[2] },
                                      .jitter = c->field == FIELD_IMAGE ? NULL : jitter };
    render_view(&(RenderOut){ .rgb = rgb }, d->renderer, d->field, &camera, &settings);
    for (int i = 0; i < N; i++) x0[i] = r_fma(R(2.0), rgb[i % PIXELS * 3 + i / PIXELS], R(-1.0));
    draw_step(&p, noise, &c->draw, 1000, (RngAt){ c->seed, (uint32_t)j, (uint32_t)d->step, RNG_NOISE }, d->step, c->steps, N);
    Arena *arena = arena_new(&s->err);
    const Estimate k = { .S = s->S, .D = &s->D, .view = view[j], .arena = arena, .err = &s->err };
    CHECK_OK(c->draw.estimator->grad(grad, x0, &p, &k), &s->err);
    arena_free(arena);
    for (int i = 0; i < N; i++) cotangent[i % PIXELS * 3 + i / PIXELS] = R(2.0) * (grad[i] / over);
    render_pull(gradient, d->renderer, d->field, &camera, &settings, &(RenderOut){ .rgb = cotangent });
}

/* K views are the mean of K single views: bit for bit in the order of sums that is stated, one after the other into one gradient; made apart and
 * added, but for the rounding. Of sdi the cameras stray. K = 4: the mean may be taken before or after the sum. */
static void views_are_their_mean(void)
{
    static const char *const estimators[] = { "sds", "sdi" };
    for (int e = 0; e < 2; e++) {
        for (int image = 0; image < 2; image++) {
            DistillConfig c = config(estimators[e], image ? FIELD_IMAGE : FIELD_VOXEL, 4);
            if (e == 1 && !image) c.jitter_scale = (JitterScale){ R(0.1), R(0.2), R(0.02) };
            Setup whole, still;
            StepLog log;
            Err err = { 0 };
            setup(&whole, &c);
            setup(&still, &c);
            const size_t n = whole.d->field->n;
            real *one = mem_new(n, sizeof *one, "test", &err), *sum = mem_new(n, sizeof *sum, "test", &err);
            real *apart = mem_new(n, sizeof *apart, "test", &err);
            for (int i = 0; i < 2; i++) CHECK_OK(distill_step(still.d, &log), &still.err);
            for (int i = 0; i < 3; i++) CHECK_OK(distill_step(whole.d, &log), &whole.err);
            for (int j = 0; j < 4; j++) {
                memset(one, 0, n * sizeof *one);
                single(one, &still, j, R(1.0));
                for (size_t i = 0; i < n; i++) apart[i] += one[i];
                single(sum, &still, j, R(4.0));
            }
            double off = 0, most = 0;
            int changed = 0;
            for (size_t i = 0; i < n; i++) {
                apart[i] = apart[i] / R(4.0);
                off = fmax(off, fabs((double)(apart[i] - whole.d->gradient[i])));
                most = fmax(most, fabs((double)apart[i]));
                changed += one[i] != apart[i];
            }
            CHECK(memcmp(sum, whole.d->gradient, n * sizeof *sum) == 0, "%s, image %d: not the mean of single views", estimators[e], image);
            CHECK_LE(off, 64 * (double)REAL_EPS * most, "%s: gradients made apart", estimators[e]);
            CHECK(changed > (int)n / 4, "%s: one view is like all", estimators[e]);
            mem_free(one);
            mem_free(sum);
            mem_free(apart);
            teardown(&whole);
            teardown(&still);
        }
    }
}

/* The tape never holds more than one view, weighted or not; gradients of their own are there for weights alone. */
static void memory_is_that_of_one_view(void)
{
    static const char *const estimators[] = { "sds", "sdi", "dsd" };
    for (int e = 0; e < 3; e++) {
        size_t peak[3];
        for (int i = 0; i < 3; i++) {
            DistillConfig c = config(estimators[e], FIELD_VOXEL, i == 0 ? 1 : 4);
            Setup s;
            StepLog log;
            c.consensus = i == 2;
            c.draw.settings.ode_steps = 3;
            setup(&s, &c);
            for (int k = 0; k < 3; k++) CHECK_OK(distill_step(s.d, &log), &s.err);
            peak[i] = tape_peak(s.d->tape);
            CHECK((s.d->each != NULL) == c.consensus, "gradients of the views");
            teardown(&s);
        }
        CHECK(peak[0] > N * sizeof(real) && peak[1] == peak[0] && peak[2] == peak[0], "%s: %zu bytes of one view, %zu and %zu of four", estimators[e],
              peak[0], peak[1], peak[2]);
    }
}

/* ---- consensus, on gradients made by hand ---- */

enum { HAND = 5 };
typedef struct Hand { double g[4][HAND]; int asked, fail; } Hand;
static int hand_pull(void *self, real *gradient, int k, real over)
{
    Hand *h = self;
    h->asked++;
    CHECK(over == 1, "gradients are weighed whole");
    for (int i = 0; i < HAND; i++) gradient[i] += (real)h->g[k][i] / over;
    return k == h->fail ? -1 : 0;
}

/* a by the definition; -<p,a> + KL(p | 1/K) at tau, in binary64 */
static double hand_loss(double p[4], double a[4], const Hand *h, int K, double tau)
{
    double sum[HAND] = { 0 }, all = 0, z = 0, loss = 0;
    for (int k = 0; k < K; k++)
        for (int i = 0; i < HAND; i++) sum[i] += h->g[k][i];
    for (int i = 0; i < HAND; i++) all += sum[i] * sum[i];
    for (int k = 0; k < K; k++) {
        double own = 0, both = 0;
        for (int i = 0; i < HAND; i++) own += h->g[k][i] * h->g[k][i], both += h->g[k][i] * sum[i];
        a[k] = own > 0 && all > 0 ? both / sqrt(own * all) : 0;
        p[k] = exp(log1p(exp(tau)) * a[k]);
        z += p[k];
    }
    for (int k = 0; k < K; k++) {
        p[k] /= z;
        loss += p[k] * log(p[k] * K) - p[k] * a[k];
    }
    return loss;
}

static void consensus_by_hand(void)
{
    /* cosines .6, .8 and, of nothing, 0; one that goes against the three others; four that are nothing */
    static const struct { int K; double tau; Hand h; } cases[] = {
        { 3, 0.5, { { { 3 }, { 0, 4 } }, 0, -1 } },
        { 3, -6, { { { 3 }, { 0, 4 } }, 0, -1 } },
        { 4, 2, { { { 1, 2, 0, 0, 1 }, { 2, 1, 0, 1 }, { 0, 1, 1, 1, 1 }, { -1, -1, 0.5, -2, 3 } }, 0, -1 } },
        { 2, 1, { { { 1, 0.5 }, { -0.25, 4 } }, 0, -1 } },
        { 4, 1, { { { 0 } }, 0, -1 } },
    };
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        Hand h = cases[n].h;
        const int K = cases[n].K;
        Consensus c = { .tau = (real)cases[n].tau };
        real gradient[HAND], p[MVSDI_VIEWS], each[4 * HAND];
        double want_p[4], a[4], beside[4];
        const ViewSet set = { K, HAND, hand_pull, &h };
        CHECK(mvsdi_consensus(gradient, p, each, &c, 0, &set) == 0 && h.asked == K, "case %zu: asked %d times", n, h.asked);
        const double tau = cases[n].tau, step = 1e-4;
        hand_loss(want_p, a, &h, K, tau);
        const double d_tau = (hand_loss(beside, a, &h, K, tau + step) - hand_loss(beside, a, &h, K, tau - step)) / (2 * step);
        for (int k = 0; k < K; k++) CHECK_LE(fabs((double)p[k] - want_p[k]), 16 * (double)REAL_EPS, "case %zu, weight %d", n, k);
        for (int i = 0; i < HAND; i++) {
            double want = 0;
            for (int k = 0; k < K; k++) want += want_p[k] * h.g[k][i];
            CHECK_LE(fabs((double)gradient[i] - want), 64 * (double)REAL_EPS, "case %zu, value %d", n, i);
        }
        CHECK_LE(fabs((double)c.m - 0.1 * d_tau), 1e-8 + 8 * (double)REAL_EPS * fabs(d_tau), "case %zu: Adam's m, d loss / d tau by 10", n);
        const double move = d_tau > 1e-7 ? -0.01 : d_tau < -1e-7 ? 0.01 : 0;
        CHECK_LE(fabs((double)c.tau - (tau + move)), 1e-6, "case %zu: Adam's first step is lr", n);
    }
}

static void consensus_starts_as_the_mean(void)
{
    Hand h = { { { 1, 2, 0, 0, 1 }, { 2, 1, 0, 1 }, { 0, 1, 1, 1, 1 }, { -1, -1, 0.5, -2, 3 } }, 0, -1 };
    const ViewSet set = { 4, HAND, hand_pull, &h };
    real gradient[HAND], p[MVSDI_VIEWS], each[4 * HAND];
    Consensus c = { .tau = -100 };                             /* softplus 4e-44: s a is nothing beside 1 */
    CHECK(mvsdi_consensus(gradient, p, each, &c, 0, &set) == 0, "hand");
    for (int k = 0; k < 4; k++) CHECK(p[k] == R(0.25), "weight %d is %g", k, (double)p[k]);
    for (int i = 0; i < HAND; i++) CHECK(gradient[i] == (real)((h.g[0][i] + h.g[1][i] + h.g[2][i] + h.g[3][i]) / 4), "value %d", i);
    c = consensus_start();
    CHECK(c.tau == R(-6.0) && c.m == 0 && c.v == 0, "where it starts");
    for (long step = 0; step < 1500; step++) CHECK(mvsdi_consensus(gradient, p, each, &c, step, &set) == 0, "hand");
    CHECK_LE(fabs(log1p(exp((double)c.tau)) - 1), 0.01, "s goes to 1");
    h.fail = 2;
    h.asked = 0;
    CHECK(mvsdi_consensus(gradient, p, each, &c, 0, &set) == -1 && h.asked == 3, "a view that fails ends the step");
}

/* In the loop: what a run has learned is saved, and without it a file is refused. */
static void consensus_is_resumed(void)
{
    char path[] = "/tmp/sdref-mvsdi-XXXXXX", bare[] = "/tmp/sdref-mvsdi-XXXXXX";
    const int files[2] = { mkstemp(path), mkstemp(bare) };
    CHECK(close(files[0]) == 0 && close(files[1]) == 0, "%s", path);
    DistillConfig c = config("sds", FIELD_VOXEL, 4);
    Setup plain, whole, rest;
    StepLog log;
    setup(&plain, &c);
    for (int i = 0; i < 6; i++) CHECK_OK(distill_step(plain.d, &log), &plain.err);
    CHECK_OK(distill_save(plain.d, bare, &plain.err), &plain.err);
    c.consensus = 1;
    setup(&whole, &c);
    setup(&rest, &c);
    while (whole.d->step < 6) {
        if (whole.d->step == 3) CHECK_OK(distill_save(whole.d, path, &whole.err), &whole.err);
        CHECK_OK(distill_step(whole.d, &log), &whole.err);
    }
    CHECK(distill_load(rest.d, bare, &rest.err) != 0 && strstr(rest.err.msg, "'consensus'") != NULL, "%s", rest.err.msg);
    rest.err = (Err){ 0 };
    CHECK_OK(distill_load(rest.d, path, &rest.err), &rest.err);
    while (rest.d->step < 6) CHECK_OK(distill_step(rest.d, &log), &rest.err);
    const size_t bytes = whole.d->field->n * sizeof(real);
    CHECK(memcmp(whole.d->field->theta, rest.d->field->theta, bytes) == 0, "theta");
    CHECK(memcmp(&whole.d->consensus, &rest.d->consensus, sizeof(Consensus)) == 0 && whole.d->consensus.tau > R(-5.96), "tau");
    CHECK(memcmp(whole.d->field->theta, plain.d->field->theta, bytes) != 0, "weights change nothing");
    unlink(path);
    unlink(bare);
    teardown(&plain);
    teardown(&whole);
    teardown(&rest);
}

/* ---- the schedule that the budget cuts off ---- */

/* The released runs: 10000 steps in the schedule, 10000 / K in the run. Here 32 calls, K views a step and 2 calls a view, a schedule of 16
 * steps: with K = 1 all of them, with K = 4 the first 4, where t has fallen by less than a quarter. Without truncation t nears its end. All is
 * exact. */
static void a_truncated_anneal_goes_by_steps(void)
{
    static const int views[] = { 1, 2, 4 };
    for (int i = 0; i < 6; i++) {
        const int K = views[i / 2], truncated = i % 2, steps = 16 / K;
        DistillConfig c = config("sds", FIELD_VOXEL, K);
        Setup s;
        StepLog log = { 0 };
        c.steps = 16;
        c.budget = 32;
        c.truncated_anneal = truncated;
        c.draw.timesteps = (TimestepPolicy){ TIMESTEP_LINEAR, 0.125, 0.875, 0.5, 0.2 };
        setup(&s, &c);
        while (distill_done(s.d) < distill_length(s.d)) {
            const double k = (double)s.d->step, share = truncated ? k / 16 : k / steps;
            CHECK_OK(distill_step(s.d, &log), &s.err);
            CHECK(log.t == (int)(875 - 750 * share), "K = %d, step %g: t is %d", K, k, log.t);
        }
        CHECK(s.d->step == steps, "%ld steps", s.d->step);
        CHECK(log.t == (truncated ? (int)(875 - 750 * (steps - 1) / 16.0) : (int)(125 + 750.0 / steps)), "K = %d ends at t = %d", K, log.t);
        teardown(&s);
    }
}

int main(void)
{
    TEST(views_are_their_mean);
    TEST(memory_is_that_of_one_view);
    TEST(consensus_by_hand);
    TEST(consensus_starts_as_the_mean);
    TEST(consensus_is_resumed);
    TEST(a_truncated_anneal_goes_by_steps);
    return test_end();
}
