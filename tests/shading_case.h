/* shading_case.h -- a voxel field, a camera and settings as a function of one vector, theta and then the background's: for t_shading, t64_shading */
#ifndef SDREF_TESTS_SHADING_CASE_H
#define SDREF_TESTS_SHADING_CASE_H

#include "render/volume.h"
#include "tensor/mem.h"
#include "tensor/rng.h"
#include "tests/harness.h"

enum { CASE_H = 5, CASE_W = 7, CASE_PIXELS = CASE_H * CASE_W, CASE_N = 11, CASE_OUT = 10 * CASE_PIXELS, CASE_THETA = 3 * 5 * 4 * 4 };

typedef struct ShadingCase {
    Field *f;
    Renderer *r;
    Camera camera;
    RenderSettings s;
    int outputs;                              /* bit i: output i is wanted; y holds all six one after the other, 0 where it is not */
    real jitter[CASE_PIXELS * CASE_N];
} ShadingCase;

/* From outside, from nearby with a wide view, from inside the cube. */
static inline void case_camera(ShadingCase *k, int view)
{
    static const double views[3][4] = { { 20, 30, 2.5, 40 }, { -35, 200, 1.7, 80 }, { 5, -100, 0.4, 60 } };
    camera_look_at(&k->camera, views[view][0], views[view][1], views[view][2], views[view][3], CASE_H, CASE_W);
    k->s.jitter = view == 0 ? NULL : k->jitter;
}

static inline void case_open(ShadingCase *k, Shading shading)
{
    Err err = { 0 };
    memset(k, 0, sizeof *k);
    k->f = field_new(&(FieldConfig){ .kind = FIELD_VOXEL, .size = { 3, 5, 4 } }, &err);
    k->r = k->f == NULL ? NULL : renderer_new(k->f, CASE_N, &err);
    CHECK(k->r != NULL && k->f->n == CASE_THETA, "%s", err.msg);
    if (k->r == NULL) exit(1);
    rng_normal(k->f->theta, (RngAt){ 3, 0, 0, RNG_INIT }, k->f->n);
    for (int i = 0; i < CASE_THETA; i += 4) {             /* a slope everywhere, so that normals do not hang on rounding */
        const int x = i / 4 % 4, y = i / 16 % 5, z = i / 80;
        k->f->theta[i] = R(0.8) * k->f->theta[i] + R(1.3) * (real)x - R(0.9) * (real)y + R(0.8) * (real)z + R(1.0);
    }
    rng_uniform(k->jitter, (RngAt){ 3, 0, 0, RNG_JITTER }, CASE_PIXELS * CASE_N);
    k->s = (RenderSettings){ .samples = CASE_N, .background = { R(0.2), R(0.5), R(0.8) }, .shading = shading, .light = { R(1.5), R(-2.0), R(2.5) } };
    k->outputs = 63;
    case_camera(k, 0);
}

static inline void case_close(ShadingCase *k)
{
    background_free(k->s.learnt);
    renderer_free(k->r);
    field_free(k->f);
}

static inline RenderOut case_split(const ShadingCase *k, real *y)
{
    RenderOut o = { 0 };
    for (int i = 0; i < RENDER_OUTPUTS; i++) {
        if (k->outputs >> i & 1) *render_output(&o, i) = y;
        y += render_outputs[i].channels * CASE_PIXELS;
    }
    return o;
}

static inline void case_set(ShadingCase *k, const real *x)
{
    memcpy(k->f->theta, x, k->f->n * sizeof(real));
    if (k->s.learnt != NULL) memcpy(k->s.learnt->theta, x + k->f->n, k->s.learnt->n * sizeof(real));
}

static inline void case_view(void *self, real *y, const real *x)
{
    ShadingCase *k = self;
    RenderOut out = case_split(k, y);
    if (x != NULL) case_set(k, x);
    memset(y, 0, CASE_OUT * sizeof(real));
    render_view(&out, k->r, k->f, &k->camera, &k->s);
}

static inline void case_back(void *self, real *dx, const real *dy, const real *x)
{
    ShadingCase *k = self;
    Background *b = k->s.learnt;
    real g[CASE_OUT];
    memcpy(g, dy, sizeof g);
    const RenderOut cotangent = case_split(k, g);
    if (x != NULL) case_set(k, x);
    if (b != NULL) memcpy(b->gradient, dx + k->f->n, b->n * sizeof(real));
    render_pull(dx, k->r, k->f, &k->camera, &k->s, &cotangent);
    if (b != NULL) memcpy(dx + k->f->n, b->gradient, b->n * sizeof(real));
}

static inline void case_learn(ShadingCase *k, BackgroundKind kind)
{
    Err err = { 0 };
    k->s.learnt = background_new(&(BackgroundConfig){ .kind = kind, .frequencies = 3, .hidden = 9 }, &err);
    CHECK(k->s.learnt != NULL, "%s", err.msg);
    if (k->s.learnt == NULL) exit(1);
    rng_normal(k->s.learnt->theta, (RngAt){ 3, 1, 0, RNG_INIT }, k->s.learnt->n);
}

#endif
