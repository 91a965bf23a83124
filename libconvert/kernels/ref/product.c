#include "kernels/ref/product.h"

#include <string.h>

#define PRODUCT_ROW(NAME, T)                                                                                        \
    void NAME(const T *a, int64_t a_step, const T *b, qn_ref_steps steps, int64_t K, int64_t N, T *y) {            \
        if (steps.col == 1) { /* rows of b lie in memory as they are added */                                      \
            for (int64_t j = 0; j < N; j++)                                                                         \
                y[j] = 0;                                                                                           \
            for (int64_t k = 0; k < K; k++) {                                                                       \
                const T f = a[k * a_step], *row = b + k * steps.row;                                                \
                for (int64_t j = 0; j < N; j++)                                                                     \
                    y[j] += f * row[j];                                                                             \
            }                                                                                                       \
            return;                                                                                                 \
        }                                                                                                           \
        for (int64_t j = 0; j < N; j++) {                                                                           \
            T sum = 0;                                                                                              \
            for (int64_t k = 0; k < K; k++)                                                                         \
                sum += a[k * a_step] * b[k * steps.row + j * steps.col];                                            \
            y[j] = sum;                                                                                             \
        }                                                                                                           \
    }

PRODUCT_ROW(qn_ref_product_row, double)
PRODUCT_ROW(qn_ref_product_row_int, uint64_t)

/* Width of the integer dtypes is all that matters modulo 2^64; sign is for reading. */
static uint64_t read_int(const qn_tensor *t, int64_t i) {
    switch (t->dtype) {
    case QN_I8: return (uint64_t)((const int8_t *)t->data)[i];
    case QN_I16: return (uint64_t)((const int16_t *)t->data)[i];
    case QN_I32: return (uint64_t)((const int32_t *)t->data)[i];
    case QN_U8: return ((const uint8_t *)t->data)[i];
    case QN_U16: return ((const uint16_t *)t->data)[i];
    case QN_U32: return ((const uint32_t *)t->data)[i];
    default: return ((const uint64_t *)t->data)[i];
    }
}

qn_status qn_ref_ints(const qn_kernel_args *args, int32_t i, const uint64_t **out) {
    *out = NULL;
    if (!qn_ref_has(args, i))
        return QN_OK;
    const qn_tensor *t = &args->in[i];
    if (!qn_dtype_is_int(t->dtype))
        return qn_kernel_fail(args, QN_UNSUPPORTED, "input %d of %s among integers", i, qn_dtype_name(t->dtype));
    int64_t n = qn_ref_numel(t);
    uint64_t *v;
    QN_NEW_ARRAY(args->ctx, args->scratch, v, n);
    for (int64_t k = 0; k < n; k++)
        v[k] = read_int(t, k);
    *out = v;
    return QN_OK;
}

void qn_ref_put_ints(qn_tensor *out, int64_t first, const uint64_t *v, int64_t n) {
    size_t bytes = qn_dtype_bytes(out->dtype);
    for (int64_t k = 0; k < n; k++) {
        void *at = (char *)out->data + (size_t)(first + k) * bytes;
        switch (bytes) {
        case 1: *(uint8_t *)at = (uint8_t)v[k]; break;
        case 2: *(uint16_t *)at = (uint16_t)v[k]; break;
        case 4: *(uint32_t *)at = (uint32_t)v[k]; break;
        default: *(uint64_t *)at = v[k]; break;
        }
    }
}

double qn_ref_int_value(qn_dtype dtype, uint64_t v) {
    const qn_dtype_info *row = qn_dtype_row(dtype);
    int shift = 64 - row->bits;
    v <<= shift;
    return row->kind == 'I' ? (double)((int64_t)v >> shift) : (double)(v >> shift);
}
