/* t_linear.c -- linear layers: the fast forms against the loops of linear.h, bit for bit; known answers */
#include "tests/weight_make.h"

#include "tensor/linear.h"
#include "tensor/par.h"

static uint32_t state = 1;
static int draw(int low, int high)
{
    state = state * 1664525u + 1013904223u;
    return low + (int)((state >> 8) % (uint32_t)(high - low + 1));
}

static void same_bits(const char *what, const real *a, const real *b, size_t n, int rows, int in, int out)
{
    CHECK(memcmp(a, b, n * sizeof(real)) == 0, "%s: %d rows, %d -> %d", what, rows, in, out);
}

/* The gradients as linear.h states them. */
static void pull_plain(real *dx, real *dw, real *db, const real *dy, const real *x, const real *w, int rows, int in, int out)
{
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < in; i++)
            for (int o = 0; o < out; o++) dx[r * in + i] = r_fma(dy[r * out + o], w[o * in + i], dx[r * in + i]);
    for (int o = 0; o < out; o++)
        for (int i = 0; i < in; i++)
            for (int r = 0; r < rows; r++) dw[o * in + i] = r_fma(dy[r * out + o], x[r * in + i], dw[o * in + i]);
    for (int o = 0; o < out && db != NULL; o++)
        for (int r = 0; r < rows; r++) db[o] += dy[r * out + o];
}

static real *normal(Tape *t, size_t n, uint64_t seed, uint32_t view)
{
    real *x = tape_real(t, n, "normal");
    rng_normal(x, (RngAt){ seed, view, 0, RNG_PROBE }, n);
    return x;
}

static real *copy(Tape *t, const real *from, size_t n)
{
    real *to = tape_real(t, n, "copy");
    memcpy(to, from, n * sizeof(real));
    return to;
}

/* One layer there and back; x has `groups` as first side when that divides its rows, w four sides now and then. */
static void compare(int groups, int rows, int in, int out, Store store, int with_bias, int threads, uint64_t seed)
{
    Err err = { 0 };
    Tape *t = tape_new(&err);
    MadeWeight w, b;
    weight_make(&w, seed % 2 ? (Shape){ 2, { out, in } } : (Shape){ 4, { out, in, 1, 1 } }, store, 1, seed);
    weight_make(&b, (Shape){ 1, { out } }, store, 1, seed + 1);
    const size_t nx = (size_t)rows * (size_t)in, ny = (size_t)rows * (size_t)out;
    real *xv = normal(t, nx, seed, 2), *xg = normal(t, nx, seed, 3), *dy = normal(t, ny, seed, 4), *expected = tape_real(t, ny, "y");
    real *dx = copy(t, xg, nx), *dw = copy(t, w.w.g, w.w.n), *db = copy(t, b.w.g, b.w.n);
    const Shape flat = { 2, { rows, in } }, grouped = { 3, { groups, rows / groups, in } };
    Tensor *x = tensor_view(t, rows % groups == 0 ? grouped : flat, xv, xg, "x");
    par_threads_set(threads);
    Tensor *y = op_linear(t, x, &w.w, with_bias ? &b.w : NULL, "y");
    CHECK(y != NULL && y->n == ny && y->s.nd == x->s.nd && y->s.d[y->s.nd - 1] == out && y->s.d[0] == x->s.d[0], "%s", err.msg);
    if (y == NULL) return;
    linear_plain(expected, xv, w.value, with_bias ? b.value : NULL, rows, in, out);
    same_bits("y", y->v, expected, ny, rows, in, out);
    tape_seed(y, dy);
    CHECK(tape_backward(t) == 0, "%s", err.msg);
    par_threads_set(1);
    pull_plain(dx, dw, with_bias ? db : NULL, dy, xv, w.value, rows, in, out);
    same_bits("dx", xg, dx, nx, rows, in, out);
    same_bits("dw", w.w.g, dw, w.w.n, rows, in, out);
    same_bits("db", b.w.g, db, b.w.n, rows, in, out);
    CHECK(!err.set, "%s", err.msg);
    weight_drop(&w);
    weight_drop(&b);
    tape_free(t);
}

static void fast_equals_plain(void)
{
    for (int k = 0; k < 200; k++) {
        const int most = k % 10 == 0 ? 130 : 40;
        const int groups = draw(1, 3), rows = draw(1, most), in = draw(1, most), out = draw(1, most);
        const int store = draw(0, STORES - 1), with_bias = draw(0, 3) > 0, threads = draw(1, 4);
        compare(groups, rows, in, out, (Store)store, with_bias, threads, (uint64_t)k + 1);
    }
}

/* One row; more outputs and more inputs than a block holds; two threads by rows and by columns. */
static void shapes_of_networks(void)
{
    static const int shape[][3] = { { 1, 500, 700 }, { 2, 320, 1100 }, { 77, 400, 96 }, { 600, 20, 90 }, { 33, 1000, 33 },
                                    { 64, 128, 128 }, { 1, 1, 1 } };
    for (int k = 0; k < (int)(sizeof shape / sizeof shape[0]); k++)
        for (int threads = 1; threads <= 2; threads++)
            compare(1, shape[k][0], shape[k][1], shape[k][2], (Store)(k % STORES), k != 2, threads, 1000 + (uint64_t)k);
}

static void known_answers(void)
{
    const real x[6] = { 1, 2, 3, -1, 0, R(0.5) }, w[6] = { 1, 10, 100, 2, 0, -1 }, b[2] = { R(0.25), 7 };
    real y[4];
    linear_plain(y, x, w, b, 2, 3, 2);
    const real expected[4] = { R(321.25), R(6.0), R(49.25), R(4.5) };
    for (int i = 0; i < 4; i++) CHECK(y[i] == expected[i], "%d: %g", i, (double)y[i]);
    /* i ascends, each step fused: 2^p + 1 - 2^p loses the 1, 2^p - 2^p + 1 does not; -1 + (1 + e)(1 - e) keeps e^2. */
    const real big = R(4.0) / REAL_EPS, rows[6] = { big, 1, -big, big, -big, 1 }, ones[3] = { 1, 1, 1 };
    linear_plain(y, rows, ones, NULL, 2, 3, 1);
    CHECK(y[0] == R(0.0) && y[1] == R(1.0), "%g %g", (double)y[0], (double)y[1]);
    const real above = R(1.0) + REAL_EPS, below = R(1.0) - REAL_EPS, start = R(-1.0);
    linear_plain(y, &above, &below, &start, 1, 1, 1);
    CHECK(y[0] == -REAL_EPS * REAL_EPS, "%g", (double)y[0]);
}

static void what_is_not_wanted(void)
{
    Err err = { 0 };
    Tape *t = tape_new(&err);
    MadeWeight w;
    weight_make(&w, (Shape){ 2, { 3, 5 } }, STORE_BF16, 0, 9);
    Tensor *x = tensor_view(t, (Shape){ 3, { 2, 2, 5 } }, normal(t, 20, 9, 2), NULL, "x");
    CHECK(op_linear(t, NULL, &w.w, NULL, "y") == NULL && op_linear(t, x, NULL, NULL, "y") == NULL, "nothing in, nothing out");
    Tensor *y = op_linear(t, x, &w.w, NULL, "y");
    CHECK(y->g == NULL && tape_print(t, NULL, 0) == 0, "no gradient is wanted, so nothing is recorded");
    real g[15] = { 0 };
    w.w.g = g;
    y = op_linear(t, x, &w.w, NULL, "y");
    CHECK(y->g != NULL && tape_print(t, NULL, 0) == 1, "the weight wants a gradient");
    tape_recording(t, 0);
    y = op_linear(t, x, &w.w, NULL, "y");
    CHECK(y->g == NULL && tape_print(t, NULL, 0) == 1, "not recording");
    tape_shapes_only(t, 1);
    Tensor only = { .s = x->s, .n = x->n, .name = "x" };
    w.w.at = NULL;
    y = op_linear(t, &only, &w.w, NULL, "y");
    CHECK(y != NULL && y->v == NULL && shape_equal(y->s, (Shape){ 3, { 2, 2, 3 } }), "a shape without values");
    CHECK(!err.set, "%s", err.msg);
    w.w.g = NULL;
    weight_drop(&w);
    tape_free(t);
}

static void out_of_memory(void)
{
    static real v[2000 * 40], g[2000 * 40];
    int failures = 0;
    for (long n = 1; n < 20; n++) {
        Err err = { 0 };
        Tape *t = tape_new(&err);
        MadeWeight w, b;
        weight_make(&w, (Shape){ 2, { 300, 40 } }, STORE_F16, 0, 9);
        weight_make(&b, (Shape){ 1, { 300 } }, STORE_F16, 0, 9);
        Tensor *x = tensor_view(t, (Shape){ 2, { 2000, 40 } }, v, g, "x");
        mem_fail_at(n);
        Tensor *y = op_linear(t, x, &w.w, &b.w, "y");
        const int back = tape_backward(t);
        mem_fail_at(0);
        CHECK(err.set == (y == NULL || back != 0 || tape_failed(t)), "failure %ld: %s", n, err.msg);
        failures += err.set;
        weight_drop(&w);
        weight_drop(&b);
        tape_free(t);
    }
    CHECK(failures > 0, "memory never ran out");
}

int main(void)
{
    par_threads_set(1);                           /* but where threads are what is tested */
    TEST(known_answers);
    TEST(fast_equals_plain);
    TEST(shapes_of_networks);
    TEST(what_is_not_wanted);
    TEST(out_of_memory);
    return test_end();
}
