/* train_files.c -- files and folders of a training */
#include "ref/train_files.h"
#include "ref/pipeline.h"
#include "ref/scheduler.h"
#include "render/png.h"
#include "weights/dtype.h"
#include "weights/file.h"

#include <stdio.h>
#include <string.h>

static const char scheduler_format[] =
    "{\n  \"_class_name\": \"DDIMScheduler\",\n  \"_diffusers_version\": \"0.21.4\",\n  \"beta_schedule\": \"squaredcos_cap_v2\",\n"
    "  \"clip_sample\": true,\n  \"clip_sample_range\": 1.0,\n  \"num_train_timesteps\": 1000,\n  \"prediction_type\": \"%s\",\n"
    "  \"set_alpha_to_one\": true,\n  \"steps_offset\": 0,\n  \"timestep_spacing\": \"trailing\"\n}\n";

int train_write_text(const char *folder, const char *part, const char *file, const char *text, Err *err)
{
    char path[PART_PATH];
    if (snprintf(path, sizeof path, "%s/%s", folder, part) >= (int)sizeof path - 32) return err_set(err, "%.200s...: the path is too long", folder);
    if (dir_make(path, err) != 0) return -1;
    snprintf(path + strlen(path), 32, "/%s", file);
    return file_write(path, text, strlen(text), err);
}

int train_write_scheduler(const char *folder, const char *part, const char *prediction, Err *err)
{
    char text[1024];
    snprintf(text, sizeof text, scheduler_format, prediction);
    return train_write_text(folder, part, "scheduler_config.json", text, err);
}

Json *train_read_config(char *path, size_t cap, const char *folder, const char *part, Err *err)
{
    snprintf(path, cap, "%s/%s/config.json", folder, part);
    return json_read(path, err);
}

Schedule *train_read_schedule(const char *folder, const char *part, Err *err)
{
    char path[PART_PATH];
    ScheduleConfig config;
    snprintf(path, sizeof path, "%s/%s", folder, part);
    return scheduler_read(&config, path, err) == 0 ? schedule_new(&config, err) : NULL;
}

int train_write_weights(const char *folder, const char *part, const char *stem, const Params *p, const real *values, Err *err)
{
    char path[PART_PATH];
    const size_t n = params_total(p);
    size_t at = 0;
    uint16_t *half = mem_new(n, sizeof *half, "weights", err);
    StWriter *w = half == NULL ? NULL : stw_new(err);
    stw_meta(w, "format", "pt");
    for (size_t i = 0; half != NULL && i < n; i++) half[i] = f16_from_f64((double)values[i]);
    for (int i = 0; half != NULL && i < params_count(p); i++) {
        const Weight *weight = params_at(p, i);
        stw_add(w, weight->name, ST_F16, weight->s.nd, weight->s.d, half + at);
        at += weight->n;
    }
    snprintf(path, sizeof path, "%s/%s/%s.safetensors", folder, part, stem);
    const int status = w == NULL ? -1 : stw_write(w, path, err);
    stw_free(w);
    mem_free(half);
    return status;
}

int train_write_sheet(const char *path, const Picture *cells, const char *const *labels, int n, int columns, Err *err)
{
    Picture sheet = { 0 };
    Bytes b = { 0 };
    int status = picture_sheet(&sheet, cells, labels, n, columns, 4, 1, err);
    if (status == 0) status = png_encode(&b, sheet.rgb, sheet.h, sheet.w, 3, NULL, 0, err);
    if (status == 0) status = file_write(path, b.p, b.n, err);
    bytes_free(&b);
    picture_free(&sheet);
    return status;
}
