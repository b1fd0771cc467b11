/* elem_oracle.h -- MPFR's side of tests/elem_functions.h, for exhaustive.c and elem_mpfr.c */
#ifndef SDREF_TESTS_ELEM_ORACLE_H
#define SDREF_TESTS_ELEM_ORACLE_H

#include "tests/elem_functions.h"

#include <mpfr.h>

enum { MPFR_BITS = 300 };

static void mp_sigmoid(mpfr_t y, mpfr_t x)
{
    mpfr_neg(y, x, MPFR_RNDN);
    mpfr_exp(y, y, MPFR_RNDN);
    mpfr_add_ui(y, y, 1, MPFR_RNDN);
    mpfr_ui_div(y, 1, y, MPFR_RNDN);
}
static void mp_softplus(mpfr_t y, mpfr_t x)
{
    mpfr_abs(y, x, MPFR_RNDN);
    mpfr_neg(y, y, MPFR_RNDN);
    mpfr_exp(y, y, MPFR_RNDN);
    mpfr_log1p(y, y, MPFR_RNDN);
    if (mpfr_sgn(x) > 0) mpfr_add(y, y, x, MPFR_RNDN);
}

#define MP(f) static void mp_##f(mpfr_t y, mpfr_t x) { mpfr_##f(y, x, MPFR_RNDN); }
MP(exp) MP(exp2) MP(expm1) MP(log) MP(log1p) MP(sin) MP(cos) MP(tanh) MP(erf) MP(asin)

/* in the order of functions[] */
static void (*const mp_functions[FUNCTIONS])(mpfr_t y, mpfr_t x) = {
    mp_exp, mp_exp2, mp_expm1, mp_log, mp_log1p, mp_sin, mp_cos, mp_tanh, mp_erf, mp_asin, mp_sigmoid, mp_softplus
};

#endif
