/* t64_attention_grad.c -- gradients in binary64: attention (q, k and v together), every activation, geglu, tanh */
#include "tensor/act.h"
#include "tensor/attention.h"
#include "tests/gradcheck.h"

static Err err;
static Tape *tape;

/* ---- attention: the input of the check is q, then k, then v ---- */

typedef struct { int B, Tq, Tk, heads, d, causal; } Case;

static size_t count_q(const Case *c) { return (size_t)(c->B * c->Tq * c->heads * c->d); }
static size_t count_k(const Case *c) { return (size_t)(c->B * c->Tk * c->heads * c->d); }

static Tensor *attend(const Case *c, real *x, real *dx)
{
    const Shape sq = { 3, { c->B, c->Tq, c->heads * c->d } }, sk = { 3, { c->B, c->Tk, c->heads * c->d } };
    const size_t at_k = count_q(c), at_v = at_k + count_k(c);
    Tensor *q = tensor_view(tape, sq, x, dx, "q");
    Tensor *k = tensor_view(tape, sk, x + at_k, dx == NULL ? NULL : dx + at_k, "k");
    Tensor *v = tensor_view(tape, sk, x + at_v, dx == NULL ? NULL : dx + at_v, "v");
    return op_attention(tape, q, k, v, c->heads, R(0.6), c->causal, "y");
}

static real *copy(const real *x, size_t n)
{
    real *to = tape_raw(tape, n, "copy");
    memcpy(to, x, n * sizeof(real));
    return to;
}

static void attention_forward(void *self, real *y, const real *x)
{
    const Case *c = self;
    const size_t mark = tape_mark(tape);
    const Tensor *out = attend(c, copy(x, count_q(c) + 2 * count_k(c)), NULL);
    memcpy(y, out->v, out->n * sizeof(real));
    tape_rewind(tape, mark);
}
static void attention_back(void *self, real *dx, const real *dy, const real *x)
{
    const Case *c = self;
    const size_t mark = tape_mark(tape);
    tape_seed(attend(c, copy(x, count_q(c) + 2 * count_k(c)), dx), dy);
    tape_backward(tape);
    tape_rewind(tape, mark);
}

static void attention(void)
{
    Case cases[] = { { 2, 5, 3, 2, 3, 0 }, { 1, 19, 21, 1, 10, 0 }, { 1, 18, 18, 3, 4, 1 }, { 1, 1, 7, 1, 2, 0 }, { 3, 4, 33, 1, 8, 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Case *c = &cases[i];
        char name[64];
        const size_t mark = tape_mark(tape), n = count_q(c) + 2 * count_k(c);
        real *x = tape_raw(tape, n, "x");
        rng_normal(x, (RngAt){ 31, (uint32_t)i, 0, RNG_INIT }, n);
        snprintf(name, sizeof name, "attention %dx(%d,%d), %d heads x %d%s", c->B, c->Tq, c->Tk, c->heads, c->d, c->causal ? ", causal" : "");
        const GradCheck g = { name, n, count_q(c), attention_forward, attention_back, c, 0 };
        gradcheck(&g, x);
        tape_rewind(tape, mark);
    }
    CHECK(!err.set, "%s", err.msg);
}

/* ---- activations ---- */

enum { N = 46, TANH = ACT_MISH + 1, GEGLU, KINDS };
static const char *const kinds[KINDS] = { "silu", "gelu", "gelu_tanh", "quick_gelu", "relu", "mish", "tanh", "geglu" };

static Tensor *act(int kind, real *x, real *dx)
{
    Tensor *in = tensor_view(tape, (Shape){ 2, { 1, N } }, x, dx, "x");
    if (kind == TANH) return op_tanh(tape, in, "y");
    return kind == GEGLU ? op_geglu(tape, in, "y") : op_act(tape, in, (Act)kind, "y");
}
static void act_forward(void *self, real *y, const real *x)
{
    const size_t mark = tape_mark(tape);
    const Tensor *out = act(*(const int *)self, copy(x, N), NULL);
    memcpy(y, out->v, out->n * sizeof(real));
    tape_rewind(tape, mark);
}
static void act_back(void *self, real *dx, const real *dy, const real *x)
{
    const size_t mark = tape_mark(tape);
    tape_seed(act(*(const int *)self, copy(x, N), dx), dy);
    tape_backward(tape);
    tape_rewind(tape, mark);
}

/* h is 1e-3 and a direction's element below 6, so 0.02 is far enough from the kink of relu. */
static void activations(void)
{
    real x[N];
    rng_normal(x, (RngAt){ 32, 0, 0, RNG_INIT }, N);
    for (int i = 0; i < N; i++) x[i] += x[i] < 0 ? R(-0.02) : R(0.02);
    for (int kind = 0; kind < KINDS; kind++) {
        const GradCheck g = { kinds[kind], N, kind == GEGLU ? N / 2 : N, act_forward, act_back, &kind, 0 };
        gradcheck(&g, x);
    }
    CHECK(!err.set, "%s", err.msg);
}

int main(void)
{
    tape = tape_new(&err);
    TEST(attention);
    TEST(activations);
    tape_free(tape);
    return test_end();
}
