/* elem_trig.h -- sin, cos, asin, atan2 in binary64
 *
 * Method. sin, cos: |x| = n pi/2 + r, |r| <= pi/4, r a Pair.
 *     |x| < 2^28: n = rint(x 2/pi); pi/2 in three parts of 53 bits, so r is good to 2^-130 before it cancels
 *     beyond: x = M 2^e, M an integer; M times the 192 bits of 2/pi that stand at 2^(1-e) and below, modulo 4, in
 *     integers (Payne and Hanek). The top two bits are n mod 4, the rest is r 2/pi to 2^-137
 *     sin r = r + (r z P(z) + r.lo (1 - z/2)),  cos r = 1 - z/2 + z^2 Q(z), z/2 with its rounding error
 * asin: x + x z P(z), z = x^2, for |x| < 1/2; pi/2 - 2 asin sqrt((1 - |x|)/2) beyond, with the root's remainder.
 * atan2: t = min/max of |y|, |x|, above sqrt(2) - 1 turned by pi/4; numerator, denominator and quotient are Pairs;
 *     atan t = t + t z P(z); the multiple of pi/4 that belongs to the octant is added as a Pair.
 *
 * Special cases. sin(-0) = -0; sin and cos of +-inf are NaN. asin(-0) = -0, |x| > 1 gives NaN. atan2 as C Annex F: the sign
 * is that of y, also for zeros; infinities and zeros count as the limits along the diagonals and axes.
 *
 * The test |x| >= 2^28 is a branch, so a loop over d_sin is not vectorised: elem.h has r_sin_n and r_cos_n for arrays.
 * The polynomials: tests/elem_tables.py. Accuracy: see elem.h.
 */
#ifndef SDREF_ELEM_TRIG_H
#define SDREF_ELEM_TRIG_H

#include "tensor/elem_bits.h"

#define EL_PIO2_A 0x1.921fb54442d18p+0      /* pi/2 = A + B + C */
#define EL_PIO2_B 0x1.1a62633145c07p-54
#define EL_PIO2_C (-0x1.f1976b7ed8fbcp-110)
#define EL_FAR    0x1p28

typedef struct { double r, rl; uint64_t n; } Angle;     /* n pi/2 + r + rl; n counts modulo 4 */

/* 0 <= x < EL_FAR */
static inline Angle el_angle(double x)
{
    double shifted = fma(x, 0x1.45f306dc9c883p-1, 0x1.8p52);
    double k = shifted - 0x1.8p52;
    Pair kb = el_mul(k, EL_PIO2_B);
    Pair s = el_sum(fma(-k, EL_PIO2_A, x), -kb.hi);     /* the fma is exact */
    s = el_sum_fast(s.hi, s.lo - fma(k, EL_PIO2_C, kb.lo));
    Angle g = { s.hi, s.lo, el_bits(shifted) };
    return g;
}

/* x >= EL_FAR, finite */
static inline Angle el_angle_far(double x)
{
    static const uint32_t two_over_pi[39] = {           /* 32 zero bits, then the bits of 2/pi behind the point */
        0x00000000, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab,
        0xdebbc561, 0xb7246e3a, 0x424dd2e0, 0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e, 0xe88235f5,
        0x2ebb4484, 0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4, 0x9c845f8b, 0xbdf9283b, 0x1ff897ff,
        0xde05980f, 0xef2f118b, 0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d, 0x7527bac7,
        0xebe5f17b, 0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1, 0x1f8d5d08, 0x56033046, 0xfc7b6bab
    };
    uint64_t u = el_bits(x);
    uint64_t m[2] = { u & 0xffffffff, ((u >> 32) & 0xfffff) | 0x100000 };  /* x = (m[1] 2^32 + m[0]) 2^e */
    unsigned at = (unsigned)(u >> 52) - 1075 + 30;                         /* e - 2 + 32: the bit that makes 2^1 */
    uint32_t p[6] = { 0 };                                                 /* the product, p[0] highest */
    for (int j = 0; j < 2; j++) {
        uint64_t carry = 0;
        for (int i = 5; i - j >= 0; i--) {
            const uint32_t *w = two_over_pi + at / 32 + i;
            uint64_t bits = ((((uint64_t)w[0] << 32) | w[1]) >> (32 - at % 32)) & 0xffffffff;
            uint64_t t = m[j] * bits + p[i - j] + carry;
            p[i - j] = (uint32_t)(t & 0xffffffff);
            carry = t >> 32;
        }
    }
    uint64_t n = ((uint64_t)p[0] + 0x20000000) >> 30;                      /* to the nearest quarter turn */
    p[0] = (uint32_t)((p[0] - (n << 30)) & 0xffffffff);
    int minus = p[0] >> 31 != 0;
    Pair q = { 0.0, 0.0 };
    for (int i = 0; i < 6; i++) {                                          /* minus: ones' complement, off by 2^-190 */
        Pair s = el_sum(q.hi, (double)(minus ? ~p[i] : p[i]) * el_pow2(-30.0 - 32.0 * i));
        q.hi = s.hi;
        q.lo += s.lo;
    }
    Pair r = el_mul(q.hi, EL_PIO2_A);
    r = el_sum_fast(r.hi, r.lo + fma(q.hi, EL_PIO2_B, q.lo * EL_PIO2_A));
    Angle g = { minus ? -r.hi : r.hi, minus ? -r.lo : r.lo, n };
    return g;
}

/* sin of the angle, or its cosine: the sine a quarter turn on */
static inline double el_sin_angle(Angle g, uint64_t quarter)
{
    double r = g.r, z = r * r, z2 = z * z;
    double s = fma(z2, fma(z, 0x1.5d9381900d26cp-33, -0x1.ae5e6833ac4acp-26),
                   fma(z, 0x1.71de357aa6f8dp-19, -0x1.a01a019c15b0bp-13));
    s = fma(z2, s, fma(z, 0x1.111111110f8a4p-7, -0x1.5555555555549p-3));
    double sine = r + fma(r * z, s, g.rl * fma(-0.5, z, 1.0));
    double c = fma(z2, fma(z, -0x1.8fb10b2c259eep-37, 0x1.1ee9f1122ffe8p-29),
                   fma(z, -0x1.27e4f81266d22p-22, 0x1.a01a019cbf0e5p-16));
    c = fma(z2, c, fma(z, -0x1.6c16c16c1521dp-10, 0x1.555555555554cp-5));
    Pair w = el_sum_fast(1.0, -0.5 * z);
    double z_rest = fma(2.0 * r, g.rl, fma(r, r, -z));
    double cosine = w.hi + (w.lo + fma(z2, c, -0.5 * z_rest));
    uint64_t n = g.n + quarter;
    double y = (n & 1) != 0 ? cosine : sine;
    return el_from(el_bits(y) ^ ((n & 2) << 62));
}

static inline double el_sin_near(double x)
{
    double y = el_sin_angle(el_angle(el_abs(x)), 0);
    return el_from(el_bits(y) ^ (el_bits(x) & EL_SIGN));
}
static inline double el_cos_near(double x) { return el_sin_angle(el_angle(el_abs(x)), 1); }

static inline double d_sin(double x)
{
    double a = el_abs(x);
    if (!(a >= EL_FAR && a < EL_INF)) return el_sin_near(x);
    double y = el_sin_angle(el_angle_far(a), 0);
    return x < 0.0 ? -y : y;
}

static inline double d_cos(double x)
{
    double a = el_abs(x);
    if (!(a >= EL_FAR && a < EL_INF)) return el_cos_near(x);
    return el_sin_angle(el_angle_far(a), 1);
}

static inline double d_asin(double x)
{
    double a = el_abs(x);
    int far = a >= 0.5;
    double z = far ? 0.5 * (1.0 - a) : a * a, z2 = z * z, z4 = z2 * z2;
    double s = far ? sqrt(z) : a;
    double p2 = el_poly4(z, 0x1.6186e06a1e4f2p-7, 0x1.e19859bc00329p-9, 0x1.64ee9a8d0de31p-6, -0x1.59d9f613fad06p-6);
    double p1 = el_poly4(z, 0x1.6e8bdfdd163f4p-6, 0x1.1c49debe00f6ap-6, 0x1.ca21313725885p-7, 0x1.757833a19e204p-7);
    double p0 = el_poly4(z, 0x1.5555555555578p-3, 0x1.333333332df1fp-4, 0x1.6db6db722ac0dp-5, 0x1.f1c71a8be832ap-6);
    double p = fma(z4, fma(z4, fma(z4, 0x1.0bdb258642c59p-5, p2), p1), p0);
    double t = s * z * p;
    double rest = fma(-s, s, z) / (s == 0.0 ? 1.0 : 2.0 * s);
    Pair y = el_sum_fast(EL_PIO2_A, -2.0 * s);
    double beyond = y.hi + (y.lo + fma(-2.0, rest + t, EL_PIO2_B));
    return el_sign(far ? beyond : s + t, x);
}

static inline double d_atan2(double y, double x)
{
    double ax = el_abs(x), ay = el_abs(y);
    int steep = ay > ax;
    double lo = steep ? ax : ay, hi = steep ? ay : ax;
    lo = hi == EL_INF ? (lo == EL_INF ? 1.0 : 0.0) : lo;
    hi = hi == EL_INF || hi == 0.0 ? 1.0 : hi;
    double c = hi < 0x1p400 ? 0x1p500 : 0x1p-100;       /* no part of the quotient may underflow before it does */
    lo *= c;
    hi *= c;
    int turn = lo > 0x1.a827999fcef32p-2 * hi;
    Pair n = el_sum(lo, turn ? -hi : 0.0);
    Pair d = el_sum(hi, turn ? lo : 0.0);
    double r = 1.0 / d.hi;
    double t = n.hi * r;
    double tl = r * (fma(-t, d.hi, n.hi) + fma(-t, d.lo, n.lo));

    double z = t * t, z2 = z * z, z4 = z2 * z2;
    double p2 = fma(z, fma(z, -0x1.257ae19313410p-6, 0x1.37ddd63da14e8p-5), -0x1.9cd635183b94ep-5);
    double p1 = el_poly4(z, -0x1.745cf8f0a09dfp-4, 0x1.3b111a7ee8a69p-4, -0x1.10ebc776ee2d1p-4, 0x1.df101d2ab4458p-5);
    double p0 = el_poly4(z, -0x1.555555555553dp-2, 0x1.9999999995898p-3, -0x1.24924922aef3cp-3, 0x1.c71c70e6bee3ap-4);
    double p = fma(z4, fma(z4, p2, p1), p0);
    double rest = fma(t * z, p, tl);

    /* angle = octant pi/4 + or - (t + rest) */
    int left = (el_bits(x) & EL_SIGN) != 0;
    double octant = turn ? 1.0 : 0.0;
    octant = steep ? 2.0 - octant : octant;
    octant = left ? 4.0 - octant : octant;
    double way = steep != left ? -1.0 : 1.0;
    Pair base = el_mul(octant, 0.5 * EL_PIO2_A);
    base.lo = fma(octant, 0.5 * EL_PIO2_B, base.lo);
    Pair s = el_sum_fast(base.hi, way * t);
    double v = s.hi + (s.lo + fma(way, rest, base.lo));
    v = x != x || y != y ? EL_NAN : v;
    return el_sign(el_abs(v), y);
}

#endif
