/* Pow: a^b, in the dtype of a; b may have another numeric dtype.
 *   float base     computed in double and rounded once (a constant exponent of 2 or 3 is a product)
 *   integer base   with an integer exponent: repeated multiplication, wrapping; b < 0: 0 unless |a| = 1 (1/a^|b|
 *                  truncated, and 0 for a = 0). With a float exponent: through double, converted like Cast. */
#include "kernels/ref/convert.h"
#include "kernels/ref/iterate.h"

#include <math.h>

static void pow_f32(const qn_span *s) {
    const float *xa = s->x[0];
    const double *xb = s->x[1];
    float *y = s->y;
    const int64_t n = s->n, sa = s->step[0], sb = s->step[1];
    if (sa && !sb && xb[0] == 2) {
        QN_IVDEP
        for (int64_t i = 0; i < n; i++)
            y[i] = xa[i] * xa[i];
    } else if (sa && !sb && xb[0] == 3) { /* the square is exact in double */
        QN_IVDEP
        for (int64_t i = 0; i < n; i++) {
            double a = (double)xa[i];
            y[i] = (float)(a * a * a);
        }
    } else {
        for (int64_t i = 0; i < n; i++)
            y[i] = (float)pow((double)xa[i * sa], xb[i * sb]);
    }
}
QN_BINARY_SPAN(pow_f64, double, double, double, pow(a, b))

#define INTEGER(S, T, W)                                            \
    static T power_##S(T a, int64_t b) {                            \
        if (b < 0)                                                  \
            return a == 1 ? 1 : (W)a == (W)-1 ? (b & 1 ? a : 1) : 0; \
        W base = (W)a, y = 1;                                       \
        for (uint64_t e = (uint64_t)b; e; e >>= 1, base *= base)    \
            if (e & 1)                                              \
                y *= base;                                          \
        return (T)y;                                                \
    }                                                               \
    QN_BINARY_SPAN(pow_##S, T, int64_t, T, power_##S(a, b))
QN_EACH_SIGNED(INTEGER)
#undef INTEGER
#define INTEGER(S, T, W)                                            \
    static T power_##S(T a, int64_t b) {                            \
        if (b < 0)                                                  \
            return a == 1;                                          \
        W base = (W)a, y = 1;                                       \
        for (uint64_t e = (uint64_t)b; e; e >>= 1, base *= base)    \
            if (e & 1)                                              \
                y *= base;                                          \
        return (T)y;                                                \
    }                                                               \
    QN_BINARY_SPAN(pow_##S, T, int64_t, T, power_##S(a, b))
QN_EACH_UNSIGNED(INTEGER)

static const qn_span_table g_pow = {QN_ROWS_NUMERIC(pow)};

/* A copy of t as `to`, in scratch. */
static qn_status converted(const qn_kernel_args *args, const qn_tensor *t, qn_dtype to, qn_tensor *out) {
    int64_t n = qn_ref_numel(t);
    *out = *t;
    out->dtype = to;
    out->n_bytes = (size_t)n * qn_dtype_bytes(to);
    out->data = qn_arena_alloc(args->scratch, out->n_bytes);
    if (!out->data)
        return qn_fail_memory(args->ctx, out->n_bytes, "an operand of Pow");
    qn_convert(t->dtype, t->data, to, out->data, n);
    return QN_OK;
}

static qn_status integer_base(const qn_kernel_args *args, const qn_tensor *a, const qn_tensor *b) {
    const qn_tensor *y = &args->out[0];
    qn_tensor wide_a, wide_b;
    if (qn_dtype_is_float(b->dtype)) {
        qn_tensor wide_y;
        QN_TRY(converted(args, a, QN_F64, &wide_a));
        QN_TRY(converted(args, b, QN_F64, &wide_b));
        wide_y = *y;
        wide_y.dtype = QN_F64;
        wide_y.data = qn_arena_array(args->scratch, (size_t)qn_ref_numel(y), sizeof(double));
        if (!wide_y.data)
            return qn_fail_memory(args->ctx, (size_t)qn_ref_numel(y) * sizeof(double), "powers");
        const qn_tensor *x[] = {&wide_a, &wide_b};
        QN_TRY(qn_ref_broadcast(args, &wide_y, x, 2, pow_f64, NULL));
        qn_convert(QN_F64, wide_y.data, y->dtype, y->data, qn_ref_numel(y));
        return QN_OK;
    }
    QN_TRY(converted(args, b, QN_I64, &wide_b));
    const qn_tensor *x[] = {a, &wide_b};
    return qn_ref_broadcast(args, y, x, 2, g_pow[y->dtype], NULL);
}

qn_status qn_ref_Pow(const qn_kernel_args *args) {
    const qn_tensor *a = &args->in[0], *b = &args->in[1], *y = &args->out[0];
    if (!qn_span_for(g_pow, a->dtype) || a->dtype != y->dtype)
        return qn_ref_dtype_fail(args, a->dtype);
    if (!qn_span_for(g_pow, b->dtype))
        return qn_ref_dtype_fail(args, b->dtype);
    if (qn_dtype_is_int(a->dtype))
        return integer_base(args, a, b);
    qn_tensor wide;
    QN_TRY(converted(args, b, QN_F64, &wide));
    const qn_tensor *x[] = {a, &wide};
    return qn_ref_broadcast(args, y, x, 2, g_pow[a->dtype], NULL);
}
