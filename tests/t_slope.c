/* t_slope.c -- slopes of fields: closed forms, the cell that counts where they jump, values beside them to the bit (gradients: t64_field_grad.c) */
#include "render/field.h"
#include "tensor/mem.h"
#include "tensor/rng.h"
#include "tests/harness.h"

#include <math.h>

static const FieldConfig configs[] = {
    { .kind = FIELD_VOXEL, .size = { 3, 5, 4 } },
    { .kind = FIELD_SH, .size = { 4, 2, 3 }, .degree = 0 },
    { .kind = FIELD_SH, .size = { 5, 3, 5 }, .degree = 2 },
};
enum { CONFIGS = sizeof configs / sizeof configs[0], P = 80, THETA_MOST = 5 * 3 * 5 * 28 };

static Field *field_of(const FieldConfig *c)
{
    Err err = { 0 };
    Field *f = field_new(c, &err);
    CHECK(f != NULL && f->n <= THETA_MOST, "%s", err.msg);
    if (f == NULL) exit(1);
    rng_normal(f->theta, (RngAt){ 1, 0, 0, RNG_PROBE }, f->n);
    return f;
}

static size_t channels(const Field *f) { return f->n / ((size_t)f->config.size[0] * (size_t)f->config.size[1] * (size_t)f->config.size[2]); }

/* Raw density at node (x,y,z). */
static real *node(const Field *f, int x, int y, int z)
{
    const int *n = f->config.size;
    return f->theta + channels(f) * (size_t)((z * n[1] + y) * n[2] + x);
}

/* In the cube, on its faces, a little outside. */
static void points(real p[3 * P], real d[3 * P])
{
    rng_uniform(p, (RngAt){ 2, 0, 0, RNG_PROBE }, 3 * P);
    rng_normal(d, (RngAt){ 2, 1, 0, RNG_PROBE }, 3 * P);
    for (int i = 0; i < 3 * P; i++) p[i] = i % 7 == 0 ? R(1.0) : i % 11 == 0 ? R(-1.0) : i % 13 == 0 ? R(1.0001) : R(2.0) * p[i] - R(1.0);
}

static void a_ramp_has_one_slope(void)
{
    static const double b[3] = { 3, -5, 0.75 };
    for (int k = 0; k < CONFIGS; k++) {
        Field *f = field_of(&configs[k]);
        const int *n = configs[k].size;
        real p[3 * P], d[3 * P], raw[7 * P];
        for (int z = 0; z < n[0]; z++)
            for (int y = 0; y < n[1]; y++)
                for (int x = 0; x < n[2]; x++)
                    *node(f, x, y, z) = (real)(1 + b[0] * (2.0 * x / (n[2] - 1) - 1) + b[1] * (2.0 * y / (n[1] - 1) - 1) + b[2] * (2.0 * z / (n[0] - 1) - 1));
        points(p, d);
        field_eval_slope(raw, p, d, f, P);
        for (int i = 0; i < P; i++)
            for (int j = 0; j < 3; j++)
                CHECK_LE(fabs((double)raw[(4 + j) * P + i] - b[j]), 40 * (double)REAL_EPS, "config %d, point %d, axis %d", k, i, j);      /* nodes up to 10, times 2 */
        field_free(f);
    }
}

/* Along an axis within a cell the field is linear: differences from its middle have no error but rounding. */
static void slopes_are_differences_within_a_cell(void)
{
    for (int k = 0; k < CONFIGS; k++) {
        Field *f = field_of(&configs[k]);
        const int *n = configs[k].size;
        for (int cell = 0; cell < (n[0] - 1) * (n[1] - 1) * (n[2] - 1); cell++) {
            const int at[3] = { cell % (n[2] - 1), cell / (n[2] - 1) % (n[1] - 1), cell / (n[2] - 1) / (n[1] - 1) };
            real p[3], raw[7], d[3] = { 1, 0, 0 };
            for (int j = 0; j < 3; j++) p[j] = (real)(2 * (at[j] + 0.3 + 0.2 * j) / (n[2 - j] - 1) - 1);
            field_eval_slope(raw, p, d, f, 1);
            for (int j = 0; j < 3; j++) {
                real q[3] = { p[0], p[1], p[2] }, low[4], high[4];
                const real h = R(0.2) / (real)(n[2 - j] - 1);
                q[j] = p[j] + h;
                field_eval(high, q, d, f, 1, NULL);
                q[j] = p[j] - h;
                field_eval(low, q, d, f, 1, NULL);
                const double slope = ((double)high[0] - (double)low[0]) / (2 * (double)h);
                CHECK_LE(fabs(slope - (double)raw[4 + j]), 300 * (double)REAL_EPS, "config %d, cell %d, axis %d", k, cell, j);
            }
        }
        field_free(f);
    }
}

/* At a node, along each axis: the cell above, but at the last node the one below. */
static void at_a_node_the_cell_above_counts(void)
{
    for (int k = 0; k < CONFIGS; k++) {
        Field *f = field_of(&configs[k]);
        const int *n = configs[k].size;
        for (int i = 0; i < n[0] * n[1] * n[2]; i++) {
            const int at[3] = { i % n[2], i / n[2] % n[1], i / n[2] / n[1] };
            real p[3], raw[7], d[3] = { 0, 0, 1 };
            for (int j = 0; j < 3; j++) p[j] = R(2.0) * (real)at[j] / (real)(n[2 - j] - 1) - R(1.0);
            field_eval_slope(raw, p, d, f, 1);
            for (int j = 0; j < 3; j++) {
                int low[3] = { at[0], at[1], at[2] }, high[3] = { at[0], at[1], at[2] };
                const int count = n[2 - j], exact = ((count - 1) & (count - 2)) == 0;            /* is the node's coordinate a number? */
                if (at[j] == count - 1) low[j]--;
                else high[j]++;
                const real want = (*node(f, high[0], high[1], high[2]) - *node(f, low[0], low[1], low[2])) * (R(0.5) * (real)(count - 1));
                if (exact) CHECK_LE(fabs((double)raw[4 + j] - (double)want), 40 * (double)REAL_EPS, "config %d, node %d, axis %d: %g", k, i, j, (double)want);
            }
        }
        field_free(f);
    }
}

/* Values beside the slope are field_eval's, a gradient without cotangents of the slope is field_pull's, and nothing depends on how many points come at once. */
static void values_and_company_are_the_same(void)
{
    for (int k = 0; k < CONFIGS; k++) {
        Field *f = field_of(&configs[k]);
        real p[3 * P], d[3 * P], raw[7 * P], plain[4 * P], draw[7 * P] = { 0 }, grad[2][THETA_MOST];
        points(p, d);
        field_eval_slope(raw, p, d, f, P);
        field_eval(plain, p, d, f, P, NULL);
        CHECK(memcmp(raw, plain, sizeof plain) == 0, "config %d: values", k);
        rng_normal(draw, (RngAt){ 3, 0, 0, RNG_PROBE }, 4 * P);
        for (int i = 0; i < 2; i++) rng_normal(grad[i], (RngAt){ 3, 1, 0, RNG_PROBE }, f->n);       /* a gradient that is there already */
        field_pull_slope(grad[0], draw, p, d, f, P);
        field_pull(grad[1], draw, p, d, f, P, NULL);
        CHECK(memcmp(grad[0], grad[1], f->n * sizeof(real)) == 0, "config %d: gradient", k);
        rng_normal(draw, (RngAt){ 4, 0, 0, RNG_PROBE }, 7 * P);
        field_pull_slope(grad[0], draw, p, d, f, P);
        for (int i = 0; i < P; i++) {
            real one[3], dir[3], r[7], dr[7];
            for (int j = 0; j < 3; j++) one[j] = p[j * P + i];
            for (int j = 0; j < 3; j++) dir[j] = d[j * P + i];
            for (int j = 0; j < 7; j++) dr[j] = draw[j * P + i];
            field_eval_slope(r, one, dir, f, 1);
            field_pull_slope(grad[1], dr, one, dir, f, 1);
            for (int j = 0; j < 7; j++) CHECK(memcmp(&r[j], &raw[j * P + i], sizeof(real)) == 0, "config %d, point %d alone, plane %d", k, i, j);
        }
        CHECK(memcmp(grad[0], grad[1], f->n * sizeof(real)) == 0, "config %d: gradient point by point", k);
        field_free(f);
    }
}

static void kinds_that_have_one(void)
{
    static const int has[FIELD_KINDS] = { [FIELD_VOXEL] = 1, [FIELD_SH] = 1 };
    for (int kind = 0; kind < FIELD_KINDS; kind++) CHECK(field_has_slope((FieldKind)kind) == has[kind], "%s", field_kind_names[kind]);
}

int main(void)
{
    TEST(a_ramp_has_one_slope);
    TEST(slopes_are_differences_within_a_cell);
    TEST(at_a_node_the_cell_above_counts);
    TEST(values_and_company_are_the_same);
    TEST(kinds_that_have_one);
    return test_end();
}
