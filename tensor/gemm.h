/* gemm.h -- the matrix product under linear layers, convolution and attention:  C (M,N) += A (M,K) B (K,N)
 *
 * C holds the start of every sum when the product begins: the gradient already there, say. Then
 *
 *     for k = 0 .. K-1, ascending:  C_ij = r_fma(A_ik, B_kj, C_ij)
 *
 * one chain per output. gemm_plain is this definition. gemm, gemm_packed and gemm_into give the same bits (which NaN comes
 * out is open) for every size, instruction set and number of threads: they block, vectorise and share out work across
 * outputs. No output is read or written outside (M,N); C does not overlap A or B.
 */
#ifndef SDREF_GEMM_H
#define SDREF_GEMM_H

#include "tensor/real.h"

/* A matrix in memory: element (i,j) is at[i row + j col]. */
typedef struct { const real *at; ptrdiff_t row, col; } GemmMat;

/* Row-major, rows `row` apart; and the transpose of one that is. */
static inline GemmMat gemm_rows(const real *at, ptrdiff_t row)       { GemmMat m = { at, row, 1 }; return m; }
static inline GemmMat gemm_transposed(const real *at, ptrdiff_t row) { GemmMat m = { at, 1, row }; return m; }

/* The definition: three loops, one thread. c (M,N) row-major with rows `c_row` apart. */
void gemm_plain(real *c, GemmMat a, GemmMat b, ptrdiff_t c_row, int M, int N, int K);

/* Fast. C is cut into at most `threads` regions: par_threads() at top level, 1 inside a parallel loop. `work` is
 * gemm_work(M, N, K, threads) reals (216,000 a thread in the largest case), nobody else's during the call; what it holds
 * before and after does not matter. Aligned to 64 bytes is fastest. */
void   gemm(real *c, GemmMat a, GemmMat b, ptrdiff_t c_row, int M, int N, int K, real *work, int threads);
size_t gemm_work(int M, int N, int K, int threads);

/* For operands that are no matrix in memory (patches of an image, weights of a narrower type): a function that copies a
 * part of the operand into a panel. A lane is a row of A or a column of B; for lane0 <= l < lane0 + lanes and
 * k0 <= k < k0 + depth
 *
 *     along_k == 0:  panel[(k - k0) step + (l - lane0)] = A_lk or B_kl
 *     along_k == 1:  panel[(l - lane0) step + (k - k0)] = A_lk or B_kl
 *
 * whichever copies longer runs. 1 <= lanes <= GEMM_LANES_MAX, 1 <= depth <= GEMM_DEPTH; other elements of the panel are left
 * alone. Several threads call it at once, so it only reads `from`. */
enum { GEMM_DEPTH = 384, GEMM_LANES_MAX = 32 };
typedef void GemmPack(real *panel, const void *from, int step, int lane0, int lanes, int k0, int depth);

/* Columns of B that lie side by side for every k need no panel: for lane0 <= l < lane0 + lanes
 *
 *     B_kl = place(from, lane0, lanes)[offset[k - k0] + (l - lane0)],  offset[k - k0] for k0 <= k < k0 + depth being the same
 *
 * for all columns. place returns NULL where they do not lie so: those are packed. */
typedef const real *GemmPlace(const void *from, int lane0, int lanes);
typedef void GemmOffsets(ptrdiff_t *offset, const void *from, int k0, int depth);

typedef struct GemmOperand {
    GemmPack *pack;
    const void *from;
    int along_k;
    const void *at;           /* A only, to have it fetched ahead of time: rows that lie whole in memory, a_lk at */
    size_t lane_bytes, k_bytes;                           /* at + l lane_bytes + k k_bytes; NULL: not so, or not worth it */
    GemmPlace *place;         /* B only, to have it multiplied where it lies; NULL: it is packed */
    GemmOffsets *offsets;
} GemmOperand;

/* One long-lived GemmMat as an operand: as rows of A, or as columns of B. */
GemmOperand gemm_a(const GemmMat *a);
GemmOperand gemm_b(const GemmMat *b);
void gemm_packed(real *c, GemmOperand a, GemmOperand b, ptrdiff_t c_row, int M, int N, int K, real *work, int threads);

/* For outputs that lie in pieces and sums that start from a bias: C_ij is at[i row + j % cols + j / cols * next], so that the
 * columns may be the pixels of all images of a batch; values that C held are used (GEMM_HELD) or never read (the others). */
typedef enum { GEMM_HELD, GEMM_ROWS, GEMM_COLS } GemmStart;
typedef struct GemmOut {
    real *at;
    ptrdiff_t row, next;
    int cols;                 /* N and more: one piece */
    GemmStart start;          /* a sum starts from C_ij, from bias[i], or from bias[j] */
    const real *bias;         /* NULL: 0 */
} GemmOut;
void gemm_into(const GemmOut *c, GemmOperand a, GemmOperand b, int M, int N, int K, real *work, int threads);

/* to (cols, rows), rows to_step apart, = transpose of from (rows, cols), rows from_step apart. */
void gemm_transpose(real *to, ptrdiff_t to_step, const real *from, ptrdiff_t from_step, int rows, int cols);

const char *gemm_kernel(void);                                      /* "avx512", "avx2" or "plain": which tile was compiled */

#endif
