/* gemm_avx512.h -- a tile of 14 rows by two 64-byte registers: 28 of the 32 registers are accumulators
 *
 * Included by gemm.c only. c (14, GEMM_NR), rows c_row apart, += a (kn,14 lanes) b (kn,GEMM_NR lanes), k ascending.
 */
#ifndef SDREF_GEMM_AVX512_H
#define SDREF_GEMM_AVX512_H

#include <immintrin.h>

enum { GEMM_MR = 14, GEMM_NR = 128 / sizeof(real) };
#define GEMM_KERNEL "avx512"

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
#endif

#endif
