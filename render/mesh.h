/* mesh.h -- the surface of a field as triangles with colours, and as PLY, OBJ and GLB files
 *
 * The surface is where density = threshold, with the denser side inside; outside the cube density is 0, so it closes at the faces. It is
 * closed and manifold: every edge belongs to exactly two triangles, which pass it in opposite directions. Corners of a triangle are
 * anticlockwise seen from outside. Same field, resolution and threshold: same bytes, for any thread count.
 */
#ifndef SDREF_RENDER_MESH_H
#define SDREF_RENDER_MESH_H

#include "render/bytes.h"
#include "render/field.h"

typedef struct Mesh {                         /* start as {0}; all arrays owned: mesh_free */
    size_t vertices, triangles;
    real *position;                           /* (vertices,3) world units */
    real *normal;                             /* (vertices,3) unit, outwards */
    real *colour;                             /* (vertices,3) in [0,1] */
    uint32_t *index;                          /* (triangles,3) */
} Mesh;

enum { MESH_SIDE_MIN = 8, MESH_SIDE_MAX = 512 };

/* The mesh of a field that is not an image from side^3 samples of its density, the outermost on the cube's faces. Memory: the samples
 * (side = 512: 0.5 GB in binary32, 1.1 GB in binary64), some 40 (side + 2)^2 bytes, and the mesh. -1, *out left {0}: memory; a density or
 * colour that is not finite; no density above the threshold (the message names the largest). threshold > 0, MESH_SIDE_MIN <= side <= MESH_SIDE_MAX.
 * Normals: minus the density's gradient by central differences of step 0.01, made unit; where that is nothing or points against the
 * triangles, the sum of the triangles' normals, weighted by area, in their order. */
int  mesh_extract(Mesh *out, const Field *f, int side, real threshold, Err *err);
void mesh_free(Mesh *m);                                                  /* and back to {0} */

/* Leaves out the parts of a mesh, which hang together by their triangles, that have fewer triangles than `share` of the largest: what floats about a
 * field (threestudio's isosurface_remove_outlier). Returns how many; -1 with err set: memory. The rest keeps its order. */
long mesh_drop_outliers(Mesh *m, real share, Err *err);

/* The first part of it (marching.c): position and index alone. density: (side,side,side) planes z, rows y; finite. */
int mesh_march(Mesh *out, const real *density, int side, real threshold, Err *err);

/* Colours of the field at n points of its surface, as one sees them who looks along minus the normal: sum w c / sum w over the next quarter of a unit, with the
 * weights of volume.h. TRAP: the colour of the point itself is that of thin matter before the surface, which views hardly show and training
 * hardly fits. position, normal, colour: (n,3); points outside the cube are moved to its faces. -1: memory; a colour that is not finite. */
int mesh_colours(real *colour, const Field *f, const real *position, const real *normal, size_t n, Err *err);

/* A patch of a texture for each triangle (mesh_atlas.c). Two triangles share a square cell of `cell` texels a side; coordinates are in
 * texels from the upper left corner of the picture. */
typedef struct Atlas { int cell, columns, rows; } Atlas;
enum { ATLAS_SIDE = 4096, ATLAS_CELL = 8, ATLAS_CELL_MIN = 5 };

/* Cells of ATLAS_CELL, smaller where the picture would be wider than ATLAS_SIDE; -1: not even cells of ATLAS_CELL_MIN fit. */
int  atlas_plan(Atlas *a, const Mesh *m, Err *err);
void atlas_corners(int corner[3][2], const Atlas *a, size_t triangle);    /* (column, row) of the triangle's corners */
/* pixels: (rows cell, columns cell, 3). Every texel that bilinear filtering touches inside the triangle has the colour (mesh_colours) of its
 * own point of the triangle's plane, with normals interpolated likewise; texels that none touches may be black. */
int  atlas_bake(unsigned char *pixels, const Atlas *a, const Mesh *m, const Field *f, Err *err);

/* Whole files, appended to `out`, which is the caller's (bytes_free). PLY and OBJ have our axes: z up, the object faces +x. */
int mesh_ply(Bytes *out, const Mesh *m, Err *err);                        /* binary, float positions and normals, 8-bit colours */
int mesh_obj(Bytes *out, const Mesh *m, Err *err);                        /* colours behind the positions, as many programs read them */
/* Binary glTF 2.0: y up, the object faces +z, so (x,y,z) is written as (y,z,x), which turns and does not mirror. Colours are a texture, baked from f,
 * since most viewers pass over colours of vertices. They are what a screen shows, and glTF takes textures as that (sRGB): not converted. */
int mesh_glb(Bytes *out, const Mesh *m, const Field *f, Err *err);

/* 8-bit value of a colour in [0,1]: 255 x rounded half up, as picture.h has it. */
static inline unsigned char mesh_byte(real x) { return (unsigned char)r_fma(R(255.0), x, R(0.5)); }

#endif
