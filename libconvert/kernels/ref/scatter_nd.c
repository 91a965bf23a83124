/* ScatterND: y = data; then for each index tuple t of indices [..., k], in order,
 *   y[t, ...] = reduce(y[t, ...], updates[t's place, ...])
 * with reduce none (replace), add, mul, max or min. Indices count from the end when negative; out of range is an
 * error. */
#include "kernels/ref/convert.h"
#include "kernels/ref/integers.h"
#include "kernels/ref/iterate.h"

#include <string.h>

typedef void (*reduce_fn)(void *y, const void *u, int64_t n);

#define REDUCE(NAME, T, EXPR)                                   \
    static void NAME(void *y_, const void *u_, int64_t n) {     \
        T *y = y_;                                              \
        const T *u = u_;                                        \
        for (int64_t i = 0; i < n; i++) {                       \
            const T a = y[i], b = u[i];                         \
            y[i] = EXPR;                                        \
        }                                                       \
    }
#define REDUCTIONS(S, T, W)                             \
    REDUCE(add_##S, T, (T)((W)a + (W)b))                \
    REDUCE(mul_##S, T, (T)((W)a * (W)b))
#define FLOATS(S, T, W)                                 \
    REDUCE(max_##S, T, a > b || a != a ? a : b)         \
    REDUCE(min_##S, T, a < b || a != a ? a : b)
#define INTEGERS(S, T, W)                               \
    REDUCE(max_##S, T, a > b ? a : b)                   \
    REDUCE(min_##S, T, a < b ? a : b)
QN_EACH_FLOAT(REDUCTIONS)
QN_EACH_SIGNED(REDUCTIONS)
QN_EACH_UNSIGNED(REDUCTIONS)
QN_EACH_FLOAT(FLOATS)
QN_EACH_SIGNED(INTEGERS)
QN_EACH_UNSIGNED(INTEGERS)
REDUCE(add_bool, uint8_t, (a != 0) | (b != 0))
REDUCE(mul_bool, uint8_t, (a != 0) & (b != 0))

static const struct {
    const char *name;
    reduce_fn fn[QN_DTYPE_SLOTS];
} g_reductions[] = {
    {"add", {QN_ROWS_NUMERIC(add), [QN_BOOL] = add_bool}},
    {"mul", {QN_ROWS_NUMERIC(mul), [QN_BOOL] = mul_bool}},
    {"max", {QN_ROWS_NUMERIC(max), [QN_BOOL] = add_bool}},
    {"min", {QN_ROWS_NUMERIC(min), [QN_BOOL] = mul_bool}},
};

static qn_status find_reduction(const qn_kernel_args *args, qn_dtype dtype, reduce_fn *out) {
    const char *name = qn_node_string(args->node, "reduction", "none");
    *out = NULL;
    if (strcmp(name, "none") == 0)
        return QN_OK;
    for (size_t i = 0; i < sizeof g_reductions / sizeof g_reductions[0]; i++)
        if (strcmp(name, g_reductions[i].name) == 0) {
            *out = g_reductions[i].fn[dtype];
            return *out ? QN_OK : qn_ref_dtype_fail(args, dtype);
        }
    return qn_kernel_fail(args, QN_UNSUPPORTED, "reduction '%s'", name);
}

/* Slices [from, from + n) of the updates to [to, to + n) of y. */
static void copy_run(void *y, const void *updates, size_t bytes, int64_t to, int64_t from, int64_t n) {
    if (n && bytes)
        memcpy((char *)y + (size_t)to * bytes, (const char *)updates + (size_t)from * bytes, (size_t)n * bytes);
}

/* The loop on data that `fn` can work on; y holds a copy of data already. */
static qn_status scatter(const qn_kernel_args *args, qn_tensor y, const void *updates, reduce_fn fn) {
    const qn_tensor *index = &args->in[1];
    const int64_t *t;
    int64_t n_index, k = index->rank ? index->dims[index->rank - 1] : 0, slice = 1, tuples = 1;
    QN_TRY(qn_ref_integers(args, 1, &t, &n_index));
    if (index->rank == 0 || k > y.rank)
        return qn_kernel_fail(args, QN_MALFORMED, "indices of rank %d with tuples of %lld for rank %d", index->rank,
                              (long long)k, y.rank);
    for (int32_t d = 0; d < index->rank - 1; d++)
        tuples *= index->dims[d];
    for (int64_t d = k; d < y.rank; d++)
        slice *= y.dims[d];
    if (qn_ref_numel(&args->in[2]) != tuples * slice)
        return qn_kernel_fail(args, QN_MALFORMED, "%lld updates for %lld slices of %lld",
                              (long long)qn_ref_numel(&args->in[2]), (long long)tuples, (long long)slice);
    const size_t bytes = (size_t)slice * qn_dtype_bytes(y.dtype);
    int64_t run_at = 0, run = 0; /* slices side by side that are not copied yet */
    for (int64_t i = 0; i < tuples; i++, t += k) {
        int64_t at = 0;
        for (int64_t d = 0; d < k; d++) {
            const int64_t index_d = t[d] + (t[d] < 0 ? y.dims[d] : 0);
            if (index_d < 0 || index_d >= y.dims[d])
                return qn_kernel_fail(args, QN_MALFORMED, "index %lld of axis %lld, which has %lld", (long long)t[d],
                                      (long long)d, (long long)y.dims[d]);
            at = at * y.dims[d] + index_d;
        }
        if (fn) {
            fn((char *)y.data + (size_t)at * bytes, (const char *)updates + (size_t)i * bytes, slice);
        } else if (run && at == run_at + run) {
            run++;
        } else {
            copy_run(y.data, updates, bytes, run_at, i - run, run);
            run_at = at;
            run = 1;
        }
    }
    copy_run(y.data, updates, bytes, run_at, tuples - run, run);
    return QN_OK;
}

qn_status qn_ref_ScatterND(const qn_kernel_args *args) {
    const qn_tensor *data = &args->in[0], *updates = &args->in[2], *y = &args->out[0];
    if (data->n_bytes != y->n_bytes || data->dtype != updates->dtype)
        return qn_kernel_fail(args, QN_MALFORMED, "data, updates and output do not agree");
    bool half = data->dtype == QN_F16 || data->dtype == QN_BF16;
    reduce_fn fn;
    QN_TRY(find_reduction(args, half ? QN_F32 : data->dtype, &fn));
    if (!fn || !half) {
        if (y->n_bytes && y->data != data->data)
            memcpy(y->data, data->data, y->n_bytes);
        return scatter(args, *y, updates->data, fn);
    }
    /* Half floats are reduced in float32 and rounded once. */
    int64_t n = qn_ref_numel(y), n_updates = qn_ref_numel(updates);
    qn_tensor wide = *y;
    float *sum, *terms;
    QN_NEW_ARRAY(args->ctx, args->scratch, sum, n);
    QN_NEW_ARRAY(args->ctx, args->scratch, terms, n_updates);
    qn_convert(data->dtype, data->data, QN_F32, sum, n);
    qn_convert(updates->dtype, updates->data, QN_F32, terms, n_updates);
    wide.dtype = QN_F32;
    wide.data = sum;
    QN_TRY(scatter(args, wide, terms, fn));
    qn_convert(QN_F32, sum, y->dtype, y->data, n);
    return QN_OK;
}
