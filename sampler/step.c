/* step.c -- conversions between predictions, DDIM and DDPM steps, inference timesteps
 *
 * Per element, in `real`, with coefficients rounded once from binary64; a product and the sum it enters are one r_fma.
 * Accuracy: x0 from an epsilon prediction carries the rounding of x and eps divided by alpha_t; all else is a few ulp
 * of the largest term. Tested against PyTorch's binary64 to 1e-10 (binary64) and 5e-6 (binary32), relative L2.
 */
#include "sampler/step.h"

#include <string.h>

void diffuse(real *xt, const real *x0, const real *eps, const Schedule *S, int t, size_t n)
{
    const real at = sched_alpha(S, t), st = sched_sigma(S, t);
    for (size_t i = 0; i < n; i++) xt[i] = r_fma(at, x0[i], st * eps[i]);
}

void denoise(real *x0, const real *xt, const real *eps, const Schedule *S, int t, size_t n)
{
    const real at = sched_alpha(S, t), st = sched_sigma(S, t);
    for (size_t i = 0; i < n; i++) x0[i] = r_fma(-st, eps[i], xt[i]) / at;
}

void v_from(real *v, const real *x0, const real *eps, const Schedule *S, int t, size_t n)
{
    const real at = sched_alpha(S, t), st = sched_sigma(S, t);
    for (size_t i = 0; i < n; i++) v[i] = r_fma(at, eps[i], -st * x0[i]);
}

/* xt = a x0 + s eps and v = a eps - s x0, with a^2 + s^2 = 1, solved for eps. */
static real eps_of(Prediction kind, real x, real out, real a, real s)
{
    if (kind == PREDICT_EPSILON) return out;
    if (kind == PREDICT_SAMPLE) return r_fma(-a, out, x) / s;
    return r_fma(a, out, s * x);
}

/* The same, solved for x0. */
static real x0_of(Prediction kind, real x, real out, real a, real s)
{
    if (kind == PREDICT_EPSILON) return r_fma(-s, out, x) / a;
    if (kind == PREDICT_SAMPLE) return out;
    return r_fma(a, x, -s * out);
}

static void trained_level(const Schedule *S, int t)
{
    BUG_IF(t < 0 || t >= S->T, "a network's output at timestep %d, expected 0..%d", t, S->T - 1);
}

void to_eps(real *eps, const real *xt, const real *out, const Schedule *S, int t, size_t n)
{
    trained_level(S, t);
    const real at = sched_alpha(S, t), st = sched_sigma(S, t);
    for (size_t i = 0; i < n; i++) eps[i] = eps_of(S->config.prediction_type, xt[i], out[i], at, st);
}

void to_x0(real *x0, const real *xt, const real *out, const Schedule *S, int t, size_t n)
{
    trained_level(S, t);
    const real at = sched_alpha(S, t), st = sched_sigma(S, t);
    for (size_t i = 0; i < n; i++) x0[i] = x0_of(S->config.prediction_type, xt[i], out[i], at, st);
}

int inference_timesteps(int *timesteps, const Schedule *S, int n, Err *err)
{
    const int T = S->T;
    if (n < 1 || n > T) return err_set(err, "inference steps %d: expected 1..%d", n, T);
    for (int i = 0; i < n; i++) {
        int t = 0;
        switch (S->config.timestep_spacing) {
        case SPACING_LEADING:                                 /* (n-1-i) floor(T/n) + offset */
            t = (n - 1 - i) * (T / n) + S->config.steps_offset;
            break;
        case SPACING_TRAILING: {                              /* round(T - i T/n) - 1 */
            /* TRAP: numpy.arange(T, 0, -T/n) multiplies i by the rounded difference of its first two values; where
             * T - i T/n is half an integer, that error decides which way it rounds. So the same here. */
            const double step = ((double)T - (double)T / (double)n) - (double)T;
            t = (int)rint((double)T + (double)i * step) - 1;
            break;
        }
        case SPACING_LINSPACE: {                              /* round(k (T-1)/(n-1)), k = n-1-i; n = 1: 0 */
            const int k = n - 1 - i;
            const double step = n > 1 ? (double)(T - 1) / (double)(n - 1) : 0.0;
            t = k > 0 && i == 0 ? T - 1 : (int)rint((double)k * step);
            break;
        }
        }
        if (t >= T) return err_set(err, "steps_offset %d with %d inference steps: the first timestep is %d, expected at most %d",
                                   S->config.steps_offset, n, t, T - 1);
        timesteps[i] = t;
    }
    return 0;
}

int inference_prev(const Schedule *S, int t, int n)
{
    BUG_IF(n < 1 || n > S->T, "%d inference steps of %d", n, S->T);
    return t - S->T / n;
}

/* The k-th smallest of |x0_i|, k from 0: its bits are found from the highest down, counting the values below each guess. */
static real kth_clean(size_t k, const real *xt, const real *out, Prediction kind, real at, real st, size_t n)
{
    realbits found = 0;
    for (int bit = (int)(8 * sizeof(real)) - 2; bit >= 0; bit--) {
        const realbits guess = found | (realbits)1 << bit;
        real bound;
        memcpy(&bound, &guess, sizeof bound);
        size_t below = 0;
        for (size_t i = 0; i < n; i++) below += r_abs(x0_of(kind, xt[i], out[i], at, st)) < bound;
        if (below <= k) found = guess;
    }
    real x;
    memcpy(&x, &found, sizeof x);
    return x;
}

/* What is done to the predicted x0: clamped to +-bound, then divided by `over`. Dynamic thresholding: both are the quantile of |x0|
 * (between two values: linear), at least 1, at most sample_max_value. */
typedef struct Clip { int on; real bound, over; } Clip;

static Clip clip_for(const real *xt, const real *out, const ScheduleConfig *c, real at, real st, size_t n)
{
    if (!c->thresholding || n == 0) return (Clip){ c->clip_sample, (real)c->clip_sample_range, R(1.0) };
    const double place = c->dynamic_thresholding_ratio * (double)(n - 1), whole = floor(place);
    const size_t k = (size_t)whole;
    const real low = kth_clean(k, xt, out, c->prediction_type, at, st, n);
    const real high = k + 1 < n ? kth_clean(k + 1, xt, out, c->prediction_type, at, st, n) : low;
    const real s = r_fma((real)(place - whole), high - low, low);
    const real bound = r_clamp(s, R(1.0), (real)c->sample_max_value);
    return (Clip){ 1, bound, bound };
}

static real clip(real x, Clip c) { return c.on ? r_clamp(x, -c.bound, c.bound) / c.over : x; }

static void step_levels(const Schedule *S, int t, int prev)
{
    trained_level(S, t);
    BUG_IF(prev >= t, "a step from timestep %d to %d does not go down", t, prev);
}

void ddim_step(real *x_prev, real *x0, const real *xt, const real *out, const real *noise, double eta,
               const Schedule *S, int t, int prev, size_t n)
{
    step_levels(S, t, prev);
    BUG_IF(!(eta >= 0.0 && eta <= 1.0), "eta %g", eta);
    BUG_IF(eta > 0.0 && noise == NULL, "eta %g without noise", eta);
    const double abar_now = sched_abar64(S, t);
    const double abar_prev = prev >= 0 ? sched_abar64(S, prev) : S->config.set_alpha_to_one ? 1.0 : sched_abar64(S, 0);

    /* std = eta sqrt((1 - abar_prev)/(1 - abar_now)) sqrt(1 - abar_now/abar_prev)         [DDIM20 Eq.16] */
    const double std = eta * sqrt((1.0 - abar_prev) / (1.0 - abar_now) * (1.0 - abar_now / abar_prev));
    const double along = 1.0 - abar_prev - std * std;         /* where it is 0, rounding may leave it below */

    const Prediction kind = S->config.prediction_type;
    const real at = sched_alpha(S, t), st = sched_sigma(S, t);
    const Clip limits = clip_for(xt, out, &S->config, at, st, n);
    const real of_x0 = (real)sqrt(abar_prev), of_eps = (real)sqrt(along > 0.0 ? along : 0.0), of_noise = (real)std;
    for (size_t i = 0; i < n; i++) {
        const real e = eps_of(kind, xt[i], out[i], at, st);
        const real clean = clip(x0_of(kind, xt[i], out[i], at, st), limits);
        /* x_prev = alpha_prev x0 + sqrt(1 - abar_prev - std^2) eps + std noise        [DDIM20 Eq.12] */
        real x = r_fma(of_x0, clean, of_eps * e);
        if (eta > 0.0) x = r_fma(of_noise, noise[i], x);
        x_prev[i] = x;
        if (x0 != NULL) x0[i] = clean;
    }
}

void ddpm_step(real *x_prev, real *x0, const real *xt, const real *out, const real *noise,
               const Schedule *S, int t, int prev, size_t n)
{
    step_levels(S, t, prev);
    const double abar_now = sched_abar64(S, t), abar_prev = prev >= 0 ? sched_abar64(S, prev) : 1.0;
    const double alpha = abar_now / abar_prev, beta = 1.0 - alpha;              /* of the whole jump prev -> t */
    const double left = (1.0 - abar_prev) / (1.0 - abar_now);

    /* mean = sqrt(abar_prev) beta/(1 - abar_now) x0 + sqrt(alpha) (1 - abar_prev)/(1 - abar_now) x_t   [DDPM20 Eq.7] */
    const real of_x0 = (real)(sqrt(abar_prev) * beta / (1.0 - abar_now)), of_xt = (real)(sqrt(alpha) * left);
    const double variance = S->config.variance_type == VARIANCE_FIXED_SMALL ? beta * left : beta;
    const int noisy = t > 0 && variance > 0.0;
    const real std = (real)sqrt(variance);
    BUG_IF(noisy && noise == NULL, "a DDPM step at timestep %d without noise", t);

    const Prediction kind = S->config.prediction_type;
    const real at = sched_alpha(S, t), st = sched_sigma(S, t);
    const Clip limits = clip_for(xt, out, &S->config, at, st, n);
    for (size_t i = 0; i < n; i++) {
        const real clean = clip(x0_of(kind, xt[i], out[i], at, st), limits);
        real x = r_fma(of_x0, clean, of_xt * xt[i]);
        if (noisy) x = r_fma(std, noise[i], x);
        x_prev[i] = x;
        if (x0 != NULL) x0[i] = clean;
    }
}
