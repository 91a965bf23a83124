/* Reshape and Flatten: the same elements in another shape. */
#include "ops/shape.h"

/* The size that is left to be inferred (-1, or one that is not known): the product of `have` by that of `taken`. Equal
 * factors are struck out first, so that a batch of zero, or one not known, does no harm. */
static qn_status remaining(const qn_infer *inf, qn_dim *have, int32_t n_have, qn_dim *taken, int32_t n_taken,
                           qn_dim *out) {
    for (int32_t i = 0; i < n_taken; i++)
        for (int32_t k = 0; k < n_have; k++)
            if (taken[i] == have[k] && taken[i] != 0 && taken[i] != QN_DIM_UNKNOWN) {
                taken[i] = have[k] = 1;
                break;
            }
    qn_dim numerator = 1, denominator = 1;
    for (int32_t k = 0; k < n_have; k++)
        QN_TRY(qn_infer_mul(inf, numerator, have[k], &numerator));
    for (int32_t i = 0; i < n_taken; i++)
        QN_TRY(qn_infer_mul(inf, denominator, taken[i], &denominator));
    *out = QN_DIM_UNKNOWN;
    if (denominator == 0) {
        if (qn_dim_is_const(numerator) && numerator != 0)
            return qn_infer_fail(inf, "cannot reshape %lld elements to none", (long long)numerator);
        *out = qn_dim_is_const(numerator) ? 0 : QN_DIM_UNKNOWN;
        return QN_OK;
    }
    if (qn_dim_is_const(numerator) && qn_dim_is_const(denominator) && numerator % denominator != 0)
        return qn_infer_fail(inf, "cannot divide %lld elements by %lld", (long long)numerator, (long long)denominator);
    *out = qn_dim_floordiv(inf->symbols, numerator, denominator);
    return QN_OK;
}

/* Both shapes in numbers must hold the same elements. */
static qn_status check_elements(const qn_infer *inf) {
    qn_dim before = 1, after = 1;
    for (int32_t k = 0; k < inf->in[0].rank; k++)
        QN_TRY(qn_infer_mul(inf, before, inf->in[0].dims[k], &before));
    for (int32_t k = 0; k < inf->out[0].rank; k++)
        QN_TRY(qn_infer_mul(inf, after, inf->out[0].dims[k], &after));
    if (qn_dim_is_const(before) && qn_dim_is_const(after) && before != after)
        return qn_infer_fail(inf, "reshapes %lld elements to %lld", (long long)before, (long long)after);
    return QN_OK;
}

qn_status qn_shape_Reshape(qn_infer *inf) {
    const qn_type *x = &inf->in[0];
    qn_content sizes;
    QN_TRY(qn_infer_index_dtype(inf, 1));
    QN_TRY(qn_infer_rank(inf, 1, 1, 1));
    inf->out[0].dtype = x->dtype;
    if (!qn_infer_sizes(inf, 1, &sizes))
        return QN_OK;
    if (sizes.n > QN_MAX_RANK)
        return qn_infer_unsupported(inf, "reshapes to rank %lld; at most %d is supported", (long long)sizes.n, QN_MAX_RANK);
    const int32_t rank = (int32_t)sizes.n;
    const bool allow_zero = qn_node_int(inf->node, "allowzero", 0) != 0;
    QN_TRY(qn_infer_set(inf, 0, x->dtype, rank));
    qn_dim *dims = inf->out[0].dims, have[QN_MAX_RANK], taken[QN_MAX_RANK];
    int32_t open = -1, n_open = 0, n_unknown = 0, n_have = 0, n_taken = 0;
    bool copied[QN_MAX_RANK] = {false}, zero = false;
    for (int32_t k = 0; k < rank; k++) {
        qn_dim size = sizes.elems[k];
        if (size == -1 || size == QN_DIM_UNKNOWN) {
            n_open += size == -1;
            n_unknown += size == QN_DIM_UNKNOWN;
            open = k;
            continue;
        }
        if (qn_dim_is_const(size) && size < -1)
            return qn_infer_fail(inf, "reshapes to the size %lld", (long long)size);
        if (size == 0 && !allow_zero) {
            if (x->rank >= 0 && k >= x->rank)
                return qn_infer_fail(inf, "copies dimension %d of rank %d", k, x->rank);
            copied[k] = true;
            dims[k] = x->rank < 0 ? QN_DIM_UNKNOWN : x->dims[k];
            continue;
        }
        zero = zero || size == 0;
        dims[k] = taken[n_taken++] = size;
    }
    if (n_open > 1)
        return qn_infer_fail(inf, "has more than one size of -1");
    if (n_open && zero)
        return qn_infer_fail(inf, "has a size of 0 and one of -1");
    if (x->rank < 0)
        return QN_OK;
    if (n_open + n_unknown == 1) {
        for (int32_t k = 0; k < x->rank; k++)
            if (!copied[k])
                have[n_have++] = x->dims[k];
        QN_TRY(remaining(inf, have, n_have, taken, n_taken, &dims[open]));
    }
    QN_TRY(check_elements(inf));
    qn_infer_pass(inf, 0, 0);
    return QN_OK;
}

qn_status qn_shape_Flatten(qn_infer *inf) {
    const qn_type *x = &inf->in[0];
    QN_TRY(qn_infer_set(inf, 0, x->dtype, 2));
    if (x->rank < 0)
        return QN_OK;
    int64_t axis = qn_node_int(inf->node, "axis", 1);
    if (axis < -(int64_t)x->rank || axis > x->rank)
        return qn_infer_fail(inf, "axis %lld is out of range for rank %d", (long long)axis, x->rank);
    axis = axis < 0 ? axis + x->rank : axis;
    qn_dim *dims = inf->out[0].dims;
    dims[0] = dims[1] = 1;
    for (int32_t k = 0; k < x->rank; k++)
        QN_TRY(qn_infer_mul(inf, dims[k >= axis], x->dims[k], &dims[k >= axis]));
    qn_infer_pass(inf, 0, 0);
    return QN_OK;
}
