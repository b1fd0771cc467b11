/* schedule.h -- the noise schedule of a discrete diffusion model
 *
 *     x_t = alpha_t x0 + sigma_t eps,   alpha_t = sqrt(abar_t),   sigma_t = sqrt(1 - abar_t),   r_t = sigma_t / alpha_t
 *
 * with abar_t = prod_{i <= t} (1 - beta_i), t = 0..T-1. The level t = -1 is the clean image everywhere in sampler/:
 * alpha 1, sigma 0. Names collide between papers: DDIM's alpha_t is our abar_t, SDI's sigma(t) is our r_t.
 *
 * beta, abar and all that follows from abar are computed in binary64 in both programs; each of abar_t, alpha_t,
 * sigma_t, r_t is then rounded to `real` once, from its binary64 value (so alpha_t is not the root of a rounded
 * abar_t). PyTorch makes abar in binary32: it differs from ours by up to 1e-6; to use a file's own, schedule_from_abar.
 */
#ifndef SDREF_SAMPLER_SCHEDULE_H
#define SDREF_SAMPLER_SCHEDULE_H

#include "tensor/err.h"
#include "tensor/real.h"

/* Named as the strings of a scheduler_config.json; each *_parse below turns the string into the value. */
typedef enum { BETA_LINEAR, BETA_SCALED_LINEAR, BETA_SQUAREDCOS_CAP_V2 } BetaSchedule;
typedef enum { PREDICT_EPSILON, PREDICT_SAMPLE, PREDICT_V } Prediction;
typedef enum { SPACING_LEADING, SPACING_TRAILING, SPACING_LINSPACE } Spacing;
typedef enum { VARIANCE_FIXED_SMALL, VARIANCE_FIXED_LARGE } Variance;   /* fixed_small_log is fixed_small, see step.h */

typedef struct ScheduleConfig {        /* fields are the keys of the file, of the same meaning */
    int          num_train_timesteps;  /* T */
    double       beta_start, beta_end; /* unused by squaredcos_cap_v2 */
    BetaSchedule beta_schedule;
    Prediction   prediction_type;      /* what the network puts out */
    Spacing      timestep_spacing;
    int          steps_offset;         /* added to every timestep, spacing leading only */
    int          set_alpha_to_one;     /* DDIM below t = 0: abar is 1, else abar_0 */
    int          clip_sample;          /* clamp the predicted x0 to +-clip_sample_range */
    double       clip_sample_range;
    int          thresholding;         /* instead: dynamic thresholding of the predicted x0 [IMAGEN22 Sec.2.3], see step.h */
    double       dynamic_thresholding_ratio, sample_max_value;
    Variance     variance_type;        /* of a DDPM step */
} ScheduleConfig;

typedef struct Schedule {              /* read-only once made */
    ScheduleConfig config;
    int     T;
    double *abar64;                    /* (T) */
    real   *abar, *alpha, *sigma, *r;  /* (T) each, rounded once from binary64; use the accessors below */
} Schedule;

/* The keys a file may leave out, as diffusers' DDIMScheduler fills them: T 1000, linear 1e-4..0.02, epsilon, leading,
 * offset 0, set_alpha_to_one 1, clip_sample 1 at 1, no thresholding (ratio 0.995, at most 1), fixed_small. */
ScheduleConfig schedule_config_default(void);
/* Stable Diffusion's: scaled_linear 0.00085..0.012, offset 1, set_alpha_to_one 0, clip_sample 0, else the default. */
ScheduleConfig schedule_config_sd(void);

/* Refuses with a message, and returns NULL: T outside 1..100000; a beta outside (0,1) or not finite; an abar below
 * 1e-60 (r would leave binary32); steps_offset < 0; clip_sample_range not above 0. The caller owns: schedule_free. */
Schedule *schedule_new(const ScheduleConfig *config, Err *err);
/* Given abar (T): a trace's in.alphas_cumprod. Must lie in [1e-60, 1) and never rise. Its T replaces the
 * config's; the betas are not read. */
Schedule *schedule_from_abar(const ScheduleConfig *config, const double *abar, int T, Err *err);
void schedule_free(Schedule *S);       /* NULL is fine */

/* 0, or -1 with a message that lists the names known. */
int beta_schedule_parse(BetaSchedule *out, const char *name, Err *err);
int prediction_parse(Prediction *out, const char *name, Err *err);
int spacing_parse(Spacing *out, const char *name, Err *err);
int variance_parse(Variance *out, const char *name, Err *err);

/* The paper's letters at level t, -1 (clean) .. T-1. Anything else is a bug. */
real   sched_abar(const Schedule *S, int t);
real   sched_alpha(const Schedule *S, int t);    /* sqrt(abar) */
real   sched_sigma(const Schedule *S, int t);    /* sqrt(1 - abar) */
real   sched_r(const Schedule *S, int t);        /* sigma / alpha */
double sched_abar64(const Schedule *S, int t);

#endif
