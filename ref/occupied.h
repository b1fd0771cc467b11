/* occupied.h -- the occupancy grid of a run (render/occupancy.h): its threshold, when it is updated
 *
 * Training renders skip samples where the grid sees nothing. Pictures and PSNRs do not: they are of the field as it is.
 * Each particle has a grid of its own, which is updated before its steps 16, 32 and so on, counted from 0 [NGP22 App.E]. The threshold is the least of
 *   1e-3 / d, d = 2 sqrt(3) / N: the longest ray's samples lie d apart, so a sample's alpha, 1 - exp(-density d), is below 1e-3 at a point looked at;
 *             Instant-NGP has 1e-2
 *   softplus(peak) / 100: a hundredth of the density that the field starts with in the middle, for starts that are thin all over
 * TRAP: the rim of a start is thinner than that. What is to grow there has 16 steps until it is skipped, and after that grows from the side, out of
 * cells that are live: parameters are shared beyond a cell. PSNRs of a duck, a mug and a rocket, of voxels and hash grids, stayed within 0.2 dB.
 */
#ifndef SDREF_REF_OCCUPIED_H
#define SDREF_REF_OCCUPIED_H

#include "render/occupancy.h"

enum { OCCUPIED_PERIOD = 16 };
/* Of fields like c, N samples a ray. */
real occupied_threshold(const FieldConfig *c, int samples);
/* Before step number `step` of the field, from 0: is it time, then an update. o NULL: nothing. */
void occupied_step(Occupancy *o, const Field *f, long step, uint64_t seed);

#endif
