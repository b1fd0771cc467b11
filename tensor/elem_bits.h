/* elem_bits.h -- the small exact tools under elem_*.h: bit patterns, unevaluated sums, powers of two, polynomials
 *
 * Pair is a number kept as hi + lo. A sum or product written with these tools loses nothing (Knuth, Dekker; fma for
 * products), which is where the functions built on them get their last bits.
 * Everything here is branch-free, and uses no 64-bit signed shift, compare or int-to-double conversion: AVX2 has none.
 */
#ifndef SDREF_ELEM_BITS_H
#define SDREF_ELEM_BITS_H

#include "tensor/real.h"

#include <string.h>

#define EL_SIGN (UINT64_C(1) << 63)
#define EL_INF  ((double)INFINITY)
#define EL_NAN  ((double)NAN)

typedef struct { double hi, lo; } Pair;

static inline uint64_t el_bits(double x) { uint64_t u; memcpy(&u, &x, sizeof u); return u; }
static inline double el_from(uint64_t u) { double x; memcpy(&x, &u, sizeof x); return x; }
static inline double el_abs(double x) { return el_from(el_bits(x) & ~EL_SIGN); }
static inline double el_sign(double a, double x) { return el_from(el_bits(a) | (el_bits(x) & EL_SIGN)); }   /* a >= +0 */

/* nearest integer (ties to even), |x| < 2^51: the sum has no room for a fraction */
static inline double el_rint(double x) { return (x + 0x1.8p52) - 0x1.8p52; }
/* 2^k for an integer -1022 <= k <= 1023: k + 1023 stands in the low bits of the sum, and moves to the exponent */
static inline double el_pow2(double k) { return el_from(el_bits(k + (0x1.8p52 + 1023.0)) << 52); }
/* y 2^k, |k| <= 2000, rounded once: the first product is exact */
static inline double el_scale(double y, double k)
{
    double half = el_rint(0.5 * k);
    return y * el_pow2(half) * el_pow2(k - half);
}

static inline Pair el_sum_fast(double a, double b)      /* a + b, |a| >= |b| or a = 0 */
{
    Pair s = { a + b, 0.0 };
    s.lo = (a - s.hi) + b;
    return s;
}
static inline Pair el_sum(double a, double b)
{
    Pair s = { a + b, 0.0 };
    double t = s.hi - a;
    s.lo = (a - (s.hi - t)) + (b - t);
    return s;
}
static inline Pair el_mul(double a, double b)
{
    Pair p = { a * b, 0.0 };
    p.lo = fma(a, b, -p.hi);
    return p;
}

/* c0 + c1 x + c2 x^2 + c3 x^3 */
static inline double el_poly4(double x, double c0, double c1, double c2, double c3)
{
    return fma(x * x, fma(c3, x, c2), fma(c1, x, c0));
}

#endif
