/* weight_make.h -- weights of every store type with random values, one byte off any alignment, and what they are as real */
#ifndef SDREF_TESTS_WEIGHT_MAKE_H
#define SDREF_TESTS_WEIGHT_MAKE_H

#include "tensor/mem.h"
#include "tensor/rng.h"
#include "tensor/weight.h"
#include "tests/harness.h"

enum { STORES = 5 };

/* The value of a binary16 or bfloat16, by the definition of the formats: sign, exponent, fraction. */
static inline double half_value(unsigned bits, int fraction_bits, int bias)
{
    const unsigned fraction = bits & ((1u << fraction_bits) - 1u), exponent = (bits & 0x7fffu) >> fraction_bits;
    const double sign = bits >> 15 ? -1.0 : 1.0, whole = (double)(1u << fraction_bits);
    if (exponent == 0x7fffu >> fraction_bits) return fraction == 0 ? sign * (double)INFINITY : (double)NAN;
    if (exponent == 0) return sign * ldexp((double)fraction / whole, 1 - bias);
    return sign * ldexp(1.0 + (double)fraction / whole, (int)exponent - bias);
}
static inline double f16_of(unsigned bits) { return half_value(bits, 10, 15); }
static inline double bf16_of(unsigned bits) { return half_value(bits, 7, 127); }

typedef struct MadeWeight { Weight w; real *value; unsigned char *bytes; } MadeWeight;    /* value (n): what w holds */

/* Values near 0, 24 bits, or what of them fits the store; with `gradient` also w.g (n), normal numbers. */
static inline void weight_make(MadeWeight *m, Shape s, Store store, int gradient, uint64_t seed)
{
    Err err = { 0 };
    *m = (MadeWeight){ .w = { .s = s, .n = shape_count(s), .store = store, .name = "w" } };
    const size_t n = m->w.n, size = store_bytes(store), off = store == STORE_REAL ? 0 : 1;
    m->value = mem_new(n, sizeof(real), "values", &err);
    m->bytes = mem_new(n + 1, 8, "bytes", &err);
    m->w.at = m->bytes + off;
    if (gradient) m->w.g = mem_new(n, sizeof(real), "gradient", &err);
    CHECK(!err.set, "%s", err.msg);
    rng_normal(m->value, (RngAt){ seed, 0, 0, RNG_PROBE }, n);
    if (gradient) rng_normal(m->w.g, (RngAt){ seed, 1, 0, RNG_PROBE }, n);
    for (size_t i = 0; i < n; i++) {
        unsigned char *at = m->bytes + off + i * size;
        uint16_t half;
        const float f = (float)m->value[i];
        const double d = (double)m->value[i];
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        switch (store) {
        case STORE_REAL: memcpy(at, &m->value[i], size); break;
        case STORE_F16:                                            /* any pattern whose exponent is small */
            half = (uint16_t)(bits & 0xbfffu);
            memcpy(at, &half, size);
            m->value[i] = (real)f16_of(half);
            break;
        case STORE_BF16:
            half = (uint16_t)(bits >> 16);
            memcpy(at, &half, size);
            m->value[i] = (real)bf16_of(half);
            break;
        case STORE_F32: memcpy(at, &f, size); m->value[i] = (real)f; break;
        case STORE_F64: memcpy(at, &d, size); break;
        }
    }
}

static inline void weight_drop(MadeWeight *m)
{
    mem_free(m->value);
    mem_free(m->bytes);
    mem_free(m->w.g);
}

#endif
