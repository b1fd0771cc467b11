/* op_case.h -- an operation as a function of one long vector: its tensors, then its weights; and back
 *
 * eval and pull have the signatures of gradcheck.h, so an OpCase goes there as it is. Values are views: gradients are added to
 * whatever the caller's array holds.
 */
#ifndef SDREF_TESTS_OP_CASE_H
#define SDREF_TESTS_OP_CASE_H

#include "tensor/weight.h"

#include <string.h>

enum { CASE_TENSORS = 2, CASE_WEIGHTS = 2 };
typedef struct OpCase {
    const char *name;
    Tensor *(*run)(Tape *t, Tensor **x, const Weight *w, const int *k);
    int k[4];                              /* sizes that run needs beside the shapes */
    int tensors, weights;
    Shape x[CASE_TENSORS], w[CASE_WEIGHTS];
    Tape *tape;
} OpCase;

static inline size_t case_inputs(const OpCase *c)
{
    size_t n = 0;
    for (int i = 0; i < c->tensors; i++) n += shape_count(c->x[i]);
    for (int i = 0; i < c->weights; i++) n += shape_count(c->w[i]);
    return n;
}

/* in and g as case_inputs; g may be NULL. w is the caller's, since it must live until the way back is done. */
static inline Tensor *case_run(const OpCase *c, Weight w[CASE_WEIGHTS], real *in, real *g)
{
    Tensor *x[CASE_TENSORS] = { NULL };
    size_t at = 0;
    for (int i = 0; i < c->tensors; i++) {
        x[i] = tensor_view(c->tape, c->x[i], in == NULL ? NULL : in + at, g == NULL ? NULL : g + at, "x");
        at += shape_count(c->x[i]);
    }
    for (int i = 0; i < c->weights; i++) {
        const size_t n = shape_count(c->w[i]);
        w[i] = (Weight){ c->w[i], n, STORE_REAL, in == NULL ? NULL : in + at, g == NULL ? NULL : g + at, "w" };
        at += n;
    }
    return c->run(c->tape, x, w, c->k);
}

static inline Shape case_shape(const OpCase *c)
{
    Weight w[CASE_WEIGHTS];
    tape_shapes_only(c->tape, 1);
    const size_t mark = tape_mark(c->tape);
    const Tensor *y = case_run(c, w, NULL, NULL);
    const Shape s = y == NULL ? (Shape){ 1, { 0 } } : y->s;
    tape_rewind(c->tape, mark);
    tape_shapes_only(c->tape, 0);
    return s;
}

static inline void case_eval(void *self, real *y, const real *in)
{
    const OpCase *c = self;
    Weight w[CASE_WEIGHTS];
    const size_t mark = tape_mark(c->tape);
    real *copy = tape_raw(c->tape, case_inputs(c), "inputs");
    memcpy(copy, in, case_inputs(c) * sizeof(real));
    const Tensor *out = case_run(c, w, copy, NULL);
    if (out != NULL) memcpy(y, out->v, out->n * sizeof(real));
    tape_rewind(c->tape, mark);
}

static inline void case_pull(void *self, real *g, const real *dy, const real *in)
{
    const OpCase *c = self;
    Weight w[CASE_WEIGHTS];
    const size_t mark = tape_mark(c->tape);
    real *copy = tape_raw(c->tape, case_inputs(c), "inputs");
    memcpy(copy, in, case_inputs(c) * sizeof(real));
    Tensor *out = case_run(c, w, copy, g);
    if (out != NULL) tape_seed(out, dy);
    tape_backward(c->tape);
    tape_rewind(c->tape, mark);
}

#endif
