/* picture.h -- 8-bit RGB pictures: from images in [0,1], larger, in sheets, with labels
 *
 * Same input, same bytes. Every function that makes a picture allocates out->rgb, which picture_free releases; on an
 * error `out` is left empty ({0}). `out` is written over without being freed and must not be an input.
 */
#ifndef SDREF_PICTURE_H
#define SDREF_PICTURE_H

#include "tensor/err.h"
#include "tensor/real.h"

typedef struct Picture { int h, w; unsigned char *rgb; } Picture;         /* rgb: (h, w, 3), row 0 at the top */

int  picture_new(Picture *out, int h, int w, Err *err);                   /* black */
void picture_free(Picture *p);                                            /* {0} is fine; back to {0} */

/* 8-bit value of x in [0,1]: clamped, then 255 x rounded half up. A value that is not finite is an error, which
 * names `what` (the image) and the first place. */
int picture_from_planar(Picture *out, const real *x, int h, int w, const char *what, Err *err);   /* x: (3, h, w) */
int picture_from_pixels(Picture *out, const real *x, int h, int w, const char *what, Err *err);   /* x: (h, w, 3) */
int picture_from_grey(Picture *out, const real *x, int h, int w, const char *what, Err *err);     /* x: (h, w) */

/* Depth in colour: `near` is the bright end of colour_map, `far` the dark one; depths outside are clamped. Where
 * opacity < 0.5 there is no surface: neutral grey, and depth is not looked at. depth, opacity: (h, w); opacity NULL:
 * surface everywhere. near < far. */
int picture_from_depth(Picture *out, const real *depth, const real *opacity, real near, real far, int h, int w, Err *err);

/* t in [0,1] (clamped; finite) to a colour: dark violet, blue, green, yellow, in even steps of lightness. */
void colour_map(unsigned char rgb[3], real t);

/* `factor` (1 to 64) times as large: each pixel a square, or smooth (cubic through the pixels, Catmull-Rom, in exact
 * integer arithmetic; edges repeated). */
int picture_enlarge(Picture *out, const Picture *in, int factor, Err *err);
int picture_enlarge_smooth(Picture *out, const Picture *in, int factor, Err *err);

/* Copies `from` into `p` with its top left corner at (row, col); what falls outside is left out. */
void picture_paste(Picture *p, const Picture *from, int row, int col);

/* Text in the built-in font, 6 x 8 pixels a character times `scale`, top left corner at (row, col), clipped to the
 * picture. Letters outside ASCII 32..126 are drawn as a box, one for each UTF-8 sequence. */
void picture_text(Picture *p, const char *text, int row, int col, int scale, const unsigned char rgb[3]);
int  picture_text_width(const char *text, int scale);                     /* pixels */

/* A contact sheet: n cells in rows of `columns`, on a light ground, `pad` pixels around each; a label under each cell
 * (labels NULL, or a label NULL: none), of lines parted by \n, each cut to the cell's width. Cells may differ in size: the
 * largest sets the grid, smaller ones are centred. n, columns >= 1. */
int picture_sheet(Picture *out, const Picture *cells, const char *const *labels, int n, int columns, int pad,
                  int text_scale, Err *err);

#endif
