/* verify_scale.h -- what the error of a combination of predictions is measured against: c |p| of vocabulary.h, from what a step says
 *
 * p is the largest prediction, or the noise, that was said before in the step; c the factor it enters with. A guided prediction is a combination
 * of its parts, by the guidance it has; parts come right before it.
 */
#ifndef SDREF_REF_VERIFY_SCALE_H
#define SDREF_REF_VERIFY_SCALE_H

#include "ref/estimators.h"
#include "ref/vocabulary.h"

typedef struct Scales {
    const Step *step;
    const Schedule *S;
    double w;                       /* the factor of `grad` */
    double noise;                   /* |eps|, or |eps*| */
    double parts;                   /* the largest of the parts of the guided prediction that comes */
    double plain;                   /* the largest prediction so far that is not guided */
    double any;                     /* the largest of all so far, and the noise */
    double phi;                     /* |phi| of ssd */
} Scales;

/* Before a step of e on n values. Borrows step and S. */
void scales_start(Scales *a, const Estimator *e, const Step *step, const Schedule *S, size_t n);
/* When `name` is said, before it is compared: c |p| of every Combines. */
void scales_at(double scale[COMBINES], const Scales *a, const char *name);
/* And after it, v (n) as it was said. */
void scales_hear(Scales *a, const char *name, const real *v, size_t n);

#endif
