/* shade.c -- see shade.h
 *
 * Adjoint of c = albedo (a + b max(0, n . l)):  dalbedo = dc (a + b max(0, n . l));  dn += b (dc . albedo) l where n . l > 0.
 */
#include "render/shade.h"
#include "render/normal.h"

const char *const shading_names[] = { "albedo", "lambertian", "textureless", "normal", NULL };

#define AMBIENT R(0.1)
#define DIFFUSE R(0.9)

int shading_is_lit(Shading s) { return s == SHADE_LAMBERTIAN || s == SHADE_TEXTURELESS; }

/* n . l, and l itself */
static real facing(real l[3], const real n[3], const real p[3], const real light[3])
{
    const real to[3] = { light[0] - p[0], light[1] - p[1], light[2] - p[2] };
    unit3(l, to);
    return dot3(n, l);
}

/* TRAP: max(0, x) with 0 first, so that NaN stays. */
static real lit(real x) { return r_fma(DIFFUSE, r_max(R(0.0), x), AMBIENT); }

void shade(real colour[3], const real albedo[3], const real n[3], const real p[3], Shading s, const real light[3])
{
    real l[3];
    const real factor = shading_is_lit(s) ? lit(facing(l, n, p, light)) : R(1.0);
    for (int j = 0; j < 3; j++) {
        if (s == SHADE_NORMAL) colour[j] = r_fma(R(0.5), n[j], R(0.5));
        else colour[j] = s == SHADE_TEXTURELESS ? factor : albedo[j] * factor;
    }
}

void shade_pull(real dalbedo[3], real dn[3], const real dcolour[3], const real albedo[3], const real n[3], const real p[3], Shading s,
                const real light[3])
{
    static const real white[3] = { 1, 1, 1 };
    const int textured = s == SHADE_ALBEDO || s == SHADE_LAMBERTIAN;
    real l[3] = { 0 };
    const real x = shading_is_lit(s) ? facing(l, n, p, light) : R(0.0);
    const real factor = shading_is_lit(s) ? lit(x) : R(1.0);
    for (int j = 0; j < 3; j++) dalbedo[j] = textured ? dcolour[j] * factor : R(0.0);
    if (s == SHADE_NORMAL)
        for (int j = 0; j < 3; j++) dn[j] = r_fma(R(0.5), dcolour[j], dn[j]);
    if (!(x > R(0.0))) return;
    const real dx = DIFFUSE * dot3(dcolour, textured ? albedo : white);
    for (int j = 0; j < 3; j++) dn[j] = r_fma(dx, l[j], dn[j]);
}
