/* elem_functions.h -- the functions of one argument of tensor/elem.h, each beside the C library's: one table for all tests
 *
 * sigmoid and softplus are put together from exp and log1p without cancellation: below 4 ulp in binary64.
 */
#ifndef SDREF_TESTS_ELEM_FUNCTIONS_H
#define SDREF_TESTS_ELEM_FUNCTIONS_H

#include "tensor/elem.h"

enum { BLOCK = 4096 };

static double lib_sigmoid(double x) { return x < 0.0 ? exp(x) / (1.0 + exp(x)) : 1.0 / (1.0 + exp(-x)); }
static double lib_softplus(double x) { return (x > 0.0 ? x : 0.0) + log1p(exp(-fabs(x))); }

#define ARRAY(f) \
    static void array_##f(real *restrict y, const real *restrict x) { for (int i = 0; i < BLOCK; i++) y[i] = r_##f(x[i]); }
ARRAY(exp) ARRAY(exp2) ARRAY(expm1) ARRAY(log) ARRAY(log1p) ARRAY(tanh) ARRAY(erf) ARRAY(asin) ARRAY(sigmoid) ARRAY(softplus)
static void array_sin(real *restrict y, const real *restrict x) { r_sin_n(y, x, BLOCK); }
static void array_cos(real *restrict y, const real *restrict x) { r_cos_n(y, x, BLOCK); }

typedef struct {
    const char *name;
    void (*ours)(real *restrict y, const real *restrict x);        /* BLOCK of them */
    double (*ours64)(double), (*lib)(double);
    double lo, hi;                                                  /* where binary64 has something to show */
    int zero;                                                       /* f(-0) is -0 */
} Function;

static const Function functions[] = {
    { "exp",      array_exp,      d_exp,      exp,          -750.0,  712.0, 0 },
    { "exp2",     array_exp2,     d_exp2,     exp2,         -1080.0, 1026.0, 0 },
    { "expm1",    array_expm1,    d_expm1,    expm1,        -40.0,   712.0, 1 },
    { "log",      array_log,      d_log,      log,          0.0,     4.0, 0 },
    { "log1p",    array_log1p,    d_log1p,    log1p,        -1.0,    4.0, 1 },
    { "sin",      array_sin,      d_sin,      sin,          -100.0,  100.0, 1 },
    { "cos",      array_cos,      d_cos,      cos,          -100.0,  100.0, 0 },
    { "tanh",     array_tanh,     d_tanh,     tanh,         -22.0,   22.0, 1 },
    { "erf",      array_erf,      d_erf,      erf,          -6.0,    6.0, 1 },
    { "asin",     array_asin,     d_asin,     asin,         -1.0,    1.0, 1 },
    { "sigmoid",  array_sigmoid,  d_sigmoid,  lib_sigmoid,  -750.0,  40.0, 0 },
    { "softplus", array_softplus, d_softplus, lib_softplus, -750.0,  40.0, 0 },
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

#endif
