/* Shape: the dimensions start..end of x as int64.  Size: the number of elements.
 * ConstantOfShape: `value` (default float32 0) everywhere.  Range: y[i] = start + i delta. */
#include "kernels/ref/convert.h"
#include "kernels/ref/copy.h"
#include "kernels/ref/iterate.h"

qn_status qn_ref_Shape(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    int64_t start = qn_node_int(args->node, "start", 0), n = qn_ref_numel(y);
    start = start < -x->rank ? 0 : start < 0 ? start + x->rank : start > x->rank ? x->rank : start;
    if (n > x->rank - start || y->dtype != QN_I64)
        return qn_kernel_fail(args, QN_MALFORMED, "%lld dimensions from %lld of %d", (long long)n, (long long)start,
                              x->rank);
    for (int64_t i = 0; i < n; i++)
        ((int64_t *)y->data)[i] = x->dims[start + i];
    return QN_OK;
}

qn_status qn_ref_Size(const qn_kernel_args *args) {
    *(int64_t *)args->out[0].data = qn_ref_numel(&args->in[0]);
    return QN_OK;
}

qn_status qn_ref_ConstantOfShape(const qn_kernel_args *args) {
    static const float zero = 0;
    const qn_tensor *y = &args->out[0];
    const void *value = &zero;
    const qn_attr *attr = qn_node_attr(args->node, "value");
    if (attr && attr->kind == QN_ATTR_TENSOR) {
        const qn_const *c = attr->as.tensor;
        if (!qn_const_is_ready(c) || qn_const_numel(c) != 1 || c->dtype != y->dtype)
            return qn_kernel_fail(args, QN_MALFORMED, "the value is not one %s", qn_dtype_name(y->dtype));
        value = c->part[QN_PART_VALUES].data;
    } else if (y->dtype != QN_F32) {
        return qn_ref_dtype_fail(args, y->dtype);
    }
    const int64_t none[QN_MAX_RANK] = {0};
    int64_t stride[QN_MAX_RANK];
    qn_ref_dense_strides(y->rank, y->dims, stride);
    qn_ref_copy(args->ctx, qn_dtype_bytes(y->dtype), y->rank, y->dims, y->data, stride, value, none);
    return QN_OK;
}

qn_status qn_ref_Range(const qn_kernel_args *args) {
    const qn_tensor *y = &args->out[0];
    int64_t n = qn_ref_numel(y);
    for (int32_t i = 0; i < 3; i++)
        if (args->in[i].dtype != y->dtype || qn_ref_numel(&args->in[i]) != 1)
            return qn_kernel_fail(args, QN_MALFORMED, "input %d is not one %s", i, qn_dtype_name(y->dtype));
    if (qn_dtype_is_int(y->dtype)) {
        int64_t start, delta, *v;
        qn_convert(y->dtype, args->in[0].data, QN_I64, &start, 1);
        qn_convert(y->dtype, args->in[2].data, QN_I64, &delta, 1);
        QN_NEW_ARRAY(args->ctx, args->scratch, v, n);
        for (int64_t i = 0; i < n; i++)
            v[i] = (int64_t)((uint64_t)start + (uint64_t)i * (uint64_t)delta);
        qn_convert(QN_I64, v, y->dtype, y->data, n);
        return QN_OK;
    }
    double start, delta, *v;
    qn_convert(y->dtype, args->in[0].data, QN_F64, &start, 1);
    qn_convert(y->dtype, args->in[2].data, QN_F64, &delta, 1);
    QN_NEW_ARRAY(args->ctx, args->scratch, v, n);
    for (int64_t i = 0; i < n; i++)
        v[i] = start + (double)i * delta;
    qn_convert(QN_F64, v, y->dtype, y->data, n);
    return QN_OK;
}
