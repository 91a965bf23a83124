/* ConvTranspose: x [N, C, spatial...], w [C, M / group, kernel...], bias [M]. */
#include "ops/window.h"

/* stride * (in - 1) + output_padding + extent - pads; under SAME padding stride * in. */
static qn_status spread(const qn_infer *inf, const qn_window *w, int32_t axis, qn_dim in, int64_t output_padding,
                        qn_dim *out) {
    if (w->same)
        return qn_infer_mul(inf, in, w->stride[axis], out);
    qn_dim extent, pads;
    QN_TRY(qn_window_extent(inf, w, axis, &extent));
    QN_TRY(qn_infer_add(inf, w->pad_begin[axis], w->pad_end[axis], &pads));
    QN_TRY(qn_infer_add(inf, extent, output_padding, &extent));
    QN_TRY(qn_infer_sub(inf, extent, pads, &extent));
    QN_TRY(qn_infer_sub(inf, in, 1, out));
    QN_TRY(qn_infer_mul(inf, *out, w->stride[axis], out));
    return qn_infer_add(inf, *out, extent, out);
}

qn_status qn_shape_ConvTranspose(qn_infer *inf) {
    const qn_type *x = &inf->in[0], *w = &inf->in[1];
    QN_TRY(qn_infer_floats_mix(inf, 0, 2));
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
    int64_t output_padding[QN_MAX_RANK], output_shape[QN_MAX_RANK];
    const bool sized = qn_node_attr(inf->node, "output_shape") != NULL;
    QN_TRY(qn_window_ints(inf, "output_padding", window.n, 0, 0, output_padding));
    QN_TRY(qn_window_ints(inf, "output_shape", window.n, 0, 0, output_shape));
    qn_type *out = &inf->out[0];
    if (w->rank >= 0) {
        qn_dim same;
        if (qn_dim_is_const(w->dims[0]) && w->dims[0] % group != 0)
            return qn_infer_fail(inf, "%lld input channels do not divide into %lld groups", (long long)w->dims[0],
                                 (long long)group);
        if (x->rank >= 0)
            QN_TRY(qn_infer_unify(inf, x->dims[1], w->dims[0], "input channels differ", &same));
        QN_TRY(qn_infer_mul(inf, w->dims[1], group, &out->dims[1]));
        QN_TRY(qn_infer_vector(inf, 2, out->dims[1]));
    }
    for (int32_t i = 0; i < window.n; i++) {
        if (sized)
            out->dims[2 + i] = output_shape[i];
        else if (x->rank >= 0)
            QN_TRY(spread(inf, &window, i, x->dims[2 + i], output_padding[i], &out->dims[2 + i]));
    }
    if (x->rank >= 0)
        out->dims[0] = x->dims[0];
    return QN_OK;
}
