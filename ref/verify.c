/* verify.c -- rows, errors, bars and the verdict; the recomputing itself is in verify_render.c and verify_estimator.c */
#include "ref/verify_internal.h"
#include "tensor/mem.h"
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

static int put_compared(Check *c, const StTensor *t, real *v, size_t n, Err *err)
{
    const Word *word = vocabulary_find(c->trace, WORD_RESULT, t->name);
    BUG_IF(word == NULL, "result '%s' is not in the vocabulary", t->name);
    double *theirs = mem_new(n, sizeof *theirs, t->name, err);
    char shape[ST_SHAPE_ROOM];
    if (theirs == NULL) return -1;
    int status = st_read_f64(theirs, t, err);
    Row *row = row_find(c->report, t->name);
    if (status == 0 && row == NULL) row = row_new(c->report, t->name, st_shape(shape, t), ROW_CHECKED, err);
    if (status != 0 || row == NULL) {
        mem_free(theirs);
        return -1;
    }
    row->dtype = t->dtype;
    const double error = relative_error(&row->worst, v, theirs, n, c->scale[word->combines]);
    if (c->local) row->local = error;
    else row->accumulated = error;
    if (bar_for(&row->bar, t->dtype, word->family) != 0)
        status = err_set(err, "%s: tensor '%s' is %s; expected F64, F32, F16 or BF16", st_path(c->file), t->name, st_dtype_name(t->dtype));
    if (c->tolerance > 0) row->bar = (Bar){ c->tolerance, c->tolerance };
    for (size_t i = 0; i < n && c->local; i++) v[i] = (real)theirs[i];
    mem_free(theirs);
    return status;
}

int check_put(void *self, const char *name, real *v, Shape s, Err *err)
{
    Check *c = self;
    char shape[64], found[ST_SHAPE_ROOM];
    const Row *known = row_find(c->report, name);
    if (known != NULL && known->kind == ROW_GIVEN) return 0;
    const StTensor *t = st_find(c->file, name);
    const char *text = shape_text(shape, sizeof shape, s);
    if (t == NULL) return known != NULL || row_new(c->report, name, text, ROW_OURS, err) != NULL ? 0 : -1;
    if ((size_t)t->count != shape_count(s))
        return err_set(err, "%s: tensor '%s' is %s, expected %s", st_path(c->file), name, st_shape(found, t), text);
    return put_compared(c, t, v, shape_count(s), err);
}

int check_given(Check *c, const char *name, Err *err)
{
    char shape[ST_SHAPE_ROOM];
    if (row_find(c->report, name) != NULL) return 0;
    const StTensor *t = st_find(c->file, name);
    Row *row = row_new(c->report, name, st_shape(shape, t), ROW_GIVEN, err);
    if (row == NULL) return -1;
    row->dtype = t->dtype;
    note(c->report, "there is no network yet: eps_cond and eps_uncond are taken from the file, and only what follows from them is verified");
    return 0;
}

/* ---- reading ---- */

int check_has(const Check *c, const char *name) { return st_find(c->file, name) != NULL; }

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
    if (st_read_real(v, t, err) != 0) {
        mem_free(v);
        return NULL;
    }
    return v;
}

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

/* ---- the whole file ---- */

static void judge(Report *r)
{
    r->culprit = -1;
    int inherited = -1;
    for (int i = 0; i < r->count; i++) {
        Row *row = &r->rows[i];
        if (row->kind == ROW_UNKNOWN) row->ok = 0;
        if (row->kind == ROW_CHECKED) {
            r->checked++;
            const int local_ok = row->local <= row->bar.local, whole_ok = row->accumulated <= row->bar.accumulated;
            row->ok = local_ok && whole_ok;
            if (!local_ok && r->culprit < 0) r->culprit = i;
            if (!whole_ok && inherited < 0) inherited = i;
        }
        if (!row->ok) r->failed++;
    }
    if (r->culprit < 0) r->culprit = inherited;
}

/* What the file says that nobody asked about. */
static int strangers(Check *c, Err *err)
{
    char shape[ST_SHAPE_ROOM], text[160], show[SHOW_ROOM];
    for (int i = 0; i < st_meta_count(c->file); i++) {
        const char *key, *value;
        st_meta_at(&key, &value, c->file, i);
        if (vocabulary_find(c->trace, WORD_META, key) != NULL) continue;
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

static int verify_open(Report *report, const StFile *file, double tolerance, Err *err)
{
    const char *format = st_meta(file, "format"), *kind = st_meta(file, "kind");
    char show[SHOW_ROOM];
    if (format == NULL || strcmp(format, "sdref-trace-1") != 0)
        return err_set(err, "%s: metadata 'format' is %s, expected sdref-trace-1 (`sdref help trace`)", st_path(file),
                       format == NULL ? "absent" : json_show(show, format));
    if (kind == NULL || (strcmp(kind, "render") != 0 && strcmp(kind, "estimator") != 0))
        return err_set(err, "%s: metadata 'kind' is %s, expected render or estimator", st_path(file), kind == NULL ? "absent" : json_show(show, kind));
    snprintf(report->kind, sizeof report->kind, "%s", kind);
    Check c = { file, report->kind, report, tolerance, 0, { 0 } };
    for (c.local = 0; c.local < 2; c.local++) {
        const int status = strcmp(kind, "render") == 0 ? verify_render(&c, err) : verify_estimator(&c, err);
        if (status != 0) return -1;
    }
    if (strangers(&c, err) != 0) return -1;
    judge(report);
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
    mem_free(report->rows);
    *report = (Report){ .culprit = -1 };
}
