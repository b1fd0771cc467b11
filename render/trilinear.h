/* trilinear.h -- values at the nodes of a grid, between them trilinear: what the voxel field and sh share
 *
 * Nodes lie on the faces of the cube (index 0 at -1, n-1 at +1), theta (Z,Y,X,C). Trilinear: g = (p+1)/2 (n-1), cell i = floor(g) clamped to n-2,
 * f = g - i, and
 *     value = sum over the eight corners c = (dz,dy,dx), dx fastest, of  w_c theta_c,   w_c = (wz wy) wx,
 * one fma chain per channel from 0. The adjoint adds w_c times the cotangent to theta_c, corner by corner in the same order.
 *
 * Its slope, the exact gradient, is linear across axis j's edges: with v_cj = dw_c/dp_j, which holds (n_j - 1)/2,
 *     slope_j = sum over the four edges along j, from corner c to corner c', of  v_c'j (theta_c' - theta_c)
 * differences first, one fma chain from 0. On a plane of nodes, where the slope jumps, it is that of the cell above; on the last plane of an axis,
 * and beyond, that of the last cell.
 */
#ifndef SDREF_RENDER_TRILINEAR_H
#define SDREF_RENDER_TRILINEAR_H

#include "render/field_kinds.h"

/* Along one axis of n nodes: the cell that holds coordinate p, and how far into it. */
static inline int trilinear_cell(real *f, real p, int n)
{
    const real g = r_clamp((p + R(1.0)) * (R(0.5) * (real)(n - 1)), R(0.0), (real)(n - 1));
    int i = (int)g;
    if (i > n - 2) i = n - 2;
    *f = g - (real)i;
    return i;
}

/* The eight corners of point p in a grid of n = (Z,Y,X) nodes with C channels: offsets into theta and weights. */
static inline void trilinear_corners(size_t at[8], real w[8], const real p[3], const int n[3], size_t C)
{
    real fx, fy, fz;
    const int ix = trilinear_cell(&fx, p[0], n[2]);
    const int iy = trilinear_cell(&fy, p[1], n[1]);
    const int iz = trilinear_cell(&fz, p[2], n[0]);
    const size_t row = (size_t)n[2] * C, plane = (size_t)n[1] * row;
    const size_t base = (size_t)iz * plane + (size_t)iy * row + (size_t)ix * C;
    for (int dz = 0; dz < 2; dz++)
        for (int dy = 0; dy < 2; dy++) {
            const real wzy = (dz ? fz : R(1.0) - fz) * (dy ? fy : R(1.0) - fy);
            const size_t start = base + (dz ? plane : 0) + (dy ? row : 0);
            at[dz * 4 + dy * 2] = start;
            at[dz * 4 + dy * 2 + 1] = start + C;
            w[dz * 4 + dy * 2] = wzy * (R(1.0) - fx);
            w[dz * 4 + dy * 2 + 1] = wzy * fx;
        }
}

/* v[c][j]: derivative of corner c's weight by coordinate j of p. */
static inline void trilinear_slopes(real v[8][3], const real p[3], const int n[3])
{
    real w[3][2];
    for (int j = 0; j < 3; j++) {
        (void)trilinear_cell(&w[j][1], p[j], n[2 - j]);
        w[j][0] = R(1.0) - w[j][1];
    }
    for (int c = 0; c < 8; c++) {
        const int bit[3] = { c & 1, c >> 1 & 1, c >> 2 };
        for (int j = 0; j < 3; j++) {
            const int a = j == 2 ? 1 : 2, b = j == 0 ? 1 : 0;
            const real edge = w[a][bit[a]] * w[b][bit[b]] * (R(0.5) * (real)(n[2 - j] - 1));
            v[c][j] = bit[j] ? edge : -edge;
        }
    }
}

/* Slope of channel 0, with `at` of the same point. */
static inline void trilinear_slope(real slope[3], const size_t at[8], real v[8][3], const real *theta)
{
    for (int j = 0; j < 3; j++) {
        slope[j] = 0;
        for (int c = 0; c < 8; c++)
            if ((c >> j & 1) == 0) slope[j] = r_fma(v[c + (1 << j)][j], theta[at[c + (1 << j)]] - theta[at[c]], slope[j]);
    }
}

/* What the cotangents of the slope add to channel 0 of corner c: one fma chain from `sum`, j ascending. */
static inline real trilinear_slope_pull(real sum, const real v[3], const real dslope[3])
{
    for (int j = 0; j < 3; j++) sum = r_fma(v[j], dslope[j], sum);
    return sum;
}

/* Channel 0, raw density, at every node as the config's soft ball. */
static inline void trilinear_start(Field *f, size_t C)
{
    const int *n = f->config.size;
    for (int z = 0; z < n[0]; z++)
        for (int y = 0; y < n[1]; y++)
            for (int x = 0; x < n[2]; x++) {
                const real pz = R(2.0) * (real)z / (real)(n[0] - 1) - R(1.0);
                const real py = R(2.0) * (real)y / (real)(n[1] - 1) - R(1.0);
                const real px = R(2.0) * (real)x / (real)(n[2] - 1) - R(1.0);
                const size_t node = ((size_t)z * (size_t)n[1] + (size_t)y) * (size_t)n[2] + (size_t)x;
                f->theta[C * node] = field_blob(&f->config, px, py, pz);
            }
}

#endif
