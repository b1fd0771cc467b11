/* field_hashgrid.c -- the hash grid, a panel of points at a time, bit for bit field_hashgrid_plain.c
 *
 * Levels outside, panels of MLP_LANES points inside, so that one level's table is in use at a time. Places and weights of the corners are loops over
 * points that vectorise, and so is the sum over corners, of nodes that were copied side by side before. The adjoint adds to the table point by point,
 * each node's sum in the order of the points, as the definition has it: a node belongs to one level.
 */
#include "render/field_kinds.h"
#include "render/hashgrid.h"
#include "tensor/elem.h"
#include "tensor/rng.h"

#include <string.h>

enum { LANES = MLP_LANES, CELLS_MAX = 1 << 20, TABLE_MAX = 1 << 24, LEVELS_MAX = 32, FEATURES_MAX = 8 };

HashLevel hashgrid_level(const FieldConfig *c, int level)
{
    const double cells = floor((double)c->base * d_pow(c->growth, (double)level));
    const double nodes = (cells + 1.0) * (cells + 1.0) * (cells + 1.0);
    return (HashLevel){ (int)cells, nodes <= (double)c->table };
}

Mlp hashgrid_mlp(const FieldConfig *c) { return (Mlp){ 2, { c->levels * c->features, c->hidden, MLP_OUT } }; }

size_t hashgrid_table(const FieldConfig *c) { return (size_t)c->levels * (size_t)c->table * (size_t)c->features; }

/* ---- the field but for its values ---- */

static int power_of_two(int n) { return n > 0 && (n & (n - 1)) == 0; }

static int check(const FieldConfig *c, Err *err)
{
    if (c->levels < 1 || c->levels > LEVELS_MAX) return err_set(err, "hash grid: %d levels, expected 1 to %d", c->levels, LEVELS_MAX);
    if (c->features < 1 || c->features > FEATURES_MAX)
        return err_set(err, "hash grid: %d features a level, expected 1 to %d", c->features, FEATURES_MAX);
    if (!power_of_two(c->table) || c->table > TABLE_MAX)
        return err_set(err, "hash grid: a table of %d entries, expected a power of two, at most %d", c->table, TABLE_MAX);
    if (c->base < 1 || !(c->growth >= 1.0) || !(c->base * d_pow(c->growth, c->levels - 1) <= CELLS_MAX))
        return err_set(err, "hash grid: base %d and growth %g over %d levels, expected both at least 1 and at most %d cells on the last level", c->base,
                       c->growth, c->levels, CELLS_MAX);
    if (c->hidden < 1 || c->hidden > MLP_WIDTH) return err_set(err, "hash grid: %d hidden values, expected 1 to %d", c->hidden, MLP_WIDTH);
    return 0;
}

static size_t count(const FieldConfig *c)
{
    const Mlp m = hashgrid_mlp(c);
    return hashgrid_table(c) + mlp_count(&m);
}

static size_t kept(const Field *f)
{
    const Mlp m = hashgrid_mlp(&f->config);
    return mlp_kept(&m);
}

/* The table uniform in +-1e-4 [NGP22 Sec.4]. */
static void start(Field *f, uint64_t seed)
{
    const Mlp m = hashgrid_mlp(&f->config);
    const size_t n = hashgrid_table(&f->config);
    rng_uniform(f->theta, (RngAt){ seed, 0, 0, RNG_INIT }, n);
    for (size_t i = 0; i < n; i++) f->theta[i] = R(1e-4) * (R(2.0) * f->theta[i] - R(1.0));
    mlp_start(f->theta + n, &m, seed, 1);
}

static int parts(FieldPart part[FIELD_PARTS], const Field *f)
{
    const FieldConfig *c = &f->config;
    const Mlp m = hashgrid_mlp(c);
    part[0] = (FieldPart){ "table", 0, (Shape){ 3, { c->levels, c->table, c->features } } };
    return 1 + mlp_parts(part + 1, &m, hashgrid_table(c));
}

static int encoding(const Field *f) { return f->config.levels * f->config.features; }

/* ---- encoding ---- */

typedef struct Corners { uint32_t at[8][LANES]; real w[8][LANES]; } Corners;   /* entries of a level's table, weights */

/* Along one axis: the cells that hold coordinates p, of which n exist, and how far into them. */
static void cells_of(uint32_t cell[LANES], real f[LANES], const real *p, int n, int cells)
{
    real few[LANES] = { 0 };
    if (n < LANES) memcpy(few, p, (size_t)n * sizeof(real));
    const real *x = n < LANES ? few : p, N = (real)cells;
    for (int i = 0; i < LANES; i++) {
        const real g = r_clamp((x[i] + R(1.0)) * R(0.5), R(0.0), R(1.0)) * N;
        const int near = (int)g, at = near < cells ? near : cells - 1;
        cell[i] = (uint32_t)at;
        f[i] = g - (real)at;
    }
}

static void entries(Corners *k, const uint32_t *restrict x, const uint32_t *restrict y, const uint32_t *restrict z, const FieldConfig *c, HashLevel level)
{
    const uint32_t mask = (uint32_t)c->table - 1, N = (uint32_t)level.cells + 1, A = 2654435761u, B = 805459861u;
    if (level.dense)
        for (int i = 0; i < LANES; i++) {
            const uint32_t at = x[i] + N * (y[i] + N * z[i]);
            for (uint32_t d = 0; d < 8; d++) k->at[d][i] = at + (d & 1) + (d >> 1 & 1) * N + (d >> 2) * N * N;
        }
    else
        for (int i = 0; i < LANES; i++) {
            const uint32_t ay = y[i] * A, bz = z[i] * B;
            for (uint32_t d = 0; d < 8; d++) k->at[d][i] = ((x[i] + (d & 1)) ^ (ay + (d >> 1 & 1) * A) ^ (bz + (d >> 2) * B)) & mask;
        }
}

/* Of points start .. start+n-1 of p (3,P); lanes that do not exist are at the cube's middle. */
static void corners(Corners *k, const real *p, int P, int start, int n, const FieldConfig *c, HashLevel level)
{
    uint32_t x[LANES], y[LANES], z[LANES];
    real fx[LANES], fy[LANES], fz[LANES];
    cells_of(x, fx, p + start, n, level.cells);
    cells_of(y, fy, p + P + start, n, level.cells);
    cells_of(z, fz, p + 2 * P + start, n, level.cells);
    for (int i = 0; i < LANES; i++)
        for (int d = 0; d < 8; d++)
            k->w[d][i] = (d >> 2 ? fz[i] : R(1.0) - fz[i]) * (d >> 1 & 1 ? fy[i] : R(1.0) - fy[i]) * (d & 1 ? fx[i] : R(1.0) - fx[i]);
    entries(k, x, y, z, c, level);
}

/* e (F,n) of a level */
static void gather(real *restrict e, const real *restrict table, const Corners *restrict k, int F, int n)
{
    for (int j = 0; j < F; j++)
        for (int i = 0; i < n; i++) {
            real s = 0;
            for (int c = 0; c < 8; c++) s = r_fma(k->w[c][i], table[k->at[c][i] * (uint32_t)F + (uint32_t)j], s);
            e[j * n + i] = s;
        }
}

/* dtable += w de; de (F,n) */
static void scatter(real *restrict dtable, const real *restrict de, const Corners *restrict k, int F, int n)
{
    for (int i = 0; i < n; i++)
        for (int c = 0; c < 8; c++) {
            real *node = dtable + k->at[c][i] * (uint32_t)F;
            for (int j = 0; j < F; j++) node[j] = r_fma(k->w[c][i], de[j * n + i], node[j]);
        }
}

/* The usual two features. TRAP: a node is copied as a struct, one load and one store; values or a memcpy gcc makes into gathers over points, which
 * take longer. */
typedef struct Node { real v[2]; } Node;

static void gather_2(real *restrict e, const Node *restrict table, const Corners *restrict k, int n)
{
    real nodes[8][2 * LANES], sum[2][LANES];
    for (int i = 0; i < LANES; i++)
        for (int c = 0; c < 8; c++) *(Node *)&nodes[c][2 * i] = table[k->at[c][i]];
    for (int i = 0; i < LANES; i++) {
        real s = 0, t = 0;
        for (int c = 0; c < 8; c++) {
            s = r_fma(k->w[c][i], nodes[c][2 * i], s);
            t = r_fma(k->w[c][i], nodes[c][2 * i + 1], t);
        }
        sum[0][i] = s;
        sum[1][i] = t;
    }
    for (int j = 0; j < 2; j++) memcpy(e + j * n, sum[j], (size_t)n * sizeof(real));
}

static void scatter_2(Node *restrict dtable, const real *restrict de, const Corners *restrict k, int n)
{
    Node d[LANES];
    for (int i = 0; i < n; i++) d[i] = (Node){ { de[i], de[n + i] } };
    for (int i = 0; i < n; i++)
        for (int c = 0; c < 8; c++) {
            Node sum = dtable[k->at[c][i]];
            for (int j = 0; j < 2; j++) sum.v[j] = r_fma(k->w[c][i], d[i].v[j], sum.v[j]);
            dtable[k->at[c][i]] = sum;
        }
}

static void encode(real *kept, size_t one, const real *p, const Field *f, int P)
{
    const FieldConfig *c = &f->config;
    const int F = c->features;
    for (int l = 0; l < c->levels; l++) {
        const real *table = f->theta + (size_t)l * (size_t)c->table * (size_t)F;
        const HashLevel level = hashgrid_level(c, l);
        for (int i = 0; i < P; i += LANES) {
            const int n = mlp_panel(i, P);
            real *e = kept + (size_t)i * one + l * F * n;
            Corners k;
            if (l >= f->active) {
                memset(e, 0, (size_t)(F * n) * sizeof(real));
                continue;
            }
            corners(&k, p, P, i, n, c, level);
            if (F == 2) gather_2(e, (const Node *)table, &k, n);
            else gather(e, table, &k, F, n);
        }
    }
}

static void encode_pull(real *restrict dtable, const real *restrict kept, size_t one, const real *restrict p, const Field *f, int P)
{
    const FieldConfig *c = &f->config;
    const int F = c->features;
    for (int l = 0; l < f->active; l++) {
        real *dlevel = dtable + (size_t)l * (size_t)c->table * (size_t)F;
        const HashLevel level = hashgrid_level(c, l);
        for (int i = 0; i < P; i += LANES) {
            const int n = mlp_panel(i, P);
            const real *de = kept + (size_t)i * one + l * F * n;
            Corners k;
            corners(&k, p, P, i, n, c, level);
            if (F == 2) scatter_2((Node *)dlevel, de, &k, n);
            else scatter(dlevel, de, &k, F, n);
        }
    }
}

/* ---- values ---- */

static void eval(real *raw, const real *p, const real *d, const Field *f, int P, real *kept)
{
    const FieldConfig *c = &f->config;
    const Mlp m = hashgrid_mlp(c);
    (void)d;
    encode(kept, mlp_kept(&m), p, f, P);
    mlp_eval(raw, kept, f->theta + hashgrid_table(c), &m, P);
    for (int i = 0; i < P; i++) raw[i] += field_blob(c, p[i], p[P + i], p[2 * P + i]);
}

static void pull(real *restrict dtheta, const real *restrict draw, const real *restrict p, const real *restrict d, const Field *f, int P,
                 real *restrict kept)
{
    const Mlp m = hashgrid_mlp(&f->config);
    const size_t table = hashgrid_table(&f->config);
    (void)d;
    mlp_pull(dtheta + table, draw, kept, f->theta + table, &m, P);
    encode_pull(dtheta, kept, mlp_kept(&m), p, f, P);
}

static void encode_points(real *e, const real *p, const Field *f, int P)
{
    for (int i = 0; i < P; i++) hashgrid_encode_plain(e + i * encoding(f), p + 3 * i, f);
}

const FieldOps field_hashgrid = {
    .check = check, .count = count, .start = start, .kept = kept, .eval = eval, .pull = pull, .parts = parts, .encoding = encoding, .encode = encode_points,
};
