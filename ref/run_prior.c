/* run_prior.c -- the prior that a run names: the exact one or a diffusers folder, and what is asked of it */
#include "ref/compare.h"
#include "ref/run.h"
#include "tensor/text.h"

#include <stdio.h>
#include <string.h>

/* ---- settings whose default depends on the prior or the field ---- */

static int is_image(const Options *o) { return opt_choice(o, "field") == 0; }

static int choose_exact(Options *o, Err *err)
{
    if (run_choose(o, "condition", is_image(o) ? "prompt" : "view-lr", err) != 0) return -1;
    if (run_choose(o, "guidance", "1", err) != 0) return -1;
    return run_choose(o, "resolution", "64", err);
}

static int choose_resolution(Options *o, const Pipeline *p, Err *err)
{
    const int *trained = p->unet->config.sample_size;
    char side[16];
    if (opt_has(o, "resolution")) return 0;
    if (trained[0] == 0 || trained[1] == 0)
        return err_set(err, "--resolution: none found, expected one: %s/config.json has no 'sample_size'", p->unet_folder);
    if (trained[0] != trained[1])
        return err_set(err, "--resolution: none found, expected one: 'sample_size' of %s/config.json is %d x %d, and pictures are square here",
                       p->unet_folder, trained[0], trained[1]);
    snprintf(side, sizeof side, "%d", trained[0]);
    return opt_load(o, "resolution", side, p->unet_folder, err);
}

static int choose_folder(Options *o, const Pipeline *p, Err *err)
{
    const int text = p->unet->config.uses_text;
    if (run_choose(o, "condition", is_image(o) || !text ? "prompt" : "view", err) != 0) return -1;
    if (run_choose(o, "guidance", text ? "7.5" : "1", err) != 0) return -1;
    return choose_resolution(o, p, err);
}

/* ---- what a folder must be, and what may be asked of it ---- */

static int check_name(const char *name, Err *err)
{
    static const char *const known[] = { "exact" };
    if (is_folder(name)) return 0;
    const char *near = text_nearest(name, known, 1);
    return err_set(err, "--prior: found '%.200s', which is no folder; expected exact, or a diffusers folder%s", name,
                   near == NULL ? "" : "; did you mean 'exact'?");
}

static int check_exact(const Options *o, Err *err)
{
    if (opt_choice(o, "perp-neg") != PERP_NEG_OFF)
        return err_set(err, "--perp-neg: found with --prior exact, expected with a folder: the exact prior has images of a view, no prompts to blend");
    if (opt_string(o, "negative")[0] == '\0') return 0;
    return err_set(err, "--negative: found with --prior exact, expected with a folder: the exact prior takes no negative prompt");
}

static int check_given(const Options *o, const char *name, Err *err)
{
    for (int i = 0; i < distill_command.noptions; i++) {
        const Option *d = &distill_command.options[i];
        if (strcmp(d->group, EXACT_GROUP) == 0 && opt_given(o, d->name))
            return err_set(err, "--%s: found with the prior '%.200s', expected with --prior exact alone", d->name, name);
    }
    if (opt_has(o, "condition") && opt_choice(o, "condition") == CONDITION_POSED)
        return err_set(err, "--condition: found posed with the prior '%.200s', expected view, view-lr or prompt: a network is told of the view in "
                       "words, only the exact prior knows poses", name);
    return 0;
}

static int check_pipeline(const Pipeline *p, const Run *run, const Options *o, Err *err)
{
    if (p->vae != NULL || p->taesd != NULL)
        return err_set(err, "%s/model_index.json: 'vae' is there, expected none: its UNet works on latents, and distil knows only those that "
                       "work on the pixels of an RGB image", p->folder);
    if (p->unet->config.uses_text) return 0;
    if (run->prompt[0] != 0)
        return err_set(err, "PROMPT: found \"%.40s\", expected \"\": the UNet of %s takes no text", run->prompt, p->folder);
    if (opt_has(o, "condition") && opt_choice(o, "condition") != CONDITION_PROMPT)
        return err_set(err, "--condition: found a view, expected prompt: the UNet of %s takes no text", p->folder);
    return 0;
}

/* ---- the exact prior's cameras ---- */

enum { CAMERAS_TRIED = 4096 };

static unsigned bit_of(const ExactConfig *c, const View *view) { return 1u << exact_label(c, view); }

/* Labels that views of a run can have: of a volume those in the middle of front, back and both sides, lowest and highest. */
static unsigned labels_asked(const ExactConfig *c, int image)
{
    const ViewThresholds *th = &c->thresholds;
    const real front = th->front, back = R(180.0) - th->back, low = c->range.elevation_min, high = c->range.elevation_max;
    const View of_image = image_view(&c->range);
    real azimuth[4];
    unsigned asked = 0;
    int n = 0;
    if (image) return bit_of(c, &of_image);
    if (r_min(front, back) > 0) azimuth[n++] = R(0.5) * r_min(front, back);
    if (back < R(180.0)) azimuth[n++] = R(-180.0);
    for (int sign = -1; sign <= 1 && front < back; sign += 2) azimuth[n++] = (real)sign * R(0.5) * (front + back);
    for (int i = 0; i < n; i++)
        asked |= bit_of(c, &(View){ low < th->overhead ? low : high, azimuth[i], 0, 0 }) | bit_of(c, &(View){ high, azimuth[i], 0, 0 });
    return asked;
}

/* Labels of the set's cameras; 0 with err set. */
static unsigned labels_shown(const ExactConfig *c, Err *err)
{
    unsigned shown = 0;
    View *view = mem_new((size_t)c->cameras, sizeof *view, "cameras", err);
    if (view != NULL) exact_cameras(view, c);
    for (int i = 0; i < c->cameras && view != NULL; i++) shown |= bit_of(c, &view[i]);
    mem_free(view);
    return shown;
}

/* A label that no camera of the set has would end the run in the step that asks for it. */
static int check_cameras(const ExactConfig *c, int image, Err *err)
{
    static const char *const conditions[] = { [CONDITION_VIEW_LR] = "view-lr", [CONDITION_VIEW] = "view" };
    ExactConfig more = *c;
    char say[48] = "";
    int missing = 0;
    if (c->condition == CONDITION_POSED || c->condition == CONDITION_PROMPT) return 0;
    if (view_range_check(&c->range, err) != 0) return -1;
    const unsigned asked = labels_asked(c, image), shown = labels_shown(c, err);
    if (err->set) return -1;
    unsigned left = asked & ~shown;
    if (left == 0) return 0;
    while ((left >> missing & 1) == 0) missing++;
    while (left != 0 && more.cameras <= CAMERAS_TRIED / 2) {
        more.cameras *= 2;
        left = asked & ~labels_shown(&more, err);
    }
    if (left == 0) snprintf(say, sizeof say, ", such as %d", more.cameras);
    return err_set(err, "--cameras: found %d, of which none is a view '%s', which --condition %s asks for; expected more%s, or --condition prompt", c->cameras,
                   view_label_name((ViewLabel)missing), conditions[c->condition], say);
}

/* ---- the prior ---- */

int run_prior_open(Run *run, Options *o, Err *err)
{
    const char *name = opt_string(o, "prior");
    if (run_choose(o, "views", is_image(o) ? "1" : "4", err) != 0) return -1;
    if (run_choose(o, "view-mode", opt_int(o, "views") == 1 ? "independent" : "antipodal", err) != 0) return -1;
    if (strcmp(name, "exact") == 0) return check_exact(o, err) != 0 ? -1 : choose_exact(o, err);
    if (check_name(name, err) != 0 || check_given(o, name, err) != 0) return -1;
    run->pipeline = pipeline_open(name, NULL, err);
    if (run->pipeline == NULL || check_pipeline(run->pipeline, run, o, err) != 0) return -1;
    if (choose_folder(o, run->pipeline, err) != 0) return -1;
    if (opt_choice(o, "perp-neg") == PERP_NEG_OFF || opt_choice(o, "condition") == CONDITION_VIEW) return 0;
    return err_set(err, "--perp-neg: found without --condition view, expected with it: the prompts that it blends are those of front, side and back");
}

int run_exact(Run *run, Err *err)
{
    if (run->exact == NULL) run->exact = exact_new(&run->world.source, &run->exact_config, run->object, run->colour, run->S, err);
    return run->exact == NULL ? -1 : 0;
}

int run_prior_start(Run *run, const Options *o, int resolution, Err *err)
{
    const ScheduleConfig sd = schedule_config_sd();
    if (run->pipeline != NULL) {
        const Condition condition = (Condition)opt_choice(o, "condition");
        const char *negative = opt_string(o, "negative");
        run->S = run->pipeline->S;
        run->network = prior_new_views(run->pipeline, run->prompt, negative[0] == '\0' ? NULL : negative, condition, &run->exact_config.thresholds,
                                       resolution, resolution, err);
        if (run->network == NULL) return -1;
        run->D = prior_denoiser(run->network);
        return 0;
    }
    run->S = run->schedule = schedule_new(&sd, err);
    if (run->S == NULL || check_cameras(&run->exact_config, is_image(o), err) != 0 || run_exact(run, err) != 0) return -1;
    run->D = exact_denoiser(run->exact);
    return 0;
}

int run_lora_start(Run *run, const Options *o, Err *err)
{
    const DistillConfig *c = &run->distill->config;
    const LoraScoreConfig config = { .camera = c->field != FIELD_IMAGE, .lr = opt_double(o, "lora-lr"), .seed = c->seed };
    if (strcmp(run_estimator(o)->name, "vsd") != 0 || opt_choice(o, "particle-score") != 0) return 0;
    run->lora = lora_score_new(run->pipeline, run->prompt, c->resolution, c->resolution, &config, err);
    run->distill->lora = run->lora;
    return run->lora == NULL ? -1 : 0;
}
