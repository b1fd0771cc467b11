/* unet_config.h -- config.json of UNet2DConditionModel and UNet2DModel, as the walk over the network needs it
 *
 * Every block carries its own settings, in the order in which blocks run: what diffusers reverses for the up blocks is reversed
 * here. A key is honoured, or refused with its name and value; one that has no influence in a config (projection_class_
 * embeddings_input_dim without a projection, the dropout rate) is read and that is all, as in diffusers.
 */
#ifndef SDREF_NN_UNET_CONFIG_H
#define SDREF_NN_UNET_CONFIG_H

#include "tensor/act.h"
#include "weights/json.h"

enum { UNET_LEVELS = 8, UNET_LAYERS = 16, UNET_SKIPS = UNET_LEVELS * (UNET_LAYERS + 1) + 1 };

/* What stands after a resnet of a block: nothing; a Transformer2DModel (CrossAttn..); attention over positions and text at once
 * (SimpleCrossAttn..); attention over positions (Attn..). */
typedef enum { ATTEND_NONE, ATTEND_TRANSFORMER, ATTEND_JOINT, ATTEND_SELF } UNetAttend;
typedef enum { RESAMPLE_NONE, RESAMPLE_CONV, RESAMPLE_RESNET } UNetResample;
typedef enum { CROSS_NORM_NONE, CROSS_NORM_LAYER, CROSS_NORM_GROUP } UNetCrossNorm;
typedef enum { TIME_POSITIONAL, TIME_FOURIER } UNetTime;
typedef enum { CLASS_NONE, CLASS_TABLE, CLASS_TIMESTEP, CLASS_IDENTITY, CLASS_PROJECTION, CLASS_LINEAR } UNetClass;
typedef enum { ADD_NONE, ADD_TEXT, ADD_TEXT_TIME, ADD_TEXT_IMAGE, ADD_IMAGE } UNetAdd;
typedef enum { HID_NONE, HID_TEXT, HID_TEXT_IMAGE, HID_IMAGE } UNetHid;

typedef struct UNetBlock {
    UNetAttend attend;
    int channels;             /* of what it puts out */
    int layers;               /* resnets, each with its attention; in the middle: those after the first resnet */
    int heads, head_dim;      /* heads * head_dim <= channels */
    int depth;                /* transformer blocks of a Transformer2DModel */
    int text_width;           /* of the text that it attends to */
    int only_cross;           /* attention to the text alone */
    int group_norm;           /* ATTEND_SELF: is there a group norm before the projections? */
    int skip_time_act;        /* no activation before time_emb_proj */
    double out_scale;         /* a resnet's output, and that of ATTEND_SELF, is divided by it */
    UNetResample resample;    /* at the end of a down or an up block */
    int fits_skip;            /* up: upsamples to the size of the next skip connection; else doubles */
} UNetBlock;

typedef struct UNetConfig {
    int conditional;          /* UNet2DConditionModel; 0: UNet2DModel */
    int in_channels, out_channels, levels, has_mid;
    int sample_size[2];       /* height and width it was trained for; 0: not said. Any size goes */
    UNetBlock down[UNET_LEVELS], mid, up[UNET_LEVELS];
    int norm_groups;
    double norm_eps;
    Act act, time_act, out_act;           /* of the blocks, of time_embedding, before conv_out */
    int conv_in_kernel, conv_out_kernel;  /* odd */
    int center_input, scale_shift, linear_projection, downsample_padding;
    UNetCrossNorm cross_norm;

    UNetTime time;
    int base;                             /* channels of conv_in's output */
    int time_in, time_width;              /* values of time_proj, of time_embedding */
    int flip_sin_to_cos;
    double freq_shift;
    int time_cond;                        /* width of timestep_cond; 0: none */
    int has_post_act, has_emb_act;        /* timestep_post_act, time_embedding_act_fn */
    Act post_act, emb_act;

    UNetClass class_kind;
    int class_count, projection_in, class_concat;    /* rows of the table; projection_class_embeddings_input_dim */
    UNetAdd add;
    int add_time_width, add_heads;        /* addition_time_embed_dim, addition_embed_type_num_heads */
    UNetHid hid;
    int hid_width;                        /* encoder_hid_dim; 0: none */
    int text_width;                       /* cross_attention_dim of what attends */
    int uses_text;                        /* is encoder_hidden_states an input? */
    int text_in;                          /* its width */
} UNetConfig;

/* `name` is what messages call the config. 0, or -1 with err set. */
int unet_config_read(UNetConfig *u, const Json *config, const char *name, Err *err);

#endif
