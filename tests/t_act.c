/* t_act.c -- activations: tables, the stated order of operations bit for bit, sizes and threads, errors */
#include "tests/harness.h"

#include "tensor/act.h"
#include "tensor/elem.h"
#include "tensor/par.h"
#include "tensor/rng.h"

#include <setjmp.h>

enum { POINTS = 12, TANH = ACT_MISH + 1, KINDS };            /* kinds: every Act, and op_tanh */
static const char *const kinds[KINDS] = { "silu", "gelu", "gelu_tanh", "quick_gelu", "relu", "mish", "tanh" };

static Err err;
static Tape *tape;

static Tensor *apply(Tensor *x, int kind) { return kind == TANH ? op_tanh(tape, x, "y") : op_act(tape, x, (Act)kind, "y"); }

static int same(const real *a, const real *b, size_t n) { return memcmp(a, b, n * sizeof(real)) == 0; }

/* ---- values and slopes from mpmath, 50 digits (f and diff(f) of the formulas in act.h), rounded to binary64 ---- */

static const real points[POINTS] = { R(-10.0), R(-4.5), R(-2.0), R(-1.0), R(-0.5), R(-0.0078125), R(0.0078125), R(0.5),
                                     R(1.0), R(2.0), R(4.5), R(10.0) };
static const struct { const char *name; int kind, relative; double value[POINTS], slope[POINTS]; } table[] = {
    { "silu", ACT_SILU, 1,
        { -0x1.dc07f9d254fb8p-12, -0x1.9505cc98867c3p-5, -0x1.e84152bac31afp-3, -0x1.136561454ba86p-2,
          -0x1.829a0565978dfp-3, -0x1.fe0000aaaa666p-9, 0x1.00ffffaaaaccdp-8, 0x1.3eb2fd4d34391p-2,
          0x1.764d4f5d5a2bdp-1, 0x1.c2f7d5a8a79cap+0, 0x1.1cd5f466cef30p+2, 0x1.3ffc47f00c5b5p+3 },
        { -0x1.ac680bc10a72bp-12, -0x1.369152106f4d1p-5, -0x1.73da2f385e6dbp-4, 0x1.2842f720c62f1p-4,
          0x1.0a479d50e732ep-2, 0x1.fc0002aaa9111p-2, 0x1.01fffeaaab777p-1, 0x1.7adc31578c669p-1,
          0x1.daf7a11be73a2p-1, 0x1.173da2f385e6ep+0, 0x1.09b48a90837a7p+0, 0x1.001ac680bc10ap+0 } },
    { "gelu", ACT_GELU, 0,
        { -0x1.7079362639d51p-74, -0x1.008406fc71321p-16, -0x1.74bcf82c9d860p-5, -0x1.44ed0bb7cb20bp-3,
          -0x1.3bf143b9aa712p-3, -0x1.fccef97a34a16p-9, 0x1.01988342e5af5p-8, 0x1.62075e232ac77p-2,
          0x1.aec4bd120d37dp-1, 0x1.f45a183e9b13dp+0, 0x1.1fffbfdefe40ep+2, 0x1.4000000000000p+3 },
        { -0x1.cc81080c0cc8cp-71, -0x1.1f6ea09360fbcp-14, -0x1.5d1c05635c4bdp-4, -0x1.55429a56cca59p-4,
          0x1.0f5eb7514c778p-3, 0x1.f99df735c5058p-2, 0x1.033104651d7d4p-1, 0x1.bc28522bace22p-1,
          0x1.155429a56cca6p+0, 0x1.15d1c05635c4cp+0, 0x1.00047dba824d8p+0, 0x1.0000000000000p+0 } },
    { "gelu_tanh", ACT_GELU_TANH, 0,
        { -0x1.47c8fd5285000p-123, -0x1.58b87a0d99697p-18, -0x1.73ef8961cab36p-5, -0x1.453d22357147ap-3,
          -0x1.3bfa4b104180fp-3, -0x1.fccef97ce6c49p-9, 0x1.019883418c9dbp-8, 0x1.6202da77df3f9p-2,
          0x1.aeb0b772a3ae1p-1, 0x1.f46083b4f1aa6p+0, 0x1.1fffea74785f2p+2, 0x1.4000000000000p+3 },
        { -0x1.d53013e7e8581p-119, -0x1.ebf2314dfa615p-16, -0x1.60a99d36889c7p-4, -0x1.53d225adc388ep-4,
          0x1.0fa05e3645b4fp-3, 0x1.f99df7408d835p-2, 0x1.0331045fb93e5p-1, 0x1.bc17e8726e92cp-1,
          0x1.153d225adc389p+0, 0x1.160a99d36889cp+0, 0x1.0001ebf2314e0p+0, 0x1.0000000000000p+0 } },
    { "quick_gelu", ACT_QUICK_GELU, 0,
        { -0x1.b3b86406285f9p-22, -0x1.1622a512fe92ep-9, -0x1.078ad2d600f8dp-4, -0x1.3bcf6df1c93d6p-3,
          -0x1.32678c1f083ffp-3, -0x1.fc9896be2b573p-9, 0x1.01b3b4a0ea546p-8, 0x1.66cc39f07be01p-2,
          0x1.b10c24838db0ap-1, 0x1.ef8752d29ff07p+0, 0x1.1fdd3bab5da03p+2, 0x1.3fffff2623ce0p+3 },
        { -0x1.5d030d98df4ddp-21, -0x1.9b5af1ef32cd3p-9, -0x1.2e59024b2a5a9p-4, -0x1.15a01197ec58ep-4,
          0x1.eeb50122e9494p-4, 0x1.f931340f2ce9dp-2, 0x1.036765f8698b1p-1, 0x1.c2295fdba2d6dp-1,
          0x1.115a01197ec59p+0, 0x1.12e59024b2a5bp+0, 0x1.00cdad78f7996p+0, 0x1.00000ae8186ccp+0 } },
    { "mish", ACT_MISH, 1,
        { -0x1.dc0abdf6dc5a5p-12, -0x1.973f5c022215fp-5, -0x1.028fbfa97a731p-2, -0x1.36aedf68a4413p-2,
          -0x1.c4154fe765f00p-3, -0x1.31eb6515f7ccbp-8, 0x1.347abfc731305p-8, 0x1.804047da23fa3p-2,
          0x1.baee2d0adc5e7p-1, 0x1.f1a74b5bf6f63p+0, 0x1.1fee33ca5005ep+2, 0x1.3fffffe9dedbcp+3 },
        { -0x1.ac6d4d292f6e6p-12, -0x1.3a794996d2f71p-5, -0x1.bbd28ca4cf75dp-4, 0x1.e51a89bbcbcb1p-5,
          0x1.28757cb5ece05p-2, 0x1.30a377abd2f2dp-1, 0x1.35c22a1ecefc7p-1, 0x1.c5d96a6d13cc2p-1,
          0x1.0c8da341a5e7ap+0, 0x1.11bed1f4c1b62p+0, 0x1.007cfae456496p+0, 0x1.000001505a093p+0 } },
    { "tanh", TANH, 1,
        { -0x1.ffffffdc96f35p-1, -0x1.ffdfa72153983p-1, -0x1.ed9505e1bc3d4p-1, -0x1.85efab514f394p-1,
          -0x1.d9353d7568af3p-2, -0x1.fffd55599992bp-8, 0x1.fffd55599992bp-8, 0x1.d9353d7568af3p-2,
          0x1.85efab514f394p-1, 0x1.ed9505e1bc3d4p-1, 0x1.ffdfa72153983p-1, 0x1.ffffffdc96f35p-1 },
        { 0x1.1b48654b9f942p-27, 0x1.02bec8b634601p-11, 0x1.2162c262e051bp-4, 0x1.ae0dc0f990c45p-2,
          0x1.92a946fa34394p-1, 0x1.fff8001555250p-1, 0x1.fff8001555250p-1, 0x1.92a946fa34394p-1,
          0x1.ae0dc0f990c45p-2, 0x1.2162c262e051bp-4, 0x1.02bec8b634601p-11, 0x1.1b48654b9f942p-27 } },
};

/* A value is x times a factor in [-1, 1] of at most two roundings of 1 (or, where nothing cancels, of itself) and its own: 4 eps
 * |x| or 4 eps |y|. A slope is a sum of that factor and of x times a derivative below 1.2: 8 eps (1 + |x|). */
static void values_and_slopes_of_the_table(void)
{
    for (size_t k = 0; k < sizeof table / sizeof table[0]; k++) {
        const size_t mark = tape_mark(tape);
        real x[POINTS], dx[POINTS], dy[POINTS];
        for (int i = 0; i < POINTS; i++) {
            x[i] = points[i];
            dx[i] = R(0.0);
            dy[i] = R(1.0);
        }
        Tensor *y = apply(tensor_view(tape, (Shape){ 1, { POINTS } }, x, dx, "x"), table[k].kind);
        tape_seed(y, dy);
        CHECK_OK(tape_backward(tape), &err);
        for (int i = 0; i < POINTS; i++) {
            const double size = fabs(table[k].relative ? table[k].value[i] : (double)x[i]);
            CHECK_LE(fabs((double)y->v[i] - table[k].value[i]), 4 * (double)REAL_EPS * size, "%s(%g)", table[k].name, (double)x[i]);
            CHECK_LE(fabs((double)dx[i] - table[k].slope[i]), 8 * (double)REAL_EPS * (1 + fabs((double)x[i])), "slope of %s(%g)",
                     table[k].name, (double)x[i]);
        }
        tape_rewind(tape, mark);
    }
}

static void ends_and_zeros(void)
{
    const real inf = (real)INFINITY, nan = (real)NAN;
    real x[5] = { R(0.0), -R(0.0), inf, nan, R(200.0) }, y[5];
    for (int act = ACT_SILU; act <= ACT_MISH; act++) {
        act_values(y, x, 5, (Act)act);
        CHECK(y[0] == 0 && !signbit(y[0]) && y[1] == 0 && signbit(y[1]), "%s at zero", kinds[act]);
        CHECK(y[2] == inf && isnan(y[3]) && y[4] == R(200.0), "%s: %g %g %g", kinds[act], (double)y[2], (double)y[3], (double)y[4]);
    }
    real far[3] = { R(-200.0), R(-3.0), R(3.0) };
    act_values(y, far, 3, ACT_GELU);
    CHECK(y[0] == 0, "gelu(-200) is %g", (double)y[0]);
    act_values(y, far, 3, ACT_RELU);
    CHECK(y[0] == 0 && y[1] == 0 && y[2] == 3, "relu");
    const size_t mark = tape_mark(tape);
    real dx[4] = { 1, 1, 1, 1 }, at[4] = { R(-2.0), R(0.0), R(2.0), R(1e-30) }, dy[4] = { 5, 6, 7, 8 };
    Tensor *r = op_act(tape, tensor_view(tape, (Shape){ 1, { 4 } }, at, dx, "x"), ACT_RELU, "y");
    tape_seed(r, dy);
    tape_backward(tape);
    CHECK(same(dx, (real[]){ 1, 1, 8, 9 }, 4), "slope of relu: %g %g %g %g", (double)dx[0], (double)dx[1], (double)dx[2], (double)dx[3]);
    tape_rewind(tape, mark);
}

/* ---- the order of operations that act.c states, once more and one value at a time ---- */

typedef struct { real y, slope; } Both;
static Both stated(int kind, real x)
{
    const real half = R(0.5) * x;
    if (kind == ACT_SILU || kind == ACT_QUICK_GELU) {
        const real z = kind == ACT_SILU ? x : R(1.702) * x, s = r_sigmoid(z), zs = z * s;
        return (Both){ x * s, r_fma(zs, R(1.0) - s, s) };
    }
    if (kind == ACT_GELU) {
        const real c = R(1.0) + r_erf(x * r_sqrt(R(0.5))), e = r_exp(-half * x), density = x * R(0.3989422804014326779);
        return (Both){ half * c, r_fma(density, e, R(0.5) * c) };
    }
    if (kind == ACT_GELU_TANH) {
        const real a = R(0.044715), b = R(0.7978845608028653559), ax = a * x, xx = x * x, u = b * r_fma(ax, xx, x), t = r_tanh(u);
        const real ax3 = R(3.0) * a * x, du = b * r_fma(ax3, x, R(1.0)), one = R(1.0) + t, left = half * du;
        return (Both){ half * one, r_fma(left, r_fma(-t, t, R(1.0)), R(0.5) * one) };
    }
    if (kind == ACT_MISH) {
        const real t = r_tanh(r_softplus(x)), xs = x * r_sigmoid(x);
        return (Both){ x * t, r_fma(xs, r_fma(-t, t, R(1.0)), t) };
    }
    if (kind == ACT_RELU) return (Both){ x < 0 ? R(0.0) : x, x > 0 ? R(1.0) : R(0.0) };
    const real t = r_tanh(x);
    return (Both){ t, r_fma(-t, t, R(1.0)) };
}

static void every_size_and_thread(void)
{
    static const size_t sizes[] = { 0, 1, 15, 511, 512, 513, 8192, 8193, 40000 };
    const int before = par_threads();
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            const size_t n = sizes[s], mark = tape_mark(tape);
            Tensor *x = tensor_new(tape, (Shape){ 1, { (int64_t)n } }, 1, "x");
            real *g = tape_raw(tape, n, "g"), *want = tape_raw(tape, 2 * n, "want"), *dy = tape_raw(tape, n, "dy");
            rng_normal(x->v, (RngAt){ 1, (uint32_t)s, 0, RNG_PROBE }, n);
            rng_normal(g, (RngAt){ 2, 0, 0, RNG_PROBE }, n);
            rng_normal(dy, (RngAt){ 3, 0, 0, RNG_PROBE }, n);
            for (size_t i = 0; i < n; i++) x->v[i] *= R(3.0);
            for (size_t i = 0; i < n; i++) {
                const Both b = stated(kind, x->v[i]);
                want[i] = b.y;
                want[n + i] = r_fma(dy[i], b.slope, g[i]);
            }
            par_threads_set(1 + (int)s % 4);
            memcpy(x->g, g, n * sizeof(real));
            Tensor *y = apply(x, kind);
            tape_seed(y, dy);
            tape_backward(tape);
            CHECK(same(y->v, want, n), "%s of %zu values", kinds[kind], n);
            CHECK(same(x->g, want + n, n), "gradient of %s of %zu values", kinds[kind], n);
            if (kind != TANH) act_values(x->v, x->v, n, (Act)kind);
            CHECK(kind == TANH || same(x->v, want, n), "%s of %zu values in place", kinds[kind], n);
            tape_rewind(tape, mark);
        }
    }
    par_threads_set(before);
}

static void geglu_is_a_times_gelu_b(void)
{
    static const int shapes[][2] = { { 1, 1 }, { 3, 5 }, { 2, 513 }, { 70, 600 }, { 0, 4 } };
    const int before = par_threads();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        const int rows = shapes[s][0], C = shapes[s][1];
        const size_t mark = tape_mark(tape), n = (size_t)(rows * C);
        Tensor *x = tensor_new(tape, (Shape){ 3, { 1, rows, 2 * C } }, 1, "x");
        real *dy = tape_raw(tape, n, "dy"), *g = tape_raw(tape, 2 * n, "g");
        rng_normal(x->v, (RngAt){ 1, 9, 0, RNG_PROBE }, x->n);
        rng_normal(dy, (RngAt){ 1, 8, 0, RNG_PROBE }, n);
        rng_normal(g, (RngAt){ 1, 7, 0, RNG_PROBE }, 2 * n);
        memcpy(x->g, g, 2 * n * sizeof(real));
        par_threads_set(1 + (int)s % 4);
        Tensor *y = op_geglu(tape, x, "y");
        CHECK(y->s.nd == 3 && y->s.d[1] == rows && y->s.d[2] == C, "shape");
        tape_seed(y, dy);
        tape_backward(tape);
        int wrong = 0;
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < C; c++) {
                const size_t i = (size_t)(r * C + c), at = (size_t)(2 * r * C + c), bt = at + (size_t)C;
                const Both gate = stated(ACT_GELU, x->v[bt]);
                const real a = x->v[at], value = a * gate.y, da = r_fma(dy[i], gate.y, g[at]), dya = dy[i] * a;
                const real db = r_fma(dya, gate.slope, g[bt]);
                wrong += !same(&y->v[i], &value, 1) || !same(&x->g[at], &da, 1) || !same(&x->g[bt], &db, 1);
            }
        }
        CHECK(wrong == 0, "%d of %d x %d", wrong, rows, C);
        tape_rewind(tape, mark);
    }
    par_threads_set(before);
}

/* ---- names and trouble ---- */

static void names(void)
{
    static const struct { const char *name; Act act; } known[] = {
        { "silu", ACT_SILU }, { "swish", ACT_SILU }, { "gelu", ACT_GELU }, { "gelu_new", ACT_GELU_TANH },
        { "gelu_pytorch_tanh", ACT_GELU_TANH }, { "quick_gelu", ACT_QUICK_GELU }, { "relu", ACT_RELU }, { "mish", ACT_MISH },
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        Act act = (Act)-1;
        CHECK(act_parse(&act, known[i].name) == 0 && act == known[i].act, "%s", known[i].name);
    }
    static const char *const unknown[] = { "", "SiLU", "gel", "geluu", "tanh" };
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        Act act = ACT_MISH;
        CHECK(act_parse(&act, unknown[i]) == -1 && act == ACT_MISH, "%s", unknown[i]);
    }
}

static void shapes_alone_and_nothing(void)
{
    CHECK(op_act(tape, NULL, ACT_GELU, "y") == NULL && op_tanh(tape, NULL, "y") == NULL && op_geglu(tape, NULL, "y") == NULL, "NULL");
    tape_shapes_only(tape, 1);
    Tensor *x = tensor_new(tape, (Shape){ 2, { 3, 8 } }, 1, "x");
    const Tensor *y = op_act(tape, x, ACT_SILU, "y"), *z = op_geglu(tape, x, "z");
    CHECK(y->v == NULL && shape_equal(y->s, x->s) && z->v == NULL && z->s.d[0] == 3 && z->s.d[1] == 4, "shapes");
    tape_shapes_only(tape, 0);
    tape_recording(tape, 0);
    Tensor *w = tensor_new(tape, (Shape){ 2, { 3, 8 } }, 1, "w");
    rng_normal(w->v, (RngAt){ 1, 1, 0, RNG_PROBE }, w->n);
    CHECK(op_act(tape, w, ACT_SILU, "y")->g == NULL && op_geglu(tape, w, "z")->g == NULL, "nothing is recorded");
    tape_recording(tape, 1);
}

static void memory_runs_out(void)
{
    Err told = { 0 };
    Tape *t = tape_new(&told);
    Tensor *x = tensor_new(t, (Shape){ 2, { 1024, 512 } }, 0, "x");
    memset(x->v, 0, x->n * sizeof(real));
    mem_fail_at(1);
    const Tensor *y = op_act(t, x, ACT_SILU, "big");
    mem_fail_at(0);
    CHECK(y == NULL && told.set && strstr(told.msg, "big") != NULL, "%s", told.msg);
    CHECK(op_geglu(t, x, "y") == NULL, "an operation after an error");
    tape_free(t);
}

static jmp_buf back;
static char bug_text[256];
static void catch_bug(const char *file, int line, const char *message)
{
    (void)file, (void)line;
    snprintf(bug_text, sizeof bug_text, "%s", message);
    longjmp(back, 1);
}

static void an_odd_side_is_a_bug(void)
{
    bug_handler_set(catch_bug);
    bug_text[0] = 0;
    if (setjmp(back) == 0) op_geglu(tape, tensor_new(tape, (Shape){ 2, { 4, 7 } }, 0, "odd"), "gate");
    CHECK(strstr(bug_text, "gate") != NULL && strstr(bug_text, "4x7") != NULL, "%s", bug_text);
    bug_handler_set(NULL);
}

int main(void)
{
    tape = tape_new(&err);
    TEST(values_and_slopes_of_the_table);
    TEST(ends_and_zeros);
    TEST(every_size_and_thread);
    TEST(geglu_is_a_times_gelu_b);
    TEST(names);
    TEST(shapes_alone_and_nothing);
    TEST(memory_runs_out);
    TEST(an_odd_side_is_a_bug);
    tape_free(tape);
    return test_end();
}
