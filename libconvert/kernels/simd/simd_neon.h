/* The vectors of simd.h with NEON, as every 64-bit Arm has it: 4 lanes. */
#ifndef QN_KERNELS_SIMD_SIMD_NEON_H
#define QN_KERNELS_SIMD_SIMD_NEON_H

#include "kernels/simd/unroll.h"

#include <arm_neon.h>
#include <string.h>

#define VF_NAME(NAME) NAME##_neon
enum { VF_LANES = 4 };
typedef float32x4_t vf;

VF_INLINE vf vf_load(const float *p) { return vld1q_f32(p); }
VF_INLINE vf vf_load_n(const float *p, int64_t n) {
    if (n >= 4)
        return vld1q_f32(p);
    float t[4] = {0, 0, 0, 0};
    memcpy(t, p, sizeof *t * (size_t)n);
    return vld1q_f32(t);
}
VF_INLINE void vf_store(float *p, vf v) { vst1q_f32(p, v); }
VF_INLINE void vf_store_n(float *p, vf v, int64_t n) {
    if (n >= 4)
        vst1q_f32(p, v);
    else
        memcpy(p, &v, sizeof *p * (size_t)n);
}
VF_INLINE vf vf_set1(float x) { return vdupq_n_f32(x); }
VF_INLINE vf vf_add(vf a, vf b) { return vaddq_f32(a, b); }
VF_INLINE vf vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
VF_INLINE vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
VF_INLINE vf vf_div(vf a, vf b) { return vdivq_f32(a, b); }
VF_INLINE vf vf_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
/* Not FMIN and FMAX: they give NaN when either is NaN. */
VF_INLINE vf vf_min(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
VF_INLINE vf vf_max(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
VF_INLINE vf vf_sqrt(vf a) { return vsqrtq_f32(a); }
VF_INLINE vf vf_abs(vf a) { return vabsq_f32(a); }
VF_INLINE vf vf_power(vf a) {
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), vdupq_n_u32(0x7f800000)));
}
VF_INLINE vf vf_round(vf a) { return vrndnq_f32(a); }
VF_INLINE vf vf_select_lt(vf a, vf b, vf x, vf y) { return vbslq_f32(vcltq_f32(a, b), x, y); }
VF_INLINE void vf_part(vf a, vf b, vf *even, vf *odd) {
    *even = vuzp1q_f32(a, b);
    *odd = vuzp2q_f32(a, b);
}
VF_INLINE void vf_zip(vf a, vf b, vf *lo, vf *hi) {
    *lo = vzip1q_f32(a, b);
    *hi = vzip2q_f32(a, b);
}
VF_INLINE vf vf_or_nan(vf a, vf x) { return vbslq_f32(vceqq_f32(a, a), x, a); }
VF_INLINE vf vf_scale2(vf x, vf n) { /* in two steps, each with an exponent that exists */
    int32x4_t e = vcvtq_s32_f32(n), h = vshrq_n_s32(e, 1), g = vsubq_s32(e, h), bias = vdupq_n_s32(127);
    vf a = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(h, bias), 23));
    vf b = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(g, bias), 23));
    return vmulq_f32(vmulq_f32(x, a), b);
}
VF_INLINE float vf_sum(vf a) {
    float32x2_t s = vadd_f32(vget_low_f32(a), vget_high_f32(a));
    return vget_lane_f32(vpadd_f32(s, s), 0);
}
VF_INLINE float vf_top(vf a) { return vmaxvq_f32(a); }
VF_INLINE uint16x4_t vf_load_u16_n(const uint16_t *p, int64_t n) {
    uint64_t v = 0;
    if (n >= 4)
        return vld1_u16(p);
    memcpy(&v, p, sizeof *p * (size_t)n);
    return vcreate_u16(v);
}
VF_INLINE vf vf_load_f16_n(const uint16_t *p, int64_t n) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vf_load_u16_n(p, n)));
}
VF_INLINE vf vf_load_bf16_n(const uint16_t *p, int64_t n) {
    return vreinterpretq_f32_u32(vshll_n_u16(vf_load_u16_n(p, n), 16));
}
VF_INLINE uint64_t vf_load_bytes_n(const void *p, int64_t n) {
    uint32_t v = 0;
    memcpy(&v, p, (size_t)(n > 4 ? 4 : n));
    return v;
}
VF_INLINE vf vf_load_i8_n(const int8_t *p, int64_t n) {
    int16x8_t v = vmovl_s8(vcreate_s8(vf_load_bytes_n(p, n)));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(v)));
}
VF_INLINE vf vf_load_u8_n(const uint8_t *p, int64_t n) {
    uint16x8_t v = vmovl_u8(vcreate_u8(vf_load_bytes_n(p, n)));
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(v)));
}
VF_INLINE void vf_store_u16_n(uint16_t *p, uint16x4_t v, int64_t n) {
    if (n >= 4)
        vst1_u16(p, v);
    else
        memcpy(p, &v, sizeof *p * (size_t)n);
}
VF_INLINE void vf_store_low_n(uint8_t *p, vf v, int64_t n) {
    const uint16x4_t halves = vmovn_u32(vreinterpretq_u32_s32(vcvtq_s32_f32(v)));
    const uint32_t bytes = vget_lane_u32(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(halves, halves))), 0);
    if (n >= 4)
        memcpy(p, &bytes, 4);
    else
        memcpy(p, &bytes, (size_t)n);
}
VF_INLINE void vf_store_f16_n(uint16_t *p, vf v, int64_t n) {
    vf_store_u16_n(p, vreinterpret_u16_f16(vcvt_f16_f32(v)), n);
}
VF_INLINE void vf_store_bf16_n(uint16_t *p, vf v, int64_t n) {
    uint32x4_t u = vreinterpretq_u32_f32(v), upper = vshrq_n_u32(u, 16);
    uint32x4_t up = vaddq_u32(u, vaddq_u32(vdupq_n_u32(0x7fff), vandq_u32(upper, vdupq_n_u32(1))));
    uint32x4_t nan = vorrq_u32(upper, vdupq_n_u32(0x40));
    vf_store_u16_n(p, vmovn_u32(vbslq_u32(vceqq_f32(v, v), vshrq_n_u32(up, 16), nan)), n);
}
VF_INLINE void vf_transpose(vf r[4]) {
    float64x2_t a = vreinterpretq_f64_f32(vtrn1q_f32(r[0], r[1])), b = vreinterpretq_f64_f32(vtrn2q_f32(r[0], r[1]));
    float64x2_t c = vreinterpretq_f64_f32(vtrn1q_f32(r[2], r[3])), d = vreinterpretq_f64_f32(vtrn2q_f32(r[2], r[3]));
    r[0] = vreinterpretq_f32_f64(vtrn1q_f64(a, c));
    r[1] = vreinterpretq_f32_f64(vtrn1q_f64(b, d));
    r[2] = vreinterpretq_f32_f64(vtrn2q_f64(a, c));
    r[3] = vreinterpretq_f32_f64(vtrn2q_f64(b, d));
}

#endif
