/* Slice: y[i] = x[start + i step] along the sliced axes. Starts are clamped as numpy does; the shape of y, from the
 * shape function, says how far each slice goes. */
#include "kernels/ref/copy.h"
#include "kernels/ref/integers.h"
#include "kernels/ref/iterate.h"

#include "base/checked.h"

qn_status qn_ref_Slice(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    const int64_t *starts, *axes, *steps;
    int64_t n, n_axes, n_steps;
    QN_TRY(qn_ref_integers(args, 1, &starts, &n));
    QN_TRY(qn_ref_integers(args, 3, &axes, &n_axes));
    QN_TRY(qn_ref_integers(args, 4, &steps, &n_steps));
    if (x->rank != y->rank || (axes && n_axes != n) || (steps && n_steps != n) || n > x->rank)
        return qn_kernel_fail(args, QN_MALFORMED, "starts, axes and steps do not agree");
    if (qn_ref_numel(y) == 0)
        return QN_OK;
    int64_t first = 0, x_stride[QN_MAX_RANK], y_stride[QN_MAX_RANK], stride[QN_MAX_RANK];
    unsigned seen = 0;
    qn_ref_dense_strides(x->rank, x->dims, x_stride);
    qn_ref_dense_strides(y->rank, y->dims, y_stride);
    for (int32_t d = 0; d < x->rank; d++)
        stride[d] = x_stride[d];
    for (int64_t i = 0; i < n; i++) {
        int64_t axis = axes ? axes[i] : i, step = steps ? steps[i] : 1, start = starts[i];
        axis += axis < 0 ? x->rank : 0;
        if (axis < 0 || axis >= x->rank || (seen & 1u << axis) || step == 0)
            return qn_kernel_fail(args, QN_MALFORMED, "axis %lld, step %lld", (long long)axis, (long long)step);
        seen |= 1u << axis;
        int64_t size = x->dims[axis], low = step < 0 ? -1 : 0, high = step < 0 ? size - 1 : size;
        start = start < -size ? low : start < 0 ? start + size : start;
        start = start > high ? high : start;
        int64_t count = y->dims[axis], last;
        if (count == 1)
            step = 0; /* never taken; it may be larger than any stride */
        if (start < 0 || start >= size || !qn_mul_i64(count - 1, step, &last) || !qn_add_i64(start, last, &last) ||
            last < 0 || last >= size)
            return qn_kernel_fail(args, QN_MALFORMED, "axis %lld: %lld elements from %lld by %lld of %lld",
                                  (long long)axis, (long long)count, (long long)start, (long long)step, (long long)size);
        first += start * x_stride[axis];
        stride[axis] = step * x_stride[axis];
    }
    for (int32_t d = 0; d < x->rank; d++)
        if (!(seen & 1u << d) && x->dims[d] != y->dims[d])
            return qn_kernel_fail(args, QN_MALFORMED, "dimension %d is not sliced but changes", d);
    size_t bytes = qn_dtype_bytes(y->dtype);
    qn_ref_copy(args->ctx, bytes, y->rank, y->dims, y->data, y_stride, (const char *)x->data + (size_t)first * bytes,
                stride);
    return QN_OK;
}
