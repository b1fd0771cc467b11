/* bench_near.c -- distances between features; squared ones by sumsq_diff16 */
#include "ref/bench_near.h"
#include "ref/dataset.h"
#include "tensor/mem.h"
#include "tensor/par.h"
#include "tensor/sum.h"

enum { NEIGHBOUR = 3, PLANE = JUDGE_SIDE * JUDGE_SIDE };

static real distance2(const real *a, const real *b) { return sumsq_diff16(a, b, R(1.0), JUDGE_FEATURES); }

int near_features(real *features, const Judge *j, uint64_t seed, uint64_t first, int n, Err *err)
{
    Err *why = mem_new((size_t)n, sizeof *why, "features", err);
    real *work = mem_new((size_t)par_threads() * 4 * PLANE, sizeof *work, "features", err);
    int status = why == NULL || work == NULL ? -1 : 0;
    if (status == 0) {
        PAR_FOR_DYNAMIC
        for (int i = 0; i < n; i++) {
            real *x = work + (size_t)par_self() * 4 * PLANE;
            DatasetItem item;
            Verdict verdict;
            dataset_item(&item, seed, first + (uint64_t)i);
            dataset_picture(x, x + 3 * PLANE, &item, seed, JUDGE_SIDE, JUDGE_SIDE);
            judge_pictures(&verdict, features + (size_t)i * JUDGE_FEATURES, j, x, 1, &why[i]);
        }
    }
    for (int i = 0; i < n && status == 0; i++)
        if (why[i].set) status = err_set(err, "%s", why[i].msg);
    mem_free(work);
    mem_free(why);
    return status;
}

/* The NEIGHBOUR-th smallest squared distance from picture i to another. */
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

int near_new(NearSet *s, const Judge *j, uint64_t seed, int n, Err *err)
{
    BUG_IF(n <= NEIGHBOUR, "near_new: %d pictures, expected more than %d", n, NEIGHBOUR);
    *s = (NearSet){ .n = n };
    s->feature = mem_new((size_t)n * JUDGE_FEATURES, sizeof(real), "features", err);
    s->radius2 = mem_new((size_t)n, sizeof(real), "features", err);
    if (s->feature == NULL || s->radius2 == NULL || near_features(s->feature, j, seed, 0, n, err) != 0) {
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
