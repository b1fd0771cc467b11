/* ray.c -- what is summed along one ray, and the adjoint
 *
 * Adjoint, with g the cotangent of each output and x_i = density_i delta:
 *   dw_i = g_rgb . (c_i - background) + g_opacity + g_depth t_i + z-variance terms + g_normal . n_i
 *     z-variance Z = sum v (t - m)^2, m = sum v t, v = w/M, M = max(opacity, 1e-5):
 *       dv_i = g_z ((t_i - m)^2 - 2 s t_i),  s = sum v (t - m);   dw_i += dv_i / M;  and where opacity > 1e-5,
 *       dw_i -= sum_j dv_j v_j / M
 *   w_i = T_i (1 - exp(-x_i)):   dx_i = dw_i T_{i+1} - sum_{j>i} dw_j w_j          (no division by 1 - alpha)
 *   dc_i = w_i g_rgb,   dn_i = w_i g_normal + 2 g_orientation w_i max(0, n_i . d) d + what the shading pulls back
 * Order: along a ray every sum is one chain, i ascending (the suffix sum: i descending).
 */
#include "render/block.h"

typedef struct Sums { real opacity, depth, mean, variance, first, divisor, rgb[3], normal[3], orientation; } Sums;

/* max(0, n . d); TRAP: 0 first, so that NaN stays. */
static real turned_away(const Block *k, const real d[3], int s)
{
    const real n[3] = { k->normal[s], k->normal[k->S + s], k->normal[2 * k->S + s] };
    return r_max(R(0.0), dot3(n, d));
}

/* first = sum v (t - mean) */
static Sums ray_sums(const Block *k, int ray)
{
    const int N = k->N, S = k->S, base = ray * N;
    const real *t = k->t + base, *w = k->w + base, *colour = k->colour + base, *normal = k->normal + base;
    Sums q = { 0 };
    for (int i = 0; i < N; i++) {
        q.opacity += w[i];
        q.depth = r_fma(w[i], t[i], q.depth);
        for (int j = 0; j < 3; j++) q.rgb[j] = r_fma(w[i], colour[j * S + i], q.rgb[j]);
    }
    block_shake(&q.opacity, 1, k, SHAKE_OPACITY, ray);
    q.divisor = r_max(q.opacity, R(1e-5));
    q.mean = q.depth / q.divisor;
    block_shake(&q.mean, 1, k, SHAKE_MEAN, ray);
    for (int i = 0; i < N; i++) {
        const real v = w[i] / q.divisor, gap = t[i] - q.mean;
        q.first = r_fma(v, gap, q.first);
        q.variance = r_fma(v * gap, gap, q.variance);
    }
    for (int i = 0; i < N && k->planes > 1; i++) {
        const real away = turned_away(k, k->ray[ray].d, base + i);
        for (int j = 0; j < 3; j++) q.normal[j] = r_fma(w[i], normal[j * S + i], q.normal[j]);
        q.orientation = r_fma(w[i] * away, away, q.orientation);
    }
    return q;
}

void ray_put(RenderOut *out, const Block *k, int ray, size_t pixel)
{
    Sums q = { 0 };
    if (k->ray[ray].hit) q = ray_sums(k, ray);
    for (int j = 0; j < 3 && out->rgb != NULL; j++)
        out->rgb[3 * pixel + (size_t)j] = r_fma(R(1.0) - q.opacity, k->ray[ray].background[j], q.rgb[j]);
    if (out->opacity != NULL) out->opacity[pixel] = q.opacity;
    if (out->depth != NULL) out->depth[pixel] = q.depth;
    if (out->z_variance != NULL) out->z_variance[pixel] = q.variance;
    for (int j = 0; j < 3 && out->normal != NULL; j++) out->normal[3 * pixel + (size_t)j] = q.normal[j];
    if (out->orientation != NULL) out->orientation[pixel] = q.orientation;
}

typedef struct Cotangent { real opacity, depth, z, orientation, rgb[3], normal[3]; } Cotangent;

static Cotangent cotangent_of(const RenderOut *g, size_t pixel)
{
    Cotangent c = { 0 };
    if (g->opacity != NULL) c.opacity = g->opacity[pixel];
    if (g->depth != NULL) c.depth = g->depth[pixel];
    if (g->z_variance != NULL) c.z = g->z_variance[pixel];
    if (g->orientation != NULL) c.orientation = g->orientation[pixel];
    for (size_t j = 0; j < 3 && g->rgb != NULL; j++) c.rgb[j] = g->rgb[3 * pixel + j];
    for (size_t j = 0; j < 3 && g->normal != NULL; j++) c.normal[j] = g->normal[3 * pixel + j];
    return c;
}

static void weights_pull(Block *k, const Cotangent *g, const Sums *q, int ray)
{
    const int N = k->N, S = k->S, base = ray * N;
    const real *t = k->t + base, *w = k->w + base, *colour = k->colour + base, *normal = k->normal + base;
    real *dw = k->dw + base;
    real through_divisor = 0;                                          /* sum_j dv_j v_j / M */
    for (int i = 0; i < N; i++) {
        const real gap = t[i] - q->mean;
        const real dv = g->z * (gap * gap - R(2.0) * q->first * t[i]) / q->divisor;
        through_divisor = r_fma(dv, w[i] / q->divisor, through_divisor);
        real sum = r_fma(g->depth, t[i], g->opacity) + dv;
        for (int j = 0; j < 3; j++) sum = r_fma(g->rgb[j], colour[j * S + i] - k->ray[ray].background[j], sum);
        for (int j = 0; j < 3 && k->planes > 1; j++) sum = r_fma(g->normal[j], normal[j * S + i], sum);
        dw[i] = sum;
    }
    if (q->opacity > R(1e-5))
        for (int i = 0; i < N; i++) dw[i] -= through_divisor;
}

static void density_pull(Block *k, int ray)
{
    const int base = ray * k->N;
    const real *w = k->w + base, *T = k->through + base, *dw = k->dw + base;
    real behind = 0;                                                   /* sum_{j>i} dw_j w_j */
    for (int i = k->N - 1; i >= 0; i--) {
        k->ddensity[base + i] = (dw[i] * T[i] - behind) * k->ray[ray].delta;
        behind = r_fma(dw[i], w[i], behind);
    }
}

/* Sample s: through the colour, which here depends on the normal, and through the normal itself, into the densities around or the gradient. */
static void normal_and_colour_pull(Block *k, const Cotangent *g, const real d[3], int s)
{
    const int S = k->S;
    const real w = k->w[s], away = turned_away(k, d, s);
    real n[3], p[3], albedo[3], dcolour[3], dalbedo[3], dn[3], around[NORMAL_TAPS], daround[NORMAL_TAPS];
    for (int j = 0; j < 3; j++) {
        n[j] = k->normal[j * S + s];
        p[j] = r_fma(k->t[s], d[j], k->o[j]);
        albedo[j] = k->albedo[j * S + s];
        dcolour[j] = w * g->rgb[j];
        dn[j] = r_fma(R(2.0) * g->orientation * w * away, d[j], w * g->normal[j]);
    }
    shade_pull(dalbedo, dn, dcolour, albedo, n, p, k->settings->shading, k->settings->light);
    for (int i = 1; i < k->planes; i++) around[i - 1] = k->density[i * S + s];
    if (k->planes == TAPS) normal_pull(daround, dn, around);
    else normal_pull_gradient(daround, dn, around);
    for (int i = 1; i < k->planes; i++) k->ddensity[i * S + s] = daround[i - 1];
    for (int j = 0; j < 3; j++) k->dalbedo[j * S + s] = dalbedo[j];
}

void ray_pull(real dbackground[3], Block *k, const RenderOut *cotangent, int ray, size_t pixel)
{
    const Cotangent g = cotangent_of(cotangent, pixel);
    const int N = k->N, base = ray * N;
    Sums q = { 0 };
    if (k->ray[ray].hit) q = ray_sums(k, ray);
    for (int j = 0; j < 3; j++) dbackground[j] = g.rgb[j] * (R(1.0) - q.opacity);
    if (!k->ray[ray].hit) return;
    weights_pull(k, &g, &q, ray);
    density_pull(k, ray);
    for (int i = base; i < base + N; i++) {
        if (k->planes > 1) normal_and_colour_pull(k, &g, k->ray[ray].d, i);
        else
            for (int j = 0; j < 3; j++) k->dalbedo[j * k->S + i] = k->w[i] * g.rgb[j];
    }
}
