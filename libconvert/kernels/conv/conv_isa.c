#include "kernels/conv/conv_isa.h"

#include "base/context.h"

const qn_conv_isa *qn_conv_isa_of(const qn_context *ctx) { return QN_ISA_PICK(ctx, &qn_conv_isa); }

int qn_conv_panel_rows(const qn_conv_isa *isa, int64_t m) {
    int64_t panels = (m + isa->max_rows - 1) / isa->max_rows;
    return (int)((m + panels - 1) / panels);
}
