/* t_regularise_step.c -- regularisers in the loop: what they add to the gradient of a step, what a step reports, and when they do nothing */
#include "ref/distill.h"
#include "tensor/mem.h"
#include "tensor/rng.h"
#include "tests/harness.h"

#include <math.h>

enum { SIDE = 11, PIXELS = SIDE * SIDE, VIEWS = 2, SAMPLES = 9 };

/* A prior that has an opinion, and needs nothing. */
static int predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err)
{
    (void)self;
    (void)t;
    (void)cond;
    (void)err;
    for (int i = 0; i < 3 * PIXELS; i++) eps[i] = R(0.5) * xt[i] + R(0.01);
    return 0;
}

static DistillConfig config(const char *estimator)
{
    return (DistillConfig){
        .field = FIELD_VOXEL, .grid = 5, .blob_peak = 3, .blob_slope = 2, .resolution = SIDE, .samples = SAMPLES, .jitter = 1,
        .background = { R(0.5), R(0.5), R(0.5) }, .views = VIEWS, .view_mode = VIEWS_INDEPENDENT,
        .range = { R(-10.0), R(45.0), R(-180.0), R(180.0), R(2.5), R(2.5), R(40.0), R(60.0) },
        .steps = 10, .seed = 4, .lr = R(0.1), .lr_end = R(0.1), .draw = {
            .estimator = estimator_find(estimator), .settings = { .guidance = 1, .weight = WEIGHT_SDS, .mu1 = R(0.5) },
            .timesteps = { TIMESTEP_LINEAR, 0.02, 0.98, 0.5, 0.2 },
        },
        .phi = PHI_QUADRATIC,
    };
}

typedef struct Setup { Err err; Schedule *S; Denoiser D; Distill *d; } Setup;
static void setup(Setup *s, const DistillConfig *c)
{
    const ScheduleConfig sd = schedule_config_sd();
    *s = (Setup){ .D = { 3, SIDE, SIDE, predict, NULL } };
    s->S = schedule_new(&sd, &s->err);
    s->d = distill_new(c, s->S, &s->D, &s->err);
    CHECK(s->d != NULL, "%s", s->err.msg);
    for (size_t i = 0; i < s->d->field->n; i++) s->d->field->theta[i] += R(0.3) * (real)(i % 7) - R(1.0);      /* not symmetric, colours too */
}
static void teardown(Setup *s)
{
    distill_free(s->d);
    schedule_free(s->S);
}

/* The mean over the views of J^T d, of sparsity 20, opaqueness 30, z-variance 40 (their halves, of two views); and tv 3. y: means over the views. */
static void by_hand(real *gradient, real y[REGULARISERS], const Distill *d, real *theta)
{
    real opacity[PIXELS], z[PIXELS], d_opacity[PIXELS], d_z[PIXELS], jitter[PIXELS * SAMPLES];
    const Field f = { .config = d->field->config, .n = d->field->n, .theta = theta };
    for (int j = 0; j < VIEWS; j++) {
        const View *v = &d->view[j];
        const RenderSettings s = { .samples = SAMPLES, .background = { R(0.5), R(0.5), R(0.5) }, .jitter = jitter };
        Camera c;
        camera_look_at(&c, (double)v->elevation, (double)v->azimuth, (double)v->distance, (double)v->fovy, SIDE, SIDE);
        rng_uniform(jitter, (RngAt){ 4, (uint32_t)j, 0, RNG_JITTER }, PIXELS * SAMPLES);
        render_view(&(RenderOut){ .opacity = opacity, .z_variance = z }, d->renderer, &f, &c, &s);
        memset(d_opacity, 0, sizeof d_opacity);
        memset(d_z, 0, sizeof d_z);
        y[REG_SPARSITY] += reg_sparsity(d_opacity, opacity, R(10.0), PIXELS) / VIEWS;
        y[REG_OPAQUENESS] += reg_opaqueness(d_opacity, opacity, R(15.0), PIXELS) / VIEWS;
        y[REG_Z_VARIANCE] += reg_z_variance(d_z, z, opacity, R(20.0), PIXELS) / VIEWS;
        render_pull(gradient, d->renderer, &f, &c, &s, &(RenderOut){ .opacity = d_opacity, .z_variance = d_z });
    }
    y[REG_TV] = reg_tv(gradient, theta, 3, f.config.size, 4);
}

/* The gradient of a first step with regularisers is that without and what they add; of leave-one-out, whose views are rendered twice, once. */
static void gradients_add_up(void)
{
    static const struct { const char *estimator; MuKind mu; } cases[] = { { "sds", MU_NUMBER }, { "ssd", MU_LEAVE_ONE_OUT } };
    enum { N = 5 * 5 * 5 * 4 };
    for (int k = 0; k < 2; k++) {
        Setup plain, with;
        StepLog log, quiet;
        DistillConfig c = config(cases[k].estimator);
        c.mu = cases[k].mu;
        setup(&plain, &c);
        c.regularising.weight[REG_SPARSITY] = (Ramp){ { 20 }, 1 };
        c.regularising.weight[REG_OPAQUENESS] = (Ramp){ { 0, 30, 0, 5 }, 4 };
        c.regularising.weight[REG_Z_VARIANCE] = (Ramp){ { 40 }, 1 };
        c.regularising.weight[REG_TV] = (Ramp){ { 3 }, 1 };
        setup(&with, &c);
        real theta[N], want[N] = { 0 }, y[REGULARISERS] = { 0 };
        memcpy(theta, plain.d->field->theta, sizeof theta);
        CHECK_OK(distill_step(plain.d, &quiet), &plain.err);
        CHECK_OK(distill_step(with.d, &log), &with.err);
        by_hand(want, y, with.d, theta);
        double off = 0, size = 0, without = 0;
        for (int i = 0; i < N; i++) {
            const double added = (double)with.d->gradient[i] - (double)plain.d->gradient[i];
            off += (added - (double)want[i]) * (added - (double)want[i]);
            size += (double)want[i] * (double)want[i];
            without += (double)plain.d->gradient[i] * (double)plain.d->gradient[i];
        }
        CHECK_LE(sqrt(off / (size + without)), 50 * (double)REAL_EPS, "%s", cases[k].estimator);
        CHECK(size > 0.01 * without && without > 0, "%s: what is added has size %g, what is there %g", cases[k].estimator, sqrt(size), sqrt(without));
        for (int i = 0; i < REGULARISERS; i++) {
            const double said = (double)log.regulariser[i];
            CHECK_LE(fabs(said - (double)y[i]), 4 * (double)REAL_EPS * (double)y[i], "%s is reported as %g", regulariser_info[i].name, said);
            CHECK(quiet.regulariser[i] == 0 && (y[i] != 0) == regulariser_used(&c.regularising, (Regulariser)i), "%s", regulariser_info[i].name);
        }
        CHECK(log.grad_rms == quiet.grad_rms && log.t == quiet.t, "the estimator's own");
        teardown(&plain);
        teardown(&with);
    }
}

/* A weight that is 0 from step 2 on: the rest of the run has the bits of a run without, from where it is. With consensus, too. */
static void a_ramp_ends(void)
{
    for (int consensus = 0; consensus < 2; consensus++) {
        Setup a, b;
        StepLog log[2];
        DistillConfig c = config("sds");
        c.consensus = consensus;
        setup(&b, &c);
        c.regularising.weight[REG_SPARSITY] = (Ramp){ { 0, 100, 0, 2 }, 4 };
        c.regularising.weight[REG_TV] = (Ramp){ { 0, 1, 0, 1 }, 4 };
        setup(&a, &c);
        for (int k = 0; k < 5; k++) {
            CHECK_OK(distill_step(a.d, &log[0]), &a.err);
            CHECK_OK(distill_step(b.d, &log[1]), &b.err);
            CHECK((log[0].regulariser[REG_SPARSITY] != 0) == (k < 2) && (log[0].regulariser[REG_TV] != 0) == (k < 1), "step %d", k);
            const size_t bytes = a.d->field->n * sizeof(real);
            CHECK((memcmp(a.d->gradient, b.d->gradient, bytes) == 0) == (k >= 2), "step %d, consensus %d", k, consensus);
            memcpy(b.d->field->theta, a.d->field->theta, bytes);
            memcpy(b.d->m, a.d->m, bytes);
            memcpy(b.d->v, a.d->v, bytes);
            b.d->consensus = a.d->consensus;
        }
        teardown(&a);
        teardown(&b);
    }
}

/* They do what they are for: less opacity, a smoother grid, opacities nearer to 0 and 1. */
static void they_have_their_way(void)
{
    static const Regulariser each[] = { REG_SPARSITY, REG_OPAQUENESS, REG_Z_VARIANCE, REG_TV };
    for (size_t k = 0; k < sizeof each / sizeof each[0]; k++) {
        Setup s;
        StepLog first, last;
        DistillConfig c = config("sds");
        c.steps = 20;
        c.regularising.weight[each[k]] = (Ramp){ { 1e5 }, 1 };
        setup(&s, &c);
        CHECK_OK(distill_step(s.d, &first), &s.err);
        while (s.d->step < 20) CHECK_OK(distill_step(s.d, &last), &s.err);
        CHECK_LE(last.regulariser[each[k]], R(0.9) * first.regulariser[each[k]], "%s", regulariser_info[each[k]].name);
        teardown(&s);
    }
}

static void memory_failures_are_reported(void)
{
    const ScheduleConfig sd = schedule_config_sd();
    Err e = { 0 };
    Schedule *S = schedule_new(&sd, &e);
    const Denoiser D = { 3, SIDE, SIDE, predict, NULL };
    DistillConfig c = config("sds");
    c.regularising.weight[REG_SPARSITY] = (Ramp){ { 1 }, 1 };
    int ours = 0;
    for (long n = 1; n < 40; n++) {
        Err err = { 0 };
        StepLog log;
        mem_fail_at(n);
        Distill *d = distill_new(&c, S, &D, &err);
        const int status = d == NULL ? -1 : distill_step(d, &log);
        mem_fail_at(0);
        CHECK((status != 0) == err.set, "allocation %ld: status %d, message %d", n, status, err.set);
        ours += status != 0 && strstr(err.msg, "maps of the regularisers") != NULL;
        distill_free(d);
    }
    CHECK(ours == 1, "%d failures of the maps", ours);
    schedule_free(S);
}

int main(void)
{
    TEST(gradients_add_up);
    TEST(a_ramp_ends);
    TEST(they_have_their_way);
    TEST(memory_failures_are_reported);
    return test_end();
}
