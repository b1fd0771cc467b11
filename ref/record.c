/* record.c -- copies of tensors and metadata, until the file is written */
#include "ref/record.h"
#include "tensor/text.h"

#include <string.h>

int record_open(Record *r, const char *kind, Err *err)
{
    *r = (Record){ stw_new(err), arena_new(err) };
    if (r->w == NULL || r->arena == NULL) {
        record_close(r);
        return -1;
    }
    stw_meta(r->w, "format", "sdref-trace-1");
    stw_meta(r->w, "kind", kind);
    stw_meta(r->w, "made_with", "sdref " SDREF_VERSION ", " REAL_NAME);
    return 0;
}

void record_close(Record *r)
{
    stw_free(r->w);
    arena_free(r->arena);
    *r = (Record){ 0 };
}

int record_put(void *self, const char *name, real *v, Shape s, Err *err)
{
    Record *r = self;
    const size_t n = shape_count(s);
    real *copy = arena_real(r->arena, n, name);
    if (copy == NULL) return err_set(err, "trace: out of memory");
    memcpy(copy, v, n * sizeof(real));
    stw_add(r->w, name, ST_REAL, s.nd, s.d, copy);
    return 0;
}

void record_number(Record *r, const char *key, double value)
{
    char text[TEXT_DOUBLE_MAX];
    text_from_double(text, value);
    stw_meta(r->w, key, text);
}

int record_write(Record *r, const char *path, Err *err) { return stw_write(r->w, path, err); }
