/* train_files.h -- what trainings leave behind: configs, the noise schedule, weights, sheets */
#ifndef SDREF_REF_TRAIN_FILES_H
#define SDREF_REF_TRAIN_FILES_H

#include "nn/params.h"
#include "render/picture.h"
#include "sampler/schedule.h"
#include "weights/json.h"

/* All: 0, or -1 with err set. `part` is a folder below `folder`, which is made; "." is the folder itself. */
int train_write_text(const char *folder, const char *part, const char *file, const char *text, Err *err);
/* scheduler_config.json: squaredcos_cap_v2, 1000 levels; `prediction` is what the network puts out, by its name there. */
int train_write_scheduler(const char *folder, const char *part, const char *prediction, Err *err);
Json *train_read_config(char *path, size_t cap, const char *folder, const char *part, Err *err);   /* config.json; its path, for messages */
Schedule *train_read_schedule(const char *folder, const char *part, Err *err);
/* folder/part/stem.safetensors: values (params_total), rounded to F16. */
int train_write_weights(const char *folder, const char *part, const char *stem, const Params *p, const real *values, Err *err);
/* Cells under their labels, as a PNG; the cells are the caller's. */
int train_write_sheet(const char *path, const Picture *cells, const char *const *labels, int n, int columns, Err *err);

#endif
