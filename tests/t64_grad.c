/* t64_grad.c -- gradients in binary64: the volume renderer, the fields, the tape's operations; and that the checker can fail */
#include "render/volume.h"
#include "tensor/elem.h"
#include "tensor/tape.h"
#include "tests/gradcheck.h"

#include <math.h>

/* ---- the checker itself: a right pair and two planted mistakes ---- */

enum { N = 37 };
static void silu(void *self, real *y, const real *x)
{
    (void)self;
    for (int i = 0; i < N; i++) y[i] = x[i] * r_sigmoid(x[i]);
}
/* y = x s(x):  dy/dx = s (1 + x (1 - s));  mutant 1: the sign of the second term, mutant 2: half of everything */
static void silu_pull(void *self, real *dx, const real *dy, const real *x)
{
    const int mutant = *(const int *)self;
    for (int i = 0; i < N; i++) {
        const real s = r_sigmoid(x[i]), rest = x[i] * (R(1.0) - s);
        const real slope = s * (R(1.0) + (mutant == 1 ? -rest : rest));
        dx[i] += (mutant == 2 ? R(0.5) : R(1.0)) * dy[i] * slope;
    }
}

static void checker_catches_mutants(void)
{
    real x[N];
    rng_normal(x, (RngAt){ 7, 0, 0, RNG_INIT }, N);
    for (int mutant = 0; mutant < 3; mutant++) {
        const GradCheck g = { "silu", N, N, silu, silu_pull, &mutant, 0 };
        for (uint64_t seed = 1; seed <= 3; seed++)
            CHECK((gradcheck_run(&g, x, seed, mutant != 0) == 0) == (mutant == 0), "mutant %d, seed %d", mutant, (int)seed);
    }
}

/* ---- volume renderer: all outputs of a voxel field with odd sizes, with and without jitter, camera outside and inside ---- */

typedef struct Scene { Field *f; Renderer *r; Camera camera; RenderSettings s; } Scene;

static void split(RenderOut *o, real *y, size_t pixels)
{
    *o = (RenderOut){ .rgb = y, .opacity = y + 3 * pixels, .depth = y + 4 * pixels, .z_variance = y + 5 * pixels };
}
static void scene_forward(void *self, real *y, const real *x)
{
    Scene *k = self;
    RenderOut out;
    memcpy(k->f->theta, x, k->f->n * sizeof(real));
    split(&out, y, (size_t)k->camera.h * (size_t)k->camera.w);
    render_view(&out, k->r, k->f, &k->camera, &k->s);
}
static void scene_pull(void *self, real *dx, const real *dy, const real *x)
{
    Scene *k = self;
    RenderOut g;
    real y[6 * 64];
    memcpy(k->f->theta, x, k->f->n * sizeof(real));
    memcpy(y, dy, 6 * (size_t)k->camera.h * (size_t)k->camera.w * sizeof(real));
    split(&g, y, (size_t)k->camera.h * (size_t)k->camera.w);
    render_pull(dx, k->r, k->f, &k->camera, &k->s, &g);
}

static void voxel_gradients(void)
{
    const struct { double elevation, azimuth, distance, fovy; int jitter; } view[] = {
        { 20, 30, 2.5, 40, 0 }, { -35, 200, 1.7, 80, 1 }, { 5, -100, 0.4, 60, 1 },
    };
    Err err = { 0 };
    Scene k = { .f = field_new(&(FieldConfig){ .kind = FIELD_VOXEL, .size = { 3, 5, 4 } }, &err) };
    k.r = renderer_new(k.f, 11, &err);
    CHECK(!err.set, "%s", err.msg);
    real x[3 * 5 * 4 * 4], jitter[5 * 7 * 11];
    rng_normal(x, (RngAt){ 3, 0, 0, RNG_INIT }, k.f->n);
    rng_uniform(jitter, (RngAt){ 3, 0, 0, RNG_JITTER }, 5 * 7 * 11);
    for (size_t i = 0; i < sizeof view / sizeof view[0]; i++) {
        camera_look_at(&k.camera, view[i].elevation, view[i].azimuth, view[i].distance, view[i].fovy, 5, 7);
        k.s = (RenderSettings){ .samples = 11, .background = { R(0.2), R(0.5), R(0.8) }, .jitter = view[i].jitter ? jitter : NULL };
        const GradCheck g = { "voxel", k.f->n, 6 * 35, scene_forward, scene_pull, &k, 0 };
        gradcheck(&g, x);
    }
    renderer_free(k.r);
    field_free(k.f);
}

static void image_gradient(void)
{
    Err err = { 0 };
    Scene k = { .f = field_new(&(FieldConfig){ .kind = FIELD_IMAGE, .size = { 3, 5, 7 } }, &err) };
    k.r = renderer_new(k.f, 1, &err);
    CHECK(!err.set, "%s", err.msg);
    real x[105];
    rng_normal(x, (RngAt){ 4, 0, 0, RNG_INIT }, 105);
    camera_look_at(&k.camera, 0, 0, 2, 40, 5, 7);
    k.s = (RenderSettings){ .samples = 1 };
    const GradCheck g = { "image", 105, 6 * 35, scene_forward, scene_pull, &k, 0 };
    gradcheck(&g, x);
    renderer_free(k.r);
    field_free(k.f);
}

/* The interpolation is linear in theta: <draw, J v> = <J^T draw, v>, exact up to rounding. Points include faces and corners. */
static void voxel_adjoint_identity(void)
{
    enum { P = 50 };
    Err err = { 0 };
    Field *f = field_new(&(FieldConfig){ .kind = FIELD_VOXEL, .size = { 4, 3, 6 } }, &err);
    real p[3 * P], raw[4 * P], draw[4 * P], dtheta[4 * 3 * 6 * 4] = { 0 };
    rng_uniform(p, (RngAt){ 5, 0, 0, RNG_PROBE }, 3 * P);
    for (int i = 0; i < 3 * P; i++) p[i] = i % 7 == 0 ? R(1.0) : i % 11 == 0 ? R(-1.0) : R(2.0) * p[i] - R(1.0);
    rng_normal(f->theta, (RngAt){ 6, 0, 0, RNG_PROBE }, f->n);
    rng_normal(draw, (RngAt){ 7, 0, 0, RNG_PROBE }, 4 * P);
    field_eval(raw, p, NULL, f, P, NULL);
    field_pull(dtheta, draw, p, NULL, f, P, NULL);
    double left = 0, right = 0, size = 0;
    for (int i = 0; i < 4 * P; i++) left += (double)(draw[i] * raw[i]);
    for (int i = 0; i < 4 * P; i++) size += fabs((double)(draw[i] * raw[i]));
    for (size_t i = 0; i < f->n; i++) right += (double)(dtheta[i] * f->theta[i]);
    CHECK_LE(fabs(left - right), 1e-14 * size, "adjoint identity: %.17g against %.17g", left, right);
    CHECK(fabs(left) > 1e-3, "nothing was compared");
    field_free(f);
}

/* ---- the tape: a tensor used twice, frozen inputs, every operation ---- */

static void chain(Tape *t, Tensor **x, Tensor **y, real *xv, real *xg)
{
    *x = tensor_view(t, (Shape){ 3, { 2, 3, 5 } }, xv, xg, "x");
    Tensor *a = op_affine(t, *x, R(0.7), R(-0.2), "a");
    Tensor *b = op_mul(t, a, *x, "b");
    Tensor *c = op_add(t, b, a, "c");
    Tensor *d = op_mul(t, c, c, "d");
    *y = op_hwc_to_chw(t, d, "y");
}
static void chain_forward(void *self, real *out, const real *in)
{
    Tape *t = self;
    Tensor *x, *y;
    real xv[30];
    memcpy(xv, in, sizeof xv);
    const size_t mark = tape_mark(t);
    chain(t, &x, &y, xv, NULL);
    memcpy(out, y->v, 30 * sizeof(real));
    tape_rewind(t, mark);
}
static void chain_pull(void *self, real *dx, const real *dy, const real *in)
{
    Tape *t = self;
    Tensor *x, *y;
    real xv[30];
    memcpy(xv, in, sizeof xv);
    const size_t mark = tape_mark(t);
    chain(t, &x, &y, xv, dx);
    tape_seed(y, dy);
    tape_backward(t);
    tape_rewind(t, mark);
}
static void tape_gradient(void)
{
    Err err = { 0 };
    Tape *t = tape_new(&err);
    real x[30];
    rng_normal(x, (RngAt){ 8, 0, 0, RNG_INIT }, 30);
    const GradCheck g = { "chain", 30, 30, chain_forward, chain_pull, t, 0 };
    gradcheck(&g, x);
    CHECK(!err.set, "%s", err.msg);
    tape_free(t);
}

int main(void)
{
    TEST(checker_catches_mutants);
    TEST(voxel_gradients);
    TEST(image_gradient);
    TEST(voxel_adjoint_identity);
    TEST(tape_gradient);
    return test_end();
}
