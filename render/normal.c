/* normal.c -- n = a / M, a = -g, M = max(|a|, 1e-6)
 *
 * Adjoint: da = (dn - n (n . dn)) / M where |a| > 1e-6, else dn / M;   dg = -da;   d density(p +- h e_j) = -+ da_j / 2h.
 */
#include "render/normal.h"

const char *const normals_names[] = { "differences", "analytic", NULL };

#define SHORTEST R(1e-6)

real dot3(const real a[3], const real b[3]) { return r_fma(a[2], b[2], r_fma(a[1], b[1], a[0] * b[0])); }

real unit3(real out[3], const real a[3])
{
    const real divisor = r_max(r_sqrt(dot3(a, a)), SHORTEST);
    for (int j = 0; j < 3; j++) out[j] = a[j] / divisor;
    return divisor;
}

int normal_tap(real q[3], const real p[3], int tap)
{
    const int axis = tap / 2;
    for (int j = 0; j < 3; j++) q[j] = p[j];
    q[axis] = p[axis] + (tap % 2 == 0 ? NORMAL_STEP : -NORMAL_STEP);
    return r_abs(q[axis]) <= R(1.0);
}

/* a = -g */
static void downhill(real a[3], const real density[NORMAL_TAPS])
{
    for (int j = 0; j < 3; j++) a[j] = (density[2 * j + 1] - density[2 * j]) / (R(2.0) * NORMAL_STEP);
}

void normal_of(real n[3], const real density[NORMAL_TAPS])
{
    real a[3];
    downhill(a, density);
    unit3(n, a);
}

static void unit3_pull(real da[3], const real dn[3], const real a[3])
{
    real n[3];
    const real divisor = unit3(n, a);
    const real along = divisor > SHORTEST ? dot3(n, dn) : R(0.0);
    for (int j = 0; j < 3; j++) da[j] = r_fma(-n[j], along, dn[j]) / divisor;
}

void normal_pull(real ddensity[NORMAL_TAPS], const real dn[3], const real density[NORMAL_TAPS])
{
    real a[3], da[3];
    downhill(a, density);
    unit3_pull(da, dn, a);
    for (int j = 0; j < 3; j++) {
        const real half = da[j] / (R(2.0) * NORMAL_STEP);
        ddensity[2 * j] = -half;
        ddensity[2 * j + 1] = half;
    }
}

void normal_of_gradient(real n[3], const real g[3])
{
    const real a[3] = { -g[0], -g[1], -g[2] };
    unit3(n, a);
}

void normal_pull_gradient(real dg[3], const real dn[3], const real g[3])
{
    const real a[3] = { -g[0], -g[1], -g[2] };
    real da[3];
    unit3_pull(da, dn, a);
    for (int j = 0; j < 3; j++) dg[j] = -da[j];
}
