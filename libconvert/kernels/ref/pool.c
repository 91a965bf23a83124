/* AveragePool and MaxPool (ONNX operator pages AveragePool, MaxPool) over windows of [N, C, spatial].
 *
 * AveragePool: the sum of the taps inside the input, over their count; with count_include_pad the count takes in the
 *   taps on the padding, but never those beyond it (which ceil_mode can bring about).
 * MaxPool: the largest tap inside the input; the first of equals; NaN wins. Indices counts through all of X, or with
 *   storage_order 1 with the spatial axes in column-major order. A window wholly outside the input gives -infinity (an
 *   integer's least value) and index -1.
 */
#include "kernels/ref/real.h"
#include "kernels/spatial.h"

#include <string.h>

/* fn on each output element: `taps` of its window, `x` its channel's plane. */
typedef void (*pool_fn)(const qn_kernel_args *args, const qn_spatial *w, const int64_t *pos, const qn_taps *taps,
                        const double *x, int64_t plane, int64_t at);

static qn_status pool(const qn_kernel_args *args, pool_fn fn) {
    if (qn_ref_numel(&args->out[0]) == 0)
        return QN_OK;
    qn_spatial w;
    qn_taps taps;
    const double *X;
    QN_TRY(qn_spatial_read(args, NULL, &w));
    QN_TRY(qn_taps_create(args, &w, &taps));
    QN_TRY(qn_ref_reals(args, 0, &X));
    int64_t planes = args->in[0].dims[0] * args->in[0].dims[1];
    int64_t in_size = qn_spatial_in_numel(&w), out_size = qn_spatial_out_numel(&w);
    int64_t out_dims[QN_MAX_SPATIAL], pos[QN_MAX_SPATIAL] = {0};
    for (int32_t i = 0; i < w.n; i++)
        out_dims[i] = w.axis[i].out;
    for (int64_t o = 0; o < out_size; o++, qn_ref_next(pos, w.n, out_dims)) {
        qn_spatial_taps(&w, pos, &taps);
        for (int64_t p = 0; p < planes; p++)
            fn(args, &w, pos, &taps, X + p * in_size, p, p * out_size + o);
    }
    return QN_OK;
}

static void average(const qn_kernel_args *args, const qn_spatial *w, const int64_t *pos, const qn_taps *taps,
                    const double *x, int64_t plane, int64_t at) {
    (void)plane;
    double sum = 0;
    for (int64_t t = 0; t < taps->n; t++)
        sum += x[taps->in[t]];
    bool padded = qn_node_int(args->node, "count_include_pad", 0) != 0;
    qn_ref_put(&args->out[0], at, sum / (padded ? qn_spatial_padded_taps(w, pos) : (double)taps->n));
}

qn_status qn_ref_AveragePool(const qn_kernel_args *args) { return pool(args, average); }

/* The offset in C order as an offset in column-major order. */
static int64_t column_major(const qn_spatial *w, int64_t offset) {
    int64_t out = 0, size = qn_spatial_in_numel(w);
    for (int32_t i = w->n - 1; i >= 0; i--) {
        size /= w->axis[i].in;
        out += offset % w->axis[i].in * size;
        offset /= w->axis[i].in;
    }
    return out;
}

static void maximum(const qn_kernel_args *args, const qn_spatial *w, const int64_t *pos, const qn_taps *taps,
                    const double *x, int64_t plane, int64_t at) {
    (void)pos;
    double best = -INFINITY;
    int64_t where = -1;
    for (int64_t t = 0; t < taps->n; t++) {
        double v = x[taps->in[t]];
        if (where < 0 || v > best || (isnan(v) && !isnan(best))) {
            best = v;
            where = taps->in[t];
        }
    }
    qn_ref_put(&args->out[0], at, best);
    if (!qn_ref_wants(args, 1))
        return;
    if (where >= 0) {
        if (qn_node_int(args->node, "storage_order", 0) != 0)
            where = column_major(w, where);
        where += plane * qn_spatial_in_numel(w);
    }
    ((int64_t *)args->out[1].data)[at] = where;
}

qn_status qn_ref_MaxPool(const qn_kernel_args *args) {
    if (qn_ref_wants(args, 1) && args->out[1].dtype != QN_I64)
        return qn_kernel_fail(args, QN_MALFORMED, "Indices of %s", qn_dtype_name(args->out[1].dtype));
    return pool(args, maximum);
}
