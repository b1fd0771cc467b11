/* cmd_train.c -- sdref train: the recipe as a table of settings, the loop, checkpoints, the log
 *
 *     model/              the network as others load it, from the averaged weights; written at every sheet and at the end
 *     log.csv, loss.svg   loss, gradient and learning rate, a row every LOG_EVERY steps
 *     samples/NNNNNN.png  what it draws
 *     state.safetensors   where --resume goes on; its metadata hold the recipe
 *     time.csv            seconds, threads: the only file that hangs on the machine
 */
#include "ref/cli.h"
#include "ref/plot.h"
#include "ref/progress.h"
#include "ref/run.h"
#include "ref/train_depth.h"
#include "ref/train_prior.h"
#include "tensor/par.h"
#include "tensor/text.h"
#include "weights/file.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOG_EVERY = 10, SLOT = 2, ROW_BYTES = 128 };

static const char *const examples[] = {
    "sdref train prior --out runs/prior              # the shipped prior's first part, from nothing",
    "sdref train prior --out runs/prior --resume     # go on where it stopped",
    "sdref train prior --out runs/try --steps 500 --prediction epsilon",
    "sdref train prior --from runs/prior/model --seed 1 --lr 0.0005 --steps 8000 --out runs/more     # its second part",
    "sdref train depth --out runs/depth              # the shipped depth network",
    NULL
};
static const char *const predictions[] = { "epsilon", "v", NULL };
static const Option options[] = {
    { "The recipe", "steps", OPT_INT, OPT_RESULT, NULL, "N", "default: 14500 (prior), 5000 (depth); may grow while the learning rate does not fall yet",
      1, 10000000, NULL },
    { "The recipe", "batch", OPT_INT, OPT_RESULT, "16", "N", "pictures a step, an even number", 2, 4096, NULL },
    { "The recipe", "prediction", OPT_CHOICE, OPT_RESULT, NULL, NULL, "what a prior puts out; default: v", 0, 0, predictions },
    { "The recipe", "lr", OPT_REAL, OPT_RESULT, "0.001", NULL, "AdamW's learning rate", 1e-9, 1, NULL },
    { "The recipe", "warmup", OPT_INT, OPT_RESULT, "500", "N", "steps in which the learning rate rises", 0, 1000000, NULL },
    { "The recipe", "decay", OPT_REAL, OPT_RESULT, NULL, NULL, "last share of the steps, in which it falls to 0; default: 0.4 (prior), 0.25 (depth)", 0, 1,
      NULL },
    { "The recipe", "weight-decay", OPT_REAL, OPT_RESULT, "0.01", NULL, "AdamW's, on matrices and kernels", 0, 1, NULL },
    { "The recipe", "clip", OPT_REAL, OPT_RESULT, "1", NULL, "longest gradient", 1e-6, 1e6, NULL },
    { "The recipe", "ema", OPT_REAL, OPT_RESULT, "0.999", NULL, "of the averaged weights", 0, 1, NULL },
    { "The recipe", "seed", OPT_UINT64, OPT_RESULT, "0", NULL, "of the first weights, pictures, times and noise", 0, 0, NULL },
    { "The recipe", "from", OPT_STRING, OPT_HOST, NULL, "FOLDER", "of prior: begin with the weights in that folder, the model/ of another training", 0, 0, NULL },

    { "Files and machine", "out", OPT_STRING, OPT_HOST, NULL, "FOLDER", "the training's folder (needed)", 0, 0, NULL },
    { "Files and machine", "resume", OPT_FLAG, OPT_HOST, NULL, NULL, "go on in that folder, to the same bytes", 0, 0, NULL },
    { "Files and machine", "overwrite", OPT_FLAG, OPT_HOST, NULL, NULL, "start again in that folder", 0, 0, NULL },
    { "Files and machine", "until", OPT_INT, OPT_HOST, NULL, "N", "stop after step N of the recipe, with a checkpoint", 1, 10000000, NULL },
    { "Files and machine", "checkpoint-every", OPT_INT, OPT_HOST, "500", "N", "steps between two checkpoints", 1, 10000000, NULL },
    { "Files and machine", "sample-every", OPT_INT, OPT_HOST, "1000", "N", "steps between two sheets of samples; 0: none", 0, 10000000, NULL },
    { "Files and machine", "threads", OPT_INT, OPT_HOST, NULL, "N", "default: all cores; changes no bit", 1, 1024, NULL },
    { "Files and machine", "quiet", OPT_FLAG, OPT_HOST, NULL, NULL, "no progress", 0, 0, NULL },
};
static const Command command = {
    "train", "the shipped networks, trained from nothing", "sdref train prior|depth --out FOLDER [options]", examples,
    options, sizeof options / sizeof options[0], 1, 1, "prior or depth",
};

static volatile sig_atomic_t interrupted;
static void on_interrupt(int signal_number) { (void)signal_number; interrupted = 1; }

typedef union Task { PriorTask prior; DepthTask depth; } Task;

typedef struct Training {
    Options *o;
    const struct Kind *kind;
    const char *folder;
    char model[PATH_BYTES];
    TrainConfig config;
    Task task;
    Trainer *trainer;
    Bytes log;
    double sum[2];                    /* loss, gradient: since the last row */
    char from[PRIOR_DIGESTS];         /* of the weights it began with; "": of none */
} Training;

static const char log_head[] = "step,loss,grad_norm,lr\n";

/* ---- what can be trained ---- */

static int prior_open(Training *r, Err *err)
{
    const Prediction prediction = opt_choice(r->o, "prediction") == 0 ? PREDICT_EPSILON : PREDICT_V;
    return prior_task_open(&r->task.prior, r->model, prediction, r->config.batch, r->config.seed, err);
}
static void prior_close(Task *k) { prior_task_close(&k->prior); }
static TrainTask prior_what(const Task *k) { return prior_task(&k->prior); }
static int prior_export(const Task *k, const Trainer *t, const char *folder, Err *err) { return prior_task_export(&k->prior, t, folder, err); }

static int depth_begin(Training *r, Err *err) { return depth_task_open(&r->task.depth, r->model, r->config.batch, r->config.seed, err); }
static void depth_end(Task *k) { depth_task_close(&k->depth); }
static TrainTask depth_what(const Task *k) { return depth_task(&k->depth); }
static int depth_export(const Task *k, const Trainer *t, const char *folder, Err *err) { return depth_task_export(&k->depth, t, folder, err); }

typedef struct Kind {
    const char *name, *steps, *decay, *prediction;          /* defaults; prediction NULL: this network has none */
    const TrainStart *start;
    int (*open)(Training *r, Err *err);
    void (*close)(Task *k);
    TrainTask (*what)(const Task *k);
    int (*write)(const Task *k, const Trainer *t, const char *folder, Err *err);
    int (*sheet)(const char *folder, const char *path, Err *err);
} Kind;
static const Kind kinds[] = {
    { "prior", "14500", "0.4", "v", prior_task_start, prior_open, prior_close, prior_what, prior_export, prior_task_sheet },
    { "depth", "5000", "0.25", NULL, depth_task_start, depth_begin, depth_end, depth_what, depth_export, depth_task_sheet },
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* ---- checkpoints: the log first, since a state without its rows could not be resumed to the same bytes ---- */

static int in_recipe(const Training *r, int option) { return options[option].scope == OPT_RESULT && opt_text(r->o, option) != NULL; }

/* The recipe and the row that is being filled, as metadata: key, value, .., NULL. */
enum { META_MAX = 64 };
static int checkpoint(const Training *r, Err *err)
{
    const char *meta[META_MAX];
    char path[PATH_BYTES], sum[2][TEXT_DOUBLE_MAX], numerics[16];
    int n = 0;
    for (int i = 0; i < 2; i++) text_from_double(sum[i], r->sum[i]);
    snprintf(numerics, sizeof numerics, "%d", SDREF_NUMERICS);
    const char *const fixed[] = { "task", opt_arg(r->o, 0), "numerics", numerics, "sum.loss", sum[0], "sum.grad_norm", sum[1], "from", r->from };
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) meta[n++] = fixed[i];
    for (int i = 0; i < command.noptions; i++) {
        if (!in_recipe(r, i)) continue;
        meta[n++] = options[i].name;
        meta[n++] = opt_text(r->o, i);
    }
    meta[n] = NULL;
    if (run_path(path, r->folder, "log.csv", err) != 0 || file_write(path, r->log.p, r->log.n, err) != 0) return -1;
    if (run_path(path, r->folder, "state.safetensors", err) != 0) return -1;
    return train_save(r->trainer, meta, path, err);
}

/* May the recipe of the state at `step` become a longer one? */
static int longer(const Training *r, long step, const char *was, const char *path, Err *err)
{
    int64_t before = 0;
    if (text_to_int64(&before, was) != 0 || before < 1) return err_set(err, "%s: steps is %.40s, expected a number", path, was);
    if (before == r->config.steps) return 0;
    const double falls = floor((double)(before < r->config.steps ? before : r->config.steps) * (1.0 - r->config.decay));
    if ((double)step <= falls) return 0;
    return err_set(err, "--steps: found %ld, but the training in %s is of %s and at step %ld; its length can change up to step %.0f",
                   r->config.steps, path, was, step, falls);
}

static int same_recipe(const Training *r, const StFile *f, Err *err)
{
    char numerics[16];
    snprintf(numerics, sizeof numerics, "%d", SDREF_NUMERICS);
    const char *found = st_meta(f, "numerics"), *task = st_meta(f, "task");
    if (found == NULL || strcmp(found, numerics) != 0)
        return err_set(err, "%s: made by numerics %.20s, this program is %s; the bits would differ", st_path(f), found == NULL ? "(none)" : found, numerics);
    if (task == NULL || strcmp(task, opt_arg(r->o, 0)) != 0)
        return err_set(err, "%s: a training of %.20s, expected %s", st_path(f), task == NULL ? "(none)" : task, opt_arg(r->o, 0));
    for (int i = 0; i < command.noptions; i++) {
        const char *was = st_meta(f, options[i].name);
        if (!in_recipe(r, i)) continue;
        if (was == NULL) return err_set(err, "%s: no setting '%s'; expected a checkpoint of sdref train", st_path(f), options[i].name);
        if (strcmp(options[i].name, "steps") == 0) {
            int64_t step = 0;
            if (st_meta(f, "step") == NULL || text_to_int64(&step, st_meta(f, "step")) != 0) continue;     /* train_load says so */
            if (longer(r, (long)step, was, st_path(f), err) != 0) return -1;
        } else if (strcmp(was, opt_text(r->o, i)) != 0)
            return err_set(err, "--%s: found %s, but the training in %s has %.40s; it can be resumed only as it is", options[i].name,
                           opt_text(r->o, i), st_path(f), was);
    }
    return 0;
}

/* Rows of the log up to the checkpoint's step; later ones will be made again. */
static int read_log(Training *r, Err *err)
{
    char path[PATH_BYTES];
    void *text = NULL;
    size_t n = 0;
    if (run_path(path, r->folder, "log.csv", err) != 0 || file_read(&text, &n, path, (size_t)1 << 30, err) != 0) return -1;
    const char *at = text;
    const long rows = train_step_number(r->trainer) / LOG_EVERY;
    int status = strncmp(at, log_head, sizeof log_head - 1) == 0 ? 0 : err_set(err, "%s: expected the heading of a log of sdref train", path);
    for (long row = 0; row <= rows && status == 0; row++) {
        const char *end = strchr(at, '\n');
        if (end == NULL) status = err_set(err, "%s: found %ld rows, expected at least %ld: the checkpoint is of that step", path, row - 1, rows);
        else status = bytes_put(&r->log, at, (size_t)(end - at) + 1, err);
        at = end == NULL ? at : end + 1;
    }
    mem_free(text);
    return status;
}

/* Before a file of the folder is written. */
static int may_resume(Training *r, Err *err)
{
    char path[PATH_BYTES];
    if (run_path(path, r->folder, "state.safetensors", err) != 0) return -1;
    StFile *f = st_open(path, err);
    const int status = f == NULL ? -1 : same_recipe(r, f, err);
    if (status == 0 && st_meta(f, "from") != NULL) snprintf(r->from, sizeof r->from, "%s", st_meta(f, "from"));
    st_close(f);
    return status;
}

static int resume(Training *r, Err *err)
{
    static const char *const sums[] = { "sum.loss", "sum.grad_norm" };
    char path[PATH_BYTES];
    if (run_path(path, r->folder, "state.safetensors", err) != 0) return -1;
    StFile *f = st_open(path, err);
    int status = f == NULL ? -1 : train_load(r->trainer, f, err);
    for (int i = 0; i < 2 && status == 0; i++) {
        const char *text = st_meta(f, sums[i]);
        if (text == NULL || text_to_double(&r->sum[i], text) != 0) status = err_set(err, "%s: no number '%s'; expected one", path, sums[i]);
    }
    st_close(f);
    return status == 0 ? read_log(r, err) : -1;
}

/* ---- pictures ---- */

/* The loss over the steps, from the log's rows, each point the mean of a hundredth of them. */
static int plot_loss(const Training *r, Err *err)
{
    enum { POINTS = 200 };
    double x[POINTS], y[POINTS];
    char path[PATH_BYTES];
    Bytes svg = { 0 };
    long rows = 0, points = 0;
    for (size_t i = 0; i < r->log.n; i++) rows += r->log.p[i] == '\n';
    rows -= 1;
    if (rows < 2) return 0;
    const long group = (rows + POINTS - 1) / POINTS;
    const char *at = (const char *)r->log.p;
    for (long row = 0; row < rows; row++) {
        double step, loss;
        at = strchr(at, '\n') + 1;
        if (sscanf(at, "%lf,%lf", &step, &loss) != 2) return err_set(err, "log.csv: row %ld is not that of a training", row);
        if (row % group == 0) x[points] = y[points] = 0;
        x[points] += step / (double)group;
        y[points] += loss / (double)group;
        if (row % group == group - 1) points++;
    }
    const PlotSeries series = { "loss", x, y, (int)points };
    const Plot plot = { .title = "Training", .x_title = "step", .y_title = "loss", .log_y = 1, .series = &series, .count = 1 };
    int status = run_path(path, r->folder, "loss.svg", err);
    if (status == 0) status = plot_svg(&svg, &plot, err);
    if (status == 0) status = file_write(path, svg.p, svg.n, err);
    bytes_free(&svg);
    return status;
}

static int show(const Training *r, int samples, Err *err)
{
    char path[PATH_BYTES], name[64];
    if (r->kind->write(&r->task, r->trainer, r->model, err) != 0 || plot_loss(r, err) != 0) return -1;
    if (!samples) return 0;
    if (run_path(path, r->folder, "samples", err) != 0 || dir_make(path, err) != 0) return -1;
    snprintf(name, sizeof name, "samples/%06ld.png", train_step_number(r->trainer));
    return run_path(path, r->folder, name, err) != 0 ? -1 : r->kind->sheet(r->model, path, err);
}

/* ---- the loop ---- */

/* A row after every LOG_EVERY-th step: means over them. */
static int log_step(Training *r, const TrainLog *log, char note[64], Err *err)
{
    const long done = train_step_number(r->trainer);
    r->sum[0] += log->loss;
    r->sum[1] += log->grad_norm;
    if (done % LOG_EVERY != 0) return 0;
    char text[3][TEXT_DOUBLE_MAX], row[ROW_BYTES];
    text_from_double(text[0], (double)(float)(r->sum[0] / LOG_EVERY));
    text_from_double(text[1], (double)(float)(r->sum[1] / LOG_EVERY));
    text_from_double(text[2], (double)(float)log->lr);
    snprintf(note, 64, "loss %.4f", r->sum[0] / LOG_EVERY);
    const int n = snprintf(row, sizeof row, "%ld,%s,%s,%s\n", done, text[0], text[1], text[2]);
    r->sum[0] = r->sum[1] = 0;
    return bytes_put(&r->log, row, (size_t)n, err);
}

static int note_time(const Training *r, long first, double seconds, Err *err)
{
    char path[PATH_BYTES];
    if (run_path(path, r->folder, "time.csv", err) != 0) return -1;
    FILE *f = fopen(path, "a");
    if (f == NULL) return err_set(err, "%s: cannot be written: %s", path, strerror(errno));
    const long steps = train_step_number(r->trainer) - first;
    fprintf(f, "steps %ld to %ld,%.1f s,%d threads,%.1f pictures a second\n", first, first + steps, seconds, par_threads(),
            (double)steps * r->config.batch / seconds);
    if (fclose(f) != 0) return err_set(err, "%s: cannot be written: %s", path, strerror(errno));
    return 0;
}

static int loop(Training *r, Err *err)
{
    const long N = opt_has(r->o, "until") && opt_int(r->o, "until") < r->config.steps ? opt_int(r->o, "until") : r->config.steps;
    const long first = train_step_number(r->trainer);
    const int every = opt_int(r->o, "checkpoint-every"), sheets = opt_int(r->o, "sample-every");
    const double start = progress_clock();
    Progress progress;
    char note[64] = "";
    int status = 0, last = first >= N;
    progress_start(&progress, "step", first, N, opt_flag(r->o, "quiet"));
    while (!last && status == 0) {
        TrainLog log;
        status = train_step(r->trainer, &log);
        if (status == 0) status = log_step(r, &log, note, err);
        const long done = train_step_number(r->trainer);
        last = done == N || interrupted;
        if (status == 0 && (done % every == 0 || last)) status = checkpoint(r, err);
        const int sheet = sheets > 0 && (done % sheets == 0 || done == N);
        if (status == 0 && (sheet || last)) status = show(r, sheet, err);
        progress_step(&progress, done, note);
    }
    if (status == 0 && train_step_number(r->trainer) == first) status = show(r, 0, err);    /* as if killed before the model was written */
    progress_end(&progress);
    if (status == 0) status = note_time(r, first, progress_clock() - start, err);
    return status;
}

/* ---- the command ---- */

static int config_read(TrainConfig *c, const Options *o, Err *err)
{
    *c = (TrainConfig){
        .steps = opt_int(o, "steps"), .warmup = opt_int(o, "warmup"), .batch = opt_int(o, "batch"), .slot = SLOT,
        .lr = opt_double(o, "lr"), .decay = opt_double(o, "decay"), .weight_decay = opt_double(o, "weight-decay"),
        .beta1 = 0.9, .beta2 = 0.99, .clip = opt_double(o, "clip"), .ema = opt_double(o, "ema"), .seed = opt_uint64(o, "seed"),
    };
    if (c->batch % SLOT == 0) return 0;
    return err_set(err, "--batch: found %d, expected a multiple of %d", c->batch, SLOT);
}

/* A fresh folder, or one that --overwrite or --resume allows. */
static int folder_ready(const Training *r, Err *err)
{
    char path[PATH_BYTES];
    if (run_path(path, r->folder, "state.safetensors", err) != 0) return -1;
    const int found = file_exists(path), resumed = opt_flag(r->o, "resume"), again = opt_flag(r->o, "overwrite");
    if (resumed && again) return err_set(err, "--overwrite: found beside --resume, expected one of the two");
    if (resumed && !found) return err_set(err, "--resume: %s is not there; expected a training in --out", path);
    if (found && !resumed && !again)
        return err_set(err, "--out: %s holds a training already; --resume goes on with it, --overwrite starts again", r->folder);
    if (found && again && unlink(path) != 0) return err_set(err, "%s: cannot be removed: %s", path, strerror(errno));
    return dir_make(r->folder, err);
}

/* The kind by its name, and its defaults. */
static int kind_of(Training *r, Err *err)
{
    const char *name = opt_arg(r->o, 0);
    for (int i = 0; i < KINDS; i++)
        if (strcmp(name, kinds[i].name) == 0) r->kind = &kinds[i];
    if (r->kind == NULL) return err_set(err, "train: found '%.40s', expected prior or depth", name);
    if (!opt_has(r->o, "steps") && opt_load(r->o, "steps", r->kind->steps, "default", err) != 0) return -1;
    if (!opt_has(r->o, "decay") && opt_load(r->o, "decay", r->kind->decay, "default", err) != 0) return -1;
    if (r->kind->prediction == NULL && opt_given(r->o, "prediction"))
        return err_set(err, "--prediction: found with %s, expected with prior alone; %s has one kind of output", name, name);
    if (r->kind->prediction == NULL && opt_has(r->o, "from")) return err_set(err, "--from: found with %s, expected with prior alone", name);
    if (opt_has(r->o, "from") && opt_flag(r->o, "resume"))
        return err_set(err, "--from: found beside --resume, expected one of the two: a checkpoint has weights of its own");
    if (r->kind->prediction == NULL || opt_has(r->o, "prediction")) return 0;
    return opt_load(r->o, "prediction", r->kind->prediction, "default", err);
}

/* Before a folder is made. */
static int from_is_there(const char *folder, Err *err)
{
    char path[PATH_BYTES];
    if (run_path(path, folder, PRIOR_UNET_FILE, err) != 0) return -1;
    return file_exists(path) ? 0 : err_set(err, "--from: %s is not there; expected the model/ of a training of prior", path);
}

static int train(Training *r, Err *err)
{
    if (kind_of(r, err) != 0) return -1;
    if (r->folder == NULL) return err_set(err, "--out: none found, expected a folder for the training, such as runs/prior");
    if (opt_has(r->o, "from") && from_is_there(opt_string(r->o, "from"), err) != 0) return -1;
    if (config_read(&r->config, r->o, err) != 0 || folder_ready(r, err) != 0 || run_path(r->model, r->folder, "model", err) != 0) return -1;
    if (opt_flag(r->o, "resume") && may_resume(r, err) != 0) return -1;
    if (r->kind->open(r, err) != 0) return -1;
    const TrainTask task = r->kind->what(&r->task);
    r->trainer = train_new(&r->config, &task, r->kind->start, err);
    if (r->trainer == NULL) return -1;
    if (opt_has(r->o, "from") && prior_task_begin(&r->task.prior, r->trainer, opt_string(r->o, "from"), r->from, err) != 0) return -1;
    if (r->from[0] != '\0') {
        r->task.prior.high_from = 0;
        r->task.prior.high_every = PRIOR_HIGH_EVERY_ON;
    }
    int status = opt_flag(r->o, "resume") ? resume(r, err) : bytes_put(&r->log, log_head, sizeof log_head - 1, err);
    if (status == 0 && !opt_flag(r->o, "resume")) status = checkpoint(r, err);
    if (status == 0) status = loop(r, err);
    if (status != 0) return -1;
    printf("%s: %ld of %ld steps, %s\n", r->folder, train_step_number(r->trainer), r->config.steps, REAL_NAME);
    return 0;
}

int cmd_train(int argc, char *const *argv)
{
    int code;
    Options *o = cli_options(&command, argc, argv, &code);
    if (o == NULL) return code;
    Err err = { 0 };
    Training r = { .o = o, .folder = opt_string(o, "out") };
    struct sigaction action = { .sa_handler = on_interrupt };
    if (opt_has(o, "threads")) par_threads_set(opt_int(o, "threads"));
    sigaction(SIGINT, &action, NULL);
    const int status = train(&r, &err);
    train_free(r.trainer);
    if (r.kind != NULL) r.kind->close(&r.task);
    bytes_free(&r.log);
    opt_free(o);
    return status == 0 ? EXIT_FINE : cli_trouble(&err);
}
