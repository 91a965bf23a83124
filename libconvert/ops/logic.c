/* Comparisons and logic: broadcast, giving bool. */
#include "ops/shape.h"

static qn_status compare(qn_infer *inf, unsigned set, qn_infer_fn fn) {
    for (int32_t i = 0; i < 2; i++)
        QN_TRY(qn_infer_dtype(inf, i, set));
    QN_TRY(qn_infer_same_dtype(inf, 0, 1));
    qn_infer_copy(inf, 0, 0);
    inf->out[0].dtype = QN_BOOL;
    QN_TRY(qn_infer_broadcast(inf, &inf->in[0], &inf->in[1], &inf->out[0]));
    return qn_infer_map(inf, fn);
}

static qn_dim elem_equal(const qn_infer *inf, const qn_dim *args) {
    if (args[0] == QN_DIM_UNKNOWN || args[1] == QN_DIM_UNKNOWN)
        return QN_DIM_UNKNOWN;
    if (args[0] == args[1])
        return 1;
    return qn_infer_less(inf, args[0], args[1]) || qn_infer_less(inf, args[1], args[0]) ? 0 : QN_DIM_UNKNOWN;
}

static qn_dim less(const qn_infer *inf, qn_dim a, qn_dim b) {
    if (a == QN_DIM_UNKNOWN || b == QN_DIM_UNKNOWN)
        return QN_DIM_UNKNOWN;
    if (qn_infer_less(inf, a, b))
        return 1;
    return a == b || qn_infer_less(inf, b, a) || qn_infer_at_least(inf, qn_dim_sub(inf->symbols, a, b), 0)
               ? 0 : QN_DIM_UNKNOWN;
}

static qn_dim negate(qn_dim d) {
    return d == QN_DIM_UNKNOWN ? d : !d;
}

static qn_dim elem_less(const qn_infer *inf, const qn_dim *args) { return less(inf, args[0], args[1]); }
static qn_dim elem_greater(const qn_infer *inf, const qn_dim *args) { return less(inf, args[1], args[0]); }
static qn_dim elem_less_equal(const qn_infer *inf, const qn_dim *args) { return negate(less(inf, args[1], args[0])); }
static qn_dim elem_greater_equal(const qn_infer *inf, const qn_dim *args) { return negate(less(inf, args[0], args[1])); }

static qn_dim elem_and(const qn_infer *inf, const qn_dim *args) {
    (void)inf;
    if (args[0] == 0 || args[1] == 0)
        return 0;
    return args[0] == 1 && args[1] == 1 ? 1 : QN_DIM_UNKNOWN;
}

static qn_dim elem_or(const qn_infer *inf, const qn_dim *args) {
    (void)inf;
    if (args[0] == 1 || args[1] == 1)
        return 1;
    return args[0] == 0 && args[1] == 0 ? 0 : QN_DIM_UNKNOWN;
}

static qn_dim elem_xor(const qn_infer *inf, const qn_dim *args) {
    (void)inf;
    return args[0] == QN_DIM_UNKNOWN || args[1] == QN_DIM_UNKNOWN ? QN_DIM_UNKNOWN : args[0] != args[1];
}

#define LOGIC(NAME, SET, ELEM) \
    qn_status qn_shape_##NAME(qn_infer *inf) { return compare(inf, SET, ELEM); }
LOGIC(And, QN_SET_BOOL, elem_and)
LOGIC(Equal, QN_SET_ANY, elem_equal)
LOGIC(Greater, QN_SET_NUMBER, elem_greater)
LOGIC(GreaterOrEqual, QN_SET_NUMBER, elem_greater_equal)
LOGIC(Less, QN_SET_NUMBER, elem_less)
LOGIC(LessOrEqual, QN_SET_NUMBER, elem_less_equal)
LOGIC(Or, QN_SET_BOOL, elem_or)
LOGIC(Xor, QN_SET_BOOL, elem_xor)
