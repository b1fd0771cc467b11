/* t_camera.c -- cameras of any pose and of jittered views: closed forms, PyTorch in binary64 (tests/oracle/camera.py), what there is no picture of */
#include "ref/view_camera.h"
#include "tensor/elem.h"
#include "tests/golden_read.h"

enum { POSES = 32, H = 5, W = 7 };
static const double origin[3] = { 0, 0, 0 }, z[3] = { 0, 0, 1 };

/* Every entry of two cameras within `bar` of each other, the position and the focal length relative to their size. */
static void check_same(const Camera *a, const Camera *b, double bar, const char *what, int number)
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++)
            CHECK_LE(fabs((double)(a->c2w[i][j] - b->c2w[i][j])), bar * (j == 3 ? fabs((double)b->c2w[i][3]) + 1 : 1), "%s %d: c2w[%d][%d]", what, number, i, j);
    CHECK_LE(fabs((double)(a->focal - b->focal)), bar * (double)b->focal, "%s %d: focal", what, number);
    CHECK(a->h == b->h && a->w == b->w, "%s %d: size", what, number);
}

/* A quarter turn about each axis, by hand: columns right, up, -forward, position. */
static void axes_by_hand(void)
{
    static const struct { double position[3], target[3], up[3]; int c2w[3][4]; } known[] = {
        { { 3, 0, 0 }, { 0, 0, 0 }, { 0, 0, 1 }, { { 0, 0, 1, 3 }, { 1, 0, 0, 0 }, { 0, 1, 0, 0 } } },
        { { 0, 2, 0 }, { 0, 0, 0 }, { 0, 0, 5 }, { { -1, 0, 0, 0 }, { 0, 0, 1, 2 }, { 0, 1, 0, 0 } } },
        { { 0, 0, 4 }, { 0, 0, 0 }, { 1, 0, 0 }, { { 0, 1, 0, 0 }, { -1, 0, 0, 0 }, { 0, 0, 1, 4 } } },   /* from above, +x at the top */
        { { 1, 2, 3 }, { 1, 2, 7 }, { 0, 1, 0 }, { { -1, 0, 0, 1 }, { 0, 1, 0, 2 }, { 0, 0, -1, 3 } } },  /* off the origin, straight up */
        { { 0, 0, 0 }, { 0, 9, 0 }, { 0, 8, 1 }, { { 1, 0, 0, 0 }, { 0, 0, -1, 0 }, { 0, 1, 0, 0 } } },   /* up is made upright */
        { { 0, 0, 0 }, { 2, 0, 0 }, { 0, 0, -1 }, { { 0, 0, -1, 0 }, { 1, 0, 0, 0 }, { 0, -1, 0, 0 } } }, /* upside down */
    };
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        Camera c;
        Err err = { 0 };
        CHECK_OK(camera_look_from(&c, known[k].position, known[k].target, known[k].up, 90, 10, 6, &err), &err);
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 4; j++) CHECK_LE(fabs((double)c.c2w[i][j] - known[k].c2w[i][j]), (double)REAL_EPS, "pose %zu: c2w[%d][%d]", k, i, j);
        CHECK_LE(fabs((double)c.focal - 5), 8 * (double)REAL_EPS, "pose %zu: 0.5 h / tan 45", k);
        CHECK(c.h == 10 && c.w == 6, "pose %zu: size", k);
    }
}

/* Errors in binary64 are below 8 eps, but that of right, f x z / |f x z|, grows with 1/cos(elevation); then each rounds once to real. */
static void closed_form_is_the_special_case(void)
{
    static const double elevations[] = { 0, 15, -10, 45, 80, -89, 89.9 }, azimuths[] = { 0, 30, 90, -135, 180 };
    for (int e = 0; e < 7; e++)
        for (int a = 0; a < 5; a++) {
            const View view = { (real)elevations[e], (real)azimuths[a], R(2.5), R(40.0) };
            const double bar = (double)REAL_EPS + 8 * 0x1p-52 / cos((double)view.elevation * D_PI / 180);
            double p[3];
            Camera closed, general;
            Err err = { 0 };
            camera_of_view(&closed, &view, H, W);
            view_position(p, &view);
            CHECK_OK(camera_look_from(&general, p, origin, z, 40, H, W, &err), &err);
            check_same(&general, &closed, bar, "view", 5 * e + a);
            for (int i = 0; i < 3; i++) CHECK(closed.c2w[i][3] == (real)p[i], "view_position and the camera differ");
        }
}

/* Rounded once: half an ulp, and what some 20 operations in binary64 leave of entries up to 1, where up lies 20 degrees or more off the line of sight. */
static void against_torch(void)
{
    static double position[POSES][3], target[POSES][3], up[POSES][3], fovy[POSES], c2w[POSES][3][4], focal[POSES], rays[POSES][H][W][3];
    StFile *f = golden_open("tests/golden/cameras.safetensors");
    golden_f64(&position[0][0], f, "in.position", POSES * 3);
    golden_f64(&target[0][0], f, "in.target", POSES * 3);
    golden_f64(&up[0][0], f, "in.up", POSES * 3);
    golden_f64(fovy, f, "in.fovy", POSES);
    golden_f64(&c2w[0][0][0], f, "c2w", POSES * 12);
    golden_f64(focal, f, "focal", POSES);
    golden_f64(&rays[0][0][0][0], f, "rays", (size_t)POSES * H * W * 3);
    st_close(f);
    for (int k = 0; k < POSES; k++) {
        Camera c;
        Err err = { 0 };
        CHECK_OK(camera_look_from(&c, position[k], target[k], up[k], fovy[k], H, W, &err), &err);
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 4; j++)
                CHECK_LE(fabs((double)c.c2w[i][j] - c2w[k][i][j]), 0.51 * (double)REAL_EPS * fabs(c2w[k][i][j]) + 1e-14, "pose %d: c2w[%d][%d]", k, i, j);
        CHECK_LE(fabs((double)c.focal / focal[k] - 1), 0.51 * (double)REAL_EPS + 1e-14, "pose %d: focal", k);
        for (int row = 0; row < H; row++)
            for (int col = 0; col < W; col++) {
                real d[3];
                camera_ray(d, &c, (real)row, (real)col);
                for (int i = 0; i < 3; i++)                 /* entries of real, a sum of three, a division: 8 roundings at most */
                    CHECK_LE(fabs((double)d[i] - rays[k][row][col][i]), 8 * (double)REAL_EPS, "pose %d: ray %d of pixel (%d, %d)", k, i, row, col);
            }
    }
}

/* The same, but the position goes by way of a view, whose numbers are real and whose sines are ours. */
static void jittered_views_against_torch(void)
{
    static double elevation[POSES], azimuth[POSES], distance[POSES], fovy[POSES], offset[POSES][3], target[POSES][3], up[POSES][3], c2w[POSES][3][4], focal[POSES];
    StFile *f = golden_open("tests/golden/cameras.safetensors");
    golden_f64(elevation, f, "view.elevation", POSES);
    golden_f64(azimuth, f, "view.azimuth", POSES);
    golden_f64(distance, f, "view.distance", POSES);
    golden_f64(fovy, f, "view.fovy", POSES);
    golden_f64(&offset[0][0], f, "jitter.offset", POSES * 3);
    golden_f64(&target[0][0], f, "jitter.target", POSES * 3);
    golden_f64(&up[0][0], f, "jitter.up", POSES * 3);
    golden_f64(&c2w[0][0][0], f, "view.c2w", POSES * 12);
    golden_f64(focal, f, "view.focal", POSES);
    st_close(f);
    for (int k = 0; k < POSES; k++) {
        const View view = { (real)elevation[k], (real)azimuth[k], (real)distance[k], (real)fovy[k] };
        ViewJitter jitter = { .light = { R(9.0), R(9.0), R(9.0) } };
        Camera c;
        Err err = { 0 };
        for (int i = 0; i < 3; i++) {
            jitter.offset[i] = (real)offset[k][i];
            jitter.target[i] = (real)target[k][i];
            jitter.up[i] = (real)up[k][i];
        }
        CHECK_OK(camera_of_jittered_view(&c, &view, &jitter, H, W, &err), &err);
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 4; j++)
                CHECK_LE(fabs((double)c.c2w[i][j] - c2w[k][i][j]), 0.51 * (double)REAL_EPS * fabs(c2w[k][i][j]) + 1e-14, "view %d: c2w[%d][%d]", k, i, j);
        CHECK_LE(fabs((double)c.focal / focal[k] - 1), 0.51 * (double)REAL_EPS + 1e-14, "view %d: focal", k);
    }
}

static int same_bits(const Camera *a, const Camera *b) { return memcmp(a->c2w, b->c2w, sizeof a->c2w) == 0 && a->focal == b->focal; }

/* Zeros change no bit; every component by itself changes the camera, but up's z, which makes up longer. */
static void no_jitter_is_no_change(void)
{
    const View view = { R(20.0), R(35.0), R(2.5), R(40.0) };
    const ViewJitter none = { .offset = { R(-0.0) }, .light = { R(1.0), R(2.0), R(3.0) } };
    Camera plain, c;
    Err err = { 0 };
    camera_of_view(&plain, &view, H, W);
    CHECK_OK(camera_of_jittered_view(&c, &view, &none, H, W, &err), &err);
    CHECK(same_bits(&c, &plain), "zeros move the camera");
    for (int i = 0; i < 8; i++) {
        ViewJitter one = none;
        real *const at[3] = { one.offset, one.target, one.up };
        at[i / 3][i % 3] = R(0.01);
        CHECK_OK(camera_of_jittered_view(&c, &view, &one, H, W, &err), &err);
        CHECK(!same_bits(&c, &plain), "component %d does nothing", i);
    }
}

static void no_picture_is_refused(void)
{
    const double far = 1e300, inf = (double)INFINITY, nan = (double)NAN;
    const struct { double position[3], target[3], up[3]; const char *says; } bad[] = {
        { { 1, 2, 3 }, { 1, 2, 3 }, { 0, 0, 1 }, "expected a point apart" },
        { { 1, 0, 0 }, { 1, 0, 1e-10 }, { 0, 1, 0 }, "expected a point apart" },
        { { nan, 0, 0 }, { 0, 0, 0 }, { 0, 0, 1 }, "expected a point apart" },
        { { 3, 0, 0 }, { inf, 0, 0 }, { 0, 0, 1 }, "expected a point apart" },
        { { far, 0, 0 }, { -far, 0, 0 }, { 0, 0, 1 }, "expected a point apart" },
        { { 0, 0, 3 }, { 0, 0, 0 }, { 0, 0, 1 }, "not along its line of sight" },
        { { 0, 0, 3 }, { 0, 0, 0 }, { 0, 0, -7 }, "not along its line of sight" },
        { { 1, 2, 2 }, { 0, 0, 0 }, { 1, 2, 2.000001 }, "not along its line of sight" },
        { { 3, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 }, "found up (0, 0, 0)" },
        { { 3, 0, 0 }, { 0, 0, 0 }, { 0, nan, 1 }, "not along its line of sight" },
    };
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        Camera c, before;
        Err err = { 0 };
        memset(&c, 0x5a, sizeof c);
        before = c;
        CHECK(camera_look_from(&c, bad[k].position, bad[k].target, bad[k].up, 40, H, W, &err) == -1 && err.set, "pose %zu was taken", k);
        CHECK(strstr(err.msg, bad[k].says) != NULL, "pose %zu: %s", k, err.msg);
        CHECK(memcmp(&c, &before, sizeof c) == 0, "pose %zu left a camera", k);
    }
    const View view = { R(0.0), R(0.0), R(2.0), R(40.0) };
    const ViewJitter into = { .offset = { R(-2.0) } };
    Camera c;
    Err err = { 0 };
    CHECK(camera_of_jittered_view(&c, &view, &into, H, W, &err) == -1 && err.set, "a camera at the centre was taken");
}

int main(void)
{
    TEST(axes_by_hand);
    TEST(closed_form_is_the_special_case);
    TEST(against_torch);
    TEST(jittered_views_against_torch);
    TEST(no_jitter_is_no_change);
    TEST(no_picture_is_refused);
    return test_end();
}
