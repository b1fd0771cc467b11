/* elem_log.h -- log, log1p, softplus, pow in binary64
 *
 * Method. x = 2^k m, m in [sqrt(1/2), sqrt(2)), f = m - 1 (exact), s = f / (2 + f), z = s^2:
 *     log(1 + f) = 2 atanh s = f - (h - s (h + z P(z))),   h = f^2/2,   P of degree 6, |error| < 2^-59
 *     log    k ln 2 + f as a Pair (k times the first part of ln 2 is exact), then the rest
 *     log1p  log u + c/u, with u + c = 1 + x exactly
 *     softplus   log(1 + e^x) = max(x, 0) + log1p(e), e = e^-|x| kept as a Pair
 *     pow    e^(y log|x|), where log|x| = k ln 2 + 2 s + s (2z/3 + 2z^2/5 + z^3 P(z)) is a Pair good to 2^-67:
 *            s, z and the first two coefficients are Pairs, y log|x| below 800 then errs by 2^-57
 *
 * Special cases. log(+-0) = -inf, log(x < 0) = NaN, log(inf) = inf; log1p(-1) = -inf, log1p(x < -1) = NaN, log1p(-0) = -0;
 * softplus(-inf) = 0, softplus(inf) = inf; NaN gives NaN. pow as C Annex F: pow(x, +-0) = pow(1, y) = pow(-1, +-inf) = 1,
 * a negative base with an exponent that is no integer gives NaN, odd integer exponents keep the sign of the base.
 *
 * The polynomials: tests/elem_tables.py. Accuracy: see elem.h.
 */
#ifndef SDREF_ELEM_LOG_H
#define SDREF_ELEM_LOG_H

#include "tensor/elem_exp.h"

#define EL_LN2_SHORT 0x1.62e42fefa3800p-1   /* ln 2 = SHORT + REST, SHORT in 42 bits: times k it is exact */
#define EL_LN2_REST  0x1.ef35793c76730p-45
#define EL_SQRT_HALF UINT64_C(0x3fe6a09e667f3bcd)
#define EL_ONE       UINT64_C(0x3ff0000000000000)

typedef struct { double k, f; } LogArg;                 /* x = 2^k (1 + f) */

/* x > 0 finite; anything else gives some number */
static inline LogArg el_log_arg(double x)
{
    int tiny = x < 0x1p-1022;
    uint64_t u = el_bits(tiny ? x * 0x1p54 : x) + (EL_ONE - EL_SQRT_HALF);
    double k = el_from((u >> 52) | el_bits(0x1p52)) - (0x1p52 + 1023.0);
    LogArg g = { tiny ? k - 54.0 : k, el_from((u & UINT64_C(0xfffffffffffff)) + EL_SQRT_HALF) - 1.0 };
    return g;
}

/* log x as hi + lo, |lo| < 0.3 |hi| */
static inline Pair el_log(LogArg g)
{
    double f = g.f, s = f / (2.0 + f), z = s * s;
    double p1 = fma(z, fma(z, 0x1.2f03c5dce2bcbp-3, 0x1.39a1e770e1321p-3), 0x1.74663cfc9617fp-3);
    double p0 = el_poly4(z, 0x1.5555555555592p-1, 0x1.999999997ff13p-2, 0x1.24924941e1bd5p-2, 0x1.c71c5213ff63fp-3);
    double p = z * fma(z * z, z * z * p1, p0);
    double h = 0.5 * f * f;
    double h_rest = fma(0.5 * f, f, -h);
    Pair y = el_sum_fast(g.k * EL_LN2_SHORT, f);
    y.lo += fma(g.k, EL_LN2_REST, fma(s, h + p, -h_rest)) - h;
    return y;
}

static inline double el_log_special(double y, double x)
{
    double odd = x == 0.0 ? -EL_INF : x > 0.0 ? x : EL_NAN;
    return x > 0.0 && x < EL_INF ? y : odd;
}

static inline double d_log(double x)
{
    Pair y = el_log(el_log_arg(x));
    return el_log_special(y.hi + y.lo, x);
}

/* log(u + c), |c| <= ulp(u) */
static inline Pair el_log_pair(double u, double c)
{
    Pair y = el_log(el_log_arg(u));
    y.lo += c / u;
    return y;
}

static inline double d_log1p(double x)
{
    Pair u = el_sum(1.0, x);
    Pair y = el_log_pair(u.hi, u.lo);
    double r = el_log_special(y.hi + y.lo, u.hi);
    return el_abs(x) < 0x1p-54 ? x : r;                 /* keeps -0 */
}

/* log(1 + e^x), e = e^-|x|, x < 746 */
static inline double el_softplus(double x, Pair e)
{
    Pair u = el_sum_fast(1.0, e.hi);
    Pair l = el_log_pair(u.hi, u.lo + e.lo);
    Pair y = el_sum(x > 0.0 ? x : 0.0, l.hi);
    double tail = e.hi - fma(0.5 * e.hi, e.hi, -e.lo);  /* the cube is below half an ulp */
    return x < -20.0 ? tail : y.hi + (y.lo + l.lo);
}

static inline double d_softplus(double x)
{
    double k;
    double a = el_abs(x);
    Pair e = el_exp(&k, -(a > 746.0 ? 746.0 : a), 0.0);
    e.hi = el_scale(e.hi, k);
    e.lo = el_scale(e.lo, k);
    double y = el_softplus(x, e);
    return x > 746.0 ? x : y;
}

/* log x to 2^-67 of itself */
static inline Pair el_log_fine(LogArg g)
{
    double f = g.f;
    Pair d = el_sum_fast(2.0, f);
    double r = 1.0 / d.hi;
    Pair s = { f * r, 0.0 };
    s.lo = r * fma(-s.hi, d.lo, fma(-s.hi, d.hi, f));
    Pair z = el_mul(s.hi, s.hi);
    z.lo = fma(2.0 * s.hi, s.lo, z.lo);

    double p1 = fma(z.hi, fma(z.hi, 0x1.e7dd26d7524b3p-4, 0x1.de9ed2fe42859p-4), 0x1.111dcc9ec62fap-3);
    double p0 = el_poly4(z.hi, 0x1.24924924927ccp-2, 0x1.c71c71c65a464p-3, 0x1.745d17d73f8a6p-3, 0x1.3b13783f0c1ebp-3);
    double p = fma(z.hi * z.hi, z.hi * z.hi * p1, p0);
    Pair v = el_sum_fast(0x1.999999999999ap-2, z.hi * p);                  /* 2/5 + z P */
    v.lo -= 0x1.999999999999ap-56;
    Pair w = el_mul(z.hi, v.hi);                                           /* z (2/5 + ..) */
    w.lo += fma(z.hi, v.lo, z.lo * v.hi);
    Pair t = el_sum_fast(0x1.5555555555555p-1, w.hi);                      /* 2/3 + z (2/5 + ..) */
    t.lo += w.lo + 0x1.5555555555555p-55;
    Pair q = el_mul(z.hi, t.hi);                                           /* z (2/3 + ..) */
    q.lo += fma(z.hi, t.lo, z.lo * t.hi);
    Pair c = el_mul(s.hi, q.hi);                                           /* s z (2/3 + ..) */
    c.lo += fma(s.hi, q.lo, s.lo * q.hi);
    Pair m = el_sum_fast(2.0 * s.hi, c.hi);
    m.lo += fma(2.0, s.lo, c.lo);

    Pair y = el_sum_fast(g.k * EL_LN2_SHORT, m.hi);
    y.lo += fma(g.k, EL_LN2_REST, m.lo);
    return el_sum_fast(y.hi, y.lo);
}

static inline double d_pow(double x, double y)
{
    double a = el_abs(x), b = el_abs(y);
    Pair l = el_log_fine(el_log_arg(a));
    Pair e = el_mul(y, l.hi);
    e.lo = fma(y, l.lo, e.lo);
    int wide = !(el_abs(e.hi) < 800.0);
    double eh = wide ? (e.hi > 0.0 ? 800.0 : -800.0) : e.hi, el = wide ? 0.0 : e.lo;
    double k;
    Pair m = el_exp(&k, eh, el);
    double r = el_scale(m.hi, k);

    /* |x| is 0 or infinite, or y is: 0 or infinity, but 1 for |x| = 1 */
    int grows = (a > 1.0) == (y > 0.0);
    double limit = a == 1.0 ? 1.0 : grows ? EL_INF : 0.0;
    r = a == 0.0 || a == EL_INF || b == EL_INF ? limit : r;

    /* the parity of y: adding 2^52 leaves no room for a fraction, and from 2^53 on all are even */
    double half = 0.5 * b;
    int whole = b >= 0x1p52 || (b + 0x1p52) - 0x1p52 == b;
    int odd = whole && b < 0x1p53 && (half + 0x1p52) - 0x1p52 != half;
    int minus = (el_bits(x) & EL_SIGN) != 0;
    r = minus && odd ? -r : r;
    r = minus && !whole && a > 0.0 && a < EL_INF ? EL_NAN : r;
    r = x != x || y != y ? EL_NAN : r;
    return y == 0.0 || x == 1.0 ? 1.0 : r;
}

#endif
