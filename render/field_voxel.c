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

enum { BLOCK = 64 };                          /* points whose planes are kept side by side, so that they vectorise */

/* planes: 4, or 7 with the slope */
static inline void eval_planes(real *raw, const real *p, const Field *f, int P, int planes)
{
    for (int start = 0; start < P; start += BLOCK) {
        const int count = P - start < BLOCK ? P - start : BLOCK;
        real block[7 * BLOCK];
        for (int i = 0; i < count; i++) {
            const real point[3] = { p[start + i], p[P + start + i], p[2 * P + start + i] };
            size_t at[8];
            real w[8], sum[4] = { 0 };
            trilinear_corners(at, w, point, f->config.size, 4);
            for (int c = 0; c < 8; c++)
                for (int k = 0; k < 4; k++) sum[k] = r_fma(w[c], f->theta[at[c] + (size_t)k], sum[k]);
            for (int k = 0; k < 4; k++) block[planes * i + k] = sum[k];
            if (planes == 4) continue;
            real v[8][3];
            trilinear_slopes(v, point, f->config.size);
            trilinear_slope(block + planes * i + 4, at, v, f->theta);
        }
        for (int k = 0; k < planes; k++)
            for (int i = 0; i < count; i++) raw[k * P + start + i] = block[planes * i + k];
    }
}

static void eval(real *raw, const real *p, const real *d, const Field *f, int P, real *kept)
{
    (void)d;
    (void)kept;
    eval_planes(raw, p, f, P, 4);
}

static void eval_slope(real *raw, const real *p, const real *d, const Field *f, int P)
{
    (void)d;
    eval_planes(raw, p, f, P, 7);
}

static inline void pull_planes(real *restrict dtheta, const real *restrict draw, const real *restrict p, const Field *f, int P, int planes)
{
    for (int i = 0; i < P; i++) {
        const real point[3] = { p[i], p[P + i], p[2 * P + i] };
        const real d[4] = { draw[i], draw[P + i], draw[2 * P + i], draw[3 * P + i] };
        size_t at[8];
        real w[8], v[8][3], dslope[3];
        trilinear_corners(at, w, point, f->config.size, 4);
        if (planes > 4) trilinear_slopes(v, point, f->config.size);
        for (int j = 0; j < 3 && planes > 4; j++) dslope[j] = draw[(4 + j) * P + i];
        for (int c = 0; c < 8; c++) {
            real *node = dtheta + at[c], sum[4];
            if (planes > 4) node[0] = trilinear_slope_pull(node[0], v[c], dslope);
            for (int k = 0; k < 4; k++) sum[k] = r_fma(w[c], d[k], node[k]);
            for (int k = 0; k < 4; k++) node[k] = sum[k];
        }
    }
}

static void pull(real *restrict dtheta, const real *restrict draw, const real *restrict p, const real *restrict d, const Field *f, int P,
                 real *restrict kept)
{
    (void)d;
    (void)kept;
    pull_planes(dtheta, draw, p, f, P, 4);
}

static void pull_slope(real *restrict dtheta, const real *restrict draw, const real *restrict p, const real *restrict d, const Field *f, int P)
{
    (void)d;
    pull_planes(dtheta, draw, p, f, P, 7);
}

const FieldOps field_voxel = { .check = check, .count = count, .start = start, .eval = eval, .pull = pull, .parts = parts,
                               .eval_slope = eval_slope, .pull_slope = pull_slope };

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
