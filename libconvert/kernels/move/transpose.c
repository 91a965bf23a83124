/* Movement on vectors: Transpose with its planes turned in registers. */
#include "kernels/move/turn.h"

qn_turn_fn qn_turn_of(const qn_context *ctx) {
#if defined(__x86_64__)
    const unsigned isa = qn_context_isa(ctx);
    if (isa & QN_ISA_AVX512)
        return qn_turn_avx512;
    if (isa & QN_ISA_AVX2)
        return qn_turn_avx2;
#else
    (void)ctx;
#endif
    return qn_turn_scalar;
}

/* Blocks of 8 bytes have too few elements to gain by. */
bool qn_move_accepts_transpose(const qn_kernel_args *args) {
    const size_t bytes = qn_dtype_bytes(args->in[0].dtype);
    return (bytes == 1 || bytes == 2 || bytes == 4) && args->out[0].dtype == args->in[0].dtype;
}

qn_status qn_move_transpose(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    int64_t y_stride[QN_MAX_RANK], stride[QN_MAX_RANK];
    QN_TRY(qn_ref_transpose_strides(args, stride));
    qn_ref_dense_strides(y->rank, y->dims, y_stride);
    qn_ref_copy_by(args->ctx, qn_turn_of(args->ctx), qn_dtype_bytes(y->dtype), y->rank, y->dims, y->data, y_stride,
                   x->data, stride);
    return QN_OK;
}
