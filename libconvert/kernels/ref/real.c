#include "kernels/ref/real.h"

#include "base/checked.h"

qn_status qn_ref_scratch(const qn_kernel_args *args, int64_t n, double **out) {
    size_t bytes;
    if (n < 0 || !qn_mul_size((size_t)n, sizeof(double), &bytes))
        return qn_kernel_fail(args, QN_UNSUPPORTED, "%lld numbers are too many", (long long)n);
    *out = qn_arena_alloc(args->scratch, bytes);
    return *out ? QN_OK : qn_fail_memory(args->ctx, bytes, qn_node_label(args->node));
}

/* One row a dtype: ID, C type, whether it is a float. */
#define EACH_DTYPE(X)                                                                                         \
    X(F32, float, 1) X(F64, double, 1) X(I8, int8_t, 0) X(I16, int16_t, 0) X(I32, int32_t, 0) X(I64, int64_t, 0) \
        X(U8, uint8_t, 0) X(U16, uint16_t, 0) X(U32, uint32_t, 0) X(U64, uint64_t, 0)

qn_status qn_ref_reals(const qn_kernel_args *args, int32_t i, const double **out) {
    *out = NULL;
    if (!qn_ref_has(args, i))
        return QN_OK;
    const qn_tensor *t = &args->in[i];
    if (t->dtype == QN_F64) {
        *out = t->data;
        return QN_OK;
    }
    int64_t n = qn_ref_numel(t);
    double *v;
    QN_TRY(qn_ref_scratch(args, n, &v));
    switch (t->dtype) {
#define READ(ID, T, FLOATS)                     \
    case QN_##ID: {                             \
        const T *src = t->data;                 \
        for (int64_t k = 0; k < n; k++)         \
            v[k] = (double)src[k];              \
        break;                                  \
    }
        EACH_DTYPE(READ)
#undef READ
    default: return qn_kernel_fail(args, QN_UNSUPPORTED, "input %d of %s", i, qn_dtype_name(t->dtype));
    }
    *out = v;
    return QN_OK;
}

/* v cut towards zero and held in [lo, hi]: both ends are exact doubles or the next one beyond. */
#define CUT(T, v, MIN, MAX) \
    ((v) != (v) ? 0 : (v) <= (double)(MIN) ? (T)(MIN) : (v) >= (double)(MAX) ? (T)(MAX) : (T)(v))

static inline void put(qn_tensor *out, int64_t i, double v) {
    switch (out->dtype) {
    case QN_F32: ((float *)out->data)[i] = (float)v; break;
    case QN_F64: ((double *)out->data)[i] = v; break;
    case QN_I8: ((int8_t *)out->data)[i] = CUT(int8_t, v, INT8_MIN, INT8_MAX); break;
    case QN_I16: ((int16_t *)out->data)[i] = CUT(int16_t, v, INT16_MIN, INT16_MAX); break;
    case QN_I32: ((int32_t *)out->data)[i] = CUT(int32_t, v, INT32_MIN, INT32_MAX); break;
    case QN_I64: ((int64_t *)out->data)[i] = CUT(int64_t, v, INT64_MIN, INT64_MAX); break;
    case QN_U8: ((uint8_t *)out->data)[i] = CUT(uint8_t, v, 0, UINT8_MAX); break;
    case QN_U16: ((uint16_t *)out->data)[i] = CUT(uint16_t, v, 0, UINT16_MAX); break;
    case QN_U32: ((uint32_t *)out->data)[i] = CUT(uint32_t, v, 0, UINT32_MAX); break;
    case QN_U64: ((uint64_t *)out->data)[i] = CUT(uint64_t, v, 0, UINT64_MAX); break;
    case QN_BOOL: ((uint8_t *)out->data)[i] = v != 0; break;
    case QN_NONE:
    case QN_F16:
    case QN_BF16: break; /* halves are widened before a reference kernel sees them */
    }
}

void qn_ref_put(qn_tensor *out, int64_t i, double v) { put(out, i, v); }

void qn_ref_put_n(qn_tensor *out, int64_t first, const double *v, int64_t n) {
    for (int64_t k = 0; k < n; k++)
        put(out, first + k, v[k]);
}

bool qn_ref_spread(const qn_tensor *t, int32_t rank, const int64_t *dims, int64_t *strides) {
    for (int32_t i = 0; i < rank; i++)
        strides[i] = 0;
    int64_t stride = 1;
    for (int32_t i = t->rank - 1; i >= 0; i--) {
        int32_t to = i + rank - t->rank;
        if (t->dims[i] != 1) {
            if (to < 0 || t->dims[i] != dims[to])
                return false;
            strides[to] = stride;
        }
        stride *= t->dims[i];
    }
    return true;
}

qn_status qn_ref_need_rank(const qn_kernel_args *args, int32_t i, int32_t rank) {
    if (args->in[i].rank == rank)
        return QN_OK;
    return qn_kernel_fail(args, QN_MALFORMED, "input %d has %d dimensions, not %d", i, args->in[i].rank, rank);
}

qn_status qn_ref_need_numel(const qn_kernel_args *args, int32_t i, int64_t n) {
    if (!qn_ref_has(args, i) || qn_ref_numel(&args->in[i]) == n)
        return QN_OK;
    return qn_kernel_fail(args, QN_MALFORMED, "input %d has %lld elements, not %lld", i,
                          (long long)qn_ref_numel(&args->in[i]), (long long)n);
}

qn_status qn_ref_axis_attr(const qn_kernel_args *args, int64_t otherwise, int32_t *axis) {
    int64_t a = qn_node_int(args->node, "axis", otherwise), rank = args->in[0].rank;
    if (a < -rank || a >= rank)
        return qn_kernel_fail(args, QN_MALFORMED, "axis %lld of %lld dimensions", (long long)a, (long long)rank);
    *axis = (int32_t)(a < 0 ? a + rank : a);
    return QN_OK;
}
