/* arrange.c -- joining, cutting, transposing, renaming: every value of y is one value of an input
 *
 * Two kernels do all of it: blocks at one stride copied to blocks at another, and a transpose in tiles. Backward is the same with
 * the sides exchanged and += in place of =.
 */
#include "tensor/arrange.h"

#include "tensor/loop.h"

#include <inttypes.h>
#include <string.h>

static size_t at_most(size_t n, size_t most) { return n < most ? n : most; }

/* ---- blocks: out[k out_step + i] = (or +=) in[k in_step + i], k < count, i < block ---- */

typedef struct { real *out; const real *in; size_t out_step, in_step, block, count; int add; } Blocks;

static void blocks_piece(const void *job, size_t piece)
{
    const Blocks *s = job;
    const size_t first = piece * LOOP_CHUNK, end = loop_end(first, s->block * s->count);
    size_t k = first / s->block, i = first % s->block;
    for (size_t at = first; at < end; k++, i = 0) {
        const size_t n = at_most(s->block - i, end - at);
        real *out = s->out + k * s->out_step + i;
        const real *in = s->in + k * s->in_step + i;
        if (s->add) add_values(out, in, n);
        else memcpy(out, in, n * sizeof(real));
        at += n;
    }
}

static void blocks_run(const Blocks *s)
{
    const size_t n = s->block * s->count;
    if (s->out != NULL && n > 0) loop_run(blocks_piece, s, loop_chunks(n), n);
}

/* x seen as (outer, d[axis], inner). */
static size_t outer_of(Shape s, int axis)
{
    size_t n = 1;
    for (int i = 0; i < axis; i++) n *= (size_t)s.d[i];
    return n;
}
static size_t inner_of(Shape s, int axis)
{
    size_t n = 1;
    for (int i = axis + 1; i < s.nd; i++) n *= (size_t)s.d[i];
    return n;
}

/* ---- concat along the second index ---- */

typedef struct { Tensor *a, *b; size_t na, nb, count; } ConcatSaved;       /* na, nb: values of one image or batch entry */

static void concat_pull(const void *saved, const Tensor *y)
{
    const ConcatSaved *s = saved;
    const size_t step = s->na + s->nb;
    blocks_run(&(Blocks){ s->a->g, y->g,         s->na, step, s->na, s->count, 1 });
    blocks_run(&(Blocks){ s->b->g, y->g + s->na, s->nb, step, s->nb, s->count, 1 });
}

static Tensor *concat(Tape *t, const char *op, Tensor *a, Tensor *b, const char *name)
{
    if (a == NULL || b == NULL) return NULL;
    char sa[64], sb[64];
    int fits = a->s.nd >= 2 && a->s.nd == b->s.nd;
    for (int i = 0; i < a->s.nd && fits; i++) fits = i == 1 || a->s.d[i] == b->s.d[i];
    BUG_IF(!fits, "%s: cannot join %s and %s", name, shape_text(sa, sizeof sa, a->s), shape_text(sb, sizeof sb, b->s));
    Shape shape = a->s;
    shape.d[1] += b->s.d[1];
    const Tensor *const inputs[] = { a, b };
    Tensor *y = tensor_new(t, shape, tape_wants(t, inputs, 2), name);
    if (y == NULL || y->v == NULL) return y;
    const size_t inner = inner_of(shape, 1);
    const ConcatSaved s = { a, b, (size_t)a->s.d[1] * inner, (size_t)b->s.d[1] * inner, (size_t)shape.d[0] };
    blocks_run(&(Blocks){ y->v,        a->v, s.na + s.nb, s.na, s.na, s.count, 0 });
    blocks_run(&(Blocks){ y->v + s.na, b->v, s.na + s.nb, s.nb, s.nb, s.count, 0 });
    tape_record(t, op, concat_pull, &s, sizeof s, y);
    return y;
}

Tensor *op_concat_channels(Tape *t, Tensor *a, Tensor *b, const char *name) { return concat(t, "concat_channels", a, b, name); }
Tensor *op_concat_rows(Tape *t, Tensor *a, Tensor *b, const char *name) { return concat(t, "concat_rows", a, b, name); }

/* ---- a part of one index ---- */

typedef struct { Tensor *x; size_t offset, step, block, count; } CutSaved;

static void cut_pull(const void *saved, const Tensor *y)
{
    const CutSaved *s = saved;
    blocks_run(&(Blocks){ s->x->g + s->offset, y->g, s->step, s->block, s->block, s->count, 1 });
}

static Tensor *cut(Tape *t, const char *op, Tensor *x, int axis, int first, int count, const char *name)
{
    char text[64];
    BUG_IF(first < 0 || count < 0 || first + (int64_t)count > x->s.d[axis], "%s: %d from %d on along side %d of %s", name, count, first,
           axis, shape_text(text, sizeof text, x->s));
    Shape shape = x->s;
    shape.d[axis] = count;
    const Tensor *const inputs[] = { x };
    Tensor *y = tensor_new(t, shape, tape_wants(t, inputs, 1), name);
    if (y == NULL || y->v == NULL) return y;
    const size_t inner = inner_of(x->s, axis);
    const CutSaved s = { x, (size_t)first * inner, (size_t)x->s.d[axis] * inner, (size_t)count * inner, outer_of(x->s, axis) };
    blocks_run(&(Blocks){ y->v, x->v + s.offset, s.block, s.step, s.block, s.count, 0 });
    tape_record(t, op, cut_pull, &s, sizeof s, y);
    return y;
}

Tensor *op_rows(Tape *t, Tensor *x, int first, int count, const char *name)
{
    if (x == NULL) return NULL;
    BUG_IF(x->s.nd != 3, "%s: rows of %d dimensions, expected (B,T,C)", name, x->s.nd);
    return cut(t, "rows", x, 1, first, count, name);
}

Tensor *op_columns(Tape *t, Tensor *x, int first, int count, const char *name)
{
    if (x == NULL) return NULL;
    BUG_IF(x->s.nd < 1, "%s: columns of a scalar", name);
    return cut(t, "columns", x, x->s.nd - 1, first, count, name);
}

/* ---- transpose: out (count, cols, rows) = (or +=) in (count, rows, cols) ---- */

/* TRAP: rows of an image lie a power of two apart and share few cache sets, so a tile is read along its rows, LANES of them at a
 * time, into `lanes`, and written out of it along the columns: no line is fetched twice. A piece is SIDE x SIDE: long runs on
 * both sides. */
enum { LANES = 8, TILE_ROWS = 64, TILE_COLS = 64, SIDE = 128 };

typedef struct { real *out; const real *in; size_t rows, cols, count; int add; } Transpose;

/* out (C, LANES) = transpose of `rows` <= LANES rows of C values, the last one repeated. Compilers make shuffles of this form. */
static void interleave(real *restrict out, const real *restrict in, size_t rows, size_t C, size_t cols)
{
    const real *row[LANES];
    for (size_t k = 0; k < LANES; k++) row[k] = in + at_most(k, rows - 1) * cols;
    for (size_t c = 0; c < C; c++)
        for (size_t k = 0; k < LANES; k++) out[c * LANES + k] = row[k][c];
}

static void transpose_tile(real *out, const real *in, size_t R, size_t C, size_t rows, size_t cols, int add)
{
    real lanes[TILE_ROWS * TILE_COLS], line[TILE_ROWS];
    for (size_t r = 0; r < R; r += LANES) interleave(lanes + r * TILE_COLS, in + r * cols, at_most(R - r, LANES), C, cols);
    for (size_t c = 0; c < C; c++) {
        for (size_t r = 0; r < R; r += LANES) memcpy(line + r, lanes + r * TILE_COLS + c * LANES, LANES * sizeof(real));
        if (add) add_values(out + c * rows, line, R);
        else memcpy(out + c * rows, line, R * sizeof(real));
    }
}

static void transpose_piece(const void *job, size_t piece)
{
    const Transpose *s = job;
    const size_t down = (s->rows + SIDE - 1) / SIDE, across = (s->cols + SIDE - 1) / SIDE, k = piece / (down * across);
    const size_t r0 = piece / across % down * SIDE, r1 = r0 + at_most(s->rows - r0, SIDE);
    const size_t c0 = piece % across * SIDE, c1 = c0 + at_most(s->cols - c0, SIDE);
    real *out = s->out + k * s->rows * s->cols;
    const real *in = s->in + k * s->rows * s->cols;
    for (size_t c = c0; c < c1; c += TILE_COLS)
        for (size_t r = r0; r < r1; r += TILE_ROWS)
            transpose_tile(out + c * s->rows + r, in + r * s->cols + c, at_most(r1 - r, TILE_ROWS), at_most(c1 - c, TILE_COLS),
                           s->rows, s->cols, s->add);
}

static void transpose_run(const Transpose *s)
{
    const size_t down = (s->rows + SIDE - 1) / SIDE, across = (s->cols + SIDE - 1) / SIDE;
    loop_run(transpose_piece, s, s->count * down * across, s->count * s->rows * s->cols);
}

typedef struct { Tensor *x; size_t rows, cols, count; } TransposeSaved;

static void transpose_pull(const void *saved, const Tensor *y)
{
    const TransposeSaved *s = saved;
    transpose_run(&(Transpose){ s->x->g, y->g, s->cols, s->rows, s->count, 1 });
}

/* x seen as (count, rows, cols); y has shape `shape`. */
static Tensor *transposed(Tape *t, const char *op, Tensor *x, Shape shape, int64_t rows, int64_t cols, const char *name)
{
    const Tensor *const inputs[] = { x };
    Tensor *y = tensor_new(t, shape, tape_wants(t, inputs, 1), name);
    if (y == NULL || y->v == NULL) return y;
    const TransposeSaved s = { x, (size_t)rows, (size_t)cols, (size_t)x->s.d[0] };
    transpose_run(&(Transpose){ y->v, x->v, s.rows, s.cols, s.count, 0 });
    tape_record(t, op, transpose_pull, &s, sizeof s, y);
    return y;
}

Tensor *op_to_tokens(Tape *t, Tensor *x, const char *name)
{
    if (x == NULL) return NULL;
    BUG_IF(x->s.nd != 4, "%s: tokens of %d dimensions, expected (N,C,H,W)", name, x->s.nd);
    const int64_t C = x->s.d[1], P = x->s.d[2] * x->s.d[3];
    return transposed(t, "to_tokens", x, (Shape){ 3, { x->s.d[0], P, C } }, C, P, name);
}

Tensor *op_to_image(Tape *t, Tensor *x, int h, int w, const char *name)
{
    if (x == NULL) return NULL;
    char text[64];
    BUG_IF(x->s.nd != 3 || x->s.d[1] != (int64_t)h * w, "%s: an image of %d x %d from %s, expected (N,HW,C)", name, h, w,
           shape_text(text, sizeof text, x->s));
    const int64_t C = x->s.d[2];
    return transposed(t, "to_image", x, (Shape){ 4, { x->s.d[0], C, h, w } }, x->s.d[1], C, name);
}

Tensor *op_swap_last(Tape *t, Tensor *x, const char *name)
{
    if (x == NULL) return NULL;
    BUG_IF(x->s.nd != 3, "%s: %d dimensions, expected (N,A,B)", name, x->s.nd);
    const int64_t A = x->s.d[1], B = x->s.d[2];
    return transposed(t, "swap_last", x, (Shape){ 3, { x->s.d[0], B, A } }, A, B, name);
}

/* ---- another shape; one row of each ---- */

Tensor *op_reshape(Tape *t, Tensor *x, Shape s, const char *name)
{
    if (x == NULL) return NULL;
    char from[64], to[64];
    BUG_IF(shape_count(s) != x->n, "%s: %s cannot be seen as %s", name, shape_text(from, sizeof from, x->s),
           shape_text(to, sizeof to, s));
    const Tensor *const inputs[] = { x };
    return tensor_view(t, s, x->v, tape_wants(t, inputs, 1) ? x->g : NULL, name);
}

typedef struct { Tensor *x; int *row; } PickSaved;

static void pick_rows_pull(const void *saved, const Tensor *y)
{
    const PickSaved *s = saved;
    const size_t T = (size_t)s->x->s.d[1], C = (size_t)s->x->s.d[2];
    for (size_t b = 0; b < (size_t)y->s.d[0]; b++) add_values(s->x->g + (b * T + (size_t)s->row[b]) * C, y->g + b * C, C);
}

Tensor *op_pick_rows(Tape *t, Tensor *x, const int *row, const char *name)
{
    if (x == NULL) return NULL;
    BUG_IF(x->s.nd != 3, "%s: rows of %d dimensions, expected (B,T,C)", name, x->s.nd);
    const size_t B = (size_t)x->s.d[0], T = (size_t)x->s.d[1], C = (size_t)x->s.d[2];
    const Tensor *const inputs[] = { x };
    Tensor *y = tensor_new(t, (Shape){ 2, { x->s.d[0], x->s.d[2] } }, tape_wants(t, inputs, 1), name);
    if (y == NULL || y->v == NULL) return y;
    for (size_t b = 0; b < B; b++) {
        BUG_IF(row[b] < 0 || row[b] >= x->s.d[1], "%s: row %d of %" PRId64, name, row[b], x->s.d[1]);
        memcpy(y->v + b * C, x->v + (b * T + (size_t)row[b]) * C, C * sizeof(real));
    }
    if (y->g == NULL) return y;
    int *kept = (int *)(void *)tape_raw(t, B * sizeof(int) / sizeof(real) + 1, name);
    if (kept == NULL) return NULL;
    memcpy(kept, row, B * sizeof(int));
    tape_record(t, "pick_rows", pick_rows_pull, &(PickSaved){ x, kept }, sizeof(PickSaved), y);
    return y;
}
