/* field_kinds.h -- what a kind of field provides; field.c picks by config.kind
 *
 * check: -1 with err set where the config is out of range. count: length of theta. The rest as in field.h; NULL: nothing to start, kept
 * and encoding are 0, no slope. A kind that keeps something has no slope.
 */
#ifndef SDREF_RENDER_FIELD_KINDS_H
#define SDREF_RENDER_FIELD_KINDS_H

#include "render/field.h"

typedef struct FieldOps {
    int    (*check)(const FieldConfig *c, Err *err);
    size_t (*count)(const FieldConfig *c);
    void   (*start)(Field *f, uint64_t seed);
    size_t (*kept)(const Field *f);
    void   (*eval)(real *raw, const real *p, const real *d, const Field *f, int P, real *kept);
    void   (*pull)(real *restrict dtheta, const real *restrict draw, const real *restrict p, const real *restrict d, const Field *f, int P,
                   real *restrict kept);
    void   (*eval_slope)(real *raw, const real *p, const real *d, const Field *f, int P);
    void   (*pull_slope)(real *restrict dtheta, const real *restrict draw, const real *restrict p, const real *restrict d, const Field *f, int P);
    int    (*parts)(FieldPart part[FIELD_PARTS], const Field *f);
    int    (*encoding)(const Field *f);
    void   (*encode)(real *e, const real *p, const Field *f, int P);
} FieldOps;

extern const FieldOps field_image, field_voxel, field_hashgrid, field_mlp, field_sh;

/* lo <= every side <= hi */
int field_check_size(const FieldConfig *c, int lo, int hi, Err *err);

/* The soft ball of FieldConfig: peak - slope |p| */
static inline real field_blob(const FieldConfig *c, real x, real y, real z)
{
    return r_fma(-c->slope, r_sqrt(r_fma(z, z, r_fma(y, y, x * x))), c->peak);
}

#endif
