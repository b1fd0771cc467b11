/* safetensors.h -- the safetensors format: a strict reader over a read-only map, and a writer with one spelling
 *
 * A file is: N (8 bytes, little-endian), a JSON header of N bytes, data. The header maps a tensor's name to its
 * dtype, shape and data_offsets [begin, end) counted from the start of the data; "__metadata__" maps strings to
 * strings.
 * The reader enforces N <= 100,000,000; a header inside the file that is one strict JSON object (json.h: UTF-8, no
 * key twice), white space before and after it allowed; exactly the keys dtype, shape, data_offsets per tensor;
 * integers of at most 2^48-1; no overflow of product(shape) x size, which is a whole number of bytes and equals end -
 * begin; tensors that follow each other from 0 to the end of the file without hole, overlap or tail. Tensors of no
 * elements and of rank 0 are fine. Ours: at most ST_DIMS dimensions. A refusal names the file, the tensor or byte,
 * what was found and what was expected.
 * Source of the rules: the format's README and reference reader (huggingface/safetensors).
 */
#ifndef SDREF_WEIGHTS_SAFETENSORS_H
#define SDREF_WEIGHTS_SAFETENSORS_H

#include "tensor/err.h"
#include "tensor/real.h"
#include "weights/dtype.h"

#include <stddef.h>
#include <stdint.h>

enum { ST_DIMS = 8, ST_HEADER_BYTES = 100000000 };

/* ---- reading ---- */

typedef struct StFile StFile;
typedef struct {
    const char *file, *name;                              /* owned by the StFile, like bytes */
    StDtype dtype;
    int ndim;
    int64_t dim[ST_DIMS];                                 /* row-major: dim[0] slowest; unused ones are 0 */
    const unsigned char *bytes;                           /* TRAP: of any alignment: memcpy or st_read_*, never a cast */
    size_t nbytes;
    int64_t count;                                        /* product(dim); 1 for rank 0 */
} StTensor;

StFile *st_open(const char *path, Err *err);              /* NULL on error; maps the file until st_close */
/* The same for bytes[0..n) that stay the caller's and outlive the StFile; `name` is what messages call them. */
StFile *st_open_memory(const void *bytes, size_t n, const char *name, Err *err);
void    st_close(StFile *f);                              /* NULL is fine */

const char     *st_path(const StFile *f);
int             st_count(const StFile *f);
const StTensor *st_at(const StFile *f, int i);            /* in the order of the data (by begin, then end, then name) */
const StTensor *st_find(const StFile *f, const char *name);   /* NULL: not there */
int             st_meta_count(const StFile *f);
const char     *st_meta(const StFile *f, const char *key);    /* NULL: not there */
/* The i-th metadata entry, sorted by key. */
void            st_meta_at(const char **key, const char **value, const StFile *f, int i);

/* All t->count elements. Floating types are widened exactly or rounded once (dtype.h); NaN and infinity are kept:
 * judging them is the caller's. st_read_real, st_read_f64 take F64 F32 F16 BF16; st_read_i64 takes U8 I8 U16 I16 U32
 * I32 U64 I64 and BOOL (0 or 1). Another type, a BOOL that is neither, or a U64 of 2^63 or more is an error that
 * names file and tensor. */
int st_read_real(real *out, const StTensor *t, Err *err);
int st_read_f64(double *out, const StTensor *t, Err *err);
int st_read_i64(int64_t *out, const StTensor *t, Err *err);

/* "F32 [320, 4, 3, 3]" for messages. Returns out. */
enum { ST_SHAPE_ROOM = 192 };
const char *st_shape(char out[ST_SHAPE_ROOM], const StTensor *t);

/* ---- writing: stw_new, any number of stw_meta and stw_add, stw_write, stw_free ---- */

typedef struct StWriter StWriter;
StWriter *stw_new(Err *err);                              /* NULL when out of memory; all below accept it */
void      stw_free(StWriter *w);
/* Strings are copied. The first mistake (a name or key twice, not UTF-8, out of memory) is reported by stw_write. */
void stw_meta(StWriter *w, const char *key, const char *value);
/* Rank 0: ndim 0. `bytes` (product(dim) x size, little-endian) stays the caller's and must live until stw_write. */
void stw_add(StWriter *w, const char *name, StDtype dtype, int ndim, const int64_t *dim, const void *bytes);
/* Metadata sorted by key; tensors by dtype from ST_U64 down to ST_BOOL (alignment never rises), then by name; the
 * header padded with spaces to a multiple of 8: the order of adding cannot change a byte. Whole or not at all (file.h). */
int stw_write(StWriter *w, const char *path, Err *err);

#endif
