/* Pad: elements added around a tensor; negative counts take away. */
#include <string.h>

#include "ops/shape.h"

qn_status qn_shape_Pad(qn_infer *inf) {
    const qn_type *x = &inf->in[0];
    const char *mode = qn_node_string(inf->node, "mode", "constant");
    bool constant = strcmp(mode, "constant") == 0;
    if (!constant && strcmp(mode, "reflect") && strcmp(mode, "edge") && strcmp(mode, "wrap"))
        return qn_infer_fail(inf, "mode '%s' is not constant, reflect, edge or wrap", mode);
    QN_TRY(qn_infer_index_dtype(inf, 1));
    QN_TRY(qn_infer_rank(inf, 1, 1, 1));
    QN_TRY(qn_infer_same_dtype(inf, 0, 2));
    QN_TRY(qn_infer_rank(inf, 2, 0, 1));
    if (qn_infer_in(inf, 2)->rank == 1)
        QN_TRY(qn_infer_vector(inf, 2, 1));
    QN_TRY(qn_infer_set(inf, 0, x->dtype, x->rank));
    if (x->rank < 0)
        return QN_OK;
    bool known = true, taken[QN_MAX_RANK];
    const int64_t *axes = NULL;
    int64_t n_axes = x->rank;
    if (qn_infer_has(inf, 3)) {
        QN_TRY(qn_infer_axes(inf, 3, x->rank, taken, &known));
        known = known && qn_infer_ints(inf, 3, &axes, &n_axes);
    }
    qn_content pads;
    if (!known || !qn_infer_sizes(inf, 1, &pads))
        return QN_OK;
    if (pads.n != 2 * n_axes)
        return qn_infer_fail(inf, "has %lld pads for %lld axes", (long long)pads.n, (long long)n_axes);
    for (int32_t k = 0; k < x->rank; k++)
        inf->out[0].dims[k] = x->dims[k];
    for (int64_t i = 0; i < n_axes; i++) {
        int32_t axis = (int32_t)i;
        if (axes)
            QN_TRY(qn_infer_axis(inf, axes[i], x->rank, &axis));
        qn_dim begin = pads.elems[i], end = pads.elems[n_axes + i], *d = &inf->out[0].dims[axis];
        if (!constant && *d == 0 && (qn_infer_at_least(inf, begin, 1) || qn_infer_at_least(inf, end, 1)))
            return qn_infer_fail(inf, "axis %d has nothing to %s", axis, mode);
        QN_TRY(qn_infer_add(inf, begin, end, &end));
        QN_TRY(qn_infer_add(inf, *d, end, d));
    }
    return QN_OK;
}
