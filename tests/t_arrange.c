/* t_arrange.c -- operations that move, add along sides and resample: index formulas, round trips, exact adjoints, threads, errors */
#include "tests/harness.h"

#include "tensor/arrange.h"
#include "tensor/par.h"
#include "tensor/rng.h"
#include "tensor/sum.h"
#include "tests/op_case.h"

#include <setjmp.h>

static Err err;
static Tape *tape;

static void setup(void)
{
    memset(&err, 0, sizeof err);
    tape = tape_new(&err);
}
static void teardown(void)
{
    CHECK(!err.set, "%s", err.msg);
    tape_free(tape);
}

#define S1(a)          (Shape){ 1, { a } }
#define S2(a, b)       (Shape){ 2, { a, b } }
#define S3(a, b, c)    (Shape){ 3, { a, b, c } }
#define S4(a, b, c, d) (Shape){ 4, { a, b, c, d } }

static int same(const real *a, const real *b, size_t n) { return memcmp(a, b, n * sizeof(real)) == 0; }

/* A tensor of distinct whole numbers from `start` on. */
static Tensor *counting(Shape s, real start)
{
    Tensor *x = tensor_new(tape, s, 0, "x");
    for (size_t i = 0; i < x->n; i++) x->v[i] = start + (real)i;
    return x;
}

/* x[i0,..,i3] for shape (d0,..,d3), written out */
static real at4(const Tensor *x, int64_t a, int64_t b, int64_t c, int64_t d)
{
    return x->v[((a * x->s.d[1] + b) * x->s.d[2] + c) * x->s.d[3] + d];
}
static real at3(const Tensor *x, int64_t a, int64_t b, int64_t c) { return x->v[(a * x->s.d[1] + b) * x->s.d[2] + c]; }

/* ---- formulas: distinct values, so a wrong index shows ---- */

static void concat_puts_one_after_the_other(void)
{
    setup();
    const int64_t sizes[][5] = { { 3, 2, 5, 7, 1 }, { 1, 4, 1, 33, 35 }, { 2, 30, 9, 40, 50 } };        /* N Ca Cb H W */
    for (int k = 0; k < 3; k++) {
        const int64_t N = sizes[k][0], A = sizes[k][1], B = sizes[k][2], H = sizes[k][3], W = sizes[k][4];
        Tensor *a = counting(S4(N, A, H, W), 0), *b = counting(S4(N, B, H, W), R(1e6));
        const Tensor *y = op_concat_channels(tape, a, b, "y");
        CHECK(shape_equal(y->s, S4(N, A + B, H, W)), "shape");
        for (int64_t n = 0; n < N; n++)
            for (int64_t c = 0; c < A + B; c++)
                for (int64_t i = 0; i < H; i++)
                    for (int64_t j = 0; j < W; j++)
                        CHECK(at4(y, n, c, i, j) == (c < A ? at4(a, n, c, i, j) : at4(b, n, c - A, i, j)), "channel %d", (int)c);
    }
    Tensor *a = counting(S3(3, 5, 2), 0), *b = counting(S3(3, 1, 2), 1000);
    const Tensor *y = op_concat_rows(tape, a, b, "y");
    for (int n = 0; n < 3; n++)
        for (int r = 0; r < 6; r++)
            for (int c = 0; c < 2; c++) CHECK(at3(y, n, r, c) == (r < 5 ? at3(a, n, r, c) : at3(b, n, 0, c)), "batch %d row %d", n, r);
    Tensor *flat = op_concat_rows(tape, counting(S2(2, 2), 0), counting(S2(2, 1), 10), "flat");
    CHECK(shape_equal(flat->s, S2(2, 3)) && same(flat->v, (real[]){ 0, 1, 10, 2, 3, 11 }, 6), "columns of two matrices");
    teardown();
}

static void cuts_take_what_they_name(void)
{
    setup();
    Tensor *x = counting(S3(3, 7, 1500), 0);
    for (int first = 0; first <= 7; first++)
        for (int count = 0; first + count <= 7; count++) {
            const Tensor *y = op_rows(tape, x, first, count, "y");
            CHECK(shape_equal(y->s, S3(3, count, 1500)), "shape");
            for (int b = 0; b < 3; b++)
                for (int r = 0; r < count; r++) CHECK(at3(y, b, r, 9) == at3(x, b, first + r, 9), "rows %d %d", first, count);
        }
    const int part[][2] = { { 0, 1500 }, { 0, 1 }, { 1499, 1 }, { 700, 333 }, { 4, 0 } };
    for (int k = 0; k < 5; k++) {
        const Tensor *y = op_columns(tape, x, part[k][0], part[k][1], "y");
        for (int b = 0; b < 3; b++)
            for (int r = 0; r < 7; r++)
                for (int c = 0; c < part[k][1]; c++) CHECK(at3(y, b, r, c) == at3(x, b, r, part[k][0] + c), "columns, case %d", k);
    }
    Tensor *line = op_columns(tape, counting(S1(9), 0), 2, 3, "line");
    CHECK(shape_equal(line->s, S1(3)) && same(line->v, (real[]){ 2, 3, 4 }, 3), "of one row");
    const Tensor *picked = op_pick_rows(tape, x, (int[]){ 6, 0, 3 }, "picked");
    for (int b = 0; b < 3; b++)
        for (int c = 0; c < 1500; c++) CHECK(picked->v[b * 1500 + c] == at3(x, b, (int[]){ 6, 0, 3 }[b], c), "row of batch %d", b);
    teardown();
}

static void transposes_and_back(void)
{
    const int64_t sizes[][4] = { { 2, 3, 5, 7 }, { 3, 1, 1, 1 }, { 1, 33, 13, 5 }, { 2, 32, 8, 8 }, { 1, 320, 64, 17 },
                                 { 1, 5, 129, 127 } };
    setup();
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        const int64_t N = sizes[k][0], C = sizes[k][1], H = sizes[k][2], W = sizes[k][3];
        Tensor *x = counting(S4(N, C, H, W), 0);
        Tensor *y = op_to_tokens(tape, x, "y");
        CHECK(shape_equal(y->s, S3(N, H * W, C)), "tokens of case %zu", k);
        for (int64_t n = 0; n < N; n++)
            for (int64_t i = 0; i < H; i++)
                for (int64_t j = 0; j < W; j++)
                    for (int64_t c = 0; c < C; c++) CHECK(at3(y, n, i * W + j, c) == at4(x, n, c, i, j), "case %zu", k);
        const Tensor *back = op_to_image(tape, y, (int)H, (int)W, "back"), *swapped = op_swap_last(tape, y, "swapped");
        CHECK(shape_equal(back->s, x->s) && same(back->v, x->v, x->n), "image of tokens, case %zu", k);
        CHECK(shape_equal(swapped->s, S3(N, C, H * W)) && same(swapped->v, x->v, x->n), "swapped tokens, case %zu", k);
    }
    teardown();
}

static void reshape_shares_memory(void)
{
    setup();
    real v[6] = { 1, 2, 3, 4, 5, 6 }, g[6] = { 0 };
    Tensor *x = tensor_view(tape, S2(2, 3), v, g, "x");
    Tensor *y = op_reshape(tape, x, S3(3, 1, 2), "y");
    CHECK(y->v == v && y->g == g && y->n == 6 && shape_equal(y->s, S3(3, 1, 2)), "a view");
    Tensor *z = op_mul(tape, y, op_reshape(tape, y, S3(3, 1, 2), "again"), "z");
    tape_seed(z, (real[]){ 1, 1, 1, 1, 1, 1 });
    tape_backward(tape);
    for (int i = 0; i < 6; i++) CHECK(g[i] == 2 * v[i], "gradient %d", i);
    tape_recording(tape, 0);
    CHECK(op_reshape(tape, x, S1(6), "y")->g == NULL, "no gradient when nothing is recorded");
    teardown();
}

static void channels_get_one_value_each(void)
{
    setup();
    Tensor *x = counting(S4(3, 5, 7, 9), 0), *b = counting(S2(3, 5), -7), *e = counting(S2(3, 10), 2);
    const Tensor *y = op_add_channels(tape, x, b, "y"), *z = op_scale_shift(tape, x, e, "z");
    for (int n = 0; n < 3; n++)
        for (int c = 0; c < 5; c++)
            for (int i = 0; i < 63; i++) {
                const real xi = x->v[(n * 5 + c) * 63 + i], scale = e->v[n * 10 + c], shift = e->v[n * 10 + 5 + c];
                CHECK(y->v[(n * 5 + c) * 63 + i] == xi + b->v[n * 5 + c], "add, image %d channel %d", n, c);
                CHECK(z->v[(n * 5 + c) * 63 + i] == xi * (1 + scale) + shift, "scale and shift, image %d channel %d", n, c);
            }
    teardown();
}

/* Whole numbers: the products and sums are exact. */
static void scale_shift_gradients(void)
{
    enum { N = 2, C = 3, P = 35, M = N * C * P };
    setup();
    Tensor *x = tensor_new(tape, S3(N, C, P), 1, "x"), *e = tensor_new(tape, S2(N, 2 * C), 1, "e");
    real dy[M];
    for (int i = 0; i < M; i++) {
        x->v[i] = (real)(i * 7 % 13 - 6);
        dy[i] = (real)(i * 5 % 11 - 5);
    }
    for (int i = 0; i < N * 2 * C; i++) e->v[i] = (real)(i - 4);
    for (int i = 0; i < N * 2 * C; i++) e->g[i] = R(1000.0);
    Tensor *y = op_scale_shift(tape, x, e, "y");
    tape_seed(y, dy);
    tape_backward(tape);
    for (int n = 0; n < N; n++)
        for (int c = 0; c < C; c++) {
            real dscale = 1000, dshift = 1000;
            for (int i = (n * C + c) * P; i < (n * C + c + 1) * P; i++) {
                dscale += dy[i] * x->v[i];
                dshift += dy[i];
                CHECK(x->g[i] == dy[i] * (1 + e->v[n * 2 * C + c]), "dx %d", i);
            }
            CHECK(e->g[n * 2 * C + c] == dscale && e->g[n * 2 * C + C + c] == dshift, "image %d channel %d", n, c);
        }
    teardown();
}

static void rows_get_one_weight_each(void)
{
    enum { B = 3, T = 4, C = 301 };
    setup();
    Tensor *x = counting(S3(B, T, C), 0), *p = counting(S2(T + 2, C), R(1e5)), *line = counting(S1(C), 50);
    const Weight w = { p->s, p->n, STORE_REAL, p->v, NULL, "w" }, one = { line->s, line->n, STORE_REAL, line->v, NULL, "one" };
    const int64_t ids[] = { 5, 0, 0, 1, 4, 5, 2, 3 };
    const Tensor *added = op_add_rows(tape, x, &w, "added"), *repeated = op_repeat_rows(tape, &w, B, "repeated");
    const Tensor *single = op_repeat_rows(tape, &one, B, "single"), *looked = op_embedding(tape, ids, 2, 4, &w, "looked");
    const Tensor *mean = op_mean_rows(tape, x, "mean");
    CHECK(shape_equal(repeated->s, S3(B, T + 2, C)) && shape_equal(single->s, S3(B, 1, C)), "repeated shapes");
    CHECK(shape_equal(looked->s, S3(2, 4, C)) && shape_equal(mean->s, S3(B, 1, C)), "shapes");
    for (int b = 0; b < B; b++)
        for (int c = 0; c < C; c++) {
            for (int r = 0; r < T; r++) CHECK(at3(added, b, r, c) == at3(x, b, r, c) + p->v[r * C + c], "added, row %d", r);
            for (int r = 0; r < T + 2; r++) CHECK(at3(repeated, b, r, c) == p->v[r * C + c], "repeated, row %d", r);
            CHECK(at3(single, b, 0, c) == line->v[c], "one row");
            CHECK(at3(mean, b, 0, c) == (at3(x, b, 0, c) + at3(x, b, 3, c)) / 2, "mean of an arithmetic series");
        }
    for (int i = 0; i < 8; i++)
        for (int c = 0; c < C; c++) CHECK(looked->v[i * C + c] == p->v[ids[i] * C + c], "id %d", i);
    teardown();
}

/* 1.5, -2, 0.25 as bfloat16, at an odd address */
static void weights_of_a_file(void)
{
    setup();
    const unsigned char file[] = { 0xff, 0xc0, 0x3f, 0x00, 0xc0, 0x80, 0x3e };
    const Weight w = { S2(3, 1), 3, STORE_BF16, file + 1, NULL, "w" };
    CHECK(same(op_embedding(tape, (int64_t[]){ 2, 1 }, 1, 2, &w, "y")->v, (real[]){ R(0.25), -2 }, 2), "embedding");
    CHECK(same(op_repeat_rows(tape, &w, 1, "y")->v, (real[]){ R(1.5), -2, R(0.25) }, 3), "repeat");
    CHECK(same(op_add_rows(tape, counting(S3(1, 2, 1), 0), &w, "y")->v, (real[]){ R(1.5), -1 }, 2), "add");
    teardown();
}

static void resampling_formulas(void)
{
    const int64_t sizes[][4] = {                                          /* H W h w */
        { 8, 8, 15, 15 }, { 4, 4, 7, 7 }, { 8, 8, 16, 16 }, { 4, 5, 8, 10 }, { 5, 3, 5, 3 }, { 3, 5, 7, 16 }, { 1, 1, 4, 3 },
        { 7, 5, 3, 2 }, { 1, 3, 2, 6 }, { 2, 6, 6, 12 }, { 4, 4, 6, 6 }, { 6, 9, 4, 6 },
    };
    setup();
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        const int64_t H = sizes[k][0], W = sizes[k][1], h = sizes[k][2], w = sizes[k][3];
        Tensor *x = counting(S4(2, 3, H, W), 0);
        const Tensor *y = op_upsample_nearest(tape, x, (int)h, (int)w, "y"), *z = op_avg_pool2(tape, x, "z");
        CHECK(shape_equal(y->s, S4(2, 3, h, w)) && shape_equal(z->s, S4(2, 3, H / 2, W / 2)), "shapes of case %zu", k);
        for (int64_t n = 0; n < 2; n++)
            for (int64_t c = 0; c < 3; c++) {
                for (int64_t i = 0; i < h; i++)
                    for (int64_t j = 0; j < w; j++)
                        CHECK(at4(y, n, c, i, j) == at4(x, n, c, i * H / h, j * W / w), "case %zu at %d %d", k, (int)i, (int)j);
                for (int64_t i = 0; i < H / 2; i++)
                    for (int64_t j = 0; j < W / 2; j++)
                        CHECK(at4(z, n, c, i, j) == (at4(x, n, c, 2 * i, 2 * j) + at4(x, n, c, 2 * i + 1, 2 * j + 1)) / 2, "pool %zu", k);
            }
    }
    teardown();
}

/* Row i of h covers [i/h, (i+1)/h] of the height: how much of [r/H, (r+1)/H] lies in it, as a share of its own. */
static double share(int i, int r, int h, int H)
{
    const double from = fmax((double)i / h, (double)r / H), to = fmin((i + 1.0) / h, (r + 1.0) / H);
    return fmax(0, to - from) * h;
}

static void area_is_the_mean_of_what_is_covered(void)
{
    static const int sizes[][4] = { { 12, 9, 4, 3 }, { 7, 5, 3, 4 }, { 3, 5, 7, 11 }, { 5, 3, 5, 3 }, { 6, 4, 1, 1 }, { 1, 2, 3, 2 } };    /* H W h w */
    setup();
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        const int H = sizes[k][0], W = sizes[k][1], h = sizes[k][2], w = sizes[k][3];
        Tensor *x = counting(S3(H, W, 2), -20);
        const Tensor *y = op_resample_area(tape, x, h, w, "y");
        for (int at = 0; at < h * w * 2; at++) {
            double sum = 0;
            for (int from = 0; from < H * W; from++)
                sum += share(at / 2 / w, from / W, h, H) * share(at / 2 % w, from % W, w, W) * (double)x->v[from * 2 + at % 2];
            CHECK_LE(fabs((double)y->v[at] - sum), (H * W + 4) * 200 * (double)REAL_EPS, "%d x %d to %d x %d at %d", H, W, h, w, at);   /* |x| < 200 */
        }
        CHECK(h != H || w != W || same(y->v, x->v, x->n), "its own size changes something");
    }
    teardown();
}

/* Pooling what was doubled gives the image back. */
static void pool_undoes_doubling(void)
{
    setup();
    Tensor *x = counting(S4(2, 3, 7, 9), -100);
    const Tensor *back = op_avg_pool2(tape, op_upsample_nearest(tape, x, 14, 18, "double"), "back");
    CHECK(same(back->v, x->v, x->n), "not the same image");
    teardown();
}

/* ---- every linear operation: <dy, J v> = <J^T dy, v>, exact in whole numbers (and quarters) ---- */

#define RUN(f, call) static Tensor *f(Tape *t, Tensor **x, const Weight *w, const int *k) { (void)x, (void)w, (void)k; return call; }
RUN(concat_channels, op_concat_channels(t, x[0], x[1], "y"))
RUN(concat_rows,     op_concat_rows(t, x[0], x[1], "y"))
RUN(rows,            op_rows(t, x[0], k[0], k[1], "y"))
RUN(columns,         op_columns(t, x[0], k[0], k[1], "y"))
RUN(to_tokens,       op_to_tokens(t, x[0], "y"))
RUN(to_image,        op_to_image(t, x[0], k[0], k[1], "y"))
RUN(swap_last,       op_swap_last(t, x[0], "y"))
RUN(reshape,         op_add(t, op_reshape(t, x[0], S1(30), "a"), op_reshape(t, x[0], S1(30), "b"), "y"))
RUN(add_channels,    op_add_channels(t, x[0], x[1], "y"))
RUN(add_rows,        op_add_rows(t, x[0], &w[0], "y"))
RUN(pick_rows,       op_pick_rows(t, x[0], k, "y"))
RUN(mean_rows,       op_mean_rows(t, x[0], "y"))
RUN(repeat_rows,     op_repeat_rows(t, &w[0], k[0], "y"))
RUN(embedding,       op_embedding(t, (int64_t[]){ 3, 0, 3, 4, 4, 3 }, 2, 3, &w[0], "y"))
RUN(upsample,        op_upsample_nearest(t, x[0], k[0], k[1], "y"))
RUN(avg_pool2,       op_avg_pool2(t, x[0], "y"))
RUN(resample_area,   op_resample_area(t, x[0], k[0], k[1], "y"))
RUN(add,             op_add(t, x[0], x[1], "y"))
RUN(affine,          op_affine(t, x[0], R(-0.75), R(0.0), "y"))
RUN(mul,             op_mul(t, x[0], x[1], "y"))
RUN(scale_shift,     op_scale_shift(t, x[0], x[1], "y"))

enum { LINEAR = 27 };
static const OpCase cases[] = {
    { "concat_channels", concat_channels, { 0 }, 2, 0, { { 4, { 3, 2, 5, 3 } }, { 4, { 3, 7, 5, 3 } } }, { { 0 } }, NULL },
    { "concat_channels, large", concat_channels, { 0 }, 2, 0, { { 4, { 2, 7, 65, 33 } }, { 4, { 2, 10, 65, 33 } } }, { { 0 } }, NULL },
    { "concat_rows", concat_rows, { 0 }, 2, 0, { { 3, { 3, 5, 2 } }, { 3, { 3, 1, 2 } } }, { { 0 } }, NULL },
    { "rows", rows, { 2, 3 }, 1, 0, { { 3, { 2, 6, 5 } } }, { { 0 } }, NULL },
    { "columns", columns, { 4, 3 }, 1, 0, { { 3, { 2, 6, 7 } } }, { { 0 } }, NULL },
    { "columns, large", columns, { 40, 310 }, 1, 0, { { 3, { 2, 66, 351 } } }, { { 0 } }, NULL },
    { "to_tokens", to_tokens, { 0 }, 1, 0, { { 4, { 2, 37, 9, 8 } } }, { { 0 } }, NULL },
    { "to_tokens, large", to_tokens, { 0 }, 1, 0, { { 4, { 2, 70, 32, 32 } } }, { { 0 } }, NULL },
    { "to_image", to_image, { 9, 8 }, 1, 0, { { 3, { 2, 72, 37 } } }, { { 0 } }, NULL },
    { "to_image, large", to_image, { 15, 31 }, 1, 0, { { 3, { 1, 465, 129 } } }, { { 0 } }, NULL },
    { "swap_last", swap_last, { 0 }, 1, 0, { { 3, { 3, 33, 65 } } }, { { 0 } }, NULL },
    { "reshape", reshape, { 0 }, 1, 0, { { 2, { 5, 6 } } }, { { 0 } }, NULL },
    { "add_channels", add_channels, { 0 }, 2, 0, { { 4, { 3, 5, 3, 7 } }, { 2, { 3, 5 } } }, { { 0 } }, NULL },
    { "add_channels, large", add_channels, { 0 }, 2, 0, { { 4, { 2, 9, 53, 47 } }, { 2, { 2, 9 } } }, { { 0 } }, NULL },
    { "add_rows", add_rows, { 0 }, 1, 1, { { 3, { 3, 77, 257 } } }, { { 2, { 80, 257 } } }, NULL },
    { "pick_rows", pick_rows, { 2, 0, 5 }, 1, 0, { { 3, { 3, 6, 7 } } }, { { 0 } }, NULL },
    { "mean_rows", mean_rows, { 0 }, 1, 0, { { 3, { 9, 4, 1001 } } }, { { 0 } }, NULL },
    { "repeat_rows (C)", repeat_rows, { 3 }, 0, 1, { { 0 } }, { { 1, { 7 } } }, NULL },
    { "repeat_rows (T,C)", repeat_rows, { 9 }, 0, 1, { { 0 } }, { { 2, { 40, 100 } } }, NULL },
    { "embedding", embedding, { 0 }, 0, 1, { { 0 } }, { { 2, { 5, 7 } } }, NULL },
    { "upsample 8x4 to 15x7", upsample, { 15, 7 }, 1, 0, { { 4, { 2, 3, 8, 4 } } }, { { 0 } }, NULL },
    { "upsample 32 to 64", upsample, { 64, 64 }, 1, 0, { { 4, { 2, 9, 32, 32 } } }, { { 0 } }, NULL },
    { "avg_pool2", avg_pool2, { 0 }, 1, 0, { { 4, { 3, 9, 43, 57 } } }, { { 0 } }, NULL },
    { "resample_area 96x128 to 24x32", resample_area, { 24, 32 }, 1, 0, { { 3, { 96, 128, 3 } } }, { { 0 } }, NULL },
    { "resample_area 8x4 to 5x16", resample_area, { 5, 16 }, 1, 0, { { 3, { 8, 4, 3 } } }, { { 0 } }, NULL },
    { "add", add, { 0 }, 2, 0, { { 1, { 70001 } }, { 1, { 70001 } } }, { { 0 } }, NULL },
    { "affine", affine, { 0 }, 1, 0, { { 1, { 70001 } } }, { { 0 } }, NULL },
    { "mul", mul, { 0 }, 2, 0, { { 1, { 70001 } }, { 1, { 70001 } } }, { { 0 } }, NULL },
    { "scale_shift", scale_shift, { 0 }, 2, 0, { { 4, { 3, 7, 41, 43 } }, { 2, { 3, 14 } } }, { { 0 } }, NULL },
};
enum { CASES = sizeof cases / sizeof cases[0] };

static real *whole_numbers(size_t n, uint32_t seed)
{
    real *v = tape_real(tape, n, "v");
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        v[i] = (real)((int)(seed >> 24) % 17 - 8);
    }
    return v;
}

static void adjoint_identity(void)
{
    for (int k = 0; k < LINEAR; k++) {
        setup();
        OpCase c = cases[k];
        c.tape = tape;
        const Shape shape = case_shape(&c);
        const size_t n = case_inputs(&c), m = shape_count(shape);
        real *v = whole_numbers(n, 1), *dy = whole_numbers(m, 2), *y = tape_real(tape, m, "y"), *g = tape_real(tape, n, "g");
        case_eval(&c, y, v);
        case_pull(&c, g, dy, v);
        double left = 0, right = 0, moved = 0;
        for (size_t i = 0; i < m; i++) left += (double)y[i] * (double)dy[i];
        for (size_t i = 0; i < n; i++) right += (double)g[i] * (double)v[i];
        for (size_t i = 0; i < n; i++) moved += fabs((double)g[i]);
        CHECK(left == right && moved > 0, "%s: %.17g against %.17g", c.name, left, right);
        case_pull(&c, g, dy, v);
        double again = 0;
        for (size_t i = 0; i < n; i++) again += (double)g[i] * (double)v[i];
        CHECK(again == 2 * right, "%s: gradients do not add up: %.17g after %.17g", c.name, again, right);
        teardown();
    }
}

static void threads_change_nothing(void)
{
    const int before = par_threads();
    for (int k = 0; k < CASES; k++) {
        setup();
        OpCase c = cases[k];
        c.tape = tape;
        const Shape shape = case_shape(&c);
        const size_t n = case_inputs(&c), m = shape_count(shape);
        real *in = tape_real(tape, n + m, "in"), *first = tape_real(tape, n + m, "first"), *out = tape_real(tape, n + m, "out");
        rng_normal(in, (RngAt){ 31, 0, 0, RNG_INIT }, n + m);
        for (int threads = 1; threads <= 4; threads++) {
            par_threads_set(threads);
            real *r = threads == 1 ? first : out;
            memcpy(r, in, n * sizeof(real));                              /* gradients start from something */
            case_eval(&c, r + n, in);
            case_pull(&c, r, in + n, in);
            CHECK(threads == 1 || same(first, out, n + m), "%s, %d threads", c.name, threads);
        }
        teardown();
    }
    par_threads_set(before);
}

/* sum16, not a chain, over the positions of an image. */
static void channel_sums_are_sum16(void)
{
    enum { P = 997 };
    setup();
    Tensor *x = tensor_new(tape, S3(1, 1, P), 0, "x"), *b = tensor_new(tape, S2(1, 1), 1, "b"), *e = tensor_new(tape, S2(1, 2), 1, "e");
    real dy[P];
    rng_normal(x->v, (RngAt){ 32, 0, 0, RNG_INIT }, P);
    rng_normal(dy, (RngAt){ 33, 0, 0, RNG_INIT }, P);
    rng_normal(e->v, (RngAt){ 34, 0, 0, RNG_INIT }, 2);
    b->v[0] = 1;
    tape_seed(op_add_channels(tape, x, b, "y"), dy);
    tape_backward(tape);
    CHECK(b->g[0] == sum16(dy, P), "bias");
    tape_seed(op_scale_shift(tape, x, e, "z"), dy);
    tape_backward(tape);
    CHECK(e->g[0] == dot16(dy, x->v, P) && e->g[1] == sum16(dy, P), "scale and shift");
    teardown();
}

/* ---- frozen inputs, NULL, shapes, memory, bugs ---- */

/* One input or weight at a time wants a gradient. */
static void frozen_inputs_stay_alone(void)
{
    for (int k = 0; k < CASES; k++)
        for (int which = 0; which < cases[k].tensors + cases[k].weights; which++) {
            setup();
            Tensor *x[CASE_TENSORS] = { NULL };
            Weight w[CASE_WEIGHTS] = { { .n = 0 } };
            for (int i = 0; i < cases[k].tensors; i++) {
                x[i] = tensor_new(tape, cases[k].x[i], i == which, "x");
                rng_normal(x[i]->v, (RngAt){ 35, (uint32_t)i, 0, RNG_INIT }, x[i]->n);
            }
            for (int i = 0; i < cases[k].weights; i++) {
                const size_t n = shape_count(cases[k].w[i]);
                w[i] = (Weight){ cases[k].w[i], n, STORE_REAL, tape_real(tape, n, "w"), NULL, "w" };
                if (cases[k].tensors + i == which) w[i].g = tape_real(tape, n, "dw");
            }
            Tensor *y = cases[k].run(tape, x, w, cases[k].k);
            real *dy = tape_real(tape, y->n, "dy");
            rng_normal(dy, (RngAt){ 36, 0, 0, RNG_INIT }, y->n);
            tape_seed(y, dy);
            tape_backward(tape);
            const real *g = which < cases[k].tensors ? x[which]->g : w[which - cases[k].tensors].g;
            CHECK(max_abs(g, shape_count(which < cases[k].tensors ? x[which]->s : w[which - cases[k].tensors].s)) > 0,
                  "%s, input %d", cases[k].name, which);
            tape_recording(tape, 0);
            CHECK(cases[k].run(tape, x, w, cases[k].k)->g == NULL, "%s wants a gradient when nothing is recorded", cases[k].name);
            teardown();
        }
}

static void null_and_shapes_pass_through(void)
{
    for (int k = 0; k < CASES; k++) {
        setup();
        OpCase c = cases[k];
        c.tape = tape;
        Tensor *none[CASE_TENSORS] = { NULL };
        Weight w[CASE_WEIGHTS] = { { .n = 0 } };
        CHECK(c.tensors == 0 || c.run(tape, none, w, c.k) == NULL, "%s of NULL", c.name);
        const Shape inferred = case_shape(&c);
        real *in = tape_real(tape, case_inputs(&c), "in");
        const Tensor *y = case_run(&c, w, in, NULL);
        CHECK(y != NULL && shape_equal(y->s, inferred), "%s: other shapes", c.name);
        teardown();
    }
}

/* Every block of memory that an operation asks for is refused once. */
static void out_of_memory_is_reported(void)
{
    for (int k = 0; k < CASES; k++) {
        long at = 0;
        for (int refused = 1; refused && at < 100; ) {
            Err e = { 0 };
            setup();
            real *in = mem_new(2 * case_inputs(&cases[k]), sizeof(real), "in", &e);
            OpCase c = cases[k];
            Weight w[CASE_WEIGHTS];
            c.tape = tape;
            mem_fail_at(++at);
            const Tensor *y = case_run(&c, w, in, in + case_inputs(&c));
            mem_fail_at(0);
            refused = err.set;
            CHECK(refused || y != NULL, "%s, refusal %ld: no result and no message", c.name, at);
            CHECK(!refused || tape_backward(tape) == -1, "%s: backward after a failure", c.name);
            mem_free(in);
            tape_free(tape);
        }
        CHECK(at > 1, "%s: nothing was refused", cases[k].name);
    }
}

static jmp_buf caught;
static void catch_bug(const char *file, int line, const char *message)
{
    (void)file, (void)line, (void)message;
    longjmp(caught, 1);
}

static void wrong(int k, Tensor *x, Tensor *flat, Tensor *image, const Weight *w)
{
    switch (k) {
    case 0: op_concat_channels(tape, x, image, "other dimensions"); break;
    case 1: op_concat_rows(tape, x, flat, "other sides"); break;
    case 2: op_rows(tape, x, 2, 2, "beyond the end"); break;
    case 3: op_columns(tape, x, -1, 2, "before the start"); break;
    case 4: op_to_tokens(tape, x, "no image"); break;
    case 5: op_to_image(tape, x, 2, 2, "sides that do not fit"); break;
    case 6: op_swap_last(tape, image, "four sides"); break;
    case 7: op_reshape(tape, x, S2(5, 5), "another count"); break;
    case 8: op_add_channels(tape, image, flat, "other channels"); break;
    case 9: op_scale_shift(tape, image, flat, "other channels"); break;
    case 10: op_add_rows(tape, x, w, "too few rows"); break;
    case 11: op_pick_rows(tape, x, (int[]){ 0, 3 }, "beyond the end"); break;
    case 12: op_embedding(tape, (int64_t[]){ 2 }, 1, 1, w, "beyond the end"); break;
    case 13: op_embedding(tape, (int64_t[]){ -1 }, 1, 1, w, "negative"); break;
    case 14: op_upsample_nearest(tape, image, 0, 4, "to nothing"); break;
    case 15: op_avg_pool2(tape, x, "no image"); break;
    case 16: op_resample_area(tape, image, 2, 2, "four sides"); break;
    default: op_mean_rows(tape, flat, "no rows"); break;
    }
}

static void wrong_shapes_are_bugs(void)
{
    setup();
    Tensor *x = counting(S3(2, 3, 4), 0), *flat = counting(S2(2, 12), 0), *image = counting(S4(2, 3, 2, 2), 0);
    const Weight w = { S2(2, 4), 8, STORE_REAL, x->v, NULL, "w" };
    bug_handler_set(catch_bug);
    for (int k = 0; k < 18; k++) {
        volatile int found = 0;
        if (setjmp(caught) != 0) found = 1;
        else wrong(k, x, flat, image, &w);
        CHECK(found, "case %d went through", k);
    }
    bug_handler_set(NULL);
    teardown();
}

int main(void)
{
    TEST(concat_puts_one_after_the_other);
    TEST(cuts_take_what_they_name);
    TEST(transposes_and_back);
    TEST(reshape_shares_memory);
    TEST(channels_get_one_value_each);
    TEST(scale_shift_gradients);
    TEST(rows_get_one_weight_each);
    TEST(weights_of_a_file);
    TEST(resampling_formulas);
    TEST(area_is_the_mean_of_what_is_covered);
    TEST(pool_undoes_doubling);
    TEST(adjoint_identity);
    TEST(threads_change_nothing);
    TEST(channel_sums_are_sum16);
    TEST(frozen_inputs_stay_alone);
    TEST(null_and_shapes_pass_through);
    TEST(out_of_memory_is_reported);
    TEST(wrong_shapes_are_bugs);
    return test_end();
}
