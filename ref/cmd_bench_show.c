/* cmd_bench_show.c -- the measurements of a prior as a table, as CSV, as a sheet of its samples */
#include "ref/bench_prior.h"
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
    if (row->kind == BENCH_SHARE) fprintf(out, " %7.1f%%", 100 * value);
    else fprintf(out, " %8.*f", row->kind == BENCH_NUMBER ? 1 : 2, value);
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
    fprintf(out, "shares: what the judge recognises. colours, objects: how many equally likely ones would be as mixed. spread: distance of\n"
                 "two samples, that of two pictures of the stream being 1. stream: what its own pictures get; nothing better can be told.\n");
}

static void print_losses(FILE *out, const BenchPrior *b, const BenchModel *model)
{
    double mean[2] = { 0 };
    fprintf(out, "\n%-14s %10s %10s\n", "t", "loss", "bound");
    for (int i = 0; i < BENCH_BINS; i++) {
        const int from = model->S->T * i / BENCH_BINS, to = model->S->T * (i + 1) / BENCH_BINS - 1;
        fprintf(out, "%5d ..%5d %10.3g %10.3g\n", from, to, b->loss[i], b->exact[i]);
        mean[0] += b->loss[i] / BENCH_BINS;
        mean[1] += b->exact[i] / BENCH_BINS;
    }
    fprintf(out, "%-14s %10.3g %10.3g\n", "mean", mean[0], mean[1]);
    fprintf(out, "loss: mean (prediction - eps)^2 on %d fresh pictures a row. bound: the loss of one who knows that each is among %d given\n"
                 "pictures that its caption fits; no prediction from the caption has a smaller one.\n", b->pictures, BENCH_SET);
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

/* guidance below 0: none */
static void put_row(Bytes *out, const char *figure, double guidance, double value, double stream, int samples, Err *err)
{
    char text[3][TEXT_DOUBLE_MAX] = { "" }, line[LINE];
    if (guidance >= 0) text_from_double(text[0], guidance);
    text_from_double(text[1], value);
    text_from_double(text[2], stream);
    bytes_put(out, "\"", 1, err);
    for (const char *c = figure; *c != '\0'; c++) bytes_put(out, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1, err);
    const int n = snprintf(line, sizeof line, "\",%s,%s,%s,%d\n", text[0], text[1], text[2], samples);
    bytes_put(out, line, (size_t)n, err);
}

int bench_prior_csv(const BenchPrior *b, const char *path, Err *err)
{
    static const char head[] = "figure,guidance,value,stream,samples\n";
    static const char *const heads[] = { "judge: object", "judge: colour", "judge: view" };
    Bytes out = { 0 };
    bytes_put(&out, head, sizeof head - 1, err);
    for (int i = 0; i < JUDGE_HEADS; i++) put_row(&out, heads[i], -1, (double)b->judge.right[i] / b->judge.count, 1, b->judge.count, err);
    for (int i = 0; i < BENCH_ROWS; i++)
        for (int g = 0; g < b->config.guidances; g++)
            put_row(&out, b->row[i].name, (double)b->config.guidance[g], b->row[i].value[g], b->row[i].stream, b->row[i].samples, err);
    for (int i = 0; i < BENCH_BINS; i++) {
        char name[LABEL];
        snprintf(name, sizeof name, "loss, tenth %d of t; stream: the bound", i + 1);
        put_row(&out, name, 1, b->loss[i], b->exact[i], b->pictures, err);
    }
    const int status = err->set ? -1 : file_write(path, out.p, out.n, err);
    bytes_free(&out);
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

/* The sample with its prompt; if judged wrongly, in a frame, and behind the question mark what it was taken for.
 * image: (3,64,64), scratch */
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
    snprintf(label + n, LABEL - (size_t)n, "? %s%s%s", colour == s->colour ? "" : scene_colour_name(colour),
             colour == s->colour || object == s->object ? "" : " ", object == s->object ? "" : scene_object_name(object));
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
    text_from_double(guidance, (double)b->config.guidance[b->config.guidances / 2]);
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
