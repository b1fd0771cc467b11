/* vae.h -- AutoencoderKL of diffusers: images <-> latents, with the way back through both */
#ifndef SDREF_NN_VAE_H
#define SDREF_NN_VAE_H

#include "nn/net.h"
#include "weights/json.h"

enum { VAE_BLOCKS = 8 };
typedef struct VaeConfig {
    int in_channels, out_channels, latent_channels, layers_per_block, norm_num_groups, blocks;
    int block_out_channels[VAE_BLOCKS];
    int down_attends[VAE_BLOCKS], up_attends[VAE_BLOCKS];     /* AttnDownEncoderBlock2D, AttnUpDecoderBlock2D */
    Act act_fn;
    double scaling_factor, shift_factor;
    int use_quant_conv, use_post_quant_conv, mid_block_add_attention;
} VaeConfig;
typedef struct Vae { VaeConfig config; Params *params; } Vae;

Vae *vae_open(const char *folder, Err *err);              /* config and weights checked against each other; NULL on error */
Vae *vae_declare(const Json *config, const char *name, Err *err);
void vae_free(Vae *v);                                    /* NULL is fine */

/* image (N,in_channels,H,W) in [-1,1] -> (N, 2 latent_channels, h, w): mean, then log variance (clamped to [-30,20] only where it is
 * used). No scaling factor. Each of the blocks - 1 stages halves a side, rounding down; a side that would come to nothing is an error. */
Tensor *vae_encode(Net *n, const Vae *v, Tensor *image);
/* latent (N,latent_channels,h,w), not scaled -> (N,out_channels,H,W), H = h 2^(blocks-1). */
Tensor *vae_decode(Net *n, const Vae *v, Tensor *latent);

#endif
