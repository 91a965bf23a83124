/* float16 and bfloat16 in integer arithmetic: the meaning of the conversions, and the choice among the vector forms.
 *
 * NaN: the sign and the upper payload bits are kept and the quiet bit is set, as VCVTPS2PH and VCVTPH2PS do. */
#include "base/half_impl.h"

#include <string.h>

static uint32_t bits_of(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static float float_of(uint32_t u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* Upper bits of v after dropping `shift` (1..31) low ones, to nearest, ties to even. */
static uint32_t round_shift(uint32_t v, unsigned shift) {
    uint32_t half = (1u << (shift - 1)) - 1u;
    return (v + half + ((v >> shift) & 1u)) >> shift;
}

uint16_t qn_f32_to_f16(float x) {
    uint32_t u = bits_of(x), sign = (u >> 16) & 0x8000u, a = u & 0x7fffffffu;
    if (a > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u | ((a >> 13) & 0x1ffu));
    if (a >= 0x47800000u) /* 2^16 and more, infinity too */
        return (uint16_t)(sign | 0x7c00u);
    if (a >= 0x38800000u) /* 2^-14 and more: rebias by 112; a carry out of the mantissa moves up the exponent, at the
                             top into infinity */
        return (uint16_t)(sign | round_shift(a - (112u << 23), 13));
    if (a < 0x33000000u) /* under half the smallest subnormal, 2^-25 */
        return (uint16_t)sign;
    /* subnormal: value = m 2^(e-150), wanted in units of 2^-24 */
    uint32_t e = a >> 23, m = (a & 0x7fffffu) | 0x800000u;
    return (uint16_t)(sign | round_shift(m, 126u - e));
}

float qn_f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, e = (h >> 10) & 0x1fu, m = h & 0x3ffu;
    if (e == 31)
        return float_of(sign | 0x7f800000u | (m ? 0x400000u | (m << 13) : 0));
    if (e == 0) { /* m 2^-24, exact */
        float v = (float)m * 0x1p-24f;
        return float_of(sign | bits_of(v));
    }
    return float_of(sign | ((e + 112u) << 23) | (m << 13));
}

uint16_t qn_f32_to_bf16(float x) {
    uint32_t u = bits_of(x);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)((u >> 16) | 0x40u);
    return (uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

static void to_f16(const float *src, uint16_t *dst, size_t n) {
    for (size_t i = 0; i < n; i++)
        dst[i] = qn_f32_to_f16(src[i]);
}

static void from_f16(const uint16_t *src, float *dst, size_t n) {
    for (size_t i = 0; i < n; i++)
        dst[i] = qn_f16_to_f32(src[i]);
}

static void to_bf16(const float *src, uint16_t *dst, size_t n) {
    for (size_t i = 0; i < n; i++)
        dst[i] = qn_f32_to_bf16(src[i]);
}

static void from_bf16(const uint16_t *src, float *dst, size_t n) {
    for (size_t i = 0; i < n; i++)
        dst[i] = qn_bf16_to_f32(src[i]);
}

static const qn_half_ops *choose(void) {
    static const qn_half_ops scalar = {to_f16, from_f16, to_bf16, from_bf16};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
        return &qn_half_ops_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) /* every such machine has F16C */
        return &qn_half_ops_avx2;
#elif defined(__aarch64__)
    return &qn_half_ops_neon;
#endif
    return &scalar;
}

void qn_f32_to_f16_n(const float *src, uint16_t *dst, size_t n) { choose()->to_f16(src, dst, n); }
void qn_f16_to_f32_n(const uint16_t *src, float *dst, size_t n) { choose()->from_f16(src, dst, n); }
void qn_f32_to_bf16_n(const float *src, uint16_t *dst, size_t n) { choose()->to_bf16(src, dst, n); }
void qn_bf16_to_f32_n(const uint16_t *src, float *dst, size_t n) { choose()->from_bf16(src, dst, n); }
