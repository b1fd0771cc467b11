/* shade.h -- the colour of a sample from its albedo, its normal n and a point light, and the adjoint
 *
 *   albedo       c = albedo
 *   lambertian   c = albedo (0.1 + 0.9 max(0, n . l)),  l = (light - p) / max(|light - p|, 1e-6)                       [SDS22]
 *   textureless  lambertian with white albedo
 *   normal       c = (n + 1)/2
 * n = 0 (no density around) gives the ambient colour, and mid grey.
 */
#ifndef SDREF_RENDER_SHADE_H
#define SDREF_RENDER_SHADE_H

#include "tensor/real.h"

typedef enum { SHADE_ALBEDO, SHADE_LAMBERTIAN, SHADE_TEXTURELESS, SHADE_NORMAL, SHADINGS } Shading;
extern const char *const shading_names[];                 /* "albedo", ..., NULL */

int shading_is_lit(Shading s);                            /* does it need the light? */

void shade(real colour[3], const real albedo[3], const real n[3], const real p[3], Shading s, const real light[3]);
/* dalbedo is written, dn is added to. */
void shade_pull(real dalbedo[3], real dn[3], const real dcolour[3], const real albedo[3], const real n[3], const real p[3], Shading s,
                const real light[3]);

#endif
