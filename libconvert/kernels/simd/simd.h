/* Vectors of float32 for the instruction set that the including file is compiled for: AVX-512 (16 lanes), AVX2 with
 * FMA (8) or, anywhere, four lanes in the compiler's own vector type.
 *
 *   vf              VF_LANES floats
 *   vf_load_n       the first n (0..VF_LANES) from memory, zeros behind; nothing beyond is read
 *   vf_fma(a,b,c)   a b + c, fused except on the last kind
 *   vf_min, vf_max  when either is NaN: the second operand
 *
 * Kernels are written once against these names, as a header NAME_impl.h that NAME_scalar.c, NAME_avx2.c and
 * NAME_avx512.c include; each of those gives a table of functions, and the caller picks one by qn_context_isa. */
#ifndef QN_KERNELS_SIMD_SIMD_H
#define QN_KERNELS_SIMD_SIMD_H

#include "base/half.h"
#include "quern.h"

#include <string.h>

/** Unroll the loop that follows: its bounds are constants where the function is inlined. */
#if defined(__clang__)
#define VF_UNROLL _Pragma("clang loop unroll(full)")
#else
#define VF_UNROLL _Pragma("GCC unroll 32")
#endif
#define VF_INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
/* ---- AVX-512 ----------------------------------------------------------------------------------- */
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
VF_INLINE vf vf_round(vf a) { return _mm512_roundscale_ps(a, 0); }
/** a < b ? x : y, lane by lane; y where either is NaN. */
VF_INLINE vf vf_select_lt(vf a, vf b, vf x, vf y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}
/** The even and the odd elements of a and b one after the other. */
VF_INLINE void vf_part(vf a, vf b, vf *even, vf *odd) {
    const __m512i e = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    *even = _mm512_permutex2var_ps(a, e, b);
    *odd = _mm512_permutex2var_ps(a, _mm512_add_epi32(e, _mm512_set1_epi32(1)), b);
}
/** The inverse: elements of a and b by turns, *lo the first VF_LANES of them. */
VF_INLINE void vf_zip(vf a, vf b, vf *lo, vf *hi) {
    const __m512i i = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    *lo = _mm512_permutex2var_ps(a, i, b);
    *hi = _mm512_permutex2var_ps(a, _mm512_add_epi32(i, _mm512_set1_epi32(8)), b);
}
/** a where a is NaN, else x. */
VF_INLINE vf vf_or_nan(vf a, vf x) { return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), x, a); }
/** x 2^n for integral n in -160..160. */
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
/** Rows to columns: lane j of r[i] becomes lane i of r[j]. */
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

#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
/* ---- AVX2 ---------------------------------------------------------------------------------------- */
#include <immintrin.h>
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

#else
/* ---- any machine ----------------------------------------------------------------------------------- */
#include <math.h>
#define VF_NAME(NAME) NAME##_scalar
enum { VF_LANES = 4 };
typedef float vf __attribute__((vector_size(16)));

VF_INLINE vf vf_load(const float *p) {
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}
VF_INLINE vf vf_load_n(const float *p, int64_t n) {
    float t[4] = {0, 0, 0, 0};
    for (int64_t i = 0; i < n && i < 4; i++)
        t[i] = p[i];
    return vf_load(t);
}
VF_INLINE void vf_store(float *p, vf v) { memcpy(p, &v, sizeof v); }
VF_INLINE void vf_store_n(float *p, vf v, int64_t n) {
    for (int i = 0; i < 4; i++)
        if (i < n)
            p[i] = v[i];
}
VF_INLINE vf vf_set1(float x) { return (vf){x, x, x, x}; }
VF_INLINE vf vf_add(vf a, vf b) { return a + b; }
VF_INLINE vf vf_sub(vf a, vf b) { return a - b; }
VF_INLINE vf vf_mul(vf a, vf b) { return a * b; }
VF_INLINE vf vf_div(vf a, vf b) { return a / b; }
VF_INLINE vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
#define VF_EACH(EXPR)                                                                                                  \
    vf vf_out_ = {0, 0, 0, 0};                                                                                         \
    for (int i = 0; i < 4; i++)                                                                                        \
        vf_out_[i] = (EXPR);                                                                                           \
    return vf_out_
VF_INLINE vf vf_min(vf a, vf b) { VF_EACH(a[i] < b[i] ? a[i] : b[i]); }
VF_INLINE vf vf_max(vf a, vf b) { VF_EACH(a[i] > b[i] ? a[i] : b[i]); }
VF_INLINE vf vf_sqrt(vf a) { VF_EACH(sqrtf(a[i])); }
VF_INLINE vf vf_abs(vf a) { VF_EACH(fabsf(a[i])); }
VF_INLINE vf vf_round(vf a) { VF_EACH(rintf(a[i])); }
VF_INLINE vf vf_select_lt(vf a, vf b, vf x, vf y) { VF_EACH(a[i] < b[i] ? x[i] : y[i]); }
VF_INLINE void vf_part(vf a, vf b, vf *even, vf *odd) {
    *even = (vf){a[0], a[2], b[0], b[2]};
    *odd = (vf){a[1], a[3], b[1], b[3]};
}
VF_INLINE void vf_zip(vf a, vf b, vf *lo, vf *hi) {
    *lo = (vf){a[0], b[0], a[1], b[1]};
    *hi = (vf){a[2], b[2], a[3], b[3]};
}
VF_INLINE vf vf_or_nan(vf a, vf x) { VF_EACH(isnan(a[i]) ? a[i] : x[i]); }
VF_INLINE vf vf_scale2(vf x, vf n) { VF_EACH(ldexpf(x[i], n[i] >= -200.0f && n[i] <= 200.0f ? (int)n[i] : 0)); }
VF_INLINE float vf_sum(vf a) { return (a[0] + a[2]) + (a[1] + a[3]); }
VF_INLINE float vf_top(vf a) {
    float x = a[0] > a[1] ? a[0] : a[1], y = a[2] > a[3] ? a[2] : a[3];
    return x > y ? x : y;
}
VF_INLINE vf vf_load_f16_n(const uint16_t *p, int64_t n) { VF_EACH(i < n ? qn_f16_to_f32(p[i]) : 0.0f); }
VF_INLINE vf vf_load_bf16_n(const uint16_t *p, int64_t n) { VF_EACH(i < n ? qn_bf16_to_f32(p[i]) : 0.0f); }
VF_INLINE vf vf_load_i8_n(const int8_t *p, int64_t n) { VF_EACH(i < n ? (float)p[i] : 0.0f); }
VF_INLINE vf vf_load_u8_n(const uint8_t *p, int64_t n) { VF_EACH(i < n ? (float)p[i] : 0.0f); }
VF_INLINE void vf_store_f16_n(uint16_t *p, vf v, int64_t n) {
    for (int i = 0; i < 4; i++)
        if (i < n)
            p[i] = qn_f32_to_f16(v[i]);
}
VF_INLINE void vf_store_bf16_n(uint16_t *p, vf v, int64_t n) {
    for (int i = 0; i < 4; i++)
        if (i < n)
            p[i] = qn_f32_to_bf16(v[i]);
}
VF_INLINE void vf_transpose(vf r[4]) {
    for (int i = 0; i < 4; i++)
        for (int j = i + 1; j < 4; j++) {
            float t = r[i][j];
            r[i][j] = r[j][i];
            r[j][i] = t;
        }
}
#undef VF_EACH
#endif

/* ---- by storage dtype (F32, F16 or BF16; a constant where it matters) ---------------------------------- */

VF_INLINE vf vf_read_n(qn_dtype dtype, const void *base, int64_t index, int64_t n) {
    if (dtype == QN_F16)
        return vf_load_f16_n((const uint16_t *)base + index, n);
    if (dtype == QN_BF16)
        return vf_load_bf16_n((const uint16_t *)base + index, n);
    return n >= VF_LANES ? vf_load((const float *)base + index) : vf_load_n((const float *)base + index, n);
}
VF_INLINE void vf_write_n(qn_dtype dtype, void *base, int64_t index, vf v, int64_t n) {
    if (dtype == QN_F16)
        vf_store_f16_n((uint16_t *)base + index, v, n);
    else if (dtype == QN_BF16)
        vf_store_bf16_n((uint16_t *)base + index, v, n);
    else if (n >= VF_LANES)
        vf_store((float *)base + index, v);
    else
        vf_store_n((float *)base + index, v, n);
}
VF_INLINE float qn_read_float(qn_dtype dtype, const void *base, int64_t index) {
    if (dtype == QN_F16)
        return qn_f16_to_f32(((const uint16_t *)base)[index]);
    if (dtype == QN_BF16)
        return qn_bf16_to_f32(((const uint16_t *)base)[index]);
    return ((const float *)base)[index];
}

#endif
