/* Pools: windows over the spatial axes of x [N, C, spatial...]. */
#include "ops/window.h"

static qn_status pool(qn_infer *inf, unsigned set) {
    const qn_type *x = &inf->in[0];
    QN_TRY(qn_infer_dtype(inf, 0, set));
    QN_TRY(qn_infer_rank(inf, 0, 3, QN_MAX_RANK));
    QN_TRY(qn_infer_set(inf, 0, x->dtype, x->rank));
    if (x->rank < 0)
        return QN_OK;
    qn_window window;
    const bool ceil = qn_node_int(inf->node, "ceil_mode", 0) != 0;
    QN_TRY(qn_window_read(inf, x->rank - 2, NULL, &window));
    inf->out[0].dims[0] = x->dims[0];
    inf->out[0].dims[1] = x->dims[1];
    for (int32_t i = 0; i < window.n; i++)
        QN_TRY(qn_window_places(inf, &window, i, x->dims[2 + i], ceil, &inf->out[0].dims[2 + i]));
    return QN_OK;
}

qn_status qn_shape_AveragePool(qn_infer *inf) { return pool(inf, QN_SET_FLOAT); }

/* The second output: where each maximum was, as an index into the flattened input. */
qn_status qn_shape_MaxPool(qn_infer *inf) {
    QN_TRY(pool(inf, QN_SET_NUMBER));
    if (inf->n_out > 1) {
        inf->out[1] = inf->out[0];
        inf->out[1].dtype = QN_I64;
    }
    return QN_OK;
}

static qn_status global_pool(qn_infer *inf) {
    const qn_type *x = &inf->in[0];
    QN_TRY(qn_infer_dtype(inf, 0, QN_SET_FLOAT));
    QN_TRY(qn_infer_rank(inf, 0, 2, QN_MAX_RANK));
    qn_infer_copy(inf, 0, 0);
    for (int32_t k = 2; k < x->rank; k++)
        inf->out[0].dims[k] = 1;
    return QN_OK;
}

qn_status qn_shape_GlobalAveragePool(qn_infer *inf) { return global_pool(inf); }
qn_status qn_shape_GlobalMaxPool(qn_infer *inf) { return global_pool(inf); }
