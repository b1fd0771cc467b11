/* occupancy.h -- a coarse grid over the cube that says where there is nothing worth evaluating
 *
 * Every cell remembers a density; where that is below the threshold, the renderer skips samples: weight 0, no evaluation, no gradient.
 * An update looks at each cell twice, at its centre and at a point drawn in it, and keeps the larger density, or the decayed old one:
 *   peak = max(0.95 peak, density(centre), density(point))                           decay as Instant-NGP's, the two points ours
 * Before the first update nothing is skipped; the first takes what it sees. Cells that hold NaN are never skipped.
 * TRAP: two points are a sample, no bound: a feature thinner than a cell can be missed until a draw meets it. And a skipped region gets
 * no gradient, so that nothing grows there but from the side: the threshold must lie below the density of what is still to grow.
 */
#ifndef SDREF_RENDER_OCCUPANCY_H
#define SDREF_RENDER_OCCUPANCY_H

#include "render/field.h"

typedef struct Occupancy {
    int side;
    real threshold;
    size_t n;                 /* side^3 */
    uint32_t updates;         /* so far; with the peaks, what an interrupted run needs to go on */
    real *peak;               /* (Z,Y,X), owned */
    real *work;               /* scratch of occupancy_update, behind peak */
    size_t work_slab;
} Occupancy;

/* side: 1..256 cells along each axis. threshold: of density, >= 0; at 0 nothing is skipped. Work space for fields like f.
 * NULL with err set when out of range or memory. */
Occupancy *occupancy_new(const Field *f, int side, real threshold, Err *err);
void occupancy_free(Occupancy *o);

/* Draws are those of stream RNG_OCCUPANCY: seed, view 0, step = the number of updates before; 3 a cell, cells in order (z,y,x). */
void occupancy_update(Occupancy *o, const Field *f, uint64_t seed);

/* Is a sample at p to be evaluated? */
int occupancy_has(const Occupancy *o, const real p[3]);
double occupancy_share(const Occupancy *o);               /* of cells that are, in [0,1] */

#endif
