/* taesd.h -- AutoencoderTiny of diffusers (TAESD): a small encoder and decoder in the place of the VAE
 *
 * latent_magnitude and latent_shift of the config only serve to show latents in [0,1]; nothing here computes with them.
 */
#ifndef SDREF_NN_TAESD_H
#define SDREF_NN_TAESD_H

#include "nn/net.h"
#include "weights/json.h"

enum { TAESD_STAGES = 8 };
typedef struct TaesdConfig {
    int in_channels, out_channels, latent_channels, upsampling_scaling_factor, encoder_stages, decoder_stages;
    int encoder_block_out_channels[TAESD_STAGES], decoder_block_out_channels[TAESD_STAGES];
    int num_encoder_blocks[TAESD_STAGES], num_decoder_blocks[TAESD_STAGES];
    Act act_fn;
    double scaling_factor, shift_factor;
} TaesdConfig;
typedef struct Taesd { TaesdConfig config; Params *params; } Taesd;

Taesd *taesd_open(const char *folder, Err *err);
Taesd *taesd_declare(const Json *config, const char *name, Err *err);
void   taesd_free(Taesd *v);

/* image (N,in_channels,H,W) in [-1,1] -> (N,latent_channels,h,w); the network sees (x+1)/2. A stage halves a side, rounding up. */
Tensor *taesd_encode(Net *n, const Taesd *v, Tensor *image);
/* latent (N,latent_channels,h,w) -> (N,out_channels,H,W) = 2 net(3 tanh(z/3)) - 1 */
Tensor *taesd_decode(Net *n, const Taesd *v, Tensor *latent);

#endif
