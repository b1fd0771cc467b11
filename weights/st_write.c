/* st_write.c -- the safetensors writer: one order, one spelling, so that equal contents are equal bytes */
#include "tensor/mem.h"
#include "weights/file.h"
#include "weights/json.h"
#include "weights/safetensors.h"

#include <stdlib.h>
#include <string.h>

typedef struct { char *name; StDtype dtype; int ndim; int64_t dim[ST_DIMS]; const void *bytes; size_t nbytes; } Entry;
typedef struct { char *key, *value; } Meta;

struct StWriter {
    Entry *entry;
    Meta *meta;
    size_t entries, entry_room, metas, meta_room;
    Err err;                                              /* the first mistake */
};

StWriter *stw_new(Err *err) { return mem_new(1, sizeof(StWriter), "safetensors writer", err); }

void stw_free(StWriter *w)
{
    if (w == NULL) return;
    for (size_t i = 0; i < w->entries; i++) mem_free(w->entry[i].name);
    for (size_t i = 0; i < w->metas; i++) { mem_free(w->meta[i].key); mem_free(w->meta[i].value); }
    mem_free(w->entry);
    mem_free(w->meta);
    mem_free(w);
}

static char *copy(const char *s, Err *err)
{
    const size_t n = strlen(s) + 1;
    char *p = mem_new(n, 1, "safetensors writer", err);
    if (p != NULL) memcpy(p, s, n);
    return p;
}

/* The list with room for one more element, or NULL and the old list as it was. */
static void *grown(void *list, size_t *room, size_t n, size_t size, Err *err)
{
    if (n < *room) return list;
    const size_t wanted = 2 * n + 16;
    void *p = mem_new(wanted, size, "safetensors writer", err);
    if (p == NULL) return NULL;
    if (n > 0) memcpy(p, list, n * size);
    mem_free(list);
    *room = wanted;
    return p;
}

void stw_meta(StWriter *w, const char *key, const char *value)
{
    if (w == NULL || w->err.set) return;
    Meta *list = grown(w->meta, &w->meta_room, w->metas, sizeof *list, &w->err);
    if (list == NULL) return;
    w->meta = list;
    char *k = copy(key, &w->err), *v = copy(value, &w->err);
    if (k == NULL || v == NULL) { mem_free(k); mem_free(v); return; }
    list[w->metas++] = (Meta){ k, v };
}

/* product(dim) x size in bytes, or an error. */
static int bytes_count(size_t *out, const char *name, StDtype dtype, int ndim, const int64_t *dim, Err *err)
{
    char shown[SHOW_ROOM];
    uint64_t bits = (uint64_t)st_dtype_bits(dtype);
    if (ndim < 0 || ndim > ST_DIMS)
        return err_set(err, "tensor \"%s\": found %d dimensions, expected 0 to %d", json_show(shown, name), ndim, ST_DIMS);
    for (int i = 0; i < ndim; i++) {
        const int64_t d = dim[i];
        if (d < 0 || d >= (int64_t)1 << 48 || (d > 0 && bits > (uint64_t)INT64_MAX / (uint64_t)d))
            return err_set(err, "tensor \"%s\": found dimension %lld, expected 0 to 2^48-1 and a size below 2^63 bits",
                           json_show(shown, name), (long long)d);
        bits *= (uint64_t)d;
    }
    if (bits % 8 != 0)
        return err_set(err, "tensor \"%s\": found %llu bits, expected a whole number of bytes", json_show(shown, name),
                       (unsigned long long)bits);
    *out = (size_t)(bits / 8);
    return 0;
}

void stw_add(StWriter *w, const char *name, StDtype dtype, int ndim, const int64_t *dim, const void *bytes)
{
    if (w == NULL || w->err.set) return;
    Entry e = { .dtype = dtype, .ndim = ndim, .bytes = bytes };
    if (strcmp(name, "__metadata__") == 0) {
        err_set(&w->err, "tensor \"__metadata__\": found the format's own key, expected another name");
        return;
    }
    if (bytes_count(&e.nbytes, name, dtype, ndim, dim, &w->err) != 0) return;
    Entry *list = grown(w->entry, &w->entry_room, w->entries, sizeof *list, &w->err);
    if (list == NULL) return;
    w->entry = list;
    e.name = copy(name, &w->err);
    if (e.name == NULL) return;
    for (int i = 0; i < ndim; i++) e.dim[i] = dim[i];
    list[w->entries++] = e;
}

/* ---- the file ---- */

static int by_key(const void *a, const void *b) { return strcmp(((const Meta *)a)->key, ((const Meta *)b)->key); }
static int by_name(const void *a, const void *b) { return strcmp(((const Entry *)a)->name, ((const Entry *)b)->name); }

static int by_place(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    return x->dtype != y->dtype ? (x->dtype < y->dtype) - (x->dtype > y->dtype) : strcmp(x->name, y->name);
}

/* Sorts both lists; a name or key twice is an error. */
static int lists_order(StWriter *w, Err *err)
{
    char shown[SHOW_ROOM];
    if (w->metas > 0) qsort(w->meta, w->metas, sizeof w->meta[0], by_key);
    for (size_t i = 1; i < w->metas; i++)
        if (strcmp(w->meta[i - 1].key, w->meta[i].key) == 0)
            return err_set(err, "metadata key \"%s\": found it twice, expected once", json_show(shown, w->meta[i].key));
    if (w->entries > 0) qsort(w->entry, w->entries, sizeof w->entry[0], by_name);
    for (size_t i = 1; i < w->entries; i++)
        if (strcmp(w->entry[i - 1].name, w->entry[i].name) == 0)
            return err_set(err, "tensor \"%s\": found it twice, expected once", json_show(shown, w->entry[i].name));
    if (w->entries > 0) qsort(w->entry, w->entries, sizeof w->entry[0], by_place);
    return 0;
}

static void tensor_put(JsonText *o, const Entry *e, size_t begin)
{
    json_put_string(o, e->name);
    json_put(o, ":{\"dtype\":");
    json_put_string(o, st_dtype_name(e->dtype));
    json_put(o, ",\"shape\":[");
    for (int i = 0; i < e->ndim; i++) {
        if (i > 0) json_put(o, ",");
        json_put_int64(o, e->dim[i]);
    }
    json_put(o, "],\"data_offsets\":[");
    json_put_int64(o, (int64_t)begin);
    json_put(o, ",");
    json_put_int64(o, (int64_t)(begin + e->nbytes));
    json_put(o, "]}");
}

static void header_put(JsonText *o, const StWriter *w)
{
    size_t begin = 0;
    json_put(o, "{");
    if (w->metas > 0) json_put(o, "\"__metadata__\":{");
    for (size_t i = 0; i < w->metas; i++) {
        if (i > 0) json_put(o, ",");
        json_put_string(o, w->meta[i].key);
        json_put(o, ":");
        json_put_string(o, w->meta[i].value);
    }
    if (w->metas > 0) json_put(o, "}");
    for (size_t i = 0; i < w->entries; i++) {
        if (i > 0 || w->metas > 0) json_put(o, ",");
        tensor_put(o, w->entry + i, begin);
        begin += w->entry[i].nbytes;
    }
    json_put(o, "}");
    while (o->n % 8 != 0 && !o->failed) json_put(o, " ");
}

static int parts_write(const StWriter *w, const JsonText *header, const char *path, Err *err)
{
    unsigned char length[8];
    if (header->n > ST_HEADER_BYTES)
        return err_set(err, "%s: found a header of %zu bytes, expected at most %d", path, header->n, ST_HEADER_BYTES);
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)header->n >> 8 * i);
    FilePart *part = mem_new(w->entries + 2, sizeof part[0], path, err);
    if (part == NULL) return -1;
    part[0] = (FilePart){ length, sizeof length };
    part[1] = (FilePart){ header->text, header->n };
    for (size_t i = 0; i < w->entries; i++) part[2 + i] = (FilePart){ w->entry[i].bytes, w->entry[i].nbytes };
    const int status = file_write_parts(path, part, w->entries + 2, err);
    mem_free(part);
    return status;
}

int stw_write(StWriter *w, const char *path, Err *err)
{
    if (w == NULL) return err_set(err, "%s: out of memory for the writer", path);
    if (w->err.set) return err_set(err, "%s: %s", path, w->err.msg);
    Err why = { 0 };
    JsonText header = { .err = &why };
    int status = lists_order(w, &why);
    if (status == 0) header_put(&header, w);
    if (status != 0 || header.failed) status = err_set(err, "%s: %s", path, why.msg);
    else status = parts_write(w, &header, path, err);
    json_text_free(&header);
    return status;
}
