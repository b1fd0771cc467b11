/* state.h -- reading what a checkpoint must hold, and what must not get into one */
#ifndef SDREF_REF_STATE_H
#define SDREF_REF_STATE_H

#include "ref/trace.h"

/* The tensor `name` of f, of this shape and of ST_REAL, with finite values, into out. -1 with err set, which says what was found and what was expected. */
int state_read(real *out, const StFile *f, const char *name, Shape s, Err *err);
/* NaN policy: named and placed, never replaced. -1 with the first place set in err where x (n) has a value that is not finite. */
int state_finite(const real *x, size_t n, const char *name, Err *err);

#endif
