/* Squeeze and Unsqueeze: dimensions of 1 taken out and put in. */
#include "ops/shape.h"

qn_status qn_shape_Squeeze(qn_infer *inf) {
    const qn_type *x = &inf->in[0];
    inf->out[0].dtype = x->dtype;
    bool taken[QN_MAX_RANK] = {false}, known = true;
    if (x->rank < 0)
        return QN_OK;
    if (qn_infer_has(inf, 1)) {
        QN_TRY(qn_infer_axes(inf, 1, x->rank, taken, &known));
        int64_t n_axes = qn_infer_length(inf, 1);
        if (!known)
            return n_axes >= 0 && n_axes <= x->rank ? qn_infer_set(inf, 0, x->dtype, x->rank - (int32_t)n_axes) : QN_OK;
    } else {
        for (int32_t k = 0; k < x->rank; k++) {
            taken[k] = x->dims[k] == 1;
            if (!qn_dim_is_const(x->dims[k]) && !qn_infer_at_least(inf, x->dims[k], 2))
                return QN_OK; /* may be 1 or not: not even the rank is known */
        }
    }
    int32_t rank = 0;
    for (int32_t k = 0; k < x->rank; k++) {
        if (taken[k] && qn_dim_is_const(x->dims[k]) && x->dims[k] != 1)
            return qn_infer_fail(inf, "squeezes axis %d of size %lld", k, (long long)x->dims[k]);
        rank += !taken[k];
    }
    QN_TRY(qn_infer_set(inf, 0, x->dtype, rank));
    for (int32_t k = 0, o = 0; k < x->rank; k++)
        if (!taken[k])
            inf->out[0].dims[o++] = x->dims[k];
    qn_infer_pass(inf, 0, 0);
    return QN_OK;
}

qn_status qn_shape_Unsqueeze(qn_infer *inf) {
    const qn_type *x = &inf->in[0];
    inf->out[0].dtype = x->dtype;
    int64_t n_axes = qn_infer_length(inf, 1);
    if (n_axes < 0) {
        const int64_t *axes;
        if (!qn_infer_ints(inf, 1, &axes, &n_axes))
            return QN_OK;
    }
    if (x->rank < 0)
        return QN_OK;
    if (n_axes > QN_MAX_RANK)
        return qn_infer_unsupported(inf, "puts in %lld axes; rank %d is the most supported", (long long)n_axes, QN_MAX_RANK);
    const int32_t rank = x->rank + (int32_t)n_axes;
    QN_TRY(qn_infer_set(inf, 0, x->dtype, rank));
    bool taken[QN_MAX_RANK], known;
    QN_TRY(qn_infer_axes(inf, 1, rank, taken, &known));
    if (!known)
        return QN_OK;
    for (int32_t k = 0, i = 0; k < rank; k++)
        inf->out[0].dims[k] = taken[k] || i >= x->rank ? 1 : x->dims[i++];
    qn_infer_pass(inf, 0, 0);
    return QN_OK;
}
