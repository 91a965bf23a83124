/* Concat: the inputs side by side along an axis.  Split: the reverse. */
#include "kernels/ref/copy.h"
#include "kernels/ref/integers.h"
#include "kernels/ref/iterate.h"

/* Copy between `part` and the slab of `whole` that begins at index `at` of `axis`. */
static qn_status copy_slab(const qn_kernel_args *args, const qn_tensor *whole, const qn_tensor *part, int32_t axis,
                           int64_t at, bool to_whole) {
    if (part->rank != whole->rank || part->dtype != whole->dtype || part->dims[axis] > whole->dims[axis] - at)
        return qn_kernel_fail(args, QN_MALFORMED, "a part does not fit along axis %d", axis);
    for (int32_t d = 0; d < whole->rank; d++)
        if (d != axis && part->dims[d] != whole->dims[d])
            return qn_kernel_fail(args, QN_MALFORMED, "dimension %d is %lld in one part and %lld in the whole", d,
                                  (long long)part->dims[d], (long long)whole->dims[d]);
    if (qn_ref_numel(part) == 0)
        return QN_OK;
    int64_t whole_stride[QN_MAX_RANK], part_stride[QN_MAX_RANK];
    qn_ref_dense_strides(whole->rank, whole->dims, whole_stride);
    qn_ref_dense_strides(part->rank, part->dims, part_stride);
    size_t bytes = qn_dtype_bytes(whole->dtype);
    char *slab = (char *)whole->data + (size_t)(at * whole_stride[axis]) * bytes;
    if (to_whole)
        qn_ref_copy(args->ctx, bytes, part->rank, part->dims, slab, whole_stride, part->data, part_stride);
    else
        qn_ref_copy(args->ctx, bytes, part->rank, part->dims, part->data, part_stride, slab, whole_stride);
    return QN_OK;
}

qn_status qn_ref_Concat(const qn_kernel_args *args) {
    const qn_tensor *y = &args->out[0];
    int64_t at = 0;
    int32_t axis;
    QN_TRY(qn_ref_axis_attr(args, 0, &axis));
    for (int32_t i = 0; i < args->n_in; i++) {
        QN_TRY(copy_slab(args, y, &args->in[i], axis, at, true));
        at += args->in[i].dims[axis];
    }
    if (at != y->dims[axis])
        return qn_kernel_fail(args, QN_MALFORMED, "the parts make %lld of %lld", (long long)at, (long long)y->dims[axis]);
    return QN_OK;
}

/* Where each part begins: by the second input, else ceil(size / n_out) each and the last what is left. */
qn_status qn_ref_Split(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0];
    const int64_t *sizes;
    int64_t n_sizes, at = 0;
    int32_t axis;
    QN_TRY(qn_ref_axis_attr(args, 0, &axis));
    QN_TRY(qn_ref_integers(args, 1, &sizes, &n_sizes));
    if (sizes && n_sizes != args->n_out)
        return qn_kernel_fail(args, QN_MALFORMED, "%lld sizes for %d parts", (long long)n_sizes, args->n_out);
    int64_t size = x->dims[axis], each = size / args->n_out + (size % args->n_out != 0);
    for (int32_t i = 0; i < args->n_out; i++) {
        int64_t n = sizes ? sizes[i] : size - at < each ? size - at : each;
        if (n < 0 || n > size - at)
            return qn_kernel_fail(args, QN_MALFORMED, "part %d of %lld elements of %lld", i, (long long)n,
                                  (long long)(size - at));
        const qn_tensor *y = &args->out[i];
        if (y->dtype != QN_NONE) {
            if (y->rank != x->rank || y->dims[axis] != n)
                return qn_kernel_fail(args, QN_MALFORMED, "part %d has another shape", i);
            QN_TRY(copy_slab(args, x, y, axis, at, false));
        }
        at += n;
    }
    return QN_OK;
}
