/* bench_variance.c -- the draws of bench_variance.h, and what is added up of them */
#include "ref/bench_variance.h"
#include "ref/progress.h"
#include "ref/render_score.h"
#include "ref/view_camera.h"
#include "tensor/mem.h"
#include "tensor/sum.h"
#include "tensor/text.h"

#include <math.h>
#include <string.h>

/* Steps of the addresses; a set has VARIANCE_COUNT_MAX of them at most. */
enum { SET_NESTED, SET_RING, SET_MU };
static uint32_t step_of(int set, int block) { return UINT32_C(0x80000000) + ((uint32_t)set << 28) + (uint32_t)block; }

/* What is drawn from, and where the draw at hand stands. */
typedef struct Lab {
    const VarianceConfig *config;
    Distill *d;
    Denoiser counted;                  /* the prior, counting */
    long calls;
    Stein mu;                          /* of ssd */
    int t;
    View view;
    Camera camera;
    RenderSettings settings;
    size_t n, pixels;                  /* of x0; H W */
    real *hwc;                         /* (H,W,3): the render, then a cotangent of it */
    real *x0;                          /* (particles,3,H,W): of the first particle, which is measured, and of the others */
    RenderScore renders;               /* of vsd: all of them */
    real *image, *theta;               /* gradients of a block: (draws,n), (draws,theta) */
    Arena *arena;
    Progress progress;
    long done;
    Err *err;
} Lab;

/* What is measured: an estimator, or a variant of it. */
typedef struct Probe {
    const DistillConfig *c;
    int antithetic;                    /* the mean of noise and -noise */
    int no_mu;                         /* ssd with mu = 0 */
    int image_only;                    /* J^T g is not wanted */
} Probe;

typedef struct Pass {
    Anova space[SPACES];
    double noise[STEIN_BINS][ANOVA_GROUPS], freedom[STEIN_BINS][ANOVA_GROUPS];      /* of d/dx0, by tenths of t: sum |g - m_tv|^2, its freedom */
    double calls;
} Pass;

static int counted_predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err)
{
    Lab *lab = self;
    lab->calls++;
    return lab->d->D->predict(lab->d->D->self, eps, xt, t, cond, err);
}

/* ---- one draw ---- */

static void choose_time(Lab *lab, uint32_t step)
{
    const VarianceConfig *c = lab->config;
    lab->t = timestep_uniform(lab->d->S->T, c->t_min, c->t_max, rng_uniform_at((RngAt){ c->seed, 0, step, RNG_TIMESTEP }, 0));
}

static void render(real *x0, Lab *lab, const Field *f)
{
    RenderOut out = { .rgb = lab->hwc };
    render_view(&out, lab->d->renderer, f, &lab->camera, &lab->settings);
    for (size_t i = 0; i < lab->pixels; i++)
        for (size_t j = 0; j < 3; j++) x0[j * lab->pixels + i] = r_fma(R(2.0), lab->hwc[3 * i + j], R(-1.0));
}

/* x0 = 2 g(theta, view) - 1. number: of the view in its block, for the jitter of camera and samples. */
static int look(Lab *lab, const View *view, uint32_t number, uint32_t step)
{
    const Distill *d = lab->d;
    const DistillConfig *c = &d->config;
    ViewJitter stray;
    lab->view = *view;
    view_jitter(&stray, view, &c->jitter_scale, lab->config->seed, number, step);
    if (camera_of_jittered_view(&lab->camera, view, &stray, c->resolution, c->resolution, lab->err) != 0) return -1;
    lab->settings = (RenderSettings){ .samples = c->samples, .background = { c->background[0], c->background[1], c->background[2] } };
    if (c->jitter && c->field != FIELD_IMAGE) {
        rng_uniform(d->jitter, (RngAt){ lab->config->seed, number, step, RNG_JITTER }, lab->pixels * (size_t)c->samples);
        lab->settings.jitter = d->jitter;
    }
    for (int i = 0; i < lab->renders.count; i++) {
        lab->settings.learnt = d->particle[i].backdrop.background;
        render(lab->x0 + (size_t)i * lab->n, lab, d->particle[i].field);
    }
    lab->settings.learnt = d->background;                   /* of the particle whose gradient is pulled back */
    return 0;
}

static int check_finite(const real *x, size_t n, const Probe *probe, const Lab *lab)
{
    const long at = first_not_finite(x, n);
    if (at < 0) return 0;
    return err_set(lab->err, "%s: found %g at index %ld of its gradient in draw %ld, t %d; expected finite values", probe->c->draw.estimator->name,
                   text_shown((double)x[at]), at, lab->done, lab->t);
}

/* g (n) of the view and t at hand; heard: NULL, or who listens. */
static int gradient(real *g, Lab *lab, const Probe *probe, RngAt at, SteinStep *heard)
{
    const DistillConfig *c = probe->c;
    const int T = lab->d->S->T;
    PhiSource source = { .kind = c->phi, .channels = lab->d->D->channels, .pixels = lab->pixels, .net = c->depth_net, .S = lab->d->S };
    const Phi phi = phi_of(&source);
    const Trace listener = stein_listener(heard);
    const Denoiser score = render_score_denoiser(&lab->renders);
    PerpNeg away;
    const Estimate k = { .S = lab->d->S, .D = &lab->counted, .D_phi = &score, .phi = &phi, .view = lab->view, .negative = c->negative, .arena = lab->arena,
                         .perp_neg = perp_neg_of_view(&away, c->perp_neg, &lab->view, &c->thresholds),
                         .trace = heard == NULL ? NULL : &listener, .err = lab->err };
    Step p;
    const size_t mark = arena_mark(lab->arena), room = draw_room(&c->draw, lab->n);
    real *noise = arena_real(lab->arena, room, "noise"), *opposite = arena_real(lab->arena, lab->n, "gradient");
    if (noise == NULL || opposite == NULL) return -1;
    draw_step_at(&p, noise, &c->draw, T, at, lab->t, lab->n);
    if (c->draw.estimator->grad == ssd_grad &&
        phi_view(&source, lab->arena, lab->d->renderer, lab->d->field, &lab->camera, &lab->settings, lab->view.distance) != 0) return -1;
    if (c->mu == MU_FIT) p.mu = stein_mu(&lab->mu, p.t, T);
    if (probe->no_mu) p.mu = 0;
    if (heard != NULL) heard->noise = noise;
    int status = c->draw.estimator->grad(g, lab->x0, &p, &k);
    if (status == 0 && probe->antithetic) {
        for (size_t i = 0; i < room; i++) noise[i] = -noise[i];
        status = c->draw.estimator->grad(opposite, lab->x0, &p, &k);
        for (size_t i = 0; i < lab->n; i++) g[i] = R(0.5) * (g[i] + opposite[i]);
    }
    arena_rewind(lab->arena, mark);
    progress_step(&lab->progress, ++lab->done, c->draw.estimator->name);
    return status != 0 ? -1 : check_finite(g, lab->n, probe, lab);
}

/* J^T g: x0 = 2 rgb - 1, so the cotangent of rgb is 2 g. */
static int pull(real *out, const real *g, Lab *lab, const Probe *probe)
{
    const Distill *d = lab->d;
    for (size_t i = 0; i < lab->pixels; i++)
        for (size_t j = 0; j < 3; j++) lab->hwc[3 * i + j] = R(2.0) * g[j * lab->pixels + i];
    memset(out, 0, d->field->n * sizeof *out);
    const RenderOut cotangent = { .rgb = lab->hwc };
    render_pull(out, d->renderer, d->field, &lab->camera, &lab->settings, &cotangent);
    return check_finite(out, d->field->n, probe, lab);
}

/* Draw `number` of the block, into its place. */
static int one_draw(Lab *lab, const Probe *probe, uint32_t number, uint32_t step)
{
    real *g = lab->image + number * lab->n;
    if (gradient(g, lab, probe, (RngAt){ lab->config->seed, number, step, RNG_NOISE }, NULL) != 0) return -1;
    return probe->image_only ? 0 : pull(lab->theta + number * lab->d->field->n, g, lab, probe);
}

/* ---- passes over all draws ---- */

/* The views of a block. */
static void views_of(View *view, int count, const Lab *lab, uint32_t step)
{
    const DistillConfig *c = &lab->d->config;
    if (c->field == FIELD_IMAGE) view[0] = image_view(&c->range);
    else view_sample(view, count, &c->range, VIEWS_INDEPENDENT, lab->config->seed, step);
}

static void pass_free(Pass *p)
{
    for (int s = 0; s < SPACES; s++) anova_free(&p->space[s]);
    *p = (Pass){ 0 };
}

/* Free with pass_free, after an error too. */
static int pass_run(Pass *p, Lab *lab, const Probe *probe, const BenchVariance *b)
{
    const int T = lab->d->S->T, spaces = probe->image_only ? 1 : SPACES;
    const long before = lab->calls;
    View view[ANOVA_VIEWS];
    *p = (Pass){ 0 };
    for (int s = 0; s < spaces; s++)
        if (anova_new(&p->space[s], b->n[s], b->views, b->noises, b->blocks, lab->err) != 0) return -1;
    for (int block = 0; block < b->blocks; block++) {
        const uint32_t step = step_of(SET_NESTED, block);
        choose_time(lab, step);
        views_of(view, b->views, lab, step);
        for (int v = 0; v < b->views; v++) {
            if (look(lab, &view[v], (uint32_t)v, step) != 0) return -1;
            for (int e = 0; e < b->noises; e++)
                if (one_draw(lab, probe, (uint32_t)(v * b->noises + e), step) != 0) return -1;
        }
        const int group = block % p->space[SPACE_IMAGE].means.groups, bin = stein_bin(lab->t, T);
        p->noise[bin][group] += anova_add(&p->space[SPACE_IMAGE], lab->image);
        p->freedom[bin][group] += b->views * (b->noises - 1);
        if (spaces > 1) anova_add(&p->space[SPACE_THETA], lab->theta);
    }
    p->calls = (double)(lab->calls - before) / b->config.count;
    return 0;
}

static int rings_run(VarianceRow *row, Lab *lab, const Probe *probe, const BenchVariance *b)
{
    Ring r;
    int status = ring_new(&r, b->n[SPACE_THETA], b->ring_blocks, lab->err);
    for (int i = 0; i < 2 * b->ring_blocks && status == 0; i++) {
        const uint32_t step = step_of(SET_RING, i);
        View first, view;
        if (i % 2 == 0) choose_time(lab, step);
        views_of(&first, 1, lab, step);
        for (int j = 0; j < RING_VIEWS && status == 0; j++) {
            view = first;
            view.azimuth = wrap_azimuth(first.azimuth + (real)j * (R(360.0) / RING_VIEWS));
            status = look(lab, &view, (uint32_t)j, step);
            if (status == 0) status = one_draw(lab, probe, (uint32_t)j, step);
        }
        if (status == 0) ring_add(&r, lab->theta);
    }
    if (status == 0) ring_figures(row->ring, row->share, &r);
    ring_free(&r);
    return status;
}

/* ---- ssd's mu ---- */

static int fit_mu(BenchVariance *b, Lab *lab, const DistillConfig *c)
{
    const Probe probe = { .c = c, .no_mu = 1, .image_only = 1 };
    const int T = lab->d->S->T;
    SteinStep heard = { .mu1 = c->draw.settings.mu1, .n = lab->n, .f = lab->theta };
    for (int i = 0; i < b->config.count; i++) {
        const uint32_t step = step_of(SET_MU, i);
        View view;
        choose_time(lab, step);
        views_of(&view, 1, lab, step);
        if (look(lab, &view, 0, step) != 0) return -1;
        if (gradient(lab->image, lab, &probe, (RngAt){ b->config.seed, 0, step, RNG_NOISE }, &heard) != 0) return -1;
        const int bin = stein_bin(lab->t, T);
        lab->mu.sum[0][bin] += heard.fh;
        lab->mu.sum[1][bin] += heard.hh;
        b->mu[bin].draws++;
    }
    return 0;
}

static int measure_mu(BenchVariance *b, Lab *lab, const DistillConfig *c, const Pass *used)
{
    Pass without;
    const int T = lab->d->S->T, groups = used->space[SPACE_IMAGE].means.groups;
    const int status = pass_run(&without, lab, &(Probe){ .c = c, .no_mu = 1, .image_only = 1 }, b);
    for (int i = 0; i < STEIN_BINS && status == 0; i++) {
        VarianceMu *mu = &b->mu[i];
        mu->best = (double)stein_mu(&lab->mu, (i * T + STEIN_BINS - 1) / STEIN_BINS, T);
        mu->used = c->mu == MU_FIT ? mu->best : (double)c->draw.settings.mu;
        ratio_of_sums(&mu->before, without.noise[i], without.freedom[i], groups);
        ratio_of_sums(&mu->after, used->noise[i], used->freedom[i], groups);
    }
    b->has_mu = 1;
    pass_free(&without);
    return status;
}

/* ---- rows ---- */

static VarianceMean mean_of(const DistillConfig *c, int particles)
{
    const Step *p = &c->draw.settings;
    EstimatorGrad *grad = c->draw.estimator->grad;
    if (grad == sds_grad || (grad == vsd_grad && particles == 1)) return MEAN_SDS;
    if (grad == ssd_grad && p->ssd_sign == SSD_UNBIASED) return MEAN_SDS;
    if (grad == sdi_grad && p->sdi_form == SDI_PAPER && p->kappa == KAPPA_RANDOM) return MEAN_SDS;
    return grad == fsd_grad ? MEAN_SDS_OF_RUNS : MEAN_OTHER;
}

static void figures_of(VarianceRow *row, const Pass *pass, const Pass *reference)
{
    for (int s = 0; s < SPACES; s++) {
        VarianceFigures *f = &row->space[s];
        AnovaFigures of_reference;
        const Anova *a = &reference->space[s];
        anova_figures(&f->g, &pass->space[s]);
        anova_figures(&of_reference, a);
        anova_gap(&f->bias2, &pass->space[s], a);
        f->reference2 = of_reference.mean2.value;
        f->reference_error2 = of_reference.noise.value / ((double)a->means.count * a->views * a->noises);
    }
    row->calls = pass->calls;
}

static int row_run(BenchVariance *b, VarianceRow *row, Lab *lab, const DistillConfig *c, const Pass *reference)
{
    Pass pass;
    const Probe probe = { .c = c };
    const int is_ssd = c->draw.estimator->grad == ssd_grad;
    if (is_ssd && fit_mu(b, lab, c) != 0) return -1;
    int status = pass_run(&pass, lab, &probe, b);
    if (status == 0) figures_of(row, &pass, reference);
    if (status == 0 && is_ssd) status = measure_mu(b, lab, c, &pass);
    if (status == 0 && b->ring_blocks > 0) status = rings_run(row, lab, &probe, b);
    pass_free(&pass);
    return status;
}

/* The rows of one w(t), held against its reference. */
static int rows_of_weight(BenchVariance *b, Lab *lab, const DistillConfig *each, TimeWeight weight)
{
    Pass reference;
    DistillConfig c = each[0];
    c.draw.estimator = estimator_find("sds");
    c.draw.settings.weight = weight;
    int status = pass_run(&reference, lab, &(Probe){ .c = &c, .antithetic = 1 }, b);
    for (int i = 0; i < b->rows && status == 0; i++)
        if (b->row[i].weight == weight) status = row_run(b, &b->row[i], lab, &each[i], &reference);
    pass_free(&reference);
    return status;
}

/* ---- all of it ---- */

static long draws_of(const BenchVariance *b)
{
    long passes = 0;
    for (int i = 0; i < b->rows; i++) {
        int first = 1;
        for (int j = 0; j < i; j++) first &= b->row[j].weight != b->row[i].weight;
        passes += 1 + first + (b->ring_blocks > 0) + (b->row[i].estimator->grad == ssd_grad ? 2 : 0);
    }
    return passes * b->config.count;
}

static int lab_new(Lab *lab, Distill *d, const BenchVariance *b, Err *err)
{
    const size_t block = (size_t)(b->ring_blocks > 0 ? RING_VIEWS : b->views * b->noises), larger = b->n[0] > b->n[1] ? b->n[0] : b->n[1];
    int particles = 1;
    for (int i = 0; i < b->rows; i++)
        if (b->row[i].estimator->grad == vsd_grad) particles = d->config.particles;
    *lab = (Lab){ .config = &b->config, .d = d, .n = b->n[SPACE_IMAGE], .pixels = b->n[SPACE_IMAGE] / 3, .err = err };
    lab->counted = (Denoiser){ d->D->channels, d->D->h, d->D->w, counted_predict, lab };
    lab->hwc = mem_new(3 * lab->pixels, sizeof(real), "render", err);
    lab->x0 = mem_new((size_t)particles * lab->n, sizeof(real), "render", err);
    lab->renders = (RenderScore){ .S = d->S, .channels = d->D->channels, .h = d->D->h, .w = d->D->w, .count = particles };
    for (int i = 0; i < particles && lab->x0 != NULL; i++) lab->renders.image[i] = lab->x0 + (size_t)i * lab->n;
    lab->image = mem_new(block * lab->n, sizeof(real), "gradients", err);
    lab->theta = mem_new(block * larger, sizeof(real), "gradients", err);
    lab->arena = arena_new(err);
    return err->set ? -1 : 0;
}

static void lab_free(Lab *lab)
{
    mem_free(lab->hwc);
    mem_free(lab->x0);
    mem_free(lab->image);
    mem_free(lab->theta);
    arena_free(lab->arena);
}

int bench_variance(BenchVariance *b, Distill *d, const DistillConfig *each, int count, const VarianceConfig *config, Err *err)
{
    const int image = d->config.field == FIELD_IMAGE;
    DistillConfig c[VARIANCE_ROWS];
    Lab lab;
    BUG_IF(count < 1 || count > VARIANCE_ROWS || config->count < VARIANCE_COUNT_MIN || config->count > VARIANCE_COUNT_MAX ||
           config->count % VARIANCE_COUNT_STEP != 0, "bench_variance: %d estimators, %d draws", count, config->count);
    *b = (BenchVariance){ .config = *config, .views = image ? 1 : 2, .noises = 2, .rows = count };
    b->n[SPACE_IMAGE] = 3 * (size_t)d->config.resolution * (size_t)d->config.resolution;
    b->n[SPACE_THETA] = d->field->n;
    b->blocks = config->count / (b->views * b->noises);
    b->ring_blocks = image ? 0 : config->count / (2 * RING_VIEWS);
    for (int i = 0; i < count; i++) {
        const Estimator *e = each[i].draw.estimator;
        const int own = e->weight[0] == '\0';                      /* sdi, ism: r_t */
        c[i] = each[i];
        c[i].draw.timesteps = (TimestepPolicy){ .kind = TIMESTEP_UNIFORM, .min = config->t_min, .max = config->t_max };
        b->row[i] = (VarianceRow){ .estimator = e, .weight = own ? WEIGHT_RATIO : c[i].draw.settings.weight, .mean = mean_of(&c[i], d->config.particles) };
    }
    int status = lab_new(&lab, d, b, err);
    progress_start(&lab.progress, "draw", 0, draws_of(b), config->quiet);
    for (int w = WEIGHT_SDS; w <= WEIGHT_RATIO && status == 0; w++) {
        int wanted = 0;
        for (int i = 0; i < count; i++) wanted |= b->row[i].weight == (TimeWeight)w;
        if (wanted) status = rows_of_weight(b, &lab, c, (TimeWeight)w);
    }
    progress_end(&lab.progress);
    lab_free(&lab);
    return status;
}

int variance_measures(const Estimator *e) { return e->grad != dsd_star_grad; }

double variance_bias(int *limit, const VarianceFigures *f)
{
    const double twice = 2 * f->bias2.error, square = f->bias2.value;
    *limit = !(square > twice);
    return sqrt((*limit ? fmax(square, 0) + twice : square) / f->reference2);
}
