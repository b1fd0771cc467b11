/* exact.h -- the exact prior: the closed-form score of a finite set of images
 *
 *     p(x) = mean over the set of N(x_i, sigma_d^2 I)
 *     x_t = alpha x + sigma eps  =>  p_t(x_t) = mean of N(alpha x_i, v I),   v = alpha^2 sigma_d^2 + sigma^2
 *     w_i = softmax_i( -|x_t - alpha x_i|^2 / (2 v) ),   m = sum w_i x_i,   eps(x_t) = sigma (x_t - alpha m) / v
 *
 * The only prior whose score is known, so what an estimator adds can be measured. The set: for every (object, colour) and
 * camera, `looks` images. An image is linear in the colour: x = base + shade colour, so one pair (base, shade) stands
 * for all colours of an object seen from one camera.
 * Conditioned on a prompt (one object, one colour) and on what is said about the view:
 *     posed     the images at exactly this camera, made on demand      a check of the machinery, nearly regression
 *     view-lr   cameras with this camera's label: front, left, right, back, overhead
 *     view      the papers' four labels, where "side" holds left and right
 *     prompt    all cameras
 * Unconditional: every prompt, all cameras; under `posed` the prompt's images at this camera besides, because a
 * conditional image that the unconditional set lacks makes guidance pull away from it.
 */
#ifndef SDREF_SAMPLER_EXACT_H
#define SDREF_SAMPLER_EXACT_H

#include "sampler/denoiser.h"
#include "sampler/schedule.h"
#include "sampler/view.h"

typedef enum { CONDITION_POSED, CONDITION_VIEW_LR, CONDITION_VIEW, CONDITION_PROMPT } Condition;

/* Where images come from. colour: (colours,3) in [0,1]. layers: one image as base (3,H,W) and shade (H,W) in [0,1], a pure
 * function of its arguments, safe to call from several threads. */
typedef struct ExactSource {
    int objects, colours;
    const real *colour;
    void (*layers)(const void *self, real *base, real *shade, int object, const View *view, int look);
    const void *self;
} ExactSource;

typedef struct ExactConfig {
    int h, w;                  /* pixels */
    int cameras, looks;        /* a prompt; N = cameras x looks images */
    uint64_t seed;             /* of the cameras */
    ViewRange range;           /* that cameras are drawn from, azimuths stratified */
    ViewThresholds thresholds;
    Condition condition;
    real sigma_d;              /* in units of [-1,1] */
} ExactConfig;

typedef struct ExactPrior ExactPrior;

/* The set's cameras: view (config->cameras). */
void exact_cameras(View *view, const ExactConfig *config);
/* What the condition calls a view: one of the papers' labels, under view-lr with two sides. Under posed and prompt it plays no part. */
ViewLabel exact_label(const ExactConfig *config, const View *view);

/* The prior for one prompt. Borrows source and S. Images of the prompt's object are made here, in parallel; those of other
 * objects when first asked for. NULL with err set. */
ExactPrior *exact_new(const ExactSource *source, const ExactConfig *config, int object, int colour, const Schedule *S,
                      Err *err);
void exact_free(ExactPrior *p);

Denoiser exact_denoiser(ExactPrior *p);      /* borrows p; without a negative prompt, COND_NEGATIVE is COND_NULL; a blend is a bug */

/* Posterior over labels of a clean image x (3,H,W) in [-1,1], at noise level sigma_d: posterior (objects, colours), summing
 * to 1; the Bayes classifier of the set. Makes the images of all objects. */
int exact_posterior(real *posterior, ExactPrior *p, const real *x, Err *err);

#endif
