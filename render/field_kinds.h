/* field_kinds.h -- what a kind of field provides; field.c picks by config.kind
 *
 * check: -1 with err set where the config is out of range. count: length of theta. The rest as in field.h; NULL: kept is 0.
 */
#ifndef SDREF_RENDER_FIELD_KINDS_H
#define SDREF_RENDER_FIELD_KINDS_H

#include "render/field.h"

typedef struct FieldOps {
    int    (*check)(const FieldConfig *c, Err *err);
    size_t (*count)(const FieldConfig *c);
    void   (*start)(Field *f);
    size_t (*kept)(const Field *f);
    void   (*eval)(real *raw, const real *p, const real *d, const Field *f, int P, real *kept);
    void   (*pull)(real *restrict dtheta, const real *restrict draw, const real *restrict p, const real *restrict d, const Field *f, int P,
                   real *restrict kept);
    int    (*parts)(FieldPart part[FIELD_PARTS], const Field *f);
} FieldOps;

extern const FieldOps field_image, field_voxel;

/* lo <= every side <= hi */
int field_check_size(const FieldConfig *c, int lo, int hi, Err *err);

#endif
