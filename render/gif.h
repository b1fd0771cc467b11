/* gif.h -- animated GIF89a files, as bytes
 *
 * Pictures of at most 256 colours in all come back exactly; others are reduced to one palette of 256 for all frames
 * (colour space cut at means) so that nothing flickers. Integer arithmetic only: same frames, same bytes.
 */
#ifndef SDREF_GIF_H
#define SDREF_GIF_H

#include "render/bytes.h"
#include "render/picture.h"

/* Appends a whole GIF file that repeats for ever. frames[0..n): all of one size, at most 65535 each way; `delay` in
 * hundredths of a second (2 or more: viewers slow down shorter ones), 0..65535. n >= 1.
 * -1: sizes as above not met, out of memory. The bytes are the caller's (bytes_free). */
int gif_encode(Bytes *out, const Picture *frames, int n, int delay, Err *err);

#endif
