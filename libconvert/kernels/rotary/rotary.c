#include "kernels/rotary/rotary.h"

#include "base/context.h"
#include "base/pool.h"
#include "kernels/gemm/gemm.h"

bool qn_rotary_accepts(const qn_kernel_args *args) {
    for (int32_t i = 0; i < 3; i++)
        if (!qn_operand_accepts(args, i) || qn_encoded(args, i))
            return false;
    return qn_is_real(args->out[0].dtype);
}

qn_status qn_rotary_RotaryEmbedding(const qn_kernel_args *args) {
    enum { PIECE = 16 << 10 }; /* elements */
    qn_rotary_work w = {.x = args->in[0], .cos = args->in[1], .sin = args->in[2], .y = args->out[0]};
    QN_TRY(qn_rotary_read(args, &w.shape));
    QN_TRY(qn_rotary_check(args, &w.shape));
    qn_parallel_for(args->ctx, w.shape.B * w.shape.S, 1 + PIECE / (w.shape.H * w.shape.D + 1),
                    QN_ISA_PICK(args->ctx, qn_rotary), &w);
    return QN_OK;
}
