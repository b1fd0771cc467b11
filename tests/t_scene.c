/* t_scene.c -- procedural scenes: names and prompts, looks, the distance functions' bound, and pictures against a
 * plain ray caster of this file: fixed small steps, bisection, central differences, binary64, one colour at a time. */
#include "render/scene.h"
#include "tensor/rng.h"
#include "tests/harness.h"

enum { N = 32 };                        /* pictures are N x N unless said otherwise */

static void view(Camera *c, double elevation, double azimuth, int h, int w) { camera_look_at(c, elevation, azimuth, 2.5, 40.0, h, w); }

static int object_of(const char *name)
{
    for (int o = 0; o < scene_object_count(); o++)
        if (strcmp(scene_object_name(o), name) == 0) return o;
    CHECK(0, "no object %s", name);
    return 0;
}

static void names_and_colours(void)
{
    CHECK(scene_object_count() >= 20, "%d objects", scene_object_count());
    CHECK(scene_colour_count() == 12, "%d colours", scene_colour_count());
    for (int i = 0; i < scene_object_count(); i++)
        for (int j = 0; j < i; j++)
            CHECK(strcmp(scene_object_name(i), scene_object_name(j)) != 0, "%s twice", scene_object_name(i));
    for (int i = 0; i < scene_colour_count(); i++) {
        real a[3], b[3];
        scene_colour_rgb(a, i);
        for (int k = 0; k < 3; k++) CHECK(a[k] >= 0 && a[k] <= 1, "%s", scene_colour_name(i));
        for (int j = 0; j < i; j++) {
            double d = 0;
            scene_colour_rgb(b, j);
            for (int k = 0; k < 3; k++) d += (double)((a[k] - b[k]) * (a[k] - b[k]));
            CHECK(d >= 0.3 * 0.3, "%s and %s are only %.3f apart", scene_colour_name(i), scene_colour_name(j), sqrt(d));
        }
    }
}

/* The message of a prompt that must be refused holds every one of the words. */
static void refused(const char *prompt, const char *const *words)
{
    Err err = { 0 };
    int object = -7, colour = -7;
    CHECK(scene_prompt_parse(&object, &colour, prompt, &err) == -1, "\"%s\" was taken", prompt);
    CHECK(object == -7 && colour == -7, "\"%s\" wrote its results", prompt);
    CHECK(strchr(err.msg, '\n') == NULL && strstr(err.msg, "sdref help prompts") != NULL, "%s", err.msg);
    for (; *words; words++) CHECK(strstr(err.msg, *words) != NULL, "\"%s\" not in: %s", *words, err.msg);
}

static void prompts(void)
{
    char words[2000] = "a red mug";
    memset(words + 9, 'x', sizeof words - 10);
    refused(words, (const char *const[]){ "\"a red mugxxx", "object", NULL });
    for (int o = 0; o < scene_object_count(); o++)
        for (int c = 0; c < scene_colour_count(); c++) {
            char prompt[100];
            Err err = { 0 };
            int object = -1, colour = -1;
            snprintf(prompt, sizeof prompt, c % 2 ? "a %s %s" : " an  %s %s ", scene_colour_name(c), scene_object_name(o));
            CHECK_OK(scene_prompt_parse(&object, &colour, prompt, &err), &err);
            CHECK(object == o && colour == c, "%s: %d %d", prompt, object, colour);
        }
    refused("a rde mug", (const char *const[]){ "\"a rde mug\"", "colour", "\"rde\"", "\"red\"", NULL });
    refused("a red hosue", (const char *const[]){ "object", "\"hosue\"", "\"house\"", NULL });
    refused("a red qqqqqq", (const char *const[]){ "object", "\"qqqqqq\"", NULL });
    refused("a red", (const char *const[]){ "no object", NULL });
    refused("a", (const char *const[]){ "no colour", NULL });
    refused("", (const char *const[]){ "\"\"", NULL });
    refused("red mug", (const char *const[]){ "\"red\"", NULL });
    refused("a red mug\n\x1b[1mx\x7f", (const char *const[]){ "prompt \"a red mug??[1mx?\"", "\"mug??[1mx?\"", NULL });
    refused("a red mug, front view", (const char *const[]){ "\"mug,\"", "\"mug\"", NULL });
    refused("a red mug please", (const char *const[]){ "\"please\"", NULL });
    refused("a Red mug", (const char *const[]){ "\"Red\"", "\"red\"", NULL });
}

static void looks(void)
{
    SceneLook first, again, other;
    scene_look(&first, 1, 3, 0);
    scene_look(&again, 2, 3, 0);
    CHECK(memcmp(&first, &again, sizeof first) == 0, "the canonical look depends on the seed");
    int differ = 0;
    for (int o = 0; o < scene_object_count(); o++)
        for (int m = 0; m < 40; m++) {
            scene_look(&first, 5, o, m);
            scene_look(&again, 5, o, m);
            scene_look(&other, 6, o, m);
            CHECK(memcmp(&first, &again, sizeof first) == 0, "look %d is not a function of its address", m);
            differ += memcmp(&first, &other, sizeof first) != 0;
            double l2 = 0, lo = 9, hi = 0;
            for (int k = 0; k < 3; k++) {
                l2 += (double)first.light[k] * (double)first.light[k];
                lo = fmin(lo, (double)first.size[k]);
                hi = fmax(hi, (double)first.size[k]);
            }
            CHECK_LE(fabs(l2 - 1.0), 1e-6, "%s %d: light", scene_object_name(o), m);      /* 8 roundings, or 7 digits */
            CHECK(first.light[2] > 0, "light from below");
            CHECK(lo > 0 && hi <= 1 && hi / lo <= 1.15 / 0.85 * 1.0001, "%s %d: sizes %g .. %g", scene_object_name(o), m, lo, hi);
            CHECK(first.ground > 0 && first.ground < 1, "ground");
        }
    CHECK(differ == 39 * scene_object_count(), "%d looks depend on the seed", differ);
}

/* Draw i of a fixed stream, in [0,1). */
static double draw(uint32_t i, uint32_t object) { return rng_uniform_at((RngAt){ 11, object, 0, RNG_PROBE }, i); }

/* No object reaches the faces of the cube [-0.9,0.9]^3 in any look, and all have an inside. */
static void inside_the_cube(void)
{
    for (int o = 0; o < scene_object_count(); o++)
        for (int m = 0; m < 4; m++) {
            SceneLook look;
            scene_look(&look, 3, o, m);
            int out = 0, in = 0;
            for (int face = 0; face < 6; face++)
                for (int i = -30; i <= 30; i++)
                    for (int j = -30; j <= 30; j++) {
                        real p[3];
                        p[face % 3] = face < 3 ? R(0.9) : R(-0.9);
                        p[(face + 1) % 3] = R(0.03) * (real)i;
                        p[(face + 2) % 3] = R(0.03) * (real)j;
                        out += !(scene_sdf(NULL, &look, o, p) > 0);
                        for (int k = 0; k < 3; k++) p[k] *= R(0.4);
                        in += scene_sdf(NULL, &look, o, p) < 0;
                    }
            CHECK(out == 0, "%s, look %d: %d points of the cube's faces are inside", scene_object_name(o), m, out);
            CHECK(in > 0, "%s, look %d: nothing inside", scene_object_name(o), m);
        }
}

/* The ball of radius sdf / SCENE_SLACK is free. Rounding: the sdf is a few dozen operations on numbers of order 1. */
static void free_balls(void)
{
    for (int o = 0; o < scene_object_count(); o++) {
        SceneLook look;
        scene_look(&look, 3, o, o % 2);
        double worst = 1;
        for (uint32_t i = 0; i < 30000; i++) {
            real p[3], q[3];
            double v[3], n = 0;
            for (uint32_t k = 0; k < 3; k++) {
                p[k] = (real)(2.0 * draw(6 * i + k, (uint32_t)o) - 1.0);
                v[k] = 2.0 * draw(6 * i + 3 + k, (uint32_t)o) - 1.0;
                n += v[k] * v[k];
            }
            const real d = scene_sdf(NULL, &look, o, p);
            if (!(d > 0)) continue;
            for (int k = 0; k < 3; k++) q[k] = p[k] + (real)(v[k] / sqrt(n)) * d / SCENE_SLACK;
            worst = fmin(worst, (double)scene_sdf(NULL, &look, o, q));
        }
        CHECK_LE(-worst, 100 * REAL_EPS, "%s: a point of a free ball is inside", scene_object_name(o));
    }
}

/* ---- the plain ray caster ---- */

/* Radiance along one ray with the main material painted `colour`; the hit counts into *hits. */
static void cast(double rgb[3], int *hits, const SceneLook *look, int object, const double eye[3], const real d[3], const real colour[3])
{
    const double step = 0.004, skin = 0.002;
    double t = 0.6, lo, hi;                                      /* 2.5 - 1.7 and less: before any object */
    real p[3] = { 0 };
    int material = 0;
    for (; t < 4.3; t += step) {
        for (int k = 0; k < 3; k++) p[k] = (real)(eye[k] + t * (double)d[k]);
        const double f = (double)scene_sdf(NULL, look, object, p);
        if (f < skin) break;
        if (f > 0.1) t += f - 0.1;                               /* far away a distance may be trusted */
    }
    for (int k = 0; k < 3; k++) rgb[k] = (double)look->ground;
    if (t >= 4.3) return;
    *hits += 1;
    lo = t - step;
    hi = t;
    for (int i = 0; i < 20; i++) {
        const double mid = 0.5 * (lo + hi);
        for (int k = 0; k < 3; k++) p[k] = (real)(eye[k] + mid * (double)d[k]);
        if ((double)scene_sdf(NULL, look, object, p) < skin) hi = mid;
        else lo = mid;
    }
    for (int k = 0; k < 3; k++) p[k] = (real)(eye[k] + hi * (double)d[k]);
    scene_sdf(&material, look, object, p);
    double n[3], l = 0, light = 0;
    for (int k = 0; k < 3; k++) {
        real a[3] = { p[0], p[1], p[2] }, b[3] = { p[0], p[1], p[2] };
        a[k] += R(0.001);
        b[k] -= R(0.001);
        n[k] = (double)scene_sdf(NULL, look, object, a) - (double)scene_sdf(NULL, look, object, b);
        l += n[k] * n[k];
    }
    l = sqrt(l);
    for (int k = 0; k < 3; k++) {
        n[k] /= l;
        light += n[k] * (double)look->light[k];
    }
    real away[3], albedo[3];
    for (int k = 0; k < 3; k++) away[k] = p[k] + (real)(0.15 * n[k]);
    const double open = fmin(1.0, fmax(0.0, (double)scene_sdf(NULL, look, object, away) / 0.15)), a = 0.6 + 0.4 * open;
    const double shade = a * (0.56 + 0.14 * (1.0 + n[2]) / 2.0) + (0.75 + 0.25 * a) * 0.30 * fmax(0.0, light);
    if (material == 0) memcpy(albedo, colour, sizeof albedo);
    else scene_material_rgb(albedo, material);
    for (int k = 0; k < 3; k++) rgb[k] = shade * (double)albedo[k];
}

/* P + Q colour of every object against `cast`, and the mask against its hits; also ranges. The two differ by one albedo
 * step where a sample lies on the rim of a paint or a silhouette, a quarter of a pixel at most, and by the normal's step
 * on edges: so few pixels may differ by more than 0.02, and the mean stays small. */
static void against_ray_caster(void)
{
    enum { H = 18, W = 15 };
    static real P[3 * H * W], Q[H * W], mask[H * W], rgb[3 * H * W];
    for (int o = 0; o < scene_object_count(); o++) {
        SceneLook look;
        Camera cam;
        real colour[3];
        int off = 0, hits_off = 0, bad_range = 0;
        double mean = 0;
        scene_look(&look, 9, o, o % 3);
        view(&cam, 20.0, 37.0 * o, H, W);
        scene_colour_rgb(colour, o % scene_colour_count());
        scene_render(P, Q, mask, &look, o, &cam);
        scene_paint(rgb, P, Q, colour, H, W);
        const double eye[3] = { (double)cam.c2w[0][3], (double)cam.c2w[1][3], (double)cam.c2w[2][3] };
        for (int i = 0; i < H * W; i++) {
            double want[3] = { 0, 0, 0 }, worst = 0;
            int hits = 0;
            for (int s = 0; s < 4; s++) {
                double one[3];
                real d[3];
                camera_ray(d, &cam, (real)(i / W) + (real)(s / 2) / 2 - R(0.25), (real)(i % W) + (real)(s % 2) / 2 - R(0.25));
                cast(one, &hits, &look, o, eye, d, colour);
                for (int k = 0; k < 3; k++) want[k] += one[k] / 4;
            }
            for (int k = 0; k < 3; k++) {
                const double value = (double)rgb[k * H * W + i];
                worst = fmax(worst, fabs(value - want[k]));
                bad_range += !(value >= 0 && value <= 1 && P[k * H * W + i] >= 0 && P[k * H * W + i] + Q[i] <= R(1.0) + 4 * REAL_EPS);
            }
            mean += worst / (H * W);
            off += !(worst <= 0.02);
            hits_off += mask[i] != (real)hits / 4;
        }
        CHECK_LE(mean, 0.003, "%s: mean difference to the ray caster", scene_object_name(o));
        CHECK_LE(off, H * W / 25, "%s: pixels that differ from the ray caster", scene_object_name(o));
        CHECK_LE(hits_off, H * W / 50, "%s: pixels whose mask differs", scene_object_name(o));
        CHECK(bad_range == 0, "%s: %d values outside [0,1]", scene_object_name(o), bad_range);
    }
}

/* Root mean square difference between two N x N pictures over the pixels that either covers; b mirrored if asked. */
static double difference(const real *a, const real *am, const real *b, const real *bm, int mirror)
{
    double sum = 0, n = 0;
    for (int r = 0; r < N; r++)
        for (int c = 0; c < N; c++) {
            const int i = r * N + c, j = r * N + (mirror ? N - 1 - c : c);
            if (am[i] == 0 && bm[j] == 0) continue;
            n += 3;
            for (int k = 0; k < 3; k++) {
                const double e = (double)(a[k * N * N + i] - b[k * N * N + j]);
                sum += e * e;
            }
        }
    return sqrt(sum / n);
}

/* A picture under a light from straight above, which treats all sides alike. */
static void picture(real *rgb, real *mask, int object, double elevation, double azimuth)
{
    static real Q[N * N];
    const real colour[3] = { R(0.2), R(0.6), R(0.7) };
    SceneLook look;
    Camera cam;
    scene_look(&look, 0, object, 0);
    look.light[0] = look.light[1] = 0;
    look.light[2] = 1;
    view(&cam, elevation, azimuth, N, N);
    scene_render(rgb, Q, mask, &look, object, &cam);
    scene_paint(rgb, rgb, Q, colour, N, N);
}

/* Seen from opposite sides at elevation 0 a featureless object shows nearly mirrored pictures: 0.01 apart or less is what
 * mirror_images grants those that are equal. The bounds here are 8 and 4 times that. */
static void sides_differ(void)
{
    static const char *const lopsided[] = { "mug", "house", "car", "robot", "cat", "teapot", "chair", "rocket", "boat", "dog", "penguin",
        "snowman", "mushroom", "television", "guitar", "truck", "plane", "camera", "clock", "mailbox", "rabbit", "bear", "owl", "ghost" };
    static real a[3 * N * N], b[3 * N * N], am[N * N], bm[N * N];
    for (int o = 0; o < scene_object_count(); o++) {
        picture(a, am, o, 0.0, 0.0);
        picture(b, bm, o, 0.0, 180.0);
        CHECK_LE(0.08, difference(a, am, b, bm, 1), "%s: front and back look alike", scene_object_name(o));
        picture(a, am, o, 10.0, 0.0);
        picture(b, bm, o, 10.0, 90.0);
        CHECK_LE(0.08, difference(a, am, b, bm, 0), "%s: front and left look alike", scene_object_name(o));
    }
    for (size_t i = 0; i < sizeof lopsided / sizeof lopsided[0]; i++) {
        const int o = object_of(lopsided[i]);
        double most = 0;
        for (int k = 0; k < 2; k++) {                            /* left against right, or the two sides of the front */
            picture(a, am, o, 10.0, k ? 0.0 : 90.0);
            picture(b, bm, o, 10.0, k ? 0.0 : -90.0);
            most = fmax(most, difference(a, am, b, bm, 1));
        }
        CHECK_LE(0.04, most, "%s: left and right look alike", lopsided[i]);
    }
}

/* Objects that are symmetric in y give mirrored pictures from mirrored cameras. What is left: rounding, which can move
 * a sample across a rim, and the one-sided differences of the normal on edges. */
static void mirror_images(void)
{
    static const char *const even[] = { "duck", "frog", "turtle", "fish" };
    static real a[3 * N * N], b[3 * N * N], am[N * N], bm[N * N];
    for (size_t i = 0; i < sizeof even / sizeof even[0]; i++)
        for (int azimuth = 0; azimuth < 180; azimuth += 50) {
            const int o = object_of(even[i]);
            picture(a, am, o, 15.0, azimuth);
            picture(b, bm, o, 15.0, -azimuth);
            CHECK_LE(difference(a, am, b, bm, 1), 0.01, "%s at %d degrees", even[i], azimuth);
        }
}

/* A camera that sees nothing, and pixels that are all hit. */
static void empty_and_full(void)
{
    static real P[3 * N * N], Q[N * N], mask[N * N];
    SceneLook look;
    Camera cam;
    const int o = object_of("mug");
    scene_look(&look, 0, o, 0);
    view(&cam, 0.0, 0.0, N, N);
    for (int i = 0; i < 3; i++) {
        cam.c2w[i][0] = -cam.c2w[i][0];
        cam.c2w[i][2] = -cam.c2w[i][2];
    }
    scene_render(P, Q, mask, &look, o, &cam);
    for (int i = 0; i < N * N; i++) CHECK(P[i] == look.ground && Q[i] == 0 && mask[i] == 0, "pixel %d", i);
    camera_look_at(&cam, 0.0, 0.0, 2.5, 5.0, N, N);
    scene_render(P, Q, NULL, &look, o, &cam);
    scene_render(P, Q, mask, &look, o, &cam);
    for (int i = 0; i < N * N; i++) CHECK(mask[i] == 1, "pixel %d", i);
}

int main(void)
{
    TEST(names_and_colours);
    TEST(prompts);
    TEST(looks);
    TEST(inside_the_cube);
    TEST(free_balls);
    TEST(against_ray_caster);
    TEST(sides_differ);
    TEST(mirror_images);
    TEST(empty_and_full);
    return test_end();
}
