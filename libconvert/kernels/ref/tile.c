/* Tile: x repeated along each axis; y[i] = x[i mod dims(x)]. */
#include "kernels/ref/copy.h"

qn_status qn_ref_Tile(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    if (x->rank != y->rank)
        return qn_kernel_fail(args, QN_MALFORMED, "rank %d tiled to rank %d", x->rank, y->rank);
    /* Each axis of y is two: the repetition, along which x does not move, and the axis of x. */
    int64_t dims[QN_COPY_MAX_RANK], from[QN_COPY_MAX_RANK], to[QN_COPY_MAX_RANK];
    int64_t x_stride[QN_MAX_RANK], y_stride[QN_MAX_RANK];
    qn_ref_dense_strides(x->rank, x->dims, x_stride);
    qn_ref_dense_strides(y->rank, y->dims, y_stride);
    for (int32_t d = 0; d < y->rank; d++) {
        int64_t n = x->dims[d];
        if (n == 0 ? y->dims[d] != 0 : y->dims[d] % n != 0)
            return qn_kernel_fail(args, QN_MALFORMED, "axis %d of %lld tiled to %lld", d, (long long)n,
                                  (long long)y->dims[d]);
        dims[2 * d] = n == 0 ? 0 : y->dims[d] / n;
        dims[2 * d + 1] = n;
        from[2 * d] = 0;
        from[2 * d + 1] = x_stride[d];
        to[2 * d] = y_stride[d] * n;
        to[2 * d + 1] = y_stride[d];
    }
    qn_ref_copy(args->ctx, qn_dtype_bytes(y->dtype), 2 * y->rank, dims, y->data, to, x->data, from);
    return QN_OK;
}
