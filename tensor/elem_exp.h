/* elem_exp.h -- exp, exp2, expm1, tanh, sigmoid, erf in binary64
 *
 * Method. x = k ln 2 + r, k integer, |r| <= ln(2)/2, r kept as a Pair (the product with the first part of ln 2 cancels
 * exactly inside one fma), and
 *     e^r = 1 + r + t,   t = r^2 (1/2 + r P(r)) + r.lo e^r,   P of degree 9, |error| < 2^-61 |e^r - 1|
 * where 1 + r is a Pair too. Then
 *     exp    2^k e^r, the power applied in two factors so that a subnormal result is rounded once more at most
 *     exp2   k = rint x, r = (x - k) ln 2
 *     expm1  k = 0: r + t, t with its first term r^2/2 exact. Otherwise 2^k (1 + r + r^2/2) - 1 as a Pair, + 2^k times
 *            the rest. Halved, so that k = 1024 does not overflow
 *     tanh   E / (E + 2), E = expm1(2|x|) as a Pair; the quotient corrected by its remainder; sign put back
 *     sigmoid  1 / (1 + e) for x >= 0, e / (1 + e) for x < 0, e = e^-|x|: nothing cancels, nothing overflows
 *     erf    x + x P(x^2) for |x| < 3/4; 1 - exp(-x^2) Q(1/(|x| + 2.5)) beyond; 1 from |x| = 6 on
 * For binary32, el_exp_quick and el_erf_quick do the same with one number in place of a Pair: e^r = 1 + r + r^2 P(r), P of degree 8,
 * erf with shorter polynomials up to |x| = 4.
 *
 * Special cases. exp, exp2: -inf -> 0, +inf -> inf. expm1, tanh, erf: odd at 0 (the sign of zero is kept); expm1(-inf) = -1,
 * tanh and erf of +-inf = +-1. sigmoid: 0 and 1. NaN gives NaN.
 *
 * The polynomials: tests/elem_tables.py. Accuracy: see elem.h.
 */
#ifndef SDREF_ELEM_EXP_H
#define SDREF_ELEM_EXP_H

#include "tensor/elem_bits.h"

#define EL_LOG2E  0x1.71547652b82fep+0
#define EL_LN2_A  0x1.62e42fefa39efp-1      /* ln 2 = A + B */
#define EL_LN2_B  0x1.abc9e3b39803fp-56

static inline double el_clamp(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }   /* NaN stays */

typedef struct { double k, r, rl; } ExpArg;             /* x = k ln 2 + r + rl */
typedef struct { double k, hi, lo, t; } ExpSum;         /* e^x = 2^k (hi + lo + t), hi + lo = 1 + r */

/* x + xl, |x| <= 1200, |xl| <= ulp(x) */
static inline ExpArg el_exp_arg(double x, double xl)
{
    double k = el_rint(x * EL_LOG2E);
    double a = fma(-k, EL_LN2_A, x);                     /* exact: a multiple of 2^-54 below 1/2 */
    double r = fma(-k, EL_LN2_B, a);
    ExpArg g = { k, r, fma(-k, EL_LN2_B, a - r) + xl };
    return g;
}

static inline double el_exp_poly(double r)
{
    double w = (r * r) * (r * r);
    double c = fma(r, 0x1.1f93cbeae8bf1p-29, 0x1.af5fec652e8fbp-26);
    double b = el_poly4(r, 0x1.a01a01b019193p-13, 0x1.a01a01afb340dp-16, 0x1.71ddf7ba556d4p-19, 0x1.27e4c7176a873p-22);
    double a = el_poly4(r, 0x1.5555555555559p-3, 0x1.5555555555559p-5, 0x1.111111110f646p-7, 0x1.6c16c16c14992p-10);
    return fma(w, fma(w, c, b), a);
}

static inline ExpSum el_exp_sum(ExpArg g)
{
    double r = g.r;
    Pair s = el_sum_fast(1.0, r);
    double t = r * r * fma(r, el_exp_poly(r), 0.5);
    ExpSum e = { g.k, s.hi, s.lo, fma(g.rl, s.hi + t, t) };
    return e;
}

/* e^(x + xl) = 2^k (m.hi + m.lo), m in [0.7, 1.42] */
static inline Pair el_exp(double *k, double x, double xl)
{
    ExpSum e = el_exp_sum(el_exp_arg(x, xl));
    *k = e.k;
    return el_sum_fast(e.hi, e.lo + e.t);
}

static inline double d_exp(double x)
{
    double k;
    Pair m = el_exp(&k, el_clamp(x, -746.0, 710.0), 0.0);
    return el_scale(m.hi, k);
}

/* e^x to 2^-51 of itself, |x| <= 700, for binary32: half the work. The sum that rounds x / ln 2 to k carries k + 1023 in its low
 * bits, which become the exponent of 2^k. */
static inline double el_exp_quick(double x)
{
    const double shift = 0x1.8p52 + 1023.0;
    double s = fma(x, EL_LOG2E, shift), k = s - shift;
    double r = fma(-k, EL_LN2_B, fma(-k, EL_LN2_A, x));
    double p = fma(r, 0x1.2707f375c0725p-22, 0x1.72e946527e872p-19);
    p = fma(r, p, 0x1.a01b7c681f284p-16);
    p = fma(r, p, 0x1.a0198d328e991p-13);
    p = fma(r, p, 0x1.6c16c0c7fac18p-10);
    p = fma(r, p, 0x1.11111125bdfeep-7);
    p = fma(r, p, 0x1.55555555892b3p-5);
    p = fma(r, p, 0x1.5555555550792p-3);
    p = fma(r, p, 0x1.ffffffffffed1p-2);
    p = fma(r, fma(r, p, 1.0), 1.0);
    return p * el_from(el_bits(s) << 52);
}

static inline double el_exp2(double *k, double x)
{
    *k = el_rint(x);
    Pair r = el_mul(x - *k, EL_LN2_A);
    ExpArg g = { *k, r.hi, fma(x - *k, EL_LN2_B, r.lo) };
    ExpSum e = el_exp_sum(g);
    return e.hi + (e.lo + e.t);
}

static inline double d_exp2(double x)
{
    double k;
    double m = el_exp2(&k, el_clamp(x, -1080.0, 1025.0));
    return el_scale(m, k);
}

/* (e^x - 1)/2 for -60 <= x <= 710 */
static inline Pair el_expm1_half(double x)
{
    ExpArg g = el_exp_arg(x, 0.0);
    double r = g.r, z = r * r, h = 0.5 * z;
    double h_lo = 0.5 * fma(r, r, -z);
    Pair s = el_sum_fast(1.0, r);
    double t = fma(z * r, el_exp_poly(r), fma(g.rl, s.hi + h, h_lo));     /* e^r = 1 + r + h + t */
    double c = el_pow2(g.k - 1.0);
    Pair a = el_sum(c * s.hi, -0.5);
    Pair b = el_sum(a.hi, c * h);
    Pair far = { b.hi, fma(c, s.lo + t, a.lo + b.lo) };
    Pair m = el_sum_fast(r, h);
    Pair near = { 0.5 * m.hi, 0.5 * (m.lo + t) };
    Pair y = { g.k == 0.0 ? near.hi : far.hi, g.k == 0.0 ? near.lo : far.lo };
    return y;
}

static inline double d_expm1(double x)
{
    Pair h = el_expm1_half(el_clamp(x, -60.0, 710.0));
    double y = 2.0 * (h.hi + h.lo);
    return el_abs(x) < 0x1p-54 ? x : y;                 /* keeps -0; halving would round a subnormal */
}

/* (n.hi + n.lo) / (d.hi + d.lo) */
static inline double el_div(Pair n, Pair d)
{
    double r = 1.0 / d.hi;
    double q = n.hi * r;
    double rest = fma(-q, d.hi, n.hi) + fma(-q, d.lo, n.lo);
    return fma(rest, r, q);
}

static inline double d_tanh(double x)
{
    double a = el_abs(x);
    Pair e = el_expm1_half(2.0 * (a > 22.0 ? 22.0 : a));
    e = el_sum_fast(e.hi, e.lo);
    Pair d = el_sum(1.0, e.hi);
    d.lo += e.lo;
    double y = el_div(e, d);
    return el_sign(a < 0x1p-28 ? a : y, x);             /* the cube is below half an ulp */
}

/* sigmoid(x) = 2^k m */
static inline double el_sigmoid(double *k, double x)
{
    double ke;
    Pair m = el_exp(&ke, -el_clamp(el_abs(x), 0.0, 746.0), 0.0);
    double c = el_pow2(ke < -200.0 ? -200.0 : ke);      /* 1 + e needs no smaller e */
    Pair d = el_sum_fast(1.0, c * m.hi);
    d.lo = fma(c, m.lo, d.lo);
    Pair n = { x < 0.0 ? m.hi : 1.0, x < 0.0 ? m.lo : 0.0 };
    *k = x < 0.0 ? ke : 0.0;
    return el_div(n, d);
}

static inline double d_sigmoid(double x)
{
    double k;
    double m = el_sigmoid(&k, x);
    return el_scale(m, k);
}

static inline double d_erf(double x)
{
    double a = el_abs(x), b = a > 6.0 ? 6.0 : a;
    double z = b * b, z4 = (z * z) * (z * z);
    double n2 = fma(z, fma(z, 0x1.d0548782d9bf0p-27, -0x1.62ae6d33df5a3p-23), 0x1.bae9cc1a8797cp-20);
    double n1 = el_poly4(z, 0x1.565bcd5000b7cp-8, -0x1.c02dc0eb5ef40p-11, 0x1.f9a4ab123e118p-14, -0x1.f4ed54a2fae18p-17);
    double n0 = fma(z, fma(z, -0x1.b82ce31402c4ap-6, 0x1.ce2f21a047098p-4), -0x1.812746b037a34p-2);
    double n = fma(z, fma(z * (z * z), fma(z4, n2, n1), n0), 0x1.06eba8214db69p-3);

    Pair d = el_sum(b, 2.5);
    double v = 1.0 / d.hi;
    double u = fma(v, fma(-v, d.lo, fma(-v, d.hi, 1.0)), v - 15.0 / 64.0), u2 = u * u, u4 = u2 * u2;
    double q3 = -0x1.5983262f08f6ep+11;
    double q2 = el_poly4(u, 0x1.809412d01f5d9p+6, -0x1.02695cc031af0p+9, -0x1.580834e97b80bp+5, 0x1.ff79b946097e7p+10);
    double q1 = el_poly4(u, 0x1.41330eb620d97p+1, -0x1.b076271c91599p+5, -0x1.194835a0666dep+5, 0x1.2146bff1396bfp+7);
    double q0 = el_poly4(u, 0x1.2ce898c313482p+1, 0x1.02bd75264a792p+3, 0x1.32bbbd03e0ce0p+4, 0x1.a4715760b8852p+4);
    double q = fma(u4, fma(u4, fma(u4, q3, q2), q1), q0);
    Pair p = el_mul(u, q);
    Pair g = el_sum_fast(0x1.21978d04d3f2bp-2, p.hi);             /* Q(u), u from -0.12 to 0.08 */
    double k;
    Pair m = el_exp(&k, -z, -fma(b, b, -z));
    double c = el_pow2(k);
    Pair w = el_mul(c * m.hi, g.hi);
    w.lo += c * fma(m.lo, g.hi, m.hi * (g.lo + p.lo));
    Pair y = el_sum_fast(1.0, -w.hi);
    double far = y.hi + (y.lo - w.lo);

    double near = fma(b, n, b);
    return el_sign(a < 0.75 ? near : far, x);
}

/* erf x to 2^-50 of itself for x of 24 bits (so that x^2 is exact), and 1 to that accuracy from 4 on */
static inline double el_erf_quick(double x)
{
    double a = el_abs(x), b = a > 4.0 ? 4.0 : a, z = b * b;
    double n = fma(z, -0x1.1197ba9f0a3e5p-23, 0x1.aee51a1809056p-20);
    n = fma(z, n, -0x1.f3f16a5ff792dp-17);
    n = fma(z, n, 0x1.f9983e3eba645p-14);
    n = fma(z, n, -0x1.c02d604c78063p-11);
    n = fma(z, n, 0x1.565bcb8a6207fp-8);
    n = fma(z, n, -0x1.b82ce30a9a759p-6);
    n = fma(z, n, 0x1.ce2f21a02e920p-4);
    n = fma(z, n, -0x1.812746b0378d6p-2);
    n = fma(z, n, 0x1.06eba8214db69p-3);
    double near = fma(b, n, b);

    double u = 1.0 / (b + 2.5) - 15.0 / 64.0;
    double q = fma(u, -0x1.cb92d2fa800d4p+8, 0x1.686e7062c685bp+6);
    q = fma(u, q, 0x1.2155643179f60p+7);
    q = fma(u, q, -0x1.191ca0d1294d6p+5);
    q = fma(u, q, -0x1.b077c1369c7bep+5);
    q = fma(u, q, 0x1.4132a55a86de0p+1);
    q = fma(u, q, 0x1.a471586a24418p+4);
    q = fma(u, q, 0x1.32bbbd0217ae7p+4);
    q = fma(u, q, 0x1.02bd7526287adp+3);
    q = fma(u, q, 0x1.2ce898c314a77p+1);
    q = fma(u, q, 0x1.21978d04d3f75p-2);
    double far = fma(-q, el_exp_quick(-z), 1.0);
    return el_sign(b < 0.75 ? near : far, x);
}

#endif
