/* Gather: slices of an axis, chosen by index. */
#include "ops/shape.h"

/* Elements of content: for each outer index, index and inner index. An index that is not a number, or is out of
 * range of the data, leaves its elements unknown. */
static qn_status gather_content(qn_infer *inf, int32_t axis) {
    int64_t dims[QN_MAX_RANK], n, out_dims[QN_MAX_RANK], n_out;
    qn_content data, index;
    if (!qn_infer_small(&inf->in[0], dims, &n) || !qn_infer_small(&inf->out[0], out_dims, &n_out) ||
        !qn_infer_content(inf, 0, &data) || data.n != n || !qn_infer_content(inf, 1, &index) || n_out == 0)
        return QN_OK;
    int64_t outer = 1, inner = 1;
    for (int32_t k = 0; k < inf->in[0].rank; k++)
        if (k != axis)
            *(k < axis ? &outer : &inner) *= dims[k];
    if (outer * inner * index.n != n_out)
        return QN_OK;
    qn_dim *elems;
    QN_NEW_ARRAY(inf->ctx, inf->arena, elems, n_out);
    bool any = false;
    for (int64_t o = 0, at = 0; o < outer; o++)
        for (int64_t i = 0; i < index.n; i++)
            for (int64_t k = 0; k < inner; k++, at++) {
                qn_dim j = index.elems[i];
                bool known = qn_dim_is_const(j) && j >= -dims[axis] && j < dims[axis];
                elems[at] = known ? data.elems[(o * dims[axis] + (j < 0 ? j + dims[axis] : j)) * inner + k]
                                  : QN_DIM_UNKNOWN;
                any = any || elems[at] != QN_DIM_UNKNOWN;
            }
    if (any)
        inf->out_content[0] = (qn_content){elems, n_out};
    return QN_OK;
}

qn_status qn_shape_Gather(qn_infer *inf) {
    const qn_type *x = &inf->in[0], *index = &inf->in[1];
    QN_TRY(qn_infer_index_dtype(inf, 1));
    inf->out[0].dtype = x->dtype;
    if (x->rank < 0)
        return QN_OK;
    int32_t axis;
    QN_TRY(qn_infer_axis(inf, qn_node_int(inf->node, "axis", 0), x->rank, &axis));
    const int64_t *v;
    int64_t n;
    if (qn_dim_is_const(x->dims[axis]) && qn_infer_ints(inf, 1, &v, &n))
        for (int64_t i = 0; i < n; i++)
            if (v[i] < -x->dims[axis] || v[i] >= x->dims[axis])
                return qn_infer_fail(inf, "index %lld is out of range for %lld elements", (long long)v[i],
                                     (long long)x->dims[axis]);
    if (index->rank < 0)
        return QN_OK;
    QN_TRY(qn_infer_set(inf, 0, x->dtype, x->rank - 1 + index->rank));
    qn_dim *out = inf->out[0].dims;
    for (int32_t k = 0; k < axis; k++)
        *out++ = x->dims[k];
    for (int32_t k = 0; k < index->rank; k++)
        *out++ = index->dims[k];
    for (int32_t k = axis + 1; k < x->rank; k++)
        *out++ = x->dims[k];
    return gather_content(inf, axis);
}
