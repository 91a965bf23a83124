/* Normalisations: BatchNormalization, GroupNormalization, Softmax before opset 13, and what they are made of. */
#include <string.h>

#include "read/upgrade.h"

qn_status qn_up_batch_normalization(qn_source_node *n) {
    qn_node *node = NULL;
    bool ok = false;
    if (qn_up_int(n, "spatial", 1) != 1)
        return qn_up_fail(n, QN_UNSUPPORTED, "spatial is 0");
    QN_TRY(qn_up_drop_unread(n, 1, &ok));
    if (qn_up_int(n, "training_mode", 0) != 0 || !ok)
        return qn_up_fail(n, QN_UNSUPPORTED, "training mode");
    QN_TRY(qn_up_last(n, QN_OP_BatchNormalization, n->in, n->n_in, &node));
    QN_TRY(qn_node_set_float(n->im->ctx, node, "epsilon", qn_up_float(n, "epsilon", 1e-5f)));
    return qn_up_infer(n, node);
}

/* Before opset 13 the input is taken as a matrix [prod(dims[0..axis)), prod(dims[axis..))] whose rows are
 * normalised: the same as now when axis is the last, else
 *
 *     %m = Flatten(%x) {axis}; %s = Softmax(%m) {axis=-1}; %y = Reshape(%s, Shape(%x)) {allowzero=1} */
qn_status qn_up_softmax_1(qn_source_node *n) {
    qn_context *ctx = n->im->ctx;
    qn_op op = strcmp(n->row->op->name, "Softmax") == 0 ? QN_OP_Softmax : QN_OP_LogSoftmax;
    qn_value *x = n->in[0], *shape = NULL;
    qn_node *node = NULL;
    int64_t axis = qn_up_int(n, "axis", 1), rank = x->type.rank;
    if (axis == -1 || (rank > 0 && axis == rank - 1)) {
        QN_TRY(qn_up_last(n, op, &x, 1, &node));
        QN_TRY(qn_node_set_int(ctx, node, "axis", -1));
        return qn_up_infer(n, node);
    }
    QN_TRY(qn_up_mid1(n, QN_OP_Shape, x, &shape));
    QN_TRY(qn_up_node(n, QN_OP_Flatten, &x, 1, &node));
    QN_TRY(qn_node_set_int(ctx, node, "axis", axis));
    QN_TRY(qn_up_infer(n, node));
    QN_TRY(qn_up_node(n, op, node->out, 1, &node));
    QN_TRY(qn_node_set_int(ctx, node, "axis", -1));
    QN_TRY(qn_up_infer(n, node));
    qn_value *in[2] = {node->out[0], shape};
    QN_TRY(qn_up_last(n, QN_OP_Reshape, in, 2, &node));
    QN_TRY(qn_node_set_int(ctx, node, "allowzero", 1));
    return qn_up_infer(n, node);
}

/* Groups of channels become channels of an InstanceNormalization without scale and shift:
 *
 *     %g = Reshape(%x, [0, num_groups, -1])
 *     %h = InstanceNormalization(%g, ones, zeros) {epsilon}
 *     %y = Reshape(%h, Shape(%x)) * scale + bias         scale and bias as [C, 1, ...] */
qn_status qn_up_group_normalization(qn_source_node *n) {
    qn_context *ctx = n->im->ctx;
    qn_value *x = n->in[0], *in[3] = {x, NULL, NULL}, *shape = NULL, *affine[2];
    qn_node *node = NULL;
    int64_t groups = qn_up_int(n, "num_groups", 0), target[3] = {0, groups, -1};
    int32_t rank = x->type.rank;
    qn_dtype dtype = QN_NONE;
    QN_TRY(qn_up_dtype(n, 0, &dtype));
    if (rank < 2)
        return qn_up_fail(n, QN_UNSUPPORTED, "an input of unknown rank, or without channels");
    if (groups < 1 || groups > 1 << 20)
        return qn_up_fail(n, QN_MALFORMED, "num_groups is %lld", (long long)groups);
    double *ones, *zeros;
    QN_NEW_ARRAY(ctx, n->im->scratch, zeros, groups);
    QN_NEW_ARRAY(ctx, n->im->scratch, ones, groups);
    for (int64_t i = 0; i < groups; i++)
        ones[i] = 1;
    QN_TRY(qn_up_mid1(n, QN_OP_Shape, x, &shape));
    QN_TRY(qn_up_ints(n, "grouped", target, 3, &in[1]));
    QN_TRY(qn_up_mid2(n, QN_OP_Reshape, x, in[1], &in[0]));
    QN_TRY(qn_up_numbers(n, "ones", dtype, ones, groups, &in[1]));
    QN_TRY(qn_up_numbers(n, "zeros", dtype, zeros, groups, &in[2]));
    QN_TRY(qn_up_node(n, QN_OP_InstanceNormalization, in, 3, &node));
    QN_TRY(qn_node_set_float(ctx, node, "epsilon", qn_up_float(n, "epsilon", 1e-5f)));
    QN_TRY(qn_up_infer(n, node));
    QN_TRY(qn_up_mid2(n, QN_OP_Reshape, node->out[0], shape, &x));
    int64_t column[QN_MAX_RANK] = {-1, 1, 1, 1, 1, 1, 1, 1};
    qn_value *as_column = NULL;
    QN_TRY(qn_up_ints(n, "channels", column, rank - 1, &as_column));
    for (int i = 0; i < 2; i++)
        QN_TRY(qn_up_mid2(n, QN_OP_Reshape, n->in[1 + i], as_column, &affine[i]));
    QN_TRY(qn_up_mid2(n, QN_OP_Mul, x, affine[0], &x));
    return qn_up_last2(n, QN_OP_Add, x, affine[1]);
}

static qn_status mean(const qn_source_node *n, qn_value *x, qn_value *axes, qn_value **out) {
    qn_value *in[2] = {x, axes};
    qn_node *node = NULL;
    QN_TRY(qn_up_node(n, QN_OP_ReduceMean, in, 2, &node));
    QN_TRY(qn_node_set_int(n->im->ctx, node, "keepdims", 1));
    *out = node->out[0];
    return qn_up_infer(n, node);
}

/* (x - mean) / (sqrt(mean((x - mean)^2)) + 1e-9), as the operator's function body has it. */
qn_status qn_up_mean_variance(qn_source_node *n) {
    static const int64_t usual[3] = {0, 2, 3};
    const qn_attr *a = qn_up_attr(n, "axes");
    qn_value *axes = NULL, *m = NULL, *centred = NULL, *spread = NULL, *epsilon = NULL;
    qn_dtype dtype = QN_NONE;
    const double small = 1e-9;
    QN_TRY(qn_up_dtype(n, 0, &dtype));
    QN_TRY(qn_up_ints(n, "axes", a ? a->as.ints : usual, a ? a->n : 3, &axes));
    QN_TRY(mean(n, n->in[0], axes, &m));
    QN_TRY(qn_up_mid2(n, QN_OP_Sub, n->in[0], m, &centred));
    QN_TRY(qn_up_mid2(n, QN_OP_Mul, centred, centred, &spread));
    QN_TRY(mean(n, spread, axes, &spread));
    QN_TRY(qn_up_mid1(n, QN_OP_Sqrt, spread, &spread));
    QN_TRY(qn_up_numbers(n, "epsilon", dtype, &small, -1, &epsilon));
    QN_TRY(qn_up_mid2(n, QN_OP_Add, spread, epsilon, &spread));
    return qn_up_last2(n, QN_OP_Div, centred, spread);
}
