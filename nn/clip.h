/* clip.h -- CLIP's text and vision towers, as in transformers' CLIPModel, CLIPTextModel, CLIPTextModelWithProjection,
 * CLIPVisionModel and CLIPVisionModelWithProjection
 */
#ifndef SDREF_NN_CLIP_H
#define SDREF_NN_CLIP_H

#include "nn/net.h"
#include "weights/json.h"

typedef struct ClipTower {                /* present: the folder has it */
    int present, hidden_size, intermediate_size, num_attention_heads, num_hidden_layers;
    Act hidden_act;
    double layer_norm_eps;
} ClipTower;
typedef struct ClipConfig {
    ClipTower text, vision;
    int vocab_size, max_position_embeddings, eos_token_id;       /* text */
    int image_size, patch_size, num_channels;                    /* vision */
    int projection_dim;                   /* 0: no projection in this folder */
} ClipConfig;
typedef struct Clip { ClipConfig config; Params *params; } Clip;

Clip *clip_open(const char *folder, Err *err);            /* config.json, model.safetensors (variants, shards); NULL on error */
Clip *clip_declare(const Json *config, const char *name, Err *err);
void  clip_free(Clip *c);                                 /* NULL is fine */

typedef struct ClipText {
    Tensor *last_hidden_state;            /* (B,T,C), after the final layer norm */
    Tensor *penultimate;                  /* (B,T,C), hidden_states[-2]: input of the last layer, no norm (SDXL) */
    Tensor *pooled;                       /* (B,C) of last_hidden_state at the end token */
    Tensor *text_embeds;                  /* (B,projection_dim), not normalised; NULL without projection */
} ClipText;
/* ids (B,T), T <= max_position_embeddings; an id beyond the vocabulary is an error. 0, or -1 with n->err set. */
int clip_text(ClipText *out, Net *n, const Clip *c, const int64_t *ids, int B, int T);

typedef struct ClipVision {
    Tensor *last_hidden_state;            /* (B,1+patches,C) */
    Tensor *pooled;                       /* (B,C) of the class token, after post_layernorm */
    Tensor *image_embeds;                 /* (B,projection_dim), not normalised; NULL without projection */
} ClipVision;
/* pixels (B,3,S,S), normalised already (clip_normalise). */
int clip_vision(ClipVision *out, Net *n, const Clip *c, Tensor *pixels);
/* (B,3,H,W) in [0,1] -> (x - mean_c) / std_c with CLIP's constants; on the tape. No resizing. */
Tensor *clip_normalise(Tape *t, Tensor *image);

#endif
