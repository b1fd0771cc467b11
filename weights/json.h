/* json.h -- strict JSON (RFC 8259): text -> an immutable tree in one allocation; and strings and numbers -> text
 *
 * The reader takes exactly one value with white space around it. Refused, with byte offset, what was found and what
 * was expected: text that is not UTF-8, lone surrogates, a byte order mark, control characters in strings, a NUL in a
 * string (\u0000: our strings are C strings), numbers outside the grammar or beyond the largest double, a key twice
 * in one object, more than JSON_DEPTH open brackets, more than JSON_BYTES bytes. A number is kept as written, so
 * 64-bit integers are exact and doubles are correctly rounded, the same bits under every C library and locale
 * (decimal.h).
 */
#ifndef SDREF_WEIGHTS_JSON_H
#define SDREF_WEIGHTS_JSON_H

#include "tensor/err.h"

#include <stddef.h>
#include <stdint.h>

enum { JSON_DEPTH = 64, JSON_BYTES = 100000000 };

typedef enum { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } JsonType;
typedef struct Json Json;                                 /* one value; its address lives as long as the root */

/* `name` is what messages call the text. NULL on error. The root owns everything; the text may go. */
Json *json_parse(const void *text, size_t n, const char *name, Err *err);
Json *json_read(const char *path, Err *err);              /* the same for a file */
void  json_free(Json *root);                              /* NULL is fine; only what json_parse returned */

JsonType    json_type(const Json *v);
const char *json_type_name(const Json *v);                /* "an object", for messages */
size_t      json_offset(const Json *v);                   /* the value's first byte in the text, for messages */
size_t      json_count(const Json *v);                    /* members or items; a string's bytes; else 0 */

/* Below, v may be NULL (absent), which is of no type. */
const Json *json_get(const Json *object, const char *key);   /* NULL: no such member, or not an object */
const Json *json_at(const Json *array, size_t i);         /* NULL: beyond the end, or not an array */
const Json *json_first(const Json *v);                    /* of an array's items or an object's members, in file order */
const Json *json_next(const Json *v);                     /* its next sibling, NULL at the end */
const char *json_key(const Json *v);                      /* a member's key; NULL for others */
const char *json_string(const Json *v);                   /* NULL: not a string */
const char *json_number(const Json *v);                   /* the number as written; NULL: not a number */
/* 0 and *out, or -1 and *out untouched when v is not that. An integer is written without point and exponent. */
int json_bool(int *out, const Json *v);
int json_double(double *out, const Json *v);
int json_int64(int64_t *out, const Json *v);
int json_uint64(uint64_t *out, const Json *v);            /* no minus sign, not even -0 */

/* ---- writing: text that grows; the first failure stays in its Err, and later calls do nothing ---- */

typedef struct { char *text; size_t n, room; Err *err; int failed; } JsonText;   /* start as { .err = err } */

void json_put(JsonText *o, const char *raw);              /* as it is: brackets, commas, white space */
void json_put_string(JsonText *o, const char *s);         /* quoted; not UTF-8: an error */
void json_put_double(JsonText *o, double x);              /* shortest that reads back (decimal.h); NaN, infinity: an error */
void json_put_int64(JsonText *o, int64_t x);
void json_text_free(JsonText *o);

/* Bytes of the UTF-8 character at s[0..n), n > 0; 0: not UTF-8 (cut short, overlong, a surrogate, beyond U+10FFFF). */
size_t json_utf8(const unsigned char *s, size_t n);

/* A name from a file, fit for a one-line message: control characters become '?', a long one is cut. Returns out. */
enum { SHOW_ROOM = 128 };
const char *json_show(char out[SHOW_ROOM], const char *s);

#endif
