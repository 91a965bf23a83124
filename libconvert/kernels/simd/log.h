/* Logarithms of a vector of float32.
 *
 *   vf_log       absolute error under 2e-7 of max(1, |result|); 0 gives -infinity, below 0 and NaN give NaN
 *   vf_softplus  ln(1 + e^x): relative error under 1e-6
 */
#ifndef QN_KERNELS_SIMD_LOG_H
#define QN_KERNELS_SIMD_LOG_H

#include "kernels/simd/math.h"

#include <math.h>

/* x = m 2^e with m in [1/2, 1), for normal positive x; e as floats. */
VF_INLINE vf vf_split(vf x, vf *e) {
#if defined(__AVX512F__) && defined(__AVX512DQ__)
    *e = _mm512_add_ps(_mm512_getexp_ps(x), _mm512_set1_ps(1.0f));
    return _mm512_getmant_ps(x, _MM_MANT_NORM_p5_1, _MM_MANT_SIGN_src);
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
    __m256i bits = _mm256_castps_si256(x);
    *e = _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(126)));
    return _mm256_castsi256_ps(
        _mm256_or_si256(_mm256_and_si256(bits, _mm256_set1_epi32(0x007fffff)), _mm256_set1_epi32(0x3f000000)));
#elif defined(VF_NEON)
    uint32x4_t bits = vreinterpretq_u32_f32(x);
    *e = vcvtq_f32_s32(vsubq_s32(vreinterpretq_s32_u32(vshrq_n_u32(bits, 23)), vdupq_n_s32(126)));
    return vreinterpretq_f32_u32(vorrq_u32(vandq_u32(bits, vdupq_n_u32(0x007fffff)), vdupq_n_u32(0x3f000000)));
#else
    float m[VF_LANES], n[VF_LANES];
    vf_store(m, x);
    for (int i = 0; i < VF_LANES; i++) {
        uint32_t bits;
        memcpy(&bits, &m[i], sizeof bits);
        n[i] = (float)(int32_t)(bits >> 23) - 126.0f;
        bits = (bits & 0x007fffffu) | 0x3f000000u;
        memcpy(&m[i], &bits, sizeof bits);
    }
    *e = vf_load(n);
    return vf_load(m);
#endif
}

/* With m in [sqrt(1/2), sqrt 2) and t = m - 1: ln m = t - t^2/2 + t^3 P(t), P of degree 8 as in the Cephes library's
 * logf (Moshier), and ln 2 in two parts, the upper of 9 bits, so that e times it is exact. Subnormal x are scaled up.
 */
VF_INLINE vf vf_log(vf x) {
    const vf least = vf_set1(0x1p-126f), zero = vf_set1(0.0f);
    vf scaled = vf_select_lt(x, least, vf_mul(x, vf_set1(0x1p24f)), x), e;
    vf m = vf_split(scaled, &e);
    e = vf_select_lt(x, least, vf_sub(e, vf_set1(24.0f)), e);
    const vf root = vf_set1(0.70710678f);
    e = vf_select_lt(m, root, vf_sub(e, vf_set1(1.0f)), e);
    vf t = vf_sub(vf_select_lt(m, root, vf_add(m, m), m), vf_set1(1.0f)), t2 = vf_mul(t, t);
    vf p = vf_set1(7.0376836292e-2f);
    p = vf_fma(p, t, vf_set1(-1.1514610310e-1f));
    p = vf_fma(p, t, vf_set1(1.1676998740e-1f));
    p = vf_fma(p, t, vf_set1(-1.2420140846e-1f));
    p = vf_fma(p, t, vf_set1(1.4249322787e-1f));
    p = vf_fma(p, t, vf_set1(-1.6668057665e-1f));
    p = vf_fma(p, t, vf_set1(2.0000714765e-1f));
    p = vf_fma(p, t, vf_set1(-2.4999993993e-1f));
    p = vf_fma(p, t, vf_set1(3.3333331174e-1f));
    vf y = vf_fma(vf_mul(p, t), t2, vf_mul(e, vf_set1(-2.12194440e-4f)));
    y = vf_fma(t2, vf_set1(-0.5f), y);
    y = vf_fma(e, vf_set1(0.693359375f), vf_add(t, y));
    /* what is no positive finite number */
    y = vf_select_lt(vf_set1(0x1.fffffep+127f), x, x, y);
    y = vf_select_lt(x, least, vf_select_lt(zero, x, y, vf_set1(-INFINITY)), y);
    y = vf_select_lt(x, zero, vf_set1(NAN), y);
    return vf_or_nan(x, y);
}

/* max(x, 0) + ln(1 + t) with t = e^-|x|; ln(1 + t) = ln(u) t / (u - 1), u = 1 + t rounded, keeps the digits of a small
 * t. */
VF_INLINE vf vf_softplus(vf x) {
    const vf one = vf_set1(1.0f), zero = vf_set1(0.0f);
    vf t = vf_exp(vf_sub(zero, vf_abs(x))), u = vf_add(one, t), d = vf_sub(u, one);
    vf l = vf_select_lt(zero, d, vf_mul(vf_log(u), vf_div(t, vf_select_lt(zero, d, d, one))), t);
    return vf_or_nan(x, vf_add(vf_max(x, zero), l));
}

#endif
