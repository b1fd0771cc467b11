/* cmd_distill.c -- sdref distill: settings, checkpoints, resume, the log, the closing summary */
#include "ref/cli.h"
#include "ref/compare.h"
#include "ref/progress.h"
#include "ref/run.h"
#include "tensor/par.h"
#include "tensor/text.h"
#include "weights/file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;
static void on_interrupt(int signal_number) { (void)signal_number; interrupted = 1; }

enum { HEAD_ROOM = 256, ROW_ROOM = 224 + REGULARISERS * TEXT_DOUBLE_MAX };

/* A LoRA adds its loss, each regulariser that the run has a column. */
static size_t log_head(char head[HEAD_ROOM], const Run *run)
{
    size_t n = (size_t)snprintf(head, HEAD_ROOM, "step,t,grad_rms,psnr,psnr_object,calls%s", run->lora != NULL ? ",lora_loss" : "");
    for (int i = 0; i < REGULARISERS; i++)
        if (regulariser_used(&run->distill->config.regularising, (Regulariser)i))
            n += (size_t)snprintf(head + n, HEAD_ROOM - n, ",%s", regulariser_info[i].name);
    for (size_t i = 0; i < n; i++)
        if (head[i] == '-') head[i] = '_';
    return n + (size_t)snprintf(head + n, HEAD_ROOM - n, "\n");
}

/* One row; without a score its columns stay empty, and so do those of regularisers whose weight is 0 in this step. */
static int log_row(Bytes *log, long step, const StepLog *s, const Score *score, const Run *run, Err *err)
{
    const Regularising *r = &run->distill->config.regularising;
    char grad[TEXT_DOUBLE_MAX], whole[TEXT_DOUBLE_MAX] = "", object[TEXT_DOUBLE_MAX] = "", loss[TEXT_DOUBLE_MAX + 1] = "", row[ROW_ROOM];
    real weight[REGULARISERS];
    text_from_double(grad, (double)s->grad_rms);
    if (run->lora != NULL) {
        loss[0] = ',';
        text_from_double(loss + 1, (double)s->lora_loss);
    }
    if (score != NULL) {
        text_from_double(whole, score->whole);
        if (isfinite(score->object)) text_from_double(object, score->object);      /* not so when the object covers no pixel */
    }
    size_t n = (size_t)snprintf(row, sizeof row, "%ld,%d,%s,%s,%s,%ld%s", step, s->t, grad, whole, object, run->distill->calls, loss);
    regulariser_weights(weight, r, step);
    for (int i = 0; i < REGULARISERS; i++) {
        if (!regulariser_used(r, (Regulariser)i)) continue;
        row[n++] = ',';
        if (weight[i] != 0) text_from_double(row + n, (double)s->regulariser[i]);
        n += weight[i] != 0 ? strlen(row + n) : 0;
    }
    row[n++] = '\n';
    return bytes_put(log, row, n, err);
}

/* The log as it stood at the run's step: one row a step; rows of later steps are dropped, they will be made again. */
static int log_read(Bytes *log, const Run *run, const char *path, Err *err)
{
    const long step = run->distill->step;
    void *text = NULL;
    size_t n = 0;
    char head[HEAD_ROOM];
    const size_t head_n = log_head(head, run);
    if (step == 0) return bytes_put(log, head, head_n, err);
    if (file_read(&text, &n, path, (size_t)1 << 30, err) != 0) return -1;
    const char *at = text;
    int status = 0;
    if (strncmp(at, head, head_n) != 0) status = err_set(err, "%s: expected the heading of a log of sdref", path);
    for (long line = 0; line <= step && status == 0; line++) {
        const char *end = strchr(at, '\n');
        if (end == NULL) status = err_set(err, "%s: found %ld rows, expected at least %ld: the checkpoint is of that step", path, line - 1, step);
        else status = bytes_put(log, at, (size_t)(end - at) + 1, err);
        at = end == NULL ? at : end + 1;
    }
    mem_free(text);
    return status;
}

/* The log first: a state without its rows could not be resumed to the same bytes, rows without a state can. */
static int checkpoint(const Run *run, const Bytes *log, Err *err)
{
    char path[PATH_BYTES];
    if (run_path(path, run->folder, "log.csv", err) != 0 || file_write(path, log->p, log->n, err) != 0) return -1;
    if (run_path(path, run->folder, "state.safetensors", err) != 0) return -1;
    return distill_save(run->distill, path, err);
}

static int note_time(const Run *run, long first, double seconds, Err *err)
{
    char path[PATH_BYTES];
    if (run_path(path, run->folder, "time.csv", err) != 0) return -1;
    FILE *f = fopen(path, "a");
    if (f == NULL) return err_set(err, "%s: cannot be written: %s", path, strerror(errno));
    fprintf(f, "steps %ld to %ld,%.3f s,%d threads\n", first, run->distill->step, seconds, par_threads());
    if (fclose(f) != 0) return err_set(err, "%s: cannot be written: %s", path, strerror(errno));
    return 0;
}

/* Steps until the end, an error or an interrupt; the last checkpoint is written in every case but an error. */
static int steps_run(Run *run, Bytes *log, const Options *o, Err *err)
{
    Distill *d = run->distill;
    const long length = distill_length(d), first = d->step;
    const int every = opt_int(o, "checkpoint-every"), look = opt_int(o, "eval-every");
    const double start = progress_clock();
    Progress progress;
    char note[64] = "";
    int status = 0;
    progress_start(&progress, d->config.budget > 0 ? "call" : "step", distill_done(d), length, opt_flag(o, "quiet"));
    while (distill_done(d) < length && !interrupted && status == 0) {
        StepLog s = { 0 };
        Score score;
        const long step = d->step;
        status = distill_step(d, &s);
        if (status != 0) break;
        const int over = distill_done(d) >= length, looked = run->truth && (d->step % look == 0 || over);
        if (looked) status = run_score(&score, run, err);
        if (looked) snprintf(note, sizeof note, "psnr %.1f dB", score.whole);
        else if (run->lora != NULL && !run->truth) snprintf(note, sizeof note, "LoRA's loss %.4f", (double)s.lora_loss);
        if (status == 0) status = log_row(log, step, &s, looked ? &score : NULL, run, err);
        if (status == 0 && (d->step % every == 0 || over)) status = checkpoint(run, log, err);
        progress_step(&progress, over ? length : distill_done(d), note);
    }
    progress_end(&progress);
    if (status == 0 && interrupted && distill_done(d) < length) status = checkpoint(run, log, err);
    if (status == 0) status = note_time(run, first, progress_clock() - start, err);
    return status;
}

static int print_score(const Run *run, int views, Err *err)
{
    Score score;
    if (!run->truth) {
        printf("  PSNR                           none: %s\n", run->known ? "an image has a truth only under the exact prior's --condition posed"
                                                                       : "the prompt is of no scene whose look is known");
        return 0;
    }
    if (run_score(&score, run, err) != 0) return -1;
    if (views == 1) printf("  PSNR                           ");
    else if (run->distill->config.particles > 1) printf("  PSNR over %d pictures         ", views);
    else printf("  PSNR over %d held-out views    ", views);
    printf("%.1f dB, ", score.whole);
    if (isfinite(score.object)) printf("%.1f dB over the object's own pixels\n", score.object);
    else printf("and the object covers no pixel of some\n");
    return 0;
}

static int summary(Run *run, const char *digest, Err *err)
{
    int recognised = 0;
    double reference = 0;
    View view[HELD_OUT];
    const int views = run_views(view, run) * run->distill->config.particles, image = run->distill->config.field == FIELD_IMAGE;
    if (run->known && run_recognised(&recognised, run, err) != 0) return -1;
    printf("%s: %s, %ld steps, %s\n", run->folder, run->prompt, run->distill->step, REAL_NAME);
    if (run->distill->config.budget > 0) printf("  calls of the prior             %ld, of a budget of %ld\n", run->distill->calls, run->distill->config.budget);
    if (print_score(run, views, err) != 0) return -1;
    if (run->reference != NULL && run_reference_score(&reference, run, err) != 0) return -1;
    if (run->reference != NULL) printf("  PSNR to the reference          %.1f dB, at its view\n", reference);
    if (run->known)
        printf("  the %s posterior says     \"%s\" in %d of %d %s%s\n", run->pipeline == NULL ? "prior's" : "scenes'", run->prompt, recognised,
               views, run->distill->config.particles > 1 ? "picture" : "view", views == 1 ? "" : "s");
    if (run->distill->occupancy != NULL) printf("  occupancy grid                 %.0f %% of its cells are live\n", 100 * occupancy_share(run->distill->occupancy));
    printf("  pictures                       %s/sheet.png, %sviews/\n", run->folder, image ? "" : "turntable.gif, ");
    printf("  sha256 of sheet.png            %s\n", digest);
    return 0;
}

/* A fresh folder, or one that --overwrite or --resume allows. *found: there is a run in it. */
static int folder_ready(const Options *o, const char *folder, int *found, Err *err)
{
    char path[PATH_BYTES];
    if (run_path(path, folder, "run.json", err) != 0) return -1;
    *found = file_exists(path);
    if (opt_flag(o, "resume") && opt_flag(o, "overwrite")) return err_set(err, "--overwrite: found beside --resume, expected one of the two");
    if (opt_flag(o, "resume") && !*found) return err_set(err, "--resume: %s is not there; expected a run in --out", path);
    if (*found && !opt_flag(o, "resume") && !opt_flag(o, "overwrite"))
        return err_set(err, "--out: %s holds a run already; --resume goes on with it, --overwrite starts again", folder);
    return 0;
}

/* --resume: settings from run.json; what the command line says beside must say the same. */
static int settings_resume(Options *o, char **prompt, const char *folder, Err *err)
{
    if (run_settings_read(o, prompt, folder, err) != 0) return -1;
    if (opt_args(o) > 0 && strcmp(opt_arg(o, 0), *prompt) != 0)
        return err_set(err, "PROMPT: found '%s', but the run in %s is of '%s'", opt_arg(o, 0), folder, *prompt);
    return 0;
}

static int settings_fresh(const Options *o, char **prompt, Err *err)
{
    if (opt_args(o) == 0) return err_set(err, "PROMPT: none found, expected \"a COLOUR OBJECT\" (`sdref help prompts` lists the words), or any text for a folder");
    *prompt = mem_new(strlen(opt_arg(o, 0)) + 1, 1, "prompt", err);
    if (*prompt == NULL) return -1;
    strcpy(*prompt, opt_arg(o, 0));
    return 0;
}

static int removed(const char *folder, const char *name, Err *err)
{
    char path[PATH_BYTES];
    if (run_path(path, folder, name, err) != 0) return -1;
    return file_exists(path) && unlink(path) != 0 ? err_set(err, "%s: cannot be removed: %s", path, strerror(errno)) : 0;
}

/* A run that starts again must never be resumed from what the old one left, so its settings go first; nor shown by its pictures and meshes. */
static int fresh_folder(const char *folder, Err *err)
{
    static const char *const old[] = { "run.json", "state.safetensors", "log.csv", "time.csv", "mesh.glb", "mesh.obj", "mesh.ply", "render/turntable.gif",
                                       "render/rgb.png", "render/depth.png", "render/opacity.png", "render/normal.png" };
    Listing listing = { 0 };
    int status = dir_make(folder, err);
    for (size_t i = 0; i < sizeof old / sizeof old[0] && status == 0; i++) status = removed(folder, old[i], err);
    if (status == 0) status = run_listing(&listing, folder, err);
    for (int i = 0; i < listing.n && status == 0; i++) {
        const size_t n = strlen(listing.name[i]);
        if (strcmp(listing.name[i] + n - 4, ".png") == 0 || strcmp(listing.name[i] + n - 4, ".gif") == 0) status = removed(folder, listing.name[i], err);
    }
    mem_free(listing.name);
    return status;
}

static void say_prior(const Run *run, const Options *o)
{
    const int dropped = run->network == NULL ? 0 : prior_dropped(run->network, COND_TEXT);
    if (run->pipeline != NULL && !opt_flag(o, "quiet")) fprintf(stderr, "%s: %s\n%s", run->pipeline->folder, run->pipeline->class, run->pipeline->found);
    if (dropped > 0)
        fprintf(stderr, "the prompt%s is too long: of its %d tokens the last %d were cut off\n",
                run->exact_config.condition == CONDITION_PROMPT ? "" : " with its view", run->pipeline->tokens - 2 + dropped, dropped);
}

static int distill_run(Run *run, Options *o, int resumed, Err *err)
{
    Bytes log = { 0 };
    char path[PATH_BYTES], digest[65], head[HEAD_ROOM];
    int status = 0;
    if (resumed) {
        status = run_model_check(run, err);
        if (status == 0) status = run_path(path, run->folder, "state.safetensors", err);
        if (status == 0 && file_exists(path)) status = distill_load(run->distill, path, err);
        if (status == 0) status = run_path(path, run->folder, "log.csv", err);
        if (status == 0) status = log_read(&log, run, path, err);
    } else {
        status = fresh_folder(run->folder, err);
        if (status == 0) status = run_settings_write(run, o, err);
        if (status == 0) status = bytes_put(&log, head, log_head(head, run), err);
    }
    if (status == 0) status = steps_run(run, &log, o, err);
    bytes_free(&log);
    if (status != 0) return -1;
    const Distill *d = run->distill;
    if (distill_done(d) < distill_length(d))
        return err_set(err, "stopped after %s %ld of %ld; `sdref distill --resume --out %s` goes on", d->config.budget > 0 ? "call" : "step", distill_done(d),
                       distill_length(d), run->folder);
    if (run_pictures(digest, run, err) != 0) return -1;
    return summary(run, digest, err);
}

int cmd_distill(int argc, char *const *argv)
{
    int code;
    Options *o = cli_options(&distill_command, argc, argv, &code);
    if (o == NULL) return code;
    Err err = { 0 };
    Run run = { 0 };
    char *prompt = NULL;
    const char *folder = opt_string(o, "out");
    int found = 0, status = 0;
    if (opt_has(o, "threads")) par_threads_set(opt_int(o, "threads"));
    if (folder == NULL) status = err_set(&err, "--out: none found, expected a folder for the run, such as runs/mug");
    if (status == 0) status = folder_ready(o, folder, &found, &err);
    if (status == 0) status = opt_flag(o, "resume") ? settings_resume(o, &prompt, folder, &err) : settings_fresh(o, &prompt, &err);
    if (status == 0) status = run_open(&run, o, prompt, folder, &err);
    if (status == 0) {
        struct sigaction action = { .sa_handler = on_interrupt };
        sigaction(SIGINT, &action, NULL);
        say_prior(&run, o);
        status = distill_run(&run, o, opt_flag(o, "resume"), &err);
        run_close(&run);
    }
    mem_free(prompt);
    opt_free(o);
    return status == 0 ? EXIT_FINE : cli_trouble(&err);
}
