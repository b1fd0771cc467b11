/* rng.c -- Philox4x32-10 with addresses; PyTorch's CPU and CUDA generators
 *
 * philox: ten rounds of two 32 x 32 -> 64 multiplications; key words grow by Weyl constants. Normals by Box-Muller in
 * binary64 with d_log, d_sin, d_cos of elem.h: within 2 ulp of binary64, then rounded once.
 *
 * torch-cpu: MT19937 [Matsumoto & Nishimura 1998] with Knuth's initialisation. randn of 16 or more transforms blocks of
 * 16 floats with the Cephes polynomials of logf, sinf, cosf [Moshier, Cephes Mathematical Library], every multiply-add
 * fused as PyTorch's AVX2 kernel has it; randn of fewer than 16 works in binary64. Not covered: its non-AVX2 kernel
 * (libm functions, up to 9e-7 away), other dtypes (unrelated values).
 *
 * torch-cuda: thread i of T draws from Philox subsequence i, four words at a time. Normals there use the GPU's
 * approximate sine and cosine, which are not reproducible elsewhere; here they are exact to float rounding.
 */
#include "tensor/rng.h"

#include "tensor/elem.h"
#include "tensor/err.h"
#include "tensor/par.h"

#include <string.h>

/* ---- philox ---- */

void philox4x32(uint32_t out[4], const uint32_t ctr[4], const uint32_t key[2])
{
    uint32_t x0 = ctr[0], x1 = ctr[1], x2 = ctr[2], x3 = ctr[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * x0;
        const uint64_t p1 = (uint64_t)0xCD9E8D57u * x2;
        x0 = (uint32_t)(p1 >> 32) ^ x1 ^ k0;
        x1 = (uint32_t)p1;
        x2 = (uint32_t)(p0 >> 32) ^ x3 ^ k1;
        x3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = x0;
    out[1] = x1;
    out[2] = x2;
    out[3] = x3;
}

static void block_at(uint32_t w[4], RngAt at, uint32_t block)
{
    const uint32_t ctr[4] = { block, at.view, at.step, at.stream };
    const uint32_t key[2] = { (uint32_t)at.seed, (uint32_t)(at.seed >> 32) };
    philox4x32(w, ctr, key);
}

static uint32_t word_at(RngAt at, uint32_t i)
{
    uint32_t w[4];
    block_at(w, at, i / 4);
    return w[i % 4];
}

/* Two independent normals from two words. */
static void box_muller(double z[2], uint32_t w0, uint32_t w1)
{
    const double u1 = ((double)w0 + 1.0) * 0x1p-32;      /* (0,1]: the logarithm is finite */
    const double u2 = (double)w1 * 0x1p-32;
    const double radius = sqrt(-2.0 * d_log(u1));
    const double theta = 2.0 * D_PI * u2;
    z[0] = radius * d_cos(theta);
    z[1] = radius * d_sin(theta);
}

double rng_uniform_at(RngAt at, uint32_t i)
{
    return (double)(word_at(at, i) >> 8) * 0x1p-24;
}

double rng_normal_at(RngAt at, uint32_t i)
{
    uint32_t w[4];
    double z[2];
    block_at(w, at, i / 4);
    box_muller(z, w[i & 2], w[(i & 2) + 1]);
    return z[i & 1];
}

uint32_t rng_below(RngAt at, uint32_t i, uint32_t n)
{
    BUG_IF(n == 0, "rng_below: n is 0");
    return (uint32_t)(((uint64_t)word_at(at, i) * n) >> 32);
}

#define CHUNK 4096   /* elements a thread takes at once; no effect on values */

void rng_uniform(real *out, RngAt at, size_t n)
{
    BUG_IF((uint64_t)n > (uint64_t)1 << 32, "rng_uniform: n %zu is more than 2^32", n);
    PAR_FOR
    for (size_t start = 0; start < n; start += CHUNK) {
        const size_t end = n - start < CHUNK ? n : start + CHUNK;
        for (size_t i = start; i < end; i += 4) {
            uint32_t w[4];
            block_at(w, at, (uint32_t)(i / 4));
            for (size_t j = 0; j < 4 && i + j < end; j++) out[i + j] = (real)(w[j] >> 8) * R(0x1p-24);
        }
    }
}

void rng_normal(real *out, RngAt at, size_t n)
{
    BUG_IF((uint64_t)n > (uint64_t)1 << 32, "rng_normal: n %zu is more than 2^32", n);
    PAR_FOR
    for (size_t start = 0; start < n; start += CHUNK) {
        const size_t end = n - start < CHUNK ? n : start + CHUNK;
        for (size_t i = start; i < end; i += 4) {
            uint32_t w[4];
            double z[4];
            block_at(w, at, (uint32_t)(i / 4));
            box_muller(z, w[0], w[1]);
            box_muller(z + 2, w[2], w[3]);
            for (size_t j = 0; j < 4 && i + j < end; j++) out[i + j] = (real)z[j];
        }
    }
}

/* ---- torch-cpu ---- */

void torch_seed(TorchCpu *g, uint64_t seed)
{
    g->mt[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < 624; i++) g->mt[i] = 1812433253u * (g->mt[i - 1] ^ (g->mt[i - 1] >> 30)) + i;
    g->next = 624;
    g->has_normal = 0;
    g->normal = 0.0;
}

static uint32_t mt_word(TorchCpu *g)
{
    if (g->next == 624) {
        for (int i = 0; i < 624; i++) {
            const uint32_t y = (g->mt[i] & 0x80000000u) | (g->mt[(i + 1) % 624] & 0x7fffffffu);
            g->mt[i] = g->mt[(i + 397) % 624] ^ (y >> 1) ^ ((y & 1) ? 0x9908b0dfu : 0);
        }
        g->next = 0;
    }
    uint32_t y = g->mt[g->next];
    g->next++;
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

static float mt_float(TorchCpu *g)
{
    return (float)(mt_word(g) & 0xffffffu) * 0x1p-24f;
}

static double mt_double(TorchCpu *g)
{
    const uint64_t high = mt_word(g);
    const uint64_t low = mt_word(g);
    return (double)((high << 32 | low) & (((uint64_t)1 << 53) - 1)) * 0x1p-53;
}

void torch_rand_f32(TorchCpu *g, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] = mt_float(g);
}

void torch_randint(TorchCpu *g, int64_t *out, int64_t low, int64_t high, size_t n)
{
    const uint64_t range = (uint64_t)high - (uint64_t)low;
    BUG_IF(high <= low || range >> 32, "torch_randint: range %lld..%lld", (long long)low, (long long)high);
    for (size_t i = 0; i < n; i++) out[i] = low + (int64_t)(mt_word(g) % range);
}

static float float_of(uint32_t bits) { float x; memcpy(&x, &bits, sizeof x); return x; }
static uint32_t bits_of(float x) { uint32_t bits; memcpy(&bits, &x, sizeof bits); return bits; }

/* ln x for 0 < x <= 1 normal: x = m 2^e, sqrt(1/2) <= m < sqrt 2; polynomial in m - 1. */
static float cephes_log(float x)
{
    static const float p[8] = { -1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f,
                                -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f };
    float e = (float)((int)(bits_of(x) >> 23) - 126);
    float m = float_of((bits_of(x) & 0x007fffffu) | 0x3f000000u);      /* [1/2, 1) */
    if (m < 0.707106781186547524f) {
        e -= 1.0f;
        m = (m - 1.0f) + m;
    } else {
        m -= 1.0f;
    }
    const float z = m * m;
    float y = 7.0376836292e-2f;
    for (int i = 0; i < 8; i++) y = fmaf(y, m, p[i]);
    y = fmaf(y * m, z, e * -2.12194440e-4f);
    y = fmaf(-z, 0.5f, y);
    return fmaf(e, 0.693359375f, m + y);                               /* ln 2 in two parts */
}

/* sin and cos of 0 <= x < 2 pi: reduced by multiples of pi/4 (to an even one), pi/4 in three parts. */
static void cephes_sincos(float *sine, float *cosine, float x)
{
    const int octant = ((int)(x * 1.27323954473516f) + 1) & ~1;
    const float k = (float)octant;
    x = fmaf(k, -0.78515625f, x);
    x = fmaf(k, -2.4187564849853515625e-4f, x);
    x = fmaf(k, -3.77489497744594108e-8f, x);
    const float z = x * x;
    float c = fmaf(2.443315711809948e-5f, z, -1.388731625493765e-3f);
    c = fmaf(c, z, 4.166664568298827e-2f);
    c = fmaf(c * z, z, -(z * 0.5f)) + 1.0f;
    float s = fmaf(-1.9515295891e-4f, z, 8.3321608736e-3f);
    s = fmaf(s, z, -1.6666654611e-1f);
    s = fmaf(s * z, x, x);
    const int swap = octant & 2;
    const float a = swap ? c : s, b = swap ? s : c;
    *sine = (octant & 4) ? -a : a;
    *cosine = ((octant + 2) & 4) ? -b : b;
}

/* 16 uniforms -> 16 normals, in place: (d[j], d[j+8]) is one Box-Muller pair. */
static void torch_normal16(float *d)
{
    for (int j = 0; j < 8; j++) {
        const float radius = sqrtf(-2.0f * cephes_log(1.0f - d[j]));
        float s, c;
        cephes_sincos(&s, &c, 6.28318530717958647692f * d[j + 8]);
        d[j] = fmaf(radius * c, 1.0f, 0.0f);                           /* times std plus mean: -0 becomes +0 */
        d[j + 8] = fmaf(radius * s, 1.0f, 0.0f);
    }
}

static double torch_normal_small(TorchCpu *g)
{
    if (g->has_normal) {
        g->has_normal = 0;
        return g->normal;
    }
    const double u1 = mt_double(g);
    const double u2 = mt_double(g);
    const double radius = sqrt(-2.0 * d_log1p(-u2));
    const double theta = 2.0 * D_PI * u1;
    g->normal = radius * d_sin(theta);
    g->has_normal = 1;
    return radius * d_cos(theta);
}

void torch_randn_f32(TorchCpu *g, float *out, size_t n)
{
    if (n < 16) {
        for (size_t i = 0; i < n; i++) out[i] = (float)torch_normal_small(g);
        return;
    }
    torch_rand_f32(g, out, n);
    for (size_t i = 0; i + 16 <= n; i += 16) torch_normal16(out + i);
    if (n % 16 != 0) {   /* TRAP: the last 16 are drawn afresh, over normals already made */
        torch_rand_f32(g, out + n - 16, 16);
        torch_normal16(out + n - 16);
    }
}

/* ---- torch-cuda ---- */

typedef struct { uint64_t threads, steps; } CudaGrid;

/* Blocks of 256 threads; every thread takes 4 numbers a step. */
static CudaGrid cuda_grid(int sms, int threads_per_sm, size_t n)
{
    BUG_IF(sms < 1 || threads_per_sm < 256, "torch_cuda: %d multiprocessors of %d threads", sms, threads_per_sm);
    const uint64_t most = (uint64_t)sms * (uint64_t)(threads_per_sm / 256);
    const uint64_t wanted = ((uint64_t)n + 255) / 256;
    CudaGrid grid = { 256 * (wanted < most ? wanted : most), 0 };
    if (n > 0) grid.steps = ((uint64_t)n - 1) / (grid.threads * 4) + 1;
    return grid;
}

/* The block behind elements thread + T (j + 4 step), j = 0..3. */
static void cuda_block(uint32_t w[4], uint64_t seed, uint64_t offset, uint64_t thread, uint64_t step)
{
    const uint64_t x = offset / 4 + step;
    const uint32_t ctr[4] = { (uint32_t)x, (uint32_t)(x >> 32), (uint32_t)thread, (uint32_t)(thread >> 32) };
    const uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    philox4x32(w, ctr, key);
}

static float cuda_uniform(uint32_t w) { return fmaf((float)w, 0x1p-32f, 0x1p-33f); }      /* (0,1] */

static void cuda_normal2(float z[2], uint32_t w0, uint32_t w1)
{
    const float two_pi = 0x1p-32f * 6.2831855f;
    const double theta = (double)fmaf((float)w1, two_pi, two_pi * 0.5f);
    const double radius = sqrt(-2.0 * d_log((double)cuda_uniform(w0)));
    z[0] = (float)(radius * d_sin(theta));                             /* TRAP: the sine comes first */
    z[1] = (float)(radius * d_cos(theta));
}

static void cuda_scatter(float *out, const float z[4], CudaGrid grid, uint64_t thread, uint64_t step, size_t n)
{
    for (uint64_t j = 0; j < 4; j++) {
        const uint64_t i = thread + grid.threads * (j + 4 * step);
        if (i < n) out[i] = z[j];
    }
}

uint64_t torch_cuda_rand(float *out, uint64_t seed, uint64_t offset, int sms, int threads_per_sm, size_t n)
{
    const CudaGrid grid = cuda_grid(sms, threads_per_sm, n);
    for (uint64_t step = 0; step < grid.steps; step++) {
        for (uint64_t thread = 0; thread < grid.threads; thread++) {
            uint32_t w[4];
            float z[4];
            cuda_block(w, seed, offset, thread, step);
            for (int j = 0; j < 4; j++) {
                const float u = cuda_uniform(w[j]);
                z[j] = u < 1.0f ? u : 0.0f;                            /* (0,1] -> [0,1) */
            }
            cuda_scatter(out, z, grid, thread, step, n);
        }
    }
    return offset + 4 * grid.steps;
}

uint64_t torch_cuda_randn(float *out, uint64_t seed, uint64_t offset, int sms, int threads_per_sm, size_t n)
{
    const CudaGrid grid = cuda_grid(sms, threads_per_sm, n);
    for (uint64_t step = 0; step < grid.steps; step++) {
        for (uint64_t thread = 0; thread < grid.threads; thread++) {
            uint32_t w[4];
            float z[4];
            cuda_block(w, seed, offset, thread, step);
            cuda_normal2(z, w[0], w[1]);
            cuda_normal2(z + 2, w[2], w[3]);
            cuda_scatter(out, z, grid, thread, step, n);
        }
    }
    return offset + 4 * grid.steps;
}
