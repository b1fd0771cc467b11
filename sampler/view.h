/* view.h -- where the camera stands at a step, and what the prompt then says
 *
 * Angles are degrees. Azimuth 0 is on +x, 90 on +y, elevation is measured from the horizon, z is up. The object faces
 * +x. Its own left hand is therefore on +y (up x forward): a camera at azimuth 90 sees the object's LEFT side.
 */
#ifndef SDREF_SAMPLER_VIEW_H
#define SDREF_SAMPLER_VIEW_H

#include "tensor/err.h"
#include "tensor/real.h"

typedef struct View { real elevation, azimuth, distance, fovy; } View;   /* azimuth in [-180,180) */

typedef struct ViewRange {
    real elevation_min, elevation_max;     /* within [-90, 90] */
    real azimuth_min, azimuth_max;         /* at most 360 apart; -180, 180 is the whole circle */
    real distance_min, distance_max;       /* above 0 */
    real fovy_min, fovy_max;               /* within (0, 180), along the image's height */
} ViewRange;

typedef enum {
    VIEWS_INDEPENDENT,   /* every azimuth uniform on its range */
    VIEWS_STRATIFIED,    /* view k uniform on the k-th of K equal parts of the range: min + (max - min)(U + k)/K */
    VIEWS_ANTIPODAL,     /* pairs (0,1), (2,3), ...: the first uniform, the second opposite at the same elevation */
    VIEWS_NEGATED,       /* pairs: the second opposite at the negated elevation, so that a line through the centre joins the two */
    VIEWS_QUADRUPLE,     /* fours: two as antipodal; two at one azimuth, from elevation_max and from elevation_min */
    VIEWS_OCTAHEDRAL     /* sixes: azimuths a, a + 180, a + 90, a + 270 at elevation 0; elevation_max, elevation_min, azimuths of their own */
} ViewMode;

/* 0, or -1 with a message: every min <= max, finite, within the bounds above. */
int view_range_check(const ViewRange *range, Err *err);
/* independent, stratified, antipodal, negated, quadruple, octahedral */
int view_mode_parse(ViewMode *out, const char *name, Err *err);
/* How many views belong together: 1, 1, 2, 2, 4, 6. K should be a multiple of it. */
int view_group(ViewMode mode);

/* The K views of an optimisation step, into views (K): a pure function of (seed, step, view number), so that K = 2
 * begins K = 4 (stratified excepted: there K is in the formula). Draws are stream RNG_CAMERA at (seed, view, step), indices
 * 0 azimuth, 1 which elevation law, 2 elevation, 3 distance, 4 fovy.
 * Elevation: with probability 1/2 uniform in degrees, else uniform in area, that is in sin(elevation).
 * Antipodal and after: the modes of [MVSDI26]'s code (azimuth, random_axis, mixed, octahedral). Distance and fovy are every view's own.
 * As in that code, elevations of negated are uniform in degrees, on the part of the range that its negation shares, and that of quadruple's
 * first two is uniform in degrees. Negated and octahedral need a range that holds 0.
 * A group that K cuts short is its beginning; of antipodal and odd K > 1, besides, the last view has the elevation of view 0.
 * DIFFERS from threestudio: the elevation law is drawn per view (there: per batch), and the area law covers
 * [min, max] (there: sines in [min/90, max/90], about -6 to 30 degrees for -10 to 45).
 * Computed in binary64, rounded to `real` once. */
void view_sample(View *views, int K, const ViewRange *range, ViewMode mode, uint64_t seed, uint32_t step);

/* Where the camera of a view stands, in binary64: distance (cos el cos az, cos el sin az, sin el). */
void view_position(double p[3], const View *view);

/* How far cameras stray from their views: half the side of a cube, standard deviations. All at least 0; all 0: not at all. */
typedef struct JitterScale { real position, target, up; } JitterScale;

/* What a view has besides its four numbers. The camera stands at view_position + offset, looks at `target`, upright along (0, 0, 1) + up. */
typedef struct ViewJitter {
    real offset[3], target[3], up[3];
    real light[3];                     /* where the point light is */
} ViewJitter;

/* Of view number k of a step: a pure function of (seed, k, step), the view and the scale. Draws are view_sample's stream and address, indices
 * 5-7 offset, uniform on [-position, position]^3;   8-10 target, normal, times `target`;   12-14 up, normal, times `up`;
 * 16-18, 20 light: (p + n)/|p + n| times a distance uniform on [0.8, 1.5], p the position with its offset, n normal.
 * These are the "dreamfusion" cameras and lights of threestudio (threestudio/data/uncond.py); its perturbs are 0.1, 0.2, 0.02.
 * Computed in binary64, rounded to `real` once; scale 0 gives zeros. */
void view_jitter(ViewJitter *jitter, const View *view, const JitterScale *scale, uint64_t seed, uint32_t k, uint32_t step);

/* azimuth + 360 k in [-180,180), without rounding outside [-180,180) already; |azimuth| up to 1e6. NaN stays NaN. */
real wrap_azimuth(real azimuth);

typedef enum { VIEW_FRONT, VIEW_SIDE, VIEW_BACK, VIEW_OVERHEAD, VIEW_LEFT, VIEW_RIGHT } ViewLabel;

typedef struct ViewThresholds { real front, back, overhead; } ViewThresholds;   /* degrees */
ViewThresholds view_thresholds_default(void);                                   /* 45, 45, 60 */

/* The papers' four labels. Every comparison is strict and later rules win:
 *     side;   front if -front < az < front;   back if az > 180 - back or az < -180 + back;   overhead if el > overhead
 * so azimuth 45 and 135 are side, -180 is back, elevation 60 is not overhead. Any azimuth is wrapped first. */
ViewLabel view_label(real elevation, real azimuth, const ViewThresholds *thresholds);
/* The same with side split in two: left (azimuth > 0, on +y) and right. */
ViewLabel view_label_lr(real elevation, real azimuth, const ViewThresholds *thresholds);
const char *view_label_name(ViewLabel label);                                   /* "front", ... */

/* prompt + ", front view" / ", side view" / ", back view" / ", overhead view" / ", left side view" / ", right side view"
 * into out (cap bytes, closing zero included). -1 with a message when it does not fit; out is then empty. */
int view_prompt(char *out, size_t cap, const char *prompt, ViewLabel label, Err *err);

#endif
