/* t_gemm.c -- the tiled matrix product against its definition, bit for bit, and the definition against wider arithmetic */
#include "tests/harness.h"

#include "tensor/gemm.h"
#include "tensor/mem.h"
#include "tensor/par.h"

static uint32_t state = 1;
static uint32_t draw(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}
static int draw_below(int n) { return (int)(draw() % (uint32_t)n); }
static real draw_real(void) { return (real)((double)draw() / 8388608.0 - 1.0); }   /* 24 bits: sums round */

enum { ROOM = 1 << 18, GUARD = 64 };
static real a[ROOM], b[ROOM], c0[ROOM], c1[ROOM], c2[ROOM];

static void fill(real *x, real value)
{
    for (int i = 0; i < ROOM; i++) x[i] = value;
}

/* A matrix in a sea of NaN, row-major or transposed, its rows `slack` further apart than they must be. */
static GemmMat matrix(real *x, int rows, int cols, int transposed, int slack)
{
    const ptrdiff_t step = (transposed ? rows : cols) + slack;
    const GemmMat m = transposed ? gemm_transposed(x, step) : gemm_rows(x, step);
    fill(x, (real)NAN);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++) x[i * m.row + j * m.col] = draw_real();
    return m;
}

/* One product in every way: all of c equal, outputs and what lies between and behind them. */
static void compare(GemmMat ma, GemmMat mb, int M, int N, int K, int slack, int threads)
{
    Err err = {0};
    const ptrdiff_t c_row = N + slack;
    for (int i = 0; i < ROOM; i++) c0[i] = draw_real();
    memcpy(c1, c0, sizeof c0);
    memcpy(c2, c0, sizeof c0);
    gemm_plain(c1, ma, mb, c_row, M, N, K);
    const size_t need = gemm_work(M, N, K, threads);
    real *work = mem_new(need + GUARD, sizeof(real), "work", &err);
    CHECK(work != NULL, "%s", err.msg);
    if (!work) return;
    for (size_t i = 0; i < need + GUARD; i++) work[i] = i < need ? (real)NAN : R(7.0);
    par_threads_set(threads);
    gemm(c2, ma, mb, c_row, M, N, K, work, threads);
    CHECK(memcmp(c1, c2, sizeof c1) == 0, "%d x %d x %d, %d threads", M, N, K, threads);
    for (size_t i = need; i < need + GUARD; i++) CHECK(work[i] == R(7.0), "work is larger than gemm_work says");
    mem_free(work);
}

static void tiled_equals_plain(void)
{
    static const int threads[4] = { 1, 2, 3, 8 };
    const int before = par_threads();
    for (int k = 0; k < 240; k++) {
        const int most = k % 8 == 0 ? 150 : 40;                             /* one in eight is worth a second thread */
        const int M = 1 + draw_below(most), N = 1 + draw_below(most), K = 1 + draw_below(most);
        const int sa = draw_below(4), sb = draw_below(4), sc = draw_below(4);
        const GemmMat ma = matrix(a, M, K, k & 1, sa), mb = matrix(b, K, N, k >> 1 & 1, sb);
        compare(ma, mb, M, N, K, sc, threads[(k >> 2) % 4]);
    }
    /* Beyond one block in M, N, K; whole tiles; single rows and columns; nothing. */
    static const int shapes[][3] = { { 1400, 5, 3 }, { 3, 1100, 2 }, { 20, 33, 700 }, { 84, 96, 384 }, { 61, 70, 513 },
                                     { 1, 1, 1000 }, { 1, 300, 9 }, { 300, 1, 9 }, { 0, 4, 4 }, { 4, 0, 4 }, { 4, 4, 0 } };
    for (int s = 0; s < (int)(sizeof shapes / sizeof shapes[0]); s++) {
        const int M = shapes[s][0], N = shapes[s][1], K = shapes[s][2];
        for (int t = 0; t < 4; t++) {
            const GemmMat ma = matrix(a, M, K, t & 1, 0), mb = matrix(b, K, N, t >> 1, 0);
            compare(ma, mb, M, N, K, 0, threads[t]);
        }
    }
    par_threads_set(before);
}

/* C in pieces of any width, sums that start from a bias or 0: every element of the product where GemmOut says, nothing else touched. */
static void pieces_and_starts(void)
{
    static real work[910000];
    for (int k = 0; k < 120; k++) {
        const int most = k % 4 == 0 ? 120 : 40, threads = 1 + k % 3;
        const int M = 1 + draw_below(most), N = 1 + draw_below(most), K = k % 10 == 0 ? 0 : k % 10 == 1 ? 900 : 1 + draw_below(most);
        const int narrow = 1 + draw_below(N), wide = N + draw_below(9), slack = draw_below(4);
        const int wish[5] = { 16, 8, 32, narrow, wide }, cols = wish[draw_below(5)];
        const GemmMat ma = matrix(a, M, K, k & 1, 0), mb = matrix(b, K, N, k >> 1 & 1, 0);
        const GemmStart start = (GemmStart)draw_below(3);
        real bias[128];
        for (int i = 0; i < 128; i++) bias[i] = draw_real();
        GemmOut out = { .at = c2, .row = cols + slack, .cols = cols, .start = start, .bias = draw_below(3) == 0 ? NULL : bias };
        out.next = out.row * M + draw_below(3);
        fill(c1, R(7.0));
        fill(c2, R(7.0));
        for (int i = 0; i < M; i++) {
            for (int j = 0; j < N; j++) {
                const ptrdiff_t at = i * out.row + j % cols + j / cols * out.next;
                const real first = out.bias == NULL ? R(0.0) : start == GEMM_ROWS ? bias[i] : bias[j];
                c2[at] = start == GEMM_HELD ? draw_real() : (real)NAN;
                real sum = start == GEMM_HELD ? c2[at] : first;
                for (int u = 0; u < K; u++) sum = r_fma(ma.at[i * ma.row + u * ma.col], mb.at[u * mb.row + j * mb.col], sum);
                c1[at] = sum;
            }
        }
        CHECK(gemm_work(M, N, K, threads) <= 910000, "room");
        par_threads_set(threads);
        gemm_into(&out, gemm_a(&ma), gemm_b(&mb), M, N, K, work, threads);
        CHECK(memcmp(c1, c2, sizeof c1) == 0, "%d x %d x %d, pieces of %d, start %d, %d threads", M, N, K, cols, (int)start, threads);
    }
}

/* The chain by another road: K rounded steps of wider arithmetic each off by at most half a unit of the running sum. */
static void near_the_truth(void)
{
    enum { M = 7, N = 9, K = 1000 };
    const GemmMat ma = matrix(a, M, K, 0, 0), mb = matrix(b, K, N, 0, 0);
    fill(c1, R(0.25));
    gemm_plain(c1, ma, mb, N, M, N, K);
    for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
            long double sum = 0.25L, size = 0.25L;
            for (int k = 0; k < K; k++) {
                const long double term = (long double)a[i * K + k] * (long double)b[k * N + j];
                sum += term;
                size += fabsl(term);
            }
            CHECK_LE(fabsl((long double)c1[i * N + j] - sum), K * (double)REAL_EPS / 2 * (double)size, "output %d %d", i, j);
        }
    }
}

/* In this order 1 survives; in another it does not: 2^p + 1 - 2^p with 1 below half a unit of 2^p, k ascending. */
static void the_order_is_ascending(void)
{
    const real big = R(4.0) / REAL_EPS;
    const real row[4] = { big, R(1.0), -big, R(1.0) }, ones[4] = { 1, 1, 1, 1 };
    static real work[910000];
    real c = 0;
    CHECK(gemm_work(1, 1, 4, 1) <= 910000, "room");
    gemm(&c, gemm_rows(row, 4), gemm_rows(ones, 1), 1, 1, 1, 4, work, 1);
    CHECK(c == R(1.0), "%g", (double)c);
    /* And each step is fused: (1+e)(1-e) - 1 = -e^2 is lost when the product rounds first. */
    const real x = R(1.0) + REAL_EPS, y = R(1.0) - REAL_EPS;
    c = R(-1.0);
    gemm(&c, gemm_rows(&x, 1), gemm_rows(&y, 1), 1, 1, 1, 1, work, 1);
    CHECK(c == -REAL_EPS * REAL_EPS, "%g", (double)c);
}

static void what_is_not_finite_stays(void)
{
    enum { M = 19, N = 37, K = 500 };
    static real work[910000];
    CHECK(gemm_work(M, N, K, 1) <= 910000, "room");
    for (int round = 0; round < 40; round++) {
        const GemmMat ma = matrix(a, M, K, 0, 0), mb = matrix(b, K, N, 0, 0);
        const int row = draw_below(M), col = draw_below(N), k = draw_below(K);
        a[row * K + k] = round % 2 ? (real)NAN : (real)INFINITY;
        b[k * N + col] = round % 4 < 2 ? R(0.0) : R(1.0);
        fill(c1, 0);
        gemm(c1, ma, mb, N, M, N, K, work, 1);
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++) CHECK(isfinite(c1[i * N + j]) == (i != row), "output %d %d, bad row %d", i, j, row);
        const real hit = c1[row * N + col];
        CHECK(round % 4 == 2 ? isinf(hit) : isnan(hit), "inf 1 is inf; inf 0 and NaN are NaN: %g", (double)hit);
    }
    /* 0 times infinity: padded rows and columns must not leak between or behind the outputs. */
    const GemmMat ma = matrix(a, M, K, 0, 0);
    fill(b, (real)INFINITY);
    fill(c1, R(3.0));
    gemm(c1, ma, gemm_rows(b, N), N + 40, M, N, K, work, 1);
    for (int i = 0; i < M + 20; i++)
        for (int j = 0; j < N + 40; j++)
            CHECK((c1[i * (N + 40) + j] == R(3.0)) == (i >= M || j >= N), "output %d %d", i, j);
}

/* Convolution by a packing function: B_kj = x[channel][y + ky - 1][x + kx - 1] or 0, k = (channel, ky, kx), j = (y, x). */
enum { CIN = 5, COUT = 6, H = 9, W = 7, TAPS = 9 };
typedef struct { const int8_t *x; } Image;

static real pixel(const Image *m, int c, int y, int x)
{
    return y < 0 || y >= H || x < 0 || x >= W ? R(0.0) : (real)m->x[(c * H + y) * W + x] / R(7.0);
}

static void pack_patches(real *panel, const void *from, int step, int lane0, int lanes, int k0, int depth)
{
    CHECK(lanes >= 1 && lanes <= step && lanes <= GEMM_LANES_MAX, "lanes %d step %d", lanes, step);
    CHECK(depth >= 1 && depth <= GEMM_DEPTH && lane0 + lanes <= H * W && k0 + depth <= CIN * TAPS, "depth %d", depth);
    for (int k = 0; k < depth; k++) {
        const int c = (k0 + k) / TAPS, ky = (k0 + k) % TAPS / 3, kx = (k0 + k) % 3;
        for (int l = 0; l < lanes; l++)
            panel[k * step + l] = pixel(from, c, (lane0 + l) / W + ky - 1, (lane0 + l) % W + kx - 1);
    }
}

static void convolution_on_top(void)
{
    static int8_t bytes[CIN * H * W];
    static real work[910000];
    const Image image = { bytes };
    for (int i = 0; i < CIN * H * W; i++) bytes[i] = (int8_t)(draw_below(255) - 127);
    const GemmMat w = matrix(a, COUT, CIN * TAPS, 0, 0);
    for (int o = 0; o < COUT; o++)
        for (int p = 0; p < H * W; p++) c1[o * H * W + p] = (real)o;                                   /* bias */
    const GemmOperand patches = { .pack = pack_patches, .from = &image };
    gemm_packed(c1, gemm_a(&w), patches, H * W, COUT, H * W, CIN * TAPS, work, 1);
    for (int o = 0; o < COUT; o++) {
        for (int y = 0; y < H; y++) {
            for (int x = 0; x < W; x++) {
                real sum = (real)o;
                for (int c = 0; c < CIN; c++)
                    for (int ky = 0; ky < 3; ky++)
                        for (int kx = 0; kx < 3; kx++)
                            sum = r_fma(a[((o * CIN + c) * 3 + ky) * 3 + kx], pixel(&image, c, y + ky - 1, x + kx - 1), sum);
                CHECK(c1[(o * H + y) * W + x] == sum, "output %d %d %d", o, y, x);
            }
        }
    }
}

int main(void)
{
    printf("tile: %s\n", gemm_kernel());
    TEST(tiled_equals_plain);
    TEST(pieces_and_starts);
    TEST(near_the_truth);
    TEST(the_order_is_ascending);
    TEST(what_is_not_finite_stays);
    TEST(convolution_on_top);
    return test_end();
}
