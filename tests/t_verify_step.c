/* t_verify_step.c -- verify on traces of an estimator's step whose settings are at the ends of what they may be
 *
 * tests/golden/estimators/more_*.safetensors, by tests/oracle/estimators.py: times 0 to 3 and 980 to 999, inversions and ODEs of one move, guidance -7.5
 * to 100, networks that put out v or a variance beside eps, schedules of their own, intermediates left out or of no use to the step, F32, F16.
 */
#include "ref/verify.h"
#include "tensor/mem.h"
#include "tests/harness.h"

#include <unistd.h>

static const struct { const char *name; int results; } goldens[] = {
        { "asd_f32", 7 }, { "cds_low", 6 }, { "csd_told", 3 }, { "dsd_end", 8 }, { "dsd_one", 9 }, { "dsd_star_100", 19 }, { "ism_low", 10 },
        { "nfsd_f16", 8 }, { "perp_neg_low", 5 }, { "sdi_end", 12 }, { "sdi_low", 23 }, { "sds_one", 5 }, { "ssd_low", 9 }, { "vsd_v", 72 },
};
enum { GOLDENS = sizeof goldens / sizeof goldens[0] };

static void golden_path(char path[128], const char *name) { snprintf(path, 128, "tests/golden/estimators/more_%s.safetensors", name); }

static void ends_of_the_settings_are_within_their_bars(void)
{
    for (int i = 0; i < GOLDENS; i++) {
        char path[128];
        Err err = { 0 };
        Report r;
        golden_path(path, goldens[i].name);
        CHECK_OK(verify_file(&r, path, 0, &err), &err);
        for (int k = 0; k < r.count; k++) {
            const Row *row = &r.rows[k];
            if (row->kind != ROW_CHECKED) continue;
            CHECK_LE(row->accumulated, row->bar.accumulated, "%s: %s accumulated", path, row->name);
            CHECK_LE(row->local, row->bar.local, "%s: %s local", path, row->name);
        }
        CHECK(r.checked == goldens[i].results && r.failed == 0, "%s: %d tensors checked, %d failed", path, r.checked, r.failed);
        report_free(&r);
    }
}

/* A copy of a golden trace in /tmp, which names no network: its settings are read, and refused, before that is missed. key: this metadata is
 * `value`; T > 0: with a schedule of so many levels. */
static void copy_of(char to[64], const char *name, const char *key, const char *value, int T)
{
    char from[128];
    Err err = { 0 };
    golden_path(from, name);
    StFile *f = st_open(from, &err);
    CHECK(f != NULL, "%s", err.msg);
    if (f == NULL) return;
    StWriter *w = stw_new(&err);
    double *abar = mem_new((size_t)T + 1, sizeof *abar, "schedule", &err);
    for (int i = 0; i < st_meta_count(f); i++) {
        const char *k, *v;
        st_meta_at(&k, &v, f, i);
        if (strcmp(k, "network") != 0) stw_meta(w, k, key != NULL && strcmp(k, key) == 0 ? value : v);
    }
    for (int i = 0; i < st_count(f); i++) {
        const StTensor *t = st_at(f, i);
        if (strcmp(t->name, "in.alphas_cumprod") != 0) stw_add(w, t->name, t->dtype, t->ndim, t->dim, t->bytes);
    }
    for (int i = 0; i < T; i++) abar[i] = 0.999 - 0.9 * i / T;
    const int64_t levels = T;
    if (T > 0) stw_add(w, "in.alphas_cumprod", ST_F64, 1, &levels, abar);
    strcpy(to, "/tmp/sdref-step-XXXXXX");
    const int fd = mkstemp(to);
    CHECK(fd >= 0, "mkstemp");
    close(fd);
    CHECK_OK(stw_write(w, to, &err), &err);
    stw_free(w);
    st_close(f);
    mem_free(abar);
}

static void settings_beyond_the_schedule_are_refused(void)
{
    static const struct { const char *name, *key, *value; int T; const char *words; } cases[] = {
        { "dsd_one", "t_baseline", "500", 500, "'t_baseline' is 500, expected less than 500" },
        { "dsd_one", "ode_steps", "500", 500, "'ode_steps' is 500, expected less than 500" },
        { "dsd_star_100", "guidance", "1", 10, "'ode_steps' is 10, expected less than 10" },
        { "cds_low", "t", "500", 500, "'t' is 500, expected less than 500" },
        { "ism_low", "t", "1", 0, "s is 1, expected 1 to 0" },
        { "ism_low", "s", "2", 2, "'t' is 2, expected less than 2" },
        { "sdi_low", "inversion_steps", "0", 0, "'inversion_steps' is '0', expected a whole number from 1 to 1000" },
        { "sds_one", "t", "1000", 0, "'t' is '1000', expected a whole number from 0 to 999" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[64];
        Err err = { 0 };
        Report r;
        copy_of(path, cases[i].name, cases[i].key, cases[i].value, cases[i].T);
        CHECK(verify_file(&r, path, 0, &err) != 0 && strstr(err.msg, cases[i].words) != NULL, "%s: '%s', expected '%s'", cases[i].name, err.msg,
              cases[i].words);
        unlink(path);
    }
}

int main(void)
{
    TEST(ends_of_the_settings_are_within_their_bars);
    TEST(settings_beyond_the_schedule_are_refused);
    return test_end();
}
