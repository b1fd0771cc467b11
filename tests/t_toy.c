/* t_toy.c -- what becomes of an image of two values under each estimator, the score being exact
 *
 * Prompt: four Gaussians at (+-1,+-1). No prompt: nine, on the grid {-1,0,1}^2. All of standard deviation 0.12. Both are products over the two
 * values, so their scores are exact and cost two tanh. Runs of 1000 steps of Adam, all from one image near the centre, t from 0.98 T to 0.02 T;
 * seeds differ in noise alone. What is held are orderings and what is many times its own sampling error, which is said beside it.
 */
#include "ref/estimator.h"
#include "ref/phi.h"
#include "tensor/adam.h"
#include "tensor/mem.h"
#include "tensor/par.h"
#include "tensor/rng.h"
#include "tests/harness.h"

#include <math.h>

enum { V = 2, STEPS = 1000, SEEDS = 64, DRAWS = 400, NOISES = 8 };

/* v = abar 0.12^2 + sigma^2; mean of x0 given x: tanh(alpha x/v) of two modes, sinh/(cosh + exp(alpha^2/2v)/2) of three. */
static int toy_predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err)
{
    const Schedule *S = self;
    const double abar = sched_abar64(S, t), a = sqrt(abar), s = sqrt(1 - abar), v = abar * 0.0144 + s * s;
    (void)err;
    for (int i = 0; i < V; i++) {
        const double x = (double)xt[i], lean = a * x / v;
        const double up = exp(-fabs(lean) + lean), down = exp(-fabs(lean) - lean), middle = exp(abar / (2 * v) - fabs(lean));
        const double mean = cond->kind == COND_TEXT ? tanh(lean) : (up - down) / (up + down + middle);
        eps[i] = (real)(s * (x - a * mean) / v);
    }
    return 0;
}

typedef struct Toy { Schedule *S; Denoiser D; Arena *arena; Err err; Estimate k; double guidance; } Toy;
static void toy(Toy *y)
{
    *y = (Toy){ .guidance = 1 };
    const ScheduleConfig sd = schedule_config_sd();
    y->S = schedule_new(&sd, &y->err);
    y->arena = arena_new(&y->err);
    BUG_IF(y->err.set, "%s", y->err.msg);
    y->D = (Denoiser){ V, 1, 1, toy_predict, y->S };
    y->k = (Estimate){ .S = y->S, .D = &y->D, .arena = y->arena, .err = &y->err };
}
static void toy_free(Toy *y)
{
    CHECK(!y->err.set, "%s", y->err.msg);
    arena_free(y->arena);
    schedule_free(y->S);
}

typedef enum { SDS, SDS_UNIFORM, ASD, DSD, DSD_ONE_GUIDANCE, CDS, CDS_OTHER_SIGN, FSD, SDI, SDI_OTHER_SIGN } Method;

/* The rules of t, at a share f of the run. DSD and CDS: falling with a root. */
static int t_of(Method m, double f, double u)
{
    if (m == SDS_UNIFORM) return 20 + (int)(u * 961);
    if (m == DSD || m == DSD_ONE_GUIDANCE || m == CDS || m == CDS_OTHER_SIGN) return (int)(1000 * (0.02 + 0.96 * (1 - sqrt(f))));
    return (int)(1000 * (0.98 - 0.96 * f));
}

/* The step of draw number `draw` at t: everything random of it. */
static EstimatorGrad *step_of(Step *p, real *noise, Method m, int t, uint32_t seed, uint32_t draw, double guidance)
{
    const double u = rng_uniform_at((RngAt){ seed, 0, draw, RNG_TIMESTEP }, 1);
    const int once = m == DSD || m == DSD_ONE_GUIDANCE || m == CDS || m == CDS_OTHER_SIGN || m == FSD;
    const int shift = t + (int)(u * fmin(fmax(0.1 * (t - 20), 0), 999 - t));             /* asynchronous: up to a tenth above t */
    rng_normal(noise, (RngAt){ seed, (uint32_t)once, once ? 0 : draw, RNG_NOISE }, V);
    *p = (Step){ .t = t, .guidance = (real)guidance, .weight = WEIGHT_SDS, .noise = noise };
    switch (m) {
    case SDS: case SDS_UNIFORM: return sds_grad;
    case ASD:
        p->t_baseline = shift;
        return asd_grad;
    case DSD: case DSD_ONE_GUIDANCE:
        p->t_baseline = shift;
        p->ode_steps = 10;
        p->guidance_baseline = m == DSD ? 1 : (real)guidance;
        return dsd_grad;
    case CDS: case CDS_OTHER_SIGN:
        p->s = t;
        p->t = t + 100 + (int)(u * 200) < 999 ? t + 100 + (int)(u * 200) : 999;
        p->cds_sign = m == CDS ? CDS_RELEASED : CDS_OPPOSITE;
        return cds_grad;
    case FSD: return fsd_grad;
    case SDI: case SDI_OTHER_SIGN:
        p->tau = (int)(u * 33);
        p->inversion_steps = t / 100 > 1 ? t / 100 : 1;
        p->noise_scale = R(0.3);
        p->guidance_inverse = m == SDI ? -(real)guidance : (real)guidance;
        return sdi_grad;
    }
    return NULL;
}

static void gradient(real *g, const real *x, EstimatorGrad *f, const Step *p, Toy *y)
{
    const size_t mark = arena_mark(y->arena);
    CHECK_OK(f(g, x, p, &y->k), &y->err);
    arena_rewind(y->arena, mark);
}

/* Of the images that SEEDS runs end in. */
typedef struct Outcome { double entropy, distance, norm; } Outcome;      /* of the modes reached; to the nearest mode; of the image. Means. */
static Outcome outcome(Method m, Toy *y)
{
    int reached[4] = { 0 };
    Outcome o = { 0 };
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        real x[V] = { R(0.02), R(0.05) }, first[V] = { 0 }, second[V] = { 0 }, g[V], noise[V];
        for (int i = 0; i < STEPS; i++) {
            const double u = rng_uniform_at((RngAt){ seed, 0, (uint32_t)i, RNG_TIMESTEP }, 0);
            Step p;
            EstimatorGrad *f = step_of(&p, noise, m, t_of(m, (double)i / STEPS, u), seed, (uint32_t)i, y->guidance);
            gradient(g, x, f, &p, y);
            adam_step(x, first, second, g, V, (AdamConfig){ .lr = 0.01, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8 }, i + 1);
        }
        const double a = (double)x[0], b = (double)x[1];
        reached[(a > 0) + 2 * (b > 0)]++;
        o.distance += sqrt((fabs(a) - 1) * (fabs(a) - 1) + (fabs(b) - 1) * (fabs(b) - 1)) / SEEDS;
        o.norm += sqrt(a * a + b * b) / SEEDS;
    }
    for (int i = 0; i < 4; i++)
        if (reached[i] > 0) o.entropy -= (double)reached[i] / SEEDS * log((double)reached[i] / SEEDS);
    return o;
}

/* tr Var of the gradient at one image in the middle of a run, over what is drawn anew in every step; of a noise that lasts, the mean over
 * NOISES of it. Deviations are from the first draw, so that draws that are all the same have exactly none. */
static double variance(Method m, Toy *y)
{
    const real x[V] = { R(0.6), R(0.4) };
    double sum = 0;
    for (uint32_t seed = 0; seed < NOISES; seed++) {
        double mean[V] = { 0 }, square = 0;
        real g[V], origin[V], noise[V];
        for (uint32_t draw = 0; draw < DRAWS; draw++) {
            Step p;
            EstimatorGrad *f = step_of(&p, noise, m, 500, seed, draw, y->guidance);
            gradient(g, x, f, &p, y);
            if (draw == 0) memcpy(origin, g, sizeof origin);
            for (int i = 0; i < V; i++) {
                const double d = (double)g[i] - (double)origin[i];
                mean[i] += d / DRAWS;
                square += d * d / DRAWS;
            }
        }
        sum += (square - mean[0] * mean[0] - mean[1] * mean[1]) / NOISES;
    }
    return sum;
}

/* DSD << ASD << SDS: each step apart is a factor of 5 and 50; 3200 draws know a variance to some 5 %. */
static void variance_falls_from_sds_over_asd_to_dsd(void)
{
    Toy y;
    toy(&y);
    const double sds = variance(SDS, &y), asd = variance(ASD, &y), dsd = variance(DSD, &y), cds = variance(CDS, &y), fsd = variance(FSD, &y);
    CHECK(dsd < asd / 2, "DSD %g, ASD %g", dsd, asd);
    CHECK(asd < sds / 20, "ASD %g, SDS %g", asd, sds);
    CHECK(cds < sds / 5, "CDS %g, SDS %g", cds, sds);
    CHECK(fsd == 0, "FSD %g", fsd);
    CHECK_LE(fabs(sds / 0.090 - 1), 0.15, "SDS");
    toy_free(&y);
}

/* One image to begin with, and noise alone to choose: DSD and FSD reach all four modes evenly (ln 4 = 1.386, 64 fair choices fall short of it by
 * 0.02 in the mean and by 0.14 hardly ever), SDI always the same one, which it reaches exactly. */
static void noise_chooses_the_mode_but_not_of_sdi(void)
{
    Toy y;
    toy(&y);
    const Outcome dsd = outcome(DSD, &y), fsd = outcome(FSD, &y), sdi = outcome(SDI, &y), stuck = outcome(SDI_OTHER_SIGN, &y);
    CHECK(dsd.entropy > 1.25, "DSD: %g", dsd.entropy);
    CHECK(fsd.entropy > 1.25, "FSD: %g", fsd.entropy);
    CHECK(sdi.entropy < 0.3 && sdi.distance < 0.05, "SDI: entropy %g, distance %g", sdi.entropy, sdi.distance);
    CHECK(stuck.norm < 0.05, "SDI inverted with the guidance of the way down stays at the centre: %g", stuck.norm);
    /* modes are sqrt(2) from the centre; runs of one method differ by up to 0.5, their mean by 0.06: 0.13, 0.30, 0.50, 0.83, 1.3 */
    const Outcome asd = outcome(ASD, &y), sds = outcome(SDS, &y), uniform = outcome(SDS_UNIFORM, &y);
    CHECK(fsd.distance < 0.2 && fsd.distance < dsd.distance - 0.08, "FSD %g, DSD %g", fsd.distance, dsd.distance);
    CHECK(dsd.distance < asd.distance - 0.08, "DSD %g, ASD %g", dsd.distance, asd.distance);
    CHECK(asd.distance < sds.distance - 0.15, "ASD %g, SDS %g", asd.distance, sds.distance);
    CHECK(sds.distance < uniform.distance - 0.2 && uniform.norm < 0.3, "SDS %g, with t anywhere %g", sds.distance, uniform.distance);
    toy_free(&y);
}

static void the_other_sign_of_cds_runs_away(void)
{
    Toy y;
    toy(&y);
    const Outcome released = outcome(CDS, &y), other = outcome(CDS_OTHER_SIGN, &y);
    CHECK(released.distance < 1.3 && released.norm < 2, "released: %g", released.distance);
    CHECK(other.distance > 5, "the other: %g", other.distance);
    toy_free(&y);
}

/* The identity DSD is built on has one guidance in both terms; with 1 in the baseline, guidance 4 overshoots the modes. */
static void one_guidance_keeps_dsd_near_the_modes(void)
{
    Toy y;
    toy(&y);
    y.guidance = 4;
    const Outcome one = outcome(DSD_ONE_GUIDANCE, &y), two = outcome(DSD, &y);
    CHECK(one.entropy > 1.25 && one.distance < 0.6, "one: entropy %g, distance %g", one.entropy, one.distance);
    CHECK(two.norm > 2 && two.distance > 1, "two: norm %g, distance %g", two.norm, two.distance);
    toy_free(&y);
}

/* ---- SSD: the coefficients of the noise and of the Stein term that leave the least variance ---- */

enum { SAMPLES = 4000 };
typedef struct Moments { double ee, eh, hh, fe, fh; } Moments;           /* traces of covariances of eps_hat (f), eps (e), h */

/* The gradient is f - mu1 e - mu h: of (mu1, mu) = (0,0), (1,0), (0,1) with one noise come all three. */
static Moments moments(int t, Toy *y)
{
    static const double at[3][2] = { { 0, 0 }, { 1, 0 }, { 0, 1 } };
    const real x[V] = { R(0.7), R(0.5) };
    double sum[3][V] = { { 0 } }, product[3][3] = { { 0 } };
    for (uint32_t draw = 0; draw < SAMPLES; draw++) {
        double part[3][V];
        real g[3][V], noise[V];
        rng_normal(noise, (RngAt){ 1, 0, draw, RNG_NOISE }, V);
        for (int i = 0; i < 3; i++) {
            const Step p = { .t = t, .guidance = 1, .weight = WEIGHT_UNIFORM, .noise = noise, .mu1 = (real)at[i][0], .mu = (real)at[i][1] };
            gradient(g[i], x, ssd_grad, &p, y);
        }
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < V; j++) part[i][j] = i == 0 ? (double)g[0][j] : (double)g[0][j] - (double)g[i][j];
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < V; j++) sum[i][j] += part[i][j] / SAMPLES;
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++)
                for (int j = 0; j < V; j++) product[i][k] += part[i][j] * part[k][j] / SAMPLES;
    }
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            for (int j = 0; j < V; j++) product[i][k] -= sum[i][j] * sum[k][j];
    return (Moments){ product[1][1], product[1][2], product[2][2], product[0][1], product[0][2] };
}

/* tr Var of the gradient with these coefficients, on other noise than the moments saw. */
static double ssd_variance(int t, double mu1, double mu, Toy *y)
{
    const real x[V] = { R(0.7), R(0.5) };
    double mean[V] = { 0 }, square = 0;
    for (uint32_t draw = 0; draw < SAMPLES; draw++) {
        real g[V], noise[V];
        rng_normal(noise, (RngAt){ 2, 0, draw, RNG_NOISE }, V);
        gradient(g, x, ssd_grad, &(Step){ .t = t, .guidance = 1, .weight = WEIGHT_UNIFORM, .noise = noise, .mu1 = (real)mu1, .mu = (real)mu }, y);
        for (int j = 0; j < V; j++) {
            mean[j] += (double)g[j] / SAMPLES;
            square += (double)g[j] * (double)g[j] / SAMPLES;
        }
    }
    return square - mean[0] * mean[0] - mean[1] * mean[1];
}

/* SDS takes off the noise with coefficient 1, which is right where t is large and harms where it is small; the best coefficient falls with t, and the
 * Stein term of a quadratic phi helps on top of it. A variance of 4000 draws is good to 3 %. */
static void the_best_coefficient_of_the_noise_falls_with_time(void)
{
    static const struct { int t; double mu1; } table[] = { { 900, 0.986 }, { 500, 0.71 }, { 300, 0.33 }, { 100, 0.3 } };
    double before = 1;
    Toy y;
    toy(&y);
    PhiSource quadratic = { .kind = PHI_QUADRATIC, .channels = V, .pixels = 1 };
    const Phi phi = phi_of(&quadratic);
    y.k.phi = &phi;
    for (int i = 0; i < 4; i++) {
        const int t = table[i].t;
        const Moments m = moments(t, &y);
        const double det = m.ee * m.hh - m.eh * m.eh, mu1 = m.fe / m.ee;
        const double raw = ssd_variance(t, 0, 0, &y), one = ssd_variance(t, 1, 0, &y), noise = ssd_variance(t, mu1, 0, &y);
        const double stein = ssd_variance(t, 0, m.fh / m.hh, &y);
        const double both = ssd_variance(t, (m.fe * m.hh - m.fh * m.eh) / det, (m.fh * m.ee - m.fe * m.eh) / det, &y);
        CHECK_LE(fabs(mu1 - table[i].mu1), i < 3 ? 0.02 : 0.1, "t %d", t);                  /* at t = 100 it hangs on the image */
        CHECK(mu1 < before, "t %d: %g, before %g", t, mu1, before);
        before = mu1;
        if (t >= 500) CHECK(one < raw / 4 && noise < one / 4, "t %d: none %g, 1 %g, best %g", t, raw, one, noise);
        else CHECK(one > 1.4 * raw && noise < 0.95 * raw, "t %d: none %g, 1 %g, best %g", t, raw, one, noise);
        CHECK(stein < 0.9 * raw && both < 0.95 * noise && both < 1.02 * stein, "t %d: Stein's alone %g, both %g", t, stein, both);
    }
    toy_free(&y);
}

int main(void)
{
    par_threads_set(1);                       /* images of two values are not worth more */
    TEST(variance_falls_from_sds_over_asd_to_dsd);
    TEST(noise_chooses_the_mode_but_not_of_sdi);
    TEST(the_other_sign_of_cds_runs_away);
    TEST(one_guidance_keeps_dsd_near_the_modes);
    TEST(the_best_coefficient_of_the_noise_falls_with_time);
    return test_end();
}
