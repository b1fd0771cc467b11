/* lora_score.c -- a network, its LoRA, and the LoRA's AdamW */
#include "ref/lora_score.h"
#include "ref/lora_loss.h"
#include "ref/state.h"
#include "tensor/adam.h"
#include "tensor/rng.h"
#include "tensor/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { RANK = 4 };                /* of diffusers' LoRA attention processors, which threestudio and ProlificDreamer take as they are */
#define CAMERA_DROP 0.1
enum { NAME_ROOM = NET_PATH + 64 };

struct LoraScore {
    LoraScoreConfig config;
    const Schedule *S;
    Lora lora;                    /* its parameters want gradients */
    Prior *network;               /* the pipeline's UNet with the LoRA */
    size_t n;                     /* values of a render */
    real *m, *v;                  /* moments, parameter after parameter */
    real *noise;                  /* (n) */
    Tape *tape;                   /* that records */
    Err err;                      /* the tape's */
};

LoraScore *lora_score_new(Pipeline *p, const char *prompt, int h, int w, const LoraScoreConfig *c, Err *err)
{
    LoraScore *s = mem_new(1, sizeof *s, "LoRA", err);
    if (s == NULL) return NULL;
    s->config = *c;
    s->S = p->S;
    s->n = (size_t)p->unet->config.in_channels * (size_t)h * (size_t)w;
    int status = lora_new(&s->lora, p->unet->params, RANK, c->seed, err);
    if (status == 0 && c->camera) status = lora_add_camera(&s->lora, PRIOR_CAMERA, p->unet->params, c->seed, err);
    if (status == 0) status = params_want_gradient(s->lora.params, NULL, err);
    if (status == 0) {
        const size_t total = params_total(s->lora.params);
        s->network = prior_new(p, prompt, NULL, h, w, err);
        s->m = mem_new(total, sizeof *s->m, "the LoRA's first moment", err);
        s->v = mem_new(total, sizeof *s->v, "the LoRA's second moment", err);
        s->noise = mem_new(s->n, sizeof *s->noise, "the LoRA's noise", err);
        s->tape = tape_new(&s->err);
        if (s->err.set) err_set(err, "%s", s->err.msg);
    }
    if (status == 0 && !err->set) {
        prior_use_lora(s->network, &s->lora);
        return s;
    }
    lora_score_free(s);
    return NULL;
}

void lora_score_free(LoraScore *s)
{
    if (s == NULL) return;
    prior_free(s->network);
    lora_close(&s->lora);
    mem_free(s->m);
    mem_free(s->v);
    mem_free(s->noise);
    tape_free(s->tape);
    mem_free(s);
}

Denoiser lora_score_denoiser(LoraScore *s) { return prior_denoiser(s->network); }

/* ---- training ---- */

/* What one forward pass is told; seen NULL: of no camera. */
typedef struct Shown { LoraScore *s; const View *seen; } Shown;

static Tensor *forward(void *self, const real *xt, int t, Err *err)
{
    const Shown *shown = self;
    LoraScore *s = shown->s;
    Tensor *y = prior_output(s->network, s->tape, xt, t, shown->seen, &s->err);
    if (y == NULL) err_set(err, "the LoRA's network: %s", s->err.msg);
    return y;
}

int lora_score_learn(LoraScore *s, real *loss, const real *x0, const View *view, int j, long step, real share, Err *err)
{
    const RngAt draw = { s->config.seed, (uint32_t)j, (uint32_t)step, RNG_LORA_TIME };
    const int t = (int)rng_below(draw, 0, (uint32_t)s->S->T), dropped = rng_uniform_at(draw, 1) < CAMERA_DROP;
    const LoraForward network = { forward, &(Shown){ s, dropped ? NULL : view } };
    rng_normal(s->noise, (RngAt){ s->config.seed, (uint32_t)j, (uint32_t)step, RNG_LORA }, s->n);
    s->err = (Err){ 0 };
    const size_t mark = tape_mark(s->tape);
    int status = lora_loss(loss, &network, s->tape, x0, s->noise, s->S, t, share, s->n, err);
    tape_rewind(s->tape, mark);
    if (status == 0 && !isfinite(*loss))
        status = err_set(err, "the LoRA's loss: found %g at t = %d of view %d, expected a finite value", text_shown((double)*loss), t, j);
    return status;
}

int lora_score_update(LoraScore *s, long step, Err *err)
{
    const AdamConfig adam = { .lr = s->config.lr, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-15, .weight_decay = 0.01, .decoupled = 1 };
    char name[NAME_ROOM];
    size_t at = 0;
    for (int i = 0; i < params_count(s->lora.params); i++) {
        const Weight *w = params_at(s->lora.params, i);
        real *theta = params_values(s->lora.params, i, err);
        if (theta == NULL) return -1;
        adam_step(theta, s->m + at, s->v + at, w->g, w->n, adam, step + 1);
        memset(w->g, 0, w->n * sizeof *w->g);
        snprintf(name, sizeof name, "%s of the LoRA", w->name);
        if (state_finite(theta, w->n, name, err) != 0) return -1;
        snprintf(name, sizeof name, "Adam's second moment of %s of the LoRA", w->name);
        if (state_finite(s->v + at, w->n, name, err) != 0) return -1;
        at += w->n;
    }
    return 0;
}

/* ---- checkpoints ---- */

enum { PARTS = 3 };

static void part_name(char out[NAME_ROOM], int part, const Weight *w)
{
    static const char *const before[PARTS] = { "lora.", "lora.m.", "lora.v." };
    snprintf(out, NAME_ROOM, "%s%s", before[part], w->name);
}

void lora_score_put(const LoraScore *s, StWriter *w)
{
    char name[NAME_ROOM];
    size_t at = 0;
    for (int i = 0; i < params_count(s->lora.params); i++) {
        const Weight *p = params_at(s->lora.params, i);
        const void *const values[PARTS] = { p->at, s->m + at, s->v + at };
        for (int part = 0; part < PARTS; part++) {
            part_name(name, part, p);
            stw_add(w, name, ST_REAL, p->s.nd, p->s.d, values[part]);
        }
        at += p->n;
    }
}

int lora_score_load(LoraScore *s, const StFile *f, Err *err)
{
    char name[NAME_ROOM];
    size_t at = 0;
    for (int i = 0; i < params_count(s->lora.params); i++) {
        const Weight *p = params_at(s->lora.params, i);
        real *const values[PARTS] = { params_values(s->lora.params, i, err), s->m + at, s->v + at };
        if (values[0] == NULL) return -1;
        for (int part = 0; part < PARTS; part++) {
            part_name(name, part, p);
            if (state_read(values[part], f, name, p->s, err) != 0) return -1;
        }
        at += p->n;
    }
    return 0;
}
