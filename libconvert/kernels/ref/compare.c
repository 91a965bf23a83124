/* Equal, Greater, GreaterOrEqual, Less, LessOrEqual: bool results; a comparison with NaN is false. */
#include "kernels/ref/iterate.h"

#define COMPARISONS(S, T, W)                                        \
    QN_BINARY_SPAN(equal_##S, T, T, uint8_t, a == b)                \
    QN_BINARY_SPAN(greater_##S, T, T, uint8_t, a > b)               \
    QN_BINARY_SPAN(greater_equal_##S, T, T, uint8_t, a >= b)        \
    QN_BINARY_SPAN(less_##S, T, T, uint8_t, a < b)                  \
    QN_BINARY_SPAN(less_equal_##S, T, T, uint8_t, a <= b)
QN_EACH_FLOAT(COMPARISONS)
QN_EACH_SIGNED(COMPARISONS)
QN_EACH_UNSIGNED(COMPARISONS)
QN_BINARY_SPAN(equal_bool, uint8_t, uint8_t, uint8_t, (a != 0) == (b != 0))

static const qn_span_table g_equal = {QN_ROWS_NUMERIC(equal), [QN_BOOL] = equal_bool};
static const qn_span_table g_greater = {QN_ROWS_NUMERIC(greater)};
static const qn_span_table g_greater_equal = {QN_ROWS_NUMERIC(greater_equal)};
static const qn_span_table g_less = {QN_ROWS_NUMERIC(less)};
static const qn_span_table g_less_equal = {QN_ROWS_NUMERIC(less_equal)};

qn_status qn_ref_Equal(const qn_kernel_args *args) { return qn_ref_binary(args, g_equal, NULL); }
qn_status qn_ref_Greater(const qn_kernel_args *args) { return qn_ref_binary(args, g_greater, NULL); }
qn_status qn_ref_GreaterOrEqual(const qn_kernel_args *args) { return qn_ref_binary(args, g_greater_equal, NULL); }
qn_status qn_ref_Less(const qn_kernel_args *args) { return qn_ref_binary(args, g_less, NULL); }
qn_status qn_ref_LessOrEqual(const qn_kernel_args *args) { return qn_ref_binary(args, g_less_equal, NULL); }
