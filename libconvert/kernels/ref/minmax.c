/* Max, Min of any number of tensors, broadcast together; NaN wins (numpy.maximum). */
#include "kernels/ref/iterate.h"


#define FLOATS(S, T, W)                                             \
    QN_BINARY_SPAN(max_##S, T, T, T, a > b || a != a ? a : b)       \
    QN_BINARY_SPAN(min_##S, T, T, T, a < b || a != a ? a : b)
#define INTEGERS(S, T, W)                               \
    QN_BINARY_SPAN(max_##S, T, T, T, a > b ? a : b)     \
    QN_BINARY_SPAN(min_##S, T, T, T, a < b ? a : b)
QN_EACH_FLOAT(FLOATS)
QN_EACH_SIGNED(INTEGERS)
QN_EACH_UNSIGNED(INTEGERS)

static const qn_span_table g_max = {QN_ROWS_NUMERIC(max)};
static const qn_span_table g_min = {QN_ROWS_NUMERIC(min)};

/* y = f(f(x0, x1), x2) ...: with two inputs or more the first call writes all of y, and later ones read it. */
static qn_status fold(const qn_kernel_args *args, const qn_span_table table) {
    const qn_tensor *y = &args->out[0];
    for (int32_t i = 0; i < args->n_in; i++)
        if (args->in[i].dtype != y->dtype)
            return qn_kernel_fail(args, QN_MALFORMED, "input %d is %s, the first is %s", i,
                                  qn_dtype_name(args->in[i].dtype), qn_dtype_name(y->dtype));
    qn_span_fn fn = qn_span_for(table, y->dtype);
    if (!fn)
        return qn_ref_dtype_fail(args, y->dtype);
    /* max(x, x) = x, so that one input is no special case. */
    const qn_tensor *x[] = {&args->in[0], &args->in[args->n_in > 1 ? 1 : 0]};
    QN_TRY(qn_ref_broadcast(args, y, x, 2, fn, NULL));
    for (int32_t i = 2; i < args->n_in; i++) {
        const qn_tensor *more[] = {y, &args->in[i]};
        QN_TRY(qn_ref_broadcast(args, y, more, 2, fn, NULL));
    }
    return QN_OK;
}

qn_status qn_ref_Max(const qn_kernel_args *args) { return fold(args, g_max); }
qn_status qn_ref_Min(const qn_kernel_args *args) { return fold(args, g_min); }
