/* bench_near.h -- pictures of the stream as a cloud of features, and whether a picture lies in it
 *
 * A ball about each of n pictures, as large as the distance to its third neighbour among them; what lies in no ball is unlike
 * all of them (the precision of Kynkaanniemi et al. 2019, arXiv:1904.06991, k = 3).
 */
#ifndef SDREF_REF_BENCH_NEAR_H
#define SDREF_REF_BENCH_NEAR_H

#include "ref/judge.h"

typedef struct NearSet {
    int n;
    real *feature;                    /* (n,JUDGE_FEATURES) */
    real *radius2;                    /* (n) squared */
} NearSet;

/* features (n,JUDGE_FEATURES) of pictures first .. first+n-1 of the stream `seed`. */
int  near_features(real *features, const Judge *j, uint64_t seed, uint64_t first, int n, Err *err);
/* Pictures 0..n-1, n at least 4. -1 leaves nothing to free. */
int  near_new(NearSet *s, const Judge *j, uint64_t seed, int n, Err *err);
void near_free(NearSet *s);           /* {0} is fine */
int  near_has(const NearSet *s, const real *feature);

#endif
