/* json_write.c -- strings and numbers as JSON text, the same bytes everywhere; names made fit for messages
 *
 * Escaped: the quote, the backslash, control characters below 0x20 (short forms where JSON has them, else \u00xx in
 * lower case). Everything else stands as it is.
 */
#include "tensor/decimal.h"
#include "tensor/mem.h"
#include "weights/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

size_t json_utf8(const unsigned char *s, size_t n)
{
    const unsigned c = s[0];
    if (c < 0x80) return 1;
    const size_t length = c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    if (length == 0 || length > n) return 0;
    for (size_t i = 1; i < length; i++) if ((s[i] & 0xc0) != 0x80) return 0;
    if (c == 0xe0 && s[1] < 0xa0) return 0;
    if (c == 0xed && s[1] > 0x9f) return 0;
    if (c == 0xf0 && s[1] < 0x90) return 0;
    if (c == 0xf4 && s[1] > 0x8f) return 0;
    return length;
}

const char *json_show(char out[SHOW_ROOM], const char *s)
{
    const size_t n = strlen(s);
    size_t keep = n < SHOW_ROOM ? n : SHOW_ROOM - 4;
    while (keep < n && keep > 0 && ((unsigned char)s[keep] & 0xc0) == 0x80) keep--;   /* do not cut a character */
    for (size_t i = 0; i < keep; i++) out[i] = (unsigned char)s[i] < ' ' || s[i] == 127 ? '?' : s[i];
    strcpy(out + keep, keep < n ? "..." : "");
    return out;
}

/* Room for `more` bytes and a NUL behind what is there. */
static int reserve(JsonText *o, size_t more)
{
    if (o->failed) return -1;
    if (o->room - o->n > more) return 0;
    const size_t room = 2 * (o->n + more) + 64;
    char *text = mem_new(room, 1, "JSON text", o->err);
    if (text == NULL) { o->failed = 1; return -1; }
    if (o->n > 0) memcpy(text, o->text, o->n);
    mem_free(o->text);
    o->text = text;
    o->room = room;
    return 0;
}

static void append(JsonText *o, const char *raw, size_t n)
{
    if (reserve(o, n) != 0) return;
    memcpy(o->text + o->n, raw, n);
    o->n += n;
    o->text[o->n] = '\0';
}

void json_put(JsonText *o, const char *raw) { append(o, raw, strlen(raw)); }

static void put_escape(JsonText *o, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *plain = strchr(from, c);
    char code[8];
    if (plain != NULL) snprintf(code, sizeof code, "\\%c", to[plain - from]);
    else snprintf(code, sizeof code, "\\u%04x", c);
    json_put(o, code);
}

void json_put_string(JsonText *o, const char *s)
{
    const size_t n = strlen(s);
    append(o, "\"", 1);
    for (size_t i = 0; i < n && !o->failed;) {
        const unsigned char c = (unsigned char)s[i];
        const size_t bytes = json_utf8((const unsigned char *)s + i, n - i);
        if (bytes == 0) {
            char shown[SHOW_ROOM];
            err_set(o->err, "JSON string \"%s\": found byte 0x%02x at %zu, expected UTF-8", json_show(shown, s), c, i);
            o->failed = 1;
        } else if (c < ' ' || c == '"' || c == '\\') put_escape(o, c);
        else append(o, s + i, bytes);
        i += bytes;
    }
    append(o, "\"", 1);
}

void json_put_double(JsonText *o, double x)
{
    char digits[DECIMAL_ROOM];
    if (o->failed) return;
    if (!isfinite(x)) {
        err_set(o->err, "JSON number: found %s, expected a finite number", isnan(x) ? "NaN" : "infinity");
        o->failed = 1;
        return;
    }
    const size_t n = decimal_write(digits, x);
    append(o, digits, n);
}

void json_put_int64(JsonText *o, int64_t x)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, x);
    json_put(o, digits);
}

void json_text_free(JsonText *o)
{
    mem_free(o->text);
    o->text = NULL;
    o->n = o->room = 0;
}
