/* run.c -- from settings (run_options.c) to a run: the parts they name, run.json */
#include "ref/run.h"
#include "ref/compare.h"
#include "ref/presets.h"
#include "render/scene.h"
#include "weights/file.h"
#include "weights/json.h"

#include <stdio.h>
#include <string.h>

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
                       "any number", c->views, run_view_modes[c->view_mode], draws[c->view_mode], group);
    if (level && !(r->elevation_min <= 0 && r->elevation_max >= 0))
        return err_set(err, "--view-mode: found %s with elevations from %g to %g, expected a range that holds 0", run_view_modes[c->view_mode],
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

int run_ordered(const Options *o, const char *min, const char *max, Err *err)
{
    if (opt_double(o, min) <= opt_double(o, max)) return 0;
    return err_set(err, "--%s %g, --%s %g: expected the first to be at most the second", min, opt_double(o, min), max, opt_double(o, max));
}

static int cameras_check(const Options *o, Err *err)
{
    if (run_ordered(o, "elevation-min", "elevation-max", err) != 0 || run_ordered(o, "distance-min", "distance-max", err) != 0) return -1;
    return run_ordered(o, "fovy-min", "fovy-max", err);
}

static int config_read(DistillConfig *c, const Options *o, Err *err)
{
    *c = (DistillConfig){
        .field = (FieldKind)opt_choice(o, "field"),
        .shape = {
            .levels = opt_int(o, "hash-levels"), .features = 2, .table = opt_int(o, "hash-table"), .base = 4, .growth = 1.38,
            .frequencies = opt_int(o, "frequencies"), .layers = opt_int(o, "layers"), .hidden = opt_int(o, "hidden"), .degree = opt_int(o, "sh-degree"),
        },
        .start_levels = opt_int(o, "hash-start"),
        .grid = opt_int(o, "grid"),
        .learnt = opt_choice(o, "background") != 0,
        .background_config = { opt_choice(o, "background") == 2 ? BACKGROUND_MLP : BACKGROUND_COLOUR, 4, 32 },
        .background_lr = opt_real(o, "background-lr"),
        .blob_peak = opt_real(o, "blob"),
        .blob_slope = opt_real(o, "blob-slope"),
        .resolution = opt_int(o, "resolution"),
        .render = opt_int(o, "render-resolution"),
        .samples = opt_int(o, "samples"),
        .occupancy = opt_int(o, "occupancy"),
        .jitter = opt_flag(o, "jitter"),
        .normals = (Normals)opt_choice(o, "normals"),
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
    if (cameras_check(o, err) != 0 || views_check(c, err) != 0 || jitter_check(c, o, err) != 0) return -1;
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
    preset_blame(o, err);
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
        if (distill_command.options[i].scope != OPT_RESULT || text == NULL) continue;
        if (run->pipeline != NULL && strcmp(distill_command.options[i].group, EXACT_GROUP) == 0) continue;
        if (strcmp(distill_command.options[i].group, OWN_GROUP) == 0 && !list_has(run_estimator(o)->options, distill_command.options[i].name)) continue;
        json_put(&j, first ? "\n    " : ",\n    ");
        json_put_string(&j, distill_command.options[i].name);
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

static int folder_check(const char *folder, Err *err)
{
    if (folder[0] == '\0') return err_set(err, "RUN: found \"\", expected a run's folder");
    if (file_exists(folder) && !is_folder(folder)) return err_set(err, "%s: found a file, expected a run's folder", folder);
    return 0;
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
        if (strcmp(distill_command.options[i].name, name) == 0 && strcmp(opt_text(o, i), text) != 0)
            return err_set(err, "--%s: found %s, but the run in %s has %s; it can be resumed only as it is", name, opt_text(o, i), path, text);
    return 0;
}

int run_settings_read(Options *o, char **prompt, const char *folder, Err *err)
{
    char path[PATH_BYTES];
    if (opt_given(o, "preset")) return err_set(err, "--preset: found with the run in %s, expected none: run.json has what a preset gave it", folder);
    if (folder_check(folder, err) != 0 || run_path(path, folder, "run.json", err) != 0) return -1;
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
    for (int i = 0; i < distill_command.noptions && status == 0; i++) {
        const Option *d = &distill_command.options[i];
        if (d->scope != OPT_RESULT || strcmp(d->group, OWN_GROUP) == 0) continue;
        if (strcmp(d->group, EXACT_GROUP) == 0 && strcmp(opt_string(o, "prior"), PRIOR_DEFAULT) != 0) continue;
        if (settings == NULL || json_get(settings, d->name) == NULL) status = err_set(err, "%s: no setting '%s'; expected one", path, d->name);
    }
    if (status == 0) {
        *prompt = mem_new(strlen(found) + 1, 1, "prompt", err);
        if (*prompt == NULL) status = -1;
        else strcpy(*prompt, found);
    }
    json_free(root);
    return status;
}
