/* hashgrid.h -- what field_hashgrid.c, its definition field_hashgrid_plain.c and their test share
 *
 * Multiresolution hash encoding [NGP22 Sec.3], as golden/README has it: with u = (p+1)/2 clamped to [0,1], level l of N = floor(base growth^l) cells
 * a side gives F features of the trilinear interpolation at g = u N, cell i = floor(g) clamped to N-1, f = g - i:
 *     e_(lF+k) = sum over the eight corners c = (dz,dy,dx), dx fastest, of  w_c table[l][at_c][k],   w_c = (wz wy) wx,   one fma chain from 0
 *     at = x + (N+1)(y + (N+1) z) where (N+1)^3 nodes fit the table, else (x xor y 2654435761 xor z 805459861) mod table, in 32 bits
 * DIFFERS: no half offset of cells by level, as the paper's code has; the table is a power of two.
 */
#ifndef SDREF_RENDER_HASHGRID_H
#define SDREF_RENDER_HASHGRID_H

#include "render/mlp.h"

typedef struct HashLevel { int cells, dense; } HashLevel;
/* growth^l by d_pow, floor in binary64: the same cells in both programs. */
HashLevel hashgrid_level(const FieldConfig *c, int level);
Mlp       hashgrid_mlp(const FieldConfig *c);
size_t    hashgrid_table(const FieldConfig *c);           /* values of the table, all levels: where the network's parameters begin */

/* The definition: e (levels features) of one point; levels from f->active on give 0. */
void hashgrid_encode_plain(real *e, const real p[3], const Field *f);
/* field_eval and field_pull, point by point; one point's work: mlp_kept values. */
void hashgrid_eval_plain(real *raw, const real *p, const Field *f, int P, real *one);
void hashgrid_pull_plain(real *dtheta, const real *draw, const real *p, const Field *f, int P, real *one);

#endif
