/* cmd_bench_variance.c -- sdref bench variance: the settings of a run, its field, and the estimators that are measured there
 *
 * Its options are its own and those of distill that say what prior, prompt, field and view are; every estimator gets the defaults of its own.
 */
#include "ref/bench_options.h"
#include "ref/bench_variance.h"
#include "ref/cli.h"
#include "ref/progress.h"
#include "ref/run.h"
#include "tensor/par.h"
#include "tensor/text.h"

#include <stdio.h>
#include <string.h>

static const char *const examples[] = {
    "sdref bench variance \"a yellow duck\" --field image --resolution 32 --cameras 60      # ten estimators at a grey image",
    "sdref bench variance --run runs/duck --estimators sds,sdi   # at the field of a run",
    "sdref bench variance \"a yellow duck\" --after 100 --estimators sds,fsd,ssd --csv variance.csv --svg variance.svg",
    NULL
};
static const Option own[] = {
    { "Options", "run", OPT_STRING, OPT_RESULT, NULL, "FOLDER", "a run: its prompt, prior and field, not PROMPT and the settings below", 0, 0, NULL },
    { "Options", "after", OPT_INT, OPT_RESULT, "0", "N", "of a new run: steps of sds that the field takes first, out of --steps", 0, 10000000, NULL },
    { "Options", "estimators", OPT_STRING, OPT_RESULT, NULL, "LIST", "with commas between them. Default: all but vsd, which has the exact score of its particles here and with one of them is sds, and dsd_star", 0, 0, NULL },
    { "Options", "count", OPT_INT, OPT_RESULT, "128", "N", "draws of t, view and noise, a multiple of 32", VARIANCE_COUNT_MIN, VARIANCE_COUNT_MAX,
      NULL },
    { "Options", "t-min", OPT_REAL, OPT_RESULT, "0.02", NULL, "t is uniform from this share of 1000, for every estimator", 0, 1, NULL },
    { "Options", "t-max", OPT_REAL, OPT_RESULT, "0.98", NULL, "to this one", 0, 1, NULL },
    { "Options", "seed", OPT_UINT64, OPT_RESULT, NULL, NULL, "of the draws, and of a new run. Default: the run's; of a new one 0", 0, 0, NULL },
    { "Options", "csv", OPT_STRING, OPT_HOST, NULL, "FILE", "every figure with its error; an older file is replaced, here and below", 0, 0, NULL },
    { "Options", "svg", OPT_STRING, OPT_HOST, NULL, "FILE", "variance against calls of the prior", 0, 0, NULL },
};
/* Of distill, but not here: said otherwise above, or of no use. */
static const char left_out[] = "preset render-resolution occupancy normals estimator anneal t-min t-max seed eval-every budget out resume overwrite checkpoint-every particles particle-score lora-lr "
                               "background background-lr albedo-share diffuse-prob textureless-prob orientation sparsity opaqueness z-variance tv normal-smooth "
                               "convexity convexity-form";

static const Command command = {
    "bench variance", "how much the estimators' gradients vary, and what that costs", "sdref bench variance PROMPT|--run FOLDER [options]", examples,
    own, sizeof own / sizeof own[0], 0, 1, "PROMPT (as distill takes it; none with --run)",
};

/* ---- what was asked for ---- */

static const char *const standard = "sds,csd,nfsd,sdi,ism,asd,dsd,cds,fsd,ssd", *const measured = "sds,csd,nfsd,sdi,ism,asd,dsd,cds,fsd,ssd,vsd";

/* Beside --run the settings are the run's. */
static int check_given(const BenchAsked *a, Err *err)
{
    for (int i = a->table->own; i < a->table->command.noptions; i++) {
        const Option *d = &a->table->option[i];
        if (opt_given(a->o, d->name) && d->scope != OPT_HOST && opt_has(a->o, "run") && !bench_is_own(d))
            return err_set(err, "--%s: found beside --run, expected without: the run has its own", d->name);
    }
    if (bench_check_own(a, err) != 0) return -1;
    if (opt_has(a->o, "run") && opt_given(a->o, "after")) return err_set(err, "--after: found beside --run, expected with PROMPT alone");
    if (opt_has(a->o, "run") == (opt_args(a->o) > 0))
        return err_set(err, "PROMPT: found %s, expected one of PROMPT and --run", opt_has(a->o, "run") ? "both" : "none");
    if (opt_int(a->o, "count") % VARIANCE_COUNT_STEP != 0)
        return err_set(err, "--count: found %d, expected a multiple of %d", opt_int(a->o, "count"), VARIANCE_COUNT_STEP);
    if (opt_int(a->o, "after") > opt_int(a->o, "steps"))
        return err_set(err, "--after: found %d, expected at most --steps, %d", opt_int(a->o, "after"), opt_int(a->o, "steps"));
    if (opt_double(a->o, "t-min") > opt_double(a->o, "t-max"))
        return err_set(err, "--t-min: found %g, expected at most --t-max, %g", opt_double(a->o, "t-min"), opt_double(a->o, "t-max"));
    return 0;
}

/* ---- settings ---- */

static int load_prompt(char **prompt, Options *settings, const BenchAsked *a, Err *err)
{
    char seed[24];
    *prompt = mem_new(strlen(opt_arg(a->o, 0)) + 1, 1, "prompt", err);
    if (*prompt == NULL) return -1;
    strcpy(*prompt, opt_arg(a->o, 0));
    snprintf(seed, sizeof seed, "%llu", opt_has(a->o, "seed") ? (unsigned long long)opt_uint64(a->o, "seed") : 0);
    return opt_load(settings, "seed", seed, "the command line", err);
}

/* The config of estimator e in an open run: the run's settings, but what an estimator chooses for itself is e's, unless it was given, or the
 * run is e's. */
static int config_of(DistillConfig *c, Run *run, const Options *settings, const BenchAsked *a, const Estimator *e, Err *err)
{
    Options *o = opt_new(&distill_command, err);
    int status = o == NULL ? -1 : 0;
    *c = run->distill->config;
    for (int i = 0; i < distill_command.noptions && status == 0; i++) {
        const Option *d = &distill_command.options[i];
        const char *text = opt_text(settings, i);
        const int chosen = bench_is_own(d) ? strcmp(d->name, "negative") != 0 : list_has("anneal t-min t-max", d->name);
        if (text == NULL || (chosen && run_estimator(settings) != e)) continue;
        status = opt_load(o, d->name, text, "the run", err);
    }
    if (status == 0) status = opt_load(o, "estimator", e->name, "the table", err);
    if (status == 0) status = bench_load_given(o, a, e, err);
    if (status == 0) status = opt_load(o, "particle-score", "exact", "the table", err);
    if (status == 0) status = run_estimator_open(o, err);
    if (status == 0) status = run_estimator_config(c, o, err);
    if (status == 0 && c->mu == MU_LEAVE_ONE_OUT)
        status = err_set(err, "--mu: found leave-one-out, expected fit or a number: a draw is one view, and there are no others");
    if (status == 0 && run->depth_net == NULL) status = run_estimator_start(run, c, o, err);
    opt_free(o);
    return status;
}

/* ---- the run ---- */

/* The run's checkpoint, or the first steps of a new one. */
static int field_ready(Run *run, const BenchAsked *a, Err *err)
{
    char path[PATH_BYTES];
    const long steps = opt_int(a->o, "after");
    Progress progress;
    StepLog log;
    int status = 0;
    if (opt_has(a->o, "run")) {
        if (run_model_check(run, err) != 0 || run_path(path, run->folder, "state.safetensors", err) != 0) return -1;
        return distill_load(run->distill, path, err);
    }
    progress_start(&progress, "step", 0, steps, opt_flag(a->o, "quiet"));
    for (long i = 0; i < steps && status == 0; i++) {
        status = distill_step(run->distill, &log);
        progress_step(&progress, i + 1, "sds");
    }
    progress_end(&progress);
    return status;
}

enum { PROMPT = 60, TITLE = 128, WHAT = 400 };
static void describe(char out[WHAT], char title[TITLE], const Run *run, const Options *settings)
{
    const DistillConfig *c = &run->distill->config;
    char grid[64] = "an image";
    const char *const *conditions = NULL;
    int shown = (int)strlen(run->prompt) < PROMPT ? (int)strlen(run->prompt) : PROMPT;
    while (shown > 0 && ((unsigned char)run->prompt[shown] & 0xc0) == 0x80) shown--;      /* not in the middle of a letter */
    for (int i = 0; i < distill_command.noptions; i++)
        if (strcmp(distill_command.options[i].name, "condition") == 0) conditions = distill_command.options[i].choices;
    if (c->field != FIELD_IMAGE) snprintf(grid, sizeof grid, "%d^3 voxels", c->grid);
    snprintf(title, TITLE, "\"%.*s\": %s after %ld steps", shown, run->prompt, grid, run->distill->step);
    snprintf(out, WHAT, "%s, %d px; prior %.100s, told %s; guidance %g; %s", title, c->resolution, opt_string(settings, "prior"),
             conditions[opt_choice(settings, "condition")], opt_double(settings, "guidance"), REAL_NAME);
}

static int measure(Run *run, const Options *settings, const BenchAsked *a, Err *err)
{
    DistillConfig each[VARIANCE_ROWS];
    BenchVariance b;
    char what[WHAT], title[TITLE];
    const VarianceConfig config = {
        .count = opt_int(a->o, "count"), .t_min = opt_double(a->o, "t-min"), .t_max = opt_double(a->o, "t-max"), .quiet = opt_flag(a->o, "quiet"),
        .seed = opt_has(a->o, "seed") ? opt_uint64(a->o, "seed") : run->distill->config.seed,
    };
    for (int i = 0; i < a->count; i++)
        if (config_of(&each[i], run, settings, a, a->estimator[i], err) != 0) return -1;
    if (field_ready(run, a, err) != 0 || bench_variance(&b, run->distill, each, a->count, &config, err) != 0) return -1;
    describe(what, title, run, settings);
    bench_variance_print(stdout, &b, what);
    if (opt_has(a->o, "csv") && bench_variance_csv(&b, opt_string(a->o, "csv"), err) != 0) return -1;
    return opt_has(a->o, "svg") ? bench_variance_svg(&b, title, opt_string(a->o, "svg"), err) : 0;
}

static int variance(const Options *o, const BenchTable *table, Err *err)
{
    BenchAsked a = { .o = o, .table = table };
    Run run = { 0 };
    char *prompt = NULL;
    if (bench_read_estimators(&a, standard, measured, "it follows one ODE over the steps of a run, so no step is a draw by itself", err) != 0 || check_given(&a, err) != 0) return -1;
    const char *folder = opt_string(o, "run");
    Options *settings = opt_new(&distill_command, err);
    int status = settings == NULL ? -1 : folder != NULL ? run_settings_read(settings, &prompt, folder, err) : load_prompt(&prompt, settings, &a, err);
    if (status == 0) status = bench_load_given(settings, &a, run_estimator(settings), err);
    if (status == 0) status = run_open(&run, settings, prompt, folder, err);
    if (status == 0) {
        status = measure(&run, settings, &a, err);
        run_close(&run);
    }
    mem_free(prompt);
    opt_free(settings);
    return status;
}

int cmd_bench_variance(int argc, char *const *argv)
{
    int code;
    BenchTable table;
    bench_table(&table, &command, left_out);
    Options *o = cli_options(&table.command, argc, argv, &code);
    if (o == NULL) return code;
    Err err = { 0 };
    if (opt_has(o, "threads")) par_threads_set(opt_int(o, "threads"));
    const int status = variance(o, &table, &err);
    opt_free(o);
    return status == 0 ? EXIT_FINE : cli_trouble(&err);
}
