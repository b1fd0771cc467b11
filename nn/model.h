/* model.h -- whatever network a folder holds, by the _class_name (or architectures) of its config.json */
#ifndef SDREF_NN_MODEL_H
#define SDREF_NN_MODEL_H

#include "nn/clip.h"
#include "nn/taesd.h"
#include "nn/unet.h"
#include "nn/vae.h"

typedef enum { MODEL_UNET, MODEL_VAE, MODEL_TAESD, MODEL_CLIP, MODEL_KINDS } ModelKind;

typedef struct Model {                    /* one of the four is not NULL */
    ModelKind kind;
    UNet *unet;
    Vae *vae;
    Taesd *taesd;
    Clip *clip;
    Params *params;                       /* of that one */
} Model;

const char *model_kind_name(ModelKind kind);                     /* "unet", "vae", "taesd", "clip": the kinds of a trace */
const char *model_stem(ModelKind kind);                          /* file name of the weights, without .safetensors */
/* The kind of a config; -1: an unknown class, named with those that are known. */
int  model_kind_of(ModelKind *kind, const Json *config, const char *name, Err *err);
int  model_open(Model *m, const char *folder, Err *err);         /* config and weights, checked against each other */
int  model_declare(Model *m, const Json *config, const char *name, Err *err);
void model_close(Model *m);

#endif
