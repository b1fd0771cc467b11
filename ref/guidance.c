/* guidance.c -- the one form of classifier-free guidance, and the weights w(t)
 *
 *     e = e_uncond + s (e_cond - e_uncond)                                        [CFG22], diffusers' form
 *
 * TRAP: DreamFusion and threestudio's SDS write e_cond + w (e_cond - e_uncond), which is this with s = w + 1. Their
 * scales are converted at the command line, never here.
 */
#include "ref/estimator.h"

#include <string.h>

size_t estimate_n(const Estimate *k) { return (size_t)k->D->channels * (size_t)k->D->h * (size_t)k->D->w; }

Shape estimate_shape(const Estimate *k) { return (Shape){ 4, { 1, k->D->channels, k->D->h, k->D->w } }; }

static const char *const weight_names[] = { "sds", "uniform", "fantasia3d", "sigma/alpha" };

int weight_parse(TimeWeight *weight, const char *name, Err *err)
{
    for (int i = 0; i < 4; i++)
        if (strcmp(name, weight_names[i]) == 0) {
            *weight = (TimeWeight)i;
            return 0;
        }
    return err_set(err, "weight: found '%s', expected sds, uniform, fantasia3d or sigma/alpha", name);
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

static int predict(real *eps, const char *name, const real *xt, int t, CondKind kind, const Estimate *k)
{
    const Cond cond = { kind, k->view };
    if (k->D->predict(k->D->self, eps, xt, t, &cond, k->err) != 0) return -1;
    return trace_put(k->trace, name, eps, estimate_shape(k), k->err);
}

int guided_eps(real *eps, const real *xt, int t, real guidance, const Estimate *k)
{
    const size_t n = estimate_n(k);
    if (guidance == R(1.0)) {
        if (predict(eps, "eps_cond", xt, t, COND_TEXT, k) != 0) return -1;
        return trace_put(k->trace, "eps_cfg", eps, estimate_shape(k), k->err);
    }

    real *ec = arena_real(k->arena, n, "eps_cond");
    real *eu = arena_real(k->arena, n, "eps_uncond");
    if (ec == NULL || eu == NULL) return err_set(k->err, "guidance: out of memory");
    if (predict(ec, "eps_cond", xt, t, COND_TEXT, k) != 0) return -1;
    if (predict(eu, "eps_uncond", xt, t, COND_NULL, k) != 0) return -1;
    for (size_t i = 0; i < n; i++) eps[i] = r_fma(guidance, ec[i] - eu[i], eu[i]);
    return trace_put(k->trace, "eps_cfg", eps, estimate_shape(k), k->err);
}
