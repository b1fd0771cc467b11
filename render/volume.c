/* volume.c -- the quadrature of the volume rendering integral, forward and adjoint, one ray after the other
 *
 * Adjoint, with g the cotangent of each output and x_i = density_i delta:
 *   dw_i = g_rgb . (c_i - background) + g_opacity + g_depth t_i + z-variance terms
 *     z-variance Z = sum v (t - m)^2, m = sum v t, v = w/M, M = max(opacity, 1e-5):
 *       dv_i = g_z ((t_i - m)^2 - 2 s t_i),  s = sum v (t - m);   dw_i += dv_i / M;  and where opacity > 1e-5,
 *       dw_i -= sum_j dv_j v_j / M
 *   w_i = T_i (1 - exp(-x_i)):   dx_i = dw_i T_{i+1} - sum_{j>i} dw_j w_j          (no division by 1 - alpha)
 *   d raw density = dx delta sigmoid(raw),   d raw colour = w g_rgb c (1 - c)
 * Order: along a ray every sum is one chain, i ascending (the suffix sum: i descending).
 */
#include "render/volume.h"
#include "tensor/elem.h"
#include "tensor/mem.h"
#include "tensor/par.h"

enum { SLABS = 8, RAYS = 16 };                /* RAYS of a row are evaluated together; does not change a bit */

typedef struct Scratch {                      /* P = RAYS * N points */
    real *p, *dir;                            /* (3,P) points, and directions of their rays */
    real *raw, *draw;                         /* (4,P) */
    real *density, *colour;                   /* (P), (3,P) after the activations */
    real *t, *w, *trans, *dw;                 /* (P) distance, weight, T_{i+1}, cotangent of w */
    real *kept;                               /* (P, field_kept) */
    real near[RAYS], delta[RAYS];
    int hit[RAYS];
} Scratch;

struct Renderer {
    int samples;
    size_t n;                                 /* length of theta */
    real *slab[SLABS];                        /* (n) gradient of one slab */
    Scratch scratch[SLABS];
    real *memory;
};

Renderer *renderer_new(const Field *f, int samples, Err *err)
{
    Renderer *r = mem_new(1, sizeof *r, "renderer", err);
    if (r == NULL) return NULL;
    const size_t P = (size_t)RAYS * (size_t)samples, kept = field_kept(f), per_slab = f->n + (22 + kept) * P;
    r->samples = samples;
    r->n = f->n;
    r->memory = mem_new(per_slab * SLABS, sizeof(real), "renderer", err);
    if (r->memory == NULL) {
        mem_free(r);
        return NULL;
    }
    for (int k = 0; k < SLABS; k++) {
        real *at = r->memory + (size_t)k * per_slab;
        Scratch *s = &r->scratch[k];
        real **const part[] = { &s->p, &s->raw, &s->draw, &s->density, &s->colour, &s->t, &s->w, &s->trans, &s->dw, &s->dir, &s->kept };
        const size_t planes[] = { 3, 4, 4, 1, 3, 1, 1, 1, 1, 3, kept };
        for (size_t i = 0; i < sizeof planes / sizeof planes[0]; i++) {
            *part[i] = at;
            at += planes[i] * P;
        }
        r->slab[k] = at;
    }
    return r;
}

void renderer_free(Renderer *r)
{
    if (r == NULL) return;
    mem_free(r->memory);
    mem_free(r);
}

int cube_intersect(real *near, real *far, const real o[3], const real d[3])
{
    real lo = 0, hi = R(1e30);
    for (int i = 0; i < 3; i++) {
        if (d[i] == R(0.0)) {
            if (o[i] < R(-1.0) || o[i] > R(1.0)) return 0;
            continue;
        }
        const real a = (R(-1.0) - o[i]) / d[i], b = (R(1.0) - o[i]) / d[i];
        lo = r_max(lo, r_min(a, b));
        hi = r_min(hi, r_max(a, b));
    }
    *near = lo;
    *far = hi;
    return lo < hi;
}

/* Samples of `rays` rays from (row, col) on: distances, points, raw values, activations. */
static void sample_rays(Scratch *k, const Field *f, const Camera *c, const RenderSettings *s, int row, int col, int rays)
{
    const int N = s->samples, P = rays * N;
    const real o[3] = { c->c2w[0][3], c->c2w[1][3], c->c2w[2][3] };
    for (int ray = 0; ray < rays; ray++) {
        real d[3], near = 0, far = 0;
        camera_ray(d, c, (real)row, (real)(col + ray));
        k->hit[ray] = cube_intersect(&near, &far, o, d);
        k->near[ray] = near;
        k->delta[ray] = (far - near) / (real)N;
        const real *u = s->jitter == NULL ? NULL : s->jitter + ((size_t)row * (size_t)c->w + (size_t)(col + ray)) * (size_t)N;
        for (int i = 0; i < N; i++) {
            const real t = r_fma((real)i + (u == NULL ? R(0.5) : u[i]), k->delta[ray], near);
            k->t[ray * N + i] = t;
            for (int j = 0; j < 3; j++) k->p[j * P + ray * N + i] = r_fma(t, d[j], o[j]);
            for (int j = 0; j < 3; j++) k->dir[j * P + ray * N + i] = d[j];
        }
    }
    field_eval(k->raw, k->p, k->dir, f, P, k->kept);
    for (int i = 0; i < P; i++) k->density[i] = r_softplus(k->raw[i]);
    for (int i = 0; i < 3 * P; i++) k->colour[i] = r_sigmoid(k->raw[P + i]);
    for (int ray = 0; ray < rays; ray++) {
        const real delta = k->delta[ray];
        for (int i = ray * N; i < (ray + 1) * N; i++) k->trans[i] = r_exp(-(k->density[i] * delta));
    }
    for (int ray = 0; ray < rays; ray++) {                             /* 1 - alpha_i becomes w_i and T_{i+1} */
        real T = 1;
        for (int i = ray * N; i < (ray + 1) * N; i++) {
            k->w[i] = T * (R(1.0) - k->trans[i]);
            T = T * k->trans[i];
            k->trans[i] = T;
        }
    }
}

typedef struct Sums { real opacity, depth, mean, variance, first, divisor, rgb[3]; } Sums;

/* Everything that is summed along one ray; first = sum v (t - mean). t, w: (N); colour: planes P apart. */
static Sums ray_sums(const real *t, const real *w, const real *colour, int N, int P)
{
    Sums q = { 0 };
    for (int i = 0; i < N; i++) {
        q.opacity += w[i];
        q.depth = r_fma(w[i], t[i], q.depth);
        for (int j = 0; j < 3; j++) q.rgb[j] = r_fma(w[i], colour[j * P + i], q.rgb[j]);
    }
    q.divisor = r_max(q.opacity, R(1e-5));
    q.mean = q.depth / q.divisor;
    for (int i = 0; i < N; i++) {
        const real v = w[i] / q.divisor, gap = t[i] - q.mean;
        q.first = r_fma(v, gap, q.first);
        q.variance = r_fma(v * gap, gap, q.variance);
    }
    return q;
}

static void render_row(RenderOut *out, Scratch *k, const Field *f, const Camera *c, const RenderSettings *s, int row)
{
    const int N = s->samples;
    for (int col = 0; col < c->w; col += RAYS) {
        const int rays = c->w - col < RAYS ? c->w - col : RAYS;
        sample_rays(k, f, c, s, row, col, rays);
        for (int ray = 0; ray < rays; ray++) {
            const size_t pixel = (size_t)row * (size_t)c->w + (size_t)(col + ray);
            Sums q = { 0 };
            if (k->hit[ray]) q = ray_sums(k->t + ray * N, k->w + ray * N, k->colour + ray * N, N, rays * N);
            for (int j = 0; j < 3 && out->rgb != NULL; j++)
                out->rgb[3 * pixel + (size_t)j] = r_fma(R(1.0) - q.opacity, s->background[j], q.rgb[j]);
            if (out->opacity != NULL) out->opacity[pixel] = q.opacity;
            if (out->depth != NULL) out->depth[pixel] = q.depth;
            if (out->z_variance != NULL) out->z_variance[pixel] = q.variance;
        }
    }
}

/* Cotangents of one ray's raw values, written to k->draw (planes P apart). */
static void ray_pull(Scratch *k, const RenderSettings *s, const RenderOut *g, size_t pixel, int ray, int P)
{
    const int N = s->samples, base = ray * N;
    const real *t = k->t + base, *w = k->w + base, *T = k->trans + base, *colour = k->colour + base;
    real *dw = k->dw + base, *draw = k->draw + base;
    const real g_opacity = g->opacity == NULL ? 0 : g->opacity[pixel];
    const real g_depth = g->depth == NULL ? 0 : g->depth[pixel];
    const real g_z = g->z_variance == NULL ? 0 : g->z_variance[pixel];
    real g_rgb[3] = { 0 };
    for (int j = 0; j < 3 && g->rgb != NULL; j++) g_rgb[j] = g->rgb[3 * pixel + (size_t)j];

    const Sums q = ray_sums(t, w, colour, N, P);
    real through_divisor = 0;                                          /* sum_j dv_j v_j / M */
    for (int i = 0; i < N; i++) {
        const real gap = t[i] - q.mean;
        const real dv = g_z * (gap * gap - R(2.0) * q.first * t[i]) / q.divisor;
        through_divisor = r_fma(dv, w[i] / q.divisor, through_divisor);
        real sum = r_fma(g_depth, t[i], g_opacity) + dv;
        for (int j = 0; j < 3; j++) sum = r_fma(g_rgb[j], colour[j * P + i] - s->background[j], sum);
        dw[i] = sum;
    }
    if (q.opacity > R(1e-5))
        for (int i = 0; i < N; i++) dw[i] -= through_divisor;

    real behind = 0;                                                   /* sum_{j>i} dw_j w_j */
    for (int i = N - 1; i >= 0; i--) {
        draw[i] = (dw[i] * T[i] - behind) * k->delta[ray];
        behind = r_fma(dw[i], w[i], behind);
        for (int j = 0; j < 3; j++) {
            const real cj = colour[j * P + i];
            draw[(j + 1) * P + i] = w[i] * g_rgb[j] * (cj * (R(1.0) - cj));
        }
    }
}

static void pull_row(real *dtheta, Scratch *k, const Field *f, const Camera *c, const RenderSettings *s,
                     const RenderOut *g, int row)
{
    const int N = s->samples;
    for (int col = 0; col < c->w; col += RAYS) {
        const int rays = c->w - col < RAYS ? c->w - col : RAYS, P = rays * N;
        sample_rays(k, f, c, s, row, col, rays);
        for (int ray = 0; ray < rays; ray++) {
            if (k->hit[ray]) ray_pull(k, s, g, (size_t)row * (size_t)c->w + (size_t)(col + ray), ray, P);
            else
                for (int j = 0; j < 4; j++)
                    for (int i = ray * N; i < (ray + 1) * N; i++) k->draw[j * P + i] = 0;
        }
        for (int i = 0; i < P; i++) k->draw[i] *= r_sigmoid(k->raw[i]);     /* softplus' = sigmoid */
        field_pull(dtheta, k->draw, k->p, k->dir, f, P, k->kept);
    }
}

/* image field: colour = sigmoid(theta) */
static void image_view(RenderOut *out, const Field *f)
{
    const size_t pixels = (size_t)f->config.size[1] * (size_t)f->config.size[2];
    for (size_t i = 0; i < pixels; i++) {
        for (size_t j = 0; j < 3 && out->rgb != NULL; j++) out->rgb[3 * i + j] = r_sigmoid(f->theta[j * pixels + i]);
        if (out->opacity != NULL) out->opacity[i] = 1;
        if (out->depth != NULL) out->depth[i] = 0;
        if (out->z_variance != NULL) out->z_variance[i] = 0;
    }
}

static void image_pull(real *dtheta, const Field *f, const RenderOut *g)
{
    const size_t pixels = (size_t)f->config.size[1] * (size_t)f->config.size[2];
    for (size_t i = 0; i < pixels && g->rgb != NULL; i++)
        for (size_t j = 0; j < 3; j++) {
            const real y = r_sigmoid(f->theta[j * pixels + i]);
            dtheta[j * pixels + i] = r_fma(g->rgb[3 * i + j], y * (R(1.0) - y), dtheta[j * pixels + i]);
        }
}

static void check_view(const Renderer *r, const Field *f, const Camera *c, const RenderSettings *s)
{
    BUG_IF(f->config.kind == FIELD_IMAGE && (c->h != f->config.size[1] || c->w != f->config.size[2]), "image field is %d x %d, camera %d x %d",
           f->config.size[1], f->config.size[2], c->h, c->w);
    BUG_IF(s->samples != r->samples || f->n != r->n, "renderer made for %d samples and %zu parameters, asked for %d and %zu",
           r->samples, r->n, s->samples, f->n);
}

void render_view(RenderOut *out, Renderer *r, const Field *f, const Camera *c, const RenderSettings *s)
{
    check_view(r, f, c, s);
    if (f->config.kind == FIELD_IMAGE) {
        image_view(out, f);
        return;
    }
    PAR_FOR_DYNAMIC
    for (int k = 0; k < SLABS; k++)
        for (int row = k; row < c->h; row += SLABS) render_row(out, &r->scratch[k], f, c, s, row);
}

void render_pull(real *dtheta, Renderer *r, const Field *f, const Camera *c, const RenderSettings *s,
                 const RenderOut *cotangent)
{
    check_view(r, f, c, s);
    if (f->config.kind == FIELD_IMAGE) {
        image_pull(dtheta, f, cotangent);
        return;
    }
    PAR_FOR_DYNAMIC
    for (int k = 0; k < SLABS; k++) {
        for (size_t i = 0; i < r->n; i++) r->slab[k][i] = 0;
        for (int row = k; row < c->h; row += SLABS) pull_row(r->slab[k], &r->scratch[k], f, c, s, cotangent, row);
    }
    PAR_FOR
    for (size_t i = 0; i < r->n; i++) {
        real sum = dtheta[i];
        for (int k = 0; k < SLABS; k++) sum += r->slab[k][i];
        dtheta[i] = sum;
    }
}

/* ---- on the tape: one node, its pair above ---- */

typedef struct { Tensor *theta; Renderer *r; const Field *f; Camera c; RenderSettings s; RenderOut cotangent; } RenderSaved;

static void op_render_pull(const void *saved, const Tensor *y)
{
    const RenderSaved *k = saved;
    RenderOut cotangent = k->cotangent;
    cotangent.rgb = y->g;
    render_pull(k->theta->g, k->r, k->f, &k->c, &k->s, &cotangent);
}

Tensor *op_render(Tape *t, Tensor *theta, Renderer *r, const Field *f, const Camera *c, const RenderSettings *s,
                  const RenderBeside *beside, const char *name)
{
    if (theta == NULL) return NULL;
    BUG_IF(theta->v != f->theta || theta->n != f->n, "%s: the tensor is not the field's", name);
    const Tensor *const inputs[] = { theta };
    const int wants = tape_wants(t, inputs, 1);
    Tensor *y = tensor_new(t, (Shape){ 3, { c->h, c->w, 3 } }, wants, name);
    if (y == NULL) return NULL;
    const RenderBeside with = beside == NULL ? (RenderBeside){ .out = { .rgb = NULL } } : *beside;
    RenderOut out = with.out;
    out.rgb = y->v;
    render_view(&out, r, f, c, s);
    tape_record(t, "render", op_render_pull, &(RenderSaved){ theta, r, f, *c, *s, with.cotangent }, sizeof(RenderSaved), y);
    return y;
}
