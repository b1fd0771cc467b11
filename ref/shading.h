/* shading.h -- how the renders of a step are lit: the schedule of threestudio's diffuse-with-point-light-material
 *
 * The first share of a run shows albedo alone. After it a step is shaded with probability `diffuse`, and a shaded one is textureless (white) with
 * probability `textureless`; all views of a step alike. Where the light is: sampler/view.h, ViewJitter.
 */
#ifndef SDREF_REF_SHADING_H
#define SDREF_REF_SHADING_H

#include "render/shade.h"

typedef struct ShadingSchedule {
    double albedo_share;                /* of the run, within [0,1]; 1: albedo always. threestudio: ambient_only_steps / max_steps */
    double diffuse, textureless;        /* probabilities. threestudio: diffuse_prob, textureless_prob */
} ShadingSchedule;

/* Of the step with `done` of `length` behind it (steps, or calls of a budget): albedo while done < albedo_share length. A pure function of
 * (seed, step) besides: draws are stream RNG_CAMERA at (seed, view 0, step), 24 whether shaded, 25 whether textureless. */
Shading shading_of_step(const ShadingSchedule *s, long done, long length, uint64_t seed, uint32_t step);

#endif
