/* real.h -- the numeric contract of sdref, and the number type it is stated in
 *
 * One source tree gives two programs: `real` is binary32 in `sdref` and binary64 in `sdref-f64`
 * (compile with -DSDREF_F64). Same version, same command, same seed: same bytes out. What makes that true:
 *
 *   1. Operations. IEEE-754, round to nearest even, subnormals kept. Only + - * / sqrt, fma and the
 *      functions of elem.h. A fused operation is written r_fma, so that it is fused everywhere
 *      (the build says -ffp-contract=off). A constant is written R(0.1): a bare 0.1 is a double in disguise.
 *   2. Sums that make an output (matrix product, convolution, attention): one accumulator per output, started
 *      from the bias or 0, acc = r_fma(a_k, b_k, acc) for k ascending. Tiles, vectors and threads work across
 *      outputs, never inside a sum. A backward pass starts from the gradient already there.
 *   3. Sums over many values (norms, losses, metrics): the one scheme of sum.h, 16 interleaved partial sums.
 *   4. Scatter (gradients into grids): the work is cut into a number of slabs that does not depend on the thread
 *      count, each slab has its own buffer, and slabs are added in order.
 *   5. Random numbers are addressed, never consumed: see rng.h.
 *   6. One effect per statement, because C leaves the order of argument evaluation open.
 *   7. NaN and infinity stop the run with the tensor's name and the first index. They are never replaced.
 *
 * SDREF_NUMERICS is raised whenever a published digest changes.
 */
#ifndef SDREF_REAL_H
#define SDREF_REAL_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define SDREF_VERSION  "0.1.0"
#define SDREF_NUMERICS 3

#ifdef __FAST_MATH__
#error "sdref: built with -ffast-math, which breaks the numeric contract (tensor/real.h)"
#endif
#if !defined(FLT_EVAL_METHOD) || FLT_EVAL_METHOD != 0
#error "sdref: FLT_EVAL_METHOD is not 0: arithmetic has excess precision (x87?); build for SSE2 or newer"
#endif
#if FLT_RADIX != 2 || FLT_MANT_DIG != 24 || DBL_MANT_DIG != 53
#error "sdref: float and double must be IEEE-754 binary32 and binary64"
#endif
#ifdef __BYTE_ORDER__
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "sdref: files are read in place, so the machine must be little-endian"
#endif
#endif

#ifdef SDREF_F64
typedef double real;
typedef uint64_t realbits;
#define R(x) x
#define REAL_NAME "binary64"
#define REAL_EPS DBL_EPSILON
static inline real r_fma(real a, real b, real c) { return fma(a, b, c); }   /* a b + c, rounded once */
static inline real r_sqrt(real x) { return sqrt(x); }
static inline real r_abs(real x) { return fabs(x); }
static inline real r_floor(real x) { return floor(x); }
#else
typedef float real;
typedef uint32_t realbits;
#define R(x) x##f
#define REAL_NAME "binary32"
#define REAL_EPS FLT_EPSILON
static inline real r_fma(real a, real b, real c) { return fmaf(a, b, c); }
static inline real r_sqrt(real x) { return sqrtf(x); }
static inline real r_abs(real x) { return fabsf(x); }
static inline real r_floor(real x) { return floorf(x); }
#endif

static inline real r_min(real a, real b) { return a < b ? a : b; }
static inline real r_max(real a, real b) { return a > b ? a : b; }
static inline real r_clamp(real x, real lo, real hi) { return r_min(r_max(x, lo), hi); }

#define R_PI R(3.14159265358979323846264338327950288)
#define D_PI 3.14159265358979323846264338327950288

#endif
