/* prior.c -- prompts into states, a UNet as a Denoiser, latents into images */
#include "ref/pipeline.h"
#include "ref/view_camera.h"
#include "sampler/step.h"
#include "tensor/mem.h"
#include "tensor/sum.h"
#include "tensor/text.h"

#include <stdio.h>
#include <string.h>

void text_states_free(TextStates *s)
{
    mem_free(s->states);
    mem_free(s->pooled);
    *s = (TextStates){ 0 };
}

/* ---- prompts ---- */

static void clear(TextStates *s)
{
    memset(s->states, 0, (size_t)s->L * (size_t)s->E * sizeof(real));
    if (s->pooled != NULL) memset(s->pooled, 0, (size_t)s->D * sizeof(real));
}

/* A tensor whose shape pipeline_open has checked: (rows,width), or (width) with rows NULL; a first side of 1 does not count. */
static real *read_states(int *rows, int *width, const Pipeline *p, const char *name, Err *err)
{
    const StTensor *t = st_find(p->embeddings, name);
    real *v = mem_new((size_t)t->count, sizeof *v, name, err);
    if (v == NULL) return NULL;
    *width = (int)t->dim[t->ndim - 1];
    if (rows != NULL) *rows = (int)(t->count / *width);
    const int status = st_read_real(v, t, err);
    const long bad = status == 0 ? first_not_finite(v, (size_t)t->count) : -1;
    if (status == 0 && bad < 0) return v;
    if (status == 0)
        err_set(err, "%s: tensor '%s' has %g at %ld, expected finite values", st_path(p->embeddings), name, text_shown((double)v[bad]), bad);
    mem_free(v);
    return NULL;
}

static int states_from_file(TextStates *out, const Pipeline *p, CondKind kind, Err *err)
{
    const int zeros = kind != COND_TEXT && p->zero_empty && st_find(p->embeddings, "negative_prompt_embeds") == NULL;
    const int positive = kind == COND_TEXT || zeros;
    out->states = read_states(&out->L, &out->E, p, positive ? "prompt_embeds" : "negative_prompt_embeds", err);
    if (out->states == NULL) return -1;
    if (p->unet->config.add == ADD_TEXT_TIME) {
        out->pooled = read_states(NULL, &out->D, p, positive ? "pooled_prompt_embeds" : "negative_pooled_prompt_embeds", err);
        if (out->pooled == NULL) return -1;
    }
    if (zeros) clear(out);
    return 0;
}

/* One encoder's share: columns from `at` on of out->states. SDXL (pooled text wanted) takes the states before the last layer and no
 * norm, and the last encoder's projection as the pooled text. */
static int encode(TextStates *out, Pipeline *p, int which, int at, const char *text, Err *err)
{
    const Clip *clip = p->text[which];
    const int xl = p->unet->config.add == ADD_TEXT_TIME;
    const size_t C = (size_t)clip->config.text.hidden_size;
    int count, dropped;
    ClipText y = { 0 };
    Net n;
    int64_t *ids = mem_new((size_t)out->L, sizeof *ids, "tokens", err);
    Tape *tape = ids == NULL ? NULL : tape_new(err);
    int status = tape == NULL ? -1 : tokenizer_encode(ids, &count, &dropped, p->tokenizer[which], text, out->L, err);
    if (status == 0) {
        tape_recording(tape, 0);
        net_begin(&n, tape, clip->params, err);
        status = clip_text(&y, &n, clip, ids, 1, out->L);
        if (dropped > out->dropped) out->dropped = dropped;
    }
    if (status == 0) {
        const real *v = xl ? y.penultimate->v : y.last_hidden_state->v;
        for (size_t i = 0; i < (size_t)out->L; i++) memcpy(out->states + i * (size_t)out->E + at, v + i * C, C * sizeof *v);
        if (out->pooled != NULL && y.text_embeds != NULL) memcpy(out->pooled, y.text_embeds->v, (size_t)out->D * sizeof(real));
    }
    tape_free(tape);
    mem_free(ids);
    return status;
}

static int states_by_encoders(TextStates *out, Pipeline *p, CondKind kind, const char *text, Err *err)
{
    const UNetConfig *u = &p->unet->config;
    int at = 0;
    out->L = p->tokens;
    out->E = u->text_in;
    out->states = mem_new((size_t)out->L * (size_t)out->E, sizeof(real), "text states", err);
    if (out->states == NULL) return -1;
    if (u->add == ADD_TEXT_TIME) {
        out->D = u->projection_in - 6 * u->add_time_width;
        out->pooled = mem_new((size_t)out->D, sizeof(real), "pooled text", err);
        if (out->pooled == NULL) return -1;
    }
    if (kind == COND_NULL && p->zero_empty) return 0;
    for (int i = 0; i < 2; i++) {
        if (p->text[i] == NULL) continue;
        if (encode(out, p, i, at, kind == COND_NULL ? "" : text, err) != 0) return -1;
        at += p->text[i]->config.text.hidden_size;
    }
    return 0;
}

int pipeline_text(TextStates *out, Pipeline *p, CondKind kind, const char *text, Err *err)
{
    *out = (TextStates){ 0 };
    if (!p->unet->config.uses_text) return 0;
    const int status = p->embeddings != NULL ? states_from_file(out, p, kind, err) : states_by_encoders(out, p, kind, text, err);
    if (status != 0) text_states_free(out);
    return status;
}

/* ---- the denoiser ---- */

enum { LABELS = VIEW_RIGHT + 1 };

struct Prior {
    Pipeline *p;
    Condition condition;
    ViewThresholds thresholds;
    TextStates text[LABELS];  /* the prompt with each label that the condition knows; without views in text[0] */
    TextStates none, negative;/* of no prompt; of the negative one, if there is one */
    TextStates between;       /* room for a blend, where views are said */
    int has_negative, h, w;
    const Lora *lora;         /* or NULL */
    Tape *tape;
    size_t mark;
    Err err;                  /* the tape's */
};

static Tensor *batch_of_one(Tape *t, real *v, int rows, int width, const char *name)
{
    return tensor_view(t, rows == 0 ? (Shape){ 2, { 1, width } } : (Shape){ 3, { 1, rows, width } }, v, NULL, name);
}

/* SDXL is told the size of the picture: original height and width, corner of the crop, target height and width. */
static Tensor *time_ids(Tape *t, const Prior *d)
{
    const real h = (real)(d->h * pipeline_scale(d->p)), w = (real)(d->w * pipeline_scale(d->p));
    const real ids[6] = { h, w, 0, 0, h, w };
    Tensor *x = tensor_new(t, (Shape){ 2, { 1, 6 } }, 0, "time_ids");
    if (x != NULL && x->v != NULL) memcpy(x->v, ids, sizeof ids);
    return x;
}

/* (1, PRIOR_CAMERA): the columns right, up, -forward, position, and a last row 0 0 0 1; zeros where nobody is told. */
static Tensor *camera_numbers(Tape *t, const View *seen)
{
    Tensor *x = tensor_new(t, (Shape){ 2, { 1, PRIOR_CAMERA } }, 0, "camera");
    if (x == NULL) return NULL;
    memset(x->v, 0, x->n * sizeof(real));
    if (seen == NULL) return x;
    Camera c;
    camera_of_view(&c, seen, 1, 1);
    memcpy(x->v, c.c2w, sizeof c.c2w);
    x->v[PRIOR_CAMERA - 1] = 1;
    return x;
}

/* (1, out_channels, h, w); on a tape of shapes xt may be NULL, and so may the arrays of text. */
static Tensor *forward(const Prior *d, Tape *tape, const real *xt, double timestep, const TextStates *text, const View *seen, Err *err)
{
    const UNetConfig *u = &d->p->unet->config;
    Net net;
    net_begin(&net, tape, d->p->unet->params, err);
    net.lora = d->lora;
    UNetInput in = { .sample = tensor_new(tape, (Shape){ 4, { 1, u->in_channels, d->h, d->w } }, 0, "x_t"), .timestep = &timestep };
    if (in.sample != NULL && in.sample->v != NULL) memcpy(in.sample->v, xt, in.sample->n * sizeof(real));
    if (u->uses_text) in.encoder_hidden_states = batch_of_one(tape, text->states, text->L, text->E, "text");
    if (u->add == ADD_TEXT_TIME) {
        in.text_embeds = batch_of_one(tape, text->pooled, 0, text->D, "pooled text");
        in.time_ids = time_ids(tape, d);
    }
    if (d->lora != NULL && d->lora->camera > 0) in.camera = camera_numbers(tape, seen);
    return unet_forward(&net, d->p->unet, &in);
}

/* Does the UNet take this size? */
static int check_size(const Prior *d, Err *err)
{
    const UNetConfig *u = &d->p->unet->config;
    const TextStates text = { .L = 1, .E = u->text_in, .D = u->projection_in - 6 * u->add_time_width };
    Tape *tape = tape_new(err);
    if (tape == NULL) return -1;
    tape_shapes_only(tape, 1);
    const int status = forward(d, tape, NULL, 0, &text, NULL, err) == NULL ? -1 : 0;
    tape_free(tape);
    return status;
}

/* Is there a prompt with this label? */
static int is_said(Condition condition, ViewLabel label)
{
    if (condition == CONDITION_VIEW) return label != VIEW_LEFT && label != VIEW_RIGHT;
    return condition == CONDITION_VIEW_LR && label != VIEW_SIDE;
}

static void mix(real *out, const real *a, const real *b, real share, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] = r_fma(share, a[i], (R(1.0) - share) * b[i]);
}

static const TextStates *blend(Prior *d, const Blend *between)
{
    const TextStates *a = &d->text[between->a], *b = &d->text[between->b];
    BUG_IF(!is_said(d->condition, between->a) || !is_said(d->condition, between->b), "a blend of %s and %s", view_label_name(between->a),
           view_label_name(between->b));
    if (between->share == R(1.0)) return a;
    if (between->share == R(0.0)) return b;
    mix(d->between.states, a->states, b->states, between->share, (size_t)a->L * (size_t)a->E);
    if (a->pooled != NULL) mix(d->between.pooled, a->pooled, b->pooled, between->share, (size_t)a->D);
    return &d->between;
}

static const TextStates *states_of(Prior *d, const Cond *cond)
{
    const View *view = &cond->view;
    if (cond->kind == COND_NEGATIVE && d->has_negative) return &d->negative;
    if (cond->kind != COND_TEXT) return &d->none;
    if (cond->blend.on) return blend(d, &cond->blend);
    if (d->condition == CONDITION_VIEW) return &d->text[view_label(view->elevation, view->azimuth, &d->thresholds)];
    if (d->condition == CONDITION_VIEW_LR) return &d->text[view_label_lr(view->elevation, view->azimuth, &d->thresholds)];
    return &d->text[0];
}

static int predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err)
{
    Prior *d = self;
    const size_t n = (size_t)d->p->unet->config.in_channels * (size_t)d->h * (size_t)d->w;
    tape_rewind(d->tape, d->mark);
    d->err = (Err){ 0 };
    const Tensor *y = forward(d, d->tape, xt, t, states_of(d, cond), &cond->view, &d->err);
    if (y == NULL) return err_set(err, "%s", d->err.msg);
    const long bad = first_not_finite(y->v, n);            /* a learned variance is in the channels beyond */
    if (bad >= 0)
        return err_set(err, "%s: the UNet's output at t = %d has %g at %ld, expected finite values", d->p->folder, t, text_shown((double)y->v[bad]), bad);
    to_eps(eps, xt, y->v, d->p->S, t, n);
    return 0;
}

static int room_between(Prior *d, Err *err)
{
    const TextStates *like = &d->text[VIEW_FRONT];
    d->between = (TextStates){ .L = like->L, .E = like->E, .D = like->D };
    d->between.states = mem_new((size_t)like->L * (size_t)like->E, sizeof(real), "text states", err);
    if (like->pooled != NULL) d->between.pooled = mem_new((size_t)like->D, sizeof(real), "pooled text", err);
    return err->set ? -1 : 0;
}

static int encode_views(Prior *d, const char *prompt, Err *err)
{
    const size_t room = strlen(prompt) + 32;                /* ", right side view" */
    char *text = mem_new(room, 1, "prompt", err);
    int status = text == NULL ? -1 : 0;
    for (int label = 0; label < LABELS && status == 0; label++) {
        if (!is_said(d->condition, (ViewLabel)label)) continue;
        status = view_prompt(text, room, prompt, (ViewLabel)label, err);
        if (status == 0) status = pipeline_text(&d->text[label], d->p, COND_TEXT, text, err);
    }
    mem_free(text);
    return status == 0 ? room_between(d, err) : -1;
}

static int prior_fill(Prior *d, const char *prompt, const char *negative, Err *err)
{
    if (check_size(d, err) != 0) return -1;
    if (d->condition == CONDITION_PROMPT) {
        if (pipeline_text(&d->text[0], d->p, COND_TEXT, prompt, err) != 0) return -1;
    } else if (encode_views(d, prompt, err) != 0) return -1;
    if (pipeline_text(&d->none, d->p, COND_NULL, NULL, err) != 0) return -1;
    if (negative != NULL && pipeline_text(&d->negative, d->p, COND_NEGATIVE, negative, err) != 0) return -1;
    d->tape = tape_new(&d->err);
    if (d->tape == NULL) return err_set(err, "%s", d->err.msg);
    tape_recording(d->tape, 0);
    d->mark = tape_mark(d->tape);
    return 0;
}

Prior *prior_new_views(Pipeline *p, const char *prompt, const char *negative, Condition condition, const ViewThresholds *thresholds, int h, int w,
                       Err *err)
{
    BUG_IF(condition == CONDITION_POSED, "a pipeline knows no poses");
    BUG_IF(condition != CONDITION_PROMPT && p->embeddings != NULL, "views of states from a file");
    Prior *d = mem_new(1, sizeof *d, "prior", err);
    if (d == NULL) return NULL;
    d->p = p;
    d->condition = condition;
    d->thresholds = *thresholds;
    d->h = h;
    d->w = w;
    d->has_negative = negative != NULL;
    if (prior_fill(d, prompt, negative, err) == 0) return d;
    prior_free(d);
    return NULL;
}

Prior *prior_new(Pipeline *p, const char *prompt, const char *negative, int h, int w, Err *err)
{
    const ViewThresholds unread = { 0 };
    return prior_new_views(p, prompt, negative, CONDITION_PROMPT, &unread, h, w, err);
}

void prior_free(Prior *d)
{
    if (d == NULL) return;
    for (int label = 0; label < LABELS; label++) text_states_free(&d->text[label]);
    text_states_free(&d->none);
    text_states_free(&d->negative);
    text_states_free(&d->between);
    tape_free(d->tape);
    mem_free(d);
}

void prior_use_lora(Prior *d, const Lora *l)
{
    BUG_IF(l != NULL && l->camera != 0 && l->camera != PRIOR_CAMERA, "a camera of %d numbers, expected %d", l->camera, (int)PRIOR_CAMERA);
    d->lora = l;
}

Tensor *prior_output(const Prior *d, Tape *tape, const real *xt, int t, const View *seen, Err *err)
{
    BUG_IF(d->condition != CONDITION_PROMPT, "a prompt with views");
    return forward(d, tape, xt, t, &d->text[0], seen, err);
}

Denoiser prior_denoiser(Prior *d) { return (Denoiser){ d->p->unet->config.in_channels, d->h, d->w, predict, d }; }

int prior_dropped(const Prior *d, CondKind kind)
{
    int most = 0;
    if (kind != COND_TEXT) return d->negative.dropped;
    for (int label = 0; label < LABELS; label++)
        if (d->text[label].dropped > most) most = d->text[label].dropped;
    return most;
}

/* ---- images ---- */

int pipeline_scale(const Pipeline *p)
{
    int scale = 1;
    if (p->vae != NULL) scale = 1 << (p->vae->config.blocks - 1);
    for (int i = 1; p->taesd != NULL && i < p->taesd->config.decoder_stages; i++) scale *= p->taesd->config.upsampling_scaling_factor;
    return scale;
}

/* Latents leave the UNet scaled: z = x / scaling_factor + shift_factor is what the decoder takes. */
static Tensor *decode(Pipeline *p, Tape *t, Tensor *x, Err *err)
{
    Net net;
    const double factor = p->vae != NULL ? p->vae->config.scaling_factor : p->taesd->config.scaling_factor;
    const double shift = p->vae != NULL ? p->vae->config.shift_factor : p->taesd->config.shift_factor;
    net_begin(&net, t, p->vae != NULL ? p->vae->params : p->taesd->params, err);
    Tensor *z = op_affine(t, x, (real)(1.0 / factor), (real)shift, "latent");
    return p->vae != NULL ? vae_decode(&net, p->vae, z) : taesd_decode(&net, p->taesd, z);
}

int pipeline_image(real *image, Pipeline *p, const real *x, int h, int w, Err *err)
{
    Tape *tape = tape_new(err);
    if (tape == NULL) return -1;
    tape_recording(tape, 0);
    Tensor *y = tensor_new(tape, (Shape){ 4, { 1, p->unet->config.in_channels, h, w } }, 0, "sample");
    if (y != NULL) memcpy(y->v, x, y->n * sizeof(real));
    if (p->vae != NULL || p->taesd != NULL) y = decode(p, tape, y, err);
    const long bad = y == NULL ? -1 : first_not_finite(y->v, y->n);
    int status = y == NULL ? -1 : 0;
    if (bad >= 0) status = err_set(err, "%s: the image has %g at %ld, expected finite values", p->folder, text_shown((double)y->v[bad]), bad);
    for (size_t i = 0; status == 0 && i < y->n; i++) image[i] = r_clamp(r_fma(y->v[i], R(0.5), R(0.5)), R(0.0), R(1.0));
    tape_free(tape);
    return status;
}
