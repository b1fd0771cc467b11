/* normal.h -- unit normals of a density and their adjoint: n = -g / max(|g|, 1e-6), with g the density's gradient
 *
 *   differences   g_j = (density(p + h e_j) - density(p - h e_j)) / 2h,  h = 0.01, density 0 outside the cube
 *                 What the frameworks do, and any field can. Six evaluations a normal, in the order +x -x +y -y +z -z. TRAP: in binary32 the difference of
 *                 two densities of size s is rounded by some 1e-7 s, so that where |g| is below 1e-5 s the direction is noise, of full length.
 *   analytic      g = d softplus(raw)/d raw times the slope of raw (field.h), where the field has one
 *                 The cube's faces count for nothing; of trilinear fields it jumps between cells, which differences smooth over 2h.
 */
#ifndef SDREF_RENDER_NORMAL_H
#define SDREF_RENDER_NORMAL_H

#include "tensor/real.h"

typedef enum { NORMALS_DIFFERENCES, NORMALS_ANALYTIC, NORMALS_WAYS } Normals;
extern const char *const normals_names[];                 /* "differences", "analytic", NULL */

enum { NORMAL_TAPS = 6 };
#define NORMAL_STEP R(0.01)

/* Point `tap` (0..5) of p; 0: it is outside the cube. Only the moved coordinate is looked at: the others are a sample's, inside but for rounding. */
int  normal_tap(real q[3], const real p[3], int tap);
void normal_of(real n[3], const real density[NORMAL_TAPS]);
/* ddensity is written: J^T dn. */
void normal_pull(real ddensity[NORMAL_TAPS], const real dn[3], const real density[NORMAL_TAPS]);
/* The same of g itself. */
void normal_of_gradient(real n[3], const real g[3]);
void normal_pull_gradient(real dg[3], const real dn[3], const real g[3]);

/* (a_x b_x + a_y b_y) + a_z b_z, and a / max(|a|, 1e-6), whose divisor is returned. NaN stays. */
real dot3(const real a[3], const real b[3]);
real unit3(real out[3], const real a[3]);

#endif
