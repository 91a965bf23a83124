/* Resize (ONNX operator page Resize) of any rank: one axis after the other, each output a weighted sum of input samples
 * along that axis (resize_axis.h); nearest moves elements of any dtype.
 *
 * An axis keeps its samples only where its scale is 1: an output of the input's size with another scale is resampled,
 * as the operator page has it. (ONNX Runtime copies the input there, and so does PyTorch in its linear modes.)
 *
 * Integers are resampled in double, cut towards zero and held at the ends of their range.
 */
#include "kernels/ref/resize_axis.h"

#include <string.h>

/* Is input i there, and not empty, as older exporters write absent ones? */
static bool given(const qn_kernel_args *args, int32_t i) {
    return qn_ref_has(args, i) && qn_ref_numel(&args->in[i]) > 0;
}

/* axes[0..*n): the axes that roi, scales and sizes speak of. */
static qn_status read_axes(const qn_kernel_args *args, int32_t *axes, int32_t *n) {
    int32_t rank = args->in[0].rank;
    int64_t count;
    const int64_t *v = qn_node_ints(args->node, "axes", &count);
    bool seen[QN_MAX_RANK] = {false};
    *n = 0;
    if (!v) {
        for (; *n < rank; (*n)++)
            axes[*n] = *n;
        return QN_OK;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t axis = v[i] < 0 ? v[i] + rank : v[i];
        if (axis < 0 || axis >= rank || seen[axis])
            return qn_kernel_fail(args, QN_MALFORMED, "axes[%lld] is %lld", (long long)i, (long long)v[i]);
        seen[axis] = true;
        axes[(*n)++] = (int32_t)axis;
    }
    return QN_OK;
}

static qn_status read_scales(const qn_kernel_args *args, const int32_t *axes, int32_t n, qn_resize_axis *axis) {
    const double *scales;
    QN_TRY(qn_ref_need_numel(args, 2, n));
    QN_TRY(qn_ref_reals(args, 2, &scales));
    for (int32_t i = 0; i < n; i++) {
        axis[axes[i]].scale = scales[i];
        axis[axes[i]].exact = false;
        if (!(scales[i] > 0) || isinf(scales[i]))
            return qn_kernel_fail(args, QN_MALFORMED, "scales[%d] is %g", i, scales[i]);
    }
    return QN_OK;
}

/* stretch: each axis has its own scale; not_larger, not_smaller: all have the least or the greatest one. */
static qn_status read_sizes(const qn_kernel_args *args, const int32_t *axes, int32_t n, qn_resize_axis *axis) {
    const char *policy = qn_node_string(args->node, "keep_aspect_ratio_policy", "stretch");
    bool smaller = strcmp(policy, "not_larger") == 0, larger = strcmp(policy, "not_smaller") == 0;
    if (!smaller && !larger) {
        if (strcmp(policy, "stretch") == 0)
            return QN_OK;
        return qn_kernel_fail(args, QN_UNSUPPORTED, "keep_aspect_ratio_policy '%s'", policy);
    }
    const double *sizes;
    double scale = 0;
    QN_TRY(qn_ref_need_numel(args, 3, n));
    QN_TRY(qn_ref_reals(args, 3, &sizes));
    for (int32_t i = 0; i < n; i++) {
        double s = sizes[i] / (double)axis[axes[i]].in;
        if (i == 0 || (smaller ? s < scale : s > scale))
            scale = s;
    }
    if (n > 0 && (!(scale > 0) || isinf(scale)))
        return qn_kernel_fail(args, QN_MALFORMED, "sizes that ask for a scale of %g", scale);
    for (int32_t i = 0; i < n; i++) {
        axis[axes[i]].scale = scale;
        axis[axes[i]].exact = false;
    }
    return QN_OK;
}

static qn_status read_roi(const qn_kernel_args *args, const int32_t *axes, int32_t n, qn_resize_axis *axis) {
    if (!given(args, 1))
        return qn_kernel_fail(args, QN_MALFORMED, "tf_crop_and_resize without roi");
    const double *roi;
    QN_TRY(qn_ref_need_numel(args, 1, 2 * (int64_t)n));
    QN_TRY(qn_ref_reals(args, 1, &roi));
    for (int32_t i = 0; i < n; i++) {
        axis[axes[i]].start = roi[i];
        axis[axes[i]].end = roi[n + i];
    }
    return QN_OK;
}

/* Dims around an axis: `outer` blocks of a->in samples of `inner` elements. */
typedef struct split {
    int64_t outer, inner;
} split;

static split split_at(const int64_t *dims, int32_t rank, int32_t axis) {
    split s = {1, 1};
    for (int32_t i = 0; i < axis; i++)
        s.outer *= dims[i];
    for (int32_t i = axis + 1; i < rank; i++)
        s.inner *= dims[i];
    return s;
}

/* y [outer, out, inner] from x [outer, in, inner] along one axis. */
static qn_status resample(const qn_kernel_args *args, const qn_resize *r, const qn_resize_axis *a, split s,
                          const double *x, double *y) {
    int64_t n = qn_resize_n_taps(r, a), *index;
    double *weight;
    QN_NEW_ARRAY(args->ctx, args->scratch, index, n);
    QN_TRY(qn_ref_scratch(args, n, &weight));
    for (int64_t o = 0; o < a->out; o++) {
        double at = qn_resize_coordinate(r, a, o);
        bool outside = qn_resize_outside(r, a, at);
        if (!outside)
            qn_resize_taps(r, a, at, n, index, weight);
        for (int64_t b = 0; b < s.outer; b++) {
            double *to = y + (b * a->out + o) * s.inner;
            const double *from = x + b * a->in * s.inner;
            for (int64_t i = 0; i < s.inner; i++) {
                double sum = outside ? r->extrapolation : 0;
                for (int64_t t = 0; !outside && t < n; t++)
                    sum += weight[t] * from[index[t] * s.inner + i];
                to[i] = sum;
            }
        }
    }
    return QN_OK;
}

static qn_status resize_smooth(const qn_kernel_args *args, const qn_resize *r, const qn_resize_axis *axis) {
    int32_t rank = args->in[0].rank;
    int64_t dims[QN_MAX_RANK] = {0};
    memcpy(dims, args->in[0].dims, sizeof dims);
    const double *x;
    QN_TRY(qn_ref_reals(args, 0, &x));
    for (int32_t i = 0; i < rank; i++) {
        if (qn_resize_is_identity(r, &axis[i]))
            continue;
        split s = split_at(dims, rank, i);
        double *y;
        dims[i] = axis[i].out;
        QN_TRY(qn_ref_scratch(args, s.outer * s.inner * axis[i].out, &y));
        QN_TRY(resample(args, r, &axis[i], s, x, y));
        x = y;
    }
    qn_ref_put_n(&args->out[0], 0, x, qn_ref_numel(&args->out[0]));
    return QN_OK;
}

static qn_status resize_nearest(const qn_kernel_args *args, const qn_resize *r, const qn_resize_axis *axis) {
    const qn_tensor *x = &args->in[0];
    qn_tensor *y = &args->out[0];
    size_t bytes = qn_dtype_bytes(x->dtype);
    int64_t *offsets[QN_MAX_RANK], stride = 1, index[QN_MAX_RANK] = {0}; /* offset -1: extrapolation */
    for (int32_t i = x->rank - 1; i >= 0; i--) {
        QN_NEW_ARRAY(args->ctx, args->scratch, offsets[i], axis[i].out);
        for (int64_t o = 0; o < axis[i].out; o++) {
            double at = qn_resize_coordinate(r, &axis[i], o);
            offsets[i][o] = qn_resize_is_identity(r, &axis[i])             ? o * stride
                            : qn_resize_outside(r, &axis[i], at) ? -1
                                                                 : qn_resize_nearest(r, &axis[i], at) * stride;
        }
        stride *= axis[i].in;
    }
    int64_t n_elems = qn_ref_numel(y);
    for (int64_t k = 0; k < n_elems; k++, qn_ref_next(index, x->rank, y->dims)) {
        int64_t from = 0;
        bool outside = false;
        for (int32_t i = 0; i < x->rank; i++) {
            outside |= offsets[i][index[i]] < 0;
            from += offsets[i][index[i]];
        }
        if (outside)
            qn_ref_put(y, k, r->extrapolation);
        else
            memcpy((char *)y->data + (size_t)k * bytes, (const char *)x->data + (size_t)from * bytes, bytes);
    }
    return QN_OK;
}

qn_status qn_resize_axes(const qn_kernel_args *args, const qn_resize *r, qn_resize_axis *axis) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    int32_t axes[QN_MAX_RANK], n;
    QN_TRY(read_axes(args, axes, &n));
    if (given(args, 2) == given(args, 3))
        return qn_kernel_fail(args, QN_MALFORMED, "%s", given(args, 2) ? "both scales and sizes" : "no scales and no sizes");
    for (int32_t i = 0; i < x->rank; i++)
        axis[i] = (qn_resize_axis){x->dims[i], y->dims[i], (double)y->dims[i] / (double)x->dims[i], true, 0, 1};
    QN_TRY((given(args, 2) ? read_scales : read_sizes)(args, axes, n, axis));
    return r->coords == QN_RESIZE_TF_CROP ? read_roi(args, axes, n, axis) : QN_OK;
}

qn_status qn_ref_Resize(const qn_kernel_args *args) {
    qn_resize r;
    qn_resize_axis axis[QN_MAX_RANK];
    QN_TRY(qn_resize_read(args, &r));
    if (qn_ref_numel(&args->out[0]) == 0)
        return QN_OK;
    if (qn_ref_numel(&args->in[0]) == 0)
        return qn_kernel_fail(args, QN_MALFORMED, "no element to take values from");
    QN_TRY(qn_resize_axes(args, &r, axis));
    return (r.mode == QN_RESIZE_NEAREST ? resize_nearest : resize_smooth)(args, &r, axis);
}
