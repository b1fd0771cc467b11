/* t_regularise.c -- regularisers against PyTorch, against closed forms (plane, sphere, bowl, nothing), that they add; ramps and their text */
#include "ref/regularisers.h"
#include "render/camera.h"
#include "tests/golden_read.h"

#include <math.h>

#ifdef SDREF_F64
static const double bar = 1e-10, grad_bar = 1e-10;
#else
static const double bar = 5e-6, grad_bar = 3e-5;
#endif

enum { MOST = 13 * 19, NODES = 3 * 5 * 4 * 4 };

typedef struct View { int h, w; size_t pixels; real opacity[MOST], z_variance[MOST], orientation[MOST], normal[3 * MOST]; Camera c; } View;
typedef struct Pulled { real opacity[MOST], z_variance[MOST], orientation[MOST], normal[3 * MOST]; } Pulled;
static Maps maps_of(View *v) { return (Maps){ v->opacity, v->z_variance, v->orientation, v->normal }; }
static Maps pulled_of(Pulled *p) { return (Maps){ p->opacity, p->z_variance, p->orientation, p->normal }; }

static void view_read(View *v, const StFile *f, int h, int w)
{
    real c2w[12];
    *v = (View){ .h = h, .w = w, .pixels = (size_t)(h * w), .c = { .h = h, .w = w } };
    golden_real(v->opacity, f, "in.opacity", v->pixels);
    golden_real(v->z_variance, f, "in.z_variance", v->pixels);
    golden_real(v->orientation, f, "in.orientation", v->pixels);
    golden_real(v->normal, f, "in.normal", 3 * v->pixels);
    golden_real(c2w, f, "in.c2w", 12);
    memcpy(v->c.c2w, c2w, sizeof c2w);
}

/* One regulariser with weight 1: y and the cotangents. */
static real one(Pulled *p, View *v, Regulariser i, ConvexForm form)
{
    const Maps m = maps_of(v);
    real weight[REGULARISERS] = { 0 }, value[REGULARISERS] = { 0 };
    weight[i] = 1;
    *p = (Pulled){ .opacity = { 0 } };
    Maps d = pulled_of(p);
    regularise_view(&d, value, &m, weight, form, &v->c);
    for (int j = 0; j < REGULARISERS; j++) CHECK(j == (int)i || value[j] == 0, "%s has a value", regulariser_info[j].name);
    return value[i];
}

/* A map that the file has no gradient for must have got none. */
static void check_pulled(const real *d, const StFile *f, const char *name, const char *map, size_t n)
{
    char key[96];
    snprintf(key, sizeof key, "out.%s.grad.%s", name, map);
    if (st_find(f, key) != NULL) golden_check(d, f, key, grad_bar, n);
    else
        for (size_t k = 0; k < n; k++) CHECK(d[k] == 0, "%s: a gradient at %zu", key, k);
}

static void against_pytorch(void)
{
    static const struct { const char *path; int h, w, grid[3]; } file[] = {
        { "tests/golden/regularise/odd.safetensors", 13, 19, { 3, 5, 4 } }, { "tests/golden/regularise/small.safetensors", 5, 6, { 2, 2, 3 } } };
    static const struct { const char *name; Regulariser i; ConvexForm form; } all[] = {
        { "orientation", REG_ORIENTATION, CONVEX_CAMERA }, { "sparsity", REG_SPARSITY, CONVEX_CAMERA }, { "opaqueness", REG_OPAQUENESS, CONVEX_CAMERA },
        { "z_variance", REG_Z_VARIANCE, CONVEX_CAMERA }, { "normal_smooth", REG_NORMAL_SMOOTH, CONVEX_CAMERA },
        { "convexity_camera", REG_CONVEXITY, CONVEX_CAMERA }, { "convexity_released", REG_CONVEXITY, CONVEX_RELEASED } };
    static View v;
    static Pulled p;
    for (size_t k = 0; k < 2; k++) {
        StFile *f = golden_open(file[k].path);
        view_read(&v, f, file[k].h, file[k].w);
        for (size_t a = 0; a < sizeof all / sizeof all[0]; a++) {
            char key[64];
            const real y = one(&p, &v, all[a].i, all[a].form);
            snprintf(key, sizeof key, "out.%s", all[a].name);
            golden_check(&y, f, key, bar, 1);
            check_pulled(p.opacity, f, all[a].name, "opacity", v.pixels);
            check_pulled(p.z_variance, f, all[a].name, "z_variance", v.pixels);
            check_pulled(p.orientation, f, all[a].name, "orientation", v.pixels);
            check_pulled(p.normal, f, all[a].name, "normal", 3 * v.pixels);
        }
        const int *grid = file[k].grid;
        const size_t n = (size_t)(grid[0] * grid[1] * grid[2] * 4);
        real theta[NODES], dtheta[NODES] = { 0 };
        golden_real(theta, f, "in.theta", n);
        const real y = reg_tv(dtheta, theta, 1, grid, 4);
        golden_check(&y, f, "out.tv", bar, 1);
        golden_check(dtheta, f, "out.tv.grad.theta", grad_bar, n);
        st_close(f);
    }
}

/* Gradients are added to what is there, times the weight, and the value is not: all at once, against each alone. Sums of 4 terms below 4. */
static void weights_and_sums(void)
{
    static View v;
    static Pulled each[REGULARISERS], sum;
    StFile *f = golden_open("tests/golden/regularise/odd.safetensors");
    view_read(&v, f, 13, 19);
    st_close(f);
    real weight[REGULARISERS] = { R(0.5), R(2.0), R(0.25), R(3.0), 0, R(1.5), R(0.75) }, value[REGULARISERS] = { 0 }, y[REGULARISERS];
    for (int i = 0; i < REGULARISERS; i++) y[i] = one(&each[i], &v, (Regulariser)i, CONVEX_CAMERA);
    for (size_t i = 0; i < v.pixels; i++) sum.opacity[i] = sum.z_variance[i] = sum.orientation[i] = 1;
    for (size_t i = 0; i < 3 * v.pixels; i++) sum.normal[i] = 1;
    Maps d = pulled_of(&sum);
    const Maps m = maps_of(&v);
    regularise_view(&d, value, &m, weight, CONVEX_CAMERA, &v.c);
    for (int i = 0; i < REGULARISERS; i++)
        CHECK(value[i] == y[i] && (i == REG_TV) == (y[i] == 0), "%s: %g, alone %g", regulariser_info[i].name, (double)value[i], (double)y[i]);
    for (size_t i = 0; i < v.pixels; i++) {
        double want[3] = { 1, 1, 1 };
        for (int k = 0; k < REGULARISERS; k++) {
            want[0] += (double)(weight[k] * each[k].opacity[i]);
            want[1] += (double)(weight[k] * each[k].z_variance[i]);
            want[2] += (double)(weight[k] * each[k].orientation[i]);
        }
        CHECK_LE(fabs((double)sum.opacity[i] - want[0]), 20 * (double)REAL_EPS, "opacity of pixel %zu", i);
        CHECK_LE(fabs((double)sum.z_variance[i] - want[1]), 4 * (double)REAL_EPS, "z_variance of pixel %zu", i);
        CHECK_LE(fabs((double)sum.orientation[i] - want[2]), 4 * (double)REAL_EPS, "orientation of pixel %zu", i);
    }
    for (size_t i = 0; i < 3 * v.pixels; i++) {
        double want = 1;
        for (int k = 0; k < REGULARISERS; k++) want += (double)(weight[k] * each[k].normal[i]);
        CHECK_LE(fabs((double)sum.normal[i] - want), 20 * (double)REAL_EPS, "normal %zu", i);
    }
}

/* A view of nothing: what does not divide by it is as its formula says, the rest is 0, and no gradient is but 0. */
static void an_empty_view(void)
{
    static View v = { .h = 9, .w = 7, .pixels = 63, .c = { .h = 9, .w = 7 } };
    static Pulled p;
    const double entropy = -(0.001 * log(0.001) + 0.999 * log(0.999));
    for (int i = 0; i < REGULARISERS; i++)
        for (int form = 0; form < 2; form++) {
            const double want = i == REG_SPARSITY ? 0.1 : i == REG_OPAQUENESS ? entropy : 0;
            CHECK_LE(fabs((double)one(&p, &v, (Regulariser)i, (ConvexForm)form) - want), 8 * (double)REAL_EPS, "%s", regulariser_info[i].name);
            for (size_t k = 0; k < v.pixels; k++)
                CHECK(p.opacity[k] == 0 && p.z_variance[k] == 0 && p.orientation[k] == 0 && p.normal[3 * k + 1] == 0, "%s: pixel %zu",
                      regulariser_info[i].name, k);
        }
}

/* Half of the pixels opaque, half with opacity 0.3: every formula by hand. */
static void two_opacities(void)
{
    enum { N = 40 };
    real opacity[N], other[N], d[N] = { 0 }, d_other[N] = { 0 };
    for (int i = 0; i < N; i++) {
        opacity[i] = i % 2 == 0 ? R(1.0) : R(0.3);
        other[i] = i % 2 == 0 ? R(0.25) : R(8.0);
    }
    const double eps = 8 * (double)REAL_EPS, o = (double)R(0.3);
    CHECK_LE(fabs((double)reg_sparsity(d, opacity, 2, N) - (sqrt(1.01) + sqrt(o * o + 0.01)) / 2), eps, "sparsity");
    CHECK_LE(fabs((double)d[0] * N - 2 / sqrt(1.01)), 4 * eps, "of an opaque pixel");
    CHECK_LE(fabs((double)d[1] * N - 2 * o / sqrt(o * o + 0.01)), 4 * eps, "of the others");
    memset(d, 0, sizeof d);
    const double entropy = -(o * log(o) + (1 - o) * log(1 - o)), clamped = -(0.999 * log(0.999) + 0.001 * log(0.001));
    CHECK_LE(fabs((double)reg_opaqueness(d, opacity, 2, N) - (entropy + clamped) / 2), eps, "opaqueness");
    CHECK(d[0] == 0, "beyond the clamp");
    CHECK_LE(fabs((double)d[1] * N - 2 * log((1 - o) / o)), 4 * eps, "towards one half");
    CHECK(reg_z_variance(d_other, other, opacity, 2, N) == R(0.25) && d_other[0] == R(2.0) / 20 && d_other[1] == 0, "z-variance of opaque pixels");
    opacity[4] = 0;
    memset(d_other, 0, sizeof d_other);
    CHECK_LE(fabs((double)reg_orientation(d_other, other, opacity, 2, N) - 20 * 8.25 / 39), 8.25 * eps, "39 rays are seen");
    CHECK_LE(fabs((double)d_other[4] - 2.0 / 39), eps, "every ray has the gradient");
}

/* A sphere that fills the view, n = (x, y, z) in the camera's axes at points x, y of [-0.6,0.6]^2; sign -1: a bowl. In world axes. */
static void sphere(View *v, int side, int sign, const Camera *c)
{
    *v = (View){ .h = side, .w = side, .pixels = (size_t)(side * side), .c = *c };
    for (int i = 0; i < side * side; i++) {
        const double x = sign * 0.6 * (2 * (i % side + 0.5) / side - 1), y = -sign * 0.6 * (2 * (i / side + 0.5) / side - 1);
        const double z = sqrt(1 - x * x - y * y);
        for (int k = 0; k < 3; k++)
            v->normal[3 * i + k] = (real)(x * (double)c->c2w[k][0] + y * (double)c->c2w[k][1] + z * (double)c->c2w[k][2]);
        v->opacity[i] = 1;
    }
}

/* The angle between two points of a circle of squared radius r2 in its plane, by their first coordinate, times r2 in its sine. */
static double turn(double x, double next, double r2) { return r2 * sin(asin(next / sqrt(r2)) - asin(x / sqrt(r2))); }

/* 8 x 8 pixels are the cells themselves. The sum over rows of turns within each circle of latitude, and likewise for columns, which are the same. */
static void a_sphere_is_convex(void)
{
    static View v;
    static Pulled p;
    const double e[] = { 0, 25, -40 }, a[] = { 0, 40, 200 };
    double want = 0;
    for (int row = 0; row < 8; row++)
        for (int k = 0; k < 7; k++) {
            const double y = 0.6 * (2 * (row + 0.5) / 8 - 1), x = 0.6 * (2 * (k + 0.5) / 8 - 1), next = 0.6 * (2 * (k + 1.5) / 8 - 1);
            want += 2 * turn(x, next, 1 - y * y) / 56;
        }
    CHECK(want > 0.2, "%g", want);
    for (int k = 0; k < 3; k++)
        for (int sign = -1; sign <= 1; sign += 2) {
            Camera c;
            camera_look_at(&c, e[k], a[k], 2, 40, 8, 8);
            sphere(&v, 8, sign, &c);
            CHECK_LE(fabs((double)one(&p, &v, REG_CONVEXITY, CONVEX_CAMERA) + sign * want), 16 * (double)REAL_EPS, "camera %d, sign %d", k, sign);
        }

    /* The code's form tells them apart at the horizon, where the world's z is the camera's y, but only by the horizontal half, and by a quarter of it:
     * there n_shown = (n + 1)/2, and (l x r)_z = ((l x r)_z + l_x - r_x + r_y - l_y)/4, whose differences sum up along each row. */
    double score[2];
    Camera c;
    camera_look_at(&c, 0, 0, 2, 40, 8, 8);
    for (int k = 0; k < 2; k++) {
        sphere(&v, 8, k == 0 ? 1 : -1, &c);
        score[k] = (double)one(&p, &v, REG_CONVEXITY, CONVEX_RELEASED);
    }
    CHECK_LE(score[0], score[1] - 0.01, "released: sphere %g, bowl %g", score[0], score[1]);
    double row_ends = 0;                                               /* at azimuth 0 right is the world's y, towards the camera its x: r_y - l_y = 1.05 */
    for (int row = 0; row < 8; row++) row_ends += 1.05 / 56;
    CHECK_LE(fabs(score[0] + (want / 2 + row_ends) / 4), 16 * (double)REAL_EPS, "released: %g", score[0]);
}

/* Larger and odd sizes shrink to nearly the same: the cells lie at the same points, interpolated. Flat: nothing turns. */
static void planes_and_sizes(void)
{
    static View v;
    static Pulled p;
    static real normal[3 * 13 * 13];
    Camera c;
    camera_look_at(&c, 20, 70, 2, 40, 8, 8);
    sphere(&v, 8, 1, &c);
    const double cells = (double)one(&p, &v, REG_CONVEXITY, CONVEX_CAMERA);
    c.h = c.w = 13;
    sphere(&v, 13, 1, &c);
    CHECK_LE(fabs((double)one(&p, &v, REG_CONVEXITY, CONVEX_CAMERA) - cells), 0.02 * -cells, "13 x 13 against 8 x 8, %g", cells);
    for (size_t i = 0; i < v.pixels; i++)
        for (size_t k = 0; k < 3; k++) v.normal[3 * i + k] = v.normal[k];
    memcpy(normal, v.normal, sizeof normal);
    CHECK_LE(fabs((double)one(&p, &v, REG_CONVEXITY, CONVEX_CAMERA)), 4 * (double)REAL_EPS, "a plane");
    CHECK_LE(fabs((double)one(&p, &v, REG_CONVEXITY, CONVEX_RELEASED)), 4 * (double)REAL_EPS, "a plane, released");
    CHECK(one(&p, &v, REG_NORMAL_SMOOTH, CONVEX_CAMERA) == 0, "a plane is smooth");
    real one_node[4] = { 1, 2, 3, 4 }, d[4] = { 0 };
    CHECK(reg_tv(d, one_node, 1, (const int[3]){ 1, 1, 1 }, 4) == 0 && d[0] == 0, "a grid without neighbours");
}

/* theta = a x + b y + c z by node numbers: a^2 + b^2 + c^2 whatever the size; gradients add up to 0. */
static void tv_of_a_slope(void)
{
    static real theta[3 * 4 * 5 * 4], d[3 * 4 * 5 * 4];
    for (int i = 0; i < 60; i++)
        for (int k = 0; k < 4; k++) theta[4 * i + k] = (real)(2 * (i % 5) + 3 * (i / 5 % 4) + i / 20 + k);
    CHECK_LE(fabs((double)reg_tv(d, theta, R(0.5), (const int[3]){ 3, 4, 5 }, 4) - 14), 14 * (double)REAL_EPS, "4 + 9 + 1");
    double sum = 0;
    for (int i = 0; i < 240; i++) sum += (double)d[i];
    CHECK_LE(fabs(sum), 240 * (double)REAL_EPS, "nothing moves as a whole");
    CHECK(d[0] != 0, "no gradient");
}

static void ramps_against_python(void)
{
    StFile *f = golden_open("tests/golden/regularise/odd.safetensors");
    const int count[] = { 4, 4, 4, 6 };
    double steps[20], want[20];
    golden_f64(steps, f, "in.steps", 20);
    for (int i = 0; i < 4; i++) {
        Ramp r = { .count = count[i] };
        char key[16];
        snprintf(key, sizeof key, "in.ramp.%d", i);
        golden_f64(r.literal, f, key, (size_t)count[i]);
        snprintf(key, sizeof key, "out.ramp.%d", i);
        golden_f64(want, f, key, 20);
        for (int k = 0; k < 20; k++) CHECK(ramp_value(&r, steps[k]) == want[k], "ramp %d at step %g: %.17g", i, steps[k], ramp_value(&r, steps[k]));
    }
    st_close(f);
}

static void ramps_as_text(void)
{
    static const struct { const char *text, *canonical; double at[3], least, most; } good[] = {      /* at steps 0, 1000, 9000 */
        { "0", "0", { 0, 0, 0 }, 0, 0 },
        { "+.150", "0.15", { 0.15, 0.15, 0.15 }, 0.15, 0.15 },
        { "0.5,0,2000", "0,0.5,0,2000", { 0.5, 0.25, 0 }, 0, 0.5 },
        { "500,1,3,1500", "500,1,3,1500", { 1, 2, 3 }, 1, 3 },
        { "0,0,1,2e3,-1,8000", "0,0,1,2000,-1,8000", { 0, 0.5, -1 }, -1, 1 },
        { "0,0,1,10,2,20,3,2020", "0,0,1,10,2,20,3,2020", { 0, 2.49, 3 }, 0, 3 },
    };
    static const char *const bad[] = { "", ",", "x", "0.15 ", "0,1", "1,2,-5", "0,1,2,0", "10,1,2,10", "0,1,2,nan", "0,1,2,3,4", "0,1,2,30,4,20",
                                       "0,1,2,3,", "0,,2,3", "0,0,1,10,2,20,3,30,4,40", "0,1,2,1e999", "0;1;2;3", "1e400",
                                       "0000000000000000000000000000000000.15" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        Ramp r, again;
        char text[RAMP_TEXT];
        double least, most;
        CHECK(ramp_parse(&r, good[i].text) == 0, "%s", good[i].text);
        ramp_print(text, &r);
        CHECK(strcmp(text, good[i].canonical) == 0, "%s is printed as %s", good[i].text, text);
        CHECK(ramp_parse(&again, text) == 0 && again.count == r.count, "%s", text);
        CHECK(memcmp(again.literal, r.literal, (size_t)r.count * sizeof(double)) == 0, "%s is read back as other numbers", text);
        for (int k = 0; k < 3; k++) {
            const double step = k == 0 ? 0 : k == 1 ? 1000 : 9000;
            CHECK_LE(fabs(ramp_value(&r, step) - good[i].at[k]), 1e-12, "%s at %g: %g", text, step, ramp_value(&r, step));
        }
        ramp_range(&least, &most, &r);
        CHECK(least == good[i].least && most == good[i].most, "%s: %g to %g", text, least, most);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        Ramp r = { .count = 1, .literal = { 7 } };
        CHECK(ramp_parse(&r, bad[i]) == -1 && r.literal[0] == 7, "'%s' was taken", bad[i]);
    }
    const Ramp zero = { .count = 0 };
    CHECK(ramp_value(&zero, 5) == 0, "a zeroed ramp");
}

/* The table: the papers' weights are ramps, and what is used, asked for and weighed follows from them. */
static void the_table(void)
{
    Regularising r = { .convex = CONVEX_CAMERA };
    real weight[REGULARISERS];
    for (int i = 0; i < REGULARISERS; i++) {
        CHECK(!regulariser_used(&r, (Regulariser)i), "%s of a zeroed table", regulariser_info[i].name);
        CHECK(ramp_parse(&r.weight[i], regulariser_info[i].dsd) == 0 && ramp_parse(&r.weight[i], regulariser_info[i].sdi) == 0, "%s",
              regulariser_info[i].name);
        CHECK(regulariser_used(&r, (Regulariser)i) == (i != REG_TV && i != REG_NORMAL_SMOOTH), "%s", regulariser_info[i].name);
    }
    regulariser_weights(weight, &r, 1500);
    CHECK(weight[REG_SPARSITY] == R(0.075) && weight[REG_ORIENTATION] == R(0.1) && weight[REG_CONVEXITY] == (real)(1 - 0.9 * 0.375), "in step 1500");
    CHECK(regulariser_maps(weight) == (MAP_OPACITY | MAP_Z_VARIANCE | MAP_ORIENTATION | MAP_NORMAL), "all maps");
    static const int maps[REGULARISERS] = { MAP_ORIENTATION | MAP_OPACITY, MAP_OPACITY, MAP_OPACITY, MAP_Z_VARIANCE | MAP_OPACITY, 0, MAP_NORMAL,
                                            MAP_NORMAL | MAP_OPACITY };
    for (int i = 0; i < REGULARISERS; i++) {
        for (int j = 0; j < REGULARISERS; j++) weight[j] = i == j;
        CHECK(regulariser_maps(weight) == maps[i], "%s asks for %d", regulariser_info[i].name, regulariser_maps(weight));
    }
}

int main(void)
{
    TEST(against_pytorch);
    TEST(weights_and_sums);
    TEST(an_empty_view);
    TEST(two_opacities);
    TEST(a_sphere_is_convex);
    TEST(planes_and_sizes);
    TEST(tv_of_a_slope);
    TEST(ramps_against_python);
    TEST(ramps_as_text);
    TEST(the_table);
    return test_end();
}
