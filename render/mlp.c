/* mlp.c -- mlp.h as products in the tile of gemm_tile.h, bit for bit mlp_plain.c
 *
 * Forward, W X: lanes are points; some rows of W at a time, transposed, meet all panels. Back to the input, W^T dY: lanes are points, W in place.
 * Back to W, dY X^T: lanes are inputs, depth is points, so X and dY are transposed, a square at a time. A panel with fewer points than lanes is
 * copied into one that is full.
 */
#include "render/mlp.h"

#include "tensor/gemm.h"
#include "tensor/gemm_tile.h"
#include "tensor/rng.h"

#include <string.h>

enum { LANES = MLP_LANES };

static size_t layer_count(const Mlp *m, int l) { return (size_t)m->width[l + 1] * (size_t)(m->width[l] + 1); }

size_t mlp_count(const Mlp *m)
{
    size_t n = 0;
    for (int l = 0; l < m->layers; l++) n += layer_count(m, l);
    return n;
}

size_t mlp_kept(const Mlp *m)
{
    size_t n = 0;
    for (int l = 0; l < m->layers; l++) n += (size_t)m->width[l];
    return n;
}

void mlp_start(real *theta, const Mlp *m, uint64_t seed, uint32_t view)
{
    for (int l = 0; l < m->layers; l++) {
        const size_t weights = (size_t)m->width[l + 1] * (size_t)m->width[l], n = layer_count(m, l);
        const real bound = r_sqrt(R(6.0) / (real)m->width[l]);
        rng_uniform(theta, (RngAt){ seed, view + (uint32_t)l, 0, RNG_INIT }, weights);
        for (size_t i = 0; i < weights; i++) theta[i] = bound * (R(2.0) * theta[i] - R(1.0));
        for (size_t i = weights; i < n; i++) theta[i] = 0;
        theta += n;
    }
}

int mlp_parts(FieldPart *part, const Mlp *m, size_t at)
{
    static const char *const names[2 * MLP_LAYERS] = { "w1", "b1", "w2", "b2", "w3", "b3", "w4", "b4", "w5", "b5", "w6", "b6", "w7", "b7", "w8", "b8", "w9", "b9" };
    for (int l = 0; l < m->layers; l++) {
        const int in = m->width[l], out = m->width[l + 1];
        part[2 * l] = (FieldPart){ names[2 * l], at, (Shape){ 2, { out, in } } };
        part[2 * l + 1] = (FieldPart){ names[2 * l + 1], at + (size_t)out * (size_t)in, (Shape){ 1, { out } } };
        at += layer_count(m, l);
    }
    return 2 * m->layers;
}

/* c (rows, LANES) += a (depth, rows) b (depth, LANES), rows of each c_row, a_row, b_row apart: tiles of equal height, but for one row */
static void product(real *c, ptrdiff_t c_row, const real *a, ptrdiff_t a_row, const real *b, ptrdiff_t b_row, int rows, int depth)
{
    const int tiles = (rows + GEMM_MR - 1) / GEMM_MR;
    for (int u = 0; u < tiles; u++) {
        const int i = rows * u / tiles, end = rows * (u + 1) / tiles;
        for (int j = 0; j < LANES; j += GEMM_NR) gemm_tile_rows(c + i * c_row + j, c_row, a + i, a_row, b + j, b_row, end - i, depth);
    }
}

/* to (k, LANES) = from (k,n), rows from_row apart; lanes that do not exist are 0 */
static void widen(real *to, const real *from, ptrdiff_t from_row, int k, int n)
{
    memset(to, 0, (size_t)k * LANES * sizeof(real));
    for (int i = 0; i < k; i++) memcpy(to + i * LANES, from + i * from_row, (size_t)n * sizeof(real));
}

/* ---- forward ---- */

/* y (rows, LANES) of x (in, LANES); turned (in, rows): rows of W, transposed */
static void rows_eval(real *y, ptrdiff_t y_row, const real *x, const real *turned, const real *b, int in, int rows, int relu)
{
    for (int j = 0; j < rows; j++)
        for (int i = 0; i < LANES; i++) y[j * y_row + i] = b[j];
    for (int i = 0; i < LANES; i += GEMM_NR) gemm_tile_rows(y + i, y_row, turned, rows, x + i, LANES, rows, in);
    for (int j = 0; j < rows && relu; j++)
        for (int i = 0; i < LANES; i++) y[j * y_row + i] = y[j * y_row + i] < R(0.0) ? R(0.0) : y[j * y_row + i];
}

/* The same with n < LANES points */
static void rows_eval_few(real *y, ptrdiff_t y_row, const real *x, const real *turned, const real *b, int in, int rows, int relu, int n)
{
    real full_x[MLP_WIDTH * LANES], full_y[GEMM_MR * LANES];
    widen(full_x, x, n, in, n);
    rows_eval(full_y, LANES, full_x, turned, b, in, rows, relu);
    for (int j = 0; j < rows; j++) memcpy(y + j * y_row, full_y + j * LANES, (size_t)n * sizeof(real));
}

void mlp_eval(real *raw, real *kept, const real *theta, const Mlp *m, int P)
{
    real turned[MLP_WIDTH * GEMM_MR];
    const size_t one = mlp_kept(m);
    int at = 0;                                                        /* of layer l's input in a panel */
    for (int l = 0; l < m->layers; l++) {
        const int in = m->width[l], out = m->width[l + 1], last = l + 1 == m->layers, tiles = (out + GEMM_MR - 1) / GEMM_MR;
        const real *b = theta + out * in;
        for (int u = 0; u < tiles; u++) {
            const int j = out * u / tiles, rows = out * (u + 1) / tiles - j;
            gemm_transpose(turned, rows, theta + j * in, in, rows, in);
            for (int i = 0; i < P; i += LANES) {
                const int n = mlp_panel(i, P);
                const real *x = kept + (size_t)i * one + at * n;
                real *y = last ? raw + j * P + i : kept + (size_t)i * one + (at + in + j) * n;
                if (n == LANES) rows_eval(y, last ? P : LANES, x, turned, b + j, in, rows, !last);
                else rows_eval_few(y, last ? P : n, x, turned, b + j, in, rows, !last, n);
            }
        }
        at += in;
        theta += layer_count(m, l);
    }
}

/* ---- back ---- */

/* to (n, LANES) = transpose of from (k,n), rows from_row apart, k <= LANES; the rest is 0 */
static void turn(real *to, const real *from, ptrdiff_t from_row, int k, int n)
{
    if (k < LANES) memset(to, 0, (size_t)n * LANES * sizeof(real));
    gemm_transpose(to, LANES, from, from_row, k, n);
}

/* dw (rows,lanes), rows `in` apart, += dy x^T, both turned (n, LANES) */
static void square_pull(real *dw, int in, const real *dy, const real *x, int rows, int lanes, int n)
{
    real edge[LANES * LANES];
    if (lanes == LANES) {
        product(dw, in, dy, LANES, x, LANES, rows, n);
        return;
    }
    widen(edge, dw, in, rows, lanes);
    product(edge, LANES, dy, LANES, x, LANES, rows, n);
    for (int j = 0; j < rows; j++) memcpy(dw + j * in, edge + j * LANES, (size_t)lanes * sizeof(real));
}

/* dw (out,in) += dy x^T, and behind it db += dy */
static void weights_pull(real *dw, const real *dy, ptrdiff_t dy_row, const real *x, int in, int out, int n)
{
    real turned_x[LANES * LANES], turned_dy[LANES * LANES];
    real *db = dw + out * in;
    for (int i = 0; i < in; i += LANES) {
        const int lanes = in - i < LANES ? in - i : LANES;
        turn(turned_x, x + i * n, n, lanes, n);
        for (int j = 0; j < out; j += LANES) {
            const int rows = out - j < LANES ? out - j : LANES;
            turn(turned_dy, dy + j * dy_row, dy_row, rows, n);
            square_pull(dw + j * in + i, in, turned_dy, turned_x, rows, lanes, n);
            if (i > 0) continue;
            for (int p = 0; p < n; p++)
                for (int k = 0; k < rows; k++) db[j + k] += turned_dy[p * LANES + k];
        }
    }
}

/* x (in,n) = its cotangent dx (in, LANES); relu: x is the output of one. */
static inline void through_relu(real *restrict x, const real *restrict dx, int in, int relu, int n)
{
    for (int i = 0; i < in; i++)
        for (int p = 0; p < n; p++) {
            const real d = dx[i * LANES + p];
            x[i * n + p] = !relu || x[i * n + p] > R(0.0) ? d : R(0.0);
        }
}

static void input_pull(real *x, const real *dy, ptrdiff_t dy_row, const real *w, int in, int out, int relu, int n)
{
    real dx[MLP_WIDTH * LANES], full[MLP_WIDTH * LANES];
    if (n < LANES) widen(full, dy, dy_row, out, n);
    memset(dx, 0, (size_t)in * LANES * sizeof(real));
    product(dx, LANES, w, in, n < LANES ? full : dy, n < LANES ? LANES : dy_row, in, out);
    if (n == LANES) through_relu(x, dx, in, relu, LANES);              /* as a constant */
    else through_relu(x, dx, in, relu, n);
}

static void panel_pull(real *dtheta, const real *draw, ptrdiff_t draw_row, real *kept, const real *theta, const Mlp *m, int n)
{
    size_t at = mlp_count(m);
    real *x = kept + mlp_kept(m) * (size_t)n;
    const real *dy = draw;
    ptrdiff_t dy_row = draw_row;
    for (int l = m->layers - 1; l >= 0; l--) {
        const int in = m->width[l], out = m->width[l + 1];
        at -= layer_count(m, l);
        x -= in * n;
        weights_pull(dtheta + at, dy, dy_row, x, in, out, n);
        input_pull(x, dy, dy_row, theta + at, in, out, l > 0, n);
        dy = x;
        dy_row = n;
    }
}

void mlp_pull(real *dtheta, const real *draw, real *kept, const real *theta, const Mlp *m, int P)
{
    for (int i = 0; i < P; i += LANES) panel_pull(dtheta, draw + i, P, kept + (size_t)i * mlp_kept(m), theta, m, mlp_panel(i, P));
}
