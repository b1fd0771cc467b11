/* run_pictures.c -- what a run looks like, and how close it came */
#include "ref/metrics.h"
#include "ref/run.h"
#include "render/gif.h"
#include "render/picture.h"
#include "render/png.h"
#include "tensor/sha256.h"
#include "weights/file.h"

#include <stdio.h>
#include <string.h>

/* Truth and result of one view; truth and mask are not made when there is none. */
typedef struct Pair { real *truth, *rgb, *mask, *depth, *opacity; } Pair;

static int pair_new(Pair *p, size_t pixels, Err *err)
{
    p->truth = mem_new(9 * pixels, sizeof(real), "held-out views", err);
    if (p->truth == NULL) return -1;
    p->rgb = p->truth + 3 * pixels;
    p->mask = p->truth + 6 * pixels;
    p->depth = p->truth + 7 * pixels;
    p->opacity = p->truth + 8 * pixels;
    return 0;
}

static int pair_make(Pair *p, const Run *run, const View *view, Err *err)
{
    const int side = run->distill->config.resolution;
    if (run->truth && world_truth(p->truth, p->mask, run->object, run->colour, view, side, side, err) != 0) return -1;
    return distill_picture(p->rgb, p->depth, p->opacity, NULL, run->distill, view, side, side, err);
}

int run_views(View view[HELD_OUT], const Run *run)
{
    const DistillConfig *c = &run->distill->config;
    held_out_views(view, &c->range);
    if (c->field != FIELD_IMAGE) return HELD_OUT;
    view[0] = image_view(&c->range);
    return 1;
}

int run_score(Score *score, const Run *run, Err *err)
{
    const int side = run->distill->config.resolution;
    const size_t pixels = (size_t)side * (size_t)side;
    View view[HELD_OUT];
    const int views = run_views(view, run);
    *score = (Score){ 0 };
    BUG_IF(!run->truth, "no truth to compare with");
    Pair p;
    if (pair_new(&p, pixels, err) != 0) return -1;
    int status = 0;
    const int particles = run->distill->config.particles, count = views * particles;
    for (int i = 0; i < count && status == 0; i++) {
        distill_look(run->distill, i / views);
        status = pair_make(&p, run, &view[i % views], err);
        score->whole += psnr(p.rgb, p.truth, NULL, pixels) / count;
        score->object += psnr(p.rgb, p.truth, p.mask, pixels) / count;
    }
    distill_look(run->distill, 0);
    mem_free(p.truth);
    return status;
}

int run_recognised(int *count, Run *run, Err *err)
{
    const int side = run->distill->config.resolution;
    const size_t pixels = (size_t)side * (size_t)side;
    const int labels = run->world.source.objects * run->world.source.colours;
    View view[HELD_OUT];
    const int views = run_views(view, run), particles = run->distill->config.particles;
    *count = 0;
    BUG_IF(!run->known, "a prompt without label");
    if (run_exact(run, err) != 0) return -1;
    real *posterior = mem_new((size_t)labels, sizeof(real), "posterior", err);
    real *rgb = mem_new(3 * pixels, sizeof(real), "posterior", err);
    int status = posterior == NULL || rgb == NULL ? -1 : 0;
    for (int i = 0; i < views * particles && status == 0; i++) {
        distill_look(run->distill, i / views);
        status = distill_picture(rgb, NULL, NULL, NULL, run->distill, &view[i % views], side, side, err);
        for (size_t j = 0; j < 3 * pixels; j++) rgb[j] = r_fma(R(2.0), rgb[j], R(-1.0));
        if (status == 0) status = exact_posterior(posterior, run->exact, rgb, err);
        int best = 0;
        for (int j = 1; j < labels; j++)
            if (posterior[j] > posterior[best]) best = j;
        if (status == 0 && best == run->object * run->world.source.colours + run->colour) (*count)++;
    }
    distill_look(run->distill, 0);
    mem_free(posterior);
    mem_free(rgb);
    return status;
}

/* ---- files ---- */

static int png_write(const char *folder, const char *name, const Picture *p, const Run *run, char digest[65], Err *err)
{
    char path[PATH_BYTES], seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)run->distill->config.seed);
    const PngText texts[] = { { "prompt", run->prompt }, { "seed", seed }, { "software", "sdref " SDREF_VERSION " (" REAL_NAME ")" } };
    Bytes b = { 0 };
    int status = run_path(path, folder, name, err);
    if (status == 0) status = png_encode(&b, p->rgb, p->h, p->w, 3, texts, 3, err);
    if (status == 0) status = file_write(path, b.p, b.n, err);
    if (status == 0 && digest != NULL) {
        unsigned char raw[32];
        sha256(raw, b.p, b.n);
        sha256_hex(digest, raw);
    }
    bytes_free(&b);
    return status;
}

/* sum w t becomes the mean distance, for the eye. */
static void divide_depth(real *depth, const real *opacity, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++) depth[i] = depth[i] / r_max(opacity[i], R(1e-5));
}

/* The cells of one column: truth, where there is one; result; depth, unless the field is an image. labels as the sheet has them. */
enum { ROWS = 3, LABEL = 64 };
typedef struct Column { Picture cell[ROWS]; char label[ROWS][LABEL]; int rows, result; } Column;

static void column_free(Column *column)
{
    for (int i = 0; i < ROWS; i++) picture_free(&column->cell[i]);
}

static int column_make(Column *column, Pair *p, const Run *run, const View *view, Err *err)
{
    const DistillConfig *c = &run->distill->config;
    const int side = c->resolution;
    const size_t pixels = (size_t)side * (size_t)side;
    const char *name = c->field == FIELD_IMAGE ? run->prompt : view_label_name(view_label_lr(view->elevation, view->azimuth, &c->thresholds));
    int n = 0;
    if (pair_make(p, run, view, err) != 0) return -1;
    if (run->truth) {
        if (picture_from_planar(&column->cell[n], p->truth, side, side, "truth", err) != 0) return -1;
        snprintf(column->label[n++], LABEL, "%.60s", c->field == FIELD_IMAGE ? "truth" : name);
    }
    column->result = n;
    if (picture_from_planar(&column->cell[n], p->rgb, side, side, "result", err) != 0) return -1;
    if (run->truth) snprintf(column->label[n++], LABEL, "%.1f dB", psnr(p->rgb, p->truth, NULL, pixels));
    else snprintf(column->label[n++], LABEL, "%.60s", name);
    if (c->field != FIELD_IMAGE) {
        const double reach = (double)view->distance;
        divide_depth(p->depth, p->opacity, pixels);
        if (picture_from_depth(&column->cell[n], p->depth, p->opacity, (real)(reach - 1.0), (real)(reach + 1.0), side, side, err) != 0) return -1;
        snprintf(column->label[n++], LABEL, "depth");
    }
    column->rows = n;
    return 0;
}

/* views/NN.png, of another particle than the first views/particle-P-NN.png: the result alone. */
static int view_write(const Picture *result, int particle, int i, const Run *run, Err *err)
{
    char folder[PATH_BYTES], file[32];
    Picture large = { 0 };
    if (particle == 0) snprintf(file, sizeof file, "%02d.png", i);
    else snprintf(file, sizeof file, "particle-%d-%02d.png", particle, i);
    int status = run_path(folder, run->folder, "views", err);
    if (status == 0) status = picture_enlarge(&large, result, 4, err);
    if (status == 0) status = png_write(folder, file, &large, run, NULL, err);
    picture_free(&large);
    return status;
}

/* A sheet is made of columns side by side. Of a volume: one for each view of the first particle, and below them the result in the first view of
 * the other particles. Of images: one for each particle, four times as large; a lone one becomes a row. */
enum { COLUMNS = HELD_OUT + PARTICLES_MAX, CELLS = ROWS * PARTICLES_MAX + PARTICLES_MAX };
typedef struct Sheet { Column column[COLUMNS]; int image, columns, particles; } Sheet;

static int sheet_write(char digest[65], const Sheet *s, const Run *run, Err *err)
{
    const int rows = s->column[0].rows, columns = s->columns, others = s->image ? 0 : s->particles - 1, n = rows * columns + others;
    Picture cell[CELLS], large[CELLS] = { { 0 } }, sheet = { 0 };
    const char *labels[CELLS];
    char number[PARTICLES_MAX][LABEL];
    int status = 0;
    for (int k = 0; k < rows; k++)
        for (int i = 0; i < columns; i++) {
            cell[k * columns + i] = s->column[i].cell[k];
            labels[k * columns + i] = s->column[i].label[k];
        }
    for (int i = 0; i < others; i++) {
        const Column *other = &s->column[columns + i];
        cell[rows * columns + i] = other->cell[other->result];
        snprintf(number[i], LABEL, "particle %d", i + 1);
        labels[rows * columns + i] = number[i];
    }
    for (int k = 0; k < n && s->image && status == 0; k++) {
        status = picture_enlarge(&large[k], &cell[k], 4, err);
        cell[k] = large[k];
    }
    if (status == 0) status = picture_sheet(&sheet, cell, labels, n, s->image && columns == 1 ? rows : columns, 4, 1, err);
    if (status == 0) status = png_write(run->folder, "sheet.png", &sheet, run, digest, err);
    picture_free(&sheet);
    for (int k = 0; k < CELLS; k++) picture_free(&large[k]);
    return status;
}

static int sheet(char digest[65], const Run *run, Err *err)
{
    const int side = run->distill->config.resolution;
    View view[HELD_OUT];
    Pair p = { 0 };
    const int views = run_views(view, run);
    Sheet s = { .image = run->distill->config.field == FIELD_IMAGE, .particles = run->distill->config.particles };
    s.columns = s.image ? s.particles : views;
    const int all = s.columns + (s.image ? 0 : s.particles - 1);
    int status = pair_new(&p, (size_t)side * (size_t)side, err);
    for (int i = 0; i < all && status == 0; i++) {
        distill_look(run->distill, s.image ? i : i < views ? 0 : i - views + 1);
        status = column_make(&s.column[i], &p, run, &view[i < views ? i : 0], err);
        if (status == 0 && i < s.columns) status = view_write(&s.column[i].cell[s.column[i].result], 0, i, run, err);
    }
    distill_look(run->distill, 0);
    if (status == 0) status = sheet_write(digest, &s, run, err);
    for (int i = 0; i < all; i++) column_free(&s.column[i]);
    mem_free(p.truth);
    return status;
}

/* Frame i of n around the object. */
static View tour_view(const DistillConfig *c, int i, int n)
{
    View held[HELD_OUT];
    held_out_views(held, &c->range);
    return (View){ .elevation = r_clamp(R(15.0), c->range.elevation_min, c->range.elevation_max),
                   .azimuth = wrap_azimuth(R(360.0) * (real)i / (real)n),
                   .distance = held[0].distance, .fovy = held[0].fovy };
}

static int turntable_make(Bytes *b, const Run *run, int size, int frames, Err *err)
{
    const size_t pixels = (size_t)size * (size_t)size;
    real *rgb = mem_new(3 * pixels, sizeof(real), "turntable", err);
    Picture *frame = mem_new((size_t)frames, sizeof *frame, "turntable", err);
    int status = rgb == NULL || frame == NULL ? -1 : 0;
    for (int i = 0; i < frames && status == 0; i++) {
        const View view = tour_view(&run->distill->config, i, frames);
        status = distill_picture(rgb, NULL, NULL, NULL, run->distill, &view, size, size, err);
        if (status == 0) status = picture_from_planar(&frame[i], rgb, size, size, "turntable", err);
    }
    if (status == 0) status = gif_encode(b, frame, frames, 8, err);
    for (int i = 0; i < frames && frame != NULL; i++) picture_free(&frame[i]);
    mem_free(frame);
    mem_free(rgb);
    return status;
}

static int gif_write(const char *folder, const char *name, const Bytes *b, Err *err)
{
    char path[PATH_BYTES];
    return run_path(path, folder, name, err) != 0 ? -1 : file_write(path, b->p, b->n, err);
}

static int turntable(const char *folder, const char *name, const Run *run, int size, int frames, Err *err)
{
    Bytes b = { 0 };
    int status = turntable_make(&b, run, size, frames, err);
    if (status == 0) status = gif_write(folder, name, &b, err);
    bytes_free(&b);
    return status;
}

/* Of particle p, but the first: its views, and a turntable in the pixels it was made in, at half the frames. */
static int other_particle(const Run *run, int p, Err *err)
{
    const int side = run->distill->config.resolution;
    char name[32];
    View view[HELD_OUT];
    const int views = run_views(view, run);
    real *rgb = mem_new(3 * (size_t)side * (size_t)side, sizeof(real), "views of a particle", err);
    int status = rgb == NULL ? -1 : 0;
    distill_look(run->distill, p);
    for (int i = 0; i < views && status == 0; i++) {
        Picture result = { 0 };
        status = distill_picture(rgb, NULL, NULL, NULL, run->distill, &view[i], side, side, err);
        if (status == 0) status = picture_from_planar(&result, rgb, side, side, "result", err);
        if (status == 0) status = view_write(&result, p, i, run, err);
        picture_free(&result);
    }
    snprintf(name, sizeof name, "turntable-%d.gif", p);
    if (status == 0) status = turntable(run->folder, name, run, side, 24, err);
    distill_look(run->distill, 0);
    mem_free(rgb);
    return status;
}

int run_pictures(char sheet_digest[65], const Run *run, Err *err)
{
    char folder[PATH_BYTES];
    if (run_path(folder, run->folder, "views", err) != 0 || dir_make(folder, err) != 0) return -1;
    if (sheet(sheet_digest, run, err) != 0) return -1;
    if (run->distill->config.field == FIELD_IMAGE) return 0;          /* nothing to turn */
    if (turntable(run->folder, "turntable.gif", run, 128, 48, err) != 0) return -1;
    for (int p = 1; p < run->distill->config.particles; p++)
        if (other_particle(run, p, err) != 0) return -1;
    return 0;
}

/* One of eight views around, as rgb, depth, opacity and normals: the colour of a normal n is (n + 1)/2, so that of nothing is the background's grey. */
enum { TOUR_SHEETS = 4 };
static int tour_cell(Picture cell[TOUR_SHEETS], const Run *run, const View *view, real *work, int size, Err *err)
{
    const size_t pixels = (size_t)size * (size_t)size;
    real *rgb = work, *depth = work + 3 * pixels, *opacity = work + 4 * pixels, *normal = work + 5 * pixels;
    if (distill_picture(rgb, depth, opacity, normal, run->distill, view, size, size, err) != 0) return -1;
    divide_depth(depth, opacity, pixels);
    for (size_t i = 0; i < 3 * pixels; i++) normal[i] = r_fma(R(0.5), normal[i], R(0.5));
    if (picture_from_planar(&cell[0], rgb, size, size, "rgb", err) != 0) return -1;
    if (picture_from_depth(&cell[1], depth, opacity, view->distance - R(1.0), view->distance + R(1.0), size, size, err) != 0) return -1;
    if (picture_from_grey(&cell[2], opacity, size, size, "opacity", err) != 0) return -1;
    return picture_from_planar(&cell[3], normal, size, size, "normals", err);
}

/* The picture of an image field, pixel by pixel. */
static int image_write(const Run *run, const char *folder, Err *err)
{
    const int side = run->distill->config.resolution;
    const View view = image_view(&run->distill->config.range);
    Picture p = { 0 };
    real *rgb = mem_new(3 * (size_t)side * (size_t)side, sizeof(real), "picture", err);
    int status = rgb == NULL ? -1 : distill_picture(rgb, NULL, NULL, NULL, run->distill, &view, side, side, err);
    if (status == 0) status = picture_from_planar(&p, rgb, side, side, "rgb", err);
    if (status == 0) status = dir_make(folder, err);
    if (status == 0) status = png_write(folder, "rgb.png", &p, run, NULL, err);
    picture_free(&p);
    mem_free(rgb);
    return status;
}

/* All is drawn before the folder is made: a field that cannot be drawn leaves nothing. */
int run_tour(const Run *run, const char *folder, int size, int frames, Err *err)
{
    enum { AROUND = 8 };
    static const char *const names[TOUR_SHEETS] = { "rgb.png", "depth.png", "opacity.png", "normal.png" };
    Picture cell[AROUND][TOUR_SHEETS] = { { { 0 } } };
    if (run->distill->config.field == FIELD_IMAGE && size != run->distill->config.resolution)
        return err_set(err, "--size: found %d, expected %d: an image field has one size", size, run->distill->config.resolution);
    if (run->distill->config.field == FIELD_IMAGE) return image_write(run, folder, err);
    real *work = mem_new(8 * (size_t)size * (size_t)size, sizeof(real), "views", err);
    Bytes gif = { 0 };
    int status = work == NULL ? -1 : 0;
    for (int i = 0; i < AROUND && status == 0; i++) {
        const View view = tour_view(&run->distill->config, i, AROUND);
        status = tour_cell(cell[i], run, &view, work, size, err);
    }
    if (status == 0) status = turntable_make(&gif, run, size, frames, err);
    if (status == 0) status = dir_make(folder, err);
    for (int kind = 0; kind < TOUR_SHEETS && status == 0; kind++) {
        Picture row[AROUND], small = { 0 };
        for (int i = 0; i < AROUND; i++) row[i] = cell[i][kind];
        status = picture_sheet(&small, row, NULL, AROUND, AROUND / 2, 4, 1, err);
        if (status == 0) status = png_write(folder, names[kind], &small, run, NULL, err);
        picture_free(&small);
    }
    for (int i = 0; i < AROUND; i++)
        for (int kind = 0; kind < TOUR_SHEETS; kind++) picture_free(&cell[i][kind]);
    mem_free(work);
    if (status == 0) status = gif_write(folder, "turntable.gif", &gif, err);
    bytes_free(&gif);
    return status;
}
