/* Cos, Sin, Tan, Tanh: y = f(x), computed in double and rounded once. */
#include "kernels/ref/iterate.h"

#include <math.h>

#define FUNCTIONS(S, T, W)                                  \
    QN_UNARY_SPAN(cos_##S, T, T, (T)cos((double)a))         \
    QN_UNARY_SPAN(sin_##S, T, T, (T)sin((double)a))         \
    QN_UNARY_SPAN(tan_##S, T, T, (T)tan((double)a))         \
    QN_UNARY_SPAN(tanh_##S, T, T, (T)tanh((double)a))
QN_EACH_FLOAT(FUNCTIONS)

static const qn_span_table g_cos = {QN_ROWS_FLOAT(cos)};
static const qn_span_table g_sin = {QN_ROWS_FLOAT(sin)};
static const qn_span_table g_tan = {QN_ROWS_FLOAT(tan)};
static const qn_span_table g_tanh = {QN_ROWS_FLOAT(tanh)};

qn_status qn_ref_Cos(const qn_kernel_args *args) { return qn_ref_unary(args, g_cos, NULL); }
qn_status qn_ref_Sin(const qn_kernel_args *args) { return qn_ref_unary(args, g_sin, NULL); }
qn_status qn_ref_Tan(const qn_kernel_args *args) { return qn_ref_unary(args, g_tan, NULL); }
qn_status qn_ref_Tanh(const qn_kernel_args *args) { return qn_ref_unary(args, g_tanh, NULL); }
