#include "kernels/peak/peak.h"

/* Best first among those of one arithmetic. Where nothing multiplies narrow numbers faster, they are multiplied in
 * float32. */
static const qn_peak_row g_rows[] = {
#if defined(__x86_64__)
    {QN_F32, QN_ISA_AVX512, "avx512", true, qn_peak_f32_avx512},
    {QN_F32, QN_ISA_AVX2, "avx2", true, qn_peak_f32_avx2},
    {QN_BF16, QN_ISA_AVX512BF16, "avx512bf16", true, qn_peak_bf16_avx512bf16},
    {QN_BF16, QN_ISA_AVX512, "avx512", false, qn_peak_f32_avx512},
    {QN_BF16, QN_ISA_AVX2, "avx2", false, qn_peak_f32_avx2},
    {QN_I8, QN_ISA_AVX512VNNI, "avx512vnni", true, qn_peak_int8_avx512vnni},
    {QN_I8, QN_ISA_AVX512, "avx512", false, qn_peak_int8_avx512},
    {QN_I8, QN_ISA_AVX2, "avx2", false, qn_peak_int8_avx2},
#endif
    {QN_F32, 0, "scalar", true, qn_peak_f32_scalar},
    {QN_BF16, 0, "scalar", false, qn_peak_f32_scalar},
    {QN_I8, 0, "scalar", false, qn_peak_f32_scalar},
};

const qn_peak_row *qn_peak_choose(const qn_context *ctx, qn_dtype arithmetic) {
    const unsigned isa = qn_context_isa(ctx);
    for (size_t i = 0; i < sizeof g_rows / sizeof g_rows[0]; i++)
        if (g_rows[i].arithmetic == arithmetic && (g_rows[i].isa & isa) == g_rows[i].isa)
            return &g_rows[i];
    return NULL;
}

qn_read_fn qn_peak_reader(const qn_context *ctx) {
#if defined(__x86_64__)
    if (qn_context_isa(ctx) & QN_ISA_AVX512)
        return qn_peak_read_avx512;
    if (qn_context_isa(ctx) & QN_ISA_AVX2)
        return qn_peak_read_avx2;
#endif
    (void)ctx;
    return qn_peak_read_scalar;
}
