/* tape.h -- tensors, and a tape that remembers how to go back
 *
 * An operation computes now and records one node: its name, the function that pulls gradients back, what that function
 * needs, its output. tape_backward walks the nodes from last to first, so gradients add up in the reverse of program order,
 * always. A tensor with g == NULL is frozen: no gradient is wanted, and pull functions skip it.
 *
 * Memory is the tape's arena: everything taken since a mark goes at once (tape_mark, tape_rewind). With recording off
 * nothing is saved for the way back, and tape_keep gives memory back as soon as a part of the computation is over. With only shapes
 * (tape_shapes_only) operations check and infer shapes, and no values exist: v is NULL. The first error (memory) stays in the tape's Err; after it operations return
 * NULL and do nothing, and an operation given a NULL tensor returns NULL, so a chain needs one check, at its end.
 * A wrong shape is our own bug: BUG_IF with names.
 */
#ifndef SDREF_TENSOR_TAPE_H
#define SDREF_TENSOR_TAPE_H

#include "tensor/mem.h"
#include "tensor/real.h"

enum { SHAPE_MAX = 5 };
typedef struct Shape { int nd; int64_t d[SHAPE_MAX]; } Shape;       /* row-major, last index fastest */

Shape  shape_of(int nd, const int64_t *d);
size_t shape_count(Shape s);                                        /* product of the sides; 1 for nd = 0 */
int    shape_equal(Shape a, Shape b);
const char *shape_text(char *text, size_t cap, Shape s);            /* "2x3x8x8" */

typedef struct Tensor {
    Shape s;
    size_t n;                 /* shape_count(s) */
    real *v;                  /* values */
    real *g;                  /* gradient, or NULL when none is wanted */
    const char *name;         /* borrowed: a literal, or as long-lived as the tape */
} Tensor;

typedef struct Tape Tape;
Tape *tape_new(Err *err);                                           /* err hears of every failure */
void  tape_free(Tape *t);
void  tape_recording(Tape *t, int on);                              /* on at first */
int   tape_is_recording(const Tape *t);
void  tape_shapes_only(Tape *t, int on);                            /* off at first */
int   tape_failed(const Tape *t);
size_t tape_peak(const Tape *t);                                    /* bytes, high-water mark */

/* In the tape's arena. v is not set: an operation writes all of it. g is zeroed. On a tape of shapes v == NULL, and an
 * operation returns there:  if (y == NULL || y->v == NULL) return y; */
Tensor *tensor_new(Tape *t, Shape s, int wants_gradient, const char *name);
Tensor *tensor_view(Tape *t, Shape s, real *v, real *g, const char *name);      /* of memory that somebody else owns */

/* For operations: whether to record at all (recording on, and some input wants a gradient), room for what the way back
 * needs, and the record itself. `saved` is copied into the arena. */
typedef void Pull(const void *saved, const Tensor *y);              /* input gradients += J^T y->g */
int   tape_wants(const Tape *t, const Tensor *const *inputs, int count);
void  tape_record(Tape *t, const char *op, Pull *pull, const void *saved, size_t size, Tensor *y);
real *tape_real(Tape *t, size_t count, const char *what);           /* zeroed */
real *tape_raw(Tape *t, size_t count, const char *what);            /* not set */

void   tape_seed(Tensor *y, const real *cotangent);                 /* y->g = cotangent (n); no loss is needed */
int    tape_backward(Tape *t);                                      /* -1 if the tape failed earlier, or memory on the way */
size_t tape_mark(const Tape *t);
void   tape_rewind(Tape *t, size_t mark);                           /* forgets nodes and memory since the mark */
/* The end of a part of the computation that began at `mark` and left only y: what else it took is given back, y is moved
 * down. With a way back through that part, or y older than it, nothing moves. Use the tensor returned. */
Tensor *tape_keep(Tape *t, size_t mark, Tensor *y);
int    tape_print(const Tape *t, char *text, size_t cap);           /* "  3 matmul  out  5x4" a line; returns the node count */

/* Operations. y is new; shapes must agree as written. */
Tensor *op_add(Tape *t, Tensor *a, Tensor *b, const char *name);                       /* y = a + b */
Tensor *op_mul(Tape *t, Tensor *a, Tensor *b, const char *name);                       /* y = a b, element by element */
Tensor *op_affine(Tape *t, Tensor *x, real scale, real shift, const char *name);       /* y = scale x + shift */
Tensor *op_hwc_to_chw(Tape *t, Tensor *x, const char *name);                           /* (H,W,C) -> (C,H,W) */

#endif
