/* t_depth.c -- the depth network: its truth against the picture, its way back against differences, its scores on guesses whose scores are known,
 * the shipped weights, refusals
 */
#include "ref/bench_depth.h"
#include "ref/train_depth.h"
#include "ref/view_camera.h"
#include "render/scene.h"
#include "tensor/par.h"
#include "tests/gradcheck.h"
#include "tests/pipeline_folder.h"

enum { SIDE = 64, PIXELS = SIDE * SIDE, IN = 3 * PIXELS, OUT = DEPTH_CHANNELS * PIXELS };
static Err err;

static DepthNet *shipped(void)
{
    DepthNet *d = depth_open(DEPTH_FOLDER, &err);
    CHECK(d != NULL, "%s", err.msg);
    if (d == NULL) exit(1);
    return d;
}

/* ---- the truth ---- */

/* Where no ray hits, the picture is the background and y is 0; where all do, the normal is a unit vector that looks at the camera (but for the
 * bend of the surface within a pixel, and of the ray from the axis: at most 28 degrees in a corner, fovy 41). The nearest point of the
 * object lies no nearer than its sdf at the camera allows. */
static void truth_fits_the_picture(void)
{
    static real x[IN], y[OUT], mask[PIXELS], shade[PIXELS];
    for (uint64_t i = 0; i < 12; i++) {
        DatasetItem item;
        SceneLook look;
        Camera camera;
        real most = 0;
        int outside = 0, wrong = 0, whole = 0, bent = 0;
        dataset_item(&item, 5, i);
        dataset_picture(x, shade, &item, 5, SIDE, SIDE);
        depth_truth(y, mask, &item, 5, SIDE, SIDE);
        scene_look(&look, 5, item.object, item.look);
        for (size_t k = 0; k < PIXELS; k++) {
            const real *n = y + PIXELS + k;
            const double length = sqrt((double)(n[0] * n[0] + n[PIXELS] * n[PIXELS] + n[2 * PIXELS] * n[2 * PIXELS]));
            const int is_ground = r_abs(x[k] - (2 * look.ground - 1)) < R(1e-6);
            most = r_max(most, y[k]);
            if (mask[k] == 0) {
                outside++;
                wrong += !is_ground || y[k] != 0 || length != 0;
                continue;
            }
            wrong += !(fabs(length - (double)mask[k]) < 1e-5) || !(y[k] > 0 && y[k] < mask[k]);
            if (mask[k] < 1) continue;
            whole++;
            bent += n[2 * PIXELS] < R(-0.5);
        }
        CHECK(outside > 500 && whole > 100 && wrong == 0 && bent == 0, "picture %d: %d outside, %d whole, %d wrong, %d look away", (int)i, outside, whole,
              wrong, bent);
        camera_of_view(&camera, &item.view, SIDE, SIDE);
        const real at[3] = { camera.c2w[0][3], camera.c2w[1][3], camera.c2w[2][3] };
        const real free = scene_sdf(NULL, &look, item.object, at) / SCENE_SLACK;
        CHECK(most <= R(0.5) * (item.view.distance + 1 - free) && most > R(0.5), "picture %d: nearness up to %g, a ball of %g about the camera is empty",
              (int)i, (double)most, (double)free);
    }
}

/* The middle of the picture against sphere tracing along the camera's axis, in steps that the sdf allows. The pixel's four rays lie 0.25 pixels
 * from that one, 0.007 where the object is; on a slope of 45 degrees depth changes by as much, on a graze by more: 0.05 holds but for edges and
 * grazes, and where the object is not in the middle there is nothing to compare. */
static void truth_is_a_distance(void)
{
    static real y[OUT], mask[PIXELS];
    int seen = 0;
    for (uint64_t i = 0; i < 40; i++) {
        DatasetItem item;
        SceneLook look;
        Camera camera;
        real t = 0, d[3];
        dataset_item(&item, 6, i);
        depth_truth(y, mask, &item, 6, SIDE, SIDE);
        scene_look(&look, 6, item.object, item.look);
        camera_of_view(&camera, &item.view, SIDE, SIDE);
        camera_ray(d, &camera, 32, 32);
        for (int step = 0; step < 400 && t < 4; step++) {
            real p[3];
            for (int k = 0; k < 3; k++) p[k] = camera.c2w[k][3] + t * d[k];
            const real f = scene_sdf(NULL, &look, item.object, p);
            if (f < R(0.001)) break;
            t += f / SCENE_SLACK;
        }
        const real found = y[32 * SIDE + 32];
        if (t >= 4 || mask[32 * SIDE + 32] < 1) continue;
        seen += r_abs(item.view.distance + 1 - 2 * found - t) < R(0.05);
    }
    CHECK(seen >= 25, "%d of 40 agree", seen);
}

/* ---- the way back ---- */

#ifdef SDREF_F64
static void eval(void *self, real *y, const real *x) { CHECK_OK(depth_predict(y, self, x, 417, &err), &err); }
static void pull(void *self, real *dx, const real *dy, const real *x)
{
    static real g[IN];
    CHECK_OK(depth_pull(g, self, x, 417, dy, &err), &err);
    for (size_t i = 0; i < IN; i++) dx[i] += g[i];
}

static void goes_back(void)
{
    static real x[IN];
    DepthNet *d = shipped();
    rng_normal(x, (RngAt){ 3, 0, 0, RNG_PROBE }, IN);
    const GradCheck g = { "depth network", IN, OUT, eval, pull, d, 1e-3 };
    for (uint64_t seed = 1; seed <= 2; seed++) CHECK(gradcheck_run(&g, x, seed, 0) == 0, "direction %d", (int)seed);
    depth_close(d);
}
#endif

static void threads_change_nothing(void)
{
    static real x[IN], c[OUT], y[2][OUT], g[2][IN];
    DepthNet *d = shipped();
    const int before = par_threads();
    rng_normal(x, (RngAt){ 3, 0, 0, RNG_PROBE }, IN);
    rng_normal(c, (RngAt){ 3, 1, 0, RNG_PROBE }, OUT);
    for (int k = 0; k < 2; k++) {
        par_threads_set(k == 0 ? 1 : 3);
        CHECK_OK(depth_predict(y[k], d, x, 999, &err), &err);
        CHECK_OK(depth_pull(g[k], d, x, 999, c, &err), &err);
    }
    par_threads_set(before);
    CHECK(memcmp(y[0], y[1], sizeof y[0]) == 0 && memcmp(g[0], g[1], sizeof g[0]) == 0, "1 and 3 threads differ");
    x[5] = (real)NAN;
    CHECK(depth_predict(y[0], d, x, 3, &err) == -1 && strstr(err.msg, "weights/depth: the prediction at t = 3 has") != NULL, "%s", err.msg);
    err = (Err){ 0 };
    depth_close(d);
}

/* ---- scores ---- */

/* truth: a square of 20 x 20 pixels whose nearness rises from left to right, normals towards the camera. */
static void square(real *truth, real *mask)
{
    memset(truth, 0, OUT * sizeof *truth);
    memset(mask, 0, PIXELS * sizeof *mask);
    for (size_t i = 20; i < 40; i++)
        for (size_t j = 20; j < 40; j++) {
            mask[i * SIDE + j] = 1;
            truth[i * SIDE + j] = R(0.4) + R(0.01) * (real)(j - 20);
            truth[3 * PIXELS + i * SIDE + j] = 1;
        }
}

static void scores(void)
{
    static real truth[OUT], mask[PIXELS], y[OUT];
    DepthScore s;
    square(truth, mask);
    depth_score(&s, truth, truth, mask, PIXELS);
    CHECK_LE(fabs(s.correlation - 1), 1e-12, "itself");
    CHECK(s.mask == 1 && s.angle == 0 && s.loss == 0, "itself: %g, %g, %g", s.mask, s.angle, s.loss);
    /* affine in depth, falling; half the square, moved by 10 columns: 200 of 600; normals turned by 30 degrees and half as long */
    memset(y, 0, sizeof y);
    for (size_t k = 0; k < PIXELS; k++) {
        y[PIXELS + k] = mask[k] * R(0.25);
        y[3 * PIXELS + k] = mask[k] * (real)(0.5 * sqrt(0.75));
        y[k] = mask[k] * (R(0.5) - R(0.5) * truth[k]);
    }
    depth_score(&s, y, truth, mask, PIXELS);
    CHECK_LE(fabs(s.correlation + 1), 1e-5, "turned round");
    CHECK_LE(fabs(s.angle - 30), 1e-4, "turned");
    for (size_t k = 0; k < PIXELS; k++) y[k] = k % SIDE >= 30 && k % SIDE < 50 && k / SIDE >= 20 && k / SIDE < 40 ? DEPTH_EDGE : R(0.0);
    depth_score(&s, y, truth, mask, PIXELS);
    CHECK_LE(fabs(s.mask - 200.0 / 600.0), 1e-12, "moved");
    /* nothing: no correlation, no mask, no direction, and all of the truth as the loss: 20 sum_j (0.4 + 0.01 j)^2 + 400 over all values */
    memset(y, 0, sizeof y);
    depth_score(&s, y, truth, mask, PIXELS);
    double square_sum = 400;
    for (int j = 0; j < 20; j++) square_sum += 20 * (0.4 + 0.01 * j) * (0.4 + 0.01 * j);
    CHECK(s.correlation == 0 && s.mask == 0 && s.angle == 90, "nothing: %g, %g, %g", s.correlation, s.mask, s.angle);
    CHECK_LE(fabs(s.loss / (square_sum / OUT) - 1), 1e-6, "nothing");
}

/* The shipped weights do what their card says of 200 pictures (without noise 0.79, 0.98, 19 degrees; t = 200: 0.72, 0.94, 21), less three
 * deviations of what 8 pictures have of it; noise makes all of it worse, and at every level it is better than a blind guess. */
static void shipped_weights(void)
{
    DepthNet *d = shipped();
    BenchDepth b[2];
    const int before = par_threads();
    for (int k = 0; k < 2; k++) {
        par_threads_set(k == 0 ? 1 : 3);
        CHECK_OK(bench_depth(&b[k], d, 8, &err), &err);
    }
    par_threads_set(before);
    CHECK(memcmp(&b[0], &b[1], sizeof b[0]) == 0, "1 and 3 threads differ");
    const DepthScore *s = b[0].score;
    CHECK(b[0].t[0] == 0 && b[0].t[1] == 200 && b[0].t[4] == 800, "t %d, %d, %d", b[0].t[0], b[0].t[1], b[0].t[4]);
    CHECK(s[0].correlation > 0.69 && s[0].mask > 0.965 && s[0].angle < 24.3, "without noise: %g, %g, %g", s[0].correlation, s[0].mask, s[0].angle);
    CHECK(s[1].correlation > 0.61 && s[1].mask > 0.92 && s[1].angle < 26.9, "t = 200: %g, %g, %g", s[1].correlation, s[1].mask, s[1].angle);
    for (int k = 1; k < BENCH_DEPTH_TIMES; k++)
        CHECK(s[k].loss > s[k - 1].loss && s[k].angle > s[k - 1].angle, "t = %d: loss %g, after %g", b[0].t[k], s[k].loss, s[k - 1].loss);
    const DepthScore *last = &s[BENCH_DEPTH_TIMES - 1], *blind = &b[0].blind;
    CHECK(last->loss < blind->loss && last->mask > blind->mask && last->angle < blind->angle && last->correlation > blind->correlation,
          "t = 800: %g, %g, %g, %g", last->loss, last->mask, last->angle, last->correlation);
    depth_close(d);
}

/* What the blind guess gets: its loss is the loss of the mean over pictures 4 to 7, made here one by one. */
static void blind_guess(void)
{
    static real y[OUT], mask[PIXELS];
    static double mean[OUT];
    DepthNet *d = shipped();
    BenchDepth b;
    double loss = 0;
    CHECK_OK(bench_depth(&b, d, 4, &err), &err);
    for (uint64_t i = 8; i-- > 0;) {
        DatasetItem item;
        dataset_item(&item, BENCH_STREAM, i);
        depth_truth(y, mask, &item, BENCH_STREAM, SIDE, SIDE);
        for (size_t k = 0; k < OUT && i >= 4; k++) mean[k] += (double)y[k] / 4;
        for (size_t k = 0; k < OUT && i < 4; k++) loss += ((double)y[k] - mean[k]) * ((double)y[k] - mean[k]) / (4.0 * OUT);
    }
    CHECK_LE(fabs(b.blind.loss / loss - 1), 1e-6, "loss of the mean");
    depth_close(d);
}

/* ---- refusals ---- */

static void refused(const char *folder, const char *found, const char *expected)
{
    DepthNet *d = depth_open(folder, &err);
    CHECK(d == NULL && strstr(err.msg, found) != NULL && strstr(err.msg, expected) != NULL && strchr(err.msg, '\n') == NULL, "%s: \"%s\"", folder, err.msg);
    depth_close(d);
    err = (Err){ 0 };
}

/* A copy of the shipped folder; folder_end removes it. */
static void copy_new(char out[FOLDER_PATH])
{
    char base[] = "/tmp/sdref-depth-XXXXXX", here[FOLDER_PATH + 32];
    CHECK(mkdtemp(base) != NULL && getcwd(here, FOLDER_PATH) != NULL, "no temporary folder");
    strcat(here, "/" DEPTH_FOLDER);
    snprintf(out, FOLDER_PATH, "%s/depth", base);
    folder_link(out, here);
}

static void refuses(void)
{
    static const char weights[] = "diffusion_pytorch_model.safetensors", config[] = "config.json";
    char folder[FOLDER_PATH], longer[700];
    refused("weights/prior", "weights/prior/config.json", "");
    refused("weights/prior/unet", "'_class_name' is UNet2DConditionModel", "expected UNet2DModel");
    refused("tests/golden/nets/ddpm/unet", "3 channels in and 3 out", "expected 3 and 4");
    refused("tests/golden/vae", "AutoencoderKL", "expected");
    refused("tests/golden/none", "tests/golden/none", "");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    refused(longer, "xxx", "too long");

    copy_new(folder);
    DepthNet *d = depth_open(folder, &err);
    CHECK(d != NULL, "as it is: %s", err.msg);
    depth_close(d);
    folder_drop(folder, "scheduler_config.json");
    refused(folder, "scheduler_config.json", "");
    folder_end(folder);

    copy_new(folder);
    folder_edit(folder, config, "\"sample_size\": 64", "\"sample_size\": null");
    refused(folder, "'sample_size' is not said", "expected");
    folder_end(folder);

    copy_new(folder);
    folder_spoil(folder, weights, "time_embedding.linear_2.weight", SPOIL_ADD);
    folder_edit(folder, config, "\"sample_size\": 64", "\"sample_size\": 64, \"num_class_embeds\": 64");
    refused(folder, "class labels", "expected one that takes none");
    folder_end(folder);

    copy_new(folder);
    folder_spoil(folder, weights, "conv_out.weight", SPOIL_DROP);
    refused(folder, "conv_out.weight", "");
    folder_end(folder);
}

int main(void)
{
    TEST(truth_fits_the_picture);
    TEST(truth_is_a_distance);
#ifdef SDREF_F64
    TEST(goes_back);
#endif
    TEST(threads_change_nothing);
    TEST(scores);
    TEST(shipped_weights);
    TEST(blind_guess);
    TEST(refuses);
    return test_end();
}
