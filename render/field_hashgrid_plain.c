/* field_hashgrid_plain.c -- the definition of the hash grid: one point after the other, the loops of hashgrid.h and mlp_plain.c */
#include "render/field_kinds.h"
#include "render/hashgrid.h"

/* Offsets into a level's table, and weights, of the corners about p. */
static void corners(size_t at[8], real w[8], const real p[3], const FieldConfig *c, int level)
{
    const HashLevel k = hashgrid_level(c, level);
    int cell[3];
    real f[3];
    for (int j = 0; j < 3; j++) {
        const real g = r_clamp((p[j] + R(1.0)) * R(0.5), R(0.0), R(1.0)) * (real)k.cells;
        cell[j] = (int)g < k.cells ? (int)g : k.cells - 1;
        f[j] = g - (real)cell[j];
    }
    for (int corner = 0; corner < 8; corner++) {
        const int d[3] = { corner & 1, corner >> 1 & 1, corner >> 2 };
        const uint32_t x = (uint32_t)(cell[0] + d[0]), y = (uint32_t)(cell[1] + d[1]), z = (uint32_t)(cell[2] + d[2]), nodes = (uint32_t)k.cells + 1;
        const uint32_t node = k.dense ? x + nodes * (y + nodes * z) : (x ^ y * 2654435761u ^ z * 805459861u) % (uint32_t)c->table;
        at[corner] = (size_t)node * (size_t)c->features;
        w[corner] = (d[2] ? f[2] : R(1.0) - f[2]) * (d[1] ? f[1] : R(1.0) - f[1]) * (d[0] ? f[0] : R(1.0) - f[0]);
    }
}

void hashgrid_encode_plain(real *e, const real p[3], const Field *f)
{
    const int F = f->config.features;
    for (int l = 0; l < f->config.levels; l++) {
        const real *table = f->theta + (size_t)l * (size_t)f->config.table * (size_t)F;
        size_t at[8];
        real w[8];
        corners(at, w, p, &f->config, l);
        for (int k = 0; k < F; k++) {
            real sum = 0;
            for (int c = 0; c < 8 && l < f->active; c++) sum = r_fma(w[c], table[at[c] + (size_t)k], sum);
            e[l * F + k] = sum;
        }
    }
}

void hashgrid_eval_plain(real *raw, const real *p, const Field *f, int P, real *one)
{
    const Mlp m = hashgrid_mlp(&f->config);
    for (int i = 0; i < P; i++) {
        const real point[3] = { p[i], p[P + i], p[2 * P + i] };
        real out[MLP_OUT];
        hashgrid_encode_plain(one, point, f);
        mlp_eval_plain(out, one, f->theta + hashgrid_table(&f->config), &m);
        out[0] += field_blob(&f->config, point[0], point[1], point[2]);
        for (int k = 0; k < MLP_OUT; k++) raw[k * P + i] = out[k];
    }
}

/* The table: points ascending, of a point the levels, of a level the corners. */
void hashgrid_pull_plain(real *dtheta, const real *draw, const real *p, const Field *f, int P, real *one)
{
    const Mlp m = hashgrid_mlp(&f->config);
    const size_t table = hashgrid_table(&f->config);
    const int F = f->config.features;
    for (int i = 0; i < P; i++) {
        const real point[3] = { p[i], p[P + i], p[2 * P + i] };
        const real d[MLP_OUT] = { draw[i], draw[P + i], draw[2 * P + i], draw[3 * P + i] };
        real out[MLP_OUT];
        hashgrid_encode_plain(one, point, f);
        mlp_eval_plain(out, one, f->theta + table, &m);
        mlp_pull_plain(dtheta + table, d, one, f->theta + table, &m);
        for (int l = 0; l < f->active; l++) {
            real *dtable = dtheta + (size_t)l * (size_t)f->config.table * (size_t)F;
            size_t at[8];
            real w[8];
            corners(at, w, point, &f->config, l);
            for (int c = 0; c < 8; c++)
                for (int k = 0; k < F; k++) dtable[at[c] + (size_t)k] = r_fma(w[c], one[l * F + k], dtable[at[c] + (size_t)k]);
        }
    }
}
