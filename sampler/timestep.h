/* timestep.h -- which t an optimisation step looks at: uniform draws and annealings
 *
 * A policy is a pure function of (step, steps, u): step = 0..steps-1, u in [0,1) a draw that only the random policies
 * read. Everything is binary64 and then int(T * share), truncated, as the estimators' own codes do; the result is
 * clamped to T - 1, which a share of 1 would exceed.
 */
#ifndef SDREF_SAMPLER_TIMESTEP_H
#define SDREF_SAMPLER_TIMESTEP_H

#include "tensor/err.h"
#include "tensor/real.h"

typedef enum {
    TIMESTEP_UNIFORM,     /* integers of [int(T min), int(T max)], both ends included, each equally likely */
    TIMESTEP_LINEAR,      /* int(T (min + (max - min)(1 - step/steps)))                  SDI */
    TIMESTEP_HIFA,        /* int(T (max - (max - min) sqrt(step/steps)))                 HiFA, in SDS */
    TIMESTEP_SQRT,        /* int(T (min + (max - min)(1 - sqrt(step/steps))))            DSD: HiFA's, rounded elsewhere */
    TIMESTEP_TWO_STAGE    /* uniform on [min, max]; once step >= share steps, on [min, max_late]      VSD
                           * (threestudio's literal [5000, .98, .5, 5001] changes one step later) */
} TimestepKind;

typedef struct TimestepPolicy {
    TimestepKind kind;
    double min, max;         /* shares of T, 0 <= min <= max <= 1 */
    double max_late, share;  /* two-stage only: min <= max_late <= 1, 0 <= share <= 1 */
} TimestepPolicy;

/* 0, or -1 with a message: what timestep_at relies on. */
int timestep_policy_check(const TimestepPolicy *policy, Err *err);
/* uniform, linear, hifa, sqrt, two-stage */
int timestep_kind_parse(TimestepKind *out, const char *name, Err *err);

/* t in 0..T-1. T, steps >= 1, 0 <= step; from step = steps on, the value at the end. */
int timestep_at(const TimestepPolicy *policy, int T, long step, long steps, double u);
/* The uniform draw alone: lo + floor(u (hi - lo + 1)), lo = int(T min), hi = int(T max). */
int timestep_uniform(int T, double min, double max, double u);

/* A schedule literal: v0 at step s0, going linearly to v1 at s1, then to v2 at s2, ..., constant outside:
 *     {s0, v0, v1, s1}   {s0, v0, v1, s1, v2, s2}   ...   or {v0, v1, s1}, which means s0 = 0
 * threestudio's C() with integer s1 (steps, not epochs). {5000, .98, .5, 5001}: a step function, .98 up to step 5000.
 * ramp_check: 0, or -1 with a message: 3 entries or an even number >= 4, all finite, steps strictly ascending. */
int    ramp_check(const double *literal, int count, Err *err);
double ramp_at(const double *literal, int count, double step);

#endif
