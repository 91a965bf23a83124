/* Normalisations: the output has the type of x; the parameters must fit it. */
#include "ops/shape.h"

/* Inputs [1, n) are vectors of the channels of x [N, C, ...]. */
static qn_status per_channel(qn_infer *inf, int32_t n, int32_t min_rank) {
    const qn_type *x = &inf->in[0];
    QN_TRY(qn_infer_floats_mix(inf, 0, n - 1));
    QN_TRY(qn_infer_rank(inf, 0, min_rank, QN_MAX_RANK));
    for (int32_t i = 1; i < n; i++)
        QN_TRY(qn_infer_vector(inf, i, x->rank < 2 ? (x->rank < 0 ? -1 : 1) : x->dims[1]));
    qn_infer_copy(inf, 0, 0);
    return QN_OK;
}

qn_status qn_shape_BatchNormalization(qn_infer *inf) {
    if (qn_node_int(inf->node, "training_mode", 0) != 0)
        return qn_infer_unsupported(inf, "is in training mode");
    return per_channel(inf, 5, 1);
}

qn_status qn_shape_InstanceNormalization(qn_infer *inf) { return per_channel(inf, 3, 3); }

/* Normalised over [axis, rank); scale and bias broadcast to those dimensions. The optional mean and inverse deviation
 * have 1 in their place. */
static qn_status layer_norm(qn_infer *inf) {
    const qn_type *x = &inf->in[0];
    QN_TRY(qn_infer_floats_mix(inf, 0, 2));
    int64_t stash = qn_node_int(inf->node, "stash_type", 1);
    if (stash != QN_F32 && stash != QN_F64 && stash != QN_BF16 && stash != QN_F16)
        return qn_infer_fail(inf, "stash_type %lld is not a float", (long long)stash);
    qn_infer_copy(inf, 0, 0);
    for (int32_t o = 1; o < inf->n_out; o++)
        inf->out[o].dtype = (qn_dtype)stash;
    if (x->rank < 0)
        return QN_OK;
    int32_t axis;
    QN_TRY(qn_infer_axis(inf, qn_node_int(inf->node, "axis", -1), x->rank, &axis));
    QN_TRY(qn_infer_broadcast_to(inf, 1, x, "scale"));
    QN_TRY(qn_infer_broadcast_to(inf, 2, x, "bias"));
    for (int32_t o = 1; o < inf->n_out; o++) {
        QN_TRY(qn_infer_set(inf, o, (qn_dtype)stash, x->rank));
        for (int32_t k = 0; k < x->rank; k++)
            inf->out[o].dims[k] = k < axis ? x->dims[k] : 1;
    }
    return QN_OK;
}

qn_status qn_shape_LayerNormalization(qn_infer *inf) { return layer_norm(inf); }
qn_status qn_shape_RMSNormalization(qn_infer *inf) { return layer_norm(inf); }

static qn_status softmax(qn_infer *inf) {
    int32_t axis, rank = inf->in[0].rank;
    QN_TRY(qn_infer_dtype(inf, 0, QN_SET_FLOAT));
    qn_infer_copy(inf, 0, 0);
    return rank < 0 ? QN_OK : qn_infer_axis(inf, qn_node_int(inf->node, "axis", -1), rank, &axis);
}

qn_status qn_shape_Softmax(qn_infer *inf) { return softmax(inf); }
qn_status qn_shape_LogSoftmax(qn_infer *inf) { return softmax(inf); }
