/* bench_prior.h -- how good a prior is: what the judge (ref/judge.h) sees in its samples, and its denoising loss
 *
 * SAMPLES. At each guidance three sets of `count` samples are drawn by DDIM:
 *     prompts   "a COLOUR OBJECT". Counted: samples whose object, whose colour, and whose object and colour the judge recognises
 *               (R-precision, a classifier being the retriever), and samples that look like pictures of the stream (ref/bench_near.h)
 *     views     "a COLOUR OBJECT, front view", "..., left side view", "..., right side view", "..., side view", "..., back view",
 *               "..., overhead view" in turn. Counted: samples that the judge sees from there; for "side view" left and right both count
 *     open      "a mug", "a red thing", "", "a red mug" in turn. Of the first three: exp(H), H the entropy of the judge's verdicts on what
 *               the prompt leaves open, which is the number of equally likely values with that entropy. Of the last: the mean
 *               distance of two samples (root mean square over values), divided by that of two pictures of the stream of the same
 *               object and colour; it shows whether proportions, view and light vary as they do there
 * Beside each figure stands what the stream's own pictures get: the judge's accuracy on them; exp(mean entropy) of as many uniform
 * draws; 1. Guided samples can be plainer than the stream's pictures, so a share above that is possible and says little.
 *
 * LOSS. Fresh pictures of the stream with their captions, guidance 1: mean over values of (prediction - eps)^2, in ten equal ranges of t.
 * Beside it stands a lower bound. Each picture x0 is put into a set of BENCH_SET pictures; the others are drawn as it was, given its
 * object, its colour, and its view if the caption says it. The exact prior over that set (sampler/exact.h, sigma_d 0) gives
 * E[eps | x_t, set], since each picture of the set is equally likely to be x0. And E|eps - E[eps | x_t, set, caption]|^2 is at most
 * E|eps - f(x_t, caption)|^2, whatever f: who knows the set as well cannot do worse. So no prior that is told the caption alone has a
 * smaller loss, on average over pictures. The bound is a loose one: for t below some 600 the noise does not hide which of the pictures was
 * taken, and it is near 0, while the best loss from the caption alone is not.
 */
#ifndef SDREF_REF_BENCH_PRIOR_H
#define SDREF_REF_BENCH_PRIOR_H

#include "ref/judge.h"
#include "sampler/schedule.h"

#include <stdio.h>

#define BENCH_STREAM UINT64_C(1000001)                                   /* seed of pictures that nothing was trained on */
enum { BENCH_GUIDANCES = 8, BENCH_VIEWS = 6, BENCH_BINS = 10, BENCH_SET = 32, BENCH_COUNT_MIN = 12, BENCH_COUNT_MAX = 360, BENCH_PICTURES = 2000,
       BENCH_STEPS_MAX = 1000 };
/* Rows of the table. BENCH_VIEWED: all views; BENCH_VIEW + v: one of them. */
enum { BENCH_OBJECT, BENCH_COLOUR, BENCH_BOTH, BENCH_NEAR, BENCH_VIEWED, BENCH_VIEW, BENCH_COLOURS = BENCH_VIEW + BENCH_VIEWS, BENCH_OBJECTS,
       BENCH_ANY_OBJECT, BENCH_ANY_COLOUR, BENCH_SPREAD, BENCH_ROWS };

/* What is measured. Both functions are called from several threads at once; 0, or -1 with err set. */
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

/* A diffusers folder of a model of 64 x 64 pixels with text and without VAE; another kind is refused by name. steps: of DDIM. */
typedef struct BenchFolder BenchFolder;
BenchFolder *bench_folder_open(BenchModel *model, const char *folder, int steps, Err *err);      /* model borrows the result */
void         bench_folder_close(BenchFolder *f);          /* NULL is fine */

typedef struct BenchConfig {
    int count;                                            /* samples of a set; 360: every prompt once. Half as many pictures for the loss */
    int pictures;                                         /* fresh ones that the judge is measured on; a quarter as many with noise, blurred */
    real guidance[BENCH_GUIDANCES];
    int guidances;
    uint64_t seed;                                        /* sample i of set s starts from the noise of seed + 1000 s + i */
    int quiet;
} BenchConfig;

typedef enum { BENCH_SHARE, BENCH_NUMBER, BENCH_RATIO } BenchKind;
/* stream: what the stream's own pictures get; value: one for each guidance. */
typedef struct BenchRow { char name[64]; BenchKind kind; int samples; double stream, value[BENCH_GUIDANCES]; } BenchRow;
typedef struct BenchSample { int object, colour; Verdict verdict; } BenchSample;                 /* asked for; judged */
typedef struct BenchPrior {
    BenchConfig config;
    JudgeScore judge, noisy, blurred;                     /* on fresh pictures: as they are, noise 0.05, blurred by 3x3 */
    BenchRow row[BENCH_ROWS];
    int pictures;                                         /* of the loss, in each range of t */
    double loss[BENCH_BINS], bound[BENCH_BINS];
    int shown;                                            /* the guidance that sample and picture are kept of: the middle one of the list */
    BenchSample *sample;                                  /* (count) of the set `prompts` */
    real *picture;                                        /* (count,3,64,64) in [-1,1] */
} BenchPrior;

/* All of it; progress on stderr unless quiet. Free `out` with bench_prior_free, after an error too. Results do not depend on the thread
 * count. -1: memory, the model's error, or a judge that is right too rarely (judge_fit). */
int  bench_prior(BenchPrior *out, const BenchModel *model, const Judge *judge, const BenchConfig *config, Err *err);
void bench_prior_free(BenchPrior *b);                     /* {0} is fine */

int  bench_loss(BenchPrior *out, const BenchModel *model, Err *err);      /* its last part, loss and bound; config is set */

void judge_print(FILE *out, const char *how, const JudgeScore *s);      /* a line: `how`, the shares judged right */
void bench_prior_print(FILE *out, const BenchPrior *b, const BenchModel *model);
/* Every figure in a row: figure,guidance,value,stream,samples; guidance and stream are empty where there is none. */
int  bench_prior_csv(const BenchPrior *b, const BenchModel *model, const char *path, Err *err);
/* Shares over guidance: object and colour, views, like the stream's pictures. */
int  bench_prior_svg(const BenchPrior *b, const BenchModel *model, const char *path, Err *err);
/* The first samples of the set `prompts`, at most 80, under each what was asked for; if the judge saw something else, that too, and a red frame. */
int  bench_prior_sheet(const BenchPrior *b, const BenchModel *model, const char *path, Err *err);

#endif
