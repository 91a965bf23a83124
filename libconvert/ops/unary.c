/* Ops of one tensor, element by element: the output has the type of the input. */
#include "ops/shape.h"

static qn_status same_type(qn_infer *inf, unsigned set) {
    QN_TRY(qn_infer_dtype(inf, 0, set));
    qn_infer_copy(inf, 0, 0);
    return QN_OK;
}

#define UNARY(NAME, SET) \
    qn_status qn_shape_##NAME(qn_infer *inf) { return same_type(inf, SET); }
UNARY(Cos, QN_SET_FLOAT)
UNARY(Elu, QN_SET_FLOAT)
UNARY(Erf, QN_SET_NUMBER)
UNARY(Exp, QN_SET_FLOAT)
UNARY(Gelu, QN_SET_FLOAT)
UNARY(HardSigmoid, QN_SET_FLOAT)
UNARY(HardSwish, QN_SET_FLOAT)
UNARY(LeakyRelu, QN_SET_FLOAT)
UNARY(Log, QN_SET_FLOAT)
UNARY(Reciprocal, QN_SET_FLOAT)
UNARY(Sigmoid, QN_SET_FLOAT)
UNARY(Sin, QN_SET_FLOAT)
UNARY(Softplus, QN_SET_FLOAT)
UNARY(Swish, QN_SET_FLOAT)
UNARY(Tan, QN_SET_FLOAT)
UNARY(Tanh, QN_SET_FLOAT)

static qn_dim elem_same(const qn_infer *inf, const qn_dim *args) {
    (void)inf;
    return args[0];
}

static qn_dim elem_neg(const qn_infer *inf, const qn_dim *args) {
    return qn_dim_sub(inf->symbols, 0, args[0]);
}

static qn_dim elem_abs(const qn_infer *inf, const qn_dim *args) {
    if (qn_infer_at_least(inf, args[0], 0))
        return args[0];
    qn_dim minus = elem_neg(inf, args);
    return qn_infer_at_least(inf, minus, 0) ? minus : QN_DIM_UNKNOWN;
}

static qn_dim elem_relu(const qn_infer *inf, const qn_dim *args) {
    return qn_dim_max(inf->symbols, args[0], 0);
}

static qn_dim elem_sign(const qn_infer *inf, const qn_dim *args) {
    if (qn_infer_at_least(inf, args[0], 1))
        return 1;
    if (args[0] == 0)
        return 0;
    return qn_infer_at_least(inf, elem_neg(inf, args), 1) ? -1 : QN_DIM_UNKNOWN;
}

static qn_dim elem_not(const qn_infer *inf, const qn_dim *args) {
    (void)inf;
    return qn_dim_is_const(args[0]) ? args[0] == 0 : QN_DIM_UNKNOWN;
}

/* floor(root) is exact: the root of a perfect square below 2^48 is a whole number that sqrt gives exactly. */
static qn_dim elem_sqrt(const qn_infer *inf, const qn_dim *args) {
    (void)inf;
    if (!qn_dim_is_const(args[0]) || args[0] < 0 || args[0] > (qn_dim)1 << 48)
        return QN_DIM_UNKNOWN;
    qn_dim low = 0, high = (qn_dim)1 << 24;
    while (low < high) {
        qn_dim mid = low + (high - low) / 2;
        if (mid * mid < args[0])
            low = mid + 1;
        else
            high = mid;
    }
    return low * low == args[0] ? low : QN_DIM_UNKNOWN;
}

#define UNARY_MAP(NAME, SET, ELEM)                 \
    qn_status qn_shape_##NAME(qn_infer *inf) {     \
        QN_TRY(same_type(inf, SET));               \
        return qn_infer_map(inf, ELEM);            \
    }
UNARY_MAP(Abs, QN_SET_NUMBER, elem_abs)
UNARY_MAP(Identity, QN_SET_ANY, elem_same)
UNARY_MAP(Neg, QN_SET_FLOAT | QN_SET_SIGNED, elem_neg)
UNARY_MAP(Not, QN_SET_BOOL, elem_not)
UNARY_MAP(Relu, QN_SET_FLOAT | QN_SET_SIGNED, elem_relu)
UNARY_MAP(Sign, QN_SET_NUMBER, elem_sign)
UNARY_MAP(Sqrt, QN_SET_FLOAT, elem_sqrt)
