/* field.h -- what is optimised: a function from points (or pixels) to raw density and raw colour
 *
 * Every field keeps its parameters in one flat vector theta, so that the optimiser, the checkpoint and the gradient slabs need not know
 * its kind; field_parts says under which names they are saved.
 *   image   theta (3,H,W): a 2-D image, colour = sigmoid(theta); cameras are ignored                       (2-D experiments)
 *   voxel   theta (Z,Y,X,4): nodes on the faces of the cube (index 0 at -1, n-1 at +1), trilinear;
 *           channel 0 raw density, 1-3 raw colour                                          [golden/README, Render files]
 *   hashgrid  theta = table (levels,table,features) | w1 | b1 | w2 | b2: multiresolution hash encoding, one hidden layer     [NGP22]
 *   mlp     theta = w1 | b1 | w2 ...: sines and cosines of the point, a network of relu layers                             [NeRF20]
 *   sh      theta (Z,Y,X,1+3n): voxels whose colours are n spherical harmonics of the ray's direction                      [PLX22]
 * Raw means before the activation: density = softplus(raw), colour = sigmoid(raw); outside the cube density is 0.
 * A kind is one file, field_KIND.c, behind the functions of field_kinds.h.
 */
#ifndef SDREF_RENDER_FIELD_H
#define SDREF_RENDER_FIELD_H

#include "tensor/err.h"
#include "tensor/tape.h"

typedef enum { FIELD_IMAGE, FIELD_VOXEL, FIELD_HASHGRID, FIELD_MLP, FIELD_SH, FIELD_KINDS } FieldKind;
extern const char *const field_kind_names[];              /* "image", "voxel", "hashgrid", "mlp", "sh", NULL */

typedef struct FieldConfig {
    FieldKind kind;
    int size[3];          /* image: (3,H,W), sides 1..4096; voxel, sh: (Z,Y,X), 2..512 nodes a side */
    real peak, slope;     /* raw density peak - slope |p|, a soft ball that thins out from the centre: voxel, sh start as it, to others it is added */
    int levels, features; /* hashgrid: 1..32 levels of 1..8 features each */
    int table;            /* hashgrid: entries a level, a power of two, at most 2^24 */
    int base;             /* hashgrid: level l has floor(base growth^l) cells a side, at most 2^20 */
    double growth;
    int frequencies;      /* mlp: 0..16 */
    int layers;           /* mlp: hidden ones, 1..8 */
    int hidden;           /* hashgrid, mlp: values of a hidden layer, 1..256 */
    int degree;           /* sh: 0..2, n = (degree + 1)^2 */
} FieldConfig;

typedef struct Field {
    FieldConfig config;
    size_t n;             /* length of theta */
    real *theta;          /* owned */
    int active;           /* hashgrid: levels whose features count, all at first; the others give 0 and get no gradient. Yours to set */
} Field;

/* theta starts at 0. NULL with err set when out of range or memory. */
Field *field_new(const FieldConfig *config, Err *err);
void   field_free(Field *f);

/* Start values: raw density as the config says, raw colour 0 (mid grey). Of hashgrid and mlp both are off by what a network makes of
 * values that are drawn, RNG_INIT of the seed. */
void field_start(Field *f, uint64_t seed);

/* raw: (4,P) planes, raw density first; p: (3,P) planes, for a field that is not an image. Points are clamped to the cube: the caller asks
 * only inside. d: (3,P) planes, unit directions of the rays, for fields whose colour depends on them; else NULL is fine.
 * kept: (P field_kept(f)) what the pull needs of the evaluation; NULL where field_kept is 0. */
size_t field_kept(const Field *f);
void   field_eval(real *raw, const real *p, const real *d, const Field *f, int P, real *kept);
/* dtheta (laid out as theta) += J^T draw; points in ascending order. kept: as field_eval left it for the same p, d and theta; written over. */
void   field_pull(real *restrict dtheta, const real *restrict draw, const real *restrict p, const real *restrict d, const Field *f, int P,
                  real *restrict kept);

/* The same with the slope, the exact gradient of raw density by the point: raw (7,P), planes 4-6 d raw/dx, dy, dz, 0-3 as field_eval's to the bit;
 * draw (7,P), cotangents of all seven. Only of kinds that have one, voxel and sh: trilinear.h says which it is where it jumps. */
int    field_has_slope(FieldKind kind);
void   field_eval_slope(real *raw, const real *p, const real *d, const Field *f, int P);
void   field_pull_slope(real *restrict dtheta, const real *restrict draw, const real *restrict p, const real *restrict d, const Field *f, int P);

/* theta as named tensors, for files: the values theta[at .. at + shape_count(s) - 1]; "": theta itself. Returns how many, at most FIELD_PARTS. */
enum { FIELD_PARTS = 18 };
typedef struct FieldPart { const char *name; size_t at; Shape s; } FieldPart;
int    field_parts(FieldPart part[FIELD_PARTS], const Field *f);

/* What the network of a hashgrid or an mlp is given of a point: how many values (0: no such thing), and e (P,values) of points p (P,3). */
int    field_encoding(const Field *f);
void   field_encode(real *e, const real *p, const Field *f, int P);

/* (4,Z,Y,X), as traces have it, to and from theta. */
void voxel_from_planes(Field *f, const real *planes);
void voxel_to_planes(real *planes, const real *theta, const Field *f);

#endif
