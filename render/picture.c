/* picture.c -- 8-bit pictures: conversion, colour map, enlargement, sheets
 *
 * Conversion: floor(255 x + 1/2), exact: the rounded sum is put right by the sign of its fused remainder.
 * Colour map: one polynomial of degree 5 a channel, fitted so that CIELAB lightness rises from 13 to 92 in a straight
 * line (to 0.3); Horner with fma, so the bytes follow from `real` alone.
 * Enlargement: integers; the Catmull-Rom weights of a place n/d between two pixels are integers over 2 d^3.
 */
#include "render/picture.h"

#include "tensor/mem.h"
#include "tensor/text.h"

#include <string.h>

enum {
    SIDE_MAX = 1 << 20,                                   /* pixels each way, so that sizes fit an int */
    NO_SURFACE = 160,                                     /* grey where there is no depth */
    GROUND = 246, INK = 48,                               /* of a sheet */
    LETTER = 8, LABEL_GAP = 2, LABEL_MAX = 256            /* pixels, pixels, bytes */
};

static int picture_alloc(Picture *out, int64_t h, int64_t w, Err *err)
{
    *out = (Picture){0};
    BUG_IF(h < 1 || w < 1, "picture of %lld x %lld pixels", (long long)h, (long long)w);
    if (h > SIDE_MAX || w > SIDE_MAX)
        return err_set(err, "picture: found %lld x %lld pixels, expected at most %d each way",
                       (long long)h, (long long)w, SIDE_MAX);
    out->rgb = mem_new((size_t)h, 3 * (size_t)w, "picture", err);
    if (out->rgb == NULL) return -1;
    out->h = (int)h;
    out->w = (int)w;
    return 0;
}

int picture_new(Picture *out, int h, int w, Err *err) { return picture_alloc(out, h, w, err); }

void picture_free(Picture *p)
{
    mem_free(p->rgb);
    *p = (Picture){0};
}

static unsigned char *at(const Picture *p, int y, int x) { return p->rgb + 3 * ((size_t)y * (size_t)p->w + (size_t)x); }

/* ---- from images ---- */

static unsigned char to_byte(real x)
{
    double clamped = x < 0 ? 0.0 : x > 1 ? 1.0 : (double)x;
    double byte = floor(fma(255.0, clamped, 0.5));
    if (fma(255.0, clamped, 0.5 - byte) < 0) byte -= 1;   /* the sum was rounded up to a whole number */
    return (unsigned char)byte;
}

/* x[c step_c + (y w + x) step_p] is channel c of a pixel. */
static int convert(Picture *out, const real *x, int h, int w, size_t step_c, size_t step_p, const char *what, Err *err)
{
    if (picture_new(out, h, w, err) != 0) return -1;
    for (size_t i = 0; i < (size_t)h * (size_t)w; i++) {
        for (size_t c = 0; c < 3; c++) {
            real v = x[c * step_c + i * step_p];
            if (!isfinite(v)) {
                picture_free(out);
                return err_set(err, "picture of %s: found %g at row %zu, column %zu, channel %zu, expected a finite value",
                               what, text_shown((double)v), i / (size_t)w, i % (size_t)w, c);
            }
            out->rgb[3 * i + c] = to_byte(v);
        }
    }
    return 0;
}

int picture_from_planar(Picture *out, const real *x, int h, int w, const char *what, Err *err)
{
    return convert(out, x, h, w, (size_t)h * (size_t)w, 1, what, err);
}

int picture_from_pixels(Picture *out, const real *x, int h, int w, const char *what, Err *err)
{
    return convert(out, x, h, w, 1, 3, what, err);
}

int picture_from_grey(Picture *out, const real *x, int h, int w, const char *what, Err *err)
{
    return convert(out, x, h, w, 0, 1, what, err);
}

/* ---- colour map and depth ---- */

void colour_map(unsigned char rgb[3], real t)
{
    static const real k[3][6] = {                         /* highest power first */
        { R(-2.692), R( 3.417), R( 2.848), R(-2.949), R(0.210), R(0.166) },
        { R( 0.499), R(-2.807), R( 3.785), R(-1.929), R(1.320), R(0.049) },
        { R( 2.893), R(-3.867), R(-0.559), R( 0.904), R(0.509), R(0.366) },
    };
    t = r_clamp(t, 0, 1);
    for (int c = 0; c < 3; c++) {
        real v = k[c][0];
        for (int i = 1; i < 6; i++) v = r_fma(v, t, k[c][i]);
        rgb[c] = to_byte(v);
    }
}

int picture_from_depth(Picture *out, const real *depth, const real *opacity, real near, real far, int h, int w, Err *err)
{
    BUG_IF(!(near < far), "depth from %g to %g", (double)near, (double)far);
    if (picture_new(out, h, w, err) != 0) return -1;
    for (size_t i = 0; i < (size_t)h * (size_t)w; i++) {
        int bad_opacity = opacity != NULL && !isfinite(opacity[i]);
        int surface = bad_opacity || opacity == NULL || opacity[i] >= R(0.5);
        if (bad_opacity || (surface && !isfinite(depth[i]))) {
            picture_free(out);
            return err_set(err, "picture of depth: found %s %g at row %zu, column %zu, expected a finite value",
                           bad_opacity ? "opacity" : "depth", text_shown((double)(bad_opacity ? opacity[i] : depth[i])),
                           i / (size_t)w, i % (size_t)w);
        }
        if (surface) colour_map(out->rgb + 3 * i, (far - depth[i]) / (far - near));
        else memset(out->rgb + 3 * i, NO_SURFACE, 3);
    }
    return 0;
}

/* ---- larger ---- */

static int enlarged_new(Picture *out, const Picture *in, int factor, Err *err)
{
    BUG_IF(factor < 1 || factor > 64, "picture enlarged %d times", factor);
    return picture_alloc(out, (int64_t)in->h * factor, (int64_t)in->w * factor, err);
}

int picture_enlarge(Picture *out, const Picture *in, int factor, Err *err)
{
    if (enlarged_new(out, in, factor, err) != 0) return -1;
    for (int y = 0; y < out->h; y++)
        for (int x = 0; x < out->w; x++) memcpy(at(out, y, x), at(in, y / factor, x / factor), 3);
    return 0;
}

/* Output place i of `factor` times as many: the four pixels around it (edges repeated) and their weights over
 * 2 d^3, d = 2 factor. With t = n/d: (-t^3 + 2t^2 - t, 3t^3 - 5t^2 + 2, -3t^3 + 4t^2 + t, t^3 - t^2) / 2. */
static void cubic_taps(int pixel[4], int64_t weight[4], int i, int factor, int size)
{
    int d = 2 * factor, place = 2 * i + 1 - factor;       /* place / d: in input pixels, 0 at the first centre */
    int base = place < 0 ? -1 : place / d;                /* floor: place > -d */
    int64_t n = place - base * d, n2 = n * n, n3 = n2 * n, d1 = d, d2 = d1 * d, d3 = d2 * d;
    weight[0] = -n3 + 2 * n2 * d1 - n * d2;
    weight[1] = 3 * n3 - 5 * n2 * d1 + 2 * d3;
    weight[2] = -3 * n3 + 4 * n2 * d1 + n * d2;
    weight[3] = n3 - n2 * d1;
    for (int j = 0; j < 4; j++) {
        int p = base - 1 + j;
        pixel[j] = p < 0 ? 0 : p >= size ? size - 1 : p;
    }
}

int picture_enlarge_smooth(Picture *out, const Picture *in, int factor, Err *err)
{
    if (enlarged_new(out, in, factor, err) != 0) return -1;
    const int64_t d = 2 * factor, unit = 4 * d * d * d * d * d * d;       /* (2 d^3)^2 <= 2^44 */
    for (int y = 0; y < out->h; y++) {
        int row[4], col[4];
        int64_t wy[4], wx[4];
        cubic_taps(row, wy, y, factor, in->h);
        for (int x = 0; x < out->w; x++) {
            int64_t sum[3] = {0};
            cubic_taps(col, wx, x, factor, in->w);
            for (int i = 0; i < 4; i++)
                for (int j = 0; j < 4; j++)
                    for (int c = 0; c < 3; c++) sum[c] += wy[i] * wx[j] * at(in, row[i], col[j])[c];
            for (int c = 0; c < 3; c++) {
                int64_t v = sum[c] < 0 ? 0 : (sum[c] + unit / 2) / unit;
                at(out, y, x)[c] = (unsigned char)(v > 255 ? 255 : v);
            }
        }
    }
    return 0;
}

/* ---- sheets ---- */

void picture_paste(Picture *p, const Picture *from, int row, int col)
{
    for (int y = 0; y < from->h; y++)
        for (int x = 0; x < from->w; x++)
            if (row + y >= 0 && row + y < p->h && col + x >= 0 && col + x < p->w)
                memcpy(at(p, row + y, col + x), at(from, y, x), 3);
}

static int lines_of(const char *label)
{
    int n = 1;
    for (; *label != '\0'; label++) n += *label == '\n';
    return n;
}

/* The label's lines, each cut from the end until it fits `width` pixels, in the middle. */
static void put_label(Picture *p, const char *label, int row, int col, int width, int scale)
{
    static const unsigned char ink[3] = { INK, INK, INK };
    for (int i = lines_of(label); i > 0; i--) {
        const size_t line = strcspn(label, "\n");
        char cut[LABEL_MAX];
        size_t n = line < LABEL_MAX - 1 ? line : LABEL_MAX - 1;
        memcpy(cut, label, n);
        for (cut[n] = '\0'; n > 0 && picture_text_width(cut, scale) > width; ) cut[--n] = '\0';
        picture_text(p, cut, row, col + (width - picture_text_width(cut, scale)) / 2, scale, ink);
        row += (LETTER + LABEL_GAP) * scale;
        label += line + 1;
    }
}

int picture_sheet(Picture *out, const Picture *cells, const char *const *labels, int n, int columns, int pad,
                  int text_scale, Err *err)
{
    int h = 1, w = 1, lines = 0;                          /* of the largest cell; of the longest label */
    BUG_IF(n < 1 || columns < 1 || pad < 0 || text_scale < 1, "sheet of %d in %d columns, pad %d, text %d",
           n, columns, pad, text_scale);
    if (columns > n) columns = n;
    for (int i = 0; i < n; i++) {
        if (cells[i].h > h) h = cells[i].h;
        if (cells[i].w > w) w = cells[i].w;
        if (labels != NULL && labels[i] != NULL && lines_of(labels[i]) > lines) lines = lines_of(labels[i]);
    }
    const int rows = (n - 1) / columns + 1;
    const int64_t band = (int64_t)lines * (LETTER + LABEL_GAP) * text_scale, step_y = h + band + pad, step_x = (int64_t)w + pad;
    if (picture_alloc(out, pad + rows * step_y, pad + columns * step_x, err) != 0) return -1;
    memset(out->rgb, GROUND, 3 * (size_t)out->h * (size_t)out->w);
    for (int i = 0; i < n; i++) {
        int row = pad + i / columns * (int)step_y, col = pad + i % columns * (int)step_x;
        picture_paste(out, &cells[i], row + (h - cells[i].h) / 2, col + (w - cells[i].w) / 2);
        if (labels != NULL && labels[i] != NULL)
            put_label(out, labels[i], row + h + LABEL_GAP * text_scale, col, w, text_scale);
    }
    return 0;
}
