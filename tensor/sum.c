/* sum.c -- sums over many values, in the order that sum.h states; searches for the largest and for the not finite
 *
 * Every loop has an inner loop over 16 lanes without dependence between them, which compilers turn into vectors.
 */
#include "tensor/sum.h"

#include <string.h>

static real tree(real p[16])
{
    for (int j = 0; j < 8; j++) p[j] += p[j + 8];
    for (int j = 0; j < 4; j++) p[j] += p[j + 4];
    for (int j = 0; j < 2; j++) p[j] += p[j + 2];
    return p[0] + p[1];
}

real sum16(const real *x, size_t n)
{
    real p[16] = {0};
    const size_t full = n - n % 16;
    for (size_t i = 0; i < full; i += 16)
        for (size_t j = 0; j < 16; j++) p[j] += x[i + j];
    for (size_t j = 0; j < n % 16; j++) p[j] += x[full + j];
    return tree(p);
}

real dot16(const real *a, const real *b, size_t n)
{
    real p[16] = {0};
    const size_t full = n - n % 16;
    for (size_t i = 0; i < full; i += 16)
        for (size_t j = 0; j < 16; j++) p[j] = r_fma(a[i + j], b[i + j], p[j]);
    for (size_t j = 0; j < n % 16; j++) p[j] = r_fma(a[full + j], b[full + j], p[j]);
    return tree(p);
}

real sumsq16(const real *x, size_t n)
{
    return dot16(x, x, n);
}

static real add_square(real t, real p) { return r_fma(t, t, p); }

real sumsq_about16(const real *x, real centre, size_t n)
{
    real p[16] = {0};
    const size_t full = n - n % 16;
    for (size_t i = 0; i < full; i += 16)
        for (size_t j = 0; j < 16; j++) p[j] = add_square(x[i + j] - centre, p[j]);
    for (size_t j = 0; j < n % 16; j++) p[j] = add_square(x[full + j] - centre, p[j]);
    return tree(p);
}

real sumsq_diff16(const real *a, const real *b, real scale_b, size_t n)
{
    real p[16] = {0};
    const size_t full = n - n % 16;
    for (size_t i = 0; i < full; i += 16)
        for (size_t j = 0; j < 16; j++) p[j] = add_square(r_fma(-scale_b, b[i + j], a[i + j]), p[j]);
    for (size_t j = 0; j < n % 16; j++) p[j] = add_square(r_fma(-scale_b, b[full + j], a[full + j]), p[j]);
    return tree(p);
}

real sum16_end(const Sum16 *s)
{
    real p[16];
    memcpy(p, s->p, sizeof p);
    return tree(p);
}

/* Without the sign bit, numbers order as their bits do, and NaN is above infinity. */
static realbits magnitude(real x)
{
    realbits bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & ((realbits)-1 >> 1);
}

real max_abs(const real *x, size_t n)
{
    realbits most = 0;
    for (size_t i = 0; i < n; i++) {
        const realbits m = magnitude(x[i]);
        most = m > most ? m : most;
    }
    real y;
    memcpy(&y, &most, sizeof y);
    return y;
}

long first_not_finite(const real *x, size_t n)
{
    const realbits infinite = magnitude((real)INFINITY);
    for (size_t start = 0; start < n; start += 256) {
        const size_t end = n - start < 256 ? n : start + 256;
        int bad = 0;
        for (size_t i = start; i < end; i++) bad |= magnitude(x[i]) >= infinite;
        for (size_t i = start; bad && i < end; i++)
            if (magnitude(x[i]) >= infinite) return (long)i;
    }
    return -1;
}
