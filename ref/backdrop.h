/* backdrop.h -- a learnt background (render/background.h) as a part of a run: its parameters, Adam's moments, the checkpoint
 *
 * Each particle has one of its own. Its gradient is what the pulls of a step's views add to background->gradient, divided as they are.
 */
#ifndef SDREF_REF_BACKDROP_H
#define SDREF_REF_BACKDROP_H

#include "ref/state.h"
#include "render/background.h"

typedef struct Backdrop { Background *background; real *m, *v; } Backdrop;      /* m, v (background->n); all NULL: the run has none */

/* As it starts: draws are RNG_INIT at (seed, particle, step 1). -1 with err set, nothing left. */
int  backdrop_new(Backdrop *b, const BackgroundConfig *config, uint64_t seed, int particle, Err *err);
void backdrop_free(Backdrop *b);
void backdrop_begin(Backdrop *b);                         /* gradient <- 0; of none, here and below, nothing is done */
/* One step of Adam, number `count` from 1. -1: a gradient or parameter that is not finite, named. */
int  backdrop_step(Backdrop *b, double lr, long count, Err *err);

/* background, background.adam.m, background.adam.v, .PART behind of mlp; of particle i > 0 .i behind "background". */
void backdrop_put(const Backdrop *b, StWriter *w, int particle);
int  backdrop_get(Backdrop *b, const StFile *f, int particle, Err *err);

#endif
