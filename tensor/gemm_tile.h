/* gemm_tile.h -- one tile of outputs in registers, for products whose operands are panels already (attention.c, render/mlp.c)
 *
 * A panel is a part of an operand with lanes side by side: a (depth, rows), b (depth, GEMM_NR). gemm.c, which packs matrices
 * of its callers, has a tile of its own.
 */
#ifndef SDREF_GEMM_TILE_H
#define SDREF_GEMM_TILE_H

#include "tensor/real.h"

/* One short file per instruction set defines GEMM_MR, GEMM_NR and a vector of half a tile's row. */
#if defined(__AVX512F__)
#include "tensor/gemm_avx512.h"
#elif defined(__AVX2__) && defined(__FMA__)
#include "tensor/gemm_avx2.h"
#else
enum { GEMM_MR = 4, GEMM_NR = 8 };
#define GEMM_KERNEL "plain"
#endif

#ifdef __GNUC__
#define TILE_INLINE inline __attribute__((always_inline))
#else
#define TILE_INLINE inline
#endif

#ifdef VEC_FMA
/* c (rows, GEMM_NR) += a (depth, rows) b (depth, GEMM_NR), one chain of r_fma per output; rows of each c_row, a_row, b_row apart.
 * TRAP: rows <= GEMM_MR is a constant where this is called, and the loops over i must unroll, or the accumulators live in memory;
 * gcc and clang do both at -O2 and above. */
static TILE_INLINE void gemm_tile_of(real *c, ptrdiff_t c_row, const real *a, ptrdiff_t a_row, const real *b, ptrdiff_t b_row, int rows, int depth)
{
    enum { HALF = GEMM_NR / 2 };
    Vec left[GEMM_MR], right[GEMM_MR];
    for (int i = 0; i < rows; i++) {
        left[i] = VEC_LOAD(c + i * c_row);
        right[i] = VEC_LOAD(c + i * c_row + HALF);
    }
    for (int k = 0; k < depth; k++) {
        const Vec b0 = VEC_LOAD(b + k * b_row);
        const Vec b1 = VEC_LOAD(b + k * b_row + HALF);
        for (int i = 0; i < rows; i++) {
            const Vec ai = VEC_ALL(a[k * a_row + i]);
            left[i] = VEC_FMA(ai, b0, left[i]);
            right[i] = VEC_FMA(ai, b1, right[i]);
        }
    }
    for (int i = 0; i < rows; i++) {
        VEC_STORE(c + i * c_row, left[i]);
        VEC_STORE(c + i * c_row + HALF, right[i]);
    }
}
#else
static TILE_INLINE void gemm_tile_of(real *c, ptrdiff_t c_row, const real *a, ptrdiff_t a_row, const real *b, ptrdiff_t b_row, int rows, int depth)
{
    real sum[GEMM_MR][GEMM_NR];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < GEMM_NR; j++) sum[i][j] = c[i * c_row + j];
    for (int k = 0; k < depth; k++)
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < GEMM_NR; j++) sum[i][j] = r_fma(a[k * a_row + i], b[k * b_row + j], sum[i][j]);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < GEMM_NR; j++) c[i * c_row + j] = sum[i][j];
}
#endif

/* The same for any rows, 1..GEMM_MR, which picks among tiles of constant height. */
static inline void gemm_tile_rows(real *c, ptrdiff_t c_row, const real *a, ptrdiff_t a_row, const real *b, ptrdiff_t b_row, int rows, int depth)
{
#ifdef VEC_FMA
#define OF_ROWS(n) case n: gemm_tile_of(c, c_row, a, a_row, b, b_row, n, depth); return;
    switch (rows) { EACH_ROWS(OF_ROWS) }
#undef OF_ROWS
#else
    gemm_tile_of(c, c_row, a, a_row, b, b_row, rows, depth);
#endif
}

/* The same for panels, whose rows lie one behind the other. */
static inline void gemm_tile(real *c, const real *a, const real *b, ptrdiff_t c_row, int rows, int depth)
{
    gemm_tile_of(c, c_row, a, rows, b, GEMM_NR, rows, depth);
}

#endif
