/* bench_prior.c -- the three sets of samples and what is counted in them
 *
 * Distances of pictures by sumsq_diff16; sums over samples ascending, in binary64.
 */
#include "ref/bench_prior.h"
#include "ref/bench_near.h"
#include "ref/dataset.h"
#include "ref/judge_net.h"
#include "ref/progress.h"
#include "render/scene.h"
#include "tensor/elem.h"
#include "tensor/par.h"
#include "tensor/sum.h"

#include <stdio.h>
#include <string.h>

enum { SET_PROMPTS, SET_VIEWS, SET_OPEN, SETS };
enum { OPEN_COLOUR, OPEN_OBJECT, OPEN_ALL, OPEN_VIEW, OPENS };          /* what sample i of SET_OPEN leaves open: i % OPENS */
enum { THING = 0, HUE = 0, APART = 1000 };                              /* a mug, red; seeds of two sets are this far apart */
enum { PAIRED = 32 };                                                   /* pictures of the stream whose distances are measured */
enum { PIXELS = 3 * JUDGE_SIDE * JUDGE_SIDE };

static const ViewLabel suffix[BENCH_VIEWS] = { VIEW_FRONT, VIEW_LEFT, VIEW_RIGHT, VIEW_SIDE, VIEW_BACK, VIEW_OVERHEAD };

typedef struct Job {
    char prompt[CAPTION_BYTES];
    int object, colour;
    uint64_t seed;
    real *x;                                                            /* (3,64,64), borrowed */
    Verdict verdict;
    int near;                                                           /* in the stream's cloud? */
    Err err;
} Job;

/* What samples are held against. */
typedef struct Ruler {
    const Judge *judge;
    NearSet near;                                                       /* pictures of the stream */
    double near_share, spread;                                          /* of others: the share in that cloud; the mean distance of two red mugs */
} Ruler;

/* ---- prompts ---- */

/* Pair i of the 360, each once; objects and colours both come evenly from the first on (5 and 12 have no common divisor). */
static void pair_of(int *object, int *colour, int i)
{
    const int objects = scene_object_count();
    *object = i % objects;
    *colour = (5 * (i / objects) + i) % scene_colour_count();
}

static int job_of(Job *job, int set, int i, const BenchConfig *config, Err *err)
{
    char plain[CAPTION_BYTES];
    *job = (Job){ .object = THING, .colour = HUE, .seed = config->seed + (uint64_t)(APART * set + i) };
    if (set == SET_OPEN) {
        const int open = i % OPENS;
        if (open != OPEN_ALL) dataset_prompt(job->prompt, open == OPEN_OBJECT ? -1 : THING, open == OPEN_COLOUR ? -1 : HUE);
        return 0;
    }
    const int v = i % BENCH_VIEWS, views = BENCH_COUNT_MAX / BENCH_VIEWS;
    pair_of(&job->object, &job->colour, set == SET_PROMPTS ? i : i / BENCH_VIEWS + views * v);
    dataset_prompt(plain, job->object, job->colour);
    if (set == SET_VIEWS) return view_prompt(job->prompt, CAPTION_BYTES, plain, suffix[v], err);
    strcpy(job->prompt, plain);
    return 0;
}

/* ---- what is counted ---- */

static int seen_from(int class, ViewLabel wanted)
{
    const int left = judge_view_class(VIEW_LEFT), right = judge_view_class(VIEW_RIGHT);
    return wanted == VIEW_SIDE ? class == left || class == right : class == judge_view_class(wanted);
}

/* exp of the entropy of a histogram. */
static double effective(const int *histogram, int classes)
{
    double n = 0, entropy = 0;
    for (int i = 0; i < classes; i++) n += histogram[i];
    for (int i = 0; i < classes; i++)
        if (histogram[i] > 0) entropy -= histogram[i] / n * d_log(histogram[i] / n);
    return d_exp(entropy);
}

/* exp of the mean entropy of n uniform draws: a class is drawn k times with probability C(n,k) p^k (1-p)^(n-k), p = 1/classes. */
static double effective_uniform(int n, int classes)
{
    const double p = 1.0 / classes;
    double probability = d_pow(1 - p, n), entropy = 0;
    for (int k = 1; k <= n; k++) {
        probability *= (double)(n - k + 1) / k * (p / (1 - p));
        entropy -= classes * probability * ((double)k / n) * d_log((double)k / n);
    }
    return d_exp(entropy);
}

/* The mean distance of two of n pictures, `step` reals apart. */
static double spread(const real *x, int n, size_t step)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++) sum += sqrt((double)sumsq_diff16(x + (size_t)i * step, x + (size_t)j * step, R(1.0), PIXELS) / PIXELS);
    return sum / (0.5 * n * (n - 1));
}

static void count_prompts(BenchPrior *b, const Job *job, int g)
{
    int right[4] = { 0 };
    for (int i = 0; i < b->config.count; i++) {
        const int object = job[i].verdict.is[JUDGE_OBJECT] == job[i].object, colour = job[i].verdict.is[JUDGE_COLOUR] == job[i].colour;
        right[0] += object;
        right[1] += colour;
        right[2] += object && colour;
        right[3] += job[i].near;
    }
    for (int k = 0; k < 4; k++) b->row[BENCH_OBJECT + k].value[g] = (double)right[k] / b->config.count;
}

static void count_views(BenchPrior *b, const Job *job, int g)
{
    int right[BENCH_VIEWS] = { 0 }, all = 0;
    for (int i = 0; i < b->config.count; i++) right[i % BENCH_VIEWS] += seen_from(job[i].verdict.is[JUDGE_VIEW], suffix[i % BENCH_VIEWS]);
    for (int v = 0; v < BENCH_VIEWS; v++) {
        b->row[BENCH_VIEW + v].value[g] = (double)right[v] / b->row[BENCH_VIEW + v].samples;
        all += right[v];
    }
    b->row[BENCH_VIEWED].value[g] = (double)all / b->config.count;
}

static void count_open(BenchPrior *b, const Job *job, int g, double spread_of_stream)
{
    static const struct { int row, open, head; } what[] = {
        { BENCH_COLOURS, OPEN_COLOUR, JUDGE_COLOUR }, { BENCH_OBJECTS, OPEN_OBJECT, JUDGE_OBJECT },
        { BENCH_ANY_OBJECT, OPEN_ALL, JUDGE_OBJECT }, { BENCH_ANY_COLOUR, OPEN_ALL, JUDGE_COLOUR },
    };
    for (size_t k = 0; k < sizeof what / sizeof what[0]; k++) {
        int histogram[JUDGE_CLASSES] = { 0 };
        for (int i = what[k].open; i < b->config.count; i += OPENS) histogram[job[i].verdict.is[what[k].head]]++;
        b->row[what[k].row].value[g] = effective(histogram, judge_classes(what[k].head));
    }
    BenchRow *row = &b->row[BENCH_SPREAD];
    row->value[g] = spread(job[OPEN_VIEW].x, row->samples, (size_t)OPENS * PIXELS) / spread_of_stream;
}

/* ---- what the stream's own pictures get ---- */

/* Of the pictures seen from `wanted`, the share judged to be; 0 where there are none. */
static double share_of(const JudgeScore *s, ViewLabel wanted)
{
    int seen = 0, right = 0;
    for (int is = 0; is < JUDGE_VIEWS; is++)
        for (int taken = 0; taken < JUDGE_VIEWS && seen_from(is, wanted); taken++) {
            seen += s->taken[JUDGE_VIEW][is][taken];
            right += seen_from(taken, wanted) ? s->taken[JUDGE_VIEW][is][taken] : 0;
        }
    return seen == 0 ? 0 : (double)right / seen;
}

/* PAIRED red mugs. */
static int spread_of_stream(double *out, Err *err)
{
    real *x = mem_new((size_t)PAIRED * PIXELS + PIXELS / 3, sizeof *x, "pictures", err), *shade = x + (size_t)PAIRED * PIXELS;
    if (x == NULL) return -1;
    for (int i = 0; i < PAIRED; i++) {
        DatasetItem item;
        dataset_item(&item, BENCH_STREAM, (uint64_t)i);
        item.object = THING;
        item.colour = HUE;
        dataset_picture(x + (size_t)i * PIXELS, shade, &item, BENCH_STREAM, JUDGE_SIDE, JUDGE_SIDE);
    }
    *out = spread(x, PAIRED, PIXELS);
    mem_free(x);
    return 0;
}

/* Of n pictures that are not in the cloud of ruler->near, the share that lies in it. */
static int near_of_stream(double *out, const Ruler *ruler, int n, Err *err)
{
    JudgeScore unused;
    int inside = 0;
    real *feature = mem_new((size_t)n * JUDGE_FEATURES, sizeof *feature, "features", err);
    int status = feature == NULL ? -1 : 0;
    if (status == 0) status = judge_measure(&unused, feature, ruler->judge, BENCH_STREAM, (uint64_t)ruler->near.n, n, R(0.0), 0, err);
    for (int i = 0; i < n && status == 0; i++) inside += near_has(&ruler->near, feature + (size_t)i * JUDGE_FEATURES);
    *out = (double)inside / n;
    mem_free(feature);
    return status;
}

static int measure_stream(BenchPrior *b, Ruler *ruler, Err *err)
{
    const int n = b->config.pictures, few = n / 4;
    Progress progress;
    progress_start(&progress, "picture", 0, n + 3 * few, b->config.quiet);
    progress_step(&progress, 0, "the judge");
    int status = near_new(&ruler->near, &b->judge, ruler->judge, BENCH_STREAM, n, err);
    if (status == 0 && !judge_fit(&b->judge))
        status = err_set(err, "the judge is right about %d objects, %d colours, %d views of %d fresh pictures, expected %d %% of each: "
                         "it may not judge", b->judge.right[JUDGE_OBJECT], b->judge.right[JUDGE_COLOUR], b->judge.right[JUDGE_VIEW], n, JUDGE_MUST);
    progress_step(&progress, n, "the judge");
    if (status == 0) status = judge_measure(&b->noisy, NULL, ruler->judge, BENCH_STREAM, 0, few, R(0.05), 0, err);
    progress_step(&progress, n + few, "the judge");
    if (status == 0) status = judge_measure(&b->blurred, NULL, ruler->judge, BENCH_STREAM, 0, few, R(0.0), 1, err);
    progress_step(&progress, n + 2 * few, "the judge");
    if (status == 0) status = near_of_stream(&ruler->near_share, ruler, few, err);
    if (status == 0) status = spread_of_stream(&ruler->spread, err);
    progress_end(&progress);
    return status;
}

/* ---- rows ---- */

static void rows_of_prompts(BenchPrior *b, const Ruler *ruler)
{
    static const char *const names[] = { "object of \"a COLOUR OBJECT\"", "its colour", "object and colour", "like the stream's pictures" };
    const double n = b->judge.count;
    const double stream[] = { b->judge.right[JUDGE_OBJECT] / n, b->judge.right[JUDGE_COLOUR] / n, b->judge.both / n, ruler->near_share };
    for (int k = 0; k < 4; k++) {
        BenchRow *row = &b->row[BENCH_OBJECT + k];
        *row = (BenchRow){ .kind = BENCH_SHARE, .samples = b->config.count, .stream = stream[k] };
        snprintf(row->name, sizeof row->name, "%s", names[k]);
    }
}

static int rows_of_views(BenchPrior *b, Err *err)
{
    const int count = b->config.count;
    BenchRow *all = &b->row[BENCH_VIEWED];
    *all = (BenchRow){ .name = "seen as the prompt says", .kind = BENCH_SHARE, .samples = count };
    for (int v = 0; v < BENCH_VIEWS; v++) {
        BenchRow *row = &b->row[BENCH_VIEW + v];
        *row = (BenchRow){ .kind = BENCH_SHARE, .samples = (count - v + BENCH_VIEWS - 1) / BENCH_VIEWS, .stream = share_of(&b->judge, suffix[v]) };
        if (view_prompt(row->name, sizeof row->name, "    \"...", suffix[v], err) != 0) return -1;
        strcat(row->name, "\"");
        all->stream += row->stream * row->samples / count;
    }
    return 0;
}

static int rows_of_open(BenchPrior *b, Err *err)
{
    static const struct { const char *name; int row, open, head; } rows[] = {
        { "colours of \"%s\"", BENCH_COLOURS, OPEN_COLOUR, JUDGE_COLOUR }, { "objects of \"%s\"", BENCH_OBJECTS, OPEN_OBJECT, JUDGE_OBJECT },
        { "objects of \"%s\"", BENCH_ANY_OBJECT, OPEN_ALL, JUDGE_OBJECT }, { "colours of \"%s\"", BENCH_ANY_COLOUR, OPEN_ALL, JUDGE_COLOUR },
        { "spread of \"%s\"", BENCH_SPREAD, OPEN_VIEW, -1 },
    };
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        Job job;
        BenchRow *row = &b->row[rows[k].row];
        const int samples = (b->config.count - rows[k].open + OPENS - 1) / OPENS, head = rows[k].head;
        if (job_of(&job, SET_OPEN, rows[k].open, &b->config, err) != 0) return -1;
        *row = (BenchRow){ .kind = head < 0 ? BENCH_RATIO : BENCH_NUMBER, .samples = samples };
        row->stream = head < 0 ? 1 : effective_uniform(samples, judge_classes(head));
        snprintf(row->name, sizeof row->name, rows[k].name, job.prompt);
    }
    return 0;
}

/* ---- samples ---- */

static int run_job(Job *job, const BenchModel *model, const Ruler *ruler, real guidance, Err *err)
{
    real feature[JUDGE_FEATURES];
    if (model->draw(model->self, job->x, job->prompt, guidance, job->seed, err) != 0) return -1;
    if (judge_pictures(&job->verdict, feature, ruler->judge, job->x, 1, err) != 0) return -1;
    job->near = near_has(&ruler->near, feature);
    return 0;
}

/* All jobs at one guidance. Jobs start in order, so thread 0 knows about how many are done; after each round errors are looked for. */
static int run_jobs(Job *job, int jobs, const BenchModel *model, const Ruler *ruler, real guidance, Progress *progress, int before, Err *err)
{
    const int round = 16 * par_threads();
    for (int first = 0; first < jobs; first += round) {
        const int end = first + round < jobs ? first + round : jobs;
        PAR_FOR_DYNAMIC
        for (int i = first; i < end; i++) {
            if (par_self() == 0) progress_step(progress, before + i, NULL);
            run_job(&job[i], model, ruler, guidance, &job[i].err);
        }
        for (int i = first; i < end; i++)
            if (job[i].err.set) return err_set(err, "%s", job[i].err.msg);
    }
    return 0;
}

static int all_guidances(BenchPrior *b, Job *job, const BenchModel *model, const Ruler *ruler, Err *err)
{
    const int count = b->config.count, jobs = SETS * count;
    Progress progress;
    int status = 0;
    progress_start(&progress, "sample", 0, (long)jobs * b->config.guidances, b->config.quiet);
    for (int g = 0; g < b->config.guidances && status == 0; g++) {
        status = run_jobs(job, jobs, model, ruler, b->config.guidance[g], &progress, g * jobs, err);
        if (status != 0) break;
        count_prompts(b, job + SET_PROMPTS * count, g);
        count_views(b, job + SET_VIEWS * count, g);
        count_open(b, job + SET_OPEN * count, g, ruler->spread);
        if (g != b->shown) continue;
        memcpy(b->picture, job[0].x, (size_t)count * PIXELS * sizeof *b->picture);
        for (int i = 0; i < count; i++) b->sample[i] = (BenchSample){ job[i].object, job[i].colour, job[i].verdict };
    }
    progress_end(&progress);
    return status;
}

int bench_prior(BenchPrior *b, const BenchModel *model, const Judge *judge, const BenchConfig *config, Err *err)
{
    const int jobs = SETS * config->count;
    BUG_IF(config->count < BENCH_COUNT_MIN || config->count > BENCH_COUNT_MAX || config->guidances < 1 || config->guidances > BENCH_GUIDANCES ||
           config->pictures < 4, "bench_prior: %d samples, %d guidances, %d pictures", config->count, config->guidances, config->pictures);
    Ruler ruler = { .judge = judge };
    *b = (BenchPrior){ .config = *config, .shown = config->guidances / 2 };
    b->sample = mem_new((size_t)config->count, sizeof *b->sample, "samples", err);
    b->picture = mem_new((size_t)config->count * PIXELS, sizeof *b->picture, "samples", err);
    Job *job = mem_new((size_t)jobs, sizeof *job, "samples", err);
    real *x = mem_new((size_t)jobs * PIXELS, sizeof *x, "samples", err);
    int status = b->sample == NULL || b->picture == NULL || job == NULL || x == NULL ? -1 : 0;
    for (int i = 0; i < jobs && status == 0; i++) {
        status = job_of(&job[i], i / config->count, i % config->count, config, err);
        job[i].x = x + (size_t)i * PIXELS;
    }
    if (status == 0) status = measure_stream(b, &ruler, err);
    if (status == 0) rows_of_prompts(b, &ruler);
    if (status == 0) status = rows_of_views(b, err);
    if (status == 0) status = rows_of_open(b, err);
    if (status == 0) status = all_guidances(b, job, model, &ruler, err);
    if (status == 0) status = bench_loss(b, model, err);
    near_free(&ruler.near);
    mem_free(job);
    mem_free(x);
    return status;
}

void bench_prior_free(BenchPrior *b)
{
    mem_free(b->sample);
    mem_free(b->picture);
    *b = (BenchPrior){ 0 };
}
