/* field_voxel.c -- the voxel field: trilinear.h with four channels */
#include "render/trilinear.h"

static int check(const FieldConfig *c, Err *err) { return field_check_size(c, 2, 512, err); }

static size_t count(const FieldConfig *c) { return 4 * (size_t)c->size[0] * (size_t)c->size[1] * (size_t)c->size[2]; }

static void start(Field *f, uint64_t seed)
{
    (void)seed;
    trilinear_start(f, 4);
}

static int parts(FieldPart part[FIELD_PARTS], const Field *f)
{
    const int *n = f->config.size;
    part[0] = (FieldPart){ "", 0, (Shape){ 4, { n[0], n[1], n[2], 4 } } };
    return 1;
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
            trilinear_corners(at, w, point, f->config.size, 4);
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
        trilinear_corners(at, w, point, f->config.size, 4);
        for (int c = 0; c < 8; c++) {
            real *node = dtheta + at[c], sum[4];
            for (int k = 0; k < 4; k++) sum[k] = r_fma(w[c], d[k], node[k]);
            for (int k = 0; k < 4; k++) node[k] = sum[k];
        }
    }
}

const FieldOps field_voxel = { .check = check, .count = count, .start = start, .eval = eval, .pull = pull, .parts = parts };

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
