/* bench_prior.h -- how good a prior is, in figures that the judge (ref/judge.h) reads off its samples
 *
 * At every guidance, three sets of `count` samples:
 *     prompts   "a COLOUR OBJECT": share of samples whose object, whose colour, and both are recognised (R-precision of a classifier)
 *               and the share that might be pictures of the stream: those whose features in the judge lie nearer to one of 2 x `pictures` fresh
 *               ones than that one's third neighbour among them (precision of Kynkaanniemi et al. 2019, arXiv:1904.06991, k = 3)
 *     views     with ", front view", ", left side view", ", right side view", ", side view", ", back view", ", overhead view" in turn: share of
 *               samples that are judged to be seen from there; a side view may be a left or a right one
 *     open      "a mug", "a red thing", "", "a red mug" in turn. Of the first three: exp(H), H = the entropy of what is judged of what was
 *               left open, the number of equally likely values that would have it. Of the last: the mean distance between two
 *               samples, over that between two pictures of the stream of the same object and colour
 * Beside each figure stands what the stream's own pictures get: 1 less the judge's errors; exp(mean entropy) of as many uniform
 * draws; 1. No better figure means anything.
 *
 * Loss: mean over values of (prediction - eps)^2 on fresh pictures with their captions, guidance 1, in ten equal parts of t. Beside it that of the
 * exact prior (sampler/exact.h, sigma_d 0), for each picture over a set of its own: the picture and BENCH_SET - 1 others of its object and
 * colour, and of its view where the caption says it. Who knows that the picture is one of the set knows more than the caption says; so,
 * on average over pictures, no prediction from the caption is better. How much worse the best one is, it does not say: where the
 * exact prior recognises the picture (t below some 600), its loss is about 0.
 */
#ifndef SDREF_REF_BENCH_PRIOR_H
#define SDREF_REF_BENCH_PRIOR_H

#include "ref/judge.h"
#include "sampler/schedule.h"

#include <stdio.h>

#define BENCH_STREAM UINT64_C(1000001)                                   /* seed of pictures that nothing was trained on */
enum { BENCH_GUIDANCES = 8, BENCH_VIEWS = 6, BENCH_BINS = 10, BENCH_SET = 32, BENCH_COUNT_MIN = 12, BENCH_COUNT_MAX = 360, BENCH_PICTURES = 1000 };
enum { BENCH_OBJECT, BENCH_COLOUR, BENCH_BOTH, BENCH_NEAR, BENCH_VIEW, BENCH_COLOURS = BENCH_VIEW + BENCH_VIEWS, BENCH_OBJECTS, BENCH_ANY_OBJECT,
       BENCH_ANY_COLOUR, BENCH_SPREAD, BENCH_ROWS };

/* What is measured. Both functions are called from several threads at once. */
typedef struct BenchModel {
    const char *name;
    int steps;                                            /* of sampling; for the heading */
    /* x (3,64,64) in [-1,1]: a sample */
    int (*draw)(const void *self, real *x, const char *prompt, real guidance, uint64_t seed, Err *err);
    /* eps (n,3,64,64): the noise predicted in xt (n,3,64,64) at t (n) */
    int (*noise)(const void *self, real *eps, const real *xt, const int *t, int n, const char *caption, Err *err);
    const Schedule *S;
    const void *self;
} BenchModel;

/* A diffusers folder of a model of 64 x 64 pixels with text and without VAE; another kind is refused by name. */
typedef struct BenchFolder BenchFolder;
BenchFolder *bench_folder_open(BenchModel *model, const char *folder, int steps, Err *err);      /* model borrows the result */
void         bench_folder_close(BenchFolder *f);          /* NULL is fine */

typedef struct BenchConfig {
    int count;                                            /* samples of a set; 360: every prompt once */
    int pictures;                                         /* fresh ones that the judge is measured on; half as many with noise, and blurred */
    real guidance[BENCH_GUIDANCES];
    int guidances;
    uint64_t seed;                                        /* sample i of set s starts from the noise of seed + 1000 s + i */
    int quiet;
} BenchConfig;

typedef enum { BENCH_SHARE, BENCH_NUMBER, BENCH_RATIO } BenchKind;
typedef struct BenchRow { char name[64]; BenchKind kind; int samples; double stream, value[BENCH_GUIDANCES]; } BenchRow;
/* One sample of the set `prompts` at the guidance in the middle of the list. */
typedef struct BenchSample { int object, colour; Verdict verdict; } BenchSample;
typedef struct BenchPrior {
    BenchConfig config;
    JudgeScore judge, noisy, blurred;                     /* on fresh pictures: as they are, noise 0.05, blurred by 3x3 */
    BenchRow row[BENCH_ROWS];
    int pictures;                                         /* in a bin */
    double loss[BENCH_BINS], exact[BENCH_BINS];
    BenchSample *sample;                                  /* (count) */
    real *picture;                                        /* (count,3,64,64) in [-1,1] */
} BenchPrior;

/* Results do not depend on the thread count. -1: memory, the model's error, or a judge that is right too rarely (judge_fit). */
int  bench_prior(BenchPrior *out, const BenchModel *model, const Judge *judge, const BenchConfig *config, Err *err);
void bench_prior_free(BenchPrior *b);                     /* {0} is fine */

int  bench_loss(BenchPrior *out, const BenchModel *model, Err *err);      /* its last part; config is set */

void judge_print(FILE *out, const char *how, const JudgeScore *s);      /* a line: "how", the share judged right */
void bench_prior_print(FILE *out, const BenchPrior *b, const BenchModel *model);
int  bench_prior_csv(const BenchPrior *b, const char *path, Err *err);
/* The first samples of the set `prompts`, at most 80, a red frame around what was not recognised. */
int  bench_prior_sheet(const BenchPrior *b, const BenchModel *model, const char *path, Err *err);

#endif
