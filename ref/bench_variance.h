/* bench_variance.h -- how much the gradients of score-distillation estimators vary, what that comes from, and what they cost
 *
 * The field theta and the prior stand still. A draw is (t, view, noise): t uniform on whole numbers of [T t_min, T t_max], the same for every
 * estimator (of cds: its s); a view of the range, independent, with its jitter (of an image: always image_view); noise, with it whatever else the
 * estimator draws in a step (draw.h). It gives g = d/dx0, weight w(t) included, and J^T g, J the derivative of x0 by theta: one view, K = 1.
 * Draws are nested, `views` of each t and `noises` of each view, and the same for every estimator; figures and errors are those of anova.h.
 * A noise that the estimator draws once in a run (fsd, dsd, cds) is the run's here too: their figures are conditional on it.
 *
 * BIAS. The reference is the expected gradient of SDS with the estimator's own w(t), at the same guidance and the same draws of t and view: the mean
 * of (sds(noise) + sds(-noise)) / 2 over as many pairs as there are draws. Its error from noise, V_noise / pairs, is stated. bias2 = |E g -
 * reference|^2, unbiased. The difference is 0 for estimators of that very expectation (MEAN_SDS); of fsd over runs, not within one
 * (MEAN_SDS_OF_RUNS); all others estimate something else on purpose (MEAN_OTHER), and it says how far that is from SDS.
 *
 * VIEWS (voxel fields). Given t, which in an annealed run is no draw: rings of 16 views (anova.h) with one elevation, distance and field of view.
 * ring[k] is the trace of the covariance of J^T g in two views 22.5 k degrees apart, ring[0] the variance of one, so a pair's mean has variance
 * (ring[0] + ring[k]) / 2; share[k] is ring[k] / ring[0]. Two draws of noise in one and the same view have the covariance V_view of the nested
 * draws, two independent views 0.
 *
 * MU (ssd). mu = sum <f,h> / sum <h,h> in every tenth of t (stein.h, nothing forgotten), from draws of its own, so that what it is then used on
 * is unbiased. before, after: V_noise of d/dx0 in that tenth at mu = 0 and at the mu of the run. V_t and V_view do not hang on mu.
 *
 * VSD. Its particles are those of the field's run, the first of them is measured, and their score is the exact one (render_score.h), for a LoRA would
 * be learnt along a run. Of one particle it is SDS, to rounding.
 *
 * Renders are of the whole field: a run's occupancy grid is not asked.
 * Draws are taken one after the other; the prior and the renderer use all threads within one, so results do not depend on their number.
 * Addresses: those of a step of a run (draw.h, view_sample, RNG_JITTER), in steps from 2^31 on, which no run reaches.
 */
#ifndef SDREF_REF_BENCH_VARIANCE_H
#define SDREF_REF_BENCH_VARIANCE_H

#include "ref/anova.h"
#include "ref/distill.h"

#include <stdio.h>

enum { VARIANCE_ROWS = 12, VARIANCE_COUNT_MIN = 64, VARIANCE_COUNT_MAX = 65536, VARIANCE_COUNT_STEP = 32 };
typedef enum { SPACE_IMAGE, SPACE_THETA, SPACES } VarianceSpace;
typedef enum { MEAN_SDS, MEAN_SDS_OF_RUNS, MEAN_OTHER } VarianceMean;

typedef struct VarianceConfig {
    int count;                         /* draws of an estimator, a multiple of VARIANCE_COUNT_STEP */
    double t_min, t_max;               /* shares of T */
    uint64_t seed;
    int quiet;
} VarianceConfig;

typedef struct VarianceFigures {
    AnovaFigures g;
    Figure bias2;                      /* |E g - reference|^2 */
    double reference2, reference_error2;                 /* |reference|^2, and the variance of its mean from noise */
} VarianceFigures;

typedef struct VarianceRow {
    const Estimator *estimator;
    TimeWeight weight;
    VarianceMean mean;
    double calls;                      /* of the prior, a draw */
    VarianceFigures space[SPACES];
    Figure ring[RING_GAPS], share[RING_GAPS];
} VarianceRow;

typedef struct VarianceMu { double best, used; int draws; Figure before, after; } VarianceMu;    /* draws: that mu was fitted to */

typedef struct BenchVariance {
    VarianceConfig config;
    size_t n[SPACES];                  /* values of a gradient */
    int blocks, views, noises;         /* draws of t, of views for each, of noise for each */
    int ring_blocks;                   /* 0: of an image there are no rings */
    int rows;
    VarianceRow row[VARIANCE_ROWS];
    int has_mu;                        /* ssd is among the rows */
    VarianceMu mu[STEIN_BINS];
} BenchVariance;

/* Measures each (count) of the estimators at d's field and prior. Of each config what run_estimator_config fills is read, but for the choice of
 * t; the guidance of the first is the references'. d is as it was afterwards. -1 with err set: memory, the prior's error, a value that is not
 * finite (estimator, draw and index are named). */
int bench_variance(BenchVariance *out, Distill *d, const DistillConfig *each, int count, const VarianceConfig *config, Err *err);
/* Is a step of it a draw? dsd_star's is not: it stands where the steps of its run before have left their ODE. */
int variance_measures(const Estimator *e);

/* Square root of bias2 over reference2; *limit: it cannot be told from 0, and this is the most it may be, two standard errors above what was
 * found. */
double variance_bias(int *limit, const VarianceFigures *f);

/* what: one line about field and prior. */
void bench_variance_print(FILE *out, const BenchVariance *b, const char *what);
/* A row a figure: figure,estimator,space,value,error; the last is empty where there is none. */
int  bench_variance_csv(const BenchVariance *b, const char *path, Err *err);
/* Variance of J^T g over its squared mean, against calls a draw. Estimators where either cannot be told from 0 are left out. */
int  bench_variance_svg(const BenchVariance *b, const char *title, const char *path, Err *err);

#endif
