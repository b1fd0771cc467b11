/* verify_rounding.c -- see verify_rounding.h */
#include "ref/verify_rounding.h"
#include "tensor/elem.h"
#include "tensor/mem.h"

#include <float.h>
#include <math.h>

int rounding_matters(const Report *r)
{
    for (int i = 0; i < r->count; i++) {
        const Row *row = &r->rows[i];
        if (row->kind == ROW_CHECKED && !(row->local <= row->bar.local && row->accumulated <= row->bar.accumulated)) return 1;
    }
    return 0;
}

/* Relative L2 of what counts of the gaps; *worst: index of the largest. NaN stays; what moves without end is worth nothing. */
static double error_beyond(int64_t *worst, const real *ours, const double *theirs, const Row *row, size_t n)
{
    const double least = sizeof(real) == sizeof(double) && row->dtype == ST_F64 ? DBL_MIN : (double)FLT_MIN;
    double beyond2 = 0, norm2 = 0, top = -1;
    for (size_t i = 0; i < n; i++) {
        const double gap = fabs((double)ours[i] - theirs[i]), worth = fma(ROUNDING_TIMES, (double)row->moves[i], least);
        const double beyond = !isfinite(worth) ? gap : gap <= worth ? 0 : gap - worth;
        beyond2 = fma(beyond, beyond, beyond2);
        norm2 = fma(theirs[i], theirs[i], norm2);
        if (!(beyond <= top)) {
            *worst = (int64_t)i;
            top = isnan(beyond) ? DBL_MAX : beyond;
        }
    }
    return beyond2 == 0 ? 0 : sqrt(beyond2 / norm2);
}

int rounding_hear(Row *row, const real *v, const double *theirs, size_t n, Err *err)
{
    int64_t worst;
    if (row->moves == NULL) row->moves = mem_new(n, sizeof *row->moves, row->name, err);
    if (row->moves == NULL) return -1;
    for (size_t i = 0; i < n; i++) row->moves[i] = r_max(row->moves[i], r_abs(v[i] - row->ours[i]));
    row->accumulated_beyond = error_beyond(&worst, row->whole, theirs, row, n);
    row->local_beyond = error_beyond(&row->worst, row->ours, theirs, row, n);
    return 0;
}
