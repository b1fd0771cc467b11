/* state.c -- one tensor of a checkpoint, values of a step */
#include "ref/state.h"

#include "tensor/sum.h"
#include "tensor/text.h"

#include <string.h>

int state_read(real *out, const StFile *f, const char *name, Shape s, Err *err)
{
    const StTensor *t = st_find(f, name);
    char found[ST_SHAPE_ROOM], expected[64];
    if (t == NULL) return err_set(err, "%s: no tensor '%s'; expected a checkpoint of this run", st_path(f), name);
    if (t->ndim != s.nd || memcmp(t->dim, s.d, (size_t)s.nd * sizeof s.d[0]) != 0)
        return err_set(err, "%s: tensor '%s' is %s, expected %s", st_path(f), name, st_shape(found, t), shape_text(expected, sizeof expected, s));
    if (t->dtype != ST_REAL)
        return err_set(err, "%s: tensor '%s' is %s, expected %s; was the run made by the other program?", st_path(f), name, st_dtype_name(t->dtype),
                       st_dtype_name(ST_REAL));
    if (st_read_real(out, t, err) != 0) return -1;
    const long at = first_not_finite(out, shape_count(s));
    return at < 0 ? 0 : err_set(err, "%s: tensor '%s': found %g at index %ld, expected finite values", st_path(f), name, text_shown((double)out[at]), at);
}

int state_finite(const real *x, size_t n, const char *name, Err *err)
{
    const long at = first_not_finite(x, n);
    if (at < 0) return 0;
    return err_set(err, "%s: found %g at index %ld, expected finite values; the last checkpoint is as it was", name, text_shown((double)x[at]), at);
}
