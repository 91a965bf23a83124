/* The vectors of simd.h for any machine: four lanes in the compiler's own vector type. */
#ifndef QN_KERNELS_SIMD_SIMD_GENERIC_H
#define QN_KERNELS_SIMD_SIMD_GENERIC_H

#include "base/half.h"
#include "kernels/simd/unroll.h"

#include <math.h>
#include <string.h>

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
VF_INLINE vf vf_power(vf a) {
    uint32_t bits[4];
    memcpy(bits, &a, sizeof bits);
    for (int i = 0; i < 4; i++)
        bits[i] &= 0x7f800000;
    memcpy(&a, bits, sizeof bits);
    return a;
}
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
VF_INLINE void vf_store_low_n(uint8_t *p, vf v, int64_t n) {
    for (int i = 0; i < 4; i++)
        if (i < n)
            p[i] = (uint8_t)(uint32_t)(int32_t)v[i];
}
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
