/* Abs: |x|.  Neg: -x.  Sign: -1, 0 or 1 (NaN stays NaN). Integers wrap: the smallest one is its own negative. */
#include "kernels/ref/iterate.h"

#include <math.h>

QN_UNARY_SPAN(abs_f32, float, float, fabsf(a))
QN_UNARY_SPAN(abs_f64, double, double, fabs(a))
#define NEGATE(S, T, W) QN_UNARY_SPAN(neg_##S, T, T, -a)
QN_EACH_FLOAT(NEGATE)
#define SIGNED(S, T, W)                                              \
    QN_UNARY_SPAN(abs_##S, T, T, a < 0 ? (T)(0 - (W)a) : a)          \
    QN_UNARY_SPAN(neg_##S, T, T, (T)(0 - (W)a))
QN_EACH_SIGNED(SIGNED)
#define UNSIGNED(S, T, W)                       \
    QN_UNARY_SPAN(abs_##S, T, T, a)             \
    QN_UNARY_SPAN(sign_##S, T, T, a > 0)
QN_EACH_UNSIGNED(UNSIGNED)
#define SIGN(S, T, W) QN_UNARY_SPAN(sign_##S, T, T, a > 0 ? 1 : a < 0 ? -1 : a)
QN_EACH_FLOAT(SIGN)
QN_EACH_SIGNED(SIGN)

static const qn_span_table g_abs = {QN_ROWS_NUMERIC(abs)};
static const qn_span_table g_neg = {QN_ROWS_FLOAT(neg), QN_ROWS_SIGNED(neg)};
static const qn_span_table g_sign = {QN_ROWS_NUMERIC(sign)};

qn_status qn_ref_Abs(const qn_kernel_args *args) { return qn_ref_unary(args, g_abs, NULL); }
qn_status qn_ref_Neg(const qn_kernel_args *args) { return qn_ref_unary(args, g_neg, NULL); }
qn_status qn_ref_Sign(const qn_kernel_args *args) { return qn_ref_unary(args, g_sign, NULL); }
