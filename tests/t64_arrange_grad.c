/* t64_arrange_grad.c -- gradients in binary64 of the operations that move, add and resample; and of add, mul, affine */
#include "tensor/arrange.h"
#include "tests/op_gradcheck.h"

/* Linear operations are squared on the way out: a constant Jacobian leaves no truncation error for the checker to see. */
static Tensor *squared(Tape *t, Tensor *y) { return op_mul(t, y, y, "square"); }

#define RUN(f, call) \
    static Tensor *f(Tape *t, Tensor **x, const Weight *w, const int *k) { (void)x, (void)w, (void)k; return squared(t, call); }
RUN(concat_channels, op_concat_channels(t, x[0], x[1], "y"))
RUN(concat_rows,     op_concat_rows(t, x[0], x[1], "y"))
RUN(rows,            op_rows(t, x[0], k[0], k[1], "y"))
RUN(columns,         op_columns(t, x[0], k[0], k[1], "y"))
RUN(to_tokens,       op_to_tokens(t, x[0], "y"))
RUN(to_image,        op_to_image(t, x[0], k[0], k[1], "y"))
RUN(swap_last,       op_swap_last(t, x[0], "y"))
RUN(add_channels,    op_add_channels(t, x[0], x[1], "y"))
RUN(scale_shift,     op_scale_shift(t, x[0], x[1], "y"))
RUN(add_rows,        op_add_rows(t, x[0], &w[0], "y"))
RUN(pick_rows,       op_pick_rows(t, x[0], k, "y"))
RUN(mean_rows,       op_mean_rows(t, x[0], "y"))
RUN(repeat_rows,     op_repeat_rows(t, &w[0], k[0], "y"))
RUN(upsample,        op_upsample_nearest(t, x[0], k[0], k[1], "y"))
RUN(avg_pool2,       op_avg_pool2(t, x[0], "y"))
RUN(resample_area,   op_resample_area(t, x[0], k[0], k[1], "y"))
RUN(add,             op_add(t, x[0], x[1], "y"))
RUN(mul,             op_mul(t, x[0], x[1], "y"))
RUN(affine,          op_affine(t, x[0], R(-0.7), R(0.3), "y"))

static Tensor *reshape(Tape *t, Tensor **x, const Weight *w, const int *k)
{
    (void)w, (void)k;
    const Shape s = { 2, { x[0]->s.d[0] * x[0]->s.d[1], x[0]->s.d[2] } };
    Tensor *same = op_reshape(t, x[0], s, "same");
    Tensor *both = op_mul(t, same, same, "both");
    Tensor *back = op_reshape(t, both, x[0]->s, "back");
    return op_mul(t, back, x[0], "y");
}
static Tensor *embedding(Tape *t, Tensor **x, const Weight *w, const int *k)
{
    (void)x, (void)k;
    const int64_t ids[] = { 3, 0, 3, 4, 4, 3 };
    return squared(t, op_embedding(t, ids, 2, 3, &w[0], "y"));
}

static void joins_and_cuts(void)
{
    check((OpCase){ "concat_channels", concat_channels, { 0 }, 2, 0, { S4(3, 2, 5, 3), S4(3, 7, 5, 3) }, { S1(0) }, NULL });
    check((OpCase){ "concat_channels, flat", concat_channels, { 0 }, 2, 0, { S2(3, 2), S2(3, 7) }, { S1(0) }, NULL });
    check((OpCase){ "concat_rows", concat_rows, { 0 }, 2, 0, { S3(3, 5, 2), S3(3, 1, 2) }, { S1(0) }, NULL });
    check((OpCase){ "rows", rows, { 2, 3 }, 1, 0, { S3(2, 6, 5) }, { S1(0) }, NULL });
    check((OpCase){ "columns", columns, { 4, 3 }, 1, 0, { S3(2, 6, 7) }, { S1(0) }, NULL });
    check((OpCase){ "pick_rows", pick_rows, { 2, 0, 5 }, 1, 0, { S3(3, 6, 7) }, { S1(0) }, NULL });
}

static void transposes(void)
{
    check((OpCase){ "to_tokens", to_tokens, { 0 }, 1, 0, { S4(2, 37, 9, 8) }, { S1(0) }, NULL });
    check((OpCase){ "to_image", to_image, { 9, 8 }, 1, 0, { S3(2, 72, 37) }, { S1(0) }, NULL });
    check((OpCase){ "swap_last", swap_last, { 0 }, 1, 0, { S3(3, 33, 65) }, { S1(0) }, NULL });
    check((OpCase){ "reshape", reshape, { 0 }, 1, 0, { S3(3, 4, 5) }, { S1(0) }, NULL });
}

static void along_sides(void)
{
    check((OpCase){ "add_channels", add_channels, { 0 }, 2, 0, { S4(3, 5, 3, 7), S2(3, 5) }, { S1(0) }, NULL });
    check((OpCase){ "scale_shift", scale_shift, { 0 }, 2, 0, { S4(3, 5, 3, 7), S2(3, 10) }, { S1(0) }, NULL });
    check((OpCase){ "add_rows", add_rows, { 0 }, 1, 1, { S3(3, 5, 7) }, { S2(6, 7) }, NULL });
    check((OpCase){ "repeat_rows (C)", repeat_rows, { 3 }, 0, 1, { S1(0) }, { S1(7) }, NULL });
    check((OpCase){ "repeat_rows (T,C)", repeat_rows, { 3 }, 0, 1, { S1(0) }, { S2(4, 7) }, NULL });
    check((OpCase){ "embedding", embedding, { 0 }, 0, 1, { S1(0) }, { S2(5, 7) }, NULL });
    check((OpCase){ "mean_rows", mean_rows, { 0 }, 1, 0, { S3(3, 5, 7) }, { S1(0) }, NULL });
}

static void resampling(void)
{
    check((OpCase){ "upsample 8x4 to 15x7", upsample, { 15, 7 }, 1, 0, { S4(2, 3, 8, 4) }, { S1(0) }, NULL });
    check((OpCase){ "upsample 4x5 to 8x10", upsample, { 8, 10 }, 1, 0, { S4(2, 3, 4, 5) }, { S1(0) }, NULL });
    check((OpCase){ "avg_pool2 of 6x8", avg_pool2, { 0 }, 1, 0, { S4(2, 3, 6, 8) }, { S1(0) }, NULL });
    check((OpCase){ "avg_pool2 of 7x5", avg_pool2, { 0 }, 1, 0, { S4(2, 3, 7, 5) }, { S1(0) }, NULL });
    check((OpCase){ "resample_area 7x9 to 3x4", resample_area, { 3, 4 }, 1, 0, { S3(7, 9, 3) }, { S1(0) }, NULL });
    check((OpCase){ "resample_area 3x4 to 5x4", resample_area, { 5, 4 }, 1, 0, { S3(3, 4, 2) }, { S1(0) }, NULL });
}

/* Large enough for the parallel form. */
static void one_by_one(void)
{
    check((OpCase){ "add", add, { 0 }, 2, 0, { S1(35003), S1(35003) }, { S1(0) }, NULL });
    check((OpCase){ "mul", mul, { 0 }, 2, 0, { S1(35003), S1(35003) }, { S1(0) }, NULL });
    check((OpCase){ "affine", affine, { 0 }, 1, 0, { S1(35003) }, { S1(0) }, NULL });
}

int main(void)
{
    TEST(joins_and_cuts);
    TEST(transposes);
    TEST(along_sides);
    TEST(resampling);
    TEST(one_by_one);
    return test_end();
}
