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
