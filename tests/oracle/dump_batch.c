/* dump_batch.c -- what the short trainings of tests/train_case.h start from and are shown, for tests/oracle/train.py
 *
 *     cc -std=c11 -O2 -DSDREF_F64 -D_POSIX_C_SOURCE=200809L -fopenmp -I. -o dump_batch tests/oracle/dump_batch.c build/libsdref-f64.a -lm
 *     ./dump_batch FOLDER        an empty folder
 *
 * FOLDER/CASE/model                 configs and vocabulary
 * FOLDER/CASE/start.safetensors     a checkpoint before the first step; its metadata: the recipe
 * FOLDER/CASE/batch.safetensors     x0, eps (steps,batch,3,h,w), u (steps): the draw that times are made of; metadata caption.STEP.PLACE
 */
#include "ref/dataset.h"
#include "ref/trace.h"
#include "tensor/rng.h"
#include "tensor/text.h"
#include "tests/train_case.h"
#include "weights/file.h"

static Err err;
static void must(int ok)
{
    if (ok) return;
    fprintf(stderr, "dump_batch: %s\n", err.msg);
    exit(1);
}

static void start(const TrainCase *c, const PriorTask *task, const char *path)
{
    const TrainConfig *t = &c->config;
    const double number[] = { (double)t->steps, CASE_RUN, (double)t->warmup, t->lr, t->decay, t->weight_decay, t->beta1, t->beta2, t->clip, t->ema };
    const char *const key[] = { "steps", "run", "warmup", "lr", "decay", "weight_decay", "beta1", "beta2", "clip", "ema" };
    enum { KEYS = sizeof key / sizeof key[0] };
    char text[KEYS][TEXT_DOUBLE_MAX];
    const char *meta[2 * KEYS + 3];
    const TrainTask what = prior_task(task);
    Trainer *trainer = train_new(t, &what, c->zero, &err);
    must(trainer != NULL);
    for (int i = 0; i < KEYS; i++) {
        text_from_double(text[i], number[i]);
        meta[2 * i] = key[i];
        meta[2 * i + 1] = text[i];
    }
    meta[2 * KEYS] = "prediction";
    meta[2 * KEYS + 1] = c->name;
    meta[2 * KEYS + 2] = NULL;
    must(train_save(trainer, meta, path, &err) == 0);
    train_free(trainer);
}

static void batches(const TrainCase *c, const PriorTask *task, const char *path)
{
    const size_t n = 3 * (size_t)task->h * (size_t)task->w, all = CASE_RUN * CASE_BATCH * n;
    const int64_t dim[] = { CASE_RUN, CASE_BATCH, 3, task->h, task->w };
    double u[CASE_RUN];
    real *x0 = mem_new(all, sizeof *x0, "x0", &err), *eps = mem_new(all, sizeof *eps, "eps", &err), *shade = mem_new(n, sizeof *shade, "shade", &err);
    StWriter *w = stw_new(&err);
    must(x0 != NULL && eps != NULL && shade != NULL && w != NULL);
    for (int s = 0; s < CASE_RUN; s++) {
        u[s] = rng_uniform_at((RngAt){ c->config.seed, 0, (uint32_t)s, RNG_TIMESTEP }, 0);
        for (int b = 0; b < CASE_BATCH; b++) {
            const size_t i = (size_t)(s * CASE_BATCH + b);
            char key[32];
            DatasetItem item;
            dataset_item(&item, c->config.seed, i);
            dataset_picture(x0 + i * n, shade, &item, c->config.seed, task->h, task->w);
            rng_normal(eps + i * n, (RngAt){ c->config.seed, 0, (uint32_t)i, RNG_NOISE }, n);
            snprintf(key, sizeof key, "caption.%d.%d", s, b);
            stw_meta(w, key, item.caption);
        }
    }
    stw_add(w, "x0", ST_REAL, 5, dim, x0);
    stw_add(w, "eps", ST_REAL, 5, dim, eps);
    stw_add(w, "u", ST_F64, 1, dim, u);
    must(stw_write(w, path, &err) == 0);
    stw_free(w);
    mem_free(x0);
    mem_free(eps);
    mem_free(shade);
}

int main(int argc, char **argv)
{
    char path[1024];
    if (argc != 2) return 2;
    for (int i = 0; i < CASES; i++) {
        const TrainCase c = train_case(i);
        PriorTask task;
        snprintf(path, sizeof path, "%s/%s", argv[1], c.name);
        must(dir_make(path, &err) == 0);
        snprintf(path, sizeof path, "%s/%s/model", argv[1], c.name);
        must(prior_task_open(&task, path, c.prediction, CASE_BATCH, c.config.seed, &err) == 0);
        snprintf(path, sizeof path, "%s/%s/start.safetensors", argv[1], c.name);
        start(&c, &task, path);
        snprintf(path, sizeof path, "%s/%s/batch.safetensors", argv[1], c.name);
        batches(&c, &task, path);
        prior_task_close(&task);
    }
    return 0;
}
