/* png.h -- PNG files (8 bits a channel, grey or RGB), as bytes
 *
 * Same pixels and texts, same bytes. No time, no gamma, no program name: only what is passed in.
 */
#ifndef SDREF_PNG_H
#define SDREF_PNG_H

#include "render/bytes.h"

/* A text chunk: key of 1 to 79 printable ASCII characters without spaces at the ends or two in a row;
 * text in UTF-8 (tEXt when it is ASCII, iTXt when not). */
typedef struct { const char *key, *text; } PngText;

/* Appends a whole PNG file. pixels: (h, w, channels), row 0 at the top; channels 1 (grey) or 3 (RGB); h, w >= 1.
 * -1: a text that is not as above, out of memory. The bytes are the caller's (bytes_free). */
int png_encode(Bytes *out, const unsigned char *pixels, int h, int w, int channels,
               const PngText *texts, int ntexts, Err *err);

#endif
