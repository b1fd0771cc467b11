/* phi_view.h -- what a render says to a baseline of SSD: maps of one view of a voxel field, constants of the step
 *
 *     depth (H,W)       sum w t, as render/volume.h has it                                                        pearson_depth
 *     nearness (H,W)    (opacity (distance + 1) - depth)/2, as depth_net.h has it of true scenes                  depth
 *     normals (3,H,W)   opacity n, n = -grad density / |grad density| in camera space, at the mean point of the ray, o + depth/opacity d;
 *                       by central differences of step 0.01; 0 where the density is flat                          normals
 */
#ifndef SDREF_REF_PHI_VIEW_H
#define SDREF_REF_PHI_VIEW_H

#include "ref/phi.h"
#include "render/volume.h"

/* source->render <- the map that source->kind compares with, in the arena; other kinds: nothing. distance: of the camera from the origin.
 * An image field is a bug: it has no depth. -1: memory. */
int phi_view(PhiSource *source, Arena *arena, Renderer *r, const Field *f, const Camera *c, const RenderSettings *s, real distance);

/* normals (3,H,W) of what was rendered with depth and opacity (H,W); work: 6 (10 + field_kept(f)) c->w values. */
void phi_normals(real *normals, const Field *f, const Camera *c, const real *depth, const real *opacity, real *work);

#endif
