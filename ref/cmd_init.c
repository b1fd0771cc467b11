/* cmd_init.c -- sdref init: a model of random weights, for tests, benchmarks and training
 *
 * The parameters are those that a walk over the config asks for, in that order; values as PyTorch draws them by default (linear and
 * convolution layers uniform in +-1/sqrt(fan in), norms 1 and 0), each from draws addressed by (seed, number of the parameter).
 */
#include "nn/model.h"
#include "ref/cli.h"
#include "ref/progress.h"
#include "tensor/mem.h"
#include "tensor/par.h"
#include "weights/file.h"

#include <stdio.h>
#include <string.h>

static const char *const examples[] = {
    "sdref init tests/golden/nets/sd15/unet/config.json --out runs/tiny",
    "sdref init stable-diffusion-2-1/unet/config.json --dtype f16 --seed 1 --out runs/sd21",
    NULL
};
static const char *const dtypes[] = { "f16", "bf16", "f32", NULL };
static const Option options[] = {
    { "Options", "out", OPT_STRING, OPT_HOST, NULL, "FOLDER", "config.json and weights (needed); older ones are replaced", 0, 0, NULL },
    { "Options", "seed", OPT_UINT64, OPT_RESULT, "0", NULL, "", 0, 0, NULL },
    { "Options", "dtype", OPT_CHOICE, OPT_RESULT, "f32", NULL, "of the weights", 0, 0, dtypes },
    { "Options", "threads", OPT_INT, OPT_HOST, NULL, "N", "default: all cores; changes no bit", 1, 1024, NULL },
};
static const Command command = {
    "init", "a model of random weights for a config.json", "sdref init CONFIG --out FOLDER [options]", examples,
    options, sizeof options / sizeof options[0], 1, 1, "CONFIG (a config.json)",
};

/* One value, rounded once to the type. */
static void put(unsigned char *out, double x, int dtype)
{
    const uint16_t half = dtype == 0 ? f16_from_f64(x) : bf16_from_f64(x);
    const float single = (float)x;
    if (dtype == 2) memcpy(out, &single, 4);
    else memcpy(out, &half, 2);
}

/* All values of parameter i. */
static void draw(unsigned char *out, const Params *p, int i, uint64_t seed, int dtype)
{
    const int64_t n = (int64_t)params_at(p, i)->n;
    PAR_FOR
    for (int64_t k = 0; k < n; k++) put(out + (dtype == 2 ? 4 : 2) * k, params_draw(p, i, seed, (uint32_t)i, (uint32_t)k), dtype);
}

static int write_weights(const Model *m, const Options *o, const char *path, Err *err)
{
    static const StDtype types[] = { ST_F16, ST_BF16, ST_F32 };
    const int dtype = opt_choice(o, "dtype");
    const size_t size = dtype == 2 ? 4 : 2;
    const double logit_scale = 2.6592;                       /* of CLIP's loss: no part of a forward pass, but of a whole CLIPModel */
    const int whole_clip = m->kind == MODEL_CLIP && m->clip->config.text.present && m->clip->config.vision.present;
    size_t values = (size_t)whole_clip, at = 0;
    Progress progress;
    for (int i = 0; i < params_count(m->params); i++) values += params_at(m->params, i)->n;
    unsigned char *bytes = mem_new(values, size, "weights", err);
    StWriter *w = bytes == NULL ? NULL : stw_new(err);
    if (w == NULL) {
        mem_free(bytes);
        return -1;
    }
    stw_meta(w, "format", "pt");                              /* what transformers asks of a file */
    progress_start(&progress, "tensor", 0, params_count(m->params), 0);
    for (int i = 0; i < params_count(m->params); i++) {
        const Weight *p = params_at(m->params, i);
        draw(bytes + at, m->params, i, opt_uint64(o, "seed"), dtype);
        stw_add(w, p->name, types[dtype], p->s.nd, p->s.d, bytes + at);
        at += p->n * size;
        progress_step(&progress, i + 1, NULL);
    }
    progress_end(&progress);
    if (whole_clip) {
        put(bytes + at, logit_scale, dtype);
        stw_add(w, "logit_scale", types[dtype], 0, NULL, bytes + at);
    }
    const int status = stw_write(w, path, err);
    stw_free(w);
    mem_free(bytes);
    if (status != 0) return -1;
    printf("%s: %d tensors, %.2f M parameters, %.1f MB\n", path, params_count(m->params) + whole_clip, (double)values / 1e6,
           (double)(values * size) / 1e6);
    return 0;
}

static int init(const Options *o, Err *err)
{
    enum { CONFIG_BYTES = 1 << 20 };
    char path[1024];
    void *text = NULL;
    size_t n = 0;
    Model m = { 0 };
    const char *folder = opt_string(o, "out"), *source = opt_arg(o, 0);
    if (folder == NULL) return err_set(err, "--out: none found, expected a folder for the model");
    if (file_read(&text, &n, source, CONFIG_BYTES, err) != 0) return -1;
    Json *config = json_parse(text, n, source, err);
    int status = config == NULL ? -1 : model_declare(&m, config, source, err);
    if (status == 0) status = dir_make(folder, err);
    snprintf(path, sizeof path, "%s/config.json", folder);
    if (status == 0) status = file_write(path, text, n, err);
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, model_stem(m.kind));
    if (status == 0) status = write_weights(&m, o, path, err);
    model_close(&m);
    json_free(config);
    mem_free(text);
    return status;
}

int cmd_init(int argc, char *const *argv)
{
    int code;
    Options *o = cli_options(&command, argc, argv, &code);
    if (o == NULL) return code;
    Err err = { 0 };
    if (opt_has(o, "threads")) par_threads_set(opt_int(o, "threads"));
    if (init(o, &err) != 0) code = cli_trouble(&err);
    opt_free(o);
    return code;
}
