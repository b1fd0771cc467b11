/* resample.c -- images made larger by repeating pixels, smaller by the mean of 2x2, parallel over planes (n,c); either by a box filter */
#include "tensor/arrange.h"

#include "tensor/loop.h"

#include <inttypes.h>
#include <string.h>

/* One job for both: x and y values going forward, gradients going back; planes of H W and h w. */
typedef struct { real *x, *y; size_t H, W, h, w; } Planes;

static Planes planes_of(real *x, real *y, Shape sx, Shape sy)
{
    return (Planes){ x, y, (size_t)sx.d[2], (size_t)sx.d[3], (size_t)sy.d[2], (size_t)sy.d[3] };
}

static void check_image(const Tensor *x, const char *name)
{
    BUG_IF(x->s.nd != 4, "%s: an image of %d dimensions, expected (N,C,H,W)", name, x->s.nd);
}

typedef struct { Tensor *x; } ImageSaved;

/* ---- nearest ---- */

/* Columns floor(j W / w), j ascending, by quotient and remainder. */
typedef struct { size_t at, rest, step, part, w; } Walk;

static Walk walk_start(size_t W, size_t w) { return (Walk){ 0, 0, W / w, W % w, w }; }
static void walk_on(Walk *k)
{
    k->at += k->step;
    k->rest += k->part;
    if (k->rest < k->w) return;
    k->rest -= k->w;
    k->at++;
}

static void stretch_row(real *restrict y, const real *restrict x, size_t W, size_t w)
{
    if (w == 2 * W) {
        for (size_t c = 0; c < W; c++) {
            y[2 * c] = x[c];
            y[2 * c + 1] = x[c];
        }
        return;
    }
    Walk k = walk_start(W, w);
    for (size_t j = 0; j < w; j++, walk_on(&k)) y[j] = x[k.at];
}

static void stretch_row_pull(real *restrict dx, const real *restrict dy, size_t W, size_t w)
{
    if (w == 2 * W) {
        for (size_t c = 0; c < W; c++) dx[c] = (dx[c] + dy[2 * c]) + dy[2 * c + 1];
        return;
    }
    Walk k = walk_start(W, w);
    for (size_t j = 0; j < w; j++, walk_on(&k)) dx[k.at] += dy[j];
}

static void upsample_plane(const void *job, size_t plane)
{
    const Planes *s = job;
    const real *x = s->x + plane * s->H * s->W;
    real *y = s->y + plane * s->h * s->w;
    for (size_t i = 0; i < s->h; i++) {
        const size_t r = i * s->H / s->h;
        if (i > 0 && r == (i - 1) * s->H / s->h) memcpy(y + i * s->w, y + (i - 1) * s->w, s->w * sizeof(real));
        else stretch_row(y + i * s->w, x + r * s->W, s->W, s->w);
    }
}

static void upsample_plane_pull(const void *job, size_t plane)
{
    const Planes *s = job;
    real *dx = s->x + plane * s->H * s->W;
    const real *dy = s->y + plane * s->h * s->w;
    for (size_t i = 0; i < s->h; i++) stretch_row_pull(dx + i * s->H / s->h * s->W, dy + i * s->w, s->W, s->w);
}

static void upsample_pull(const void *saved, const Tensor *y)
{
    const ImageSaved *s = saved;
    const Planes p = planes_of(s->x->g, y->g, s->x->s, y->s);
    loop_run(upsample_plane_pull, &p, (size_t)(y->s.d[0] * y->s.d[1]), y->n);
}

Tensor *op_upsample_nearest(Tape *t, Tensor *x, int h, int w, const char *name)
{
    if (x == NULL) return NULL;
    check_image(x, name);
    BUG_IF(h < 1 || w < 1 || x->s.d[2] < 1 || x->s.d[3] < 1, "%s: from %" PRId64 " x %" PRId64 " to %d x %d", name, x->s.d[2],
           x->s.d[3], h, w);
    const Tensor *const inputs[] = { x };
    Tensor *y = tensor_new(t, (Shape){ 4, { x->s.d[0], x->s.d[1], h, w } }, tape_wants(t, inputs, 1), name);
    if (y == NULL || y->v == NULL) return y;
    const Planes p = planes_of(x->v, y->v, x->s, y->s);
    loop_run(upsample_plane, &p, (size_t)(y->s.d[0] * y->s.d[1]), y->n);
    tape_record(t, "upsample", upsample_pull, &(ImageSaved){ x }, sizeof(ImageSaved), y);
    return y;
}

/* ---- mean of 2x2 ---- */

static void pool_row(real *restrict y, const real *restrict upper, const real *restrict lower, size_t w)
{
    for (size_t j = 0; j < w; j++)
        y[j] = R(0.25) * (((upper[2 * j] + upper[2 * j + 1]) + lower[2 * j]) + lower[2 * j + 1]);
}

static void pool_plane(const void *job, size_t plane)
{
    const Planes *s = job;
    const real *x = s->x + plane * s->H * s->W;
    real *y = s->y + plane * s->h * s->w;
    for (size_t i = 0; i < s->h; i++) pool_row(y + i * s->w, x + 2 * i * s->W, x + (2 * i + 1) * s->W, s->w);
}

static void pool_row_pull(real *restrict dx, const real *restrict dy, size_t w)
{
    for (size_t j = 0; j < w; j++) {
        dx[2 * j] = r_fma(R(0.25), dy[j], dx[2 * j]);
        dx[2 * j + 1] = r_fma(R(0.25), dy[j], dx[2 * j + 1]);
    }
}

static void pool_plane_pull(const void *job, size_t plane)
{
    const Planes *s = job;
    real *dx = s->x + plane * s->H * s->W;
    const real *dy = s->y + plane * s->h * s->w;
    for (size_t i = 0; i < 2 * s->h; i++) pool_row_pull(dx + i * s->W, dy + i / 2 * s->w, s->w);
}

static void pool_pull(const void *saved, const Tensor *y)
{
    const ImageSaved *s = saved;
    const Planes p = planes_of(s->x->g, y->g, s->x->s, y->s);
    loop_run(pool_plane_pull, &p, (size_t)(y->s.d[0] * y->s.d[1]), s->x->n);
}

Tensor *op_avg_pool2(Tape *t, Tensor *x, const char *name)
{
    if (x == NULL) return NULL;
    check_image(x, name);
    const Tensor *const inputs[] = { x };
    const Shape half = { 4, { x->s.d[0], x->s.d[1], x->s.d[2] / 2, x->s.d[3] / 2 } };
    Tensor *y = tensor_new(t, half, tape_wants(t, inputs, 1), name);
    if (y == NULL || y->v == NULL) return y;
    const Planes p = planes_of(x->v, y->v, x->s, y->s);
    loop_run(pool_plane, &p, (size_t)(y->s.d[0] * y->s.d[1]), x->n);
    tape_record(t, "avg_pool2", pool_pull, &(ImageSaved){ x }, sizeof(ImageSaved), y);
    return y;
}

/* ---- box filter ---- */

/* Both ways alike: to (n, m, C) from (N, M, C). */
typedef struct { real *to; const real *from; size_t n, m, N, M, C; int back; } Areas;

/* Side of n, other side of N: the first of N that overlaps i of n, the one after the last, and the overlap, in units of 1/(n N). */
static size_t area_first(size_t i, size_t n, size_t N) { return i * N / n; }
static size_t area_end(size_t i, size_t n, size_t N) { return ((i + 1) * N + n - 1) / n; }
static size_t overlap(size_t i, size_t k, size_t n, size_t N)
{
    const size_t from = i * N > k * n ? i * N : k * n, to = (i + 1) * N < (k + 1) * n ? (i + 1) * N : (k + 1) * n;
    return to - from;
}

/* Weights are o/H going forward, where the larger number counts rows of x; going back the sides change places, and H is n. */
static void area_row(const void *job, size_t i)
{
    const Areas *s = job;
    const real H = (real)(s->back ? s->n : s->N), W = (real)(s->back ? s->m : s->M);
    for (size_t j = 0; j < s->m; j++) {
        real *to = s->to + (i * s->m + j) * s->C;
        for (size_t r = area_first(i, s->n, s->N); r < area_end(i, s->n, s->N); r++) {
            const real wy = (real)overlap(i, r, s->n, s->N) / H;
            for (size_t c = area_first(j, s->m, s->M); c < area_end(j, s->m, s->M); c++) {
                const real weight = wy * ((real)overlap(j, c, s->m, s->M) / W);
                const real *from = s->from + (r * s->M + c) * s->C;
                for (size_t k = 0; k < s->C; k++) to[k] = r_fma(weight, from[k], to[k]);
            }
        }
    }
}

static void area_pull(const void *saved, const Tensor *y)
{
    const ImageSaved *k = saved;
    const size_t H = (size_t)k->x->s.d[0], W = (size_t)k->x->s.d[1], h = (size_t)y->s.d[0], w = (size_t)y->s.d[1];
    const Areas s = { k->x->g, y->g, H, W, h, w, (size_t)y->s.d[2], 1 };
    loop_run(area_row, &s, H, k->x->n + y->n);
}

Tensor *op_resample_area(Tape *t, Tensor *x, int h, int w, const char *name)
{
    if (x == NULL) return NULL;
    BUG_IF(x->s.nd != 3 || x->s.d[0] < 1 || x->s.d[1] < 1 || h < 1 || w < 1, "%s: from %d dimensions to %d x %d, expected (H,W,C)", name, x->s.nd, h, w);
    const Tensor *const inputs[] = { x };
    Tensor *y = tensor_new(t, (Shape){ 3, { h, w, x->s.d[2] } }, tape_wants(t, inputs, 1), name);
    if (y == NULL || y->v == NULL) return y;
    const Areas s = { y->v, x->v, (size_t)h, (size_t)w, (size_t)x->s.d[0], (size_t)x->s.d[1], (size_t)x->s.d[2], 0 };
    memset(y->v, 0, y->n * sizeof(real));
    loop_run(area_row, &s, s.n, x->n + y->n);
    tape_record(t, "resample_area", area_pull, &(ImageSaved){ x }, sizeof(ImageSaved), y);
    return y;
}
