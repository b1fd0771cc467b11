/* verify_estimator.c -- traces of kind estimator: one step; its predictions by the network that the file names (verify_denoiser.h), or taken
 * from the file
 */
#include "ref/estimators.h"
#include "ref/phi.h"
#include "ref/verify_denoiser.h"
#include "ref/verify_internal.h"
#include "ref/verify_scale.h"
#include "sampler/step.h"
#include "tensor/mem.h"

#include <stdio.h>
#include <string.h>

/* Who listens to a step. xt (n): the last that was said as x_t, if any was. */
typedef struct Ear { Check *check; Scales scales; real *xt; int has_xt; } Ear;

/* ---- predictions: by the file's network, or the file's own ---- */

static int recorded_give(void *self, const char *name, real *v, size_t n, Err *err)
{
    Check *c = ((Ear *)self)->check;
    real *found = check_read(c, name, n, err);
    if (found == NULL) return -1;
    memcpy(v, found, n * sizeof *v);
    mem_free(found);
    return check_given(c, name, err);
}

static int recorded_has(void *self, const char *name) { return check_has(((Ear *)self)->check, name); }

static Schedule *read_schedule(const Check *c, Err *err)
{
    ScheduleConfig sd = schedule_config_sd();
    const char *prediction = st_meta(c->file, "prediction_type");
    const StTensor *t = st_find(c->file, "in.alphas_cumprod");
    Err why = { 0 };
    if (prediction != NULL && prediction_parse(&sd.prediction_type, prediction, &why) != 0) {
        err_set(err, "%s: metadata %s", st_path(c->file), why.msg);
        return NULL;
    }
    if (t == NULL) return schedule_new(&sd, err);
    double *abar = mem_new((size_t)t->count, sizeof *abar, "in.alphas_cumprod", err);
    Schedule *S = NULL;
    if (abar != NULL && st_read_f64(abar, t, err) == 0) S = schedule_from_abar(&sd, abar, (int)t->count, err);
    mem_free(abar);
    return S;
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

/* ---- the step ---- */

static int read_cfg(const Check *c, const char *name, Err *err)
{
    const char *cfg = st_meta(c->file, "cfg"), *base = strcmp(name, "ism") == 0 ? "negative" : "uncond";
    char want[64];
    snprintf(want, sizeof want, "%s+scale*(cond-%s)", base, base);
    if (cfg == NULL || same_but_for_spaces(cfg, want)) return 0;
    return err_set(err, "%s: metadata 'cfg' is '%.60s', expected %s; for cond+scale*(cond-%s) add 1 to guidance", st_path(c->file), cfg, want, base);
}

static int read_step(Step *p, const Estimator *e, const Check *c, Err *err)
{
    const StepKey *key;
    for (int i = 0; (key = estimator_key(e, i)) != NULL; i++) {
        const char *text = st_meta(c->file, key->name);
        Err why = { 0 };
        if (text == NULL) text = key->standard;
        if (text == NULL && meta_text(c, key->name, err) == NULL) return -1;
        if (step_key_set(p, key, text, &why) != 0) return err_set(err, "%s: metadata '%s' %s", st_path(c->file), key->name, why.msg);
    }
    return 0;
}

static int heard_put(void *self, const char *name, real *v, Shape shape, Err *err)
{
    Ear *ear = self;
    const size_t n = shape_count(shape);
    scales_at(ear->check->scale, &ear->scales, name);
    scales_hear(&ear->scales, name, v, n);                  /* ours, before the file's takes its place */
    if (check_put(ear->check, name, v, shape, err) != 0) return -1;
    if (strcmp(name, "x_t") != 0) return 0;
    memcpy(ear->xt, v, n * sizeof *v);
    ear->has_xt = 1;
    return 0;
}

/* Predictions at x_t that the file has, though the estimator did not need them here (their factor is 0). */
static int leftovers(const Ear *ear, const Step *p, const Estimate *k)
{
    static const struct { const char *name; CondKind kind; } which[] = { { "eps_uncond", COND_NULL }, { "eps_negative", COND_NEGATIVE } };
    real *eps = estimate_new(k, "eps");
    int status = eps == NULL ? -1 : 0;
    for (int i = 0; i < 2 && status == 0 && ear->has_xt; i++)
        if (check_has(ear->check, which[i].name) && !check_heard(ear->check, which[i].name))
            status = predicted_eps(eps, which[i].name, ear->xt, p->t, which[i].kind, k);
    return status;
}

/* What a step is made of besides its settings. map: what the render says to phi. */
typedef struct Given { real *x0, *noise, *map; DepthNet *net; PhiSource source; Phi phi; PerpNeg perp; } Given;

/* The network behind a baseline, for pictures such as in.x0. */
static int read_phi_network(PhiSource *source, DepthNet **net, const Check *c, const StTensor *x, Err *err)
{
    char folder[1024];
    if (check_network(folder, sizeof folder, c, "phi_network", err) != 0) return -1;
    source->net = *net = depth_open(folder, err);
    if (*net == NULL) return -1;
    if (x->dim[1] == 3 && x->dim[2] == (*net)->h && x->dim[3] == (*net)->w) return 0;
    return err_set(err, "%s: tensor 'in.x0' is (1,%d,%d,%d), expected (1,3,%d,%d): pictures of %s", st_path(c->file), (int)x->dim[1], (int)x->dim[2],
                   (int)x->dim[3], (*net)->h, (*net)->w, folder);
}

static int read_phi(Given *g, const Check *c, const Schedule *S, const StTensor *x, Err *err)
{
    static const char *const maps[] = { NULL, NULL, "in.depth", "in.nearness", "in.normals" };
    const char *name = meta_text(c, "phi", err);
    const size_t pixels = (size_t)(x->dim[2] * x->dim[3]);
    int kind = 0;
    if (name == NULL) return -1;
    while (phi_names[kind] != NULL && strcmp(phi_names[kind], name) != 0) kind++;
    if (phi_names[kind] == NULL)
        return err_set(err, "%s: metadata 'phi' is '%.40s', expected none, quadratic, pearson_depth, depth or normals", st_path(c->file), name);
    g->source = (PhiSource){ .kind = (PhiKind)kind, .channels = (int)x->dim[1], .pixels = pixels, .S = S };
    if (maps[kind] != NULL) g->source.render = g->map = check_read(c, maps[kind], kind == PHI_NORMALS ? 3 * pixels : pixels, err);
    if (maps[kind] != NULL && g->map == NULL) return -1;
    return phi_asks_network(g->source.kind) ? read_phi_network(&g->source, &g->net, c, x, err) : 0;
}

/* Times that the schedule has. */
static int check_levels(const Step *p, const Check *c, const Schedule *S, Err *err)
{
    const struct { const char *key; int level; } levels[] = { { "t", p->t }, { "s", p->s }, { "t_baseline", p->t_baseline }, { "ode_steps", p->ode_steps } };
    for (int i = 0; i < 4; i++)
        if (levels[i].level >= S->T)
            return err_set(err, "%s: metadata '%s' is %d, expected less than %d: the schedule's length", st_path(c->file), levels[i].key, levels[i].level, S->T);
    return 0;
}

/* Perp-Neg alone: x_t, and the guided prediction there as `grad`. */
static int perp_neg_grad(real *grad, const real *x0, const Step *p, const Estimate *k)
{
    real *xt = estimate_new(k, "x_t");
    if (xt == NULL) return -1;
    diffuse(xt, x0, p->noise, k->S, p->t, estimate_n(k));
    if (estimate_say(k, "x_t", xt) != 0 || guided_eps(grad, "eps_cfg", xt, p->t, p->guidance, k) != 0) return -1;
    return estimate_say(k, "grad", grad);
}

static const Estimator perp_neg = { .name = "perp_neg", .keys = "t guidance", .noise = "in.noise", .grad = perp_neg_grad };

static const Estimator *read_estimator(const Check *c, Err *err)
{
    const char *name = meta_text(c, "estimator", err);
    const Estimator *e = name == NULL ? NULL : strcmp(name, perp_neg.name) == 0 ? &perp_neg : estimator_find(name);
    if (name != NULL && e == NULL)
        err_set(err, "%s: metadata 'estimator' is '%.40s', expected one that `sdref estimators` lists, or perp_neg", st_path(c->file), name);
    return e == NULL || read_cfg(c, name, err) != 0 ? NULL : e;
}

static int read_given(Given *g, Step *p, Estimate *k, const Estimator *e, const Check *c, const StTensor *x, Err *err)
{
    char shape[ST_SHAPE_ROOM];
    double w_neg;
    if (x != NULL && (x->ndim != 4 || x->dim[0] != 1 || x->count == 0))
        return err_set(err, "%s: tensor 'in.x0' is %s, expected (1,C,H,W)", st_path(c->file), st_shape(shape, x));
    g->x0 = check_read(c, "in.x0", 0, err);
    g->noise = g->x0 == NULL ? NULL : check_read(c, e->noise, (size_t)x->count * (size_t)(p->sdi_form == SDI_OFFICIAL ? p->inversion_steps : 1), err);
    if (g->noise == NULL) return -1;
    p->noise = g->noise;
    if (strcmp(e->name, "ssd") == 0) {
        if (read_phi(g, c, k->S, x, err) != 0) return -1;
        g->phi = phi_of(&g->source);
        k->phi = &g->phi;
    }
    if (e != &perp_neg) return 0;
    if (meta_number(&w_neg, c, "w_neg", err) != 0) return -1;
    g->perp = (PerpNeg){ .count = 1, .negative = { { .kind = COND_NEGATIVE } }, .w = { (real)w_neg } };
    k->perp_neg = &g->perp;
    return 0;
}

static int one_step(Check *c, const Schedule *S, Arena *arena, Err *err)
{
    const StTensor *x = st_find(c->file, "in.x0");
    const Estimator *e = read_estimator(c, err);
    Step p = { 0 };
    Given given = { 0 };
    Asked asked = { 0 };
    AskedLora lora = { 0 };
    Denoiser D = { 0 }, D_phi = { 0 };
    Ear ear = { .check = c };
    Trace trace = { .put = heard_put, .self = &ear };
    Estimate k = { .S = S, .D = &D, .arena = arena, .trace = &trace, .err = err };
    if (e == NULL || read_step(&p, e, c, err) != 0) return -1;
    if (check_levels(&p, c, S, err) != 0) return -1;
    int status = read_given(&given, &p, &k, e, c, x, err);
    if (status == 0) {
        const int asks = ask_open(&asked, &D, c, S, x, err);
        const int learned = asks > 0 && strcmp(e->name, "vsd") == 0;
        D_phi = D;
        if (learned && ask_lora(&lora, &D_phi, &asked, err) != 0) err_set(err, "%s: the LoRA of a vsd trace cannot be read", st_path(c->file));
        k.D_phi = &D_phi;
        if (asks == 0) {
            trace.give = recorded_give;
            trace.has = recorded_has;
        }
        real *grad = arena_real(arena, (size_t)x->count, "grad");
        ear.xt = arena_real(arena, (size_t)x->count, "x_t");
        scales_start(&ear.scales, e, &p, S, (size_t)x->count);
        status = asks < 0 || err->set ? -1 : e->grad(grad, given.x0, &p, &k);
        if (status == 0) status = leftovers(&ear, &p, &k);
        if (status == 0 && learned) status = ask_lora_loss(&lora, given.x0, err);
        ask_lora_close(&lora);
        ask_close(&asked);
    }
    mem_free(given.x0);
    mem_free(given.noise);
    mem_free(given.map);
    depth_close(given.net);
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
