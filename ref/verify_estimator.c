/* verify_estimator.c -- traces of kind estimator: one step, its predictions taken from the file */
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

typedef struct Sds { int t; real guidance; Weight weight; } Sds;

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
        const Denoiser D = { (int)x->dim[1], (int)x->dim[2], (int)x->dim[3], recorded_predict, &recorded };
        const Trace trace = { check_put, c };
        const Estimate k = { .S = S, .D = &D, .arena = arena, .trace = &trace, .err = err };
        set_scales(c, &p, S, n, err);
        status = err->set ? -1 : sds_grad(grad, x0, noise, p.t, p.guidance, p.weight, &k);
        /* At guidance 1 nobody asks for it. */
        if (status == 0 && p.guidance == R(1.0) && check_has(c, "eps_uncond")) status = check_given(c, "eps_uncond", err);
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
