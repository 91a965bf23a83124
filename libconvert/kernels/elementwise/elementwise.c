#include "kernels/elementwise/elementwise.h"

#include "base/context.h"
#include "base/half.h"
#include "kernels/gemm/gemm.h"

#include <math.h>
#include <string.h>

qn_span_fn qn_unary_span_of(const qn_kernel_args *args) { return QN_ISA_PICK(args->ctx, qn_unary_span); }
qn_span_fn qn_binary_span_of(const qn_kernel_args *args) { return QN_ISA_PICK(args->ctx, qn_binary_span); }

/* ---- one operand ---------------------------------------------------------------------------------------- */

bool qn_elementwise_accepts_unary(const qn_kernel_args *args) {
    return qn_is_real(args->in[0].dtype) && qn_is_real(args->out[0].dtype);
}

/* One exponent for all. */
bool qn_elementwise_accepts_pow(const qn_kernel_args *args) {
    return qn_elementwise_accepts_unary(args) && qn_is_real(args->in[1].dtype) && qn_ref_numel(&args->in[1]) == 1 &&
           args->in[1].rank <= args->in[0].rank;
}

/* One number of a float dtype. */
static float number(const qn_tensor *t) {
    return t->dtype == QN_F16    ? qn_f16_to_f32(*(const uint16_t *)t->data)
           : t->dtype == QN_BF16 ? qn_bf16_to_f32(*(const uint16_t *)t->data)
                                 : *(const float *)t->data;
}

static qn_status bound(const qn_kernel_args *args, int32_t i, float *out) {
    if (!qn_has(args, i))
        return QN_OK;
    const qn_tensor *t = &args->in[i];
    if (!qn_is_real(t->dtype) || qn_ref_numel(t) != 1)
        return qn_kernel_fail(args, QN_MALFORMED, "%s is not one number", i == 1 ? "min" : "max");
    *out = number(t);
    return QN_OK;
}

qn_status qn_elementwise_unary(const qn_kernel_args *args) {
    const qn_node *node = args->node;
    qn_elementwise e = {.op = node->op, .a = args->in[0].dtype, .y = args->out[0].dtype};
    switch (node->op) {
    case QN_OP_Clip:
        e.alpha = -INFINITY;
        e.beta = INFINITY;
        QN_TRY(bound(args, 1, &e.alpha));
        QN_TRY(bound(args, 2, &e.beta));
        break;
    case QN_OP_HardSigmoid:
        e.alpha = qn_node_float(node, "alpha", 0.2f);
        e.beta = qn_node_float(node, "beta", 0.5f);
        break;
    case QN_OP_Elu: e.alpha = qn_node_float(node, "alpha", 1.0f); break;
    case QN_OP_Pow: e.alpha = number(&args->in[1]); break;
    case QN_OP_LeakyRelu: e.alpha = qn_node_float(node, "alpha", 0.01f); break;
    case QN_OP_Swish: e.alpha = qn_node_float(node, "alpha", 1.0f); break;
    case QN_OP_Gelu: e.tanh_form = strcmp(qn_node_string(node, "approximate", "none"), "tanh") == 0; break;
    default: break;
    }
    const qn_tensor *x[] = {&args->in[0]};
    return qn_ref_broadcast(args, &args->out[0], x, 1, qn_unary_span_of(args), &e);
}

/* ---- two operands ------------------------------------------------------------------------------------------- */

bool qn_elementwise_accepts_binary(const qn_kernel_args *args) {
    qn_activation act;
    return args->n_in == 2 && qn_is_real(args->in[0].dtype) && args->in[1].dtype == args->in[0].dtype &&
           qn_is_real(args->out[0].dtype) && qn_activation_of(args->node, &act);
}

qn_status qn_elementwise_binary(const qn_kernel_args *args) {
    qn_elementwise e = {.op = args->node->op, .a = args->in[0].dtype, .b = args->in[1].dtype, .y = args->out[0].dtype};
    QN_TRY(qn_activation_read(args, &e.act));
    const qn_tensor *x[] = {&args->in[0], &args->in[1]};
    return qn_ref_broadcast(args, &args->out[0], x, 2, qn_binary_span_of(args), &e);
}
