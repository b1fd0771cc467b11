/* run.h -- one distillation as a folder
 *
 *     run.json            every setting that can change a result, the version, the prompt
 *     log.csv             step, t, grad_rms, psnr, psnr_object  (the last two every --eval-every steps)
 *     state.safetensors   the field, Adam's moments, the step: where --resume goes on
 *     views/NN.png        the held-out views;  sheet.png  truth, result and depth side by side;  turntable.gif
 *     time.csv            seconds, threads: the only file that no digest covers
 * All but time.csv are the same bytes for the same settings, however often the run was stopped and resumed.
 */
#ifndef SDREF_REF_RUN_H
#define SDREF_REF_RUN_H

#include "ref/distill.h"
#include "ref/options.h"
#include "ref/world.h"
#include "render/bytes.h"

typedef struct Run {
    const char *folder;             /* borrowed from the options */
    const char *prompt;             /* borrowed likewise */
    int object, colour;
    World world;
    Schedule *S;
    ExactPrior *prior;
    Denoiser D;
    Distill *distill;
} Run;

extern const Command distill_command;                                   /* the table of settings */

/* Makes everything that the settings name. `prompt` and `folder` are borrowed. -1 with err set, nothing left open. */
int  run_open(Run *run, const Options *o, const char *prompt, const char *folder, Err *err);
void run_close(Run *run);

/* run.json: written from the settings; read into options that the command line leaves open. */
int run_settings_write(const Options *o, const char *prompt, const char *folder, Err *err);
/* *prompt: into `o`-independent memory, mem_free it. Refused: another version of the numerics, the other program's runs. */
int run_settings_read(Options *o, char **prompt, const char *folder, Err *err);

/* PSNR against the true scene over the held-out views: mean of the eight, whole frame and over the object's pixels. */
typedef struct Score { double whole, object; } Score;
int run_score(Score *score, const Run *run, Err *err);
/* In how many held-out views the prior's label posterior names the object and the colour. */
int run_recognised(int *count, Run *run, Err *err);

/* folder/name with a slash between; BUG when it does not fit. */
enum { PATH_BYTES = 4096 };
int run_path(char path[PATH_BYTES], const char *folder, const char *name, Err *err);

/* views/, sheet.png, turntable.gif into the run's folder; sheet_digest: SHA-256 of sheet.png in hex. */
int run_pictures(char sheet_digest[65], const Run *run, Err *err);
/* turntable.gif, rgb.png, depth.png, opacity.png (eight views around) of size x size pixels a view, into `folder`. */
int run_tour(const Run *run, const char *folder, int size, int frames, Err *err);

#endif
