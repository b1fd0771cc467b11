/* estimator.h -- what every estimator is given, and what it gives back
 *
 * An estimator turns one image x0 and its random inputs into the gradient with respect to x0 of ONE view: un-averaged, the
 * weight w(t) included. Averages over views and batch, and the way on through the renderer, belong to distill.c.
 * Estimators take no tape: the gradient cannot run through the denoiser. Everything random is an argument.
 *
 * Symbols, the same in every file (they collide between papers):
 *     here          C           DDPM          DDIM       DreamFusion    SDI
 *     abar_t        abar        alpha-bar_t   alpha_t    alpha_t^2      alpha-bar
 *     alpha_t       at          sqrt of it               alpha_t
 *     sigma_t       st                                   sigma_t
 *     r_t = st/at   rt                                                  sigma(t)
 *     guidance s    guidance    e = e_uncond + s (e_cond - e_uncond) everywhere [CFG22]; DreamFusion's w is s - 1
 */
#ifndef SDREF_REF_ESTIMATOR_H
#define SDREF_REF_ESTIMATOR_H

#include "ref/trace.h"
#include "sampler/denoiser.h"
#include "sampler/schedule.h"

typedef enum { WEIGHT_SDS, WEIGHT_UNIFORM, WEIGHT_FANTASIA3D, WEIGHT_RATIO } TimeWeight;

typedef struct Estimate {         /* borrowed, all of it */
    const Schedule *S;
    const Denoiser *D;
    View view;                    /* of the image, for the prompt's view suffix */
    Arena *arena;                 /* scratch; the caller rewinds it */
    const Trace *trace;           /* or NULL */
    Err *err;
} Estimate;

size_t estimate_n(const Estimate *k);                                 /* C H W */
Shape  estimate_shape(const Estimate *k);                             /* (1,C,H,W) */

/* w(t): sds 1 - abar = sigma^2; uniform 1; fantasia3d alpha (1 - abar); sigma/alpha r. */
real weight_at(TimeWeight weight, const Schedule *S, int t);
int  weight_parse(TimeWeight *weight, const char *name, Err *err);        /* "sds" "uniform" "fantasia3d" "sigma/alpha" */

/* guidance.c: classifier-free guidance. eps (n) = e_uncond + s (e_cond - e_uncond)                    [CFG22]
 * s = 1 is the conditional prediction itself: the unconditional one is then not asked for, nor traced. */
int guided_eps(real *eps, const real *xt, int t, real guidance, const Estimate *k);

/* sds.c: score distillation sampling. grad, x0, noise: (n). 0, or -1 with k->err set. */
int sds_grad(real *grad, const real *x0, const real *noise, int t, real guidance, TimeWeight weight, const Estimate *k);

#endif
