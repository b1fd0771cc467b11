/* cmd_bench_estimators.c -- sdref bench estimators: every estimator distils the same prompts with one budget of calls of the prior
 *
 * A run each, as `sdref distill` makes it with its defaults for that estimator, with the same seed. What came out is shown in a sheet, a row an estimator:
 * of an image itself, of a volume the view of image_view and the one from behind it; and the judge (ref/judge.h) says of how many of the run's views
 * it recognises the prompt's object and colour. That is no verdict on the estimators: learning rates and schedules are one for all, but for what --each says.
 */
#include "ref/bench_options.h"
#include "ref/cli.h"
#include "ref/csv.h"
#include "ref/judge.h"
#include "ref/progress.h"
#include "render/picture.h"
#include "render/png.h"
#include "tensor/par.h"
#include "tensor/text.h"
#include "weights/file.h"

#include <stdio.h>
#include <string.h>

enum { PROMPTS = 6, SIDES = 2, CELLS = BENCH_ESTIMATORS * PROMPTS * SIDES, LABEL = 48 };

static const char *const examples[] = {
    "sdref bench estimators \"a red mug\" \"a yellow duck\" --prior weights/prior --guidance 3 --field image --budget 1000 --sheet sheet.png",
    "sdref bench estimators \"a yellow duck\" --estimators sds,sdi --budget 4000 --csv duck.csv",
    "sdref bench estimators \"a red mug\" --estimators sds,sdi,ism --each sdi:guidance-inverse=0,ism:t-max=0.8,ism:lr=0.1",
    NULL
};
static const Option own[] = {
    { "Options", "estimators", OPT_STRING, OPT_RESULT, NULL, "LIST", "with commas between them. Default: all, but of a volume not dsd_star", 0, 0, NULL },
    { "Options", "each", OPT_STRING, OPT_RESULT, NULL, "LIST", "what one estimator has otherwise: NAME:OPTION=VALUE, with commas between them", 0, 0, NULL },
    { "Options", "budget", OPT_INT, OPT_RESULT, "1000", "CALLS", "predictions of the prior, and of vsd's LoRA, in each run", 1, 2000000000, NULL },
    { "Options", "judge", OPT_STRING, OPT_RESULT, JUDGE_FOLDER, "FOLDER", "the network that says what a view shows, of 64 pixels a side", 0, 0, NULL },
    { "Options", "sheet", OPT_STRING, OPT_HOST, NULL, "FILE", "the pictures as a PNG; an older file is replaced, here and below", 0, 0, NULL },
    { "Options", "csv", OPT_STRING, OPT_HOST, NULL, "FILE", "a row a run", 0, 0, NULL },
};
/* Of distill, but not here: said otherwise above, or of no use. */
static const char left_out[] = "preset estimator steps budget truncated-anneal eval-every out resume overwrite checkpoint-every reference reference-view reference-weight";
static const Command command = {
    "bench estimators", "every estimator's pictures at one budget, side by side", "sdref bench estimators PROMPT [PROMPT ...] [options]", examples,
    own, sizeof own / sizeof own[0], 1, PROMPTS, "PROMPT (as distill takes it)",
};

typedef struct Result {
    long steps, calls;
    int views, right;                 /* right -1: nobody can say, the prompt is of no scene, or the views are not the judge's size */
    Score score;                      /* where there is a truth */
    int truth;
} Result;

typedef struct Bench {
    BenchAsked asked;
    const Judge *judge;
    Picture cell[CELLS];              /* in the order of the sheet */
    char label[CELLS][LABEL];
    int cells, sides;
    Bytes csv;
} Bench;

/* ---- one run ---- */

static int judged(Result *r, const Run *run, const Judge *judge, Err *err)
{
    const int side = run->distill->config.resolution;
    const size_t n = 3 * (size_t)side * (size_t)side;
    View view[HELD_OUT];
    Verdict verdict[HELD_OUT];
    r->views = run_views(view, run);
    r->right = -1;
    if (!run->known || side != JUDGE_SIDE) return 0;
    real *x = mem_new((size_t)r->views * n, sizeof(real), "views", err);
    int status = x == NULL ? -1 : 0;
    for (int i = 0; i < r->views && status == 0; i++) status = distill_picture(x + (size_t)i * n, NULL, NULL, NULL, run->distill, &view[i], side, side, err);
    for (size_t i = 0; i < (size_t)r->views * n && status == 0; i++) x[i] = r_fma(R(2.0), x[i], R(-1.0));
    if (status == 0) status = judge_pictures(verdict, NULL, judge, x, r->views, err);
    r->right = 0;
    for (int i = 0; i < r->views && status == 0; i++)
        r->right += verdict[i].is[JUDGE_OBJECT] == run->object && verdict[i].is[JUDGE_COLOUR] == run->colour;
    mem_free(x);
    return status;
}

static int show(Bench *b, const Run *run, const Result *r, Err *err)
{
    const int side = run->distill->config.resolution;
    const char *name = b->asked.estimator[b->cells / (b->sides * opt_args(b->asked.o))]->name;
    real *rgb = mem_new(3 * (size_t)side * (size_t)side, sizeof(real), "picture", err);
    int status = rgb == NULL ? -1 : 0;
    for (int k = 0; k < b->sides && status == 0; k++) {
        View view = image_view(&run->distill->config.range);
        view.azimuth = wrap_azimuth(view.azimuth + R(180.0) * (real)k);
        status = distill_picture(rgb, NULL, NULL, NULL, run->distill, &view, side, side, err);
        if (status == 0) status = picture_from_planar(&b->cell[b->cells], rgb, side, side, name, err);
        if (k > 0) b->label[b->cells][0] = '\0';
        else if (r->right < 0) snprintf(b->label[b->cells], LABEL, "%s", name);
        else snprintf(b->label[b->cells], LABEL, "%s %d/%d", name, r->right, r->views);
        b->cells++;
    }
    mem_free(rgb);
    return status;
}

static const char *each_list(const Bench *b)
{
    return opt_has(b->asked.o, "each") ? opt_string(b->asked.o, "each") : NULL;
}

static int run_to_end(Run *run, Progress *progress, long before)
{
    Distill *d = run->distill;
    StepLog log;
    while (distill_done(d) < distill_length(d)) {
        if (distill_step(d, &log) != 0) return -1;
        progress_step(progress, before + d->calls, d->config.draw.estimator->name);
    }
    return 0;
}

static int one_run(Result *r, Bench *b, const Estimator *e, const char *prompt, Progress *progress, long before, Err *err)
{
    Run run;
    char length[24];
    const int star = e->grad == dsd_star_grad, budget = opt_int(b->asked.o, "budget");
    Options *o = opt_new(&distill_command, err);
    int status = o == NULL ? -1 : 0;
    snprintf(length, sizeof length, "%d", star ? (budget + 3) / 4 : budget);      /* a step of DSD* is of four predictions at most, and its levels are chosen before */
    if (status == 0) status = opt_load(o, "estimator", e->name, "--estimators", err);
    if (status == 0) status = opt_load(o, star ? "steps" : "budget", length, "--budget", err);
    if (status == 0) status = bench_load_given(o, &b->asked, e, err);
    if (status == 0) status = bench_load_each(o, &b->asked, each_list(b), e, err);
    if (status == 0) status = run_open(&run, o, prompt, "", err);
    if (status == 0) {
        status = run_to_end(&run, progress, before);
        *r = (Result){ .steps = run.distill->step, .calls = run.distill->calls, .truth = run.truth };
        if (status == 0) status = judged(r, &run, b->judge, err);
        if (status == 0 && run.truth) status = run_score(&r->score, &run, err);
        if (status == 0) status = show(b, &run, r, err);
        run_close(&run);
    }
    opt_free(o);
    return status;
}

/* ---- all of them ---- */

static int report(Bench *b, const Estimator *e, const char *prompt, const Result *r, Err *err)
{
    char right[16] = "", score[48] = "", row[128];
    if (r->right >= 0) snprintf(right, sizeof right, "%d", r->right);
    if (r->truth) snprintf(score, sizeof score, "%.2f,%.2f", text_shown(r->score.whole), text_shown(r->score.object));
    printf("%-9s %-28.28s %6ld %7ld  %4s of %d  %s\n", e->name, prompt, r->steps, r->calls, r->right < 0 ? "-" : right, r->views, r->truth ? score : "-");
    const int n = snprintf(row, sizeof row, ",%ld,%ld,%s,%d,%s\n", r->steps, r->calls, right, r->views, r->truth ? score : ",");
    bytes_put(&b->csv, e->name, strlen(e->name), err);
    bytes_byte(&b->csv, ',', err);
    csv_text(&b->csv, prompt, err);
    return bytes_put(&b->csv, row, (size_t)n, err);
}

static int sheet_write(const Bench *b, const char *path, Err *err)
{
    const char *labels[CELLS];
    Picture sheet = { 0 };
    Bytes png = { 0 };
    for (int i = 0; i < b->cells; i++) labels[i] = b->label[i];
    int status = picture_sheet(&sheet, b->cell, labels, b->cells, b->sides * opt_args(b->asked.o), 4, 1, err);
    if (status == 0) status = png_encode(&png, sheet.rgb, sheet.h, sheet.w, 3, NULL, 0, err);
    if (status == 0) status = file_write(path, png.p, png.n, err);
    bytes_free(&png);
    picture_free(&sheet);
    return status;
}

static int bench(Bench *b, Err *err)
{
    static const char head[] = "estimator,prompt,steps,calls,right,views,psnr,psnr_object\n";
    const Options *o = b->asked.o;
    const int prompts = opt_args(o);
    const long budget = opt_int(o, "budget");
    Progress progress;
    int status = bytes_put(&b->csv, head, sizeof head - 1, err);
    progress_start(&progress, "call", 0, budget * b->asked.count * prompts, opt_flag(o, "quiet"));
    for (int i = 0; i < b->asked.count; i++)
        for (int j = 0; j < prompts && status == 0; j++) {
            Result r = { 0 };
            status = one_run(&r, b, b->asked.estimator[i], opt_arg(o, j), &progress, budget * (i * prompts + j), err);
            progress_clear(&progress);
            if (status == 0 && i + j == 0) printf("%-9s %-28s %6s %7s  %9s  %s\n", "", "prompt", "steps", "calls", "judged", "psnr, of the object");
            if (status == 0) status = report(b, b->asked.estimator[i], opt_arg(o, j), &r, err);
            fflush(stdout);
        }
    progress_end(&progress);
    if (status == 0 && opt_has(o, "csv")) status = file_write(opt_string(o, "csv"), b->csv.p, b->csv.n, err);
    if (status == 0 && opt_has(o, "sheet")) status = sheet_write(b, opt_string(o, "sheet"), err);
    return status;
}

int cmd_bench_estimators(int argc, char *const *argv)
{
    static const char *const volume = "sds,csd,nfsd,sdi,ism,vsd,asd,dsd,cds,fsd,ssd", *const image = "sds,csd,nfsd,sdi,ism,vsd,asd,dsd,dsd_star,cds,fsd,ssd";
    int code;
    BenchTable table;
    bench_table(&table, &command, left_out);
    Options *o = cli_options(&table.command, argc, argv, &code);
    if (o == NULL) return code;
    Err err = { 0 };
    if (opt_has(o, "threads")) par_threads_set(opt_int(o, "threads"));
    const int flat = opt_choice(o, "field") == 0;
    Bench *b = mem_new(1, sizeof *b, "bench", &err);
    Judge *judge = NULL;
    int status = b == NULL ? -1 : 0;
    if (status == 0) {
        b->asked = (BenchAsked){ .o = o, .table = &table };
        b->sides = flat ? 1 : SIDES;
        status = bench_read_estimators(&b->asked, flat ? image : volume, flat ? image : volume, "it follows one image: --field image", &err);
    }
    if (status == 0) status = bench_check_own(&b->asked, &err);
    if (status == 0) status = bench_check_each(&b->asked, each_list(b), &err);
    if (status == 0) {
        b->judge = judge = judge_open(opt_string(o, "judge"), &err);
        status = judge == NULL ? -1 : bench(b, &err);
    }
    for (int i = 0; b != NULL && i < b->cells; i++) picture_free(&b->cell[i]);
    if (b != NULL) bytes_free(&b->csv);
    mem_free(b);
    judge_free(judge);
    opt_free(o);
    return status == 0 ? EXIT_FINE : cli_trouble(&err);
}
