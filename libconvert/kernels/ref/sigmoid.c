/* Sigmoid:     1 / (1 + e^-x)
 * HardSigmoid: max(0, min(1, alpha x + beta))
 * HardSwish:   x HardSigmoid(x) with alpha 1/6, beta 1/2
 * Swish:       x sigmoid(alpha x)
 * Softplus:    ln(1 + e^x)
 * Gelu:        x/2 (1 + erf(x / sqrt 2)), or its tanh form
 * All computed in double and rounded once. */
#include "kernels/ref/iterate.h"
#include "kernels/scalar.h"

#include <string.h>

typedef struct line {
    double alpha, beta;
} line;

#define FUNCTIONS(S, T, W)                                                                              \
    QN_UNARY_SPAN(sigmoid_##S, T, T, (T)qn_sigmoid((double)a))                                          \
    QN_UNARY_SPAN_WITH(hard_sigmoid_##S, T, T, line, (T)qn_hard_sigmoid((double)a, p.alpha, p.beta))    \
    QN_UNARY_SPAN(hard_swish_##S, T, T, (T)qn_hard_swish((double)a))                                    \
    QN_UNARY_SPAN_WITH(swish_##S, T, T, line, (T)qn_swish((double)a, p.alpha))                          \
    QN_UNARY_SPAN(softplus_##S, T, T, (T)qn_softplus((double)a))                                        \
    QN_UNARY_SPAN(gelu_##S, T, T, (T)qn_gelu((double)a))                                                \
    QN_UNARY_SPAN(gelu_tanh_##S, T, T, (T)qn_gelu_tanh((double)a))
QN_EACH_FLOAT(FUNCTIONS)

static const qn_span_table g_sigmoid = {QN_ROWS_FLOAT(sigmoid)};
static const qn_span_table g_hard_sigmoid = {QN_ROWS_FLOAT(hard_sigmoid)};
static const qn_span_table g_hard_swish = {QN_ROWS_FLOAT(hard_swish)};
static const qn_span_table g_swish = {QN_ROWS_FLOAT(swish)};
static const qn_span_table g_softplus = {QN_ROWS_FLOAT(softplus)};
static const qn_span_table g_gelu = {QN_ROWS_FLOAT(gelu)};
static const qn_span_table g_gelu_tanh = {QN_ROWS_FLOAT(gelu_tanh)};

qn_status qn_ref_Sigmoid(const qn_kernel_args *args) { return qn_ref_unary(args, g_sigmoid, NULL); }

qn_status qn_ref_HardSigmoid(const qn_kernel_args *args) {
    line p = {(double)qn_node_float(args->node, "alpha", 0.2f), (double)qn_node_float(args->node, "beta", 0.5f)};
    return qn_ref_unary(args, g_hard_sigmoid, &p);
}

qn_status qn_ref_HardSwish(const qn_kernel_args *args) { return qn_ref_unary(args, g_hard_swish, NULL); }

qn_status qn_ref_Swish(const qn_kernel_args *args) {
    line p = {(double)qn_node_float(args->node, "alpha", 1.0f), 0};
    return qn_ref_unary(args, g_swish, &p);
}

qn_status qn_ref_Softplus(const qn_kernel_args *args) { return qn_ref_unary(args, g_softplus, NULL); }

qn_status qn_ref_Gelu(const qn_kernel_args *args) {
    const char *form = qn_node_string(args->node, "approximate", "none");
    if (strcmp(form, "none") == 0)
        return qn_ref_unary(args, g_gelu, NULL);
    if (strcmp(form, "tanh") == 0)
        return qn_ref_unary(args, g_gelu_tanh, NULL);
    return qn_kernel_fail(args, QN_UNSUPPORTED, "approximate '%s'", form);
}
