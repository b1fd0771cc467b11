/* field.c -- image and voxel fields: start values, trilinear interpolation and its adjoint
 *
 * Trilinear: g = (p+1)/2 (n-1), cell i = floor(g) clamped to n-2, f = g - i, and
 *     raw = sum over the eight corners c = (dz,dy,dx), dx fastest, of  w_c theta_c,   w_c = (wz wy) wx,
 * one fma chain per channel from 0. The adjoint adds w_c draw to theta_c, corner by corner in the same order.
 */
#include "render/field.h"
#include "tensor/mem.h"

Field *field_new(FieldKind kind, const int size[3], Err *err)
{
    const int lo = kind == FIELD_VOXEL ? 2 : 1, hi = kind == FIELD_VOXEL ? 512 : 4096;
    for (int i = 0; i < 3; i++)
        if (size[i] < lo || size[i] > hi) {
            err_set(err, "field: size %d x %d x %d, expected %d to %d a side", size[0], size[1], size[2], lo, hi);
            return NULL;
        }
    Field *f = mem_new(1, sizeof *f, "field", err);
    if (f == NULL) return NULL;
    f->kind = kind;
    for (int i = 0; i < 3; i++) f->size[i] = size[i];
    f->n = (size_t)size[0] * (size_t)size[1] * (size_t)size[2] * (kind == FIELD_VOXEL ? 4 : 1);
    f->theta = mem_new(f->n, sizeof(real), "field", err);
    if (f->theta == NULL) {
        mem_free(f);
        return NULL;
    }
    return f;
}

void field_free(Field *f)
{
    if (f == NULL) return;
    mem_free(f->theta);
    mem_free(f);
}

void field_start(Field *f, real peak, real slope)
{
    for (size_t i = 0; i < f->n; i++) f->theta[i] = 0;
    if (f->kind != FIELD_VOXEL) return;
    const int *n = f->size;
    for (int z = 0; z < n[0]; z++)
        for (int y = 0; y < n[1]; y++)
            for (int x = 0; x < n[2]; x++) {
                const real pz = R(2.0) * (real)z / (real)(n[0] - 1) - R(1.0);
                const real py = R(2.0) * (real)y / (real)(n[1] - 1) - R(1.0);
                const real px = R(2.0) * (real)x / (real)(n[2] - 1) - R(1.0);
                const real radius = r_sqrt(r_fma(pz, pz, r_fma(py, py, px * px)));
                f->theta[(((size_t)z * (size_t)n[1] + (size_t)y) * (size_t)n[2] + (size_t)x) * 4] = r_fma(-slope, radius, peak);
            }
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

void voxel_eval(real *raw, const real *p, const Field *f, int P)
{
    for (int start = 0; start < P; start += BLOCK) {
        const int count = P - start < BLOCK ? P - start : BLOCK;
        real block[4 * BLOCK];
        for (int i = 0; i < count; i++) {
            const real point[3] = { p[start + i], p[P + start + i], p[2 * P + start + i] };
            size_t at[8];
            real w[8], sum[4] = { 0 };
            corners(at, w, point, f->size);
            for (int c = 0; c < 8; c++)
                for (int k = 0; k < 4; k++) sum[k] = r_fma(w[c], f->theta[at[c] + (size_t)k], sum[k]);
            for (int k = 0; k < 4; k++) block[4 * i + k] = sum[k];
        }
        for (int k = 0; k < 4; k++)
            for (int i = 0; i < count; i++) raw[k * P + start + i] = block[4 * i + k];
    }
}

void voxel_pull(real *restrict dtheta, const real *restrict draw, const real *restrict p, const Field *f, int P)
{
    for (int i = 0; i < P; i++) {
        const real point[3] = { p[i], p[P + i], p[2 * P + i] };
        const real d[4] = { draw[i], draw[P + i], draw[2 * P + i], draw[3 * P + i] };
        size_t at[8];
        real w[8];
        corners(at, w, point, f->size);
        for (int c = 0; c < 8; c++) {
            real *node = dtheta + at[c], sum[4];
            for (int k = 0; k < 4; k++) sum[k] = r_fma(w[c], d[k], node[k]);
            for (int k = 0; k < 4; k++) node[k] = sum[k];
        }
    }
}

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
