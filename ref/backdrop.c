/* backdrop.c -- the learnt background of a run; see backdrop.h */
#include "ref/backdrop.h"
#include "tensor/adam.h"
#include "tensor/mem.h"

#include <stdio.h>

int backdrop_new(Backdrop *b, const BackgroundConfig *config, uint64_t seed, int particle, Err *err)
{
    *b = (Backdrop){ .background = background_new(config, err) };
    if (b->background == NULL) return -1;
    b->m = mem_new(b->background->n, sizeof(real), "Adam's moments of the background", err);
    b->v = mem_new(b->background->n, sizeof(real), "Adam's moments of the background", err);
    background_start(b->background, (RngAt){ seed, (uint32_t)particle, 1, RNG_INIT });
    if (b->m != NULL && b->v != NULL) return 0;
    backdrop_free(b);
    return -1;
}

void backdrop_free(Backdrop *b)
{
    background_free(b->background);
    mem_free(b->m);
    mem_free(b->v);
    *b = (Backdrop){ 0 };
}

void backdrop_begin(Backdrop *b)
{
    for (size_t i = 0; b->background != NULL && i < b->background->n; i++) b->background->gradient[i] = 0;
}

int backdrop_step(Backdrop *b, double lr, long count, Err *err)
{
    if (b->background == NULL) return 0;
    const size_t n = b->background->n;
    const AdamConfig adam = { .lr = lr, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-15 };
    if (state_finite(b->background->gradient, n, "the background's gradient", err) != 0) return -1;
    adam_step(b->background->theta, b->m, b->v, b->background->gradient, n, adam, count);
    if (state_finite(b->background->theta, n, "the background's parameters", err) != 0) return -1;
    return state_finite(b->v, n, "Adam's second moment of the background", err);
}

/* ---- the checkpoint ---- */

enum { ARRAYS = 3, NAME = 64 };
static const char *const array_name[ARRAYS] = { "", ".adam.m", ".adam.v" };

static void name_of(char name[NAME], int array, int particle, const char *part)
{
    char number[16] = "";
    if (particle > 0) snprintf(number, sizeof number, ".%d", particle);
    snprintf(name, NAME, "background%s%s%s%s", number, array_name[array], part[0] == '\0' ? "" : ".", part);
}

void backdrop_put(const Backdrop *b, StWriter *w, int particle)
{
    FieldPart part[BACKGROUND_PARTS];
    if (b->background == NULL) return;
    const int parts = background_parts(part, b->background);
    const real *const from[ARRAYS] = { b->background->theta, b->m, b->v };
    for (int k = 0; k < ARRAYS; k++)
        for (int i = 0; i < parts; i++) {
            char name[NAME];
            name_of(name, k, particle, part[i].name);
            stw_add(w, name, ST_REAL, part[i].s.nd, part[i].s.d, from[k] + part[i].at);
        }
}

int backdrop_get(Backdrop *b, const StFile *f, int particle, Err *err)
{
    FieldPart part[BACKGROUND_PARTS];
    if (b->background == NULL) return 0;
    const int parts = background_parts(part, b->background);
    real *const to[ARRAYS] = { b->background->theta, b->m, b->v };
    for (int k = 0; k < ARRAYS; k++)
        for (int i = 0; i < parts; i++) {
            char name[NAME];
            name_of(name, k, particle, part[i].name);
            if (state_read(to[k] + part[i].at, f, name, part[i].s, err) != 0) return -1;
        }
    return 0;
}
