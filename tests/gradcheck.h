/* gradcheck.h -- is a hand-written gradient right? One function for kernels, blocks and whole chains; binary64 only
 *
 * f(x) = <c, y(x)> for a random cotangent c, along a random direction v over all inputs. With D(h) the central difference
 *     D(h) = (f(x + h v) - f(x - h v)) / 2h
 * a right gradient leaves only truncation error, which falls by 4 when h is halved; a wrong one leaves a constant. So both are asked:
 *     |(4 D(h/2) - D(h))/3 - <grad f, v>| <= 1e-8 (|<grad f, v>| + scale),  scale = mean |c_i y_i| over the outputs
 *     error(h)/error(h/2) in [3, 5], or both errors already at rounding level
 * Signed values are compared. Inputs must keep away from kinks by more than h |v|.
 */
#ifndef SDREF_TESTS_GRADCHECK_H
#define SDREF_TESTS_GRADCHECK_H

#include "tensor/mem.h"
#include "tensor/rng.h"
#include "tests/harness.h"

typedef struct GradCheck {
    const char *name;
    size_t n_in, n_out;
    void (*forward)(void *self, real *y, const real *x);
    void (*pull)(void *self, real *dx, const real *dy, const real *x);     /* dx (zeroed) += J^T dy */
    void *self;
    double h;                                                              /* 0: 1e-3 */
} GradCheck;

/* Draws of stream RNG_PROBE: view 0 directions, view 1 cotangents. */
static inline int gradcheck_run(const GradCheck *g, const real *x, uint64_t seed, int quiet)
{
    Err err = { 0 };
    real *work = mem_new(2 * g->n_in + g->n_in + 2 * g->n_out, sizeof(real), "gradcheck", &err);
    if (work == NULL) return -1;
    real *v = work, *moved = work + g->n_in, *dx = work + 2 * g->n_in, *c = work + 3 * g->n_in, *y = c + g->n_out;
    rng_normal(v, (RngAt){ seed, 0, 0, RNG_PROBE }, g->n_in);
    rng_normal(c, (RngAt){ seed, 1, 0, RNG_PROBE }, g->n_out);
    g->pull(g->self, dx, c, x);
    double exact = 0, scale = 0, D[2], error[2];
    for (size_t i = 0; i < g->n_in; i++) exact += (double)dx[i] * (double)v[i];
    for (int k = 0; k < 2; k++) {
        const double h = (g->h > 0 ? g->h : 1e-3) / (k + 1);
        double f[2] = { 0, 0 };
        for (int side = 0; side < 2; side++) {
            for (size_t i = 0; i < g->n_in; i++) moved[i] = (real)((double)x[i] + (side ? h : -h) * (double)v[i]);
            g->forward(g->self, y, moved);
            for (size_t i = 0; i < g->n_out; i++) f[side] += (double)c[i] * (double)y[i];
            for (size_t i = 0; i < g->n_out; i++) scale += fabs((double)c[i] * (double)y[i]) / (4.0 * (double)g->n_out);
        }
        D[k] = (f[1] - f[0]) / (2 * h);
        error[k] = fabs(D[k] - exact);
    }
    const double extrapolated = (4 * D[1] - D[0]) / 3, bound = 1e-8 * (fabs(exact) + scale);
    const double ratio = error[0] / error[1];
    const int value_ok = fabs(extrapolated - exact) <= bound;
    const int ratio_ok = (ratio >= 3 && ratio <= 5) || (error[0] <= bound && error[1] <= bound);
    const int moves = exact != 0;                           /* a gradient that is nothing proves nothing */
    if (!quiet && !(value_ok && ratio_ok && moves))
        printf("  gradcheck %s: <grad,v> = %.12g, extrapolated %.12g (bound %.2g), errors %.3g %.3g, ratio %.3g\n", g->name, exact,
               extrapolated, bound, error[0], error[1], ratio);
    mem_free(work);
    return value_ok && ratio_ok && moves ? 0 : -1;
}

static inline void gradcheck(const GradCheck *g, const real *x)
{
    for (uint64_t seed = 1; seed <= 3; seed++) CHECK(gradcheck_run(g, x, seed, 0) == 0, "%s, direction %d", g->name, (int)seed);
}

#endif
