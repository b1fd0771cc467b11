/* t_shading.c -- normals, shading, backgrounds, occupancy: closed forms, and bits that must not depend on threads, blocks or company
 * (PyTorch's files: t_verify.c; gradients: t64_shading.c) */
#include "render/normal.h"
#include "tensor/elem.h"
#include "tensor/par.h"
#include "tensor/sum.h"
#include "tests/shading_case.h"

#include <math.h>

enum { NORMAL_AT = 6 * CASE_PIXELS, ORIENTATION_AT = 9 * CASE_PIXELS };

static void normals_of_six_densities(void)
{
    const real tap[6] = { R(1.0), R(1.06), R(2.0), R(1.92), R(3.0), R(3.0) };    /* g = (-3, 4, 0) */
    const real flat[6] = { R(0.7), R(0.7), R(0.7), R(0.7), R(0.7), R(0.7) }, faint[6] = { R(2e-9), 0, 0, 0, 0, 0 };
    real n[3], q[3];
    normal_of(n, tap);
    CHECK_LE(fabs((double)n[0] - 0.6) + fabs((double)n[1] + 0.8) + fabs((double)n[2]), 100 * (double)REAL_EPS, "%g %g %g", (double)n[0], (double)n[1], (double)n[2]);
    normal_of(n, flat);
    CHECK(n[0] == 0 && n[1] == 0 && n[2] == 0, "a flat density has no normal");
    normal_of(n, faint);                                                         /* |g| = 1e-7: a tenth of what it is divided by */
    CHECK_LE(fabs((double)n[0] + 0.1), 1e-6, "%g", (double)n[0]);
    const real p[3] = { R(0.995), R(-1.0), R(0.25) };
    static const int inside[6] = { 0, 1, 1, 0, 1, 1 };
    for (int tap_at = 0; tap_at < 6; tap_at++) CHECK(normal_tap(q, p, tap_at) == inside[tap_at], "tap %d", tap_at);
    CHECK(q[0] == p[0] && q[1] == p[1] && q[2] == R(0.25) - R(0.01), "the last tap is -z");
    normal_of_gradient(n, (real[3]){ -3, 4, 0 });
    CHECK_LE(fabs((double)n[0] - 0.6) + fabs((double)n[1] + 0.8) + fabs((double)n[2]), 4 * (double)REAL_EPS, "%g %g %g", (double)n[0], (double)n[1], (double)n[2]);
}

static void shades_of_one_sample(void)
{
    const real albedo[3] = { R(0.5), R(0.25), R(1.0) }, n[3] = { 0, 0, 1 }, p[3] = { R(0.5), 0, 0 }, above[3] = { R(3.5), 0, 4 }, below[3] = { 0, 0, -4 };
    real c[3];
    shade(c, albedo, n, p, SHADE_LAMBERTIAN, above);                             /* n . l = 4/5: 0.1 + 0.72 */
    for (int j = 0; j < 3; j++) CHECK_LE(fabs((double)c[j] - 0.82 * (double)albedo[j]), 4 * (double)REAL_EPS, "lambertian %d", j);
    shade(c, albedo, n, p, SHADE_TEXTURELESS, above);
    for (int j = 0; j < 3; j++) CHECK_LE(fabs((double)c[j] - 0.82), 4 * (double)REAL_EPS, "textureless %d", j);
    shade(c, albedo, n, p, SHADE_LAMBERTIAN, below);
    for (int j = 0; j < 3; j++) CHECK_LE(fabs((double)c[j] - 0.1 * (double)albedo[j]), 4 * (double)REAL_EPS, "turned away from the light %d", j);
    shade(c, albedo, n, p, SHADE_LAMBERTIAN, p);
    for (int j = 0; j < 3; j++) CHECK_LE(fabs((double)c[j] - 0.1 * (double)albedo[j]), 4 * (double)REAL_EPS, "in the light itself %d", j);
    for (int s = SHADE_LAMBERTIAN; s < SHADINGS; s++) {
        shade(c, albedo, (real[3]){ (real)NAN, 0, 0 }, p, (Shading)s, above);
        CHECK(isnan(c[0]), "%s of a normal that is NaN: %g", shading_names[s], (double)c[0]);
    }
    shade(c, albedo, n, p, SHADE_NORMAL, above);
    CHECK(c[0] == R(0.5) && c[1] == R(0.5) && c[2] == 1, "normal");
}

/* A cube of one density has a normal only within 0.01 of a face: outward, where two faces are near along both. Weights have the closed form
 * w_i = exp(-density i delta) (1 - exp(-density delta)). Raw density 0, since any other comes out of the interpolation with its rounding. */
static void constant_cube_has_normals_at_its_faces(void)
{
    ShadingCase k;
    real y[CASE_OUT];
    case_open(&k, SHADE_ALBEDO);
    for (size_t i = 0; i < k.f->n; i++) k.f->theta[i] = 0;
    renderer_free(k.r);
    Err err = { 0 };
    k.s.samples = 200;
    k.r = renderer_new(k.f, 200, &err);
    case_view(&k, y, NULL);
    const double density = log(2.0);
    double largest = 0;
    for (int pixel = 0; pixel < CASE_PIXELS; pixel++) {
        real d[3], near, far;
        const real o[3] = { k.camera.c2w[0][3], k.camera.c2w[1][3], k.camera.c2w[2][3] };
        double want[3] = { 0 }, away = 0;
        camera_ray(d, &k.camera, (real)(pixel / CASE_W), (real)(pixel % CASE_W));
        const int hit = cube_intersect(&near, &far, o, d);
        const double delta = ((double)far - (double)near) / 200;
        for (int i = 0; hit && i < 200; i++) {
            const double w = exp(-density * i * delta) * (1 - exp(-density * delta)), t = (double)near + (i + 0.5) * delta;
            double n[3] = { 0 }, length = 0, turned = 0;
            for (int j = 0; j < 3; j++) {
                const double p = (double)o[j] + t * (double)d[j];
                n[j] = p > 0.99 ? 1 : p < -0.99 ? -1 : 0;
                length += n[j] * n[j];
            }
            for (int j = 0; j < 3 && length > 0; j++) turned += n[j] / sqrt(length) * (double)d[j];
            for (int j = 0; j < 3 && length > 0; j++) want[j] += w * n[j] / sqrt(length);
            away += turned > 0 ? w * turned * turned : 0;
        }
        for (int j = 0; j < 3; j++) CHECK_LE(fabs((double)y[NORMAL_AT + 3 * pixel + j] - want[j]), 4000 * (double)REAL_EPS, "normal of pixel %d", pixel);
        CHECK_LE(fabs((double)y[ORIENTATION_AT + pixel] - away), 4000 * (double)REAL_EPS, "orientation of pixel %d", pixel);
        largest = fmax(largest, away);
    }
    CHECK(largest > 1e-3, "no face was left: %g", largest);
    case_close(&k);
}

/* Raw density a ramp, 1 + b . p: its analytic normal is -b/|b| wherever there is density, at the faces, too. */
static void a_ramp_has_one_normal(void)
{
    static const double b[3] = { 0.9, -0.6, 0.3 };
    const double length = sqrt(b[0] * b[0] + b[1] * b[1] + b[2] * b[2]);
    for (int view = 0; view < 3; view++) {
        ShadingCase k;
        real y[CASE_OUT];
        int seen = 0;
        case_open(&k, SHADE_ALBEDO);
        case_camera(&k, view);
        k.s.normals = NORMALS_ANALYTIC;
        for (int i = 0; i < CASE_THETA; i += 4)
            k.f->theta[i] = (real)(1 + b[0] * (i / 4 % 4 / 1.5 - 1) + b[1] * (i / 16 % 5 / 2.0 - 1) + b[2] * (i / 80 - 1.0));
        case_view(&k, y, NULL);
        for (int pixel = 0; pixel < CASE_PIXELS; pixel++) {
            const double opacity = (double)y[3 * CASE_PIXELS + pixel];
            seen += opacity > 0.1;
            for (int j = 0; j < 3; j++)
                CHECK_LE(fabs((double)y[NORMAL_AT + 3 * pixel + j] + b[j] / length * opacity), 100 * (double)REAL_EPS, "view %d, pixel %d, axis %d", view, pixel, j);
        }
        CHECK(seen > 5, "%d pixels are seen in view %d", seen, view);
        case_close(&k);
    }
}

/* Everything there is at once. */
static void open_full(ShadingCase *k, int shading)
{
    Err err = { 0 };
    case_open(k, (Shading)shading);
    case_camera(k, 1);
    case_learn(k, shading == SHADE_NORMAL ? BACKGROUND_COLOUR : BACKGROUND_MLP);
    Occupancy *o = occupancy_new(k->f, 6, R(1.0), &err);
    CHECK(o != NULL, "%s", err.msg);
    occupancy_update(o, k->f, 5);
    k->s.occupancy = o;
}

static void close_full(ShadingCase *k)
{
    occupancy_free((Occupancy *)k->s.occupancy);
    case_close(k);
}

enum { CASE_GRADIENT = CASE_THETA + BACKGROUND_ROOM };
static void view_and_back(real y[CASE_OUT], real g[CASE_GRADIENT], ShadingCase *k)
{
    real dy[CASE_OUT];
    rng_normal(dy, (RngAt){ 4, 0, 0, RNG_PROBE }, CASE_OUT);
    memset(g, 0, CASE_GRADIENT * sizeof(real));
    case_view(k, y, NULL);
    case_back(k, g, dy, NULL);
}

static void threads_and_blocks_change_no_bit(void)
{
    static const struct { int threads, points; } with[] = { { 1, 1 }, { 3, 100 }, { 2, 500 }, { 5, 1 << 20 } };      /* a ray has 11, 44 or 77 points */
    for (int shading = 0; shading < SHADINGS * NORMALS_WAYS; shading++) {
        ShadingCase k;
        real y[CASE_OUT], g[CASE_GRADIENT], first_y[CASE_OUT], first_g[CASE_GRADIENT];
        const char *name = shading_names[shading % SHADINGS];
        open_full(&k, shading % SHADINGS);
        k.s.normals = (Normals)(shading / SHADINGS);
        view_and_back(first_y, first_g, &k);
        for (size_t i = 0; i < sizeof with / sizeof with[0]; i++) {
            par_threads_set(with[i].threads);
            renderer_block(k.r, with[i].points);
            view_and_back(y, g, &k);
            CHECK(memcmp(y, first_y, sizeof y) == 0, "%s with %d threads, %d points: outputs", name, with[i].threads, with[i].points);
            CHECK(memcmp(g, first_g, sizeof g) == 0, "%s with %d threads, %d points: gradients", name, with[i].threads, with[i].points);
        }
        CHECK(max_abs(first_g, CASE_THETA) > 0 && max_abs(first_g + CASE_THETA, 3) > 0, "a gradient of nothing");
        par_threads_set(1);
        close_full(&k);
    }
}

/* What is asked for besides decides nothing: rgb of the albedo with and without normals, and its gradient with cotangents of 0 beside it. */
static void normals_change_no_other_bit(void)
{
    for (int way = 0; way < NORMALS_WAYS; way++) {
        ShadingCase k;
        real with[CASE_OUT], without[CASE_OUT], g_with[CASE_THETA] = { 0 }, g_without[CASE_THETA] = { 0 }, dy[CASE_OUT];
        case_open(&k, SHADE_ALBEDO);
        k.s.normals = (Normals)way;
        case_view(&k, with, NULL);
        k.outputs = 15;
        case_view(&k, without, NULL);
        CHECK(memcmp(with, without, NORMAL_AT * sizeof(real)) == 0, "%s: the view changed", normals_names[way]);
        rng_normal(dy, (RngAt){ 4, 0, 0, RNG_PROBE }, CASE_OUT);
        case_back(&k, g_without, dy, NULL);
        for (int i = NORMAL_AT; i < CASE_OUT; i++) dy[i] = 0;
        k.outputs = 63;
        case_back(&k, g_with, dy, NULL);
        CHECK(memcmp(g_with, g_without, sizeof g_with) == 0 && max_abs(g_with, CASE_THETA) > 0, "%s: the gradient changed", normals_names[way]);
        case_close(&k);
    }
}

static void occupancy_at_threshold_nothing(void)
{
    Err err = { 0 };
    real y[2][CASE_OUT], g[2][CASE_GRADIENT];
    for (int i = 0; i < 2; i++) {
        ShadingCase k;
        case_open(&k, SHADE_LAMBERTIAN);
        Occupancy *o = occupancy_new(k.f, 5, R(0.0), &err);
        occupancy_update(o, k.f, 0);
        if (i == 1) k.s.occupancy = o;
        view_and_back(y[i], g[i], &k);
        CHECK(occupancy_share(o) == 1, "%g of the cells", occupancy_share(o));
        occupancy_free(o);
        case_close(&k);
    }
    CHECK(memcmp(y[0], y[1], sizeof y[0]) == 0 && memcmp(g[0], g[1], sizeof g[0]) == 0, "a grid that skips nothing changes bits");
}

/* Empty below z = 0, where raw is -20: hardly a difference in the view, and not a trace of it in the gradient. */
static void empty_half_is_skipped(void)
{
    Err err = { 0 };
    ShadingCase k;
    real y[2][CASE_OUT], g[CASE_GRADIENT];
    case_open(&k, SHADE_TEXTURELESS);
    for (int i = 0; i < CASE_THETA / 2; i += 4) k.f->theta[i] = R(-20.0);                /* z = -1, and half of z = 0 */
    for (int i = CASE_THETA / 3; i < 2 * CASE_THETA / 3; i += 4) k.f->theta[i] = R(-20.0);
    Occupancy *o = occupancy_new(k.f, 8, R(1e-5), &err);
    k.s.occupancy = o;
    view_and_back(y[0], g, &k);
    CHECK(g[0] != 0, "before the first update nothing is skipped");
    occupancy_update(o, k.f, 0);
    CHECK(occupancy_share(o) <= 0.5 && occupancy_share(o) >= 0.2, "%g of the cells", occupancy_share(o));
    view_and_back(y[1], g, &k);
    for (int i = 0; i < CASE_OUT; i++)
        if (i < 5 * CASE_PIXELS || i >= NORMAL_AT) CHECK_LE(fabs((double)(y[0][i] - y[1][i])), 2e-4, "output %d", i);      /* 1e-5 over a chord below 3.5, at a distance below 4; but z_variance, of next to nothing */
    CHECK(memcmp(y[0], y[1], sizeof y[0]) != 0, "nothing was skipped");
    for (int i = 0; i < CASE_THETA / 3; i++) CHECK(g[i] == 0, "a gradient at node %d", i / 4);
    CHECK(max_abs(g + 2 * CASE_THETA / 3, CASE_THETA / 3) > 0, "no gradient anywhere");
    occupancy_free(o);
    case_close(&k);
}

/* Peaks fall by 0.95 once the density is gone; NaN keeps its cell live; neither threads nor what was drawn before change a bit. */
static void occupancy_follows_the_field(void)
{
    Err err = { 0 };
    ShadingCase k;
    case_open(&k, SHADE_ALBEDO);
    Occupancy *o = occupancy_new(k.f, 7, R(0.5), &err), *other = occupancy_new(k.f, 7, R(0.5), &err);
    occupancy_update(o, k.f, 9);
    par_threads_set(3);
    occupancy_update(other, k.f, 9);
    par_threads_set(1);
    CHECK(memcmp(o->peak, other->peak, o->n * sizeof(real)) == 0, "threads change peaks");
    occupancy_update(other, k.f, 9);
    CHECK(memcmp(o->peak, other->peak, o->n * sizeof(real)) != 0, "the second update draws other points");
    for (int z = 0; z < 7; z++) {                                                         /* the density at the centre is a lower bound */
        const real p[3] = { R(0.0), R(0.0), (R(2.0) * (real)z + R(1.0)) / R(7.0) - R(1.0) };
        real raw[4];
        field_eval(raw, p, p, k.f, 1, NULL);
        CHECK(o->peak[(z * 7 + 3) * 7 + 3] >= r_softplus(raw[0]) * R(0.9999), "cell of the axis %d", z);
    }
    const real old = o->peak[100];
    for (int i = 0; i < CASE_THETA; i += 4) k.f->theta[i] = R(-1000.0);
    occupancy_update(o, k.f, 9);
    CHECK(o->peak[100] == R(0.95) * old, "%g after %g", (double)o->peak[100], (double)old);
    for (int i = 0; i < 100; i++) occupancy_update(o, k.f, 9);
    CHECK(occupancy_share(o) == 0, "%g of the cells of nothing", occupancy_share(o));
    for (int i = 0; i < CASE_THETA; i += 4) k.f->theta[i] = (real)NAN;
    occupancy_update(o, k.f, 9);
    CHECK(occupancy_share(o) == 1, "%g of the cells hold NaN", occupancy_share(o));
    for (int i = 0; i < CASE_THETA; i += 4) k.f->theta[i] = i == 4 * (1 * 20 + 2 * 4 + 1) ? (real)NAN : R(1.0);       /* at the centre, not at all points */
    Occupancy *one = occupancy_new(k.f, 1, R(0.5), &err);
    for (uint64_t seed = 0; seed < 20; seed++) {
        one->updates = 0;
        occupancy_update(one, k.f, seed);
        CHECK(isnan(one->peak[0]), "seed %d: %g", (int)seed, (double)one->peak[0]);
    }
    occupancy_free(one);
    occupancy_free(o);
    occupancy_free(other);
    case_close(&k);
}

static void empty_field(void)
{
    for (int shading = 0; shading < SHADINGS * NORMALS_WAYS; shading++)
        for (int view = 0; view < 3; view++) {
            ShadingCase k;
            real y[CASE_OUT], g[CASE_GRADIENT];
            case_open(&k, (Shading)(shading % SHADINGS));
            case_camera(&k, view);
            k.s.normals = (Normals)(shading / SHADINGS);
            for (int i = 0; i < CASE_THETA; i += 4) k.f->theta[i] = R(-1000.0);
            view_and_back(y, g, &k);
            for (int i = 0; i < CASE_OUT; i++) CHECK(y[i] == (i < 3 * CASE_PIXELS ? k.s.background[i % 3] : 0), "output %d: %g", i, (double)y[i]);
            CHECK(first_not_finite(g, CASE_THETA) == -1, "%s: gradient %ld", shading_names[shading % SHADINGS], first_not_finite(g, CASE_THETA));
            case_close(&k);
        }
}

/* A NaN at one node is in the outputs and in the gradient, not replaced on the way; rays far from it are right. */
static void nan_is_not_hidden(void)
{
    for (int shading = 0; shading < SHADINGS * NORMALS_WAYS; shading++) {
        ShadingCase k;
        real y[CASE_OUT], g[CASE_GRADIENT];
        open_full(&k, shading % SHADINGS);
        k.s.normals = (Normals)(shading / SHADINGS);
        k.f->theta[0] = (real)NAN;
        occupancy_update((Occupancy *)k.s.occupancy, k.f, 0);
        view_and_back(y, g, &k);
        int at = 0;
        for (int i = 0; i < RENDER_OUTPUTS; i++) {
            const int n = render_outputs[i].channels * CASE_PIXELS;
            int finite = 0;
            for (int j = 0; j < n; j++) finite += isfinite(y[at + j]) != 0;
            CHECK(finite > 0 && finite < n, "%s: %d of %d values of %s are finite", shading_names[shading % SHADINGS], finite, n, render_outputs[i].name);
            at += n;
        }
        CHECK(first_not_finite(g, CASE_THETA) != -1, "%s: the gradient is finite", shading_names[shading % SHADINGS]);
        close_full(&k);
    }
    ShadingCase k;
    real y[CASE_OUT], g[CASE_GRADIENT];
    open_full(&k, SHADE_ALBEDO);
    k.s.learnt->theta[4] = (real)NAN;                                                     /* before the kink of one hidden unit */
    view_and_back(y, g, &k);
    CHECK(first_not_finite(y, 3 * CASE_PIXELS) == 0, "a background of NaN");
    close_full(&k);
}

static void backgrounds(void)
{
    for (int kind = 0; kind < BACKGROUND_KINDS; kind++) {
        Err err = { 0 };
        FieldPart part[BACKGROUND_PARTS];
        Background *b = background_new(&(BackgroundConfig){ .kind = (BackgroundKind)kind, .frequencies = 4, .hidden = 16 }, &err);
        size_t at = 0;
        real c[3];
        CHECK(b != NULL, "%s", err.msg);
        background_start(b, (RngAt){ 1, 0, 0, RNG_INIT });
        background_eval(c, b, (real[3]){ R(0.6), R(-0.8), 0 });
        CHECK(c[0] == R(0.5) && c[1] == R(0.5) && c[2] == R(0.5), "%s starts grey", background_kind_names[kind]);
        CHECK(kind == BACKGROUND_COLOUR || (max_abs(b->theta, 27 * 16) > R(0.15) && max_abs(b->theta, b->n) < R(0.1925)), "1/sqrt(27) = 0.19245");
        const int parts = background_parts(part, b);
        for (int i = 0; i < parts; i++) {
            CHECK(part[i].at == at, "part %s of %s lies at %zu", part[i].name, background_kind_names[kind], part[i].at);
            at += shape_count(part[i].s);
        }
        CHECK(at == b->n && b->n <= BACKGROUND_ROOM, "%zu of %zu values have a name", at, b->n);
        background_free(b);
    }
    Err err = { 0 };
    CHECK(background_new(&(BackgroundConfig){ .kind = BACKGROUND_MLP, .frequencies = 4, .hidden = 65 }, &err) == NULL && strstr(err.msg, "65 hidden") != NULL, "%s", err.msg);
    err = (Err){ 0 };
    CHECK(background_new(&(BackgroundConfig){ .kind = BACKGROUND_MLP, .frequencies = 9, .hidden = 4 }, &err) == NULL && strstr(err.msg, "9 frequencies") != NULL, "%s", err.msg);
}

static void refusals_and_memory(void)
{
    Err err = { 0 };
    ShadingCase k;
    case_open(&k, SHADE_ALBEDO);
    CHECK(occupancy_new(k.f, 0, R(0.1), &err) == NULL && strstr(err.msg, "0 cells") != NULL, "%s", err.msg);
    err = (Err){ 0 };
    CHECK(occupancy_new(k.f, 4, (real)NAN, &err) == NULL && strstr(err.msg, "nan") != NULL, "%s", err.msg);
    for (long n = 1; n < 4; n++) {
        Err e = { 0 }, f = { 0 };
        mem_fail_at(n);
        Occupancy *o = occupancy_new(k.f, 4, R(0.1), &e);
        mem_fail_at(n);
        Background *b = background_new(&(BackgroundConfig){ .kind = BACKGROUND_COLOUR }, &f);
        mem_fail_at(0);
        CHECK((o == NULL) == (n <= 2) && e.set == (n <= 2), "occupancy, allocation %ld failing", n);
        CHECK((b == NULL) == (n <= 2) && f.set == (n <= 2), "background, allocation %ld failing", n);
        occupancy_free(o);
        background_free(b);
    }
    case_close(&k);
}

static void image_has_no_normals(void)
{
    Err err = { 0 };
    Field *f = field_new(&(FieldConfig){ .kind = FIELD_IMAGE, .size = { 3, CASE_H, CASE_W } }, &err);
    Renderer *r = renderer_new(f, 1, &err);
    Camera c;
    real normal[3 * CASE_PIXELS], orientation[CASE_PIXELS];
    for (int i = 0; i < CASE_PIXELS; i++) normal[i] = orientation[i] = 7;
    camera_look_at(&c, 0, 0, 2, 40, CASE_H, CASE_W);
    render_view(&(RenderOut){ .normal = normal, .orientation = orientation }, r, f, &c, &(RenderSettings){ .samples = 1 });
    CHECK(max_abs(normal, 3 * CASE_PIXELS) == 0 && max_abs(orientation, CASE_PIXELS) == 0, "an image has normals");
    renderer_free(r);
    field_free(f);
}

int main(void)
{
    par_threads_set(1);                       /* views this small are not worth more, but where threads are the question */
    TEST(normals_of_six_densities);
    TEST(shades_of_one_sample);
    TEST(constant_cube_has_normals_at_its_faces);
    TEST(a_ramp_has_one_normal);
    TEST(threads_and_blocks_change_no_bit);
    TEST(normals_change_no_other_bit);
    TEST(occupancy_at_threshold_nothing);
    TEST(empty_half_is_skipped);
    TEST(occupancy_follows_the_field);
    TEST(empty_field);
    TEST(nan_is_not_hidden);
    TEST(backgrounds);
    TEST(refusals_and_memory);
    TEST(image_has_no_normals);
    return test_end();
}
