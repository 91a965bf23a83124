/* Element-wise operators that are a few of the graph's ops, or had other spellings. */
#include <string.h>

#include "read/upgrade.h"

/* A scalar of input 0's dtype. */
static qn_status scalar(const qn_source_node *n, const char *stem, double v, qn_value **out) {
    qn_dtype dtype = QN_NONE;
    QN_TRY(qn_up_dtype(n, 0, &dtype));
    return qn_up_numbers(n, stem, dtype, &v, -1, out);
}

static qn_status elu(const qn_source_node *n, qn_value *x, float alpha, qn_value **out) {
    qn_node *node = NULL;
    QN_TRY(qn_up_node(n, QN_OP_Elu, &x, 1, &node));
    QN_TRY(qn_node_set_float(n->im->ctx, node, "alpha", alpha));
    *out = node->out[0];
    return qn_up_infer(n, node);
}

static qn_status cast_to(qn_source_node *n, qn_dtype to) {
    qn_node *node = NULL;
    QN_TRY(qn_up_last(n, QN_OP_Cast, n->in, 1, &node));
    QN_TRY(qn_node_set_int(n->im->ctx, node, "to", (int64_t)to));
    return qn_up_infer(n, node);
}

/* saturate and round_mode are about 8-bit floats, which are refused. */
qn_status qn_up_cast(qn_source_node *n) {
    qn_dtype to = QN_NONE;
    QN_TRY(qn_onnx_dtype(n->im->ctx, qn_up_int(n, "to", 0), n->label, &to));
    return cast_to(n, to);
}

qn_status qn_up_cast_like(qn_source_node *n) {
    qn_dtype to = QN_NONE;
    QN_TRY(qn_up_dtype(n, 1, &to));
    return cast_to(n, to);
}

/* alpha * elu(x / alpha) with elu(t) = exp(t) - 1 below 0 */
qn_status qn_up_celu(qn_source_node *n) {
    qn_value *alpha = NULL, *y = NULL;
    QN_TRY(scalar(n, "alpha", (double)qn_up_float(n, "alpha", 1), &alpha));
    QN_TRY(qn_up_mid2(n, QN_OP_Div, n->in[0], alpha, &y));
    QN_TRY(elu(n, y, 1, &y));
    return qn_up_last2(n, QN_OP_Mul, y, alpha);
}

/* gamma * (alpha * (exp(x) - 1)) below 0, gamma * x above */
qn_status qn_up_selu(qn_source_node *n) {
    qn_value *gamma = NULL, *y = NULL;
    QN_TRY(scalar(n, "gamma", (double)qn_up_float(n, "gamma", 1.05070102214813232421875f), &gamma));
    QN_TRY(elu(n, n->in[0], qn_up_float(n, "alpha", 1.67326319217681884765625f), &y));
    return qn_up_last2(n, QN_OP_Mul, y, gamma);
}

/* Limits that are not given are the lowest and highest float: no limits. */
qn_status qn_up_clip_6(qn_source_node *n) {
    qn_value *in[3] = {n->in[0], NULL, NULL};
    qn_node *node = NULL;
    const qn_attr *min = qn_up_attr(n, "min"), *max = qn_up_attr(n, "max");
    if (min)
        QN_TRY(scalar(n, "min", (double)min->as.f, &in[1]));
    if (max)
        QN_TRY(scalar(n, "max", (double)max->as.f, &in[2]));
    QN_TRY(qn_up_last(n, QN_OP_Clip, in, in[2] ? 3 : in[1] ? 2 : 1, &node));
    return qn_up_infer(n, node);
}

/* What the mask is outside training was not defined: it must not be read. */
qn_status qn_up_dropout_7(qn_source_node *n) {
    bool ok = false;
    QN_TRY(qn_up_drop_unread(n, 1, &ok));
    if (!ok)
        return qn_up_fail(n, QN_UNSUPPORTED, "the mask is used");
    return qn_up_last1(n, QN_OP_Identity, n->in[0]);
}

/* Outside training nothing is dropped: the mask is true everywhere. */
qn_status qn_up_dropout(qn_source_node *n) {
    qn_context *ctx = n->im->ctx;
    const qn_value *training = qn_up_in(n, 2);
    qn_node *node = NULL;
    if (training && (!training->constant || qn_const_numel(training->constant) != 1 ||
                     qn_const_i64(training->constant, 0) != 0))
        return qn_up_fail(n, QN_UNSUPPORTED, "training mode");
    if (qn_up_wants(n, 0)) {
        QN_TRY(qn_up_output(n, 0, QN_OP_Identity, n->in, 1, &node));
        QN_TRY(qn_up_infer(n, node));
    }
    if (!qn_up_wants(n, 1))
        return QN_OK;
    qn_value *shape = NULL, *yes = NULL;
    const double one = 1;
    QN_TRY(qn_up_mid1(n, QN_OP_Shape, n->in[0], &shape));
    QN_TRY(qn_up_numbers(n, "kept", QN_BOOL, &one, 1, &yes));
    QN_TRY(qn_up_output(n, 1, QN_OP_ConstantOfShape, &shape, 1, &node));
    const qn_attr value = {.name = "value", .kind = QN_ATTR_TENSOR, .as.tensor = yes->constant};
    QN_TRY(qn_node_set_attr(ctx, node, &value));
    return qn_up_infer(n, node);
}

qn_status qn_up_is_nan(qn_source_node *n) {
    qn_value *same = NULL;
    QN_TRY(qn_up_mid2(n, QN_OP_Equal, n->in[0], n->in[0], &same));
    return qn_up_last1(n, QN_OP_Not, same);
}

/* x * tanh(ln(1 + exp(x))) */
qn_status qn_up_mish(qn_source_node *n) {
    qn_value *y = NULL;
    QN_TRY(qn_up_mid1(n, QN_OP_Softplus, n->in[0], &y));
    QN_TRY(qn_up_mid1(n, QN_OP_Tanh, y, &y));
    return qn_up_last2(n, QN_OP_Mul, n->in[0], y);
}

/* x - sign(x) * bias where |x| > lambd, else 0 */
qn_status qn_up_shrink(qn_source_node *n) {
    qn_value *bias = NULL, *lambd = NULL, *zero = NULL, *far = NULL, *y = NULL, *in[3];
    qn_node *node = NULL;
    QN_TRY(scalar(n, "bias", (double)qn_up_float(n, "bias", 0), &bias));
    QN_TRY(scalar(n, "lambd", (double)qn_up_float(n, "lambd", 0.5f), &lambd));
    QN_TRY(scalar(n, "zero", 0, &zero));
    QN_TRY(qn_up_mid1(n, QN_OP_Abs, n->in[0], &far));
    QN_TRY(qn_up_mid2(n, QN_OP_Greater, far, lambd, &far));
    QN_TRY(qn_up_mid1(n, QN_OP_Sign, n->in[0], &y));
    QN_TRY(qn_up_mid2(n, QN_OP_Mul, y, bias, &y));
    QN_TRY(qn_up_mid2(n, QN_OP_Sub, n->in[0], y, &y));
    in[0] = far, in[1] = y, in[2] = zero;
    QN_TRY(qn_up_last(n, QN_OP_Where, in, 3, &node));
    return qn_up_infer(n, node);
}

/* x / (1 + |x|) */
qn_status qn_up_softsign(qn_source_node *n) {
    qn_value *one = NULL, *y = NULL;
    QN_TRY(scalar(n, "one", 1, &one));
    QN_TRY(qn_up_mid1(n, QN_OP_Abs, n->in[0], &y));
    QN_TRY(qn_up_mid2(n, QN_OP_Add, y, one, &y));
    return qn_up_last2(n, QN_OP_Div, n->in[0], y);
}

/* x where x > alpha, else 0 */
qn_status qn_up_thresholded_relu(qn_source_node *n) {
    qn_value *alpha = NULL, *in[3] = {NULL, n->in[0], NULL};
    qn_node *node = NULL;
    QN_TRY(scalar(n, "alpha", (double)qn_up_float(n, "alpha", 1), &alpha));
    QN_TRY(scalar(n, "zero", 0, &in[2]));
    QN_TRY(qn_up_mid2(n, QN_OP_Greater, n->in[0], alpha, &in[0]));
    QN_TRY(qn_up_last(n, QN_OP_Where, in, 3, &node));
    return qn_up_infer(n, node);
}

/* in[0] + ... + in[count - 1], from the left; count >= 2. The last Add is the source's own when `last`. */
static qn_status add_chain(qn_source_node *n, bool last, qn_value **out) {
    qn_value *sum = n->in[0];
    int32_t mids = last ? n->n_in - 1 : n->n_in;
    for (int32_t i = 1; i < mids; i++)
        QN_TRY(qn_up_mid2(n, QN_OP_Add, sum, n->in[i], &sum));
    *out = sum;
    return last ? qn_up_last2(n, QN_OP_Add, sum, n->in[n->n_in - 1]) : QN_OK;
}

qn_status qn_up_sum(qn_source_node *n) {
    qn_value *sum = NULL;
    return n->n_in == 1 ? qn_up_last1(n, QN_OP_Identity, n->in[0]) : add_chain(n, true, &sum);
}

qn_status qn_up_mean(qn_source_node *n) {
    qn_value *sum = NULL, *count = NULL;
    if (n->n_in == 1)
        return qn_up_last1(n, QN_OP_Identity, n->in[0]);
    QN_TRY(add_chain(n, false, &sum));
    QN_TRY(scalar(n, "count", (double)n->n_in, &count));
    return qn_up_last2(n, QN_OP_Div, sum, count);
}
