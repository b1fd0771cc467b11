/* unet.h -- UNet2DConditionModel and UNet2DModel of diffusers, from their config and weights
 *
 * One walk over the config; block types are looked up by the strings of the file, and no model is known by name. Every key of
 * config.json is honoured or refused with its name and value. Module paths are the checkpoint's.
 */
#ifndef SDREF_NN_UNET_H
#define SDREF_NN_UNET_H

#include "nn/net.h"
#include "nn/unet_config.h"

typedef struct UNet { UNetConfig config; Params *params; } UNet;

typedef struct UNetInput {                /* B images of H x W; tensors that the config does not use are NULL */
    Tensor *sample;                       /* (B, in_channels, H, W) */
    const double *timestep;               /* (B) */
    Tensor *encoder_hidden_states;        /* (B, L, E) */
    Tensor *class_labels;                 /* (B) whole numbers, or times; (B, D) to be projected */
    Tensor *text_embeds;                  /* (B, D)  addition_embed_type text_time, text_image; pooled text */
    Tensor *time_ids;                     /* (B, 6)  text_time */
    Tensor *image_embeds;                 /* (B, D)  image kinds of addition_embed_type and encoder_hid_dim_type */
    Tensor *timestep_cond;                /* (B, D)  time_cond_proj_dim */
    Tensor *camera;                       /* (B, D)  of a LoRA with a camera; NULL: nothing is added */
} UNetInput;

/* config.json and weights of a folder, checked against each other on a tape of shapes: missing, misshapen and unknown tensors are
 * errors that name file, key, found and expected. NULL on error. */
UNet *unet_open(const char *folder, Err *err);
/* The parameters of a config, declared: for `sdref init`. `name` is what messages call the config. */
UNet *unet_declare(const Json *config, const char *name, Err *err);
void  unet_free(UNet *u);                 /* NULL is fine */

/* (B, out_channels, H, W), what the network puts out (epsilon, v or x0: the scheduler knows). n is at the top, and its params are
 * the UNet's. NULL with n->err set: a missing or misshapen input is named. */
Tensor *unet_forward(Net *n, const UNet *u, const UNetInput *in);

#endif
