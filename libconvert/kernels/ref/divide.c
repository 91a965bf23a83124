/* Div: a / b; integers truncate towards zero.
 * Mod: with fmod = 0 the remainder has the sign of b (numpy.mod), with fmod = 1 that of a (C's fmod).
 * An integer divisor of zero is an error; the smallest integer divided by -1 wraps to itself, remainder 0. */
#include "kernels/ref/iterate.h"

#include <math.h>

#define FLOATS(S, T, W)                                                 \
    QN_BINARY_SPAN(div_##S, T, T, T, a / b)                             \
    QN_BINARY_SPAN(fmod_##S, T, T, T, (T)fmod((double)a, (double)b))    \
    QN_BINARY_SPAN(mod_##S, T, T, T, (T)floor_mod((double)a, (double)b))
#define SIGNED(S, T, W)                                                         \
    QN_BINARY_SPAN(div_##S, T, T, T, (T)(b == -1 ? (T)(0 - (W)a) : a / b))       \
    QN_BINARY_SPAN(fmod_##S, T, T, T, (T)(b == -1 ? 0 : a % b))                 \
    static inline T floor_mod_##S(T a, T b) {                                   \
        if (b == -1)                                                            \
            return 0;                                                           \
        T r = (T)(a % b);                                                       \
        return r != 0 && (r < 0) != (b < 0) ? (T)(r + b) : r;                   \
    }                                                                           \
    QN_BINARY_SPAN(mod_##S, T, T, T, floor_mod_##S(a, b))
#define UNSIGNED(S, T, W)                                   \
    QN_BINARY_SPAN(div_##S, T, T, T, (T)(a / b))            \
    QN_BINARY_SPAN(fmod_##S, T, T, T, (T)(a % b))           \
    QN_BINARY_SPAN(mod_##S, T, T, T, (T)(a % b))

static double floor_mod(double a, double b) {
    double r = fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

QN_EACH_FLOAT(FLOATS)
QN_EACH_SIGNED(SIGNED)
QN_EACH_UNSIGNED(UNSIGNED)

static const qn_span_table g_div = {QN_ROWS_NUMERIC(div)};
static const qn_span_table g_mod = {QN_ROWS_NUMERIC(mod)};
static const qn_span_table g_fmod = {QN_ROWS_NUMERIC(fmod)};

#define HAS_ZERO(S, T, W)                                   \
    static bool has_zero_##S(const void *data, int64_t n) { \
        const T *x = data;                                  \
        for (int64_t i = 0; i < n; i++)                     \
            if (x[i] == 0)                                  \
                return true;                                \
        return false;                                       \
    }
QN_EACH_SIGNED(HAS_ZERO)
QN_EACH_UNSIGNED(HAS_ZERO)

static bool (*const g_has_zero[QN_DTYPE_SLOTS])(const void *, int64_t) = {QN_ROWS_SIGNED(has_zero),
                                                                         QN_ROWS_UNSIGNED(has_zero)};

static qn_status check_divisor(const qn_kernel_args *args) {
    const qn_tensor *b = &args->in[1];
    if (qn_dtype_is_int(b->dtype) && qn_ref_numel(&args->out[0]) > 0 &&
        g_has_zero[b->dtype](b->data, qn_ref_numel(b)))
        return qn_kernel_fail(args, QN_MALFORMED, "integer division by zero");
    return QN_OK;
}

qn_status qn_ref_Div(const qn_kernel_args *args) {
    QN_TRY(check_divisor(args));
    return qn_ref_binary(args, g_div, NULL);
}

qn_status qn_ref_Mod(const qn_kernel_args *args) {
    QN_TRY(check_divisor(args));
    return qn_ref_binary(args, qn_node_int(args->node, "fmod", 0) ? g_fmod : g_mod, NULL);
}
