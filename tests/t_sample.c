/* t_sample.c -- DDIM sampling from priors whose samples are known in closed form
 *
 * For data N(m, s^2) the noise in x_t is eps = sigma (x - alpha m) / (alpha^2 s^2 + sigma^2). With s = 0 a step of any length is exact, so
 * the sample is m. With s > 0 the path is an ODE that DDIM follows to first order; its end is m + s (x_T - alpha_T m) / sqrt(alpha_T^2 s^2 + sigma_T^2).
 */
#include "ref/sample.h"
#include "sampler/step.h"
#include "tests/harness.h"

enum { N = 48 };                                          /* 3 x 4 x 4 */

typedef struct Normal {
    const Schedule *S;
    double mean, deviation, other_mean;                   /* other: without prompt */
    int calls, fail_at;
} Normal;

static int predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err)
{
    Normal *p = self;
    const double a = (double)sched_alpha(p->S, t), s = (double)sched_sigma(p->S, t), m = cond->kind == COND_TEXT ? p->mean : p->other_mean;
    if (++p->calls == p->fail_at) return err_set(err, "failed at t = %d", t);
    for (int i = 0; i < N; i++) eps[i] = (real)(s * ((double)xt[i] - a * m) / (a * a * p->deviation * p->deviation + s * s));
    return 0;
}

static Schedule *schedule(int to_one)
{
    Err err = { 0 };
    ScheduleConfig c = schedule_config_sd();
    c.set_alpha_to_one = to_one;
    c.prediction_type = PREDICT_V;                        /* what a Denoiser says is epsilon all the same */
    Schedule *S = schedule_new(&c, &err);
    CHECK(S != NULL, "%s", err.msg);
    return S;
}

static void count(void *self, int steps) { *(int *)self = 100 * *(int *)self + steps; }

/* One image is the whole prior: it comes out, whatever the number of steps, eta and noise. r = sigma/alpha <= 15 magnifies the rounding of x. */
static void a_single_image(void)
{
    static const int steps[] = { 1, 3, 7, 50 };
    Schedule *S = schedule(1);
    for (int k = 0; k < 16; k++) {
        Err err = { 0 };
        Normal p = { .S = S, .mean = 0.375 };
        const Denoiser D = { 3, 4, 4, predict, &p };
        const SampleConfig config = { .steps = steps[k / 4], .guidance = R(1.0), .eta = k % 2, .noise = (NoiseKind)(k / 2 % 2), .seed = (uint64_t)k };
        real x[N];
        CHECK_OK(sample_ddim(x, &config, S, &D, NULL, &err), &err);
        CHECK(p.calls == config.steps, "%d calls for %d steps", p.calls, config.steps);
        for (int i = 0; i < N; i++) CHECK_LE(fabs((double)x[i] - 0.375), 60 * (double)REAL_EPS, "steps %d, eta %g", config.steps, config.eta);
    }
    schedule_free(S);
}

/* Guidance g with two images m and u: eps is that of one image u + g (m - u), by linearity. */
static void guidance(void)
{
    Err err = { 0 };
    int heard = 0;
    Schedule *S = schedule(1);
    Normal p = { .S = S, .mean = 0.25, .other_mean = -0.5 };
    const Denoiser D = { 3, 4, 4, predict, &p };
    const SampleConfig config = { .steps = 4, .guidance = R(3.0) };
    const SampleListener listener = { count, &heard };
    real x[N];
    CHECK_OK(sample_ddim(x, &config, S, &D, &listener, &err), &err);
    for (int i = 0; i < N; i++) CHECK_LE(fabs((double)x[i] - 1.75), 400 * (double)REAL_EPS, "x[%d]", i);      /* 15 (1 + 3 + 2) roundings of 4 */
    CHECK(p.calls == 8 && heard == 1020304, "%d calls, heard %d", p.calls, heard);
    schedule_free(S);
}

/* ||sample - end of the path|| / sqrt N for `steps` steps */
static double path_error(const Schedule *S, int steps)
{
    Err err = { 0 };
    Normal p = { .S = S, .mean = 0.25, .deviation = 0.5 };
    const Denoiser D = { 3, 4, 4, predict, &p };
    const SampleConfig config = { .steps = steps, .guidance = R(1.0), .seed = 9 };
    real x[N], start[N];
    double sum = 0;
    int first[1000];
    CHECK_OK(inference_timesteps(first, S, steps, &err), &err);
    CHECK_OK(sample_ddim(x, &config, S, &D, NULL, &err), &err);
    rng_normal(start, (RngAt){ 9, 0, 0, RNG_NOISE }, N);
    const double a = (double)sched_alpha(S, first[0]), s = (double)sched_sigma(S, first[0]);
    for (int i = 0; i < N; i++) {
        const double end = 0.25 + 0.5 * ((double)start[i] - a * 0.25) / sqrt(a * a * 0.25 + s * s);
        sum += ((double)x[i] - end) * ((double)x[i] - end);
    }
    return sqrt(sum / N);
}

static void a_normal_distribution(void)
{
    Schedule *S = schedule(1);
    const double coarse = path_error(S, 50), fine = path_error(S, 100);
    CHECK_LE(fine, 0.02, "the end of the path");
    CHECK_LE(fabs(coarse / fine - 2.0), 0.2, "first order: %g, %g", coarse, fine);
    schedule_free(S);
}

/* With eta 1 the samples have the deviation of the data: DDPM's variance. 4 x 48 values of deviation 1/2: the estimate is off by 5 percent
 * or so, 20 is four times that; 100 steps add 2. */
static void noise_keeps_the_deviation(void)
{
    Schedule *S = schedule(1);
    double sum = 0;
    for (int k = 0; k < 4; k++) {
        Err err = { 0 };
        Normal p = { .S = S, .mean = 0.25, .deviation = 0.5 };
        const Denoiser D = { 3, 4, 4, predict, &p };
        const SampleConfig config = { .steps = 100, .guidance = R(1.0), .eta = 1, .seed = (uint64_t)k };
        real x[N];
        CHECK_OK(sample_ddim(x, &config, S, &D, NULL, &err), &err);
        for (int i = 0; i < N; i++) sum += ((double)x[i] - 0.25) * ((double)x[i] - 0.25);
    }
    CHECK_LE(fabs(sqrt(sum / (4 * N)) - 0.5), 0.1, "deviation %g", sqrt(sum / (4 * N)));
    schedule_free(S);
}

static void failures(void)
{
    Err err = { 0 };
    Schedule *S = schedule(0);
    Normal p = { .S = S, .fail_at = 3 };
    const Denoiser D = { 3, 4, 4, predict, &p };
    SampleConfig config = { .steps = 5, .guidance = R(1.0) };
    real x[N];
    CHECK(sample_ddim(x, &config, S, &D, NULL, &err) == -1 && strcmp(err.msg, "failed at t = 401") == 0 && p.calls == 3, "%s", err.msg);
    err = (Err){ 0 };
    config.steps = 1001;
    CHECK(sample_ddim(x, &config, S, &D, NULL, &err) == -1 && strstr(err.msg, "1001") != NULL, "%s", err.msg);
    schedule_free(S);
}

int main(void)
{
    TEST(a_single_image);
    TEST(guidance);
    TEST(a_normal_distribution);
    TEST(noise_keeps_the_deviation);
    TEST(failures);
    return test_end();
}
