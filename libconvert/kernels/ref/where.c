/* Where: x where the condition holds, else y; any dtype, all three broadcast together. */
#include "kernels/ref/iterate.h"

#define WHERE(BITS)                                                                        \
    static void where_##BITS(const qn_span *s) {                                           \
        const uint8_t *c = s->x[0];                                                        \
        const uint##BITS##_t *a = s->x[1], *b = s->x[2];                                   \
        uint##BITS##_t *y = s->y;                                                          \
        const int64_t n = s->n, sc = s->step[0], sa = s->step[1], sb = s->step[2];         \
        if (sc && sa && sb) {                                                              \
            QN_IVDEP                                                                       \
            for (int64_t i = 0; i < n; i++)                                                \
                y[i] = c[i] ? a[i] : b[i];                                                 \
        } else {                                                                           \
            for (int64_t i = 0; i < n; i++)                                                \
                y[i] = c[i * sc] ? a[i * sa] : b[i * sb];                                  \
        }                                                                                  \
    }
WHERE(8)
WHERE(16)
WHERE(32)
WHERE(64)

qn_status qn_ref_Where(const qn_kernel_args *args) {
    const qn_tensor *x[] = {&args->in[0], &args->in[1], &args->in[2]};
    if (x[0]->dtype != QN_BOOL || x[1]->dtype != x[2]->dtype)
        return qn_kernel_fail(args, QN_MALFORMED, "inputs of %s, %s and %s", qn_dtype_name(x[0]->dtype),
                              qn_dtype_name(x[1]->dtype), qn_dtype_name(x[2]->dtype));
    size_t bytes = qn_dtype_bytes(x[1]->dtype);
    qn_span_fn fn = bytes == 1 ? where_8 : bytes == 2 ? where_16 : bytes == 4 ? where_32 : where_64;
    return qn_ref_broadcast(args, &args->out[0], x, 3, fn, NULL);
}
