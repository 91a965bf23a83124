/* Functions of a vector of float32, within a few units in the last place of their results' scale:
 *
 *   vf_exp      relative error under 2e-7 (also where the result is subnormal: absolute then)
 *   vf_tanh, vf_erf   relative error under 4e-7, never beyond -1..1
 *   vf_sigmoid  relative error under 4e-7
 *   vf_gelu     absolute error under 4e-7 |x|
 *
 * NaN stays NaN and infinities have their limits. The rational functions are minimax fits of f(x)/x in x^2 (weighted
 * least squares, reweighted until the relative error is level), their coefficients rounded to float32. */
#ifndef QN_KERNELS_SIMD_MATH_H
#define QN_KERNELS_SIMD_MATH_H

#include "kernels/simd/simd.h"

/* e^x = 2^n e^r with n = round(x / ln 2), r = x - n ln 2 in two steps (the upper part of ln 2 has 9 bits, so n times
 * it is exact), e^r = 1 + r + r^2 P(r) with a fit error of 3e-9 on |r| <= ln(2)/2. */
VF_INLINE vf vf_exp(vf x) {
    x = vf_min(vf_set1(88.8f), vf_max(vf_set1(-104.5f), x)); /* beyond: infinity and 0 */
    vf n = vf_round(vf_mul(x, vf_set1(0x1.715476p+0f)));
    vf r = vf_fma(n, vf_set1(-0x1.62p-1f), x);
    r = vf_fma(n, vf_set1(-0x1.c85fep-10f), r);
    vf p = vf_set1(0x1.6a242cp-10f);
    p = vf_fma(p, r, vf_set1(0x1.1239e4p-7f));
    p = vf_fma(p, r, vf_set1(0x1.5558f2p-5f));
    p = vf_fma(p, r, vf_set1(0x1.555492p-3f));
    p = vf_fma(p, r, vf_set1(0x1.fffffcp-2f));
    p = vf_fma(vf_mul(r, r), p, r);
    return vf_scale2(vf_add(p, vf_set1(1.0f)), n);
}

/* x N(x^2) / D(x^2) for |x| <= 9.02, where tanh is 1 to the last bit; fit error 2e-8. */
VF_INLINE vf vf_tanh(vf x) {
    x = vf_min(vf_set1(9.02f), vf_max(vf_set1(-9.02f), x));
    vf t = vf_mul(x, x);
    vf n = vf_set1(0x1.c9ab56p-27f), d = vf_set1(0x1.a0bd80p-21f);
    n = vf_fma(n, t, vf_set1(0x1.595858p-16f));
    d = vf_fma(d, t, vf_set1(0x1.5843c6p-12f));
    n = vf_fma(n, t, vf_set1(0x1.c9f9dap-9f));
    d = vf_fma(d, t, vf_set1(0x1.a7dfe0p-6f));
    n = vf_fma(n, t, vf_set1(0x1.120476p-3f));
    d = vf_fma(d, t, vf_set1(0x1.de5784p-2f));
    n = vf_fma(n, t, vf_set1(1.0f));
    d = vf_fma(d, t, vf_set1(1.0f));
    vf y = vf_div(vf_mul(x, n), d);
    return vf_min(vf_set1(1.0f), vf_max(vf_set1(-1.0f), y));
}

/* x N(x^2) / D(x^2) for |x| <= 3.92, where 1 - erf is 3e-8; fit error 2e-8. */
VF_INLINE vf vf_erf(vf x) {
    x = vf_min(vf_set1(3.92f), vf_max(vf_set1(-3.92f), x));
    vf t = vf_mul(x, x);
    vf n = vf_set1(0x1.132f00p-19f), d = vf_set1(0x1.3f8bf6p-15f);
    n = vf_fma(n, t, vf_set1(0x1.2ab4b0p-12f));
    d = vf_fma(d, t, vf_set1(0x1.30b3b0p-10f));
    n = vf_fma(n, t, vf_set1(0x1.ed75d0p-9f));
    d = vf_fma(d, t, vf_set1(0x1.ea751ap-7f));
    n = vf_fma(n, t, vf_set1(0x1.b018cap-5f));
    d = vf_fma(d, t, vf_set1(0x1.d35bacp-4f));
    n = vf_fma(n, t, vf_set1(0x1.85e99ap-3f));
    d = vf_fma(d, t, vf_set1(0x1.010ddap-1f));
    n = vf_fma(n, t, vf_set1(0x1.20dd74p+0f));
    d = vf_fma(d, t, vf_set1(1.0f));
    vf y = vf_div(vf_mul(x, n), d);
    return vf_min(vf_set1(1.0f), vf_max(vf_set1(-1.0f), y));
}

/* 1 / (1 + e^-x); e^-x may be infinite */
VF_INLINE vf vf_sigmoid(vf x) {
    vf one = vf_set1(1.0f);
    return vf_div(one, vf_add(one, vf_exp(vf_sub(vf_set1(0.0f), x))));
}

/* x/2 (1 + erf(x / sqrt 2)); at -infinity 0 from the left of the product's limit */
VF_INLINE vf vf_gelu(vf x) {
    vf h = vf_mul(x, vf_set1(0.5f));
    return vf_fma(h, vf_erf(vf_mul(x, vf_set1(0.70710678f))), h);
}

/* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
VF_INLINE vf vf_gelu_tanh(vf x) {
    vf h = vf_mul(x, vf_set1(0.5f)), x2 = vf_mul(x, x);
    vf u = vf_mul(x, vf_fma(x2, vf_set1(0.7978845608f * 0.044715f), vf_set1(0.7978845608f)));
    return vf_fma(h, vf_tanh(u), h);
}

/* x sigmoid(x) */
VF_INLINE vf vf_silu(vf x) { return vf_mul(x, vf_sigmoid(x)); }

/* max(0, min(1, alpha x + beta)) */
VF_INLINE vf vf_hard_sigmoid(vf x, vf alpha, vf beta) {
    return vf_max(vf_set1(0.0f), vf_min(vf_set1(1.0f), vf_fma(alpha, x, beta)));
}

#endif
