/* field.c -- fields of any kind, and the image, which is one only to be optimised: it is looked at by volume.c itself */
#include "render/field_kinds.h"
#include "tensor/mem.h"

const char *const field_kind_names[] = { "image", "voxel", "hashgrid", "mlp", "sh", NULL };

static const FieldOps *const ops_of_kind[FIELD_KINDS] = { &field_image, &field_voxel, &field_hashgrid, &field_mlp, &field_sh };
static const FieldOps *ops(const Field *f) { return ops_of_kind[f->config.kind]; }

int field_check_size(const FieldConfig *c, int lo, int hi, Err *err)
{
    const int *n = c->size;
    for (int i = 0; i < 3; i++)
        if (n[i] < lo || n[i] > hi) return err_set(err, "field: size %d x %d x %d, expected %d to %d a side", n[0], n[1], n[2], lo, hi);
    return 0;
}

Field *field_new(const FieldConfig *config, Err *err)
{
    const FieldOps *kind = ops_of_kind[config->kind];
    if (kind->check(config, err) != 0) return NULL;
    Field *f = mem_new(1, sizeof *f, "field", err);
    if (f == NULL) return NULL;
    f->config = *config;
    f->n = kind->count(config);
    f->active = config->levels;
    f->theta = mem_new(f->n, sizeof(real), "field", err);
    if (f->theta != NULL) return f;
    mem_free(f);
    return NULL;
}

void field_free(Field *f)
{
    if (f == NULL) return;
    mem_free(f->theta);
    mem_free(f);
}

void field_start(Field *f, uint64_t seed)
{
    for (size_t i = 0; i < f->n; i++) f->theta[i] = 0;
    if (ops(f)->start != NULL) ops(f)->start(f, seed);
}

size_t field_kept(const Field *f) { return ops(f)->kept == NULL ? 0 : ops(f)->kept(f); }

void field_eval(real *raw, const real *p, const real *d, const Field *f, int P, real *kept)
{
    BUG_IF(ops(f)->eval == NULL, "points of a field of kind %s", field_kind_names[f->config.kind]);
    ops(f)->eval(raw, p, d, f, P, kept);
}

void field_pull(real *restrict dtheta, const real *restrict draw, const real *restrict p, const real *restrict d, const Field *f, int P,
                real *restrict kept)
{
    BUG_IF(ops(f)->pull == NULL, "points of a field of kind %s", field_kind_names[f->config.kind]);
    ops(f)->pull(dtheta, draw, p, d, f, P, kept);
}

int field_has_slope(FieldKind kind) { return ops_of_kind[kind]->eval_slope != NULL; }

void field_eval_slope(real *raw, const real *p, const real *d, const Field *f, int P)
{
    BUG_IF(ops(f)->eval_slope == NULL, "slope of a field of kind %s", field_kind_names[f->config.kind]);
    ops(f)->eval_slope(raw, p, d, f, P);
}

void field_pull_slope(real *restrict dtheta, const real *restrict draw, const real *restrict p, const real *restrict d, const Field *f, int P)
{
    BUG_IF(ops(f)->pull_slope == NULL, "slope of a field of kind %s", field_kind_names[f->config.kind]);
    ops(f)->pull_slope(dtheta, draw, p, d, f, P);
}

int field_parts(FieldPart part[FIELD_PARTS], const Field *f) { return ops(f)->parts(part, f); }

int field_encoding(const Field *f) { return ops(f)->encoding == NULL ? 0 : ops(f)->encoding(f); }

void field_encode(real *e, const real *p, const Field *f, int P)
{
    BUG_IF(ops(f)->encode == NULL, "encoding of a field of kind %s", field_kind_names[f->config.kind]);
    ops(f)->encode(e, p, f, P);
}

/* ---- the image ---- */

static int check(const FieldConfig *c, Err *err) { return field_check_size(c, 1, 4096, err); }

static size_t count(const FieldConfig *c) { return (size_t)c->size[0] * (size_t)c->size[1] * (size_t)c->size[2]; }

static int parts(FieldPart part[FIELD_PARTS], const Field *f)
{
    const int *n = f->config.size;
    part[0] = (FieldPart){ "", 0, (Shape){ 3, { n[0], n[1], n[2] } } };
    return 1;
}

const FieldOps field_image = { .check = check, .count = count, .parts = parts };
