/* scheduler.c -- the keys of scheduler_config.json */
#include "ref/scheduler.h"
#include "nn/config.h"

#include <stdio.h>
#include <string.h>

/* Schedulers of diffusers whose noise levels are the betas of the file. */
static const char *const classes[] = {
    "DDIMScheduler", "DDIMInverseScheduler", "DDIMParallelScheduler", "DDPMScheduler", "DDPMParallelScheduler", "DEISMultistepScheduler",
    "DPMSolverMultistepInverseScheduler", "DPMSolverMultistepScheduler", "DPMSolverSDEScheduler", "DPMSolverSinglestepScheduler",
    "EulerAncestralDiscreteScheduler", "EulerDiscreteScheduler", "HeunDiscreteScheduler", "KDPM2AncestralDiscreteScheduler",
    "KDPM2DiscreteScheduler", "LCMScheduler", "LMSDiscreteScheduler", "PNDMScheduler", "TCDScheduler", "UniPCMultistepScheduler",
};
enum { CLASSES = sizeof classes / sizeof classes[0] };

/* Of samplers that are not DDIM, and of training scripts: they do not say what the network puts out. */
static const char *const of_others[] = {
    "algorithm_type", "clip_denoised", "disable_corrector", "dynamic_shifting", "euler_at_final", "final_sigmas_type", "interpolation_type",
    "lambda_min_clipped", "lower_order_final", "noise_sampler_seed", "num_inference_steps", "original_inference_steps", "predict_x0", "rho",
    "s_churn", "s_noise", "s_tmax", "s_tmin", "sigma_max", "sigma_min", "skip_prk_steps", "solver_order", "solver_p", "solver_type",
    "tensor_format", "timestep_scaling", "timestep_type", "use_beta_sigmas", "use_exponential_sigmas", "use_karras_sigmas", "use_lu_lambdas",
    "variance_type",                                     /* DDIM needs none; a learned one is in the upper half of the channels */
};
enum { OF_OTHERS = sizeof of_others / sizeof of_others[0] };

static void read_class(Config *f)
{
    char quoted[SHOW_ROOM], show[SHOW_ROOM];
    const char *class = config_string(f, "_class_name", classes[0]);
    for (int i = 0; i < CLASSES; i++)
        if (strcmp(class, classes[i]) == 0) return;
    snprintf(quoted, sizeof quoted, "\"%.100s\"", json_show(show, class));
    config_refuse(f, "_class_name", quoted, "DDIMScheduler, or another whose noise levels are given by betas");
}

static void read_keys(ScheduleConfig *c, Config *f)
{
    c->num_train_timesteps = config_int(f, "num_train_timesteps", c->num_train_timesteps, 1, 100000);
    c->beta_start = config_double(f, "beta_start", c->beta_start);
    c->beta_end = config_double(f, "beta_end", c->beta_end);
    c->steps_offset = config_int(f, "steps_offset", c->steps_offset, 0, 100000);
    c->set_alpha_to_one = config_bool(f, "set_alpha_to_one", c->set_alpha_to_one);
    c->clip_sample = config_bool(f, "clip_sample", c->clip_sample);
    c->clip_sample_range = config_double(f, "clip_sample_range", c->clip_sample_range);
    c->thresholding = config_bool(f, "thresholding", c->thresholding);
    c->dynamic_thresholding_ratio = config_double(f, "dynamic_thresholding_ratio", c->dynamic_thresholding_ratio);
    c->sample_max_value = config_double(f, "sample_max_value", c->sample_max_value);
    const char *betas = config_string(f, "beta_schedule", NULL), *prediction = config_string(f, "prediction_type", NULL);
    const char *spacing = config_string(f, "timestep_spacing", NULL);
    config_only(f, "trained_betas", "null");
    config_only(f, "rescale_betas_zero_snr", "false");
    config_only(f, "use_flow_sigmas", "false");
    for (int i = 0; i < OF_OTHERS; i++) config_ignore(f, of_others[i]);
    if (!f->err->set && betas != NULL) beta_schedule_parse(&c->beta_schedule, betas, f->err);
    if (!f->err->set && prediction != NULL) prediction_parse(&c->prediction_type, prediction, f->err);
    if (!f->err->set && spacing != NULL) spacing_parse(&c->timestep_spacing, spacing, f->err);
}

int scheduler_read(ScheduleConfig *out, const char *folder, Err *err)
{
    char path[1024];
    Config f;
    Err why = { 0 };
    snprintf(path, sizeof path, "%s/scheduler_config.json", folder);
    Json *json = json_read(path, err);
    if (json == NULL) return -1;
    *out = schedule_config_default();
    config_begin(&f, json, path, &why);
    if (!why.set) read_class(&f);
    if (!why.set) read_keys(out, &f);
    int status = config_end(&f);
    if (status == 0) {
        Schedule *S = schedule_new(out, &why);                /* are the numbers a schedule? */
        status = S == NULL ? -1 : 0;
        schedule_free(S);
    }
    json_free(json);
    const int named = strncmp(why.msg, path, strlen(path)) == 0;      /* what sampler/ says does not know the file */
    return status == 0 ? 0 : err_set(err, "%s%s%s", named ? "" : path, named ? "" : ": ", why.msg);
}

const char *scheduler_text(char out[SCHEDULER_TEXT], const ScheduleConfig *c)
{
    static const char *const betas[] = { "linear", "scaled_linear", "squaredcos_cap_v2" };
    static const char *const predictions[] = { "epsilon", "sample", "v_prediction" };
    snprintf(out, SCHEDULER_TEXT, "%d levels, betas %s, predicts %s; sampled with DDIM", c->num_train_timesteps, betas[c->beta_schedule],
             predictions[c->prediction_type]);
    return out;
}
