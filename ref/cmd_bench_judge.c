/* cmd_bench_judge.c -- sdref bench judge: the errors of the ruler, and how it is made */
#include "ref/bench_prior.h"
#include "ref/cli.h"
#include "ref/progress.h"
#include "tensor/par.h"

#include <stdio.h>

enum { PICTURES = 2000, MISTAKES = 12 };

static const char *const examples[] = {
    "sdref bench judge                               # the errors of the shipped judge",
    "sdref bench judge runs/judge --train            # makes the same file again",
    NULL
};
static const Option options[] = {
    { "Options", "train", OPT_FLAG, OPT_HOST, NULL, NULL, "first make it again, from nothing, in FOLDER", 0, 0, NULL },
    { "Options", "threads", OPT_INT, OPT_HOST, NULL, "N", "default: all cores; changes no bit", 1, 1024, NULL },
    { "Options", "quiet", OPT_FLAG, OPT_HOST, NULL, NULL, "no progress", 0, 0, NULL },
};
static const Command command = {
    "bench judge", "how often the judge of pictures is right", "sdref bench judge [FOLDER] [options]", examples,
    options, sizeof options / sizeof options[0], 0, 1, "FOLDER",
};

static void train_progress(void *self, long done, double loss)
{
    char note[32];
    snprintf(note, sizeof note, "loss %.3f", loss);
    progress_step(self, done, note);
}

static int train(const char *folder, const Options *o, Err *err)
{
    const TrainConfig recipe = judge_recipe();
    Progress progress;
    progress_start(&progress, "step", 0, recipe.steps, opt_flag(o, "quiet"));
    const int status = judge_train(folder, &recipe, train_progress, &progress, err);
    progress_end(&progress);
    return status;
}

/* The most frequent mistakes of one head. */
static void print_mistakes(const JudgeScore *s, int head)
{
    static const char *const names[] = { "object", "colour", "view" };
    JudgeScore left = *s;
    const int n = judge_classes(head);
    printf("%s taken for another:", names[head]);
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

static int run(const Options *o, Err *err)
{
    static const struct { const char *name; real noise; int blur; } how[] = {
        { "as they are", R(0.0), 0 }, { "noise 0.05", R(0.05), 0 }, { "noise 0.2", R(0.2), 0 }, { "blurred 3x3", R(0.0), 1 },
    };
    const char *folder = opt_args(o) > 0 ? opt_arg(o, 0) : JUDGE_FOLDER;
    JudgeScore first = { 0 };
    if (opt_flag(o, "train") && train(folder, o, err) != 0) return -1;
    Judge *judge = judge_open(folder, err);
    int status = judge == NULL ? -1 : 0;
    for (size_t i = 0; i < sizeof how / sizeof how[0] && status == 0; i++) {
        JudgeScore s;
        status = judge_measure(&s, judge, BENCH_STREAM, PICTURES, how[i].noise, how[i].blur, err);
        if (status == 0) judge_print(stdout, how[i].name, &s);
        if (i == 0) first = s;
    }
    for (int head = 0; head < JUDGE_HEADS && status == 0; head++) print_mistakes(&first, head);
    judge_free(judge);
    return status;
}

int cmd_bench_judge(int argc, char *const *argv)
{
    int code;
    Options *o = cli_options(&command, argc, argv, &code);
    if (o == NULL) return code;
    Err err = { 0 };
    if (opt_has(o, "threads")) par_threads_set(opt_int(o, "threads"));
    const int status = run(o, &err);
    opt_free(o);
    return status == 0 ? EXIT_FINE : cli_trouble(&err);
}
