#include "kernels/peak/peak_impl.h"

/* As peak_avx2.c, twice as wide. */
double qn_peak_int8_avx512(int64_t rounds, float *sink) {
    __m512i operand[2 * QN_PEAK_CHAINS], sum[QN_PEAK_CHAINS];
    const __m512i codes = _mm512_set1_epi8(3), ones = _mm512_set1_epi16(1);
    for (int i = 0; i < 2 * QN_PEAK_CHAINS; i++)
        operand[i] = _mm512_set1_epi8((char)i);
    VF_UNROLL
    for (int i = 0; i < QN_PEAK_CHAINS; i++)
        sum[i] = _mm512_setzero_si512();
    for (int64_t r = 0; r < rounds; r++) {
        const __m512i *at = operand + (r & 1);
        VF_UNROLL
        for (int i = 0; i < QN_PEAK_CHAINS; i++)
            sum[i] = _mm512_add_epi32(sum[i],
                                      _mm512_madd_epi16(_mm512_maddubs_epi16(codes, _mm512_load_si512(at + i)), ones));
    }
    VF_UNROLL
    for (int i = 1; i < QN_PEAK_CHAINS; i++)
        sum[0] = _mm512_add_epi32(sum[0], sum[i]);
    *sink = (float)_mm512_reduce_add_epi32(sum[0]);
    return 2.0 * QN_PEAK_CHAINS * 64 * (double)rounds;
}
