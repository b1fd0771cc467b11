/* cmd_bench_show.c -- the measurements of a prior as a table, as CSV, as curves, as a sheet of its samples */
#include "ref/bench_prior.h"
#include "ref/csv.h"
#include "ref/plot.h"
#include "render/bytes.h"
#include "render/picture.h"
#include "render/png.h"
#include "render/scene.h"
#include "tensor/text.h"
#include "weights/file.h"

#include <stdio.h>
#include <string.h>

enum { LINE = 256, CELLS = 80, COLUMNS = 10, ENLARGED = 2, FRAME = 4, LABEL = 48 };

/* ---- the table ---- */

void judge_print(FILE *out, const char *how, const JudgeScore *s)
{
    const double n = s->count;
    fprintf(out, "  %-16s %5d pictures: object %5.1f %%  colour %5.1f %%  view %5.1f %%\n", how, s->count, 100 * s->right[JUDGE_OBJECT] / n,
            100 * s->right[JUDGE_COLOUR] / n, 100 * s->right[JUDGE_VIEW] / n);
}

static void print_value(FILE *out, const BenchRow *row, double value)
{
    if (row->kind == BENCH_SHARE) fprintf(out, " %7.1f%%", text_shown(100 * value));
    else fprintf(out, " %8.*f", row->kind == BENCH_NUMBER ? 1 : 2, text_shown(value));
}

static void print_rows(FILE *out, const BenchPrior *b)
{
    fprintf(out, "\n%-34s", "guidance");
    for (int g = 0; g < b->config.guidances; g++) fprintf(out, " %8g", (double)b->config.guidance[g]);
    fprintf(out, " %8s %8s\n", "stream", "samples");
    for (int i = 0; i < BENCH_ROWS; i++) {
        const BenchRow *row = &b->row[i];
        fprintf(out, "%-34s", row->name);
        for (int g = 0; g < b->config.guidances; g++) print_value(out, row, row->value[g]);
        print_value(out, row, row->stream);
        fprintf(out, " %8d\n", row->samples);
    }
    fprintf(out, "shares: samples in which the judge sees what the prompt says\n"
                 "colours, objects: of what the judge sees; so many equally likely ones would have\n"
                 "the same entropy\n"
                 "spread: mean distance of two samples, that of two pictures of the stream being 1\n"
                 "stream: what the stream's own pictures get, the judge's mistakes included\n");
}

static void range_text(char out[LABEL], const BenchModel *model, int bin)
{
    snprintf(out, LABEL, "%d to %d", model->S->T * bin / BENCH_BINS, model->S->T * (bin + 1) / BENCH_BINS - 1);
}

static void print_losses(FILE *out, const BenchPrior *b, const BenchModel *model)
{
    double loss = 0, bound = 0;
    fprintf(out, "\n%-14s %10s %10s\n", "t", "loss", "bound");
    for (int i = 0; i < BENCH_BINS; i++) {
        char range[LABEL];
        range_text(range, model, i);
        fprintf(out, "%-14s %10.3g %10.3g\n", range, b->loss[i], b->bound[i]);
        loss += b->loss[i] / BENCH_BINS;
        bound += b->bound[i] / BENCH_BINS;
    }
    fprintf(out, "%-14s %10.3g %10.3g\n", "mean", loss, bound);
    fprintf(out, "loss: mean (prediction - eps)^2 on %d fresh pictures in each range of t\n"
                 "bound: the least loss of one who is also shown %d pictures that fit the caption,\n"
                 "the noised one among them; who knows the caption alone cannot have less\n", b->pictures, BENCH_SET);
}

void bench_prior_print(FILE *out, const BenchPrior *b, const BenchModel *model)
{
    fprintf(out, "%s: %d DDIM steps, seed %llu\nthe judge, on fresh pictures of the stream\n", model->name, model->steps,
            (unsigned long long)b->config.seed);
    judge_print(out, "as they are", &b->judge);
    judge_print(out, "noise 0.05", &b->noisy);
    judge_print(out, "blurred 3x3", &b->blurred);
    print_rows(out, b);
    print_losses(out, b, model);
}

/* ---- CSV ---- */

/* NULL: an empty field */
static void put_row(Bytes *out, const char *figure, const double *guidance, double value, const double *stream, int samples, Err *err)
{
    char text[3][TEXT_DOUBLE_MAX] = { "" }, line[LINE];
    if (guidance != NULL) text_from_double(text[0], *guidance);
    text_from_double(text[1], value);
    if (stream != NULL) text_from_double(text[2], *stream);
    const int n = snprintf(line, sizeof line, ",%s,%s,%s,%d\n", text[0], text[1], text[2], samples);
    csv_text(out, figure, err);
    bytes_put(out, line, (size_t)n, err);
}

static void put_judge(Bytes *out, const char *how, const JudgeScore *s, Err *err)
{
    static const char *const heads[JUDGE_HEADS] = { "objects", "colours", "views" };
    for (int head = 0; head < JUDGE_HEADS; head++) {
        char name[LABEL];
        snprintf(name, sizeof name, "judge right about %s%s", heads[head], how);
        put_row(out, name, NULL, (double)s->right[head] / s->count, NULL, s->count, err);
    }
}

int bench_prior_csv(const BenchPrior *b, const BenchModel *model, const char *path, Err *err)
{
    static const char head[] = "figure,guidance,value,stream,samples\n";
    const double one = 1;                                 /* the guidance of the losses */
    Bytes out = { 0 };
    bytes_put(&out, head, sizeof head - 1, err);
    put_judge(&out, "", &b->judge, err);
    put_judge(&out, ", noise 0.05", &b->noisy, err);
    put_judge(&out, ", blurred 3x3", &b->blurred, err);
    for (int i = 0; i < BENCH_ROWS; i++)
        for (int g = 0; g < b->config.guidances; g++) {
            const BenchRow *row = &b->row[i];
            const double guidance = (double)b->config.guidance[g];
            put_row(&out, row->name + strspn(row->name, " "), &guidance, row->value[g], &row->stream, row->samples, err);
        }
    for (int i = 0; i < 2 * BENCH_BINS; i++) {
        const int bin = i % BENCH_BINS, is_loss = i < BENCH_BINS;
        char range[LABEL], name[LABEL + 16];
        range_text(range, model, bin);
        snprintf(name, sizeof name, "%s, t %s", is_loss ? "loss" : "bound", range);
        put_row(&out, name, is_loss ? &one : NULL, is_loss ? b->loss[bin] : b->bound[bin], NULL, b->pictures, err);
    }
    const int status = err->set ? -1 : file_write(path, out.p, out.n, err);
    bytes_free(&out);
    return status;
}

/* ---- the curves ---- */

int bench_prior_svg(const BenchPrior *b, const BenchModel *model, const char *path, Err *err)
{
    static const int rows[] = { BENCH_BOTH, BENCH_VIEWED, BENCH_NEAR };
    enum { CURVES = sizeof rows / sizeof rows[0] };
    const int n = b->config.guidances;
    double x[BENCH_GUIDANCES];
    char title[LINE];
    PlotSeries series[CURVES];
    Bytes bytes = { 0 };
    for (int g = 0; g < n; g++) x[g] = (double)b->config.guidance[g];
    for (int i = 0; i < CURVES; i++) series[i] = (PlotSeries){ b->row[rows[i]].name, x, b->row[rows[i]].value, n };
    snprintf(title, sizeof title, "%.100s: share of samples", model->name);
    const Plot plot = { .title = title, .x_title = "guidance", .y_title = "share", .series = series, .count = CURVES };
    int status = plot_svg(&bytes, &plot, err);
    if (status == 0) status = file_write(path, bytes.p, bytes.n, err);
    bytes_free(&bytes);
    return status;
}

/* ---- the sheet ---- */

static void frame(Picture *p)
{
    for (int y = 0; y < p->h; y++)
        for (int x = 0; x < p->w; x++) {
            const int inside = y >= FRAME && y < p->h - FRAME && x >= FRAME && x < p->w - FRAME;
            if (!inside) memcpy(p->rgb + 3 * (y * p->w + x), "\xe0\x10\x10", 3);
        }
}

/* The sample over what was asked for; if it was taken for something else, in a frame, and over that too. image (3,64,64): scratch */
static int cell(Picture *out, char label[LABEL], const BenchSample *s, const real *x, real *image, Err *err)
{
    const int object = s->verdict.is[JUDGE_OBJECT], colour = s->verdict.is[JUDGE_COLOUR];
    Picture plain = { 0 };
    for (size_t i = 0; i < 3 * (size_t)JUDGE_SIDE * JUDGE_SIDE; i++) image[i] = r_fma(x[i], R(0.5), R(0.5));
    int status = picture_from_planar(&plain, image, JUDGE_SIDE, JUDGE_SIDE, "sample", err);
    if (status == 0) status = picture_enlarge(out, &plain, ENLARGED, err);
    picture_free(&plain);
    const int n = snprintf(label, LABEL, "%s %s", scene_colour_name(s->colour), scene_object_name(s->object));
    if (status != 0 || (object == s->object && colour == s->colour)) return status;
    frame(out);
    snprintf(label + n, LABEL - (size_t)n, "\n-> %s %s", scene_colour_name(colour), scene_object_name(object));
    return 0;
}

int bench_prior_sheet(const BenchPrior *b, const BenchModel *model, const char *path, Err *err)
{
    const int n = b->config.count < CELLS ? b->config.count : CELLS;
    Picture cells[CELLS] = { { 0 } }, sheet = { 0 };
    char label[CELLS][LABEL], guidance[TEXT_DOUBLE_MAX], steps[16];
    const char *labels[CELLS];
    Bytes bytes = { 0 };
    real *image = mem_new(3 * (size_t)JUDGE_SIDE * JUDGE_SIDE, sizeof *image, "sheet", err);
    int status = image == NULL ? -1 : 0;
    for (int i = 0; i < n && status == 0; i++) {
        status = cell(&cells[i], label[i], &b->sample[i], b->picture + (size_t)i * 3 * JUDGE_SIDE * JUDGE_SIDE, image, err);
        labels[i] = label[i];
    }
    text_from_double(guidance, (double)b->config.guidance[b->shown]);
    snprintf(steps, sizeof steps, "%d", model->steps);
    const PngText texts[] = { { "prior", model->name }, { "guidance", guidance }, { "steps", steps } };
    if (status == 0) status = picture_sheet(&sheet, cells, labels, n, COLUMNS, 4, 1, err);
    if (status == 0) status = png_encode(&bytes, sheet.rgb, sheet.h, sheet.w, 3, texts, 3, err);
    if (status == 0) status = file_write(path, bytes.p, bytes.n, err);
    for (int i = 0; i < n; i++) picture_free(&cells[i]);
    picture_free(&sheet);
    bytes_free(&bytes);
    mem_free(image);
    return status;
}
