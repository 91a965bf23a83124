/* And, Or, Xor, Not on bool; any byte that is not 0 counts as true, results are 0 or 1. */
#include "kernels/ref/iterate.h"

QN_BINARY_SPAN(and_bool, uint8_t, uint8_t, uint8_t, (a != 0) & (b != 0))
QN_BINARY_SPAN(or_bool, uint8_t, uint8_t, uint8_t, (a != 0) | (b != 0))
QN_BINARY_SPAN(xor_bool, uint8_t, uint8_t, uint8_t, (a != 0) ^ (b != 0))
QN_UNARY_SPAN(not_bool, uint8_t, uint8_t, a == 0)

static const qn_span_table g_and = {[QN_BOOL] = and_bool};
static const qn_span_table g_or = {[QN_BOOL] = or_bool};
static const qn_span_table g_xor = {[QN_BOOL] = xor_bool};
static const qn_span_table g_not = {[QN_BOOL] = not_bool};

qn_status qn_ref_And(const qn_kernel_args *args) { return qn_ref_binary(args, g_and, NULL); }
qn_status qn_ref_Or(const qn_kernel_args *args) { return qn_ref_binary(args, g_or, NULL); }
qn_status qn_ref_Xor(const qn_kernel_args *args) { return qn_ref_binary(args, g_xor, NULL); }
qn_status qn_ref_Not(const qn_kernel_args *args) { return qn_ref_unary(args, g_not, NULL); }
