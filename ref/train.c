/* train.c -- one training step, cut over slots and pieces of parameters only
 *
 * Order of sums: within a slot that of the tape; over slots ascending; |g|^2 as sumsq16 of each parameter, in binary64 from one
 * parameter to the next.
 */
#include "ref/train.h"
#include "ref/trace.h"
#include "tensor/adam.h"
#include "tensor/par.h"
#include "tensor/rng.h"
#include "tensor/sum.h"
#include "tensor/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 4096 };

/* One parameter in the flat arrays. */
typedef struct Piece { size_t at, n; int part, decays; } Piece;

struct Trainer {
    TrainConfig config;
    TrainTask task;
    long step;
    size_t n, begin[TRAIN_PARTS];     /* values in all; where a part begins */
    Piece *piece;                     /* (pieces) in the order of parts and parameters */
    int pieces;
    real *theta, *m, *v, *ema, *g;    /* (n) */
    int slots, threads;
    real *slot_g;                     /* (slots, n) */
    Params **twin;                    /* (slots, parts) */
    double *slot_loss;                /* (slots) */
    Err *slot_err, *err;              /* (slots) */
    Tape **tape;                      /* (threads) */
    Err *tape_err;
};

/* ---- making one ---- */

static double scale_of(const char *name, const TrainStart *start)
{
    const size_t n = strlen(name);
    for (; start->ends != NULL; start++)
        if (n >= strlen(start->ends) && strcmp(name + n - strlen(start->ends), start->ends) == 0) return start->scale;
    return 1;
}

static void draw(Trainer *t, const TrainStart *start)
{
    int number = 0;
    for (int part = 0; part < t->task.parts; part++) {
        Params *p = t->task.params[part];
        for (int i = 0; i < params_count(p); i++, number++) {
            const Piece *piece = &t->piece[number];
            const double scale = scale_of(params_at(p, i)->name, start);
            for (size_t k = 0; k < piece->n && scale > 0; k++)
                t->theta[piece->at + k] = (real)(scale * params_draw(p, i, t->config.seed, (uint32_t)number, (uint32_t)k));
        }
    }
    memcpy(t->ema, t->theta, t->n * sizeof(real));
}

static int pieces_new(Trainer *t)
{
    int pieces = 0;
    for (int part = 0; part < t->task.parts; part++) pieces += params_count(t->task.params[part]);
    t->piece = mem_new((size_t)pieces, sizeof *t->piece, "trainer", t->err);
    if (t->piece == NULL) return -1;
    for (int part = 0; part < t->task.parts; part++) {
        t->begin[part] = t->n;
        for (int i = 0; i < params_count(t->task.params[part]); i++) {
            const Weight *w = params_at(t->task.params[part], i);
            t->piece[t->pieces++] = (Piece){ t->n, w->n, part, w->s.nd >= 2 };
            t->n += w->n;
        }
    }
    return 0;
}

static int arrays_new(Trainer *t)
{
    real **const array[] = { &t->theta, &t->m, &t->v, &t->ema, &t->g };
    for (size_t i = 0; i < sizeof array / sizeof array[0]; i++)
        if ((*array[i] = mem_new(t->n, sizeof(real), "trainer", t->err)) == NULL) return -1;
    t->slot_g = mem_new(t->n * (size_t)t->slots, sizeof(real), "gradients of the slots", t->err);
    t->twin = mem_new((size_t)(t->slots * t->task.parts), sizeof *t->twin, "trainer", t->err);
    t->slot_loss = mem_new((size_t)t->slots, sizeof *t->slot_loss, "trainer", t->err);
    t->slot_err = mem_new((size_t)t->slots, sizeof *t->slot_err, "trainer", t->err);
    t->tape = mem_new((size_t)t->threads, sizeof *t->tape, "trainer", t->err);
    t->tape_err = mem_new((size_t)t->threads, sizeof *t->tape_err, "trainer", t->err);
    if (t->slot_g == NULL || t->twin == NULL || t->slot_loss == NULL || t->slot_err == NULL || t->tape == NULL || t->tape_err == NULL) return -1;
    for (int i = 0; i < t->threads; i++)
        if ((t->tape[i] = tape_new(&t->tape_err[i])) == NULL) return err_set(t->err, "%s", t->tape_err[i].msg);
    return 0;
}

static int twins_new(Trainer *t)
{
    for (int slot = 0; slot < t->slots; slot++)
        for (int part = 0; part < t->task.parts; part++) {
            real *gradient = t->slot_g + (size_t)slot * t->n + t->begin[part];
            Params **twin = &t->twin[slot * t->task.parts + part];
            if ((*twin = params_twin(t->task.params[part], gradient, t->err)) == NULL) return -1;
        }
    return 0;
}

Trainer *train_new(const TrainConfig *config, const TrainTask *task, const TrainStart *start, Err *err)
{
    BUG_IF(config->slot < 1 || config->batch < config->slot || config->batch % config->slot != 0, "train_new: batch %d in slots of %d",
           config->batch, config->slot);
    for (int part = 0; part < task->parts; part++) BUG_IF(!(task->rate[part] > 0), "train_new: %s has the rate %g", task->name[part], task->rate[part]);
    Trainer *t = mem_new(1, sizeof *t, "trainer", err);
    if (t == NULL) return NULL;
    t->config = *config;
    t->task = *task;
    t->err = err;
    t->slots = config->batch / config->slot;
    t->threads = par_threads();
    int status = pieces_new(t);
    if (status == 0) status = arrays_new(t);
    for (int part = 0; status == 0 && part < task->parts; part++) params_bind(task->params[part], t->theta + t->begin[part]);
    if (status == 0) status = twins_new(t);
    if (status == 0) draw(t, start);
    if (status == 0) return t;
    train_free(t);
    return NULL;
}

void train_free(Trainer *t)
{
    if (t == NULL) return;
    for (int i = 0; t->twin != NULL && i < t->slots * t->task.parts; i++) params_free(t->twin[i]);
    for (int i = 0; t->tape != NULL && i < t->threads; i++) tape_free(t->tape[i]);
    void *const owned[] = { t->piece, t->theta, t->m, t->v, t->ema, t->g, t->slot_g, t->twin, t->slot_loss, t->slot_err, t->tape, t->tape_err };
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) mem_free(owned[i]);
    mem_free(t);
}

long        train_step_number(const Trainer *t) { return t->step; }
const real *train_theta(const Trainer *t, int part) { return t->theta + t->begin[part]; }
const real *train_ema(const Trainer *t, int part) { return t->ema + t->begin[part]; }

/* ---- one step ---- */

double train_lr(const TrainConfig *c, long step)
{
    const double warm = step + 1 < c->warmup ? (double)(step + 1) / (double)c->warmup : 1.0;
    const double left = (double)(c->steps - step) / ((double)c->steps * c->decay);
    return c->lr * warm * (c->decay > 0 && left < 1 ? left : 1.0);
}

int train_timestep(uint64_t seed, long step, int place, int places, int T)
{
    const double u = rng_uniform_at((RngAt){ seed, 0, (uint32_t)step, RNG_TIMESTEP }, 0) + (double)place / (double)places;
    const int t = (int)((double)T * (u - floor(u)));
    return t < T ? t : T - 1;
}

/* 1. every slot into its own gradients */
static int run_slots(Trainer *t, double *loss)
{
    const TrainConfig *c = &t->config;
    PAR_FOR_DYNAMIC
    for (int slot = 0; slot < t->slots; slot++) {
        Tape *tape = t->tape[par_self()];
        const size_t mark = tape_mark(tape);
        const uint64_t first = (uint64_t)t->step * (uint64_t)c->batch + (uint64_t)slot * (uint64_t)c->slot;
        t->slot_loss[slot] = 0;
        memset(t->slot_g + (size_t)slot * t->n, 0, t->n * sizeof(real));
        t->task.slot(t->task.self, &t->slot_loss[slot], tape, t->twin + slot * t->task.parts, t->step, first, c->slot, &t->slot_err[slot]);
        tape_rewind(tape, mark);
    }
    *loss = 0;
    for (int slot = 0; slot < t->slots; slot++) {
        if (t->slot_err[slot].set) return err_set(t->err, "%s", t->slot_err[slot].msg);
        *loss += t->slot_loss[slot];
    }
    for (int i = 0; i < t->threads; i++)
        if (t->tape_err[i].set) return err_set(t->err, "%s", t->tape_err[i].msg);
    *loss /= (double)c->batch;
    return 0;
}

/* 2. g = sum over slots */
static void add_slots(Trainer *t)
{
    PAR_FOR
    for (size_t i = 0; i < t->n; i += CHUNK) {
        const size_t n = t->n - i < CHUNK ? t->n - i : CHUNK;
        memcpy(t->g + i, t->slot_g + i, n * sizeof(real));
        for (int slot = 1; slot < t->slots; slot++) {
            const real *from = t->slot_g + (size_t)slot * t->n + i;
            for (size_t k = 0; k < n; k++) t->g[i + k] += from[k];
        }
    }
}

static double length(const Trainer *t)
{
    double sum = 0;
    for (int i = 0; i < t->pieces; i++) sum += (double)sumsq16(t->g + t->piece[i].at, t->piece[i].n);
    return sqrt(sum);
}

/* 3. to 5. on one parameter */
static void update(Trainer *t, const Piece *piece, real scale, double lr)
{
    const TrainConfig *c = &t->config;
    const size_t at = piece->at;
    const double warm = (1.0 + (double)t->step) / (10.0 + (double)t->step);
    const real rest = (real)(1.0 - (warm < c->ema ? warm : c->ema));
    const AdamConfig adam = { .lr = t->task.rate[piece->part] * lr, .beta1 = c->beta1, .beta2 = c->beta2, .eps = 1e-8,
                              .weight_decay = piece->decays ? c->weight_decay : 0, .decoupled = 1 };
    for (size_t i = at; i < at + piece->n; i++) t->g[i] *= scale;
    adam_step(t->theta + at, t->m + at, t->v + at, t->g + at, piece->n, adam, t->step + 1);
    for (size_t i = at; i < at + piece->n; i++) t->ema[i] = r_fma(rest, t->theta[i] - t->ema[i], t->ema[i]);
}

int train_step(Trainer *t, TrainLog *log)
{
    if (run_slots(t, &log->loss) != 0) return -1;
    add_slots(t);
    log->grad_norm = length(t);
    log->lr = train_lr(&t->config, t->step);
    if (!isfinite(log->loss) || !isfinite(log->grad_norm))
        return err_set(t->err, "step %ld: found loss %g and gradient %g, expected finite values; the last checkpoint is as it was", t->step,
                       text_shown(log->loss), text_shown(log->grad_norm));
    const double over = t->config.clip / (log->grad_norm + 1e-6);
    const real scale = over < 1 ? (real)over : R(1.0);
    PAR_FOR_DYNAMIC
    for (int i = 0; i < t->pieces; i++) update(t, &t->piece[i], scale, log->lr);
    if (first_not_finite(t->theta, t->n) >= 0)
        return err_set(t->err, "step %ld: a parameter is not finite; the last checkpoint is as it was", t->step);
    t->step++;
    return 0;
}

/* ---- checkpoints ---- */

enum { ARRAYS = 4, NAME_BYTES = 320 };
static const char *const array_name[ARRAYS] = { "theta", "m", "v", "ema" };

/* Calls visit for every array of every parameter, by name. */
static int each_array(const Trainer *t, int (*visit)(void *self, const char *name, const Weight *w, real *values, Err *err), void *self, Err *err)
{
    real *const array[ARRAYS] = { t->theta, t->m, t->v, t->ema };
    for (int a = 0; a < ARRAYS; a++) {
        int number = 0;
        for (int part = 0; part < t->task.parts; part++)
            for (int i = 0; i < params_count(t->task.params[part]); i++, number++) {
                char name[NAME_BYTES];
                const Weight *w = params_at(t->task.params[part], i);
                const int n = snprintf(name, sizeof name, "%s.%s.%s", array_name[a], t->task.name[part], w->name);
                BUG_IF(n < 0 || n >= (int)sizeof name, "the parameter name %s is too long", w->name);
                if (visit(self, name, w, array[a] + t->piece[number].at, err) != 0) return -1;
            }
    }
    return 0;
}

static int put(void *self, const char *name, const Weight *w, real *values, Err *err)
{
    (void)err;
    stw_add(self, name, ST_REAL, w->s.nd, w->s.d, values);
    return 0;
}

int train_save(const Trainer *t, const char *const *meta, const char *path, Err *err)
{
    char step[24];
    StWriter *w = stw_new(err);
    snprintf(step, sizeof step, "%ld", t->step);
    stw_meta(w, "format", "sdref-training-1");
    stw_meta(w, "step", step);
    for (; *meta != NULL; meta += 2) stw_meta(w, meta[0], meta[1]);
    int status = w == NULL ? -1 : each_array(t, put, w, err);
    if (status == 0) status = stw_write(w, path, err);
    stw_free(w);
    return status;
}

/* type: what is wanted, or -1 for any floating one. */
static int read_values(real *values, const StFile *f, const char *name, const Weight *w, int type, Err *err)
{
    const StTensor *s = st_find(f, name);
    char found[ST_SHAPE_ROOM], expected[64];
    if (s == NULL) return err_set(err, "%s: no tensor '%s'; expected %s", st_path(f), name, type < 0 ? "weights of this network" : "a checkpoint of this training");
    if ((type < 0 ? !st_dtype_is_float(s->dtype) : (int)s->dtype != type) || s->ndim != w->s.nd || memcmp(s->dim, w->s.d, (size_t)s->ndim * sizeof s->dim[0]) != 0)
        return err_set(err, "%s: tensor '%s' is %s, expected %s %s", st_path(f), name, st_shape(found, s), type < 0 ? "a float" : st_dtype_name(ST_REAL),
                       shape_text(expected, sizeof expected, w->s));
    if (st_read_real(values, s, err) != 0) return -1;
    const long bad = first_not_finite(values, w->n);
    if (bad >= 0) return err_set(err, "%s: tensor '%s' has %g at %ld, expected finite values", st_path(f), name, text_shown((double)values[bad]), bad);
    return 0;
}

static int get(void *self, const char *name, const Weight *w, real *values, Err *err) { return read_values(values, self, name, w, ST_REAL, err); }

int train_begin_from(Trainer *t, int part, const StFile *f, Err *err)
{
    const Params *p = t->task.params[part];
    const Piece *piece = t->piece;
    BUG_IF(t->step != 0, "weights of a training at step %ld", t->step);
    while (piece->part != part) piece++;
    for (int i = 0; i < params_count(p); i++) {
        real *theta = t->theta + piece[i].at;
        if (read_values(theta, f, params_at(p, i)->name, params_at(p, i), -1, err) != 0) return -1;
        memcpy(t->ema + piece[i].at, theta, piece[i].n * sizeof *theta);
    }
    return 0;
}

int train_load(Trainer *t, const StFile *f, Err *err)
{
    const char *format = st_meta(f, "format"), *step = st_meta(f, "step");
    int64_t done = 0;
    if (format == NULL || strcmp(format, "sdref-training-1") != 0)
        return err_set(err, "%s: format is %.40s, expected sdref-training-1", st_path(f), format == NULL ? "absent" : format);
    if (step == NULL || text_to_int64(&done, step) != 0 || done < 0 || done > t->config.steps)
        return err_set(err, "%s: at step %.20s, expected 0 to %ld", st_path(f), step == NULL ? "(none)" : step, t->config.steps);
    if (each_array(t, get, (void *)(uintptr_t)f, err) != 0) return -1;
    t->step = (long)done;
    return 0;
}
