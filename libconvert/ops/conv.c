/* Conv: x [N, C, spatial...], w [M, C / group, kernel...], bias [M], residual as the output. */
#include "ops/window.h"

qn_status qn_shape_Conv(qn_infer *inf) {
    const qn_type *x = &inf->in[0], *w = &inf->in[1], *residual = qn_infer_in(inf, 3);
    QN_TRY(qn_infer_floats_mix(inf, 0, 3));
    QN_TRY(qn_infer_rank(inf, 0, 3, QN_MAX_RANK));
    QN_TRY(qn_infer_rank(inf, 1, 3, QN_MAX_RANK));
    int64_t group = qn_node_int(inf->node, "group", 1);
    if (group < 1)
        return qn_infer_fail(inf, "has %lld groups", (long long)group);
    int32_t rank = x->rank >= 0 ? x->rank : w->rank;
    QN_TRY(qn_infer_set(inf, 0, x->dtype, rank));
    if (rank < 0)
        return QN_OK;
    QN_TRY(qn_infer_rank(inf, 1, rank, rank));
    qn_window window;
    QN_TRY(qn_window_read(inf, rank - 2, w, &window));
    qn_type *out = &inf->out[0];
    if (w->rank >= 0) {
        qn_dim channels, same;
        if (qn_dim_is_const(w->dims[0]) && w->dims[0] % group != 0)
            return qn_infer_fail(inf, "%lld output channels do not divide into %lld groups", (long long)w->dims[0],
                                 (long long)group);
        QN_TRY(qn_infer_mul(inf, w->dims[1], group, &channels));
        if (x->rank >= 0)
            QN_TRY(qn_infer_unify(inf, x->dims[1], channels, "input channels differ", &same));
        QN_TRY(qn_infer_vector(inf, 2, w->dims[0]));
        out->dims[1] = w->dims[0];
    }
    if (x->rank >= 0) {
        out->dims[0] = x->dims[0];
        for (int32_t i = 0; i < window.n; i++)
            QN_TRY(qn_window_places(inf, &window, i, x->dims[2 + i], false, &out->dims[2 + i]));
    }
    if (residual->rank >= 0) {
        QN_TRY(qn_infer_rank(inf, 3, rank, rank));
        for (int32_t k = 0; k < rank; k++)
            QN_TRY(qn_infer_unify(inf, out->dims[k], residual->dims[k], "the residual differs", &out->dims[k]));
    }
    return QN_OK;
}
