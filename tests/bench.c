/* bench.c -- how fast the kernels and whole networks are: `make bench`, or `make bench ARGS=full` for more and longer
 *
 * Every figure is also a ratio within this run: products as a share of the peak of fused multiply-adds, operations that
 * only move values as a share of a plain copy, elementary functions in units of one multiply-add. A table on stdout, the
 * same in runs/bench.csv. Products count two operations a multiply-add; bytes are those of inputs and outputs, each once.
 */
#include "tensor/elem.h"
#include "tensor/gemm.h"
#include "tensor/mem.h"
#include "tests/bench_network.h"
#include "tests/bench_view.h"
#include "weights/dtype.h"

static Err err;

/* ---- matrix products ---- */

typedef struct Product { int M, N, K; real *a, *b, *c, *work; } Product;
static void product(void *self)
{
    const Product *p = self;
    const GemmMat a = gemm_rows(p->a, p->K), b = gemm_rows(p->b, p->N);
    gemm(p->c, a, b, p->N, p->M, p->N, p->K, p->work, par_threads());
    bench_sink = p->c[0];
}

static void bench_product(const Bench *b, int M, int N, int K)
{
    char size[64];
    Product p = { .M = M, .N = N, .K = K };
    Arena *arena = arena_new(&err);
    p.a = arena_real(arena, (size_t)M * (size_t)K, "a");
    p.b = arena_real(arena, (size_t)K * (size_t)N, "b");
    p.c = arena_real(arena, (size_t)M * (size_t)N, "c");
    const size_t one = gemm_work(M, N, K, 1), all = gemm_work(M, N, K, b->threads);
    p.work = arena_real(arena, one > all ? one : all, "work");
    rng_normal(p.a, (RngAt){ 1, 0, 0, RNG_PROBE }, (size_t)M * (size_t)K);
    rng_normal(p.b, (RngAt){ 1, 1, 0, RNG_PROBE }, (size_t)K * (size_t)N);
    snprintf(size, sizeof size, "%dx%dx%d", M, N, K);
    bench_measure(b, (BenchRow){ .kernel = "M x N x K", .size = size, .work = 2e-9 * M * N * K }, product, &p);
    arena_free(arena);
}

static void bench_products(const Bench *b)
{
    static const struct { int M, N, K, full; } shapes[] = {
        { 4096, 1280, 320, 0 }, { 320, 4096, 2880, 0 }, { 1280, 64, 11520, 0 }, { 256, 256, 256, 0 }, { 640, 1024, 5760, 1 },
        { 1280, 256, 11520, 1 }, { 4096, 2560, 320, 1 }, { 1024, 1024, 1024, 1 }, { 77, 1280, 1024, 1 }, { 64, 64, 64, 1 },
    };
    bench_head(b, "matrix product", BENCH_FLOP);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        if (b->full || !shapes[i].full) bench_product(b, shapes[i].M, shapes[i].N, shapes[i].K);
}

/* ---- operations of the tape ---- */

typedef struct Op {
    Tape *tape;
    Tensor *x, *k, *v;                    /* k, v: the second and third operand, where there is one */
    Weight w, b;
    Conv conv;
    int heads;
    Tensor *(*run)(struct Op *);
} Op;

static Tensor *run_conv(Op *o)       { return op_conv2d(o->tape, o->x, &o->w, &o->b, o->conv, "y"); }
static Tensor *run_linear(Op *o)     { return op_linear(o->tape, o->x, &o->w, &o->b, "y"); }
static Tensor *run_attention(Op *o)  { return op_attention(o->tape, o->x, o->k, o->v, o->heads, R(0.125), 0, "y"); }
static Tensor *run_group_norm(Op *o) { return op_group_norm(o->tape, o->x, &o->w, &o->b, 32, R(1e-5), "y"); }
static Tensor *run_layer_norm(Op *o) { return op_layer_norm(o->tape, o->x, &o->w, &o->b, R(1e-5), "y"); }
static Tensor *run_silu(Op *o)       { return op_act(o->tape, o->x, ACT_SILU, "y"); }
static Tensor *run_geglu(Op *o)      { return op_geglu(o->tape, o->x, "y"); }
static Tensor *run_add(Op *o)        { return op_add(o->tape, o->x, o->k, "y"); }
static Tensor *run_to_tokens(Op *o)  { return op_to_tokens(o->tape, o->x, "y"); }

static void op_forward(void *self)
{
    Op *o = self;
    const size_t mark = tape_mark(o->tape);
    const Tensor *y = o->run(o);
    if (y != NULL) bench_sink = y->v[0];
    tape_rewind(o->tape, mark);
}
static void op_backward(void *self) { tape_backward(((const Op *)self)->tape); }

static Op op_start(Tensor *(*run)(Op *), Shape x, int gradient)
{
    Op o = { .tape = tape_new(&err), .run = run };
    tape_recording(o.tape, gradient);
    o.x = normal(o.tape, x, gradient, 0);
    return o;
}

/* Values of about 0.03, in the memory of the tape. */
static Weight op_weight(Tape *t, Shape s, Store store, int gradient)
{
    const size_t n = shape_count(s);
    real *v = tape_raw(t, n, "weight"), *g = gradient ? tape_real(t, n, "gradient") : NULL;
    rng_normal(v, (RngAt){ 1, 2, 0, RNG_PROBE }, n);
    for (size_t i = 0; i < n; i++) v[i] *= R(0.03);
    if (store != STORE_F16) return (Weight){ s, n, store, v, g, "weight" };
    uint16_t *half = (uint16_t *)(void *)tape_raw(t, (n + 1) / 2, "weight");
    for (size_t i = 0; i < n; i++) half[i] = f16_from_f64((double)v[i]);
    return (Weight){ s, n, store, half, g, "weight" };
}

typedef enum { FORWARD, BACK_X, BACK_W } Way;             /* back to the input, or to the weight */
static const char *const ways[] = { "", ", back to x", ", back to w" };

static void op_end(const Bench *b, Op *o, BenchRow r, Way way)
{
    if (way != FORWARD) {
        Tensor *y = o->run(o);
        if (y != NULL) tape_seed(y, y->v);
    }
    bench_measure(b, r, way == FORWARD ? op_forward : op_backward, o);
    tape_free(o->tape);
}

static void bench_conv(const Bench *b, int in, int out, int kernel, int stride, int side, Way way)
{
    char name[64], size[64];
    const Conv conv = { stride, kernel / 2, kernel / 2 };
    const int back = way != FORWARD, h = conv_size(side, kernel, conv);
    Op o = op_start(run_conv, (Shape){ 4, { 1, in, side, side } }, way == BACK_X);
    tape_recording(o.tape, back);
    o.conv = conv;
    o.w = op_weight(o.tape, (Shape){ 4, { out, in, kernel, kernel } }, STORE_F16, way == BACK_W);
    o.b = op_weight(o.tape, (Shape){ 1, { out } }, STORE_F16, 0);
    snprintf(name, sizeof name, "convolution %dx%d%s%s", kernel, kernel, stride == 1 ? "" : ", stride 2", ways[way]);
    snprintf(size, sizeof size, "%d -> %d, %dx%d", in, out, side, side);
    op_end(b, &o, (BenchRow){ .kernel = name, .size = size, .work = 2e-9 * out * in * kernel * kernel * h * h }, way);
}

static void bench_linear(const Bench *b, int rows, int in, int out, Store store, Way way)
{
    char name[64], size[64];
    Op o = op_start(run_linear, (Shape){ 2, { rows, in } }, way == BACK_X);
    tape_recording(o.tape, way != FORWARD);
    o.w = op_weight(o.tape, (Shape){ 2, { out, in } }, store, way == BACK_W);
    o.b = op_weight(o.tape, (Shape){ 1, { out } }, store, 0);
    snprintf(name, sizeof name, "linear, %s%s", store == STORE_F16 ? "binary16" : REAL_NAME, ways[way]);
    snprintf(size, sizeof size, "%d rows, %d -> %d", rows, in, out);
    op_end(b, &o, (BenchRow){ .kernel = name, .size = size, .work = 2e-9 * rows * in * out }, way);
}

/* Forward two products of Tq Tk C; back three more, and the first again. */
static void bench_attention(const Bench *b, int queries, int keys, int heads, int d, Way way)
{
    char size[64];
    const int back = way != FORWARD;
    const Shape s = { 3, { 1, keys, heads * d } };
    Op o = op_start(run_attention, (Shape){ 3, { 1, queries, heads * d } }, back);
    o.heads = heads;
    o.k = normal(o.tape, s, back, 1);
    o.v = normal(o.tape, s, back, 2);
    snprintf(size, sizeof size, "%dx%d, %d heads of %d", queries, keys, heads, d);
    const double products = back ? 5 : 2;
    const BenchRow r = { .kernel = back ? "attention, back" : "attention", .size = size,
                         .work = 2e-9 * products * queries * keys * heads * d };
    op_end(b, &o, r, way);
}

static void bench_operations(const Bench *b)
{
    bench_head(b, "operation", BENCH_FLOP);
    bench_conv(b, 320, 320, 3, 1, 64, FORWARD);
    bench_conv(b, 640, 640, 3, 1, 32, FORWARD);
    bench_conv(b, 1280, 1280, 3, 1, 16, FORWARD);
    bench_conv(b, 1280, 1280, 3, 1, 8, FORWARD);
    bench_conv(b, 320, 320, 3, 2, 64, FORWARD);
    bench_conv(b, 640, 320, 1, 1, 64, FORWARD);
    bench_conv(b, 32, 32, 3, 1, 64, FORWARD);
    bench_linear(b, 4096, 320, 1280, STORE_REAL, FORWARD);
    bench_linear(b, 4096, 320, 1280, STORE_F16, FORWARD);
    bench_linear(b, 1, 1280, 1280, STORE_F16, FORWARD);
    bench_attention(b, 4096, 4096, 5, 64, FORWARD);
    bench_attention(b, 1024, 1024, 10, 64, FORWARD);
    bench_attention(b, 4096, 77, 5, 64, FORWARD);
    bench_attention(b, 1024, 1024, 8, 8, FORWARD);
    bench_conv(b, 320, 320, 3, 1, 64, BACK_X);
    bench_conv(b, 320, 320, 3, 1, 64, BACK_W);
    bench_linear(b, 4096, 320, 1280, STORE_F16, BACK_X);
    bench_linear(b, 4096, 320, 1280, STORE_F16, BACK_W);
    bench_attention(b, 1024, 1024, 10, 64, BACK_X);
}

/* ---- operations that move values more than they compute ---- */

typedef struct Copy { real *to; const real *from; size_t n; } Copy;
static void copy(void *self)
{
    enum { PIECES = 64 };
    const Copy *c = self;
    const int64_t n = (int64_t)c->n;
    PAR_FOR
    for (int64_t p = 0; p < PIECES; p++) {
        const int64_t first = n * p / PIECES, end = n * (p + 1) / PIECES;
        memcpy(c->to + first, c->from + first, (size_t)(end - first) * sizeof(real));
    }
}

static void bench_copy(Bench *b, Shape s)
{
    Tape *tape = tape_new(&err);
    const size_t n = shape_count(s);
    Copy c = { tape_real(tape, n, "to"), tape_real(tape, n, "from"), n };
    const double gbyte = 2e-9 * (double)(n * sizeof(real));
    par_threads_set(1);
    b->copy_1 = gbyte / bench_seconds(copy, &c, b->budget, 3);
    par_threads_set(b->threads);
    b->copy_n = gbyte / bench_seconds(copy, &c, b->budget, 3);
    bench_row(b, (BenchRow){ "plain copy", "1x320x64x64", BENCH_BYTES, gbyte, gbyte / b->copy_1, gbyte / b->copy_n, 0 });
    tape_free(tape);
}

static void bench_moving(Bench *b)
{
    const Shape image = { 4, { 1, 320, 64, 64 } }, rows = { 2, { 4096, 320 } }, pairs = { 2, { 1024, 10240 } };
    const struct { const char *name; Tensor *(*run)(Op *); Shape x; double arrays; } list[] = {   /* in and out, in units of x */
        { "group norm, 32 groups", run_group_norm, image, 2 }, { "layer norm", run_layer_norm, rows, 2 },
        { "silu", run_silu, image, 2 }, { "geglu", run_geglu, pairs, 1.5 }, { "sum", run_add, image, 3 },
        { "image to tokens", run_to_tokens, image, 2 },
    };
    bench_head(b, "operation", BENCH_BYTES);
    bench_copy(b, image);
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        char size[64];
        const double gbyte = 1e-9 * (double)(shape_count(list[i].x) * sizeof(real));
        Op o = op_start(list[i].run, list[i].x, 0);
        o.w = op_weight(o.tape, (Shape){ 1, { 320 } }, STORE_F16, 0);
        o.b = op_weight(o.tape, (Shape){ 1, { 320 } }, STORE_F16, 0);
        o.k = o.x;
        shape_text(size, sizeof size, list[i].x);
        const double work = list[i].arrays * gbyte;
        op_end(b, &o, (BenchRow){ .kernel = list[i].name, .size = size, .unit = BENCH_BYTES, .work = work }, FORWARD);
    }
}

/* ---- elementary functions over an array that stays in cache ---- */

enum { VALUES = 4096 };
static real in[VALUES], out[VALUES];
#define EACH(f) \
    static void each_##f(void *self) \
    { \
        (void)self; \
        for (int i = 0; i < VALUES; i++) out[i] = f(in[i]); \
        bench_sink = out[7]; \
    }
EACH(r_exp) EACH(r_log) EACH(r_sin) EACH(r_cos) EACH(r_tanh) EACH(r_erf) EACH(r_sigmoid) EACH(r_softplus)

static void bench_functions(const Bench *b)
{
    static const struct { const char *name; Work *work; } functions[] = {
        { "exp", each_r_exp }, { "log", each_r_log }, { "sin", each_r_sin }, { "cos", each_r_cos }, { "tanh", each_r_tanh },
        { "erf", each_r_erf }, { "sigmoid", each_r_sigmoid }, { "softplus", each_r_softplus },
    };
    rng_normal(in, (RngAt){ 1, 0, 0, RNG_PROBE }, VALUES);
    for (int i = 0; i < VALUES; i++) in[i] = r_abs(in[i]) + R(0.01);
    printf("\nelementary function     ns a value   in multiply-adds\n");
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        const double each = bench_seconds(functions[i].work, NULL, b->budget, 3) / VALUES;
        printf("  %-20s %9.2f   %10.0f\n", functions[i].name, 1e9 * each, each * b->peak * 1e9 / 2);
        fprintf(b->csv, "%s,1 value,value,1,%.6g,,,,,,,,\n", functions[i].name, 1e3 * each);
    }
}

/* ---- networks ---- */

static const Network networks[] = {       /* name, config, side of the input, with the way back, only when full */
    { "64 px UNet, attention from 32x32", "px64", 64, 0, 0 },
    { "  and back to input and weights", "px64", 64, 1, 0 },
    { "64 px UNet, attention from 16x16", "px64_deep", 64, 0, 0 },
    { "SD 2.1 UNet", "sd21", 64, 0, 0 },
    { "SD 2.1 UNet", "sd21", 32, 0, 0 },
    { "SD VAE, decoder", "sd_vae", 64, 0, 1 },
};

/* At 40 % of peak a call takes no longer than this. */
static double seconds_allowed(const Bench *b) { return b->full ? 120 : 20; }

static int bench_networks(const Bench *b, const char *program)
{
    const double budget = b->full ? 4 : 1, rate = 0.4 * b->peak;
    bench_head(b, "network, F16 weights, 77 tokens", BENCH_FLOP);
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        const Network *net = &networks[i];
        NetworkTimes one = { 0 }, all = { 0 };
        char size[64];
        if (net->full && !b->full) continue;
        if (network_prepare(net->config, &err) != 0) return -1;
        if (network_run(&all, program, net, b->threads, budget, 2, seconds_allowed(b) * rate * b->threads) != 0 ||
            network_run(&one, program, net, 1, budget, 1, seconds_allowed(b) * rate) != 0)
            return err_set(&err, "%s %dx%d: the process that was to run it failed", net->config, net->side, net->side);
        snprintf(size, sizeof size, "%dx%d", net->side, net->side);
        const BenchRow r = { net->name, size, BENCH_FLOP, all.gflop, one.seconds, all.seconds, all.mbyte };
        if (all.seconds > 0) bench_row(b, r);
        else bench_left_out(r);
    }
    return 0;
}

int main(int argc, char *const *argv)
{
    Bench b = { .full = argc == 2 && strcmp(argv[1], "full") == 0, .threads = par_threads() };
    if (argc == 9 && strcmp(argv[1], "network") == 0) return network_child(argv + 2);
    if (argc > 2 || (argc == 2 && !b.full && strcmp(argv[1], "quick") != 0)) {
        fprintf(stderr, "bench: found '%s', expected quick or full\n", argv[1]);
        return EXIT_TROUBLE;
    }
    b.budget = b.full ? 0.5 : 0.1;
    if (dir_make("runs/bench", &err) != 0) return cli_trouble(&err);
    b.csv = fopen("runs/bench.csv", "w");
    if (b.csv == NULL) {
        fprintf(stderr, "bench: runs/bench.csv cannot be written\n");
        return EXIT_TROUBLE;
    }
    fprintf(b.csv, BENCH_CSV_HEAD);
    double had[2];
    b.peak = bench_peak(&had[0]);
    printf("%s, %s kernel, %d threads; peak: %.1f GFLOP/s in a loop of fused multiply-adds on one, %.1f on all at once\n",
           REAL_NAME, gemm_kernel(), b.threads, b.peak, bench_peak_all(b.threads));
    fprintf(b.csv, "peak,one thread,GFLOP,%.6g,,%.6g,1,,,,,,\n", 2e-9 * PEAK_LANES * PEAK_ROUNDS, b.peak);
    bench_products(&b);
    bench_operations(&b);
    bench_moving(&b);
    bench_functions(&b);
    bench_view(&b, &err);
    bench_fields(&b, &err);
    if (!err.set) bench_networks(&b, argv[0]);
    const double again = bench_peak(&had[1]);
    printf("\npeak at the end: %.1f GFLOP/s; that loop had %.0f %% of a core at the start, %.0f %% at the end%s\n", again,
           100 * had[0], 100 * had[1], had[0] < 0.9 || had[1] < 0.9 ? ": other work ran, and threads waited for one another" : "");
    fclose(b.csv);
    return err.set ? cli_trouble(&err) : EXIT_FINE;
}
