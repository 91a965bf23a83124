/* Broadcasting loops for element-wise reference kernels.
 *
 * One output and up to QN_SPAN_INPUTS inputs are walked together. Dimensions that all operands walk alike are merged, so what
 * a kernel sees is a span: n elements of the output side by side, and for each input a step of 1 (side by side too) or
 * 0 (one element for the whole span). Spans are handed out over the pool; every element is computed on its own, so
 * the result does not depend on how.
 */
#ifndef QN_KERNELS_REF_ITERATE_H
#define QN_KERNELS_REF_ITERATE_H

#include "kernels/ref/real.h"

enum { QN_SPAN_INPUTS = 8 };

typedef struct qn_span {
    int64_t n;
    void *y;
    const void *x[QN_SPAN_INPUTS];
    int64_t step[QN_SPAN_INPUTS]; /**< 0 or 1 */
    const void *user;
} qn_span;

typedef void (*qn_span_fn)(const qn_span *span);

/** Span functions by dtype; NULL where the op has none. */
enum { QN_DTYPE_SLOTS = QN_BF16 + 1 };
typedef qn_span_fn qn_span_table[QN_DTYPE_SLOTS];

/** The row of `dtype`; NULL when there is none. */
static inline qn_span_fn qn_span_for(const qn_span_table table, qn_dtype dtype) {
    return (unsigned)dtype < QN_DTYPE_SLOTS ? table[dtype] : NULL;
}

/** y = fn(x...) with every x broadcast to y (numpy's rules; an x that does not fit is malformed). `user` is passed on.
 *  y may be the buffer of an x of y's shape and dtype. */
QN_MUST_USE qn_status qn_ref_broadcast(const qn_kernel_args *args, const qn_tensor *y, const qn_tensor *const *x,
                                       int32_t n_x, qn_span_fn fn, const void *user);

/** out[0] = table[in[0].dtype](in[0]), shapes equal. A dtype without a row is QN_UNSUPPORTED by name. */
QN_MUST_USE qn_status qn_ref_unary(const qn_kernel_args *args, const qn_span_table table, const void *user);
/** out[0] = table[in[0].dtype](in[0], in[1]); both inputs have that dtype (malformed otherwise). */
QN_MUST_USE qn_status qn_ref_binary(const qn_kernel_args *args, const qn_span_table table, const void *user);

/** QN_UNSUPPORTED, "dtype int8". */
QN_MUST_USE qn_status qn_ref_dtype_fail(const qn_kernel_args *args, qn_dtype dtype);

/* ---- writing span functions ----------------------------------------------------------------------
 * An expression is written once and expanded for each dtype: NAME_f32, NAME_i8 ... with T the element type and W an
 * unsigned type at least as wide as T and int, in which integer arithmetic wraps. */

/* Before a loop that reads an element before it writes it: buffers that are the same are as good as disjoint. */
#if defined(__GNUC__) && !defined(__clang__)
#define QN_IVDEP _Pragma("GCC ivdep")
#else
#define QN_IVDEP
#endif

/** y[i] = EXPR(a), T to R. */
#define QN_UNARY_SPAN(NAME, T, R, EXPR)                   \
    static void NAME(const qn_span *s) {                  \
        const T *x = s->x[0];                             \
        R *y = s->y;                                      \
        const int64_t n = s->n;                           \
        QN_IVDEP                                          \
        for (int64_t i = 0; i < n; i++) {                 \
            const T a = x[i];                             \
            y[i] = EXPR;                                  \
        }                                                 \
    }

/** y[i] = EXPR(a, p), T to R, with parameters p of type P read from `user` once. */
#define QN_UNARY_SPAN_WITH(NAME, T, R, P, EXPR)           \
    static void NAME(const qn_span *s) {                  \
        const T *x = s->x[0];                             \
        R *y = s->y;                                      \
        const int64_t n = s->n;                           \
        const P p = *(const P *)s->user;                  \
        QN_IVDEP                                          \
        for (int64_t i = 0; i < n; i++) {                 \
            const T a = x[i];                             \
            y[i] = EXPR;                                  \
        }                                                 \
    }

/** y[i] = EXPR(a, b), T and U to R: plain loops where a step is 1, the constant side lifted out where it is 0. */
#define QN_BINARY_SPAN(NAME, T, U, R, EXPR)               \
    static void NAME(const qn_span *s) {                  \
        const T *xa = s->x[0];                            \
        const U *xb = s->x[1];                            \
        R *y = s->y;                                      \
        const int64_t n = s->n;                           \
        if (s->step[0] && s->step[1]) {                   \
            QN_IVDEP                                      \
            for (int64_t i = 0; i < n; i++) {             \
                const T a = xa[i];                        \
                const U b = xb[i];                        \
                y[i] = EXPR;                              \
            }                                             \
        } else if (s->step[0]) {                          \
            const U b = xb[0];                            \
            QN_IVDEP                                      \
            for (int64_t i = 0; i < n; i++) {             \
                const T a = xa[i];                        \
                y[i] = EXPR;                              \
            }                                             \
        } else if (s->step[1]) {                          \
            const T a = xa[0];                            \
            QN_IVDEP                                      \
            for (int64_t i = 0; i < n; i++) {             \
                const U b = xb[i];                        \
                y[i] = EXPR;                              \
            }                                             \
        } else if (n > 0) {                               \
            const T a = xa[0];                            \
            const U b = xb[0];                            \
            const R v = EXPR;                             \
            for (int64_t i = 0; i < n; i++)               \
                y[i] = v;                                 \
        }                                                 \
    }

/* M(suffix, T, W) for the dtypes of a class. */
#define QN_EACH_FLOAT(M) M(f32, float, float) M(f64, double, double)
#define QN_EACH_SIGNED(M) \
    M(i8, int8_t, uint32_t) M(i16, int16_t, uint32_t) M(i32, int32_t, uint32_t) M(i64, int64_t, uint64_t)
#define QN_EACH_UNSIGNED(M) \
    M(u8, uint8_t, uint32_t) M(u16, uint16_t, uint32_t) M(u32, uint32_t, uint32_t) M(u64, uint64_t, uint64_t)

/* The entries of a qn_span_table. */
#define QN_ROWS_FLOAT(NAME) [QN_F32] = NAME##_f32, [QN_F64] = NAME##_f64
#define QN_ROWS_SIGNED(NAME) \
    [QN_I8] = NAME##_i8, [QN_I16] = NAME##_i16, [QN_I32] = NAME##_i32, [QN_I64] = NAME##_i64
#define QN_ROWS_UNSIGNED(NAME) \
    [QN_U8] = NAME##_u8, [QN_U16] = NAME##_u16, [QN_U32] = NAME##_u32, [QN_U64] = NAME##_u64
#define QN_ROWS_NUMERIC(NAME) QN_ROWS_FLOAT(NAME), QN_ROWS_SIGNED(NAME), QN_ROWS_UNSIGNED(NAME)

#endif
