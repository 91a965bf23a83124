/* Concat: inputs side by side along an axis, equal along the others. */
#include "ops/shape.h"

/* Contents laid side by side: an input's block of axis * inner elements for each of the outer indices. Inputs whose
 * content is not known leave unknown elements, as long as their size is known. */
static qn_status join_contents(qn_infer *inf, int32_t axis) {
    int64_t dims[QN_MAX_RANK], n;
    if (!qn_infer_small(&inf->out[0], dims, &n) || n == 0)
        return QN_OK;
    int64_t outer = 1, row = 1, at = 0;
    for (int32_t k = 0; k < inf->out[0].rank; k++)
        *(k < axis ? &outer : &row) *= dims[k];
    qn_dim *elems;
    QN_NEW_ARRAY(inf->ctx, inf->arena, elems, n);
    for (int64_t i = 0; i < n; i++)
        elems[i] = QN_DIM_UNKNOWN;
    bool any = false;
    for (int32_t i = 0; i < inf->n_in; i++) {
        int64_t in_dims[QN_MAX_RANK], in_n;
        qn_content c;
        if (!qn_infer_small(&inf->in[i], in_dims, &in_n))
            return QN_OK;
        int64_t block = in_n / outer;
        if (block > row - at)
            return QN_OK;
        if (qn_infer_content(inf, i, &c) && c.n == in_n) {
            for (int64_t o = 0; o < outer; o++)
                for (int64_t k = 0; k < block; k++)
                    elems[o * row + at + k] = c.elems[o * block + k];
            any = true;
        }
        at += block;
    }
    if (any)
        inf->out_content[0] = (qn_content){elems, n};
    return QN_OK;
}

qn_status qn_shape_Concat(qn_infer *inf) {
    qn_type out = {.dtype = inf->in[0].dtype, .rank = -1};
    for (int32_t i = 0; i < inf->n_in; i++) {
        if (!qn_infer_has(inf, i))
            return qn_infer_fail(inf, "input %d is missing", i);
        QN_TRY(qn_infer_same_dtype(inf, 0, i));
        if (out.dtype == QN_NONE)
            out.dtype = inf->in[i].dtype;
        if (out.rank >= 0)
            QN_TRY(qn_infer_rank(inf, i, out.rank, out.rank));
        else
            out.rank = inf->in[i].rank;
    }
    inf->out[0].dtype = out.dtype;
    if (out.rank < 0)
        return QN_OK;
    if (!qn_node_attr(inf->node, "axis"))
        return qn_infer_fail(inf, "lacks the attribute axis");
    int32_t axis;
    QN_TRY(qn_infer_axis(inf, qn_node_int(inf->node, "axis", 0), out.rank, &axis));
    for (int32_t k = 0; k < out.rank; k++)
        out.dims[k] = k == axis ? 0 : QN_DIM_UNKNOWN;
    for (int32_t i = 0; i < inf->n_in; i++) {
        const qn_type *x = &inf->in[i];
        for (int32_t k = 0; k < out.rank; k++) {
            qn_dim d = x->rank < 0 ? QN_DIM_UNKNOWN : x->dims[k];
            if (k == axis)
                QN_TRY(qn_infer_add(inf, out.dims[k], d, &out.dims[k]));
            else
                QN_TRY(qn_infer_unify(inf, out.dims[k], d, "inputs differ beside the axis", &out.dims[k]));
        }
    }
    inf->out[0] = out;
    return join_contents(inf, axis);
}
