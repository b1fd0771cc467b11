/* verify_scale.c -- c |p| of a step's combinations, from their names and what was said before them */
#include "ref/verify_scale.h"
#include "sampler/invert.h"
#include "tensor/sum.h"

#include <stdio.h>
#include <string.h>

static int ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static int is_part(const char *name)
{
    return ends_with(name, ".cond") || ends_with(name, ".uncond") || strcmp(name, "eps_cond") == 0 || strcmp(name, "eps_uncond") == 0 ||
           strstr(name, "negative") != NULL;
}

static int is_prediction(const char *name) { return strncmp(name, "eps_", 4) == 0 || ends_with(name, ".eps"); }

/* Of dsd_star's gradients the level that they step to, of its images where they stand; -1: of another name. */
static int star_level(const Scales *a, const char *name)
{
    int k, grid[1001];
    if (a->step->ode_steps == 0) return -1;
    const int count = ode_grid_dsd(grid, a->step->ode_steps, a->S->T);
    if (strcmp(name, "ddim_x0") == 0) k = count - 1;
    else if (sscanf(name, "grad.%d", &k) == 1) k++;
    else if (sscanf(name, "x0.%d", &k) != 1) return -1;
    return k < 0 || k >= count ? -1 : grid[k];
}

void scales_start(Scales *a, const Estimator *e, const Step *step, const Schedule *S, size_t n)
{
    const double noise = (double)r_sqrt(sumsq16(step->noise, n));
    *a = (Scales){ .step = step, .S = S, .noise = noise, .any = noise };
    if (estimator_reads(e, "weight")) a->w = (double)weight_at(step->weight, S, step->t);
    else if (e->grad == dsd_star_grad) a->w = (double)sched_r(S, star_level(a, "grad.0"));
    else a->w = e->grad == sdi_grad || e->grad == ism_grad ? (double)sched_r(S, step->t) : 1;      /* perp_neg's is the prediction itself */
}

void scales_at(double scale[COMBINES], const Scales *a, const char *name)
{
    const Step *p = a->step;
    const double inverse = fabs((double)p->guidance_inverse), baseline = fabs((double)p->guidance_baseline);
    const double factor = fmax(fabs((double)p->guidance), fmax(fabs((double)p->w1), fabs((double)p->w2)));
    const double own = strncmp(name, "inv.", 4) == 0 ? inverse : strncmp(name, "eps_baseline", 12) == 0 ? baseline : factor;
    const double guided = fmax(factor * a->plain, a->any);
    const int level = star_level(a, name);
    scale[COMBINES_PREDICTION] = a->any;
    scale[COMBINES_GUIDANCE] = is_part(name) ? 0 : own * a->parts;
    scale[COMBINES_WEIGHT] = a->w * guided;
    scale[COMBINES_RATIO] = (double)sched_r(a->S, p->t) * guided;
    scale[COMBINES_STEP] = level < 0 ? 0 : (double)sched_r(a->S, level) * guided;
    scale[COMBINES_PHI] = a->phi * a->noise;
}

void scales_hear(Scales *a, const char *name, const real *v, size_t n)
{
    const int part = is_part(name);
    if (strcmp(name, "phi") == 0) a->phi = fabs((double)v[0]);
    if (!part && !is_prediction(name)) return;
    const double size = (double)r_sqrt(sumsq16(v, n));
    a->any = fmax(a->any, size);
    if (part) a->plain = fmax(a->plain, size);
    a->parts = part ? fmax(a->parts, size) : 0;
}
