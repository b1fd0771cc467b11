/* trace_field.h -- a field in a trace: its kind and sizes as metadata, theta by parts
 *
 *     voxel      in.grid (4,Z,Y,X)
 *     hashgrid   in.table (levels,table,features), in.w1, in.b1, in.w2, in.b2; hash_levels, hash_table, hash_features, hash_base, hash_growth
 *     mlp        in.w1 (hidden,3+6 frequencies), in.b1, in.w2, ... in.bN: N - 1 hidden layers
 *     sh         in.sh (Z,Y,X,1+3n)
 * The gradient has the same names behind out.grad. instead of in. Points in.points (P,3) ask for out.encoding, what a network is given of each.
 */
#ifndef SDREF_REF_TRACE_FIELD_H
#define SDREF_REF_TRACE_FIELD_H

#include "ref/record.h"
#include "ref/verify_internal.h"
#include "render/field.h"

/* v (f->n), laid out as theta, part by part under PREFIX.NAME. */
int trace_field_put(const Trace *trace, const char *prefix, const real *v, const Field *f, Arena *arena, Err *err);
/* out.encoding of points p (P,3). */
int trace_encoding_put(const Trace *trace, const real *p, const Field *f, int P, Arena *arena, Err *err);

/* `sdref trace`: the metadata. */
void record_field(Record *r, const Field *f);

/* `sdref verify`: the field of a file, the caller's to free. NULL with err set. */
Field *check_field(const Check *c, Err *err);
/* out.encoding, where the file has points. */
int    check_encoding(const Check *c, const Trace *trace, const Field *f, Arena *arena, Err *err);

#endif
