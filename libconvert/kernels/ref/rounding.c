/* Ceil, Floor, Round (to nearest, ties to even): exact. */
#include "kernels/ref/iterate.h"

#include <math.h>

QN_UNARY_SPAN(ceil_f32, float, float, ceilf(a))
QN_UNARY_SPAN(ceil_f64, double, double, ceil(a))
QN_UNARY_SPAN(floor_f32, float, float, floorf(a))
QN_UNARY_SPAN(floor_f64, double, double, floor(a))
QN_UNARY_SPAN(round_f32, float, float, rintf(a))
QN_UNARY_SPAN(round_f64, double, double, rint(a))

static const qn_span_table g_ceil = {QN_ROWS_FLOAT(ceil)};
static const qn_span_table g_floor = {QN_ROWS_FLOAT(floor)};
static const qn_span_table g_round = {QN_ROWS_FLOAT(round)};

qn_status qn_ref_Ceil(const qn_kernel_args *args) { return qn_ref_unary(args, g_ceil, NULL); }
qn_status qn_ref_Floor(const qn_kernel_args *args) { return qn_ref_unary(args, g_floor, NULL); }
qn_status qn_ref_Round(const qn_kernel_args *args) { return qn_ref_unary(args, g_round, NULL); }
