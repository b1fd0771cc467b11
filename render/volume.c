/* volume.c -- views of a field and their adjoint: rows dealt to slabs, rows cut into blocks of rays (block.c, ray.c) */
#include "render/block.h"
#include "tensor/elem.h"
#include "tensor/mem.h"
#include "tensor/par.h"

enum { SLABS = 8, POINTS = 2048 };            /* POINTS are evaluated together, or a whole ray if that has more; does not change a bit */

struct Renderer {
    int samples, points;
    size_t n;                                 /* length of theta */
    real *slab[SLABS];                        /* (n) gradient of one slab */
    real *slab_learnt[SLABS];                 /* (BACKGROUND_ROOM) */
    Block block[SLABS];
    real *reals;
    BlockRay *rays;
    int *places;
};

const RenderOutput render_outputs[RENDER_OUTPUTS] = {
    { "rgb", 3 }, { "opacity", 1 }, { "depth", 1 }, { "z_variance", 1 }, { "normal", 3 }, { "orientation", 1 },
};

real **render_output(RenderOut *o, int i)
{
    real **const member[RENDER_OUTPUTS] = { &o->rgb, &o->opacity, &o->depth, &o->z_variance, &o->normal, &o->orientation };
    return member[i];
}

void renderer_free(Renderer *r)
{
    if (r == NULL) return;
    mem_free(r->reals);
    mem_free(r->rays);
    mem_free(r->places);
    mem_free(r);
}

Renderer *renderer_new(const Field *f, int samples, Err *err)
{
    Renderer *r = mem_new(1, sizeof *r, "renderer", err);
    if (r == NULL) return NULL;
    const int room = TAPS * samples > POINTS ? TAPS * samples : POINTS, rays = room / samples;
    const size_t block = block_reals(room, field_kept(f)), per_slab = block + BACKGROUND_ROOM + f->n;
    r->samples = samples;
    r->points = POINTS;
    r->n = f->n;
    r->reals = mem_new(SLABS * per_slab, sizeof(real), "renderer", err);
    if (r->reals != NULL) r->rays = mem_new(SLABS * (size_t)rays, sizeof(BlockRay), "renderer", err);
    if (r->rays != NULL) r->places = mem_new(SLABS * (size_t)room, sizeof(int), "renderer", err);
    if (r->places == NULL) {
        renderer_free(r);
        return NULL;
    }
    for (int k = 0; k < SLABS; k++) {
        real *at = r->reals + (size_t)k * per_slab;
        block_place(&r->block[k], at, r->rays + k * rays, r->places + k * room, samples, room);
        r->slab_learnt[k] = at + block;
        r->slab[k] = at + block + BACKGROUND_ROOM;
    }
    return r;
}

void renderer_block(Renderer *r, int points) { r->points = points; }

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

/* Planes of density for these outputs, or cotangents (block.h). */
static int planes_for(const RenderOut *o, const RenderSettings *s)
{
    if (o->normal == NULL && o->orientation == NULL && (o->rgb == NULL || s->shading == SHADE_ALBEDO)) return 1;
    return s->normals == NORMALS_ANALYTIC ? SLOPES : TAPS;
}

/* The rays of a block that starts at column col. */
static int rays_from(const Renderer *r, const Block *k, int planes, int col, int w)
{
    const int per_ray = k->N * planes, points = r->points < k->room ? r->points : k->room;
    const int rays = points < per_ray ? 1 : points / per_ray;
    return w - col < rays ? w - col : rays;
}

static void render_row(RenderOut *out, Renderer *r, int slab, const Field *f, const Camera *c, const RenderSettings *s, int row)
{
    Block *k = &r->block[slab];
    const int planes = planes_for(out, s);
    for (int col = 0; col < c->w; col += k->rays) {
        block_fill(k, f, c, s, planes, row, col, rays_from(r, k, planes, col, c->w));
        for (int ray = 0; ray < k->rays; ray++) ray_put(out, k, ray, (size_t)row * (size_t)c->w + (size_t)(col + ray));
    }
}

static void pull_row(Renderer *r, int slab, const Field *f, const Camera *c, const RenderSettings *s, const RenderOut *g, int row)
{
    Block *k = &r->block[slab];
    const int planes = planes_for(g, s);
    for (int col = 0; col < c->w; col += k->rays) {
        block_fill(k, f, c, s, planes, row, col, rays_from(r, k, planes, col, c->w));
        for (int ray = 0; ray < k->rays; ray++) {
            real dbackground[3];
            ray_pull(dbackground, k, g, ray, (size_t)row * (size_t)c->w + (size_t)(col + ray));
            if (s->learnt != NULL) background_pull(r->slab_learnt[slab], dbackground, s->learnt, k->ray[ray].d);
        }
        block_pull(r->slab[slab], k, f);
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
        for (size_t j = 0; j < 3 && out->normal != NULL; j++) out->normal[3 * i + j] = 0;
        if (out->orientation != NULL) out->orientation[i] = 0;
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
    BUG_IF(s->normals == NORMALS_ANALYTIC && !field_has_slope(f->config.kind), "analytic normals of a field of kind %s", field_kind_names[f->config.kind]);
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
        for (int row = k; row < c->h; row += SLABS) render_row(out, r, k, f, c, s, row);
}

/* dtheta (n) += the slabs, in order */
static void add_slabs(real *dtheta, real *const slab[SLABS], size_t n)
{
    PAR_FOR
    for (size_t i = 0; i < n; i++) {
        real sum = dtheta[i];
        for (int k = 0; k < SLABS; k++) sum += slab[k][i];
        dtheta[i] = sum;
    }
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
        for (size_t i = 0; i < BACKGROUND_ROOM; i++) r->slab_learnt[k][i] = 0;
        for (int row = k; row < c->h; row += SLABS) pull_row(r, k, f, c, s, cotangent, row);
    }
    add_slabs(dtheta, r->slab, r->n);
    if (s->learnt != NULL) add_slabs(s->learnt->gradient, r->slab_learnt, s->learnt->n);
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
