/* run_options.c -- the settings of a run, as `sdref distill` takes them */
#include "ref/presets.h"
#include "ref/run.h"

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
static const char *const perp_negs[] = { "off", "official", "threestudio", NULL };
const char *const run_view_modes[] = { "independent", "stratified", "antipodal", "negated", "quadruple", "octahedral", NULL };

#define REGULARISERS_GROUP "Regularisers: a number, or [STEP,]FROM,TO,STEP (`sdref help regularisers`)"
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

    { "The field", "field", OPT_CHOICE, OPT_RESULT, "voxel", NULL,
      "what is optimised: a picture; voxels; Instant-NGP's hash grid with a small network; NeRF's network; voxels with spherical harmonics", 0, 0,
      field_kind_names },
    { "The field", "grid", OPT_INT, OPT_RESULT, "48", "N", "voxel and sh: nodes a side", 2, 256, NULL },
    { "The field", "sh-degree", OPT_INT, OPT_RESULT, "1", NULL, "sh: (degree + 1)^2 harmonics a colour", 0, 2, NULL },
    { "The field", "hash-levels", OPT_INT, OPT_RESULT, "12", "N", "hashgrid: levels of 2 features, of 4 to 4 1.38^(N-1) cells a side", 1, 24, NULL },
    { "The field", "hash-table", OPT_INT, OPT_RESULT, "32768", "N", "hashgrid: entries a level, a power of two", 2, 16777216, NULL },
    { "The field", "hash-start", OPT_INT, OPT_RESULT, "6", "N",
      "hashgrid: levels at the start, coarsest first; the others join one after the other in the first half of the run", 1, 24, NULL },
    { "The field", "frequencies", OPT_INT, OPT_RESULT, "6", "N", "mlp: sines and cosines of the point at 2^0 pi .. 2^(N-1) pi", 0, 16, NULL },
    { "The field", "layers", OPT_INT, OPT_RESULT, "2", "N", "mlp: hidden layers", 1, 8, NULL },
    { "The field", "hidden", OPT_INT, OPT_RESULT, "64", "N", "hashgrid and mlp: values of a hidden layer", 1, 256, NULL },
    { "The field", "samples", OPT_INT, OPT_RESULT, "64", "N", "samples a ray", 1, 1024, NULL },
    { "The field", "occupancy", OPT_INT, OPT_RESULT, "0", "N",
      "training skips samples in cells, N a side, where every 16 steps nothing is found: alpha below 0.001 at the longest spacing of samples, at most "
      "a hundredth of the start's largest density; 0: skips none", 0, 256, NULL },
    { "The field", "jitter", OPT_FLAG, OPT_RESULT, "true", NULL, "samples jittered along the ray in training (--jitter=false: not)", 0, 0, NULL },
    { "The field", "normals", OPT_CHOICE, OPT_RESULT, "differences", NULL,
      "of lit renders, regularisers and pictures: from six densities around, as the frameworks have it; of voxel and sh also the exact gradient", 0, 0,
      normals_names },
    { "The field", "background", OPT_CHOICE, OPT_RESULT, "fixed", NULL,
      "what is behind it: the scenes' grey; a colour, or a network of the ray's direction, that is learnt along", 0, 0, backgrounds },
    { "The field", "background-lr", OPT_REAL, OPT_RESULT, "0.01", NULL, "Adam's learning rate for it at the start, falling as --lr does", 1e-9, 1000, NULL },
    { "The field", "blob", OPT_REAL, OPT_RESULT, "0", NULL, "raw density at the centre at the start; of hashgrid and mlp what it makes counts from there on", -100, 100, NULL },
    { "The field", "blob-slope", OPT_REAL, OPT_RESULT, "8", NULL, "its fall per unit of radius", 0, 1000, NULL },

    { "The cameras", "resolution", OPT_INT, OPT_RESULT, NULL, "N",
      "pixels a side, of renders and of the prior. Default: 64, with a folder what its UNet was trained for", 8, 512, NULL },
    { "The cameras", "render-resolution", OPT_INT, OPT_RESULT, "0", "N",
      "pixels a side of renders, which are resampled by area to --resolution's; 0: the same", 0, 1024, NULL },
    { "The cameras", "views", OPT_INT, OPT_RESULT, NULL, "K", "views a step. Default: 4, for an image 1", 1, 64, NULL },
    { "The cameras", "view-mode", OPT_CHOICE, OPT_RESULT, NULL, NULL,
      "how the views of a step are drawn: on their own; one in each Kth of the circle; pairs on opposite sides, at the same elevation or at its "
      "negation; fours: a pair, and one azimuth from highest and lowest; sixes: four around at elevation 0, highest and lowest. Default: antipodal, "
      "of one view independent", 0, 0, run_view_modes },
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
    { "The run", "lr", OPT_REAL, OPT_RESULT, NULL, NULL, "Adam's learning rate at the start. Default: 0.2, of hashgrid and mlp 0.01", 1e-9, 1000, NULL },
    { "The run", "lr-end", OPT_REAL, OPT_RESULT, NULL, NULL, "and at the end, in equal ratios from step to step. Default: a tenth of it, of mlp the same", 1e-9, 1000, NULL },
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
