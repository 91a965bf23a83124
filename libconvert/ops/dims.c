/* Arithmetic on dimensions as shape functions need it: overflow refused, equality and broadcasting resolved. */
#include "base/checked.h"
#include "ops/shape.h"

const char *qn_infer_text(const qn_infer *inf, qn_dim d) {
    const char *text = qn_dim_format(inf->arena, inf->symbols, d);
    return text ? text : "?";
}

static qn_status settle(const qn_infer *inf, qn_dim a, qn_dim b, const char *op, qn_dim r, qn_dim *out) {
    *out = r;
    if (r == QN_DIM_UNKNOWN && qn_dim_is_const(a) && qn_dim_is_const(b))
        return qn_infer_fail(inf, "%lld %s %lld overflows", (long long)a, op, (long long)b);
    return QN_OK;
}

qn_status qn_infer_add(const qn_infer *inf, qn_dim a, qn_dim b, qn_dim *out) {
    return settle(inf, a, b, "+", qn_dim_add(inf->symbols, a, b), out);
}

qn_status qn_infer_sub(const qn_infer *inf, qn_dim a, qn_dim b, qn_dim *out) {
    return settle(inf, a, b, "-", qn_dim_sub(inf->symbols, a, b), out);
}

qn_status qn_infer_mul(const qn_infer *inf, qn_dim a, qn_dim b, qn_dim *out) {
    return settle(inf, a, b, "*", qn_dim_mul(inf->symbols, a, b), out);
}

bool qn_infer_at_least(const qn_infer *inf, qn_dim d, int64_t n) {
    if (d == QN_DIM_UNKNOWN)
        return false;
    int64_t min, max;
    qn_dim_bounds(inf->symbols, d, &min, &max);
    return min >= n;
}

bool qn_infer_less(const qn_infer *inf, qn_dim a, qn_dim b) {
    if (a == QN_DIM_UNKNOWN || b == QN_DIM_UNKNOWN)
        return false;
    if (qn_dim_is_const(a) && qn_dim_is_const(b))
        return a < b;
    int64_t a_min, a_max, b_min, b_max;
    qn_dim_bounds(inf->symbols, a, &a_min, &a_max);
    qn_dim_bounds(inf->symbols, b, &b_min, &b_max);
    return (a_max != INT64_MAX && a_max < b_min) || qn_infer_at_least(inf, qn_dim_sub(inf->symbols, b, a), 1);
}

qn_status qn_infer_unify(const qn_infer *inf, qn_dim a, qn_dim b, const char *what, qn_dim *out) {
    *out = a;
    if (a == b || b == QN_DIM_UNKNOWN)
        return QN_OK;
    if (qn_dim_is_const(a) && qn_dim_is_const(b))
        return qn_infer_fail(inf, "%s: %lld against %lld", what, (long long)a, (long long)b);
    if (qn_dim_is_const(a))
        return QN_OK;
    if (a == QN_DIM_UNKNOWN || qn_dim_is_const(b) ||
        (qn_dim_symbol_index(inf->symbols, a) < 0 && qn_dim_symbol_index(inf->symbols, b) >= 0))
        *out = b;
    return QN_OK;
}

/* Two dimensions meet as equals, or one of them is 1. Numbers decide at once: 1 gives way, any other number stays. Of
 * two expressions one that is at least 2 stays, since the other is then equal to it or 1. Otherwise the result is the
 * larger one: both cases come to that (but for 0 against 1, which only the concrete shapes settle). */
qn_status qn_infer_broadcast_dim(const qn_infer *inf, qn_dim a, qn_dim b, qn_dim *out) {
    *out = a;
    if (a == b || b == 1)
        return QN_OK;
    *out = b;
    if (a == 1)
        return QN_OK;
    if (qn_dim_is_const(a) && qn_dim_is_const(b))
        return qn_infer_fail(inf, "cannot broadcast %lld against %lld", (long long)a, (long long)b);
    if (qn_dim_is_const(b) || qn_infer_at_least(inf, b, 2))
        return QN_OK;
    if (qn_dim_is_const(a) || qn_infer_at_least(inf, a, 2))
        *out = a;
    else
        *out = qn_dim_max(inf->symbols, a, b);
    return QN_OK;
}

qn_status qn_infer_broadcast(const qn_infer *inf, const qn_type *a, const qn_type *b, qn_type *out) {
    if (a->rank < 0 || b->rank < 0) {
        out->rank = -1;
        return QN_OK;
    }
    int32_t rank = a->rank > b->rank ? a->rank : b->rank;
    qn_type r = *out;
    r.rank = rank;
    for (int32_t k = 0; k < rank; k++) {
        int32_t ka = k - (rank - a->rank), kb = k - (rank - b->rank);
        QN_TRY(qn_infer_broadcast_dim(inf, ka < 0 ? 1 : a->dims[ka], kb < 0 ? 1 : b->dims[kb], &r.dims[k]));
    }
    *out = r;
    return QN_OK;
}

qn_status qn_infer_broadcast_to(const qn_infer *inf, int32_t i, const qn_type *to, const char *what) {
    const qn_type *from = qn_infer_in(inf, i);
    if (from->rank < 0 || to->rank < 0)
        return QN_OK;
    if (from->rank > to->rank)
        return qn_infer_fail(inf, "%s of rank %d is broadcast to rank %d", what, from->rank, to->rank);
    for (int32_t k = 0; k < from->rank; k++) {
        qn_dim d = from->dims[k], t = to->dims[to->rank - from->rank + k];
        if (d != 1 && qn_dim_is_const(d) && qn_dim_is_const(t) && d != t)
            return qn_infer_fail(inf, "%s: %lld cannot be broadcast to %lld", what, (long long)d, (long long)t);
    }
    return QN_OK;
}
