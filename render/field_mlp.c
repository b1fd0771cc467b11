/* field_mlp.c -- a network of sines and cosines of the point [NeRF20 Eq.4]
 *
 *     e = (p, sin(pi p), cos(pi p), sin(2 pi p), cos(2 pi p), ..., sin(2^(K-1) pi p), cos(2^(K-1) pi p)),  three values each, K frequencies
 *     raw = mlp.h of e, with `layers` hidden layers, plus peak - slope |p| on the density
 * 2^k p is brought to [-1,1] by whole turns, which is exact, before it is multiplied by pi: high frequencies lose nothing in binary32.
 * Left out of the paper's network: the view direction, and the layer that is given e a second time.
 */
#include "render/field_kinds.h"
#include "render/mlp.h"
#include "tensor/elem.h"

#include <string.h>

enum { FREQUENCIES_MAX = 16 };

static Mlp network(const FieldConfig *c)
{
    Mlp m = { .layers = c->layers + 1, .width = { 3 + 6 * c->frequencies } };
    for (int l = 1; l <= c->layers; l++) m.width[l] = c->hidden;
    m.width[m.layers] = MLP_OUT;
    return m;
}

static int check(const FieldConfig *c, Err *err)
{
    if (c->frequencies < 0 || c->frequencies > FREQUENCIES_MAX)
        return err_set(err, "mlp: %d frequencies, expected 0 to %d", c->frequencies, FREQUENCIES_MAX);
    if (c->layers < 1 || c->layers > MLP_LAYERS - 1) return err_set(err, "mlp: %d hidden layers, expected 1 to %d", c->layers, MLP_LAYERS - 1);
    if (c->hidden < 1 || c->hidden > MLP_WIDTH) return err_set(err, "mlp: %d hidden values, expected 1 to %d", c->hidden, MLP_WIDTH);
    return 0;
}

static size_t count(const FieldConfig *c)
{
    const Mlp m = network(c);
    return mlp_count(&m);
}

static size_t kept(const Field *f)
{
    const Mlp m = network(&f->config);
    return mlp_kept(&m);
}

static void start(Field *f, uint64_t seed)
{
    const Mlp m = network(&f->config);
    mlp_start(f->theta, &m, seed, 0);
}

static int parts(FieldPart part[FIELD_PARTS], const Field *f)
{
    const Mlp m = network(&f->config);
    return mlp_parts(part, &m, 0);
}

static int encoding(const Field *f) { return 3 + 6 * f->config.frequencies; }

/* e (encoding,n) of points p (3,n), rows p_row apart */
static void encode(real *e, const real *p, ptrdiff_t p_row, const Field *f, int n)
{
    for (int j = 0; j < 3; j++) {
        const real *x = p + j * p_row;
        real angle[MLP_LANES], power = 1;
        memcpy(e + j * n, x, (size_t)n * sizeof(real));
        for (int k = 0; k < f->config.frequencies; k++, power *= R(2.0)) {
            real *sines = e + (3 + 6 * k + j) * n;
            for (int i = 0; i < n; i++) {
                const real turns = power * x[i];
                angle[i] = R_PI * (turns - R(2.0) * r_floor(R(0.5) * turns + R(0.5)));
            }
            r_sin_n(sines, angle, (size_t)n);
            r_cos_n(sines + 3 * n, angle, (size_t)n);
        }
    }
}

static void encode_points(real *e, const real *p, const Field *f, int P)
{
    for (int i = 0; i < P; i++) encode(e + i * encoding(f), p + 3 * i, 1, f, 1);
}

static void eval(real *raw, const real *p, const real *d, const Field *f, int P, real *kept)
{
    const Mlp m = network(&f->config);
    (void)d;
    for (int i = 0; i < P; i += MLP_LANES) encode(kept + (size_t)i * mlp_kept(&m), p + i, P, f, mlp_panel(i, P));
    mlp_eval(raw, kept, f->theta, &m, P);
    for (int i = 0; i < P; i++) raw[i] += field_blob(&f->config, p[i], p[P + i], p[2 * P + i]);
}

static void pull(real *restrict dtheta, const real *restrict draw, const real *restrict p, const real *restrict d, const Field *f, int P,
                 real *restrict kept)
{
    const Mlp m = network(&f->config);
    (void)d;
    (void)p;
    mlp_pull(dtheta, draw, kept, f->theta, &m, P);
}

const FieldOps field_mlp = {
    .check = check, .count = count, .start = start, .kept = kept, .eval = eval, .pull = pull, .parts = parts, .encoding = encoding, .encode = encode_points,
};
