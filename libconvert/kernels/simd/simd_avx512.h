/* The vectors of simd.h with AVX-512 (F, BW, DQ, VL): 16 lanes. */
#ifndef QN_KERNELS_SIMD_SIMD_AVX512_H
#define QN_KERNELS_SIMD_SIMD_AVX512_H

#include "kernels/simd/unroll.h"

#include <immintrin.h>

#define VF_NAME(NAME) NAME##_avx512
enum { VF_LANES = 16 };
typedef __m512 vf;
typedef __mmask16 vf_mask;

VF_INLINE vf_mask vf_lanes(int64_t n) { return _cvtu32_mask16(n >= 16 ? 0xffffu : (1u << (n < 0 ? 0 : n)) - 1u); }
VF_INLINE vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
VF_INLINE vf vf_load_n(const float *p, int64_t n) { return _mm512_maskz_loadu_ps(vf_lanes(n), p); }
VF_INLINE void vf_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
VF_INLINE void vf_store_n(float *p, vf v, int64_t n) { _mm512_mask_storeu_ps(p, vf_lanes(n), v); }
VF_INLINE vf vf_set1(float x) { return _mm512_set1_ps(x); }
VF_INLINE vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
VF_INLINE vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
VF_INLINE vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
VF_INLINE vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
VF_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
VF_INLINE vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
VF_INLINE vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
VF_INLINE vf vf_sqrt(vf a) { return _mm512_sqrt_ps(a); }
VF_INLINE vf vf_abs(vf a) { return _mm512_abs_ps(a); }
VF_INLINE vf vf_power(vf a) { return _mm512_and_ps(a, _mm512_castsi512_ps(_mm512_set1_epi32(0x7f800000))); }
VF_INLINE vf vf_round(vf a) { return _mm512_roundscale_ps(a, 0); }
VF_INLINE vf vf_select_lt(vf a, vf b, vf x, vf y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}
VF_INLINE void vf_part(vf a, vf b, vf *even, vf *odd) {
    const __m512i e = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    *even = _mm512_permutex2var_ps(a, e, b);
    *odd = _mm512_permutex2var_ps(a, _mm512_add_epi32(e, _mm512_set1_epi32(1)), b);
}
VF_INLINE void vf_zip(vf a, vf b, vf *lo, vf *hi) {
    const __m512i i = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    *lo = _mm512_permutex2var_ps(a, i, b);
    *hi = _mm512_permutex2var_ps(a, _mm512_add_epi32(i, _mm512_set1_epi32(8)), b);
}
VF_INLINE vf vf_or_nan(vf a, vf x) { return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), x, a); }
VF_INLINE vf vf_scale2(vf x, vf n) { return _mm512_scalef_ps(x, n); }
VF_INLINE float vf_sum(vf a) { return _mm512_reduce_add_ps(a); }
VF_INLINE float vf_top(vf a) { return _mm512_reduce_max_ps(a); }
VF_INLINE vf vf_load_f16_n(const uint16_t *p, int64_t n) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(vf_lanes(n), p));
}
VF_INLINE vf vf_load_bf16_n(const uint16_t *p, int64_t n) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(vf_lanes(n), p)), 16));
}
VF_INLINE vf vf_load_i8_n(const int8_t *p, int64_t n) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(vf_lanes(n), p)));
}
VF_INLINE vf vf_load_u8_n(const uint8_t *p, int64_t n) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(vf_lanes(n), p)));
}
VF_INLINE void vf_store_low_n(uint8_t *p, vf v, int64_t n) {
    _mm_mask_storeu_epi8(p, vf_lanes(n), _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(v)));
}
VF_INLINE void vf_store_f16_n(uint16_t *p, vf v, int64_t n) {
    _mm256_mask_storeu_epi16(p, vf_lanes(n), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
VF_INLINE void vf_store_bf16_n(uint16_t *p, vf v, int64_t n) {
    __m512i u = _mm512_castps_si512(v), upper = _mm512_srli_epi32(u, 16);
    vf_mask nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    __m512i up =
        _mm512_add_epi32(u, _mm512_add_epi32(_mm512_set1_epi32(0x7fff), _mm512_and_si512(upper, _mm512_set1_epi32(1))));
    __m512i r = _mm512_mask_or_epi32(_mm512_srli_epi32(up, 16), nan, upper, _mm512_set1_epi32(0x40));
    _mm512_mask_cvtepi32_storeu_epi16(p, vf_lanes(n), r);
}
VF_INLINE void vf_transpose(vf r[16]) {
    vf t[16];
    VF_UNROLL
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    VF_UNROLL
    for (int i = 0; i < 16; i += 4) { /* 4x4 blocks */
        __m512d a = _mm512_castps_pd(t[i]), b = _mm512_castps_pd(t[i + 2]);
        __m512d c = _mm512_castps_pd(t[i + 1]), d = _mm512_castps_pd(t[i + 3]);
        r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
        r[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        r[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(c, d));
        r[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(c, d));
    }
    VF_UNROLL
    for (int i = 0; i < 4; i++) { /* 4x4 of 4x4 blocks: column block q of rows 4p+i */
        vf lo = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88), hi = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
        vf lo2 = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88), hi2 = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
        t[i] = _mm512_shuffle_f32x4(lo, lo2, 0x88);
        t[i + 8] = _mm512_shuffle_f32x4(lo, lo2, 0xdd);
        t[i + 4] = _mm512_shuffle_f32x4(hi, hi2, 0x88);
        t[i + 12] = _mm512_shuffle_f32x4(hi, hi2, 0xdd);
    }
    VF_UNROLL
    for (int i = 0; i < 16; i++)
        r[i] = t[i];
}

#endif
