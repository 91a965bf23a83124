/* Expand: x broadcast to the shape of y. */
#include "kernels/ref/copy.h"

qn_status qn_ref_Expand(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    int64_t x_stride[QN_MAX_RANK], y_stride[QN_MAX_RANK], stride[QN_MAX_RANK];
    if (x->rank > y->rank)
        return qn_kernel_fail(args, QN_MALFORMED, "rank %d does not expand to rank %d", x->rank, y->rank);
    qn_ref_dense_strides(x->rank, x->dims, x_stride);
    qn_ref_dense_strides(y->rank, y->dims, y_stride);
    for (int32_t d = 0, e = x->rank - y->rank; d < y->rank; d++, e++) {
        stride[d] = e < 0 || x->dims[e] == 1 ? 0 : x_stride[e];
        if (e >= 0 && x->dims[e] != 1 && x->dims[e] != y->dims[d])
            return qn_kernel_fail(args, QN_MALFORMED, "dimension %d does not expand from %lld to %lld", d,
                                  (long long)x->dims[e], (long long)y->dims[d]);
    }
    qn_ref_copy(args->ctx, qn_dtype_bytes(y->dtype), y->rank, y->dims, y->data, y_stride, x->data, stride);
    return QN_OK;
}
