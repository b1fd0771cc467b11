/* distill_new.c -- the parts of a run: particles with their moments, backgrounds and grids; what is lent, with calls counted; work space */
#include "ref/distill.h"
#include "ref/occupied.h"

static int counted_predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err)
{
    Distill *d = self;
    d->calls++;
    return d->D->predict(d->D->self, eps, xt, t, cond, err);
}

static int counted_lora_predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err)
{
    Distill *d = self;
    const Denoiser D = lora_score_denoiser(d->lora);
    d->calls++;
    return D.predict(D.self, eps, xt, t, cond, err);
}

/* Leave-one-out: what is kept of each view. */
static void keep_views(Distill *d)
{
    const size_t n = (size_t)d->D->channels * (size_t)d->D->h * (size_t)d->D->w, views = (size_t)d->config.views;
    d->views = mem_new(views, sizeof *d->views, "views", d->err);
    d->kept = mem_new(views * n, sizeof(real), "predictions of the views", d->err);
    for (size_t j = 0; j < views && !d->err->set; j++) d->views[j].eps = d->kept + j * n;
}

static int particles_new(Distill *d, Err *err)
{
    const DistillConfig *c = &d->config;
    const int image = c->field == FIELD_IMAGE, side = image ? c->resolution : c->grid;
    d->particle = mem_new((size_t)c->particles, sizeof *d->particle, "particles", err);
    for (int i = 0; d->particle != NULL && i < c->particles; i++) {
        Particle *p = &d->particle[i];
        FieldConfig start = c->shape;
        start.kind = c->field;
        start.size[0] = image ? 3 : side;
        start.size[1] = start.size[2] = side;
        start.peak = c->blob_peak;
        start.slope = c->blob_slope;
        p->field = field_new(&start, err);
        if (p->field == NULL) return -1;
        field_start(p->field, c->seed);
        p->m = mem_new(p->field->n, sizeof(real), "Adam's first moment", err);
        p->v = mem_new(p->field->n, sizeof(real), "Adam's second moment", err);
        if (c->occupancy > 0) p->occupancy = occupancy_new(p->field, c->occupancy, occupied_threshold(&start, c->samples), err);
        if (c->learnt && backdrop_new(&p->backdrop, &c->background_config, c->seed, i, err) != 0) return -1;
    }
    return err->set ? -1 : 0;
}

Distill *distill_new(const DistillConfig *config, const Schedule *S, const Denoiser *D, Err *err)
{
    BUG_IF(D->channels != 3 || D->h != config->resolution || D->w != config->resolution, "denoiser of %d x %d x %d for %d px",
           D->channels, D->h, D->w, config->resolution);
    Distill *d = mem_new(1, sizeof *d, "distillation", err);
    if (d == NULL) return NULL;
    d->config = *config;
    if (d->config.particles == 0) d->config.particles = 1;
    d->S = S;
    d->D = D;
    d->counted = (Denoiser){ D->channels, D->h, D->w, counted_predict, d };
    d->counted_lora = (Denoiser){ D->channels, D->h, D->w, counted_lora_predict, d };
    d->consensus = consensus_start();
    d->err = err;
    if (particles_new(d, err) == 0) {
        const size_t rays = (size_t)distill_side(config) * (size_t)distill_side(config), pixels = (size_t)config->resolution * (size_t)config->resolution;
        distill_look(d, 0);
        d->gradient = mem_new(d->field->n, sizeof(real), "gradient", err);
        if (config->consensus) d->each = mem_new((size_t)config->views * d->field->n, sizeof(real), "gradients of the views", err);
        d->renderer = renderer_new(d->field, config->samples, err);
        d->jitter = mem_new((rays > pixels ? rays : pixels) * (size_t)config->samples, sizeof(real), "jitter", err);
        d->view = mem_new((size_t)config->views, sizeof *d->view, "views", err);
        d->view_jitter = mem_new((size_t)config->views, sizeof *d->view_jitter, "jitter of the views", err);
        if (config->mu == MU_LEAVE_ONE_OUT) keep_views(d);
        regularise_new(&d->regularise, &config->regularising, rays, err);
        if (config->draw.estimator->grad == dsd_star_grad) d->ode = mem_new((size_t)D->channels * pixels, sizeof(real), "state of the ODE", err);
        d->tape = tape_new(err);
    }
    if (err->set) {
        distill_free(d);
        return NULL;
    }
    return d;
}

void distill_free(Distill *d)
{
    if (d == NULL) return;
    for (int i = 0; d->particle != NULL && i < d->config.particles; i++) {
        field_free(d->particle[i].field);
        mem_free(d->particle[i].m);
        mem_free(d->particle[i].v);
        backdrop_free(&d->particle[i].backdrop);
        occupancy_free(d->particle[i].occupancy);
    }
    mem_free(d->particle);
    mem_free(d->gradient);
    mem_free(d->each);
    renderer_free(d->renderer);
    mem_free(d->jitter);
    mem_free(d->view);
    mem_free(d->view_jitter);
    mem_free(d->views);
    mem_free(d->kept);
    mem_free(d->ode);
    regularise_free(&d->regularise);
    tape_free(d->tape);
    mem_free(d);
}
