/* trace_field.c -- fields of every kind, to and from traces */
#include "ref/trace_field.h"
#include "tensor/mem.h"

#include <stdio.h>
#include <string.h>

enum { NAME = 48, NODES_MAX = 512, HASH_MAX = 1 << 24 };

/* "in.table" of prefix and part; the voxel field, which is its one part, is called grid. */
static const char *part_name(char out[NAME], const char *prefix, const FieldPart *part)
{
    snprintf(out, NAME, "%s.%s", prefix, part->name[0] == '\0' ? "grid" : part->name);
    return out;
}

/* Traces have voxels as planes. */
static Shape part_shape(const FieldPart *part, const Field *f)
{
    const int *n = f->config.size;
    return f->config.kind == FIELD_VOXEL ? (Shape){ 4, { 4, n[0], n[1], n[2] } } : part->s;
}

/* ---- writing ---- */

int trace_field_put(const Trace *trace, const char *prefix, const real *v, const Field *f, Arena *arena, Err *err)
{
    char name[NAME];
    FieldPart part[FIELD_PARTS];
    const int parts = field_parts(part, f);
    real *copy = arena_real(arena, f->n, prefix);                       /* the listener may write to it */
    if (copy == NULL) return -1;
    if (f->config.kind == FIELD_VOXEL) voxel_to_planes(copy, v, f);
    else memcpy(copy, v, f->n * sizeof *copy);
    for (int k = 0; k < parts; k++)
        if (trace_put(trace, part_name(name, prefix, &part[k]), copy + part[k].at, part_shape(&part[k], f), err) != 0) return -1;
    return 0;
}

int trace_encoding_put(const Trace *trace, const real *p, const Field *f, int P, Arena *arena, Err *err)
{
    const int n = field_encoding(f);
    real *e = arena_real(arena, (size_t)n * (size_t)P, "encoding");
    if (e == NULL) return -1;
    field_encode(e, p, f, P);
    return trace_put(trace, "out.encoding", e, (Shape){ 2, { P, n } }, err);
}

void record_field(Record *r, const Field *f)
{
    const FieldConfig *c = &f->config;
    stw_meta(r->w, "field", field_kind_names[c->kind]);
    if (c->kind != FIELD_HASHGRID) return;
    record_number(r, "hash_levels", c->levels);
    record_number(r, "hash_table", c->table);
    record_number(r, "hash_features", c->features);
    record_number(r, "hash_base", c->base);
    record_number(r, "hash_growth", c->growth);
}

/* ---- reading ---- */

/* Tensor `name` of ndim dimensions, each at most `most`; shape: how it is said in messages. */
static const StTensor *sized(const Check *c, const char *name, int ndim, int64_t most, const char *shape, Err *err)
{
    char found[ST_SHAPE_ROOM];
    const StTensor *t = st_find(c->file, name);
    int ok = t != NULL && t->ndim == ndim;
    for (int i = 0; ok && i < ndim; i++) ok = t->dim[i] >= 1 && t->dim[i] <= most;
    if (ok) return t;
    if (t == NULL) err_set(err, "%s: no tensor '%s'; such a field needs it (`sdref help trace`)", st_path(c->file), name);
    else err_set(err, "%s: tensor '%s' is %s, expected %s with sides of at most %lld", st_path(c->file), name, st_shape(found, t), shape, (long long)most);
    return NULL;
}

static int voxel_config(FieldConfig *f, const Check *c, Err *err)
{
    const StTensor *t = sized(c, "in.grid", 4, NODES_MAX, "(4,Z,Y,X)", err);
    if (t == NULL) return -1;
    if (t->dim[0] != 4) return err_set(err, "%s: tensor 'in.grid' has %lld channels, expected 4", st_path(c->file), (long long)t->dim[0]);
    for (int i = 0; i < 3; i++) f->size[i] = (int)t->dim[i + 1];
    return 0;
}

static int sh_config(FieldConfig *f, const Check *c, Err *err)
{
    const StTensor *t = sized(c, "in.sh", 4, NODES_MAX, "(Z,Y,X,1+3n)", err);
    if (t == NULL) return -1;
    for (int i = 0; i < 3; i++) f->size[i] = (int)t->dim[i];
    while (f->degree < 2 && 1 + 3 * (f->degree + 1) * (f->degree + 1) < t->dim[3]) f->degree++;
    if (t->dim[3] != 1 + 3 * (f->degree + 1) * (f->degree + 1))
        return err_set(err, "%s: tensor 'in.sh' has %lld channels, expected 4, 13 or 28", st_path(c->file), (long long)t->dim[3]);
    return 0;
}

static int hashgrid_config(FieldConfig *f, const Check *c, Err *err)
{
    const StTensor *w1 = sized(c, "in.w1", 2, HASH_MAX, "(hidden,levels features)", err);
    if (w1 == NULL) return -1;
    f->hidden = (int)w1->dim[0];
    if (meta_whole(&f->levels, c, "hash_levels", 1, HASH_MAX, err) != 0 || meta_whole(&f->table, c, "hash_table", 1, HASH_MAX, err) != 0 ||
        meta_whole(&f->features, c, "hash_features", 1, HASH_MAX, err) != 0 || meta_whole(&f->base, c, "hash_base", 1, HASH_MAX, err) != 0)
        return -1;
    return meta_number(&f->growth, c, "hash_growth", err);
}

static int mlp_config(FieldConfig *f, const Check *c, Err *err)
{
    char name[NAME] = "in.w1";
    const StTensor *w1 = sized(c, name, 2, HASH_MAX, "(hidden,3+6 frequencies)", err);
    if (w1 == NULL) return -1;
    if (w1->dim[1] % 6 != 3) return err_set(err, "%s: tensor 'in.w1' is of %lld inputs, expected 3 + 6 frequencies", st_path(c->file), (long long)w1->dim[1]);
    f->hidden = (int)w1->dim[0];
    f->frequencies = (int)(w1->dim[1] - 3) / 6;
    while (check_has(c, name)) snprintf(name, NAME, "in.w%d", ++f->layers + 1);
    f->layers--;                                                        /* the last is not a hidden one */
    return 0;
}

/* theta, part by part, each of its shape. */
static int read_parts(Field *f, const Check *c, Err *err)
{
    char name[NAME], shape[ST_SHAPE_ROOM], expected[64];
    FieldPart part[FIELD_PARTS];
    const int parts = field_parts(part, f);
    for (int k = 0; k < parts; k++) {
        const Shape s = part_shape(&part[k], f);
        real *v = check_read(c, part_name(name, "in", &part[k]), shape_count(s), err);
        if (v == NULL) return -1;
        const StTensor *t = st_find(c->file, name);
        int same = t->ndim == s.nd;
        for (int i = 0; same && i < s.nd; i++) same = t->dim[i] == s.d[i];
        if (f->config.kind == FIELD_VOXEL) voxel_from_planes(f, v);
        else memcpy(f->theta + part[k].at, v, shape_count(s) * sizeof *v);
        mem_free(v);
        if (!same)
            return err_set(err, "%s: tensor '%s' is %s, expected %s from the others and the metadata", st_path(c->file), name, st_shape(shape, t),
                           shape_text(expected, sizeof expected, s));
    }
    return 0;
}

Field *check_field(const Check *c, Err *err)
{
    static int (*const config_of[FIELD_KINDS])(FieldConfig *, const Check *, Err *) = {
        [FIELD_VOXEL] = voxel_config, [FIELD_HASHGRID] = hashgrid_config, [FIELD_MLP] = mlp_config, [FIELD_SH] = sh_config,
    };
    FieldConfig config = { .kind = FIELD_VOXEL };
    const char *text = meta_text(c, "field", err);
    if (text == NULL) return NULL;
    while (config.kind < FIELD_KINDS && strcmp(text, field_kind_names[config.kind]) != 0) config.kind++;
    if (config.kind == FIELD_KINDS) {
        err_set(err, "%s: metadata 'field' is '%.60s', expected voxel, hashgrid, mlp or sh", st_path(c->file), text);
        return NULL;
    }
    if (config_of[config.kind](&config, c, err) != 0) return NULL;
    Err why = { 0 };
    Field *f = field_new(&config, &why);
    if (f == NULL) err_set(err, "%s: %s", st_path(c->file), why.msg);
    if (f == NULL || read_parts(f, c, err) == 0) return f;
    field_free(f);
    return NULL;
}

int check_encoding(const Check *c, const Trace *trace, const Field *f, Arena *arena, Err *err)
{
    char shape[ST_SHAPE_ROOM];
    if (!check_has(c, "in.points")) return 0;
    const StTensor *t = st_find(c->file, "in.points");
    if (field_encoding(f) == 0) return err_set(err, "%s: 'in.points' with a field of kind %s, which encodes none", st_path(c->file), field_kind_names[f->config.kind]);
    if (t->ndim != 2 || t->dim[1] != 3 || t->dim[0] > 1 << 20)
        return err_set(err, "%s: tensor 'in.points' is %s, expected (P,3), P at most 1048576", st_path(c->file), st_shape(shape, t));
    real *p = check_read(c, "in.points", 0, err);
    if (p == NULL) return -1;
    int status = check_shake(c, p, (size_t)t->count, err);
    if (status == 0) status = trace_encoding_put(trace, p, f, (int)t->dim[0], arena, err);
    mem_free(p);
    return status;
}
