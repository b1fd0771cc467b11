/* gemm_avx2.h -- a tile of 6 rows by two 32-byte registers: 12 of the 16 registers are accumulators
 *
 * Included by gemm.c and gemm_tile.h only.
 */
#ifndef SDREF_GEMM_AVX2_H
#define SDREF_GEMM_AVX2_H

#include <immintrin.h>

enum { GEMM_MR = 6, GEMM_NR = 64 / sizeof(real) };
#define GEMM_KERNEL "avx2"
#define EACH_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6)

#ifdef SDREF_F64
typedef __m256d Vec;
#define VEC_LOAD _mm256_loadu_pd
#define VEC_STORE _mm256_storeu_pd
#define VEC_ALL _mm256_set1_pd
#define VEC_FMA _mm256_fmadd_pd
#else
typedef __m256 Vec;
#define VEC_LOAD _mm256_loadu_ps
#define VEC_STORE _mm256_storeu_ps
#define VEC_ALL _mm256_set1_ps
#define VEC_FMA _mm256_fmadd_ps

/* Four columns of 8 rows: to (4,8), rows to_step apart, = transpose of from (8,4), rows from_step apart. Half h of
 * register m holds row 4h + m, so that a transpose of 4 x 4 within the halves is all that is left to do. */
#define TRANSPOSE_ROWS 8
static inline void transpose_strip(float *to, ptrdiff_t to_step, const float *from, ptrdiff_t from_step)
{
    __m256 row[4];
    for (int m = 0; m < 4; m++) {
        const float *at = from + m * from_step;
        row[m] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(at)), _mm_loadu_ps(at + 4 * from_step), 1);
    }
    const __m256d low01 = _mm256_castps_pd(_mm256_unpacklo_ps(row[0], row[1]));
    const __m256d high01 = _mm256_castps_pd(_mm256_unpackhi_ps(row[0], row[1]));
    const __m256d low23 = _mm256_castps_pd(_mm256_unpacklo_ps(row[2], row[3]));
    const __m256d high23 = _mm256_castps_pd(_mm256_unpackhi_ps(row[2], row[3]));
    _mm256_storeu_ps(to, _mm256_castpd_ps(_mm256_unpacklo_pd(low01, low23)));
    _mm256_storeu_ps(to + to_step, _mm256_castpd_ps(_mm256_unpackhi_pd(low01, low23)));
    _mm256_storeu_ps(to + 2 * to_step, _mm256_castpd_ps(_mm256_unpacklo_pd(high01, high23)));
    _mm256_storeu_ps(to + 3 * to_step, _mm256_castpd_ps(_mm256_unpackhi_pd(high01, high23)));
}
#endif

#endif
