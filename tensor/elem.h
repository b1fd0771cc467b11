/* elem.h -- elementary functions with the same bits everywhere
 *
 * d_f is binary64 in both programs; r_f takes and returns `real`. They use + - * / sqrt fma and integer operations on
 * bit patterns, so neither a C library nor a compiler decides a bit. Branches and a table are met only in sin and cos of
 * |x| >= 2^28: a loop over any other function is vectorised as it stands (gcc and clang, -O3, AVX2 or
 * AVX-512), and r_sin_n, r_cos_n are the loops for those two.
 *
 * Methods and special cases: elem_exp.h (exp, exp2, expm1, tanh, sigmoid, erf), elem_log.h (log, log1p, softplus, pow),
 * elem_trig.h (sin, cos, asin, atan2); sigmoid(x) = 1/(1 + e^-x), softplus(x) = log(1 + e^x). The special cases are those of
 * C Annex F; what NaN comes out (its sign and payload) is not part of the promise.
 *
 * Accuracy, binary32 (r_f in sdref). All 2^32 inputs of every function of one argument are correctly rounded, subnormal
 * results included: `make exhaustive` proves it. r_f is d_f, or a shorter binary64 form of it (exp, sigmoid, erf: no Pairs, some
 * 2^-50), rounded once more, which goes wrong where that lands on, or just across, the middle of two binary32 numbers: those inputs
 * (0 to 9 a function) are set right one by one below. r_pow: below 0.50001 ulp.
 *
 * Accuracy, binary64 (d_f, and r_f in sdref-f64). Below 1 ulp. The largest errors in ulp that tests/elem_mpfr.c found in a
 * million random inputs each (a subnormal result is rounded twice: without those exp, exp2, sigmoid and pow stay below 0.60):
 *     exp  0.75   exp2 0.74   expm1   0.59   log      0.69   log1p 0.74   sin 0.74   cos   0.71
 *     tanh 0.54   erf  0.80   sigmoid 0.75   softplus 0.83   asin  0.65   pow 0.75   atan2 0.75
 * tests/t_elem.c holds them to known answers from MPFR (special values, range ends, changes of method, random inputs).
 *
 * Without fma in the processor (baseline x86-64) fma is a call into the C library: the same bits, some 25 times slower.
 */
#ifndef SDREF_ELEM_H
#define SDREF_ELEM_H

#include "tensor/elem_exp.h"
#include "tensor/elem_log.h"
#include "tensor/elem_trig.h"

#ifdef SDREF_F64

static inline real r_exp(real x) { return d_exp(x); }
static inline real r_exp2(real x) { return d_exp2(x); }
static inline real r_expm1(real x) { return d_expm1(x); }
static inline real r_log(real x) { return d_log(x); }
static inline real r_log1p(real x) { return d_log1p(x); }
static inline real r_tanh(real x) { return d_tanh(x); }
static inline real r_erf(real x) { return d_erf(x); }
static inline real r_asin(real x) { return d_asin(x); }
static inline real r_sigmoid(real x) { return d_sigmoid(x); }
static inline real r_softplus(real x) { return d_softplus(x); }
static inline real r_pow(real x, real y) { return d_pow(x, y); }
static inline real r_sin(real x) { return d_sin(x); }
static inline real r_cos(real x) { return d_cos(x); }
static inline real el_r_sin_near(real x) { return el_sin_near(x); }
static inline real el_r_cos_near(real x) { return el_cos_near(x); }

#else

/* Arguments are cut where the result has long been 0 or infinity in binary32, so one factor 2^k does. Of exp the
 * upper end is cut afterwards: gcc 12 makes faster loops of that. */
static inline real r_exp(real x)
{
    real y = (real)el_exp_quick((double)r_max(R(-110.0), x));              /* NaN stays */
    return x > R(100.0) ? (real)EL_INF : y;
}

static inline real r_exp2(real x)
{
    double k;
    double m = el_exp2(&k, el_clamp((double)x, -160.0, 140.0));
    real y = (real)(m * el_pow2(k));
    y = x ==  0x1.853a6ep-9f ? 0x1.00870ap+0f : y;
    y = x == -0x1.e7526ep-6f ? 0x1.f58d62p-1f : y;
    return y;
}

static inline real r_expm1(real x) { return (real)d_expm1((double)x); }
static inline real r_tanh(real x) { return (real)d_tanh((double)x); }
static inline real r_erf(real x) { return (real)el_erf_quick((double)x); }
static inline real r_asin(real x) { return (real)d_asin((double)x); }
static inline real r_pow(real x, real y) { return (real)d_pow((double)x, (double)y); }

static inline real r_log(real x)
{
    real y = (real)d_log((double)x);
    y = x == 0x1.827a74p-7f  ? -0x1.1c2b1ep+2f : y;
    y = x == 0x1.2f1fd6p+3f  ?  0x1.1fcbcep+1f : y;
    y = x == 0x1.bacb4ap+25f ?  0x1.1e0696p+4f : y;
    y = x == 0x1.b121a6p+76f ?  0x1.a9a3f2p+5f : y;
    y = x == 0x1.6351d8p+95f ?  0x1.08b512p+6f : y;
    return y;
}

static inline real r_log1p(real x)
{
    real y = (real)d_log1p((double)x);
    y = x == -0x1.1d9188p-9f  ? -0x1.1de14ap-9f  : y;
    y = x == -0x1.1fffcap-17f ? -0x1.20001ap-17f : y;
    y = x == -0x1.7ffffap-21f ? -0x1.800002p-21f : y;
    y = x ==  0x1.800006p-21f ?  0x1.7ffffep-21f : y;
    y = x ==  0x1.200036p-17f ?  0x1.1fffe6p-17f : y;
    y = x ==  0x1.fb035ap-2f  ?  0x1.9bddc2p-2f  : y;
    y = x ==  0x1.0f1fd6p+3f  ?  0x1.1fcbcep+1f  : y;
    y = x ==  0x1.b121a6p+76f ?  0x1.a9a3f2p+5f  : y;
    y = x ==  0x1.6351d8p+95f ?  0x1.08b512p+6f  : y;
    return y;
}

/* TRAP: 1/2 + x/4 - x^3/48 + .. lies midway between two binary32 numbers for x = odd 2^-23, as far as binary64 can see.
 * Below |x| = 2^-11 the rest is under 2^-27.5 x, and 1/2 + x/4 lies on a boundary or at least 2^-26 x off it. Taking
 * 2^-27 x away puts the sum on the right side of every boundary. */
static inline real r_sigmoid(real x)
{
    double d = (double)x;
    double near = fma(d * (1.0 - 0x1p-25), 0.25, 0.5);
    double far = 1.0 / (1.0 + el_exp_quick(-(double)r_min(R(110.0), x)));  /* NaN stays */
    real y = (real)(el_abs(d) < 0x1p-11 ? near : far);
    y = x < R(-110.0) ? R(0.0) : y;
    return x == -0x1.250c02p-10f ? 0x1.ffb6bep-2f : y;
}

static inline real r_softplus(real x)
{
    double k, d = (double)x, a = el_abs(d);
    Pair e = el_exp(&k, -(a > 160.0 ? 160.0 : a), 0.0);
    double c = el_pow2(k);
    e.hi *= c;
    e.lo *= c;
    double y = el_softplus(d, e);
    y = d > 160.0 ? d : y;
    return x == 0x1.d483a0p-12f ? 0x1.63017ap-1f : (real)y;
}

static inline real el_r_sin_near(real x)
{
    real y = (real)el_sin_near((double)x);
    y = x ==  0x1.333330p+13f ? -0x1.63f4bap-2f : y;
    y = x == -0x1.333330p+13f ?  0x1.63f4bap-2f : y;
    return y;
}
static inline real el_r_cos_near(real x) { return (real)el_cos_near((double)x); }

static inline real r_sin(real x) { return r_abs(x) < (real)EL_FAR ? el_r_sin_near(x) : (real)d_sin((double)x); }
static inline real r_cos(real x)
{
    real a = r_abs(x);
    if (a < (real)EL_FAR) return el_r_cos_near(x);
    if (a == 0x1.3170f0p+63f) return 0x1.fe2976p-1f;
    if (a == 0x1.2b9622p+67f) return 0x1.f0285ep-1f;
    return (real)d_cos((double)x);
}

#endif

/* y[i] = r_sin(x[i]), i < n; y must not be x */
static inline void r_sin_n(real *restrict y, const real *restrict x, size_t n)
{
    int far = 0;
    for (size_t i = 0; i < n; i++) {
        y[i] = el_r_sin_near(x[i]);
        far |= !(r_abs(x[i]) < (real)EL_FAR);
    }
    for (size_t i = 0; far && i < n; i++) y[i] = r_sin(x[i]);
}

static inline void r_cos_n(real *restrict y, const real *restrict x, size_t n)
{
    int far = 0;
    for (size_t i = 0; i < n; i++) {
        y[i] = el_r_cos_near(x[i]);
        far |= !(r_abs(x[i]) < (real)EL_FAR);
    }
    for (size_t i = 0; far && i < n; i++) y[i] = r_cos(x[i]);
}

#endif
