/* Exp, Log, Erf: y = f(x), computed in double and rounded once.
 * Sqrt, Reciprocal: in the dtype itself, where IEEE 754 rounds them correctly. */
#include "kernels/ref/iterate.h"

#include <math.h>

#define FUNCTIONS(S, T, W)                                  \
    QN_UNARY_SPAN(exp_##S, T, T, (T)exp((double)a))         \
    QN_UNARY_SPAN(log_##S, T, T, (T)log((double)a))         \
    QN_UNARY_SPAN(reciprocal_##S, T, T, (T)1 / a)
QN_EACH_FLOAT(FUNCTIONS)
QN_UNARY_SPAN(sqrt_f32, float, float, sqrtf(a))
QN_UNARY_SPAN(sqrt_f64, double, double, sqrt(a))

/* Integers too: ONNX defines Erf for every numeric dtype; the result is truncated towards zero. */
#define ERF(S, T, W) QN_UNARY_SPAN(erf_##S, T, T, (T)erf((double)a))
QN_EACH_FLOAT(ERF)
QN_EACH_SIGNED(ERF)
QN_EACH_UNSIGNED(ERF)

static const qn_span_table g_exp = {QN_ROWS_FLOAT(exp)};
static const qn_span_table g_log = {QN_ROWS_FLOAT(log)};
static const qn_span_table g_sqrt = {QN_ROWS_FLOAT(sqrt)};
static const qn_span_table g_reciprocal = {QN_ROWS_FLOAT(reciprocal)};
static const qn_span_table g_erf = {QN_ROWS_NUMERIC(erf)};

qn_status qn_ref_Exp(const qn_kernel_args *args) { return qn_ref_unary(args, g_exp, NULL); }
qn_status qn_ref_Log(const qn_kernel_args *args) { return qn_ref_unary(args, g_log, NULL); }
qn_status qn_ref_Sqrt(const qn_kernel_args *args) { return qn_ref_unary(args, g_sqrt, NULL); }
qn_status qn_ref_Reciprocal(const qn_kernel_args *args) { return qn_ref_unary(args, g_reciprocal, NULL); }
qn_status qn_ref_Erf(const qn_kernel_args *args) { return qn_ref_unary(args, g_erf, NULL); }
