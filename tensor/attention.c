/* attention.c -- softmax attention in panels of queries
 *
 * Method. The lanes of a vector are queries: GEMM_NR of one head make a panel. With K packed once for each head as panels of
 * ROWS keys, tiles (gemm_tile.h) of S^T = K Q^T fill a buffer (keys, GEMM_NR); scale, maximum, exp and sum go down its
 * columns; and as it stands it is the right-hand panel of O^T = V^T E, with V packed once as panels of ROWS columns. Nothing is
 * copied in between, and the buffer of one panel (4096 keys: 512 KB) stays in the second-level cache.
 * Lanes and rows that do not exist are 0 and thrown away. Threads: workers take every workers-th panel of a group of heads.
 *
 * The way back recomputes e the same way, makes P and dS in two such buffers, and uses dS as it stands for dQ^T += K^T dS.
 * dV^T += dO^T P and dK^T += Q^T dS sum over queries: their right-hand panels are blocks of GEMM_NR keys of P and dS, transposed.
 * Panels of queries are taken in ascending order, so the chains over queries go on from panel to panel.
 */
#include "tensor/attention.h"

#include "tensor/elem.h"
#include "tensor/gemm_tile.h"
#include "tensor/loop.h"

#include <string.h>

/* ---- panels ---- */

enum { ROWS = GEMM_MR == 14 ? 8 : GEMM_MR };            /* of a tile: most heads have a multiple of 8 columns */

typedef struct { int B, Tq, Tk, C, heads, d, causal; real scale; } Sizes;

static int smaller(int a, int b) { return a < b ? a : b; }
static int panels_of(int lanes, int width) { return (lanes + width - 1) / width; }
static int padded(int lanes, int width) { return panels_of(lanes, width) * width; }

/* to (cols, rows) = from (rows, cols) transposed: in strips of registers, and in squares of 4, which compilers make shuffles */
static void transpose(real *restrict to, const real *restrict from, ptrdiff_t to_row, ptrdiff_t from_row, int rows, int cols)
{
    for (int c = 0; c < cols; c += 4) {
        const int h = smaller(4, cols - c);
        int r = 0;
#ifdef TRANSPOSE_ROWS
        for (; h == 4 && rows - r >= TRANSPOSE_ROWS; r += TRANSPOSE_ROWS)
            transpose_strip(to + c * to_row + r, to_row, from + r * from_row + c, from_row);
#endif
        for (; r < rows; r += 4) {
            const int w = smaller(4, rows - r);
            real *t = to + c * to_row + r;
            const real *f = from + r * from_row + c;
            if (h == 4 && w == 4) {
                for (int i = 0; i < 4; i++)
                    for (int j = 0; j < 4; j++) t[i * to_row + j] = f[j * from_row + i];
            } else {
                for (int i = 0; i < h; i++)
                    for (int j = 0; j < w; j++) t[i * to_row + j] = f[j * from_row + i];
            }
        }
    }
}

/* panel (d, width): the rows of x (rows, d), C apart, as lanes; the lanes after them are 0 */
static void pack_lanes(real *panel, const real *x, int width, int rows, int C, int d)
{
    if (rows < width) memset(panel, 0, (size_t)(width * d) * sizeof(real));
    transpose(panel, x, width, C, smaller(rows, width), d);
}

/* Rows j0 .. j1 of x (T, d), rows C apart, j0 on a panel's edge: panels of rows, (panels, d, ROWS). */
static void pack_rows(real *to, const real *x, int j0, int j1, int C, int d)
{
    for (int j = j0; j < j1; j += ROWS) pack_lanes(to + (ptrdiff_t)j * d, x + (ptrdiff_t)j * C, ROWS, j1 - j, C, d);
}

/* The same rows in panels of columns, (panels, T, ROWS). */
static void pack_columns(real *to, const real *x, int j0, int j1, int T, int C, int d)
{
    for (int c = 0; c < d; c += ROWS) {
        const int lanes = smaller(ROWS, d - c);
        for (int j = j0; j < j1; j++) {
            real *panel = to + (ptrdiff_t)c * T + j * ROWS;
            const real *row = x + (ptrdiff_t)j * C + c;
            if (lanes < ROWS) memset(panel, 0, ROWS * sizeof(real));
            if (lanes == ROWS) memcpy(panel, row, ROWS * sizeof(real));
            else memcpy(panel, row, (size_t)lanes * sizeof(real));
        }
    }
}

/* c (rows, GEMM_NR) += A b, A (rows, depth) as panels of rows, b (depth, GEMM_NR); rows in whole panels. */
static void product(real *c, const real *a, const real *b, int rows, int depth)
{
    for (int i = 0; i < rows; i += ROWS) gemm_tile(c + i * GEMM_NR, a + (ptrdiff_t)i * depth, b, GEMM_NR, ROWS, depth);
}

/* A whole tile of scores, scaled, into the maxima. Lane by lane, so that a maximum stays in its register. */
static void scale_tile(real *restrict s, real *restrict most, real scale)
{
    for (int l = 0; l < GEMM_NR; l++) {
        real top = most[l];
        for (int row = 0; row < ROWS; row++) {
            const real x = scale * s[row * GEMM_NR + l];
            s[row * GEMM_NR + l] = x;
            top = x > top ? x : top;
        }
        most[l] = top;
    }
}

/* e (Tk, GEMM_NR): the scaled scores of queries i0 ..; their maxima. */
static void scores(real *e, real *most, const real *keys, const real *queries, const Sizes *z, int i0)
{
    int last[GEMM_NR];                                                   /* the last key that takes part */
    for (int l = 0; l < GEMM_NR; l++) {
        last[l] = z->causal ? i0 + l : z->Tk;
        most[l] = -(real)INFINITY;
    }
    for (int j = 0; j < z->Tk; j += ROWS) {
        real *s = e + (ptrdiff_t)j * GEMM_NR;
        memset(s, 0, ROWS * GEMM_NR * sizeof(real));
        product(s, keys + (ptrdiff_t)j * z->d, queries, ROWS, z->d);
        if (!z->causal && z->Tk - j >= ROWS) {
            scale_tile(s, most, z->scale);
            continue;
        }
        for (int row = 0; row < smaller(ROWS, z->Tk - j); row++) {
            for (int l = 0; l < GEMM_NR; l++) {
                real x = z->scale * s[row * GEMM_NR + l];
                x = j + row > last[l] ? -(real)INFINITY : x;
                s[row * GEMM_NR + l] = x;
                most[l] = x > most[l] ? x : most[l];
            }
        }
    }
}

/* p[0] = sum of the 16 rows by the tree of sum.h */
static void tree(real p[16][GEMM_NR])
{
    for (int half = 8; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            for (int l = 0; l < GEMM_NR; l++) p[j][l] += p[j + half][l];
}

/* e = exp(e - most), Z = sum16 down each column */
static void exponentials(real *restrict e, real *restrict Z, const real *restrict most, int Tk)
{
    real p[16][GEMM_NR] = { { 0 } };
    for (int j = 0; j < Tk; j++) {
        for (int l = 0; l < GEMM_NR; l++) {
            const real x = r_exp(e[(ptrdiff_t)j * GEMM_NR + l] - most[l]);
            e[(ptrdiff_t)j * GEMM_NR + l] = x;
            p[j % 16][l] += x;
        }
    }
    tree(p);
    memcpy(Z, p[0], sizeof p[0]);
}

/* ---- forward ---- */

typedef struct {
    Sizes z;
    real *y;
    const real *q, *k, *v;
    int first, count, workers;                          /* the heads of this group, of B heads in all */
    real *keys, *columns, *own;                         /* K packed by rows, V by columns, for each head; for each worker */
    size_t keys_size, columns_size, own_size;
} Forward;

enum { PACK_ROWS = 16 * ROWS, GROUP = 1 << 22 };     /* keys packed at a time; reals packed for one group of heads */

static ptrdiff_t head_at(const Sizes *z, int r, int T) { return (ptrdiff_t)(r / z->heads) * T * z->C + r % z->heads * z->d; }

static void forward_pack(const void *job, size_t piece)
{
    const Forward *f = job;
    const Sizes *z = &f->z;
    const int pieces = panels_of(z->Tk, PACK_ROWS), r = (int)piece / pieces;
    const int j0 = (int)piece % pieces * PACK_ROWS, j1 = smaller(j0 + PACK_ROWS, z->Tk);
    const ptrdiff_t at = head_at(z, f->first + r, z->Tk);
    pack_rows(f->keys + (size_t)r * f->keys_size, f->k + at, j0, j1, z->C, z->d);
    pack_columns(f->columns + (size_t)r * f->columns_size, f->v + at, j0, j1, z->Tk, z->C, z->d);
}

static void forward_panel(const Forward *f, int r, int i0, real *own)
{
    const Sizes *z = &f->z;
    const int d_up = padded(z->d, ROWS), queries = smaller(GEMM_NR, z->Tq - i0);
    const ptrdiff_t at = head_at(z, f->first + r, z->Tq) + (ptrdiff_t)i0 * z->C;
    real *q = own, *o = q + z->d * GEMM_NR, *e = o + d_up * GEMM_NR, most[GEMM_NR], Z[GEMM_NR];
    pack_lanes(q, f->q + at, GEMM_NR, queries, z->C, z->d);
    scores(e, most, f->keys + (size_t)r * f->keys_size, q, z, i0);
    exponentials(e, Z, most, z->Tk);
    memset(o, 0, (size_t)(d_up * GEMM_NR) * sizeof(real));
    product(o, f->columns + (size_t)r * f->columns_size, e, d_up, z->Tk);
    for (int c = 0; c < z->d; c++)
        for (int l = 0; l < GEMM_NR; l++) o[c * GEMM_NR + l] /= Z[l];
    transpose(f->y + at, o, z->C, GEMM_NR, z->d, queries);
}

static void forward_work(const void *job, size_t worker)
{
    const Forward *f = job;
    const int panels = panels_of(f->z.Tq, GEMM_NR);
    for (int task = (int)worker; task < f->count * panels; task += f->workers)
        forward_panel(f, task / panels, task % panels * GEMM_NR, f->own + worker * f->own_size);
}

static int forward(Tape *t, Forward *f, const char *name)
{
    const Sizes *z = &f->z;
    const size_t up_keys = (size_t)padded(z->Tk, ROWS), up_d = (size_t)padded(z->d, ROWS), d = (size_t)z->d, Tk = (size_t)z->Tk;
    const int all = z->B * z->heads;
    f->keys_size = up_keys * d;
    f->columns_size = up_d * Tk;
    f->own_size = (d + up_d + up_keys) * GEMM_NR;
    const size_t each = f->keys_size + f->columns_size;
    const int group = each * (size_t)all <= GROUP ? all : (int)(GROUP / each) + 1;
    f->workers = smaller(par_threads(), group * panels_of(z->Tq, GEMM_NR));
    const size_t mark = tape_mark(t);
    f->keys = tape_raw(t, (size_t)group * f->keys_size, name);
    f->columns = tape_raw(t, (size_t)group * f->columns_size, name);
    f->own = tape_raw(t, (size_t)f->workers * f->own_size, name);
    if (tape_failed(t)) return -1;
    for (f->first = 0; f->first < all; f->first += group) {
        f->count = smaller(group, all - f->first);
        const size_t n = (size_t)f->count * d * Tk;
        loop_run(forward_pack, f, (size_t)(f->count * panels_of(z->Tk, PACK_ROWS)), n);
        loop_run(forward_work, f, (size_t)f->workers, n * (size_t)z->Tq / 8);
    }
    tape_rewind(t, mark);
    return 0;
}

/* ---- backward ---- */

typedef struct {
    Sizes z;
    real *dq, *dk, *dv;                                 /* NULL: not wanted */
    const real *dy, *q, *k, *v;
    int workers;
    real *own;
    size_t own_size;
} Backward;

/* What one worker holds. up_: rounded up to whole panels; blocks: of GEMM_NR keys. */
typedef struct {
    real *keys, *values, *key_columns;                  /* (up_Tk, d) by rows, twice; K (up_d, Tk) by columns */
    real *dk, *dv;                                      /* (blocks, up_d, GEMM_NR): the sums of dK^T and dV^T */
    real *q, *dy, *q_columns, *dy_columns, *dq;         /* of a panel: (d, GEMM_NR), by columns (up_d, GEMM_NR); dQ^T */
    real *p, *ds, *block;                               /* (up_Tk, GEMM_NR) twice, (GEMM_NR, GEMM_NR) */
} Own;

/* Cuts one worker's part; gives its size in reals. With own == NULL only that. */
static size_t own_cut(Own *o, real *own, const Sizes *z)
{
    const size_t up_keys = (size_t)padded(z->Tk, ROWS), up_d = (size_t)padded(z->d, ROWS), d = (size_t)z->d;
    const size_t sums = (size_t)padded(z->Tk, GEMM_NR) * up_d;
    real **const parts[] = { &o->keys, &o->values, &o->key_columns, &o->dk, &o->dv, &o->q, &o->dy, &o->q_columns, &o->dy_columns,
                             &o->dq, &o->p, &o->ds, &o->block };
    const size_t sizes[] = { up_keys * d, up_keys * d, up_d * (size_t)z->Tk, sums, sums, d * GEMM_NR, d * GEMM_NR, up_d * GEMM_NR,
                             up_d * GEMM_NR, up_d * GEMM_NR, up_keys * GEMM_NR, up_keys * GEMM_NR, GEMM_NR * GEMM_NR };
    size_t at = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        *parts[i] = own == NULL ? NULL : own + at;
        at += (sizes[i] + 15) / 16 * 16;
    }
    return at;
}

/* p = e / Z, D = dot16(p, dp) down each column, ds = p (dp - D) scale */
static void softmax_pull(real *restrict p, real *restrict ds, const real *restrict Z, real scale, int Tk)
{
    real D[16][GEMM_NR] = { { 0 } };
    for (int j = 0; j < Tk; j++) {
        for (int l = 0; l < GEMM_NR; l++) {
            const ptrdiff_t at = (ptrdiff_t)j * GEMM_NR + l;
            p[at] = p[at] / Z[l];
            D[j % 16][l] = r_fma(p[at], ds[at], D[j % 16][l]);
        }
    }
    tree(D);
    for (int j = 0; j < Tk; j++) {
        for (int l = 0; l < GEMM_NR; l++) {
            const ptrdiff_t at = (ptrdiff_t)j * GEMM_NR + l;
            ds[at] = p[at] * (ds[at] - D[0][l]) * scale;
        }
    }
}

/* sums (blocks, up_d, GEMM_NR) += columns (up_d, queries) of q or dy, times p or ds (Tk, GEMM_NR) transposed */
static void sum_over_queries(real *sums, const real *columns, const real *p, real *block, const Sizes *z, int queries)
{
    const int up_d = padded(z->d, ROWS);
    for (int j = 0; j < z->Tk; j += GEMM_NR) {
        pack_lanes(block, p + (ptrdiff_t)j * GEMM_NR, GEMM_NR, z->Tk - j, GEMM_NR, queries);
        product(sums + (ptrdiff_t)j * up_d, columns, block, up_d, queries);
    }
}

static void backward_panel(const Backward *f, const Own *o, int i0, ptrdiff_t at)
{
    const Sizes *z = &f->z;
    const int up_keys = padded(z->Tk, ROWS), up_d = padded(z->d, ROWS), queries = smaller(GEMM_NR, z->Tq - i0);
    real most[GEMM_NR], Z[GEMM_NR];
    pack_lanes(o->q, f->q + at, GEMM_NR, queries, z->C, z->d);
    pack_lanes(o->dy, f->dy + at, GEMM_NR, queries, z->C, z->d);
    scores(o->p, most, o->keys, o->q, z, i0);
    exponentials(o->p, Z, most, z->Tk);
    memset(o->ds, 0, (size_t)(up_keys * GEMM_NR) * sizeof(real));
    product(o->ds, o->values, o->dy, up_keys, z->d);
    softmax_pull(o->p, o->ds, Z, z->scale, z->Tk);
    if (f->dq != NULL) {
        memset(o->dq, 0, (size_t)(up_d * GEMM_NR) * sizeof(real));
        transpose(o->dq, f->dq + at, GEMM_NR, z->C, queries, z->d);
        product(o->dq, o->key_columns, o->ds, up_d, z->Tk);
        transpose(f->dq + at, o->dq, z->C, GEMM_NR, z->d, queries);
    }
    if (f->dk != NULL) {
        pack_columns(o->q_columns, f->q + at, 0, queries, queries, z->C, z->d);
        sum_over_queries(o->dk, o->q_columns, o->ds, o->block, z, queries);
    }
    if (f->dv != NULL) {
        pack_columns(o->dy_columns, f->dy + at, 0, queries, queries, z->C, z->d);
        sum_over_queries(o->dv, o->dy_columns, o->p, o->block, z, queries);
    }
}

/* x (Tk, d), rows C apart, to sums (blocks, up_d, GEMM_NR), or back. */
static void sums_start(real *sums, const real *x, const Sizes *z)
{
    const int up_d = padded(z->d, ROWS);
    memset(sums, 0, (size_t)padded(z->Tk, GEMM_NR) * (size_t)up_d * sizeof(real));
    for (int j = 0; j < z->Tk; j += GEMM_NR)
        transpose(sums + (ptrdiff_t)j * up_d, x + (ptrdiff_t)j * z->C, GEMM_NR, z->C, smaller(GEMM_NR, z->Tk - j), z->d);
}
static void sums_end(real *x, const real *sums, const Sizes *z)
{
    const int up_d = padded(z->d, ROWS);
    for (int j = 0; j < z->Tk; j += GEMM_NR)
        transpose(x + (ptrdiff_t)j * z->C, sums + (ptrdiff_t)j * up_d, z->C, GEMM_NR, z->d, smaller(GEMM_NR, z->Tk - j));
}

static void backward_work(const void *job, size_t worker)
{
    const Backward *f = job;
    const Sizes *z = &f->z;
    Own o;
    own_cut(&o, f->own + worker * f->own_size, z);
    for (int r = (int)worker; r < z->B * z->heads; r += f->workers) {
        const ptrdiff_t at_q = head_at(z, r, z->Tq), at_k = head_at(z, r, z->Tk);
        pack_rows(o.keys, f->k + at_k, 0, z->Tk, z->C, z->d);
        pack_rows(o.values, f->v + at_k, 0, z->Tk, z->C, z->d);
        if (f->dq != NULL) pack_columns(o.key_columns, f->k + at_k, 0, z->Tk, z->Tk, z->C, z->d);
        if (f->dk != NULL) sums_start(o.dk, f->dk + at_k, z);
        if (f->dv != NULL) sums_start(o.dv, f->dv + at_k, z);
        for (int i = 0; i < z->Tq; i += GEMM_NR) backward_panel(f, &o, i, at_q + (ptrdiff_t)i * z->C);
        if (f->dk != NULL) sums_end(f->dk + at_k, o.dk, z);
        if (f->dv != NULL) sums_end(f->dv + at_k, o.dv, z);
    }
}

/* ---- the operation ---- */

typedef struct { Tape *t; Tensor *q, *k, *v; Sizes z; } AttentionSaved;

static void attention_pull(const void *saved, const Tensor *y)
{
    const AttentionSaved *s = saved;
    const Sizes *z = &s->z;
    Backward f = { .z = *z, .dq = s->q->g, .dk = s->k->g, .dv = s->v->g, .dy = y->g, .q = s->q->v, .k = s->k->v, .v = s->v->v };
    Own unused;
    f.workers = smaller(par_threads(), z->B * z->heads);
    f.own_size = own_cut(&unused, NULL, z);
    const size_t mark = tape_mark(s->t);
    f.own = tape_raw(s->t, (size_t)f.workers * f.own_size, y->name);
    if (f.own == NULL) return;
    loop_run(backward_work, &f, (size_t)f.workers, s->q->n * (size_t)z->Tk / 4);
    tape_rewind(s->t, mark);
}

Tensor *op_attention(Tape *t, Tensor *q, Tensor *k, Tensor *v, int heads, real scale, int causal, const char *name)
{
    if (q == NULL || k == NULL || v == NULL) return NULL;
    char sq[64], sk[64], sv[64];
    BUG_IF(q->s.nd != 3 || k->s.nd != 3 || q->s.d[0] != k->s.d[0] || q->s.d[2] != k->s.d[2] || !shape_equal(k->s, v->s) ||
           (causal && q->s.d[1] != k->s.d[1]), "%s: q is %s, k is %s, v is %s", name, shape_text(sq, sizeof sq, q->s),
           shape_text(sk, sizeof sk, k->s), shape_text(sv, sizeof sv, v->s));
    BUG_IF(heads < 1 || q->s.d[2] % heads != 0, "%s: %d heads for %s", name, heads, shape_text(sq, sizeof sq, q->s));
    const Tensor *const inputs[] = { q, k, v };
    const int wants = tape_wants(t, inputs, 3);
    BUG_IF(wants && ((q->g != NULL && (q->g == k->g || q->g == v->g)) || (k->g != NULL && k->g == v->g)),
           "%s: two of q, k, v are one tensor, whose gradient cannot be two sums", name);
    Tensor *y = tensor_new(t, q->s, wants, name);
    if (y == NULL || y->v == NULL) return y;
    const int B = (int)q->s.d[0], C = (int)q->s.d[2];
    const Sizes z = { B, (int)q->s.d[1], (int)k->s.d[1], C, heads, C / heads, causal, scale };
    Forward f = { .z = z, .y = y->v, .q = q->v, .k = k->v, .v = v->v };
    if (forward(t, &f, name) != 0) return NULL;
    tape_record(t, "attention", attention_pull, &(AttentionSaved){ t, q, k, v, z }, sizeof(AttentionSaved), y);
    return y;
}
