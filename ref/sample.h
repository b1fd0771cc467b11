/* sample.h -- images from a prior: DDIM with guidance, from noise that a seed gives */
#ifndef SDREF_REF_SAMPLE_H
#define SDREF_REF_SAMPLE_H

#include "sampler/denoiser.h"
#include "sampler/schedule.h"
#include "tensor/rng.h"

/* philox: the start and each step's noise are draws of the stream RNG_NOISE. torch-cpu: torch.manual_seed(seed), then torch.randn(1,C,h,w)
 * in float32 for the start and again for each step that adds noise, which is what diffusers does with a generator. */
typedef enum { NOISE_PHILOX, NOISE_TORCH_CPU } NoiseKind;

typedef struct SampleConfig {
    int steps;
    real guidance;            /* e = e_uncond + guidance (e_cond - e_uncond); 1: one prediction a step */
    double eta;               /* 0: DDIM; 1: as much noise as DDPM */
    View view;                /* for priors that are told of it */
    NoiseKind noise;
    uint64_t seed;
} SampleConfig;

/* done: called after each step with the number of steps done. */
typedef struct SampleListener { void (*done)(void *self, int steps); void *self; } SampleListener;

/* x (C,h,w): the sample. Every step is a DDIM step of S, which is told that e is epsilon. listener may be NULL. -1: err set. */
int sample_ddim(real *x, const SampleConfig *config, const Schedule *S, const Denoiser *D, const SampleListener *listener, Err *err);

#endif
