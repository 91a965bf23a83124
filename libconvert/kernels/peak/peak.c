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
#elif defined(__aarch64__)
    {QN_F32, QN_ISA_NEON, "neon", true, qn_peak_f32_neon}, {QN_BF16, QN_ISA_NEON, "neon", false, qn_peak_f32_neon},
    {QN_I8, QN_ISA_NEON, "neon", false, qn_peak_f32_neon},
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

qn_read_fn qn_peak_reader(const qn_context *ctx) { return QN_ISA_PICK(ctx, qn_peak_read); }
