/* t_compare.c -- ulp distances against known answers and nextafter, measures against closed forms, every kind of difference */
#include "ref/compare.h"
#include "ref/run.h"
#include "tensor/mem.h"
#include "tests/harness.h"
#include "weights/file.h"

#include <math.h>
#include <unistd.h>

static char folder[] = "/tmp/sdref-compare-XXXXXX";            /* made and removed by main */
static char path_a[64], path_b[64];

/* ---- ulp ---- */

static void ulp_known_answers(void)
{
    const double inf = (double)INFINITY, nan = (double)NAN;
    const struct { double a, b; StDtype type; uint64_t ulp; } known[] = {
        { 1, 1, ST_F32, 0 }, { 1, 1 + 0x1p-23, ST_F32, 1 }, { 1, 1 - 0x1p-24, ST_F32, 1 }, { 1, 2, ST_F32, 1 << 23 },
        { 0.0, -0.0, ST_F32, 0 }, { 0x1p-149, -0x1p-149, ST_F32, 2 }, { 0, 0x1p-149, ST_F32, 1 }, { 0, -0x1p-126, ST_F32, 0x800000 },
        { (double)FLT_MAX, -(double)FLT_MAX, ST_F32, UINT64_C(0xfefffffe) }, { 1, 1 + 0x1p-30, ST_F32, 0 },
        { 1, 1 + 0x1p-52, ST_F64, 1 }, { 1, 2, ST_F64, UINT64_C(1) << 52 }, { DBL_TRUE_MIN, -DBL_TRUE_MIN, ST_F64, 2 }, { 0.0, -0.0, ST_F64, 0 },
        { DBL_MAX, -DBL_MAX, ST_F64, UINT64_C(0xffdffffffffffffe) },
        { 1, 1 + 0x1p-10, ST_F16, 1 }, { 1, 2, ST_F16, 1024 }, { 65504, -65504, ST_F16, 2 * 0x7bff }, { 0x1p-24, -0x1p-24, ST_F16, 2 },
        { 1, 1 + 0x1p-7, ST_BF16, 1 }, { 1, 2, ST_BF16, 128 }, { 1, 1 + 0x1p-9, ST_BF16, 0 },
        { nan, 1, ST_F32, ULP_NONE }, { 1, nan, ST_F64, ULP_NONE }, { nan, nan, ST_F16, ULP_NONE },
        { inf, inf, ST_F32, 0 }, { -inf, -inf, ST_F64, 0 }, { inf, -inf, ST_F32, ULP_NONE }, { inf, DBL_MAX, ST_F64, ULP_NONE },
        { (double)FLT_MAX, inf, ST_F32, ULP_NONE }, { 1e300, inf, ST_F32, 0 }, { 1e300, 1, ST_F32, ULP_NONE },
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const uint64_t there = ulp_distance(known[i].a, known[i].b, known[i].type), back = ulp_distance(known[i].b, known[i].a, known[i].type);
        CHECK(there == known[i].ulp && back == known[i].ulp, "%g, %g in %s: %llu and %llu, expected %llu", known[i].a, known[i].b,
              st_dtype_name(known[i].type), (unsigned long long)there, (unsigned long long)back, (unsigned long long)known[i].ulp);
    }
}

/* n steps of the C library's nextafter are n ulp, also through zero and over powers of two. */
static void ulp_counts_steps(void)
{
    static const float starts[] = { -20 * 0x1p-149f, 1.0f - 9 * 0x1p-24f, -0x1.00001p-126f, 255.99998f };
    for (int i = 0; i < 4; i++) {
        float x = starts[i];
        double y = i == 0 ? -20 * DBL_TRUE_MIN : (double)starts[i];
        const double y0 = y;
        for (uint64_t n = 0; n <= 60; n++) {
            CHECK(ulp_distance((double)starts[i], (double)x, ST_F32) == n, "start %d, %llu steps of float", i, (unsigned long long)n);
            CHECK(ulp_distance(y0, y, ST_F64) == n, "start %d, %llu steps of double", i, (unsigned long long)n);
            x = nextafterf(x, INFINITY);
            y = nextafter(y, (double)INFINITY);
        }
    }
}

/* ---- files of one tensor 'x' ---- */

static void write_one(const char *path, StDtype type, const void *bytes, int n, const char *meta)
{
    Err err = { 0 };
    const int64_t dim[1] = { n };
    StWriter *w = stw_new(&err);
    if (meta != NULL) stw_meta(w, "note", meta);
    stw_add(w, "x", type, 1, dim, bytes);
    CHECK_OK(stw_write(w, path, &err), &err);
    stw_free(w);
}

/* Row of 'x' in two files; the answer of the whole comparison in *fine. Pointers in the row are gone. */
static CompareRow pair(int *fine, StDtype ta, const void *a, int na, StDtype tb, const void *b, int nb, double tolerance)
{
    Err err = { 0 };
    Comparison c;
    CompareRow row = { .verdict = COMPARE_ONLY_A };
    write_one(path_a, ta, a, na, NULL);
    write_one(path_b, tb, b, nb, NULL);
    *fine = -1;
    CHECK_OK(compare_files(&c, path_a, path_b, tolerance, &err), &err);
    CHECK(c.rows == 1 && c.metas == 0 && c.files == 0, "%d rows", c.rows);
    if (c.rows == 1) {
        row = c.row[0];
        *fine = c.fine;
        CHECK(c.fine == compare_passes(row.verdict) && c.tensors_bad == !c.fine, "one tensor decides");
    }
    comparison_free(&c);
    return row;
}

static void measures_have_closed_forms(void)
{
    int fine;
    const double sizes[] = { 1.0, 0x1p-500, 0x1p-1000, 0x1p1000 };       /* squares of all but the first leave the range of F64 */
    for (int i = 0; i < 4; i++) {
        const double a[2] = { 3 * sizes[i], 4 * sizes[i] }, b[2] = { 3 * sizes[i], 4.5 * sizes[i] };
        const CompareRow r = pair(&fine, ST_F64, a, 2, ST_F64, b, 2, -1);
        CHECK(!fine && r.verdict == COMPARE_FAR && r.first == 1 && r.measured, "size %g", sizes[i]);
        CHECK(r.max_abs == 0.5 * sizes[i], "size %g: max abs %g", sizes[i], r.max_abs);
        CHECK(r.max_ulp == UINT64_C(1) << 49, "size %g: an eighth of a binade", sizes[i]);
        CHECK_LE(fabs(r.relative - 0.5 / sqrt(29.25)), 4 * DBL_EPSILON, "size %g: relative", sizes[i]);           /* a few roundings */
        CHECK_LE(fabs(r.cosine - 27.0 / (5.0 * sqrt(29.25))), 4 * DBL_EPSILON, "size %g: cosine", sizes[i]);
        const CompareRow turned = pair(&fine, ST_F64, b, 2, ST_F64, a, 2, -1);
        CHECK(turned.relative == r.relative && turned.cosine == r.cosine && turned.max_ulp == r.max_ulp, "the order of the files changes nothing");
    }
    const float zero[2] = { 0, 0 }, some[2] = { 0, -2 };
    CompareRow r = pair(&fine, ST_F32, zero, 2, ST_F32, zero, 2, -1);
    CHECK(fine && r.verdict == COMPARE_SAME && r.relative == 0 && r.cosine == 1 && r.first == -1, "zeros");
    r = pair(&fine, ST_F32, zero, 2, ST_F32, some, 2, 0.999);
    CHECK(!fine && r.relative == 1 && r.cosine == 0 && r.first == 1, "zero and something: %g", r.relative);
    r = pair(&fine, ST_F32, NULL, 0, ST_F32, NULL, 0, -1);
    CHECK(fine && r.verdict == COMPARE_SAME, "no element");
}

static void the_coarser_type_counts(void)
{
    int fine;
    const double wide[1] = { 1 + 0x1p-23 };
    const float narrow[1] = { 1 }, third[1] = { 1 + 0x1p-7f };
    const uint16_t half[1] = { 0x3c00 }, brain[1] = { 0x3f80 };
    CompareRow r = pair(&fine, ST_F64, wide, 1, ST_F32, narrow, 1, -1);
    CHECK(!fine && r.verdict == COMPARE_TYPE && r.measured && r.max_ulp == 1 && r.max_abs == 0x1p-23, "F64, F32: %llu", (unsigned long long)r.max_ulp);
    r = pair(&fine, ST_F16, half, 1, ST_F64, wide, 1, 1);
    CHECK(!fine && r.verdict == COMPARE_TYPE && r.max_ulp == 0, "F16, F64");
    r = pair(&fine, ST_F32, third, 1, ST_BF16, brain, 1, 1);
    CHECK(!fine && r.max_ulp == 1, "F32, BF16: %llu", (unsigned long long)r.max_ulp);
    r = pair(&fine, ST_F16, half, 1, ST_BF16, brain, 1, 1);
    CHECK(!fine && r.verdict == COMPARE_TYPE && r.max_ulp == 0 && r.first == -1, "F16, BF16: types differ, values do not");
}

static void integers_and_bytes(void)
{
    int fine;
    const int64_t large[3] = { INT64_MIN, 0, INT64_C(1) << 60 }, other[3] = { INT64_MAX, 0, (INT64_C(1) << 60) + 1 };
    CompareRow r = pair(&fine, ST_I64, large, 3, ST_I64, other, 3, -1);
    CHECK(!fine && r.measured && r.max_ulp == UINT64_MAX && r.first == 0, "the longest way there is");
    r = pair(&fine, ST_I64, large + 2, 1, ST_I64, other + 2, 1, 0);
    CHECK(!fine && r.max_ulp == 1 && r.max_abs == 1 && r.first == 0, "1 beside 2^60, which no double shows");
    const uint64_t huge[2] = { UINT64_MAX, 1 }, huge2[2] = { UINT64_MAX, 2 };
    r = pair(&fine, ST_U64, huge, 2, ST_U64, huge, 2, -1);
    CHECK(fine && r.verdict == COMPARE_SAME && !r.measured, "U64 beyond 2^63: bytes");
    r = pair(&fine, ST_U64, huge, 2, ST_U64, huge2, 2, 1e30);
    CHECK(!fine && r.verdict == COMPARE_FAR && r.first == 1, "U64 beyond 2^63: first %lld", (long long)r.first);
    const unsigned char bytes[4] = { 0, 1, 2, 0x7f }, bytes2[4] = { 0, 1, 3, 0x7f };
    r = pair(&fine, ST_F8_E4M3, bytes, 4, ST_F8_E4M3, bytes, 4, -1);
    CHECK(fine && r.verdict == COMPARE_SAME && !r.measured, "F8 the same");
    r = pair(&fine, ST_F8_E4M3, bytes, 4, ST_F8_E4M3, bytes2, 4, 1e30);
    CHECK(!fine && r.verdict == COMPARE_FAR && r.first == 2, "F8 differs");
    r = pair(&fine, ST_F8_E4M3, bytes, 4, ST_U8, bytes, 4, 1e30);
    CHECK(!fine && r.verdict == COMPARE_TYPE, "F8 and U8");
    r = pair(&fine, ST_F4, bytes, 4, ST_F4, bytes2, 4, -1);
    CHECK(fine && r.verdict == COMPARE_SAME, "F4: two bytes hold four, and those are the same");
    r = pair(&fine, ST_F4, bytes, 8, ST_F4, bytes2, 8, -1);
    CHECK(!fine && r.first == 4, "F4: element 4 is in byte 2");
}

static void nan_never_passes(void)
{
    int fine;
    const float plain[3] = { 1, 2, 3 }, holed[3] = { 1, NAN, 3 };
    for (int i = 0; i < 2; i++) {
        const double tolerance = i == 0 ? -1 : 1e30;
        CompareRow r = pair(&fine, ST_F32, plain, 3, ST_F32, holed, 3, tolerance);
        CHECK(!fine && r.verdict == COMPARE_NAN && r.first == 1 && r.nan_a == 0 && r.nan_b == 1 && isnan(r.relative), "in B");
        r = pair(&fine, ST_F32, holed, 3, ST_F32, plain, 3, tolerance);
        CHECK(!fine && r.verdict == COMPARE_NAN && r.first == 1 && r.nan_a == 1 && r.nan_b == 0, "in A");
        r = pair(&fine, ST_F32, holed, 3, ST_F32, holed, 3, tolerance);
        CHECK(!fine && r.verdict == COMPARE_NAN && r.first == 1 && r.nan_a == 1 && r.nan_b == 1 && isnan(r.relative), "the same in both");
        CHECK(r.max_ulp == 0 && r.max_abs == 0 && r.cosine == 1, "the rest is measured");
    }
}

static void infinity_is_explicit(void)
{
    int fine;
    const float up[3] = { 1, INFINITY, 3 }, down[3] = { 1, -INFINITY, 3 }, off[3] = { 1, INFINITY, 3.5f }, finite[3] = { 1, 2, 3 };
    CompareRow r = pair(&fine, ST_F32, up, 3, ST_F32, up, 3, -1);
    CHECK(fine && r.verdict == COMPARE_SAME && r.relative == 0 && r.cosine == 1, "the same");
    r = pair(&fine, ST_F32, up, 3, ST_F32, off, 3, 0.2);
    CHECK(fine && r.verdict == COMPARE_CLOSE, "equal infinities let the rest decide");
    CHECK_LE(fabs(r.relative - 0.5 / sqrt(13.25)), 4 * DBL_EPSILON, "the rest");
    r = pair(&fine, ST_F32, up, 3, ST_F32, down, 3, 1e30);
    CHECK(!fine && r.verdict == COMPARE_FAR && r.max_ulp == ULP_NONE && isinf(r.max_abs) && isinf(r.relative) && r.first == 1, "two signs");
    r = pair(&fine, ST_F32, finite, 3, ST_F32, up, 3, 1e30);
    CHECK(!fine && r.verdict == COMPARE_FAR && isinf(r.relative) && r.first == 1, "against a number");
    const double top[1] = { DBL_MAX }, bottom[1] = { -DBL_MAX };
    r = pair(&fine, ST_F64, top, 1, ST_F64, bottom, 1, 1e30);
    CHECK(!fine && r.verdict == COMPARE_FAR && r.first == 0, "a gap beyond the largest number");
}

static void tolerance_is_relative_l2(void)
{
    int fine;
    const float a[2] = { 1, 0 }, b[2] = { 1 + 0x1p-10f, 0 };
    const double gap = 0x1p-10 / (1 + 0x1p-10);
    CompareRow r = pair(&fine, ST_F32, a, 2, ST_F32, b, 2, gap * (1 + 1e-12));
    CHECK(fine && r.verdict == COMPARE_CLOSE && r.max_ulp == 8192, "just within");
    r = pair(&fine, ST_F32, a, 2, ST_F32, b, 2, gap * (1 - 1e-12));
    CHECK(!fine && r.verdict == COMPARE_FAR && r.first == 0, "just beyond");
    r = pair(&fine, ST_F32, a, 2, ST_F32, b, 2, 1e-300);
    CHECK(!fine, "far beyond");

    const float plus[2] = { 0.0f, 1 }, minus[2] = { -0.0f, 1 };
    r = pair(&fine, ST_F32, plus, 2, ST_F32, minus, 2, -1);
    CHECK(!fine && r.verdict == COMPARE_FAR && r.first == 0 && r.max_ulp == 0 && r.max_abs == 0, "-0 has other bits");
    r = pair(&fine, ST_F32, plus, 2, ST_F32, minus, 2, 0);
    CHECK(fine && r.verdict == COMPARE_CLOSE && r.first == -1, "and the same value");
}

/* Whatever is beyond the tolerance has a first bad index; and elements are counted across chunks. */
static void first_bad_index(void)
{
    enum { N = 10000 };
    static float a[N], b[N];
    int fine;
    for (int i = 0; i < N; i++) a[i] = b[i] = 1.0f + (float)(i % 7);
    static const int places[] = { 0, 4095, 4096, 8191, 8192, N - 1 };
    for (int i = 0; i < 6; i++) {
        b[places[i]] += 0.5f;
        CompareRow r = pair(&fine, ST_F32, a, N, ST_F32, b, N, -1);
        CHECK(!fine && r.first == places[i], "bit for bit: %lld, expected %d", (long long)r.first, places[i]);
        CHECK(r.max_abs == 0.5, "place %d", places[i]);
        const CompareRow tight = pair(&fine, ST_F32, a, N, ST_F32, b, N, r.relative * (1 - 1e-12));
        CHECK(!fine && tight.first == places[i], "tolerance: %lld, expected %d", (long long)tight.first, places[i]);
        b[places[i]] -= 0.5f;
    }
    for (int i = 0; i < N; i++) b[i] = a[i] * (1.0f + 0x1p-12f);           /* every element off by the same share */
    const CompareRow r = pair(&fine, ST_F32, a, N, ST_F32, b, N, -1);
    const CompareRow tight = pair(&fine, ST_F32, a, N, ST_F32, b, N, r.relative * (1 - 1e-12));
    CHECK(!fine && tight.verdict == COMPARE_FAR && tight.first >= 0, "spread evenly");
}

/* ---- whole files ---- */

static void write_many(const char *path, int names, const char *const *name, const int64_t (*dim)[2], const char *meta)
{
    static const float values[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    Err err = { 0 };
    StWriter *w = stw_new(&err);
    stw_meta(w, "both", "as it is");
    if (meta != NULL) stw_meta(w, "note", meta);
    for (int i = 0; i < names; i++) stw_add(w, name[i], ST_F32, 2, dim[i], values);
    CHECK_OK(stw_write(w, path, &err), &err);
    stw_free(w);
}

static void missing_tensors_and_shapes(void)
{
    static const char *const in_a[] = { "left", "square" }, *const in_b[] = { "right", "square" };
    static const int64_t dim_a[][2] = { { 2, 3 }, { 3, 4 } }, dim_b[][2] = { { 2, 3 }, { 4, 3 } };
    Err err = { 0 };
    Comparison c;
    write_many(path_a, 2, in_a, dim_a, NULL);
    write_many(path_b, 2, in_b, dim_b, NULL);
    CHECK_OK(compare_files(&c, path_a, path_b, 1e30, &err), &err);
    CHECK(!c.fine && c.rows == 3 && c.tensors_bad == 3, "%d rows, %d bad", c.rows, c.tensors_bad);
    CHECK(c.row[0].verdict == COMPARE_ONLY_A && strcmp(c.row[0].a->name, "left") == 0 && c.row[0].b == NULL, "only in A");
    CHECK(c.row[1].verdict == COMPARE_SHAPE && !c.row[1].measured, "3x4 against 4x3");
    CHECK(c.row[2].verdict == COMPARE_ONLY_B && strcmp(c.row[2].b->name, "right") == 0 && c.row[2].a == NULL, "only in B");
    comparison_free(&c);
}

static void metadata_counts_bit_for_bit(void)
{
    static const char *const names[] = { "x" };
    static const int64_t dims[][2] = { { 3, 4 } };
    static const char *const notes[2] = { "other", NULL };
    for (int i = 0; i < 2; i++) {
        Err err = { 0 };
        Comparison c;
        write_many(path_a, 1, names, dims, "one");
        write_many(path_b, 1, names, dims, notes[i]);
        CHECK_OK(compare_files(&c, path_a, path_b, -1, &err), &err);
        CHECK(!c.fine && c.tensors_bad == 0 && c.metas == 1, "%d entries differ", c.metas);
        CHECK(strcmp(c.meta[0].key, "note") == 0 && strcmp(c.meta[0].a, "one") == 0, "which entry");
        CHECK(notes[i] == NULL ? c.meta[0].b == NULL : strcmp(c.meta[0].b, notes[i]) == 0, "and what B has");
        comparison_free(&c);
        CHECK_OK(compare_files(&c, path_a, path_b, 0, &err), &err);
        CHECK(c.fine && c.metas == 1, "listed, but a tolerance is about tensors");
        comparison_free(&c);
    }
}

static void trouble_leaves_nothing(void)
{
    Err err = { 0 };
    Comparison c;
    CHECK(compare_files(&c, "tests/golden/none.safetensors", path_b, -1, &err) == -1 && strstr(err.msg, "none.safetensors") != NULL, "%s", err.msg);
    CHECK(c.a == NULL && c.row == NULL, "empty");
    err = (Err){ 0 };
    CHECK(compare_files(&c, path_a, "tests/corpus/safetensors/bad_overlap", -1, &err) == -1 && strstr(err.msg, "bad_overlap") != NULL, "%s", err.msg);
    CHECK(c.a == NULL && c.row == NULL, "empty");
    err = (Err){ 0 };
    int failures = 0;
    for (int n = 1; n < 100; n++) {
        mem_fail_at(n);
        const int status = compare_files(&c, path_a, path_b, -1, &err);
        mem_fail_at(0);
        if (status == 0) break;
        failures++;
        CHECK(err.set && c.a == NULL && c.b == NULL && c.row == NULL, "allocation %d", n);
        err = (Err){ 0 };
    }
    CHECK(failures > 2, "%d allocations were let fail", failures);
    comparison_free(&c);
}

/* ---- runs ---- */

static void put(const char *run, const char *name, const char *text)
{
    Err err = { 0 };
    char path[256];
    snprintf(path, sizeof path, "%s/%s/views", folder, run);
    CHECK_OK(dir_make(path, &err), &err);
    snprintf(path, sizeof path, "%s/%s/%s", folder, run, name);
    CHECK_OK(file_write(path, text, strlen(text), &err), &err);
}

static void runs_are_files_and_a_state(void)
{
    static const char *const runs[2] = { "one", "two" };
    static const float state[2] = { 1, 2 };
    char path[2][128], name[288];
    Err err = { 0 };
    Comparison c;
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "%s/%s", folder, runs[i]);
        put(runs[i], "run.json", "{}");
        put(runs[i], "log.csv", "step\n");
        put(runs[i], "views/00.png", "picture");
        put(runs[i], "turntable-1.gif", "of another particle");
        put(runs[i], "time.csv", runs[i]);
        snprintf(name, sizeof name, "%s/state.safetensors", path[i]);
        write_one(name, ST_F32, state, 2, NULL);
    }
    CHECK_OK(compare_runs(&c, path[0], path[1], -1, &err), &err);
    CHECK(c.fine && c.rows == 1 && c.files == 4 && c.files_bad == 0, "%d files, %d differ: time.csv is no part of it", c.files, c.files_bad);
    /* "abc" is FIPS 180-4's first example */
    put("one", "views/01.png", "abc");
    comparison_free(&c);
    CHECK_OK(compare_runs(&c, path[0], path[1], -1, &err), &err);
    CHECK(!c.fine && c.tensors_bad == 0 && c.files == 5 && c.files_bad == 1, "%d of %d", c.files_bad, c.files);
    CHECK(strcmp(c.file[4].name, "views/01.png") == 0 && strncmp(c.file[4].a, "ba7816bf8f01cfea", 16) == 0 && c.file[4].b[0] == 0, "%s", c.file[4].name);
    comparison_free(&c);
    put("two", "views/01.png", "abd");
    CHECK_OK(compare_runs(&c, path[0], path[1], -1, &err), &err);
    CHECK(!c.fine && c.files_bad == 1 && c.file[4].b[0] != 0, "another picture");
    comparison_free(&c);
    CHECK_OK(compare_runs(&c, path[0], path[1], 0, &err), &err);
    CHECK(c.fine && c.files_bad == 1, "listed, but a tolerance is about tensors");
    comparison_free(&c);
    CHECK(compare_runs(&c, path[0], "tests/golden", -1, &err) == -1 && strstr(err.msg, "tests/golden/state.safetensors") != NULL, "%s", err.msg);
}

static void clean_up(void)
{
    static const char *const names[] = { "run.json", "log.csv", "turntable-1.gif", "time.csv", "state.safetensors", "views/00.png", "views/01.png", "views",
                                         "" };
    static const char *const runs[2] = { "one", "two" };
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 9; k++) {
            char path[256];
            snprintf(path, sizeof path, "%s/%s/%s", folder, runs[i], names[k]);
            if (unlink(path) != 0) rmdir(path);
        }
    unlink(path_a);
    unlink(path_b);
    if (rmdir(folder) != 0) printf("  %s was not empty\n", folder);
}

int main(void)
{
    if (mkdtemp(folder) == NULL) return 1;
    snprintf(path_a, sizeof path_a, "%s/a.safetensors", folder);
    snprintf(path_b, sizeof path_b, "%s/b.safetensors", folder);
    TEST(ulp_known_answers);
    TEST(ulp_counts_steps);
    TEST(measures_have_closed_forms);
    TEST(the_coarser_type_counts);
    TEST(integers_and_bytes);
    TEST(nan_never_passes);
    TEST(infinity_is_explicit);
    TEST(tolerance_is_relative_l2);
    TEST(first_bad_index);
    TEST(missing_tensors_and_shapes);
    TEST(metadata_counts_bit_for_bit);
    TEST(trouble_leaves_nothing);
    TEST(runs_are_files_and_a_state);
    clean_up();
    return test_end();
}
