#include "kernels/peak/peak.h"
#include "kernels/simd/simd.h"

double qn_peak_bf16_avx512bf16(int64_t rounds, float *sink) {
    vf sum[QN_PEAK_CHAINS];
    const __m512bh one = _mm512_cvtne2ps_pbh(vf_set1(1.0f), vf_set1(1.0f));
    VF_UNROLL
    for (int i = 0; i < QN_PEAK_CHAINS; i++)
        sum[i] = vf_set1((float)i);
    for (int64_t r = 0; r < rounds; r++) {
        VF_UNROLL
        for (int i = 0; i < QN_PEAK_CHAINS; i++)
            sum[i] = _mm512_dpbf16_ps(sum[i], one, one);
    }
    VF_UNROLL
    for (int i = 1; i < QN_PEAK_CHAINS; i++)
        sum[0] = vf_add(sum[0], sum[i]);
    *sink = vf_sum(sum[0]);
    return 2.0 * QN_PEAK_CHAINS * 32 * (double)rounds;
}
