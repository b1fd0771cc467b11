/* unet_embed.h -- what a UNet's blocks are told: the embedding of time, class and added conditions, and the text */
#ifndef SDREF_NN_UNET_EMBED_H
#define SDREF_NN_UNET_EMBED_H

#include "nn/unet.h"

/* Sines and cosines of times, in binary64, rounded once: with half = width/2 and a_i = t exp(-ln(10000) i / (half - shift)),
 * out (rows, width) = [sin a_0 .. sin a_half-1, cos a_0 ..], the halves exchanged if flip, and a 0 at the end of an odd width.
 * half != shift.  (diffusers' get_timestep_embedding, which works in binary32) */
void sinusoid(real *out, const double *t, size_t rows, int width, int flip, double shift);

/* (B, T), T = time_width, or twice that with class_embeddings_concat. The inputs have been checked. */
Tensor *unet_embedding(Net *n, const UNetConfig *u, const UNetInput *in);
/* (B, L', text_width): what blocks attend to. NULL without an error: nothing. */
Tensor *unet_text(Net *n, const UNetConfig *u, const UNetInput *in);

#endif
