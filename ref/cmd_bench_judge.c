/* cmd_bench_judge.c -- sdref bench judge: how often the judge is right on fresh pictures, and how its weights are made */
#include "ref/bench_prior.h"
#include "ref/cli.h"
#include "ref/progress.h"
#include "tensor/par.h"

#include <stdio.h>

enum { MISTAKES = 12, STEPS = 6000 };                      /* shown of each head; of judge_recipe */

static const char *const examples[] = {
    "sdref bench judge                               # how often the shipped judge is right",
    "sdref bench judge runs/judge --train            # makes the shipped file again (20 minutes of one core)",
    NULL
};
static const Option options[] = {
    { "Options", "count", OPT_INT, OPT_RESULT, "2000", "N", "fresh pictures", 1, 1000000, NULL },
    { "Options", "train", OPT_FLAG, OPT_HOST, NULL, NULL, "first train the judge from nothing, into FOLDER", 0, 0, NULL },
    { "Options", "until", OPT_INT, OPT_HOST, NULL, "N", "with --train: stop after step N; default: all of them", 1, STEPS, NULL },
    { "Options", "threads", OPT_INT, OPT_HOST, NULL, "N", "default: all cores; changes no bit", 1, 1024, NULL },
    { "Options", "quiet", OPT_FLAG, OPT_HOST, NULL, NULL, "no progress", 0, 0, NULL },
};
static const Command command = {
    "bench judge", "how often the judge of samples is right on fresh pictures", "sdref bench judge [FOLDER] [options]", examples,
    options, sizeof options / sizeof options[0], 0, 1, "FOLDER",
};

/* ---- training ---- */

static void train_progress(void *self, long done, double loss)
{
    char note[32];
    snprintf(note, sizeof note, "loss %.3f", loss);
    progress_step(self, done, note);
}

static int train(const Options *o, Err *err)
{
    const TrainConfig recipe = judge_recipe();
    BUG_IF(recipe.steps != STEPS, "a recipe of %ld steps", recipe.steps);
    if (opt_args(o) == 0) return err_set(err, "--train: found no FOLDER, expected the one that the judge is to be written to");
    const long until = opt_has(o, "until") ? opt_int(o, "until") : recipe.steps;
    Progress progress;
    progress_start(&progress, "step", 0, until, opt_flag(o, "quiet"));
    const int status = judge_train(opt_arg(o, 0), &recipe, until, train_progress, &progress, err);
    progress_end(&progress);
    return status;
}

/* ---- measuring ---- */

/* The most frequent mistakes of one head: what it is, what it was taken for, how often. */
static void print_mistakes(const JudgeScore *s, int head)
{
    static const char *const names[JUDGE_HEADS] = { "objects", "colours", "views" };
    JudgeScore left = *s;
    const int n = judge_classes(head);
    printf("%s taken for others:", names[head]);
    for (int i = 0; i < n; i++) left.taken[head][i][i] = 0;
    for (int k = 0; k < MISTAKES; k++) {
        int is = 0, taken = 0;
        for (int i = 0; i < n * n; i++)
            if (left.taken[head][i / n][i % n] > left.taken[head][is][taken]) {
                is = i / n;
                taken = i % n;
            }
        if (left.taken[head][is][taken] == 0) break;
        printf("%s %s for %s %d", k == 0 ? "" : ",", judge_class_name(head, is), judge_class_name(head, taken), left.taken[head][is][taken]);
        left.taken[head][is][taken] = 0;
    }
    printf("\n");
}

static int measure(const Judge *judge, const Options *o, Err *err)
{
    static const struct { const char *name; real noise; int blur; } how[] = {
        { "as they are", R(0.0), 0 }, { "noise 0.05", R(0.05), 0 }, { "noise 0.2", R(0.2), 0 }, { "blurred 3x3", R(0.0), 1 },
    };
    enum { WAYS = sizeof how / sizeof how[0] };
    const int count = opt_int(o, "count");
    JudgeScore s[WAYS];
    Progress progress;
    int status = 0;
    progress_start(&progress, "picture", 0, (long)WAYS * count, opt_flag(o, "quiet"));
    for (int i = 0; i < WAYS && status == 0; i++) {
        progress_step(&progress, (long)i * count, how[i].name);
        status = judge_measure(&s[i], NULL, judge, BENCH_STREAM, 0, count, how[i].noise, how[i].blur, err);
    }
    progress_end(&progress);
    for (int i = 0; i < WAYS && status == 0; i++) judge_print(stdout, how[i].name, &s[i]);
    for (int head = 0; head < JUDGE_HEADS && status == 0; head++) print_mistakes(&s[0], head);
    return status;
}

int cmd_bench_judge(int argc, char *const *argv)
{
    int code;
    Options *o = cli_options(&command, argc, argv, &code);
    if (o == NULL) return code;
    Err err = { 0 };
    int status = 0;
    if (opt_has(o, "threads")) par_threads_set(opt_int(o, "threads"));
    if (opt_has(o, "until") && !opt_flag(o, "train")) status = err_set(&err, "--until: found without --train, expected with it");
    if (status == 0 && opt_flag(o, "train")) status = train(o, &err);
    Judge *judge = status == 0 ? judge_open(opt_args(o) > 0 ? opt_arg(o, 0) : JUDGE_FOLDER, &err) : NULL;
    status = judge == NULL ? -1 : measure(judge, o, &err);
    judge_free(judge);
    opt_free(o);
    return status == 0 ? EXIT_FINE : cli_trouble(&err);
}
