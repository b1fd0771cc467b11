/* distill.c -- the loop of distill.h */
#include "ref/distill.h"
#include "ref/occupied.h"
#include "ref/render_score.h"
#include "ref/view_camera.h"
#include "tensor/adam.h"
#include "tensor/elem.h"
#include "tensor/rng.h"
#include "tensor/sum.h"

#include <string.h>

long distill_done(const Distill *d) { return d->config.budget > 0 ? d->calls : d->step; }
long distill_length(const Distill *d) { return d->config.budget > 0 ? d->config.budget : d->config.steps; }

int distill_side(const DistillConfig *c) { return c->render > 0 ? c->render : c->resolution; }

int distill_levels(const DistillConfig *c, long done, long length)
{
    const int all = c->shape.levels, first = c->start_levels > 0 && c->start_levels < all ? c->start_levels : all;
    const long more = (long)(all - first) * 2 * done / (length > 0 ? length : 1);
    return more < all - first ? first + (int)more : all;
}

void distill_look(Distill *d, int i)
{
    BUG_IF(i < 0 || i >= d->config.particles, "particle %d of %d", i, d->config.particles);
    d->field = d->particle[i].field;
    d->m = d->particle[i].m;
    d->v = d->particle[i].v;
    d->background = d->particle[i].backdrop.background;
    d->occupancy = d->particle[i].occupancy;
    if (d->config.field == FIELD_HASHGRID) d->field->active = distill_levels(&d->config, distill_done(d), distill_length(d));
}

typedef enum { PASS_LOOK, PASS_STEP } Pass;                 /* the first pass of leave-one-out; the one that counts */

/* Who hears a step of ssd whose mu is found, or tells it its prediction. step: of this view. */
static Trace ssd_trace(SteinStep *step, real *noise, Arena *arena, const Distill *d, Pass pass, size_t n)
{
    if (d->config.mu == MU_LEAVE_ONE_OUT && pass == PASS_STEP) return stein_teller(step);
    *step = (SteinStep){ .noise = noise, .mu1 = d->config.draw.settings.mu1, .n = n, .f = arena_real(arena, n, "f"), .eps = step->eps };
    return stein_listener(step);
}

static int hear_ode(void *self, const char *name, real *v, Shape shape, Err *err)
{
    (void)err;
    if (strcmp(name, "z") == 0) memcpy(self, v, shape_count(shape) * sizeof *v);
    return 0;
}

/* One step of DSD*, and of its ODE. */
static int star(real *grad, int *t, Distill *d, real *noise, const Tensor *x0, Estimate *k)
{
    const Trace trace = { .put = hear_ode, .self = d->ode };
    Step p;
    draw_star(&p, noise, &d->config.draw, d->S->T, d->config.seed, d->step, d->config.steps, x0->n);
    if (d->step > 0) memcpy(noise, d->ode, x0->n * sizeof *noise);
    k->trace = &trace;
    *t = p.t;
    return dsd_star_step(grad, x0->v, &p, k);
}

/* x0 (3,H,W) = 2 g(theta, c) - 1 on the tape; gradient (field->n) takes what is pulled back, NULL: nothing is. beside: see op_render. */
static Tensor *picture(Distill *d, const Field *f, real *gradient, const Camera *camera, const RenderSettings *settings, const RenderBeside *beside)
{
    Tensor *theta = tensor_view(d->tape, (Shape){ 1, { (int64_t)f->n } }, f->theta, gradient, "theta");
    Tensor *rgb = op_render(d->tape, theta, d->renderer, f, camera, settings, beside, "rgb");
    if (d->config.render > 0) rgb = op_resample_area(d->tape, rgb, d->config.resolution, d->config.resolution, "resampled");
    Tensor *planes = op_hwc_to_chw(d->tape, rgb, "planes");
    return op_affine(d->tape, planes, R(2.0), R(-1.0), "x0");
}

/* All particles' renders from this camera, each with its own background and grid, for their exact score; x0 is that of the particle in hand. */
static int render_all(RenderScore *s, Distill *d, const Tensor *x0, const Camera *camera, const RenderSettings *settings)
{
    RenderSettings own = *settings;
    for (; s->count < d->config.particles; s->count++) {
        const int i = s->count;
        const Field *f = d->particle[i].field;
        own.learnt = d->particle[i].backdrop.background;
        own.occupancy = d->particle[i].occupancy;
        const Tensor *x = f == d->field ? x0 : picture(d, f, NULL, camera, &own, NULL);
        if (x == NULL) return -1;
        s->image[i] = x->v;
    }
    return 0;
}

/* grad (n): of the estimator at x0; *t: where it looked. */
static int estimate(real *grad, int *t, Distill *d, long done, Arena *arena, const Tensor *x0, int j, const Camera *camera,
                    const RenderSettings *settings, Pass pass)
{
    const DistillConfig *c = &d->config;
    const size_t pixels = (size_t)c->resolution * (size_t)c->resolution;
    PhiSource source = { .kind = c->phi, .channels = d->D->channels, .pixels = pixels, .net = c->depth_net, .S = d->S };
    const Phi phi = phi_of(&source);
    SteinStep own = { 0 }, *heard = d->views != NULL ? &d->views[j] : &own;
    RenderScore renders = { .S = d->S, .channels = d->D->channels, .h = d->D->h, .w = d->D->w };
    const Denoiser exact = render_score_denoiser(&renders);
    Trace trace;
    PerpNeg away;
    Estimate k = { .S = d->S, .D = &d->counted, .D_phi = d->lora != NULL ? &d->counted_lora : &exact, .phi = &phi, .view = d->view[j],
                   .negative = c->negative, .perp_neg = perp_neg_of_view(&away, c->perp_neg, &d->view[j], &c->thresholds), .arena = arena, .err = d->err };
    Step p;
    real *noise = arena_real(arena, draw_room(&c->draw, x0->n), "noise");
    if (noise == NULL) return -1;
    if (c->draw.estimator->grad == dsd_star_grad) return star(grad, t, d, noise, x0, &k);
    draw_step(&p, noise, &c->draw, d->S->T, (RngAt){ c->seed, (uint32_t)j, (uint32_t)d->step, RNG_NOISE },
              c->truncated_anneal ? d->step : done, c->truncated_anneal ? c->steps : distill_length(d), x0->n);
    if (c->draw.estimator->grad == ssd_grad && phi_view(&source, arena, d->renderer, d->field, camera, settings, d->view[j].distance) != 0) return -1;
    if (c->mu != MU_NUMBER) {
        trace = ssd_trace(heard, noise, arena, d, pass, x0->n);
        if (d->err->set) return -1;
        k.trace = &trace;
    }
    if (c->draw.estimator->grad == vsd_grad && d->lora == NULL && render_all(&renders, d, x0, camera, settings) != 0) return -1;
    *t = p.t;
    if (c->mu == MU_FIT) p.mu = stein_mu(&d->stein, p.t, d->S->T);
    if (c->mu == MU_LEAVE_ONE_OUT) p.mu = pass == PASS_LOOK ? R(0.0) : stein_mu_without(d->views, c->views, j);
    const int status = c->draw.estimator->grad(grad, x0->v, &p, &k);
    if (status == 0 && c->mu == MU_FIT) stein_add(&d->stein, heard, p.t, d->S->T);
    return status;
}

/* Of pictures, which have no jitter, no light and skip nothing. */
static RenderSettings settings_of_pictures(const Distill *d)
{
    const DistillConfig *c = &d->config;
    return (RenderSettings){ .samples = c->samples, .background = { c->background[0], c->background[1], c->background[2] }, .learnt = d->background,
                             .normals = c->normals };
}

/* Jitter of view j, or none, for renders of that side. */
static RenderSettings settings_of(Distill *d, int j, int side)
{
    const DistillConfig *c = &d->config;
    const size_t rays = (size_t)side * (size_t)side;
    RenderSettings settings = settings_of_pictures(d);
    settings.occupancy = d->occupancy;
    if (!c->jitter || c->field == FIELD_IMAGE) return settings;
    rng_uniform(d->jitter, (RngAt){ c->seed, (uint32_t)j, (uint32_t)d->step, RNG_JITTER }, rays * (size_t)c->samples);
    settings.jitter = d->jitter;
    return settings;
}

/* What the views of a step share. done: where the schedules stand. */
typedef struct Views { Distill *d; long done; Pass pass; StepLog *log; real grad_square; } Views;

/* Steps 1 to 4 of distill.h for view j */
static int one_view(Views *views, real *gradient, int j, real over)
{
    Distill *d = views->d;
    const DistillConfig *c = &d->config;
    const int side = distill_side(c);
    Tape *tape = d->tape;
    int t;

    /* 1. addressed draws */
    Camera camera;
    const View *at = &d->view[j];
    if (camera_of_jittered_view(&camera, at, &d->view_jitter[j], side, side, d->err) != 0) return -1;
    RenderSettings settings = settings_of(d, j, side);
    settings.shading = shading_of_step(&c->shading, views->done, distill_length(d), c->seed, (uint32_t)d->step);
    for (int i = 0; i < 3; i++) settings.light[i] = d->view_jitter[j].light[i];

    /* 2. x0 = 2 g(theta, c) - 1 */
    const RenderBeside *beside = views->pass == PASS_STEP ? regularise_beside(&d->regularise) : NULL;
    Tensor *x0 = picture(d, d->field, gradient, &camera, &settings, beside);
    if (x0 == NULL) return -1;
    if (state_finite(x0->v, x0->n, "the rendered image", d->err) != 0) return -1;

    /* 3. the estimator's gradient, off the tape */
    Arena *arena = arena_new(d->err);
    if (arena == NULL) return -1;
    real *grad = arena_real(arena, x0->n, "grad");
    int status = grad == NULL ? -1 : estimate(grad, &t, d, views->done, arena, x0, j, &camera, &settings, views->pass);
    if (status == 0) status = state_finite(grad, x0->n, "the estimator's gradient", d->err);

    /* 4. pulled back */
    if (status == 0 && views->pass == PASS_STEP) {
        views->grad_square += sumsq16(grad, x0->n) / (real)x0->n;
        if (j == 0) views->log->t = t;
        for (size_t i = 0; i < x0->n; i++) grad[i] = grad[i] / over;
        if (beside != NULL) regularise_maps(&d->regularise, &camera, over, c->views);
        tape_seed(x0, grad);
        status = tape_backward(tape);
    }
    arena_free(arena);

    /* 6. the LoRA's gradient */
    real loss;
    if (status == 0 && d->lora != NULL) {
        d->calls++;
        status = lora_score_learn(d->lora, &loss, x0->v, at, j, d->step, R(1.0) / (real)c->views, d->err);
        if (status == 0) views->log->lora_loss += loss / (real)c->views;
    }
    return status;
}

static int pull_view(void *self, real *gradient, int j, real over)
{
    Views *views = self;
    const size_t mark = tape_mark(views->d->tape);
    const int status = one_view(views, gradient, j, over);
    tape_rewind(views->d->tape, mark);
    return status;
}

View image_view(const ViewRange *range)
{
    return (View){
        .elevation = r_clamp(R(15.0), range->elevation_min, range->elevation_max), .azimuth = R(30.0),
        .distance = R(0.5) * (range->distance_min + range->distance_max),
        .fovy = R(0.5) * (range->fovy_min + range->fovy_max),
    };
}

/* A step of the particle in hand, p. */
static int step_of(Distill *d, Particle *p, StepLog *log)
{
    const DistillConfig *c = &d->config;
    const size_t n = d->field->n;
    const long done = distill_done(d), length = distill_length(d), last = c->budget > 0 ? length : length - 1;
    Views look = { .d = d, .done = done, .pass = PASS_LOOK, .log = log }, views = { .d = d, .done = done, .pass = PASS_STEP, .log = log };
    const ViewSet set = { c->views, n, pull_view, &views };
    real share_of_view[MVSDI_VIEWS];
    log->lora_loss = 0;
    occupied_step(d->occupancy, d->field, p->step, c->seed);
    regularise_begin(&d->regularise, d->step);
    backdrop_begin(&p->backdrop);
    if (c->field == FIELD_IMAGE)
        for (int j = 0; j < c->views; j++) d->view[j] = image_view(&c->range);
    else view_sample(d->view, c->views, &c->range, c->view_mode, c->seed, (uint32_t)d->step);
    for (int j = 0; j < c->views; j++) view_jitter(&d->view_jitter[j], &d->view[j], &c->jitter_scale, c->seed, (uint32_t)j, (uint32_t)d->step);
    if (c->mu == MU_LEAVE_ONE_OUT)
        for (int j = 0; j < c->views; j++)
            if (pull_view(&look, d->gradient, j, R(1.0)) != 0) return -1;
    const int status = c->consensus ? mvsdi_consensus(d->gradient, share_of_view, d->each, &d->consensus, d->step, &set) : mvsdi_mean(d->gradient, &set);
    if (status != 0) return -1;
    if (c->reference != NULL) {
        const RenderSettings settings = settings_of(d, c->views, c->resolution);
        reference_pull(d->gradient, &log->reference, c->reference, d->renderer, d->field, &settings);
    }
    regularise_grid(&d->regularise, d->gradient, d->field);
    memcpy(log->regulariser, d->regularise.value, sizeof log->regulariser);
    log->grad_rms = r_sqrt(views.grad_square / (real)c->views);
    if (state_finite(d->gradient, n, "the field's gradient", d->err) != 0) return -1;

    /* 5. Adam; lr_k = lr (lr_end / lr)^(k / (N - 1)) */
    const double share = last > 0 ? (double)done / (double)last : 0.0;
    const double lr = (double)c->lr * d_pow((double)c->lr_end / (double)c->lr, share);
    const AdamConfig adam = { .lr = lr, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-15 };    /* as the frameworks have it */
    adam_step(p->field->theta, p->m, p->v, d->gradient, n, adam, p->step + 1);
    if (state_finite(p->field->theta, n, "the field's parameters", d->err) != 0) return -1;
    if (state_finite(p->v, n, "Adam's second moment of the field", d->err) != 0) return -1;
    if (state_finite(&log->grad_rms, 1, "the root mean square of the estimator's gradient", d->err) != 0) return -1;
    if (state_finite(log->regulariser, REGULARISERS, "the regularisers' values", d->err) != 0) return -1;
    if (backdrop_step(&p->backdrop, (double)c->background_lr * lr / (double)c->lr, p->step + 1, d->err) != 0) return -1;
    if (d->lora != NULL && lora_score_update(d->lora, d->step, d->err) != 0) return -1;
    p->step++;
    d->step++;
    return 0;
}

int distill_step(Distill *d, StepLog *log)
{
    const DistillConfig *c = &d->config;
    const int i = (int)rng_below((RngAt){ c->seed, 0, (uint32_t)d->step, RNG_PARTICLE }, 0, (uint32_t)c->particles);
    distill_look(d, i);
    const int status = step_of(d, &d->particle[i], log);
    distill_look(d, 0);
    if (status != 0) err_before(d->err, "step %ld, %s: ", d->step, c->draw.estimator->name);
    return status;
}

static void planes_of_pixels(real *planes, const real *hwc, size_t pixels)
{
    for (size_t i = 0; i < pixels && planes != NULL; i++)
        for (size_t j = 0; j < 3; j++) planes[j * pixels + i] = hwc[3 * i + j];
}

int distill_picture(real *rgb, real *depth, real *opacity, real *normal, const Distill *d, const View *view, int h, int w, Err *err)
{
    const size_t pixels = (size_t)h * (size_t)w;
    const RenderSettings s = settings_of_pictures(d);
    Camera camera;
    camera_of_view(&camera, view, h, w);
    real *hwc = mem_new((normal == NULL ? 3 : 6) * pixels, sizeof(real), "picture", err);
    if (hwc == NULL) return -1;
    RenderOut out = { .rgb = hwc, .opacity = opacity, .depth = depth, .normal = normal == NULL ? NULL : hwc + 3 * pixels };
    render_view(&out, d->renderer, d->field, &camera, &s);
    planes_of_pixels(rgb, hwc, pixels);
    planes_of_pixels(normal, hwc + 3 * pixels, pixels);
    mem_free(hwc);
    return 0;
}
