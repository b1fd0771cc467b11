/* params.c -- parameters by name: a hash table over a file set, or over what was declared */
#include "nn/params.h"
#include "tensor/rng.h"

#include <stdio.h>
#include <string.h>

typedef struct Param {
    Weight w;
    Init init;
    const StTensor *from;     /* NULL when declared */
    char *name;               /* owned when declared or renamed, else NULL */
    real *owned, *gradient;
    int used;
} Param;

enum { SLOTS_MIN = 64 };
struct Params {
    StSet *set;
    char source[512];
    Param **at;               /* (count): each one's address stays, so a Weight may be kept */
    int count, room;
    int *slot, slots;         /* (slots): index + 1, 0 free; slots is a power of 2 and at least twice the count */
};

static uint32_t hash_of(const char *s)                    /* FNV-1a */
{
    uint32_t h = 2166136261u;
    for (; *s != 0; s++) h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

static int find(const Params *p, const char *name)
{
    if (p->slots == 0) return -1;
    for (uint32_t h = hash_of(name);; h++) {
        const int i = p->slot[h & (uint32_t)(p->slots - 1)];
        if (i == 0) return -1;
        if (strcmp(p->at[i - 1]->w.name, name) == 0) return i - 1;
    }
}

static void slot_set(Params *p, int i)
{
    uint32_t h = hash_of(p->at[i]->w.name);
    while (p->slot[h & (uint32_t)(p->slots - 1)] != 0) h++;
    p->slot[h & (uint32_t)(p->slots - 1)] = i + 1;
}

static int grow(Params *p, Err *err)
{
    const int room = p->room == 0 ? SLOTS_MIN / 2 : 2 * p->room;
    Param **at = mem_new((size_t)room, sizeof *at, "parameters", err);
    int *slot = mem_new(2 * (size_t)room, sizeof *slot, "parameters", err);
    if (at == NULL || slot == NULL) {
        mem_free(at);
        mem_free(slot);
        return -1;
    }
    if (p->count > 0) memcpy(at, p->at, (size_t)p->count * sizeof *at);
    mem_free(p->at);
    mem_free(p->slot);
    p->at = at;
    p->slot = slot;
    p->room = room;
    p->slots = 2 * room;
    for (int i = 0; i < p->count; i++) slot_set(p, i);
    return 0;
}

static Param *add(Params *p, Err *err)
{
    if (p->count == p->room && grow(p, err) != 0) return NULL;
    Param *param = mem_new(1, sizeof *param, "parameter", err);
    if (param != NULL) p->at[p->count++] = param;
    return param;
}

/* ---- from files ---- */

static int add_tensor(Params *p, const StTensor *t, Err *err)
{
    static const struct { StDtype dtype; Store store; } stores[] = {
        { ST_F16, STORE_F16 }, { ST_BF16, STORE_BF16 }, { ST_F32, STORE_F32 }, { ST_F64, STORE_F64 },
    };
    char shape[ST_SHAPE_ROOM];
    Param *param = add(p, err);
    if (param == NULL) return -1;
    param->from = t;
    param->w.name = t->name;
    if (t->ndim > SHAPE_MAX)
        return err_set(err, "%s: tensor '%s' is %s, expected at most %d dimensions", t->file, t->name, st_shape(shape, t), (int)SHAPE_MAX);
    param->w.s.nd = t->ndim;
    for (int i = 0; i < t->ndim; i++) param->w.s.d[i] = t->dim[i];
    param->w.n = (size_t)t->count;
    for (int i = 0; i < 4; i++)
        if (t->dtype == stores[i].dtype) {
            param->w.store = stores[i].store;
            param->w.at = t->bytes;
        }
    slot_set(p, p->count - 1);
    return 0;
}

Params *params_open(const char *folder, const char *stem, Err *err)
{
    Params *p = mem_new(1, sizeof *p, "parameters", err);
    if (p == NULL) return NULL;
    p->set = st_set_open(folder, stem, err);
    int status = p->set == NULL ? -1 : 0;
    for (int i = 0; status == 0 && i < st_set_count(p->set); i++) status = add_tensor(p, st_set_at(p->set, i), err);
    if (status != 0) {
        params_free(p);
        return NULL;
    }
    snprintf(p->source, sizeof p->source, "%s/%s", folder, st_set_source(p->set));
    return p;
}

Params *params_new(const char *name, Err *err)
{
    Params *p = mem_new(1, sizeof *p, "parameters", err);
    if (p != NULL) snprintf(p->source, sizeof p->source, "%s", name);
    return p;
}

void params_free(Params *p)
{
    if (p == NULL) return;
    for (int i = 0; i < p->count; i++) {
        mem_free(p->at[i]->name);
        mem_free(p->at[i]->owned);
        mem_free(p->at[i]->gradient);
        mem_free(p->at[i]);
    }
    mem_free(p->at);
    mem_free(p->slot);
    st_set_close(p->set);
    mem_free(p);
}

static int rename_param(Param *param, const char *from, const char *to, const char *at, Err *err)
{
    const size_t bytes = strlen(param->w.name) - strlen(from) + strlen(to) + 1;
    param->name = mem_new(bytes, 1, "parameter", err);
    if (param->name == NULL) return -1;
    snprintf(param->name, bytes, "%.*s%s%s", (int)(at - param->w.name), param->w.name, to, at + strlen(from));
    param->w.name = param->name;
    const Shape s = param->w.s;
    if (s.nd == 4 && s.d[2] == 1 && s.d[3] == 1) param->w.s.nd = 2;
    return 0;
}

int params_modern_names(Params *p, Err *err)
{
    static const char *const pairs[4][2] = { { ".query.", ".to_q." }, { ".key.", ".to_k." }, { ".value.", ".to_v." }, { ".proj_attn.", ".to_out.0." } };
    int status = 0;
    for (int i = 0; i < p->count; i++)
        for (int k = 0; k < 4 && status == 0; k++) {
            const char *at = strstr(p->at[i]->w.name, pairs[k][0]);
            if (at != NULL && p->at[i]->name == NULL) status = rename_param(p->at[i], pairs[k][0], pairs[k][1], at, err);
        }
    if (p->slots > 0) memset(p->slot, 0, (size_t)p->slots * sizeof *p->slot);
    for (int i = 0; i < p->count; i++) slot_set(p, i);
    return status;
}

const char   *params_source(const Params *p) { return p->source; }
const char   *params_variant(const Params *p) { return p->set == NULL ? "" : st_set_source(p->set); }
int           params_count(const Params *p) { return p->count; }
const Weight *params_at(const Params *p, int i) { return &p->at[i]->w; }
Init          params_init(const Params *p, int i) { return p->at[i]->init; }

/* ---- asking ---- */

int params_has(const Params *p, const char *name) { return find(p, name) >= 0; }

const Weight *params_get(Params *p, const char *name)
{
    const int i = find(p, name);
    if (i < 0) return NULL;
    p->at[i]->used = 1;
    return &p->at[i]->w;
}

static const Weight *declare(Params *p, const char *name, Shape s, Init init, Err *err)
{
    Param *param = add(p, err);
    if (param == NULL) return NULL;
    const size_t bytes = strlen(name) + 1;
    param->name = mem_new(bytes, 1, "parameter", err);
    if (param->name == NULL) {
        p->count--;
        mem_free(param);
        return NULL;
    }
    memcpy(param->name, name, bytes);
    param->w = (Weight){ .s = s, .n = shape_count(s), .store = STORE_REAL, .name = param->name };
    param->init = init;
    param->used = 1;
    slot_set(p, p->count - 1);
    return &param->w;
}

const Weight *params_need(Params *p, const char *name, Shape s, Init init, Err *err)
{
    char found[ST_SHAPE_ROOM], expected[64];
    const int i = find(p, name);
    if (i < 0 && p->set == NULL) return declare(p, name, s, init, err);
    if (i < 0) {
        err_set(err, "%s: no tensor '%s', expected one of shape %s", p->source, name, shape_text(expected, sizeof expected, s));
        return NULL;
    }
    Param *param = p->at[i];
    param->used = 1;
    if (param->from != NULL && !st_dtype_is_float(param->from->dtype)) {
        err_set(err, "%s: tensor '%s' is %s, expected F16, BF16, F32 or F64", param->from->file, name, st_shape(found, param->from));
        return NULL;
    }
    if (!shape_equal(param->w.s, s)) {
        err_set(err, "%s: tensor '%s' is %s, expected %s", param->from == NULL ? p->source : param->from->file, name,
                shape_text(found, sizeof found, param->w.s), shape_text(expected, sizeof expected, s));
        return NULL;
    }
    return &param->w;
}

int params_all_used(const Params *p, Err *err)
{
    char shape[ST_SHAPE_ROOM];
    for (int i = 0; i < p->count; i++) {
        const StTensor *t = p->at[i]->from;
        if (p->at[i]->used || t == NULL || !st_dtype_is_float(t->dtype)) continue;
        return err_set(err, "%s: tensor '%s' %s is no part of the network that config.json describes", t->file, t->name, st_shape(shape, t));
    }
    return 0;
}

/* ---- to be trained ---- */

static int want(Param *param, Err *err)
{
    if (param->gradient != NULL) return 0;
    param->gradient = mem_new(param->w.n, sizeof(real), param->w.name, err);
    param->w.g = param->gradient;
    return param->gradient == NULL ? -1 : 0;
}

static int own(Param *param, Err *err)
{
    if (param->owned != NULL) return 0;
    param->owned = mem_new(param->w.n, sizeof(real), param->w.name, err);
    if (param->owned == NULL) return -1;
    if (param->w.at != NULL) weight_read(param->owned, &param->w, 0, param->w.n);
    param->w.at = param->owned;
    param->w.store = STORE_REAL;
    return 0;
}

static int each(Params *p, const char *name, int (*f)(Param *, Err *), Err *err)
{
    const int only = name == NULL ? -1 : find(p, name);
    if (name != NULL && only < 0) return err_set(err, "%s: no tensor '%s'", p->source, name);
    if (only >= 0) return f(p->at[only], err);
    for (int i = 0; i < p->count; i++)
        if (f(p->at[i], err) != 0) return -1;
    return 0;
}

int params_want_gradient(Params *p, const char *name, Err *err) { return each(p, name, want, err); }
int params_own(Params *p, const char *name, Err *err) { return each(p, name, own, err); }

real *params_values(Params *p, int i, Err *err) { return own(p->at[i], err) == 0 ? p->at[i]->owned : NULL; }

size_t params_total(const Params *p)
{
    size_t n = 0;
    for (int i = 0; i < p->count; i++) n += p->at[i]->w.n;
    return n;
}

void params_bind(Params *p, real *values)
{
    for (int i = 0; i < p->count; i++) {
        BUG_IF(p->at[i]->from != NULL || p->at[i]->owned != NULL, "params_bind: '%s' has values of its own", p->at[i]->w.name);
        p->at[i]->w.at = values;
        values += p->at[i]->w.n;
    }
}

Params *params_twin(const Params *p, real *gradient, Err *err)
{
    Params *twin = params_new(p->source, err);
    for (int i = 0; twin != NULL && i < p->count; i++) {
        Param *param = add(twin, err);
        if (param == NULL) {
            params_free(twin);
            return NULL;
        }
        param->w = p->at[i]->w;
        param->w.g = gradient;
        gradient += param->w.n;
        slot_set(twin, i);
    }
    return twin;
}

double params_draw(const Params *p, int i, uint64_t seed, uint32_t number, uint32_t k)
{
    const Init init = p->at[i]->init;
    const RngAt at = { seed, number, 0, RNG_INIT };
    if (init.kind == INIT_NORMAL) return init.scale * rng_normal_at(at, k);
    if (init.kind == INIT_UNIFORM) return init.scale * (2 * rng_uniform_at(at, k) - 1);
    return init.kind == INIT_ONE ? 1 : 0;
}
