/* train_sheet.c -- what a prior draws for a fixed list of prompts: the sheet that shows how training goes */
#include "ref/train_prior.h"
#include "ref/dataset.h"
#include "ref/pipeline.h"
#include "ref/sample.h"
#include "ref/train_files.h"
#include "render/picture.h"
#include "render/scene.h"
#include "tensor/par.h"

#include <string.h>

enum { CELLS = 24, COLUMNS = 8, STEPS = 20, ENLARGED = 2 };

/* Prompt i: objects and colours in steps that meet all of them, views in turn, every fifth without one. */
static int prompt_of(char text[CAPTION_BYTES], int i, Err *err)
{
    static const ViewLabel views[] = { VIEW_FRONT, VIEW_LEFT, VIEW_BACK, VIEW_OVERHEAD };
    char plain[CAPTION_BYTES];
    dataset_prompt(plain, i * 7 % scene_object_count(), i * 5 % scene_colour_count());
    if (i % 5 < 4) return view_prompt(text, CAPTION_BYTES, plain, views[i % 5], err);
    strcpy(text, plain);
    return 0;
}

static int cell(Picture *out, Pipeline *p, const char *prompt, uint64_t seed, Err *err)
{
    const int h = p->unet->config.sample_size[0], w = p->unet->config.sample_size[1];
    const SampleConfig config = { .steps = STEPS, .guidance = R(3.0), .seed = seed };
    Picture plain = { 0 };
    real *x = mem_new(6 * (size_t)h * (size_t)w, sizeof *x, "sample", err);
    real *image = x + 3 * (size_t)h * (size_t)w;
    Prior *prior = x == NULL ? NULL : prior_new(p, prompt, NULL, h, w, err);
    int status = -1;
    if (prior != NULL) {
        const Denoiser D = prior_denoiser(prior);
        status = sample_ddim(x, &config, p->S, &D, NULL, err);
    }
    if (status == 0) status = pipeline_image(image, p, x, h, w, err);
    if (status == 0) status = picture_from_planar(&plain, image, h, w, "sample", err);
    if (status == 0) status = picture_enlarge(out, &plain, ENLARGED, err);
    picture_free(&plain);
    prior_free(prior);
    mem_free(x);
    return status;
}

int prior_task_sheet(const char *folder, const char *path, Err *err)
{
    Picture cells[CELLS] = { { 0 } };
    char text[CELLS][CAPTION_BYTES];
    const char *labels[CELLS];
    Err why[CELLS] = { { 0 } };
    Pipeline *p = pipeline_open(folder, NULL, err);
    int status = p == NULL ? -1 : 0;
    for (int i = 0; i < CELLS && status == 0; i++) {
        status = prompt_of(text[i], i, err);
        labels[i] = text[i];
    }
    if (status == 0) {
        PAR_FOR_DYNAMIC
        for (int i = 0; i < CELLS; i++) cell(&cells[i], p, text[i], (uint64_t)i, &why[i]);
    }
    for (int i = 0; i < CELLS && status == 0; i++)
        if (why[i].set) status = err_set(err, "%s", why[i].msg);
    if (status == 0) status = train_write_sheet(path, cells, labels, CELLS, COLUMNS, err);
    for (int i = 0; i < CELLS; i++) picture_free(&cells[i]);
    pipeline_free(p);
    return status;
}
