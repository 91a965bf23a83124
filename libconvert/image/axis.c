/* The weights, in the precision and order of operations of PyTorch's CPU kernels (aten/native/cpu/UpSampleKernel.cpp), so
 * that they are equal to the last bit. */
#include "image/axis.h"

#include <math.h>

/* ---- without antialias --------------------------------------------------------------------------- */

static void nearest(const qn_axis *a, float scale, int64_t i) {
    const int64_t at = (int64_t)floorf((float)(((double)i + 0.5) * (double)scale));
    a->n_taps[i] = 1;
    a->index[i] = (int32_t)(at < a->n_in - 1 ? at : a->n_in - 1);
    a->weight[i] = 1;
}

/* Where output i lies in the input: the scale is a float32, the place is not rounded. */
static double source(float scale, int64_t i) { return (double)scale * ((double)i + 0.5) - 0.5; }

static void bilinear(const qn_axis *a, float scale, int64_t i) {
    const double at = fmax(source(scale, i), 0);
    int64_t first = (int64_t)at;
    first = first < a->n_in - 1 ? first : a->n_in - 1;
    const float lambda = fminf((float)(at - (double)first), 1);
    a->n_taps[i] = 2;
    a->index[2 * i] = (int32_t)first;
    a->index[2 * i + 1] = (int32_t)(first + (first < a->n_in - 1 ? 1 : 0));
    a->weight[2 * i] = 1 - lambda;
    a->weight[2 * i + 1] = lambda;
}

/* The cubic convolution kernel of Keys, "Cubic Convolution Interpolation for Digital Image Processing" (1981), with
 * a = -0.75: its two pieces, |x| <= 1 and 1 < |x| < 2. */
static float cubic_near(float x) {
    const float a = -0.75f;
    return fmaf(a + 2, x, -(a + 3)) * x * x + 1;
}
static float cubic_far(float x) {
    const float a = -0.75f;
    return fmaf(fmaf(a, x, -5 * a), x, 8 * a) * x - 4 * a;
}

static void bicubic(const qn_axis *a, float scale, int64_t i) {
    const double at = source(scale, i);
    const int64_t floor_at = (int64_t)floorf((float)at);
    const float t = (float)(at - (double)floor_at), u = 1 - t; /* t may be a rounding below 0 */
    const float weights[4] = {cubic_far(t + 1), cubic_near(t), cubic_near(u), cubic_far(u + 1)};
    a->n_taps[i] = 4;
    for (int64_t k = 0; k < 4; k++) {
        const int64_t index = floor_at + k - 1;
        a->index[4 * i + k] = (int32_t)(index < 0 ? 0 : index < a->n_in ? index : a->n_in - 1);
        a->weight[4 * i + k] = weights[k];
    }
}

/* ---- with antialias: the filter is as wide as an output pixel is in the input --------------------------- */

static float triangle(float x) {
    x = fabsf(x);
    return x < 1 ? 1 - x : 0;
}

/* Keys' kernel with a = -0.5. */
static float cubic(float x) {
    x = fabsf(x);
    if (x < 1)
        return (float)((1.5 * (double)x - 2.5) * (double)x * (double)x + 1);
    if (x < 2)
        return fmaf(fmaf(x - 5, x, 8), x, -4) * -0.5f;
    return 0;
}

static float support_of(float scale, qn_interpolation interpolation) {
    const float half = interpolation == QN_INTERPOLATE_BICUBIC ? 2 : 1;
    return scale >= 1 ? half * scale : half;
}

static void filtered(const qn_axis *a, float scale, int64_t i, float support, float (*filter)(float)) {
    const float center = (float)((double)scale * ((double)i + 0.5)), inverse = scale >= 1 ? 1 / scale : 1;
    const int64_t low = (int64_t)((double)(center - support) + 0.5), high = (int64_t)((double)(center + support) + 0.5);
    const int64_t first = low > 0 ? low : 0, n = (high < a->n_in ? high : a->n_in) - first;
    int32_t *index = a->index + i * a->max_taps;
    float *weight = a->weight + i * a->max_taps, total = 0;
    a->n_taps[i] = (int32_t)n;
    for (int64_t k = 0; k < n; k++) {
        index[k] = (int32_t)(first + k);
        weight[k] = filter((float)(((double)((float)(k + first) - center) + 0.5) * (double)inverse));
        total += weight[k];
    }
    for (int64_t k = 0; k < n && total != 0; k++)
        weight[k] /= total;
}

/* ---- by area ------------------------------------------------------------------------------------------ */

/* Output i covers [i * n_in / n_out, (i + 1) * n_in / n_out): in units of 1 / n_out of a pixel all ends are whole. */
static void area(const qn_axis *a, int64_t i) {
    const int64_t begin = i * a->n_in, end = begin + a->n_in, first = begin / a->n_out, last = (end - 1) / a->n_out;
    a->n_taps[i] = (int32_t)(last - first + 1);
    for (int64_t k = first; k <= last; k++) {
        const int64_t from = k * a->n_out > begin ? k * a->n_out : begin;
        const int64_t to = (k + 1) * a->n_out < end ? (k + 1) * a->n_out : end;
        a->index[i * a->max_taps + k - first] = (int32_t)k;
        a->weight[i * a->max_taps + k - first] = (float)((double)(to - from) / (double)a->n_in);
    }
}

qn_status qn_axis_make(qn_context *ctx, qn_arena *arena, int64_t n_in, int64_t n_out, qn_interpolation interpolation,
                       bool antialias, qn_axis *out) {
    const float scale = (float)n_in / (float)n_out, support = support_of(scale, interpolation);
    static const int64_t plain_taps[] = {[QN_INTERPOLATE_NEAREST] = 1, [QN_INTERPOLATE_BILINEAR] = 2,
                                         [QN_INTERPOLATE_BICUBIC] = 4};
    *out = (qn_axis){.n_in = n_in, .n_out = n_out};
    out->filtered = interpolation == QN_INTERPOLATE_AREA || (antialias && interpolation != QN_INTERPOLATE_NEAREST);
    out->max_taps = interpolation == QN_INTERPOLATE_AREA ? n_in / n_out + 2
                    : out->filtered                      ? 2 * (int64_t)ceilf(support) + 1
                                                         : plain_taps[interpolation];
    QN_NEW_ARRAY(ctx, arena, out->n_taps, n_out);
    QN_NEW_ARRAY(ctx, arena, out->index, n_out * out->max_taps);
    QN_NEW_ARRAY(ctx, arena, out->weight, n_out * out->max_taps);
    for (int64_t i = 0; i < n_out; i++) {
        if (interpolation == QN_INTERPOLATE_AREA)
            area(out, i);
        else if (out->filtered)
            filtered(out, scale, i, support, interpolation == QN_INTERPOLATE_BICUBIC ? cubic : triangle);
        else if (interpolation == QN_INTERPOLATE_NEAREST)
            nearest(out, scale, i);
        else if (interpolation == QN_INTERPOLATE_BILINEAR)
            bilinear(out, scale, i);
        else
            bicubic(out, scale, i);
    }
    return QN_OK;
}
