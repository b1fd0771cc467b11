/* gemm.c -- C += A B, one chain of fused multiply-adds per output, k ascending
 *
 * Method: as BLIS [Van Zee & van de Geijn 2015]. K is cut into blocks of GEMM_DEPTH; the block of A and of B is copied
 * ("packed") into panels of GEMM_MR and GEMM_NR lanes, so that a tile of GEMM_MR x GEMM_NR outputs is a loop over k of one
 * rank-1 update each, with the outputs in registers. A tile loads C at the start of every K block, so the chain of each
 * output goes through all blocks unbroken. At the edges panels are padded with 0 and the tile goes through a scratch tile
 * of which only the part inside C is kept.
 * Threads: C is cut into as many regions, each packs what it needs and has its own part of `work`. There is nothing to wait for
 * but the end, so that a thread that loses its core for a while does not stop the others.
 */
#include "tensor/gemm.h"

#include "tensor/err.h"
#include "tensor/par.h"

#include <string.h>

/* One short file per instruction set defines GEMM_MR, GEMM_NR and a vector of half a tile's row. */
#if defined(__AVX512F__)
#include "tensor/gemm_avx512.h"
#elif defined(__AVX2__) && defined(__FMA__)
#include "tensor/gemm_avx2.h"
#else
enum { GEMM_MR = 4, GEMM_NR = 8 };
#define GEMM_KERNEL "plain"
#endif

/* Blocks of C that are packed for at once: at most this many rows and columns (whole panels). */
enum { BLOCK_M = 96 * GEMM_MR, BLOCK_N = 1024 };

#ifdef VEC_FMA
/* c (GEMM_MR, GEMM_NR) += a (depth, GEMM_MR) b (depth, GEMM_NR).
 * TRAP: the loops over i must unroll, or the accumulators live in memory; gcc and clang do at -O2 and above. */
static void tile(real *c, const real *a, const real *b, ptrdiff_t c_row, int depth)
{
    enum { HALF = GEMM_NR / 2 };
    Vec left[GEMM_MR], right[GEMM_MR];
    for (int i = 0; i < GEMM_MR; i++) {
        left[i] = VEC_LOAD(c + i * c_row);
        right[i] = VEC_LOAD(c + i * c_row + HALF);
    }
    for (int k = 0; k < depth; k++) {
        const Vec b0 = VEC_LOAD(b + k * GEMM_NR);
        const Vec b1 = VEC_LOAD(b + k * GEMM_NR + HALF);
        for (int i = 0; i < GEMM_MR; i++) {
            const Vec ai = VEC_ALL(a[k * GEMM_MR + i]);
            left[i] = VEC_FMA(ai, b0, left[i]);
            right[i] = VEC_FMA(ai, b1, right[i]);
        }
    }
    for (int i = 0; i < GEMM_MR; i++) {
        VEC_STORE(c + i * c_row, left[i]);
        VEC_STORE(c + i * c_row + HALF, right[i]);
    }
}
#else
static void tile(real *c, const real *a, const real *b, ptrdiff_t c_row, int depth)
{
    real sum[GEMM_MR][GEMM_NR];
    for (int i = 0; i < GEMM_MR; i++)
        for (int j = 0; j < GEMM_NR; j++) sum[i][j] = c[i * c_row + j];
    for (int k = 0; k < depth; k++)
        for (int i = 0; i < GEMM_MR; i++)
            for (int j = 0; j < GEMM_NR; j++) sum[i][j] = r_fma(a[k * GEMM_MR + i], b[k * GEMM_NR + j], sum[i][j]);
    for (int i = 0; i < GEMM_MR; i++)
        for (int j = 0; j < GEMM_NR; j++) c[i * c_row + j] = sum[i][j];
}
#endif

static int smaller(int a, int b) { return a < b ? a : b; }

/* A tile of which rows x cols outputs exist. */
static void tile_at_edge(real *c, const real *a, const real *b, ptrdiff_t c_row, int rows, int cols, int depth)
{
    real whole[GEMM_MR * GEMM_NR] = {0};
    for (int i = 0; i < rows; i++) memcpy(whole + i * GEMM_NR, c + i * c_row, (size_t)cols * sizeof(real));
    tile(whole, a, b, GEMM_NR, depth);
    for (int i = 0; i < rows; i++) memcpy(c + i * c_row, whole + i * GEMM_NR, (size_t)cols * sizeof(real));
}

/* Lanes that do not exist are 0: their sums are thrown away, but nothing is computed from memory that was never set. */
static void pack_panel(real *panel, GemmOperand from, int width, int lane0, int lanes, int k0, int depth)
{
    if (lanes < width) memset(panel, 0, (size_t)(width * depth) * sizeof(real));
    from.pack(panel, from.from, width, lane0, lanes, k0, depth);
}

static int panels_of(int lanes, int width) { return (lanes + width - 1) / width; }

/* One K block of one block of C: rows i0 .. i0+rows, columns j0 .. j0+cols. */
static void block(real *c, GemmOperand a, GemmOperand b, ptrdiff_t c_row,
                  int i0, int rows, int j0, int cols, int k0, int depth, real *work)
{
    const int a_panels = panels_of(rows, GEMM_MR), b_panels = panels_of(cols, GEMM_NR);
    real *const packed_b = work;                                         /* (b_panels, depth, GEMM_NR) */
    real *const packed_a = work + (ptrdiff_t)b_panels * depth * GEMM_NR; /* (a_panels, depth, GEMM_MR) */
    for (int j = 0; j < cols; j += GEMM_NR)
        pack_panel(packed_b + (ptrdiff_t)j * depth, b, GEMM_NR, j0 + j, smaller(GEMM_NR, cols - j), k0, depth);
    for (int i = 0; i < rows; i += GEMM_MR)
        pack_panel(packed_a + (ptrdiff_t)i * depth, a, GEMM_MR, i0 + i, smaller(GEMM_MR, rows - i), k0, depth);
    for (int t = 0; t < a_panels * b_panels; t++) {
        const int i = t % a_panels * GEMM_MR, j = t / a_panels * GEMM_NR;
        const real *pa = packed_a + (ptrdiff_t)i * depth, *pb = packed_b + (ptrdiff_t)j * depth;
        real *out = c + (i0 + i) * c_row + j0 + j;
        if (rows - i >= GEMM_MR && cols - j >= GEMM_NR) tile(out, pa, pb, c_row, depth);
        else tile_at_edge(out, pa, pb, c_row, smaller(GEMM_MR, rows - i), smaller(GEMM_NR, cols - j), depth);
    }
}

/* C is cut into `down` x `across` regions of `rows` x `cols` outputs (whole tiles), one a thread. */
typedef struct { int down, across, rows, cols; } Cut;

/* The cut that leaves the largest region least to do, when copying one element costs as much as COPY multiply-adds. */
static Cut cut_of(int M, int N, int threads)
{
    enum { COPY = 32 };
    const int a_panels = panels_of(M, GEMM_MR), b_panels = panels_of(N, GEMM_NR);
    Cut best = {0};
    double least = 0.0;
    for (int down = 1; down <= threads; down++) {
        Cut cut;
        cut.rows = panels_of(a_panels, down) * GEMM_MR;
        cut.cols = panels_of(b_panels, threads / down) * GEMM_NR;
        cut.down = panels_of(M, cut.rows);
        cut.across = panels_of(N, cut.cols);
        const double cost = (double)cut.rows * cut.cols + COPY * ((double)cut.rows + cut.cols);
        if (down == 1 || cost < least) {
            best = cut;
            least = cost;
        }
    }
    return best;
}

/* Reals that one region needs. */
static size_t region_work(Cut cut, int K)
{
    return (size_t)(smaller(cut.rows, BLOCK_M) + smaller(cut.cols, BLOCK_N)) * (size_t)smaller(K, GEMM_DEPTH);
}

size_t gemm_work(int M, int N, int K, int threads)
{
    if (M <= 0 || N <= 0 || K <= 0) return 0;
    const Cut cut = cut_of(M, N, threads);
    return (size_t)(cut.down * cut.across) * region_work(cut, K);
}

static void region(real *c, GemmOperand a, GemmOperand b, ptrdiff_t c_row, int i0, int i1, int j0, int j1, int K, real *work)
{
    for (int i = i0; i < i1; i += BLOCK_M)
        for (int j = j0; j < j1; j += BLOCK_N)
            for (int k = 0; k < K; k += GEMM_DEPTH)
                block(c, a, b, c_row, i, smaller(BLOCK_M, i1 - i), j, smaller(BLOCK_N, j1 - j),
                      k, smaller(GEMM_DEPTH, K - k), work);
}

void gemm_packed(real *c, GemmOperand a, GemmOperand b, ptrdiff_t c_row, int M, int N, int K, real *work, int threads)
{
    BUG_IF(M < 0 || N < 0 || K < 0 || threads < 1, "gemm: %d x %d x %d, %d threads", M, N, K, threads);
    if (M == 0 || N == 0 || K == 0) return;
    if (threads == 1) {
        region(c, a, b, c_row, 0, M, 0, N, K, work);
        return;
    }
    const Cut cut = cut_of(M, N, threads);
    const size_t each = region_work(cut, K);
    PAR_FOR
    for (int r = 0; r < cut.down * cut.across; r++) {
        const int i = r / cut.across * cut.rows, j = r % cut.across * cut.cols;
        region(c, a, b, c_row, i, i + smaller(cut.rows, M - i), j, j + smaller(cut.cols, N - j), K, work + (size_t)r * each);
    }
}

static void pack_lanes(real *panel, const real *at, ptrdiff_t lane_step, ptrdiff_t k_step, int width, int lanes, int depth)
{
    if (lane_step == 1) {
        for (int k = 0; k < depth; k++) memcpy(panel + k * width, at + k * k_step, (size_t)lanes * sizeof(real));
        return;
    }
    for (int k = 0; k < depth; k++)
        for (int l = 0; l < lanes; l++) panel[k * width + l] = at[l * lane_step + k * k_step];
}

static void pack_rows(real *panel, const void *from, int width, int lane0, int lanes, int k0, int depth)
{
    const GemmMat *a = from;
    pack_lanes(panel, a->at + lane0 * a->row + k0 * a->col, a->row, a->col, width, lanes, depth);
}

static void pack_cols(real *panel, const void *from, int width, int lane0, int lanes, int k0, int depth)
{
    const GemmMat *b = from;
    pack_lanes(panel, b->at + lane0 * b->col + k0 * b->row, b->col, b->row, width, lanes, depth);
}

GemmOperand gemm_a(const GemmMat *a) { return (GemmOperand){ pack_rows, a }; }
GemmOperand gemm_b(const GemmMat *b) { return (GemmOperand){ pack_cols, b }; }

void gemm(real *c, GemmMat a, GemmMat b, ptrdiff_t c_row, int M, int N, int K, real *work, int threads)
{
    gemm_packed(c, gemm_a(&a), gemm_b(&b), c_row, M, N, K, work, threads);
}

void gemm_plain(real *c, GemmMat a, GemmMat b, ptrdiff_t c_row, int M, int N, int K)
{
    for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
            real sum = c[i * c_row + j];
            for (int k = 0; k < K; k++) sum = r_fma(a.at[i * a.row + k * a.col], b.at[k * b.row + j * b.col], sum);
            c[i * c_row + j] = sum;
        }
    }
}

const char *gemm_kernel(void) { return GEMM_KERNEL; }
