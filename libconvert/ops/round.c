/* Ceil, Floor, Round and Cast: what becomes of the sizes that a model computes in floating point.
 *
 * Contents are whole numbers, so rounding passes them on. A quotient a / b of whole numbers is no whole number, but its
 * floor, ceiling or truncation is one again: when the input is a Div (by a tensor, not yet a number here) whose operands
 * are known, the result is taken from them. float32 gives floor(a / b) exactly while a < 2^24: a / b is at least
 * 1 / b below the next whole number k, and half a unit in the last place of k is less than that.
 */
#include "ops/shape.h"

typedef enum rounding { ROUND_DOWN, ROUND_UP, ROUND_NEAREST, ROUND_TO_ZERO } rounding;

/* What is known of a value without running anything: its content, or the numbers of a small constant. */
static qn_dim scalar_of(const qn_value *value) {
    if (!value)
        return QN_DIM_UNKNOWN;
    if (value->content)
        return value->n_content == 1 ? value->content[0] : QN_DIM_UNKNOWN;
    if (!value->constant || !qn_const_is_ready(value->constant) || qn_const_numel(value->constant) != 1)
        return QN_DIM_UNKNOWN;
    double v = qn_const_f64(value->constant, 0);
    return v >= -16777216.0 && v <= 16777216.0 && (double)(qn_dim)v == v ? (qn_dim)v : QN_DIM_UNKNOWN;
}

/* The content of a one-element quotient that is rounded. What the graph knows is in the graph's own symbols: nothing is
 * taken from it where a node is looked at with others, or with its numbers at hand. */
static qn_dim rounded_quotient(const qn_infer *inf, rounding how) {
    const qn_value *x = inf->node->in[0];
    const qn_node *div = x ? x->producer : NULL;
    if (inf->in_value[0].data || inf->symbols != inf->node->graph->symbols)
        return QN_DIM_UNKNOWN;
    if (!div || div->op != QN_OP_Div || div->n_in != 2 || how == ROUND_NEAREST || !qn_dtype_is_float(inf->in[0].dtype))
        return QN_DIM_UNKNOWN;
    qn_dim a = scalar_of(div->in[0]), b = scalar_of(div->in[1]);
    if (!qn_infer_at_least(inf, b, 1))
        return QN_DIM_UNKNOWN;
    if (how == ROUND_UP)
        return qn_dim_ceildiv(inf->symbols, a, b);
    if (how == ROUND_TO_ZERO && !qn_infer_at_least(inf, a, 0))
        return QN_DIM_UNKNOWN;
    return qn_dim_floordiv(inf->symbols, a, b);
}

static qn_dim elem_same(const qn_infer *inf, const qn_dim *args) {
    (void)inf;
    return args[0];
}

/* To bool: whether it is 0. */
static qn_dim elem_bool(const qn_infer *inf, const qn_dim *args) {
    if (args[0] == 0)
        return 0;
    return qn_infer_at_least(inf, args[0], 1) || (qn_dim_is_const(args[0]) && args[0] < 0) ? 1 : QN_DIM_UNKNOWN;
}

static qn_status round_content(qn_infer *inf, rounding how) {
    QN_TRY(qn_infer_map(inf, inf->out[0].dtype == QN_BOOL ? elem_bool : elem_same));
    int64_t dims[QN_MAX_RANK], n;
    if (inf->out_content[0].elems || inf->out[0].dtype == QN_BOOL || !qn_infer_small(&inf->out[0], dims, &n) || n != 1)
        return QN_OK;
    qn_dim d = qn_infer_fit(inf, inf->out[0].dtype, rounded_quotient(inf, how));
    if (d == QN_DIM_UNKNOWN)
        return QN_OK;
    qn_dim *elem;
    QN_NEW(inf->ctx, inf->arena, elem);
    *elem = d;
    inf->out_content[0] = (qn_content){elem, 1};
    return QN_OK;
}

static qn_status round_shape(qn_infer *inf, rounding how) {
    QN_TRY(qn_infer_dtype(inf, 0, QN_SET_FLOAT));
    qn_infer_copy(inf, 0, 0);
    return round_content(inf, how);
}

qn_status qn_shape_Ceil(qn_infer *inf) { return round_shape(inf, ROUND_UP); }
qn_status qn_shape_Floor(qn_infer *inf) { return round_shape(inf, ROUND_DOWN); }
qn_status qn_shape_Round(qn_infer *inf) { return round_shape(inf, ROUND_NEAREST); }

qn_status qn_shape_Cast(qn_infer *inf) {
    int64_t to = qn_node_int(inf->node, "to", 0);
    if (to <= 0 || to > 1000 || !qn_dtype_row((qn_dtype)to))
        return qn_infer_unsupported(inf, "casts to dtype %lld, which is not known", (long long)to);
    qn_infer_copy(inf, 0, 0);
    inf->out[0].dtype = (qn_dtype)to;
    if (qn_dtype_is_float((qn_dtype)to))
        return qn_infer_map(inf, elem_same);
    return round_content(inf, ROUND_TO_ZERO);
}
