/* Transpose: y[i_0, ..., i_r-1] = x at the index whose dimension perm[d] is i_d; perm reverses when absent. */
#include "kernels/ref/copy.h"

qn_status qn_ref_transpose_strides(const qn_kernel_args *args, int64_t *stride) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    int64_t n_perm, x_stride[QN_MAX_RANK];
    const int64_t *perm = qn_node_ints(args->node, "perm", &n_perm);
    if (x->rank != y->rank || (perm && n_perm != x->rank))
        return qn_kernel_fail(args, QN_MALFORMED, "perm of %lld for a tensor of rank %d", (long long)n_perm, x->rank);
    qn_ref_dense_strides(x->rank, x->dims, x_stride);
    unsigned seen = 0;
    for (int32_t d = 0; d < y->rank; d++) {
        int64_t from = perm ? perm[d] : y->rank - 1 - d;
        from += from < 0 ? x->rank : 0;
        if (from < 0 || from >= x->rank || (seen & 1u << from) || x->dims[from] != y->dims[d])
            return qn_kernel_fail(args, QN_MALFORMED, "perm is not a permutation of the %d axes", x->rank);
        seen |= 1u << from;
        stride[d] = x_stride[from];
    }
    return QN_OK;
}

qn_status qn_ref_Transpose(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    int64_t y_stride[QN_MAX_RANK], stride[QN_MAX_RANK];
    QN_TRY(qn_ref_transpose_strides(args, stride));
    qn_ref_dense_strides(y->rank, y->dims, y_stride);
    qn_ref_copy(args->ctx, qn_dtype_bytes(y->dtype), y->rank, y->dims, y->data, y_stride, x->data, stride);
    return QN_OK;
}
