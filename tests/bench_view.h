/* bench_view.h -- one view of a distillation with the exact prior: shares of its parts */
#ifndef SDREF_TESTS_BENCH_VIEW_H
#define SDREF_TESTS_BENCH_VIEW_H

#include "ref/distill.h"
#include "ref/world.h"
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
