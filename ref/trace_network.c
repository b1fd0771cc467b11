/* trace_network.c -- inputs drawn or read, the run, the record
 *
 * Draws are addressed: input number i of network_inputs(kind) has view i of stream RNG_PROBE. Samples, states and cotangents are
 * normal, images uniform in [-1,1], timesteps whole in 0..999, tokens in the vocabulary with the end token last.
 */
#include "ref/trace_network.h"
#include "ref/network.h"
#include "tensor/rng.h"

#include <stdio.h>
#include <string.h>

enum { INPUTS_MAX = 16 };
typedef struct Draws {
    const Model *m;
    const TraceNetwork *c;
    Arena *arena;
    NetInput at[INPUTS_MAX];
    NetInputs in;
} Draws;

typedef enum { DRAW_NORMAL, DRAW_IMAGE, DRAW_TIME, DRAW_TOKENS, DRAW_CLASS, DRAW_SIZE } Draw;

static double value(const Draws *d, Draw kind, RngAt at, size_t i)
{
    const int end = d->m->kind == MODEL_CLIP ? d->m->clip->config.eos_token_id : 0;
    switch (kind) {
    case DRAW_NORMAL: return rng_normal_at(at, (uint32_t)i);
    case DRAW_IMAGE:  return 2 * rng_uniform_at(at, (uint32_t)i) - 1;
    case DRAW_TIME:   return d->c->t >= 0 ? d->c->t : rng_below(at, (uint32_t)i, 1000);
    case DRAW_CLASS:  return rng_below(at, (uint32_t)i, (uint32_t)d->m->unet->config.class_count);
    case DRAW_TOKENS: return (i + 1) % (size_t)d->c->tokens == 0 ? end : (int)rng_below(at, (uint32_t)i, (uint32_t)d->m->clip->config.vocab_size);
    case DRAW_SIZE:   return i % 6 == 2 || i % 6 == 3 ? 0 : 8.0 * (i % 2 == 0 ? d->c->height : d->c->width);
    }
    return 0;
}

static void draw(Draws *d, const char *name, Shape s, Draw kind)
{
    const size_t n = shape_count(s);
    double *v = arena_take(d->arena, n, sizeof *v, name);
    const RngAt at = { d->c->seed, (uint32_t)d->in.count, 0, RNG_PROBE };
    for (size_t i = 0; v != NULL && i < n; i++) v[i] = (double)(real)value(d, kind, at, i);      /* what the file will hold */
    d->at[d->in.count++] = (NetInput){ name, s, v };
}

static void draw_unet(Draws *d)
{
    const UNetConfig *u = &d->m->unet->config;
    const TraceNetwork *c = d->c;
    const int64_t B = c->batch;
    draw(d, "in.sample", (Shape){ 4, { B, u->in_channels, c->height, c->width } }, DRAW_NORMAL);
    draw(d, "in.timestep", (Shape){ 1, { B } }, DRAW_TIME);
    if (u->uses_text) draw(d, "in.encoder_hidden_states", (Shape){ 3, { B, c->tokens, u->text_in } }, DRAW_NORMAL);
    if (u->class_kind == CLASS_TABLE) draw(d, "in.class_labels", (Shape){ 1, { B } }, DRAW_CLASS);
    if (u->class_kind == CLASS_TIMESTEP) draw(d, "in.class_labels", (Shape){ 1, { B } }, DRAW_TIME);
    if (u->class_kind == CLASS_IDENTITY) draw(d, "in.class_labels", (Shape){ 2, { B, u->time_width } }, DRAW_NORMAL);
    if (u->class_kind == CLASS_PROJECTION || u->class_kind == CLASS_LINEAR)
        draw(d, "in.class_labels", (Shape){ 2, { B, u->projection_in } }, DRAW_NORMAL);
    if (u->add == ADD_TEXT_TIME) {
        draw(d, "in.text_embeds", (Shape){ 2, { B, u->projection_in - 6 * u->add_time_width } }, DRAW_NORMAL);
        draw(d, "in.time_ids", (Shape){ 2, { B, 6 } }, DRAW_SIZE);
    }
    if (c->grad != TRACE_GRAD_NONE) draw(d, "in.cotangent", (Shape){ 4, { B, u->out_channels, c->height, c->width } }, DRAW_NORMAL);
}

static void draw_coder(Draws *d, int latent, int factor)
{
    const TraceNetwork *c = d->c;
    const Shape image = { 4, { c->batch, 3, c->height, c->width } }, z = { 4, { c->batch, latent, c->height / factor, c->width / factor } };
    const int vae = d->m->kind == MODEL_VAE;
    draw(d, "in.image", image, DRAW_IMAGE);
    draw(d, "in.latent", z, DRAW_NORMAL);
    if (c->grad == TRACE_GRAD_NONE) return;
    draw(d, vae ? "in.cotangent_mean" : "in.cotangent_latent", z, DRAW_NORMAL);
    draw(d, "in.cotangent_image", image, DRAW_NORMAL);
}

static void draw_clip(Draws *d)
{
    const ClipConfig *k = &d->m->clip->config;
    const TraceNetwork *c = d->c;
    if (k->text.present) draw(d, "in.input_ids", (Shape){ 2, { c->batch, c->tokens } }, DRAW_TOKENS);
    if (!k->vision.present) return;
    draw(d, "in.pixel_values", (Shape){ 4, { c->batch, 3, k->image_size, k->image_size } }, DRAW_NORMAL);
    if (c->grad != TRACE_GRAD_NONE && k->projection_dim > 0) draw(d, "in.cotangent_image_embeds", (Shape){ 2, { c->batch, k->projection_dim } }, DRAW_NORMAL);
}

static int draw_all(Draws *d, Err *err)
{
    if (d->m->kind == MODEL_UNET) draw_unet(d);
    if (d->m->kind == MODEL_VAE) draw_coder(d, d->m->vae->config.latent_channels, 1 << (d->m->vae->config.blocks - 1));
    if (d->m->kind == MODEL_TAESD) draw_coder(d, d->m->taesd->config.latent_channels, 1 << (d->m->taesd->config.decoder_stages - 1));
    if (d->m->kind == MODEL_CLIP) draw_clip(d);
    return err->set ? -1 : 0;
}

/* Inputs as the file has them; a name that no input has is refused. */
static int read_all(Draws *d, Err *err)
{
    StFile *f = st_open(d->c->inputs, err);
    if (f == NULL) return -1;
    int status = 0, known = 0;
    for (const char *const *name = network_inputs(d->m->kind); *name != NULL && status == 0; name++) {
        if (st_find(f, *name) == NULL) continue;
        status = network_input_read(&d->at[d->in.count], f, *name, d->arena, err);
        d->in.count++;
    }
    for (int i = 0; i < st_count(f) && status == 0; i++) {
        known = 0;
        for (const char *const *name = network_inputs(d->m->kind); *name != NULL; name++) known |= strcmp(*name, st_at(f, i)->name) == 0;
        if (!known && strncmp(st_at(f, i)->name, "in.", 3) == 0)
            status = err_set(err, "%s: tensor '%s' is no input of a %s", d->c->inputs, st_at(f, i)->name, model_kind_name(d->m->kind));
    }
    st_close(f);
    return status;
}

/* The folder as seen from the file: below the file's folder the rest of the path, else unchanged. */
static const char *relative(const char *folder, const char *out)
{
    const char *slash = strrchr(out, '/');
    const size_t base = slash == NULL ? 0 : (size_t)(slash - out) + 1;
    return base > 0 && strncmp(folder, out, base) == 0 ? folder + base : folder;
}

/* Results as they come. A module that runs several times under one name leaves its last output, as PyTorch's hooks do. */
typedef struct Heard { char name[NET_PATH + 16]; Shape s; real *v; struct Heard *next; } Heard;
typedef struct Results { Arena *arena; Heard *first, *last; } Results;

static int hear(void *self, const char *name, real *v, Shape s, Err *err)
{
    Results *r = self;
    Heard *h = r->first;
    while (h != NULL && strcmp(h->name, name) != 0) h = h->next;
    if (h == NULL) {
        h = arena_take(r->arena, 1, sizeof *h, name);
        if (h == NULL) return err_set(err, "trace: out of memory");
        snprintf(h->name, sizeof h->name, "%s", name);
        if (r->last == NULL) r->first = h;
        else r->last->next = h;
        r->last = h;
    }
    h->s = s;
    h->v = arena_raw(r->arena, shape_count(s), sizeof *v, name);
    if (h->v == NULL) return err_set(err, "trace: out of memory");
    memcpy(h->v, v, shape_count(s) * sizeof *v);
    return 0;
}

static int put_inputs(Record *r, const Draws *d, Err *err)
{
    for (int i = 0; i < d->in.count; i++) {
        const NetInput *in = &d->at[i];
        const size_t n = shape_count(in->s);
        if (strcmp(in->name, "in.input_ids") == 0) {
            int64_t *ids = arena_take(r->arena, n, sizeof *ids, in->name);
            if (ids == NULL) return -1;
            for (size_t k = 0; k < n; k++) ids[k] = (int64_t)in->v[k];
            stw_add(r->w, in->name, ST_I64, in->s.nd, in->s.d, ids);
            continue;
        }
        real *v = arena_real(r->arena, n, in->name);
        if (v == NULL) return -1;
        for (size_t k = 0; k < n; k++) v[k] = (real)in->v[k];
        if (record_put(r, in->name, v, in->s, err) != 0) return -1;
    }
    return 0;
}

static int run(Record *r, Draws *d, const char *out, Err *err)
{
    Results results = { 0 };
    const Trace trace = { .put = hear, .self = &results };
    d->in.at = d->at;
    if ((d->c->inputs == NULL ? draw_all(d, err) : read_all(d, err)) != 0) return -1;
    if (d->c->grad == TRACE_GRAD_ALL && params_want_gradient(d->m->params, NULL, err) != 0) return -1;
    if (record_open(r, model_kind_name(d->m->kind), err) != 0) return -1;
    stw_meta(r->w, "network", relative(d->c->folder, out));
    if (put_inputs(r, d, err) != 0) return -1;
    results.arena = r->arena;
    if (network_run(d->m, &d->in, &trace, err) != 0) return -1;
    for (const Heard *h = results.first; h != NULL; h = h->next) stw_add(r->w, h->name, ST_REAL, h->s.nd, h->s.d, h->v);
    return 0;
}

/* Sizes that were left open. */
static TraceNetwork filled(const TraceNetwork *c, const Model *m)
{
    TraceNetwork f = *c;
    const int *trained = m->kind == MODEL_UNET ? m->unet->config.sample_size : NULL;
    if (f.height == 0) f.height = trained != NULL && trained[0] > 0 ? trained[0] : 64;
    if (f.width == 0) f.width = trained != NULL && trained[1] > 0 && c->height == 0 ? trained[1] : f.height;
    if (m->kind == MODEL_CLIP && m->clip->config.text.present && f.tokens > m->clip->config.max_position_embeddings)
        f.tokens = m->clip->config.max_position_embeddings;
    return f;
}

int trace_network(Record *r, const TraceNetwork *c, const char *out, Err *err)
{
    Model m;
    if (model_open(&m, c->folder, err) != 0) return -1;
    const TraceNetwork full = filled(c, &m);
    Draws d = { .m = &m, .c = &full, .arena = arena_new(err) };
    const int status = d.arena == NULL ? -1 : run(r, &d, out, err);
    arena_free(d.arena);
    model_close(&m);
    return status;
}
