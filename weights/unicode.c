/* unicode.c -- binary search in generated ranges
 *
 * Lower case (Unicode 14.0, section 3.13): one code point to one, but for
 *     U+0130 becomes U+0069 U+0307
 *     U+03A3, capital sigma, becomes U+03C2 where a cased letter stands before it and none after it, case-ignorable ones
 *            in between not counting; else U+03C3. As in Python, what is cased and case-ignorable counts as ignorable.
 */
#include "weights/unicode.h"
#include "weights/json.h"
#include "weights/unicode_tables.h"

enum { CASED = 1, IGNORABLE = 2 };                        /* values of case_range */
enum { DOTTED_CAPITAL_I = 0x130, DOT_ABOVE = 0x307, CAPITAL_SIGMA = 0x3a3, SMALL_SIGMA = 0x3c3, FINAL_SIGMA = 0x3c2 };

/* The value of the range that holds c; 0: none does. */
static int range_value(const UnicodeRange *range, size_t n, uint32_t c)
{
    size_t low = 0, high = n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (c > range[middle].last) low = middle + 1;
        else if (c < range[middle].first) high = middle;
        else return range[middle].value;
    }
    return 0;
}

static int case_context(uint32_t c) { return range_value(case_range, sizeof case_range / sizeof case_range[0], c); }

UnicodeClass unicode_class(uint32_t c)
{
    return (UnicodeClass)range_value(class_range, sizeof class_range / sizeof class_range[0], c);
}

static uint32_t lower_one(uint32_t c)
{
    size_t low = 0, high = sizeof lower_move / sizeof lower_move[0];
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const UnicodeMove *m = lower_move + middle;
        if (c > m->last) low = middle + 1;
        else if (c < m->first) high = middle;
        else return (c - m->first) % (uint32_t)m->step == 0 ? (uint32_t)((int)c + m->delta) : c;
    }
    return c;
}

/* The capital sigma s[i] of s[0..n). */
static uint32_t lower_sigma(const uint32_t *s, size_t n, size_t i)
{
    size_t before = i, after = i + 1;
    while (before > 0 && case_context(s[before - 1]) == IGNORABLE) before--;
    while (after < n && case_context(s[after]) == IGNORABLE) after++;
    const int word_before = before > 0 && case_context(s[before - 1]) == CASED;
    const int word_after = after < n && case_context(s[after]) == CASED;
    return word_before && !word_after ? FINAL_SIGMA : SMALL_SIGMA;
}

size_t unicode_lower(uint32_t *out, const uint32_t *in, size_t n)
{
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (in[i] == CAPITAL_SIGMA) out[used++] = lower_sigma(in, n, i);
        else if (in[i] == DOTTED_CAPITAL_I) { out[used++] = 'i'; out[used++] = DOT_ABOVE; }
        else out[used++] = lower_one(in[i]);
    }
    return used;
}

size_t unicode_read(uint32_t *c, const unsigned char *s, size_t n)
{
    const size_t bytes = json_utf8(s, n);
    if (bytes == 0) return 0;
    *c = bytes == 1 ? s[0] : s[0] & (0xffu >> (bytes + 1));
    for (size_t i = 1; i < bytes; i++) *c = *c << 6 | (s[i] & 0x3fu);
    return bytes;
}

size_t unicode_write(unsigned char s[4], uint32_t c)
{
    const size_t bytes = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned lead[5] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = bytes - 1; i > 0; i--, c >>= 6) s[i] = (unsigned char)(0x80 | (c & 0x3f));
    s[0] = (unsigned char)(lead[bytes] | c);
    return bytes;
}
