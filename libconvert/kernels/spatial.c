#include "kernels/spatial.h"

#include "base/checked.h"

#include <string.h>

/* No attribute is larger: products of two of them cannot wrap. */
#define LIMIT INT32_MAX

/* Attribute `name`: `count` numbers in [min, LIMIT], or NULL when absent. */
static qn_status read_ints(const qn_kernel_args *args, const char *name, int64_t count, int64_t min,
                           const int64_t **out) {
    int64_t n;
    *out = qn_node_ints(args->node, name, &n);
    if (!*out)
        return QN_OK;
    if (n != count)
        return qn_kernel_fail(args, QN_MALFORMED, "%s has %lld numbers, not %lld", name, (long long)n,
                              (long long)count);
    for (int64_t i = 0; i < n; i++)
        if ((*out)[i] < min || (*out)[i] > LIMIT)
            return qn_kernel_fail(args, QN_MALFORMED, "%s[%lld] is %lld", name, (long long)i, (long long)(*out)[i]);
    return QN_OK;
}

typedef enum pad_mode { PAD_EXPLICIT, PAD_VALID, PAD_SAME_UPPER, PAD_SAME_LOWER } pad_mode;

static qn_status read_auto_pad(const qn_kernel_args *args, pad_mode *out) {
    static const struct { const char *name; pad_mode mode; } rows[] = {
        {"NOTSET", PAD_EXPLICIT}, {"", PAD_EXPLICIT}, {"VALID", PAD_VALID},
        {"SAME_UPPER", PAD_SAME_UPPER}, {"SAME_LOWER", PAD_SAME_LOWER},
    };
    const char *name = qn_node_string(args->node, "auto_pad", "NOTSET");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0) {
            *out = rows[i].mode;
            return QN_OK;
        }
    return qn_kernel_fail(args, QN_MALFORMED, "auto_pad '%s'", name);
}

/* Everything but what auto_pad decides. */
static qn_status read_common(const qn_kernel_args *args, const int64_t *kernel, qn_spatial *w) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    if (x->rank < 3 || x->rank > QN_MAX_RANK || y->rank != x->rank)
        return qn_kernel_fail(args, QN_MALFORMED, "input of %d dimensions to output of %d", x->rank, y->rank);
    w->n = x->rank - 2;
    const int64_t *shape, *strides, *dilations, *pads;
    QN_TRY(read_ints(args, "kernel_shape", w->n, 1, &shape));
    QN_TRY(read_ints(args, "strides", w->n, 1, &strides));
    QN_TRY(read_ints(args, "dilations", w->n, 1, &dilations));
    QN_TRY(read_ints(args, "pads", 2 * (int64_t)w->n, 0, &pads));
    if (!shape && !kernel)
        return qn_kernel_fail(args, QN_MALFORMED, "kernel_shape is missing");
    for (int32_t i = 0; i < w->n; i++) {
        if (shape && kernel && shape[i] != kernel[i])
            return qn_kernel_fail(args, QN_MALFORMED, "kernel_shape[%d] is %lld, but the weight has %lld", i,
                                  (long long)shape[i], (long long)kernel[i]);
        int64_t size = kernel ? kernel[i] : shape[i];
        if (size < 0 || size > LIMIT)
            return qn_kernel_fail(args, QN_MALFORMED, "a window of %lld", (long long)size);
        w->axis[i] = (qn_spatial_axis){
            .in = x->dims[2 + i],
            .out = y->dims[2 + i],
            .kernel = size,
            .stride = strides ? strides[i] : 1,
            .dilation = dilations ? dilations[i] : 1,
            .pad_begin = pads ? pads[i] : 0,
            .pad_end = pads ? pads[w->n + i] : 0,
        };
    }
    return QN_OK;
}

/* What the window covers along an axis, dilated. */
static int64_t extent(const qn_spatial_axis *a) { return a->kernel ? (a->kernel - 1) * a->dilation + 1 : 0; }

static int64_t positive(int64_t n) { return n > 0 ? n : 0; }

/* SAME_UPPER and SAME_LOWER: total = (ceil(in / stride) - 1) * stride + extent - in, at least 0; the odd one at the end
 * for UPPER, at the beginning for LOWER. */
qn_status qn_spatial_read(const qn_kernel_args *args, const int64_t *kernel, qn_spatial *w) {
    pad_mode mode;
    QN_TRY(read_auto_pad(args, &mode));
    QN_TRY(read_common(args, kernel, w));
    for (int32_t i = 0; i < w->n && mode != PAD_EXPLICIT; i++) {
        qn_spatial_axis *a = &w->axis[i];
        int64_t windows = a->in / a->stride + (a->in % a->stride != 0);
        int64_t total = mode == PAD_VALID || windows == 0 ? 0 : positive((windows - 1) * a->stride + extent(a) - a->in);
        a->pad_begin = mode == PAD_SAME_LOWER ? total - total / 2 : total / 2;
        a->pad_end = total - a->pad_begin;
    }
    return QN_OK;
}

/* With output_shape, SAME_UPPER or SAME_LOWER:
 *   total = stride * (in - 1) + output_padding + extent - out, at least 0
 *   pad_begin = total / 2 for SAME_UPPER, total - total / 2 otherwise (ConvTranspose's operator page) */
qn_status qn_spatial_read_transposed(const qn_kernel_args *args, const int64_t *kernel, qn_spatial *w) {
    pad_mode mode;
    QN_TRY(read_auto_pad(args, &mode));
    QN_TRY(read_common(args, kernel, w));
    const int64_t *output_padding;
    QN_TRY(read_ints(args, "output_padding", w->n, 0, &output_padding));
    bool from_shape = qn_node_attr(args->node, "output_shape") != NULL;
    for (int32_t i = 0; i < w->n && (mode != PAD_EXPLICIT || from_shape); i++) {
        qn_spatial_axis *a = &w->axis[i];
        int64_t total = 0, span;
        if (mode != PAD_VALID || from_shape) {
            if (!qn_mul_i64(a->stride, a->in - 1, &span) ||
                !qn_add_i64(span, extent(a) + (output_padding ? output_padding[i] : 0) - a->out, &span))
                return qn_kernel_fail(args, QN_UNSUPPORTED, "axis %d is too long", i + 2);
            total = positive(span);
        }
        a->pad_begin = mode == PAD_SAME_UPPER ? total / 2 : total - total / 2;
        a->pad_end = total - a->pad_begin;
    }
    return QN_OK;
}

int64_t qn_spatial_in_numel(const qn_spatial *w) {
    int64_t n = 1;
    for (int32_t i = 0; i < w->n; i++)
        n *= w->axis[i].in;
    return n;
}

int64_t qn_spatial_out_numel(const qn_spatial *w) {
    int64_t n = 1;
    for (int32_t i = 0; i < w->n; i++)
        n *= w->axis[i].out;
    return n;
}

bool qn_spatial_kernel_numel(const qn_spatial *w, int64_t *out) {
    *out = 1;
    for (int32_t i = 0; i < w->n; i++)
        if (!qn_mul_i64(*out, w->axis[i].kernel, out))
            return false;
    return true;
}

qn_status qn_taps_create(const qn_kernel_args *args, const qn_spatial *w, qn_taps *out) {
    int64_t n = 1;
    for (int32_t i = 0; i < w->n; i++) {
        const qn_spatial_axis *a = &w->axis[i];
        if (!qn_mul_i64(n, a->kernel < a->in ? a->kernel : a->in, &n))
            return qn_kernel_fail(args, QN_UNSUPPORTED, "a window of too many taps");
    }
    out->n = 0;
    QN_NEW_ARRAY(args->ctx, args->scratch, out->in, n);
    QN_NEW_ARRAY(args->ctx, args->scratch, out->kernel, n);
    return QN_OK;
}

/* Taps of one axis: k = first, first + step, ... (count of them), reading input positions `in`, in + in_step, ... */
typedef struct axis_taps {
    int64_t count, k, k_step, in, in_step;
} axis_taps;

/* Every combination of taps of the axes, the last axis fastest. */
static void combine(const qn_spatial *w, const axis_taps *t, qn_taps *taps) {
    taps->n = 0;
    int64_t index[QN_MAX_SPATIAL] = {0};
    for (int32_t i = 0; i < w->n; i++)
        if (t[i].count <= 0)
            return;
    for (;;) {
        int64_t in = 0, k = 0;
        for (int32_t i = 0; i < w->n; i++) {
            in = in * w->axis[i].in + t[i].in + index[i] * t[i].in_step;
            k = k * w->axis[i].kernel + t[i].k + index[i] * t[i].k_step;
        }
        taps->in[taps->n] = in;
        taps->kernel[taps->n++] = k;
        int32_t i = w->n - 1;
        for (; i >= 0 && ++index[i] == t[i].count; i--)
            index[i] = 0;
        if (i < 0)
            return;
    }
}

static int64_t ceil_div(int64_t a, int64_t b) { return -qn_floordiv_i64(-a, b); }

/* Taps k of a window that starts at `start` with lo <= start + k * dilation < hi: *first and how many. */
static int64_t taps_between(const qn_spatial_axis *a, int64_t start, int64_t lo, int64_t hi, int64_t *first) {
    *first = start < lo ? ceil_div(lo - start, a->dilation) : 0;
    int64_t last = qn_floordiv_i64(hi - 1 - start, a->dilation);
    if (last > a->kernel - 1)
        last = a->kernel - 1;
    return last < *first ? 0 : last - *first + 1;
}

void qn_spatial_taps(const qn_spatial *w, const int64_t *pos, qn_taps *taps) {
    axis_taps t[QN_MAX_SPATIAL];
    for (int32_t i = 0; i < w->n; i++) {
        const qn_spatial_axis *a = &w->axis[i];
        int64_t start = pos[i] * a->stride - a->pad_begin;
        t[i].count = taps_between(a, start, 0, a->in, &t[i].k);
        t[i].k_step = 1;
        t[i].in = start + t[i].k * a->dilation;
        t[i].in_step = a->dilation;
    }
    combine(w, t, taps);
}

double qn_spatial_padded_taps(const qn_spatial *w, const int64_t *pos) {
    double n = 1;
    for (int32_t i = 0; i < w->n; i++) {
        const qn_spatial_axis *a = &w->axis[i];
        int64_t first, start = pos[i] * a->stride - a->pad_begin;
        n *= (double)taps_between(a, start, -a->pad_begin, a->in + a->pad_end, &first);
    }
    return n;
}

/* Along one axis, tap k is good when k * dilation = at - in * stride for a whole in: such k come in steps of
 * stride / gcd(stride, dilation), and `in` goes down by dilation / gcd with each. */
void qn_spatial_taps_transposed(const qn_spatial *w, const int64_t *pos, qn_taps *taps) {
    axis_taps t[QN_MAX_SPATIAL];
    for (int32_t i = 0; i < w->n; i++) {
        const qn_spatial_axis *a = &w->axis[i];
        int64_t at = pos[i] + a->pad_begin, g = a->stride, r = a->dilation;
        while (r != 0) {
            int64_t rest = g % r;
            g = r;
            r = rest;
        }
        t[i] = (axis_taps){.count = 0, .k_step = a->stride / g, .in_step = -(a->dilation / g)};
        int64_t k = 0;
        while (k < t[i].k_step && k < a->kernel && (at - k * a->dilation) % a->stride != 0)
            k++;
        if (k == t[i].k_step || k >= a->kernel)
            continue;
        int64_t in = (at - k * a->dilation) / a->stride; /* exact */
        if (in > a->in - 1) {
            int64_t skip = ceil_div(in - (a->in - 1), -t[i].in_step);
            k += skip * t[i].k_step;
            in += skip * t[i].in_step;
        }
        if (k >= a->kernel || in < 0)
            continue;
        int64_t by_kernel = (a->kernel - 1 - k) / t[i].k_step, by_in = in / -t[i].in_step;
        t[i].k = k;
        t[i].in = in;
        t[i].count = 1 + (by_kernel < by_in ? by_kernel : by_in);
    }
    combine(w, t, taps);
}
