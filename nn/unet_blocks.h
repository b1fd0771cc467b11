/* unet_blocks.h -- the parts that a UNet is made of: down, middle and up blocks, and the attentions inside them */
#ifndef SDREF_NN_UNET_BLOCKS_H
#define SDREF_NN_UNET_BLOCKS_H

#include "nn/net.h"
#include "nn/unet_config.h"

typedef struct UNetWalk {
    Net *n;
    const UNetConfig *u;
    Tensor *emb;              /* (B,T): time and all that is added to it; NULL: a network without time (the VAE) */
    Tensor *text;             /* (B,L,text_width), or NULL */
} UNetWalk;

/* resnets.j of a block: x (B,C,H,W) -> (B,channels,H,W). */
Tensor *unet_resnet(const UNetWalk *w, const UNetBlock *b, int j, Tensor *x);

/* x (B,C,H,W) -> (B,channels,H',W'); the outputs of its layers, and of its downsampler, are put behind skips[*count]. */
Tensor *unet_down_block(const UNetWalk *w, int i, Tensor *x, Tensor **skips, int *count);
Tensor *unet_mid_block(const UNetWalk *w, Tensor *x);
/* One skip connection a layer, the last first, is taken from skips[0 .. *count). */
Tensor *unet_up_block(const UNetWalk *w, int i, Tensor *x, Tensor *const *skips, int *count);

/* attentions.j of a block: x (B,C,H,W) -> the same shape. */
Tensor *unet_attention(const UNetWalk *w, const UNetBlock *b, int j, Tensor *x);

#endif
