/* op_gradcheck.h -- the gradient of an OpCase in binary64, at random inputs */
#ifndef SDREF_TESTS_OP_GRADCHECK_H
#define SDREF_TESTS_OP_GRADCHECK_H

#include "tests/gradcheck.h"
#include "tests/op_case.h"

static inline void check(OpCase c)
{
    Err err = { 0 };
    c.tape = tape_new(&err);
    const size_t n = case_inputs(&c);
    real *in = mem_new(n, sizeof(real), "inputs", &err);
    CHECK(!err.set, "%s", err.msg);
    rng_normal(in, (RngAt){ 21, 0, 0, RNG_INIT }, n);
    const GradCheck g = { c.name, n, shape_count(case_shape(&c)), case_eval, case_pull, &c, 0 };
    gradcheck(&g, in);
    CHECK(!err.set, "%s", err.msg);
    mem_free(in);
    tape_free(c.tape);
}

#define S1(a)          { 1, { a } }
#define S2(a, b)       { 2, { a, b } }
#define S3(a, b, c)    { 3, { a, b, c } }
#define S4(a, b, c, d) { 4, { a, b, c, d } }

#endif
