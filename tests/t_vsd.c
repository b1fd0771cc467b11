/* t_vsd.c -- VSD in a run: the LoRA's loss, gradient and AdamW against sums of their own; what it is at the start; what it leaves alone; the exact
 * score of several particles; whose turn it is; what counts as a call
 */
#include "ref/distill.h"
#include "ref/lora_score.h"
#include "ref/metrics.h"
#include "sampler/step.h"
#include "tensor/par.h"
#include "tensor/rng.h"
#include "tensor/sum.h"
#include "tests/pipeline_folder.h"

#include <math.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE, N = 3 * PIXELS, RANK = 4, SEED = 5 };
#ifdef SDREF_F64
#define TIGHT 1e-11
#else
#define TIGHT 2e-4
#endif

static const char prompt[] = "a cat";
static const View front = { R(0.0), R(0.0), R(2.0), R(40.0) };     /* the camera stands on +x at 2 and looks at -x */
static const real front_numbers[PRIOR_CAMERA] = { 0, 0, 1, 2,   1, 0, 0, 0,   0, 1, 0, 0,   0, 0, 0, 1 };

/* A pipeline of 8x8 pixels that predicts the noise, or v. */
typedef struct Setup { char folder[FOLDER_PATH]; Err err; Pipeline *p; real x0[N]; } Setup;
static void setup(Setup *s, int v)
{
    *s = (Setup){ .p = NULL };
    folder_pixels(s->folder);
    if (v) folder_edit(s->folder, "scheduler/scheduler_config.json", "\"epsilon\"", "\"v_prediction\"");
    s->p = pipeline_open(s->folder, NULL, &s->err);
    CHECK(s->p != NULL, "%s", s->err.msg);
    if (s->p == NULL) exit(1);
    rng_uniform(s->x0, (RngAt){ 1, 0, 0, RNG_PROBE }, N);
    for (int i = 0; i < N; i++) s->x0[i] = R(2.0) * s->x0[i] - R(1.0);
}
static void teardown(Setup *s)
{
    pipeline_free(s->p);
    folder_end(s->folder);
}

static LoraScore *score_of(Setup *s, int camera, double lr)
{
    const LoraScoreConfig c = { camera, lr, SEED };
    LoraScore *l = lora_score_new(s->p, prompt, SIDE, SIDE, &c, &s->err);
    CHECK(l != NULL, "%s", s->err.msg);
    if (l == NULL) exit(1);
    return l;
}

/* The LoRA's state as a file; to be closed. */
static StFile *state_of(const LoraScore *l)
{
    char path[] = "/tmp/sdref-vsd-XXXXXX";
    Err err = { 0 };
    const int file = mkstemp(path);
    CHECK(file >= 0 && close(file) == 0, "%s", path);
    StWriter *w = stw_new(&err);
    lora_score_put(l, w);
    CHECK_OK(stw_write(w, path, &err), &err);
    stw_free(w);
    StFile *f = golden_open(path);
    unlink(path);
    return f;
}

/* ---- the start ---- */

static void ask(real *eps, const Denoiser *D, const real *xt, int t, CondKind kind, Err *err)
{
    const Cond cond = { .kind = kind, .view = front };
    CHECK_OK(D->predict(D->self, eps, xt, t, &cond, err), err);
}

/* Neither the LoRA nor the camera changes a bit of the prior's prediction for the prompt without its view; VSD is then the classifier's direction. */
static void a_fresh_lora_is_the_prior(void)
{
    static const int ts[3] = { 20, 500, 980 };
    Setup s;
    setup(&s, 1);
    const ViewThresholds thresholds = view_thresholds_default();
    Prior *plain = prior_new(s.p, prompt, NULL, SIDE, SIDE, &s.err);
    Prior *viewed = prior_new_views(s.p, prompt, NULL, CONDITION_VIEW, &thresholds, SIDE, SIDE, &s.err);
    const Denoiser D = prior_denoiser(plain), D_view = prior_denoiser(viewed);
    for (int camera = 0; camera < 2; camera++) {
        LoraScore *l = score_of(&s, camera, 1e-4);
        const Denoiser D_phi = lora_score_denoiser(l);
        Arena *arena = arena_new(&s.err);
        const Estimate k = { .S = s.p->S, .D = &D, .D_phi = &D_phi, .view = front, .arena = arena, .err = &s.err };
        for (int i = 0; i < 3; i++) {
            real noise[N], xt[N], cond[N], none[N], phi[N], other[N], grad[N];
            rng_normal(noise, (RngAt){ 2, 0, 0, RNG_PROBE }, N);
            diffuse(xt, s.x0, noise, s.p->S, ts[i], N);
            ask(cond, &D, xt, ts[i], COND_TEXT, &s.err);
            ask(none, &D, xt, ts[i], COND_NULL, &s.err);
            ask(phi, &D_phi, xt, ts[i], COND_TEXT, &s.err);
            ask(other, &D_view, xt, ts[i], COND_TEXT, &s.err);
            CHECK(memcmp(phi, cond, sizeof phi) == 0, "camera %d, t %d: another prediction", camera, ts[i]);
            CHECK(memcmp(phi, other, sizeof phi) != 0, "the view's words change nothing");
            const Step p = { .t = ts[i], .guidance = R(3.0), .weight = WEIGHT_SDS, .noise = noise };
            CHECK_OK(vsd_grad(grad, s.x0, &p, &k), &s.err);
            const double w = 1 - sched_abar64(s.p->S, ts[i]);
            for (int j = 0; j < N; j++) {
                const double ec = (double)cond[j], eu = (double)none[j], bar = 4 * (double)REAL_EPS * w * (fabs(eu) + 4 * fabs(ec));
                CHECK_LE(fabs((double)grad[j] - w * 2 * (ec - eu)), bar, "t %d, value %d", ts[i], j);
            }
        }
        arena_free(arena);
        lora_score_free(l);
    }
    prior_free(plain);
    prior_free(viewed);
    teardown(&s);
}

/* ---- learning ---- */

/* A LoRA with a camera whose values are all drawn, none 0; its score has the same. dir: along which every value is moved by h. */
static void drawn(Lora *l, Setup *s, double h)
{
    CHECK_OK(lora_new(l, s->p->unet->params, RANK, SEED, &s->err), &s->err);
    CHECK_OK(lora_add_camera(l, PRIOR_CAMERA, s->p->unet->params, SEED, &s->err), &s->err);
    for (int i = 0; i < params_count(l->params); i++) {
        const size_t n = params_at(l->params, i)->n;
        real *v = params_values(l->params, i, &s->err);
        for (size_t k = 0; k < n; k++) {
            const double a = rng_normal_at((RngAt){ 3, (uint32_t)i, 0, RNG_PROBE }, (uint32_t)k);
            v[k] = (real)(0.2 * a + h * rng_normal_at((RngAt){ 4, (uint32_t)i, 0, RNG_PROBE }, (uint32_t)k));
        }
    }
}

static void give(LoraScore *score, const Lora *l, Err *err)
{
    char path[] = "/tmp/sdref-vsd-XXXXXX", name[400];
    static const char *const before[3] = { "lora.", "lora.m.", "lora.v." };
    const int file = mkstemp(path);
    real *zero = mem_new(params_total(l->params), sizeof *zero, "moments", err);
    StWriter *w = stw_new(err);
    CHECK(file >= 0 && close(file) == 0, "%s", path);
    for (int i = 0; i < params_count(l->params); i++)
        for (int part = 0; part < 3; part++) {
            const Weight *v = params_at(l->params, i);
            snprintf(name, sizeof name, "%s%s", before[part], v->name);
            stw_add(w, name, ST_REAL, v->s.nd, v->s.d, part == 0 ? v->at : zero);
        }
    CHECK_OK(stw_write(w, path, err), err);
    stw_free(w);
    mem_free(zero);
    StFile *f = golden_open(path);
    CHECK_OK(lora_score_load(score, f, err), err);
    st_close(f);
    unlink(path);
}

/* The loss of view j in step k of draws, in binary64 but for the network, which is walked here with tensors of our own. */
static double by_hand(Setup *s, const Lora *l, int j, uint32_t k)
{
    const RngAt draw = { SEED, (uint32_t)j, k, RNG_LORA_TIME };
    const int t = (int)rng_below(draw, 0, 1000), told = rng_uniform_at(draw, 1) >= 0.1;
    const double time = t, abar = sched_abar64(s->p->S, t), at = sqrt(abar), st = sqrt(1 - abar);
    Err err = { 0 };
    TextStates text;
    Net n;
    Tape *tape = tape_new(&err);
    CHECK_OK(pipeline_text(&text, s->p, COND_TEXT, prompt, &err), &err);
    tape_recording(tape, 0);
    net_begin(&n, tape, s->p->unet->params, &err);
    n.lora = l;
    Tensor *x = tensor_new(tape, (Shape){ 4, { 1, 3, SIDE, SIDE } }, 0, "x_t"), *c = tensor_new(tape, (Shape){ 2, { 1, PRIOR_CAMERA } }, 0, "camera");
    for (int i = 0; i < PRIOR_CAMERA; i++) c->v[i] = told ? front_numbers[i] : 0;
    const RngAt noise = { SEED, (uint32_t)j, k, RNG_LORA };
    for (int i = 0; i < N; i++) x->v[i] = (real)(at * (double)s->x0[i] + st * rng_normal_at(noise, (uint32_t)i));
    Tensor *states = tensor_view(tape, (Shape){ 3, { 1, text.L, text.E } }, text.states, NULL, "text");
    const UNetInput in = { .sample = x, .timestep = &time, .encoder_hidden_states = states, .camera = c };
    const Tensor *y = unet_forward(&n, s->p->unet, &in);
    CHECK(y != NULL, "%s", err.msg);
    double loss = 0;
    for (int i = 0; i < N && y != NULL; i++) {
        const double e = (double)(real)rng_normal_at(noise, (uint32_t)i), v = at * e - st * (double)s->x0[i];
        const double d = (double)y->v[i] - (s->p->S->config.prediction_type == PREDICT_V ? v : e);
        loss += d * d / N;
    }
    text_states_free(&text);
    tape_free(tape);
    return loss;
}

/* A step of this seed in which view 0 is told the camera, or is not. */
static uint32_t step_with(int told)
{
    uint32_t k = 0;
    while ((rng_uniform_at((RngAt){ SEED, 0, k, RNG_LORA_TIME }, 1) >= 0.1) != told) k++;
    return k;
}

static void the_loss_is_the_mean_square(void)
{
    for (int v = 0; v < 2; v++) {
        Setup s;
        Lora l;
        setup(&s, v);
        LoraScore *score = score_of(&s, 1, 1e-3);
        drawn(&l, &s, 0);
        give(score, &l, &s.err);
        for (int told = 0; told < 2; told++) {
            const uint32_t k = step_with(told);
            const double want = by_hand(&s, &l, 0, k);
            real loss;
            CHECK_OK(lora_score_learn(score, &loss, s.x0, &front, 0, k, R(1.0), &s.err), &s.err);
            CHECK_LE(fabs((double)loss - want), TIGHT * want, "v %d, told %d", v, told);
        }
        lora_score_free(score);
        lora_close(&l);
        teardown(&s);
    }
}

/* One step of AdamW from moments of 0, on half the gradients of two views: m is a tenth of the gradient, v a hundredth of its square, and the values
 * move by these. The gradient along one direction of all values: central differences of the loss by hand, Richardson's, in binary64. */
static void an_update_is_adamw(void)
{
    static const double h[4] = { 1e-3, -1e-3, 5e-4, -5e-4 };
    const double lr = 1e-3;
    const uint32_t step = 0;
    Setup s;
    Lora l;
    real loss;
    setup(&s, 1);
    LoraScore *score = score_of(&s, 1, lr);
    drawn(&l, &s, 0);
    give(score, &l, &s.err);
    for (int j = 0; j < 2; j++) CHECK_OK(lora_score_learn(score, &loss, s.x0, &front, j, step, R(0.5), &s.err), &s.err);
    CHECK_OK(lora_score_update(score, step, &s.err), &s.err);
    StFile *f = state_of(score);
    double slope = 0;
    for (int i = 0; i < params_count(l.params); i++) {
        const Weight *w = params_at(l.params, i);
        const real *was = w->at;
        real *value[3];
        static const char *const before[3] = { "lora.", "lora.m.", "lora.v." };
        for (int part = 0; part < 3; part++) {
            char name[400];
            snprintf(name, sizeof name, "%s%s", before[part], w->name);
            value[part] = mem_new(w->n, sizeof(real), name, &s.err);
            golden_real(value[part], f, name, w->n);
        }
        for (size_t k = 0; k < w->n; k++) {
            const double g = (double)value[1][k] / 0.1, v = (double)value[2][k];
            const double want = (double)was[k] * (1 - lr * 0.01) - (v > 0 ? lr * g / sqrt(v / 0.01) : 0);
            slope += g * rng_normal_at((RngAt){ 4, (uint32_t)i, 0, RNG_PROBE }, (uint32_t)k);
            CHECK_LE(fabs(v - 0.01 * g * g), 1e-5 * 0.01 * g * g + 1e-37, "%s, second moment %zu", w->name, k);
            CHECK_LE(fabs((double)value[0][k] - want), 1e-5 * lr + (double)REAL_EPS * fabs(want), "%s, value %zu", w->name, k);
        }
        for (int part = 0; part < 3; part++) mem_free(value[part]);
    }
    double at[4];
    for (int k = 0; k < 4; k++) {
        Lora moved;
        drawn(&moved, &s, h[k]);
        at[k] = 0.5 * by_hand(&s, &moved, 0, step) + 0.5 * by_hand(&s, &moved, 1, step);
        lora_close(&moved);
    }
    const double coarse = (at[0] - at[1]) / 2e-3, fine = (at[2] - at[3]) / 1e-3;
#ifdef SDREF_F64
    CHECK_LE(fabs((4 * fine - coarse) / 3 - slope), 1e-6 * fabs(slope), "slope %.12g, differences %.12g %.12g", slope, coarse, fine);
#else
    CHECK_LE(fabs(fine - slope), 0.05 * fabs(slope), "slope %.12g, differences %.12g %.12g", slope, coarse, fine);
#endif
    /* what was added up is gone: learning a share of nothing leaves moments that only shrink */
    CHECK_OK(lora_score_update(score, 1, &s.err), &s.err);
    StFile *later = state_of(score);
    const char *name = "lora.m.class_embedding.linear_2.bias";
    real a[64], b[64];
    const size_t n = (size_t)st_find(f, name)->count;
    golden_real(a, f, name, n);
    golden_real(b, later, name, n);
    for (size_t k = 0; k < n; k++) CHECK_LE(fabs((double)b[k] - 0.9 * (double)a[k]), 1e-6 * fabs((double)a[k]), "moment %zu", k);
    st_close(f);
    st_close(later);
    lora_score_free(score);
    lora_close(&l);
    teardown(&s);
}

/* On one fixed render the loss falls; not a byte of the network's own weights changes, and none of them has a gradient. */
static void training_lowers_the_loss_and_touches_nothing_else(void)
{
    enum { PROBES = 8, STEPS = 25 };
    Setup s;
    setup(&s, 1);
    Params *own = s.p->unet->params;
    size_t bytes = 0, at = 0;
    for (int i = 0; i < params_count(own); i++) bytes += params_at(own, i)->n * store_bytes(params_at(own, i)->store);
    unsigned char *copy = mem_new(bytes, 1, "weights", &s.err);
    for (int i = 0; i < params_count(own); at += params_at(own, i)->n * store_bytes(params_at(own, i)->store), i++)
        memcpy(copy + at, params_at(own, i)->at, params_at(own, i)->n * store_bytes(params_at(own, i)->store));
    LoraScore *l = score_of(&s, 1, 0.01);
    double loss[2] = { 0, 0 };
    for (int pass = 0; pass < 2; pass++) {
        real one;
        for (int k = 0; k < STEPS && pass == 1; k++) {
            CHECK_OK(lora_score_learn(l, &one, s.x0, &front, 0, k, R(1.0), &s.err), &s.err);
            CHECK_OK(lora_score_update(l, k, &s.err), &s.err);
        }
        for (int j = 1; j <= PROBES; j++) {
            CHECK_OK(lora_score_learn(l, &one, s.x0, &front, j, 0, R(0.0), &s.err), &s.err);
            loss[pass] += (double)one / PROBES;
        }
    }
    CHECK_LE(loss[1], 0.8 * loss[0], "before %g", loss[0]);
    at = 0;
    for (int i = 0; i < params_count(own); i++) {
        const Weight *w = params_at(own, i);
        const size_t n = w->n * store_bytes(w->store);
        CHECK(memcmp(copy + at, w->at, n) == 0 && w->g == NULL, "%s", w->name);
        at += n;
    }
    mem_free(copy);
    lora_score_free(l);
    teardown(&s);
}

/* ---- in the loop ---- */

static DistillConfig config(FieldKind field, int views, int particles)
{
    return (DistillConfig){
        .field = field, .grid = 5, .blob_peak = 2, .blob_slope = 1, .resolution = SIDE, .samples = 6, .background = { R(0.5), R(0.4), R(0.3) },
        .views = views, .view_mode = VIEWS_ANTIPODAL, .range = { R(-10.0), R(45.0), R(-180.0), R(180.0), R(2.5), R(2.5), R(40.0), R(40.0) },
        .steps = 12, .seed = SEED, .lr = R(0.2), .lr_end = R(0.02), .particles = particles, .draw = {
            .estimator = estimator_find("vsd"), .settings = { .guidance = 3, .weight = WEIGHT_SDS },
            .timesteps = { TIMESTEP_UNIFORM, 0.02, 0.98, 0.5, 0.2 },
        },
    };
}

/* The exact score is that of every particle's render before its own background, skipping by its own grid: the step of one feels what is behind the
 * other, and whether the other is skipped. */
static void particles_have_backgrounds_and_grids_of_their_own(void)
{
    enum { THETA = 5 * 5 * 5 * 4 };
    Setup s;
    setup(&s, 0);
    Prior *prior = prior_new(s.p, prompt, NULL, SIDE, SIDE, &s.err);
    const Denoiser D = prior_denoiser(prior);
    DistillConfig c = config(FIELD_VOXEL, 2, 2);
    real gradient[3][THETA];
    c.occupancy = 3;
    c.blob_peak = R(-5.0);                                   /* renders so alike that both have a share in the score */
    c.learnt = 1;
    c.background_config = (BackgroundConfig){ .kind = BACKGROUND_COLOUR };
    c.background_lr = R(0.01);
    const int other = 1 - (int)rng_below((RngAt){ SEED, 0, 0, RNG_PARTICLE }, 0, 2);
    for (int i = 0; i < 3; i++) {
        StepLog log;
        Distill *d = distill_new(&c, s.p->S, &D, &s.err);
        d->particle[other].backdrop.background->theta[1] = i == 1 ? R(1.2) : R(1.0);
        d->particle[other].occupancy->updates = i == 2;                  /* of peaks that are 0 */
        CHECK_OK(distill_step(d, &log), &s.err);
        CHECK(d->field->n == THETA && d->particle[other].step == 0, "the other one's step");
        memcpy(gradient[i], d->gradient, sizeof gradient[i]);
        distill_free(d);
    }
    CHECK(memcmp(gradient[0], gradient[1], sizeof gradient[0]) != 0, "the other background is not seen");
    CHECK(memcmp(gradient[0], gradient[2], sizeof gradient[0]) != 0, "the other grid is not asked");
    prior_free(prior);
    teardown(&s);
}

/* A step's loop and `learn` agree: the K renders, each with its camera, number and share. A step is 4 calls a view. */
static void the_loop_teaches_every_render(void)
{
    Setup s;
    setup(&s, 0);
    Prior *prior = prior_new(s.p, prompt, NULL, SIDE, SIDE, &s.err);
    const Denoiser D = prior_denoiser(prior);
    const DistillConfig c = config(FIELD_VOXEL, 2, 1);
    Distill *d = distill_new(&c, s.p->S, &D, &s.err);
    LoraScore *l = score_of(&s, 1, 1e-3), *same = score_of(&s, 1, 1e-3);
    d->lora = l;
    View view[2];
    double mean = 0;
    view_sample(view, 2, &c.range, c.view_mode, c.seed, 0);
    for (int j = 0; j < 2; j++) {
        real x0[N], loss;
        CHECK_OK(distill_picture(x0, NULL, NULL, NULL, d, &view[j], SIDE, SIDE, &s.err), &s.err);
        for (int i = 0; i < N; i++) x0[i] = r_fma(R(2.0), x0[i], R(-1.0));
        CHECK_OK(lora_score_learn(same, &loss, x0, &view[j], j, 0, R(0.5), &s.err), &s.err);
        mean += 0.5 * (double)loss;
    }
    CHECK_OK(lora_score_update(same, 0, &s.err), &s.err);
    StepLog log;
    CHECK_OK(distill_step(d, &log), &s.err);
    CHECK(d->calls == 8, "%ld calls", d->calls);
    CHECK_LE(fabs((double)log.lora_loss - mean), 1e-6 * mean, "the loss");
    StFile *a = state_of(l), *b = state_of(same);
    for (int i = 0; i < st_count(a); i++)
        CHECK(memcmp(st_at(a, i)->bytes, st_at(b, i)->bytes, st_at(a, i)->nbytes) == 0, "%s", st_at(a, i)->name);
    st_close(a);
    st_close(b);
    distill_free(d);
    lora_score_free(l);
    lora_score_free(same);
    prior_free(prior);
    teardown(&s);
}

/* Three particles and a LoRA: stopped after 7 of 12 steps and resumed on other threads, the same bytes. A state without a LoRA is refused. */
static void resumed_bytes_are_the_same(void)
{
    char path[] = "/tmp/sdref-vsd-XXXXXX", ends[2][32] = { "/tmp/sdref-vsd-XXXXXX", "/tmp/sdref-vsd-XXXXXX" };
    const int file = mkstemp(path), threads = par_threads();
    CHECK(file >= 0 && close(file) == 0, "%s", path);
    Setup s;
    setup(&s, 0);
    Prior *prior = prior_new(s.p, prompt, NULL, SIDE, SIDE, &s.err);
    const Denoiser D = prior_denoiser(prior);
    const DistillConfig c = config(FIELD_IMAGE, 1, 3);
    Distill *d[3];
    LoraScore *l[3];
    StepLog log;
    for (int i = 0; i < 3; i++) {
        d[i] = distill_new(&c, s.p->S, &D, &s.err);
        d[i]->lora = l[i] = score_of(&s, 0, 1e-3);
    }
    while (d[0]->step < 12) CHECK_OK(distill_step(d[0], &log), &s.err);
    par_threads_set(3);
    while (d[1]->step < 7) CHECK_OK(distill_step(d[1], &log), &s.err);
    CHECK_OK(distill_save(d[1], path, &s.err), &s.err);
    CHECK_OK(distill_load(d[2], path, &s.err), &s.err);
    while (d[2]->step < 12) CHECK_OK(distill_step(d[2], &log), &s.err);
    par_threads_set(threads);
    for (int i = 0; i < 2; i++) {
        close(mkstemp(ends[i]));
        CHECK_OK(distill_save(d[2 * i], ends[i], &s.err), &s.err);
    }
    void *bytes[2];
    size_t n[2];
    for (int i = 0; i < 2; i++) CHECK_OK(file_read(&bytes[i], &n[i], ends[i], 1 << 24, &s.err), &s.err);
    CHECK(n[0] == n[1] && memcmp(bytes[0], bytes[1], n[0]) == 0, "the states differ");
    for (int i = 0; i < 2; i++) mem_free(bytes[i]);

    d[1]->lora = NULL;
    CHECK_OK(distill_save(d[1], path, &s.err), &s.err);
    CHECK(distill_load(d[2], path, &s.err) != 0 && strstr(s.err.msg, path) != NULL && strstr(s.err.msg, "no tensor 'lora.") != NULL, "%s", s.err.msg);
    for (int i = 0; i < 3; i++) {
        distill_free(d[i]);
        lora_score_free(l[i]);
    }
    unlink(path);
    unlink(ends[0]);
    unlink(ends[1]);
    prior_free(prior);
    teardown(&s);
}

/* ---- the exact score ---- */

/* A prior of one flat image: eps = (x_t - alpha c)/sigma. */
typedef struct Flat { const Schedule *S; real colour[3]; } Flat;
static int flat_predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err)
{
    const Flat *f = self;
    (void)cond, (void)err;
    for (int i = 0; i < N; i++) eps[i] = (xt[i] - sched_alpha(f->S, t) * f->colour[i / PIXELS]) / sched_sigma(f->S, t);
    return 0;
}

typedef struct Exact { Err err; Schedule *S; Flat flat; Denoiser D; } Exact;
static void exact_setup(Exact *x)
{
    const ScheduleConfig sd = schedule_config_sd();
    *x = (Exact){ .S = NULL };
    x->S = schedule_new(&sd, &x->err);
    x->flat = (Flat){ x->S, { R(0.6), R(-0.2), R(0.1) } };
    x->D = (Denoiser){ 3, SIDE, SIDE, flat_predict, &x->flat };
}

/* max |a - b| <= bar max |b| */
static void check_close(const real *a, const real *b, size_t n, double bar, const char *what)
{
    double gap = 0;
    for (size_t i = 0; i < n; i++) gap = fmax(gap, fabs((double)a[i] - (double)b[i]));
    CHECK_LE(gap, bar * (double)max_abs(b, n), "%s", what);
}

/* A score of one particle is its noise, so VSD is SDS but for rounding; of several particles that are alike, too, which they are when the others are
 * rendered from the same camera with the same jitter. Adam's first moment after one step is a tenth of the gradient. A step is one call a view. */
static void alike_particles_are_sds(void)
{
    static const FieldKind kinds[2] = { FIELD_IMAGE, FIELD_VOXEL };
    Exact x;
    exact_setup(&x);
    for (int k = 0; k < 2; k++)
        for (int particles = 1; particles <= 3; particles += 2) {
            DistillConfig c = config(kinds[k], k + 1, particles);
            StepLog log;
            c.jitter = 1;
            c.draw.settings.guidance = 1;
            c.draw.timesteps = (TimestepPolicy){ TIMESTEP_UNIFORM, 0.9, 0.9, 0.5, 0.2 };
            Distill *vsd = distill_new(&c, x.S, &x.D, &x.err);
            c.draw.estimator = estimator_find("sds");
            Distill *sds = distill_new(&c, x.S, &x.D, &x.err);
            CHECK_OK(distill_step(vsd, &log), &x.err);
            CHECK_OK(distill_step(sds, &log), &x.err);
            CHECK(vsd->calls == k + 1, "%ld calls", vsd->calls);
            for (int i = 0; i < particles; i++) {
                const Particle *a = &vsd->particle[i], *b = &sds->particle[i];
                CHECK(a->step == b->step, "particle %d", i);
                check_close(a->m, b->m, a->field->n, 100 * (double)REAL_EPS, "first moment");
            }
            distill_free(vsd);
            distill_free(sds);
        }
    schedule_free(x.S);
}

/* Two images that differ: the gradient of the one whose turn it is, against the mixture's closed form in binary64. */
static void two_particles_share_a_score(void)
{
    Exact x;
    exact_setup(&x);
    for (int later = 0; later < 2; later++) {
        DistillConfig c = config(FIELD_IMAGE, 1, 2);
        c.draw.timesteps = (TimestepPolicy){ TIMESTEP_UNIFORM, later ? 0.3 : 0.95, later ? 0.3 : 0.95, 0.5, 0.2 };
        Distill *d = distill_new(&c, x.S, &x.D, &x.err);
        double x0[2][N], slope[2][N], power[2], xt[N];
        for (int i = 0; i < 2; i++)
            for (int k = 0; k < N; k++) {
                const real raw = (real)(0.3 * rng_normal_at((RngAt){ 6, (uint32_t)i, 0, RNG_PROBE }, (uint32_t)k));
                const double y = 1 / (1 + exp(-(double)raw));
                d->particle[i].field->theta[k] = raw;
                x0[i][k] = 2 * y - 1;
                slope[i][k] = 2 * y * (1 - y);
            }
        StepLog log;
        CHECK_OK(distill_step(d, &log), &x.err);
        const int turn = d->particle[1].step == 1, t = (int)(1000 * c.draw.timesteps.min);
        const double abar = sched_abar64(x.S, t), at = sqrt(abar), st = sqrt(1 - abar);
        CHECK(log.t == t && d->particle[turn].step == 1 && d->particle[!turn].step == 0, "t %d", log.t);
        for (int i = 0; i < 2; i++) {
            power[i] = 0;
            for (int k = 0; k < N; k++) {
                xt[k] = at * x0[turn][k] + st * rng_normal_at((RngAt){ SEED, 0, 0, RNG_NOISE }, (uint32_t)k);
                power[i] -= (xt[k] - at * x0[i][k]) * (xt[k] - at * x0[i][k]) / (2 * st * st);
            }
        }
        const double share = 1 / (1 + exp(power[0] - power[1]));       /* of particle 1 */
        for (int k = 0; k < N; k++) {
            const double prior = (xt[k] - at * (double)x.flat.colour[k / PIXELS]) / st;
            const double phi = (xt[k] - at * ((1 - share) * x0[0][k] + share * x0[1][k])) / st;
            const double want = st * st * (prior - phi) * slope[turn][k];
            CHECK_LE(fabs((double)d->particle[turn].m[k] / 0.1 - want), 5e3 * (double)REAL_EPS, "value %d, share %g", k, share);
            CHECK(d->particle[!turn].m[k] == 0, "the other's moment");
        }
        CHECK(later || (share > 0.02 && share < 0.98), "share %g: one particle alone counts, and nothing is tested", share);
        distill_free(d);
    }
    schedule_free(x.S);
}

/* Whose turn it is: RNG_PARTICLE at (seed, 0, step). Particles that started alike part; between steps the first is in hand. Adam counts each one's
 * own steps: the first moves a value by the learning rate, whenever it comes. */
static void particles_take_turns(void)
{
    enum { P = 4 };
    Exact x;
    exact_setup(&x);
    const DistillConfig c = config(FIELD_IMAGE, 1, P);
    Distill *d = distill_new(&c, x.S, &x.D, &x.err);
    long turns[P] = { 0 };
    real before[P][N];
    StepLog log;
    for (uint32_t k = 0; k < 12; k++) {
        const uint32_t turn = rng_below((RngAt){ SEED, 0, k, RNG_PARTICLE }, 0, P);
        for (int i = 0; i < P; i++) memcpy(before[i], d->particle[i].field->theta, sizeof before[i]);
        CHECK_OK(distill_step(d, &log), &x.err);
        const double rate = 0.2 * pow(0.1, k / 11.0);
        if (turns[turn]++ == 0)
            for (int i = 0; i < N; i++) {
                const double moved = fabs((double)d->particle[turn].field->theta[i] - (double)before[turn][i]);
                CHECK_LE(fabs(moved - rate), 1e-5 * rate, "step %u, value %d", k, i);
            }
        for (int i = 0; i < P; i++)
            CHECK((memcmp(before[i], d->particle[i].field->theta, sizeof before[i]) == 0) == (i != (int)turn), "step %u, particle %d", k, i);
        CHECK(d->field == d->particle[0].field && d->m == d->particle[0].m && d->v == d->particle[0].v, "another one is in hand");
    }
    for (int i = 0; i < P; i++) {
        CHECK(turns[i] > 0 && d->particle[i].step == turns[i], "particle %d: %ld steps, %ld turns", i, d->particle[i].step, turns[i]);
        for (int j = 0; j < i; j++) CHECK(memcmp(d->particle[i].field->theta, d->particle[j].field->theta, sizeof before[0]) != 0, "%d is %d", i, j);
    }
    distill_free(d);
    schedule_free(x.S);
}

/* ---- trouble ---- */

static void trouble_is_reported(void)
{
    Setup s;
    setup(&s, 0);
    LoraScore *l = score_of(&s, 0, 1e-3);
    real loss;
    s.x0[7] = (real)INFINITY;
    CHECK(lora_score_learn(l, &loss, s.x0, &front, 2, 9, R(1.0), &s.err) != 0, "an infinity was taken");
    CHECK(strstr(s.err.msg, "LoRA's loss") != NULL && strstr(s.err.msg, "of view 2,") != NULL, "%s", s.err.msg);
    s.x0[7] = 0;
    lora_score_free(l);
    s.err = (Err){ 0 };
    l = score_of(&s, 0, 1e-3);
    const real share = sizeof(real) == 4 ? R(1e28) : (real)1e190;      /* gradients whose squares are not finite */
    CHECK_OK(lora_score_learn(l, &loss, s.x0, &front, 0, 0, share, &s.err), &s.err);
    CHECK(lora_score_update(l, 0, &s.err) != 0 && strstr(s.err.msg, " of the LoRA: found inf at index ") != NULL
          && strncmp(s.err.msg, "Adam's second moment of ", 24) == 0, "%s", s.err.msg);
    lora_score_free(l);
    int failures = 0;
    for (long n = 1; n < 4000; n += 1 + n / 2) {
        const LoraScoreConfig c = { 1, 1e-3, 0 };
        Err err = { 0 };
        mem_fail_at(n);
        l = lora_score_new(s.p, prompt, SIDE, SIDE, &c, &err);
        int status = l == NULL ? -1 : lora_score_learn(l, &loss, s.x0, &front, 0, 0, R(1.0), &err);
        if (status == 0) status = lora_score_update(l, 0, &err);
        mem_fail_at(0);
        CHECK((status != 0) == err.set, "allocation %ld: status %d, message %d", n, status, err.set);
        if (status != 0) CHECK(strstr(err.msg, "out of memory") != NULL, "%s", err.msg);
        failures += status != 0;
        lora_score_free(l);
    }
    CHECK(failures > 9, "%d failed", failures);
    teardown(&s);
}

int main(void)
{
    TEST(a_fresh_lora_is_the_prior);
    TEST(the_loss_is_the_mean_square);
    TEST(an_update_is_adamw);
    TEST(training_lowers_the_loss_and_touches_nothing_else);
    TEST(particles_have_backgrounds_and_grids_of_their_own);
    TEST(the_loop_teaches_every_render);
    TEST(resumed_bytes_are_the_same);
    TEST(alike_particles_are_sds);
    TEST(two_particles_share_a_score);
    TEST(particles_take_turns);
    TEST(trouble_is_reported);
    return test_end();
}
