#include "kernels/peak/peak_impl.h"

/* Without VNNI: VPMADDUBSW, VPMADDWD by ones, VPADDD. The operand that is read moves with the round, so that the
 * products cannot be taken out of the loop. */
double qn_peak_int8_avx2(int64_t rounds, float *sink) {
    __m256i operand[2 * QN_PEAK_CHAINS], sum[QN_PEAK_CHAINS];
    const __m256i codes = _mm256_set1_epi8(3), ones = _mm256_set1_epi16(1);
    for (int i = 0; i < 2 * QN_PEAK_CHAINS; i++)
        operand[i] = _mm256_set1_epi8((char)i);
    VF_UNROLL
    for (int i = 0; i < QN_PEAK_CHAINS; i++)
        sum[i] = _mm256_setzero_si256();
    for (int64_t r = 0; r < rounds; r++) {
        const __m256i *at = operand + (r & 1);
        VF_UNROLL
        for (int i = 0; i < QN_PEAK_CHAINS; i++)
            sum[i] = _mm256_add_epi32(sum[i],
                                      _mm256_madd_epi16(_mm256_maddubs_epi16(codes, _mm256_load_si256(at + i)), ones));
    }
    VF_UNROLL
    for (int i = 1; i < QN_PEAK_CHAINS; i++)
        sum[0] = _mm256_add_epi32(sum[0], sum[i]);
    *sink = (float)_mm256_extract_epi32(sum[0], 0);
    return 2.0 * QN_PEAK_CHAINS * 32 * (double)rounds;
}
