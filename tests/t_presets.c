/* t_presets.c -- presets: options that exist and parse, the stated scaling of what was published, who wins, what a run then is, two steps of each */
#include "ref/presets.h"
#include "ref/run.h"
#include "tensor/elem.h"
#include "tensor/text.h"
#include "tests/pipeline_folder.h"

enum { WORDS = 48 };

static int option_at(const char *name)
{
    for (int i = 0; i < distill_command.noptions; i++)
        if (strcmp(distill_command.options[i].name, name) == 0) return i;
    return -1;
}

static const char *text_of(const Options *o, const char *name) { return opt_text(o, option_at(name)); }
static int is(const Options *o, const char *name, const char *text) { return text_of(o, name) != NULL && strcmp(text_of(o, name), text) == 0; }

/* Options of a line of words with spaces between them; `prior` for the word PRIOR. */
static Options *options_of(const char *text, const char *prior, Err *err)
{
    char line[1024], *word[WORDS];
    int n = 0;
    snprintf(line, sizeof line, "%s", text);
    for (char *at = strtok(line, " "); at != NULL && n < WORDS; at = strtok(NULL, " "))
        word[n++] = strcmp(at, "PRIOR") == 0 ? (char *)(uintptr_t)prior : at;
    Options *o = opt_new(&distill_command, err);
    if (o == NULL || opt_parse(o, n, word, err) == 0) return o;
    opt_free(o);
    return NULL;
}

/* ---- the table ---- */

static void check_values(const Preset *p, const PresetValue *v, int room, Options *o)
{
    const Estimator *e = estimator_find(p->value[0].value);
    int n = 0;
    for (; n < room && v[n].option != NULL; n++) {
        const int at = option_at(v[n].option);
        Err err = { 0 };
        CHECK(at >= 0, "%s: no option %s", p->name, v[n].option);
        if (at < 0) continue;
        const Option *d = &distill_command.options[at];
        CHECK_OK(opt_load(o, v[n].option, v[n].value, p->name, &err), &err);
        CHECK(is(o, v[n].option, v[n].value), "%s: --%s %s is written %s", p->name, v[n].option, v[n].value, text_of(o, v[n].option));
        CHECK(d->scope == OPT_RESULT, "%s: --%s changes no result", p->name, d->name);
        CHECK(strcmp(d->group, OWN_GROUP) != 0 || list_has(e->options, d->name), "%s: %s does not read --%s", p->name, e->name, d->name);
        int times = 0;
        for (int i = 0; p->value[i].option != NULL; i++) times += strcmp(p->value[i].option, v[n].option) == 0;
        for (int i = 0; p->worded[i].option != NULL; i++) times += strcmp(p->worded[i].option, v[n].option) == 0;
        CHECK(times == 1, "%s: --%s %d times", p->name, v[n].option, times);
    }
    CHECK(n < room, "%s: a list without an end", p->name);
}

static void every_option_exists(void)
{
    CHECK(preset_count() >= 6, "%d presets", preset_count());
    for (int i = 0; i < preset_count(); i++) {
        const Preset *p = preset_at(i);
        Err err = { 0 };
        Options *o = opt_new(&distill_command, &err);
        CHECK(preset_names[i] != NULL && strcmp(preset_names[i], p->name) == 0, "%s is not name %d", p->name, i);
        CHECK(preset_find(p->name) == p, "%s twice", p->name);
        CHECK(strstr(p->paper, "arXiv:") != NULL && p->source[0] != '\0' && p->missing != NULL, "%s: no source", p->name);
        CHECK(strcmp(p->value[0].option, "estimator") == 0 && estimator_find(p->value[0].value) != NULL, "%s: no estimator first", p->name);
        check_values(p, p->value, PRESET_VALUES, o);
        check_values(p, p->worded, PRESET_WORDED, o);
        opt_free(o);
    }
    CHECK(preset_names[preset_count()] == NULL && preset_find("none") == NULL, "the end of the names");
}

/* ---- scaling ---- */

static double number(const char *text)
{
    double x = (double)NAN;
    CHECK(text_to_double(&x, text) == 0, "'%s' is no number", text);
    return x;
}
static double here(const Preset *p, const char *option) { return number(preset_value(p, option)->value); }
static double there(const Preset *p, const char *option)
{
    const PresetValue *v = preset_value(p, option);
    return number(v->published != NULL ? v->published : v->value);
}
static double half_tan(double degrees) { return tan(degrees * D_PI / 360); }

/* x within 0.5 % of the rule: three digits are written. */
static void check_scaled(const Preset *p, const char *option, double by_rule)
{
    CHECK_LE(fabs(here(p, option) - by_rule), 0.005 * by_rule, "%s: --%s %g, by the rule %g", p->name, option, here(p, option), by_rule);
}

/* presets.c: distances times 2.5 over their middle, tan(fovy/2) times tan 20 over that of its middle, jitters along, steps times 0.16. */
static void published_values_are_scaled(void)
{
    for (int i = 0; i < preset_count(); i++) {
        const Preset *p = preset_at(i);
        const double distance = (there(p, "distance-min") + there(p, "distance-max")) / 2, fovy = (there(p, "fovy-min") + there(p, "fovy-max")) / 2;
        const double nearer = 2.5 / distance, narrower = half_tan(40) / half_tan(fovy);
        for (int k = 0; k < 2; k++) {
            static const char *const ends[2][2] = { { "distance-min", "fovy-min" }, { "distance-max", "fovy-max" } };
            check_scaled(p, ends[k][0], there(p, ends[k][0]) * nearer);
            check_scaled(p, ends[k][1], 360 / D_PI * atan(half_tan(there(p, ends[k][1])) * narrower));
        }
        check_scaled(p, "camera-jitter", there(p, "camera-jitter") * nearer);
        check_scaled(p, "target-jitter", there(p, "target-jitter") * nearer * narrower);
        check_scaled(p, "up-jitter", there(p, "up-jitter"));
        check_scaled(p, "steps", there(p, "steps") * 0.16);
        CHECK(there(p, "steps") > here(p, "steps"), "%s: steps as published", p->name);
    }
}

/* ---- who wins ---- */

static void the_command_line_wins(void)
{
    static const struct { const char *line, *value[8][2]; } cases[] = {
        { "--cameras 8 --resolution 8", { { "estimator", "sds" }, { "fovy-max", "40" }, { "views", "4" }, { "albedo-share", "1" }, { "camera-jitter", "0" } } },
        { "--cameras 8 --resolution 8 --preset sdi",
          { { "estimator", "sdi" }, { "fovy-max", "52.2" }, { "views", "1" }, { "albedo-share", "0.1" }, { "camera-jitter", "0.143" }, { "t-min", "0.25" },
            { "guidance-inverse", "-7.5" }, { "perp-neg", "off" } } },
        { "--preset sdi --cameras 8 --resolution 8 --views 3 --t-min 0.5 --guidance 3 --camera-jitter 0",
          { { "estimator", "sdi" }, { "views", "3" }, { "t-min", "0.5" }, { "t-max", "0.98" }, { "guidance", "3" }, { "guidance-inverse", "-3" },
            { "camera-jitter", "0" }, { "target-jitter", "0.2" } } },
        { "--cameras 8 --resolution 8 --guidance 3 --preset dreamfusion", { { "guidance", "3" }, { "cfg-convention", "text" }, { "anneal", "uniform" } } },
        { "--cameras 8 --resolution 8 --preset dsd --estimator sds", { { "estimator", "sds" }, { "anneal", "sqrt" }, { "t-min", "0.32" }, { "view-mode", "independent" } } },
        { "--prior PRIOR --preset sdi", { { "perp-neg", "threestudio" }, { "condition", "view" }, { "guidance", "7.5" }, { "resolution", "8" } } },
        { "--prior PRIOR --preset sdi --perp-neg off", { { "perp-neg", "off" }, { "condition", "view" } } },
        { "--prior PRIOR --preset sdi --condition view --perp-neg official", { { "perp-neg", "official" } } },
        { "--prior PRIOR --preset sdi --condition view-lr", { { "perp-neg", "off" }, { "condition", "view-lr" } } },
        { "--prior PRIOR --preset mvsdi --field image", { { "perp-neg", "off" }, { "condition", "prompt" }, { "views", "2" } } },
        { "--prior PRIOR --preset csd", { { "w2", "0.75" }, { "negative", "oversaturated color, ugly, tiling, low quality, noisy" } } },
        { "--cameras 8 --resolution 8 --preset csd", { { "w2", "0" }, { "negative", "" } } },
        { "--cameras 8 --resolution 8 --preset csd --diffuse-prob 1 --albedo-share 0.2", { { "diffuse-prob", "1" }, { "albedo-share", "0.2" }, { "textureless-prob", "1" } } },
    };
    char folder[FOLDER_PATH];
    folder_pixels(folder);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Err err = { 0 };
        Run run;
        Options *o = options_of(cases[i].line, folder, &err);
        CHECK(o != NULL, "%s: %s", cases[i].line, err.msg);
        if (o == NULL) continue;
        CHECK_OK(run_open(&run, o, "a red mug", "none", &err), &err);
        for (int k = 0; k < 8 && cases[i].value[k][0] != NULL; k++)
            CHECK(is(o, cases[i].value[k][0], cases[i].value[k][1]), "%s: --%s is %s, expected %s", cases[i].line, cases[i].value[k][0],
                  text_of(o, cases[i].value[k][0]), cases[i].value[k][1]);
        run_close(&run);
        opt_free(o);
    }
    folder_end(folder);
}

static void an_unknown_preset_is_refused(void)
{
    Err err = { 0 };
    CHECK(options_of("--preset mvdsi", "", &err) == NULL && strstr(err.msg, "--preset: found 'mvdsi'") != NULL, "%s", err.msg);
    CHECK(strstr(err.msg, "did you mean 'mvsdi'?") != NULL, "%s", err.msg);
}

/* A message says which of the values that it blames nobody typed; of what it expects it says nothing. */
static void a_conflict_names_the_preset(void)
{
    static const struct { const char *line, *says; } cases[] = {
        { "--preset hifa --condition posed", "--preset hifa gives --camera-jitter 0.143: --camera-jitter: found 0.143 with --condition posed, expected" },
        { "--preset mvsdi --views 1", "--preset mvsdi gives --view-mode antipodal: --views: found 1 with --view-mode antipodal, which" },
        { "--preset steindreamer --render-resolution 16", "--preset steindreamer gives --phi depth: --render-resolution: found with --phi depth, expected" },
        { "--preset sdi --w1 2", "--preset sdi gives --estimator sdi: --w1: found with --estimator sdi, which" },
        { "--preset sdi --t-max 0.1", "--preset sdi gives --t-min 0.25: --t-min 0.25, --t-max 0.1: expected" },
        { "--preset csd --guidance 3", "--preset csd gives --estimator csd: --guidance: found with --estimator csd, which has factors in its place; expected --w1" },
        { "--preset hifa --condition posed --camera-jitter 0.3", "--camera-jitter: found 0.3 with --condition posed" },
        { "--preset sdi --cameras 1 --perp-neg official", "--perp-neg: found with --prior exact" },
        { "--camera-jitter 0.3 --condition posed", "--camera-jitter: found 0.3 with --condition posed" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Err err = { 0 };
        Run run;
        Options *o = options_of(cases[i].line, "", &err);
        CHECK(o != NULL && run_open(&run, o, "a red mug", "none", &err) != 0, "%s was taken", cases[i].line);
        CHECK(strncmp(err.msg, cases[i].says, strlen(cases[i].says)) == 0, "%s: '%s', expected '%s'", cases[i].line, err.msg, cases[i].says);
        opt_free(o);
    }
}

/* ---- runs ---- */

/* run.json has every value and no preset; read again it makes the same run, and takes no preset beside it. */
static void check_json(Run *run, const Options *o, const char *folder, const char *name)
{
    Err err = { 0 };
    char *prompt = NULL;
    CHECK_OK(run_settings_write(run, o, &err), &err);
    Options *back = opt_new(&distill_command, &err), *preset = options_of("--preset sdi", "", &err);
    CHECK_OK(run_settings_read(back, &prompt, folder, &err), &err);
    mem_free(prompt);
    for (int i = 0; i < distill_command.noptions; i++) {
        const Option *d = &distill_command.options[i];
        if (d->scope != OPT_RESULT || opt_text(o, i) == NULL) continue;
        if (strcmp(d->group, OWN_GROUP) == 0 && !list_has(run_estimator(o)->options, d->name)) continue;
        if (run->pipeline != NULL && strcmp(d->group, EXACT_GROUP) == 0) continue;
        CHECK(is(back, d->name, opt_text(o, i)), "%s: run.json has --%s %s, expected %s", name, d->name, opt_text(back, i), opt_text(o, i));
    }
    CHECK(!opt_has(back, "preset"), "%s: run.json names a preset", name);
    CHECK(run_settings_read(preset, &prompt, folder, &err) != 0 && strstr(err.msg, "--preset") != NULL, "%s: %s", name, err.msg);
    opt_free(back);
    opt_free(preset);
}

/* What the loop does is what the table says. */
static void check_config(const DistillConfig *c, const Preset *p)
{
    CHECK(c->draw.estimator == estimator_find(p->value[0].value), "%s: estimator", p->name);
    CHECK(c->views == (int)here(p, "views") && c->draw.timesteps.max == here(p, "t-max") && c->draw.timesteps.min == here(p, "t-min"), "%s: views, t", p->name);
    CHECK(c->range.distance_min == (real)here(p, "distance-min") && c->range.fovy_max == (real)here(p, "fovy-max"), "%s: cameras", p->name);
    CHECK(c->jitter_scale.position == (real)here(p, "camera-jitter") && c->jitter_scale.target == (real)here(p, "target-jitter")
          && c->jitter_scale.up == (real)here(p, "up-jitter"), "%s: jitter", p->name);
    CHECK(c->shading.albedo_share == here(p, "albedo-share"), "%s: shading", p->name);
    if (preset_value(p, "diffuse-prob") != NULL)
        CHECK(c->shading.diffuse == here(p, "diffuse-prob") && c->shading.textureless == here(p, "textureless-prob"), "%s: shading", p->name);
}

static void two_steps(const Preset *p, const char *more, const char *prior, const char *folder)
{
    char line[512];
    Err err = { 0 };
    Run run;
    snprintf(line, sizeof line, "--preset %s --grid 5 --samples 5 --blob 4 --steps 2 %s%s", p->name, more,
             strcmp(p->name, "steindreamer") == 0 ? " --depth-net tests/golden/phi" : "");
    Options *o = options_of(line, prior, &err);
    CHECK(o != NULL, "%s: %s", line, err.msg);
    if (o == NULL) return;
    CHECK_OK(run_open(&run, o, "a red mug", folder, &err), &err);
    if (err.set) exit(1);
    check_config(&run.distill->config, p);
    for (int i = 0; i < 2; i++) {
        StepLog log = { 0 };
        CHECK_OK(distill_step(run.distill, &log), &err);
        CHECK(log.grad_rms > 0 && log.t >= 0 && log.t < 1000, "%s: step %d: t %d, gradient %g", line, i, log.t, (double)log.grad_rms);
    }
    CHECK(distill_done(run.distill) == distill_length(run.distill), "%s: not at its end", line);
    check_json(&run, o, folder, line);
    run_close(&run);
    opt_free(o);
}

static void every_preset_makes_two_steps(void)
{
    char prior[FOLDER_PATH], base[] = "/tmp/sdref-presets-XXXXXX";
    CHECK(mkdtemp(base) != NULL, "no temporary folder");
    folder_pixels(prior);
    for (int i = 0; i < preset_count(); i++) two_steps(preset_at(i), "--prior PRIOR", prior, base);
    two_steps(preset_find("sdi"), "--cameras 1 --condition prompt --resolution 8", "", base);
    two_steps(preset_find("prolificdreamer"), "--cameras 1 --condition prompt --resolution 8", "", base);
    folder_end(prior);
    folder_remove(base);
}

int main(void)
{
    TEST(every_option_exists);
    TEST(published_values_are_scaled);
    TEST(the_command_line_wins);
    TEST(an_unknown_preset_is_refused);
    TEST(a_conflict_names_the_preset);
    TEST(every_preset_makes_two_steps);
    return test_end();
}
