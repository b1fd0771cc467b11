/* gemm_avx512.h -- a tile of 14 rows by two 64-byte registers: 28 of the 32 registers are accumulators
 *
 * Included by gemm.c and gemm_tile.h only.
 */
#ifndef SDREF_GEMM_AVX512_H
#define SDREF_GEMM_AVX512_H

#include <immintrin.h>

enum { GEMM_MR = 14, GEMM_NR = 128 / sizeof(real) };
#define GEMM_KERNEL "avx512"
#define EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)

#ifdef SDREF_F64
typedef __m512d Vec;
#define VEC_LOAD _mm512_loadu_pd
#define VEC_STORE _mm512_storeu_pd
#define VEC_ALL _mm512_set1_pd
#define VEC_FMA _mm512_fmadd_pd
#else
typedef __m512 Vec;
#define VEC_LOAD _mm512_loadu_ps
#define VEC_STORE _mm512_storeu_ps
#define VEC_ALL _mm512_set1_ps
#define VEC_FMA _mm512_fmadd_ps

/* Four columns of 16 rows: to (4,16), rows to_step apart, = transpose of from (16,4), rows from_step apart. Quarter q of
 * register m holds row 4q + m, so that a transpose of 4 x 4 within the quarters is all that is left to do. */
#define TRANSPOSE_ROWS 16
static inline void transpose_strip(float *to, ptrdiff_t to_step, const float *from, ptrdiff_t from_step)
{
    __m512 row[4];
    for (int m = 0; m < 4; m++) {
        const float *at = from + m * from_step;
        row[m] = _mm512_castps128_ps512(_mm_loadu_ps(at));
        row[m] = _mm512_insertf32x4(row[m], _mm_loadu_ps(at + 4 * from_step), 1);
        row[m] = _mm512_insertf32x4(row[m], _mm_loadu_ps(at + 8 * from_step), 2);
        row[m] = _mm512_insertf32x4(row[m], _mm_loadu_ps(at + 12 * from_step), 3);
    }
    const __m512d low01 = _mm512_castps_pd(_mm512_unpacklo_ps(row[0], row[1]));
    const __m512d high01 = _mm512_castps_pd(_mm512_unpackhi_ps(row[0], row[1]));
    const __m512d low23 = _mm512_castps_pd(_mm512_unpacklo_ps(row[2], row[3]));
    const __m512d high23 = _mm512_castps_pd(_mm512_unpackhi_ps(row[2], row[3]));
    _mm512_storeu_ps(to, _mm512_castpd_ps(_mm512_unpacklo_pd(low01, low23)));
    _mm512_storeu_ps(to + to_step, _mm512_castpd_ps(_mm512_unpackhi_pd(low01, low23)));
    _mm512_storeu_ps(to + 2 * to_step, _mm512_castpd_ps(_mm512_unpacklo_pd(high01, high23)));
    _mm512_storeu_ps(to + 3 * to_step, _mm512_castpd_ps(_mm512_unpackhi_pd(high01, high23)));
}
#endif

#endif
