/* t64_field_grad.c -- gradients of fields in binary64: every kind at its points and through the renderer; adjoint identities of what is linear */
#include "render/hashgrid.h"
#include "render/volume.h"
#include "tests/gradcheck.h"

#include <math.h>

enum { P = 45, H = 5, W = 7, N = 6, KEPT = 200 };

static const FieldConfig configs[] = {
    { .kind = FIELD_VOXEL, .size = { 3, 5, 4 } },
    { .kind = FIELD_HASHGRID, .levels = 3, .features = 2, .table = 32, .base = 2, .growth = 1.7, .hidden = 9, .peak = 1, .slope = 2 },
    { .kind = FIELD_HASHGRID, .levels = 2, .features = 3, .table = 64, .base = 3, .growth = 1.5, .hidden = 37 },
    { .kind = FIELD_MLP, .frequencies = 2, .layers = 3, .hidden = 11, .peak = 1, .slope = 2 },
    { .kind = FIELD_MLP, .frequencies = 0, .layers = 1, .hidden = 40 },
    { .kind = FIELD_SH, .size = { 3, 2, 4 }, .degree = 0 },
    { .kind = FIELD_SH, .size = { 4, 3, 2 }, .degree = 1 },
    { .kind = FIELD_SH, .size = { 2, 3, 3 }, .degree = 2 },
};
enum { CONFIGS = sizeof configs / sizeof configs[0] };

typedef struct Scene { Field *f; Renderer *r; Camera camera; RenderSettings s; real p[3 * P], d[3 * P], kept[KEPT * P]; } Scene;

/* Values under which no relu is near its kink: biases of hidden layers are 3 or -3, weights small. */
static void theta_of(real *theta, const Field *f)
{
    FieldPart part[FIELD_PARTS];
    const int parts = field_parts(part, f);
    rng_normal(theta, (RngAt){ 3, 0, 0, RNG_INIT }, f->n);
    for (int k = 0; k < parts && (f->config.kind == FIELD_HASHGRID || f->config.kind == FIELD_MLP); k++) {
        const size_t n = shape_count(part[k].s);
        real *v = theta + part[k].at;
        if (part[k].s.nd == 2) for (size_t i = 0; i < n; i++) v[i] *= R(0.3) / (real)part[k].s.d[1];
        if (part[k].s.nd == 1 && k < parts - 1) for (size_t i = 0; i < n; i++) v[i] = i % 3 == 1 ? -3 : 3;
    }
}

static void scene_open(Scene *k, const FieldConfig *c)
{
    Err err = { 0 };
    *k = (Scene){ .f = field_new(c, &err), .s = { N, { R(0.2), R(0.5), R(0.8) }, NULL } };
    k->r = renderer_new(k->f, N, &err);
    CHECK(!err.set && field_kept(k->f) <= KEPT, "%s", err.msg);
    camera_look_at(&k->camera, -35, 200, 1.7, 80, H, W);
    rng_uniform(k->p, (RngAt){ 4, 0, 0, RNG_PROBE }, 3 * P);
    rng_normal(k->d, (RngAt){ 4, 1, 0, RNG_PROBE }, 3 * P);
    for (int i = 0; i < 3 * P; i++) k->p[i] = i % 7 == 0 ? R(1.0) : i % 11 == 0 ? R(-1.0) : R(2.0) * k->p[i] - R(1.0);
    theta_of(k->f->theta, k->f);
}
static void scene_close(Scene *k)
{
    renderer_free(k->r);
    field_free(k->f);
}

static void points_forward(void *self, real *y, const real *x)
{
    Scene *k = self;
    memcpy(k->f->theta, x, k->f->n * sizeof(real));
    field_eval(y, k->p, k->d, k->f, P, k->kept);
}
static void points_pull(void *self, real *dx, const real *dy, const real *x)
{
    Scene *k = self;
    real y[4 * P];
    points_forward(self, y, x);
    field_pull(dx, dy, k->p, k->d, k->f, P, k->kept);
}

static void split(RenderOut *o, real *y) { *o = (RenderOut){ .rgb = y, .opacity = y + 3 * H * W, .depth = y + 4 * H * W, .z_variance = y + 5 * H * W }; }
static void view_forward(void *self, real *y, const real *x)
{
    Scene *k = self;
    RenderOut out;
    memcpy(k->f->theta, x, k->f->n * sizeof(real));
    split(&out, y);
    render_view(&out, k->r, k->f, &k->camera, &k->s);
}
static void view_pull(void *self, real *dx, const real *dy, const real *x)
{
    Scene *k = self;
    RenderOut g;
    real y[6 * H * W];
    memcpy(k->f->theta, x, k->f->n * sizeof(real));
    memcpy(y, dy, sizeof y);
    split(&g, y);
    render_pull(dx, k->r, k->f, &k->camera, &k->s, &g);
}

/* With the slope: at points, and as normals of a view. */
static void slopes_forward(void *self, real *y, const real *x)
{
    Scene *k = self;
    memcpy(k->f->theta, x, k->f->n * sizeof(real));
    field_eval_slope(y, k->p, k->d, k->f, P);
}
static void slopes_pull(void *self, real *dx, const real *dy, const real *x)
{
    Scene *k = self;
    memcpy(k->f->theta, x, k->f->n * sizeof(real));
    field_pull_slope(dx, dy, k->p, k->d, k->f, P);
}
static void normals_forward(void *self, real *y, const real *x)
{
    Scene *k = self;
    memcpy(k->f->theta, x, k->f->n * sizeof(real));
    render_view(&(RenderOut){ .normal = y, .rgb = y + 3 * H * W }, k->r, k->f, &k->camera, &k->s);
}
static void normals_pull(void *self, real *dx, const real *dy, const real *x)
{
    Scene *k = self;
    real y[6 * H * W];
    memcpy(k->f->theta, x, k->f->n * sizeof(real));
    memcpy(y, dy, sizeof y);
    render_pull(dx, k->r, k->f, &k->camera, &k->s, &(RenderOut){ .normal = y, .rgb = y + 3 * H * W });
}
static void check_slopes(Scene *k, const real *x)
{
    const char *name = field_kind_names[k->f->config.kind];
    gradcheck(&(GradCheck){ name, k->f->n, 7 * P, slopes_forward, slopes_pull, k, 0 }, x);
    k->s.normals = NORMALS_ANALYTIC;
    k->s.shading = SHADE_NORMAL;
    gradcheck(&(GradCheck){ name, k->f->n, 6 * H * W, normals_forward, normals_pull, k, 1e-5 }, x);
}

static void gradients_are_right(void)
{
    for (int i = 0; i < CONFIGS; i++) {
        Err err = { 0 };
        Scene k;
        scene_open(&k, &configs[i]);
        real *x = mem_new(k.f->n, sizeof *x, "theta", &err);
        memcpy(x, k.f->theta, k.f->n * sizeof *x);
        char name[40];
        snprintf(name, sizeof name, "config %d, points", i);
        gradcheck(&(GradCheck){ name, k.f->n, 4 * P, points_forward, points_pull, &k, 0 }, x);
        snprintf(name, sizeof name, "config %d, a view", i);
        gradcheck(&(GradCheck){ name, k.f->n, 6 * H * W, view_forward, view_pull, &k, 0 }, x);
        if (configs[i].kind == FIELD_HASHGRID) {
            k.f->active = 1;
            snprintf(name, sizeof name, "config %d, one level", i);
            gradcheck(&(GradCheck){ name, k.f->n, 4 * P, points_forward, points_pull, &k, 0 }, x);
        }
        if (field_has_slope(configs[i].kind)) check_slopes(&k, x);
        mem_free(x);
        scene_close(&k);
    }
}

/* f(theta) of 4 planes, or of 7 with the slope, and J^T draw. */
static void look(real *raw, Scene *k, int planes)
{
    if (planes == 7) field_eval_slope(raw, k->p, k->d, k->f, P);
    else field_eval(raw, k->p, k->d, k->f, P, k->kept);
}
static void pull(real *grad, const real *draw, Scene *k, int planes)
{
    if (planes == 7) field_pull_slope(grad, draw, k->p, k->d, k->f, P);
    else field_pull(grad, draw, k->p, k->d, k->f, P, k->kept);
}

/* What is linear in theta[0..n): <draw, f(theta) - f(0)> = <J^T draw, theta>, up to rounding. */
static void adjoint(Scene *k, size_t n, int planes, const char *what)
{
    Err err = { 0 };
    real raw[7 * P], raw0[7 * P], draw[7 * P];
    real *grad = mem_new(2 * k->f->n, sizeof *grad, "gradient", &err), *theta = grad + k->f->n;
    double left = 0, right = 0, size = 0;
    rng_normal(draw, (RngAt){ 7, 0, 0, RNG_PROBE }, 7 * P);
    memcpy(theta, k->f->theta, n * sizeof *theta);
    memset(k->f->theta, 0, n * sizeof *theta);
    look(raw0, k, planes);
    memcpy(k->f->theta, theta, n * sizeof *theta);
    look(raw, k, planes);
    pull(grad, draw, k, planes);
    for (int i = 0; i < planes * P; i++) left += (double)(draw[i] * (raw[i] - raw0[i]));
    for (int i = 0; i < planes * P; i++) size += fabs((double)draw[i]) * (fabs((double)raw[i]) + fabs((double)raw0[i]));
    for (size_t i = 0; i < n; i++) right += (double)(grad[i] * theta[i]);
    CHECK_LE(fabs(left - right), 1e-14 * size, "%s: %.17g against %.17g", what, left, right);
    CHECK(fabs(left) > 1e-2, "%s: nothing was compared", what);
    mem_free(grad);
}

static void adjoint_identities(void)
{
    for (int i = 0; i < CONFIGS; i++) {
        const FieldConfig *c = &configs[i];
        if (c->kind == FIELD_MLP) continue;
        Scene k;
        scene_open(&k, c);
        if (c->kind == FIELD_HASHGRID) adjoint(&k, hashgrid_table(c), 4, "table");         /* no relu turns: the network is affine in its input */
        else adjoint(&k, k.f->n, 4, field_kind_names[c->kind]);
        if (field_has_slope(c->kind)) adjoint(&k, k.f->n, 7, "slope");
        scene_close(&k);
    }
}

int main(void)
{
    TEST(gradients_are_right);
    TEST(adjoint_identities);
    return test_end();
}
