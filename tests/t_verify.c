/* t_verify.c -- verify on PyTorch's files, and on the same files with one thing broken */
#include "ref/verify.h"
#include "tensor/mem.h"
#include "tests/harness.h"

#include <math.h>
#include <unistd.h>

static const char *const goldens[] = {
    "tests/golden/render/voxel.safetensors",        "tests/golden/render/voxel_wide.safetensors",
    "tests/golden/estimators/sds_sds.safetensors",  "tests/golden/estimators/sds_uniform.safetensors",
    "tests/golden/estimators/sds_fantasia3d.safetensors",
};

static void goldens_are_within_their_bars(void)
{
    for (size_t i = 0; i < sizeof goldens / sizeof goldens[0]; i++) {
        Err err = { 0 };
        Report r;
        CHECK_OK(verify_file(&r, goldens[i], 0, &err), &err);
        for (int k = 0; k < r.count; k++) {
            const Row *row = &r.rows[k];
            CHECK(row->kind == ROW_CHECKED || row->kind == ROW_GIVEN, "%s: '%s' was not checked", goldens[i], row->name);
            if (row->kind != ROW_CHECKED) continue;
            CHECK_LE(row->accumulated, row->bar.accumulated, "%s: %s accumulated", goldens[i], row->name);
            CHECK_LE(row->local, row->bar.local, "%s: %s local", goldens[i], row->name);
        }
        CHECK(r.checked == (i < 2 ? 7 : 5), "%s: %d tensors checked", goldens[i], r.checked);
        CHECK(r.failed == 0 && r.culprit == -1, "%s: %d failed", goldens[i], r.failed);
        report_free(&r);
    }
}

/* A copy of `from` in which tensor `name` (F64) has `change` added at its middle element; name NULL: nothing changed. `left_out`: a
 * tensor that the copy lacks; `as`: its name becomes this one. */
static void copy_with(char *to, const char *from, const char *name, double change, const char *left_out, const char *as)
{
    Err err = { 0 };
    StFile *f = st_open(from, &err);
    CHECK(f != NULL, "%s", err.msg);
    if (f == NULL) return;
    StWriter *w = stw_new(&err);
    double *changed = NULL;
    for (int i = 0; i < st_meta_count(f); i++) {
        const char *key, *value;
        st_meta_at(&key, &value, f, i);
        stw_meta(w, key, value);
    }
    for (int i = 0; i < st_count(f); i++) {
        const StTensor *t = st_at(f, i);
        const void *bytes = t->bytes;
        if (left_out != NULL && strcmp(t->name, left_out) == 0 && as == NULL) continue;
        if (name != NULL && strcmp(t->name, name) == 0) {
            changed = mem_new((size_t)t->count, sizeof *changed, "copy", &err);
            CHECK_OK(st_read_f64(changed, t, &err), &err);
            changed[t->count / 2] += change;
            bytes = changed;
        }
        stw_add(w, left_out != NULL && strcmp(t->name, left_out) == 0 ? as : t->name, t->dtype, t->ndim, t->dim, bytes);
    }
    strcpy(to, "/tmp/sdref-verify-XXXXXX");
    const int fd = mkstemp(to);
    CHECK(fd >= 0, "mkstemp");
    close(fd);
    CHECK_OK(stw_write(w, to, &err), &err);
    stw_free(w);
    st_close(f);
    mem_free(changed);
}

static void culprit_is(const char *from, const char *broken, double change, const char *culprit, int failed)
{
    char path[64];
    Err err = { 0 };
    Report r;
    copy_with(path, from, broken, change, NULL, NULL);
    CHECK_OK(verify_file(&r, path, 0, &err), &err);
    CHECK(r.failed == failed, "%s broken: %d tensors failed, expected %d", broken, r.failed, failed);
    CHECK(r.culprit >= 0 && strcmp(r.rows[r.culprit].name, culprit) == 0, "%s broken: culprit %s", broken,
          r.culprit < 0 ? "none" : r.rows[r.culprit].name);
    report_free(&r);
    unlink(path);
}

static void the_broken_tensor_is_named(void)
{
    culprit_is(goldens[0], "out.rgb", 1e-2, "out.rgb", 1);
    culprit_is(goldens[0], "out.grad.grid", 1.0, "out.grad.grid", 1);
    culprit_is(goldens[0], "out.rgb", (double)NAN, "out.rgb", 1);
    /* a wrong x_t: our own predictions are the file's, so only x_t itself and the x0_hat that continues from it are touched */
    culprit_is(goldens[2], "x_t", 1e-1, "x_t", 2);
    culprit_is(goldens[2], "w", 1e-3, "w", 2);
    culprit_is(goldens[2], "grad", 10.0, "grad", 1);
    /* a wrong input: x_t and grad, which read it, and x0_hat, which inherits it through x_t */
    culprit_is(goldens[2], "in.noise", 10.0, "x_t", 3);
}

static void expect_trouble(const char *path, const char *words)
{
    Err err = { 0 };
    Report r;
    CHECK(verify_file(&r, path, 0, &err) != 0, "%s was judged", path);
    CHECK(strstr(err.msg, words) != NULL, "message '%s' lacks '%s'", err.msg, words);
    CHECK(strstr(err.msg, path) != NULL, "message '%s' does not name the file", err.msg);
}

static void what_is_missing_or_strange(void)
{
    char path[64];
    Err err = { 0 };
    Report r;
    copy_with(path, goldens[0], NULL, 0, "in.grid", NULL);
    expect_trouble(path, "no tensor 'in.grid'");
    unlink(path);
    copy_with(path, goldens[2], NULL, 0, "eps_uncond", NULL);
    expect_trouble(path, "no tensor 'eps_uncond'");
    unlink(path);
    /* a result under another name is unknown, and that is a failure; the known one is then our own */
    copy_with(path, goldens[0], NULL, 0, "out.rgb", "out.colour");
    CHECK_OK(verify_file(&r, path, 0, &err), &err);
    CHECK(r.failed == 1 && r.checked == 6, "%d failed, %d checked", r.failed, r.checked);
    report_free(&r);
    unlink(path);
    expect_trouble("tests/golden/schedules.safetensors", "'format' is absent");
    expect_trouble("tests/golden/no-such-file.safetensors", "No such file");
}

static void tolerance_overrides(void)
{
    Err err = { 0 };
    Report r;
    CHECK_OK(verify_file(&r, goldens[1], 1e-30, &err), &err);
    CHECK(r.failed > 0, "a tolerance of 1e-30 admits everything");
    report_free(&r);
}

int main(void)
{
    TEST(goldens_are_within_their_bars);
    TEST(the_broken_tensor_is_named);
    TEST(what_is_missing_or_strange);
    TEST(tolerance_overrides);
    return test_end();
}
