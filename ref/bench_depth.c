/* bench_depth.c -- scores of a depth network; sums in binary64, in the order of pixels and pictures */
#include "ref/bench_depth.h"
#include "sampler/step.h"
#include "tensor/elem.h"
#include "tensor/mem.h"
#include "tensor/par.h"
#include "tensor/rng.h"

#include <math.h>
#include <string.h>

enum { SCORES = BENCH_DEPTH_TIMES + 1, BLIND = BENCH_DEPTH_TIMES, CHUNK = 64 };

/* ---- one picture ---- */

static int inside(const real *mask, size_t i) { return mask[i] >= R(0.5); }

static double correlation(const real *a, const real *b, const real *mask, size_t n)
{
    double sum[2] = { 0 }, aa = 0, ab = 0, bb = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!inside(mask, i)) continue;
        sum[0] += (double)a[i];
        sum[1] += (double)b[i];
        count++;
    }
    for (size_t i = 0; i < n; i++) {
        if (!inside(mask, i)) continue;
        const double x = (double)a[i] - sum[0] / count, y = (double)b[i] - sum[1] / count;
        aa += x * x;
        ab += x * y;
        bb += y * y;
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

/* Degrees between two vectors, from the distance of the unit vectors: exact for small angles too. a, b: three values, n apart. */
static double angle(const real *a, const real *b, size_t n)
{
    double length[2] = { 0 }, apart = 0;
    for (size_t k = 0; k < 3; k++) {
        length[0] += (double)a[k * n] * (double)a[k * n];
        length[1] += (double)b[k * n] * (double)b[k * n];
    }
    if (!(length[0] > 0 && length[1] > 0)) return 90;
    for (size_t k = 0; k < 3; k++) {
        const double d = (double)a[k * n] / sqrt(length[0]) - (double)b[k * n] / sqrt(length[1]);
        apart += d * d;
    }
    return 2 * d_asin(fmin(0.5 * sqrt(apart), 1.0)) * (180.0 / D_PI);
}

void depth_score(DepthScore *out, const real *y, const real *truth, const real *mask, size_t n)
{
    double both = 0, either = 0, angles = 0, pixels = 0;
    *out = (DepthScore){ .correlation = correlation(y, truth, mask, n) };
    for (size_t i = 0; i < n; i++) {
        const int said = y[i] >= DEPTH_EDGE, is = inside(mask, i);
        both += said && is;
        either += said || is;
        if (!is) continue;
        pixels++;
        angles += angle(y + n + i, truth + n + i, n);
    }
    for (size_t i = 0; i < DEPTH_CHANNELS * n; i++) {
        const double d = (double)y[i] - (double)truth[i];
        out->loss += d * d / (double)(DEPTH_CHANNELS * n);
    }
    out->mask = either > 0 ? both / either : 1;
    out->angle = pixels > 0 ? angles / pixels : 90;
}

/* ---- the mean of the stream ---- */

static int mean_truth(real *mean, const DepthNet *d, uint64_t first, int count, Err *err)
{
    const size_t pixels = (size_t)d->h * (size_t)d->w, n = DEPTH_CHANNELS * pixels;
    double *sum = mem_new(n, sizeof *sum, "mean", err);
    real *y = mem_new(CHUNK * (n + pixels), sizeof *y, "mean", err);
    const int status = sum == NULL || y == NULL ? -1 : 0;
    for (int at = 0; status == 0 && at < count; at += CHUNK) {
        const int some = count - at < CHUNK ? count - at : CHUNK;
        PAR_FOR_DYNAMIC
        for (int k = 0; k < some; k++) {
            DatasetItem item;
            dataset_item(&item, BENCH_STREAM, first + (uint64_t)(at + k));
            depth_truth(y + (size_t)k * n, y + CHUNK * n + (size_t)k * pixels, &item, BENCH_STREAM, d->h, d->w);
        }
        for (size_t k = 0; k < (size_t)some; k++)
            for (size_t i = 0; i < n; i++) sum[i] += (double)y[k * n + i];
    }
    for (size_t i = 0; status == 0 && i < n; i++) mean[i] = (real)(sum[i] / (double)count);
    mem_free(sum);
    mem_free(y);
    return status;
}

/* ---- all pictures ---- */

static int one_picture(DepthScore score[SCORES], const DepthNet *d, const int t[BENCH_DEPTH_TIMES], const real *mean, uint64_t i, Err *err)
{
    const size_t pixels = (size_t)d->h * (size_t)d->w, n = 3 * pixels;
    int status = 0;
    DatasetItem item;
    real *x0 = mem_new(3 * n + 9 * pixels, sizeof *x0, "picture", err);
    if (x0 == NULL) return -1;
    real *eps = x0 + n, *xt = eps + n, *y = xt + n, *truth = y + 4 * pixels, *mask = truth + 4 * pixels;
    dataset_item(&item, BENCH_STREAM, i);
    dataset_picture(x0, mask, &item, BENCH_STREAM, d->h, d->w);
    depth_truth(truth, mask, &item, BENCH_STREAM, d->h, d->w);
    rng_normal(eps, (RngAt){ BENCH_STREAM, 0, (uint32_t)i, RNG_NOISE }, n);
    for (int k = 0; k < BENCH_DEPTH_TIMES && status == 0; k++) {
        if (k == 0) memcpy(xt, x0, n * sizeof *xt);
        else diffuse(xt, x0, eps, d->S, t[k], n);
        status = depth_predict(y, d, xt, t[k], err);
        if (status == 0) depth_score(&score[k], y, truth, mask, pixels);
    }
    depth_score(&score[BLIND], mean, truth, mask, pixels);
    mem_free(x0);
    return status;
}

static DepthScore mean_score(const DepthScore *score, int count)
{
    DepthScore s = { 0 };
    for (int i = 0; i < count; i++, score += SCORES) {
        s.correlation += score->correlation / count;
        s.mask += score->mask / count;
        s.angle += score->angle / count;
        s.loss += score->loss / count;
    }
    return s;
}

int bench_depth(BenchDepth *out, const DepthNet *d, int count, Err *err)
{
    const size_t values = DEPTH_CHANNELS * (size_t)d->h * (size_t)d->w;
    *out = (BenchDepth){ .count = count };
    for (int k = 0; k < BENCH_DEPTH_TIMES; k++) out->t[k] = d->S->T * k / BENCH_DEPTH_TIMES;
    real *mean = mem_new(values, sizeof *mean, "mean", err);
    DepthScore *score = mem_new((size_t)count * SCORES, sizeof *score, "scores", err);
    Err *why = mem_new((size_t)count, sizeof *why, "scores", err);
    int status = mean == NULL || score == NULL || why == NULL ? -1 : 0;
    if (status == 0) status = mean_truth(mean, d, (uint64_t)count, count, err);
    if (status == 0) {
        PAR_FOR_DYNAMIC
        for (int i = 0; i < count; i++) one_picture(score + i * SCORES, d, out->t, mean, (uint64_t)i, &why[i]);
    }
    for (int i = 0; status == 0 && i < count; i++)
        if (why[i].set) status = err_set(err, "%s", why[i].msg);
    for (int k = 0; status == 0 && k < BENCH_DEPTH_TIMES; k++) out->score[k] = mean_score(score + k, count);
    if (status == 0) out->blind = mean_score(score + BLIND, count);
    mem_free(mean);
    mem_free(score);
    mem_free(why);
    return status;
}
