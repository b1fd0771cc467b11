/* t_sampler.c -- the noise schedule and the sampling steps, against diffusers' numbers and hand tables
 *
 * Golden bars, relative L2: 1e-10 in binary64. In binary32 an element of a result is three or four roundings of 2^-24
 * on terms at most a few times the result (x and eps are independent noise, so x - s eps does not cancel in L2):
 * under 20 2^-24 = 1.2e-6; the project's bar is 5e-6.
 */
#include "sampler/schedule.h"
#include "sampler/step.h"
#include "tensor/mem.h"
#include "tensor/rng.h"
#include "tests/golden_read.h"

#ifdef SDREF_F64
#define BAR 1e-10
#else
#define BAR 5e-6
#endif

/* ---- schedule ---- */

static ScheduleConfig config_named(const char *name)
{
    ScheduleConfig c = schedule_config_sd();
    if (strcmp(name, "ddpm") == 0) {
        c.beta_schedule = BETA_LINEAR;
        c.beta_start = 1e-4;
        c.beta_end = 0.02;
    }
    if (strcmp(name, "cosine") == 0) c.beta_schedule = BETA_SQUAREDCOS_CAP_V2;
    return c;
}

static Schedule *schedule_named(const char *name)
{
    Err err = { 0 };
    ScheduleConfig c = config_named(name);
    Schedule *S = schedule_new(&c, &err);
    CHECK(S != NULL, "%s: %s", name, err.msg);
    return S;
}

/* Values worked out by hand from the formula, to the digits shown; a real adds 2^-24 relative. */
static void schedule_known_values(void)
{
    static const struct { int t; double abar, alpha, sigma, r; } known[] = {
        { 0, .99915000, .999575, .029155, .029167 },   { 1, .99829603, .999148, .041279, .041314 },
        { 20, .98131436, .990613, .136695, .137991 },  { 250, .67379263, .820849, .571146, .695799 },
        { 500, .27633268, .525674, .850686, 1.618279 }, { 750, .05616985, .237002, .971509, 4.099164 },
        { 980, .00584378, .076445, .997074, 13.043083 }, { 999, .00466010, .068265, .997667, 14.614641 } };
    Schedule *S = schedule_named("sd");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const int t = known[i].t;
        CHECK_LE(fabs(sched_abar64(S, t) - known[i].abar), 0.51e-8, "abar64 %d", t);
        CHECK_LE(fabs((double)sched_abar(S, t) - known[i].abar), 0.51e-8 + 6e-8, "abar %d", t);
        CHECK_LE(fabs((double)sched_alpha(S, t) - known[i].alpha), 0.51e-6 + 6e-8, "alpha %d", t);
        CHECK_LE(fabs((double)sched_sigma(S, t) - known[i].sigma), 0.51e-6 + 6e-8, "sigma %d", t);
        CHECK_LE(fabs((double)sched_r(S, t) - known[i].r), 0.51e-6 + 9e-7, "r %d", t);
    }
    CHECK(sched_abar(S, -1) == 1 && sched_alpha(S, -1) == 1 && sched_sigma(S, -1) == 0 && sched_r(S, -1) == 0,
          "the clean level");
    for (int t = 0; t < S->T; t++) {           /* one rounding, from binary64 */
        const double abar = sched_abar64(S, t);
        CHECK(sched_abar(S, t) == (real)abar && sched_alpha(S, t) == (real)sqrt(abar), "rounding at %d", t);
        CHECK(sched_sigma(S, t) == (real)sqrt(1.0 - abar), "rounding at %d", t);
        CHECK(sched_r(S, t) == (real)(sqrt(1.0 - abar) / sqrt(abar)), "rounding at %d", t);
    }
    schedule_free(S);
}

static void schedule_against_pytorch(void)
{
    static const char *const names[] = { "sd", "ddpm", "cosine" };
    StFile *f = golden_open("tests/golden/schedules.safetensors");
    for (int k = 0; k < 3; k++) {
        double file[1000];
        char name[64];
        snprintf(name, sizeof name, "%s.alphas_cumprod", names[k]);
        golden_f64(file, f, name, 1000);
        Schedule *S = schedule_named(names[k]);
        for (int t = 0; t < 1000; t++)
            CHECK_LE(fabs((double)sched_abar(S, t) - file[t]), 1e-6, "%s at %d", name, t);
        schedule_free(S);
    }
    st_close(f);
    /* The same in binary64, from another program: two products of 1000 factors, 1000 2^-52 apart at most. */
    f = golden_open("tests/golden/ddpm_steps.safetensors");
    for (int k = 0; k < 3; k += 2) {
        double file[1000];
        char name[64];
        snprintf(name, sizeof name, "%s.alphas_cumprod", names[k]);
        golden_f64(file, f, name, 1000);
        Schedule *S = schedule_named(names[k]);
        for (int t = 0; t < 1000; t++) {
            /* cosine: beta = 1 - f/f is off by 2^-53 a step too, and where f is small its argument's rounding counts:
             * df/f = 2 tan(x) dx, x near pi/2: up to 1e3 2^-52 for a factor, and the factors telescope. */
            CHECK_LE(fabs(sched_abar64(S, t) - file[t]), 4e-12 * file[t], "%s at %d", name, t);
        }
        schedule_free(S);
    }
    st_close(f);
}

static void schedule_refuses(void)
{
    static const double rising[] = { 0.9, 0.91 }, zero[] = { 0.5, 0.0 }, not_a_number[] = { 0.5, (double)NAN }, one[] = { 1.0 };
    ScheduleConfig bad[9];
    for (int i = 0; i < 9; i++) bad[i] = schedule_config_sd();
    bad[0].num_train_timesteps = 0;
    bad[1].beta_end = 1.5;
    bad[2].beta_start = -0.1;
    bad[3].steps_offset = -1;
    bad[4].clip_sample_range = 0.0;
    bad[5].beta_start = bad[5].beta_end = 0.5;     /* abar 0.5^1000 */
    for (int i = 6; i < 9; i++) bad[i].thresholding = 1;
    bad[6].dynamic_thresholding_ratio = 1.5;
    bad[7].dynamic_thresholding_ratio = (double)NAN;
    bad[8].sample_max_value = 0.5;
    for (int i = 0; i < 9; i++) {
        Err err = { 0 };
        CHECK(schedule_new(&bad[i], &err) == NULL && err.set, "bad config %d was taken", i);
    }
    ScheduleConfig c = schedule_config_sd();
    const double *const abars[] = { rising, zero, not_a_number };
    for (int i = 0; i < 3; i++) {
        Err err = { 0 };
        CHECK(schedule_from_abar(&c, abars[i], 2, &err) == NULL && strstr(err.msg, "alphas_cumprod at 1") != NULL, "%s", err.msg);
    }
    Err err = { 0 };
    CHECK(schedule_from_abar(&c, one, 1, &err) == NULL && err.set, "abar 1 was taken");
    for (int n = 1; n <= 3; n++) {
        Err out_of_memory = { 0 };
        mem_fail_at(n);
        CHECK(schedule_new(&c, &out_of_memory) == NULL && out_of_memory.set, "allocation %d did not fail", n);
    }
    mem_fail_at(0);
}

static void schedule_names(void)
{
    Err err = { 0 };
    BetaSchedule b = BETA_LINEAR;
    Prediction p = PREDICT_EPSILON;
    Spacing s = SPACING_LEADING;
    Variance v = VARIANCE_FIXED_LARGE;
    CHECK(beta_schedule_parse(&b, "squaredcos_cap_v2", &err) == 0 && b == BETA_SQUAREDCOS_CAP_V2, "beta_schedule");
    CHECK(prediction_parse(&p, "v_prediction", &err) == 0 && p == PREDICT_V, "prediction_type");
    CHECK(spacing_parse(&s, "trailing", &err) == 0 && s == SPACING_TRAILING, "timestep_spacing");
    CHECK(variance_parse(&v, "fixed_small_log", &err) == 0 && v == VARIANCE_FIXED_SMALL, "variance_type");
    CHECK(spacing_parse(&s, "Leading", &err) == -1 && s == SPACING_TRAILING, "an unknown name was taken");
    CHECK(strcmp(err.msg, "timestep_spacing \"Leading\": not known, expected leading, trailing or linspace") == 0, "%s", err.msg);
}

/* ---- steps ---- */

static const char *const prediction_names[] = { "epsilon", "sample", "v_prediction" };
static const char *const spacing_names[] = { "leading", "trailing", "linspace" };

static Prediction prediction_of(const char *name)
{
    Err err = { 0 };
    Prediction p = PREDICT_EPSILON;
    CHECK_OK(prediction_parse(&p, name, &err), &err);
    return p;
}

static Spacing spacing_of(const char *name)
{
    Err err = { 0 };
    Spacing s = SPACING_LEADING;
    CHECK_OK(spacing_parse(&s, name, &err), &err);
    return s;
}

/* The schedule with the file's own abar. */
static Schedule *schedule_of_file(const StFile *f, const char *name, const ScheduleConfig *c)
{
    double abar[1000];
    char key[64];
    snprintf(key, sizeof key, "%s.alphas_cumprod", name);
    golden_f64(abar, f, key, 1000);
    Err err = { 0 };
    Schedule *S = schedule_from_abar(c, abar, 1000, &err);
    CHECK(S != NULL, "%s: %s", name, err.msg);
    return S;
}

static void check_timesteps(const Schedule *S, const StFile *f, const char *key, int n)
{
    Err err = { 0 };
    int ours[1000];
    int64_t file[1000];
    golden_i64(file, f, key, (size_t)n);
    CHECK_OK(inference_timesteps(ours, S, n, &err), &err);
    for (int i = 0; i < n; i++) CHECK(ours[i] == file[i], "%s[%d] is %d, expected %d", key, i, ours[i], (int)file[i]);
}

static void ddim_against_diffusers(void)
{
    enum { N = 192 };
    static const char *const names[] = { "sd", "ddpm", "cosine" };
    static real x[N], out[N], prev[N], x0[N];
    StFile *f = golden_open("tests/golden/schedules.safetensors");
    golden_real(x, f, "in.x", N);
    golden_real(out, f, "in.model_output", N);
    for (int k = 0; k < 27; k++) {
        const char *name = names[k / 9], *spacing = spacing_names[k / 3 % 3], *prediction = prediction_names[k % 3];
        ScheduleConfig c = config_named(name);
        c.timestep_spacing = spacing_of(spacing);
        c.prediction_type = prediction_of(prediction);
        Schedule *S = schedule_of_file(f, name, &c);
        char key[96];
        int64_t t;
        snprintf(key, sizeof key, "%s.%s.timesteps", name, spacing);
        check_timesteps(S, f, key, 25);
        snprintf(key, sizeof key, "%s.%s.%s.t", name, spacing, prediction);
        golden_i64(&t, f, key, 1);
        ddim_step(prev, x0, x, out, NULL, 0.0, S, (int)t, inference_prev(S, (int)t, 25), N);
        snprintf(key, sizeof key, "%s.%s.%s.prev", name, spacing, prediction);
        golden_check(prev, f, key, BAR, N);
        snprintf(key, sizeof key, "%s.%s.%s.x0", name, spacing, prediction);
        golden_check(x0, f, key, BAR, N);
        schedule_free(S);
    }
    st_close(f);
}

static void ddpm_against_diffusers(void)
{
    enum { N = 12 };
    static const char *const names[] = { "sd", "cosine" };
    static const char *const variances[] = { "fixed_small", "fixed_small_log", "fixed_large" };
    static const struct { int t, n; } at[] = { { 0, 1000 }, { 1, 1000 }, { 481, 1000 }, { 999, 1000 }, { 20, 25 }, { 601, 25 } };
    real x[N], out[N], noise[N], prev[N], x0[N];
    StFile *f = golden_open("tests/golden/ddpm_steps.safetensors");
    golden_real(x, f, "in.x", N);
    golden_real(out, f, "in.model_output", N);
    golden_real(noise, f, "in.noise", N);
    for (int k = 0; k < 216; k++) {
        const char *name = names[k / 108], *variance = variances[k / 36 % 3], *prediction = prediction_names[k / 12 % 3];
        const int clip_sample = k / 6 % 2, t = at[k % 6].t, n = at[k % 6].n;
        Err err = { 0 };
        ScheduleConfig c = config_named(name);
        c.prediction_type = prediction_of(prediction);
        c.clip_sample = clip_sample;
        CHECK_OK(variance_parse(&c.variance_type, variance, &err), &err);
        Schedule *S = schedule_of_file(f, name, &c);
        ddpm_step(prev, x0, x, out, t > 0 ? noise : NULL, S, t, inference_prev(S, t, n), N);
        char key[96];
        snprintf(key, sizeof key, "ddpm.%s.%s.%s.clip%d.t%d.n%d.x0", name, variance, prediction, clip_sample, t, n);
        golden_check(x0, f, key, BAR, N);
        snprintf(key, sizeof key, "ddpm.%s.%s.%s.clip%d.t%d.n%d.prev", name, variance, prediction, clip_sample, t, n);
        if (t == 20 && c.variance_type == VARIANCE_FIXED_SMALL)    /* diffusers keeps std >= 1e-10 here, see step.h */
            for (int i = 0; i < N; i++) prev[i] += R(1e-10) * noise[i];
        golden_check(prev, f, key, BAR, N);
        schedule_free(S);
    }
    st_close(f);
}

static void ddim_with_noise_against_diffusers(void)
{
    enum { N = 12 };
    static const char *const names[] = { "sd", "cosine" };
    static const struct { int clip_sample, one; } flags[] = { { 0, 0 }, { 1, 1 }, { 0, 1 } };
    static const int at[] = { 21, 481, 961 };
    real x[N], out[N], noise[N], prev[N], x0[N];
    StFile *f = golden_open("tests/golden/ddpm_steps.safetensors");
    golden_real(x, f, "in.x", N);
    golden_real(out, f, "in.model_output", N);
    golden_real(noise, f, "in.noise", N);
    for (int k = 0; k < 108; k++) {
        const char *name = names[k / 54], *prediction = prediction_names[k / 9 % 3];
        const int eta = k / 27 % 2 == 0 ? 50 : 100, clip_sample = flags[k / 3 % 3].clip_sample, one = flags[k / 3 % 3].one;
        const int t = at[k % 3];
        ScheduleConfig c = config_named(name);
        c.prediction_type = prediction_of(prediction);
        c.clip_sample = clip_sample;
        c.set_alpha_to_one = one;
        Schedule *S = schedule_of_file(f, name, &c);
        ddim_step(prev, x0, x, out, noise, eta / 100.0, S, t, inference_prev(S, t, 25), N);
        char key[96];
        snprintf(key, sizeof key, "ddim.%s.eta%d.%s.clip%d.one%d.t%d.x0", name, eta, prediction, clip_sample, one, t);
        golden_check(x0, f, key, BAR, N);
        snprintf(key, sizeof key, "ddim.%s.eta%d.%s.clip%d.one%d.t%d.prev", name, eta, prediction, clip_sample, one, t);
        golden_check(prev, f, key, BAR, N);
        schedule_free(S);
    }
    st_close(f);
}

/* Exact for every n from 1 to 1000: halves to even, and numpy's own rounding of arange and linspace. */
static void timesteps_against_diffusers(void)
{
    static const int some[] = { 1, 2, 3, 7, 16, 48, 333 };
    StFile *f = golden_open("tests/golden/ddpm_steps.safetensors");
    for (int k = 0; k < 3; k++) {
        Err err = { 0 };
        char key[96];
        ScheduleConfig c = config_named("sd");         /* offset 1 */
        c.timestep_spacing = spacing_of(spacing_names[k]);
        Schedule *S = schedule_new(&c, &err);
        for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
            snprintf(key, sizeof key, "timesteps.%s.n%d", spacing_names[k], some[i]);
            check_timesteps(S, f, key, some[i]);
        }
        int t[1001];
        if (k == 0) CHECK(inference_timesteps(t, S, 1000, &err) == -1 && strstr(err.msg, "1000") != NULL, "t = 1000 was given");
        schedule_free(S);
        c.steps_offset = 0;
        S = schedule_new(&c, &err);
        int64_t file[1000];
        snprintf(key, sizeof key, "timesteps_checksum.%s", spacing_names[k]);
        golden_i64(file, f, key, 1000);
        for (int n = 1; n <= 1000; n++) {
            err = (Err){ 0 };
            CHECK_OK(inference_timesteps(t, S, n, &err), &err);
            int64_t sum = 0;
            for (int i = 0; i < n; i++) sum += (int64_t)(i + 1) * t[i];
            CHECK(sum == file[n - 1], "%s, %d steps", spacing_names[k], n);
        }
        CHECK(inference_timesteps(t, S, 0, &err) == -1 && inference_timesteps(t, S, 1001, &err) == -1, "0 or 1001 steps");
        schedule_free(S);
    }
    st_close(f);
}

/* (x0, eps) -> xt and each kind of output -> back. The way back divides by alpha or sigma: the error is a few 2^-24
 * of the terms over that divisor. Outputs may be the same array as an input. */
static void conversions_invert_each_other(void)
{
    enum { N = 64 };
    static const int levels[] = { 0, 1, 250, 500, 999 };
    real x0[N], eps[N], xt[N], out[N], back[N];
    rng_normal(x0, (RngAt){ 1, 0, 0, RNG_PROBE }, N);
    rng_normal(eps, (RngAt){ 1, 1, 0, RNG_PROBE }, N);
    for (int k = 0; k < 15; k++) {
        Err err = { 0 };
        const int t = levels[k % 5];
        ScheduleConfig c = config_named("sd");
        c.prediction_type = prediction_of(prediction_names[k / 5]);
        Schedule *S = schedule_new(&c, &err);
        diffuse(xt, x0, eps, S, t, N);
        if (c.prediction_type == PREDICT_EPSILON) memcpy(out, eps, sizeof out);
        if (c.prediction_type == PREDICT_SAMPLE) memcpy(out, x0, sizeof out);
        if (c.prediction_type == PREDICT_V) v_from(out, x0, eps, S, t, N);
        const double tol = 8.0 * (double)REAL_EPS;
        to_eps(back, xt, out, S, t, N);
        for (int i = 0; i < N; i++)
            CHECK_LE(fabs((double)(back[i] - eps[i])), tol * 5.0 / (double)sched_sigma(S, t), "eps, kind %d, t %d", k / 5, t);
        memcpy(back, xt, sizeof back);
        to_x0(back, back, out, S, t, N);
        for (int i = 0; i < N; i++)
            CHECK_LE(fabs((double)(back[i] - x0[i])), tol * 5.0 / (double)sched_alpha(S, t), "x0, kind %d, t %d", k / 5, t);
        schedule_free(S);
    }
}

/* ---- dynamic thresholding ---- */

static Schedule *thresholding(Prediction kind, double ratio, double most)
{
    Err err = { 0 };
    ScheduleConfig c = config_named("sd");
    c.prediction_type = kind;
    c.thresholding = 1;
    c.clip_sample = 1;                                    /* thresholding goes before it */
    c.clip_sample_range = 0.125;
    c.dynamic_thresholding_ratio = ratio;
    c.sample_max_value = most;
    Schedule *S = schedule_new(&c, &err);
    CHECK(S != NULL, "%s", err.msg);
    return S;
}

/* |x0| is 1/4, 2/4, ... 9/4 in some order, which `sample` prediction hands over as it is: quantiles known by hand. */
static void thresholding_known_values(void)
{
    enum { N = 9 };
    static const struct { double ratio, most, s; } known[] = {
        { 0.0, 8, 1.0 }, { 0.25, 8, 1.0 }, { 0.5, 8, 1.25 }, { 0.5625, 8, 1.375 }, { 1.0, 8, 2.25 }, { 1.0, 1.5, 1.5 }, { 0.5, 1.0, 1.0 } };
    static const real x[N] = { R(1.0), R(-2.25), R(0.25), R(-0.5), R(2.0), R(-1.75), R(1.25), R(0.75), R(-1.5) };
    const real zero[N] = { 0 };
    real prev[N], x0[N];
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        Schedule *S = thresholding(PREDICT_SAMPLE, known[k].ratio, known[k].most);
        const real s = (real)known[k].s;
        ddim_step(prev, x0, zero, x, NULL, 0.0, S, 500, 400, N);
        for (int i = 0; i < N; i++) CHECK(x0[i] == (x[i] < -s ? -s : x[i] > s ? s : x[i]) / s, "ratio %g: x0[%d] is %g", known[k].ratio, i, (double)x0[i]);
        ddpm_step(prev, x0, zero, x, zero, S, 500, 400, N);
        for (int i = 0; i < N; i++) CHECK(x0[i] == (x[i] < -s ? -s : x[i] > s ? s : x[i]) / s, "ratio %g, ddpm: x0[%d] is %g", known[k].ratio, i, (double)x0[i]);
        schedule_free(S);
    }
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The quantile by sorting, in binary64. x0 from epsilon is off by 3 roundings of terms below 4 (1 + sigma)/alpha < 19 at t = 600; so is s,
 * and x0/s, where |x0| <= s and s >= 1, by both: 3 * 19 REAL_EPS. */
static void thresholding_by_sorting(void)
{
    enum { N = 1000 };
    static const int sizes[] = { 1, 2, 3, 17, 192, N };
    static const double ratios[] = { 0.0, 0.3, 0.5, 0.95, 0.995, 1.0 };
    static real x[N], out[N], prev[N], x0[N];
    static double clean[N], sorted[N];
    rng_normal(x, (RngAt){ 5, 0, 0, RNG_PROBE }, N);
    rng_normal(out, (RngAt){ 5, 1, 0, RNG_PROBE }, N);
    for (int k = 0; k < 36; k++) {
        const int n = sizes[k / 6];
        const double ratio = ratios[k % 6];
        Schedule *S = thresholding(PREDICT_EPSILON, ratio, 4.0);
        const double at = sqrt(sched_abar64(S, 600)), st = sqrt(1 - sched_abar64(S, 600));
        for (int i = 0; i < n; i++) clean[i] = ((double)x[i] - st * (double)out[i]) / at;
        for (int i = 0; i < n; i++) sorted[i] = fabs(clean[i]);
        qsort(sorted, (size_t)n, sizeof *sorted, ascending);
        const int below = (int)(ratio * (n - 1)), above = below + 1 < n ? below + 1 : below;
        const double s = fmin(fmax(sorted[below] + (ratio * (n - 1) - below) * (sorted[above] - sorted[below]), 1.0), 4.0);
        ddim_step(prev, x0, x, out, NULL, 0.0, S, 600, 560, (size_t)n);
        for (int i = 0; i < n; i++)
            CHECK_LE(fabs((double)x0[i] - fmax(-s, fmin(s, clean[i])) / s), 3 * 19 * (double)REAL_EPS, "n %d, ratio %g, x0[%d]", n, ratio, i);
        schedule_free(S);
    }
}

int main(void)
{
    TEST(schedule_known_values);
    TEST(schedule_against_pytorch);
    TEST(schedule_refuses);
    TEST(schedule_names);
    TEST(ddim_against_diffusers);
    TEST(ddpm_against_diffusers);
    TEST(ddim_with_noise_against_diffusers);
    TEST(timesteps_against_diffusers);
    TEST(conversions_invert_each_other);
    TEST(thresholding_known_values);
    TEST(thresholding_by_sorting);
    return test_end();
}
