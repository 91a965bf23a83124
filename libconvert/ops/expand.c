/* Expand and Tile: a tensor repeated to a larger shape. */
#include "ops/shape.h"

qn_status qn_shape_Expand(qn_infer *inf) {
    const qn_type *x = &inf->in[0];
    qn_content sizes;
    QN_TRY(qn_infer_index_dtype(inf, 1));
    QN_TRY(qn_infer_rank(inf, 1, 1, 1));
    inf->out[0].dtype = x->dtype;
    if (x->rank < 0 || !qn_infer_sizes(inf, 1, &sizes))
        return QN_OK;
    if (sizes.n > QN_MAX_RANK)
        return qn_infer_unsupported(inf, "expands to rank %lld; at most %d is supported", (long long)sizes.n, QN_MAX_RANK);
    qn_type to = {.dtype = x->dtype, .rank = (int32_t)sizes.n};
    for (int32_t k = 0; k < to.rank; k++) {
        to.dims[k] = sizes.elems[k];
        if (qn_dim_is_const(to.dims[k]) && to.dims[k] < 0)
            return qn_infer_fail(inf, "expands to the size %lld", (long long)to.dims[k]);
    }
    QN_TRY(qn_infer_broadcast(inf, x, &to, &inf->out[0]));
    inf->out[0].dtype = x->dtype;

    int64_t dims[QN_MAX_RANK], n, stride[QN_MAX_RANK], out_stride[QN_MAX_RANK] = {0};
    qn_content c;
    if (!qn_infer_small(x, dims, &n) || !qn_infer_content(inf, 0, &c) || c.n != n)
        return QN_OK;
    qn_infer_strides(dims, x->rank, stride);
    for (int32_t k = 0; k < x->rank; k++)
        out_stride[inf->out[0].rank - x->rank + k] = dims[k] == 1 ? 0 : stride[k];
    return qn_infer_view(inf, 0, c, 0, out_stride);
}

qn_status qn_shape_Tile(qn_infer *inf) {
    const qn_type *x = &inf->in[0];
    qn_content repeats;
    QN_TRY(qn_infer_index_dtype(inf, 1));
    QN_TRY(qn_infer_vector(inf, 1, x->rank));
    QN_TRY(qn_infer_set(inf, 0, x->dtype, x->rank));
    if (x->rank < 0 || !qn_infer_sizes(inf, 1, &repeats))
        return QN_OK;
    if (repeats.n != x->rank)
        return qn_infer_fail(inf, "has %lld repeats for rank %d", (long long)repeats.n, x->rank);
    for (int32_t k = 0; k < x->rank; k++) {
        qn_dim r = repeats.elems[k];
        if (qn_dim_is_const(r) && r < 0)
            return qn_infer_fail(inf, "repeats axis %d %lld times", k, (long long)r);
        QN_TRY(qn_infer_mul(inf, x->dims[k], r, &inf->out[0].dims[k]));
    }
    qn_content c;
    int64_t stride[QN_MAX_RANK] = {0};
    if (qn_infer_content(inf, 0, &c) && c.n == 1)
        return qn_infer_view(inf, 0, c, 0, stride);
    return QN_OK;
}
