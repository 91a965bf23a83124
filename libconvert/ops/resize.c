/* Resize: x, roi, scales, sizes. One of scales and sizes says how large the result is. */
#include <math.h>
#include <string.h>

#include "ops/shape.h"

/* floor(d * scale), computed in float32 as ONNX's own shape inference does. A symbolic d needs a scale p / q whose
 * product with any likely size is exact in float32: q a power of two up to 64, p up to 4096. */
static qn_status scaled(const qn_infer *inf, qn_dim d, float scale, float span, qn_dim *out) {
    *out = QN_DIM_UNKNOWN;
    if (!(scale > 0.0f) || !isfinite(scale) || !isfinite(span) || span < 0.0f)
        return qn_infer_fail(inf, "resizes by a factor of %g", (double)scale * (double)span);
    if (qn_dim_is_const(d)) {
        float r = floorf(span == 1.0f ? (float)d * scale : (float)d * span * scale);
        if (!(r < 9.0e18f))
            return qn_infer_fail(inf, "resizes %lld by %g, which is too much", (long long)d, (double)scale);
        *out = (qn_dim)r;
        return QN_OK;
    }
    if (span != 1.0f)
        return QN_OK;
    for (qn_dim q = 1; q <= 64; q *= 2) {
        float p = scale * (float)q;
        if (p != floorf(p) || p > 4096.0f)
            continue;
        *out = qn_dim_floordiv(inf->symbols, qn_dim_mul(inf->symbols, d, (qn_dim)p), q);
        break;
    }
    return QN_OK;
}

/* The axes that are resized, in the order of scales and sizes; their number. */
static qn_status read_axes(const qn_infer *inf, int32_t rank, int32_t *axes, int32_t *n) {
    int64_t count;
    const int64_t *v = qn_node_ints(inf->node, "axes", &count);
    bool seen[QN_MAX_RANK] = {false};
    *n = rank;
    if (v && count > rank)
        return qn_infer_fail(inf, "has %lld axes for rank %d", (long long)count, rank);
    if (v)
        *n = (int32_t)count;
    for (int32_t i = 0; i < *n; i++) {
        axes[i] = i;
        if (v)
            QN_TRY(qn_infer_axis(inf, v[i], rank, &axes[i]));
        if (seen[axes[i]])
            return qn_infer_fail(inf, "axis %d is given twice", axes[i]);
        seen[axes[i]] = true;
    }
    return QN_OK;
}

static bool crops(const qn_infer *inf) {
    return strcmp(qn_node_string(inf->node, "coordinate_transformation_mode", "half_pixel"), "tf_crop_and_resize") == 0;
}

static qn_status by_scales(qn_infer *inf, const int32_t *axes, int32_t n) {
    const float *scale, *roi = NULL;
    int64_t count, n_roi = 0;
    const bool crop = crops(inf);
    bool known = qn_infer_floats(inf, 2, &scale, &count);
    qn_content whole = {NULL, 0};
    if (!known) {
        count = qn_infer_length(inf, 2);
        if (!qn_infer_content(inf, 2, &whole) || whole.n != n)
            whole.elems = NULL;
    }
    if (count >= 0 && count != n)
        return qn_infer_fail(inf, "has %lld scales for %d axes", (long long)count, n);
    if (crop && (!qn_infer_floats(inf, 1, &roi, &n_roi) || n_roi != 2 * n)) {
        if (roi)
            return qn_infer_fail(inf, "has %lld numbers in roi for %d axes", (long long)n_roi, n);
        known = false;
    }
    for (int32_t i = 0; i < n; i++) {
        qn_dim *d = &inf->out[0].dims[axes[i]];
        if (known)
            QN_TRY(scaled(inf, *d, scale[i], crop ? roi[n + i] - roi[i] : 1.0f, d));
        else if (!crop && whole.elems && whole.elems[i] == 1)
            continue; /* some factors are not known, but this one leaves its axis alone */
        else
            *d = QN_DIM_UNKNOWN;
    }
    return QN_OK;
}

/* One factor for all axes, the smallest (not_larger) or largest (not_smaller) of sizes / input; halves round up. */
static qn_status keep_aspect(qn_infer *inf, const qn_content *sizes, const int32_t *axes, int32_t n, bool larger) {
    float factor = 0.0f;
    bool known = true;
    for (int32_t i = 0; i < n; i++) {
        qn_dim d = inf->in[0].dims[axes[i]], size = sizes->elems[i];
        known = known && qn_dim_is_const(d) && qn_dim_is_const(size);
        if (!known)
            continue;
        if (d < 1)
            return qn_infer_fail(inf, "keeps the aspect of an empty axis %d", axes[i]);
        float ratio = (float)size / (float)d;
        if (i == 0 || (larger ? ratio > factor : ratio < factor))
            factor = ratio;
    }
    for (int32_t i = 0; i < n; i++) {
        qn_dim *d = &inf->out[0].dims[axes[i]];
        float r = known ? floorf((float)inf->in[0].dims[axes[i]] * factor + 0.5f) : 0.0f;
        if (!(r < 9.0e18f))
            return qn_infer_fail(inf, "resizes axis %d by %g, which is too much", axes[i], (double)factor);
        *d = known ? (qn_dim)r : QN_DIM_UNKNOWN;
    }
    return QN_OK;
}

static qn_status by_sizes(qn_infer *inf, const int32_t *axes, int32_t n) {
    const char *policy = qn_node_string(inf->node, "keep_aspect_ratio_policy", "stretch");
    const bool larger = strcmp(policy, "not_smaller") == 0, stretch = strcmp(policy, "stretch") == 0;
    if (!stretch && !larger && strcmp(policy, "not_larger") != 0)
        return qn_infer_fail(inf, "keep_aspect_ratio_policy '%s' is not stretch, not_larger or not_smaller", policy);
    qn_content sizes;
    if (!qn_infer_sizes(inf, 3, &sizes)) {
        for (int32_t i = 0; i < n; i++)
            inf->out[0].dims[axes[i]] = QN_DIM_UNKNOWN;
        return QN_OK;
    }
    if (sizes.n != n)
        return qn_infer_fail(inf, "has %lld sizes for %d axes", (long long)sizes.n, n);
    for (int32_t i = 0; i < n; i++) {
        if (qn_dim_is_const(sizes.elems[i]) && sizes.elems[i] < 0)
            return qn_infer_fail(inf, "resizes axis %d to %lld", axes[i], (long long)sizes.elems[i]);
        inf->out[0].dims[axes[i]] = sizes.elems[i];
    }
    return stretch ? QN_OK : keep_aspect(inf, &sizes, axes, n, larger);
}

/* An exporter that gives one of the two leaves the other out, or gives it without elements. */
static bool given(const qn_infer *inf, int32_t i) {
    return qn_infer_has(inf, i) && qn_infer_length(inf, i) != 0;
}

qn_status qn_shape_Resize(qn_infer *inf) {
    const qn_type *x = &inf->in[0];
    QN_TRY(qn_infer_dtype(inf, 0, QN_SET_NUMBER));
    for (int32_t i = 1; i < 4; i++)
        QN_TRY(qn_infer_rank(inf, i, 1, 1));
    QN_TRY(qn_infer_dtype(inf, 1, QN_SET_FLOAT));
    QN_TRY(qn_infer_dtype(inf, 2, QN_SET_FLOAT));
    QN_TRY(qn_infer_index_dtype(inf, 3));
    qn_infer_copy(inf, 0, 0);
    if (x->rank < 0)
        return QN_OK;
    int32_t axes[QN_MAX_RANK], n;
    QN_TRY(read_axes(inf, x->rank, axes, &n));
    const bool scales = given(inf, 2), sizes = given(inf, 3);
    if (crops(inf)) {
        if (!qn_infer_has(inf, 1))
            return qn_infer_fail(inf, "crops without a roi");
        QN_TRY(qn_infer_vector(inf, 1, 2 * n));
    }
    if (n == 0)
        return QN_OK;
    if (scales == sizes)
        return qn_infer_fail(inf, scales ? "has both scales and sizes" : "has neither scales nor sizes");
    return scales ? by_scales(inf, axes, n) : by_sizes(inf, axes, n);
}
