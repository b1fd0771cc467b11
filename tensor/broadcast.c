/* broadcast.c -- one array along some sides of another: biases, embeddings, means over rows; orders of sums: arrange.h */
#include "tensor/arrange.h"

#include "tensor/loop.h"
#include "tensor/sum.h"

#include <inttypes.h>
#include <string.h>

/* The gradient of w if this tape is to give it one. */
static real *weight_gradient(const Tape *t, const Weight *w) { return tape_is_recording(t) ? w->g : NULL; }

/* ---- a value, or a scale and a shift, for each channel of each image ---- */

typedef struct { Tensor *x, *e; real *y; size_t channels, positions; } ChannelsSaved;      /* y: values; its gradient going back */

static void add_channels_plane(const void *job, size_t plane)
{
    const ChannelsSaved *s = job;
    const real *restrict x = s->x->v + plane * s->positions;
    real *restrict y = s->y + plane * s->positions;
    const real b = s->e->v[plane];
    for (size_t i = 0; i < s->positions; i++) y[i] = x[i] + b;
}

static void add_channels_plane_pull(const void *job, size_t plane)
{
    const ChannelsSaved *s = job;
    const real *dy = s->y + plane * s->positions;
    if (s->e->g != NULL) s->e->g[plane] += sum16(dy, s->positions);
    if (s->x->g != NULL) add_values(s->x->g + plane * s->positions, dy, s->positions);
}

static void scale_shift_plane(const void *job, size_t plane)
{
    const ChannelsSaved *s = job;
    const size_t n = plane / s->channels, c = plane % s->channels;
    const real *restrict x = s->x->v + plane * s->positions, *e = s->e->v + n * 2 * s->channels;
    real *restrict y = s->y + plane * s->positions;
    const real scale = R(1.0) + e[c], shift = e[s->channels + c];
    for (size_t i = 0; i < s->positions; i++) y[i] = r_fma(x[i], scale, shift);
}

static void scale_shift_plane_pull(const void *job, size_t plane)
{
    const ChannelsSaved *s = job;
    const size_t n = plane / s->channels, c = plane % s->channels, at = n * 2 * s->channels + c;
    const real *restrict dy = s->y + plane * s->positions;
    if (s->e->g != NULL) {
        s->e->g[at] += dot16(dy, s->x->v + plane * s->positions, s->positions);
        s->e->g[at + s->channels] += sum16(dy, s->positions);
    }
    if (s->x->g != NULL) {
        const real scale = R(1.0) + s->e->v[at];
        real *restrict dx = s->x->g + plane * s->positions;
        for (size_t i = 0; i < s->positions; i++) dx[i] = r_fma(dy[i], scale, dx[i]);
    }
}

static void planes_pull(const void *saved, const Tensor *y, LoopPiece *piece)
{
    ChannelsSaved s = *(const ChannelsSaved *)saved;
    s.y = y->g;
    loop_run(piece, &s, (size_t)(y->s.d[0] * y->s.d[1]), y->n);
}
static void add_channels_pull(const void *saved, const Tensor *y) { planes_pull(saved, y, add_channels_plane_pull); }
static void scale_shift_pull(const void *saved, const Tensor *y) { planes_pull(saved, y, scale_shift_plane_pull); }

/* e (N, each C) */
static Tensor *on_channels(Tape *t, const char *op, LoopPiece *piece, Pull *pull, Tensor *x, Tensor *e, int each, const char *name)
{
    if (x == NULL || e == NULL) return NULL;
    char sx[64], se[64];
    BUG_IF(x->s.nd < 2 || e->s.nd != 2 || e->s.d[0] != x->s.d[0] || e->s.d[1] != each * x->s.d[1],
           "%s: %s for the channels of %s", name, shape_text(se, sizeof se, e->s), shape_text(sx, sizeof sx, x->s));
    const Tensor *const inputs[] = { x, e };
    Tensor *y = tensor_new(t, x->s, tape_wants(t, inputs, 2), name);
    if (y == NULL || y->v == NULL) return y;
    ChannelsSaved s = { x, e, y->v, (size_t)x->s.d[1], 1 };
    for (int i = 2; i < x->s.nd; i++) s.positions *= (size_t)x->s.d[i];
    loop_run(piece, &s, (size_t)(x->s.d[0] * x->s.d[1]), y->n);
    tape_record(t, op, pull, &s, sizeof s, y);
    return y;
}

Tensor *op_add_channels(Tape *t, Tensor *x, Tensor *b, const char *name)
{
    return on_channels(t, "add_channels", add_channels_plane, add_channels_pull, x, b, 1, name);
}

Tensor *op_scale_shift(Tape *t, Tensor *x, Tensor *e, const char *name)
{
    return on_channels(t, "scale_shift", scale_shift_plane, scale_shift_pull, x, e, 2, name);
}

/* ---- a weight for each row, in every batch entry: added to x, or repeated ---- */

typedef struct { Tensor *x; const Weight *p; real *y, *dp; size_t count, rows, cols; } RowsSaved;   /* x NULL: repeated; (B,T,C) */

static void add_rows_row(const void *job, size_t row)
{
    const RowsSaved *s = job;
    real *y = s->y + row * s->cols;
    weight_read(y, s->p, row % s->rows * s->cols, s->cols);
    if (s->x != NULL) add_values(y, s->x->v + row * s->cols, s->cols);
}

static void add_rows_row_pull(const void *job, size_t row)
{
    const RowsSaved *s = job;
    const size_t step = s->rows * s->cols;
    for (size_t b = 0; b < s->count; b++) {
        const size_t at = b * step + row * s->cols;
        if (s->dp != NULL) add_values(s->dp + row * s->cols, s->y + at, s->cols);
        if (s->x != NULL && s->x->g != NULL) add_values(s->x->g + at, s->y + at, s->cols);
    }
}

static void add_rows_pull(const void *saved, const Tensor *y)
{
    RowsSaved s = *(const RowsSaved *)saved;
    s.y = y->g;
    loop_run(add_rows_row_pull, &s, s.rows, y->n);
}

static Tensor *on_rows(Tape *t, const char *op, Tensor *x, const Weight *p, Shape shape, const char *name)
{
    const Tensor *const inputs[] = { x };
    real *dp = weight_gradient(t, p);
    Tensor *y = tensor_new(t, shape, tape_wants(t, inputs, 1) || dp != NULL, name);
    if (y == NULL || y->v == NULL) return y;
    const RowsSaved s = { x, p, y->v, dp, (size_t)shape.d[0], (size_t)shape.d[1], (size_t)shape.d[2] };
    loop_run(add_rows_row, &s, s.count * s.rows, y->n);
    tape_record(t, op, add_rows_pull, &s, sizeof s, y);
    return y;
}

Tensor *op_add_rows(Tape *t, Tensor *x, const Weight *p, const char *name)
{
    if (x == NULL) return NULL;
    char sx[64], sp[64];
    BUG_IF(x->s.nd != 3 || p->s.nd != 2 || p->s.d[1] != x->s.d[2] || p->s.d[0] < x->s.d[1],
           "%s: %s is %s, expected rows for %s", name, p->name, shape_text(sp, sizeof sp, p->s), shape_text(sx, sizeof sx, x->s));
    return on_rows(t, "add_rows", x, p, x->s, name);
}

Tensor *op_repeat_rows(Tape *t, const Weight *p, int B, const char *name)
{
    BUG_IF(p->s.nd < 1 || p->s.nd > 2 || B < 0, "%s: %s has %d dimensions, expected (C) or (T,C)", name, p->name, p->s.nd);
    const int64_t T = p->s.nd == 1 ? 1 : p->s.d[0], C = p->s.d[p->s.nd - 1];
    return on_rows(t, "repeat_rows", NULL, p, (Shape){ 3, { B, T, C } }, name);
}

/* ---- rows of a table ---- */

typedef struct { const int64_t *ids; const Weight *table; real *y, *dtable; size_t count, cols; } EmbeddingSaved;

static void embedding_row(const void *job, size_t row)
{
    const EmbeddingSaved *s = job;
    weight_read(s->y + row * s->cols, s->table, (size_t)s->ids[row] * s->cols, s->cols);
}

static void embedding_pull(const void *saved, const Tensor *y)
{
    const EmbeddingSaved *s = saved;
    for (size_t row = 0; row < s->count; row++)
        add_values(s->dtable + (size_t)s->ids[row] * s->cols, y->g + row * s->cols, s->cols);
}

Tensor *op_embedding(Tape *t, const int64_t *ids, int B, int T, const Weight *table, const char *name)
{
    BUG_IF(table->s.nd != 2 || B < 0 || T < 0, "%s: %s has %d dimensions, expected (V,C)", name, table->name, table->s.nd);
    real *dtable = weight_gradient(t, table);
    Tensor *y = tensor_new(t, (Shape){ 3, { B, T, table->s.d[1] } }, dtable != NULL, name);
    if (y == NULL || y->v == NULL) return y;
    const size_t count = (size_t)B * (size_t)T;
    for (size_t i = 0; i < count; i++)
        BUG_IF(ids[i] < 0 || ids[i] >= table->s.d[0], "%s: id %" PRId64 " of %" PRId64, name, ids[i], table->s.d[0]);
    EmbeddingSaved s = { ids, table, y->v, dtable, count, (size_t)table->s.d[1] };
    loop_run(embedding_row, &s, count, y->n);
    if (dtable == NULL) return y;
    int64_t *kept = (int64_t *)(void *)tape_raw(t, count * sizeof(int64_t) / sizeof(real), name);
    if (kept == NULL) return NULL;
    memcpy(kept, ids, count * sizeof *kept);
    s.ids = kept;
    tape_record(t, "embedding", embedding_pull, &s, sizeof s, y);
    return y;
}

/* ---- mean over rows: a piece is COLUMNS columns of one batch entry ---- */

enum { COLUMNS = 256 };
typedef struct { Tensor *x; real *y; size_t rows, cols, across; } MeanSaved;

static void mean_piece(const void *job, size_t piece)
{
    const MeanSaved *s = job;
    const size_t b = piece / s->across, c = piece % s->across * COLUMNS, n = s->cols - c < COLUMNS ? s->cols - c : COLUMNS;
    real *restrict y = s->y + b * s->cols + c;
    for (size_t i = 0; i < n; i++) y[i] = 0;
    for (size_t r = 0; r < s->rows; r++) add_values(y, s->x->v + (b * s->rows + r) * s->cols + c, n);
    for (size_t i = 0; i < n; i++) y[i] /= (real)s->rows;
}

static void mean_piece_pull(const void *job, size_t piece)
{
    const MeanSaved *s = job;
    const size_t b = piece / s->across, c = piece % s->across * COLUMNS, n = s->cols - c < COLUMNS ? s->cols - c : COLUMNS;
    real share[COLUMNS];
    for (size_t i = 0; i < n; i++) share[i] = s->y[b * s->cols + c + i] / (real)s->rows;
    for (size_t r = 0; r < s->rows; r++) add_values(s->x->g + (b * s->rows + r) * s->cols + c, share, n);
}

static void mean_pull(const void *saved, const Tensor *y)
{
    MeanSaved s = *(const MeanSaved *)saved;
    s.y = y->g;
    loop_run(mean_piece_pull, &s, (size_t)y->s.d[0] * s.across, s.x->n);
}

Tensor *op_mean_rows(Tape *t, Tensor *x, const char *name)
{
    if (x == NULL) return NULL;
    BUG_IF(x->s.nd != 3 || x->s.d[1] < 1, "%s: no mean over rows of %d dimensions, expected (B,T,C)", name, x->s.nd);
    const Tensor *const inputs[] = { x };
    Tensor *y = tensor_new(t, (Shape){ 3, { x->s.d[0], 1, x->s.d[2] } }, tape_wants(t, inputs, 1), name);
    if (y == NULL || y->v == NULL) return y;
    MeanSaved s = { x, y->v, (size_t)x->s.d[1], (size_t)x->s.d[2], 0 };
    s.across = (s.cols + COLUMNS - 1) / COLUMNS;
    loop_run(mean_piece, &s, (size_t)x->s.d[0] * s.across, x->n);
    tape_record(t, "mean_rows", mean_pull, &s, sizeof s, y);
    return y;
}
