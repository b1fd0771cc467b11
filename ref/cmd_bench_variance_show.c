/* cmd_bench_variance_show.c -- the variances of estimators as tables, as CSV, as points against their cost */
#include "ref/bench_variance.h"
#include "ref/plot.h"
#include "render/bytes.h"
#include "tensor/mem.h"
#include "tensor/text.h"
#include "weights/file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CELL = 24, LINE = 256 };
static const char *const spaces[SPACES] = { "image", "parameters" };

/* Can it be told from 0, by two standard errors? */
static int sure(const Figure *f) { return f->value > 2 * f->error; }

/* ---- tables ---- */

/* x in so many digits after `before`; "-" where it is not a number, as beside a mean that is 0. */
static const char *digits(char out[CELL], const char *before, int count, double x)
{
    if (isfinite(x)) snprintf(out, CELL, "%s%.*g", before, count, x);
    else snprintf(out, CELL, "-");
    return out;
}

/* Variance over squared mean, its error and its product with the calls; "-" where the mean cannot be told from 0. */
static void print_ratio(FILE *out, const AnovaFigures *g, double calls)
{
    if (sure(&g->mean2)) fprintf(out, " %9.3g %8.1g %9.3g", g->ratio.value, g->ratio.error, calls * g->ratio.value);
    else fprintf(out, " %9s %8s %9s", "-", "-", "-");
}

static void print_space(FILE *out, const BenchVariance *b, VarianceSpace space)
{
    fprintf(out, "\n%s: %zu values\n", space == SPACE_IMAGE ? "image, d/dx0" : "parameters, d/dtheta", b->n[space]);
    fprintf(out, "%-9s %6s %10s %8s %10s %9s %8s %9s %4s %5s %6s %7s %6s\n", "estimator", "calls", "variance", "+-", "x calls", "/ mean^2", "+-",
            "x calls", "% t", "view", "noise", "bias", "ref +-");
    for (int i = 0; i < b->rows; i++) {
        const VarianceRow *row = &b->row[i];
        const VarianceFigures *f = &row->space[space];
        const AnovaFigures *g = &f->g;
        char bias[CELL], error[CELL];
        int limit;
        const double gap = variance_bias(&limit, f), all = g->variance.value > 0 ? g->variance.value / 100 : 1;
        digits(bias, limit ? "<" : "", 2, gap);
        digits(error, "", 1, sqrt(f->reference_error2 / f->reference2));
        fprintf(out, "%-9s %6.2f %10.4g %8.1g %10.4g", row->estimator->name, row->calls, g->variance.value, g->variance.error,
                row->calls * g->variance.value);
        print_ratio(out, g, row->calls);
        fprintf(out, " %4.0f %5.0f %6.0f %7s %6s\n", g->t.value / all, g->view.value / all, g->noise.value / all, bias, error);
    }
}

static void print_means(FILE *out, const BenchVariance *b)
{
    fprintf(out, "\nvariance: trace of the covariance of one draw; +-: one standard error; / mean^2: over the squared length of its mean\n"
                 "%% t, view, noise: of the variance; unbiased, and so below 0 at times\n"
                 "bias: length of (mean - reference) over that of the reference; <: cannot be told from 0. The reference is the expected gradient\n"
                 "of SDS with the same w(t), guidance, t and views, by noises and their opposites; ref +-: its error from noise\n"
                 "It has to be 0 for");
    for (int mean = MEAN_SDS; mean <= MEAN_OTHER; mean++) {
        int n = 0;
        for (int i = 0; i < b->rows; i++)
            if ((int)b->row[i].mean == mean) fprintf(out, "%s%s", n++ == 0 ? " " : ", ", b->row[i].estimator->name);
        if (n == 0) fprintf(out, " none");
        if (mean == MEAN_SDS) fprintf(out, "; over many noises of a run, not given one, for");
        if (mean == MEAN_SDS_OF_RUNS) fprintf(out, ".\nEstimates of something else, whose bias says how far from SDS it is:");
    }
    fprintf(out, ".\n");
}

static void print_rings(FILE *out, const BenchVariance *b)
{
    fprintf(out, "\ncovariance of two views of one t and elevation, given t, over the variance of one (parameters), by the gap of their azimuths\n"
                 "0: one view, two noises; +-: the largest error of the row; pair: variance of the mean of two opposite views, of others 0.5\n"
                 "%-9s %6d", "estimator", 0);
    for (int k = 1; k < RING_GAPS; k++) fprintf(out, " %6g", 360.0 / RING_VIEWS * k);
    fprintf(out, " %6s %6s\n", "+-", "pair");
    for (int i = 0; i < b->rows; i++) {
        const VarianceRow *row = &b->row[i];
        const Figure *same = &row->space[SPACE_THETA].g.same;
        double error = isfinite(same->value) ? same->error : 0;
        char cell[CELL];
        fprintf(out, "%-9s %6s", row->estimator->name, digits(cell, "", 2, same->value));
        for (int k = 1; k < RING_GAPS; k++) {
            fprintf(out, " %6.2f", text_shown(row->share[k].value));
            error = fmax(error, row->share[k].error);
        }
        fprintf(out, " %6.2f %6.2f\n", text_shown(error), text_shown((1 + row->share[RING_GAPS - 1].value) / 2));
    }
}

static void range_text(char out[CELL], int tenth) { snprintf(out, CELL, "%d to %d", 100 * tenth, 100 * tenth + 99); }

static void print_mu(FILE *out, const BenchVariance *b)
{
    fprintf(out, "\nssd: variance that comes from the noise (image), in tenths of t; mu was fitted to other draws\n"
                 "%-11s %6s %11s %11s %11s %8s %11s %8s\n", "t", "draws", "best mu", "mu used", "at mu = 0", "+-", "at mu used", "+-");
    for (int i = 0; i < STEIN_BINS; i++) {
        const VarianceMu *mu = &b->mu[i];
        char range[CELL];
        range_text(range, i);
        fprintf(out, "%-11s %6d %11.4g %11.4g %11.4g %8.1g %11.4g %8.1g\n", range, mu->draws, text_shown(mu->best), text_shown(mu->used),
                text_shown(mu->before.value), text_shown(mu->before.error), text_shown(mu->after.value), text_shown(mu->after.error));
    }
}

void bench_variance_print(FILE *out, const BenchVariance *b, const char *what)
{
    const VarianceConfig *c = &b->config;
    fprintf(out, "%s\n%d draws: t %d times between %g and %g of 1000, %d view%s of each, %d noises of each view; seed %llu\n", what, c->count,
            b->blocks, 1000 * c->t_min, 1000 * c->t_max, b->views, b->views == 1 ? "" : "s", b->noises, (unsigned long long)c->seed);
    for (int s = 0; s < SPACES; s++) print_space(out, b, (VarianceSpace)s);
    print_means(out, b);
    if (b->ring_blocks > 0) print_rings(out, b);
    if (b->has_mu) print_mu(out, b);
}

/* ---- CSV ---- */

typedef struct Csv { Bytes bytes; Err *err; } Csv;

/* error NULL: an empty field; so is a value that is not finite. */
static void put_row(Csv *csv, const char *figure, const char *estimator, const char *space, double value, const double *error)
{
    char text[2][TEXT_DOUBLE_MAX] = { "" }, line[LINE];
    if (isfinite(value)) text_from_double(text[0], value);
    if (error != NULL && isfinite(*error)) text_from_double(text[1], *error);
    const int n = snprintf(line, sizeof line, "%s,%s,%s,%s,%s\n", figure, estimator, space, text[0], text[1]);
    bytes_put(&csv->bytes, line, (size_t)n, csv->err);
}

static void put_figure(Csv *csv, const char *figure, const char *estimator, const char *space, const Figure *f)
{
    put_row(csv, figure, estimator, space, f->value, &f->error);
}

static void put_estimator(Csv *csv, const VarianceRow *row, int rings)
{
    const char *name = row->estimator->name;
    put_row(csv, "calls", name, "", row->calls, NULL);
    for (int s = 0; s < SPACES; s++) {
        const VarianceFigures *f = &row->space[s];
        const struct { const char *name; const Figure *figure; } figures[] = {
            { "variance", &f->g.variance }, { "variance from t", &f->g.t }, { "variance from the view", &f->g.view },
            { "variance from the noise", &f->g.noise }, { "squared mean", &f->g.mean2 }, { "variance over squared mean", &f->g.ratio },
            { "squared bias", &f->bias2 },
        };
        for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) put_figure(csv, figures[i].name, name, spaces[s], figures[i].figure);
        put_row(csv, "variance times calls", name, spaces[s], row->calls * f->g.variance.value, NULL);
        put_row(csv, "squared reference", name, spaces[s], f->reference2, NULL);
        put_row(csv, "squared error of the reference", name, spaces[s], f->reference_error2, NULL);
    }
    if (!rings) return;
    for (int k = 0; k < RING_GAPS; k++) {
        char figure[64];
        snprintf(figure, sizeof figure, k == 0 ? "variance given t in the rings" : "covariance given t at gap %g", 360.0 / RING_VIEWS * k);
        put_figure(csv, figure, name, spaces[SPACE_THETA], &row->ring[k]);
    }
    put_figure(csv, "correlation given t of two noises of one view", name, spaces[SPACE_THETA], &row->space[SPACE_THETA].g.same);
    for (int k = 1; k < RING_GAPS; k++) {
        char figure[64];
        snprintf(figure, sizeof figure, "correlation given t at gap %g", 360.0 / RING_VIEWS * k);
        put_figure(csv, figure, name, spaces[SPACE_THETA], &row->share[k]);
    }
}

int bench_variance_csv(const BenchVariance *b, const char *path, Err *err)
{
    static const char head[] = "figure,estimator,space,value,error\n";
    Csv csv = { .err = err };
    bytes_put(&csv.bytes, head, sizeof head - 1, err);
    for (int i = 0; i < b->rows; i++) put_estimator(&csv, &b->row[i], b->ring_blocks > 0);
    for (int i = 0; i < STEIN_BINS && b->has_mu; i++) {
        const VarianceMu *mu = &b->mu[i];
        char range[CELL], name[4][2 * CELL + 16];
        static const char *const of[4] = { "best mu", "mu used", "variance from the noise at mu = 0", "variance from the noise at mu used" };
        range_text(range, i);
        for (int k = 0; k < 4; k++) snprintf(name[k], sizeof name[k], "%s: t %s", of[k], range);
        put_row(&csv, name[0], "ssd", spaces[SPACE_IMAGE], mu->best, NULL);
        put_row(&csv, name[1], "ssd", spaces[SPACE_IMAGE], mu->used, NULL);
        put_figure(&csv, name[2], "ssd", spaces[SPACE_IMAGE], &mu->before);
        put_figure(&csv, name[3], "ssd", spaces[SPACE_IMAGE], &mu->after);
    }
    const int status = err->set ? -1 : file_write(path, csv.bytes.p, csv.bytes.n, err);
    bytes_free(&csv.bytes);
    return status;
}

/* ---- the points ---- */

int bench_variance_svg(const BenchVariance *b, const char *title, const char *path, Err *err)
{
    PlotSeries series[VARIANCE_ROWS];
    Bytes bytes = { 0 };
    int n = 0;
    for (int i = 0; i < b->rows; i++) {
        const AnovaFigures *g = &b->row[i].space[SPACE_THETA].g;
        if (sure(&g->variance) && sure(&g->mean2)) series[n++] = (PlotSeries){ b->row[i].estimator->name, &b->row[i].calls, &g->ratio.value, 1 };
    }
    if (n == 0)
        return err_set(err, "%s: found no estimator whose variance and mean can both be told from 0, expected one at least; more --count?", path);
    const Plot plot = { .title = title, .x_title = "calls of the prior a draw", .y_title = "variance / squared mean, d/dtheta",
                        .log_x = 1, .log_y = 1, .series = series, .count = n };
    int status = plot_svg(&bytes, &plot, err);
    if (status == 0) status = file_write(path, bytes.p, bytes.n, err);
    bytes_free(&bytes);
    return status;
}
