/* loop.h -- a loop over disjoint outputs, cut into pieces, in parallel when that pays
 *
 * Starting threads costs microseconds, as much as some ten thousand values of memory traffic. The pieces depend on sizes alone,
 * and every output belongs to one piece, so the number of threads decides no bit.
 */
#ifndef SDREF_TENSOR_LOOP_H
#define SDREF_TENSOR_LOOP_H

#include "tensor/par.h"
#include "tensor/real.h"

enum { LOOP_PARALLEL = 32768, LOOP_CHUNK = 8192 };        /* values: from where on threads are started, of one piece */

typedef void LoopPiece(const void *job, size_t piece);

/* body(job, i) for i = 0 .. count-1, which together read or write about `values` values. */
static inline void loop_run(LoopPiece *body, const void *job, size_t count, size_t values)
{
    if (values < LOOP_PARALLEL || count < 2) {
        for (size_t i = 0; i < count; i++) body(job, i);
    } else {
        PAR_FOR
        for (size_t i = 0; i < count; i++) body(job, i);
    }
}

/* n values cut into pieces of LOOP_CHUNK: their number, and the end of the one that starts at `first`. */
static inline size_t loop_chunks(size_t n) { return (n + LOOP_CHUNK - 1) / LOOP_CHUNK; }
static inline size_t loop_end(size_t first, size_t n) { return n - first < LOOP_CHUNK ? n : first + LOOP_CHUNK; }

/* out (n) += in (n), one thread */
static inline void add_values(real *restrict out, const real *restrict in, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] += in[i];
}

#endif
