/* block.h -- rays that the renderer works on together: their samples, and what the field says there
 *
 * A block is some rays of one row. Its samples s = ray * N + i lie in planes of S = rays * N. With normals by differences every sample has six more
 * points (normal.h): the point of tap k of sample s has place k S + s, the sample itself k = 0. With analytic ones the planes after the density's own
 * are its gradient. The field is asked only for the M points that matter, in the order (ray, sample, tap): not on rays that miss the cube, not outside
 * it, not where the occupancy grid sees nothing; density, and its gradient, is 0 at the other places. So the order of everything that is added up does
 * not depend on where one block ends and the next begins.
 */
#ifndef SDREF_RENDER_BLOCK_H
#define SDREF_RENDER_BLOCK_H

#include "render/normal.h"
#include "render/volume.h"

enum { TAPS = 1 + NORMAL_TAPS, SLOPES = 1 + 3 };       /* planes of density: with taps, with its gradient */

typedef struct BlockRay { real d[3], background[3], near, delta; int hit; } BlockRay;

typedef struct Block {
    int room, N;                              /* points it has room for, samples a ray */
    int rays, planes, S, M;                   /* of the rays in hand; planes is 1 without normals, else TAPS or SLOPES */
    real o[3];                                /* where the camera is */
    uint32_t first;                           /* pixel of the first ray */
    const RenderSettings *settings;
    BlockRay *ray;                            /* (room / N) */
    real *t, *w, *through, *dw;               /* (S) distance, weight, T_{i+1}, cotangent of w */
    real *normal, *albedo, *dalbedo, *lit;    /* (3,S) */
    const real *colour;                       /* (3,S) what is composited: albedo, or lit by the shading */
    real *density, *ddensity;                 /* (planes,S) */
    int *place;                               /* (M) */
    real *p, *dir, *raw, *draw, *kept;        /* (3,M) points, and directions of their rays; (4,M), twice; (M, field_kept) */
                                              /* with slopes raw and draw are (7,M): M is then at most room/4 */
} Block;

/* Memory for blocks of `room` points: reals, and where they go. */
size_t block_reals(int room, size_t kept);
void   block_place(Block *k, real *at, BlockRay *ray, int *place, int samples, int room);

/* `rays` rays from (row, col) on: everything but dw and the other cotangents. planes: 1, TAPS or SLOPES. */
void   block_fill(Block *k, const Field *f, const Camera *c, const RenderSettings *s, int planes, int row, int col, int rays);
/* dtheta += what ddensity and dalbedo pull back. */
void block_pull(real *dtheta, Block *k, const Field *f);

/* v (n), which are the block's values of a kind from `at` on: each moved up or down by half to all of settings->rounding of itself, every one by an
 * amount of its own; draw 2k+1 moves them the other way than draw 2k. Of 1 - alpha by that of 1, since others compute it from alpha. */
typedef enum { SHAKE_T, SHAKE_SAMPLE, SHAKE_POINT, SHAKE_RAW, SHAKE_THROUGH, SHAKE_OPACITY, SHAKE_MEAN, SHAKE_PULL } Shake;
void block_move(real *v, int n, const Block *k, Shake kind, int at);
static inline void block_shake(real *v, int n, const Block *k, Shake kind, int at)
{
    if (k->settings->rounding > R(0.0)) block_move(v, n, k, kind, at);
}

/* ray.c: the outputs of one ray; and from their cotangents ddensity, dalbedo and dbackground (3). */
void ray_put(RenderOut *out, const Block *k, int ray, size_t pixel);
void ray_pull(real dbackground[3], Block *k, const RenderOut *cotangent, int ray, size_t pixel);

#endif
