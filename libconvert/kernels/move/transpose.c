/* Movement on vectors: Transpose with its planes turned in registers. */
#include "kernels/move/turn.h"

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
    qn_ref_copy_by(args->ctx, QN_ISA_PICK(args->ctx, qn_turn), qn_dtype_bytes(y->dtype), y->rank, y->dims, y->data,
                   y_stride, x->data, stride);
    return QN_OK;
}
