/* guidance.c -- the one form of classifier-free guidance, a walk of DDIM by it, the weights w(t), and what estimators say
 *
 *     e = e_uncond + s (e_cond - e_uncond)                                        [CFG22], diffusers' form
 *
 * TRAP: DreamFusion and threestudio's SDS write e_cond + w (e_cond - e_uncond), which is this with s = w + 1. Their
 * scales are converted at the command line, never here.
 */
#include "ref/estimator.h"
#include "sampler/invert.h"
#include "sampler/step.h"
#include "tensor/mem.h"
#include "tensor/sum.h"

#include <stdio.h>
#include <string.h>

size_t estimate_n(const Estimate *k) { return (size_t)k->D->channels * (size_t)k->D->h * (size_t)k->D->w; }

Shape estimate_shape(const Estimate *k) { return (Shape){ 4, { 1, k->D->channels, k->D->h, k->D->w } }; }

real *estimate_new(const Estimate *k, const char *what) { return arena_real(k->arena, estimate_n(k), what); }

int estimate_say(const Estimate *k, const char *name, real *v) { return trace_put(k->trace, name, v, estimate_shape(k), k->err); }

int estimate_say_number(const Estimate *k, const char *name, real *v) { return trace_put(k->trace, name, v, (Shape){ 1, { 1 } }, k->err); }

int estimate_say_grid(const Estimate *k, const int *grid, int count)
{
    real levels[ESTIMATE_LEVELS];
    BUG_IF(count > ESTIMATE_LEVELS, "a grid of %d levels", count);
    for (int i = 0; i < count; i++) levels[i] = (real)grid[i];
    return trace_put(k->trace, "grid", levels, (Shape){ 1, { count } }, k->err);
}

real weight_at(TimeWeight weight, const Schedule *S, int t)
{
    const double abar = sched_abar64(S, t);
    switch (weight) {                                       /* in binary64, rounded once */
    case WEIGHT_SDS:        return (real)(1.0 - abar);
    case WEIGHT_UNIFORM:    return R(1.0);
    case WEIGHT_FANTASIA3D: return (real)(sqrt(abar) * (1.0 - abar));
    case WEIGHT_RATIO:      return sched_r(S, t);
    }
    bug(__FILE__, __LINE__, "weight %d", (int)weight);
    return 0;
}

static int predict(real *eps, const char *name, const real *xt, int t, const Cond *cond, const Estimate *k)
{
    const int given = trace_give(k->trace, name, eps, estimate_n(k), k->err);
    if (given < 0) return -1;
    if (!given && k->D->predict(k->D->self, eps, xt, t, cond, k->err) != 0) return -1;
    return estimate_say(k, name, eps);
}

int predicted_eps(real *eps, const char *name, const real *xt, int t, CondKind kind, const Estimate *k)
{
    const Blend none = { 0 }, blend = kind == COND_TEXT && k->perp_neg != NULL ? k->perp_neg->positive : none;
    return predict(eps, name, xt, t, &(Cond){ kind, k->view, blend }, k);
}

/* "inv.3.eps" and "cond": "inv.3.eps.cond"; of the estimator's one guided prediction, eps_cfg: "eps_cond" */
enum { NAME_ROOM = 48 };
static void part_name(char out[NAME_ROOM], const char *name, const char *part)
{
    if (strcmp(name, "eps_cfg") == 0) snprintf(out, NAME_ROOM, "eps_%s", part);
    else snprintf(out, NAME_ROOM, "%s.%s", name, part);
}

/* e <- e + s w_i perp_i for each negative, e being classifier-free guidance already. Inner products over all of the image. */
static int perp_neg(real *eps, const char *name, const real *ec, const real *eu, const real *xt, int t, real guidance, CondKind away, const Estimate *k)
{
    const size_t n = estimate_n(k);
    const PerpNeg *neg = k->perp_neg;
    char part[NAME_ROOM], part_i[NAME_ROOM + 8];
    real *d = estimate_new(k, "d"), *en = estimate_new(k, "eps_negative"), *perp = estimate_new(k, "perp");
    if (k->err->set) return -1;
    for (size_t i = 0; i < n; i++) d[i] = ec[i] - eu[i];
    const real square = r_max(sumsq16(d, n), R(1e-6));
    part_name(part, name, away == COND_NULL ? "negative" : "negative.perp");      /* the other name is e_uncond's then */
    for (int j = 0; j < neg->count; j++) {
        snprintf(part_i, sizeof part_i, j == 0 ? "%s" : "%s.%d", part, j);
        if (predict(en, part_i, xt, t, &neg->negative[j], k) != 0) return -1;
        for (size_t i = 0; i < n; i++) en[i] -= eu[i];
        const real along = dot16(en, d, n) / square;
        for (size_t i = 0; i < n; i++) perp[i] = r_fma(-along, d[i], en[i]);
        snprintf(part_i, sizeof part_i, j == 0 ? "perp" : "perp.%d", j);
        if (strcmp(name, "eps_cfg") == 0 && estimate_say(k, part_i, perp) != 0) return -1;
        const real pull = guidance * neg->w[j];
        for (size_t i = 0; i < n; i++) eps[i] = r_fma(pull, perp[i], eps[i]);
    }
    return 0;
}

static int guided(real *eps, const char *name, const real *xt, int t, real guidance, CondKind away, const Estimate *k)
{
    const size_t n = estimate_n(k);
    const size_t mark = arena_mark(k->arena);
    char cond[NAME_ROOM], other[NAME_ROOM];
    part_name(cond, name, "cond");
    part_name(other, name, away == COND_NULL ? "uncond" : "negative");
    const int perpendicular = k->perp_neg != NULL;
    const int whole = (guidance == R(1.0) && !perpendicular) || (trace_gives(k->trace) && !trace_has(k->trace, cond));
    if (whole) {
        if (strcmp(name, "eps_cfg") != 0) return predicted_eps(eps, name, xt, t, COND_TEXT, k);
        if (predicted_eps(eps, cond, xt, t, COND_TEXT, k) != 0) return -1;
        return estimate_say(k, name, eps);
    }
    real *ec = estimate_new(k, "eps_cond"), *eu = estimate_new(k, "eps_uncond");
    if (k->err->set) return -1;
    if (predicted_eps(ec, cond, xt, t, COND_TEXT, k) != 0) return -1;
    if (predicted_eps(eu, other, xt, t, away, k) != 0) return -1;
    for (size_t i = 0; i < n; i++) eps[i] = r_fma(guidance, ec[i] - eu[i], eu[i]);
    if (perpendicular && perp_neg(eps, name, ec, eu, xt, t, guidance, away, k) != 0) return -1;
    arena_rewind(k->arena, mark);
    return estimate_say(k, name, eps);
}

int guided_eps(real *eps, const char *name, const real *xt, int t, real guidance, const Estimate *k)
{
    return guided(eps, name, xt, t, guidance, k->negative ? COND_NEGATIVE : COND_NULL, k);
}

int guided_eps_negative(real *eps, const char *name, const real *xt, int t, real guidance, const Estimate *k)
{
    return guided(eps, name, xt, t, guidance, COND_NEGATIVE, k);
}

int guided_walk(real *x, const int *grid, int count, real guidance, const char *walk, const char *state, const Estimate *k)
{
    const size_t n = estimate_n(k), mark = arena_mark(k->arena);
    char name[NAME_ROOM];
    real *e = estimate_new(k, "eps");
    if (e == NULL) return -1;
    for (int i = 0; i + 1 < count; i++) {
        const int from = grid[i];
        snprintf(name, sizeof name, "%s.%d.eps", walk, i);
        if (guided_eps(e, name, x, from < 0 ? 0 : from, guidance, k) != 0) return -1;
        ddim_move(x, e, k->S, from, grid[i + 1], n);
        snprintf(name, sizeof name, "%s.%d.%s", walk, i, state);
        if (estimate_say(k, name, x) != 0) return -1;
    }
    arena_rewind(k->arena, mark);
    return 0;
}

int estimate_say_x0_hat(const real *xt, const real *eps, int t, const Estimate *k)
{
    const size_t mark = arena_mark(k->arena);
    real *x0_hat = estimate_new(k, "x0_hat");
    if (x0_hat == NULL) return -1;
    denoise(x0_hat, xt, eps, k->S, t, estimate_n(k));
    const int status = estimate_say(k, "x0_hat", x0_hat);
    arena_rewind(k->arena, mark);
    return status;
}
