/* regularisers.h -- which regularisers of render/regularise.h a run has, with what weights, and what they need
 *
 * The loss of view j in step k gains  sum_i weight_i(k) y_i(maps of view j),  that of the step  weight_tv(k) y_tv(theta).  A weight is a ramp of
 * sampler/ramp.h over k = 0, 1, .., which counts steps, budget or not. Views are averaged as the estimator's gradients are (distill.h).
 * TRAP: an estimator's gradient here is of a sum over pixels and channels, as DSD's code has it. SDI's code has the mean of 4 x 64 x 64 latents: for the
 * same balance its weights, here and in the papers' column, are to be multiplied by as many values as x0 has (12288 for 64 px).
 */
#ifndef SDREF_REF_REGULARISERS_H
#define SDREF_REF_REGULARISERS_H

#include "render/camera.h"
#include "render/regularise.h"
#include "sampler/ramp.h"

typedef enum { REG_ORIENTATION, REG_SPARSITY, REG_OPAQUENESS, REG_Z_VARIANCE, REG_TV, REG_NORMAL_SMOOTH, REG_CONVEXITY, REGULARISERS } Regulariser;

/* Maps of a view, or their cotangents, as render/volume.h lays them out; and sets of them. */
typedef struct Maps { real *opacity, *z_variance, *orientation, *normal; } Maps;
enum { MAP_OPACITY = 1, MAP_Z_VARIANCE = 2, MAP_ORIENTATION = 4, MAP_NORMAL = 8 };

typedef struct RegulariserInfo {
    const char *name;             /* of the option, and with _ for - of the column in log.csv */
    const char *sdi, *dsd;        /* weights of the released configurations, as ramps; "0": has none */
    int maps;                     /* what it reads and pulls back to; 0: the grid itself */
} RegulariserInfo;
extern const RegulariserInfo regulariser_info[REGULARISERS];

typedef struct Regularising {
    Ramp weight[REGULARISERS];
    ConvexForm convex;
} Regularising;

/* Is its weight other than 0 in some step? */
int  regulariser_used(const Regularising *r, Regulariser i);
void regulariser_weights(real weight[REGULARISERS], const Regularising *r, long step);
/* The maps of those whose weight is not 0. */
int  regulariser_maps(const real weight[REGULARISERS]);

/* Adds weight dy/dmap to the cotangents d of one view, and y to value, of every regulariser of maps whose weight is not 0; each of them needs its maps
 * in m and d. c: of the view. */
void regularise_view(Maps *d, real value[REGULARISERS], const Maps *m, const real weight[REGULARISERS], ConvexForm convex, const Camera *c);

#endif
