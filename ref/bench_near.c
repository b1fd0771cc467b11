/* bench_near.c -- balls around features; squared distances by sumsq_diff16 */
#include "ref/bench_near.h"
#include "tensor/mem.h"
#include "tensor/par.h"
#include "tensor/sum.h"

#include <math.h>

enum { NEIGHBOUR = 3 };

static real distance2(const real *a, const real *b) { return sumsq_diff16(a, b, R(1.0), JUDGE_FEATURES); }

/* The squared distance from picture i to its NEIGHBOUR-th neighbour: `least` holds the smallest so far, ascending. */
static real radius2_of(const NearSet *s, int i)
{
    real least[NEIGHBOUR];
    for (int k = 0; k < NEIGHBOUR; k++) least[k] = (real)INFINITY;
    for (int j = 0; j < s->n; j++) {
        if (j == i) continue;
        real d = distance2(s->feature + (size_t)i * JUDGE_FEATURES, s->feature + (size_t)j * JUDGE_FEATURES);
        for (int k = 0; k < NEIGHBOUR; k++)
            if (d < least[k]) {
                const real other = least[k];
                least[k] = d;
                d = other;
            }
    }
    return least[NEIGHBOUR - 1];
}

int near_new(NearSet *s, JudgeScore *score, const Judge *j, uint64_t seed, int n, Err *err)
{
    BUG_IF(n <= NEIGHBOUR, "near_new: %d pictures, expected more than %d", n, NEIGHBOUR);
    *s = (NearSet){ .n = n };
    s->feature = mem_new((size_t)n * JUDGE_FEATURES, sizeof(real), "features", err);
    s->radius2 = mem_new((size_t)n, sizeof(real), "features", err);
    if (s->feature == NULL || s->radius2 == NULL || judge_measure(score, s->feature, j, seed, 0, n, R(0.0), 0, err) != 0) {
        near_free(s);
        return -1;
    }
    PAR_FOR_DYNAMIC
    for (int i = 0; i < n; i++) s->radius2[i] = radius2_of(s, i);
    return 0;
}

void near_free(NearSet *s)
{
    mem_free(s->feature);
    mem_free(s->radius2);
    *s = (NearSet){ 0 };
}

int near_has(const NearSet *s, const real *feature)
{
    for (int i = 0; i < s->n; i++)
        if (distance2(feature, s->feature + (size_t)i * JUDGE_FEATURES) < s->radius2[i]) return 1;
    return 0;
}
