/* float32 multiply-adds and reads for one instruction set. Each sum goes to 2, the fixed point of s/2 + 1: no
 * denormals, no infinities, and the product depends on the sum, so that nothing can be taken out of the loop. */
#include "kernels/peak/peak.h"
#include "kernels/simd/simd.h"

double VF_NAME(qn_peak_f32)(int64_t rounds, float *sink) {
    vf sum[QN_PEAK_CHAINS];
    vf half = vf_set1(0.5f), one = vf_set1(1.0f);
    VF_UNROLL
    for (int i = 0; i < QN_PEAK_CHAINS; i++)
        sum[i] = vf_set1((float)i);
    for (int64_t r = 0; r < rounds; r++) {
        VF_UNROLL
        for (int i = 0; i < QN_PEAK_CHAINS; i++)
            sum[i] = vf_fma(sum[i], half, one);
    }
    VF_UNROLL
    for (int i = 1; i < QN_PEAK_CHAINS; i++)
        sum[0] = vf_add(sum[0], sum[i]);
    *sink = vf_sum(sum[0]);
    return 2.0 * QN_PEAK_CHAINS * VF_LANES * (double)rounds;
}

float VF_NAME(qn_peak_read)(const float *p, int64_t n) {
    vf sum[QN_PEAK_CHAINS];
    VF_UNROLL
    for (int i = 0; i < QN_PEAK_CHAINS; i++)
        sum[i] = vf_set1(0.0f);
    for (const float *end = p + n; p < end; p += QN_PEAK_CHAINS * VF_LANES) {
        VF_UNROLL
        for (int i = 0; i < QN_PEAK_CHAINS; i++)
            sum[i] = vf_add(sum[i], vf_load(p + i * VF_LANES));
    }
    VF_UNROLL
    for (int i = 1; i < QN_PEAK_CHAINS; i++)
        sum[0] = vf_add(sum[0], sum[i]);
    return vf_sum(sum[0]);
}
