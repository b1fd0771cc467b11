/* shading.c -- how the renders of a step are lit */
#include "ref/shading.h"

#include "tensor/rng.h"

enum { DRAW_SHADED = 24, DRAW_TEXTURELESS };            /* behind those of sampler/view.h; part of the numerics */

Shading shading_of_step(const ShadingSchedule *s, long done, long length, uint64_t seed, uint32_t step)
{
    const RngAt at = { seed, 0, step, RNG_CAMERA };
    if (s->albedo_share >= 1.0 || (double)done < s->albedo_share * (double)length) return SHADE_ALBEDO;
    if (rng_uniform_at(at, DRAW_SHADED) >= s->diffuse) return SHADE_ALBEDO;
    return rng_uniform_at(at, DRAW_TEXTURELESS) < s->textureless ? SHADE_TEXTURELESS : SHADE_LAMBERTIAN;
}
