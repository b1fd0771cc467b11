/* judge.h -- a small classifier of the pictures of ref/dataset.h; it says what the samples of a prior show
 *
 *     picture (3,64,64) in [-1,1]  ->  means of 2x2 pixels (3,32,32)
 *     a..g: convolution 3x3, group norm of 8 groups, SiLU     (16,32,32) (32,16,16) (32,16,16) (64,8,8) (64,8,8) (128,4,4) (128,4,4)
 *     head: linear on all 2048 values: logits of the objects, the colours, and the views front, left, right, back, overhead
 *
 * It is trained (judge_train) on pictures that no prior has seen. A quarter of them are blurred and all carry a little noise, so that
 * the blur and grain of a sampler do not change the verdict. The judge makes mistakes of its own: judge_measure counts them on fresh
 * pictures, and every figure that the judge gives for a model is to be read beside that count.
 */
#ifndef SDREF_REF_JUDGE_H
#define SDREF_REF_JUDGE_H

#include "ref/train.h"
#include "sampler/view.h"

enum { JUDGE_OBJECT, JUDGE_COLOUR, JUDGE_VIEW, JUDGE_HEADS };
enum { JUDGE_SIDE = 64, JUDGE_VIEWS = 5, JUDGE_CLASSES = 64, JUDGE_FEATURES = 2048 };    /* CLASSES: of one head, at most */
enum { JUDGE_MUST = 95 };                                               /* percent of fresh pictures, see judge_fit */
#define JUDGE_FOLDER "weights/judge"

int judge_classes(int head);
const char *judge_class_name(int head, int i);                          /* "mug", "red", "front" */
int judge_view_class(ViewLabel label);                                  /* a label of view_label_lr -> 0..4; VIEW_SIDE is a bug */

typedef struct Judge Judge;
/* Reads folder/model.safetensors. NULL with err set: no file, or its tensors are not this network's (the head has a row for each
 * object, colour and view). */
Judge *judge_open(const char *folder, Err *err);
void   judge_free(Judge *j);                                            /* NULL is fine */

/* The class of each head that a picture is judged to show. */
typedef struct Verdict { int is[JUDGE_HEADS]; } Verdict;
/* out (n); features (n,JUDGE_FEATURES): the output of block g, or NULL; x (n,3,64,64). May be called from several threads at once.
 * -1: memory, or a logit that is not finite. */
int judge_pictures(Verdict *out, real *features, const Judge *j, const real *x, int n, Err *err);

/* How many pictures were judged right, and what was taken for what. */
typedef struct JudgeScore {
    int count, right[JUDGE_HEADS], both;                                /* both: object and colour */
    int taken[JUDGE_HEADS][JUDGE_CLASSES][JUDGE_CLASSES];               /* [head][is][taken for] */
} JudgeScore;
/* Pictures first .. first+count-1 of the stream `seed`, judged in parallel: blurred if `blur` (means of 3x3 pixels), then with noise of
 * deviation `noise` added, in [-1,1] units. features (count,JUDGE_FEATURES) or NULL. Errors as judge_pictures. */
int  judge_measure(JudgeScore *score, real *features, const Judge *j, uint64_t seed, uint64_t first, int count, real noise, int blur, Err *err);
int  judge_fit(const JudgeScore *score);                                /* is each head right about JUDGE_MUST % of them? If not, no model may be judged */

/* ---- training ---- */
typedef struct JudgeTask { Params *params; int batch; uint64_t seed; } JudgeTask;       /* pictures of the stream `seed`, batch after batch */
int        judge_task_open(JudgeTask *task, int batch, uint64_t seed, Err *err);
void       judge_task_close(JudgeTask *task);
TrainTask  judge_task(const JudgeTask *task);                           /* borrows task */
TrainConfig judge_recipe(void);                                         /* of the shipped weights */
/* Trains from nothing and writes the averaged weights, as F16, to folder/model.safetensors. Stops after step `until` (recipe->steps: the
 * whole recipe; fewer: its first steps, whatever their number). The folder is made before the first step. done (or NULL) is called after
 * each step. */
int        judge_train(const char *folder, const TrainConfig *recipe, long until, void (*done)(void *self, long steps, double loss), void *self,
                       Err *err);

#endif
