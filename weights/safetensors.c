/* safetensors.c -- the reader: checks everything a header claims before anyone may follow an offset
 *
 * Order of checks: the sizes of the file's three parts; the JSON; each tensor by itself in header order; then, sorted
 * by offset, that the tensors tile the data. After st_open every t->bytes[0..nbytes) lies inside the file, and no two
 * tensors share a byte.
 */
#include "weights/safetensors.h"
#include "tensor/mem.h"
#include "weights/file.h"
#include "weights/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t INTEGER_MAX = ((uint64_t)1 << 48) - 1;   /* the format's schema */

struct StFile {
    char *path;
    FileMap map;                                          /* empty when the bytes are the caller's */
    Json *header;                                         /* owns the names */
    const Json *meta;                                     /* NULL: none */
    const char **meta_key;                                /* sorted */
    StTensor *tensor;                                     /* by offset */
    const StTensor **by_name;
    int count, metas;
};

/* ---- one tensor ---- */

static int tensor_error(const StTensor *t, const char *found, const char *expected, Err *err)
{
    char name[SHOW_ROOM];
    return err_set(err, "%s: tensor \"%s\": found %s, expected %s", t->file, json_show(name, t->name), found, expected);
}

/* A whole number up to 2^48-1; `what` names its place. */
static int integer_read(uint64_t *out, const StTensor *t, const Json *v, const char *what, Err *err)
{
    char found[160];
    if (json_uint64(out, v) == 0 && *out <= INTEGER_MAX) return 0;
    if (json_number(v) != NULL) snprintf(found, sizeof found, "%s %.60s", what, json_number(v));
    else snprintf(found, sizeof found, "%s that is %s", what, json_type_name(v));
    return tensor_error(t, found, "a whole number of at most 2^48-1", err);
}

static int dtype_read(StTensor *t, const Json *info, Err *err)
{
    char found[SHOW_ROOM + 16], name[SHOW_ROOM];
    const Json *v = json_get(info, "dtype");
    const char *s = json_string(v);
    if (s != NULL && st_dtype_find(&t->dtype, s) == 0) return 0;
    if (s != NULL) snprintf(found, sizeof found, "dtype \"%s\"", json_show(name, s));
    else snprintf(found, sizeof found, "dtype: %s", json_type_name(v));
    return tensor_error(t, found, "a type of the format, such as F32, F16, BF16, I64", err);
}

static int shape_read(StTensor *t, const Json *info, Err *err)
{
    char found[96];
    const Json *shape = json_get(info, "shape");
    if (shape == NULL || json_type(shape) != JSON_ARRAY) {
        snprintf(found, sizeof found, "shape: %s", json_type_name(shape));
        return tensor_error(t, found, "an array of dimensions", err);
    }
    if (json_count(shape) > ST_DIMS) {
        snprintf(found, sizeof found, "%zu dimensions", json_count(shape));
        return tensor_error(t, found, "at most 8", err);
    }
    for (const Json *v = json_first(shape); v != NULL; v = json_next(v)) {
        uint64_t d;
        if (integer_read(&d, t, v, "dimension", err) != 0) return -1;
        t->dim[t->ndim++] = (int64_t)d;
    }
    return 0;
}

/* count = product(dim), nbytes = count x size, no step beyond 2^64. TRAP: a 0 behind an overflow does not excuse it. */
static int size_compute(StTensor *t, Err *err)
{
    char shape[ST_SHAPE_ROOM];
    uint64_t count = 1;
    int overflow = 0;
    for (int i = 0; i < t->ndim; i++) {
        const uint64_t d = (uint64_t)t->dim[i];
        overflow |= d != 0 && count > UINT64_MAX / d;
        count *= d;
    }
    const uint64_t bits = (uint64_t)st_dtype_bits(t->dtype);
    if (overflow || count > UINT64_MAX / bits) return tensor_error(t, st_shape(shape, t), "a size below 2^64 bits", err);
    if (count * bits % 8 != 0) return tensor_error(t, st_shape(shape, t), "a whole number of bytes", err);
    t->count = (int64_t)count;
    t->nbytes = (size_t)(count * bits / 8);
    return 0;
}

/* begin and end; t->bytes = data + begin. */
static int offsets_read(StTensor *t, const Json *info, const unsigned char *data, size_t room, Err *err)
{
    char found[160], expected[64], shape[ST_SHAPE_ROOM], of[ST_SHAPE_ROOM + 32];
    uint64_t begin, end;
    const Json *v = json_get(info, "data_offsets");
    if (v == NULL || json_type(v) != JSON_ARRAY || json_count(v) != 2) {
        snprintf(found, sizeof found, "data_offsets: %s of %zu", json_type_name(v), v == NULL ? (size_t)0 : json_count(v));
        return tensor_error(t, found, "an array of 2: begin and end", err);
    }
    if (integer_read(&begin, t, json_at(v, 0), "data_offsets begin", err) != 0) return -1;
    if (integer_read(&end, t, json_at(v, 1), "data_offsets end", err) != 0) return -1;
    snprintf(found, sizeof found, "data_offsets [%" PRIu64 ", %" PRIu64 "]", begin, end);
    if (end < begin) return tensor_error(t, found, "begin not beyond end", err);
    if (end > room) {
        snprintf(expected, sizeof expected, "at most %zu, the bytes of data in the file", room);
        return tensor_error(t, found, expected, err);
    }
    if (end - begin != t->nbytes) {
        snprintf(of, sizeof of, "%zu bytes for %s", t->nbytes, st_shape(shape, t));
        return tensor_error(t, found, of, err);
    }
    t->bytes = data + begin;
    return 0;
}

static int tensor_read(StTensor *t, const Json *info, const unsigned char *data, size_t room, Err *err)
{
    static const char keys[] = "an object with the keys dtype, shape, data_offsets and no other";
    char found[SHOW_ROOM + 16], name[SHOW_ROOM];
    if (json_type(info) != JSON_OBJECT) return tensor_error(t, json_type_name(info), keys, err);
    for (const Json *v = json_first(info); v != NULL; v = json_next(v)) {
        const char *key = json_key(v);
        if (strcmp(key, "dtype") == 0 || strcmp(key, "shape") == 0 || strcmp(key, "data_offsets") == 0) continue;
        snprintf(found, sizeof found, "key \"%s\"", json_show(name, key));
        return tensor_error(t, found, keys, err);
    }
    if (dtype_read(t, info, err) != 0) return -1;
    if (shape_read(t, info, err) != 0) return -1;
    if (size_compute(t, err) != 0) return -1;
    return offsets_read(t, info, data, room, err);
}

/* ---- the whole file ---- */

static int by_offset(const void *a, const void *b)
{
    const StTensor *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    if (x->nbytes != y->nbytes) return x->nbytes < y->nbytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const StTensor *const *)a)->name, (*(const StTensor *const *)b)->name);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int tiling_check(const StFile *f, const unsigned char *data, size_t room, Err *err)
{
    size_t end = 0;                                       /* of what has been seen */
    char found[160], expected[SHOW_ROOM + 80], name[SHOW_ROOM];
    for (int i = 0; i < f->count; i++) {
        const StTensor *t = f->tensor + i;
        const size_t begin = (size_t)(t->bytes - data);
        if (begin != end) {
            snprintf(found, sizeof found, "begin %zu, %s", begin, begin < end ? "an overlap" : "a hole");
            if (i == 0) snprintf(expected, sizeof expected, "0, the start of the data");
            else snprintf(expected, sizeof expected, "%zu, the end of tensor \"%s\"", end, json_show(name, t[-1].name));
            return tensor_error(t, found, expected, err);
        }
        end += t->nbytes;
    }
    if (end == room) return 0;
    return err_set(err, "%s: found %zu bytes of data, expected %zu: %zu trailing bytes belong to no tensor", f->path,
                   room, end, room - end);
}

static int meta_read(StFile *f, Err *err)
{
    f->meta = json_get(f->header, "__metadata__");
    if (f->meta == NULL) return 0;
    if (json_type(f->meta) != JSON_OBJECT)
        return err_set(err, "%s: __metadata__: found %s, expected an object of strings", f->path, json_type_name(f->meta));
    f->meta_key = mem_new(json_count(f->meta), sizeof f->meta_key[0], f->path, err);
    if (f->meta_key == NULL) return -1;
    for (const Json *v = json_first(f->meta); v != NULL; v = json_next(v)) {
        char key[SHOW_ROOM];
        if (json_string(v) == NULL)
            return err_set(err, "%s: __metadata__: key \"%s\": found %s, expected a string", f->path,
                           json_show(key, json_key(v)), json_type_name(v));
        f->meta_key[f->metas++] = json_key(v);
    }
    qsort(f->meta_key, (size_t)f->metas, sizeof f->meta_key[0], by_text);
    return 0;
}

static int tensors_read(StFile *f, const unsigned char *data, size_t room, Err *err)
{
    const size_t most = json_count(f->header);
    f->tensor = mem_new(most, sizeof f->tensor[0], f->path, err);
    f->by_name = mem_new(most, sizeof f->by_name[0], f->path, err);
    if (f->tensor == NULL || f->by_name == NULL) return -1;
    for (const Json *v = json_first(f->header); v != NULL; v = json_next(v)) {
        if (v == f->meta) continue;
        StTensor *t = f->tensor + f->count++;
        t->file = f->path;
        t->name = json_key(v);
        if (tensor_read(t, v, data, room, err) != 0) return -1;
    }
    qsort(f->tensor, (size_t)f->count, sizeof f->tensor[0], by_offset);
    for (int i = 0; i < f->count; i++) f->by_name[i] = f->tensor + i;
    qsort(f->by_name, (size_t)f->count, sizeof f->by_name[0], by_name);
    return tiling_check(f, data, room, err);
}

static int contents_read(StFile *f, const unsigned char *bytes, size_t n, Err *err)
{
    uint64_t header = 0;
    if (n < 8) return err_set(err, "%s: found %zu bytes, expected at least the 8 of the header's length", f->path, n);
    for (int i = 7; i >= 0; i--) header = header << 8 | bytes[i];
    if (header > ST_HEADER_BYTES)
        return err_set(err, "%s: byte 0: found a header of %" PRIu64 " bytes, expected at most %d; is it a safetensors file?",
                       f->path, header, ST_HEADER_BYTES);
    if (header > n - 8)
        return err_set(err, "%s: byte 0: found a header of %" PRIu64 " bytes, expected at most %zu, what follows in the "
                       "file", f->path, header, n - 8);
    char *name = mem_new(strlen(f->path) + 16, 1, f->path, err);
    if (name == NULL) return -1;
    sprintf(name, "%s: header", f->path);                 /* its bytes are counted from byte 8 of the file */
    f->header = json_parse(bytes + 8, (size_t)header, name, err);
    mem_free(name);
    if (f->header == NULL) return -1;
    if (json_type(f->header) != JSON_OBJECT)
        return err_set(err, "%s: header: found %s, expected an object", f->path, json_type_name(f->header));
    if (meta_read(f, err) != 0) return -1;
    return tensors_read(f, bytes + 8 + header, n - 8 - (size_t)header, err);
}

static StFile *file_new(const char *path, Err *err)
{
    StFile *f = mem_new(1, sizeof *f, path, err);
    if (f == NULL) return NULL;
    f->path = mem_new(strlen(path) + 1, 1, path, err);
    if (f->path == NULL) { mem_free(f); return NULL; }
    strcpy(f->path, path);
    return f;
}

StFile *st_open_memory(const void *bytes, size_t n, const char *name, Err *err)
{
    StFile *f = file_new(name, err);
    if (f == NULL) return NULL;
    if (contents_read(f, bytes, n, err) == 0) return f;
    st_close(f);
    return NULL;
}

StFile *st_open(const char *path, Err *err)
{
    StFile *f = file_new(path, err);
    if (f == NULL) return NULL;
    int status = file_map(&f->map, path, err);
    if (status == 0) status = contents_read(f, f->map.bytes, f->map.n, err);
    if (status == 0) return f;
    st_close(f);
    return NULL;
}

void st_close(StFile *f)
{
    if (f == NULL) return;
    mem_free(f->by_name);
    mem_free(f->tensor);
    mem_free(f->meta_key);
    json_free(f->header);
    file_unmap(&f->map);
    mem_free(f->path);
    mem_free(f);
}

/* ---- looking ---- */

const char *st_path(const StFile *f) { return f->path; }
int st_count(const StFile *f) { return f->count; }
int st_meta_count(const StFile *f) { return f->metas; }
const char *st_meta(const StFile *f, const char *key) { return json_string(json_get(f->meta, key)); }

const StTensor *st_at(const StFile *f, int i)
{
    BUG_IF(i < 0 || i >= f->count, "st_at: %d of %d tensors", i, f->count);
    return f->tensor + i;
}

void st_meta_at(const char **key, const char **value, const StFile *f, int i)
{
    BUG_IF(i < 0 || i >= f->metas, "st_meta_at: %d of %d entries", i, f->metas);
    *key = f->meta_key[i];
    *value = json_string(json_get(f->meta, f->meta_key[i]));
}

const StTensor *st_find(const StFile *f, const char *name)
{
    const StTensor wanted = { .name = name }, *key = &wanted;
    const StTensor **hit = bsearch(&key, f->by_name, (size_t)f->count, sizeof f->by_name[0], by_name);
    return hit == NULL ? NULL : *hit;
}
