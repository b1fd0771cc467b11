/* model.c -- class names, and the four kinds of network behind one face */
#include "nn/model.h"

#include <stdio.h>
#include <string.h>

static const struct { const char *class; ModelKind kind; } classes[] = {
    { "UNet2DConditionModel", MODEL_UNET }, { "UNet2DModel", MODEL_UNET }, { "AutoencoderKL", MODEL_VAE }, { "AutoencoderTiny", MODEL_TAESD },
    { "CLIPModel", MODEL_CLIP }, { "CLIPTextModel", MODEL_CLIP }, { "CLIPTextModelWithProjection", MODEL_CLIP },
    { "CLIPVisionModel", MODEL_CLIP }, { "CLIPVisionModelWithProjection", MODEL_CLIP },
};
enum { CLASSES = sizeof classes / sizeof classes[0] };

const char *model_kind_name(ModelKind kind)
{
    static const char *const names[MODEL_KINDS] = { "unet", "vae", "taesd", "clip" };
    return names[kind];
}

const char *model_stem(ModelKind kind) { return kind == MODEL_CLIP ? "model" : "diffusion_pytorch_model"; }

int model_kind_of(ModelKind *kind, const Json *config, const char *name, Err *err)
{
    char show[SHOW_ROOM];
    const char *class = json_string(json_get(config, "_class_name"));
    if (class == NULL) class = json_string(json_at(json_get(config, "architectures"), 0));
    if (class == NULL) return err_set(err, "%s: neither '_class_name' nor 'architectures' is there, expected a class of diffusers or transformers", name);
    for (int i = 0; i < CLASSES; i++)
        if (strcmp(class, classes[i].class) == 0) {
            *kind = classes[i].kind;
            return 0;
        }
    return err_set(err, "%s: the class is '%s', expected UNet2DConditionModel, UNet2DModel, AutoencoderKL, AutoencoderTiny, CLIPTextModel, "
                   "CLIPTextModelWithProjection, CLIPVisionModel, CLIPVisionModelWithProjection or CLIPModel", name, json_show(show, class));
}

static int finish(Model *m)
{
    m->params = m->unet != NULL ? m->unet->params : m->vae != NULL ? m->vae->params : m->taesd != NULL ? m->taesd->params
              : m->clip != NULL ? m->clip->params : NULL;
    return m->params == NULL ? -1 : 0;
}

int model_open(Model *m, const char *folder, Err *err)
{
    char path[512];
    *m = (Model){ 0 };
    snprintf(path, sizeof path, "%s/config.json", folder);
    Json *config = json_read(path, err);
    const int status = config == NULL ? -1 : model_kind_of(&m->kind, config, path, err);
    json_free(config);
    if (status != 0) return -1;
    if (m->kind == MODEL_UNET) m->unet = unet_open(folder, err);
    if (m->kind == MODEL_VAE) m->vae = vae_open(folder, err);
    if (m->kind == MODEL_TAESD) m->taesd = taesd_open(folder, err);
    if (m->kind == MODEL_CLIP) m->clip = clip_open(folder, err);
    return finish(m);
}

int model_declare(Model *m, const Json *config, const char *name, Err *err)
{
    *m = (Model){ 0 };
    if (model_kind_of(&m->kind, config, name, err) != 0) return -1;
    if (m->kind == MODEL_UNET) m->unet = unet_declare(config, name, err);
    if (m->kind == MODEL_VAE) m->vae = vae_declare(config, name, err);
    if (m->kind == MODEL_TAESD) m->taesd = taesd_declare(config, name, err);
    if (m->kind == MODEL_CLIP) m->clip = clip_declare(config, name, err);
    return finish(m);
}

void model_close(Model *m)
{
    unet_free(m->unet);
    vae_free(m->vae);
    taesd_free(m->taesd);
    clip_free(m->clip);
    *m = (Model){ 0 };
}
