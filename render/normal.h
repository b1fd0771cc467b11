/* normal.h -- unit normals of a density, by central differences, and their adjoint
 *
 *   g_j = (density(p + h e_j) - density(p - h e_j)) / 2h,  h = 0.01, density 0 outside the cube;   n = -g / max(|g|, 1e-6)
 * so a normal costs six evaluations of the field. TRAP: in binary32 the difference of two densities of size s is rounded by some 1e-7 s, so that
 * where |g| is below 1e-5 s the direction is noise, of full length. Taps come in the order +x -x +y -y +z -z.
 */
#ifndef SDREF_RENDER_NORMAL_H
#define SDREF_RENDER_NORMAL_H

#include "tensor/real.h"

enum { NORMAL_TAPS = 6 };
#define NORMAL_STEP R(0.01)

/* Point `tap` (0..5) of p; 0: it is outside the cube. Only the moved coordinate is looked at: the others are a sample's, inside but for rounding. */
int  normal_tap(real q[3], const real p[3], int tap);
void normal_of(real n[3], const real density[NORMAL_TAPS]);
/* ddensity is written: J^T dn. */
void normal_pull(real ddensity[NORMAL_TAPS], const real dn[3], const real density[NORMAL_TAPS]);

/* (a_x b_x + a_y b_y) + a_z b_z, and a / max(|a|, 1e-6), whose divisor is returned. NaN stays. */
real dot3(const real a[3], const real b[3]);
real unit3(real out[3], const real a[3]);

#endif
