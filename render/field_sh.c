/* field_sh.c -- voxels with spherical-harmonic colour, as Plenoxels [PLX22 Sec.3.1]: trilinear.h with 1 + 3n channels, n = (degree + 1)^2
 *
 * Channel 0 is the raw density; then n coefficients c_k of red, n of green, n of blue, and with d the unit direction of the ray
 *     raw colour = sum_k c_k Y_k(d), one fma chain from 0, k ascending, after the interpolation
 * The real harmonics, in the order and with the signs of the paper's code:
 *     Y_0 = C0      Y_1..3 = -C1 y, C1 z, -C1 x      Y_4..8 = C2 xy, -C2 yz, C3 (2 z^2 - x^2 - y^2), -C2 xz, C2/2 (x^2 - y^2)
 * DIFFERS: the colour goes through a sigmoid like every field's here; the paper adds 1/2 and cuts at 0.
 */
#include "render/trilinear.h"

enum { HARMONICS_MAX = 9, CHANNELS_MAX = 1 + 3 * HARMONICS_MAX };

static int harmonics(const FieldConfig *c) { return (c->degree + 1) * (c->degree + 1); }
static size_t channels(const FieldConfig *c) { return 1 + 3 * (size_t)harmonics(c); }

static int check(const FieldConfig *c, Err *err)
{
    if (c->degree < 0 || c->degree > 2) return err_set(err, "sh: harmonics of degree %d, expected 0 to 2", c->degree);
    return field_check_size(c, 2, 512, err);
}

static size_t count(const FieldConfig *c) { return channels(c) * (size_t)c->size[0] * (size_t)c->size[1] * (size_t)c->size[2]; }

static void start(Field *f, uint64_t seed)
{
    (void)seed;
    trilinear_start(f, channels(&f->config));
}

static int parts(FieldPart part[FIELD_PARTS], const Field *f)
{
    const int *n = f->config.size;
    part[0] = (FieldPart){ "sh", 0, (Shape){ 4, { n[0], n[1], n[2], (int64_t)channels(&f->config) } } };
    return 1;
}

static void basis(real Y[HARMONICS_MAX], real x, real y, real z, int degree)
{
    const real C0 = R(0.28209479177387814), C1 = R(0.4886025119029199), C2 = R(1.0925484305920792), C3 = R(0.31539156525252005);
    Y[0] = C0;
    if (degree < 1) return;
    Y[1] = -C1 * y;
    Y[2] = C1 * z;
    Y[3] = -C1 * x;
    if (degree < 2) return;
    Y[4] = C2 * (x * y);
    Y[5] = -C2 * (y * z);
    Y[6] = C3 * (R(2.0) * z * z - x * x - y * y);
    Y[7] = -C2 * (x * z);
    Y[8] = R(0.5) * C2 * (x * x - y * y);
}

/* planes: 4, or 7 with the slope */
static inline void eval_planes(real *raw, const real *p, const real *d, const Field *f, int P, int planes)
{
    const size_t C = channels(&f->config);
    const int n = harmonics(&f->config);
    BUG_IF(d == NULL, "harmonics without directions");
    for (int i = 0; i < P; i++) {
        const real point[3] = { p[i], p[P + i], p[2 * P + i] };
        size_t at[8];
        real w[8], Y[HARMONICS_MAX], value[CHANNELS_MAX] = { 0 };
        trilinear_corners(at, w, point, f->config.size, C);
        basis(Y, d[i], d[P + i], d[2 * P + i], f->config.degree);
        for (int c = 0; c < 8; c++)
            for (size_t k = 0; k < C; k++) value[k] = r_fma(w[c], f->theta[at[c] + k], value[k]);
        raw[i] = value[0];
        for (int j = 0; j < 3; j++) {
            real sum = 0;
            for (int k = 0; k < n; k++) sum = r_fma(value[1 + j * n + k], Y[k], sum);
            raw[(j + 1) * P + i] = sum;
        }
        if (planes == 4) continue;
        real v[8][3], slope[3];
        trilinear_slopes(v, point, f->config.size);
        trilinear_slope(slope, at, v, f->theta);
        for (int j = 0; j < 3; j++) raw[(4 + j) * P + i] = slope[j];
    }
}

static void eval(real *raw, const real *p, const real *d, const Field *f, int P, real *kept)
{
    (void)kept;
    eval_planes(raw, p, d, f, P, 4);
}

static void eval_slope(real *raw, const real *p, const real *d, const Field *f, int P) { eval_planes(raw, p, d, f, P, 7); }

static inline void pull_planes(real *restrict dtheta, const real *restrict draw, const real *restrict p, const real *restrict d, const Field *f,
                               int P, int planes)
{
    const size_t C = channels(&f->config);
    const int n = harmonics(&f->config);
    for (int i = 0; i < P; i++) {
        const real point[3] = { p[i], p[P + i], p[2 * P + i] };
        size_t at[8];
        real w[8], v[8][3], Y[HARMONICS_MAX], dvalue[CHANNELS_MAX], dslope[3];
        trilinear_corners(at, w, point, f->config.size, C);
        basis(Y, d[i], d[P + i], d[2 * P + i], f->config.degree);
        dvalue[0] = draw[i];
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < n; k++) dvalue[1 + j * n + k] = Y[k] * draw[(j + 1) * P + i];
        if (planes > 4) trilinear_slopes(v, point, f->config.size);
        for (int j = 0; j < 3 && planes > 4; j++) dslope[j] = draw[(4 + j) * P + i];
        for (int c = 0; c < 8; c++) {
            real *node = dtheta + at[c];
            if (planes > 4) node[0] = trilinear_slope_pull(node[0], v[c], dslope);
            for (size_t k = 0; k < C; k++) node[k] = r_fma(w[c], dvalue[k], node[k]);
        }
    }
}

static void pull(real *restrict dtheta, const real *restrict draw, const real *restrict p, const real *restrict d, const Field *f, int P,
                 real *restrict kept)
{
    (void)kept;
    pull_planes(dtheta, draw, p, d, f, P, 4);
}

static void pull_slope(real *restrict dtheta, const real *restrict draw, const real *restrict p, const real *restrict d, const Field *f, int P)
{
    pull_planes(dtheta, draw, p, d, f, P, 7);
}

const FieldOps field_sh = { .check = check, .count = count, .start = start, .eval = eval, .pull = pull, .parts = parts,
                            .eval_slope = eval_slope, .pull_slope = pull_slope };
