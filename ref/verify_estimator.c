/* verify_estimator.c -- traces of kind estimator: one step; its predictions by the network that the file names, or taken from the file */
#include "nn/model.h"
#include "ref/estimator.h"
#include "ref/verify_internal.h"
#include "tensor/mem.h"
#include "tensor/sum.h"

#include <stdio.h>
#include <string.h>

/* A denoiser that answers with what the file says was predicted. */
typedef struct Recorded { Check *check; size_t n; } Recorded;

static int recorded_predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err)
{
    const Recorded *r = self;
    const char *name = cond->kind == COND_TEXT ? "eps_cond" : "eps_uncond";
    (void)xt;
    (void)t;
    real *v = check_read(r->check, name, r->n, err);
    if (v == NULL) return -1;
    memcpy(eps, v, r->n * sizeof(real));
    mem_free(v);
    return check_given(r->check, name, err);
}

/* A denoiser that asks the network, with the file's embeddings. */
typedef struct Asked { Check *check; Model m; Tape *tape; Err err; int C, h, w; } Asked;

static Tensor *embedding(Asked *a, CondKind kind, Err *err)
{
    static const char *const names[] = { [COND_TEXT] = "in.embed.cond", [COND_NULL] = "in.embed.uncond", [COND_NEGATIVE] = "in.embed.negative" };
    char shape[ST_SHAPE_ROOM];
    const StTensor *t = st_find(a->check->file, names[kind]);
    real *v = check_read(a->check, names[kind], 0, err);
    if (v == NULL) return NULL;
    Tensor *e = t->ndim != 3 ? NULL : tensor_new(a->tape, (Shape){ 3, { t->dim[0], t->dim[1], t->dim[2] } }, 0, names[kind]);
    if (e != NULL) memcpy(e->v, v, e->n * sizeof *v);
    else err_set(err, "%s: tensor '%s' is %s, expected (1,L,E)", st_path(a->check->file), names[kind], st_shape(shape, t));
    mem_free(v);
    return e;
}

static int asked_predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err)
{
    Asked *a = self;
    const double timestep = t;
    const size_t mark = tape_mark(a->tape);
    Net n;
    net_begin(&n, a->tape, a->m.params, &a->err);
    UNetInput in = { .sample = tensor_new(a->tape, (Shape){ 4, { 1, a->C, a->h, a->w } }, 0, "x_t"), .timestep = &timestep };
    if (in.sample != NULL) memcpy(in.sample->v, xt, in.sample->n * sizeof *xt);
    if (a->m.unet->config.uses_text) {
        in.encoder_hidden_states = embedding(a, cond->kind, err);
        if (in.encoder_hidden_states == NULL) return -1;
    }
    const Tensor *y = unet_forward(&n, a->m.unet, &in);
    if (y == NULL) return err_set(err, "%s: %s", st_path(a->check->file), a->err.msg);
    memcpy(eps, y->v, in.sample->n * sizeof *eps);
    tape_rewind(a->tape, mark);
    return 0;
}

/* The network of the file: 0 when it names none. */
static int ask(Asked *a, Check *c, const StTensor *x, Err *err)
{
    char folder[1024];
    *a = (Asked){ .check = c, .C = (int)x->dim[1], .h = (int)x->dim[2], .w = (int)x->dim[3] };
    if (st_meta(c->file, "network") == NULL) return 0;
    if (check_network(folder, sizeof folder, c, err) != 0 || model_open(&a->m, folder, err) != 0) return -1;
    if (a->m.kind != MODEL_UNET || a->m.unet->config.in_channels != a->C || a->m.unet->config.out_channels < a->C)
        return err_set(err, "%s: expected a UNet that takes and gives the %d channels of in.x0", folder, a->C);
    a->tape = tape_new(&a->err);
    if (a->tape == NULL) return err_set(err, "%s", a->err.msg);
    tape_recording(a->tape, 0);
    return 1;
}

static void ask_end(Asked *a)
{
    tape_free(a->tape);
    model_close(&a->m);
}

static Schedule *read_schedule(const Check *c, Err *err)
{
    const ScheduleConfig sd = schedule_config_sd();
    const StTensor *t = st_find(c->file, "in.alphas_cumprod");
    if (t == NULL) return schedule_new(&sd, err);
    double *abar = mem_new((size_t)t->count, sizeof *abar, "in.alphas_cumprod", err);
    Schedule *S = NULL;
    if (abar != NULL && st_read_f64(abar, t, err) == 0) S = schedule_from_abar(&sd, abar, (int)t->count, err);
    mem_free(abar);
    return S;
}

static real norm_of(const Check *c, const char *name, size_t n, Err *err)
{
    if (!check_has(c, name)) return 0;
    real *v = check_read(c, name, n, err);
    if (v == NULL) return 0;
    const real norm = r_sqrt(sumsq16(v, n));
    mem_free(v);
    return norm;
}

static int same_but_for_spaces(const char *a, const char *b)
{
    for (;;) {
        a += strspn(a, " ");
        b += strspn(b, " ");
        if (*a != *b) return 0;
        if (*a == 0) return 1;
        a++;
        b++;
    }
}

typedef struct Sds { int t; real guidance; TimeWeight weight; } Sds;

static int read_sds(Sds *p, const Check *c, const Schedule *S, Err *err)
{
    double guidance;
    const char *weight = meta_text(c, "weight", err), *name = meta_text(c, "estimator", err), *cfg = st_meta(c->file, "cfg");
    if (weight == NULL || name == NULL) return -1;
    if (strcmp(name, "sds") != 0)
        return err_set(err, "%s: metadata 'estimator' is '%.40s', expected sds (others follow in a later version)", st_path(c->file), name);
    if (cfg != NULL && !same_but_for_spaces(cfg, "uncond+scale*(cond-uncond)"))
        return err_set(err, "%s: metadata 'cfg' is '%.60s', expected uncond+scale*(cond-uncond); for cond+scale*(cond-uncond) add 1 to guidance",
                       st_path(c->file), cfg);
    if (meta_number(&guidance, c, "guidance", err) != 0 || meta_whole(&p->t, c, "t", 0, S->T - 1, err) != 0) return -1;
    p->guidance = (real)guidance;
    return weight_parse(&p->weight, weight, err);
}

/* c |p| of vocabulary.h: p the largest of the predictions and the noise, c the factor it enters with. */
static void set_scales(Check *c, const Sds *p, const Schedule *S, size_t n, Err *err)
{
    const double cond = (double)norm_of(c, "eps_cond", n, err), uncond = (double)norm_of(c, "eps_uncond", n, err);
    const double noise = (double)norm_of(c, "in.noise", n, err), s = fabs((double)p->guidance);
    const double largest = fmax(cond, uncond), w = (double)weight_at(p->weight, S, p->t), r = (double)sched_r(S, p->t);
    c->scale[COMBINES_GUIDANCE] = s * largest;
    c->scale[COMBINES_WEIGHT] = w * fmax(s * largest, noise);
    c->scale[COMBINES_RATIO] = r * s * largest;
}

static int one_step(Check *c, const Schedule *S, Arena *arena, Err *err)
{
    char shape[ST_SHAPE_ROOM];
    const StTensor *x = st_find(c->file, "in.x0");
    Sds p;
    if (read_sds(&p, c, S, err) != 0) return -1;
    if (x != NULL && (x->ndim != 4 || x->dim[0] != 1 || x->count == 0))
        return err_set(err, "%s: tensor 'in.x0' is %s, expected (1,C,H,W)", st_path(c->file), st_shape(shape, x));
    real *x0 = check_read(c, "in.x0", 0, err);
    const size_t n = x0 == NULL ? 0 : (size_t)x->count;
    real *noise = x0 == NULL ? NULL : check_read(c, "in.noise", n, err);
    real *grad = arena_real(arena, n, "grad");
    int status = noise == NULL || grad == NULL ? -1 : 0;
    if (status == 0) {
        Recorded recorded = { c, n };
        Asked asked;
        const int asks = ask(&asked, c, x, err);
        Denoiser D = { (int)x->dim[1], (int)x->dim[2], (int)x->dim[3], recorded_predict, &recorded };
        if (asks > 0) {
            D.predict = asked_predict;
            D.self = &asked;
        }
        const Trace trace = { check_put, c };
        const Estimate k = { .S = S, .D = &D, .arena = arena, .trace = &trace, .err = err };
        set_scales(c, &p, S, n, err);
        status = asks < 0 || err->set ? -1 : sds_grad(grad, x0, noise, p.t, p.guidance, p.weight, &k);
        /* At guidance 1 nobody asks for it. */
        if (status == 0 && p.guidance == R(1.0) && check_has(c, "eps_uncond")) status = check_given(c, "eps_uncond", err);
        ask_end(&asked);
    }
    mem_free(x0);
    mem_free(noise);
    return status;
}

int verify_estimator(Check *c, Err *err)
{
    Schedule *S = read_schedule(c, err);
    Arena *arena = S == NULL ? NULL : arena_new(err);
    const int status = arena == NULL ? -1 : one_step(c, S, arena, err);
    arena_free(arena);
    schedule_free(S);
    return status;
}
