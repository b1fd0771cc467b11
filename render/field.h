/* field.h -- what is optimised: a function from points (or pixels) to raw density and raw colour
 *
 * Every field keeps its parameters in one flat vector theta, so that the optimiser, the checkpoint and the gradient
 * slabs need not know its kind. Two kinds so far:
 *   image   theta (3,H,W): a 2-D image, colour = sigmoid(theta); cameras are ignored          (2-D experiments)
 *   voxel   theta (Z,Y,X,4): nodes on the faces of the cube (index 0 at -1, n-1 at +1), trilinear;
 *           channel 0 raw density, 1-3 raw colour                                            [golden/README, Render files]
 * Raw means before the activation: density = softplus(raw), colour = sigmoid(raw); outside the cube density is 0.
 */
#ifndef SDREF_RENDER_FIELD_H
#define SDREF_RENDER_FIELD_H

#include "tensor/err.h"
#include "tensor/real.h"

typedef enum { FIELD_IMAGE, FIELD_VOXEL } FieldKind;

typedef struct Field {
    FieldKind kind;
    int size[3];          /* image: (3,H,W); voxel: (Z,Y,X) */
    size_t n;             /* length of theta */
    real *theta;          /* owned */
} Field;

/* Voxel nodes per side 2..512, image sides 1..4096. theta starts at 0. NULL with err set when out of range or memory. */
Field *field_new(FieldKind kind, const int size[3], Err *err);
void   field_free(Field *f);

/* Start values. Voxel: raw density `peak - slope |p|`, raw colour 0 (mid grey): a soft ball that thins out from the
 * centre. Image: 0 (mid grey). */
void field_start(Field *f, real peak, real slope);

/* raw: (4,P) planes, p: (3,P) planes, for a voxel field. Points are clamped to the cube: the caller asks only inside. */
void voxel_eval(real *raw, const real *p, const Field *f, int P);
/* dtheta (laid out as theta) += J^T draw; points in ascending order. */
void voxel_pull(real *restrict dtheta, const real *restrict draw, const real *restrict p, const Field *f, int P);

/* (4,Z,Y,X), as files have it, to and from theta. */
void voxel_from_planes(Field *f, const real *planes);
void voxel_to_planes(real *planes, const real *theta, const Field *f);

#endif
