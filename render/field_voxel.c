/* field_voxel.c -- the voxel field: trilinear interpolation and its adjoint
 *
 * Trilinear: g = (p+1)/2 (n-1), cell i = floor(g) clamped to n-2, f = g - i, and
 *     raw = sum over the eight corners c = (dz,dy,dx), dx fastest, of  w_c theta_c,   w_c = (wz wy) wx,
 * one fma chain per channel from 0. The adjoint adds w_c draw to theta_c, corner by corner in the same order.
 */
#include "render/field_kinds.h"

static int check(const FieldConfig *c, Err *err) { return field_check_size(c, 2, 512, err); }

static size_t count(const FieldConfig *c) { return 4 * (size_t)c->size[0] * (size_t)c->size[1] * (size_t)c->size[2]; }

static void start(Field *f)
{
    const int *n = f->config.size;
    for (int z = 0; z < n[0]; z++)
        for (int y = 0; y < n[1]; y++)
            for (int x = 0; x < n[2]; x++) {
                const real pz = R(2.0) * (real)z / (real)(n[0] - 1) - R(1.0);
                const real py = R(2.0) * (real)y / (real)(n[1] - 1) - R(1.0);
                const real px = R(2.0) * (real)x / (real)(n[2] - 1) - R(1.0);
                const real radius = r_sqrt(r_fma(pz, pz, r_fma(py, py, px * px)));
                const size_t node = ((size_t)z * (size_t)n[1] + (size_t)y) * (size_t)n[2] + (size_t)x;
                f->theta[4 * node] = r_fma(-f->config.slope, radius, f->config.peak);
            }
}

static int parts(FieldPart part[FIELD_PARTS], const Field *f)
{
    const int *n = f->config.size;
    part[0] = (FieldPart){ "", 0, (Shape){ 4, { n[0], n[1], n[2], 4 } } };
    return 1;
}

/* Along one axis of n nodes: the cell that holds coordinate p, and how far into it. */
static inline int cell(real *f, real p, int n)
{
    const real g = r_clamp((p + R(1.0)) * (R(0.5) * (real)(n - 1)), R(0.0), (real)(n - 1));
    int i = (int)g;
    if (i > n - 2) i = n - 2;
    *f = g - (real)i;
    return i;
}

/* The eight corners of point p: offsets into theta and weights. */
static inline void corners(size_t at[8], real w[8], const real p[3], const int n[3])
{
    real fx, fy, fz;
    const int ix = cell(&fx, p[0], n[2]);
    const int iy = cell(&fy, p[1], n[1]);
    const int iz = cell(&fz, p[2], n[0]);
    const size_t row = (size_t)n[2] * 4, plane = (size_t)n[1] * row;
    const size_t base = (size_t)iz * plane + (size_t)iy * row + (size_t)ix * 4;
    for (int dz = 0; dz < 2; dz++)
        for (int dy = 0; dy < 2; dy++) {
            const real wzy = (dz ? fz : R(1.0) - fz) * (dy ? fy : R(1.0) - fy);
            const size_t start = base + (dz ? plane : 0) + (dy ? row : 0);
            at[dz * 4 + dy * 2] = start;
            at[dz * 4 + dy * 2 + 1] = start + 4;
            w[dz * 4 + dy * 2] = wzy * (R(1.0) - fx);
            w[dz * 4 + dy * 2 + 1] = wzy * fx;
        }
}

enum { BLOCK = 64 };                          /* points whose four channels are kept side by side, so that they vectorise */

static void eval(real *raw, const real *p, const real *d, const Field *f, int P, real *kept)
{
    (void)d;
    (void)kept;
    for (int start = 0; start < P; start += BLOCK) {
        const int count = P - start < BLOCK ? P - start : BLOCK;
        real block[4 * BLOCK];
        for (int i = 0; i < count; i++) {
            const real point[3] = { p[start + i], p[P + start + i], p[2 * P + start + i] };
            size_t at[8];
            real w[8], sum[4] = { 0 };
            corners(at, w, point, f->config.size);
            for (int c = 0; c < 8; c++)
                for (int k = 0; k < 4; k++) sum[k] = r_fma(w[c], f->theta[at[c] + (size_t)k], sum[k]);
            for (int k = 0; k < 4; k++) block[4 * i + k] = sum[k];
        }
        for (int k = 0; k < 4; k++)
            for (int i = 0; i < count; i++) raw[k * P + start + i] = block[4 * i + k];
    }
}

static void pull(real *restrict dtheta, const real *restrict draw, const real *restrict p, const real *restrict dir, const Field *f, int P,
                 real *restrict kept)
{
    (void)dir;
    (void)kept;
    for (int i = 0; i < P; i++) {
        const real point[3] = { p[i], p[P + i], p[2 * P + i] };
        const real d[4] = { draw[i], draw[P + i], draw[2 * P + i], draw[3 * P + i] };
        size_t at[8];
        real w[8];
        corners(at, w, point, f->config.size);
        for (int c = 0; c < 8; c++) {
            real *node = dtheta + at[c], sum[4];
            for (int k = 0; k < 4; k++) sum[k] = r_fma(w[c], d[k], node[k]);
            for (int k = 0; k < 4; k++) node[k] = sum[k];
        }
    }
}

const FieldOps field_voxel = { check, count, start, NULL, eval, pull, parts };

void voxel_from_planes(Field *f, const real *planes)
{
    const size_t nodes = f->n / 4;
    for (size_t i = 0; i < nodes; i++)
        for (size_t k = 0; k < 4; k++) f->theta[4 * i + k] = planes[k * nodes + i];
}

void voxel_to_planes(real *planes, const real *theta, const Field *f)
{
    const size_t nodes = f->n / 4;
    for (size_t i = 0; i < nodes; i++)
        for (size_t k = 0; k < 4; k++) planes[k * nodes + i] = theta[4 * i + k];
}
