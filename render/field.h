/* field.h -- what is optimised: a function from points (or pixels) to raw density and raw colour
 *
 * Every field keeps its parameters in one flat vector theta, so that the optimiser, the checkpoint and the gradient slabs need not know
 * its kind; field_parts says under which names they are saved.
 *   image   theta (3,H,W): a 2-D image, colour = sigmoid(theta); cameras are ignored                       (2-D experiments)
 *   voxel   theta (Z,Y,X,4): nodes on the faces of the cube (index 0 at -1, n-1 at +1), trilinear;
 *           channel 0 raw density, 1-3 raw colour                                          [golden/README, Render files]
 * Raw means before the activation: density = softplus(raw), colour = sigmoid(raw); outside the cube density is 0.
 * A kind is one file, field_KIND.c, behind the functions of field_kinds.h.
 */
#ifndef SDREF_RENDER_FIELD_H
#define SDREF_RENDER_FIELD_H

#include "tensor/err.h"
#include "tensor/tape.h"

typedef enum { FIELD_IMAGE, FIELD_VOXEL, FIELD_KINDS } FieldKind;
extern const char *const field_kind_names[];              /* "image", "voxel", NULL */

typedef struct FieldConfig {
    FieldKind kind;
    int size[3];          /* image: (3,H,W), sides 1..4096; voxel: (Z,Y,X), 2..512 nodes a side */
    real peak, slope;     /* of the start: raw density peak - slope |p|, a soft ball that thins out from the centre */
} FieldConfig;

typedef struct Field {
    FieldConfig config;
    size_t n;             /* length of theta */
    real *theta;          /* owned */
} Field;

/* theta starts at 0. NULL with err set when out of range or memory. */
Field *field_new(const FieldConfig *config, Err *err);
void   field_free(Field *f);

/* Start values. Raw colour 0 (mid grey), raw density as the config says. */
void field_start(Field *f);

/* raw: (4,P) planes, raw density first; p: (3,P) planes, for a field that is not an image. Points are clamped to the cube: the caller asks
 * only inside. d: (3,P) planes, unit directions of the rays, for fields whose colour depends on them; else NULL is fine.
 * kept: (P field_kept(f)) what the pull needs of the evaluation; NULL where field_kept is 0. */
size_t field_kept(const Field *f);
void   field_eval(real *raw, const real *p, const real *d, const Field *f, int P, real *kept);
/* dtheta (laid out as theta) += J^T draw; points in ascending order. kept: as field_eval left it for the same p, d and theta; written over. */
void   field_pull(real *restrict dtheta, const real *restrict draw, const real *restrict p, const real *restrict d, const Field *f, int P,
                  real *restrict kept);

/* theta as named tensors, for files: the values theta[at .. at + shape_count(s) - 1]; "": theta itself. Returns how many, at most FIELD_PARTS. */
enum { FIELD_PARTS = 16 };
typedef struct FieldPart { const char *name; size_t at; Shape s; } FieldPart;
int    field_parts(FieldPart part[FIELD_PARTS], const Field *f);

/* (4,Z,Y,X), as traces have it, to and from theta. */
void voxel_from_planes(Field *f, const real *planes);
void voxel_to_planes(real *planes, const real *theta, const Field *f);

#endif
