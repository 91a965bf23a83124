#include "kernels/conv/conv_isa.h"

#include "base/context.h"

const qn_conv_isa *qn_conv_isa_of(const qn_context *ctx) {
#if defined(__x86_64__)
    unsigned isa = qn_context_isa(ctx);
    if (isa & QN_ISA_AVX512)
        return &qn_conv_isa_avx512;
    if (isa & QN_ISA_AVX2)
        return &qn_conv_isa_avx2;
#else
    (void)ctx;
#endif
    return &qn_conv_isa_scalar;
}

int qn_conv_panel_rows(const qn_conv_isa *isa, int64_t m) {
    int64_t panels = (m + isa->max_rows - 1) / isa->max_rows;
    return (int)((m + panels - 1) / panels);
}
