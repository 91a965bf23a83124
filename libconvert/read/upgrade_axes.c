/* Attributes that newer opsets made inputs: axes, starts and ends, pads, split. */
#include <string.h>

#include "ops/op.h"
#include "read/upgrade.h"

/* All attributes of the source but `left_out`. */
static qn_status copy_attrs_but(const qn_source_node *n, qn_node *node, const char *left_out) {
    for (int32_t i = 0; i < n->n_attrs; i++)
        if (strcmp(n->attrs[i].name, left_out) != 0)
            QN_TRY(qn_node_set_attr(n->im->ctx, node, &n->attrs[i]));
    return QN_OK;
}

/* The constant that holds an attribute of ints, or NULL when the attribute is absent. */
static qn_status ints_input(const qn_source_node *n, const char *name, qn_value **out) {
    const qn_attr *a = qn_up_attr(n, name);
    *out = NULL;
    return a ? qn_up_ints(n, name, a->as.ints, a->n, out) : QN_OK;
}

qn_status qn_up_axes_to_input(qn_source_node *n) {
    qn_value *in[2] = {n->in[0], NULL};
    qn_node *node = NULL;
    QN_TRY(ints_input(n, "axes", &in[1]));
    QN_TRY(qn_up_last(n, qn_op_from_name(n->row->op->becomes), in, in[1] ? 2 : 1, &node));
    QN_TRY(copy_attrs_but(n, node, "axes"));
    return qn_up_infer(n, node);
}

/* op(ReduceSum(f(x))) with the axes of either spelling: `before` and `after` are QN_OP_NONE or unary. */
static qn_status reduce_sum(qn_source_node *n, qn_op before, qn_op after) {
    qn_value *in[2] = {n->in[0], qn_up_in(n, 1)};
    qn_node *node = NULL;
    if (!in[1])
        QN_TRY(ints_input(n, "axes", &in[1]));
    if (before)
        QN_TRY(qn_up_mid1(n, before, in[0], &in[0]));
    QN_TRY(after ? qn_up_node(n, QN_OP_ReduceSum, in, in[1] ? 2 : 1, &node)
                 : qn_up_last(n, QN_OP_ReduceSum, in, in[1] ? 2 : 1, &node));
    QN_TRY(copy_attrs_but(n, node, "axes"));
    QN_TRY(qn_up_infer(n, node));
    return after ? qn_up_last1(n, after, node->out[0]) : QN_OK;
}

qn_status qn_up_reduce_l1(qn_source_node *n) { return reduce_sum(n, QN_OP_Abs, QN_OP_NONE); }

qn_status qn_up_reduce_log_sum(qn_source_node *n) { return reduce_sum(n, QN_OP_NONE, QN_OP_Log); }

/* The least positive number of a float dtype. */
static double least_positive(qn_dtype dtype) {
    return dtype == QN_F64 ? 0x1p-1074 : dtype == QN_F16 ? 0x1p-24 : dtype == QN_BF16 ? 0x1p-133 : 0x1p-149;
}

/* x / (sum over axis of |x|), or of x^2 and the root; 0 where that is 0, which dividing by at least the least positive
 * number gives: https://onnx.ai/onnx/operators/onnx__LpNormalization.html */
qn_status qn_up_lp_normalization(qn_source_node *n) {
    int64_t p = qn_up_int(n, "p", 2), axis = qn_up_int(n, "axis", -1);
    qn_value *in[2] = {n->in[0], NULL};
    qn_node *node = NULL;
    if (p != 1 && p != 2)
        return qn_up_fail(n, QN_MALFORMED, "attribute 'p' is %lld", (long long)p);
    QN_TRY(qn_up_ints(n, "axes", &axis, 1, &in[1]));
    if (p == 1)
        QN_TRY(qn_up_mid1(n, QN_OP_Abs, in[0], &in[0]));
    QN_TRY(qn_up_node(n, p == 1 ? QN_OP_ReduceSum : QN_OP_ReduceL2, in, 2, &node));
    QN_TRY(qn_node_set_int(n->im->ctx, node, "keepdims", 1));
    QN_TRY(qn_up_infer(n, node));
    qn_dtype dtype = QN_NONE;
    qn_value *norm = node->out[0], *least = NULL;
    QN_TRY(qn_up_dtype(n, 0, &dtype));
    double value = least_positive(dtype);
    QN_TRY(qn_up_numbers(n, "least", dtype, &value, -1, &least));
    QN_TRY(qn_up_mid2(n, QN_OP_Max, norm, least, &norm));
    return qn_up_last2(n, QN_OP_Div, n->in[0], norm);
}

qn_status qn_up_slice_1(qn_source_node *n) {
    qn_value *in[4] = {n->in[0], NULL, NULL, NULL};
    qn_node *node = NULL;
    const qn_attr *starts = qn_up_attr(n, "starts"), *ends = qn_up_attr(n, "ends"), *axes = qn_up_attr(n, "axes");
    if (starts->n != ends->n || (axes && axes->n != starts->n))
        return qn_up_fail(n, QN_MALFORMED, "starts, ends and axes are not of one length");
    QN_TRY(ints_input(n, "starts", &in[1]));
    QN_TRY(ints_input(n, "ends", &in[2]));
    QN_TRY(ints_input(n, "axes", &in[3]));
    QN_TRY(qn_up_last(n, QN_OP_Slice, in, axes ? 4 : 3, &node));
    return qn_up_infer(n, node);
}

qn_status qn_up_pad_2(qn_source_node *n) {
    qn_value *in[3] = {n->in[0], NULL, NULL};
    qn_node *node = NULL;
    QN_TRY(ints_input(n, "pads", &in[1]));
    double value = (double)qn_up_float(n, "value", 0);
    if (value != 0) {
        qn_dtype dtype = QN_NONE;
        QN_TRY(qn_up_dtype(n, 0, &dtype));
        QN_TRY(qn_up_numbers(n, "value", dtype, &value, -1, &in[2]));
    }
    QN_TRY(qn_up_last(n, QN_OP_Pad, in, in[2] ? 3 : 2, &node));
    QN_TRY(qn_node_set_string(n->im->ctx, node, "mode", qn_up_string(n, "mode", "constant")));
    return qn_up_infer(n, node);
}

/* Without sizes the parts are equal, and their number is that of the outputs, named or not. */
qn_status qn_up_split(qn_source_node *n) {
    qn_value *in[2] = {n->in[0], qn_up_in(n, 1)};
    qn_node *node = NULL;
    int64_t parts = (int64_t)n->proto->n_output, given = qn_up_int(n, "num_outputs", parts);
    if (!in[1])
        QN_TRY(ints_input(n, "split", &in[1]));
    if (given != parts || (in[1] && qn_up_attr(n, "num_outputs")))
        return qn_up_fail(n, QN_MALFORMED, "num_outputs is %lld beside %lld outputs%s", (long long)given,
                          (long long)parts, in[1] ? " and sizes" : "");
    n->n_out = (int32_t)parts;
    QN_TRY(qn_up_last(n, QN_OP_Split, in, in[1] ? 2 : 1, &node));
    QN_TRY(qn_node_set_int(n->im->ctx, node, "axis", qn_up_int(n, "axis", 0)));
    if (!in[1])
        QN_TRY(qn_node_set_int(n->im->ctx, node, "num_outputs", parts));
    return qn_up_infer(n, node);
}
