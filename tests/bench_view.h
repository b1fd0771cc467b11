/* bench_view.h -- one view of a distillation with the exact prior, and a view and its adjoint of every field: shares of their parts */
#ifndef SDREF_TESTS_BENCH_VIEW_H
#define SDREF_TESTS_BENCH_VIEW_H

#include "ref/distill.h"
#include "ref/world.h"
#include "render/mlp.h"
#include "render/scene.h"
#include "tensor/rng.h"
#include "tests/bench_report.h"

typedef struct Parts {
    Field *f;
    Renderer *r;
    Camera camera;
    RenderSettings s;
    real *rgb, *cotangent, *grad, *xt, *eps;
    Denoiser D;
    Cond cond;
    Err *err;
} Parts;
static inline void part_view(void *self)
{
    Parts *p = self;
    render_view(&(RenderOut){ .rgb = p->rgb }, p->r, p->f, &p->camera, &p->s);
}
static inline void part_pull(void *self)
{
    Parts *p = self;
    render_pull(p->grad, p->r, p->f, &p->camera, &p->s, &(RenderOut){ .rgb = p->cotangent });
}
static inline void part_prior(void *self)
{
    Parts *p = self;
    p->D.predict(p->D.self, p->eps, p->xt, 500, &p->cond, p->err);
}

/* The points of a view in blocks, dealt to threads as the renderer deals rows: the field's evaluation and pull, or those of its network alone. */
enum { BENCH_BLOCK = 1024, BENCH_POINTS = 64 * 64 * 64, BENCH_SLABS = 8 };
typedef struct Points { const Field *f; Mlp net; size_t table, slab; real *p, *raw, *kept, *grad; int network_only, pull; } Points;
static inline void part_points(void *self)
{
    const Points *q = self;
    PAR_FOR_DYNAMIC
    for (int slab = 0; slab < BENCH_SLABS; slab++) {
        real *raw = q->raw + slab * MLP_OUT * BENCH_BLOCK, *kept = q->kept + (size_t)slab * BENCH_BLOCK * field_kept(q->f), *grad = q->grad + (size_t)slab * q->f->n;
        for (int i = slab; i < BENCH_POINTS / BENCH_BLOCK; i += BENCH_SLABS) {
            const real *p = q->p + (size_t)i * 3 * BENCH_BLOCK;
            if (q->network_only) mlp_eval(raw, kept, q->f->theta + q->table, &q->net, BENCH_BLOCK);
            else field_eval(raw, p, NULL, q->f, BENCH_BLOCK, kept);
            if (q->pull && q->network_only) mlp_pull(grad + q->table, raw, kept, q->f->theta + q->table, &q->net, BENCH_BLOCK);
            else if (q->pull) field_pull(grad, raw, p, NULL, q->f, BENCH_BLOCK, kept);
        }
    }
}

/* A view and its adjoint take two evaluations and a pull of every point; what is not the field's is sampling, compositing and adding up slabs. */
static inline void bench_hashgrid(const Bench *b, const Field *f, double all, Err *err)
{
    Arena *arena = arena_new(err);
    Points q = { .f = f, .net = { 2, { f->config.levels * f->config.features, f->config.hidden, MLP_OUT } } };
    q.table = (size_t)f->config.levels * (size_t)f->config.table * (size_t)f->config.features;
    q.p = arena_real(arena, 3 * BENCH_POINTS, "points");
    q.raw = arena_real(arena, BENCH_SLABS * MLP_OUT * BENCH_BLOCK, "raw");
    q.kept = arena_real(arena, BENCH_SLABS * BENCH_BLOCK * field_kept(f), "kept");
    q.grad = arena_real(arena, BENCH_SLABS * f->n, "gradients");
    if (err->set) return;
    rng_uniform(q.p, (RngAt){ 2, 0, 0, RNG_PROBE }, 3 * BENCH_POINTS);
    const double eval = bench_seconds(part_points, &q, b->budget, 3);
    q.pull = 1;
    const double both = bench_seconds(part_points, &q, b->budget, 3);
    q.network_only = 1;
    const double net_both = bench_seconds(part_points, &q, b->budget, 3);
    q.pull = 0;
    const double net = bench_seconds(part_points, &q, b->budget, 3);
    const double field = eval + both, network = net + net_both;
    printf("    of it: encoding %.0f %%, network %.0f %%, the rest (sampling, compositing, slabs) %.0f %%\n", 100 * (field - network) / all, 100 * network / all,
           100 * (all - field) / all);
    fprintf(b->csv, "hashgrid encoding,64x64 rays,view,1,,,,%d,%.6g,,,,\n", b->threads, 1e3 * (field - network));
    fprintf(b->csv, "hashgrid network,64x64 rays,view,1,,,,%d,%.6g,,,,\n", b->threads, 1e3 * network);
    arena_free(arena);
}

/* The same view lit, its normals by differences and analytic. */
static inline void bench_normals(const Bench *b, Parts *p, const char *name)
{
    double seconds[2];
    p->s.shading = SHADE_LAMBERTIAN;
    for (int i = 0; i < 3; i++) p->s.light[i] = p->camera.c2w[i][3];
    for (int i = 0; i < 2; i++) {
        p->s.normals = i == 0 ? NORMALS_DIFFERENCES : NORMALS_ANALYTIC;
        seconds[i] = bench_seconds(part_view, p, b->budget, 3) + bench_seconds(part_pull, p, b->budget, 3);
    }
    printf("    lit: %.2f ms with normals by differences, %.2f ms with analytic ones, %.2f times as fast\n", 1e3 * seconds[0], 1e3 * seconds[1], seconds[0] / seconds[1]);
    fprintf(b->csv, "%s lit,64x64 rays,view and adjoint,1,,,,%d,%.6g,,,,\n", name, b->threads, 1e3 * seconds[0]);
    fprintf(b->csv, "%s lit analytic,64x64 rays,view and adjoint,1,,,,%d,%.6g,,,,\n", name, b->threads, 1e3 * seconds[1]);
}

static inline void bench_fields(const Bench *b, Err *err)
{
    enum { SIDE = 64, N = 3 * SIDE * SIDE };
    static const FieldConfig fields[] = {
        { .kind = FIELD_VOXEL, .size = { 48, 48, 48 }, .slope = 8 },
        { .kind = FIELD_SH, .size = { 48, 48, 48 }, .slope = 8, .degree = 1 },
        { .kind = FIELD_HASHGRID, .slope = 8, .levels = 16, .features = 2, .table = 1 << 15, .base = 4, .growth = 1.38, .hidden = 64 },
        { .kind = FIELD_MLP, .slope = 8, .frequencies = 6, .layers = 3, .hidden = 64 },
    };
    printf("\na view and its adjoint: 64 x 64 rays, 64 samples, %d threads\n", b->threads);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0] && !err->set; i++) {
        Arena *arena = arena_new(err);
        Parts p = { .f = field_new(&fields[i], err), .s = { .samples = 64, .background = { R(0.5), R(0.5), R(0.5) } }, .err = err };
        p.r = renderer_new(p.f, 64, err);
        p.rgb = arena_real(arena, N, "rgb");
        p.cotangent = arena_real(arena, N, "cotangent");
        p.grad = arena_real(arena, p.f->n, "gradient");
        if (err->set) return;
        field_start(p.f, 0);
        rng_normal(p.cotangent, (RngAt){ 1, 0, 0, RNG_PROBE }, N);
        camera_look_at(&p.camera, 15, 30, 2.5, 40, SIDE, SIDE);
        const double view = bench_seconds(part_view, &p, b->budget, 3), pull = bench_seconds(part_pull, &p, b->budget, 3);
        const char *name = field_kind_names[fields[i].kind];
        printf("  %-10s %8.2f ms + %8.2f ms = %8.2f ms\n", name, 1e3 * view, 1e3 * pull, 1e3 * (view + pull));
        fprintf(b->csv, "%s,64x64 rays,view and adjoint,1,,,,%d,%.6g,,,,\n", name, b->threads, 1e3 * (view + pull));
        if (fields[i].kind == FIELD_HASHGRID) bench_hashgrid(b, p.f, view + pull, err);
        if (field_has_slope(fields[i].kind)) bench_normals(b, &p, name);
        renderer_free(p.r);
        field_free(p.f);
        arena_free(arena);
    }
}

static inline void bench_view(const Bench *b, Err *err)
{
    enum { SIDE = 64, N = 3 * SIDE * SIDE };
    Arena *arena = arena_new(err);
    World world;
    const ScheduleConfig sd = schedule_config_sd();
    Schedule *S = schedule_new(&sd, err);
    const ExactConfig exact = { .h = SIDE, .w = SIDE, .cameras = 300, .looks = 1,
                                .range = { R(-10.0), R(45.0), R(-180.0), R(180.0), R(2.5), R(2.5), R(40.0), R(40.0) },
                                .thresholds = view_thresholds_default(), .condition = CONDITION_VIEW_LR, .sigma_d = R(0.02) };
    Parts p = { .f = field_new(&(FieldConfig){ .kind = FIELD_VOXEL, .size = { 48, 48, 48 }, .slope = 8 }, err), .s = { .samples = 64, .background = { R(0.5), R(0.5), R(0.5) } } };
    p.r = renderer_new(p.f, 64, err);
    p.rgb = arena_real(arena, N, "rgb");
    p.cotangent = arena_real(arena, N, "cotangent");
    p.xt = arena_real(arena, N, "xt");
    p.eps = arena_real(arena, N, "eps");
    p.grad = arena_real(arena, p.f->n, "gradient");
    p.err = err;
    field_start(p.f, 0);
    rng_normal(p.cotangent, (RngAt){ 1, 0, 0, RNG_PROBE }, N);
    rng_normal(p.xt, (RngAt){ 1, 1, 0, RNG_PROBE }, N);
    camera_look_at(&p.camera, 15, 30, 2.5, 40, SIDE, SIDE);
    if (world_open(&world, SIDE, SIDE, 0, err) != 0) return;
    ExactPrior *prior = exact_new(&world.source, &exact, 0, 0, S, err);
    p.D = exact_denoiser(prior);
    p.cond = (Cond){ .kind = COND_TEXT, .view = { R(15.0), R(30.0), R(2.5), R(40.0) } };
    const double view = bench_seconds(part_view, &p, b->budget, 3);
    const double pull = bench_seconds(part_pull, &p, b->budget, 3);
    const double ask = bench_seconds(part_prior, &p, b->budget, 3);
    const double all = view + pull + ask;
    printf("\none view: 64 x 64 rays, 64 samples, voxels 48^3, %d threads\n", b->threads);
    const struct { const char *name; double seconds; } parts[] = {
        { "render", view }, { "adjoint of the render", pull }, { "exact prior (view-lr)", ask },
    };
    for (int i = 0; i < 3; i++) {
        printf("  %-24s %8.2f ms  %5.1f %%\n", parts[i].name, 1e3 * parts[i].seconds, 100 * parts[i].seconds / all);
        fprintf(b->csv, "%s,64x64 rays,view,1,,,,%d,%.6g,,,,\n", parts[i].name, b->threads, 1e3 * parts[i].seconds);
    }
    exact_free(prior);
    world_close(&world);
    schedule_free(S);
    renderer_free(p.r);
    field_free(p.f);
    arena_free(arena);
}

#endif
