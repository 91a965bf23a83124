/* base/half.h with AVX-512: 16 elements at a time, masks at the end. VCVTNEPS2BF16 is not used: it takes subnormals
 * for zero. */
#include "base/half_impl.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include <immintrin.h>

static __mmask16 lanes(size_t left) { return _cvtu32_mask16(left >= 16 ? 0xffffu : (1u << left) - 1u); }

static void to_f16(const float *src, uint16_t *dst, size_t n) {
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = lanes(n - i);
        _mm256_mask_storeu_epi16(dst + i, m,
                                 _mm512_cvtps_ph(_mm512_maskz_loadu_ps(m, src + i), _MM_FROUND_TO_NEAREST_INT));
    }
}

static void from_f16(const uint16_t *src, float *dst, size_t n) {
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = lanes(n - i);
        _mm512_mask_storeu_ps(dst + i, m, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, src + i)));
    }
}

static void to_bf16(const float *src, uint16_t *dst, size_t n) {
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff), inf = _mm512_set1_epi32(0x7f800000);
    const __m512i below_half = _mm512_set1_epi32(0x7fff), one = _mm512_set1_epi32(1), quiet = _mm512_set1_epi32(0x40);
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = lanes(n - i);
        __m512i u = _mm512_maskz_loadu_epi32(m, src + i);
        __mmask16 nan = _mm512_cmpgt_epi32_mask(_mm512_and_si512(u, magnitude), inf);
        __m512i upper = _mm512_srli_epi32(u, 16);
        __m512i up = _mm512_add_epi32(u, _mm512_add_epi32(below_half, _mm512_and_si512(upper, one)));
        __m512i r = _mm512_mask_or_epi32(_mm512_srli_epi32(up, 16), nan, upper, quiet);
        _mm512_mask_cvtepi32_storeu_epi16(dst + i, m, r);
    }
}

static void from_bf16(const uint16_t *src, float *dst, size_t n) {
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = lanes(n - i);
        __m512i u = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, src + i));
        _mm512_mask_storeu_epi32(dst + i, m, _mm512_slli_epi32(u, 16));
    }
}

const qn_half_ops qn_half_ops_avx512 = {to_f16, from_f16, to_bf16, from_bf16};
#endif
