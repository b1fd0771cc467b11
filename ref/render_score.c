/* render_score.c -- a mixture of the renders, each of no width
 *
 * Weights in binary64, from the largest exponent down, so that none overflows; sums over images in their order.
 */
#include "ref/render_score.h"
#include "tensor/elem.h"
#include "tensor/sum.h"

static int predict(void *self, real *eps, const real *xt, int t, const Cond *cond, Err *err)
{
    const RenderScore *s = self;
    const size_t n = (size_t)s->channels * (size_t)s->h * (size_t)s->w;
    const real alpha = sched_alpha(s->S, t), sigma = sched_sigma(s->S, t);
    double w[RENDER_SCORE_MAX], top = -DBL_MAX, sum = 0;
    (void)cond;
    (void)err;
    BUG_IF(s->count < 1 || s->count > RENDER_SCORE_MAX, "a score of %d images", s->count);
    for (int i = 0; i < s->count; i++) {
        w[i] = -(double)sumsq_diff16(xt, s->image[i], alpha, n) / (2 * (double)sigma * (double)sigma);
        if (w[i] > top) top = w[i];
    }
    for (int i = 0; i < s->count; i++) {
        w[i] = d_exp(w[i] - top);
        sum += w[i];
    }
    for (size_t j = 0; j < n; j++) {
        real m = 0;
        for (int i = 0; i < s->count; i++) m = r_fma((real)(w[i] / sum), s->image[i][j], m);
        eps[j] = r_fma(-alpha, m, xt[j]) / sigma;
    }
    return 0;
}

Denoiser render_score_denoiser(RenderScore *s) { return (Denoiser){ s->channels, s->h, s->w, predict, s }; }
