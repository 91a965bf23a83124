/* Matrix products with any leading dimensions: MatMul, BatchMatMul, Linear; and Gemm. */
#include "ops/shape.h"

/* The leading dimensions of a and b, broadcast, to out.dims[0..*n). */
static qn_status batch(const qn_infer *inf, const qn_type *a, const qn_type *b, qn_type *out) {
    qn_type left = *a, right = *b;
    left.rank -= 2;
    right.rank -= 2;
    return qn_infer_broadcast(inf, &left, &right, out);
}

static qn_status product(qn_infer *inf, bool trans_a, bool trans_b) {
    qn_type a = inf->in[0], b = inf->in[1], out = {.dtype = inf->in[0].dtype};
    inf->out[0].dtype = a.dtype;
    if (a.rank < 0 || b.rank < 0)
        return QN_OK;
    /* as numpy: a vector on the left is a row, on the right a column, and its 1 is dropped from the result */
    const bool row = a.rank == 1, column = b.rank == 1;
    if (row) {
        a.dims[1] = a.dims[0];
        a.dims[0] = 1;
        a.rank = 2;
    }
    if (column) {
        b.dims[1] = 1;
        b.rank = 2;
    }
    QN_TRY(batch(inf, &a, &b, &out));
    qn_dim k, rows = a.dims[a.rank - (trans_a ? 1 : 2)], columns = b.dims[b.rank - (trans_b ? 2 : 1)];
    QN_TRY(qn_infer_unify(inf, a.dims[a.rank - (trans_a ? 2 : 1)], b.dims[b.rank - (trans_b ? 1 : 2)],
                          "inner dimensions differ", &k));
    if (!row)
        out.dims[out.rank++] = rows;
    if (!column)
        out.dims[out.rank++] = columns;
    inf->out[0] = out;
    return QN_OK;
}

qn_status qn_shape_MatMul(qn_infer *inf) {
    for (int32_t i = 0; i < 2; i++) {
        QN_TRY(qn_infer_dtype(inf, i, QN_SET_NUMBER));
        QN_TRY(qn_infer_rank(inf, i, 1, QN_MAX_RANK));
    }
    if (qn_dtype_is_int(inf->in[0].dtype) || qn_dtype_is_int(inf->in[1].dtype))
        QN_TRY(qn_infer_same_dtype(inf, 0, 1));
    else
        QN_TRY(qn_infer_floats_mix(inf, 0, 1));
    return product(inf, false, false);
}

qn_status qn_shape_BatchMatMul(qn_infer *inf) {
    QN_TRY(qn_infer_floats_mix(inf, 0, 1));
    QN_TRY(qn_infer_rank(inf, 0, 2, QN_MAX_RANK));
    QN_TRY(qn_infer_rank(inf, 1, 2, QN_MAX_RANK));
    return product(inf, qn_node_int(inf->node, "trans_a", 0) != 0, qn_node_int(inf->node, "trans_b", 0) != 0);
}

qn_status qn_shape_Linear(qn_infer *inf) {
    const qn_type *x = &inf->in[0], *w = &inf->in[1];
    const bool trans = qn_node_int(inf->node, "trans_w", 0) != 0;
    QN_TRY(qn_infer_floats_mix(inf, 0, 3));
    QN_TRY(qn_infer_rank(inf, 0, 1, QN_MAX_RANK));
    QN_TRY(qn_infer_rank(inf, 1, 2, 2));
    QN_TRY(qn_infer_set(inf, 0, x->dtype, x->rank));
    if (x->rank < 0)
        return QN_OK;
    qn_dim k, n = w->rank < 0 ? QN_DIM_UNKNOWN : w->dims[trans ? 0 : 1];
    if (w->rank == 2)
        QN_TRY(qn_infer_unify(inf, x->dims[x->rank - 1], w->dims[trans ? 1 : 0], "inner dimensions differ", &k));
    QN_TRY(qn_infer_vector(inf, 2, n));
    qn_type out = *x;
    out.dims[x->rank - 1] = n;
    const qn_type *residual = qn_infer_in(inf, 3);
    if (residual->rank >= 0) {
        QN_TRY(qn_infer_rank(inf, 3, x->rank, x->rank));
        for (int32_t i = 0; i < x->rank; i++)
            QN_TRY(qn_infer_unify(inf, out.dims[i], residual->dims[i], "the residual differs", &out.dims[i]));
    }
    inf->out[0] = out;
    return QN_OK;
}

qn_status qn_shape_Gemm(qn_infer *inf) {
    const qn_type *a = &inf->in[0], *b = &inf->in[1];
    const bool trans_a = qn_node_int(inf->node, "transA", 0) != 0, trans_b = qn_node_int(inf->node, "transB", 0) != 0;
    QN_TRY(qn_infer_rank(inf, 0, 2, 2));
    QN_TRY(qn_infer_rank(inf, 1, 2, 2));
    for (int32_t i = 0; i < 3; i++)
        QN_TRY(qn_infer_dtype(inf, i, QN_SET_NUMBER));
    if (qn_dtype_is_int(a->dtype) || qn_dtype_is_int(b->dtype) || qn_dtype_is_int(qn_infer_in(inf, 2)->dtype)) {
        QN_TRY(qn_infer_same_dtype(inf, 0, 1));
        QN_TRY(qn_infer_same_dtype(inf, 0, 2));
    } else {
        QN_TRY(qn_infer_floats_mix(inf, 0, 2));
    }
    QN_TRY(qn_infer_set(inf, 0, a->dtype, 2));
    if (a->rank == 2)
        inf->out[0].dims[0] = a->dims[trans_a];
    if (b->rank == 2)
        inf->out[0].dims[1] = b->dims[!trans_b];
    qn_dim k;
    if (a->rank == 2 && b->rank == 2)
        QN_TRY(qn_infer_unify(inf, a->dims[!trans_a], b->dims[trans_b], "inner dimensions differ", &k));
    return qn_infer_broadcast_to(inf, 2, &inf->out[0], "bias");
}
