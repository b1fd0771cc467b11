/* norm.c -- group and layer normalisation, in the order of operations that norm.h states
 *
 * Two passes for the statistics (the mean, then squares about it), so nothing cancels when |mean| is far above the spread.
 * Parallel over (image, group) or rows; the gradients of gamma and beta over groups or columns, so that each has one writer.
 */
#include "tensor/norm.h"

#include "tensor/loop.h"
#include "tensor/sum.h"

#include <inttypes.h>
#include <string.h>

enum { ROWS = 16, COLUMNS = 128 };                        /* of layer norm: rows a piece; columns of dgamma a piece */

typedef struct { real mean, rstd; } Stat;

typedef struct {
    Tensor *x;
    real *y;                              /* as x */
    const real *gamma, *beta;             /* (C) */
    real *dgamma, *dbeta;                 /* (C), or NULL */
    real *stat;                           /* (blocks, 2): mean, rstd */
    real *sums;                           /* (2, C): a and b of one image; for a group norm with a way back */
    size_t count, groups, channels, positions;      /* images or rows; groups; channels of one group; P */
    real eps;
} NormSaved;

static Stat statistics(const real *x, size_t n, real eps)
{
    const real mean = sum16(x, n) / (real)n;
    const real var = sumsq_about16(x, mean, n) / (real)n;
    return (Stat){ mean, R(1.0) / r_sqrt(var + eps) };
}

static Stat saved_stat(const NormSaved *s, size_t block) { return (Stat){ s->stat[2 * block], s->stat[2 * block + 1] }; }

static void save_stat(const NormSaved *s, size_t block, Stat k)
{
    if (s->stat == NULL) return;
    s->stat[2 * block] = k.mean;
    s->stat[2 * block + 1] = k.rstd;
}

static inline real standard(real x, Stat k) { return (x - k.mean) * k.rstd; }

/* ---- group norm ---- */

static void group_block(const void *job, size_t block)
{
    const NormSaved *s = job;
    const size_t n = s->channels * s->positions, first = block % s->groups * s->channels;
    const real *restrict x = s->x->v + block * n;
    real *restrict y = s->y + block * n;
    const Stat k = statistics(x, n, s->eps);
    save_stat(s, block, k);
    for (size_t c = 0; c < s->channels; c++) {
        const real gamma = s->gamma[first + c], beta = s->beta[first + c];
        for (size_t i = c * s->positions; i < (c + 1) * s->positions; i++) y[i] = r_fma(standard(x[i], k), gamma, beta);
    }
}

/* a = sum16(dy), b = dot16(dy, h) */
static void pull_sums(real *a, real *b, const real *restrict dy, const real *restrict x, Stat k, size_t n)
{
    *a = sum16(dy, n);
    Sum16 q = { {0}, 0 };
    real p[16] = {0};
    const size_t full = n - n % 16;
    for (size_t i = 0; i < full; i += 16)
        for (size_t j = 0; j < 16; j++) p[j] = r_fma(dy[i + j], standard(x[i + j], k), p[j]);
    for (size_t j = 0; j < n % 16; j++) p[j] = r_fma(dy[full + j], standard(x[full + j], k), p[j]);
    memcpy(q.p, p, sizeof p);
    *b = sum16_end(&q);
}

static void pull_values(real *restrict dx, const real *restrict dy, const real *restrict x, Stat k, real gamma, real m1, real m2,
                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const real e = dy[i] * gamma - m1;
        dx[i] = r_fma(k.rstd, r_fma(-standard(x[i], k), m2, e), dx[i]);
    }
}

static void group_pull_one(const void *job, size_t group)
{
    const NormSaved *s = job;
    const size_t P = s->positions, n = s->channels * P, first = group * s->channels;
    const real *gamma = s->gamma + first;
    real *a = s->sums + first, *b = a + s->groups * s->channels;
    for (size_t image = 0; image < s->count; image++) {
        const size_t block = image * s->groups + group;
        const real *x = s->x->v + block * n, *dy = s->y + block * n;
        const Stat k = saved_stat(s, block);
        for (size_t c = 0; c < s->channels; c++) pull_sums(&a[c], &b[c], dy + c * P, x + c * P, k, P);
        for (size_t c = 0; c < s->channels && s->dbeta != NULL; c++) s->dbeta[first + c] += a[c];
        for (size_t c = 0; c < s->channels && s->dgamma != NULL; c++) s->dgamma[first + c] += b[c];
        if (s->x->g == NULL) continue;
        const real m1 = dot16(gamma, a, s->channels) / (real)n, m2 = dot16(gamma, b, s->channels) / (real)n;
        for (size_t c = 0; c < s->channels; c++)
            pull_values(s->x->g + block * n + c * P, dy + c * P, x + c * P, k, gamma[c], m1, m2, P);
    }
}

static void group_pull(const void *saved, const Tensor *y)
{
    NormSaved s = *(const NormSaved *)saved;
    s.y = y->g;
    loop_run(group_pull_one, &s, s.groups, y->n);
}

/* ---- layer norm ---- */

static void layer_rows(const void *job, size_t piece)
{
    const NormSaved *s = job;
    const size_t n = s->channels;
    for (size_t row = piece * ROWS; row < (piece + 1) * ROWS && row < s->count; row++) {
        const real *restrict x = s->x->v + row * n, *restrict gamma = s->gamma, *restrict beta = s->beta;
        real *restrict y = s->y + row * n;
        const Stat k = statistics(x, n, s->eps);
        save_stat(s, row, k);
        for (size_t i = 0; i < n; i++) y[i] = r_fma(standard(x[i], k), gamma[i], beta[i]);
    }
}

static void layer_pull_row(real *restrict dx, const real *restrict dy, const real *restrict x, const real *restrict gamma, Stat k,
                           size_t n)
{
    Sum16 p = { {0}, 0 }, q = { {0}, 0 };
    const size_t full = n - n % 16;
    for (size_t i = 0; i < full; i += 16) {
        for (size_t j = 0; j < 16; j++) p.p[j] += dy[i + j] * gamma[i + j];
        for (size_t j = 0; j < 16; j++) q.p[j] = r_fma(dy[i + j] * gamma[i + j], standard(x[i + j], k), q.p[j]);
    }
    for (size_t i = full; i < n; i++) {
        p.p[i - full] += dy[i] * gamma[i];
        q.p[i - full] = r_fma(dy[i] * gamma[i], standard(x[i], k), q.p[i - full]);
    }
    const real m1 = sum16_end(&p) / (real)n, m2 = sum16_end(&q) / (real)n;
    for (size_t i = 0; i < n; i++) {
        const real e = dy[i] * gamma[i] - m1;
        dx[i] = r_fma(k.rstd, r_fma(-standard(x[i], k), m2, e), dx[i]);
    }
}

static void layer_pull_rows(const void *job, size_t piece)
{
    const NormSaved *s = job;
    const size_t n = s->channels;
    for (size_t row = piece * ROWS; row < (piece + 1) * ROWS && row < s->count; row++)
        layer_pull_row(s->x->g + row * n, s->y + row * n, s->x->v + row * n, s->gamma, saved_stat(s, row), n);
}

static void layer_pull_columns(const void *job, size_t piece)
{
    const NormSaved *s = job;
    const size_t n = s->channels, first = piece * COLUMNS, count = n - first < COLUMNS ? n - first : COLUMNS;
    for (size_t row = 0; row < s->count; row++) {
        const real *restrict x = s->x->v + row * n + first, *restrict dy = s->y + row * n + first;
        const Stat k = saved_stat(s, row);
        if (s->dbeta != NULL) {
            real *restrict dbeta = s->dbeta + first;
            for (size_t i = 0; i < count; i++) dbeta[i] += dy[i];
        }
        if (s->dgamma != NULL) {
            real *restrict dgamma = s->dgamma + first;
            for (size_t i = 0; i < count; i++) dgamma[i] = r_fma(dy[i], standard(x[i], k), dgamma[i]);
        }
    }
}

static void layer_pull(const void *saved, const Tensor *y)
{
    NormSaved s = *(const NormSaved *)saved;
    s.y = y->g;
    if (s.x->g != NULL) loop_run(layer_pull_rows, &s, (s.count + ROWS - 1) / ROWS, y->n);
    if (s.dgamma != NULL || s.dbeta != NULL) loop_run(layer_pull_columns, &s, (s.channels + COLUMNS - 1) / COLUMNS, y->n);
}

/* ---- both ---- */

/* The C values of w, or C times `otherwise`; NULL when out of memory. */
static const real *values_or(Tape *t, const Weight *w, size_t count, real otherwise, const char *name)
{
    if (w != NULL) return weight_all(t, w);
    real *v = tape_raw(t, count, name);
    for (size_t i = 0; i < count && v != NULL; i++) v[i] = otherwise;
    return v;
}

static void check_weight(const Weight *w, size_t count, const char *name)
{
    BUG_IF(w != NULL && w->n != count, "%s: %s has %zu values, expected %zu", name, w->name, w->n, count);
}

/* y, and what s holds beside sizes. s->y stays NULL where there is nothing to compute: no memory, or a tape of shapes. */
static Tensor *norm_output(NormSaved *s, Tape *t, Tensor *x, const Weight *gamma, const Weight *beta, size_t C, size_t blocks,
                           const char *name)
{
    const Tensor *const inputs[] = { x };
    const int recording = tape_is_recording(t);
    check_weight(gamma, C, name);
    check_weight(beta, C, name);
    s->x = x;
    s->dgamma = recording && gamma != NULL ? gamma->g : NULL;
    s->dbeta = recording && beta != NULL ? beta->g : NULL;
    const int wants = tape_wants(t, inputs, 1) || s->dgamma != NULL || s->dbeta != NULL;
    Tensor *y = tensor_new(t, x->s, wants, name);
    if (y == NULL || y->v == NULL) return y;
    s->gamma = values_or(t, gamma, C, R(1.0), name);
    s->beta = values_or(t, beta, C, R(0.0), name);
    s->stat = wants ? tape_raw(t, 2 * blocks, name) : NULL;
    s->sums = wants ? tape_raw(t, 2 * C, name) : NULL;
    if (tape_failed(t)) return NULL;
    s->y = y->v;
    return y;
}

Tensor *op_group_norm(Tape *t, Tensor *x, const Weight *gamma, const Weight *beta, int groups, real eps, const char *name)
{
    if (x == NULL) return NULL;
    BUG_IF(x->s.nd < 2 || groups < 1 || x->s.d[1] % groups != 0, "%s: %d dimensions, %" PRId64 " channels, %d groups", name, x->s.nd,
           x->s.nd < 2 ? 0 : x->s.d[1], groups);
    const size_t C = (size_t)x->s.d[1];
    NormSaved s = { .count = (size_t)x->s.d[0], .groups = (size_t)groups, .positions = 1, .eps = eps };
    s.channels = C / s.groups;
    for (int i = 2; i < x->s.nd; i++) s.positions *= (size_t)x->s.d[i];
    Tensor *y = norm_output(&s, t, x, gamma, beta, C, s.count * s.groups, name);
    if (s.y == NULL) return y;
    loop_run(group_block, &s, s.count * s.groups, y->n);
    tape_record(t, "group_norm", group_pull, &s, sizeof s, y);
    return y;
}

Tensor *op_layer_norm(Tape *t, Tensor *x, const Weight *gamma, const Weight *beta, real eps, const char *name)
{
    if (x == NULL) return NULL;
    BUG_IF(x->s.nd < 1, "%s: no index to normalise over", name);
    const size_t C = (size_t)x->s.d[x->s.nd - 1];
    NormSaved s = { .count = C == 0 ? 0 : x->n / C, .groups = 1, .channels = C, .positions = 1, .eps = eps };
    Tensor *y = norm_output(&s, t, x, gamma, beta, C, s.count, name);
    if (s.y == NULL) return y;
    loop_run(layer_rows, &s, (s.count + ROWS - 1) / ROWS, y->n);
    tape_record(t, "layer_norm", layer_pull, &s, sizeof s, y);
    return y;
}
