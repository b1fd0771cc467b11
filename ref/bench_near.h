/* bench_near.h -- does a picture look like those of the stream? A cloud of their features, and whether another lies in it
 *
 * Features are the outputs of the judge's last block, distances Euclidean. Around each of n pictures of the stream lies a ball that
 * reaches to its third nearest neighbour among them. A picture in none of the balls is unlike all of the n. The share of a model's
 * samples that lie in a ball is its precision in the sense of Kynkaanniemi et al. 2019, arXiv:1904.06991 (k = 3).
 */
#ifndef SDREF_REF_BENCH_NEAR_H
#define SDREF_REF_BENCH_NEAR_H

#include "ref/judge.h"

typedef struct NearSet {
    int n;
    real *feature;                    /* (n,JUDGE_FEATURES) */
    real *radius2;                    /* (n): squared distance to the third neighbour */
} NearSet;

/* The cloud of pictures 0..n-1 of the stream `seed`, n at least 4; score: what the judge says of them. -1 (memory, or the judge's error)
 * leaves nothing to free. */
int  near_new(NearSet *s, JudgeScore *score, const Judge *j, uint64_t seed, int n, Err *err);
void near_free(NearSet *s);           /* {0} is fine */
int  near_has(const NearSet *s, const real *feature);                   /* feature (JUDGE_FEATURES): 1 in a ball, 0 in none */

#endif
