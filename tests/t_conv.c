/* t_conv.c -- convolution and its gradients: the fast forms against the definitions, bit for bit; the definitions against known answers */
#include "tests/weight_make.h"

#include "tensor/conv.h"
#include "tensor/par.h"

static uint32_t state = 1;
static int draw_below(int n)
{
    state = state * 1664525u + 1013904223u;
    return (int)((state >> 8) % (uint32_t)n);
}
static int draw(int low, int high) { return low + draw_below(high - low + 1); }

/* A tensor of normal numbers on a tape, its gradient too when wanted. */
static Tensor *noise(Tape *t, Shape s, int gradient, uint64_t seed)
{
    real *v = tape_real(t, shape_count(s), "noise"), *g = gradient ? tape_real(t, shape_count(s), "noise") : NULL;
    rng_normal(v, (RngAt){ seed, 2, 0, RNG_PROBE }, shape_count(s));
    if (gradient) rng_normal(g, (RngAt){ seed, 3, 0, RNG_PROBE }, shape_count(s));
    return tensor_view(t, s, v, g, "x");
}

static real *copy(Tape *t, const real *from, size_t n)
{
    real *to = tape_real(t, n, "copy");
    memcpy(to, from, n * sizeof(real));
    return to;
}

static void same_bits(const char *what, const real *a, const real *b, size_t n, ConvSizes s, Conv c)
{
    CHECK(memcmp(a, b, n * sizeof(real)) == 0, "%s: (%d,%d,%d,%d) by (%d,%d,%d), stride %d, padding %d %d", what, s.N, s.C, s.H, s.W,
          s.O, s.kh, s.kw, c.stride, c.before, c.after);
}

/* One convolution there and back: y, dx, dw, db all equal to the definitions. */
static void compare(ConvSizes s, Conv c, Store store, int with_bias, int threads, uint64_t seed)
{
    Err err = { 0 };
    Tape *t = tape_new(&err);
    MadeWeight w, b;
    weight_make(&w, (Shape){ 4, { s.O, s.C, s.kh, s.kw } }, store, 1, seed);
    weight_make(&b, (Shape){ 1, { s.O } }, store, 1, seed + 1);
    Tensor *x = noise(t, (Shape){ 4, { s.N, s.C, s.H, s.W } }, 1, seed);
    par_threads_set(threads);
    Tensor *y = op_conv2d(t, x, &w.w, with_bias ? &b.w : NULL, c, "y");
    par_threads_set(1);
    CHECK(y != NULL, "%s", err.msg);
    if (y == NULL) return;
    real *expected = tape_real(t, y->n, "y");
    conv2d_plain(expected, x->v, w.value, with_bias ? b.value : NULL, s, c);
    same_bits("y", y->v, expected, y->n, s, c);

    real *dx = copy(t, x->g, x->n), *dw = copy(t, w.w.g, w.w.n), *db = copy(t, b.w.g, b.w.n), *dy = tape_real(t, y->n, "dy");
    rng_normal(dy, (RngAt){ seed, 4, 0, RNG_PROBE }, y->n);
    tape_seed(y, dy);
    par_threads_set(threads);
    CHECK(tape_backward(t) == 0, "%s", err.msg);
    par_threads_set(1);
    conv2d_dx_plain(dx, dy, w.value, s, c);
    conv2d_dw_plain(dw, with_bias ? db : NULL, dy, x->v, s, c);
    same_bits("dx", x->g, dx, x->n, s, c);
    same_bits("dw", w.w.g, dw, w.w.n, s, c);
    same_bits("db", b.w.g, db, b.w.n, s, c);
    CHECK(!err.set, "%s", err.msg);
    weight_drop(&w);
    weight_drop(&b);
    tape_free(t);
}

static void fast_equals_plain(void)
{
    static const int kernel[][2] = { { 1, 1 }, { 3, 3 }, { 5, 5 }, { 7, 7 }, { 3, 1 }, { 2, 4 }, { 1, 5 } };
    for (int k = 0; k < 250; k++) {
        const int *side = kernel[draw_below(7)], most = side[0] > side[1] ? side[0] : side[1];
        const int stride = draw(1, 2), before = draw_below(most + 1), after = draw_below(most + 1);
        const int N = draw(1, 3), C = draw(1, 9), H = draw(most, 14), W = draw(most, 14), O = draw(1, 20);
        const int store = draw_below(STORES), with_bias = draw_below(4) > 0, threads = draw(1, 4);
        const ConvSizes s = { N, C, H, W, O, side[0], side[1] };
        compare(s, (Conv){ stride, before, after }, (Store)store, with_bias, threads, (uint64_t)k + 1);
    }
}

/* Rows of 4 to 64 pixels; more columns and more taps than a block holds; images that end inside a tile; a stride of the
 * kernel's side. */
static void shapes_of_networks(void)
{
    static const struct { ConvSizes s; Conv c; } shape[] = {
        { { 1, 5, 64, 64, 9, 3, 3 }, { 1, 1, 1 } }, { { 2, 48, 8, 8, 33, 3, 3 }, { 1, 1, 1 } },
        { { 3, 45, 4, 4, 17, 3, 3 }, { 1, 1, 1 } }, { { 2, 7, 16, 16, 16, 3, 3 }, { 1, 1, 1 } },
        { { 1, 5, 32, 32, 30, 3, 3 }, { 2, 0, 1 } }, { { 2, 5, 16, 32, 5, 3, 3 }, { 2, 1, 1 } },
        { { 2, 400, 6, 6, 15, 1, 1 }, { 1, 0, 0 } }, { { 2, 50, 24, 24, 14, 1, 1 }, { 1, 0, 0 } },
        { { 2, 3, 28, 28, 20, 14, 14 }, { 14, 0, 0 } }, { { 3, 130, 2, 2, 29, 3, 3 }, { 1, 1, 1 } },
        { { 1, 12, 12, 12, 40, 3, 3 }, { 1, 1, 1 } }, { { 1, 4, 9, 9, 3, 1, 1 }, { 2, 0, 0 } },
        { { 1, 3, 5, 5, 4, 1, 1 }, { 1, 2, 1 } }, { { 1, 2, 3, 40, 3, 3, 3 }, { 3, 1, 0 } },
    };
    for (int k = 0; k < (int)(sizeof shape / sizeof shape[0]); k++)
        for (int threads = 1; threads <= 2; threads++) compare(shape[k].s, shape[k].c, (Store)(k % STORES), 1, threads, 1000 + (uint64_t)k);
}

/* Counting: a kernel of ones over an image of ones gives the number of taps inside, in every direction. */
static void known_answers(void)
{
    real ones[36], y[36], dx[36] = { 0 }, dw[9] = { 0 }, db = R(0.5);
    for (int i = 0; i < 36; i++) ones[i] = 1;
    const ConvSizes s = { 1, 1, 6, 6, 1, 3, 3 };
    const Conv same = { 1, 1, 1 }, half = { 2, 0, 1 };
    CHECK(conv_size(6, 3, same) == 6 && conv_size(6, 3, half) == 3 && conv_size(7, 3, half) == 3 && conv_size(2, 5, same) == 0, "sizes");
    conv2d_plain(y, ones, ones, NULL, s, same);
    conv2d_dx_plain(dx, ones, ones, s, same);
    conv2d_dw_plain(dw, &db, ones, ones, s, same);
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++) {
            const real count = (real)((2 + (i % 5 != 0)) * (2 + (j % 5 != 0)));
            CHECK(y[6 * i + j] == count && dx[6 * i + j] == count, "%d %d: %g %g", i, j, (double)y[6 * i + j], (double)dx[6 * i + j]);
        }
    for (int p = 0; p < 3; p++)
        for (int q = 0; q < 3; q++) CHECK(dw[3 * p + q] == (real)((5 + (p == 1)) * (5 + (q == 1))), "tap %d %d: %g", p, q, (double)dw[3 * p + q]);
    CHECK(db == R(36.5), "%g", (double)db);

    /* One tap moves the image: tap (p,q) of stride 2 with padding behind takes x[2i + p, 2j + q]. */
    real image[36], tap[9] = { 0 };
    const real bias = R(0.25);
    for (int i = 0; i < 36; i++) image[i] = (real)(i + 1);
    tap[7] = 2;
    conv2d_plain(y, image, tap, &bias, s, half);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            const real expected = i == 2 ? bias : R(2.0) * image[6 * (2 * i + 2) + 2 * j + 1] + bias;
            CHECK(y[3 * i + j] == expected, "%d %d: %g", i, j, (double)y[3 * i + j]);
        }
    /* Two channels in, two out, one pixel: a matrix. */
    const real x2[2] = { 3, 5 }, w2[4] = { 1, 2, 10, 20 };
    conv2d_plain(y, x2, w2, NULL, (ConvSizes){ 1, 2, 1, 1, 2, 1, 1 }, (Conv){ 1, 0, 0 });
    CHECK(y[0] == 13 && y[1] == 130, "%g %g", (double)y[0], (double)y[1]);
}

/* A tap outside is a 0 that is multiplied: an infinite weight makes NaN where its tap lies outside, and nowhere else. The order
 * of the sum is c slowest: 2^p + 1 - 2^p is 0 or 1. */
static void margin_and_order(void)
{
    enum { SIDE = 5 };
    Err err = { 0 };
    Tape *t = tape_new(&err);
    real wv[9], xv[SIDE * SIDE];
    for (int i = 0; i < 9; i++) wv[i] = R(1.0);
    for (int i = 0; i < SIDE * SIDE; i++) xv[i] = R(1.0);
    wv[0] = (real)INFINITY;
    Weight w = { .s = { 4, { 1, 1, 3, 3 } }, .n = 9, .store = STORE_REAL, .at = wv, .name = "w" };
    Tensor *x = tensor_view(t, (Shape){ 4, { 1, 1, SIDE, SIDE } }, xv, NULL, "x");
    Tensor *y = op_conv2d(t, x, &w, NULL, (Conv){ 1, 1, 1 }, "y");
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            const real v = y->v[SIDE * i + j];
            CHECK(i == 0 || j == 0 ? isnan(v) : isinf(v), "%d %d: %g", i, j, (double)v);
        }
    const real big = R(4.0) / REAL_EPS, three[3] = { big, R(1.0), -big }, ones[3] = { 1, 1, 1 };
    w = (Weight){ .s = { 4, { 1, 3, 1, 1 } }, .n = 3, .store = STORE_REAL, .at = three, .name = "w" };
    x = tensor_view(t, (Shape){ 4, { 1, 3, 1, 1 } }, copy(t, ones, 3), NULL, "x");
    y = op_conv2d(t, x, &w, NULL, (Conv){ 1, 0, 0 }, "y");
    CHECK(y->v[0] == 0, "1 is lost beside 2^p: %g", (double)y->v[0]);
    CHECK(!err.set, "%s", err.msg);
    tape_free(t);
}

static void what_is_not_wanted(void)
{
    Err err = { 0 };
    Tape *t = tape_new(&err);
    MadeWeight w;
    weight_make(&w, (Shape){ 4, { 3, 2, 3, 3 } }, STORE_F16, 0, 9);
    const Conv c = { 1, 1, 1 };
    Tensor *x = noise(t, (Shape){ 4, { 1, 2, 4, 4 } }, 0, 9);
    CHECK(op_conv2d(t, NULL, &w.w, NULL, c, "y") == NULL && op_conv2d(t, x, NULL, NULL, c, "y") == NULL, "nothing in, nothing out");
    Tensor *y = op_conv2d(t, x, &w.w, NULL, c, "y");
    CHECK(y->g == NULL && tape_print(t, NULL, 0) == 0, "no gradient is wanted, so nothing is recorded");
    real g[3 * 2 * 9] = { 0 };
    w.w.g = g;
    y = op_conv2d(t, x, &w.w, NULL, c, "y");
    CHECK(y->g != NULL && tape_print(t, NULL, 0) == 1, "the weight wants a gradient");
    tape_recording(t, 0);
    y = op_conv2d(t, x, &w.w, NULL, c, "y");
    CHECK(y->g == NULL && tape_print(t, NULL, 0) == 1, "not recording");
    tape_shapes_only(t, 1);
    const Tensor shape = { .s = x->s, .n = x->n, .name = "x" };
    Tensor only = shape;
    w.w.at = NULL;
    y = op_conv2d(t, &only, &w.w, NULL, (Conv){ 2, 0, 1 }, "y");
    CHECK(y != NULL && y->v == NULL && shape_equal(y->s, (Shape){ 4, { 1, 3, 2, 2 } }), "a shape without values");
    w.w.g = NULL;
    weight_drop(&w);
    tape_free(t);
}

/* Memory that runs out anywhere ends in NULL and a message. */
static void out_of_memory(void)
{
    int failures = 0;
    for (long n = 1; n < 40; n++) {
        Err err = { 0 };
        Tape *t = tape_new(&err);
        MadeWeight w, b;
        weight_make(&w, (Shape){ 4, { 8, 300, 3, 3 } }, STORE_F16, 0, 9);
        weight_make(&b, (Shape){ 1, { 8 } }, STORE_F16, 0, 9);
        static real v[300 * 32 * 32], g[300 * 32 * 32];
        Tensor *x = tensor_view(t, (Shape){ 4, { 1, 300, 32, 32 } }, v, g, "x");
        mem_fail_at(n);
        Tensor *y = op_conv2d(t, x, &w.w, &b.w, (Conv){ 1, 1, 1 }, "y");
        if (y != NULL) memset(y->g, 0, y->n * sizeof(real));
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
    TEST(margin_and_order);
    TEST(what_is_not_wanted);
    TEST(out_of_memory);
    return test_end();
}
