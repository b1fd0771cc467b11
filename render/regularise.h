/* regularise.h -- geometric regularisers: a number for the maps of one rendered view, or for a grid, and its gradient
 *
 *     orientation    y = sum orientation / #{opacity > 0}                        orientation = sum w max(0, n.d)^2 of a ray      [REFN22]
 *     sparsity       y = mean sqrt(opacity^2 + 0.01)                                                                           [SDI24]
 *     opaqueness     y = mean of -o log o - (1-o) log(1-o),   o = clamp(opacity, 0.001, 0.999)                                 [SDI24]
 *     z_variance     y = mean of z_variance over the pixels with opacity > 1/2                                                  [HiFA23]
 *     normal_smooth  y = mean (n(i+1,j) - n(i,j))^2 + mean (n(i,j+1) - n(i,j))^2, over pairs of neighbours and the axes' components [ZERO23]
 *     tv             y = the same of a grid: mean of squares along x + along y + along z, over pairs and channels               [PLX22]
 *     convexity      y = -(mean c_h + mean c_v), sines between normals of neighbouring cells: convexity.c                        [SDI24 App.A.2]
 *
 * Every function returns y and adds weight dy/dmap to the cotangents, its first arguments, which are laid out as the maps themselves. Maps are those
 * of render/volume.h: opacity, orientation, z_variance (H,W), normal (H,W,3) = sum w n along the ray, in world axes. The weight scales no y.
 * Means over no pixel, no pair of neighbours are 0 with a gradient of 0. Sums over pixels, rows: tensor/sum.h, row 0 first.
 * Counts (of pixels in view, or opaque) are constants, as in all codes.
 *
 * Weight by opacity. A rendered normal is at most as long as its pixel is opaque, and it is taken as it is: an empty pixel is the zero vector, and the
 *   step at a silhouette counts with the square of its opacity. Only convexity divides by the length, and multiplies by the opacity.
 * DIFFERS: threestudio smooths the normals that it displays, (n/|n| + 1)/2 opacity. Inside an opaque object that is this with a factor of 1/4; at its
 *   edge those normals jump by an amount that depends on the direction of the world's axes.
 * DIFFERS: Plenoxels and its code have sqrt(dx^2 + dy^2 + dz^2 + epsilon) of each node in tv, with differences scaled by nodes/256. Here squares: no
 *   epsilon, and a grid that is flat stays so. Means are over the pairs of each axis; density and colour are taken raw, and count the same.
 * DIFFERS: the frameworks divide 0 by 0 for a view without a pixel in it (orientation, z_variance); here that is 0.
 * DIFFERS: the frameworks count over all views of a batch, here each view counts on its own. Their batch is of one view in SDI and DSD.
 */
#ifndef SDREF_RENDER_REGULARISE_H
#define SDREF_RENDER_REGULARISE_H

#include "tensor/real.h"

real reg_orientation(real *d_orientation, const real *orientation, const real *opacity, real weight, size_t pixels);
real reg_sparsity(real *d_opacity, const real *opacity, real weight, size_t pixels);
real reg_opaqueness(real *d_opacity, const real *opacity, real weight, size_t pixels);
real reg_z_variance(real *d_z_variance, const real *z_variance, const real *opacity, real weight, size_t pixels);
real reg_normal_smooth(real *d_normal, const real *normal, real weight, int h, int w);
/* theta (Z,Y,X,channels) */
real reg_tv(real *dtheta, const real *theta, real weight, const int size[3], int channels);

/* Which normals convexity looks at: unit normals in the camera's axes, or those that SDI's code displays. */
typedef enum { CONVEX_CAMERA, CONVEX_RELEASED } ConvexForm;
extern const char *const convex_form_words[];              /* "camera", "released", NULL */
/* c2w: render/camera.h's, columns right, up, -forward; the released form does not read it. */
real reg_convexity(real *d_normal, real *d_opacity, const real *normal, const real *opacity, const real c2w[3][4], ConvexForm form, real weight,
                   int h, int w);

#endif
