/* Relu:      max(x, 0)
 * LeakyRelu: x where x >= 0, else alpha x
 * PRelu:     x where x >= 0, else slope x, the slope broadcast to x
 * Elu:       x where x >= 0, else alpha (e^x - 1)
 * NaN stays NaN. */
#include "kernels/ref/iterate.h"

#include <math.h>

#define RELU(S, T, W) QN_UNARY_SPAN(relu_##S, T, T, a < 0 ? 0 : a)
QN_EACH_FLOAT(RELU)
QN_EACH_SIGNED(RELU)
#define ALPHA(S, T, W)                                                                         \
    QN_UNARY_SPAN_WITH(leaky_relu_##S, T, T, float, a < 0 ? (T)p * a : a)                      \
    QN_UNARY_SPAN_WITH(elu_##S, T, T, float, a < 0 ? (T)((double)p * expm1((double)a)) : a)
QN_EACH_FLOAT(ALPHA)
#define PRELU(S, T, W) QN_BINARY_SPAN(prelu_##S, T, T, T, a < 0 ? (T)((W)a * (W)b) : a)
QN_EACH_FLOAT(PRELU)
QN_EACH_SIGNED(PRELU)
#define PRELU_UNSIGNED(S, T, W) QN_BINARY_SPAN(prelu_##S, T, T, T, ((void)b, a))
QN_EACH_UNSIGNED(PRELU_UNSIGNED)

static const qn_span_table g_relu = {QN_ROWS_FLOAT(relu), QN_ROWS_SIGNED(relu)};
static const qn_span_table g_leaky_relu = {QN_ROWS_FLOAT(leaky_relu)};
static const qn_span_table g_elu = {QN_ROWS_FLOAT(elu)};
static const qn_span_table g_prelu = {QN_ROWS_NUMERIC(prelu)};

qn_status qn_ref_Relu(const qn_kernel_args *args) { return qn_ref_unary(args, g_relu, NULL); }

qn_status qn_ref_LeakyRelu(const qn_kernel_args *args) {
    float alpha = qn_node_float(args->node, "alpha", 0.01f);
    return qn_ref_unary(args, g_leaky_relu, &alpha);
}

qn_status qn_ref_Elu(const qn_kernel_args *args) {
    float alpha = qn_node_float(args->node, "alpha", 1.0f);
    return qn_ref_unary(args, g_elu, &alpha);
}

qn_status qn_ref_PRelu(const qn_kernel_args *args) { return qn_ref_binary(args, g_prelu, NULL); }
