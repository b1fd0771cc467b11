/* golden_read.h -- golden files in tests: whatever is missing or of another size fails the test */
#ifndef SDREF_TESTS_GOLDEN_READ_H
#define SDREF_TESTS_GOLDEN_READ_H

#include "tests/harness.h"
#include "weights/safetensors.h"

static inline StFile *golden_open(const char *path)
{
    Err err = { 0 };
    StFile *f = st_open(path, &err);
    CHECK(f != NULL, "%s", err.msg);
    if (f == NULL) exit(1);
    return f;
}

static inline const StTensor *golden_find(const StFile *f, const char *name, size_t n)
{
    const StTensor *t = st_find(f, name);
    const int found = t != NULL && t->count == (int64_t)n;
    CHECK(found, "%s: %s is missing or not of %zu values", st_path(f), name, n);
    if (!found) exit(1);
    return t;
}

/* A tensor of n values. */
static inline void golden_f64(double *out, const StFile *f, const char *name, size_t n)
{
    Err err = { 0 };
    CHECK_OK(st_read_f64(out, golden_find(f, name, n), &err), &err);
}

static inline void golden_real(real *out, const StFile *f, const char *name, size_t n)
{
    Err err = { 0 };
    CHECK_OK(st_read_real(out, golden_find(f, name, n), &err), &err);
}

static inline void golden_i64(int64_t *out, const StFile *f, const char *name, size_t n)
{
    Err err = { 0 };
    CHECK_OK(st_read_i64(out, golden_find(f, name, n), &err), &err);
}

/* ||ours - file|| / ||file|| <= bar, over n <= 1024 values. */
static inline void golden_check(const real *ours, const StFile *f, const char *name, double bar, size_t n)
{
    double file[1024], off = 0, norm = 0;
    BUG_IF(n > 1024, "%s: %zu values", name, n);
    golden_f64(file, f, name, n);
    for (size_t i = 0; i < n; i++) {
        const double d = (double)ours[i] - file[i];
        off += d * d;
        norm += file[i] * file[i];
    }
    CHECK_LE(sqrt(off / norm), bar, "%s", name);
}

#endif
