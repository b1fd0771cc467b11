/* t_weight.c -- widening is exact: every binary16 and bfloat16, every alignment; weights as operands of a product */
#include "tests/weight_make.h"

#include "tensor/par.h"

enum { ALL = 1 << 16 };

static int same(real x, double expected)
{
    if (isnan(expected)) return isnan(x);
    return (double)x == expected && !signbit(x) == !signbit(expected);
}

/* All 2^16 patterns, read in pieces of many lengths from every alignment, so that vector and scalar code both meet each. */
static void every_half(void)
{
    static unsigned char bytes[2 * ALL + 8];
    static real out[ALL + 1];
    for (int store = STORE_F16; store <= STORE_BF16; store++) {
        for (int off = 0; off < 4; off++) {
            for (int i = 0; i < ALL; i++) {
                const uint16_t half = (uint16_t)i;
                memcpy(bytes + off + 2 * i, &half, 2);
            }
            const Weight w = { .s = { 1, { ALL } }, .n = ALL, .store = (Store)store, .at = bytes + off, .name = "w" };
            for (int first = 0, count; first < ALL; first += count) {
                const int wish = first % 3 == 0 ? 1000 + off : 1 + first % 37;
                count = ALL - first < wish ? ALL - first : wish;
                out[first + count] = R(-7.5);
                weight_read(out + first, &w, (size_t)first, (size_t)count);
                CHECK(out[first + count] == R(-7.5), "wrote behind the %d values", count);
            }
            for (unsigned i = 0; i < ALL; i++) {
                const double expected = store == STORE_F16 ? f16_of(i) : bf16_of(i);
                CHECK(same(out[i], expected), "store %d pattern %04x: %.9g, expected %.9g", store, i, (double)out[i], expected);
            }
        }
    }
    CHECK(f16_of(0x3c00) == 1.0 && f16_of(0x0001) == 0x1p-24 && f16_of(0x7bff) == 65504.0 && f16_of(0x03ff) == 0x3ffp-24, "known values");
    CHECK(bf16_of(0x3f80) == 1.0 && bf16_of(0x0001) == 0x1p-133 && bf16_of(0xc049) == -3.140625, "known values");
}

static void wider_ones(void)
{
    const float f[6] = { 1.0f, -0.0f, 0x1p-149f, 0x1.fffffep127f, -INFINITY, 0x1.234566p-3f };
    const double d[6] = { 1.0, -0.0, 0x1p-149, 0x1.fffffep127, (double)-INFINITY, 0x1.23456789abcdep-3 };
    unsigned char bytes[64];
    real out[6];
    for (int off = 0; off < 8; off++) {
        memcpy(bytes + off, f, sizeof f);
        weight_read(out, &(Weight){ .s = { 1, { 6 } }, .n = 6, .store = STORE_F32, .at = bytes + off }, 0, 6);
        for (int i = 0; i < 6; i++) CHECK(same(out[i], (double)f[i]), "%d: %.9g", i, (double)out[i]);
        memcpy(bytes + off, d, sizeof d);
        weight_read(out, &(Weight){ .s = { 1, { 6 } }, .n = 6, .store = STORE_F64, .at = bytes + off }, 0, 6);
        for (int i = 0; i < 6; i++) CHECK(same(out[i], (double)(real)d[i]), "%d: %.17g", i, (double)out[i]);
    }
}

static void all_of_it(void)
{
    Err err = { 0 };
    Tape *t = tape_new(&err);
    for (int store = 0; store < STORES; store++) {
        MadeWeight m;
        weight_make(&m, (Shape){ 2, { 7, 19 } }, (Store)store, 0, 1);
        const real *all = weight_all(t, &m.w);
        CHECK((all == m.w.at) == (store == STORE_REAL), "only a weight that is real lies there already");
        for (size_t i = 0; i < m.w.n; i++) CHECK(same(all[i], (double)m.value[i]), "store %d, %zu", store, i);
        m.w.at = NULL;
        CHECK(weight_all(t, &m.w) == NULL, "no values, no array");
        weight_drop(&m);
    }
    CHECK(weight_all(t, NULL) == NULL, "no weight, no array");
    CHECK(!err.set, "%s", err.msg);
    tape_free(t);
}

/* C += x W^T and C += x W, and W as the left factor, against gemm_plain on the widened matrix. */
static void operands(void)
{
    enum { ROWS = 45, COLS = 421, OTHER = 37, MOST = ROWS > OTHER ? ROWS : OTHER };
    static real x[OTHER * COLS], c0[MOST * COLS], c1[MOST * COLS];
    Err err = { 0 };
    rng_normal(x, (RngAt){ 2, 0, 0, RNG_PROBE }, OTHER * COLS);
    for (int store = 0; store < STORES; store++) {
        MadeWeight m;
        weight_make(&m, (Shape){ 4, { ROWS, COLS, 1, 1 } }, (Store)store, 0, 3);
        const GemmMat w = gemm_rows(m.value, COLS), turned = gemm_transposed(m.value, COLS);
        const GemmMat by_cols = gemm_rows(x, COLS), by_rows = gemm_rows(x, ROWS), cols_by = gemm_transposed(x, COLS);
        const struct { GemmMat ma, mb; GemmOperand a, b; int M, N, K; } product[] = {
            { by_cols, turned, gemm_a(&by_cols), gemm_weight_rows(&m.w), OTHER, ROWS, COLS },      /* x W^T */
            { by_rows, w, gemm_a(&by_rows), gemm_weight_cols(&m.w), OTHER, COLS, ROWS },           /* x W */
            { w, cols_by, gemm_weight_rows(&m.w), gemm_b(&cols_by), ROWS, OTHER, COLS },           /* W x^T */
            { turned, by_rows, gemm_weight_cols(&m.w), gemm_b(&by_rows), COLS, ROWS, ROWS },       /* W^T x */
        };
        for (int k = 0; k < 4; k++) {
            const int M = product[k].M, N = product[k].N, K = product[k].K;
            memset(c0, 0, sizeof c0);
            memset(c1, 0, sizeof c1);
            real *work = mem_new(gemm_work(M, N, K, 1), sizeof(real), "work", &err);
            gemm_plain(c0, product[k].ma, product[k].mb, N, M, N, K);
            gemm_packed(c1, product[k].a, product[k].b, N, M, N, K, work, 1);
            CHECK(memcmp(c0, c1, sizeof c0) == 0, "store %d, product %d", store, k);
            mem_free(work);
        }
        weight_drop(&m);
    }
    CHECK(!err.set, "%s", err.msg);
}

int main(void)
{
    TEST(every_half);
    TEST(wider_ones);
    TEST(all_of_it);
    TEST(operands);
    return test_end();
}
