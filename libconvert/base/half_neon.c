/* base/half.h with NEON: 8 elements at a time, the rest one by one. */
#include "base/half_impl.h"

#include <arm_neon.h>

static void to_f16(const float *src, uint16_t *dst, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        float16x4_t lower = vcvt_f16_f32(vld1q_f32(src + i));
        vst1q_u16(dst + i, vreinterpretq_u16_f16(vcvt_high_f16_f32(lower, vld1q_f32(src + i + 4))));
    }
    for (; i < n; i++)
        dst[i] = qn_f32_to_f16(src[i]);
}

static void from_f16(const uint16_t *src, float *dst, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        float16x8_t h = vreinterpretq_f16_u16(vld1q_u16(src + i));
        vst1q_f32(dst + i, vcvt_f32_f16(vget_low_f16(h)));
        vst1q_f32(dst + i + 4, vcvt_high_f32_f16(h));
    }
    for (; i < n; i++)
        dst[i] = qn_f16_to_f32(src[i]);
}

/* In the lower half of each lane. */
static uint32x4_t bf16_of(float32x4_t v) {
    uint32x4_t u = vreinterpretq_u32_f32(v), upper = vshrq_n_u32(u, 16);
    uint32x4_t up = vaddq_u32(u, vaddq_u32(vdupq_n_u32(0x7fff), vandq_u32(upper, vdupq_n_u32(1))));
    uint32x4_t nan = vorrq_u32(upper, vdupq_n_u32(0x40));
    return vbslq_u32(vceqq_f32(v, v), vshrq_n_u32(up, 16), nan);
}

static void to_bf16(const float *src, uint16_t *dst, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint16x4_t lower = vmovn_u32(bf16_of(vld1q_f32(src + i)));
        vst1q_u16(dst + i, vmovn_high_u32(lower, bf16_of(vld1q_f32(src + i + 4))));
    }
    for (; i < n; i++)
        dst[i] = qn_f32_to_bf16(src[i]);
}

static void from_bf16(const uint16_t *src, float *dst, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint16x8_t h = vld1q_u16(src + i);
        vst1q_f32(dst + i, vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(h), 16)));
        vst1q_f32(dst + i + 4, vreinterpretq_f32_u32(vshll_high_n_u16(h, 16)));
    }
    for (; i < n; i++)
        dst[i] = qn_bf16_to_f32(src[i]);
}

const qn_half_ops qn_half_ops_neon = {to_f16, from_f16, to_bf16, from_bf16};
