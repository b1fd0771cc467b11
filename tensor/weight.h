/* weight.h -- a parameter of a network in the type it has on disk
 *
 * Weights stay as the file has them (binary16, bfloat16, binary32, binary64: a read-only map, of any alignment) and are
 * widened where they are used; widening into `real` is exact, but for a binary64 file in the binary32 program, which is
 * rounded once. A weight that is trained lies in memory as STORE_REAL.
 */
#ifndef SDREF_TENSOR_WEIGHT_H
#define SDREF_TENSOR_WEIGHT_H

#include "tensor/gemm.h"
#include "tensor/tape.h"

typedef enum { STORE_REAL, STORE_F16, STORE_BF16, STORE_F32, STORE_F64 } Store;

typedef struct Weight {
    Shape s;
    size_t n;                 /* shape_count(s) */
    Store store;
    const void *at;           /* n values, little-endian, row-major; NULL on a tape that only infers shapes */
    real *g;                  /* gradient (n), or NULL when none is wanted */
    const char *name;         /* owned by whoever owns the weight */
} Weight;

size_t store_bytes(Store s);                              /* of one value */
/* out (count) = values first .. first+count-1 of w. Exact; vectorised. */
void weight_read(real *out, const Weight *w, size_t first, size_t count);
/* Row r of out (rows, count), rows `step` apart, = `count` values of w from first + r apart on. */
void weight_read_rows(real *out, ptrdiff_t step, const Weight *w, size_t first, size_t apart, int rows, size_t count);
/* All of it as real, in the tape's arena (a STORE_REAL weight: the weight itself). NULL when out of memory, or when w or
 * w->at is NULL. */
const real *weight_all(Tape *t, const Weight *w);

/* W seen as a matrix (rows, cols), rows = W.d[0], cols = the rest: as rows of A (lane l = row l), as columns of B, that is
 * B_kl = W_lk (y = x W^T), and as B itself, B_kl = W_kl (dx = dy W). The Weight outlives the operand. */
GemmOperand gemm_weight_rows(const Weight *w);            /* lane = row of W, k = column: A = W, or B = W^T */
GemmOperand gemm_weight_cols(const Weight *w);            /* lane = column of W, k = row: A = W^T, or B = W */

#endif
