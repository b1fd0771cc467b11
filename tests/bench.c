/* bench.c -- where the time goes: `make bench`. A table on stdout; every figure is also given as a ratio within this run
 *
 * Peak is what this very run reaches in a loop of independent fused multiply-adds on one thread; matrix products are given as a share of
 * it. Elementary functions are given in units of one fused multiply-add of that loop. Rendering is given as shares of a step.
 */
#include "ref/distill.h"
#include "ref/progress.h"
#include "ref/world.h"
#include "render/scene.h"
#include "tensor/elem.h"
#include "tensor/gemm.h"
#include "tensor/mem.h"
#include "tensor/par.h"
#include "tensor/rng.h"
#include "tensor/sum.h"

#include <stdio.h>

static Err err;
static volatile real sink;

/* The best of a few repetitions, each at least a tenth of a second long: seconds a call. */
typedef void Work(void *self);
static double seconds(Work *work, void *self)
{
    double best = 1e30;
    work(self);
    for (int repeat = 0; repeat < 3; repeat++) {
        long calls = 0;
        const double start = progress_clock();
        double now;
        do {
            work(self);
            calls++;
            now = progress_clock();
        } while (now - start < 0.1);
        if ((now - start) / (double)calls < best) best = (now - start) / (double)calls;
    }
    return best;
}

/* ---- the peak: 2 LANES ROUNDS operations in independent chains that fit the registers ---- */
#ifdef __AVX512F__
enum { REGISTERS = 12 * 64 };                 /* bytes: twelve vectors */
#else
enum { REGISTERS = 12 * 32 };
#endif
enum { LANES = REGISTERS / sizeof(real), ROUNDS = 100000 };
static void fma_loop(void *self)
{
    real a[LANES], total = 0;
    (void)self;
    for (int i = 0; i < (int)LANES; i++) a[i] = (real)i;
    for (int r = 0; r < ROUNDS; r++)
        for (int i = 0; i < (int)LANES; i++) a[i] = r_fma(a[i], R(0.999), R(0.001));
    for (int i = 0; i < (int)LANES; i++) total += a[i];
    sink = total;
}

typedef struct Product { int M, N, K, threads; real *a, *b, *c, *work; } Product;
static void product(void *self)
{
    const Product *p = self;
    gemm(p->c, gemm_rows(p->a, p->K), gemm_rows(p->b, p->N), p->N, p->M, p->N, p->K, p->work, p->threads);
    sink = p->c[0];
}
static double gflops(int M, int N, int K, int threads)
{
    Product p = { M, N, K, threads, NULL, NULL, NULL, NULL };
    Arena *arena = arena_new(&err);
    p.a = arena_real(arena, (size_t)M * (size_t)K, "a");
    p.b = arena_real(arena, (size_t)K * (size_t)N, "b");
    p.c = arena_real(arena, (size_t)M * (size_t)N, "c");
    p.work = arena_real(arena, gemm_work(M, N, K, threads), "work");
    if (err.set) return 0;
    rng_normal(p.a, (RngAt){ 1, 0, 0, RNG_PROBE }, (size_t)M * (size_t)K);
    rng_normal(p.b, (RngAt){ 1, 1, 0, RNG_PROBE }, (size_t)K * (size_t)N);
    const double s = seconds(product, &p);
    arena_free(arena);
    return 2e-9 * M * N * K / s;
}

/* ---- elementary functions over an array that stays in cache ---- */
enum { VALUES = 4096 };
static real in[VALUES], out[VALUES];
#define EACH(f) static void each_##f(void *self) { (void)self; for (int i = 0; i < VALUES; i++) out[i] = f(in[i]); sink = out[7]; }
EACH(r_exp) EACH(r_log) EACH(r_sin) EACH(r_cos) EACH(r_tanh) EACH(r_erf) EACH(r_sigmoid) EACH(r_softplus)
static const struct { const char *name; Work *work; } functions[] = {
    { "exp", each_r_exp }, { "log", each_r_log }, { "sin", each_r_sin }, { "cos", each_r_cos }, { "tanh", each_r_tanh },
    { "erf", each_r_erf }, { "sigmoid", each_r_sigmoid }, { "softplus", each_r_softplus },
};

/* ---- one view of a distillation ---- */
typedef struct Parts { Field *f; Renderer *r; Camera camera; RenderSettings s; real *rgb, *cotangent, *grad; Denoiser D; Cond cond; real *xt, *eps; } Parts;
static void part_view(void *self)
{
    Parts *p = self;
    render_view(&(RenderOut){ .rgb = p->rgb }, p->r, p->f, &p->camera, &p->s);
}
static void part_pull(void *self)
{
    Parts *p = self;
    render_pull(p->grad, p->r, p->f, &p->camera, &p->s, &(RenderOut){ .rgb = p->cotangent });
}
static void part_prior(void *self)
{
    Parts *p = self;
    if (p->D.predict(p->D.self, p->eps, p->xt, 500, &p->cond, &err) != 0) printf("%s\n", err.msg);
}

static void step_shares(void)
{
    enum { SIDE = 64, N = 3 * SIDE * SIDE };
    Arena *arena = arena_new(&err);
    World world;
    const ScheduleConfig sd = schedule_config_sd();
    Schedule *S = schedule_new(&sd, &err);
    const ExactConfig exact = { .h = SIDE, .w = SIDE, .cameras = 300, .looks = 1,
                                .range = { R(-10.0), R(45.0), R(-180.0), R(180.0), R(2.5), R(2.5), R(40.0), R(40.0) },
                                .thresholds = view_thresholds_default(), .condition = CONDITION_VIEW_LR, .sigma_d = R(0.02) };
    Parts p = { .f = field_new(FIELD_VOXEL, (int[3]){ 48, 48, 48 }, &err), .s = { 64, { R(0.5), R(0.5), R(0.5) }, NULL } };
    p.r = renderer_new(p.f, 64, &err);
    p.rgb = arena_real(arena, N, "rgb");
    p.cotangent = arena_real(arena, N, "cotangent");
    p.xt = arena_real(arena, N, "xt");
    p.eps = arena_real(arena, N, "eps");
    p.grad = arena_real(arena, p.f->n, "gradient");
    field_start(p.f, 0, 8);
    rng_normal(p.cotangent, (RngAt){ 1, 0, 0, RNG_PROBE }, N);
    rng_normal(p.xt, (RngAt){ 1, 1, 0, RNG_PROBE }, N);
    camera_look_at(&p.camera, 15, 30, 2.5, 40, SIDE, SIDE);
    if (world_open(&world, SIDE, SIDE, 0, &err) != 0) return;
    ExactPrior *prior = exact_new(&world.source, &exact, 0, 0, S, &err);
    p.D = exact_denoiser(prior);
    p.cond = (Cond){ COND_TEXT, { R(15.0), R(30.0), R(2.5), R(40.0) } };
    const double view = seconds(part_view, &p), pull = seconds(part_pull, &p), ask = seconds(part_prior, &p);
    const double all = view + pull + ask;
    printf("\none view: 64 x 64 rays, 64 samples, voxels 48^3, %d threads\n", par_threads());
    printf("  %-24s %8.2f ms  %5.1f %%\n", "render", 1e3 * view, 100 * view / all);
    printf("  %-24s %8.2f ms  %5.1f %%\n", "adjoint of the render", 1e3 * pull, 100 * pull / all);
    printf("  %-24s %8.2f ms  %5.1f %%\n", "exact prior (view-lr)", 1e3 * ask, 100 * ask / all);
    exact_free(prior);
    world_close(&world);
    schedule_free(S);
    renderer_free(p.r);
    field_free(p.f);
    arena_free(arena);
}

int main(void)
{
    static const int shapes[][3] = { { 320, 4096, 2880 }, { 1280, 256, 11520 }, { 1280, 64, 11520 }, { 320, 4096, 320 }, { 256, 256, 256 } };
    const double loop = 2e-9 * (double)LANES * ROUNDS / seconds(fma_loop, NULL);
    const int threads = par_threads();
    printf("%s, %s kernel, %d threads\npeak on one thread: %.1f GFLOP/s in a loop of fused multiply-adds\n\n", REAL_NAME, gemm_kernel(), threads, loop);
    printf("matrix product M x N x K      1 thread  of peak   %2d threads  gain\n", threads);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const int *s = shapes[i];
        const double one = gflops(s[0], s[1], s[2], 1), all = gflops(s[0], s[1], s[2], threads);
        printf("  %5d x %5d x %5d       %7.1f  %5.0f %%      %7.1f  %.2f\n", s[0], s[1], s[2], one, 100 * one / loop, all, all / one);
    }
    rng_normal(in, (RngAt){ 1, 0, 0, RNG_PROBE }, VALUES);
    for (int i = 0; i < VALUES; i++) in[i] = r_abs(in[i]) + R(0.01);
    printf("\nelementary functions    ns a value   in multiply-adds\n");
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        const double each = seconds(functions[i].work, NULL) / VALUES;
        printf("  %-20s %9.2f   %10.0f\n", functions[i].name, 1e9 * each, each * loop * 1e9 / 2);
    }
    step_shares();
    if (err.set) printf("%s\n", err.msg);
    return err.set;
}
