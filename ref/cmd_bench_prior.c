/* cmd_bench_prior.c -- sdref bench prior: a folder, judged by its samples and its loss */
#include "ref/bench_prior.h"
#include "ref/cli.h"
#include "tensor/par.h"
#include "tensor/text.h"

#include <stdio.h>
#include <string.h>

#define PRIOR_FOLDER "weights/prior"

static const char *const examples[] = {
    "sdref bench prior                               # the shipped prior",
    "sdref bench prior runs/prior/model --count 24   # a quick look at another one",
    "sdref bench prior --count 360 --csv prior.csv --svg prior.svg --sheet prior.png",
    NULL
};
static const Option options[] = {
    { "Options", "count", OPT_INT, OPT_RESULT, "120", "N", "samples in each of three sets; 360: every prompt once", BENCH_COUNT_MIN, BENCH_COUNT_MAX, NULL },
    { "Options", "guidance", OPT_STRING, OPT_RESULT, "1,3,7.5", "LIST", "up to 8 numbers with commas between them", 0, 0, NULL },
    { "Options", "steps", OPT_INT, OPT_RESULT, "25", "N", "DDIM steps", 1, BENCH_STEPS_MAX, NULL },
    { "Options", "seed", OPT_UINT64, OPT_RESULT, "0", NULL, "of the samples' noise", 0, 0, NULL },
    { "Options", "judge", OPT_STRING, OPT_RESULT, JUDGE_FOLDER, "FOLDER", "the network that says what a sample shows", 0, 0, NULL },
    { "Options", "csv", OPT_STRING, OPT_HOST, NULL, "FILE", "the figures; an older file is replaced, here and below", 0, 0, NULL },
    { "Options", "svg", OPT_STRING, OPT_HOST, NULL, "FILE", "shares over guidance, as curves", 0, 0, NULL },
    { "Options", "sheet", OPT_STRING, OPT_HOST, NULL, "FILE", "80 samples at the middle guidance as a PNG, wrong ones framed", 0, 0, NULL },
    { "Options", "threads", OPT_INT, OPT_HOST, NULL, "N", "default: all cores; changes no bit", 1, 1024, NULL },
    { "Options", "quiet", OPT_FLAG, OPT_HOST, NULL, NULL, "no progress", 0, 0, NULL },
};
static const Command command = {
    "bench prior", "how good a prior is: its samples, judged, and its loss", "sdref bench prior [FOLDER] [options]", examples,
    options, sizeof options / sizeof options[0], 0, 1, "FOLDER",
};

/* "1,3,7.5" */
static int read_guidances(BenchConfig *c, const char *list, Err *err)
{
    const char *at = list;
    for (c->guidances = 0; c->guidances < BENCH_GUIDANCES; c->guidances++) {
        char one[32];
        double value;
        const size_t n = strcspn(at, ",");
        snprintf(one, sizeof one, "%.*s", (int)(n < sizeof one ? n : sizeof one), at);
        if (text_to_double(&value, one) != 0 || !(value >= 0 && value <= 1000)) break;
        c->guidance[c->guidances] = (real)value;
        at += n;
        if (*at++ != ',') {
            c->guidances++;
            return 0;
        }
    }
    return err_set(err, "--guidance: found '%.60s', expected 1 to %d numbers from 0 to 1000 with commas between them", list, BENCH_GUIDANCES);
}

static int run(const Options *o, Err *err)
{
    BenchConfig config = { .count = opt_int(o, "count"), .pictures = BENCH_PICTURES, .seed = opt_uint64(o, "seed"), .quiet = opt_flag(o, "quiet") };
    BenchModel model;
    BenchPrior b = { 0 };
    if (read_guidances(&config, opt_string(o, "guidance"), err) != 0) return -1;
    BenchFolder *folder = bench_folder_open(&model, opt_args(o) > 0 ? opt_arg(o, 0) : PRIOR_FOLDER, opt_int(o, "steps"), err);
    Judge *judge = folder == NULL ? NULL : judge_open(opt_string(o, "judge"), err);
    int status = judge == NULL ? -1 : bench_prior(&b, &model, judge, &config, err);
    if (status == 0) bench_prior_print(stdout, &b, &model);
    if (status == 0 && opt_has(o, "csv")) status = bench_prior_csv(&b, &model, opt_string(o, "csv"), err);
    if (status == 0 && opt_has(o, "svg")) status = bench_prior_svg(&b, &model, opt_string(o, "svg"), err);
    if (status == 0 && opt_has(o, "sheet")) status = bench_prior_sheet(&b, &model, opt_string(o, "sheet"), err);
    bench_prior_free(&b);
    judge_free(judge);
    bench_folder_close(folder);
    return status;
}

int cmd_bench_prior(int argc, char *const *argv)
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
