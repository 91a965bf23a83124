/* The vectors of simd.h with AVX2, FMA and F16C: 8 lanes. */
#ifndef QN_KERNELS_SIMD_SIMD_AVX2_H
#define QN_KERNELS_SIMD_SIMD_AVX2_H

#include "kernels/simd/unroll.h"

#include <immintrin.h>
#include <string.h>

#define VF_NAME(NAME) NAME##_avx2
enum { VF_LANES = 8 };
typedef __m256 vf;

VF_INLINE __m256i vf_lanes(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(n > 8 ? 8 : n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
VF_INLINE vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
VF_INLINE vf vf_load_n(const float *p, int64_t n) {
    return n >= 8 ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, vf_lanes(n));
}
VF_INLINE void vf_store(float *p, vf v) { _mm256_storeu_ps(p, v); }
VF_INLINE void vf_store_n(float *p, vf v, int64_t n) {
    if (n >= 8)
        _mm256_storeu_ps(p, v);
    else
        _mm256_maskstore_ps(p, vf_lanes(n), v);
}
VF_INLINE vf vf_set1(float x) { return _mm256_set1_ps(x); }
VF_INLINE vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
VF_INLINE vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
VF_INLINE vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
VF_INLINE vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
VF_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
VF_INLINE vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
VF_INLINE vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
VF_INLINE vf vf_sqrt(vf a) { return _mm256_sqrt_ps(a); }
VF_INLINE vf vf_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
VF_INLINE vf vf_power(vf a) { return _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(0x7f800000))); }
VF_INLINE vf vf_round(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
VF_INLINE vf vf_select_lt(vf a, vf b, vf x, vf y) { return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
VF_INLINE void vf_part(vf a, vf b, vf *even, vf *odd) {
    __m256d e = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88)), o = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0xdd));
    *even = _mm256_castpd_ps(_mm256_permute4x64_pd(e, 0xd8));
    *odd = _mm256_castpd_ps(_mm256_permute4x64_pd(o, 0xd8));
}
VF_INLINE void vf_zip(vf a, vf b, vf *lo, vf *hi) {
    __m256 l = _mm256_unpacklo_ps(a, b), h = _mm256_unpackhi_ps(a, b);
    *lo = _mm256_permute2f128_ps(l, h, 0x20);
    *hi = _mm256_permute2f128_ps(l, h, 0x31);
}
VF_INLINE vf vf_or_nan(vf a, vf x) { return _mm256_blendv_ps(x, a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q)); }
VF_INLINE vf vf_scale2(vf x, vf n) { /* in two steps, each with an exponent that exists */
    __m256i e = _mm256_cvtps_epi32(n), h = _mm256_srai_epi32(e, 1), g = _mm256_sub_epi32(e, h),
            bias = _mm256_set1_epi32(127);
    vf a = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(h, bias), 23));
    vf b = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(g, bias), 23));
    return _mm256_mul_ps(_mm256_mul_ps(x, a), b);
}
VF_INLINE float vf_sum(vf a) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
VF_INLINE float vf_top(vf a) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
VF_INLINE __m128i vf_load_u16_n(const uint16_t *p, int64_t n) {
    __m128i v = _mm_setzero_si128();
    if (n >= 8)
        return _mm_loadu_si128((const __m128i *)(const void *)p);
    memcpy(&v, p, 2 * (size_t)n);
    return v;
}
VF_INLINE vf vf_load_f16_n(const uint16_t *p, int64_t n) { return _mm256_cvtph_ps(vf_load_u16_n(p, n)); }
VF_INLINE vf vf_load_bf16_n(const uint16_t *p, int64_t n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(vf_load_u16_n(p, n)), 16));
}
VF_INLINE vf vf_load_i8_n(const int8_t *p, int64_t n) {
    int64_t v = 0;
    memcpy(&v, p, (size_t)(n > 8 ? 8 : n));
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128(v)));
}
VF_INLINE vf vf_load_u8_n(const uint8_t *p, int64_t n) {
    int64_t v = 0;
    memcpy(&v, p, (size_t)(n > 8 ? 8 : n));
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(v)));
}
VF_INLINE void vf_store_low_n(uint8_t *p, vf v, int64_t n) {
    const __m256i low = _mm256_set1_epi32(0x0c080400);
    const __m256i b = _mm256_shuffle_epi8(_mm256_cvttps_epi32(v), low);
    const int64_t bytes = _mm_cvtsi128_si64(_mm_unpacklo_epi32(_mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1)));
    if (n >= 8)
        memcpy(p, &bytes, 8);
    else
        memcpy(p, &bytes, (size_t)n);
}
VF_INLINE void vf_store_u16_n(uint16_t *p, __m128i v, int64_t n) {
    if (n >= 8)
        _mm_storeu_si128((__m128i *)(void *)p, v);
    else
        memcpy(p, &v, 2 * (size_t)n);
}
VF_INLINE void vf_store_f16_n(uint16_t *p, vf v, int64_t n) {
    vf_store_u16_n(p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT), n);
}
VF_INLINE void vf_store_bf16_n(uint16_t *p, vf v, int64_t n) {
    __m256i u = _mm256_castps_si256(v), upper = _mm256_srli_epi32(u, 16);
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    __m256i up =
        _mm256_add_epi32(u, _mm256_add_epi32(_mm256_set1_epi32(0x7fff), _mm256_and_si256(upper, _mm256_set1_epi32(1))));
    __m256i r = _mm256_blendv_epi8(_mm256_srli_epi32(up, 16), _mm256_or_si256(upper, _mm256_set1_epi32(0x40)), nan);
    vf_store_u16_n(p, _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi32(r, r), 0x08)), n);
}
VF_INLINE void vf_transpose(vf r[8]) {
    vf t[8];
    VF_UNROLL
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    VF_UNROLL
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
        r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    VF_UNROLL
    for (int i = 0; i < 4; i++) {
        t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
        t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
    }
    VF_UNROLL
    for (int i = 0; i < 8; i++)
        r[i] = t[i];
}

#endif
