/* Transpose: axes in another order. */
#include "ops/shape.h"

qn_status qn_shape_Transpose(qn_infer *inf) {
    const qn_type *x = &inf->in[0];
    int64_t n;
    const int64_t *perm = qn_node_ints(inf->node, "perm", &n);
    QN_TRY(qn_infer_set(inf, 0, x->dtype, x->rank));
    if (x->rank < 0)
        return QN_OK;
    int32_t from[QN_MAX_RANK];
    bool seen[QN_MAX_RANK] = {false};
    if (perm && n != x->rank)
        return qn_infer_fail(inf, "perm has %lld axes for rank %d", (long long)n, x->rank);
    for (int32_t k = 0; k < x->rank; k++) {
        from[k] = x->rank - 1 - k;
        if (perm)
            QN_TRY(qn_infer_axis(inf, perm[k], x->rank, &from[k]));
        if (seen[from[k]])
            return qn_infer_fail(inf, "perm has axis %d twice", from[k]);
        seen[from[k]] = true;
        inf->out[0].dims[k] = x->dims[from[k]];
    }
    int64_t dims[QN_MAX_RANK], count, stride[QN_MAX_RANK], out_stride[QN_MAX_RANK] = {0};
    qn_content c;
    if (!qn_infer_small(x, dims, &count) || !qn_infer_content(inf, 0, &c) || c.n != count)
        return QN_OK;
    qn_infer_strides(dims, x->rank, stride);
    for (int32_t k = 0; k < x->rank; k++)
        out_stride[k] = stride[from[k]];
    return qn_infer_view(inf, 0, c, 0, out_stride);
}
