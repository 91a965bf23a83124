/* base/half.h with AVX2 and F16C: 8 elements at a time, the rest one by one. */
#include "base/half_impl.h"

#if defined(__AVX2__) && defined(__F16C__)
#include <immintrin.h>

static void to_f16(const float *src, uint16_t *dst, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(dst + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
    for (; i < n; i++)
        dst[i] = qn_f32_to_f16(src[i]);
}

static void from_f16(const uint16_t *src, float *dst, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(src + i))));
    for (; i < n; i++)
        dst[i] = qn_f16_to_f32(src[i]);
}

static void to_bf16(const float *src, uint16_t *dst, size_t n) {
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff), inf = _mm256_set1_epi32(0x7f800000);
    const __m256i below_half = _mm256_set1_epi32(0x7fff), one = _mm256_set1_epi32(1), quiet = _mm256_set1_epi32(0x40);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i u = _mm256_loadu_si256((const __m256i *)(const void *)(src + i));
        __m256i nan = _mm256_cmpgt_epi32(_mm256_and_si256(u, magnitude), inf);
        __m256i upper = _mm256_srli_epi32(u, 16);
        __m256i up = _mm256_add_epi32(u, _mm256_add_epi32(below_half, _mm256_and_si256(upper, one)));
        __m256i r = _mm256_blendv_epi8(_mm256_srli_epi32(up, 16), _mm256_or_si256(upper, quiet), nan);
        __m256i p = _mm256_permute4x64_epi64(_mm256_packus_epi32(r, r), 0x08);
        _mm_storeu_si128((__m128i *)(void *)(dst + i), _mm256_castsi256_si128(p));
    }
    for (; i < n; i++)
        dst[i] = qn_f32_to_bf16(src[i]);
}

static void from_bf16(const uint16_t *src, float *dst, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i u = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(src + i)));
        _mm256_storeu_si256((__m256i *)(void *)(dst + i), _mm256_slli_epi32(u, 16));
    }
    for (; i < n; i++)
        dst[i] = qn_bf16_to_f32(src[i]);
}

const qn_half_ops qn_half_ops_avx2 = {to_f16, from_f16, to_bf16, from_bf16};
#endif
