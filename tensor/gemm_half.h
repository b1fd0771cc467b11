/* gemm_half.h -- binary16 to binary32 by the processor's own instruction, where there is one; exact, subnormals too
 *
 * Included by weight.c only. f16_widen_fast: out (count) = the first values at `at` (of any alignment); returns how many
 * it did, from 0 to count, the rest being the caller's.
 */
#ifndef SDREF_GEMM_HALF_H
#define SDREF_GEMM_HALF_H

#include "tensor/real.h"

#if defined(__F16C__) && !defined(SDREF_F64)
#include <immintrin.h>

static inline size_t f16_widen_fast(real *out, const unsigned char *at, size_t count)
{
    size_t i = 0;
#ifdef __AVX512F__
    for (; i + 16 <= count; i += 16)
        _mm512_storeu_ps(out + i, _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(at + 2 * i))));
#endif
    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(at + 2 * i))));
    return i;
}
#else
static inline size_t f16_widen_fast(real *out, const unsigned char *at, size_t count)
{
    (void)out;
    (void)at;
    (void)count;
    return 0;
}
#endif

#endif
