/* judge.h -- what a picture shows: a small classifier of the stream of ref/dataset.h, the ruler by which samples of a prior are judged
 *
 *     picture (3,64,64) in [-1,1]  ->  means of 2x2 pixels (3,32,32)
 *     a..g: convolution 3x3, group norm of 8 groups, SiLU     (16,32,32) (32,16,16) (32,16,16) (64,8,8) (64,8,8) (128,4,4) (128,4,4)
 *     head: linear on all 2048 values: logits of the objects, the colours, and the views front, left, right, back, overhead
 *
 * Trained (judge_train) on pictures that no prior was trained on, a quarter of them blurred, all with a little noise, so that what a
 * sampler leaves behind does not decide. A ruler has an error of its own: judge_measure counts it on fresh pictures, and no figure of a
 * model means anything that is not read beside it.
 */
#ifndef SDREF_REF_JUDGE_H
#define SDREF_REF_JUDGE_H

#include "ref/train.h"
#include "sampler/view.h"

enum { JUDGE_OBJECT, JUDGE_COLOUR, JUDGE_VIEW, JUDGE_HEADS };
enum { JUDGE_SIDE = 64, JUDGE_VIEWS = 5, JUDGE_CLASSES = 64, JUDGE_FEATURES = 2048 };    /* CLASSES: of one head, at most */
#define JUDGE_FOLDER "weights/judge"
#define JUDGE_MUST R(0.95)                                              /* of objects and of colours: below, the judge may not judge */

int judge_classes(int head);
const char *judge_class_name(int head, int i);                          /* "mug", "red", "front" */
int judge_view_class(ViewLabel label);                                  /* of view_label_lr: 0..4; VIEW_SIDE is a bug */

typedef struct Judge Judge;
/* folder/model.safetensors. NULL with err set: no file, or not this network for these objects and colours. */
Judge *judge_open(const char *folder, Err *err);
void   judge_free(Judge *j);                                            /* NULL is fine */

/* What a picture is judged to show: class i of each head. */
typedef struct Verdict { int is[JUDGE_HEADS]; } Verdict;
/* out (n), features (n,JUDGE_FEATURES) or NULL: what the last block puts out, x (n,3,64,64). Loops inside are cut over outputs; at the top of
 * a parallel loop it runs on one core. -1: memory, or a logit that is not finite. */
int judge_pictures(Verdict *out, real *features, const Judge *j, const real *x, int n, Err *err);

/* Fresh pictures 0..count-1 of the stream `seed`, as they are, with noise (deviation `noise` in [-1,1] units), or blurred (means of
 * 3x3 pixels): how many were judged right, and what was taken for what. */
typedef struct JudgeScore {
    int count, right[JUDGE_HEADS], both;                                /* both: object and colour */
    int taken[JUDGE_HEADS][JUDGE_CLASSES][JUDGE_CLASSES];               /* [head][is][taken for] */
} JudgeScore;
int  judge_measure(JudgeScore *score, const Judge *j, uint64_t seed, int count, real noise, int blur, Err *err);
int  judge_fit(const JudgeScore *score);                                /* do objects and colours reach JUDGE_MUST? */

/* ---- training ---- */
typedef struct JudgeTask { Params *params; int batch; uint64_t seed; } JudgeTask;
int        judge_task_open(JudgeTask *task, int batch, uint64_t seed, Err *err);
void       judge_task_close(JudgeTask *task);
TrainTask  judge_task(const JudgeTask *task);                           /* borrows task */
extern const char *const judge_task_zero[];                             /* for train_new */
TrainConfig judge_recipe(void);                                         /* of the shipped weights */
/* The averaged weights, as F16, to folder/model.safetensors. */
int        judge_task_export(const JudgeTask *task, const Trainer *t, const char *folder, Err *err);
/* All of it: a judge in `folder`. done (or NULL): called after each step. */
int        judge_train(const char *folder, const TrainConfig *recipe, void (*done)(void *self, long steps, double loss), void *self, Err *err);

#endif
