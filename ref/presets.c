/* presets.c -- the table of presets
 *
 * What is scaled, and how:
 *   steps      10000 are 1600 here, 25000 are 4000 (times 0.16). All schedules go by the share of the run, so --steps stretches them along.
 *   size       512 px and coarse-to-fine sizes are --resolution, 64 by default.
 *   distances  divided by the middle of their range and times 2.5, our own; tan(fovy/2) likewise, times tan(20). So the middle of the ranges is our
 *              camera, which an object of [-1,1]^3 fills, and near and far, wide and narrow are in proportion. For distances of 1.5 to 2 and 40 to 70
 *              degrees the picture of the centre's plane is then as large as published.
 *   jitter     of a camera as its distance is; of the point looked at so that the picture moves as far: times 2.5 tan(20) over the middle distance times
 *              tan(fovy/2) of the middle.
 *   elevation  90 is 89.
 *   w2, a guidance or a window of t that the configuration changes as it goes is one value here, its mean over the run; `missing` says so.
 * Not taken over: regularisers, whose published weights, brought to our sums, leave voxels of these few steps empty (sdi with 1229 for orientation and
 * opaqueness, 12288 for z-variance and convexity, 0,1843,0,480 for sparsity: opacity 0.02 after 100 steps); learning rates, optimisers, first
 * densities, levels of a hash grid, which belong to other fields; backgrounds that are learnt; Consistent3D's light (Magic3D's).
 * DIFFERS: threestudio's guidance without Perp-Neg is e_cond + s (...); where a configuration has Perp-Neg, guidance is meant as with it, on the exact
 * prior too.
 */
#include "ref/presets.h"

#include "ref/estimators.h"
#include "ref/run.h"

#include <stdio.h>
#include <string.h>

/* threestudio's usual cameras, of a scene of radius 2, and those of radius 1 */
#define ELEVATION { "elevation-min", "-10", NULL }, { "elevation-max", "45", NULL }
#define LENS { "fovy-min", "28.6", "40" }, { "fovy-max", "52.2", "70" }
#define RADIUS_2 { "distance-min", "2.14", "1.5" }, { "distance-max", "2.86", "2" }, LENS
#define RADIUS_1 { "distance-min", "2", "1" }, { "distance-max", "3", "1.5" }, LENS
#define STRAY_2 { "camera-jitter", "0.143", "0.1" }, { "target-jitter", "0.2", "0.2" }, { "up-jitter", "0.02", NULL }
#define STRAY_1 { "camera-jitter", "0.2", "0.1" }, { "target-jitter", "0.28", "0.2" }, { "up-jitter", "0.02", NULL }
#define STEADY { "camera-jitter", "0", NULL }, { "target-jitter", "0", NULL }, { "up-jitter", "0", NULL }
#define ONE_VIEW { "views", "1", NULL }, { "view-mode", "independent", NULL }
#define NARROW { "front-threshold", "30", NULL }, { "back-threshold", "30", NULL }
#define TIMES(kind, max, min) { "anneal", kind, NULL }, { "t-max", max, NULL }, { "t-min", min, NULL }
#define LIT(share, diffuse, textureless) { "albedo-share", share, NULL }, { "diffuse-prob", diffuse, NULL }, { "textureless-prob", textureless, NULL }
#define STEPS_OF(here, there) { "steps", here, there }
#define TEXT_GUIDANCE(s) { "guidance", s, NULL }, { "cfg-convention", "text", NULL }
#define PERP_NEG { "perp-neg", "threestudio", NULL }

static const Preset presets[] = {
    { "dreamfusion", "DreamFusion, arXiv:2209.14988", "threestudio, configs/dreamfusion-sd.yaml", "",
      { { "estimator", "sds", NULL }, TEXT_GUIDANCE("100"), { "weight", "sds", NULL }, TIMES("uniform", "0.98", "0.02"), ONE_VIEW, STEPS_OF("1600", "10000"),
        { "elevation-min", "-10", NULL }, { "elevation-max", "89", "90" }, RADIUS_2, STRAY_2, LIT("0.2", "0.75", "0.5") }, { { 0 } } },
    { "dreamfusion-if", "DreamFusion, arXiv:2209.14988", "threestudio, configs/dreamfusion-if.yaml", "",
      { { "estimator", "sds", NULL }, TEXT_GUIDANCE("20"), { "weight", "sds", NULL }, TIMES("uniform", "0.98", "0.02"), ONE_VIEW, STEPS_OF("1600", "10000"),
        { "elevation-min", "-10", NULL }, { "elevation-max", "89", "90" }, RADIUS_2, STRAY_2, LIT("0.2", "0.75", "0.5") }, { { 0 } } },
    { "hifa", "HiFA, arXiv:2305.18766", "threestudio, configs/hifa.yaml", "the loss on the decoded image",
      { { "estimator", "sds", NULL }, TEXT_GUIDANCE("100"), { "weight", "sds", NULL }, TIMES("hifa", "0.98", "0.02"), ONE_VIEW, STEPS_OF("1600", "10000"),
        ELEVATION, RADIUS_2, STRAY_2, LIT("0.2", "0.75", "0.5") }, { { 0 } } },
    { "prolificdreamer", "ProlificDreamer, arXiv:2305.16213", "threestudio, configs/prolificdreamer.yaml", "",
      { { "estimator", "vsd", NULL }, { "guidance", "7.5", NULL }, { "weight", "sds", NULL }, TIMES("two-stage", "0.98", "0.02"), ONE_VIEW,
        STEPS_OF("4000", "25000"), ELEVATION, RADIUS_1, STRAY_1, NARROW, { "albedo-share", "1", NULL } }, { { 0 } } },
    { "csd", "CSD, arXiv:2310.19415", "its configs/csd-if.yaml",
      "Perp-Neg beside the negative prompt, a gradient of length 1, w2 that rises from 0 to 1 in the first half, largest t 0.5 from the second half on",
      { { "estimator", "csd", NULL }, { "w1", "1", NULL }, { "weight", "uniform", NULL }, TIMES("two-stage", "0.98", "0.02"), ONE_VIEW,
        STEPS_OF("1600", "10000"), ELEVATION, RADIUS_2, STEADY, NARROW, LIT("0.5", "0.5", "1") },
      { { "w2", "0.75", NULL }, { "negative", "oversaturated color, ugly, tiling, low quality, noisy", NULL } } },
    { "luciddreamer", "LucidDreamer, arXiv:2311.11284", "its configs/hamburger.yaml, arguments/__init__.py",
      "Gaussians, a largest t that falls to 0.5 first, cameras that change with the step, prompts between two views",
      { { "estimator", "ism", NULL }, { "guidance", "7.5", NULL }, { "delta-t", "50", NULL }, { "delta-s", "200", NULL }, TIMES("uniform", "0.5", "0.02"),
        { "views", "4", NULL }, { "view-mode", "independent", NULL }, STEPS_OF("800", "5000"),
        { "elevation-min", "-15", NULL }, { "elevation-max", "45", NULL },
        { "distance-min", "2.43", "5.2" }, { "distance-max", "2.57", "5.5" }, { "fovy-min", "28.2", "18.33" }, { "fovy-max", "51.4", "34.38" },
        { "camera-jitter", "0.0117", "0.025" }, { "target-jitter", "0.0363", "0.05" }, { "up-jitter", "0.01", NULL }, { "albedo-share", "1", NULL } },
      { { "negative", "unrealistic, blurry, low quality, out of focus, ugly, low contrast, dull, dark, low-resolution, oversaturation.", NULL } } },
    { "scaledreamer", "ScaleDreamer, arXiv:2407.02040", "its configs/single-prompt_benchmark/asd_sd_nerf.yaml",
      "t that is drawn from a window, of which this is the middle; half of Perp-Neg's weights",
      { { "estimator", "asd", NULL }, { "guidance", "7.5", NULL }, { "weight", "sds", NULL }, TIMES("linear", "0.74", "0.26"), ONE_VIEW,
        STEPS_OF("4000", "25000"), ELEVATION, RADIUS_1, STEADY, NARROW, { "albedo-share", "1", NULL } }, { PERP_NEG } },
    { "sdi", "SDI, arXiv:2405.15891", "threestudio, configs/sdi.yaml", "",
      { { "estimator", "sdi", NULL }, { "form", "official", NULL }, { "guidance", "7.5", NULL }, TIMES("linear", "0.98", "0.25"), ONE_VIEW,
        STEPS_OF("1600", "10000"), ELEVATION, RADIUS_2, STRAY_2, LIT("0.1", "0.3", "0.75") }, { PERP_NEG } },
    { "mvsdi", "MV-SDI, arXiv:2606.29964", "its configs/mvsd-anti2.yaml", "an anneal that its configuration cuts short at 0.615: --t-min 0.615",
      { { "estimator", "sdi", NULL }, { "form", "official", NULL }, { "guidance", "7.5", NULL }, TIMES("linear", "0.98", "0.25"),
        { "views", "2", NULL }, { "view-mode", "antipodal", NULL }, STEPS_OF("800", "5000"), ELEVATION, RADIUS_2, STRAY_2, LIT("0.2", "0.3", "0.75") },
      { PERP_NEG } },
    { "dsd", "DSD, arXiv:2412.06780", "its configs/dsd.yaml", "",
      { { "estimator", "dsd", NULL }, { "guidance", "7.5", NULL }, { "guidance-baseline", "1", NULL }, { "ode-steps", "10", NULL }, { "weight", "sds", NULL },
        TIMES("sqrt", "0.98", "0.32"), ONE_VIEW, STEPS_OF("1600", "10000"), ELEVATION, RADIUS_2, STRAY_2, LIT("0.1", "0.3", "0.75") }, { PERP_NEG } },
    { "consistent3d", "Consistent3D, arXiv:2401.09050", "its configs/consistency-coarse.yaml",
      "a guidance that falls from 100 to 50, clipped gradients, white silhouettes after a third of the run; views of 4 sectors, 2 in each, are of 8",
      { { "estimator", "cds", NULL }, TEXT_GUIDANCE("75"), { "delta-t", "100", NULL }, { "spread", "200", NULL }, { "cds-sign", "released", NULL },
        { "weight", "uniform", NULL }, TIMES("hifa", "0.7", "0.1"), { "views", "8", NULL }, { "view-mode", "stratified", NULL }, STEPS_OF("480", "3000"),
        ELEVATION, RADIUS_2, STRAY_2, { "albedo-share", "1", NULL } }, { { 0 } } },
    { "steindreamer", "SteinDreamer, arXiv:2401.00604", "its project page; guidance of dreamfusion, cameras of prolificdreamer", "its configuration is not public",
      { { "estimator", "ssd", NULL }, { "phi", "depth", NULL }, { "mu", "fit", NULL }, TEXT_GUIDANCE("100"), { "weight", "sds", NULL },
        TIMES("uniform", "0.98", "0.02"), ONE_VIEW, STEPS_OF("1600", "10000"), ELEVATION, RADIUS_1, STRAY_1, NARROW, { "albedo-share", "1", NULL } }, { { 0 } } },
};
enum { PRESETS = sizeof presets / sizeof presets[0] };

const char *const preset_names[] = { "dreamfusion", "dreamfusion-if", "hifa", "prolificdreamer", "csd", "luciddreamer", "scaledreamer", "sdi", "mvsdi", "dsd",
                                     "consistent3d", "steindreamer", NULL };

int preset_count(void) { return PRESETS; }
const Preset *preset_at(int i) { return &presets[i]; }

const Preset *preset_find(const char *name)
{
    for (int i = 0; i < PRESETS; i++)
        if (strcmp(presets[i].name, name) == 0) return &presets[i];
    return NULL;
}

const PresetValue *preset_value(const Preset *p, const char *option)
{
    for (const PresetValue *v = p->value; v->option != NULL; v++)
        if (strcmp(v->option, option) == 0) return v;
    for (const PresetValue *v = p->worded; v->option != NULL; v++)
        if (strcmp(v->option, option) == 0) return v;
    return NULL;
}

/* A folder, which is told the papers' four words unless another condition is asked for or the field is an image. */
static int says_view(const Options *o)
{
    if (strcmp(opt_string(o, "prior"), PRIOR_DEFAULT) == 0 || opt_choice(o, "field") == 0) return 0;
    return !opt_has(o, "condition") || opt_choice(o, "condition") == CONDITION_VIEW;
}

static int load(Options *o, const Preset *p, const PresetValue *v, Err *err)
{
    for (; v->option != NULL; v++)
        if (opt_load(o, v->option, v->value, p->name, err) != 0) return -1;
    return 0;
}

int preset_apply(Options *o, Err *err)
{
    if (!opt_has(o, "preset")) return 0;
    const Preset *p = &presets[opt_choice(o, "preset")];
    if (load(o, p, p->value, err) != 0) return -1;
    return says_view(o) ? load(o, p, p->worded, err) : 0;
}

/* Before what it expects: there a message may name options as a way out. */
static int blames(const char *message, const char *option)
{
    const char *end = strstr(message, "expected");
    const size_t n = strlen(option);
    for (const char *at = strstr(message, "--"); at != NULL && (end == NULL || at < end); at = strstr(at + 2, "--"))
        if (strncmp(at + 2, option, n) == 0 && strchr(" :,;", at[2 + n]) != NULL) return 1;
    return 0;
}

void preset_blame(const Options *o, Err *err)
{
    char gives[256] = "";
    size_t n = 0;
    if (!err->set || !opt_has(o, "preset")) return;
    const Preset *p = &presets[opt_choice(o, "preset")];
    for (int i = 0; i < distill_command.noptions && n < sizeof gives; i++) {
        const char *name = distill_command.options[i].name;
        const PresetValue *v = preset_value(p, name);
        if (v == NULL || opt_given(o, name) || !blames(err->msg, name) || strcmp(opt_text(o, i), v->value) != 0) continue;
        n += (size_t)snprintf(gives + n, sizeof gives - n, "%s --%s %s", n > 0 ? "," : "", name, v->value);
    }
    if (n > 0) err_before(err, "--preset %s gives%s: ", p->name, gives);
}
