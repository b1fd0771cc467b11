/* train_case.h -- the short trainings of the prior whose course PyTorch was asked for (tests/oracle/train.py)
 *
 * Three steps of four pictures: the learning rate rises, is full, falls; the average is warm, then at its own rate; the clip
 * holds in some steps and not in others. "v" starts as the shipped prior does, "epsilon" with no parameter at 0, so that all
 * have gradients from the first step on.
 */
#ifndef SDREF_TESTS_TRAIN_CASE_H
#define SDREF_TESTS_TRAIN_CASE_H

#include "ref/train_prior.h"
#include "tests/harness.h"

enum { CASE_BATCH = 4, CASE_SLOT = 2, CASE_STEPS = 4, CASE_RUN = 3, CASES = 2 };

typedef struct TrainCase {
    const char *name;
    Prediction prediction;
    const char *const *zero;
    TrainConfig config;
} TrainCase;

static inline TrainCase train_case(int i)
{
    static const char *const none[] = { NULL };
    const TrainConfig c = { .steps = CASE_STEPS, .warmup = 2, .batch = CASE_BATCH, .slot = CASE_SLOT, .lr = 1e-3, .decay = 0.75, .weight_decay = 0.01,
                            .beta1 = 0.9, .beta2 = 0.99, .clip = i == 0 ? 0.31 : 1.32, .ema = 0.15, .seed = 7 };
    return i == 0 ? (TrainCase){ "v", PREDICT_V, prior_task_zero, c } : (TrainCase){ "epsilon", PREDICT_EPSILON, none, c };
}

#endif
