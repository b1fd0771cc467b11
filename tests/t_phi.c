/* t_phi.c -- SSD's baselines that look at the render: gradients against differences, Stein's identity by draws, maps of fields whose geometry is
 * known, PyTorch's two steps
 *
 * Through the small network of tests/golden/phi (8 x 8, random weights), which noise and time change much; the shipped one is in t_depth.c.
 */
#include "ref/phi_view.h"
#include "ref/verify.h"
#include "sampler/step.h"
#include "tests/gradcheck.h"

#include <math.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE, N = 3 * PIXELS };
#define NET "tests/golden/phi"
static Err err;

typedef struct Setup { Schedule *S; DepthNet *net; real map[N]; PhiSource source; Phi phi; } Setup;
static void setup(Setup *s, PhiKind kind)
{
    const ScheduleConfig sd = schedule_config_sd();
    *s = (Setup){ .S = schedule_new(&sd, &err), .net = depth_open(NET, &err) };
    CHECK(s->S != NULL && s->net != NULL, "%s", err.msg);
    if (err.set) exit(1);
    rng_normal(s->map, (RngAt){ 7, 0, 0, RNG_PROBE }, N);
    s->source = (PhiSource){ .kind = kind, .channels = 3, .pixels = PIXELS, .render = s->map, .net = s->net, .S = s->S };
    s->phi = phi_of(&s->source);
}
static void teardown(Setup *s)
{
    depth_close(s->net);
    schedule_free(s->S);
}

/* ---- gradients ---- */

static void cosine_of_what_is_known(void)
{
    const real a[4] = { 3, 0, 0, 4 }, b[4] = { 0, 6, 0, 8 }, none[4] = { 0 };
    real gap, grad[4];
    CHECK_OK(cosine_gap(&gap, grad, a, b, 4, &err), &err);
    CHECK_LE(fabs((double)gap - (1 - 32.0 / 50)), 4 * (double)REAL_EPS, "gap is %g", (double)gap);
    /* -(a/|a| - cos b/|b|)/|b| = -((.6,0,0,.8) - .64 (0,.6,0,.8))/10 */
    static const double want[4] = { -0.06, 0.0384, 0, -0.0288 };
    for (int i = 0; i < 4; i++) CHECK_LE(fabs((double)grad[i] - want[i]), (double)REAL_EPS, "value %d: %g", i, (double)grad[i]);
    for (int i = 0; i < 2; i++) {
        Err e = { 0 };
        const int status = cosine_gap(&gap, grad, i == 0 ? none : a, i == 0 ? a : none, 4, &e);
        CHECK(status != 0 && strstr(e.msg, "expected some that point") != NULL, "%s", e.msg);
    }
}

#ifdef SDREF_F64
static void forward(void *self, real *y, const real *x)
{
    real unused[N];
    const Setup *s = self;
    CHECK_OK(s->phi.at(s->phi.self, y, unused, x, 417, &err), &err);
}
static void pull(void *self, real *dx, const real *dy, const real *x)
{
    real phi, grad[N];
    const Setup *s = self;
    CHECK_OK(s->phi.at(s->phi.self, &phi, grad, x, 417, &err), &err);
    for (int i = 0; i < N; i++) dx[i] += dy[0] * grad[i];
}

static void gradients_are_those_of_differences(void)
{
    static const PhiKind kinds[] = { PHI_QUADRATIC, PHI_PEARSON_DEPTH, PHI_DEPTH, PHI_NORMALS };
    real x[N];
    rng_normal(x, (RngAt){ 7, 1, 0, RNG_PROBE }, N);
    for (int i = 0; i < 4; i++) {
        Setup s;
        setup(&s, kinds[i]);
        gradcheck(&(GradCheck){ phi_names[kinds[i]], N, 1, forward, pull, &s, 1e-3 }, x);
        teardown(&s);
    }
}
#endif

/* The network is asked at the level of its own schedule that is as noisy: the same level where the schedules are one; no neighbour is nearer. */
static void the_level_is_the_one_as_noisy(void)
{
    Setup s;
    setup(&s, PHI_DEPTH);
    for (int t = 0; t < 1000; t += 111) {
        const int level = phi_level(s.net, s.S, t);
        const double abar = sched_abar64(s.S, t), f0 = cos(0.008 / 1.008 * acos(-1) / 2), f = cos((level + 1 + 8) / 1008.0 * acos(-1) / 2);
        CHECK(phi_level(s.net, s.net->S, t) == t, "level %d of itself is %d", t, phi_level(s.net, s.net->S, t));
        CHECK_LE(fabs(f * f / (f0 * f0) - abar), 0.00079, "t %d, level %d", t, level);      /* half of the widest gap, pi/2/1008 */
    }
    teardown(&s);
}

/* ---- Stein ---- */

/* E[eps phi] = sigma E[grad phi] along u = grad phi at the mean of x_t, where the right side is far from 0. Noise comes in pairs, +eps and -eps, so
 * that phi's mean, which says nothing, drops out. Of M pairs the mean of <h,u> is 0 to 5 of its own deviations; with the printed sign and scale it is
 * not. */
static void stein_terms_have_mean_zero(void)
{
    enum { M = 80 };
    static const struct { PhiKind kind; int t; } cases[] = {
        { PHI_PEARSON_DEPTH, 300 }, { PHI_PEARSON_DEPTH, 800 }, { PHI_DEPTH, 300 }, { PHI_NORMALS, 800 } };
    static real x0[N], noise[N], xt[N], u[N], grad[2][N];
    rng_normal(x0, (RngAt){ 7, 2, 0, RNG_PROBE }, N);
    for (int i = 0; i < 4; i++) {
        const int t = cases[i].t;
        Setup s;
        setup(&s, cases[i].kind);
        const double sigma = (double)sched_sigma(s.S, t);
        double sum[2] = { 0 }, square[2] = { 0 };           /* unbiased, printed */
        real phi[2];
        memset(noise, 0, sizeof noise);
        diffuse(xt, x0, noise, s.S, t, N);
        CHECK_OK(s.phi.at(s.phi.self, &phi[0], u, xt, t, &err), &err);
        for (uint32_t k = 0; k < M; k++) {
            double along[2] = { 0 }, across = 0;
            for (int side = 0; side < 2; side++) {
                rng_normal(noise, (RngAt){ 8, k, 0, RNG_PROBE }, N);
                for (int j = 0; j < N && side == 1; j++) noise[j] = -noise[j];
                diffuse(xt, x0, noise, s.S, t, N);
                CHECK_OK(s.phi.at(s.phi.self, &phi[side], grad[side], xt, t, &err), &err);
                for (int j = 0; j < N; j++) {
                    along[side] += (double)noise[j] * (double)u[j];
                    across += 0.5 * (double)grad[side][j] * (double)u[j];
                }
            }
            const double eps_phi = 0.5 * (along[0] * (double)phi[0] + along[1] * (double)phi[1]);
            const double h[2] = { eps_phi - sigma * across, eps_phi + across };
            for (int b = 0; b < 2; b++) {
                sum[b] += h[b] / M;
                square[b] += h[b] * h[b] / M;
            }
        }
        for (int b = 0; b < 2; b++) {
            const double deviation = sqrt((square[b] - sum[b] * sum[b]) / (M - 1));
            if (b == 0) CHECK_LE(fabs(sum[b]), 5 * deviation, "%s, t %d: not 0", phi_names[s.source.kind], t);
            else CHECK_LE(5 * deviation, fabs(sum[b]), "%s, t %d: as printed it is 0 too", phi_names[s.source.kind], t);
        }
        teardown(&s);
    }
}

/* ---- maps of a render ---- */

enum { GRID = 9, SAMPLES = 64 };
typedef struct Scene { Field *f; Renderer *r; Camera c; Arena *arena; } Scene;
static void scene(Scene *s, const double raw[4])            /* raw density <raw[0..2], (x,y,z)> + raw[3], at every node: trilinear is exact */
{
    *s = (Scene){ .f = field_new(&(FieldConfig){ .kind = FIELD_VOXEL, .size = { GRID, GRID, GRID } }, &err), .arena = arena_new(&err) };
    if (err.set) exit(1);
    for (int i = 0; i < GRID * GRID * GRID; i++) {
        const double step = 2.0 / (GRID - 1), x = step * (i % GRID) - 1, y = step * (i / GRID % GRID) - 1, z = step * (i / GRID / GRID) - 1;
        s->f->theta[4 * i] = (real)(raw[0] * x + raw[1] * y + raw[2] * z + raw[3]);
    }
    s->r = renderer_new(s->f, SAMPLES, &err);
    if (err.set) exit(1);
    camera_look_at(&s->c, 20, 35, 2.5, 40, SIDE, SIDE);
}
static void scene_end(Scene *s)
{
    renderer_free(s->r);
    field_free(s->f);
    arena_free(s->arena);
}
static const real *map_of(Scene *s, PhiKind kind)
{
    PhiSource source = { .kind = kind, .channels = 3, .pixels = PIXELS };
    CHECK_OK(phi_view(&source, s->arena, s->r, s->f, &s->c, &(RenderSettings){ .samples = SAMPLES }, R(2.5)), &err);
    return source.render;
}

/* Density that rises along a: the normal is -a, in the camera's axes, as long as opacity; 0 where no ray hits. */
static void normals_of_a_slope(void)
{
    static const double raw[4] = { 2, -1, 3, 1 };
    Scene s;
    scene(&s, raw);
    real opacity[PIXELS];
    render_view(&(RenderOut){ .opacity = opacity }, s.r, s.f, &s.c, &(RenderSettings){ .samples = SAMPLES });
    const real *map = map_of(&s, PHI_NORMALS);
    int seen = 0;
    for (int i = 0; i < PIXELS; i++)
        for (int j = 0; j < 3; j++) {
            const double along = -(raw[0] * (double)s.c.c2w[0][j] + raw[1] * (double)s.c.c2w[1][j] + raw[2] * (double)s.c.c2w[2][j]) / sqrt(14);
            seen += opacity[i] > R(0.5);
            CHECK_LE(fabs((double)map[j * PIXELS + i] - (double)opacity[i] * along), 1e3 * (double)REAL_EPS, "pixel %d, axis %d", i, j);
        }
    CHECK(seen > N / 4, "%d of %d are of the object", seen, N);
    scene_end(&s);
    scene(&s, (const double[4]){ 0 });                      /* flat: no direction */
    map = map_of(&s, PHI_NORMALS);
    for (int i = 0; i < N; i++) CHECK(map[i] == 0, "value %d of a flat density is %g", i, (double)map[i]);
    scene_end(&s);
}

/* A cube that nothing shines through: the ray ends where it enters, within its first interval; nearness is (distance + 1 - that)/2, outside 0. */
static void nearness_of_a_cube(void)
{
    Scene s;
    scene(&s, (const double[4]){ 0, 0, 0, 500 });
    const real *near_map = map_of(&s, PHI_DEPTH), *depth_map = map_of(&s, PHI_PEARSON_DEPTH);
    const real o[3] = { s.c.c2w[0][3], s.c.c2w[1][3], s.c.c2w[2][3] };
    int hits = 0;
    for (int i = 0; i < PIXELS; i++) {
        real d[3], near = 0, far = 0;
        camera_ray(d, &s.c, (real)(i / SIDE), (real)(i % SIDE));
        const int hit = cube_intersect(&near, &far, o, d);
        const double step = hit ? (double)(far - near) / SAMPLES : 0;
        if (hit && step < 1e-4) continue;                   /* a corner, too thin to hide anything */
        hits += hit;
        CHECK_LE(fabs((double)near_map[i] - (hit ? 0.5 * (3.5 - (double)near) : 0)), 0.5 * step + 1e-5, "pixel %d", i);
        CHECK_LE(fabs((double)depth_map[i] - (hit ? (double)near : 0)), step + 1e-5, "depth of pixel %d", i);
    }
    CHECK(hits > PIXELS / 4, "%d hits", hits);
    CHECK(map_of(&s, PHI_QUADRATIC) == NULL, "a map for nothing");
    scene_end(&s);
}

/* ---- PyTorch ---- */

/* Predictions of the prior are the file's own; all that follows is recomputed, phi and its gradient through the network. */
static void steps_are_those_of_pytorch(void)
{
    static const char *const files[] = { "tests/golden/estimators/ssd_depth.safetensors", "tests/golden/estimators/ssd_normals.safetensors" };
    static const char *const names[] = { "x_t", "eps_cfg", "phi", "grad_phi", "h", "grad" };
    for (int i = 0; i < 2; i++) {
        Report r;
        CHECK_OK(verify_file(&r, files[i], 0, &err), &err);
        CHECK(r.checked == 6 && r.failed == 0 && r.culprit == -1, "%s: %d checked, %d failed", files[i], r.checked, r.failed);
        for (int k = 0; k < 6; k++) {
            int found = 0;
            for (int j = 0; j < r.count; j++) found += strcmp(r.rows[j].name, names[k]) == 0 && r.rows[j].kind == ROW_CHECKED && r.rows[j].ok;
            CHECK(found == 1, "%s: %s was not checked", files[i], names[k]);
        }
        report_free(&r);
    }
}

int main(void)
{
    TEST(cosine_of_what_is_known);
#ifdef SDREF_F64
    TEST(gradients_are_those_of_differences);
#endif
    TEST(the_level_is_the_one_as_noisy);
    TEST(stein_terms_have_mean_zero);
    TEST(normals_of_a_slope);
    TEST(nearness_of_a_cube);
    TEST(steps_are_those_of_pytorch);
    return test_end();
}
