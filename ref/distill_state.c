/* distill_state.c -- a run's checkpoint: theta, adam.m, adam.v, of particles after the first theta.1 and so on; metadata step, calls, field; what an
 * estimator carries from step to step: lora.*, ode, stein; consensus; background.*; peaks of the occupancy grid, occupancy (Z,Y,X), of later
 * particles occupancy.1 and so on, and its updates as metadata of the same name
 */
#include "ref/distill.h"
#include "ref/state.h"
#include "tensor/text.h"
#include "weights/safetensors.h"

#include <inttypes.h>
#include <stdio.h>

static Shape ode_shape(const Distill *d) { return (Shape){ 3, { d->D->channels, d->D->h, d->D->w } }; }
static int has_ode(const Distill *d) { return d->ode != NULL && d->step > 0; }

/* The arrays of particle i: theta, adam.m, adam.v, of later particles theta.1, adam.m.1, ...; where the field has parts, .PART behind. */
enum { ARRAYS = 3, ARRAY_NAME = 64 };
typedef struct Array { char name[ARRAY_NAME]; real *v; Shape s; } Array;
typedef struct Arrays { int n; Array array[ARRAYS * FIELD_PARTS]; char step[32], occupancy[32]; } Arrays;
static void arrays_of(Arrays *a, const Particle *p, int i)
{
    static const char *const names[ARRAYS] = { "theta", "adam.m", "adam.v" };
    real *const v[ARRAYS] = { p->field->theta, p->m, p->v };
    FieldPart part[FIELD_PARTS];
    const int parts = field_parts(part, p->field);
    char number[16] = "";
    if (i > 0) snprintf(number, sizeof number, ".%d", i);
    snprintf(a->step, sizeof a->step, "step.%d", i);
    snprintf(a->occupancy, sizeof a->occupancy, "occupancy%s", number);
    a->n = 0;
    for (int k = 0; k < ARRAYS; k++)
        for (int j = 0; j < parts; j++) {
            Array *x = &a->array[a->n++];
            snprintf(x->name, ARRAY_NAME, "%s%s%s%s", names[k], number, part[j].name[0] == '\0' ? "" : ".", part[j].name);
            x->v = v[k] + part[j].at;
            x->s = part[j].s;
        }
}

static void put_count(StWriter *w, const char *key, long count)
{
    char text[24];
    snprintf(text, sizeof text, "%ld", count);
    stw_meta(w, key, text);
}

static Shape peaks_shape(const Occupancy *o) { return (Shape){ 3, { o->side, o->side, o->side } }; }

int distill_save(const Distill *d, const char *path, Err *err)
{
    Arrays a;
    StWriter *w = stw_new(err);
    stw_meta(w, "format", "sdref-state-1");
    put_count(w, "step", d->step);
    put_count(w, "calls", d->calls);
    stw_meta(w, "field", field_kind_names[d->field->config.kind]);
    for (int i = 0; i < d->config.particles; i++) {
        arrays_of(&a, &d->particle[i], i);
        for (int k = 0; k < a.n; k++) stw_add(w, a.array[k].name, ST_REAL, a.array[k].s.nd, a.array[k].s.d, a.array[k].v);
        backdrop_put(&d->particle[i].backdrop, w, i);
        if (d->config.particles > 1) put_count(w, a.step, d->particle[i].step);
        const Occupancy *o = d->particle[i].occupancy;
        if (o == NULL) continue;
        stw_add(w, a.occupancy, ST_REAL, 3, peaks_shape(o).d, o->peak);
        put_count(w, a.occupancy, (long)o->updates);
    }
    if (d->lora != NULL) lora_score_put(d->lora, w);
    if (has_ode(d)) stw_add(w, "ode", ST_REAL, 3, ode_shape(d).d, d->ode);
    if (d->config.mu == MU_FIT) stw_add(w, "stein", ST_F64, 2, (const int64_t[2]){ 2, STEIN_BINS }, d->stein.sum);
    const real consensus[3] = { d->consensus.tau, d->consensus.m, d->consensus.v };
    if (d->config.consensus) stw_add(w, "consensus", ST_REAL, 1, (const int64_t[1]){ 3 }, consensus);
    const int status = w == NULL ? -1 : stw_write(w, path, err);
    stw_free(w);
    return status;
}

static int read_count(long *out, const StFile *f, const char *key, int64_t most, Err *err)
{
    const char *text = st_meta(f, key);
    int64_t value = 0;
    if (text == NULL || text_to_int64(&value, text) != 0 || value < 0 || value > most)
        return err_set(err, "%s: metadata '%s' is %.20s, expected 0 to %" PRId64, st_path(f), key, text == NULL ? "absent" : text, most);
    *out = (long)value;
    return 0;
}

static int occupancy_load(Occupancy *o, const StFile *f, const char *name, long steps, Err *err)
{
    long updates = 0;
    if (o == NULL) return 0;
    if (state_read(o->peak, f, name, peaks_shape(o), err) != 0 || read_count(&updates, f, name, steps, err) != 0) return -1;
    o->updates = (uint32_t)updates;
    return 0;
}

int distill_load(Distill *d, const char *path, Err *err)
{
    Arrays a;
    StFile *f = st_open(path, err);
    if (f == NULL) return -1;
    const int64_t most = d->config.budget > 0 ? INT32_MAX : d->config.steps;
    int status = read_count(&d->step, f, "step", most, err);
    if (status == 0) status = read_count(&d->calls, f, "calls", INT64_MAX / 2, err);
    for (int i = 0; i < d->config.particles && status == 0; i++) {
        Particle *p = &d->particle[i];
        arrays_of(&a, p, i);
        p->step = d->step;
        for (int k = 0; k < a.n && status == 0; k++) status = state_read(a.array[k].v, f, a.array[k].name, a.array[k].s, err);
        if (status == 0) status = backdrop_get(&p->backdrop, f, i, err);
        if (status == 0 && d->config.particles > 1) status = read_count(&p->step, f, a.step, d->step, err);
        if (status == 0) status = occupancy_load(p->occupancy, f, a.occupancy, p->step, err);
    }
    if (status == 0 && d->lora != NULL) status = lora_score_load(d->lora, f, err);
    const int fitted = d->config.mu == MU_FIT;
    const StTensor *stein = fitted ? st_find(f, "stein") : NULL;
    if (status == 0 && fitted && (stein == NULL || stein->count != 2 * STEIN_BINS || stein->dtype != ST_F64))
        status = err_set(err, "%s: no tensor 'stein' of %d values in F64, expected one: mu is fitted", path, 2 * STEIN_BINS);
    if (status == 0 && stein != NULL) status = st_read_f64(d->stein.sum[0], stein, err);
    real consensus[3] = { 0 };
    if (status == 0 && d->config.consensus) {
        status = state_read(consensus, f, "consensus", (Shape){ 1, { 3 } }, err);
        d->consensus = (Consensus){ consensus[0], consensus[1], consensus[2] };
    }
    if (status == 0 && has_ode(d)) status = state_read(d->ode, f, "ode", ode_shape(d), err);
    st_close(f);
    if (status == 0) distill_look(d, 0);
    return status;
}
