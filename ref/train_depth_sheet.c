/* train_depth_sheet.c -- what a depth network makes of fresh pictures: the sheet that shows how training goes */
#include "ref/bench_depth.h"
#include "ref/depth_net.h"
#include "ref/train_depth.h"
#include "ref/train_files.h"
#include "sampler/step.h"
#include "tensor/mem.h"
#include "tensor/par.h"
#include "tensor/rng.h"

#include <stdio.h>
#include <string.h>

enum { ROWS = 8, COLUMNS = 8, CELLS = ROWS * COLUMNS, ENLARGED = 2, LABEL = 32 };
enum { PICTURE, NEAR, NORMAL, NOISY, NOISY_NEAR, NOISY_NORMAL, TRUE_NEAR, TRUE_NORMAL };     /* columns */

typedef struct Sheet { const DepthNet *d; Picture cells[CELLS]; char label[CELLS][LABEL]; } Sheet;

/* x (3,h,w) in [-1,1]; scratch likewise */
static int put_colour(Sheet *s, int row, int column, const real *x, real *scratch, Err *err)
{
    const int h = s->d->h, w = s->d->w;
    Picture plain = { 0 };
    for (size_t i = 0; i < 3 * (size_t)h * (size_t)w; i++) scratch[i] = r_fma(x[i], R(0.5), R(0.5));
    int status = picture_from_planar(&plain, scratch, h, w, "sheet", err);
    if (status == 0) status = picture_enlarge(&s->cells[row * COLUMNS + column], &plain, ENLARGED, err);
    picture_free(&plain);
    return status;
}

/* y (4,h,w): nearness to `column`, normals to the next one */
static int put_depth(Sheet *s, int row, int column, const real *y, real *scratch, Err *err)
{
    const int h = s->d->h, w = s->d->w;
    Picture plain = { 0 };
    int status = picture_from_grey(&plain, y, h, w, "nearness", err);
    if (status == 0) status = picture_enlarge(&s->cells[row * COLUMNS + column], &plain, ENLARGED, err);
    picture_free(&plain);
    return status != 0 ? -1 : put_colour(s, row, column + 1, y + (size_t)h * (size_t)w, scratch, err);
}

static int put_row(Sheet *s, int row, Err *err)
{
    const DepthNet *d = s->d;
    const size_t pixels = (size_t)d->h * (size_t)d->w, n = 3 * pixels;
    const int t = d->S->T * (1 + row % 4) / 5;
    real *x = mem_new(3 * n + 5 * pixels, sizeof *x, "sheet", err);
    if (x == NULL) return -1;
    real *noise = x + n, *scratch = noise + n, *y = scratch + n, *mask = y + 4 * pixels;
    DatasetItem item;
    dataset_item(&item, BENCH_STREAM, (uint64_t)row);
    dataset_picture(x, mask, &item, BENCH_STREAM, d->h, d->w);
    int status = put_colour(s, row, PICTURE, x, scratch, err);
    if (status == 0) status = depth_predict(y, d, x, 0, err);
    if (status == 0) status = put_depth(s, row, NEAR, y, scratch, err);
    rng_normal(noise, (RngAt){ BENCH_STREAM, 0, (uint32_t)row, RNG_NOISE }, n);
    diffuse(noise, x, noise, d->S, t, n);
    if (status == 0) status = put_colour(s, row, NOISY, noise, scratch, err);
    if (status == 0) status = depth_predict(y, d, noise, t, err);
    if (status == 0) status = put_depth(s, row, NOISY_NEAR, y, scratch, err);
    depth_truth(y, mask, &item, BENCH_STREAM, d->h, d->w);
    if (status == 0) status = put_depth(s, row, TRUE_NEAR, y, scratch, err);
    snprintf(s->label[row * COLUMNS + NOISY], LABEL, "t = %d", t);
    mem_free(x);
    return status;
}

int depth_task_sheet(const char *folder, const char *path, Err *err)
{
    static const char *const heading[COLUMNS] = { "picture", "nearness", "normals", "", "nearness", "normals", "true nearness", "true normals" };
    Sheet s = { 0 };
    Err why[ROWS] = { { 0 } };
    const char *labels[CELLS];
    DepthNet *d = depth_open(folder, err);
    int status = d == NULL ? -1 : 0;
    s.d = d;
    for (int i = 0; i < CELLS; i++) {
        labels[i] = s.label[i];
        strcpy(s.label[i], heading[i % COLUMNS]);
    }
    if (status == 0) {
        PAR_FOR_DYNAMIC
        for (int row = 0; row < ROWS; row++) put_row(&s, row, &why[row]);
    }
    for (int row = 0; row < ROWS && status == 0; row++)
        if (why[row].set) status = err_set(err, "%s", why[row].msg);
    if (status == 0) status = train_write_sheet(path, s.cells, labels, CELLS, COLUMNS, err);
    for (int i = 0; i < CELLS; i++) picture_free(&s.cells[i]);
    depth_close(d);
    return status;
}
