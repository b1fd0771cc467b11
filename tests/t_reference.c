/* t_reference.c -- the picture to go by: what is read, its loss against a plain sum, its gradient against differences, a cube that learns its colour
 * from it */
#include "ref/distill.h"
#include "render/bytes.h"
#include "render/deflate.h"
#include "tensor/mem.h"
#include "tests/gradcheck.h"
#include "weights/file.h"

#include <math.h>
#include <unistd.h>

enum { SIDE = 6, PIXELS = SIDE * SIDE, GRID = 4, SAMPLES = 8, THETA = 4 * GRID * GRID * GRID };
static const real background[3] = { R(0.5), R(0.25), R(0.75) };
static Err err;

static unsigned noise_state = 3;
static unsigned char noise(void)
{
    noise_state = noise_state * 1664525u + 1013904223u;
    return (unsigned char)(noise_state >> 24);
}

/* A PNG by hand, its zlib stream stored: signature, IHDR, IDAT, IEND; alpha is what png_encode does not write. */
static void write_png(char path[], const unsigned char *pixels, int h, int w, int channels)
{
    static const int kinds[5] = { 0, 0, 4, 2, 6 };
    Bytes b = { 0 }, rows = { 0 }, chunk = { 0 };
    const int fd = mkstemp(path);
    CHECK(fd >= 0 && close(fd) == 0, "%s", path);
    for (int y = 0; y < h; y++) {
        bytes_byte(&rows, 0, &err);
        bytes_put(&rows, pixels + (size_t)(y * w * channels), (size_t)(w * channels), &err);
    }
    bytes_put(&b, "\x89PNG\r\n\x1a\n", 8, &err);
    for (int part = 0; part < 3; part++) {
        chunk.n = 0;
        bytes_put(&chunk, part == 0 ? "IHDR" : part == 1 ? "IDAT" : "IEND", 4, &err);
        if (part == 0) {
            bytes_be32(&chunk, (uint32_t)w, &err);
            bytes_be32(&chunk, (uint32_t)h, &err);
            bytes_byte(&chunk, 8, &err);
            bytes_byte(&chunk, kinds[channels], &err);
            bytes_put(&chunk, "\0\0\0", 3, &err);
        }
        if (part == 1) zlib_pack(&chunk, rows.p, rows.n, &err);
        bytes_be32(&b, (uint32_t)chunk.n - 4, &err);
        bytes_put(&b, chunk.p, chunk.n, &err);
        bytes_be32(&b, crc32_of(0, chunk.p, chunk.n), &err);
    }
    CHECK_OK(file_write(path, b.p, b.n, &err), &err);
    bytes_free(&b);
    bytes_free(&rows);
    bytes_free(&chunk);
}

/* target = mean of alpha colour + (1 - alpha) background over blocks of k x k, mask = mean of alpha; grey is all three colours. */
static void pictures_are_composed(void)
{
    static unsigned char pixels[PIXELS * 9 * 4];
    for (int i = 0; i < 8; i++) {
        char path[] = "/tmp/sdref-reference-XXXXXX";
        const int channels = i % 4 + 1, k = i < 4 ? 1 : 3, w = SIDE * k;
        for (size_t j = 0; j < sizeof pixels; j++) pixels[j] = noise();
        write_png(path, pixels, w, w, channels);
        Reference *ref = reference_open(path, background, SIDE, &err);
        CHECK(ref != NULL, "%s", err.msg);
        if (ref == NULL) exit(1);
        CHECK(ref->has_mask == (channels % 2 == 0), "%d channels", channels);
        for (int p = 0; p < PIXELS; p++) {
            double want[4] = { 0 };
            for (int q = 0; q < k * k; q++) {
                const unsigned char *at = pixels + ((p / SIDE * k + q / k) * w + p % SIDE * k + q % k) * channels;
                const double alpha = channels % 2 == 0 ? at[channels - 1] / 255.0 : 1;
                for (int c = 0; c < 3; c++) want[c] += (alpha * at[channels < 3 ? 0 : c] / 255.0 + (1 - alpha) * (double)background[c]) / (k * k);
                want[3] += alpha / (k * k);
            }
            for (int c = 0; c < 3; c++) CHECK_LE(fabs((double)ref->target[3 * p + c] - want[c]), 20 * (double)REAL_EPS, "kind %d, pixel %d", i, p);
            CHECK_LE(fabs((double)ref->mask[p] - want[3]), 20 * (double)REAL_EPS, "kind %d, pixel %d", i, p);
        }
        reference_free(ref);
        unlink(path);
    }
}

static void other_files_are_refused(void)
{
    static const struct { int h, w; const char *says; } sizes[] = {
        { 6, 12, "found 12 x 6 pixels, expected 6 x 6" }, { 9, 9, "found 9 x 9 pixels" }, { 3, 3, "found 3 x 3 pixels" } };
    static unsigned char pixels[12 * 12];
    for (int i = 0; i < 3; i++) {
        char path[] = "/tmp/sdref-reference-XXXXXX";
        Err why = { 0 };
        write_png(path, pixels, sizes[i].h, sizes[i].w, 1);
        CHECK(reference_open(path, background, SIDE, &why) == NULL, "%s was taken", path);
        CHECK(strstr(why.msg, path) == why.msg && strstr(why.msg, sizes[i].says) != NULL, "%s", why.msg);
        unlink(path);
        why = (Err){ 0 };
        CHECK(reference_open(path, background, SIDE, &why) == NULL && strstr(why.msg, path) == why.msg, "%s", why.msg);
    }
    Err why = { 0 };
    CHECK(reference_open("tests/t_reference.c", background, SIDE, &why) == NULL && strstr(why.msg, "found no PNG file") != NULL, "%s", why.msg);
}

/* ---- the loss ---- */

typedef struct Setup { Field *f; Renderer *r; Reference ref; real memory[8 * PIXELS]; RenderSettings s; } Setup;
static void setup(Setup *s, FieldKind kind, int has_mask)
{
    const int side = kind == FIELD_IMAGE ? SIDE : GRID;
    *s = (Setup){ .f = field_new(&(FieldConfig){ .kind = kind, .size = { kind == FIELD_IMAGE ? 3 : side, side, side } }, &err) };
    if (s->f != NULL) s->r = renderer_new(s->f, SAMPLES, &err);
    if (err.set) exit(1);
    rng_normal(s->f->theta, (RngAt){ 4, 0, 0, RNG_PROBE }, s->f->n);
    rng_uniform(s->memory, (RngAt){ 4, 1, 0, RNG_PROBE }, 4 * PIXELS);
    s->ref = (Reference){ .view = { R(20.0), R(50.0), R(2.5), R(40.0) }, .weight = R(3.0), .side = SIDE, .target = s->memory,
                          .mask = s->memory + 3 * PIXELS, .has_mask = has_mask, .rgb = s->memory + 4 * PIXELS, .opacity = s->memory + 7 * PIXELS };
    s->s = (RenderSettings){ .samples = SAMPLES, .background = { background[0], background[1], background[2] } };
}
static void teardown(Setup *s)
{
    renderer_free(s->r);
    field_free(s->f);
}

/* L of what is rendered, term by term; of an image the mask counts nothing. */
static void loss_is_a_plain_sum(void)
{
    for (int i = 0; i < 4; i++) {
        static Setup s;
        real loss, rgb[3 * PIXELS], opacity[PIXELS], unused[THETA] = { 0 };
        double want = 0;
        Camera c;
        setup(&s, i < 2 ? FIELD_VOXEL : FIELD_IMAGE, i % 2);
        camera_look_at(&c, 20, 50, 2.5, 40, SIDE, SIDE);
        render_view(&(RenderOut){ .rgb = rgb, .opacity = opacity }, s.r, s.f, &c, &s.s);
        for (int j = 0; j < 3 * PIXELS; j++) want += 3 * pow((double)rgb[j] - (double)s.ref.target[j], 2) / (3 * PIXELS);
        for (int j = 0; j < PIXELS && i == 1; j++) want += 0.3 * pow((double)opacity[j] - (double)s.ref.mask[j], 2) / PIXELS;
        reference_pull(unused, &loss, &s.ref, s.r, s.f, &s.s);
        CHECK_LE(fabs((double)loss / want - 1), 50 * (double)REAL_EPS, "case %d: %g, by hand %g", i, (double)loss, want);
        teardown(&s);
    }
}

#ifdef SDREF_F64
static void forward(void *self, real *y, const real *x)
{
    Setup *s = self;
    real unused[THETA] = { 0 };
    memcpy(s->f->theta, x, s->f->n * sizeof *x);
    reference_pull(unused, y, &s->ref, s->r, s->f, &s->s);
}
static void pull(void *self, real *dx, const real *dy, const real *x)
{
    Setup *s = self;
    real loss, d[THETA] = { 0 };
    memcpy(s->f->theta, x, s->f->n * sizeof *x);
    reference_pull(d, &loss, &s->ref, s->r, s->f, &s->s);
    for (size_t i = 0; i < s->f->n; i++) dx[i] += dy[0] * d[i];
}
static void gradient_is_that_of_differences(void)
{
    for (int i = 0; i < 4; i++) {
        static Setup s;
        real x[THETA];
        setup(&s, i < 2 ? FIELD_VOXEL : FIELD_IMAGE, i % 2);
        memcpy(x, s.f->theta, s.f->n * sizeof *x);
        gradcheck(&(GradCheck){ "reference", s.f->n, 1, forward, pull, &s, 1e-3 }, x);
        teardown(&s);
    }
}
#endif

/* ---- in a run ---- */

/* A prior that wants nothing: its prediction is the noise, and SDS without guidance is 0. So the picture alone moves the field, and a run of one view
 * comes near it; seen from there, of course. */
static int content(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *e)
{
    (void)self, (void)xt, (void)t, (void)cond, (void)e;
    rng_normal(eps, (RngAt){ 3, 0, *(uint32_t *)self, RNG_NOISE }, 3 * PIXELS);
    return 0;
}
static void a_run_goes_by_it(void)
{
    const ScheduleConfig sd = schedule_config_sd();
    Schedule *S = schedule_new(&sd, &err);
    for (int image = 0; image < 2; image++) {
        static Setup s;
        uint32_t step = 0;
        StepLog log = { 0 };
        const Denoiser D = { 3, SIDE, SIDE, content, &step };
        setup(&s, FIELD_VOXEL, 1);
        s.ref.weight = 5000;
        for (int i = 0; i < PIXELS; i++) {
            const int inside = i / SIDE > 0 && i / SIDE < 5 && i % SIDE > 0 && i % SIDE < 5;
            s.ref.mask[i] = inside ? R(1.0) : R(0.0);
            for (int c = 0; c < 3; c++) s.ref.target[3 * i + c] = inside ? (c == 0 ? R(0.8) : R(0.2)) : background[c];
        }
        const DistillConfig config = {
            .field = image ? FIELD_IMAGE : FIELD_VOXEL, .grid = 6, .blob_peak = 1, .blob_slope = 1,
            .resolution = SIDE, .samples = SAMPLES, .jitter = 1,
            .background = { background[0], background[1], background[2] }, .views = 1,
            .range = { R(-10.0), R(45.0), R(-180.0), R(180.0), R(2.5), R(2.5), R(40.0), R(40.0) },
            .steps = 150, .seed = 3, .lr = R(0.2), .lr_end = R(0.05), .draw = {
                .estimator = estimator_find("sds"), .settings = { .guidance = 1, .weight = WEIGHT_SDS },
                .timesteps = { TIMESTEP_LINEAR, 0.02, 0.98, 0.5, 0.2 },
            },
            .reference = &s.ref,
        };
        Distill *d = distill_new(&config, S, &D, &err);
        CHECK(d != NULL, "%s", err.msg);
        double first = 0;
        for (; step < 150; step++) {
            CHECK_OK(distill_step(d, &log), &err);
            CHECK(log.grad_rms == 0, "the prior wants something: %g", (double)log.grad_rms);
            if (step == 0) first = (double)log.reference;
        }
        CHECK_LE((double)log.reference, (image ? 0.001 : 0.05) * first, "loss at first %g, field %d", first, image);
        CHECK(first > 50, "there was nothing to learn: %g", first);
        distill_free(d);
        teardown(&s);
    }
    schedule_free(S);
}

int main(void)
{
    TEST(pictures_are_composed);
    TEST(other_files_are_refused);
    TEST(loss_is_a_plain_sum);
#ifdef SDREF_F64
    TEST(gradient_is_that_of_differences);
#endif
    TEST(a_run_goes_by_it);
    return test_end();
}
