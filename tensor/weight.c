/* weight.c -- numbers of a file, of any alignment, widened into real
 *
 * binary16 has 5 exponent bits (bias 15) and 10 of fraction; subnormals are fraction 2^-24. All of its values are values of
 * binary32. bfloat16 is the upper half of a binary32.
 */
#include "tensor/weight.h"

#include "tensor/gemm_half.h"

#include <string.h>

size_t store_bytes(Store s)
{
    switch (s) {
    case STORE_REAL: return sizeof(real);
    case STORE_F16:
    case STORE_BF16: return 2;
    case STORE_F32:  return 4;
    case STORE_F64:  return 8;
    }
    return 0;
}

static float float_of_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Both forms are computed and one is chosen, so that a loop over this is vectorised. */
static float f16_value(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, rest = h & 0x7fffu;
    const uint32_t shift = rest >= 0x7c00u ? 2u * (127 - 15) : 127 - 15;             /* infinity and NaN stay what they are */
    const float normal = float_of_bits((rest << 13) + (shift << 23));
    const float subnormal = (float)(int32_t)rest * 0x1p-24f;
    const float size = rest < 0x0400u ? subnormal : normal;
    uint32_t bits;
    memcpy(&bits, &size, sizeof bits);
    return float_of_bits(bits | sign);
}

static inline void read_f16(real *restrict out, const unsigned char *restrict at, size_t count)
{
    for (size_t i = f16_widen_fast(out, at, count); i < count; i++) {
        uint16_t h;
        memcpy(&h, at + 2 * i, sizeof h);
        out[i] = (real)f16_value(h);
    }
}

static inline void read_bf16(real *restrict out, const unsigned char *restrict at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t h;
        memcpy(&h, at + 2 * i, sizeof h);
        out[i] = (real)float_of_bits((uint32_t)h << 16);
    }
}

static inline void read_f32(real *restrict out, const unsigned char *restrict at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float f;
        memcpy(&f, at + 4 * i, sizeof f);
        out[i] = (real)f;
    }
}

static inline void read_f64(real *restrict out, const unsigned char *restrict at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double f;
        memcpy(&f, at + 8 * i, sizeof f);
        out[i] = (real)f;
    }
}

static inline void read_real(real *restrict out, const unsigned char *restrict at, size_t count)
{
    memcpy(out, at, count * sizeof(real));
}

void weight_read_rows(real *out, ptrdiff_t step, const Weight *w, size_t first, size_t apart, int rows, size_t count)
{
    const size_t bytes = store_bytes(w->store), row = apart * bytes;
    const unsigned char *at = (const unsigned char *)w->at + first * bytes;
    switch (w->store) {
    case STORE_REAL: for (int r = 0; r < rows; r++) read_real(out + r * step, at + (size_t)r * row, count); return;
    case STORE_F16:  for (int r = 0; r < rows; r++) read_f16(out + r * step, at + (size_t)r * row, count); return;
    case STORE_BF16: for (int r = 0; r < rows; r++) read_bf16(out + r * step, at + (size_t)r * row, count); return;
    case STORE_F32:  for (int r = 0; r < rows; r++) read_f32(out + r * step, at + (size_t)r * row, count); return;
    case STORE_F64:  for (int r = 0; r < rows; r++) read_f64(out + r * step, at + (size_t)r * row, count); return;
    }
}

void weight_read(real *out, const Weight *w, size_t first, size_t count)
{
    weight_read_rows(out, 0, w, first, 0, 1, count);
}

const real *weight_all(Tape *t, const Weight *w)
{
    if (w == NULL || w->at == NULL) return NULL;
    if (w->store == STORE_REAL) return w->at;
    real *all = tape_raw(t, w->n, w->name);
    if (all != NULL) weight_read(all, w, 0, w->n);
    return all;
}

/* ---- as operands of a product ---- */

static size_t columns(const Weight *w) { return w->s.d[0] == 0 ? 0 : w->n / (size_t)w->s.d[0]; }

static void pack_rows(real *panel, const void *from, int step, int lane0, int lanes, int k0, int depth)
{
    const Weight *w = from;
    weight_read_rows(panel, step, w, (size_t)lane0 * columns(w) + (size_t)k0, columns(w), lanes, (size_t)depth);
}

static void pack_cols(real *panel, const void *from, int step, int lane0, int lanes, int k0, int depth)
{
    const Weight *w = from;
    weight_read_rows(panel, step, w, (size_t)k0 * columns(w) + (size_t)lane0, columns(w), depth, (size_t)lanes);
}

GemmOperand gemm_weight_rows(const Weight *w)
{
    const size_t bytes = store_bytes(w->store);
    return (GemmOperand){ .pack = pack_rows, .from = w, .along_k = 1, .at = w->at, .lane_bytes = columns(w) * bytes,
                          .k_bytes = bytes };
}

GemmOperand gemm_weight_cols(const Weight *w) { return (GemmOperand){ .pack = pack_cols, .from = w }; }
