/* render_score.h -- the exact score of a few images: what VSD's second network learns, where it is known
 *
 *     q_t(x_t) = mean over the images of N(alpha_t x_i, sigma_t^2 I)
 *     eps(x_t) = (x_t - alpha_t m) / sigma_t,   m = sum w_i x_i,   w = softmax_i( -|x_t - alpha_t x_i|^2 / (2 sigma_t^2) )
 * Of one image it is the noise itself: VSD is then SDS.
 */
#ifndef SDREF_REF_RENDER_SCORE_H
#define SDREF_REF_RENDER_SCORE_H

#include "sampler/denoiser.h"
#include "sampler/schedule.h"

enum { RENDER_SCORE_MAX = 64 };
typedef struct RenderScore {
    const Schedule *S;
    int channels, h, w, count;
    const real *image[RENDER_SCORE_MAX];    /* (count) of (C,H,W), in the prior's range; borrowed */
} RenderScore;

/* Borrows s; the condition is not read. */
Denoiser render_score_denoiser(RenderScore *s);

#endif
