/* volume.h -- the volume renderer and its adjoint
 *
 * Along a ray o + t d (d unit) that meets the cube [-1,1]^3 for t in [near, far], near >= 0, with N samples:
 *   t_i = near + (i + u_i) delta,  delta = (far - near)/N,  u_i = 1/2 or the given jitter in [0,1)
 *   alpha_i = 1 - exp(-density_i delta),   T_i = prod_{j<i} (1 - alpha_j),   w_i = T_i alpha_i        [NeRF20 Eq.3]
 *   opacity = sum w     depth = sum w t     rgb = sum w c + (1 - opacity) background
 *   z_variance = sum v (t - sum v t)^2,  v = w / max(opacity, 1e-5)                                    [HiFA23]
 *   normal = sum w n     orientation = sum w max(0, n . d)^2, in which w counts as a constant            (normal.h)
 * c is the albedo or, with another shading, what the light makes of it (shade.h). A ray that misses the cube has the background colour and
 * zeros. Depth is along the ray and not divided by opacity. Orientation is how much of what is seen turns its back: its mean over the rays
 * with opacity > 0 is the loss of Ref-NeRF in the form of SDI's code; its adjoint goes through n alone, into the density.
 *
 * Normals by differences cost six evaluations more a sample. They are made when asked for (normal, orientation, or rgb with a shading that needs them) and
 * change no bit of the other outputs. NaN and infinity of the field come out in the outputs and gradients of the rays that meet them.
 */
#ifndef SDREF_RENDER_VOLUME_H
#define SDREF_RENDER_VOLUME_H

#include "render/background.h"
#include "render/camera.h"
#include "render/field.h"
#include "render/normal.h"
#include "render/occupancy.h"
#include "render/shade.h"
#include "tensor/tape.h"

typedef struct RenderSettings {
    int samples;              /* N, 1..1024 */
    real background[3];       /* in [0,1] */
    const real *jitter;       /* (H,W,N) in [0,1), or NULL: every sample at the middle of its interval */
    Shading shading;          /* 0: albedo */
    real light[3];            /* of lambertian and textureless: where the point light is, world units */
    Background *learnt;       /* in place of `background`; NULL: none */
    const Occupancy *occupancy;   /* where samples are skipped; NULL: nowhere */
    Normals normals;          /* 0: by differences; analytic: of fields that have a slope alone */
    real rounding;            /* 0, or how far block_shake moves what is computed on the way, to see what rounding is worth */
    uint32_t draw;            /* and which way */
} RenderSettings;

/* One view, or its cotangents; NULL: not wanted, or zero. */
typedef struct RenderOut {
    real *rgb;                /* (H,W,3) in [0,1] */
    real *opacity;            /* (H,W) in [0,1] */
    real *depth;              /* (H,W) world units */
    real *z_variance;         /* (H,W) world units squared */
    real *normal;             /* (H,W,3) world axes, of length at most opacity */
    real *orientation;        /* (H,W) in [0,1] */
} RenderOut;

/* The members of RenderOut, in order. */
enum { RENDER_OUTPUTS = 6 };
typedef struct RenderOutput { const char *name; int channels; } RenderOutput;
extern const RenderOutput render_outputs[RENDER_OUTPUTS];
real **render_output(RenderOut *o, int i);

/* Work space for views of one field size: 8 slabs, each with a gradient and with room for a block of rays, max(2048, 7 N) points of
 * 32 reals and field_kept: nothing grows with the image. */
typedef struct Renderer Renderer;
Renderer *renderer_new(const Field *f, int samples, Err *err);
void      renderer_free(Renderer *r);
/* For tests: the most points of a block from now on (always at least one ray, at most what there is room for). Changes no bit. */
void      renderer_block(Renderer *r, int points);

/* Renders camera `c`. An image field must have the camera's size; it has opacity 1, and 0 for all but rgb. */
void render_view(RenderOut *out, Renderer *r, const Field *f, const Camera *c, const RenderSettings *s);

/* dtheta (laid out as f->theta) += J^T cotangent, and s->learnt->gradient likewise. Nothing is kept from the forward pass: it is recomputed.
 * The rows of the image are dealt to 8 slabs whatever the thread count (row y to slab y mod 8), each with gradients of its
 * own, points in the order of block.h, and slabs are added in order. */
void render_pull(real *dtheta, Renderer *r, const Field *f, const Camera *c, const RenderSettings *s,
                 const RenderOut *cotangent);

/* The same on a tape: rgb (H,W,3) of theta, the tensor over f->theta. r, f and s->jitter are
 * borrowed until the backward pass is done. Other outputs of the same view may be rendered along: `beside->out` is written now, `beside->cotangent`
 * read by the backward pass, and pulled back together with that of rgb; rgb of both is not looked at. NULL: none. */
typedef struct RenderBeside { RenderOut out, cotangent; } RenderBeside;
Tensor *op_render(Tape *t, Tensor *theta, Renderer *r, const Field *f, const Camera *c, const RenderSettings *s,
                  const RenderBeside *beside, const char *name);

/* Where a ray meets the cube: 1 and near < far, near >= 0; or 0. Slab method; o inside the cube is fine. */
int cube_intersect(real *near, real *far, const real o[3], const real d[3]);

#endif
