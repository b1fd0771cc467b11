/* run.c -- from settings to a run: the table of options, the parts they name, run.json */
#include "ref/run.h"
#include "ref/presets.h"
#include "render/scene.h"
#include "weights/file.h"
#include "weights/json.h"

#include <stdio.h>
#include <string.h>

static const char *const examples[] = {
    "sdref distill \"a red mug\" --out runs/mug",
    "sdref distill \"a yellow duck\" --condition prompt --seed 1 --out runs/janus",
    "sdref distill \"a snow globe\" --prior my-model --out runs/globe     # a diffusers folder that works on pixels",
    "sdref distill --resume --out runs/mug       # go on where it stopped",
    NULL
};
static const char *const conditions[] = { "posed", "view-lr", "view", "prompt", NULL };
static const char *const run_estimators[] = { "sds", "csd", "nfsd", "sdi", "ism", "vsd", "asd", "dsd", "dsd_star", "cds", "fsd", "ssd", NULL };
static const char *const scores[] = { "lora", "exact", NULL };
static const char *const conventions[] = { "uncond", "text", NULL };
static const char *const policies[] = { "uniform", "linear", "hifa", "sqrt", "two-stage", NULL };
static const char *const backgrounds[] = { "fixed", "colour", "mlp", NULL };
static const char *const fields[] = { "image", "voxel", NULL };
static const char *const perp_negs[] = { "off", "official", "threestudio", NULL };
static const char *const modes[] = { "independent", "stratified", "antipodal", "negated", "quadruple", "octahedral", NULL };

#define REGULARISERS_GROUP "Regularisers: a number, or STEP,FROM,TO,STEP (`sdref help regularisers`)"
static const Option options[] = {
    { "A paper's settings", "preset", OPT_CHOICE, OPT_HOST, NULL, NULL,
      "other defaults, from a published configuration, scaled to 64 px (`sdref presets`); options beside it win", 0, 0, preset_names },

    { "The prior", "prior", OPT_STRING, OPT_RESULT, PRIOR_DEFAULT, "FOLDER",
      "exact: the closed-form score of the procedural scenes; or a diffusers folder (model_index.json) that works on pixels", 0, 0, NULL },
    { "The prior", "condition", OPT_CHOICE, OPT_RESULT, NULL, NULL,
      "what the prior is told about the camera: its pose (exact alone); front, left, right, back, overhead; the papers' four labels; "
      "nothing. Default: view-lr, with a folder view, for an image prompt", 0, 0, conditions },
    { "The prior", "front-threshold", OPT_REAL, OPT_RESULT, "45", "DEG", "azimuths nearer to the front than that are front views", 0, 180, NULL },
    { "The prior", "back-threshold", OPT_REAL, OPT_RESULT, "45", "DEG", "azimuths nearer to the back than that are back views; others are of a side", 0, 180, NULL },
    { "The prior", "overhead-threshold", OPT_REAL, OPT_RESULT, "60", "DEG", "elevations above that are overhead views", -90, 90, NULL },
    { EXACT_GROUP, "cameras", OPT_INT, OPT_RESULT, "300", "N", "images a prompt in its set", 1, 100000, NULL },
    { EXACT_GROUP, "looks", OPT_INT, OPT_RESULT, "1", "M", "variants of each image (proportions, light, background)", 1, 64, NULL },
    { EXACT_GROUP, "sigma-d", OPT_REAL, OPT_RESULT, "0.02", NULL, "width of each image's Gaussian, in [-1,1] units", 1e-4, 1, NULL },
    { EXACT_GROUP, "prior-seed", OPT_UINT64, OPT_RESULT, "0", NULL, "of the image set", 0, 0, NULL },

    { "The estimator", "estimator", OPT_CHOICE, OPT_RESULT, "sds", NULL, "what turns the prior into a gradient (`sdref estimators`)", 0, 0, run_estimators },
    { "The estimator", "guidance", OPT_REAL, OPT_RESULT, NULL, "S",
      "e = e_uncond + S (e_cond - e_uncond). Default: 1, with a folder 7.5", -1000, 1000, NULL },
    { "The estimator", "cfg-convention", OPT_CHOICE, OPT_RESULT, "uncond", NULL,
      "how S is meant; text: e = e_cond + S (e_cond - e_uncond), as threestudio's SDS has it, is S + 1 here", 0, 0, conventions },
    { "The estimator", "anneal", OPT_CHOICE, OPT_RESULT, NULL, NULL, "how t is chosen. Default: the estimator's, of sds linear", 0, 0, policies },
    { "The estimator", "t-max", OPT_REAL, OPT_RESULT, NULL, NULL, "largest t, as a share of 1000; of sds 0.98", 0, 1, NULL },
    { "The estimator", "t-min", OPT_REAL, OPT_RESULT, NULL, NULL, "smallest t, likewise; of sds 0.02", 0, 1, NULL },

    { OWN_GROUP, "weight", OPT_CHOICE, OPT_RESULT, NULL, NULL, "w(t): 1 - abar, 1, alpha (1 - abar), sigma/alpha; of sds the first", 0, 0,
      time_weight_words },
    { OWN_GROUP, "negative", OPT_STRING, OPT_RESULT, "", "TEXT", "a negative prompt, for a folder; \"\": none", 0, 0, NULL },
    { OWN_GROUP, "perp-neg", OPT_CHOICE, OPT_RESULT, "off", NULL,
      "Perp-Neg, for a folder told of the view: guidance to a blend of the prompts of two views and away from those of front and side, with weights "
      "as its authors or threestudio have them", 0, 0, perp_negs },
    { OWN_GROUP, "w1", OPT_REAL, OPT_RESULT, "1", NULL, "csd: factor of the prompt", -1000, 1000, NULL },
    { OWN_GROUP, "w2", OPT_REAL, OPT_RESULT, "0", NULL, "csd: factor of the negative prompt", -1000, 1000, NULL },
    { OWN_GROUP, "threshold", OPT_INT, OPT_RESULT, "200", "T", "nfsd: below this t no negative prompt", 0, 1000, NULL },
    { OWN_GROUP, "form", OPT_CHOICE, OPT_RESULT, "paper", NULL, "sdi: the algorithm of the paper, or of its code", 0, 0, sdi_form_words },
    { OWN_GROUP, "kappa", OPT_CHOICE, OPT_RESULT, "inversion", NULL,
      "sdi: how its noise is found; random: new in every step, fixed: one for the run", 0, 0, kappa_words },
    { OWN_GROUP, "inversion-steps", OPT_INT, OPT_RESULT, "10", "N", "sdi: moves of an inversion to t = 1000; int(N t / 1000) are made", 1, 1000, NULL },
    { OWN_GROUP, "guidance-inverse", OPT_REAL, OPT_RESULT, NULL, "S", "sdi: of the inversion. Default: -guidance", -1000, 1000, NULL },
    { OWN_GROUP, "noise-scale", OPT_REAL, OPT_RESULT, "0.3", NULL, "sdi: H = noise-scale sigma_t noise; of the official form eta in every move", 0, 100, NULL },
    { OWN_GROUP, "tau-max", OPT_REAL, OPT_RESULT, "0.0333333333", NULL, "sdi: tau is drawn below this share of 1000", 0, 0.9, NULL },
    { OWN_GROUP, "delta-t", OPT_INT, OPT_RESULT, NULL, "T", "ism: t - s, 80; cds: the least t - s, 100", 1, 500, NULL },
    { OWN_GROUP, "delta-s", OPT_INT, OPT_RESULT, "200", "T", "ism: steps of its inversion", 1, 999, NULL },
    { OWN_GROUP, "spread", OPT_INT, OPT_RESULT, "200", "T", "cds: t - s is drawn from delta-t to below delta-t + spread", 1, 500, NULL },
    { OWN_GROUP, "cds-sign", OPT_CHOICE, OPT_RESULT, "released", NULL, "cds: of its gradient", 0, 0, cds_sign_words },
    { OWN_GROUP, "particles", OPT_INT, OPT_RESULT, "1", "N", "vsd: fields distilled side by side; a step is of one of them", 1, PARTICLES_MAX, NULL },
    { OWN_GROUP, "particle-score", OPT_CHOICE, OPT_RESULT, NULL, NULL,
      "vsd: the score of their renders: learnt by a LoRA of the prior's network, or exact. Default: lora, where the prior is exact exact", 0, 0, scores },
    { OWN_GROUP, "lora-lr", OPT_REAL, OPT_RESULT, "0.001", NULL, "vsd: of the LoRA's AdamW; the paper's code has 0.0001, for 25000 steps", 1e-9, 1000, NULL },
    { OWN_GROUP, "guidance-baseline", OPT_REAL, OPT_RESULT, "1", "S", "dsd: of the baseline; the paper's identity needs that of --guidance", -1000, 1000, NULL },
    { OWN_GROUP, "ode-steps", OPT_INT, OPT_RESULT, "10", "N", "dsd: of the whole range of t", 1, 999, NULL },
    { OWN_GROUP, "mu1", OPT_REAL, OPT_RESULT, "1", NULL, "ssd: factor of the noise", -1000, 1000, NULL },
    { OWN_GROUP, "mu", OPT_STRING, OPT_RESULT, "fit", "X|fit|leave-one-out",
      "ssd: factor of the Stein term; fit: for every tenth of t, from earlier steps; leave-one-out: from the step's other views", 0, 0, NULL },
    { OWN_GROUP, "phi", OPT_CHOICE, OPT_RESULT, "quadratic", NULL,
      "ssd: its baseline; what a network makes of x_t against the render: depth, normals; without one: pearson_depth", 0, 0, phi_names },
    { OWN_GROUP, "depth-net", OPT_STRING, OPT_RESULT, DEPTH_FOLDER, "FOLDER", "ssd: the network of phi depth and normals", 0, 0, NULL },
    { OWN_GROUP, "stein-sign", OPT_CHOICE, OPT_RESULT, "unbiased", NULL, "ssd: of the Stein term; as printed it is biased", 0, 0, ssd_sign_words },

    { "A picture to go by", "reference", OPT_STRING, OPT_RESULT, "", "FILE",
      "a PNG of the object, of --resolution or a multiple; squares against it are added to what the estimator says, with alpha those of the mask too",
      0, 0, NULL },
    { "A picture to go by", "reference-view", OPT_STRING, OPT_RESULT, "", "AZIMUTH,ELEVATION",
      "where it was taken from, degrees; of an image field not said", 0, 0, NULL },
    { "A picture to go by", "reference-weight", OPT_REAL, OPT_RESULT, "5000", "W", "of its mean squares", 1e-9, 1e9, NULL },

    { REGULARISERS_GROUP, "orientation", OPT_RAMP, OPT_RESULT, "0", "W", "surfaces seen from behind: normals along the ray, not against it", 0, 1e6, NULL },
    { REGULARISERS_GROUP, "sparsity", OPT_RAMP, OPT_RESULT, "0", "W", "opacity: mean sqrt(opacity^2 + 0.01)", 0, 1e6, NULL },
    { REGULARISERS_GROUP, "opaqueness", OPT_RAMP, OPT_RESULT, "0", "W", "pixels neither empty nor opaque: mean entropy of opacity", 0, 1e6, NULL },
    { REGULARISERS_GROUP, "z-variance", OPT_RAMP, OPT_RESULT, "0", "W", "spread of density along the ray, mean over opaque pixels", 0, 1e6, NULL },
    { REGULARISERS_GROUP, "tv", OPT_RAMP, OPT_RESULT, "0", "W", "mean squared differences of neighbouring voxel nodes, raw", 0, 1e6, NULL },
    { REGULARISERS_GROUP, "normal-smooth", OPT_RAMP, OPT_RESULT, "0", "W", "mean squared differences of neighbouring pixels' normals", 0, 1e6, NULL },
    { REGULARISERS_GROUP, "convexity", OPT_RAMP, OPT_RESULT, "0", "W", "hollows: normals of neighbouring cells that turn inward", 0, 1e6, NULL },
    { REGULARISERS_GROUP, "convexity-form", OPT_CHOICE, OPT_RESULT, "camera", NULL,
      "signed normals in the camera's axes, or those that SDI's code displays, in the world's", 0, 0, convex_form_words },

    { "The field", "field", OPT_CHOICE, OPT_RESULT, "voxel", NULL, "what is optimised", 0, 0, fields },
    { "The field", "grid", OPT_INT, OPT_RESULT, "48", "N", "voxel nodes a side", 2, 256, NULL },
    { "The field", "samples", OPT_INT, OPT_RESULT, "64", "N", "samples a ray", 1, 1024, NULL },
    { "The field", "jitter", OPT_FLAG, OPT_RESULT, "true", NULL, "samples jittered along the ray in training (--jitter=false: not)", 0, 0, NULL },
    { "The field", "background", OPT_CHOICE, OPT_RESULT, "fixed", NULL,
      "what is behind it: the scenes' grey; a colour, or a network of the ray's direction, that is learnt along", 0, 0, backgrounds },
    { "The field", "background-lr", OPT_REAL, OPT_RESULT, "0.01", NULL, "Adam's learning rate for it at the start, falling as --lr does", 1e-9, 1000, NULL },
    { "The field", "blob", OPT_REAL, OPT_RESULT, "0", NULL, "raw density at the centre at the start", -100, 100, NULL },
    { "The field", "blob-slope", OPT_REAL, OPT_RESULT, "8", NULL, "its fall per unit of radius", 0, 1000, NULL },

    { "The cameras", "resolution", OPT_INT, OPT_RESULT, NULL, "N",
      "pixels a side, of renders and of the prior. Default: 64, with a folder what its UNet was trained for", 8, 512, NULL },
    { "The cameras", "render-resolution", OPT_INT, OPT_RESULT, "0", "N",
      "pixels a side of renders, which are resampled by area to --resolution's; 0: the same", 0, 1024, NULL },
    { "The cameras", "views", OPT_INT, OPT_RESULT, NULL, "K", "views a step. Default: 4, for an image 1", 1, 64, NULL },
    { "The cameras", "view-mode", OPT_CHOICE, OPT_RESULT, NULL, NULL,
      "how the views of a step are drawn: on their own; one in each Kth of the circle; pairs on opposite sides, at the same elevation or at its "
      "negation; fours: a pair, and one azimuth from highest and lowest; sixes: four around at elevation 0, highest and lowest. Default: antipodal, "
      "of one view independent", 0, 0, modes },
    { "The cameras", "consensus", OPT_FLAG, OPT_RESULT, "false", NULL,
      "views are weighted by how far their gradients agree with the sum (ref/mvsdi.c), in place of evenly; takes memory for K gradients", 0, 0, NULL },
    { "The cameras", "elevation-min", OPT_REAL, OPT_RESULT, "-10", NULL, "degrees", -89, 89, NULL },
    { "The cameras", "elevation-max", OPT_REAL, OPT_RESULT, "45", NULL, "degrees", -89, 89, NULL },
    { "The cameras", "distance-min", OPT_REAL, OPT_RESULT, "2.5", NULL, "from the centre", 0.1, 100, NULL },
    { "The cameras", "distance-max", OPT_REAL, OPT_RESULT, "2.5", NULL, "from the centre", 0.1, 100, NULL },
    { "The cameras", "fovy-min", OPT_REAL, OPT_RESULT, "40", NULL, "degrees", 1, 170, NULL },
    { "The cameras", "fovy-max", OPT_REAL, OPT_RESULT, "40", NULL, "degrees", 1, 170, NULL },
    { "The cameras", "camera-jitter", OPT_REAL, OPT_RESULT, "0", "A", "a camera stands up to A along each axis from its place", 0, 10, NULL },
    { "The cameras", "target-jitter", OPT_REAL, OPT_RESULT, "0", "S", "and looks at a point off the centre: normal, S along each axis", 0, 10, NULL },
    { "The cameras", "up-jitter", OPT_REAL, OPT_RESULT, "0", "S", "and is tilted: normal, S along each axis, is added to up, of length 1", 0, 1, NULL },

    { SHADING_GROUP, "albedo-share", OPT_REAL, OPT_RESULT, "1", NULL, "share of the run that shows albedo alone, before any light", 0, 1, NULL },
    { SHADING_GROUP, "diffuse-prob", OPT_REAL, OPT_RESULT, "0.75", NULL, "after it, how often a step is shaded by a point light", 0, 1, NULL },
    { SHADING_GROUP, "textureless-prob", OPT_REAL, OPT_RESULT, "0.5", NULL, "how often a shaded step is white", 0, 1, NULL },

    { "The run", "steps", OPT_INT, OPT_RESULT, "400", "N", "optimisation steps", 1, 10000000, NULL },
    { "The run", "budget", OPT_INT, OPT_RESULT, "0", "CALLS",
      "ends the run after so many predictions of the prior (and of vsd's LoRA) in place of --steps; 0: does not", 0, 2000000000, NULL },
    { "The run", "truncated-anneal", OPT_FLAG, OPT_RESULT, "false", NULL,
      "t goes by the step of --steps, and --budget ends the run before t is at its end, as in MV-SDI's released runs", 0, 0, NULL },
    { "The run", "lr", OPT_REAL, OPT_RESULT, "0.2", NULL, "Adam's learning rate at the start", 1e-9, 1000, NULL },
    { "The run", "lr-end", OPT_REAL, OPT_RESULT, "0.02", NULL, "and at the end, falling geometrically", 1e-9, 1000, NULL },
    { "The run", "seed", OPT_UINT64, OPT_RESULT, "0", NULL, "of cameras, timesteps and noise", 0, 0, NULL },
    { "The run", "eval-every", OPT_INT, OPT_RESULT, "50", "N", "steps between two PSNRs in log.csv", 1, 10000000, NULL },

    { "Files and machine", "out", OPT_STRING, OPT_HOST, NULL, "FOLDER", "the run's folder (needed)", 0, 0, NULL },
    { "Files and machine", "resume", OPT_FLAG, OPT_HOST, NULL, NULL, "go on with the run in that folder, to the same bytes", 0, 0, NULL },
    { "Files and machine", "overwrite", OPT_FLAG, OPT_HOST, NULL, NULL, "start the run in that folder again", 0, 0, NULL },
    { "Files and machine", "checkpoint-every", OPT_INT, OPT_HOST, "100", "N", "steps between two checkpoints", 1, 10000000, NULL },
    { "Files and machine", "threads", OPT_INT, OPT_HOST, NULL, "N", "default: all cores; changes no bit", 1, 1024, NULL },
    { "Files and machine", "quiet", OPT_FLAG, OPT_HOST, NULL, NULL, "no progress, no messages", 0, 0, NULL },
};

const Command distill_command = {
    "distill", "a prompt goes in, a 3-D object comes out", "sdref distill PROMPT --out FOLDER [options]", examples,
    options, sizeof options / sizeof options[0], 0, 1, "PROMPT (\"a COLOUR OBJECT\", `sdref help prompts` lists them; with a folder any text)",
};

static int views_check(const DistillConfig *c, Err *err)
{
    static const char *const draws[] = { [VIEWS_ANTIPODAL] = "pairs", [VIEWS_NEGATED] = "pairs", [VIEWS_QUADRUPLE] = "fours",
                                         [VIEWS_OCTAHEDRAL] = "sixes" };
    const ViewRange *r = &c->range;
    const int group = view_group(c->view_mode), level = c->view_mode == VIEWS_NEGATED || c->view_mode == VIEWS_OCTAHEDRAL;
    if (c->truncated_anneal && c->budget == 0)
        return err_set(err, "--truncated-anneal: found without --budget, expected with one, which ends a run before its schedule");
    if (c->consensus && c->views == 1) return err_set(err, "--consensus: found with --views 1, expected at least 2: a single view agrees with itself");
    if (c->field == FIELD_IMAGE) return 0;                  /* its views are all one */
    if (c->views % group != 0)
        return err_set(err, "--views: found %d with --view-mode %s, which draws %s; expected a multiple of %d, or --view-mode stratified, which takes "
                       "any number", c->views, modes[c->view_mode], draws[c->view_mode], group);
    if (level && !(r->elevation_min <= 0 && r->elevation_max >= 0))
        return err_set(err, "--view-mode: found %s with elevations from %g to %g, expected a range that holds 0", modes[c->view_mode],
                       (double)r->elevation_min, (double)r->elevation_max);
    return 0;
}

/* The exact prior has the picture of a view, not of a camera that strays from it. */
static int jitter_check(const DistillConfig *c, const Options *o, Err *err)
{
    static const char *const names[] = { "camera-jitter", "target-jitter", "up-jitter" };
    const real scale[] = { c->jitter_scale.position, c->jitter_scale.target, c->jitter_scale.up };
    if (opt_choice(o, "condition") != CONDITION_POSED) return 0;
    for (int i = 0; i < 3; i++)
        if (scale[i] > 0)
            return err_set(err, "--%s: found %g with --condition posed, expected 0, or another condition: posed is the picture at exactly the camera's view",
                           names[i], (double)scale[i]);
    return 0;
}

static int config_read(DistillConfig *c, const Options *o, Err *err)
{
    *c = (DistillConfig){
        .field = opt_choice(o, "field") == 0 ? FIELD_IMAGE : FIELD_VOXEL,
        .grid = opt_int(o, "grid"),
        .learnt = opt_choice(o, "background") != 0,
        .background_config = { opt_choice(o, "background") == 2 ? BACKGROUND_MLP : BACKGROUND_COLOUR, 4, 32 },
        .background_lr = opt_real(o, "background-lr"),
        .blob_peak = opt_real(o, "blob"),
        .blob_slope = opt_real(o, "blob-slope"),
        .resolution = opt_int(o, "resolution"),
        .render = opt_int(o, "render-resolution"),
        .samples = opt_int(o, "samples"),
        .jitter = opt_flag(o, "jitter"),
        .views = opt_int(o, "views"),
        .view_mode = (ViewMode)opt_choice(o, "view-mode"),
        .range = {
            .elevation_min = opt_real(o, "elevation-min"), .elevation_max = opt_real(o, "elevation-max"),
            .azimuth_min = R(-180.0), .azimuth_max = R(180.0),
            .distance_min = opt_real(o, "distance-min"), .distance_max = opt_real(o, "distance-max"),
            .fovy_min = opt_real(o, "fovy-min"), .fovy_max = opt_real(o, "fovy-max"),
        },
        .jitter_scale = { opt_real(o, "camera-jitter"), opt_real(o, "target-jitter"), opt_real(o, "up-jitter") },
        .shading = { opt_double(o, "albedo-share"), opt_double(o, "diffuse-prob"), opt_double(o, "textureless-prob") },
        .consensus = opt_flag(o, "consensus"),
        .steps = opt_int(o, "steps"), .budget = opt_int(o, "budget"),
        .truncated_anneal = opt_flag(o, "truncated-anneal"),
        .seed = opt_uint64(o, "seed"),
        .thresholds = { opt_real(o, "front-threshold"), opt_real(o, "back-threshold"), opt_real(o, "overhead-threshold") },
        .lr = opt_real(o, "lr"),
        .lr_end = opt_real(o, "lr-end"),
    };
    world_background(c->background);
    if (c->field == FIELD_IMAGE) c->jitter_scale = (JitterScale){ 0 };
    if (view_range_check(&c->range, err) != 0 || views_check(c, err) != 0 || jitter_check(c, o, err) != 0) return -1;
    if (run_regularise_config(c, o, err) != 0) return -1;
    return run_estimator_config(c, o, err);
}

static ExactConfig exact_read(const DistillConfig *c, const Options *o)
{
    return (ExactConfig){
        .h = c->resolution, .w = c->resolution,
        .cameras = opt_int(o, "cameras"), .looks = opt_int(o, "looks"),
        .seed = opt_uint64(o, "prior-seed"),
        .range = c->range, .thresholds = c->thresholds,
        .condition = (Condition)opt_choice(o, "condition"),
        .sigma_d = opt_real(o, "sigma-d"),
    };
}

/* A folder takes any text; a prompt that names no scene has no truth. */
static int prompt_read(Run *run, const Options *o, Err *err)
{
    Err why = { 0 };
    run->known = scene_prompt_parse(&run->object, &run->colour, run->prompt, &why) == 0;
    if (run->known || strcmp(opt_string(o, "prior"), "exact") != 0) return 0;
    return err_set(err, "%s", why.msg);
}

static int open_all(Run *run, Options *o, int with_prior, Err *err)
{
    DistillConfig c;
    if (preset_apply(o, err) != 0 || prompt_read(run, o, err) != 0) return -1;
    if (with_prior && run_prior_open(run, o, err) != 0) return -1;
    if (run_estimator_open(o, err) != 0 || config_read(&c, o, err) != 0) return -1;
    run->exact_config = exact_read(&c, o);
    run->truth = run->known && (c.field != FIELD_IMAGE || run->exact_config.condition == CONDITION_POSED);
    if (world_open(&run->world, c.resolution, c.resolution, run->exact_config.seed, err) != 0) return -1;
    run->D = (Denoiser){ .channels = 3, .h = c.resolution, .w = c.resolution };
    if (with_prior && run_prior_start(run, o, c.resolution, err) != 0) return -1;
    if (with_prior && (run_estimator_start(run, &c, o, err) != 0 || run_reference_open(run, &c, o, err) != 0)) return -1;
    run->distill = distill_new(&c, run->S, &run->D, err);
    if (run->distill == NULL) return -1;
    return with_prior ? run_lora_start(run, o, err) : 0;
}

int run_open(Run *run, Options *o, const char *prompt, const char *folder, Err *err)
{
    *run = (Run){ .folder = folder, .prompt = prompt };
    if (open_all(run, o, 1, err) == 0) return 0;
    run_close(run);
    return -1;
}

int run_open_field(Run *run, Options *o, const char *prompt, const char *folder, Err *err)
{
    *run = (Run){ .folder = folder, .prompt = prompt };
    if (open_all(run, o, 0, err) == 0) return 0;
    run_close(run);
    return -1;
}

void run_close(Run *run)
{
    distill_free(run->distill);
    lora_score_free(run->lora);
    exact_free(run->exact);
    schedule_free(run->schedule);
    prior_free(run->network);
    pipeline_free(run->pipeline);
    depth_close(run->depth_net);
    reference_free(run->reference);
    world_close(&run->world);
    *run = (Run){ 0 };
}

int run_path(char path[PATH_BYTES], const char *folder, const char *name, Err *err)
{
    const int n = snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    if (n < 0 || n >= PATH_BYTES) return err_set(err, "%.200s...: found a path of %d bytes, expected at most %d", folder, n, PATH_BYTES - 1);
    return 0;
}

int run_settings_write(const Run *run, const Options *o, Err *err)
{
    char path[PATH_BYTES];
    if (run_path(path, run->folder, "run.json", err) != 0) return -1;
    JsonText j = { .err = err };
    json_put(&j, "{\n  \"format\": \"sdref-run-1\",\n  \"version\": ");
    json_put_string(&j, SDREF_VERSION);
    json_put(&j, ",\n  \"numerics\": ");
    json_put_int64(&j, SDREF_NUMERICS);
    json_put(&j, ",\n  \"number\": ");
    json_put_string(&j, REAL_NAME);
    json_put(&j, ",\n  \"prompt\": ");
    json_put_string(&j, run->prompt);
    json_put(&j, ",\n  \"settings\": {");
    int first = 1;
    for (int i = 0; i < distill_command.noptions; i++) {
        const char *text = opt_text(o, i);
        if (options[i].scope != OPT_RESULT || text == NULL) continue;
        if (run->pipeline != NULL && strcmp(options[i].group, EXACT_GROUP) == 0) continue;
        if (strcmp(options[i].group, OWN_GROUP) == 0 && !list_has(run_estimator(o)->options, options[i].name)) continue;
        json_put(&j, first ? "\n    " : ",\n    ");
        json_put_string(&j, options[i].name);
        json_put(&j, ": ");
        json_put_string(&j, text);
        first = 0;
    }
    json_put(&j, "\n  }");
    int status = run_model_write(&j, run, err);
    json_put(&j, "\n}\n");
    if (status == 0) status = j.failed ? -1 : file_write(path, j.text, j.n, err);
    json_text_free(&j);
    return status;
}

static int settings_check(const Json *root, const char *path, Err *err)
{
    const char *format = json_string(json_get(root, "format"));
    const char *number = json_string(json_get(root, "number"));
    int64_t numerics = 0;
    char show[SHOW_ROOM];
    if (format == NULL || strcmp(format, "sdref-run-1") != 0)
        return err_set(err, "%s: format is %s, expected sdref-run-1", path, format == NULL ? "absent" : json_show(show, format));
    if (number == NULL || strcmp(number, REAL_NAME) != 0)
        return err_set(err, "%s: number is %s, this program is %s; use the other one (sdref, sdref-f64)", path,
                       number == NULL ? "absent" : json_show(show, number), REAL_NAME);
    if (json_int64(&numerics, json_get(root, "numerics")) != 0 || numerics != SDREF_NUMERICS)
        return err_set(err, "%s: made by numerics %lld, this program is %d; the bits would differ", path, (long long)numerics, SDREF_NUMERICS);
    return 0;
}

/* One stored setting. On --resume the command line may repeat a setting, not change it. */
static int setting_read(Options *o, const char *name, const char *text, const char *path, Err *err)
{
    if (opt_load(o, name, text, path, err) != 0) return -1;
    for (int i = 0; i < distill_command.noptions; i++)
        if (strcmp(options[i].name, name) == 0 && strcmp(opt_text(o, i), text) != 0)
            return err_set(err, "--%s: found %s, but the run in %s has %s; it can be resumed only as it is", name, opt_text(o, i), path, text);
    return 0;
}

int run_settings_read(Options *o, char **prompt, const char *folder, Err *err)
{
    char path[PATH_BYTES];
    if (opt_given(o, "preset")) return err_set(err, "--preset: found with the run in %s, expected none: run.json has what a preset gave it", folder);
    if (run_path(path, folder, "run.json", err) != 0) return -1;
    Json *root = json_read(path, err);
    if (root == NULL) return -1;
    int status = settings_check(root, path, err);
    const char *found = json_string(json_get(root, "prompt"));
    if (status == 0 && found == NULL) status = err_set(err, "%s: no string 'prompt'; expected one", path);
    const Json *settings = json_get(root, "settings");
    for (const Json *s = settings == NULL ? NULL : json_first(settings); s != NULL && status == 0; s = json_next(s)) {
        const char *text = json_string(s);
        if (text == NULL) status = err_set(err, "%s: setting '%s' is %s, expected a string", path, json_key(s), json_type_name(s));
        else status = setting_read(o, json_key(s), text, path, err);
    }
    for (int i = 0; i < distill_command.noptions && status == 0; i++)
        if (options[i].scope == OPT_RESULT && opt_text(o, i) == NULL && strcmp(options[i].group, OWN_GROUP) != 0)
            status = err_set(err, "%s: no setting '%s'; expected one", path, options[i].name);
    if (status == 0) {
        *prompt = mem_new(strlen(found) + 1, 1, "prompt", err);
        if (*prompt == NULL) status = -1;
        else strcpy(*prompt, found);
    }
    json_free(root);
    return status;
}
