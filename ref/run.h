/* run.h -- one distillation as a folder
 *
 *     run.json            every setting that can change a result, the version, the prompt, digests of the model's files
 *     log.csv             step, t, grad_rms, psnr, psnr_object (both every --eval-every steps, where there is a truth), calls of the prior; with a LoRA
 *                         its loss, lora_loss; of each regulariser with a weight a column more: its y before the step (regularisers.h), empty where the weight is 0
 *     state.safetensors   the field, Adam's moments, the step: where --resume goes on
 *     views/NN.png        the held-out views;  sheet.png  truth, result and depth side by side;  turntable.gif
 *                         of several particles: of the first one; of the others views/particle-P-NN.png, turntable-P.gif, P from 1; the sheet shows all
 *     time.csv            seconds, threads: the only file that no digest covers
 * All but time.csv are the same bytes for the same settings, however often the run was stopped and resumed.
 *
 * The truth is a scene of render/scene.h, where the prompt names one. A field that is an image has one view (views/00.png, of each particle one), no depth
 * and no turntable; a truth only under --condition posed, where the prior is told that view.
 */
#ifndef SDREF_REF_RUN_H
#define SDREF_REF_RUN_H

#include "ref/distill.h"
#include "ref/options.h"
#include "ref/pipeline.h"
#include "ref/world.h"
#include "render/bytes.h"
#include "weights/json.h"

#define PRIOR_DEFAULT "exact"                                           /* of --prior: exact, or a folder */
#define EXACT_GROUP "The exact prior"                                   /* heading of the options that no other prior knows */

#define SHADING_GROUP "The light"                                       /* heading of the options of ref/shading.h */
#define OWN_GROUP "The estimator's own"                                 /* of the options that not every estimator reads */

typedef struct Run {
    const char *folder;             /* borrowed from the options */
    const char *prompt;             /* borrowed likewise */
    int known, object, colour;      /* known: the prompt names a scene, "a COLOUR OBJECT" */
    int truth;                      /* how its pictures should look is known */
    World world;
    ExactConfig exact_config;
    const Schedule *S;              /* the prior's */
    Schedule *schedule;             /* the exact prior's, owned */
    ExactPrior *exact;              /* NULL until asked for, when the prior is a folder */
    Pipeline *pipeline;             /* NULL: the prior is the exact one */
    Prior *network;
    Denoiser D;
    Reference *reference;           /* NULL: no picture to go by */
    const char *reference_path;     /* borrowed from the options */
    DepthNet *depth_net;            /* of ssd's baseline; NULL: it needs none */
    LoraScore *lora;                /* of vsd with a LoRA, else NULL */
    Distill *distill;
} Run;

extern const Command distill_command;                                   /* run_options.c: the table of settings */
extern const char *const run_view_modes[];                              /* words of ViewMode */

/* Makes everything that the settings name, and gives a value to those that were left open because their default depends on a preset, the prior
 * or the field. `prompt` and `folder` are borrowed. -1 with err set, nothing left open. */
int  run_open(Run *run, Options *o, const char *prompt, const char *folder, Err *err);
/* The same without the prior, for pictures: settings as run_settings_read found them; no step can be taken. */
int  run_open_field(Run *run, Options *o, const char *prompt, const char *folder, Err *err);
void run_close(Run *run);

/* run.json: written from the settings of an open run; read into options that the command line leaves open. */
int run_settings_write(const Run *run, const Options *o, Err *err);
/* *prompt: into `o`-independent memory, mem_free it. Refused: another version of the numerics, the other program's runs. */
int run_settings_read(Options *o, char **prompt, const char *folder, Err *err);

/* run_prior.c: the prior of a run. Open: checks what was asked for, opens a folder, chooses defaults. Start: run->D, for a run whose
 * world is open and whose `exact_config` is filled. */
int run_prior_open(Run *run, Options *o, Err *err);
int run_prior_start(Run *run, const Options *o, int resolution, Err *err);
int run_lora_start(Run *run, const Options *o, Err *err);               /* run->lora, where the estimator wants one; after run->distill */
int run_exact(Run *run, Err *err);                                      /* run->exact, if not there yet */
int run_ordered(const Options *o, const char *min, const char *max, Err *err);  /* run.c: of two numbers the first is not above the second */
/* run_estimator.c: the estimator of a run. Open: refuses what it does not read, chooses defaults. Config: into the loop's own. */
const Estimator *run_estimator(const Options *o);
int run_estimator_open(Options *o, Err *err);
int run_refuse(const Options *o, Err *err);                             /* run_refuse.c: options that the others given leave unread */
int run_estimator_config(DistillConfig *c, const Options *o, Err *err);
/* What needs the prior to be there: run->depth_net where ssd's baseline reads one, whether dsd_star's steps fit the schedule. */
int run_estimator_start(Run *run, DistillConfig *c, const Options *o, Err *err);
int run_choose(Options *o, const char *name, const char *value, Err *err);      /* a default for what is still open */

/* run_reference.c. Open: run->reference and c->reference, if a picture is named. Score: PSNR in dB of the run at its view; only with one. */
int run_reference_open(Run *run, DistillConfig *c, const Options *o, Err *err);
int run_reference_score(double *db, const Run *run, Err *err);

/* run_regularise.c: c->regularising, of a field that c names already. */
int run_regularise_config(DistillConfig *c, const Options *o, Err *err);

/* run_files.c. "model": digests of the files of a folder, of the baseline's network and of the reference picture, into run.json; --resume: are they
 * still the same? The exact prior has none. */
int run_model_write(JsonText *j, const Run *run, Err *err);
int run_model_check(const Run *run, Err *err);

/* The views that pictures show: the held-out ones, or the one of an image. Returns how many. */
int run_views(View view[HELD_OUT], const Run *run);

/* Only with run->truth: PSNR against the true scene over run_views and particles: mean, whole frame and over the object's pixels. */
typedef struct Score { double whole, object; } Score;
int run_score(Score *score, const Run *run, Err *err);
/* Only with run->known: in how many of run_views, of every particle, the exact prior's label posterior names the object and the colour. */
int run_recognised(int *count, Run *run, Err *err);

/* folder/name with a slash between; BUG when it does not fit. */
enum { PATH_BYTES = 4096 };
int run_path(char path[PATH_BYTES], const char *folder, const char *name, Err *err);

/* views/, sheet.png and, but for an image, turntable.gif (and those of other particles) into the run's folder; sheet_digest: SHA-256 of sheet.png in hex. */
int run_pictures(char sheet_digest[65], const Run *run, Err *err);
/* turntable.gif, and rgb.png, depth.png, opacity.png, normal.png (eight views around; of a normal n, world axes, (n + 1)/2 over mid grey) of
 * size x size pixels a view, into `folder`; of an image rgb.png alone, and only in its own size. */
int run_tour(const Run *run, const char *folder, int size, int frames, Err *err);

#endif
