/* t_attention.c -- attention in panels against its definition, bit for bit, forward and back; the definition against closed forms */
#include "tests/harness.h"

#include "tensor/attention.h"
#include "tensor/elem.h"
#include "tensor/par.h"
#include "tensor/rng.h"

#include <setjmp.h>

typedef struct { int B, Tq, Tk, heads, d, causal; } Case;

static Err err;
static Tape *tape;

static Tensor *input(Shape s, uint32_t view, real size, const char *name)
{
    Tensor *x = tensor_new(tape, s, 1, name);
    rng_normal(x->v, (RngAt){ 3, view, 0, RNG_PROBE }, x->n);
    for (size_t i = 0; i < x->n; i++) x->v[i] *= size;
    return x;
}

static real *copy(const real *x, size_t n)
{
    real *to = tape_raw(tape, n, "copy");
    memcpy(to, x, n * sizeof(real));
    return to;
}

static void same_bits(const real *a, const real *b, size_t n, const char *what, const Case *c, int threads)
{
    size_t differ = 0, first = 0;
    for (size_t i = n; i-- > 0;) {
        if (memcmp(a + i, b + i, sizeof(real)) == 0) continue;
        differ++;
        first = i;
    }
    CHECK(differ == 0, "%s of %dx(%d,%d) heads %d x %d causal %d, %d threads: %zu of %zu differ, %zu: %.17g %.17g", what, c->B,
          c->Tq, c->Tk, c->heads, c->d, c->causal, threads, differ, n, first, (double)a[first], (double)b[first]);
}

/* Gradients start from numbers, not from 0: the sums go on from there. `frozen` is a mask of inputs without one. */
static void compare(const Case *c, int threads, int frozen)
{
    const int C = c->heads * c->d;
    const size_t mark = tape_mark(tape);
    const Shape sq = { 3, { c->B, c->Tq, C } }, sk = { 3, { c->B, c->Tk, C } };
    const real scale = R(0.37);
    Tensor *x[3] = { input(sq, 0, R(1.0), "q"), input(sk, 1, R(1.0), "k"), input(sk, 2, R(1.0), "v") };
    real *g[3];
    for (int i = 0; i < 3; i++) {
        rng_normal(x[i]->g, (RngAt){ 4, (uint32_t)i, 0, RNG_PROBE }, x[i]->n);
        g[i] = frozen >> i & 1 ? NULL : copy(x[i]->g, x[i]->n);
        if (g[i] == NULL) x[i]->g = NULL;
    }
    par_threads_set(threads);
    Tensor *y = op_attention(tape, x[0], x[1], x[2], c->heads, scale, c->causal, "y");
    CHECK(!err.set && y != NULL, "%s", err.msg);
    if (y == NULL) return;
    real *plain = tape_raw(tape, y->n, "plain"), *work = tape_raw(tape, 2 * (size_t)c->Tk, "work");
    attention_plain(plain, x[0]->v, x[1]->v, x[2]->v, c->B, c->Tq, c->Tk, C, c->heads, scale, c->causal, work);
    same_bits(y->v, plain, y->n, "y", c, threads);
    if (frozen == 7) {
        CHECK(y->g == NULL, "a gradient nobody wants");
        tape_rewind(tape, mark);
        return;
    }
    real *dy = tape_raw(tape, y->n, "dy");
    rng_normal(dy, (RngAt){ 5, 0, 0, RNG_PROBE }, y->n);
    tape_seed(y, dy);
    CHECK_OK(tape_backward(tape), &err);
    attention_plain_pull(g[0], g[1], g[2], dy, x[0]->v, x[1]->v, x[2]->v, c->B, c->Tq, c->Tk, C, c->heads, scale, c->causal, work);
    static const char *const names[3] = { "dq", "dk", "dv" };
    for (int i = 0; i < 3; i++)
        if (g[i] != NULL) same_bits(x[i]->g, g[i], x[i]->n, names[i], c, threads);
    tape_rewind(tape, mark);
}

static void panels_equal_plain(void)
{
    static const Case cases[] = {
        { 1, 1, 1, 1, 3, 0 },    { 1, 1, 130, 2, 4, 0 },  { 2, 7, 77, 3, 3, 0 },    { 1, 65, 1, 1, 64, 0 },  { 1, 7, 7, 8, 4, 1 },
        { 2, 65, 65, 1, 40, 1 }, { 1, 130, 77, 2, 64, 0 }, { 1, 65, 130, 1, 160, 0 }, { 1, 33, 64, 2, 80, 0 }, { 3, 16, 16, 4, 8, 0 },
        { 2, 77, 77, 2, 13, 1 }, { 1, 32, 32, 1, 16, 0 },  { 1, 64, 130, 8, 5, 0 },   { 5, 1, 1, 3, 1, 1 },    { 1, 31, 257, 1, 9, 0 },
        { 2, 96, 48, 5, 7, 0 },
    };
    const int before = par_threads();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int threads = 1; threads <= 4; threads++) compare(&cases[i], threads, (int)(i + (size_t)threads) % 8);
    compare(&(Case){ 2, 77, 77, 2, 13, 1 }, 3, 0);
    compare(&(Case){ 1, 70, 77, 2, 24, 0 }, 2, 0);
    par_threads_set(before);
}

/* ---- closed forms ---- */

static Tensor *zeros(Shape s, const char *name)
{
    Tensor *x = tensor_new(tape, s, 0, name);
    memset(x->v, 0, x->n * sizeof(real));
    return x;
}

/* Scores all 0: e = 1, Z = the number of keys, and sums of small integers are exact. */
static void equal_scores_give_the_mean(void)
{
    enum { T = 37, HEADS = 2, D = 3, C = HEADS * D };
    for (int causal = 0; causal < 2; causal++) {
        const size_t mark = tape_mark(tape);
        const Shape s = { 3, { 2, T, C } };
        Tensor *q = zeros(s, "q"), *k = zeros(s, "k"), *v = zeros(s, "v");
        for (size_t i = 0; i < v->n; i++) v->v[i] = (real)((int)(i * i % 41) - 20);
        const Tensor *y = op_attention(tape, q, k, v, HEADS, R(1.0), causal, "y");
        int wrong = 0;
        for (int b = 0; b < 2; b++)
            for (int i = 0; i < T; i++)
                for (int c = 0; c < C; c++) {
                    const int keys = causal ? i + 1 : T;
                    int sum = 0;
                    for (int j = 0; j < keys; j++) sum += (int)v->v[(b * T + j) * C + c];
                    wrong += y->v[(b * T + i) * C + c] != (real)sum / (real)keys;
                }
        CHECK(wrong == 0, "%d wrong, causal %d", wrong, causal);
        tape_rewind(tape, mark);
    }
}

/* One key is ahead by 800: all others have e = 0, in binary64 too, and that key's value comes through unchanged. */
static void one_key_wins(void)
{
    enum { T = 50, C = 4 };
    const size_t mark = tape_mark(tape);
    const Shape s = { 3, { 1, T, C } };
    Tensor *q = zeros(s, "q"), *k = zeros(s, "k"), *v = input(s, 1, R(1.0), "v");
    int wrong = 0;
    for (int i = 0; i < T; i++) q->v[i * C + 2] = R(20.0);
    k->v[31 * C + 2] = R(400.0);
    const Tensor *y = op_attention(tape, q, k, v, 1, R(0.1), 0, "y");
    for (int i = 0; i < T * C; i++) wrong += y->v[i] != v->v[31 * C + i % C];
    CHECK(wrong == 0, "%d wrong", wrong);
    tape_rewind(tape, mark);
}

/* Two keys, values 1 and 0: sigmoid(s0 - s1). The difference of scores is exact here; e, Z and the quotient round once each. */
static void two_keys_are_a_sigmoid(void)
{
    enum { T = 61 };
    const size_t mark = tape_mark(tape);
    const Shape sk = { 3, { 1, 2, 1 } };
    Tensor *q = zeros((Shape){ 3, { 1, T, 1 } }, "q"), *k = zeros(sk, "k"), *v = zeros(sk, "v");
    for (int i = 0; i < T; i++) q->v[i] = R(0.5) * (real)(i - 30);
    k->v[0] = R(1.0);
    k->v[1] = R(-0.5);
    v->v[0] = R(1.0);
    const Tensor *y = op_attention(tape, q, k, v, 1, R(0.5), 0, "y");
    for (int i = 0; i < T; i++) {
        const double right = d_sigmoid(0.75 * (double)q->v[i]);
        CHECK_LE(fabs((double)y->v[i] - right), 2 * (double)REAL_EPS * right, "query %d", i);
    }
    tape_rewind(tape, mark);
}

/* Softmax attention as a textbook has it, in long double. With every score off by at most D, each weight errs by 2 D of itself; sums
 * of Tk terms add Tk eps, exp and the quotient less than 4 eps. D = (d + 2) eps/2 scale max_j sum |q k| + the rounding of s - m. */
static void near_the_textbook(void)
{
    enum { TQ = 40, TK = 77, HEADS = 2, D = 19, C = HEADS * D };
    const size_t mark = tape_mark(tape);
    const real scale = R(0.25);
    Tensor *q = input((Shape){ 3, { 1, TQ, C } }, 0, R(1.0), "q"), *k = input((Shape){ 3, { 1, TK, C } }, 1, R(1.0), "k");
    Tensor *v = input((Shape){ 3, { 1, TK, C } }, 2, R(1.0), "v");
    const Tensor *y = op_attention(tape, q, k, v, HEADS, scale, 0, "y");
    for (int h = 0; h < HEADS; h++)
        for (int i = 0; i < TQ; i++) {
            long double e[TK], Z = 0, out[D] = { 0 };
            double most = 0, top = 0;
            for (int j = 0; j < TK; j++) {
                long double dot = 0, size = 0;
                for (int c = h * D; c < h * D + D; c++) {
                    const long double term = (long double)q->v[i * C + c] * (long double)k->v[j * C + c];
                    dot += term;
                    size += fabsl(term);
                }
                e[j] = expl((long double)scale * dot);
                Z += e[j];
                most = fmax(most, (double)size);
                for (int c = 0; c < D; c++) out[c] += e[j] * (long double)v->v[j * C + h * D + c];
            }
            for (int j = 0; j < TK; j++)
                for (int c = 0; c < D; c++) top = fmax(top, fabs((double)v->v[j * C + h * D + c]));
            const double eps = (double)REAL_EPS, off = (D + 4) * eps / 2 * (double)scale * most;
            for (int c = 0; c < D; c++) {
                const double error = fabs((double)((long double)y->v[i * C + h * D + c] - out[c] / Z));
                CHECK_LE(error, (2 * off + (TK + 4) * eps) * top, "head %d query %d column %d", h, i, c);
            }
        }
    tape_rewind(tape, mark);
}

/* ---- invariances, exact: queries, batches and heads know nothing of each other ---- */

static void queries_and_heads_are_independent(void)
{
    enum { B = 2, TQ = 45, TK = 30, HEADS = 3, D = 5, C = HEADS * D };
    const size_t mark = tape_mark(tape);
    Tensor *q = input((Shape){ 3, { B, TQ, C } }, 0, R(1.0), "q"), *k = input((Shape){ 3, { B, TK, C } }, 1, R(1.0), "k");
    Tensor *v = input((Shape){ 3, { B, TK, C } }, 2, R(1.0), "v");
    const Tensor *all = op_attention(tape, q, k, v, HEADS, R(0.5), 0, "all");
    for (int part = 0; part < B * HEADS * 2; part++) {      /* one query, of one head of one image, alone */
        const int b = part % B, h = part / B % HEADS, i = part * 37 % TQ;
        const Shape sk = { 3, { 1, TK, D } };
        Tensor *q1 = zeros((Shape){ 3, { 1, 1, D } }, "q1"), *k1 = zeros(sk, "k1"), *v1 = zeros(sk, "v1");
        memcpy(q1->v, q->v + (b * TQ + i) * C + h * D, D * sizeof(real));
        for (int j = 0; j < TK; j++) {
            memcpy(k1->v + j * D, k->v + (b * TK + j) * C + h * D, D * sizeof(real));
            memcpy(v1->v + j * D, v->v + (b * TK + j) * C + h * D, D * sizeof(real));
        }
        const Tensor *one = op_attention(tape, q1, k1, v1, 1, R(0.5), 0, "one");
        CHECK(memcmp(one->v, all->v + (b * TQ + i) * C + h * D, D * sizeof(real)) == 0, "image %d head %d query %d", b, h, i);
    }
    tape_rewind(tape, mark);
}

/* What comes later does not matter to a causal row, whatever it is. */
static void the_future_does_not_matter(void)
{
    enum { T = 40, C = 6 };
    const size_t mark = tape_mark(tape);
    const Shape s = { 3, { 1, T, C } };
    Tensor *q = input(s, 0, R(1.0), "q"), *k = input(s, 1, R(1.0), "k"), *v = input(s, 2, R(1.0), "v");
    const Tensor *y = op_attention(tape, q, k, v, 2, R(1.0), 1, "y");
    for (int i = 21 * C; i < T * C; i++) {
        k->v[i] = R(100.0) * v->v[i];
        v->v[i] = R(-7.0);
    }
    const Tensor *z = op_attention(tape, q, k, v, 2, R(1.0), 1, "z");
    CHECK(memcmp(y->v, z->v, 21 * C * sizeof(real)) == 0, "rows 0 .. 20");
    CHECK(memcmp(y->v + 21 * C, z->v + 21 * C, C * sizeof(real)) != 0, "row 21");
    tape_rewind(tape, mark);
}

static void what_is_not_finite_stays(void)
{
    enum { T = 40, C = 6 };
    const size_t mark = tape_mark(tape);
    const Shape s = { 3, { 1, T, C } };
    Tensor *q = input(s, 0, R(1.0), "q"), *k = input(s, 1, R(1.0), "k"), *v = input(s, 2, R(1.0), "v");
    q->v[17 * C + 4] = (real)NAN;
    const Tensor *y = op_attention(tape, q, k, v, 2, R(1.0), 0, "y");
    for (int i = 0; i < T; i++)
        for (int c = 0; c < C; c++) CHECK(!isfinite(y->v[i * C + c]) == (i == 17 && c >= 3), "row %d column %d", i, c);
    k->v[5 * C] = (real)NAN;
    const Tensor *z = op_attention(tape, q, k, v, 2, R(1.0), 0, "z");
    for (int i = 0; i < T; i++)
        for (int c = 0; c < C; c++) CHECK(!isfinite(z->v[i * C + c]) == (c < 3 || i == 17), "row %d column %d", i, c);
    tape_rewind(tape, mark);
}

/* ---- memory and trouble ---- */

/* All scores at once would be 16 MB (32 in binary64) a head. */
static void scores_are_never_held_at_once(void)
{
    enum { T = 2048, HEADS = 2, C = 4 };
    Err told = { 0 };
    Tape *t = tape_new(&told);
    const Shape s = { 3, { 1, T, C } };
    Tensor *x[3];
    for (int i = 0; i < 3; i++) {
        x[i] = tensor_new(t, s, 1, "x");
        rng_normal(x[i]->v, (RngAt){ 3, (uint32_t)i, 0, RNG_PROBE }, x[i]->n);
    }
    const int before = par_threads();
    par_threads_set(2);
    Tensor *y = op_attention(t, x[0], x[1], x[2], HEADS, R(1.0), 0, "y");
    CHECK_LE(tape_peak(t), 3u << 20, "bytes, forward");
    tape_seed(y, x[0]->v);
    CHECK_OK(tape_backward(t), &told);
    CHECK_LE(tape_peak(t), 6u << 20, "bytes, backward");
    par_threads_set(before);
    tape_free(t);
}

static void memory_runs_out(void)
{
    int failed = 0, worked = 0;
    for (int at = 1; at < 20 && !worked; at++) {
        Err told = { 0 };
        Tape *t = tape_new(&told);
        Tensor *x[3];
        for (int i = 0; i < 3; i++) x[i] = tensor_new(t, (Shape){ 3, { 1, 600, 64 } }, 1, "x");
        for (int i = 0; i < 3; i++) rng_normal(x[i]->v, (RngAt){ 3, (uint32_t)i, 0, RNG_PROBE }, x[i]->n);
        mem_fail_at(at);
        Tensor *y = op_attention(t, x[0], x[1], x[2], 2, R(0.1), 0, "pay attention");
        CHECK((y == NULL) == told.set, "%s", told.msg);
        if (y != NULL) tape_seed(y, x[0]->v);
        if (y != NULL) tape_backward(t);
        mem_fail_at(0);
        if (told.set) failed++;
        else worked = 1;
        CHECK(!told.set || strstr(told.msg, "pay attention") != NULL, "%s", told.msg);
        tape_free(t);
    }
    CHECK(failed > 0 && worked, "%d", failed);
}

static void shapes_alone_and_nothing(void)
{
    const size_t mark = tape_mark(tape);
    Tensor *x = zeros((Shape){ 3, { 1, 2, 4 } }, "x");
    CHECK(op_attention(tape, NULL, x, x, 1, R(1.0), 0, "y") == NULL, "no q");
    CHECK(op_attention(tape, x, NULL, x, 1, R(1.0), 0, "y") == NULL, "no k");
    CHECK(op_attention(tape, x, x, NULL, 1, R(1.0), 0, "y") == NULL, "no v");
    tape_shapes_only(tape, 1);
    Tensor *q = tensor_new(tape, (Shape){ 3, { 2, 9, 8 } }, 1, "q"), *k = tensor_new(tape, (Shape){ 3, { 2, 5, 8 } }, 1, "k");
    const Tensor *y = op_attention(tape, q, k, k, 4, R(1.0), 0, "y");
    CHECK(y->v == NULL && shape_equal(y->s, q->s), "shapes");
    tape_shapes_only(tape, 0);
    tape_rewind(tape, mark);
}

static jmp_buf back;
static char bug_text[256];
static void catch_bug(const char *file, int line, const char *message)
{
    (void)file, (void)line;
    snprintf(bug_text, sizeof bug_text, "%s", message);
    longjmp(back, 1);
}

static void expect_bug(Tensor *q, Tensor *k, Tensor *v, int heads, int causal, const char *words)
{
    bug_handler_set(catch_bug);
    bug_text[0] = 0;
    if (setjmp(back) == 0) op_attention(tape, q, k, v, heads, R(1.0), causal, "att");
    bug_handler_set(NULL);
    CHECK(strstr(bug_text, "att") != NULL && strstr(bug_text, words) != NULL, "'%s' does not say '%s'", bug_text, words);
}

static void wrong_shapes_are_bugs(void)
{
    const size_t mark = tape_mark(tape);
    Tensor *q = zeros((Shape){ 3, { 2, 9, 8 } }, "q"), *k = zeros((Shape){ 3, { 2, 5, 8 } }, "k");
    Tensor *k6 = zeros((Shape){ 3, { 2, 5, 6 } }, "k6"), *k1 = zeros((Shape){ 3, { 1, 5, 8 } }, "k1");
    Tensor *flat = zeros((Shape){ 2, { 9, 8 } }, "flat"), *g = input(q->s, 0, R(1.0), "g");
    expect_bug(q, k6, k6, 2, 0, "2x5x6");
    expect_bug(q, k1, k1, 2, 0, "1x5x8");
    expect_bug(q, k, q, 2, 0, "v is 2x9x8");
    expect_bug(flat, k, k, 2, 0, "q is 9x8");
    expect_bug(q, k, k, 3, 0, "3 heads");
    expect_bug(q, k, k, 0, 0, "0 heads");
    expect_bug(q, k, k, 2, 1, "k is 2x5x8");
    expect_bug(g, g, q, 2, 0, "one tensor");
    tape_rewind(tape, mark);
}

int main(void)
{
    tape = tape_new(&err);
    TEST(panels_equal_plain);
    TEST(equal_scores_give_the_mean);
    TEST(one_key_wins);
    TEST(two_keys_are_a_sigmoid);
    TEST(near_the_textbook);
    TEST(queries_and_heads_are_independent);
    TEST(the_future_does_not_matter);
    TEST(what_is_not_finite_stays);
    TEST(scores_are_never_held_at_once);
    TEST(memory_runs_out);
    TEST(shapes_alone_and_nothing);
    TEST(wrong_shapes_are_bugs);
    tape_free(tape);
    return test_end();
}
