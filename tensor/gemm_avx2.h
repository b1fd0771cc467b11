/* gemm_avx2.h -- a tile of 6 rows by two 32-byte registers: 12 of the 16 registers are accumulators
 *
 * Included by gemm.c only.
 */
#ifndef SDREF_GEMM_AVX2_H
#define SDREF_GEMM_AVX2_H

#include <immintrin.h>

enum { GEMM_MR = 6, GEMM_NR = 64 / sizeof(real) };
#define GEMM_KERNEL "avx2"

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
#endif

#endif
