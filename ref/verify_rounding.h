/* verify_rounding.h -- what rounding is worth in a render, value by value, by Monte Carlo arithmetic (D. S. Parker, UCLA CSD-970002, 1997)
 *
 * A render with a result beyond its bars is computed again, locally, ROUNDING_DRAWS times, with its camera, and what is computed on the way from it to the
 * pixels and back (block_shake), moved by ROUNDING_STRIDE roundings of the backend's type. With m_i the farthest that value i went, its gap counts as
 *     max(0, |ours_i - file_i| - ROUNDING_TIMES m_i - the type's least normal number)
 * Bars stay as they are. Differences of density, weights of thin matter and the spread of one sample amplify rounding, but only in the pixels and
 * parameters that they touch: a wrong step elsewhere stands out as before. Moves come in pairs, one each way, so that a corner of relu or a face of the cube,
 * where the backend may have been on the other side, is crossed. ROUNDING_TIMES: the sums inside a backend's network have more roundings than are moved here.
 */
#ifndef SDREF_REF_VERIFY_ROUNDING_H
#define SDREF_REF_VERIFY_ROUNDING_H

#include "ref/verify.h"

enum { ROUNDING_DRAWS = 8, ROUNDING_STRIDE = 4, ROUNDING_TIMES = 8 };

/* Is a result beyond its bars? Before the draws. */
int rounding_matters(const Report *r);
/* A result as one draw has it, v (n), beside the file's: row->accumulated_beyond and local_beyond. */
int rounding_hear(Row *row, const real *v, const double *theirs, size_t n, Err *err);

#endif
