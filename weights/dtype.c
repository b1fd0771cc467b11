/* dtype.c -- names and sizes of element types; binary16, bfloat16, binary32 and binary64 into each other
 *
 * Narrowing from binary64. A finite x of exponent e (2^e <= |x| < 2^(e+1)) is a whole number m of units 2^(e-52). The
 * target's unit there is 2^(max(e, emin) - mantissa bits), that is 2^drop units of x, so m 2^-drop is rounded to a
 * whole number, half to even, and the bits of that number are the target's encoding once the exponent field is added:
 * a carry runs into the exponent by itself.
 */
#include "weights/dtype.h"
#include "tensor/real.h"

#include <string.h>

static const struct { const char *name; int bits; } table[ST_DTYPES] = {
    [ST_BOOL] = { "BOOL", 8 }, [ST_F4] = { "F4", 4 }, [ST_F6_E2M3] = { "F6_E2M3", 6 }, [ST_F6_E3M2] = { "F6_E3M2", 6 },
    [ST_U8] = { "U8", 8 }, [ST_I8] = { "I8", 8 }, [ST_F8_E5M2] = { "F8_E5M2", 8 }, [ST_F8_E4M3] = { "F8_E4M3", 8 },
    [ST_F8_E8M0] = { "F8_E8M0", 8 }, [ST_F8_E4M3FNUZ] = { "F8_E4M3FNUZ", 8 }, [ST_F8_E5M2FNUZ] = { "F8_E5M2FNUZ", 8 },
    [ST_I16] = { "I16", 16 }, [ST_U16] = { "U16", 16 }, [ST_F16] = { "F16", 16 }, [ST_BF16] = { "BF16", 16 },
    [ST_I32] = { "I32", 32 }, [ST_U32] = { "U32", 32 }, [ST_F32] = { "F32", 32 }, [ST_C64] = { "C64", 64 },
    [ST_F64] = { "F64", 64 }, [ST_I64] = { "I64", 64 }, [ST_U64] = { "U64", 64 },
};

const char *st_dtype_name(StDtype d) { return table[d].name; }
int st_dtype_bits(StDtype d) { return table[d].bits; }

int st_dtype_find(StDtype *out, const char *name)
{
    for (int d = 0; d < ST_DTYPES; d++)
        if (strcmp(name, table[d].name) == 0) { *out = (StDtype)d; return 0; }
    return -1;
}

int st_dtype_is_float(StDtype d) { return d == ST_F64 || d == ST_F32 || d == ST_F16 || d == ST_BF16; }

int st_dtype_is_int(StDtype d)
{
    return d == ST_BOOL || d == ST_U8 || d == ST_I8 || d == ST_U16 || d == ST_I16 || d == ST_U32 || d == ST_I32
        || d == ST_U64 || d == ST_I64;
}

/* ---- bits ---- */

static uint32_t bits32(float x) { uint32_t b; memcpy(&b, &x, sizeof b); return b; }
static uint64_t bits64(double x) { uint64_t b; memcpy(&b, &x, sizeof b); return b; }
static float    from32(uint32_t b) { float x; memcpy(&x, &b, sizeof x); return x; }
static double   from64(uint64_t b) { double x; memcpy(&x, &b, sizeof x); return x; }

float f32_from_bf16(uint16_t h) { return from32((uint32_t)h << 16); }

float f32_from_f16(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, field = h >> 10 & 31, fraction = h & 1023;
    if (field == 31) return from32(sign | 0x7f800000u | fraction << 13);
    if (field > 0) return from32(sign | (field + 112) << 23 | fraction << 13);
    const float subnormal = (float)fraction * 0x1p-24f;   /* exact */
    return from32(sign | bits32(subnormal));
}

double f64_from_f32(float x)
{
    const uint32_t b = bits32(x);
    if (!isnan(x)) return (double)x;
    return from64((uint64_t)(b & 0x80000000u) << 32 | (uint64_t)0x7ff8 << 48 | (uint64_t)(b & 0x7fffff) << 29);
}

/* x in a format of `fields` exponent bits and `mantissa` fraction bits: its encoding without the sign. */
static uint32_t narrow(double x, int fields, int mantissa)
{
    const uint64_t b = bits64(x) & ~((uint64_t)1 << 63), fraction = b & (((uint64_t)1 << 52) - 1);
    const uint32_t infinity = (((uint32_t)1 << fields) - 1) << mantissa;
    if (b > (uint64_t)0x7ff << 52)
        return infinity | (uint32_t)1 << (mantissa - 1) | (uint32_t)(fraction >> (52 - mantissa));
    const int bias = (1 << (fields - 1)) - 1, e = (int)(b >> 52) - 1023;
    const int below = 1 - bias - e;                       /* > 0: subnormal there, the unit 2^below larger */
    const int drop = 52 - mantissa + (below > 0 ? below : 0);
    if (e > bias) return infinity;
    if (drop > 53) return 0;                              /* |x| < half of the smallest subnormal */
    const uint64_t m = fraction | (uint64_t)1 << 52, half = (uint64_t)1 << (drop - 1);
    const uint64_t rest = m & (((uint64_t)1 << drop) - 1);
    uint64_t q = m >> drop;
    q += rest > half || (rest == half && (q & 1));
    /* normal: q carries its leading one, which adds 1 to the exponent field */
    return (uint32_t)q + ((uint32_t)(below > 0 ? 0 : e + bias - 1) << mantissa);
}

static uint32_t sign_of(double x) { return (uint32_t)(bits64(x) >> 63); }

uint16_t f16_from_f64(double x) { return (uint16_t)(sign_of(x) << 15 | narrow(x, 5, 10)); }
uint16_t bf16_from_f64(double x) { return (uint16_t)(sign_of(x) << 15 | narrow(x, 8, 7)); }
float    f32_from_f64(double x) { return from32(sign_of(x) << 31 | narrow(x, 8, 23)); }
