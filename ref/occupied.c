/* occupied.c -- see occupied.h */
#include "ref/occupied.h"
#include "tensor/elem.h"

#define ALPHA R(1e-3)

real occupied_threshold(const FieldConfig *c, int samples)
{
    const real apart = R(2.0) * r_sqrt(R(3.0)) / (real)samples;
    return r_min(ALPHA / apart, R(0.01) * r_softplus(c->peak));
}

void occupied_step(Occupancy *o, const Field *f, long step, uint64_t seed)
{
    if (o != NULL && step > 0 && step % OCCUPIED_PERIOD == 0) occupancy_update(o, f, seed);
}
