/* t_render.c -- the renderer against closed forms; bits that must not depend on threads (PyTorch's files: t_verify.c) */
#include "render/volume.h"
#include "tensor/elem.h"
#include "tensor/mem.h"
#include "tensor/par.h"
#include "tensor/rng.h"
#include "tests/harness.h"

#include <math.h>

/* A cube of one density and colour: along a ray of length L through it
 *     opacity = 1 - exp(-density L) for any N, since the product of exp(-density L/N) is exp(-density L)
 *     depth -> near opacity + (1 - (1 + density L) exp(-density L)) / density as N grows (midpoint rule, error ~ (L/N)^2)
 * Rounding: a chain of N products and N additions, each below eps/2 of at most 1: bound 2 N eps. */
static void constant_cube(void)
{
    enum { N = 256, H = 9, W = 11 };
    Err err = { 0 };
    Field *f = field_new(&(FieldConfig){ .kind = FIELD_VOXEL, .size = { 3, 4, 2 } }, &err);
    Renderer *r = renderer_new(f, N, &err);
    CHECK(!err.set, "%s", err.msg);
    const real raw = R(0.4), colour = R(-0.7);
    for (size_t i = 0; i < f->n; i++) f->theta[i] = i % 4 == 0 ? raw : colour;
    const double density = log1p(exp(0.4)), c = 1 / (1 + exp(0.7));       /* libm is the oracle here */
    Camera camera;
    camera_look_at(&camera, 25, 40, 2.5, 80, H, W);
    real rgb[H * W * 3], opacity[H * W], depth[H * W], z[H * W];
    RenderOut out = { .rgb = rgb, .opacity = opacity, .depth = depth, .z_variance = z };
    const RenderSettings s = { .samples = N, .background = { R(0.1), R(0.2), R(0.3) } };
    render_view(&out, r, f, &camera, &s);
    int hits = 0, misses = 0;
    for (int i = 0; i < H * W; i++) {
        real d[3], near, far;
        const real o[3] = { camera.c2w[0][3], camera.c2w[1][3], camera.c2w[2][3] };
        camera_ray(d, &camera, (real)(i / W), (real)(i % W));
        if (!cube_intersect(&near, &far, o, d)) {
            misses++;
            CHECK(opacity[i] == 0 && depth[i] == 0 && z[i] == 0, "a miss has zeros");
            for (int j = 0; j < 3; j++) CHECK(rgb[3 * i + j] == s.background[j], "a miss has the background");
            continue;
        }
        hits++;
        const double L = (double)far - (double)near, through = exp(-density * L);
        CHECK_LE(fabs((double)opacity[i] - (1 - through)), 2 * N * (double)REAL_EPS, "opacity of pixel %d", i);
        for (int j = 0; j < 3; j++)
            CHECK_LE(fabs((double)rgb[3 * i + j] - (c * (1 - through) + through * (double)s.background[j])), 4 * N * (double)REAL_EPS, "rgb of pixel %d", i);
        const double exact = (double)near * (1 - through) + (1 - (1 + density * L) * through) / density;
        CHECK_LE(fabs((double)depth[i] - exact), density * L * (L / N) * (L / N) + 8 * N * (double)REAL_EPS, "depth of pixel %d", i);
    }
    CHECK(hits > 20 && misses > 5, "%d hits, %d misses", hits, misses);
    renderer_free(r);
    field_free(f);
}

/* Trilinear interpolation of a trilinear function is that function. */
static void trilinear_is_exact(void)
{
    Err err = { 0 };
    Field *f = field_new(&(FieldConfig){ .kind = FIELD_VOXEL, .size = { 5, 3, 4 } }, &err);
    const real a[4] = { R(0.3), R(-0.8), R(0.5), R(1.1) };
    for (int z = 0; z < 5; z++)
        for (int y = 0; y < 3; y++)
            for (int x = 0; x < 4; x++) {
                const real px = R(2.0) * (real)x / 3 - 1, py = (real)y - 1, pz = (real)z / 2 - 1;
                for (int k = 0; k < 4; k++)
                    f->theta[((z * 3 + y) * 4 + x) * 4 + k] = (real)(k + 1) * (a[0] + a[1] * px + a[2] * py + a[3] * px * py * pz);
            }
    real p[3 * 64], raw[4 * 64];
    rng_uniform(p, (RngAt){ 1, 0, 0, RNG_PROBE }, 3 * 64);
    for (int i = 0; i < 3 * 64; i++) p[i] = R(2.0) * p[i] - 1;
    field_eval(raw, p, NULL, f, 64, NULL);
    for (int i = 0; i < 64; i++)
        for (int k = 0; k < 4; k++) {
            const double px = (double)p[i], py = (double)p[64 + i], pz = (double)p[128 + i];
            const double want = (k + 1) * ((double)a[0] + (double)a[1] * px + (double)a[2] * py + (double)a[3] * px * py * pz);
            CHECK_LE(fabs((double)raw[k * 64 + i] - want), 60 * (double)REAL_EPS, "point %d, channel %d", i, k);   /* 8 terms below 12, each with a few roundings */
        }
    field_free(f);
}

static void threads_change_no_bit(void)
{
    enum { S = 20, N = 13 };
    static const int threads[] = { 1, 2, 3, 8 };
    Err err = { 0 };
    Field *f = field_new(&(FieldConfig){ .kind = FIELD_VOXEL, .size = { 7, 6, 5 } }, &err);
    Renderer *r = renderer_new(f, N, &err);
    real first_rgb[S * S * 3], rgb[S * S * 3], cotangent[S * S * 3], first_grad[7 * 6 * 5 * 4], grad[7 * 6 * 5 * 4];
    rng_normal(f->theta, (RngAt){ 2, 0, 0, RNG_INIT }, f->n);
    rng_normal(cotangent, (RngAt){ 2, 1, 0, RNG_INIT }, S * S * 3);
    Camera camera;
    camera_look_at(&camera, 25, 40, 2.0, 60, S, S);
    const RenderSettings s = { .samples = N };
    const int before = par_threads();
    for (int i = 0; i < 4; i++) {
        par_threads_set(threads[i]);
        memset(grad, 0, sizeof grad);
        render_view(&(RenderOut){ .rgb = rgb }, r, f, &camera, &s);
        render_pull(grad, r, f, &camera, &s, &(RenderOut){ .rgb = cotangent });
        if (i == 0) memcpy(first_rgb, rgb, sizeof rgb);
        if (i == 0) memcpy(first_grad, grad, sizeof grad);
        CHECK(memcmp(first_rgb, rgb, sizeof rgb) == 0, "image with %d threads", threads[i]);
        CHECK(memcmp(first_grad, grad, sizeof grad) == 0, "gradient with %d threads", threads[i]);
    }
    par_threads_set(before);
    CHECK(first_grad[100] != 0 || first_grad[200] != 0, "a gradient of nothing");
    renderer_free(r);
    field_free(f);
}

static void planes_round_trip(void)
{
    Err err = { 0 };
    Field *f = field_new(&(FieldConfig){ .kind = FIELD_VOXEL, .size = { 2, 3, 4 } }, &err);
    real planes[96], back[96];
    for (int i = 0; i < 96; i++) planes[i] = (real)i;
    voxel_from_planes(f, planes);
    CHECK(f->theta[1] == 24 && f->theta[4] == 1, "channel fastest: %g %g", (double)f->theta[1], (double)f->theta[4]);
    voxel_to_planes(back, f->theta, f);
    CHECK(memcmp(planes, back, sizeof planes) == 0, "round trip");
    field_free(f);
}

static void sizes_are_refused(void)
{
    Err err = { 0 };
    CHECK(field_new(&(FieldConfig){ .kind = FIELD_VOXEL, .size = { 1, 4, 4 } }, &err) == NULL && err.set, "a side of one node");
    CHECK(strstr(err.msg, "1 x 4 x 4") != NULL && strstr(err.msg, "2 to 512") != NULL, "%s", err.msg);
    for (long n = 1; n < 7; n++) {
        Err e = { 0 };
        mem_fail_at(n);
        Field *f = field_new(&(FieldConfig){ .kind = FIELD_VOXEL, .size = { 4, 4, 4 } }, &e);
        Renderer *r = f == NULL ? NULL : renderer_new(f, 4, &e);
        mem_fail_at(0);
        CHECK((r == NULL) == (n <= 6) && e.set == (n <= 6), "allocation %ld failing", n);
        renderer_free(r);
        field_free(f);
    }
}

int main(void)
{
    TEST(constant_cube);
    TEST(trilinear_is_exact);
    TEST(threads_change_no_bit);
    TEST(planes_round_trip);
    TEST(sizes_are_refused);
    return test_end();
}
