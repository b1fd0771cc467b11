/* invert.c -- DDIM inversion: the grids of SDI and ISM, and one move */
#include "sampler/invert.h"

int invert_grid_sdi(int *grid, int target, int n)
{
    BUG_IF(target < 0 || n < 1, "an inversion to level %d in %d steps", target, n);
    grid[0] = -1;
    /* The quotient of two integers is half an integer exactly or not at all in binary64, so rint sees the true tie. */
    for (int k = 1; k <= n; k++) grid[k] = (int)rint((double)target * (double)k / (double)n);
    return n + 1;
}

int invert_grid_sdi_official(int *grid, int t, int d, int T)
{
    const int part = T / 10;
    int count = 0;
    BUG_IF(t < 1 || t >= T || d < 0 || T % 10 != 0, "an inversion to level %d + %d of %d", t, d, T);
    grid[count++] = 1 - part;
    for (int level = 1; level < t && level < T; level += part) grid[count++] = level;
    grid[count++] = t + d < T ? t + d : T - 1;
    return count;
}

int invert_grid_ism_count(int s, int delta)
{
    BUG_IF(s < 1 || delta < 1, "an inversion to level %d in steps of %d", s, delta);
    return (s - 1) / delta + 2;
}

int invert_grid_ism(int *grid, int s, int delta)
{
    const int count = invert_grid_ism_count(s, delta);
    for (int k = 0; k < count - 1; k++) grid[k] = k * delta;
    grid[count - 1] = s;
    return count;
}

int ode_grid_dsd(int *grid, int n, int T)
{
    BUG_IF(n < 1 || n >= T, "an ODE of %d levels in %d steps", T, n);
    for (int i = 0; i <= n; i++) grid[i] = (int)((int64_t)(T - 1) * (n - i) / n);
    return n + 1;
}

void ddim_move(real *x, const real *e, const Schedule *S, int p, int q, size_t n)
{
    const real ap = sched_alpha(S, p), sp = sched_sigma(S, p);
    const real aq = sched_alpha(S, q), sq = sched_sigma(S, q);
    /* x <- a_q (x - s_p e)/a_p + s_q e */
    for (size_t i = 0; i < n; i++) {
        const real x0 = r_fma(-sp, e[i], x[i]) / ap;
        x[i] = r_fma(aq, x0, sq * e[i]);
    }
}
