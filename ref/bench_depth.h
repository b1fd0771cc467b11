/* bench_depth.h -- how good a depth network is: against the renderer's truth on pictures that nothing was trained on
 *
 * Picture i of the stream BENCH_STREAM, as it is (t = 0) and with noise at t = 200, 400, 600, 800 (of 1000). With y the network's and y* the truth
 * (ref/depth_net.h), the mean over pictures of
 *     correlation   Pearson's, of y0 and y0* over the pixels whose true mask is 1/2 or more
 *     mask          intersection over union of {y0 >= DEPTH_EDGE} and those pixels
 *     angle         mean over those pixels of the angle between (y1..y3) and the true normal, degrees
 *     loss          mean over values of (y - y*)^2
 * Beside it what a guess gets that does not look: the mean of the truth over the next pictures of the stream, as many again.
 */
#ifndef SDREF_REF_BENCH_DEPTH_H
#define SDREF_REF_BENCH_DEPTH_H

#include "ref/bench_prior.h"
#include "ref/depth_net.h"

enum { BENCH_DEPTH_TIMES = 5 };

typedef struct DepthScore { double correlation, mask, angle, loss; } DepthScore;
typedef struct BenchDepth {
    int count, t[BENCH_DEPTH_TIMES];
    DepthScore score[BENCH_DEPTH_TIMES], blind;           /* means over `count` pictures */
} BenchDepth;

/* One picture. y, truth (4,n), mask (n), n pixels. A correlation with something constant counts as 0; a normal of length 0 as 90 degrees off. */
void depth_score(DepthScore *out, const real *y, const real *truth, const real *mask, size_t n);

/* Results do not depend on the thread count. -1: memory, or a prediction that is not finite. */
int bench_depth(BenchDepth *out, const DepthNet *d, int count, Err *err);

#endif
