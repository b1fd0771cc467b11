/* act.c -- activations: values and slopes, in blocks that compilers turn into vectors
 *
 * Each line is the definition, operation by operation; a product inside a sum is fused only where fma is written.
 *     silu        s = sigmoid(x)                          y = x s            slope = fma(x s, 1 - s, s)
 *     quick_gelu  z = 1.702 x, s = sigmoid(z)             y = x s            slope = fma(z s, 1 - s, s)
 *     gelu        c = 1 + erf(x sqrt(1/2))                y = (x/2) c        slope = fma(x sqrt(1/2pi), exp(-(x/2) x), c/2)
 *     gelu_tanh   u = b fma(a x, x x, x), t = tanh(u)     y = (x/2) (1 + t)
 *                 a = 0.044715, b = sqrt(2/pi)            slope = fma((x/2) (b fma(3a x, x, 1)), fma(-t, t, 1), (1 + t)/2)
 *     mish        t = tanh(softplus(x))                   y = x t            slope = fma(x sigmoid(x), fma(-t, t, 1), t)
 *     relu        y = 0 if x < 0, else x (NaN and -0 stay)                   slope = 1 if x > 0, else 0
 *     tanh        y = tanh(x)                                                slope = fma(-y, y, 1)
 * geglu: y = a gelu(b). Backward: dx = fma(dy, slope, dx); geglu: da = fma(dy, gelu(b), da), db = fma(dy a, slope(b), db).
 */
#include "tensor/act.h"

#include "tensor/elem.h"
#include "tensor/loop.h"

#include <string.h>

static real silu(real x) { return x * r_sigmoid(x); }
static real silu_slope(real x)
{
    const real s = r_sigmoid(x);
    return r_fma(x * s, R(1.0) - s, s);
}

static real quick_gelu(real x) { return x * r_sigmoid(R(1.702) * x); }
static real quick_gelu_slope(real x)
{
    const real z = R(1.702) * x, s = r_sigmoid(z);
    return r_fma(z * s, R(1.0) - s, s);
}

#define SQRT_HALF R(0.70710678118654752440084436210484904)

static real gelu(real x) { return R(0.5) * x * (R(1.0) + r_erf(x * SQRT_HALF)); }
static real gelu_slope(real x)
{
    const real c = R(1.0) + r_erf(x * SQRT_HALF), e = r_exp(R(-0.5) * x * x);
    return r_fma(x * R(0.39894228040143267793994605993438187), e, R(0.5) * c);
}

#define TANH_A R(0.044715)
#define TANH_B R(0.79788456080286535587989211986876373)

static real gelu_tanh(real x) { return R(0.5) * x * (R(1.0) + r_tanh(TANH_B * r_fma(TANH_A * x, x * x, x))); }
static real gelu_tanh_slope(real x)
{
    const real t = r_tanh(TANH_B * r_fma(TANH_A * x, x * x, x)), du = TANH_B * r_fma(R(3.0) * TANH_A * x, x, R(1.0));
    return r_fma(R(0.5) * x * du, r_fma(-t, t, R(1.0)), R(0.5) * (R(1.0) + t));
}

static real relu(real x) { return x < R(0.0) ? R(0.0) : x; }
static real relu_slope(real x) { return x > R(0.0) ? R(1.0) : R(0.0); }

static real tanh_value(real x) { return r_tanh(x); }
static real tanh_slope(real x)
{
    const real y = r_tanh(x);
    return r_fma(-y, y, R(1.0));
}

/* ---- the same over blocks ---- */

enum { BLOCK = 512, WORK = 4 };                         /* WORK: an activation costs as much as so many plain values */
typedef void Block(real *restrict y, const real *restrict x, size_t n);      /* n <= BLOCK */
#define OVER_BLOCK(f) \
    static void f##_block(real *restrict y, const real *restrict x, size_t n) { for (size_t i = 0; i < n; i++) y[i] = f(x[i]); }
OVER_BLOCK(silu)
OVER_BLOCK(silu_slope)
OVER_BLOCK(gelu)
OVER_BLOCK(gelu_slope)
OVER_BLOCK(gelu_tanh)
OVER_BLOCK(gelu_tanh_slope)
OVER_BLOCK(quick_gelu)
OVER_BLOCK(quick_gelu_slope)
OVER_BLOCK(relu)
OVER_BLOCK(relu_slope)
OVER_BLOCK(tanh_value)
OVER_BLOCK(tanh_slope)

/* In loops that compilers still inline. */
static void mish_tanh(real *restrict t, const real *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++) t[i] = r_softplus(x[i]);
    for (size_t i = 0; i < n; i++) t[i] = r_tanh(t[i]);
}
static void mish_block(real *restrict y, const real *restrict x, size_t n)
{
    mish_tanh(y, x, n);
    for (size_t i = 0; i < n; i++) y[i] = x[i] * y[i];
}
static void mish_slope_block(real *restrict y, const real *restrict x, size_t n)
{
    mish_tanh(y, x, n);
    for (size_t i = 0; i < n; i++) y[i] = r_fma(x[i] * r_sigmoid(x[i]), r_fma(-y[i], y[i], R(1.0)), y[i]);
}

typedef struct { Block *value, *slope; } Blocks;
static const Blocks acts[] = {
    [ACT_SILU]       = { silu_block, silu_slope_block },
    [ACT_GELU]       = { gelu_block, gelu_slope_block },
    [ACT_GELU_TANH]  = { gelu_tanh_block, gelu_tanh_slope_block },
    [ACT_QUICK_GELU] = { quick_gelu_block, quick_gelu_slope_block },
    [ACT_RELU]       = { relu_block, relu_slope_block },
    [ACT_MISH]       = { mish_block, mish_slope_block },
};
static const Blocks tanh_blocks = { tanh_value_block, tanh_slope_block };

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

typedef struct { real *to; const real *x, *dy; size_t n; Block *f; } Job;

static void value_piece(const void *job, size_t piece)
{
    const Job *k = job;
    const size_t end = loop_end(piece * LOOP_CHUNK, k->n);
    for (size_t i = piece * LOOP_CHUNK; i < end; i += BLOCK) {
        const size_t some = smaller(BLOCK, end - i);
        real in[BLOCK];
        memcpy(in, k->x + i, some * sizeof(real));      /* x may be y */
        k->f(k->to + i, in, some);
    }
}

static void pull_piece(const void *job, size_t piece)
{
    const Job *k = job;
    const size_t end = loop_end(piece * LOOP_CHUNK, k->n);
    for (size_t i = piece * LOOP_CHUNK; i < end; i += BLOCK) {
        const size_t some = smaller(BLOCK, end - i);
        real slope[BLOCK], *dx = k->to + i;
        const real *dy = k->dy + i;
        k->f(slope, k->x + i, some);
        for (size_t j = 0; j < some; j++) dx[j] = r_fma(dy[j], slope[j], dx[j]);
    }
}

static void values(real *y, const real *x, size_t n, Block *f)
{
    const Job job = { y, x, NULL, n, f };
    loop_run(value_piece, &job, loop_chunks(n), WORK * n);
}

void act_values(real *y, const real *x, size_t n, Act act) { values(y, x, n, acts[act].value); }

/* ---- operations ---- */

typedef struct { Tensor *x; Block *slope; } ActSaved;

static void act_pull(const void *saved, const Tensor *y)
{
    const ActSaved *s = saved;
    const Job job = { s->x->g, s->x->v, y->g, y->n, s->slope };
    loop_run(pull_piece, &job, loop_chunks(y->n), WORK * y->n);
}

static Tensor *run(Tape *t, Tensor *x, Blocks f, const char *op, const char *name)
{
    if (x == NULL) return NULL;
    const Tensor *const inputs[] = { x };
    const int wants = tape_wants(t, inputs, 1);
    Tensor *y = tensor_new(t, x->s, wants, name);
    if (y == NULL || y->v == NULL) return y;
    values(y->v, x->v, y->n, f.value);
    tape_record(t, op, act_pull, &(ActSaved){ x, f.slope }, sizeof(ActSaved), y);
    return y;
}

Tensor *op_act(Tape *t, Tensor *x, Act act, const char *name) { return run(t, x, acts[act], "act", name); }
Tensor *op_tanh(Tape *t, Tensor *x, const char *name) { return run(t, x, tanh_blocks, "tanh", name); }

/* One row each: x = (a, b), both C long. */
typedef struct { real *y; const real *x; size_t C; } GegluJob;
typedef struct { Tensor *x; } GegluSaved;
typedef struct { real *dx; const real *dy, *x; size_t C; } GegluPull;

static void geglu_row(const void *job, size_t row)
{
    const GegluJob *k = job;
    real *y = k->y + row * k->C, gate[BLOCK];
    const real *a = k->x + 2 * row * k->C, *b = a + k->C;
    for (size_t c = 0; c < k->C; c += BLOCK) {
        const size_t some = smaller(BLOCK, k->C - c);
        gelu_block(gate, b + c, some);
        for (size_t j = 0; j < some; j++) y[c + j] = a[c + j] * gate[j];
    }
}

static void geglu_pull_row(const void *job, size_t row)
{
    const GegluPull *k = job;
    real gate[BLOCK], slope[BLOCK];
    for (size_t c = 0; c < k->C; c += BLOCK) {
        const size_t some = smaller(BLOCK, k->C - c);
        const real *a = k->x + 2 * row * k->C + c, *b = a + k->C, *dy = k->dy + row * k->C + c;
        real *da = k->dx + 2 * row * k->C + c, *db = da + k->C;
        for (size_t j = 0; j < some; j++) {             /* one loop: they share erf */
            gate[j] = gelu(b[j]);
            slope[j] = gelu_slope(b[j]);
        }
        for (size_t j = 0; j < some; j++) da[j] = r_fma(dy[j], gate[j], da[j]);
        for (size_t j = 0; j < some; j++) db[j] = r_fma(dy[j] * a[j], slope[j], db[j]);
    }
}

static void geglu_pull(const void *saved, const Tensor *y)
{
    const Tensor *x = ((const GegluSaved *)saved)->x;
    const size_t C = (size_t)y->s.d[y->s.nd - 1];
    const GegluPull job = { x->g, y->g, x->v, C };
    if (y->n > 0) loop_run(geglu_pull_row, &job, y->n / C, WORK * y->n);
}

Tensor *op_geglu(Tape *t, Tensor *x, const char *name)
{
    if (x == NULL) return NULL;
    char shape[64];
    BUG_IF(x->s.nd < 1 || x->s.d[x->s.nd - 1] % 2 != 0, "%s: %s is %s, expected an even last side", name, x->name,
           shape_text(shape, sizeof shape, x->s));
    Shape half = x->s;
    half.d[half.nd - 1] /= 2;
    const Tensor *const inputs[] = { x };
    const int wants = tape_wants(t, inputs, 1);
    Tensor *y = tensor_new(t, half, wants, name);
    if (y == NULL || y->v == NULL) return y;
    const size_t C = (size_t)half.d[half.nd - 1];
    const GegluJob job = { y->v, x->v, C };
    if (y->n > 0) loop_run(geglu_row, &job, y->n / C, WORK * y->n);
    tape_record(t, "geglu", geglu_pull, &(GegluSaved){ x }, sizeof(GegluSaved), y);
    return y;
}

int act_parse(Act *out, const char *name)
{
    static const struct { const char *name; Act act; } names[] = {
        { "silu", ACT_SILU }, { "swish", ACT_SILU }, { "gelu", ACT_GELU }, { "gelu_new", ACT_GELU_TANH },
        { "gelu_pytorch_tanh", ACT_GELU_TANH }, { "quick_gelu", ACT_QUICK_GELU }, { "relu", ACT_RELU }, { "mish", ACT_MISH },
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i].name) != 0) continue;
        *out = names[i].act;
        return 0;
    }
    return -1;
}
