/* t_distill.c -- the loop: what it converges to, resuming to the same bytes, and how it stops */
#include "ref/distill.h"
#include "ref/metrics.h"
#include "ref/occupied.h"
#include "tensor/mem.h"
#include "tensor/par.h"
#include "tensor/sum.h"
#include "tests/harness.h"

#include <math.h>
#include <unistd.h>

enum { SIDE = 12, PIXELS = SIDE * SIDE };

/* A prior that knows one flat image: eps = (x_t - alpha c)/sigma, so SDS pulls every view towards the colour c. `poison`: at this call
 * the prediction holds a NaN. `refusal`: at this one there is none. `size`: of the predictions, 0: as they are. `seen`: the view it was last asked for. */
typedef struct Flat { const Schedule *S; real colour[3], size; int calls, poison, refusal; View seen; } Flat;
static int flat_predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err)
{
    Flat *f = self;
    const real at = sched_alpha(f->S, t), st = sched_sigma(f->S, t);
    f->seen = cond->view;
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < PIXELS; i++) eps[c * PIXELS + i] = (xt[c * PIXELS + i] - at * f->colour[c]) / st;
    for (int i = 0; i < 3 * PIXELS && f->size > 0; i++) eps[i] *= f->size;
    if (++f->calls == f->refusal) return err_set(err, "no answer");
    if (f->calls == f->poison) eps[77] = R(0.0) / (R(0.0) * st);
    return 0;
}

static DistillConfig config(void)
{
    return (DistillConfig){
        .field = FIELD_VOXEL, .grid = 6, .blob_peak = 2, .blob_slope = 1, .resolution = SIDE, .samples = 12, .jitter = 1,
        .background = { R(0.5), R(0.5), R(0.5) }, .views = 2, .view_mode = VIEWS_ANTIPODAL,
        .range = { R(-10.0), R(45.0), R(-180.0), R(180.0), R(2.5), R(2.5), R(40.0), R(40.0) },
        .steps = 60, .seed = 3, .lr = R(0.2), .lr_end = R(0.02), .draw = {
            .estimator = estimator_find("sds"), .settings = { .guidance = 1, .weight = WEIGHT_SDS },
            .timesteps = { TIMESTEP_LINEAR, 0.02, 0.98, 0.5, 0.2 },
        },
    };
}

typedef struct Setup { Err err; Schedule *S; Flat flat; Denoiser D; Distill *d; } Setup;
static void setup(Setup *s, const DistillConfig *c)
{
    const ScheduleConfig sd = schedule_config_sd();
    *s = (Setup){ .S = NULL };
    s->S = schedule_new(&sd, &s->err);
    s->flat = (Flat){ .S = s->S, .colour = { R(0.6), R(-0.2), R(0.1) } };
    s->D = (Denoiser){ 3, SIDE, SIDE, flat_predict, &s->flat };
    s->d = distill_new(c, s->S, &s->D, &s->err);
    CHECK(s->d != NULL, "%s", s->err.msg);
}
static void teardown(Setup *s)
{
    distill_free(s->d);
    schedule_free(s->S);
}

/* Renders of the prior's own size are not changed by the resampling between; of another size they are, and the field still learns. */
static void renders_of_another_size(void)
{
    DistillConfig c[3] = { config(), config(), config() };
    Setup s[3];
    StepLog log;
    c[1].render = SIDE;
    c[2].render = 2 * SIDE - 3;
    for (int i = 0; i < 3; i++) {
        setup(&s[i], &c[i]);
        for (int step = 0; step < 3; step++) CHECK_OK(distill_step(s[i].d, &log), &s[i].err);
    }
    const Field *f = s[0].d->field;
    CHECK(memcmp(f->theta, s[1].d->field->theta, f->n * sizeof *f->theta) == 0, "the prior's own size");
    real most = 0;
    for (size_t i = 0; i < f->n; i++) most = r_max(most, r_abs(f->theta[i] - s[2].d->field->theta[i]));
    CHECK(most > 0 && most < R(0.5), "another size: parameters differ by %g at most, after three steps of up to 0.2", (double)most);
    for (int i = 0; i < 3; i++) teardown(&s[i]);
}

/* 12 levels from 6 on: one more in each twelfth of the run, all in its second half. */
static void levels_join_in_the_first_half(void)
{
    DistillConfig c = config();
    c.shape.levels = 12;
    c.start_levels = 6;
    static const struct { long done; int levels; } known[] = { { 0, 6 }, { 99, 6 }, { 100, 7 }, { 199, 7 }, { 200, 8 }, { 599, 11 }, { 600, 12 }, { 1200, 12 } };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        CHECK(distill_levels(&c, known[i].done, 1200) == known[i].levels, "%ld of 1200: %d", known[i].done, distill_levels(&c, known[i].done, 1200));
    c.start_levels = 0;
    CHECK(distill_levels(&c, 0, 1200) == 12, "0: all of them");
}

/* A budget counts predictions; schedules go by the share of it that is spent, and the state remembers it. */
static void a_budget_ends_the_run(void)
{
    char path[] = "/tmp/sdref-distill-XXXXXX";
    DistillConfig c = config();
    c.steps = 3;
    c.budget = 11;                                          /* two views a step, one call a view: 6 steps, 12 calls */
    Setup a, b;
    setup(&a, &c);
    setup(&b, &c);
    StepLog log;
    const int file = mkstemp(path);
    CHECK(file >= 0 && close(file) == 0, "%s", path);
    while (distill_done(a.d) < distill_length(a.d)) {
        const long before = distill_done(a.d);
        if (a.d->step == 4) CHECK_OK(distill_save(a.d, path, &a.err), &a.err);
        CHECK_OK(distill_step(a.d, &log), &a.err);
        CHECK(log.t == timestep_at(&c.draw.timesteps, a.S->T, before, 11, 0), "t is %d after %ld calls", log.t, before);
    }
    CHECK(a.d->step == 6 && a.d->calls == 12 && a.flat.calls == 12, "%ld steps, %ld calls, %d made", a.d->step, a.d->calls, a.flat.calls);
    CHECK_OK(distill_load(b.d, path, &b.err), &b.err);
    CHECK(b.d->step == 4 && b.d->calls == 8, "step %ld, %ld calls", b.d->step, b.d->calls);
    while (distill_done(b.d) < distill_length(b.d)) CHECK_OK(distill_step(b.d, &log), &b.err);
    CHECK(memcmp(a.d->field->theta, b.d->field->theta, a.d->field->n * sizeof(real)) == 0, "another field");
    unlink(path);
    teardown(&a);
    teardown(&b);
}

/* ssd with a fitted mu: its averages are part of the state, so a stopped run goes on to the same bytes; without them it is refused. */
static void a_fitted_mu_is_remembered(void)
{
    char path[] = "/tmp/sdref-distill-XXXXXX", bare[] = "/tmp/sdref-distill-XXXXXX";
    const int files[2] = { mkstemp(path), mkstemp(bare) };
    CHECK(close(files[0]) == 0 && close(files[1]) == 0, "%s", path);
    DistillConfig c = config();
    c.steps = 6;
    c.draw.estimator = estimator_find("ssd");
    c.draw.settings.mu1 = R(0.5);
    c.phi = PHI_QUADRATIC;
    Setup plain, whole, rest;
    setup(&plain, &c);
    StepLog log;
    CHECK_OK(distill_step(plain.d, &log), &plain.err);
    CHECK_OK(distill_save(plain.d, bare, &plain.err), &plain.err);
    c.mu = MU_FIT;
    setup(&whole, &c);
    setup(&rest, &c);
    while (whole.d->step < 6) {
        if (whole.d->step == 3) CHECK_OK(distill_save(whole.d, path, &whole.err), &whole.err);
        CHECK_OK(distill_step(whole.d, &log), &whole.err);
    }
    CHECK(distill_load(rest.d, bare, &rest.err) != 0 && strstr(rest.err.msg, "'stein'") != NULL, "%s", rest.err.msg);
    rest.err = (Err){ 0 };
    CHECK_OK(distill_load(rest.d, path, &rest.err), &rest.err);
    while (rest.d->step < 6) CHECK_OK(distill_step(rest.d, &log), &rest.err);
    CHECK(memcmp(whole.d->field->theta, rest.d->field->theta, whole.d->field->n * sizeof(real)) == 0, "theta");
    CHECK(memcmp(&whole.d->stein, &rest.d->stein, sizeof(Stein)) == 0 && stein_mu(&whole.d->stein, 300, 1000) != 0, "the averages");
    unlink(path);
    unlink(bare);
    teardown(&plain);
    teardown(&whole);
    teardown(&rest);
}

/* Leave-one-out over three views of a grey image, whose noise differs: the field's gradient from predictions, inner products and the pull through
 * rgb = sigmoid(0) written out here; the prior is asked once a view. With t of 490 everything is of size 1: 432 products and a few roundings. */
static void mu_comes_from_the_other_views(void)
{
    enum { K = 3, VALUES = 3 * PIXELS };
    static real noise[K][VALUES];
    static double f[K][VALUES], h[K][VALUES];
    double fh[K] = { 0 }, hh[K] = { 0 };
    DistillConfig c = config();
    c.field = FIELD_IMAGE;
    c.views = K;
    c.steps = 2;
    c.draw.estimator = estimator_find("ssd");
    c.draw.settings.mu1 = R(0.5);
    c.draw.timesteps = (TimestepPolicy){ TIMESTEP_LINEAR, 0.49, 0.49, 0.49, 0.2 };
    c.phi = PHI_QUADRATIC;
    c.mu = MU_LEAVE_ONE_OUT;
    Setup s;
    StepLog log;
    setup(&s, &c);
    CHECK_OK(distill_step(s.d, &log), &s.err);
    CHECK(s.flat.calls == K && s.d->calls == K, "%d predictions, %ld counted", s.flat.calls, s.d->calls);
    CHECK(log.t == 490, "t is %d", log.t);
    const double abar = sched_abar64(s.S, 490), a = sqrt(abar), st = sqrt(1 - abar);
    for (int j = 0; j < K; j++) {
        double phi = 0;
        rng_normal(noise[j], (RngAt){ c.seed, (uint32_t)j, 0, RNG_NOISE }, VALUES);
        for (int i = 0; i < VALUES; i++) phi += 0.5 * (st * (double)noise[j][i]) * (st * (double)noise[j][i]) / VALUES;
        for (int i = 0; i < VALUES; i++) {
            const double e = (double)noise[j][i], xt = st * e;
            f[j][i] = (xt - a * (double)s.flat.colour[i / PIXELS]) / st - 0.5 * e;
            h[j][i] = e * phi - st * xt / VALUES;
            fh[j] += f[j][i] * h[j][i];
            hh[j] += h[j][i] * h[j][i];
        }
    }
    for (int i = 0; i < VALUES; i++) {
        double want = 0;
        for (int j = 0; j < K; j++) {
            const int p = (j + 1) % K, q = (j + 2) % K;
            want += st * st * (f[j][i] - (fh[p] + fh[q]) / (hh[p] + hh[q]) * h[j][i]) / K * 2 * 0.25;
        }
        CHECK_LE(fabs((double)s.d->gradient[i] - want), 60 * (double)REAL_EPS, "value %d: %g, by hand %g", i, (double)s.d->gradient[i], want);
    }
    teardown(&s);
}

/* DSD* on an image: 4 predictions would be asked with guidance, here 2 a step; the ODE's state is part of the run's, so a stopped one goes on to the
 * same bytes, and without it is refused. The ODE of this prior ends in its colour, and the image with it. */
static void the_ode_is_remembered(void)
{
    char path[] = "/tmp/sdref-distill-XXXXXX", bare[] = "/tmp/sdref-distill-XXXXXX";
    const int files[2] = { mkstemp(path), mkstemp(bare) };
    CHECK(close(files[0]) == 0 && close(files[1]) == 0, "%s", path);
    DistillConfig c = config();
    c.field = FIELD_IMAGE;
    c.views = 1;
    c.steps = 40;
    Setup plain, whole, rest;
    StepLog log;
    setup(&plain, &c);
    CHECK_OK(distill_step(plain.d, &log), &plain.err);
    CHECK_OK(distill_save(plain.d, bare, &plain.err), &plain.err);
    c.draw.estimator = estimator_find("dsd_star");
    setup(&whole, &c);
    setup(&rest, &c);
    while (whole.d->step < c.steps) {
        if (whole.d->step == 9) CHECK_OK(distill_save(whole.d, path, &whole.err), &whole.err);
        CHECK_OK(distill_step(whole.d, &log), &whole.err);
        CHECK(log.t == 999 - (int)ceil(999.0 * (double)(whole.d->step - 1) / 40), "step %ld: t is %d", whole.d->step, log.t);
    }
    CHECK(whole.d->calls == 80, "%ld predictions", whole.d->calls);
    CHECK(distill_load(rest.d, bare, &rest.err) != 0 && strstr(rest.err.msg, "no tensor 'ode'") != NULL, "%s", rest.err.msg);
    rest.err = (Err){ 0 };
    CHECK_OK(distill_load(rest.d, path, &rest.err), &rest.err);
    while (rest.d->step < c.steps) CHECK_OK(distill_step(rest.d, &log), &rest.err);
    CHECK(memcmp(whole.d->field->theta, rest.d->field->theta, whole.d->field->n * sizeof(real)) == 0, "theta");
    CHECK(memcmp(whole.d->ode, rest.d->ode, 3 * PIXELS * sizeof(real)) == 0, "the ODE");
    const double a = sqrt(sched_abar64(whole.S, 0)), st = sqrt(1 - sched_abar64(whole.S, 0));
    for (int i = 0; i < 3 * PIXELS; i++) {
        const double colour = (double)whole.flat.colour[i / PIXELS];
        CHECK_LE(fabs((double)whole.d->ode[i] - a * colour), 5 * st, "value %d of the ODE", i);
        CHECK_LE(fabs(2 / (1 + exp(-(double)whole.d->field->theta[i])) - 1 - colour), 0.1, "value %d of the image", i);
    }
    unlink(path);
    unlink(bare);
    teardown(&plain);
    teardown(&whole);
    teardown(&rest);
}

/* The prior is one flat colour, so the cube must take it where it is seen: PSNR against that colour on the pixels it covers. */
static void the_loop_reaches_the_one_image(void)
{
    Setup s;
    StepLog log;
    const DistillConfig c = config();
    setup(&s, &c);
    double before = 0, after = 0;
    for (int pass = 0; pass < 2; pass++) {
        while (pass == 1 && s.d->step < c.steps) CHECK_OK(distill_step(s.d, &log), &s.err);
        real rgb[3 * PIXELS], want[3 * PIXELS], opacity[PIXELS], mask[PIXELS];
        const View view = { R(20.0), R(33.0), R(2.5), R(40.0) };
        CHECK_OK(distill_picture(rgb, NULL, opacity, NULL, s.d, &view, SIDE, SIDE, &s.err), &s.err);
        for (int i = 0; i < 3 * PIXELS; i++) want[i] = R(0.5) * (s.flat.colour[i / PIXELS] + R(1.0));
        for (int i = 0; i < PIXELS; i++) mask[i] = fabs((double)(i / SIDE) - 5.5) < 3 && fabs((double)(i % SIDE) - 5.5) < 3;
        *(pass == 0 ? &before : &after) = psnr(rgb, want, mask, PIXELS);
    }
    CHECK_LE(before, 20, "before");
    CHECK_LE(30, after, "after %d steps", (int)c.steps);
    teardown(&s);
}

/* Saved after 7 of 12 steps and loaded into a new run, on other threads: the same bytes. */
static void resumed_bytes_are_the_same(void)
{
    char path[] = "/tmp/sdref-distill-XXXXXX";
    const int fd = mkstemp(path), threads = par_threads();
    StepLog log;
    DistillConfig c = config();
    Setup whole, half, rest;
    close(fd);
    c.steps = 12;
    setup(&whole, &c);
    setup(&half, &c);
    setup(&rest, &c);
    while (whole.d->step < 12) CHECK_OK(distill_step(whole.d, &log), &whole.err);
    par_threads_set(3);
    while (half.d->step < 7) CHECK_OK(distill_step(half.d, &log), &half.err);
    CHECK_OK(distill_save(half.d, path, &half.err), &half.err);
    CHECK_OK(distill_load(rest.d, path, &rest.err), &rest.err);
    CHECK(rest.d->step == 7, "step %ld", rest.d->step);
    while (rest.d->step < 12) CHECK_OK(distill_step(rest.d, &log), &rest.err);
    par_threads_set(threads);
    const size_t bytes = whole.d->field->n * sizeof(real);
    CHECK(memcmp(whole.d->field->theta, rest.d->field->theta, bytes) == 0, "theta");
    CHECK(memcmp(whole.d->m, rest.d->m, bytes) == 0 && memcmp(whole.d->v, rest.d->v, bytes) == 0, "Adam's moments");
    CHECK(memcmp(whole.d->field->theta, half.d->field->theta, bytes) != 0, "five steps must change something");

    /* the same file is refused by a run of another size, and by one that is shorter */
    Setup other;
    c.grid = 7;
    setup(&other, &c);
    CHECK(distill_load(other.d, path, &other.err) != 0 && strstr(other.err.msg, path) != NULL, "%s", other.err.msg);
    teardown(&other);
    c.grid = 6;
    c.steps = 5;
    setup(&other, &c);
    CHECK(distill_load(other.d, path, &other.err) != 0 && strstr(other.err.msg, "'step' is 7") != NULL, "%s", other.err.msg);
    teardown(&other);
    teardown(&whole);
    teardown(&half);
    teardown(&rest);
    unlink(path);
}

/* A hundredth of the densest start, but no more than has alpha 1e-3 over 2 sqrt(3) / N. */
static void thresholds_of_grids(void)
{
    static const struct { real peak; int samples; double threshold; } known[] = {
        { R(0.0), 64, 0.0069314718 }, { R(0.0), 10, 0.0028867513 }, { R(5.0), 64, 0.0184752086 }, { R(-10.0), 64, 4.5398899e-7 } };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const double t = (double)occupied_threshold(&(FieldConfig){ .peak = known[i].peak }, known[i].samples);
        CHECK_LE(fabs(t - known[i].threshold), 1e-6 * known[i].threshold, "peak %g, %d samples: %g", (double)known[i].peak, known[i].samples, t);
    }
}

static DistillConfig grid_config(FieldKind field)
{
    DistillConfig c = config();
    c.field = field;
    c.occupancy = 7;
    c.blob_peak = 3;
    c.blob_slope = 9;
    c.steps = 40;
    c.shape = (FieldConfig){ .levels = 4, .features = 2, .table = 64, .base = 2, .growth = 1.5, .hidden = 8, .frequencies = 2, .layers = 2, .degree = 1 };
    if (field == FIELD_HASHGRID || field == FIELD_MLP) c.lr = c.lr_end = R(0.01);
    return c;
}

/* With a threshold of 0 a grid skips nothing and changes no bit, with its own one it does. */
static void a_grid_that_skips_nothing_is_none(void)
{
    for (int kind = FIELD_VOXEL; kind < FIELD_KINDS; kind++) {
        Setup s[3];                                         /* without, of threshold 0, as it is */
        for (int i = 0; i < 3; i++) {
            StepLog log;
            DistillConfig c = grid_config((FieldKind)kind);
            if (i == 0) c.occupancy = 0;
            setup(&s[i], &c);
            if (i == 1) s[i].d->occupancy->threshold = 0;
            while (s[i].d->step < 18) CHECK_OK(distill_step(s[i].d, &log), &s[i].err);
        }
        const Occupancy *o = s[2].d->occupancy;
        const size_t bytes = s[0].d->field->n * sizeof(real);
        CHECK(s[0].d->occupancy == NULL && s[1].d->occupancy->updates == 1 && o->updates == 1, "one update before step 16");
        CHECK(occupancy_share(o) > 0.05 && occupancy_share(o) < 0.95, "%s: %g of the cells", field_kind_names[kind], occupancy_share(o));
        CHECK(memcmp(s[0].d->field->theta, s[1].d->field->theta, bytes) == 0, "%s: a grid that skips nothing", field_kind_names[kind]);
        CHECK(memcmp(s[0].d->field->theta, s[2].d->field->theta, bytes) != 0, "%s: a grid that skips", field_kind_names[kind]);
        for (int i = 0; i < 3; i++) teardown(&s[i]);
    }
}

/* Stopped between two updates and resumed on other threads: the same bytes. A state without the grid is refused. */
static void a_grid_is_remembered(void)
{
    char path[] = "/tmp/sdref-distill-XXXXXX";
    const int fd = mkstemp(path), threads = par_threads();
    close(fd);
    for (int kind = FIELD_VOXEL; kind < FIELD_KINDS; kind++) {
        StepLog log;
        DistillConfig c = grid_config((FieldKind)kind);
        Setup whole, half, rest;
        setup(&whole, &c);
        setup(&half, &c);
        setup(&rest, &c);
        while (whole.d->step < 36) CHECK_OK(distill_step(whole.d, &log), &whole.err);
        par_threads_set(3);
        while (half.d->step < 21) CHECK_OK(distill_step(half.d, &log), &half.err);
        CHECK_OK(distill_save(half.d, path, &half.err), &half.err);
        CHECK_OK(distill_load(rest.d, path, &rest.err), &rest.err);
        while (rest.d->step < 36) CHECK_OK(distill_step(rest.d, &log), &rest.err);
        par_threads_set(threads);
        const Occupancy *a = whole.d->occupancy, *b = rest.d->occupancy;
        CHECK(a->updates == 2 && b->updates == 2 && memcmp(a->peak, b->peak, a->n * sizeof(real)) == 0, "%s: the grid", field_kind_names[kind]);
        CHECK(memcmp(whole.d->field->theta, rest.d->field->theta, whole.d->field->n * sizeof(real)) == 0, "%s: theta", field_kind_names[kind]);
        teardown(&rest);
        c.occupancy = 0;
        setup(&rest, &c);
        CHECK_OK(distill_save(rest.d, path, &rest.err), &rest.err);
        CHECK(distill_load(half.d, path, &half.err) != 0 && strstr(half.err.msg, "no tensor 'occupancy'") != NULL, "%s", half.err.msg);
        teardown(&whole);
        teardown(&half);
        teardown(&rest);
    }
    unlink(path);
}

/* Where a grid skips, a NaN is not rendered; that parameters are finite is asked in the same step. */
static void a_grid_hides_no_nan(void)
{
    Setup s;
    StepLog log;
    DistillConfig c = grid_config(FIELD_VOXEL);
    setup(&s, &c);
    while (s.d->step < 20) CHECK_OK(distill_step(s.d, &log), &s.err);
    CHECK(!occupancy_has(s.d->occupancy, (const real[3]){ -1, -1, -1 }), "the corner is live");
    s.d->field->theta[0] = (real)NAN;
    CHECK(distill_step(s.d, &log) != 0 && strcmp(s.err.msg, "step 20, sds: the field's parameters: found nan at index 0, expected finite values; the last checkpoint is as it was") == 0, "%s", s.err.msg);
    teardown(&s);
}

/* A checkpoint of ours never holds such a value: a file that does is damaged, whatever asks for it. */
static void a_checkpoint_is_finite(void)
{
    static const char *const names[] = { "theta", "adam.m", "adam.v", "background", "background.adam.v" };
    char path[] = "/tmp/sdref-distill-XXXXXX", says[64];
    CHECK(close(mkstemp(path)) == 0, "%s", path);
    DistillConfig c = config();
    c.learnt = 1;
    c.background_lr = R(0.01);
    for (int i = 0; i < 5; i++) {
        Setup s, other;
        setup(&s, &c);
        setup(&other, &c);
        const Backdrop *b = &s.d->particle[0].backdrop;
        real *const array[] = { s.d->field->theta, s.d->m, s.d->v, b->background->theta, b->v };
        array[i][2] = i % 2 == 0 ? (real)copysign((double)NAN, i == 0 ? 1.0 : -1.0) : (real)INFINITY;
        CHECK_OK(distill_save(s.d, path, &s.err), &s.err);
        snprintf(says, sizeof says, ": tensor '%s': found %s at index 2, expected finite values", names[i], i % 2 == 0 ? "nan" : "inf");
        CHECK(distill_load(other.d, path, &other.err) != 0 && strncmp(other.err.msg, path, strlen(path)) == 0 && strstr(other.err.msg, says) != NULL,
              "no '%s' in '%s'", says, other.err.msg);
        teardown(&s);
        teardown(&other);
    }
    unlink(path);
}

/* Analytic normals light the renders of a step, and are in pictures. */
static void normals_are_as_asked_for(void)
{
    for (int kind = FIELD_VOXEL; kind < FIELD_KINDS; kind++) {
        if (!field_has_slope((FieldKind)kind)) continue;
        const View view = { R(20.0), R(33.0), R(2.5), R(40.0) };
        real picture[NORMALS_WAYS][3 * PIXELS], want[3 * PIXELS];
        Setup s[NORMALS_WAYS];
        for (int way = 0; way < NORMALS_WAYS; way++) {
            StepLog log;
            DistillConfig c = grid_config((FieldKind)kind);
            c.occupancy = 0;
            c.normals = (Normals)way;
            c.shading = (ShadingSchedule){ 0, 1, 0 };
            setup(&s[way], &c);
            CHECK_OK(distill_picture(NULL, NULL, NULL, picture[way], s[way].d, &view, SIDE, SIDE, &s[way].err), &s[way].err);
            const RenderSettings settings = { .samples = c.samples, .normals = (Normals)way };
            Camera camera;
            camera_look_at(&camera, 20, 33, 2.5, 40, SIDE, SIDE);
            render_view(&(RenderOut){ .normal = want }, s[way].d->renderer, s[way].d->field, &camera, &settings);
            for (int i = 0; i < 3 * PIXELS; i++) CHECK(picture[way][i % 3 * PIXELS + i / 3] == want[i], "%s, value %d", normals_names[way], i);
            CHECK_OK(distill_step(s[way].d, &log), &s[way].err);
        }
        CHECK(memcmp(picture[0], picture[1], sizeof picture[0]) != 0, "%s: pictures", field_kind_names[kind]);
        CHECK(memcmp(s[0].d->gradient, s[1].d->gradient, s[0].d->field->n * sizeof(real)) != 0, "%s: gradients", field_kind_names[kind]);
        for (int way = 0; way < NORMALS_WAYS; way++) teardown(&s[way]);
    }
}

/* An image is of one view, the same in every step, within the range that cameras may have; its picture becomes the prior's. */
static void an_image_has_one_view(void)
{
    static const real elevation_max[2] = { R(45.0), R(10.0) }, elevation[2] = { R(15.0), R(10.0) };
    for (int i = 0; i < 2; i++) {
        Setup s;
        StepLog log;
        DistillConfig c = config();
        c.field = FIELD_IMAGE;
        c.views = 1;
        c.range.elevation_max = elevation_max[i];
        setup(&s, &c);
        real rgb[3 * PIXELS], want[3 * PIXELS];
        const View at = image_view(&c.range);
        CHECK(at.elevation == elevation[i] && at.azimuth == R(30.0) && at.distance == R(2.5) && at.fovy == R(40.0), "range %d", i);
        while (s.d->step < c.steps) {
            CHECK_OK(distill_step(s.d, &log), &s.err);
            CHECK(memcmp(&s.flat.seen, &at, sizeof at) == 0, "step %ld is of another view", s.d->step);
        }
        CHECK_OK(distill_picture(rgb, NULL, NULL, NULL, s.d, &at, SIDE, SIDE, &s.err), &s.err);
        for (int j = 0; j < 3 * PIXELS; j++) want[j] = R(0.5) * (s.flat.colour[j / PIXELS] + R(1.0));
        CHECK_LE(30, psnr(rgb, want, NULL, PIXELS), "after %d steps", (int)c.steps);
        teardown(&s);
    }
}

/* Whatever the estimator: its name, the step and the place; a NaN that the first pass of leave-one-out meets, too. */
static void a_nan_stops_the_run(void)
{
    static const struct { const char *estimator; MuKind mu; int calls; } cases[] = {
        { "sds", MU_NUMBER, 1 }, { "asd", MU_NUMBER, 2 }, { "fsd", MU_NUMBER, 1 }, { "ssd", MU_FIT, 1 }, { "ssd", MU_LEAVE_ONE_OUT, 1 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Setup s;
        StepLog log;
        char name[64];
        DistillConfig c = config();
        c.draw.estimator = estimator_find(cases[i].estimator);
        c.phi = PHI_QUADRATIC;
        c.mu = cases[i].mu;
        setup(&s, &c);
        s.flat.poison = 6 * cases[i].calls;                    /* the last call of view 1 of step 2 */
        int status = 0;
        while (status == 0 && s.d->step < 10) status = distill_step(s.d, &log);
        CHECK(status != 0 && s.d->step == 2, "%s: stopped at step %ld", cases[i].estimator, s.d->step);
        snprintf(name, sizeof name, "step 2, %s: the estimator's gradient: found nan at index 77,", cases[i].estimator);
        CHECK(strncmp(s.err.msg, name, strlen(name)) == 0, "%s: %s", cases[i].estimator, s.err.msg);
        CHECK(first_not_finite(s.d->field->theta, s.d->field->n) < 0, "the field is as it was");
        teardown(&s);
    }
}

/* Each array that a step makes, in the order in which it is looked at: the first that is not finite is named. */
static void what_blows_up_is_named(void)
{
    enum { PARAMETERS, GRADIENT, RATE, MOMENT, LARGE, SQUARE, VALUE, BEHIND, BEHIND_MOMENT, BEHIND_LARGE, CAUSES };
    static const char *const says[CAUSES] = {
        [PARAMETERS] = "the rendered image: found nan", [GRADIENT] = "the field's gradient: found ", [RATE] = "the field's parameters: found ",
        [MOMENT] = "the field's parameters: found nan at index 5,", [LARGE] = "Adam's second moment of the field: found inf",
        [SQUARE] = "the root mean square of the estimator's gradient: found inf", [VALUE] = "the regularisers' values: found inf",
        [BEHIND] = "the rendered image: found nan", [BEHIND_MOMENT] = "the background's parameters: found nan at index 1,",
        [BEHIND_LARGE] = "Adam's second moment of the background: found inf at index 1,",
    };
    static const FieldKind kinds[] = { FIELD_VOXEL, FIELD_HASHGRID, FIELD_MLP, FIELD_SH };
    for (int cause = 0; cause < CAUSES; cause++)
        for (size_t k = 0; k < (cause == PARAMETERS ? 4 : 1); k++) {
            Setup s;
            StepLog log;
            DistillConfig c = config();
            c.field = kinds[k];
            c.shape = (FieldConfig){ .levels = 3, .features = 2, .table = 64, .base = 2, .growth = 1.5, .hidden = 7, .layers = 2, .frequencies = 2, .degree = 1 };
            c.learnt = 1;
            c.background_lr = R(0.01);
            if (cause == RATE) c.lr = c.lr_end = sizeof(real) == 4 ? R(3e38) : (real)1e308;
            if (cause == GRADIENT) c.regularising.weight[REG_SPARSITY] = (Ramp){ { (double)INFINITY }, 1 };
            if (cause == VALUE) c.regularising.weight[REG_TV] = (Ramp){ { 1e-20 }, 1 };
            setup(&s, &c);
            if (cause != RATE && cause != GRADIENT) CHECK_OK(distill_step(s.d, &log), &s.err);
            const long step = s.d->step;
            Backdrop *b = &s.d->particle[0].backdrop;
            for (size_t i = 0; i < s.d->field->n && cause == PARAMETERS; i++) s.d->field->theta[i] = (real)NAN;
            if (cause == MOMENT) s.d->m[5] = (real)NAN;
            if (cause == LARGE) s.flat.size = sizeof(real) == 4 ? R(1e30) : (real)1e200;          /* whose square is not finite */
            if (cause == SQUARE) s.flat.size = sizeof(real) == 4 ? R(3e19) : (real)2e154;         /* whose own square is not */
            if (cause == VALUE) s.d->field->theta[0] = sizeof(real) == 4 ? R(1e25) : (real)1e160;
            if (cause == BEHIND) b->background->theta[0] = (real)NAN;
            if (cause == BEHIND_MOMENT) b->m[1] = (real)NAN;
            if (cause == BEHIND_LARGE) b->v[1] = (real)INFINITY;
            int status = 0;
            while (status == 0 && s.d->step < 4) status = distill_step(s.d, &log);
            char start[96];
            snprintf(start, sizeof start, "step %ld, sds: %s", step, says[cause]);
            CHECK(status != 0 && strncmp(s.err.msg, start, strlen(start)) == 0 && strstr(s.err.msg, ", expected finite values; the last checkpoint is as it was") != NULL,
                  "cause %d, %s: status %d, '%s'", cause, field_kind_names[c.field], status, s.err.msg);
            teardown(&s);
        }
}

/* Neither the baselines of ssd nor a prior know of steps. */
static void what_others_cannot_do_is_placed(void)
{
    static const struct { const char *estimator; PhiKind phi; int refusal; const char *says; } cases[] = {
        { "ssd", PHI_PEARSON_DEPTH, 0, "step 3, ssd: pearson: found depth without variance, expected values that differ" },
        { "ssd", PHI_QUADRATIC, 7, "step 3, ssd: no answer" },
        { "asd", PHI_NONE, 13, "step 3, asd: no answer" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Setup s;
        StepLog log;
        DistillConfig c = config();
        c.draw.estimator = estimator_find(cases[i].estimator);
        c.phi = cases[i].phi;
        setup(&s, &c);
        s.flat.refusal = cases[i].refusal;
        for (int k = 0; k < 3; k++) CHECK_OK(distill_step(s.d, &log), &s.err);
        for (size_t k = 0; k < s.d->field->n && cases[i].refusal == 0; k++) s.d->field->theta[k] = R(-1e4);       /* a density of 0 */
        CHECK(distill_step(s.d, &log) != 0 && strcmp(s.err.msg, cases[i].says) == 0, "%s", s.err.msg);
        teardown(&s);
    }
}

static void memory_failures_are_reported(void)
{
    const ScheduleConfig sd = schedule_config_sd();
    Err e = { 0 };
    Schedule *S = schedule_new(&sd, &e);
    Flat flat = { .S = S };
    const Denoiser D = { 3, SIDE, SIDE, flat_predict, &flat };
    const DistillConfig c = config();
    int failures = 0;
    for (long n = 1; n < 40; n++) {
        Err err = { 0 };
        StepLog log;
        mem_fail_at(n);
        Distill *d = distill_new(&c, S, &D, &err);
        const int status = d == NULL ? -1 : distill_step(d, &log);
        mem_fail_at(0);
        CHECK((status != 0) == err.set, "allocation %ld: status %d, message %d", n, status, err.set);
        if (status != 0) CHECK(strstr(err.msg, "out of memory") != NULL && (strncmp(err.msg, "step 0, sds: ", 13) == 0) == (d != NULL), "%s", err.msg);
        failures += status != 0;
        distill_free(d);
    }
    CHECK(failures > 8 && failures < 39, "%d of 39 failed", failures);
    schedule_free(S);
}

static void psnr_known_answers(void)
{
    real a[12] = { 0 }, b[12] = { 0 }, mask[4] = { 1, 0, 0, 0 };
    CHECK(psnr(a, b, NULL, 4) == 99.0, "equal images");
    for (int i = 0; i < 12; i++) b[i] = R(0.5);
    CHECK_LE(fabs(psnr(a, b, NULL, 4) - 6.020599913279624), 1e-12, "mse 1/4: 10 log10 4");
    for (int i = 0; i < 12; i++) b[i] = i % 4 == 0 ? R(0.25) : R(0.5);
    CHECK_LE(fabs(psnr(a, b, mask, 4) - 12.041199826559248), 1e-12, "mse 1/16 in the mask");
    mask[0] = 0;
    CHECK(isnan(psnr(a, b, mask, 4)), "no pixel");
}

int main(void)
{
    TEST(a_fitted_mu_is_remembered);
    TEST(mu_comes_from_the_other_views);
    TEST(the_ode_is_remembered);
    TEST(a_budget_ends_the_run);
    TEST(renders_of_another_size);
    TEST(levels_join_in_the_first_half);
    TEST(the_loop_reaches_the_one_image);
    TEST(resumed_bytes_are_the_same);
    TEST(thresholds_of_grids);
    TEST(a_grid_that_skips_nothing_is_none);
    TEST(a_grid_is_remembered);
    TEST(a_grid_hides_no_nan);
    TEST(a_checkpoint_is_finite);
    TEST(normals_are_as_asked_for);
    TEST(an_image_has_one_view);
    TEST(a_nan_stops_the_run);
    TEST(what_blows_up_is_named);
    TEST(what_others_cannot_do_is_placed);
    TEST(memory_failures_are_reported);
    TEST(psnr_known_answers);
    return test_end();
}
