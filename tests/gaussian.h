/* gaussian.h -- a denoiser whose score has a closed form, and an ear for what estimators say
 *
 * Data: under each condition every value is on its own, one of two Gaussians at mean +- gap, of standard deviation q. With v = abar q^2 + sigma^2
 *     m = mean + gap tanh(alpha gap (x - alpha mean) / v),   eps(x) = sigma (x - alpha m) / v
 * gap = 0: plain Gaussian data, eps is affine in x. In binary64 and rounded once, so what is measured is the estimator's own rounding.
 * Values do not see each other, so the closed form of an estimator is one of plain numbers.
 */
#ifndef SDREF_TESTS_GAUSSIAN_H
#define SDREF_TESTS_GAUSSIAN_H

#include "ref/estimator.h"
#include "tensor/mem.h"
#include "tensor/rng.h"
#include "tests/harness.h"

enum { C = 3, H = 4, W = 5, N = C * H * W };

/* ---- the ear ---- */

enum { HEARD_MOST = 512, HEARD_VALUES = 128 };
typedef struct Heard {
    int count;
    struct { char name[24]; size_t n; real v[HEARD_VALUES]; } said[HEARD_MOST];
} Heard;

static inline int hear(void *self, const char *name, real *v, Shape shape, Err *err)
{
    Heard *h = self;
    const size_t n = shape_count(shape);
    if (h->count == HEARD_MOST || n > HEARD_VALUES || strlen(name) >= sizeof h->said[0].name)
        return err_set(err, "%s is more than was expected", name);
    snprintf(h->said[h->count].name, sizeof h->said[0].name, "%s", name);
    h->said[h->count].n = n;
    memcpy(h->said[h->count].v, v, n * sizeof *v);
    h->count++;
    return 0;
}

/* What was said under the name, of n values; not said: the program ends, failed. */
static inline const real *heard(const Heard *h, const char *name, size_t n)
{
    for (int i = 0; i < h->count; i++)
        if (strcmp(h->said[i].name, name) == 0 && h->said[i].n == n) return h->said[i].v;
    printf("  '%s' of %zu values was not said\n", name, n);
    exit(1);
}

static inline int was_said(const Heard *h, const char *name)
{
    int times = 0;
    for (int i = 0; i < h->count; i++) times += strcmp(h->said[i].name, name) == 0;
    return times;
}

/* The names, in order. */
static inline void check_said(const Heard *h, const char *const *names, int count)
{
    CHECK(h->count == count, "%d intermediates, expected %d", h->count, count);
    for (int i = 0; i < count && i < h->count; i++)
        CHECK(strcmp(h->said[i].name, names[i]) == 0, "intermediate %d is %s, expected %s", i, h->said[i].name, names[i]);
}

/* ---- the denoiser ---- */

typedef struct Gaussian {
    const Schedule *S;
    double mean[3], q[3], gap;          /* by CondKind */
    int calls[3], asked;                /* how often: by CondKind, in all */
    int fail_at, nan_at;                /* the call, counted from 1, that fails, that says NaN for value 7; 0: none */
    int flat;                           /* 1: the prediction is 1/4 everywhere */
    View view;                          /* of the last call */
    const Heard *heard;
    int said;                           /* how much had been said before the last call */
} Gaussian;

static inline double alpha64(const Schedule *S, int t) { return t < 0 ? 1 : sqrt(sched_abar64(S, t)); }
static inline double sigma64(const Schedule *S, int t) { return t < 0 ? 0 : sqrt(1 - sched_abar64(S, t)); }
static inline double r64(const Schedule *S, int t) { return sigma64(S, t) / alpha64(S, t); }

static inline double eps64(const Gaussian *g, CondKind kind, double x, int t)
{
    const double a = alpha64(g->S, t), s = sigma64(g->S, t), v = a * a * g->q[kind] * g->q[kind] + s * s, mean = g->mean[kind];
    const double m = mean + (g->gap == 0 ? 0 : g->gap * tanh(a * g->gap * (x - a * mean) / v));
    return s * (x - a * m) / v;
}

/* Classifier-free guidance away from `away` */
static inline double cfg64(const Gaussian *g, CondKind away, double x, int t, double guidance)
{
    const double other = eps64(g, away, x, t);
    return other + guidance * (eps64(g, COND_TEXT, x, t) - other);
}

/* DDIM, eta 0 */
static inline double move64(const Schedule *S, double x, double e, int p, int q)
{
    return alpha64(S, q) * (x - sigma64(S, p) * e) / alpha64(S, p) + sigma64(S, q) * e;
}

static inline int gaussian_predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err)
{
    Gaussian *g = self;
    g->calls[cond->kind]++;
    g->asked++;
    g->view = cond->view;
    g->said = g->heard->count;
    if (g->asked == g->fail_at) return err_set(err, "call %d was told to fail", g->asked);
    for (int i = 0; i < N; i++) eps[i] = g->flat ? R(0.25) : (real)eps64(g, cond->kind, (double)xt[i], t);
    if (g->asked == g->nan_at) eps[7] = (real)NAN;
    return 0;
}

/* ---- both ---- */

typedef struct Setup { Schedule *S; Gaussian g; Denoiser D; Arena *arena; Err err; Trace trace; Heard *heard; Estimate k; } Setup;

/* N(0.3, 1/4) under the prompt, N(-0.4, 1/4) without, N(0.9, 1/4) under the negative one; everything is heard. */
static inline void setup(Setup *s)
{
    *s = (Setup){ .S = NULL };
    const ScheduleConfig sd = schedule_config_sd();
    s->S = schedule_new(&sd, &s->err);
    s->heard = mem_new(1, sizeof *s->heard, "what was said", &s->err);
    s->arena = arena_new(&s->err);
    BUG_IF(s->err.set, "%s", s->err.msg);
    s->g = (Gaussian){ .S = s->S, .mean = { 0.3, -0.4, 0.9 }, .q = { 0.5, 0.5, 0.5 }, .heard = s->heard };
    s->D = (Denoiser){ C, H, W, gaussian_predict, &s->g };
    s->trace = (Trace){ .put = hear, .self = s->heard };
    s->k = (Estimate){ .S = s->S, .D = &s->D, .arena = s->arena, .trace = &s->trace, .err = &s->err };
}

static inline void teardown(Setup *s)
{
    CHECK(!s->err.set, "%s", s->err.msg);
    arena_free(s->arena);
    mem_free(s->heard);
    schedule_free(s->S);
}

/* One step, heard from its beginning, calls counted from its beginning. */
static inline int estimate(real *grad, const real *x0, EstimatorGrad *f, const Step *p, Setup *s)
{
    const size_t mark = arena_mark(s->arena);
    s->heard->count = 0;
    s->g.asked = 0;
    memset(s->g.calls, 0, sizeof s->g.calls);
    const int status = f(grad, x0, p, &s->k);
    arena_rewind(s->arena, mark);
    return status;
}

/* The step is refused, with these words. */
static inline void check_refused(const real *x0, EstimatorGrad *f, const Step *p, const char *words, Setup *s)
{
    real grad[N];
    Err err = { 0 };
    s->k.err = &err;
    CHECK(estimate(grad, x0, f, p, s) != 0 && strstr(err.msg, words) != NULL, "'%s', expected '%s'", err.msg, words);
    s->k.err = &s->err;
}

/* Draws of a test: never the same for two values of `what`. */
static inline void draw(real *out, uint32_t what, size_t n) { rng_normal(out, (RngAt){ 11, what, 0, RNG_PROBE }, n); }

/* |e_uncond + s (e_cond - e_uncond)| and the noise together, at most, of the data of setup() */
static inline double size_of(double s) { return 4 * fabs(s) + 10; }

/* count roundings of values up to size */
#define CHECK_NEAR(ours, want, count, size, ...) \
    CHECK_LE(fabs((double)(ours) - (double)(want)), (count) * 0.5 * (double)REAL_EPS * (double)(size), __VA_ARGS__)

#endif
