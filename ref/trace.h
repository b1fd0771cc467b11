/* trace.h -- hearing of every named intermediate, in the order of computation
 *
 * An estimator says trace_put(k->trace, "x_t", ...) after each step. Who listens decides what happens: `sdref trace` writes
 * the tensors to a file, `sdref verify` compares them with a file's and, for local errors, puts the file's own values in
 * their place so that the next step continues from them. A listener that has predictions but no network tells those, too. No
 * listener (NULL): nothing happens.
 */
#ifndef SDREF_REF_TRACE_H
#define SDREF_REF_TRACE_H

#include "tensor/err.h"
#include "tensor/real.h"
#include "tensor/tape.h"
#include "weights/safetensors.h"

#ifdef SDREF_F64
#define ST_REAL ST_F64     /* the type of `real` in files */
#else
#define ST_REAL ST_F32
#endif

typedef struct Trace {
    int (*put)(void *self, const char *name, real *v, Shape s, Err *err);   /* may write to v; 0, or -1 with err set */
    void *self;
    /* NULL, or predictions are not computed but told: v (n) <- the tensor `name`; -1 with err set when there is none. */
    int (*give)(void *self, const char *name, real *v, size_t n, Err *err);
    int (*has)(void *self, const char *name);                               /* with give: is there one? */
} Trace;

static inline int trace_put(const Trace *trace, const char *name, real *v, Shape s, Err *err)
{
    return trace == NULL ? 0 : trace->put(trace->self, name, v, s, err);
}
static inline int trace_gives(const Trace *trace) { return trace != NULL && trace->give != NULL; }
static inline int trace_has(const Trace *trace, const char *name) { return trace->has(trace->self, name); }
/* 1: v was told; 0: it is to be computed; -1 with err set. */
static inline int trace_give(const Trace *trace, const char *name, real *v, size_t n, Err *err)
{
    if (!trace_gives(trace)) return 0;
    return trace->give(trace->self, name, v, n, err) == 0 ? 1 : -1;
}

#endif
