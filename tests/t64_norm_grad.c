/* t64_norm_grad.c -- gradients of group and layer norm in binary64: input, gamma and beta together */
#include "tensor/norm.h"
#include "tests/op_gradcheck.h"

#define EPS R(1e-5)

static Tensor *group(Tape *t, Tensor **x, const Weight *w, const int *k) { return op_group_norm(t, x[0], &w[0], &w[1], k[0], EPS, "y"); }
static Tensor *bare_group(Tape *t, Tensor **x, const Weight *w, const int *k)
{
    (void)w;
    return op_group_norm(t, x[0], NULL, NULL, k[0], EPS, "y");
}
static Tensor *layer(Tape *t, Tensor **x, const Weight *w, const int *k)
{
    (void)k;
    return op_layer_norm(t, x[0], &w[0], &w[1], EPS, "y");
}
static Tensor *bare_layer(Tape *t, Tensor **x, const Weight *w, const int *k)
{
    (void)w, (void)k;
    return op_layer_norm(t, x[0], NULL, NULL, EPS, "y");
}
/* x used twice, so that a gradient meets one that is there. */
static Tensor *twice(Tape *t, Tensor **x, const Weight *w, const int *k)
{
    Tensor *a = op_group_norm(t, x[0], &w[0], &w[1], k[0], EPS, "a");
    Tensor *b = op_layer_norm(t, a, NULL, NULL, EPS, "b");
    return op_mul(t, b, x[0], "y");
}

static void group_norm(void)
{
    check((OpCase){ "group 3 of 6, 5x3",   group, { 3 }, 1, 2, { S4(2, 6, 5, 3) }, { S1(6), S1(6) }, NULL });
    check((OpCase){ "group 1 of 6, N 3",   group, { 1 }, 1, 2, { S3(3, 6, 7) },    { S1(6), S1(6) }, NULL });
    check((OpCase){ "group 4 of 4, 17",    group, { 4 }, 1, 2, { S3(2, 4, 17) },   { S1(4), S1(4) }, NULL });
    check((OpCase){ "group 2 of 34, flat", group, { 2 }, 1, 2, { S2(3, 34) },      { S1(34), S1(34) }, NULL });
    check((OpCase){ "group, no gamma",     bare_group, { 3 }, 1, 0, { S4(2, 6, 5, 3) }, { S1(0) }, NULL });
}

static void layer_norm(void)
{
    check((OpCase){ "layer (5,37)",    layer, { 0 }, 1, 2, { S2(5, 37) },    { S1(37), S1(37) }, NULL });
    check((OpCase){ "layer (2,3,8)",   layer, { 0 }, 1, 2, { S3(2, 3, 8) },  { S1(8), S1(8) }, NULL });
    check((OpCase){ "layer (19,130)",  layer, { 0 }, 1, 2, { S2(19, 130) },  { S1(130), S1(130) }, NULL });
    check((OpCase){ "layer (11)",      layer, { 0 }, 1, 2, { S1(11) },       { S1(11), S1(11) }, NULL });
    check((OpCase){ "layer, no gamma", bare_layer, { 0 }, 1, 0, { S2(5, 37) }, { S1(0) }, NULL });
}

static void norms_in_a_chain(void)
{
    check((OpCase){ "chain", twice, { 2 }, 1, 2, { S3(2, 6, 5) }, { S1(6), S1(6) }, NULL });
}

int main(void)
{
    TEST(group_norm);
    TEST(layer_norm);
    TEST(norms_in_a_chain);
    return test_end();
}
