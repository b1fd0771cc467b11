/* t64_conv_grad.c -- gradients of convolution and linear layers in binary64: central differences over image, kernel and bias at
 * once, and the identity <dy, A x> = <A^T dy, x> of what is linear */
#include "tensor/conv.h"
#include "tensor/linear.h"
#include "tests/gradcheck.h"

/* A layer whose input, weight and bias are one vector: (x, w, b). */
typedef struct Layer { Tape *t; Shape x, w; Conv c; int linear; Weight weight, bias; } Layer;

static Tensor *layer(Layer *k, real *in, real *g)
{
    const size_t nx = shape_count(k->x), nw = shape_count(k->w), nb = (size_t)k->w.d[0];
    k->weight = (Weight){ k->w, nw, STORE_REAL, in + nx, g == NULL ? NULL : g + nx, "w" };
    k->bias = (Weight){ { 1, { k->w.d[0] } }, nb, STORE_REAL, in + nx + nw, g == NULL ? NULL : g + nx + nw, "b" };
    Tensor *x = tensor_view(k->t, k->x, in, g, "x");
    return k->linear ? op_linear(k->t, x, &k->weight, &k->bias, "y") : op_conv2d(k->t, x, &k->weight, &k->bias, k->c, "y");
}

enum { ROOM = 4096 };
static void forward(void *self, real *y, const real *x)
{
    Layer *k = self;
    real in[ROOM];
    memcpy(in, x, (shape_count(k->x) + shape_count(k->w) + (size_t)k->w.d[0]) * sizeof(real));
    const size_t mark = tape_mark(k->t);
    const Tensor *out = layer(k, in, NULL);
    memcpy(y, out->v, out->n * sizeof(real));
    tape_rewind(k->t, mark);
}

static void pull(void *self, real *dx, const real *dy, const real *x)
{
    Layer *k = self;
    real in[ROOM];
    memcpy(in, x, (shape_count(k->x) + shape_count(k->w) + (size_t)k->w.d[0]) * sizeof(real));
    const size_t mark = tape_mark(k->t);
    Tensor *out = layer(k, in, dx);
    tape_seed(out, dy);
    tape_backward(k->t);
    tape_rewind(k->t, mark);
}

static const Layer layers[] = {
    { .x = { 4, { 2, 3, 5, 7 } }, .w = { 4, { 4, 3, 3, 3 } }, .c = { 1, 1, 1 } },
    { .x = { 4, { 2, 3, 6, 4 } }, .w = { 4, { 5, 3, 3, 3 } }, .c = { 2, 0, 1 } },
    { .x = { 4, { 1, 2, 7, 5 } }, .w = { 4, { 3, 2, 5, 2 } }, .c = { 2, 2, 0 } },
    { .x = { 4, { 3, 6, 3, 5 } }, .w = { 4, { 4, 6, 1, 1 } }, .c = { 1, 0, 0 } },
    { .x = { 4, { 1, 2, 5, 9 } }, .w = { 4, { 3, 2, 1, 1 } }, .c = { 2, 1, 0 } },
    { .x = { 3, { 2, 5, 7 } }, .w = { 2, { 11, 7 } }, .linear = 1 },
};
enum { LAYERS = sizeof layers / sizeof layers[0] };

static size_t outputs(Layer *k)
{
    real in[ROOM] = { 0 };
    const size_t mark = tape_mark(k->t);
    const size_t n = layer(k, in, NULL)->n;
    tape_rewind(k->t, mark);
    return n;
}

static void central_differences(void)
{
    Err err = { 0 };
    Tape *t = tape_new(&err);
    for (int i = 0; i < LAYERS; i++) {
        Layer k = layers[i];
        k.t = t;
        const size_t n = shape_count(k.x) + shape_count(k.w) + (size_t)k.w.d[0];
        CHECK(n <= ROOM, "room");
        real x[ROOM];
        rng_normal(x, (RngAt){ 5, (uint32_t)i, 0, RNG_INIT }, n);
        const GradCheck g = { k.linear ? "linear" : "conv2d", n, outputs(&k), forward, pull, &k, 0 };
        gradcheck(&g, x);
    }
    CHECK(!err.set, "%s", err.msg);
    tape_free(t);
}

/* y(x, w, 0) is linear in x and in w. Both sides are sums of the same products dy w x, K = 30 and fewer an output, 300 outputs and
 * fewer: each is within 330 eps/2 of the sum of their sizes, which is about sqrt(K) times that of |dy y|: 2e-13 in all. */
static void adjoint_identity(void)
{
    Err err = { 0 };
    Tape *t = tape_new(&err);
    for (int i = 0; i < LAYERS; i++) {
        Layer k = layers[i];
        k.t = t;
        const size_t nx = shape_count(k.x), nw = shape_count(k.w), nb = (size_t)k.w.d[0], ny = outputs(&k);
        real x[ROOM], g[ROOM] = { 0 }, y[ROOM], dy[ROOM];
        rng_normal(x, (RngAt){ 6, (uint32_t)i, 0, RNG_INIT }, nx + nw);
        rng_normal(dy, (RngAt){ 7, (uint32_t)i, 0, RNG_PROBE }, ny);
        memset(x + nx + nw, 0, nb * sizeof(real));
        forward(&k, y, x);
        pull(&k, g, dy, x);
        double left = 0, by_x = 0, by_w = 0, size = 0;
        for (size_t u = 0; u < ny; u++) left += (double)(dy[u] * y[u]);
        for (size_t u = 0; u < ny; u++) size += fabs((double)(dy[u] * y[u]));
        for (size_t u = 0; u < nx; u++) by_x += (double)(g[u] * x[u]);
        for (size_t u = nx; u < nx + nw; u++) by_w += (double)(g[u] * x[u]);
        CHECK_LE(fabs(left - by_x), 1e-12 * size, "layer %d, x", i);
        CHECK_LE(fabs(left - by_w), 1e-12 * size, "layer %d, w", i);
        CHECK(fabs(left) > 1e-3, "nothing was compared");
    }
    CHECK(!err.set, "%s", err.msg);
    tape_free(t);
}

int main(void)
{
    TEST(central_differences);
    TEST(adjoint_identity);
    return test_end();
}
