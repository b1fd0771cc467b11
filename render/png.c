/* png.c -- PNG files: IHDR, text, IDAT, IEND
 *
 * Each row takes the filter with the least sum of absolute differences (as signed bytes), the first of equals.
 * Special cases: channel count or size out of range is a bug of the caller. No alpha, no palette, no interlace.
 */
#include "render/png.h"

#include "render/deflate.h"
#include "tensor/mem.h"

#include <stdlib.h>
#include <string.h>

enum { IDAT_MAX = 65536 };

static void put_chunk(Bytes *out, const char *type, const unsigned char *data, size_t n, Err *err)
{
    uint32_t crc = crc32_of(0, (const unsigned char *)type, 4);
    bytes_be32(out, (uint32_t)n, err);
    bytes_put(out, type, 4, err);
    bytes_put(out, data, n, err);
    bytes_be32(out, crc32_of(crc, data, n), err);
}

/* ---- filters ---- */

/* The one of left, up, corner nearest to left + up - corner, ties in that order (PNG specification, 9.4). */
static int paeth(int left, int up, int corner)
{
    int p = left + up - corner;
    int dl = abs(p - left), du = abs(p - up), dc = abs(p - corner);
    if (dl <= du && dl <= dc) return left;
    return du <= dc ? up : corner;
}

static int predict(int type, int left, int up, int corner)
{
    switch (type) {
    case 1: return left;
    case 2: return up;
    case 3: return (left + up) / 2;
    case 4: return paeth(left, up, corner);
    default: return 0;
    }
}

/* out: (1 + n) = type, then row - prediction. above NULL: zeros. Returns the sum of absolute differences. */
static uint64_t filter_row(unsigned char *out, const unsigned char *row, const unsigned char *above, int type,
                           size_t n, size_t channels)
{
    uint64_t sum = 0;
    out[0] = (unsigned char)type;
    for (size_t i = 0; i < n; i++) {
        int left = i < channels ? 0 : row[i - channels];
        int up = above == NULL ? 0 : above[i];
        int corner = i < channels || above == NULL ? 0 : above[i - channels];
        unsigned char d = (unsigned char)(row[i] - predict(type, left, up, corner));
        out[1 + i] = d;
        sum += d < 128 ? d : 256u - d;
    }
    return sum;
}

/* ---- text ---- */

static int key_is_valid(const char *key)
{
    size_t n = strlen(key);
    if (n < 1 || n > 79 || key[0] == ' ' || key[n - 1] == ' ') return 0;
    for (size_t i = 0; i < n; i++)
        if (key[i] < 32 || key[i] > 126 || (key[i] == ' ' && key[i + 1] == ' ')) return 0;
    return 1;
}

static int is_ascii(const char *s)
{
    for (; *s != '\0'; s++)
        if ((unsigned char)*s > 126 || ((unsigned char)*s < 32 && *s != '\n')) return 0;
    return 1;
}

/* Shortest form, no surrogates, at most U+10FFFF. */
static int is_utf8(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    while (*s != 0) {
        int more = *s < 0x80 ? 0 : *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;
        if ((*s >= 0x80 && *s < 0xc2) || *s > 0xf4) return 0;
        if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f)) return 0;
        if ((*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f)) return 0;
        for (s++; more > 0; more--, s++)
            if ((*s & 0xc0) != 0x80) return 0;
    }
    return 1;
}

static int put_text(Bytes *out, const PngText *t, Err *err)
{
    static const unsigned char utf8_head[5] = {0};        /* NUL, not compressed, method 0, no language, no translation */
    if (!key_is_valid(t->key))
        return err_set(err, "PNG text: found the key '%s', expected 1 to 79 printable ASCII characters, single spaces inside",
                       t->key);
    if (!is_utf8(t->text)) return err_set(err, "PNG text '%s': found bytes that are not UTF-8", t->key);
    Bytes body = {0};
    int ascii = is_ascii(t->text);
    bytes_put(&body, t->key, strlen(t->key), err);
    bytes_put(&body, utf8_head, ascii ? 1 : 5, err);
    bytes_put(&body, t->text, strlen(t->text), err);
    if (!err->set) put_chunk(out, ascii ? "tEXt" : "iTXt", body.p, body.n, err);
    bytes_free(&body);
    return err->set ? -1 : 0;
}

/* ---- the file ---- */

/* rows: (h, 1 + stride), filtered; trial: (1 + stride) scratch. */
static void filter_rows(unsigned char *rows, unsigned char *trial, const unsigned char *pixels, int h, size_t stride,
                        size_t channels)
{
    for (int y = 0; y < h; y++) {
        const unsigned char *row = pixels + (size_t)y * stride, *above = y == 0 ? NULL : row - stride;
        unsigned char *out = rows + (size_t)y * (1 + stride);
        uint64_t least = filter_row(out, row, above, 0, stride, channels);
        for (int type = 1; type < 5; type++) {
            uint64_t sum = filter_row(trial, row, above, type, stride, channels);
            if (sum < least) {
                least = sum;
                memcpy(out, trial, 1 + stride);
            }
        }
    }
}

static int put_pixels(Bytes *out, const unsigned char *pixels, int h, int w, int channels, Err *err)
{
    const size_t stride = (size_t)w * (size_t)channels;
    Bytes packed = {0};
    unsigned char *rows = mem_new((size_t)h + 1, 1 + stride, "PNG rows", err);   /* the last one is scratch */
    if (rows == NULL) return -1;
    filter_rows(rows, rows + (size_t)h * (1 + stride), pixels, h, stride, (size_t)channels);
    zlib_pack(&packed, rows, (size_t)h * (1 + stride), err);
    mem_free(rows);
    for (size_t at = 0; at < packed.n && !err->set; at += IDAT_MAX) {
        size_t part = packed.n - at < IDAT_MAX ? packed.n - at : IDAT_MAX;
        put_chunk(out, "IDAT", packed.p + at, part, err);
    }
    bytes_free(&packed);
    return err->set ? -1 : 0;
}

int png_encode(Bytes *out, const unsigned char *pixels, int h, int w, int channels,
               const PngText *texts, int ntexts, Err *err)
{
    BUG_IF(h < 1 || w < 1 || (channels != 1 && channels != 3), "PNG of (%d, %d, %d)", h, w, channels);
    Bytes head = {0};
    bytes_put(out, "\x89PNG\r\n\x1a\n", 8, err);
    bytes_be32(&head, (uint32_t)w, err);
    bytes_be32(&head, (uint32_t)h, err);
    bytes_byte(&head, 8, err);                            /* bits a channel */
    bytes_byte(&head, channels == 1 ? 0 : 2, err);        /* grey, RGB */
    bytes_put(&head, "\0\0\0", 3, err);                   /* deflate, the five filters, no interlace */
    if (!err->set) put_chunk(out, "IHDR", head.p, head.n, err);
    bytes_free(&head);
    for (int i = 0; i < ntexts && !err->set; i++) put_text(out, &texts[i], err);
    if (!err->set) put_pixels(out, pixels, h, w, channels, err);
    put_chunk(out, "IEND", NULL, 0, err);
    return err->set ? -1 : 0;
}
