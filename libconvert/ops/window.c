/* Windows that slide over spatial axes. */
#include "ops/window.h"

#include <string.h>

qn_status qn_window_ints(const qn_infer *inf, const char *name, int32_t n, int64_t min, int64_t otherwise,
                         int64_t *out) {
    int64_t count;
    const int64_t *v = qn_node_ints(inf->node, name, &count);
    if (v && count != n)
        return qn_infer_fail(inf, "%s has %lld numbers, must have %d", name, (long long)count, n);
    for (int32_t i = 0; i < n; i++) {
        out[i] = v ? v[i] : otherwise;
        if (out[i] < min)
            return qn_infer_fail(inf, "%s has %lld, must be at least %lld", name, (long long)out[i], (long long)min);
    }
    return QN_OK;
}

qn_status qn_window_read(const qn_infer *inf, int32_t n, const qn_type *weight, qn_window *out) {
    *out = (qn_window){.n = n};
    if (n < 1 || n > QN_MAX_RANK - 2)
        return qn_infer_fail(inf, "has %d spatial axes", n);
    int64_t kernel[QN_MAX_RANK], pads[2 * QN_MAX_RANK];
    const bool given = qn_node_attr(inf->node, "kernel_shape") != NULL;
    if (!given && !weight)
        return qn_infer_fail(inf, "lacks the attribute kernel_shape");
    QN_TRY(qn_window_ints(inf, "kernel_shape", n, 1, 1, kernel));
    QN_TRY(qn_window_ints(inf, "strides", n, 1, 1, out->stride));
    QN_TRY(qn_window_ints(inf, "dilations", n, 1, 1, out->dilation));
    QN_TRY(qn_window_ints(inf, "pads", 2 * n, 0, 0, pads));
    const char *auto_pad = qn_node_string(inf->node, "auto_pad", "NOTSET");
    out->lower = strcmp(auto_pad, "SAME_LOWER") == 0;
    out->same = out->lower || strcmp(auto_pad, "SAME_UPPER") == 0;
    const bool explicit_pads = strcmp(auto_pad, "NOTSET") == 0;
    if (!out->same && !explicit_pads && strcmp(auto_pad, "VALID") != 0)
        return qn_infer_fail(inf, "auto_pad '%s' is not NOTSET, SAME_UPPER, SAME_LOWER or VALID", auto_pad);
    for (int32_t i = 0; i < n; i++) {
        out->kernel[i] = given ? kernel[i] : QN_DIM_UNKNOWN;
        if (weight && weight->rank == n + 2)
            QN_TRY(qn_infer_unify(inf, out->kernel[i], weight->dims[2 + i], "kernel_shape and the weight differ",
                                  &out->kernel[i]));
        if (qn_dim_is_const(out->kernel[i]) && out->kernel[i] < 1)
            return qn_infer_fail(inf, "has a kernel of size %lld", (long long)out->kernel[i]);
        out->pad_begin[i] = explicit_pads ? pads[i] : 0;
        out->pad_end[i] = explicit_pads ? pads[n + i] : 0;
    }
    return QN_OK;
}

qn_status qn_window_extent(const qn_infer *inf, const qn_window *w, int32_t axis, qn_dim *out) {
    QN_TRY(qn_infer_sub(inf, w->kernel[axis], 1, out));
    QN_TRY(qn_infer_mul(inf, *out, w->dilation[axis], out));
    return qn_infer_add(inf, *out, 1, out);
}

/* With room = in + pads - extent, the window has floor(room / stride) + 1 places. Rounding up adds one that hangs over
 * the end, unless it starts past the input and the padding before it: places <= ceil((in + pad_begin) / stride). */
qn_status qn_window_places(const qn_infer *inf, const qn_window *w, int32_t axis, qn_dim in, bool ceil, qn_dim *out) {
    const int64_t stride = w->stride[axis];
    qn_symbols *s = inf->symbols;
    if (w->same) {
        *out = qn_dim_ceildiv(s, in, stride);
        return QN_OK;
    }
    qn_dim extent, before, padded, room;
    QN_TRY(qn_window_extent(inf, w, axis, &extent));
    QN_TRY(qn_infer_add(inf, in, w->pad_begin[axis], &before));
    QN_TRY(qn_infer_add(inf, before, w->pad_end[axis], &padded));
    QN_TRY(qn_infer_sub(inf, padded, extent, &room));
    if (qn_dim_is_const(room) && room < 0)
        return qn_infer_fail(inf, "a window of %lld does not fit the %lld elements of spatial axis %d, padding included",
                             (long long)extent, (long long)padded, axis);
    if (!ceil)
        return qn_infer_add(inf, qn_dim_floordiv(s, room, stride), 1, out);
    QN_TRY(qn_infer_add(inf, qn_dim_ceildiv(s, room, stride), 1, out));
    qn_dim slack = qn_dim_sub(s, qn_dim_add(s, w->pad_end[axis], stride), extent);
    if (!qn_dim_is_const(slack) || slack > 0) /* else it cannot start past the end */
        *out = qn_dim_min(s, *out, qn_dim_ceildiv(s, before, stride));
    return QN_OK;
}
