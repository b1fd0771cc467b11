/* rng.h -- random numbers, three ways
 *
 * philox      the project's own: every draw is a pure function of its address, never of what was drawn before, so any
 *             draw can be recomputed alone, in any order, on any number of threads.
 * torch-cpu   the CPU generator of PyTorch (x86 with AVX2), bit for bit.
 * torch-cuda  the CUDA generator of PyTorch: uniforms bit for bit, normals to about 1e-6.
 */
#ifndef SDREF_RNG_H
#define SDREF_RNG_H

#include "tensor/real.h"

/* ---- philox: addressed draws ----
 * Philox4x32-10 [Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011]: four counter
 * words and two key words in, four random words out. */
void philox4x32(uint32_t out[4], const uint32_t ctr[4], const uint32_t key[2]);

/* What a draw is for. Part of the numerics: append, never renumber. */
enum {
    RNG_NOISE     = 0,    /* the eps that an estimator or a sampler adds */
    RNG_TIMESTEP  = 1,    /* t */
    RNG_CAMERA    = 2,    /* view sampling */
    RNG_JITTER    = 3,    /* samples along a ray */
    RNG_INIT      = 4,    /* first values of fields and networks; view = number of the tensor */
    RNG_SCENE     = 5,    /* procedural scenes: proportions, light, background */
    RNG_BACKDROP  = 6,    /* random background colours of a render */
    RNG_PARTICLE  = 7,    /* choice among particles or images */
    RNG_LORA      = 8,    /* the second noise of VSD: training of the LoRA */
    RNG_LORA_TIME = 9,    /* and its t; whether it is told the camera */
    RNG_BATCH     = 10,   /* training: what enters a batch */
    RNG_DROP      = 11,   /* training: dropped prompts */
    RNG_PROBE     = 12,   /* random directions of tests and of stochastic estimates */
    RNG_OCCUPANCY = 13    /* where cells of an occupancy grid are looked at */
};

/* Address of a family of draws; draw i of it is word i % 4 of the block with key = seed (low word first) and
 * counter = (i / 4, view, step, stream). `view` is the number of the view, particle or tensor. */
typedef struct { uint64_t seed; uint32_t view, step, stream; } RngAt;

/* out[i] = (word_i >> 8) 2^-24, in [0,1): 24 bits, exact, so that both programs draw the same. n <= 2^32. */
void rng_uniform(real *out, RngAt at, size_t n);
/* Box-Muller on the words (w0,w1) and (w2,w3) of each block: u1 = (w0 + 1) 2^-32 in (0,1], u2 = w1 2^-32,
 * out = sqrt(-2 ln u1) {cos, sin}(2 pi u2), in binary64, rounded once to real. |out| < 6.67. n <= 2^32. */
void rng_normal(real *out, RngAt at, size_t n);
/* One element of the above, before rounding to real: rng_normal's out[i] == (real)rng_normal_at(at, i). */
double rng_uniform_at(RngAt at, uint32_t i);
double rng_normal_at(RngAt at, uint32_t i);
/* Draw i as an integer 0 .. n-1: floor(word_i n / 2^32). A value's probability is off 1/n by less than 2^-32. n >= 1. */
uint32_t rng_below(RngAt at, uint32_t i, uint32_t n);

/* ---- torch-cpu ----
 * torch.manual_seed(seed), then calls in the same order and of the same sizes as there. Always float32, as PyTorch's
 * default. The state is consumed: what a call gives depends on the calls before it. */
typedef struct {
    uint32_t mt[624];     /* MT19937 */
    int      next;        /* word to give out, 624: make new ones */
    int      has_normal;  /* a small randn leaves its second normal for the next small randn */
    double   normal;
} TorchCpu;

void torch_seed(TorchCpu *g, uint64_t seed);                       /* only the low 32 bits count */
void torch_rand_f32(TorchCpu *g, float *out, size_t n);            /* rand(n): [0,1) */
void torch_randn_f32(TorchCpu *g, float *out, size_t n);           /* randn(n), contiguous */
/* randint(low, high, (n,)): low <= value < high; high - low < 2^32. */
void torch_randint(TorchCpu *g, int64_t *out, int64_t low, int64_t high, size_t n);

/* ---- torch-cuda ----
 * Values depend on the GPU: sms = multiprocessors, threads_per_sm = the most resident threads of one (both in
 * torch.cuda.get_device_properties). `offset` is the generator's, 0 after seeding; the return value is the offset
 * after the call. TRAP: n elements are not a prefix of 2n elements. */
uint64_t torch_cuda_rand(float *out, uint64_t seed, uint64_t offset, int sms, int threads_per_sm, size_t n);
uint64_t torch_cuda_randn(float *out, uint64_t seed, uint64_t offset, int sms, int threads_per_sm, size_t n);

#endif
