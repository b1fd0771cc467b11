/* invert.h -- DDIM inversion as a grid of levels and a move between two of them
 *
 * A grid is an ascending list of levels; level -1 is the clean image. The estimators walk it:
 *     for each neighbouring pair (p, q):  e = network at (x, level p);  ddim_move(x, e, S, p, q, n)
 * The network is asked at the level x is at, p (explicit Euler in r); at level -1 it is asked at timestep 0.
 * A descending list walked the same way is DDIM sampling with eta 0.
 */
#ifndef SDREF_SAMPLER_INVERT_H
#define SDREF_SAMPLER_INVERT_H

#include "sampler/schedule.h"

/* SDI: -1, then round(target k / n), k = 1..n, halves to even. Writes n + 1 levels and returns that number.
 * n >= 1, target >= 0. With n > target some neighbours are equal: a move between them changes x by rounding only. */
int invert_grid_sdi(int *grid, int target, int n);

/* The released code of SDI: -99, then 1, 101, 201, ... below t, then min(t + d, T - 1); T = 1000 in ten parts. Writes the levels (at most
 * T/100 + 2) and returns their number. Level -99 is abar_0 there, and the network is asked at 0. 1 <= t < T, d >= 0. */
int invert_grid_sdi_official(int *grid, int t, int d, int T);

/* ISM: 0, delta, 2 delta, ... below s, then s. Writes ceil(s / delta) + 1 levels and returns that number.
 * s >= 1, delta >= 1; s = 0 is for the caller to refuse. */
int invert_grid_ism(int *grid, int s, int delta);
/* ceil(s / delta) + 1 */
int invert_grid_ism_count(int s, int delta);

/* DSD, downwards: T - 1 to 0 in n equal parts, rounded down. Writes n + 1 levels and returns that number. 1 <= n < T. */
int ode_grid_dsd(int *grid, int n, int T);

/* x <- alpha_q (x - sigma_p e) / alpha_p + sigma_q e, in place; p, q in -1..T-1, either direction.
 * [DDIM20 Eq.12] with eta 0; in x/alpha it is one Euler step of dx = e dr                [SDI24 Eq.2] */
void ddim_move(real *x, const real *e, const Schedule *S, int p, int q, size_t n);

#endif
