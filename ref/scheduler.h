/* scheduler.h -- scheduler_config.json of a diffusers folder: the schedule the network was trained with
 *
 * Sampling is DDIM here whatever class the file names, and a key that is absent has the default of DDIMScheduler, as in
 * DDIMScheduler.from_config. Keys that only another sampler uses are accepted; those that change what the network means
 * (betas, prediction type) are honoured or refused.
 */
#ifndef SDREF_REF_SCHEDULER_H
#define SDREF_REF_SCHEDULER_H

#include "sampler/schedule.h"

/* folder/scheduler_config.json. -1: err names file, key, found, expected.
 * TRAP: clip_sample is for images. Latents have no bound, and files of Stable Diffusion that PNDMScheduler wrote lack the key, so that
 * its default would clip them: StableDiffusionPipeline turns it off, and so must a caller that has a VAE. */
int scheduler_read(ScheduleConfig *out, const char *folder, Err *err);

/* "1000 levels, betas scaled_linear, predicts epsilon; sampled with DDIM", for people. Returns out. */
enum { SCHEDULER_TEXT = 128 };
const char *scheduler_text(char out[SCHEDULER_TEXT], const ScheduleConfig *c);

#endif
