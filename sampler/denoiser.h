/* denoiser.h -- the one face of every prior: predict the noise in x_t
 *
 * Behind it stand the exact prior (exact.h), a network, or the predictions that a trace carries. Implementations convert
 * from v or x0 prediction themselves: what comes out is always epsilon.
 */
#ifndef SDREF_SAMPLER_DENOISER_H
#define SDREF_SAMPLER_DENOISER_H

#include "sampler/view.h"
#include "tensor/err.h"
#include "tensor/real.h"

typedef enum { COND_TEXT, COND_NULL, COND_NEGATIVE } CondKind;   /* the prompt, no prompt, the negative prompt */
typedef struct Cond { CondKind kind; View view; } Cond;          /* view: where the image was taken from; chooses ", side view" */

typedef struct Denoiser {
    int channels, h, w;                                          /* of x_t, row-major (C,H,W), images in [-1,1] */
    /* eps, xt: (C,H,W); t: 0..T-1. 0, or -1 with err set. The caller owns both arrays. */
    int (*predict)(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err);
    void *self;
} Denoiser;

#endif
