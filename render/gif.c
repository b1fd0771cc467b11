/* gif.c -- animated GIF89a: one palette, LZW
 *
 * Palette: all pixels of all frames, sorted; each distinct colour with its count. Starting from one box of colours,
 * the box axis with the largest weighted squared deviation from its mean is cut at the mean, until there are 256
 * boxes or each holds one colour; a palette entry is its box's mean, rounded half up. A pixel takes the nearest entry
 * in the same weighted squares, the first of equals.
 * LZW: a tree of codes; at 4096 codes it is cleared. Integers throughout.
 */
#include "render/gif.h"

#include "tensor/mem.h"

#include <string.h>

enum { COLOURS = 256, CODES = 4096 };

static const int axis_weight[3] = { 3, 4, 2 };            /* an error in green shows most */

typedef struct { uint32_t rgb; uint32_t count; } Colour;  /* rgb: r << 16 | g << 8 | b */
typedef struct { size_t first, n; int axis, mean[3]; uint64_t spread; } Box;   /* spread: along `axis`, the widest */
typedef struct { int n; unsigned char rgb[COLOURS][3]; } Palette;

static int channel(uint32_t rgb, int axis) { return (int)(rgb >> (16 - 8 * axis) & 255); }

/* ---- palette ---- */

/* Counting sort by one byte; three of them sort. */
static void sort_pass(uint32_t *out, const uint32_t *in, size_t n, int axis)
{
    size_t start[257] = {0};
    for (size_t i = 0; i < n; i++) start[channel(in[i], axis) + 1]++;
    for (int v = 0; v < 256; v++) start[v + 1] += start[v];
    for (size_t i = 0; i < n; i++) out[start[channel(in[i], axis)]++] = in[i];
}

/* colours: at least as many as pixels. Returns how many are distinct. */
static size_t count_colours(Colour *colours, uint32_t *pixels, uint32_t *scratch, size_t n)
{
    size_t distinct = 0;
    sort_pass(scratch, pixels, n, 2);
    sort_pass(pixels, scratch, n, 1);
    sort_pass(scratch, pixels, n, 0);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || scratch[i] != scratch[i - 1]) colours[distinct++] = (Colour){ scratch[i], 0 };
        colours[distinct - 1].count++;
    }
    return distinct;
}

static void measure(Box *b, const Colour *colours)
{
    b->spread = 0;
    b->axis = 0;
    for (int axis = 0; axis < 3; axis++) {
        uint64_t count = 0, sum = 0, squares = 0;
        for (size_t i = b->first; i < b->first + b->n; i++) {
            count += colours[i].count;
            sum += (uint64_t)colours[i].count * (uint64_t)channel(colours[i].rgb, axis);
        }
        b->mean[axis] = (int)((sum + count / 2) / count);
        for (size_t i = b->first; i < b->first + b->n; i++) {
            int64_t d = channel(colours[i].rgb, axis) - b->mean[axis];
            squares += colours[i].count * (uint64_t)(d * d);
        }
        squares *= (uint64_t)axis_weight[axis];
        if (squares > b->spread) { b->spread = squares; b->axis = axis; }
    }
}

/* Cuts `b` in two at its mean: colours up to the mean stay. Neither part is empty, for the spread is not 0. */
static Box cut(Box *b, Colour *colours)
{
    int top = 0;
    for (size_t i = b->first; i < b->first + b->n; i++) {
        int v = channel(colours[i].rgb, b->axis);
        if (v > top) top = v;
    }
    int limit = b->mean[b->axis] < top ? b->mean[b->axis] : top - 1;      /* the mean is rounded, perhaps up to the top */
    size_t kept = 0;
    for (size_t i = 0; i < b->n; i++) {
        Colour c = colours[b->first + i];
        if (channel(c.rgb, b->axis) > limit) continue;
        colours[b->first + i] = colours[b->first + kept];
        colours[b->first + kept] = c;
        kept++;
    }
    Box rest = { b->first + kept, b->n - kept, 0, {0}, 0 };
    b->n = kept;
    return rest;
}

static void make_palette(Palette *p, Colour *colours, size_t distinct)
{
    Box box[COLOURS];
    int n = 1;
    box[0] = (Box){ 0, distinct, 0, {0}, 0 };
    measure(&box[0], colours);
    while (n < COLOURS) {
        int widest = 0;
        for (int i = 1; i < n; i++) if (box[i].spread > box[widest].spread) widest = i;
        if (box[widest].spread == 0) break;
        box[n] = cut(&box[widest], colours);
        measure(&box[widest], colours);
        measure(&box[n], colours);
        n++;
    }
    p->n = n;
    for (int i = 0; i < n; i++)
        for (int axis = 0; axis < 3; axis++) p->rgb[i][axis] = (unsigned char)box[i].mean[axis];
}

static int palette_of(Palette *p, const Picture *frames, int n, Err *err)
{
    const size_t size = (size_t)frames[0].h * (size_t)frames[0].w, total = (size_t)n * size;
    uint32_t *pixels = mem_new(2 * total, sizeof *pixels, "GIF palette", err);
    Colour *colours = pixels == NULL ? NULL : mem_new(total, sizeof *colours, "GIF palette", err);
    if (colours != NULL) {
        for (size_t i = 0; i < total; i++) {
            const unsigned char *c = frames[i / size].rgb + 3 * (i % size);
            pixels[i] = (uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | (uint32_t)c[2];
        }
        size_t distinct = count_colours(colours, pixels, pixels + total, total);
        make_palette(p, colours, distinct);
    }
    mem_free(colours);
    mem_free(pixels);
    return colours == NULL ? -1 : 0;
}

/* ---- pixels to palette entries ---- */

static int nearest(const Palette *p, const unsigned char rgb[3])
{
    int best = 0, least = INT32_MAX;
    for (int i = 0; i < p->n; i++) {
        int sum = 0;
        for (int axis = 0; axis < 3; axis++) {
            int d = rgb[axis] - p->rgb[i][axis];
            sum += axis_weight[axis] * d * d;
        }
        if (sum < least) { least = sum; best = i; }
    }
    return best;
}

/* index: (h, w). Most pixels are like the one before them, whose entry is theirs. */
static void index_frame(unsigned char *index, const Picture *f, const Palette *p)
{
    const size_t size = (size_t)f->h * (size_t)f->w;
    for (size_t i = 0; i < size; i++) {
        const unsigned char *rgb = f->rgb + 3 * i;
        index[i] = i > 0 && memcmp(rgb, rgb - 3, 3) == 0 ? index[i - 1] : (unsigned char)nearest(p, rgb);
    }
}

/* ---- LZW ---- */

typedef struct {
    uint16_t next[CODES][COLOURS];                        /* code of (code, then this byte); 0: none yet */
    Bytes    body;
    uint32_t pending;
    int      npending;
} Lzw;

static void put_code(Lzw *z, int code, int width, Err *err)
{
    z->pending |= (uint32_t)code << z->npending;
    z->npending += width;
    for (; z->npending >= 8; z->npending -= 8) {
        bytes_byte(&z->body, (int)(z->pending & 255), err);
        z->pending >>= 8;
    }
}

/* index[0..n) -> z->body; depth: bits of a palette index, 2..8. */
static void lzw_pack(Lzw *z, const unsigned char *index, size_t n, int depth, Err *err)
{
    const int clear = 1 << depth, end = clear + 1;
    int width = depth + 1, codes = end + 1, code = index[0];
    memset(z->next, 0, sizeof z->next);
    z->body.n = 0;
    z->pending = 0;
    z->npending = 0;
    put_code(z, clear, width, err);
    for (size_t i = 1; i < n; i++) {
        int longer = z->next[code][index[i]];
        if (longer != 0) { code = longer; continue; }
        put_code(z, code, width, err);
        if (codes == CODES) {
            put_code(z, clear, width, err);
            memset(z->next, 0, sizeof z->next);
            width = depth + 1;
            codes = end + 1;
        } else {
            if (codes == 1 << width) width++;             /* the reader is one code behind: it has made codes - 1 */
            z->next[code][index[i]] = (uint16_t)codes++;
        }
        code = index[i];
    }
    put_code(z, code, width, err);
    if (codes == 1 << width && width < 12) width++;       /* as if one more code had been made */
    put_code(z, end, width, err);
    if (z->npending > 0) put_code(z, 0, 8 - z->npending, err);
}

/* ---- the file ---- */

static void put_head(Bytes *out, const Picture *frame, const Palette *p, int depth, Err *err)
{
    bytes_put(out, "GIF89a", 6, err);
    bytes_le16(out, frame->w, err);
    bytes_le16(out, frame->h, err);
    bytes_byte(out, 0xf0 | (depth - 1), err);             /* a global palette of 2^depth */
    bytes_put(out, "\0\0", 2, err);                       /* background entry 0; square pixels */
    for (int i = 0; i < 1 << depth; i++) bytes_put(out, i < p->n ? (const void *)p->rgb[i] : "\0\0\0", 3, err);
    bytes_put(out, "\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0", 19, err);     /* repeat for ever */
}

static void put_frame(Bytes *out, Lzw *z, const Picture *f, int delay, int depth, Err *err)
{
    bytes_put(out, "\x21\xf9\x04\x04", 4, err);           /* leave the picture in place; nothing is transparent */
    bytes_le16(out, delay, err);
    bytes_put(out, "\0\0\x2c\0\0\0\0", 7, err);           /* at the top left corner */
    bytes_le16(out, f->w, err);
    bytes_le16(out, f->h, err);
    bytes_byte(out, 0, err);
    bytes_byte(out, depth, err);
    for (size_t at = 0; at < z->body.n; at += 255) {
        size_t part = z->body.n - at < 255 ? z->body.n - at : 255;
        bytes_byte(out, (int)part, err);
        bytes_put(out, z->body.p + at, part, err);
    }
    bytes_byte(out, 0, err);
}

static int check_frames(const Picture *frames, int n, int delay, Err *err)
{
    if (frames[0].h > 65535 || frames[0].w > 65535)
        return err_set(err, "GIF: found %d x %d pixels, expected at most 65535 each way", frames[0].h, frames[0].w);
    if ((uint64_t)frames[0].h * (uint64_t)frames[0].w > UINT32_MAX / (uint64_t)n)
        return err_set(err, "GIF: found %d frames of %d x %d pixels, expected fewer than 2^32 in all",
                       n, frames[0].h, frames[0].w);
    if (delay < 0 || delay > 65535)
        return err_set(err, "GIF: found a delay of %d, expected 0 to 65535 hundredths of a second", delay);
    for (int i = 1; i < n; i++)
        if (frames[i].h != frames[0].h || frames[i].w != frames[0].w)
            return err_set(err, "GIF: found frame %d of %d x %d pixels, expected %d x %d as the first",
                           i, frames[i].h, frames[i].w, frames[0].h, frames[0].w);
    return 0;
}

int gif_encode(Bytes *out, const Picture *frames, int n, int delay, Err *err)
{
    Palette p;
    BUG_IF(n < 1 || frames[0].rgb == NULL, "GIF of %d frames", n);
    if (err->set || check_frames(frames, n, delay, err) != 0 || palette_of(&p, frames, n, err) != 0) return -1;
    int depth = 2;                                        /* LZW wants two bits at least */
    while (1 << depth < p.n) depth++;
    const size_t size = (size_t)frames[0].h * (size_t)frames[0].w;
    Lzw *z = mem_new(1, sizeof *z, "GIF frame", err);
    unsigned char *index = z == NULL ? NULL : mem_new((size_t)n, size, "GIF frames", err);
    if (index != NULL) {
        for (int i = 0; i < n; i++) index_frame(index + (size_t)i * size, &frames[i], &p);
        put_head(out, &frames[0], &p, depth, err);
        for (int i = 0; i < n; i++) {
            lzw_pack(z, index + (size_t)i * size, size, depth, err);
            put_frame(out, z, &frames[i], delay, depth, err);
        }
        bytes_byte(out, 0x3b, err);
        bytes_free(&z->body);
    }
    mem_free(index);
    mem_free(z);
    return err->set ? -1 : 0;
}
