/* scene.h -- procedural objects with a front and a back: the images behind the exact and the shipped prior
 *
 * An object is a signed distance function (SDF) built of simple solids; its front faces +x, its left side +y, up is z,
 * and it lies inside the cube [-0.9, 0.9]^3. Each has one *main* material, whose albedo is the colour that the prompt
 * names; all others (eyes, wheels, windows) have fixed colours. Radiance is linear in the albedo, so one trace serves
 * every colour:
 *
 *     image = P + Q colour        P (3,h,w): background and fixed materials, Q (h,w): shade of the main material
 *
 * Shade of a surface point with unit normal n, light direction l (no shadows):
 *
 *     shade = a (0.56 + 0.14 (1 + n_z)/2) + (0.75 + 0.25 a) 0.30 max(0, n.l)
 *     a     = 0.6 + 0.4 clamp(sdf(p + 0.15 n) / 0.15, 0, 1)
 *
 * which lies in [0,1], and a pixel is the mean over 2x2 sample rays at (+-0.25, +-0.25) pixel from its centre. So images
 * lie in [0,1] without clamping or gamma. Everything here is serial and a pure function of its arguments: parallelise
 * over images.
 */
#ifndef SDREF_RENDER_SCENE_H
#define SDREF_RENDER_SCENE_H

#include "render/camera.h"
#include "tensor/err.h"
#include "tensor/real.h"

/* The ball of radius sdf(p) / SCENE_SLACK about a point p outside the object holds none of it. */
#define SCENE_SLACK R(1.05)

/* ---- names: static strings, colours in [0,1]; an index outside 0 .. count-1 is a bug ---- */
int scene_object_count(void);
const char *scene_object_name(int object);
int scene_colour_count(void);
const char *scene_colour_name(int colour);
void scene_colour_rgb(real rgb[3], int colour);

/* Prompt "a|an COLOUR OBJECT", words separated by spaces. -1: one line naming the prompt, the word and the nearest name;
 * object and colour are then untouched. */
int scene_prompt_parse(int *object, int *colour, const char *prompt, Err *err);

/* ---- looks: variants of an object ---- */
typedef struct SceneLook {
    real size[3];          /* the object is scaled by this along x, y, z; each in (0,1] */
    real light[3];         /* unit vector towards the light */
    real ground;           /* background grey, [0,1] */
} SceneLook;

/* m = 0: the canonical look, the same for every seed and object. m > 0: relative proportions within +-15 %, a light from
 * above in any direction, another grey; a pure function of (seed, object, m) by stream RNG_SCENE. */
void scene_look(SceneLook *look, uint64_t seed, int object, int m);

/* ---- pictures ---- */
/* SDF of the object as scaled by the look, at p in world units; the material of the nearest surface to *material unless
 * NULL: 0 is the main one. */
real scene_sdf(int *material, const SceneLook *look, int object, const real p[3]);
/* Albedo of a fixed material (> 0). */
void scene_material_rgb(real rgb[3], int material);

/* P (3,h,w), Q (h,w), mask (h,w) = fraction of the sample rays that hit, NULL = not wanted. Camera outside the object. */
void scene_render(real *P, real *Q, real *mask, const SceneLook *look, int object, const Camera *cam);
/* The same rays as geometry: truth for networks that tell depth and normals from a picture. Over the sample rays of a
 * pixel that hit: depth (h,w), mean distance along the ray in world units; normal (3,h,w), mean of the unit normals in
 * camera space (x right, y up, z towards the camera), made unit again; mask (h,w) as above. Where none hits all are 0. A ray
 * ends where the sdf is below 0.002, so a little before the surface. */
void scene_geometry(real *depth, real *normal, real *mask, const SceneLook *look, int object, const Camera *cam);
/* rgb = P + Q colour; rgb (3,h,w) may be P. */
void scene_paint(real *rgb, const real *P, const real *Q, const real colour[3], int h, int w);

#endif
