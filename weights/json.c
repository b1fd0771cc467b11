/* json.c -- a recursive-descent JSON reader that walks the text twice: to measure and check, then to fill one block
 *
 * The block holds, in this order: the nodes in text order (a container before what is in it), one pointer for every
 * node but the root (a container's children: items in file order, members sorted by key), the decoded strings and the
 * numbers as written, each with a NUL. Sorting finds duplicate keys and serves json_get: n log n, whatever the file
 * holds.
 */
#include "weights/json.h"
#include "tensor/decimal.h"
#include "tensor/mem.h"
#include "weights/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct Json {
    uint32_t type, offset;                                /* of the value's first byte */
    uint32_t count;                                       /* json_count; a number: its length */
    uint32_t step;                                        /* nodes from here to the next sibling; 0: no sibling follows */
    const char *key;
    union { const char *text; const Json **child; int truth; } u;
};

typedef struct {
    const unsigned char *text;
    size_t n, at;
    const char *name;
    Err *err;
    int depth;
    Json *node;                                           /* NULL while measuring */
    const Json **child;
    char *chars;
    size_t nodes, children, used;                         /* how many so far; used: of chars */
} Parser;

/* ---- errors ---- */

static int refuse(const Parser *p, size_t at, const char *expected)
{
    char found[32] = "the end";
    if (at < p->n) {
        const unsigned c = p->text[at];
        snprintf(found, sizeof found, c > ' ' && c < 127 ? "'%c'" : "byte 0x%02x", c);
    }
    return err_set(p->err, "%s: byte %zu: found %s, expected %s", p->name, at, found, expected);
}

/* ---- characters ---- */

static int peek(const Parser *p) { return p->at < p->n ? p->text[p->at] : -1; }

static void space(Parser *p)
{
    while (p->at < p->n && memchr(" \t\n\r", p->text[p->at], 4) != NULL) p->at++;
}

static void emit(Parser *p, unsigned c)
{
    if (p->chars != NULL) p->chars[p->used] = (char)(unsigned char)c;
    p->used++;
}

static void emit_utf8(Parser *p, unsigned c)
{
    if (c < 0x80) { emit(p, c); return; }
    if (c < 0x800) emit(p, 0xc0 | c >> 6);
    else if (c < 0x10000) { emit(p, 0xe0 | c >> 12); emit(p, 0x80 | (c >> 6 & 0x3f)); }
    else { emit(p, 0xf0 | c >> 18); emit(p, 0x80 | (c >> 12 & 0x3f)); emit(p, 0x80 | (c >> 6 & 0x3f)); }
    emit(p, 0x80 | (c & 0x3f));
}

/* The four hex digits of a \u escape. */
static int hex4(unsigned *out, Parser *p)
{
    *out = 0;
    for (int i = 0; i < 4; i++, p->at++) {
        const int c = peek(p);
        int digit;
        if (c >= '0' && c <= '9') digit = c - '0';
        else if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
        else if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
        else return refuse(p, p->at, "four hex digits after \\u");
        *out = *out << 4 | (unsigned)digit;
    }
    return 0;
}

/* Behind a backslash. */
static int escape(Parser *p)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const size_t start = p->at - 1;
    const int c = peek(p);
    const char *plain = c > 0 ? strchr(from, c) : NULL;
    if (plain != NULL) { emit(p, (unsigned char)to[plain - from]); p->at++; return 0; }
    if (c != 'u') return refuse(p, p->at, "one of \" \\ / b f n r t u after a backslash");
    p->at++;
    unsigned code, low;
    if (hex4(&code, p) != 0) return -1;
    if (code == 0) return err_set(p->err, "%s: byte %zu: found \\u0000, expected a string without NUL", p->name, start);
    if (code >= 0xdc00 && code < 0xe000)
        return err_set(p->err, "%s: byte %zu: found a low surrogate, expected a high one before it", p->name, start);
    if (code >= 0xd800 && code < 0xdc00) {
        if (p->n - p->at < 2 || memcmp(p->text + p->at, "\\u", 2) != 0)
            return refuse(p, p->at, "\\u and the low surrogate of a pair");
        p->at += 2;
        if (hex4(&low, p) != 0) return -1;
        if (low < 0xdc00 || low > 0xdfff) return refuse(p, p->at - 6, "the low surrogate of a pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    emit_utf8(p, code);
    return 0;
}

/* From the opening quote; *out is NULL while measuring, *length its bytes without the NUL. */
static int string(const char **out, size_t *length, Parser *p)
{
    const size_t start = p->used;
    p->at++;
    for (;;) {
        const int c = peek(p);
        if (c == '"') break;
        if (c == -1) return refuse(p, p->at, "the string's closing quote");
        if (c < ' ') return refuse(p, p->at, "control characters in a string escaped");
        if (c == '\\') {
            p->at++;
            if (escape(p) != 0) return -1;
            continue;
        }
        size_t bytes = json_utf8(p->text + p->at, p->n - p->at);
        if (bytes == 0) return refuse(p, p->at, "UTF-8");
        for (; bytes > 0; bytes--) emit(p, p->text[p->at++]);
    }
    p->at++;
    *length = p->used - start;
    *out = p->chars == NULL ? NULL : p->chars + start;
    emit(p, 0);
    return 0;
}

/* ---- numbers ---- */

static int digits(Parser *p)
{
    if (peek(p) < '0' || peek(p) > '9') return refuse(p, p->at, "a digit");
    while (peek(p) >= '0' && peek(p) <= '9') p->at++;
    return 0;
}

static int number(const char **out, size_t *length, Parser *p)
{
    const size_t start = p->at;
    if (peek(p) == '-') p->at++;
    if (peek(p) == '0') p->at++;
    else if (digits(p) != 0) return -1;
    if (peek(p) == '.') {
        p->at++;
        if (digits(p) != 0) return -1;
    }
    if (peek(p) == 'e' || peek(p) == 'E') {
        p->at++;
        if (peek(p) == '+' || peek(p) == '-') p->at++;
        if (digits(p) != 0) return -1;
    }
    const char *text = (const char *)p->text + start;
    double x;
    *length = p->at - start;
    *out = p->chars == NULL ? NULL : p->chars + p->used;
    for (size_t i = 0; i < *length; i++) emit(p, (unsigned char)text[i]);
    emit(p, 0);
    if (p->node != NULL && decimal_read(&x, text, *length) != 0)
        return err_set(p->err, "%s: byte %zu: found %.*s, expected a number of magnitude below 1.8e308", p->name, start,
                       (int)(*length < 40 ? *length : 40), text);
    return 0;
}

/* ---- containers ---- */

static int by_key(const void *a, const void *b)
{
    const Json *x = *(const Json *const *)a, *y = *(const Json *const *)b;
    const int order = strcmp(x->key, y->key);
    return order != 0 ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

/* Filling: lists the children of the container `self`, which has been read to its end. */
static int children_list(Parser *p, size_t self)
{
    Json *v = p->node + self;
    v->u.child = p->child + p->children;
    size_t i = 0;
    for (const Json *c = v->count > 0 ? v + 1 : NULL; c != NULL; c = json_next(c)) v->u.child[i++] = c;
    if (v->type != JSON_OBJECT) return 0;
    qsort(v->u.child, v->count, sizeof v->u.child[0], by_key);
    for (i = 1; i < v->count; i++) {
        const Json *a = v->u.child[i - 1], *b = v->u.child[i];
        char key[SHOW_ROOM];
        if (strcmp(a->key, b->key) == 0)
            return err_set(p->err, "%s: byte %zu: found key \"%s\" again, expected it once in an object (first value at "
                           "byte %zu)", p->name, (size_t)b->offset, json_show(key, b->key), (size_t)a->offset);
    }
    return 0;
}

static int value(Parser *p, const char *key);

static int container(Parser *p, size_t self, int is_object)
{
    const int close = is_object ? '}' : ']';
    const char *const after = is_object ? "',' or '}'" : "',' or ']'";
    size_t count = 0, last = 0;
    if (++p->depth > JSON_DEPTH)
        return err_set(p->err, "%s: byte %zu: found bracket %d inside another, expected a nesting of at most %d", p->name,
                       p->at, p->depth, JSON_DEPTH);
    p->at++;
    space(p);
    int more = peek(p) != close;
    while (more) {
        const char *key = NULL;
        size_t key_length;
        if (is_object) {
            space(p);
            if (peek(p) != '"') return refuse(p, p->at, count == 0 ? "a key in quotes or '}'" : "a key in quotes");
            if (string(&key, &key_length, p) != 0) return -1;
            space(p);
            if (peek(p) != ':') return refuse(p, p->at, "':' after a key");
            p->at++;
        }
        last = p->nodes;
        if (value(p, key) != 0) return -1;
        if (p->node != NULL) p->node[last].step = (uint32_t)(p->nodes - last);
        count++;
        space(p);
        more = peek(p) == ',';
        if (!more && peek(p) != close) return refuse(p, p->at, after);
        p->at += more != 0;
    }
    p->at++;
    p->depth--;
    if (p->node != NULL) {
        if (count > 0) p->node[last].step = 0;
        p->node[self].count = (uint32_t)count;
        if (children_list(p, self) != 0) return -1;
    }
    p->children += count;
    return 0;
}

static int word(Parser *p, const char *w)
{
    const size_t n = strlen(w);
    if (p->n - p->at < n || memcmp(p->text + p->at, w, n) != 0) return refuse(p, p->at, "a JSON value");
    p->at += n;
    return 0;
}

static int value(Parser *p, const char *key)
{
    space(p);
    const size_t self = p->nodes++, start = p->at;
    const int c = peek(p);
    JsonType type = JSON_NUMBER;
    const char *text = NULL;
    size_t count = 0;
    int status;
    if (c == '{' || c == '[') {
        type = c == '{' ? JSON_OBJECT : JSON_ARRAY;
        if (p->node != NULL) p->node[self] = (Json){ .type = type, .offset = (uint32_t)start, .key = key };
        return container(p, self, c == '{');
    }
    if (c == '"') { type = JSON_STRING; status = string(&text, &count, p); }
    else if (c == '-' || (c >= '0' && c <= '9')) status = number(&text, &count, p);
    else if (c == 't') { type = JSON_BOOL; status = word(p, "true"); }
    else if (c == 'f') { type = JSON_BOOL; status = word(p, "false"); }
    else { type = JSON_NULL; status = word(p, "null"); }
    if (p->node != NULL) {
        p->node[self] = (Json){ .type = type, .offset = (uint32_t)start, .key = key, .count = (uint32_t)count };
        if (type == JSON_BOOL) p->node[self].u.truth = c == 't';
        else p->node[self].u.text = text;
    }
    return status;
}

static int document(Parser *p)
{
    p->at = p->nodes = p->children = p->used = 0;
    p->depth = 0;
    if (value(p, NULL) != 0) return -1;
    space(p);
    return p->at == p->n ? 0 : refuse(p, p->at, "the end after the value");
}

Json *json_parse(const void *text, size_t n, const char *name, Err *err)
{
    Parser p = { .text = text, .n = n, .name = name, .err = err };
    if (n > JSON_BYTES) {
        err_set(err, "%s: found %zu bytes of JSON, expected at most %d", name, n, JSON_BYTES);
        return NULL;
    }
    if (document(&p) != 0) return NULL;
    const size_t node_bytes = p.nodes * sizeof(Json), child_bytes = p.children * sizeof(Json *);
    unsigned char *block = mem_new(node_bytes + child_bytes + p.used, 1, name, err);
    if (block == NULL) return NULL;
    p.node = (Json *)block;
    p.child = (const Json **)(block + node_bytes);
    p.chars = (char *)block + node_bytes + child_bytes;
    if (document(&p) != 0) { mem_free(block); return NULL; }
    return p.node;
}

Json *json_read(const char *path, Err *err)
{
    void *text;
    size_t n;
    if (file_read(&text, &n, path, JSON_BYTES, err) != 0) return NULL;
    Json *root = json_parse(text, n, path, err);
    mem_free(text);
    return root;
}

void json_free(Json *root) { mem_free(root); }

/* ---- looking ---- */

static int is(const Json *v, JsonType type) { return v != NULL && v->type == type; }

JsonType json_type(const Json *v) { return (JsonType)v->type; }
size_t json_offset(const Json *v) { return v->offset; }
size_t json_count(const Json *v) { return v->type == JSON_NUMBER ? 0 : v->count; }
const char *json_key(const Json *v) { return v == NULL ? NULL : v->key; }
const char *json_string(const Json *v) { return is(v, JSON_STRING) ? v->u.text : NULL; }
const char *json_number(const Json *v) { return is(v, JSON_NUMBER) ? v->u.text : NULL; }
const Json *json_next(const Json *v) { return v == NULL || v->step == 0 ? NULL : v + v->step; }

const char *json_type_name(const Json *v)
{
    static const char *const name[] = { "null", "a boolean", "a number", "a string", "an array", "an object" };
    return v == NULL ? "nothing" : name[v->type];
}

const Json *json_first(const Json *v)
{
    return (is(v, JSON_ARRAY) || is(v, JSON_OBJECT)) && v->count > 0 ? v + 1 : NULL;
}

const Json *json_at(const Json *array, size_t i)
{
    return is(array, JSON_ARRAY) && i < array->count ? array->u.child[i] : NULL;
}

const Json *json_get(const Json *object, const char *key)
{
    size_t low = 0, high = is(object, JSON_OBJECT) ? object->count : 0;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(key, object->u.child[middle]->key);
        if (order == 0) return object->u.child[middle];
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return NULL;
}

int json_bool(int *out, const Json *v)
{
    if (!is(v, JSON_BOOL)) return -1;
    *out = v->u.truth;
    return 0;
}

int json_double(double *out, const Json *v)
{
    return is(v, JSON_NUMBER) ? decimal_read(out, v->u.text, v->count) : -1;
}

/* The digits s up to `limit`, or -1. */
static int whole(uint64_t *out, const char *s, uint64_t limit)
{
    uint64_t x = 0;
    for (; *s != '\0'; s++) {
        if (*s < '0' || *s > '9') return -1;
        const uint64_t digit = (uint64_t)(*s - '0');
        if (x > (limit - digit) / 10) return -1;
        x = 10 * x + digit;
    }
    *out = x;
    return 0;
}

int json_uint64(uint64_t *out, const Json *v)
{
    return is(v, JSON_NUMBER) ? whole(out, v->u.text, UINT64_MAX) : -1;
}

int json_int64(int64_t *out, const Json *v)
{
    uint64_t x;
    if (!is(v, JSON_NUMBER)) return -1;
    const int negative = v->u.text[0] == '-';
    if (whole(&x, v->u.text + negative, (uint64_t)INT64_MAX + (uint64_t)negative) != 0) return -1;
    *out = negative && x > 0 ? -(int64_t)(x - 1) - 1 : (int64_t)x;   /* -2^63 has no positive twin */
    return 0;
}
