/* train.h -- the trainer of the shipped networks: AdamW over all their parameters, the batch cut into slots that cores share
 *
 * One step s, counted from 0, of a batch of B pictures in slots of b:
 *   1. each slot runs forward and backward on pictures s B + slot b .. + b - 1, into gradients of its own; slots run side by side
 *   2. g = sum over slots, in their order
 *   3. g <- g min(1, clip / (|g| + 1e-6)),  |g| the length of all gradients together          (torch.nn.utils.clip_grad_norm_)
 *   4. AdamW, each part at its own rate times the learning rate; weight decay on matrices and kernels alone (two or more dimensions)
 *   5. ema <- ema + (1 - d)(theta - ema),  d = min(ema, (1 + s) / (10 + s)): what is shipped
 * Learning rate of step s: lr min(1, (s + 1) / warmup), in the last `decay` share of the run falling to 0 in a straight line.
 * So a run that is not in that last part yet can be made longer without changing what it has done.
 * A step is a pure function of (theta, m, v, ema, s): the thread count changes nothing, and a stopped run resumes to the same bytes.
 */
#ifndef SDREF_REF_TRAIN_H
#define SDREF_REF_TRAIN_H

#include "nn/params.h"
#include "weights/safetensors.h"

typedef struct TrainConfig {
    long steps, warmup;
    int batch, slot;                  /* pictures; batch is a multiple of slot */
    double lr, decay;                 /* decay: share of the steps, 0..1 */
    double weight_decay, beta1, beta2, clip, ema;
    uint64_t seed;
} TrainConfig;

/* What is trained: networks under their names, and the work of one slot. */
enum { TRAIN_PARTS = 2 };
typedef struct TrainTask {
    int parts;
    const char *name[TRAIN_PARTS];    /* "unet" */
    Params *params[TRAIN_PARTS];      /* declared, without values yet */
    double rate[TRAIN_PARTS];         /* of the part's learning rate to the config's, above 0 */
    /* Pictures first .. first+count-1 of step `step`: adds to the gradients of twin[part], which stand for params[part], the gradient of
     * (1 / batch) sum of the pictures' losses; *loss = the sum of the losses. Called from several threads at once. */
    int (*slot)(const void *self, double *loss, Tape *tape, Params *const *twin, long step, uint64_t first, int count, Err *err);
    const void *self;
} TrainTask;

typedef struct Trainer Trainer;
typedef struct TrainLog { double loss, grad_norm, lr; } TrainLog;

/* Parameters whose name ends in `ends` start as `scale` times what they would start as; 0: as 0. */
typedef struct TrainStart { const char *ends; double scale; } TrainStart;

/* Parameters drawn from config->seed, but for what `start` says (its end: ends NULL). Borrows what task points to;
 * params keep their values here as long as the trainer lives. NULL with err set; err outlives the result. */
Trainer *train_new(const TrainConfig *config, const TrainTask *task, const TrainStart *start, Err *err);
void     train_free(Trainer *t);                          /* NULL is fine */
long     train_step_number(const Trainer *t);             /* steps done */
double   train_lr(const TrainConfig *config, long step);
/* floor(T frac(u_s + place / places)), u_s uniform, a draw of step s: the places of a batch cover 0..T-1 evenly. */
int      train_timestep(uint64_t seed, long step, int place, int places, int T);
/* -1: memory, the task's error, or a value that is not finite (what, step). The state is then that of no step: do not save it. */
int      train_step(Trainer *t, TrainLog *log);
const real *train_theta(const Trainer *t, int part);      /* (params_total) */
const real *train_ema(const Trainer *t, int part);

/* theta and ema of a part, before the first step, from a file of its parameters under their own names, in any floating type; a file
 * of other parameters is refused. */
int      train_begin_from(Trainer *t, int part, const StFile *f, Err *err);
/* theta, m, v, ema of every parameter under "theta.PART.NAME" and so on, the step, and the caller's metadata (key, value pairs, a NULL
 * at the end). A file of other parameters or of the other program is refused. */
int      train_save(const Trainer *t, const char *const *meta, const char *path, Err *err);
int      train_load(Trainer *t, const StFile *f, Err *err);

#endif
