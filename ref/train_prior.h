/* train_prior.h -- the shipped prior: its networks, the loss of a picture, its folder
 *
 * A UNet2DConditionModel on 64 x 64 pixels and a small CLIP text encoder, trained together. For picture i of step s's batch (dataset.h):
 *     x0 (3,64,64), caption;  t = floor(T frac(u_s + b / B)), b its place in the batch;  eps ~ N(0, I);  x_t = alpha x0 + sigma eps
 *     y = UNet(x_t, t, text(caption));  target = alpha eps - sigma x0 (v) or eps;  e = mean over values of (y - target)^2
 *     loss = w e,  w = min(snr + 1, 5) / (snr + 1) (v) or min(snr, 5) / snr (epsilon),  snr = alpha^2 / sigma^2  [min-SNR: Hang et al. 2023]
 * so t covers 0..T-1 evenly in every batch, and the error of x0 has the weight min(snr + 1, 5) or min(snr, 5). From step PRIOR_HIGH_FROM on
 * every PRIOR_HIGH_EVERY-th picture takes its t from the highest fifth, PRIOR_HIGH T..T-1, instead: sampling decides there, in its first steps,
 * what is seen and from where, and what it says later can be read from x_t. After 100 000 pictures colours and objects had been learnt, most
 * views not. A training that begins from weights, where shapes lag too, does so with every PRIOR_HIGH_EVERY_ON-th picture, from its first step.
 * TRAP: min(snr, 5) / (snr + 1) for v leaves high noise, where object and view are decided, next to no weight. Trainers of diffusers add
 * the 1, too; with it a run from nothing was as good at high noise after a sixth of the pictures.
 * TRAP: a text encoder that learns as fast as the UNet forgets the words that the UNet cannot use yet. After 240 000 pictures "left" and "right" had
 * become the same to it (their states 0.35 apart, of 8; 4.9 at the start), and samples were seen from any side. So the encoder learns
 * PRIOR_TEXT_RATE as fast, and its words start PRIOR_WORDS times as long as CLIP's, which keeps them apart through the layers.
 */
#ifndef SDREF_REF_TRAIN_PRIOR_H
#define SDREF_REF_TRAIN_PRIOR_H

#include "nn/clip.h"
#include "nn/unet.h"
#include "ref/train.h"
#include "sampler/schedule.h"
#include "weights/tokenizer.h"

#define PRIOR_TEXT_RATE 0.1
#define PRIOR_WORDS 5.0
#define PRIOR_HIGH 0.8
#define PRIOR_HIGH_FROM 6600
#define PRIOR_HIGH_EVERY 2
#define PRIOR_HIGH_EVERY_ON 4

typedef struct PriorTask {
    UNet *unet;
    Clip *text;
    Tokenizer *tokenizer;
    Schedule *S;
    int h, w;                         /* of a picture */
    int batch;                        /* B */
    uint64_t seed;
    long high_from;                   /* step; PRIOR_HIGH_FROM as it is opened, 0 for a training from weights */
    int high_every;                   /* PRIOR_HIGH_EVERY as it is opened, PRIOR_HIGH_EVERY_ON for a training from weights */
} PriorTask;

/* The files of the folder but the weights (configs, vocabulary, model_index.json), written to `folder`; the networks declared from
 * them. -1 with err set, nothing left open. */
int  prior_task_open(PriorTask *task, const char *folder, Prediction prediction, int batch, uint64_t seed, Err *err);
void prior_task_close(PriorTask *task);
TrainTask prior_task(const PriorTask *task);              /* borrows task */
/* t of picture `place` of the batch of step `step`. */
int       prior_timestep(const PriorTask *task, long step, int place);
extern const TrainStart prior_task_start[];               /* for train_new */

/* The averaged weights, as F16, into the folder: it is then a prior that pipeline_open reads. */
int  prior_task_export(const PriorTask *task, const Trainer *t, const char *folder, Err *err);
/* The weights of such a folder, and the digests of its files, for a training to begin from. */
#define PRIOR_UNET_FILE "unet/diffusion_pytorch_model.safetensors"
#define PRIOR_TEXT_FILE "text_encoder/model.safetensors"
enum { PRIOR_DIGESTS = 2 * 64 + 2 };
int  prior_task_begin(const PriorTask *task, Trainer *t, const char *folder, char digests[PRIOR_DIGESTS], Err *err);
/* Samples of that folder for a fixed list of prompts (guidance 3), as a PNG sheet. */
int  prior_task_sheet(const char *folder, const char *path, Err *err);

#endif
