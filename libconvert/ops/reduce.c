/* Reductions: the axes are the second input (none given: all of them), or the axis attribute of ArgMax and ArgMin. */
#include "ops/shape.h"

/* out[0] = input 0 without the taken axes, or with them as 1. */
static qn_status drop(qn_infer *inf, qn_dtype dtype, const bool *taken, bool keep) {
    const qn_type *x = &inf->in[0];
    int32_t left = 0;
    for (int32_t k = 0; k < x->rank; k++)
        left += !taken[k];
    QN_TRY(qn_infer_set(inf, 0, dtype, keep ? x->rank : left));
    for (int32_t k = 0, o = 0; k < x->rank; k++) {
        if (!taken[k])
            inf->out[0].dims[o++] = x->dims[k];
        else if (keep)
            inf->out[0].dims[o++] = 1;
    }
    return QN_OK;
}

static qn_status reduce(qn_infer *inf, unsigned set) {
    const qn_type *x = &inf->in[0];
    bool keep = qn_node_int(inf->node, "keepdims", 1) != 0, known = true, taken[QN_MAX_RANK];
    QN_TRY(qn_infer_dtype(inf, 0, set));
    inf->out[0].dtype = x->dtype;
    if (x->rank < 0)
        return QN_OK;
    for (int32_t k = 0; k < QN_MAX_RANK; k++)
        taken[k] = false;
    if (qn_infer_has(inf, 1))
        QN_TRY(qn_infer_axes(inf, 1, x->rank, taken, &known));
    int64_t n_axes = qn_infer_has(inf, 1) ? qn_infer_length(inf, 1) : 0;
    if (!known) {
        if (n_axes == 0)
            known = true;
        else if (keep)
            return qn_infer_set(inf, 0, x->dtype, x->rank);
        else if (n_axes > 0 && n_axes <= x->rank)
            return qn_infer_set(inf, 0, x->dtype, x->rank - (int32_t)n_axes);
        else
            return QN_OK;
    }
    bool none = true;
    for (int32_t k = 0; k < x->rank; k++)
        none = none && !taken[k];
    if (none && !qn_node_int(inf->node, "noop_with_empty_axes", 0))
        for (int32_t k = 0; k < x->rank; k++)
            taken[k] = true;
    return drop(inf, x->dtype, taken, keep);
}

/* A content reduced to one element; `fn` folds. */
static qn_status fold(qn_infer *inf, qn_dim (*fn)(qn_symbols *, qn_dim, qn_dim), qn_dim start) {
    qn_content c;
    int64_t dims[QN_MAX_RANK], n;
    if (!qn_infer_small(&inf->out[0], dims, &n) || n != 1 || !qn_infer_content(inf, 0, &c))
        return QN_OK;
    if (c.n == 0 && start == QN_DIM_UNKNOWN)
        return QN_OK;
    qn_dim *r;
    QN_NEW(inf->ctx, inf->arena, r);
    *r = c.n > 0 ? c.elems[0] : start;
    for (int64_t i = 1; i < c.n; i++)
        *r = fn(inf->symbols, *r, c.elems[i]);
    *r = qn_infer_fit(inf, inf->out[0].dtype, *r);
    if (*r != QN_DIM_UNKNOWN)
        inf->out_content[0] = (qn_content){r, 1};
    return QN_OK;
}

qn_status qn_shape_ReduceL2(qn_infer *inf) { return reduce(inf, QN_SET_NUMBER); }
qn_status qn_shape_ReduceMean(qn_infer *inf) { return reduce(inf, QN_SET_NUMBER); }
qn_status qn_shape_ReduceSumSquare(qn_infer *inf) { return reduce(inf, QN_SET_NUMBER); }

#define REDUCE_FOLD(NAME, SET, FN, START)          \
    qn_status qn_shape_##NAME(qn_infer *inf) {     \
        QN_TRY(reduce(inf, SET));                  \
        return fold(inf, FN, START);               \
    }
REDUCE_FOLD(ReduceMax, QN_SET_ANY, qn_dim_max, QN_DIM_UNKNOWN)
REDUCE_FOLD(ReduceMin, QN_SET_ANY, qn_dim_min, QN_DIM_UNKNOWN)
REDUCE_FOLD(ReduceProd, QN_SET_NUMBER, qn_dim_mul, 1)
REDUCE_FOLD(ReduceSum, QN_SET_NUMBER, qn_dim_add, 0)

static qn_status arg(qn_infer *inf) {
    const qn_type *x = &inf->in[0];
    QN_TRY(qn_infer_dtype(inf, 0, QN_SET_NUMBER));
    inf->out[0].dtype = QN_I64;
    if (x->rank < 0)
        return QN_OK;
    int32_t axis;
    bool taken[QN_MAX_RANK] = {false};
    QN_TRY(qn_infer_axis(inf, qn_node_int(inf->node, "axis", 0), x->rank, &axis));
    if (x->dims[axis] == 0)
        return qn_infer_fail(inf, "axis %d has no elements to choose from", axis);
    taken[axis] = true;
    return drop(inf, QN_I64, taken, qn_node_int(inf->node, "keepdims", 1) != 0);
}

qn_status qn_shape_ArgMax(qn_infer *inf) { return arg(inf); }
qn_status qn_shape_ArgMin(qn_infer *inf) { return arg(inf); }
