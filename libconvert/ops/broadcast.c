/* Arithmetic on several tensors, element by element, broadcast as numpy does. */
#include <string.h>

#include "ops/shape.h"

/* out[0] = the broadcast of inputs [first, n_in), with the dtype of `first`. */
static qn_status broadcast(qn_infer *inf, int32_t first, unsigned set) {
    for (int32_t i = first; i < inf->n_in; i++) {
        QN_TRY(qn_infer_dtype(inf, i, set));
        QN_TRY(qn_infer_same_dtype(inf, first, i));
    }
    qn_infer_copy(inf, 0, first);
    for (int32_t i = first + 1; i < inf->n_in; i++) {
        if (!qn_infer_has(inf, i))
            return qn_infer_fail(inf, "input %d is missing", i);
        if (inf->out[0].dtype == QN_NONE)
            inf->out[0].dtype = inf->in[i].dtype;
        QN_TRY(qn_infer_broadcast(inf, &inf->out[0], &inf->in[i], &inf->out[0]));
    }
    return QN_OK;
}

static qn_dim elem_add(const qn_infer *inf, const qn_dim *args) { return qn_dim_add(inf->symbols, args[0], args[1]); }
static qn_dim elem_sub(const qn_infer *inf, const qn_dim *args) { return qn_dim_sub(inf->symbols, args[0], args[1]); }
static qn_dim elem_mul(const qn_infer *inf, const qn_dim *args) { return qn_dim_mul(inf->symbols, args[0], args[1]); }

/* Integers: towards zero; the floor where neither operand is negative or the division leaves nothing over. Floats: only
 * then are they whole. */
static qn_dim elem_div(const qn_infer *inf, const qn_dim *args) {
    qn_dim a = args[0], b = args[1];
    if (a == QN_DIM_UNKNOWN || b == QN_DIM_UNKNOWN || b == 0)
        return QN_DIM_UNKNOWN;
    qn_dim q = qn_dim_floordiv(inf->symbols, a, b);
    if (q != QN_DIM_UNKNOWN && qn_dim_mul(inf->symbols, q, b) == a)
        return q;
    if (qn_dtype_is_float(inf->in[0].dtype))
        return QN_DIM_UNKNOWN;
    if (qn_dim_is_const(a) && qn_dim_is_const(b))
        return b == -1 ? qn_dim_sub(inf->symbols, 0, a) : a / b;
    return qn_infer_at_least(inf, a, 0) && qn_infer_at_least(inf, b, 0) ? q : QN_DIM_UNKNOWN;
}

/* fmod=0: the sign of the divisor, as floor division leaves it; fmod=1: of the dividend, as C has it. */
static qn_dim elem_mod(const qn_infer *inf, const qn_dim *args) {
    qn_dim a = args[0], b = args[1];
    if (a == QN_DIM_UNKNOWN || b == QN_DIM_UNKNOWN || b == 0)
        return QN_DIM_UNKNOWN;
    bool as_c = qn_node_int(inf->node, "fmod", 0) != 0;
    if (!as_c || (qn_infer_at_least(inf, a, 0) && qn_infer_at_least(inf, b, 1)))
        return qn_dim_mod(inf->symbols, a, b);
    if (qn_dim_is_const(a) && qn_dim_is_const(b))
        return b == -1 ? 0 : a % b;
    return QN_DIM_UNKNOWN;
}

static qn_dim elem_pow(const qn_infer *inf, const qn_dim *args) {
    if (!qn_dim_is_const(args[1]) || args[1] < 0 || args[1] > 64)
        return QN_DIM_UNKNOWN;
    qn_dim r = 1;
    for (qn_dim k = 0; k < args[1]; k++)
        r = qn_dim_mul(inf->symbols, r, args[0]);
    return r;
}

static qn_dim elem_max(const qn_infer *inf, const qn_dim *args) {
    qn_dim r = args[0];
    for (int32_t i = 1; i < inf->n_in; i++)
        r = qn_dim_max(inf->symbols, r, args[i]);
    return r;
}

static qn_dim elem_min(const qn_infer *inf, const qn_dim *args) {
    qn_dim r = args[0];
    for (int32_t i = 1; i < inf->n_in; i++)
        r = qn_dim_min(inf->symbols, r, args[i]);
    return r;
}

#define BROADCAST(NAME, ELEM)                               \
    qn_status qn_shape_##NAME(qn_infer *inf) {              \
        QN_TRY(broadcast(inf, 0, QN_SET_NUMBER));           \
        return qn_infer_map(inf, ELEM);                     \
    }
BROADCAST(Div, elem_div)
BROADCAST(Max, elem_max)
BROADCAST(Min, elem_min)
BROADCAST(Mod, elem_mod)
BROADCAST(Mul, elem_mul)
BROADCAST(Sub, elem_sub)

qn_status qn_shape_Add(qn_infer *inf) {
    QN_TRY(broadcast(inf, 0, QN_SET_NUMBER));
    const char *activation = qn_node_string(inf->node, "activation", "NONE");
    return strcmp(activation, "NONE") == 0 ? qn_infer_map(inf, elem_add) : QN_OK;
}

/* The exponent's dtype is its own. */
qn_status qn_shape_Pow(qn_infer *inf) {
    QN_TRY(qn_infer_dtype(inf, 0, QN_SET_NUMBER));
    QN_TRY(qn_infer_dtype(inf, 1, QN_SET_NUMBER));
    qn_infer_copy(inf, 0, 0);
    QN_TRY(qn_infer_broadcast(inf, &inf->out[0], &inf->in[1], &inf->out[0]));
    return qn_infer_map(inf, elem_pow);
}

static qn_dim elem_where(const qn_infer *inf, const qn_dim *args) {
    (void)inf;
    if (args[1] == args[2])
        return args[1];
    if (!qn_dim_is_const(args[0]))
        return QN_DIM_UNKNOWN;
    return args[0] ? args[1] : args[2];
}

qn_status qn_shape_Where(qn_infer *inf) {
    QN_TRY(qn_infer_dtype(inf, 0, QN_SET_BOOL));
    QN_TRY(broadcast(inf, 1, QN_SET_ANY));
    QN_TRY(qn_infer_broadcast(inf, &inf->out[0], &inf->in[0], &inf->out[0]));
    return qn_infer_map(inf, elem_where);
}

static qn_dim elem_clip(const qn_infer *inf, const qn_dim *args) {
    qn_dim r = args[0];
    if (qn_infer_has(inf, 1))
        r = qn_dim_max(inf->symbols, r, args[1]);
    if (qn_infer_has(inf, 2))
        r = qn_dim_min(inf->symbols, r, args[2]);
    return r;
}

/* Bounds are scalars; a vector of one is let through, as exporters write it. */
qn_status qn_shape_Clip(qn_infer *inf) {
    QN_TRY(qn_infer_dtype(inf, 0, QN_SET_NUMBER));
    for (int32_t i = 1; i < inf->n_in; i++) {
        QN_TRY(qn_infer_same_dtype(inf, 0, i));
        QN_TRY(qn_infer_rank(inf, i, 0, 1));
        if (qn_infer_in(inf, i)->rank == 1)
            QN_TRY(qn_infer_vector(inf, i, 1));
    }
    qn_infer_copy(inf, 0, 0);
    return qn_infer_map(inf, elem_clip);
}

/* The slope is broadcast to x, never x to the slope. */
qn_status qn_shape_PRelu(qn_infer *inf) {
    QN_TRY(qn_infer_dtype(inf, 0, QN_SET_NUMBER));
    QN_TRY(qn_infer_same_dtype(inf, 0, 1));
    QN_TRY(qn_infer_broadcast_to(inf, 1, &inf->in[0], "slope"));
    qn_infer_copy(inf, 0, 0);
    return QN_OK;
}
