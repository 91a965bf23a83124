/* Dynamic uint8 codes of a group of float32 numbers, all steps in float32, rne = round half to even:
 *   lo = min(0, least), hi = max(0, largest), scale = (hi - lo) / 255, inverse = 1 / scale
 *   zero_point = clamp(rne(-lo inverse), 0, 255)
 *   code = clamp(rne(x inverse) + zero_point, 0, 255)        x' = (code - zero_point) scale
 * 0 is among the numbers that have a code of their own, so padding stays 0. A scale of 0, or one so small (under
 * 2^-128) that its inverse overflows, makes every x' 0. A number that is not finite, or hi - lo beyond float32, makes
 * every x' NaN.
 * Static codes: scale = x_scale and zero_point = x_zero for all numbers. What lies outside is clamped; NaN has the code 0.
 */
#include "kernels/ref/x_quant.h"

#include <string.h>

#include "kernels/ref/real.h"

bool qn_x_quant_of(const qn_node *node, qn_x_quant_mode *mode, qn_x_quant *fixed) {
    static const char *const names[] = {
        [QN_X_QUANT_NONE] = "NONE", [QN_X_QUANT_DYNAMIC] = "dynamic_uint8", [QN_X_QUANT_STATIC] = "static_uint8"};
    const char *name = qn_node_string(node, "x_quant", "NONE");
    int found = 0;
    while (found < 3 && strcmp(names[found], name) != 0)
        found++;
    if (found == 3)
        return false;
    *mode = (qn_x_quant_mode)found;
    if (*mode != QN_X_QUANT_STATIC)
        return true;
    const float scale = qn_node_float(node, "x_scale", 0);
    const int64_t zero_point = qn_node_int(node, "x_zero", 0);
    if (!(isnormal(scale) && scale > 0) || zero_point < 0 || zero_point > 255)
        return false;
    *fixed = (qn_x_quant){scale, 1.0f / scale, (int32_t)zero_point, true};
    return true;
}

qn_status qn_x_quant_read(const qn_kernel_args *args, qn_x_quant_mode *mode, qn_x_quant *fixed) {
    const char *name = qn_node_string(args->node, "x_quant", "");
    if (qn_x_quant_of(args->node, mode, fixed))
        return QN_OK;
    if (strcmp(name, "static_uint8") != 0)
        return qn_kernel_fail(args, QN_UNSUPPORTED, "x_quant '%s'", name);
    return qn_kernel_fail(args, QN_UNSUPPORTED, "x_scale %g and x_zero %lld: a normal positive number and 0..255",
                          (double)qn_node_float(args->node, "x_scale", 0),
                          (long long)qn_node_int(args->node, "x_zero", 0));
}

/* NaN: 0. */
static float clamp_code(float x) { return x > 255 ? 255 : x > 0 ? x : 0; }

qn_x_quant qn_x_quant_make(float least, float largest, bool finite) {
    const float lo = least < 0 ? least : 0, hi = largest > 0 ? largest : 0, span = hi - lo;
    qn_x_quant q = {.finite = finite && isfinite(span)};
    if (!q.finite)
        return q;
    q.scale = span / 255.0f;
    q.inverse = q.scale > 0 ? 1.0f / q.scale : 0;
    if (!isfinite(q.inverse))
        q.scale = q.inverse = 0;
    q.zero_point = (int32_t)clamp_code(rintf(-lo * q.inverse));
    return q;
}

float qn_x_quant_value(const qn_x_quant *q, float x) {
    if (!q->finite)
        return NAN;
    const float zero = (float)q->zero_point;
    return (clamp_code(rintf(x * q->inverse) + zero) - zero) * q->scale;
}

static void quantise(const double *x, int64_t n, double *out) {
    float least = 0, largest = 0;
    bool finite = true;
    for (int64_t i = 0; i < n; i++) {
        const float v = (float)x[i];
        finite = finite && isfinite(v);
        least = v < least ? v : least;
        largest = v > largest ? v : largest;
    }
    const qn_x_quant q = qn_x_quant_make(least, largest, finite);
    for (int64_t i = 0; i < n; i++)
        out[i] = (double)qn_x_quant_value(&q, (float)x[i]);
}

qn_status qn_ref_x_quant(const qn_kernel_args *args, int64_t n_group, const double **x) {
    const int64_t n = qn_ref_numel(&args->in[0]);
    qn_x_quant_mode mode;
    qn_x_quant fixed;
    double *out;
    QN_TRY(qn_x_quant_read(args, &mode, &fixed));
    if (mode == QN_X_QUANT_NONE || n == 0)
        return QN_OK;
    QN_TRY(qn_ref_scratch(args, n, &out));
    for (int64_t at = 0; at < n && mode == QN_X_QUANT_DYNAMIC; at += n_group)
        quantise(*x + at, n_group, out + at);
    for (int64_t i = 0; i < n && mode == QN_X_QUANT_STATIC; i++)
        out[i] = (double)qn_x_quant_value(&fixed, (float)(*x)[i]);
    *x = out;
    return QN_OK;
}
