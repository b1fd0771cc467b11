/* selftest.c -- probes of the arithmetic, digests of the library, and the digests that were published
 *
 * Inputs are exact functions of the address (uniform draws, products with powers of two), so that a wrong digest of an elementary
 * function is that function's fault. Items go from the ground up: the first that differs is where to look.
 */
#include "ref/selftest.h"
#include "ref/distill.h"
#include "ref/world.h"
#include "render/scene.h"
#include "tensor/elem.h"
#include "tensor/gemm.h"
#include "tensor/mem.h"
#include "tensor/rng.h"
#include "tensor/sum.h"

#include <stdlib.h>
#include <string.h>

/* Published with numerics SDREF_NUMERICS. To renew (and raise SDREF_NUMERICS): `sdref selftest --print-table` prints these lines with
 * the first column of the machine at hand, `sdref-f64 selftest --print-table` with the second; paste one, build, paste the other. An item
 * more raises WORK in tests/bits.sh instead. */
static const struct { const char *name, *binary32, *binary64; } published[] = {
    { "rng.uniform", "54043c200fc44de5", "fb55d89f7745fee6" },
    { "exp", "2283515933bb00ff", "4b2ed84651df5059" },
    { "d_exp", "4b2ed84651df5059", "4b2ed84651df5059" },
    { "exp2", "6977c323b2d6624a", "4d3fcaf11c7f9cb3" },
    { "d_exp2", "4d3fcaf11c7f9cb3", "4d3fcaf11c7f9cb3" },
    { "expm1", "f751918356bfd9db", "721d2611cba1d899" },
    { "d_expm1", "721d2611cba1d899", "721d2611cba1d899" },
    { "log", "741031841beaacfa", "ee17503f38a952f0" },
    { "d_log", "ee17503f38a952f0", "ee17503f38a952f0" },
    { "log1p", "17124435856425f2", "8d2a7cd53d57af0e" },
    { "d_log1p", "8d2a7cd53d57af0e", "8d2a7cd53d57af0e" },
    { "sin", "ceb083577ee10757", "7aec09ec20009bfa" },
    { "d_sin", "7aec09ec20009bfa", "7aec09ec20009bfa" },
    { "cos", "22e35a675f3e9d89", "f8d60fc7d3351969" },
    { "d_cos", "f8d60fc7d3351969", "f8d60fc7d3351969" },
    { "sin_n", "ceb083577ee10757", "7aec09ec20009bfa" },
    { "cos_n", "22e35a675f3e9d89", "f8d60fc7d3351969" },
    { "asin", "456df7223464d856", "97383baaad1e46bd" },
    { "d_asin", "97383baaad1e46bd", "97383baaad1e46bd" },
    { "tanh", "03c3925728dd1660", "05a8caf49b62733d" },
    { "d_tanh", "05a8caf49b62733d", "05a8caf49b62733d" },
    { "erf", "16f9c5b8f29841db", "817b7abe98930ab2" },
    { "d_erf", "817b7abe98930ab2", "817b7abe98930ab2" },
    { "sigmoid", "18eeb0d479cb5bab", "d713e73d1c7d9dc6" },
    { "d_sigmoid", "d713e73d1c7d9dc6", "d713e73d1c7d9dc6" },
    { "softplus", "1be39df36b8dc47b", "dc09776bc40786df" },
    { "d_softplus", "dc09776bc40786df", "dc09776bc40786df" },
    { "pow", "b9bc7f52c0f39574", "1fc6f9dd79f8667a" },
    { "d_pow", "1fc6f9dd79f8667a", "1fc6f9dd79f8667a" },
    { "d_atan2", "b3f69bebc60378c4", "b3f69bebc60378c4" },
    { "rng.normal", "551ebe561a046763", "a2ada9ac7fb81c7a" },
    { "rng.torch-cpu", "1323afcf4990822d", "1323afcf4990822d" },
    { "sum", "dbbeac2b68f82187", "bf54c194dbe13081" },
    { "gemm", "08e4bedfdad48752", "b13b757d147c7497" },
    { "schedule", "58b8fc188791d761", "58b8fc188791d761" },
    { "scene", "9687b0896dedd154", "b105d08751f9eb1b" },
    { "resample", "7e441f12ea615003", "0bc7aed18cd5b86e" },
    { "render", "8640c9868150601a", "6cf94867db59d2ec" },
    { "render.hashgrid", "346360629d873b4b", "5c958f9ed556b040" },
    { "render.mlp", "90314f8a21820893", "465b36e10154dae5" },
    { "render.sh", "c7cdcd4ba1c8650e", "5f9af0fe8bbbe295" },
    { "render.lambertian", "a9776be7c21924a0", "e039d23bdb925eba" },
    { "mesh", "26119894de357544", "c1016c23d8f9d946" },
    { "distill", "b7231ab921edc350", "822a374a1cff3d1e" },
    { "distill.lit", "07a4ea9c016a667d", "fb449f5b79763631" },
    { "unet", "625ca2c9404b0b36", "e40523deeaadb3b9" },
};

/* ---- probes: volatile, so that the machine answers and not the compiler ---- */

static int fused(void)
{
    /* (1 + e)^2 = 1 + 2e + e^2: a product that is rounded first loses e^2. */
    volatile float a = 1.0f + 0x1p-12f, c = -(1.0f + 0x1p-11f);
    volatile double x = 1.0 + 0x1p-27, z = -(1.0 + 0x1p-26);
    return fmaf(a, a, c) == 0x1p-24f && fma(x, x, z) == 0x1p-54;
}

static int not_contracted(void)
{
    volatile float va = 1.0f + 0x1p-12f, vc = -(1.0f + 0x1p-11f);
    volatile double vx = 1.0 + 0x1p-27, vz = -(1.0 + 0x1p-26);
    const float a = va, c = vc;
    const double x = vx, z = vz;
    return a * a + c == 0.0f && x * x + z == 0.0;
}

static int nearest_even(void)
{
    volatile float one = 1.0f, odd = 1.0f + 0x1p-23f, half = 0x1p-24f, more = 0x1.8p-24f;
    volatile double wide = 1.0, wide_odd = 1.0 + 0x1p-52, wide_half = 0x1p-53, wide_more = 0x1.8p-53;
    return one + half == 1.0f && -one - half == -1.0f && odd + half == 1.0f + 0x1p-22f && -odd - half == -(1.0f + 0x1p-22f)
        && one + more == odd && wide + wide_half == 1.0 && -wide - wide_half == -1.0 && wide_odd + wide_half == 1.0 + 0x1p-51
        && -wide_odd - wide_half == -(1.0 + 0x1p-51) && wide + wide_more == wide_odd;
}

static int subnormals_made(void)
{
    volatile float least = FLT_MIN, half = 0.5f;
    volatile double wide = DBL_MIN, wide_half = 0.5;
    volatile float y = least * half;
    volatile double z = wide * wide_half;
    uint32_t y_bits;
    uint64_t z_bits;
    const float y_now = y;
    const double z_now = z;
    memcpy(&y_bits, &y_now, sizeof y_bits);
    memcpy(&z_bits, &z_now, sizeof z_bits);
    return y_bits == 0x00400000 && z_bits == (uint64_t)1 << 51;
}

static int subnormals_read(void)
{
    volatile float tiny = 0x1p-149f, large = 0x1p100f;
    volatile double wide_tiny = 0x1p-1074, wide_large = 0x1p1000;
    return tiny * large == 0x1p-49f && wide_tiny * wide_large == 0x1p-74;
}

/* 1/3, 2/3 and the roots of 2 and 3, correctly rounded, in hex. */
static int division_and_root(void)
{
    volatile float one = 1.0f, two = 2.0f, three = 3.0f;
    volatile double wide_one = 1.0, wide_two = 2.0, wide_three = 3.0;
    return one / three == 0x1.555556p-2f && two / three == 0x1.555556p-1f && sqrtf(two) == 0x1.6a09e6p+0f && sqrtf(three) == 0x1.bb67aep+0f
        && wide_one / wide_three == 0x1.5555555555555p-2 && wide_two / wide_three == 0x1.5555555555555p-1
        && sqrt(wide_two) == 0x1.6a09e667f3bcdp+0 && sqrt(wide_three) == 0x1.bb67ae8584caap+0;
}

/* Random123, tests/kat_vectors, philox4x32-10: all zeros, all ones, the digits of pi. */
static int philox(void)
{
    static const uint32_t known[3][10] = {
        { 0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 },
        { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd },
        { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 },
    };
    int ok = 1;
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        philox4x32(out, known[i], known[i] + 4);
        ok = ok && memcmp(out, known[i] + 6, sizeof out) == 0;
    }
    return ok;
}

void selftest_probes(Probe probe[PROBES])
{
    probe[0] = (Probe){ "fused multiply-add", "fma and fmaf round once", fused() };
    probe[1] = (Probe){ "no contraction", "a * b + c rounds twice (-ffp-contract=off)", not_contracted() };
    probe[2] = (Probe){ "rounding", "to nearest, ties to even", nearest_even() };
    probe[3] = (Probe){ "subnormal results", "are kept, not flushed to zero (FTZ)", subnormals_made() };
    probe[4] = (Probe){ "subnormal operands", "are read, not taken for zero (DAZ)", subnormals_read() };
    probe[5] = (Probe){ "division and root", "are correctly rounded", division_and_root() };
    probe[6] = (Probe){ "Philox4x32-10", "gives Random123's known answers", philox() };
}

/* ---- what is digested ---- */

static void put_doubles(Sha256 *s, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double y = isnan(x[i]) ? (double)NAN : x[i];
        sha256_add(s, &y, sizeof y);
    }
}

void selftest_put(Sha256 *s, const real *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const real y = isnan(x[i]) ? (real)NAN : x[i];
        sha256_add(s, &y, sizeof y);
    }
}

static const RngAt at = { 20230601, 1, 2, RNG_PROBE };
enum { DRAWS = 4096, SPECIALS = 26, INPUTS = DRAWS + SPECIALS };

static const double specials[SPECIALS] = {
    0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0, 3.0, 0x1p28, -0x1p53, 1e22, 88.0, -104.0, 710.0, -745.0,
    0x1p-149, -0x1p-149, 0x1p-126, 0x1p-1074, -0x1p-1022, 0x1.fffffep+127, 0x1.fffffffffffffp+1023, (double)INFINITY, -(double)INFINITY,
    (double)NAN,
};

/* Even: 48 random bits in [-32, 32). Odd: the same bits on [1, 2), times a power of two from 2^-60 to 2^59, of either sign. */
static void draw_inputs(double x[INPUTS])
{
    for (uint32_t i = 0; i < DRAWS; i++) {
        const double u = rng_uniform_at(at, 2 * i) + rng_uniform_at(at, 2 * i + 1) * 0x1p-24;
        const uint32_t pick = rng_below(at, 2 * DRAWS + i, 240);
        if (i % 2 == 0) x[i] = 64.0 * u - 32.0;
        else x[i] = (pick >= 120 ? -1.0 : 1.0) * ldexp(1.0 + u, (int)(pick % 120) - 60);
    }
    memcpy(x + DRAWS, specials, sizeof specials);
}

typedef real Function(real);
typedef double WideFunction(double);

static int make_function(Sha256 *s, Function *f, WideFunction *d, Err *err)
{
    double *x = mem_new(INPUTS, sizeof *x, "inputs", err);
    if (x == NULL) return -1;
    draw_inputs(x);
    for (size_t i = 0; i < INPUTS; i++) {
        if (f != NULL) {
            const real y = f((real)x[i]);
            selftest_put(s, &y, 1);
        } else {
            const double y = d(x[i]);
            put_doubles(s, &y, 1);
        }
    }
    mem_free(x);
    return 0;
}

static real power(real x, real y) { return r_pow(x, y); }
static double wide_power(double x, double y) { return d_pow(x, y); }
static double wide_atan2(double y, double x) { return d_atan2(y, x); }

/* Every input with another one (the first positive, if `positive`), then every special with every special. */
static int make_pairs(Sha256 *s, real (*f)(real, real), double (*d)(double, double), int positive, Err *err)
{
    double *x = mem_new(INPUTS, sizeof *x, "inputs", err);
    if (x == NULL) return -1;
    draw_inputs(x);
    for (size_t i = 0; i < INPUTS + SPECIALS * SPECIALS; i++) {
        const size_t k = i - INPUTS;
        const double a = i >= INPUTS ? specials[k / SPECIALS] : positive ? fabs(x[i]) : x[i];
        const double b = i >= INPUTS ? specials[k % SPECIALS] : x[(5 * i + 2) % INPUTS];
        if (f != NULL) {
            const real y = f((real)a, (real)b);
            selftest_put(s, &y, 1);
        } else {
            const double y = d(a, b);
            put_doubles(s, &y, 1);
        }
    }
    mem_free(x);
    return 0;
}
static int make_array(Sha256 *s, void (*f)(real *restrict, const real *restrict, size_t), Err *err)
{
    double *x = mem_new(INPUTS, sizeof *x, "inputs", err);
    real *in = mem_new(2 * INPUTS, sizeof *in, "inputs", err);
    if (in != NULL && x != NULL) {
        draw_inputs(x);
        for (size_t i = 0; i < INPUTS; i++) in[i] = (real)x[i];
        f(in + INPUTS, in, INPUTS);
        selftest_put(s, in + INPUTS, INPUTS);
    }
    mem_free(x);
    mem_free(in);
    return err->set ? -1 : 0;
}
static int make_sin_n(Sha256 *s, Err *err) { return make_array(s, r_sin_n, err); }
static int make_cos_n(Sha256 *s, Err *err) { return make_array(s, r_cos_n, err); }

static int make_pow(Sha256 *s, Err *err) { return make_pairs(s, power, NULL, 1, err); }
static int make_wide_pow(Sha256 *s, Err *err) { return make_pairs(s, NULL, wide_power, 1, err); }
static int make_wide_atan2(Sha256 *s, Err *err) { return make_pairs(s, NULL, wide_atan2, 0, err); }

static int make_uniform(Sha256 *s, Err *err)
{
    (void)err;
    real x[DRAWS];
    rng_uniform(x, at, DRAWS);
    selftest_put(s, x, DRAWS);
    return 0;
}

static int make_normal(Sha256 *s, Err *err)
{
    (void)err;
    real x[DRAWS];
    rng_normal(x, at, DRAWS);
    selftest_put(s, x, DRAWS);
    return 0;
}

static int make_torch(Sha256 *s, Err *err)
{
    (void)err;
    float x[DRAWS];
    TorchCpu g;
    torch_seed(&g, 7);
    torch_randn_f32(&g, x, DRAWS);
    sha256_add(s, x, sizeof x);
    torch_rand_f32(&g, x, 101);
    sha256_add(s, x, 101 * sizeof x[0]);
    return 0;
}

static int make_sums(Sha256 *s, Err *err)
{
    (void)err;
    enum { N = 4001 };                                    /* no multiple of 16 */
    real a[N], b[N], y[5];
    rng_uniform(a, at, N);
    rng_uniform(b, (RngAt){ at.seed, 9, at.step, at.stream }, N);
    y[0] = sum16(a, N);
    y[1] = dot16(a, b, N);
    y[2] = sumsq16(a, N);
    y[3] = sumsq_about16(a, R(0.5), N);
    y[4] = sumsq_diff16(a, b, R(0.75), N);
    selftest_put(s, y, 5);
    return 0;
}

static int make_gemm(Sha256 *s, Err *err)
{
    enum { M = 37, N = 45, K = 301 };                     /* edges in every direction; K above one block */
    const size_t work = gemm_work(M, N, K, 1);
    real *a = mem_new(M * K, sizeof *a, "matrix", err), *b = mem_new(K * N, sizeof *b, "matrix", err);
    real *c = mem_new(M * N, sizeof *c, "matrix", err), *scratch = mem_new(work, sizeof *scratch, "matrix", err);
    const int status = err->set ? -1 : 0;
    if (status == 0) {
        rng_uniform(a, at, M * K);
        rng_uniform(b, (RngAt){ at.seed, 9, at.step, at.stream }, K * N);
        for (int i = 0; i < M * K; i++) a[i] -= R(0.5);
        for (int i = 0; i < M * N; i++) c[i] = R(0.125);
        gemm(c, gemm_rows(a, K), gemm_rows(b, N), N, M, N, K, scratch, 1);
        selftest_put(s, c, M * N);
    }
    mem_free(a);
    mem_free(b);
    mem_free(c);
    mem_free(scratch);
    return status;
}

static int make_schedule(Sha256 *s, Err *err)
{
    const ScheduleConfig sd = schedule_config_sd();
    Schedule *S = schedule_new(&sd, err);
    if (S == NULL) return -1;
    put_doubles(s, S->abar64, (size_t)S->T);
    schedule_free(S);
    return 0;
}

static const View view = { R(15.0), R(30.0), R(2.5), R(40.0) };
enum { SIDE = 8, PIXELS = SIDE * SIDE };

static int make_scene(Sha256 *s, Err *err)
{
    real rgb[3 * PIXELS], mask[PIXELS];
    for (int i = 0; i < scene_object_count(); i++) {
        if (world_truth(rgb, mask, i, i % scene_colour_count(), &view, SIDE, SIDE, err) != 0) return -1;
        selftest_put(s, rgb, 3 * PIXELS);
        selftest_put(s, mask, PIXELS);
    }
    return 0;
}

/* Three steps of sds against the exact prior of a scene: voxels; and with `lit` a hash grid with all that a step can have of light: shaded renders of
 * another size, a learnt background, a regulariser of normals. */
static DistillConfig some_run(const World *world, const ViewRange *range, int lit)
{
    DistillConfig config = {
        .field = FIELD_VOXEL, .grid = 8, .blob_slope = R(8.0), .resolution = world->h, .samples = 16, .jitter = 1, .views = 2,
        .view_mode = VIEWS_ANTIPODAL, .range = *range, .steps = 3, .lr = R(0.2), .lr_end = R(0.02),
        .draw = { .estimator = estimator_find("sds"), .settings = { .guidance = R(7.5), .weight = WEIGHT_SDS },
                  .timesteps = { .kind = TIMESTEP_LINEAR, .min = 0.02, .max = 0.98 } },
    };
    world_background(config.background);
    if (!lit) return config;
    config.field = FIELD_HASHGRID;
    config.shape = (FieldConfig){ .levels = 5, .features = 2, .table = 256, .base = 3, .growth = 1.5, .hidden = 19 };
    config.start_levels = 2;
    config.blob_peak = R(4.0);
    config.samples = 5;
    config.render = 21;
    config.learnt = 1;
    config.background_config = (BackgroundConfig){ BACKGROUND_MLP, 4, 32 };
    config.background_lr = R(0.01);
    config.shading = (ShadingSchedule){ 0.0, 1.0, 0.5 };
    config.regularising.weight[REG_ORIENTATION] = (Ramp){ .literal = { 1.0 }, .count = 1 };
    return config;
}

static int distill_some(Sha256 *s, const World *world, const Schedule *S, int lit, Err *err)
{
    const ViewRange range = { R(-10.0), R(45.0), R(-180.0), R(180.0), R(2.5), R(2.5), R(40.0), R(40.0) };
    const ExactConfig exact = {
        .h = world->h, .w = world->w, .cameras = 6, .looks = 1, .range = range, .thresholds = view_thresholds_default(),
        .condition = CONDITION_VIEW_LR, .sigma_d = R(0.02),
    };
    const DistillConfig config = some_run(world, &range, lit);
    ExactPrior *prior = exact_new(&world->source, &exact, 0, 0, S, err);
    if (prior == NULL) return -1;
    const Denoiser D = exact_denoiser(prior);
    Distill *d = distill_new(&config, S, &D, err);
    int status = d == NULL ? -1 : 0;
    for (int i = 0; i < 3 && status == 0; i++) {
        StepLog log;
        status = distill_step(d, &log);
    }
    if (status == 0) {
        selftest_put(s, d->field->theta, d->field->n);
        selftest_put(s, d->m, d->field->n);
        selftest_put(s, d->v, d->field->n);
        if (lit) selftest_put(s, d->background->theta, d->background->n);
    }
    distill_free(d);
    exact_free(prior);
    return status;
}

static int distill_item(Sha256 *s, int lit, Err *err)
{
    const ScheduleConfig sd = schedule_config_sd();
    World world;
    if (world_open(&world, 16, 16, 0, err) != 0) return -1;
    Schedule *S = schedule_new(&sd, err);
    const int status = S == NULL ? -1 : distill_some(s, &world, S, lit, err);
    schedule_free(S);
    world_close(&world);
    return status;
}
static int make_distill(Sha256 *s, Err *err) { return distill_item(s, 0, err); }
static int make_distill_lit(Sha256 *s, Err *err) { return distill_item(s, 1, err); }

/* One of function, wide and make. Functions of `real` have their own names, those that are binary64 in both programs d_. */
static const struct { const char *name; Function *function; WideFunction *wide; SelftestItem *make; } items[] = {
    { "rng.uniform", NULL, NULL, make_uniform },
    { "exp", r_exp, NULL, NULL },                 { "d_exp", NULL, d_exp, NULL },
    { "exp2", r_exp2, NULL, NULL },               { "d_exp2", NULL, d_exp2, NULL },
    { "expm1", r_expm1, NULL, NULL },             { "d_expm1", NULL, d_expm1, NULL },
    { "log", r_log, NULL, NULL },                 { "d_log", NULL, d_log, NULL },
    { "log1p", r_log1p, NULL, NULL },             { "d_log1p", NULL, d_log1p, NULL },
    { "sin", r_sin, NULL, NULL },                 { "d_sin", NULL, d_sin, NULL },
    { "cos", r_cos, NULL, NULL },                 { "d_cos", NULL, d_cos, NULL },
    { "sin_n", NULL, NULL, make_sin_n },          { "cos_n", NULL, NULL, make_cos_n },
    { "asin", r_asin, NULL, NULL },               { "d_asin", NULL, d_asin, NULL },
    { "tanh", r_tanh, NULL, NULL },               { "d_tanh", NULL, d_tanh, NULL },
    { "erf", r_erf, NULL, NULL },                 { "d_erf", NULL, d_erf, NULL },
    { "sigmoid", r_sigmoid, NULL, NULL },         { "d_sigmoid", NULL, d_sigmoid, NULL },
    { "softplus", r_softplus, NULL, NULL },       { "d_softplus", NULL, d_softplus, NULL },
    { "pow", NULL, NULL, make_pow },              { "d_pow", NULL, NULL, make_wide_pow },
    { "d_atan2", NULL, NULL, make_wide_atan2 },
    { "rng.normal", NULL, NULL, make_normal },    { "rng.torch-cpu", NULL, NULL, make_torch },
    { "sum", NULL, NULL, make_sums },             { "gemm", NULL, NULL, make_gemm },
    { "schedule", NULL, NULL, make_schedule },    { "scene", NULL, NULL, make_scene },
    { "resample", NULL, NULL, selftest_resample }, { "render", NULL, NULL, selftest_voxel },
    { "render.hashgrid", NULL, NULL, selftest_hashgrid }, { "render.mlp", NULL, NULL, selftest_mlp },
    { "render.sh", NULL, NULL, selftest_sh },     { "render.lambertian", NULL, NULL, selftest_lambertian },
    { "mesh", NULL, NULL, selftest_mesh },        { "distill", NULL, NULL, make_distill },
    { "distill.lit", NULL, NULL, make_distill_lit }, { "unet", NULL, NULL, selftest_unet },
};
enum { ITEMS = sizeof items / sizeof items[0] };

int selftest_count(void) { return ITEMS; }

int selftest_digests(Digest *digest, Err *err)
{
    for (int i = 0; i < ITEMS; i++) {
        Sha256 s;
        unsigned char bytes[32];
        char hex[65];
        sha256_start(&s);
        if ((items[i].make != NULL ? items[i].make(&s, err) : make_function(&s, items[i].function, items[i].wide, err)) != 0) return -1;
        sha256_end(&s, bytes);
        sha256_hex(hex, bytes);
        digest[i] = (Digest){ .name = items[i].name, .binary32 = "", .binary64 = "" };
        memcpy(digest[i].found, hex, DIGEST_DIGITS);
        for (size_t k = 0; k < sizeof published / sizeof published[0]; k++) {
            if (strcmp(published[k].name, items[i].name) != 0) continue;
            digest[i].binary32 = published[k].binary32;
            digest[i].binary64 = published[k].binary64;
        }
        digest[i].ok = strcmp(digest[i].found, sizeof(real) == 4 ? digest[i].binary32 : digest[i].binary64) == 0;
    }
    return 0;
}
