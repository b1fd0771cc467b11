/* t_scene_geometry.c -- depth and normals of the procedural scenes, against a ray caster of this file (own camera from the angles,
 * small steps, bisection, central differences, binary64), and against what holds for every solid */
#include "render/scene.h"
#include "tests/harness.h"

enum { H = 22, W = 18, N = H * W };

static real depth[N], normal[3 * N], mask[N], mask_of_render[N], P[3 * N], Q[N];

static int object_of(const char *name)
{
    for (int o = 0; o < scene_object_count(); o++)
        if (strcmp(scene_object_name(o), name) == 0) return o;
    CHECK(0, "no object %s", name);
    return 0;
}

/* ---- the ray caster ---- */

/* Unit vectors in world space: right, up, back (towards the camera); place of the camera; pixels per unit at distance 1. */
typedef struct Eye { double axis[3][3], place[3], focal; } Eye;

static void cross(double out[3], const double a[3], const double b[3])
{
    for (int k = 0; k < 3; k++) out[k] = a[(k + 1) % 3] * b[(k + 2) % 3] - a[(k + 2) % 3] * b[(k + 1) % 3];
}

static double unit(double v[3])
{
    const double l = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    for (int k = 0; k < 3 && l > 0; k++) v[k] /= l;
    return l;
}

static void eye_at(Eye *e, double elevation, double azimuth, double distance, double fovy)
{
    const double el = elevation * D_PI / 180.0, az = azimuth * D_PI / 180.0, z[3] = { 0, 0, 1 };
    const double back[3] = { cos(el) * cos(az), cos(el) * sin(az), sin(el) };
    for (int k = 0; k < 3; k++) {
        e->axis[2][k] = back[k];
        e->place[k] = distance * back[k];
    }
    cross(e->axis[0], z, back);
    unit(e->axis[0]);
    cross(e->axis[1], back, e->axis[0]);
    e->focal = 0.5 * H / tan(0.5 * fovy * D_PI / 180.0);
}

/* Direction in camera space through a place of the picture, in pixels from its top left corner. */
static void direction(double d[3], const Eye *e, double y, double x)
{
    d[0] = (x - 0.5 * W) / e->focal;
    d[1] = (0.5 * H - y) / e->focal;
    d[2] = -1.0;
    unit(d);
}

static void to_world(double out[3], const Eye *e, const double v[3])
{
    for (int k = 0; k < 3; k++) out[k] = v[0] * e->axis[0][k] + v[1] * e->axis[1][k] + v[2] * e->axis[2][k];
}

typedef struct Ray { const SceneLook *look; int object; double from[3], d[3]; } Ray;

static double sdf_at(const Ray *r, double t, const double shift[3])
{
    real p[3];
    for (int k = 0; k < 3; k++) p[k] = (real)(r->from[k] + t * r->d[k] + shift[k]);
    return (double)scene_sdf(NULL, r->look, r->object, p);
}

static const double none[3] = { 0, 0, 0 };

/* The first t beyond `t` at which the sdf is below `level`, by steps; infinite when there is none before `end`. */
static double below(const Ray *r, double level, double t, double end, double step)
{
    for (; t < end; t += step) {
        const double f = sdf_at(r, t, none);
        if (f < level) break;
        if (f > 0.1) t += f - 0.1;                               /* far away a distance may be trusted */
    }
    if (!(t < end)) return (double)INFINITY;
    double lo = t - step, hi = t;
    for (int i = 0; i < 30; i++) {
        const double mid = 0.5 * (lo + hi);
        if (sdf_at(r, mid, none) < level) hi = mid;
        else lo = mid;
    }
    return hi;
}

/* Gradient of the sdf by central differences, unit, in camera space. */
static void normal_at(double n[3], const Ray *r, const Eye *e, double t)
{
    double g[3];
    for (int k = 0; k < 3; k++) {
        double plus[3] = { 0 }, minus[3] = { 0 };
        plus[k] = 0.001;
        minus[k] = -0.001;
        g[k] = sdf_at(r, t, plus) - sdf_at(r, t, minus);
    }
    unit(g);
    for (int k = 0; k < 3; k++) n[k] = g[0] * e->axis[k][0] + g[1] * e->axis[k][1] + g[2] * e->axis[k][2];
}

/* Of one pixel: rays that hit, mean distance at which the sdf passes 0.002 and 0, mean normal made unit. */
typedef struct Truth { int hits; double skin, surface, normal[3]; } Truth;

static Truth truth_at(const SceneLook *look, int object, const Eye *e, int row, int col)
{
    Truth m = { 0, 0, 0, { 0, 0, 0 } };
    for (int i = 0; i < 4; i++) {
        Ray r = { .look = look, .object = object };
        double d[3], n[3];
        direction(d, e, row + (i < 2 ? 0.25 : 0.75), col + (i % 2 == 0 ? 0.25 : 0.75));
        to_world(r.d, e, d);
        memcpy(r.from, e->place, sizeof r.from);
        const double t = below(&r, 0.002, 0.6, 4.4, 0.003);
        if (!isfinite(t)) continue;
        normal_at(n, &r, e, t);
        m.hits++;
        m.skin += t;
        m.surface += below(&r, 0.0, t, t + 0.1, 0.0005);
        for (int k = 0; k < 3; k++) m.normal[k] += n[k];
    }
    m.skin /= m.hits;
    m.surface /= m.hits;
    unit(m.normal);
    return m;
}

static void view(SceneLook *look, Camera *cam, Eye *e, int object, int i)
{
    const double elevation = -10.0 + 19.0 * (i % 6), azimuth = 37.0 * i - 180.0, distance = 2.4 + 0.05 * (i % 5), fovy = 39.0 + 0.4 * (i % 6);
    scene_look(look, 9, object, i % 4);
    camera_look_at(cam, elevation, azimuth, distance, fovy, H, W);
    eye_at(e, elevation, azimuth, distance, fovy);
}

static double angle(const double n[3], int i)
{
    double dot = 0;
    for (int k = 0; k < 3; k++) dot += n[k] * (double)normal[k * N + i];
    return acos(fmin(1.0, fmax(-1.0, dot))) * 180.0 / D_PI;
}

/* A marched ray ends between sdf = 0.002 and 0, so a pixel's depth lies between those two means, which is no tolerance but the
 * definition; 2e-4 is added for binary32 (the sdf's 1e-6 or so, seen along rays as flat as 1/200). Where the caster's hits differ
 * (silhouettes) nothing is compared, and where a ray touches the skin alone there is no upper end; other pixels off: 1 % at most.
 * Normals: forward differences of step 0.002 turn by 0.001 times the curvature, which is 3 degrees on a rounding of 0.02; on an
 * edge the two may differ by anything, and edges are in many pixels: a mean of 3 degrees, and 90 % of the pixels within 6. In the mean
 * depth is short by at most 0.002 / cos(incidence), which over a ball's disc is 0.004. */
static void against_ray_caster(void)
{
    double all_bias = 0, all_angle = 0, worst_mean = 0;
    long all = 0;
    for (int o = 0; o < scene_object_count(); o++) {
        SceneLook look;
        Camera cam;
        Eye eye;
        int compared = 0, covered = 0, depth_off = 0, turned = 0;
        double mean = 0;
        view(&look, &cam, &eye, o, o);
        scene_geometry(depth, normal, mask, &look, o, &cam);
        for (int i = 0; i < N; i++) {
            const Truth m = truth_at(&look, o, &eye, i / W, i % W);
            const double got = (double)depth[i];
            covered += m.hits > 0 || mask[i] > 0;
            if (m.hits == 0 || mask[i] != (real)m.hits / 4) continue;
            const double a = angle(m.normal, i);
            compared++;
            depth_off += !(got >= m.skin - 2e-4 && got <= m.surface + 2e-4);
            turned += !(a <= 6.0);
            mean += a;
            if (isfinite(m.surface)) all_bias += m.surface - got;
        }
        CHECK_LE(0.05 * N, compared, "%s: pixels compared", scene_object_name(o));
        CHECK_LE(covered - compared, 0.03 * covered + 1, "%s: pixels that the caster covers otherwise, of %d", scene_object_name(o), covered);
        CHECK_LE(depth_off, 0.01 * compared, "%s: depths off, of %d", scene_object_name(o), compared);
        CHECK_LE(turned, 0.10 * compared, "%s: normals more than 6 degrees off, of %d", scene_object_name(o), compared);
        CHECK_LE(mean / compared, 3.0, "%s: mean angle between normals", scene_object_name(o));
        worst_mean = fmax(worst_mean, mean / compared);
        all += compared;
        all_angle += mean;
    }
    CHECK_LE(all_bias / (double)all, 0.004, "mean of true depth less depth");
    printf("  %ld pixels: depth short by %.5f in the mean; normals off by %.3f degrees in the mean, %.3f for the worst object\n",
           all, all_bias / (double)all, all_angle / (double)all, worst_mean);
}

/* ---- what holds for every solid ---- */

static void shares_and_ranges(void)
{
    for (int o = 0; o < scene_object_count(); o++)
        for (int v = 0; v < 4; v++) {
            SceneLook look;
            Camera cam;
            Eye eye;
            int differ = 0, loose = 0, not_unit = 0, far = 0;
            view(&look, &cam, &eye, o, o + 7 * v);
            const double distance = sqrt(eye.place[0] * eye.place[0] + eye.place[1] * eye.place[1] + eye.place[2] * eye.place[2]);
            memset(depth, 0xff, sizeof depth);
            memset(normal, 0xff, sizeof normal);
            memset(mask, 0xff, sizeof mask);
            scene_render(P, Q, mask_of_render, &look, o, &cam);
            scene_geometry(depth, normal, mask, &look, o, &cam);
            for (int i = 0; i < N; i++) {
                const double n[3] = { (double)normal[i], (double)normal[N + i], (double)normal[2 * N + i] };
                const double l = n[0] * n[0] + n[1] * n[1] + n[2] * n[2];
                differ += mask[i] != mask_of_render[i];
                loose += mask[i] == 0 && !(depth[i] == 0 && n[0] == 0 && n[1] == 0 && n[2] == 0);
                not_unit += mask[i] > 0 && !(fabs(l - 1.0) <= 8 * (double)REAL_EPS);              /* 3 quotients, a root, a sum */
                far += mask[i] > 0 && !(fabs((double)depth[i] - distance) <= 0.9 * sqrt(3.0));    /* the cube's corners */
            }
            CHECK(differ == 0, "%s, view %d: %d pixels whose mask is not scene_render's", scene_object_name(o), v, differ);
            CHECK(loose == 0, "%s, view %d: %d empty pixels hold something", scene_object_name(o), v, loose);
            CHECK(not_unit == 0, "%s, view %d: %d normals are not unit", scene_object_name(o), v, not_unit);
            CHECK(far == 0, "%s, view %d: %d depths outside the cube", scene_object_name(o), v, far);
        }
}

/* The point of pixel i in camera space. */
static void point(double p[3], const Eye *e, int i)
{
    direction(p, e, i / W + 0.5, i % W + 0.5);
    for (int k = 0; k < 3; k++) p[k] *= (double)depth[i];
}

/* What is visible faces the camera, and the normal stands on the surface that the depth draws: right neighbour less left one, crossed
 * with upper less lower. Edges, and rounding smaller than two pixels, bend the latter: three quarters of the pixels within 20 degrees
 * over all objects (they bend a few degrees; a frame that is mirrored or turned puts most of them beyond). */
static void normals_fit_the_depth(void)
{
    int compared = 0, fit = 0;
    for (int o = 0; o < scene_object_count(); o++) {
        SceneLook look;
        Camera cam;
        Eye eye;
        int away = 0, covered = 0;
        view(&look, &cam, &eye, o, 2 * o + 1);
        scene_geometry(depth, normal, mask, &look, o, &cam);
        for (int i = W + 1; i < N - W - 1; i++) {
            double d[3], p[4][3], across[3], up[3], n[3];
            direction(d, &eye, i / W + 0.5, i % W + 0.5);
            covered += mask[i] == 1;
            away += mask[i] == 1 && !((double)normal[i] * d[0] + (double)normal[N + i] * d[1] + (double)normal[2 * N + i] * d[2] < 0.1);
            if (mask[i] < 1 || mask[i - 1] < 1 || mask[i + 1] < 1 || mask[i - W] < 1 || mask[i + W] < 1) continue;
            point(p[0], &eye, i + 1);
            point(p[1], &eye, i - 1);
            point(p[2], &eye, i - W);
            point(p[3], &eye, i + W);
            for (int k = 0; k < 3; k++) {
                across[k] = p[0][k] - p[1][k];
                up[k] = p[2][k] - p[3][k];
            }
            cross(n, across, up);
            unit(n);
            compared++;
            fit += angle(n, i) <= 20.0;
        }
        CHECK_LE(away, 0.01 * covered, "%s: normals that face away, of %d", scene_object_name(o), covered);
    }
    CHECK(compared > 1000, "%d pixels compared", compared);
    CHECK_LE(0.75 * compared, fit, "normals within 20 degrees of the depth's, of %d", compared);
    printf("  normals fit the depth in %d of %d pixels\n", fit, compared);
}

/* Along the unit direction d: the first distance to the ball of radius r about the origin, from `from`; infinite if missed. */
static double to_ball(const double from[3], const double d[3], double r)
{
    const double b = from[0] * d[0] + from[1] * d[1] + from[2] * d[2];
    const double c = from[0] * from[0] + from[1] * from[1] + from[2] * from[2] - r * r;
    return b * b >= c ? -b - sqrt(b * b - c) : (double)INFINITY;
}

/* Closed form: the snowman's lower ball, centre (0, 0, -0.46) and radius 0.46 in a canonical look of size 0.86; nothing stands before
 * its lower half at the back. A ray ends between the balls of radius r + 0.002 and r; 1e-5: rounding of binary32. Normals: the forward
 * difference turns by 0.001/r, and 0.002 along a ray of incidence up to asin 0.8 by 0.002 tan/r: 0.5 degrees together. */
static void a_ball(void)
{
    const double r = 0.46 * 0.86;
    const int o = object_of("snowman");
    int compared = 0;
    SceneLook look;
    scene_look(&look, 0, o, 0);
    CHECK(look.size[0] == R(0.86) && look.size[1] == R(0.86) && look.size[2] == R(0.86), "the canonical size");
    for (int v = 0; v < 3; v++) {
        const double elevation = 10.0 * v - 10.0, azimuth = 160.0 + 20.0 * v;
        Camera cam;
        Eye eye;
        double from[3];
        camera_look_at(&cam, elevation, azimuth, 2.5, 40.0, H, W);
        eye_at(&eye, elevation, azimuth, 2.5, 40.0);
        scene_geometry(depth, normal, mask, &look, o, &cam);
        for (int k = 0; k < 3; k++) from[k] = eye.place[k] + (k == 2 ? r : 0.0);
        for (int i = 0; i < N; i++) {
            double outer = 0, inner = 0, n[3] = { 0, 0, 0 };
            for (int s = 0; s < 4; s++) {
                double c[3], d[3], p[3];
                direction(c, &eye, i / W + (s < 2 ? 0.25 : 0.75), i % W + (s % 2 == 0 ? 0.25 : 0.75));
                to_world(d, &eye, c);
                outer += to_ball(from, d, r + 0.002) / 4;
                const double t = to_ball(from, d, r);
                inner += t / 4;
                for (int k = 0; k < 3; k++) p[k] = from[k] + t * d[k];
                const double incidence = -(p[0] * d[0] + p[1] * d[1] + p[2] * d[2]) / r;
                if (!(p[2] < 0.0 && incidence > 0.6)) inner = (double)NAN;
                for (int k = 0; k < 3; k++) n[k] += p[0] * eye.axis[k][0] + p[1] * eye.axis[k][1] + p[2] * eye.axis[k][2];
            }
            if (!isfinite(inner)) continue;
            unit(n);
            compared++;
            CHECK(mask[i] == 1, "pixel %d of view %d", i, v);
            CHECK((double)depth[i] >= outer - 1e-5 && (double)depth[i] <= inner + 1e-5, "pixel %d of view %d: depth %g, expected %g to %g", i, v,
                  (double)depth[i], outer, inner);
            CHECK_LE(angle(n, i), 0.6, "pixel %d of view %d: normal", i, v);
        }
    }
    CHECK(compared >= 30, "%d pixels compared", compared);
}

/* A camera that looks away, and one so close that all of it is covered. */
static void empty_and_full(void)
{
    SceneLook look;
    Camera cam;
    const int o = object_of("mug");
    scene_look(&look, 0, o, 0);
    camera_look_at(&cam, 0.0, 0.0, 2.5, 40.0, H, W);
    for (int i = 0; i < 3; i++) {
        cam.c2w[i][0] = -cam.c2w[i][0];
        cam.c2w[i][2] = -cam.c2w[i][2];
    }
    scene_geometry(depth, normal, mask, &look, o, &cam);
    for (int i = 0; i < N; i++) CHECK(mask[i] == 0 && depth[i] == 0 && normal[i] == 0 && normal[N + i] == 0 && normal[2 * N + i] == 0, "%d", i);
    camera_look_at(&cam, 0.0, 0.0, 2.5, 5.0, H, W);
    scene_geometry(depth, normal, mask, &look, o, &cam);
    for (int i = 0; i < N; i++) CHECK(mask[i] == 1 && depth[i] > R(1.5) && depth[i] < R(2.5), "%d: %g", i, (double)depth[i]);
}

int main(void)
{
    TEST(against_ray_caster);
    TEST(shares_and_ranges);
    TEST(normals_fit_the_depth);
    TEST(a_ball);
    TEST(empty_and_full);
    return test_end();
}
