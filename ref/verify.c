/* verify.c -- rows, errors, bars and the verdict; the recomputing itself is in verify_render.c, verify_estimator.c, verify_network.c */
#include "ref/estimators.h"
#include "ref/verify_internal.h"
#include "ref/verify_rounding.h"
#include "tensor/mem.h"
#include "tensor/rng.h"
#include "tensor/text.h"
#include "weights/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static Row *row_find(Report *r, const char *name)
{
    for (int i = 0; i < r->count; i++)
        if (strcmp(r->rows[i].name, name) == 0) return &r->rows[i];
    return NULL;
}

static Row *row_new(Report *r, const char *name, const char *shape, RowKind kind, Err *err)
{
    if (r->count == r->room) {
        const int room = r->room == 0 ? 32 : 2 * r->room;
        Row *rows = mem_new((size_t)room, sizeof *rows, "report", err);
        if (rows == NULL) return NULL;
        if (r->count > 0) memcpy(rows, r->rows, (size_t)r->count * sizeof *rows);
        mem_free(r->rows);
        r->rows = rows;
        r->room = room;
    }
    Row *row = &r->rows[r->count++];
    snprintf(row->name, sizeof row->name, "%s", name);
    snprintf(row->shape, sizeof row->shape, "%s", shape);
    row->kind = kind;
    row->ok = 1;
    return row;
}

static void note(Report *r, const char *text)
{
    const size_t at = strlen(r->notes);
    if (strstr(r->notes, text) == NULL) snprintf(r->notes + at, sizeof r->notes - at, "%s%s", at > 0 ? "; " : "", text);
}

/* Relative L2 of ours against the file's, the divisor at least `scale`; *worst: index of the largest gap. */
static double relative_error(int64_t *worst, const real *ours, const double *theirs, size_t n, double scale)
{
    double gap2 = 0, norm2 = 0, top = -1;
    for (size_t i = 0; i < n; i++) {
        const double gap = (double)ours[i] - theirs[i];
        gap2 = fma(gap, gap, gap2);
        norm2 = fma(theirs[i], theirs[i], norm2);
        if (!(fabs(gap) <= top)) {
            *worst = (int64_t)i;
            top = isnan(gap) ? DBL_MAX : fabs(gap);
        }
    }
    if (gap2 == 0) return 0;
    return sqrt(gap2) / fmax(sqrt(norm2), scale);         /* NaN stays NaN: no bar admits it */
}

#define SINUSOID 1e-4            /* what binary32 is worth on time_proj, with room */

/* The backend's rounding unit: that of the file's type, but no finer than our own. */
static double unit_of(StDtype dtype)
{
    const double unit = dtype == ST_BF16 ? 0x1p-9 : dtype == ST_F16 ? 0x1p-12 : dtype == ST_F32 ? 0x1p-25 : 0x1p-54;
    return fmax(unit, (double)REAL_EPS / 4);
}

/* v (n) moved by up to two units, that is one rounding, every value by an amount of its own. */
static int jitter(real *v, size_t n, double unit_of_v, int draw, int heard, Err *err)
{
    real *u = mem_new(n, sizeof *u, "noise", err);
    if (u == NULL) return -1;
    rng_uniform(u, (RngAt){ 0, (uint32_t)draw, (uint32_t)heard, RNG_PROBE }, n);
    const real unit = (real)(4 * unit_of_v);              /* u - 1/2 is half as far */
    for (size_t i = 0; i < n; i++) v[i] = r_fma(v[i] * unit, u[i] - R(0.5), v[i]);
    mem_free(u);
    return 0;
}

/* How far `v` has moved from the local pass's own, as a share of the larger of ours and the file's: a file of zeros must not make
 * the noise, and with it the bar, infinite. */
static double moved(const Row *row, const real *v, const double *theirs, size_t n)
{
    double gap2 = 0, ours2 = 0, theirs2 = 0;
    for (size_t i = 0; i < n; i++) {
        const double own = (double)row->ours[i], gap = (double)v[i] - own;
        gap2 = fma(gap, gap, gap2);
        ours2 = fma(own, own, ours2);
        theirs2 = fma(theirs[i], theirs[i], theirs2);
    }
    return gap2 == 0 ? 0 : sqrt(gap2 / fmax(ours2, theirs2));
}

int check_shake(const Check *c, real *v, size_t n, Err *err)
{
    return c->pass == PASS_NOISE ? jitter(v, n, c->unit, c->draw, c->heard, err) : 0;
}

static int keep(real **kept, const real *v, size_t n, const char *what, Err *err)
{
    *kept = mem_new(n, sizeof **kept, what, err);
    if (*kept == NULL) return -1;
    memcpy(*kept, v, n * sizeof *v);
    return 0;
}

static int is_render(const char *kind) { return strcmp(kind, "render") == 0; }

static int compare(Check *c, Row *row, const Word *word, const double *theirs, const real *v, size_t n, Err *err)
{
    if (c->pass == PASS_NOISE && is_render(c->trace)) return rounding_hear(row, v, theirs, n, err);
    if (c->pass == PASS_NOISE) {
        row->noise = moved(row, v, theirs, n);
        return 0;
    }
    const double error = relative_error(&row->worst, v, theirs, n, c->scale[word->combines]);
    if (c->pass == PASS_ACCUMULATED) {
        row->accumulated = row->accumulated_beyond = error;
        return is_render(c->trace) ? keep(&row->whole, v, n, row->name, err) : 0;
    }
    row->local = row->local_beyond = error;
    return keep(&row->ours, v, n, row->name, err);
}

/* A row for each result of the file; one that is put again goes to the end, where its last value was computed. */
static Row *row_for(Check *c, const StTensor *t, Err *err)
{
    char shape[ST_SHAPE_ROOM];
    Report *r = c->report;
    Row *row = row_find(r, t->name);
    if (row == NULL) row = row_new(r, t->name, st_shape(shape, t), ROW_CHECKED, err);
    else if (c->pass == PASS_ACCUMULATED) {
        const Row last = *row;
        memmove(row, row + 1, (size_t)(&r->rows[r->count - 1] - row) * sizeof *row);
        row = &r->rows[r->count - 1];
        *row = last;
    }
    if (row == NULL) return NULL;
    row->dtype = unit_of(c->report->dtype) > unit_of(t->dtype) ? c->report->dtype : t->dtype;      /* a wider one says little */
    if (c->pass == PASS_ACCUMULATED) row->calls++;
    else row->seen = row->seen % row->calls + 1;
    return row;
}

static int read_levels(double *out, const StTensor *t, Err *err)
{
    int64_t *v = mem_new((size_t)t->count, sizeof *v, t->name, err);
    const int status = v == NULL ? -1 : st_read_i64(v, t, err);
    for (int64_t i = 0; status == 0 && i < t->count; i++) out[i] = (double)v[i];
    mem_free(v);
    return status;
}

/* Do a tensor's values lie as s has them? Sides of 1 do not matter. */
static int lies_as(const StTensor *t, Shape s)
{
    int a = 0, b = 0;
    for (;; a++, b++) {
        while (a < t->ndim && t->dim[a] == 1) a++;
        while (b < s.nd && s.d[b] == 1) b++;
        if (a == t->ndim || b == s.nd) return a == t->ndim && b == s.nd;
        if (t->dim[a] != s.d[b]) return 0;
    }
}

int check_shape(const Check *c, const char *name, Shape s, Err *err)
{
    char found[ST_SHAPE_ROOM], expected[64];
    const StTensor *t = st_find(c->file, name);
    if (t == NULL || lies_as(t, s)) return 0;
    return err_set(err, "%s: tensor '%s' is %s, expected %s", st_path(c->file), name, st_shape(found, t), shape_text(expected, sizeof expected, s));
}

static int put_compared(Check *c, const StTensor *t, real *v, Shape s, Err *err)
{
    const size_t n = shape_count(s);
    const Word *word = vocabulary_find(c->trace, WORD_RESULT, t->name);
    BUG_IF(word == NULL, "result '%s' is not in the vocabulary", t->name);
    Row *row = row_for(c, t, err);
    if (row == NULL) return -1;
    row->gradient = word->family == FAMILY_GRADIENT;
    if ((!st_dtype_is_float(t->dtype) && word->family != FAMILY_LEVELS) || bar_for(&row->bar, row->dtype, word->family) != 0)
        return err_set(err, "%s: tensor '%s' is %s; expected F64, F32, F16 or BF16", st_path(c->file), t->name, st_dtype_name(t->dtype));
    if (c->pass != PASS_ACCUMULATED && row->seen != row->calls) return 0;      /* not yet the output that the file has */
    row->misfit = is_render(c->trace) ? !lies_as(t, s) : (size_t)t->count != n;
    if (row->misfit) {
        shape_text(row->shape, sizeof row->shape, s);
        return 0;
    }
    double *theirs = mem_new(n, sizeof *theirs, t->name, err);
    if (theirs == NULL) return -1;
    int status = st_dtype_is_float(t->dtype) ? st_read_f64(theirs, t, err) : read_levels(theirs, t, err);
    if (status == 0) status = compare(c, row, word, theirs, v, n, err);
    for (size_t i = 0; status == 0 && i < n && c->pass != PASS_ACCUMULATED; i++) v[i] = (real)theirs[i];
    mem_free(theirs);
    return status;
}

int check_put(void *self, const char *name, real *v, Shape s, Err *err)
{
    Check *c = self;
    char shape[64];
    const size_t n = shape_count(s);
    const int module = strncmp(name, "act.", 4) == 0;
    const Row *known = row_find(c->report, name);
    if (known != NULL && known->kind == ROW_GIVEN) return 0;
    const StTensor *t = st_find(c->file, name);
    const char *text = shape_text(shape, sizeof shape, s);
    int status = 0;
    c->heard++;
    if (t == NULL && (module || strncmp(name, "out.grad.", 9) == 0)) c->report->unsaid += c->pass == PASS_ACCUMULATED;
    else if (t == NULL) status = known != NULL || row_new(c->report, name, text, ROW_OURS, err) != NULL ? 0 : -1;
    else status = put_compared(c, t, v, s, err);
    if (status != 0 || c->pass != PASS_NOISE) return status;
    /* TRAP: diffusers computes sinusoids in binary32 whatever the network's type: worth up to 1e-5, for those who read time_proj. */
    const int replaced = known != NULL && known->kind == ROW_CHECKED && known->seen == known->calls;
    return jitter(v, n, strstr(name, "time_proj") != NULL && !replaced ? fmax(c->unit, 1e-6) : c->unit, c->draw, c->heard, err);
}

int check_heard(const Check *c, const char *name)
{
    const Row *row = row_find(c->report, name);
    return row != NULL && (c->pass == PASS_ACCUMULATED || row->kind == ROW_GIVEN || row->seen > 0);
}

int check_given(Check *c, const char *name, Err *err)
{
    char shape[ST_SHAPE_ROOM];
    if (row_find(c->report, name) != NULL) return 0;
    const StTensor *t = st_find(c->file, name);
    Row *row = row_new(c->report, name, st_shape(shape, t), ROW_GIVEN, err);
    if (row == NULL) return -1;
    row->dtype = t->dtype;
    note(c->report, "the file names no network: eps_cond and eps_uncond are taken from the file, and only what follows from them is verified");
    return 0;
}

/* ---- reading ---- */

int check_has(const Check *c, const char *name) { return st_find(c->file, name) != NULL; }

static int check_finite(const Check *c, const char *name, const real *v, size_t n, Err *err)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return err_set(err, "%s: tensor '%s' has %g at %zu, expected finite numbers of %s", st_path(c->file), name, text_shown((double)v[i]), i,
                           sizeof(real) == sizeof(double) ? "binary64" : "binary32");
    return 0;
}

real *check_read(const Check *c, const char *name, size_t count, Err *err)
{
    char shape[ST_SHAPE_ROOM];
    const StTensor *t = st_find(c->file, name);
    if (t == NULL) {
        err_set(err, "%s: no tensor '%s'; a trace of kind %s needs it (`sdref help trace`)", st_path(c->file), name, c->trace);
        return NULL;
    }
    if (count != 0 && (size_t)t->count != count) {
        err_set(err, "%s: tensor '%s' is %s, expected %zu values", st_path(c->file), name, st_shape(shape, t), count);
        return NULL;
    }
    real *v = mem_new((size_t)t->count, sizeof *v, name, err);
    if (v == NULL) return NULL;
    if (st_read_real(v, t, err) != 0 || (strncmp(name, "in.", 3) == 0 && check_finite(c, name, v, (size_t)t->count, err) != 0)) {
        mem_free(v);
        return NULL;
    }
    return v;
}

int check_meta(const Check *c, const char *key) { return st_meta(c->file, key) != NULL; }

const char *meta_text(const Check *c, const char *key, Err *err)
{
    const char *text = st_meta(c->file, key);
    if (text == NULL) err_set(err, "%s: no metadata '%s'; a trace of kind %s needs it (`sdref help trace`)", st_path(c->file), key, c->trace);
    return text;
}

int meta_number(double *out, const Check *c, const char *key, Err *err)
{
    const char *text = meta_text(c, key, err);
    if (text == NULL) return -1;
    if (text_to_double(out, text) != 0)
        return err_set(err, "%s: metadata '%s' is '%.60s', expected a number", st_path(c->file), key, text);
    return 0;
}

int meta_whole(int *out, const Check *c, const char *key, int lo, int hi, Err *err)
{
    const char *text = meta_text(c, key, err);
    int64_t value = 0;
    if (text == NULL) return -1;
    if (text_to_int64(&value, text) != 0 || value < lo || value > hi)
        return err_set(err, "%s: metadata '%s' is '%.60s', expected a whole number from %d to %d", st_path(c->file), key, text, lo, hi);
    *out = (int)value;
    return 0;
}

int check_network(char *out, size_t cap, const Check *c, const char *key, Err *err)
{
    const char *network = meta_text(c, key, err), *path = st_path(c->file), *slash = strrchr(path, '/');
    if (network == NULL) return -1;
    const int base = slash == NULL || network[0] == '/' ? 0 : (int)(slash - path) + 1;
    const int wrote = snprintf(out, cap, "%.*s%s", base, path, network);
    return wrote < 0 || (size_t)wrote >= cap ? err_set(err, "%s: the path of its network is too long", path) : 0;
}

/* ---- the whole file ---- */

/* The local bar of a module, or of a network's output: a multiple of what rounding is worth there, and at least some roundings,
 * for a module that has nothing unheard inside. In binary16 rounding is all that differs; in binary32 it is the order of sums.
 * Gradients keep the table's bar where it is wider. For F64 in the binary64 program the golden bar stands. A noise that is no
 * number (the file has NaN or infinity) moves no bar. */
static void set_local_bar(Row *row)
{
    const double table = row->bar.local;
    const int half = row->dtype == ST_F16 || row->dtype == ST_BF16;
    const double noises = half ? 6 : 32, floor = half ? 8 : 32;
    if (!(row->noise > 0) || !isfinite(row->noise) || (row->gradient && row->dtype == ST_F64) ||
        (row->dtype == ST_F64 && sizeof(real) == sizeof(double))) return;
    const double bar = fmax(noises * row->noise, floor * unit_of(row->dtype));
    row->bar.local = row->dtype == ST_F64 ? fmin(bar, table) : row->gradient ? fmax(bar, table) : bar;
}

/* TRAP: diffusers computes sinusoids in binary32, even in a network of binary64. That is said, and the module is not blamed; the
 * accumulated error keeps its bar. */
static void allow_sinusoid(Report *r, Row *row)
{
    if (strstr(row->name, "time_proj") == NULL || row->local <= row->bar.local || !(row->local <= SINUSOID)) return;
    row->bar.local = SINUSOID;
    note(r, "time_proj differs by what sinusoids in binary32 are worth, as diffusers computes them: not blamed");
}

/* A file in binary16 of a backend in binary32 has what its own rounding of out.c2w makes of the local pass. What agrees with the inputs
 * as well as a local error must is right, and the smaller error is shown. Of renders: in a network each module reads what the file has. */
static void allow_stored(const Report *r, Row *row)
{
    if (!is_render(r->kind) || !(row->accumulated_beyond <= row->bar.local)) return;
    row->local = fmin(row->local, row->accumulated);
    row->local_beyond = fmin(row->local_beyond, row->accumulated_beyond);
}

static void judge(Report *r, double tolerance)
{
    int inherited = -1;
    double nearest = 0;
    r->culprit = r->before = -1;
    for (int i = 0; i < r->count; i++) {
        Row *row = &r->rows[i];
        if (row->kind == ROW_UNKNOWN) row->ok = 0;
        if (row->kind == ROW_CHECKED) {
            r->checked++;
            set_local_bar(row);
            allow_sinusoid(r, row);
            if (tolerance > 0) row->bar = (Bar){ tolerance, tolerance };
            allow_stored(r, row);
            const int local_ok = row->local_beyond <= row->bar.local, whole_ok = row->accumulated_beyond <= row->bar.accumulated;
            const double share = row->local_beyond / row->bar.local;
            row->ok = local_ok && whole_ok;
            row->rounding = row->ok && !(row->local <= row->bar.local && row->accumulated <= row->bar.accumulated);
            r->rounding += row->rounding;
            if (!local_ok && r->culprit < 0) r->culprit = i;
            if (!whole_ok && inherited < 0) inherited = i;
            if (local_ok && r->culprit < 0) r->before = i;
            if (share > nearest) {
                nearest = share;
                r->nearest = i;
            }
        }
        if (!row->ok) r->failed++;
    }
    if (r->culprit >= 0) return;
    r->culprit = inherited;
    r->before = -1;
}

/* Is it a setting of the file's estimator? */
static int check_reads(const Check *c, const char *key)
{
    const char *name = strcmp(c->trace, "estimator") == 0 ? st_meta(c->file, "estimator") : NULL;
    const Estimator *e = name == NULL ? NULL : estimator_find(name);
    if (e == NULL) return name != NULL && step_key_find(key) != NULL;       /* perp_neg, which is no estimator */
    return estimator_reads(e, key);
}

/* What the file says that nobody asked about. */
static int strangers(Check *c, Err *err)
{
    char shape[ST_SHAPE_ROOM], text[160], show[SHOW_ROOM];
    for (int i = 0; i < st_meta_count(c->file); i++) {
        const char *key, *value;
        st_meta_at(&key, &value, c->file, i);
        if (vocabulary_find(c->trace, WORD_META, key) != NULL || check_reads(c, key)) continue;
        snprintf(text, sizeof text, "metadata '%.100s' is unknown and was not used", json_show(show, key));
        note(c->report, text);
    }
    for (int i = 0; i < st_count(c->file); i++) {
        const StTensor *t = st_at(c->file, i);
        if (strncmp(t->name, "in.", 3) == 0) {
            if (vocabulary_find(c->trace, WORD_INPUT, t->name) != NULL) continue;
            snprintf(text, sizeof text, "input '%.100s' is unknown and was not used", json_show(show, t->name));
            note(c->report, text);
        } else if (row_find(c->report, t->name) == NULL) {
            Row *row = row_new(c->report, json_show(show, t->name), st_shape(shape, t), ROW_UNKNOWN, err);
            if (row == NULL) return -1;
            row->dtype = t->dtype;
        }
    }
    return 0;
}

/* After a pass: tensors whose last output has not the file's number of values. */
static int misfits(const Report *r, const StFile *file, Err *err)
{
    char found[ST_SHAPE_ROOM];
    for (int i = 0; i < r->count; i++)
        if (r->rows[i].misfit)
            return err_set(err, "%s: tensor '%s' is %s, expected %s", st_path(file), r->rows[i].name, st_shape(found, st_find(file, r->rows[i].name)),
                           r->rows[i].shape);
    return 0;
}

/* The type that the backend computed in: the coarsest among the results. */
static StDtype coarsest(const StFile *file)
{
    StDtype found = ST_F64;
    for (int i = 0; i < st_count(file); i++) {
        const StTensor *t = st_at(file, i);
        if (strncmp(t->name, "in.", 3) == 0 || !st_dtype_is_float(t->dtype)) continue;
        if (unit_of(t->dtype) > unit_of(found)) found = t->dtype;
    }
    return found;
}

static const struct { const char *name; int (*run)(Check *, Err *); int passes; } kinds[] = {
    { "render", verify_render, PASS_NOISE + ROUNDING_DRAWS }, { "estimator", verify_estimator, 2 }, { "unet", verify_network, 3 },
    { "vae", verify_network, 3 }, { "taesd", verify_network, 3 }, { "clip", verify_network, 3 },
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static int verify_open(Report *report, const StFile *file, double tolerance, Err *err)
{
    const char *format = st_meta(file, "format"), *kind = st_meta(file, "kind");
    char show[SHOW_ROOM];
    if (format == NULL || strcmp(format, "sdref-trace-1") != 0)
        return err_set(err, "%s: metadata 'format' is %s, expected sdref-trace-1 (`sdref help trace`)", st_path(file),
                       format == NULL ? "absent" : json_show(show, format));
    int k = 0;
    while (k < KINDS && (kind == NULL || strcmp(kind, kinds[k].name) != 0)) k++;
    if (k == KINDS)
        return err_set(err, "%s: metadata 'kind' is %s, expected render, estimator, unet, vae, taesd or clip", st_path(file),
                       kind == NULL ? "absent" : json_show(show, kind));
    snprintf(report->kind, sizeof report->kind, "%s", kind);
    Check c = { .file = file, .trace = report->kind, .report = report };
    report->dtype = coarsest(file);
    /* TRAP: nobody renders in binary16, it is how results are stored. */
    c.unit = is_render(kind) ? ROUNDING_STRIDE * unit_of(report->dtype == ST_F64 ? ST_F64 : ST_F32) : unit_of(report->dtype);
    for (int pass = 0; pass < kinds[k].passes; pass++) {
        c.pass = pass < PASS_NOISE ? (Pass)pass : PASS_NOISE;
        c.draw = pass < PASS_NOISE ? 0 : pass - PASS_NOISE;
        c.heard = 0;
        if (pass == PASS_NOISE && is_render(report->kind) && (tolerance > 0 || !rounding_matters(report))) break;
        if (kinds[k].run(&c, err) != 0 || misfits(report, file, err) != 0) return -1;
    }
    if (strangers(&c, err) != 0) return -1;
    judge(report, tolerance);
    return 0;
}

int verify_file(Report *report, const char *path, double tolerance, Err *err)
{
    *report = (Report){ .culprit = -1 };
    StFile *file = st_open(path, err);
    if (file == NULL) return -1;
    const int status = verify_open(report, file, tolerance, err);
    st_close(file);
    if (status != 0) report_free(report);
    return status;
}

void report_free(Report *report)
{
    for (int i = 0; i < report->count; i++) {
        mem_free(report->rows[i].ours);
        mem_free(report->rows[i].whole);
        mem_free(report->rows[i].moves);
    }
    mem_free(report->rows);
    *report = (Report){ .culprit = -1 };
}
