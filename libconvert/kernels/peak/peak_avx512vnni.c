#include "kernels/peak/peak.h"
#include "kernels/simd/simd.h"

double qn_peak_int8_avx512vnni(int64_t rounds, float *sink) {
    __m512i sum[QN_PEAK_CHAINS];
    const __m512i codes = _mm512_set1_epi8(3);
    VF_UNROLL
    for (int i = 0; i < QN_PEAK_CHAINS; i++)
        sum[i] = _mm512_set1_epi32(i);
    for (int64_t r = 0; r < rounds; r++) {
        VF_UNROLL
        for (int i = 0; i < QN_PEAK_CHAINS; i++)
            sum[i] = _mm512_dpbusd_epi32(sum[i], codes, codes);
    }
    VF_UNROLL
    for (int i = 1; i < QN_PEAK_CHAINS; i++)
        sum[0] = _mm512_add_epi32(sum[0], sum[i]);
    *sink = (float)_mm512_reduce_add_epi32(sum[0]);
    return 2.0 * QN_PEAK_CHAINS * 64 * (double)rounds;
}
