/* Split: an axis cut into pieces. */
#include "ops/shape.h"

/* Without sizes: equal pieces of ceil(d / n), the last one what is left. Before num_outputs came, d had to divide. */
static qn_status equal_pieces(const qn_infer *inf, qn_dim d, qn_dim *size, int64_t n) {
    qn_dim whole = qn_dim_floordiv(inf->symbols, d, n);
    bool divides = whole != QN_DIM_UNKNOWN && qn_dim_mul(inf->symbols, whole, n) == d;
    bool ragged = qn_node_attr(inf->node, "num_outputs") != NULL;
    if (!divides && !ragged && qn_dim_is_const(d))
        return qn_infer_fail(inf, "%lld elements do not split into %lld equal pieces", (long long)d, (long long)n);
    qn_dim piece = divides || !ragged ? whole : qn_dim_ceildiv(inf->symbols, d, n);
    for (int64_t i = 0; i < n; i++)
        size[i] = piece;
    if (!divides && ragged) {
        QN_TRY(qn_infer_mul(inf, piece, n - 1, &piece));
        QN_TRY(qn_infer_sub(inf, d, piece, &size[n - 1]));
        if (qn_dim_is_const(size[n - 1]) && size[n - 1] < 0)
            return qn_infer_fail(inf, "%lld elements do not split into %lld pieces", (long long)d, (long long)n);
    }
    return QN_OK;
}

static qn_status given_pieces(const qn_infer *inf, qn_dim d, const qn_content *c, qn_dim *size, int64_t n) {
    if (c->n != n)
        return qn_infer_fail(inf, "has %lld sizes for %lld outputs", (long long)c->n, (long long)n);
    qn_dim sum = 0;
    for (int64_t i = 0; i < n; i++) {
        size[i] = c->elems[i];
        if (qn_dim_is_const(size[i]) && size[i] < 0)
            return qn_infer_fail(inf, "output %lld has size %lld", (long long)i, (long long)size[i]);
        QN_TRY(qn_infer_add(inf, sum, size[i], &sum));
    }
    if (qn_dim_is_const(sum) && qn_dim_is_const(d) && sum != d)
        return qn_infer_fail(inf, "sizes come to %lld, the axis has %lld", (long long)sum, (long long)d);
    return QN_OK;
}

qn_status qn_shape_Split(qn_infer *inf) {
    const qn_type *x = &inf->in[0];
    const int64_t n = inf->n_out;
    for (int32_t o = 0; o < inf->n_out; o++)
        QN_TRY(qn_infer_set(inf, o, x->dtype, x->rank));
    QN_TRY(qn_infer_index_dtype(inf, 1));
    QN_TRY(qn_infer_rank(inf, 1, 1, 1));
    const qn_attr *count = qn_node_attr(inf->node, "num_outputs");
    if (count && qn_infer_has(inf, 1))
        return qn_infer_fail(inf, "has both sizes and num_outputs");
    if (count && qn_node_int(inf->node, "num_outputs", 0) != n)
        return qn_infer_fail(inf, "num_outputs is %lld for %lld outputs",
                             (long long)qn_node_int(inf->node, "num_outputs", 0), (long long)n);
    if (x->rank < 0)
        return QN_OK;
    int32_t axis;
    QN_TRY(qn_infer_axis(inf, qn_node_int(inf->node, "axis", 0), x->rank, &axis));
    qn_dim *size;
    QN_NEW_ARRAY(inf->ctx, inf->arena, size, n);
    qn_content c;
    if (!qn_infer_has(inf, 1)) {
        QN_TRY(equal_pieces(inf, x->dims[axis], size, n));
    } else if (qn_infer_sizes(inf, 1, &c)) {
        QN_TRY(given_pieces(inf, x->dims[axis], &c, size, n));
    } else {
        for (int64_t i = 0; i < n; i++)
            size[i] = QN_DIM_UNKNOWN;
    }
    int64_t dims[QN_MAX_RANK], elems, stride[QN_MAX_RANK], at = 0;
    qn_content from;
    bool small = qn_infer_small(x, dims, &elems) && qn_infer_content(inf, 0, &from) && from.n == elems;
    if (small)
        qn_infer_strides(dims, x->rank, stride);
    for (int32_t o = 0; o < inf->n_out; o++) {
        for (int32_t k = 0; k < x->rank; k++)
            inf->out[o].dims[k] = k == axis ? size[o] : x->dims[k];
        small = small && qn_dim_is_const(size[o]) && size[o] <= dims[axis] - at;
        if (small) {
            QN_TRY(qn_infer_view(inf, o, from, at * stride[axis], stride));
            at += size[o];
        }
    }
    return QN_OK;
}
