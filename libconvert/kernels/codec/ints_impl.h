/* Vectors of VF_LANES dwords, beside the floats of simd/simd.h: what codes are before they are numbers. */
#ifndef QN_KERNELS_CODEC_INTS_IMPL_H
#define QN_KERNELS_CODEC_INTS_IMPL_H

#include "kernels/simd/simd.h"

/*   ints_load_n             n bytes (>= 1; a whole vector and more: all), zeros behind
 *   ints_shift_left, _right each lane by its own number of bits
 *   ints_lane_bits          lane l: first + l step
 *   ints_float              unsigned lanes below 2^31 as float32
 *   ints_half               the lower 16 bits of a lane, float16, as float32
 *   ints_pick(a,index)      lane index[l] of a
 *   ints_pick16(t,index)    t[index[l]]: of 16 floats, by the lower four bits of a lane; `small`: the upper eight are the lower
 *                           eight again */
#if defined(__AVX512F__)
typedef __m512i ints;

VF_INLINE ints ints_set1(uint32_t x) { return _mm512_set1_epi32((int)x); }
VF_INLINE ints ints_load(const void *p) { return _mm512_loadu_si512(p); }
VF_INLINE ints ints_load_n(const uint8_t *p, int64_t n) {
    return n >= 64 ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi8(_cvtu64_mask64((UINT64_C(1) << n) - 1), p);
}
VF_INLINE void ints_store(uint32_t *p, ints a) { _mm512_storeu_si512(p, a); }
VF_INLINE ints ints_xor(ints a, ints b) { return _mm512_xor_si512(a, b); }
VF_INLINE ints ints_and(ints a, ints b) { return _mm512_and_si512(a, b); }
VF_INLINE ints ints_or(ints a, ints b) { return _mm512_or_si512(a, b); }
VF_INLINE ints ints_add(ints a, ints b) { return _mm512_add_epi32(a, b); }
VF_INLINE ints ints_shift_left(ints a, ints by) { return _mm512_sllv_epi32(a, by); }
VF_INLINE ints ints_shift_right(ints a, ints by) { return _mm512_srlv_epi32(a, by); }
VF_INLINE ints ints_lane_bits(uint32_t first, uint32_t step) {
    const ints lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_add_epi32(_mm512_mullo_epi32(lane, ints_set1(step)), ints_set1(first));
}
VF_INLINE vf ints_float(ints a) { return _mm512_cvtepi32_ps(a); }
VF_INLINE vf ints_half(ints a) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(a)); }
VF_INLINE vf ints_pick(vf a, ints index) { return _mm512_permutexvar_ps(index, a); }
VF_INLINE vf ints_pick16(const float *t, ints index, const bool small) {
    (void)small;
    return _mm512_permutexvar_ps(index, _mm512_loadu_ps(t));
}
#elif defined(__AVX2__)
typedef __m256i ints;

VF_INLINE ints ints_set1(uint32_t x) { return _mm256_set1_epi32((int)x); }
VF_INLINE ints ints_load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
VF_INLINE ints ints_load_n(const uint8_t *p, int64_t n) {
    ints v = _mm256_setzero_si256();
    if (n >= 32)
        return _mm256_loadu_si256((const __m256i *)(const void *)p);
    memcpy(&v, p, (size_t)n);
    return v;
}
VF_INLINE void ints_store(uint32_t *p, ints a) { _mm256_storeu_si256((__m256i *)(void *)p, a); }
VF_INLINE ints ints_xor(ints a, ints b) { return _mm256_xor_si256(a, b); }
VF_INLINE ints ints_and(ints a, ints b) { return _mm256_and_si256(a, b); }
VF_INLINE ints ints_or(ints a, ints b) { return _mm256_or_si256(a, b); }
VF_INLINE ints ints_add(ints a, ints b) { return _mm256_add_epi32(a, b); }
VF_INLINE ints ints_shift_left(ints a, ints by) { return _mm256_sllv_epi32(a, by); }
VF_INLINE ints ints_shift_right(ints a, ints by) { return _mm256_srlv_epi32(a, by); }
VF_INLINE ints ints_lane_bits(uint32_t first, uint32_t step) {
    const ints lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_add_epi32(_mm256_mullo_epi32(lane, ints_set1(step)), ints_set1(first));
}
VF_INLINE vf ints_float(ints a) { return _mm256_cvtepi32_ps(a); }
VF_INLINE vf ints_half(ints a) {
    return _mm256_cvtph_ps(_mm_packus_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1)));
}
VF_INLINE vf ints_pick(vf a, ints index) { return _mm256_permutevar8x32_ps(a, index); }
VF_INLINE vf ints_pick16(const float *t, ints index, const bool small) {
    const vf lower = _mm256_permutevar8x32_ps(_mm256_loadu_ps(t), index);
    if (small)
        return lower;
    return _mm256_blendv_ps(lower, _mm256_permutevar8x32_ps(_mm256_loadu_ps(t + 8), index),
                            _mm256_castsi256_ps(_mm256_slli_epi32(index, 28)));
}
#else
typedef uint32_t ints __attribute__((vector_size(16)));

VF_INLINE ints ints_set1(uint32_t x) { return (ints){x, x, x, x}; }
VF_INLINE ints ints_load(const void *p) {
    ints v;
    memcpy(&v, p, sizeof v);
    return v;
}
VF_INLINE ints ints_load_n(const uint8_t *p, int64_t n) {
    ints v = {0, 0, 0, 0};
    if (n >= 16)
        memcpy(&v, p, 16);
    else
        memcpy(&v, p, (size_t)n);
    return v;
}
VF_INLINE void ints_store(uint32_t *p, ints a) { memcpy(p, &a, sizeof a); }
VF_INLINE ints ints_xor(ints a, ints b) { return a ^ b; }
VF_INLINE ints ints_and(ints a, ints b) { return a & b; }
VF_INLINE ints ints_or(ints a, ints b) { return a | b; }
VF_INLINE ints ints_add(ints a, ints b) { return a + b; }
VF_INLINE ints ints_shift_left(ints a, ints by) { return a << by; }
VF_INLINE ints ints_shift_right(ints a, ints by) { return a >> by; }
VF_INLINE ints ints_lane_bits(uint32_t first, uint32_t step) {
    return (ints){first, first + step, first + 2 * step, first + 3 * step};
}
VF_INLINE vf ints_float(ints a) { return (vf){(float)a[0], (float)a[1], (float)a[2], (float)a[3]}; }
VF_INLINE vf ints_half(ints a) {
    const uint16_t half[4] = {(uint16_t)a[0], (uint16_t)a[1], (uint16_t)a[2], (uint16_t)a[3]};
    return vf_load_f16_n(half, 4);
}
VF_INLINE vf ints_pick(vf a, ints index) { return (vf){a[index[0]], a[index[1]], a[index[2]], a[index[3]]}; }
VF_INLINE vf ints_pick16(const float *t, ints index, const bool small) {
    (void)small;
    return (vf){t[index[0] & 15], t[index[1] & 15], t[index[2] & 15], t[index[3] & 15]};
}
#endif

/* ---- codes of floating point ------------------------------------------------------------------------------------ */

/** How the bits of a floating point code of up to 8 bits become a float16, whose number times `factor` is the code's. All of
 *  their exponents and mantissas fit: subnormal ones become subnormal ones, e5m2's infinities and NaN those of float16. */
typedef struct half_form {
    uint32_t sign, magnitude;       /* bits of a code */
    uint32_t sign_left, magnitude_left; /* places to the left */
    float factor;
    bool has_nan; /* e4m3: all ones, which is 480 by the formula */
} half_form;

VF_INLINE half_form half_form_of(const qn_code_type *type) {
    const int bias = (1 << (type->exponent - 1)) - 1;
    return (half_form){.sign = 1u << (type->bits - 1),
                       .magnitude = (1u << (type->bits - 1)) - 1,
                       .sign_left = (uint32_t)(16 - type->bits),
                       .magnitude_left = (uint32_t)(10 - type->mantissa),
                       .factor = (float)(1 << (15 - bias)),
                       .has_nan = type->dtype == QN_F8E4M3};
}
/** The numbers of codes in the lower bits of each lane; the bits above may be anything. */
VF_INLINE vf half_form_numbers(const half_form *f, ints code) {
    const ints sign = ints_shift_left(ints_and(code, ints_set1(f->sign)), ints_set1(f->sign_left)),
               rest = ints_shift_left(ints_and(code, ints_set1(f->magnitude)), ints_set1(f->magnitude_left));
    const vf x = vf_mul(ints_half(ints_or(sign, rest)), vf_set1(f->factor));
    return f->has_nan ? vf_select_lt(vf_set1(448.0f), vf_abs(x), vf_set1(__builtin_nanf("")), x) : x;
}

#endif
