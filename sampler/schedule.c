/* schedule.c -- abar, alpha, sigma and r of a discrete noise schedule
 *
 *     linear             beta_i = b0 + (b1 - b0) i/(T-1)                                             [DDPM20]
 *     scaled_linear      beta_i = (sqrt b0 + (sqrt b1 - sqrt b0) i/(T-1))^2                          Stable Diffusion
 *     squaredcos_cap_v2  beta_i = min(1 - f((i+1)/T) / f(i/T), 0.999),
 *                        f(u) = cos^2(pi/2 (u + 0.008)/1.008)                                        [IDDPM21 Sec.3.2]
 *     abar_t = abar_{t-1} (1 - beta_t)
 *
 * The product runs from t = 0 up, in binary64. Special: T = 1 has beta_0 = b0.
 * Accuracy: abar within (T + 1) 2^-53 of the product of the exact factors, relative; PyTorch's abar within 1e-6.
 */
#include "sampler/schedule.h"

#include "sampler/names.h"
#include "tensor/elem.h"
#include "tensor/mem.h"
#include "tensor/text.h"

#define T_MAX    100000
#define ABAR_MIN 1e-60
#define BETA_CAP 0.999

ScheduleConfig schedule_config_default(void)
{
    return (ScheduleConfig){ .num_train_timesteps = 1000, .beta_start = 1e-4, .beta_end = 0.02,
                             .beta_schedule = BETA_LINEAR, .prediction_type = PREDICT_EPSILON,
                             .timestep_spacing = SPACING_LEADING, .steps_offset = 0, .set_alpha_to_one = 1,
                             .clip_sample = 1, .clip_sample_range = 1.0, .dynamic_thresholding_ratio = 0.995, .sample_max_value = 1.0,
                             .variance_type = VARIANCE_FIXED_SMALL };
}

ScheduleConfig schedule_config_sd(void)
{
    ScheduleConfig c = schedule_config_default();
    c.beta_start = 0.00085;
    c.beta_end = 0.012;
    c.beta_schedule = BETA_SCALED_LINEAR;
    c.steps_offset = 1;
    c.set_alpha_to_one = 0;
    c.clip_sample = 0;
    return c;
}

/* f(u) of squaredcos_cap_v2 */
static double squaredcos(double u)
{
    double c = d_cos(0.5 * D_PI * ((u + 0.008) / 1.008));
    return c * c;
}

static double beta_at(const ScheduleConfig *c, int i, int T)
{
    const double u = T > 1 ? (double)i / (double)(T - 1) : 0.0;
    switch (c->beta_schedule) {
    case BETA_LINEAR:
        return fma(c->beta_end - c->beta_start, u, c->beta_start);
    case BETA_SCALED_LINEAR: {
        double b0 = sqrt(c->beta_start), b1 = sqrt(c->beta_end);
        double root = fma(b1 - b0, u, b0);
        return root * root;
    }
    case BETA_SQUAREDCOS_CAP_V2: {
        double beta = 1.0 - squaredcos((double)(i + 1) / (double)T) / squaredcos((double)i / (double)T);
        return beta < BETA_CAP ? beta : BETA_CAP;
    }
    }
    bug(__FILE__, __LINE__, "beta_schedule %d", (int)c->beta_schedule);
    return 0.0;
}

static int config_check(const ScheduleConfig *c, int T, Err *err)
{
    if (T < 1 || T > T_MAX) return err_set(err, "num_train_timesteps %d: expected 1..%d", T, T_MAX);
    if (c->steps_offset < 0) return err_set(err, "steps_offset %d: expected 0 or more", c->steps_offset);
    if (c->thresholding && !(c->dynamic_thresholding_ratio >= 0.0 && c->dynamic_thresholding_ratio <= 1.0))
        return err_set(err, "dynamic_thresholding_ratio %g: expected 0 to 1", text_shown(c->dynamic_thresholding_ratio));
    if (c->thresholding && !(c->sample_max_value >= 1.0 && isfinite(c->sample_max_value)))
        return err_set(err, "sample_max_value %g: expected 1 or more, and finite", text_shown(c->sample_max_value));
    if (!(c->clip_sample_range > 0.0 && isfinite(c->clip_sample_range)))
        return err_set(err, "clip_sample_range %g: expected above 0 and finite", text_shown(c->clip_sample_range));
    return 0;
}

static Schedule *schedule_alloc(const ScheduleConfig *config, int T, Err *err)
{
    if (config_check(config, T, err) != 0) return NULL;
    Schedule *S = mem_new(1, sizeof *S, "noise schedule", err);
    if (S == NULL) return NULL;
    S->config = *config;
    S->config.num_train_timesteps = T;
    S->T = T;
    S->abar64 = mem_new((size_t)T, sizeof *S->abar64, "noise schedule", err);
    S->abar = mem_new(4 * (size_t)T, sizeof *S->abar, "noise schedule", err);
    if (S->abar64 == NULL || S->abar == NULL) { schedule_free(S); return NULL; }
    S->alpha = S->abar + T;
    S->sigma = S->abar + 2 * (size_t)T;
    S->r = S->abar + 3 * (size_t)T;
    return S;
}

/* abar64 is there: the rest follows from it, each number rounded once. */
static void derive(Schedule *S)
{
    for (int t = 0; t < S->T; t++) {
        const double abar = S->abar64[t];
        const double alpha = sqrt(abar), sigma = sqrt(1.0 - abar);
        S->abar[t] = (real)abar;
        S->alpha[t] = (real)alpha;
        S->sigma[t] = (real)sigma;
        S->r[t] = (real)(sigma / alpha);
    }
}

Schedule *schedule_new(const ScheduleConfig *config, Err *err)
{
    const int T = config->num_train_timesteps;
    Schedule *S = schedule_alloc(config, T, err);
    if (S == NULL) return NULL;
    double abar = 1.0;
    for (int t = 0; t < T; t++) {
        const double beta = beta_at(config, t, T);
        if (!(beta > 0.0 && beta < 1.0)) {
            err_set(err, "beta_start %g, beta_end %g: beta at %d is %g, expected within (0, 1)",
                    text_shown(config->beta_start), text_shown(config->beta_end), t, text_shown(beta));
            schedule_free(S);
            return NULL;
        }
        abar *= 1.0 - beta;
        if (!(abar >= ABAR_MIN)) {
            err_set(err, "beta_start %g, beta_end %g: abar at %d is %g, expected %g or more",
                    text_shown(config->beta_start), text_shown(config->beta_end), t, text_shown(abar), ABAR_MIN);
            schedule_free(S);
            return NULL;
        }
        S->abar64[t] = abar;
    }
    derive(S);
    return S;
}

Schedule *schedule_from_abar(const ScheduleConfig *config, const double *abar, int T, Err *err)
{
    Schedule *S = schedule_alloc(config, T, err);
    if (S == NULL) return NULL;
    double above = 1.0;
    for (int t = 0; t < T; t++) {
        if (!(abar[t] >= ABAR_MIN && abar[t] < 1.0 && abar[t] <= above)) {
            err_set(err, "alphas_cumprod at %d is %.9g after %.9g: expected within [%g, 1) and never rising",
                    t, text_shown(abar[t]), above, ABAR_MIN);
            schedule_free(S);
            return NULL;
        }
        above = abar[t];
        S->abar64[t] = abar[t];
    }
    derive(S);
    return S;
}

void schedule_free(Schedule *S)
{
    if (S == NULL) return;
    mem_free(S->abar64);
    mem_free(S->abar);
    mem_free(S);
}

int beta_schedule_parse(BetaSchedule *out, const char *name, Err *err)
{
    static const NameValue table[] = { { "linear", BETA_LINEAR }, { "scaled_linear", BETA_SCALED_LINEAR },
                                       { "squaredcos_cap_v2", BETA_SQUAREDCOS_CAP_V2 } };
    int value;
    if (name_parse(&value, "beta_schedule", name, table, 3, err) != 0) return -1;
    *out = (BetaSchedule)value;
    return 0;
}

int prediction_parse(Prediction *out, const char *name, Err *err)
{
    static const NameValue table[] = { { "epsilon", PREDICT_EPSILON }, { "sample", PREDICT_SAMPLE },
                                       { "v_prediction", PREDICT_V } };
    int value;
    if (name_parse(&value, "prediction_type", name, table, 3, err) != 0) return -1;
    *out = (Prediction)value;
    return 0;
}

int spacing_parse(Spacing *out, const char *name, Err *err)
{
    static const NameValue table[] = { { "leading", SPACING_LEADING }, { "trailing", SPACING_TRAILING },
                                       { "linspace", SPACING_LINSPACE } };
    int value;
    if (name_parse(&value, "timestep_spacing", name, table, 3, err) != 0) return -1;
    *out = (Spacing)value;
    return 0;
}

int variance_parse(Variance *out, const char *name, Err *err)
{
    static const NameValue table[] = { { "fixed_small", VARIANCE_FIXED_SMALL },
                                       { "fixed_small_log", VARIANCE_FIXED_SMALL },
                                       { "fixed_large", VARIANCE_FIXED_LARGE } };
    int value;
    if (name_parse(&value, "variance_type", name, table, 3, err) != 0) return -1;
    *out = (Variance)value;
    return 0;
}

static void level_check(const Schedule *S, int t)
{
    BUG_IF(t < -1 || t >= S->T, "level %d of a schedule with %d", t, S->T);
}

real sched_abar(const Schedule *S, int t)
{
    level_check(S, t);
    return t < 0 ? R(1.0) : S->abar[t];
}

real sched_alpha(const Schedule *S, int t)
{
    level_check(S, t);
    return t < 0 ? R(1.0) : S->alpha[t];
}

real sched_sigma(const Schedule *S, int t)
{
    level_check(S, t);
    return t < 0 ? R(0.0) : S->sigma[t];
}

real sched_r(const Schedule *S, int t)
{
    level_check(S, t);
    return t < 0 ? R(0.0) : S->r[t];
}

double sched_abar64(const Schedule *S, int t)
{
    level_check(S, t);
    return t < 0 ? 1.0 : S->abar64[t];
}
