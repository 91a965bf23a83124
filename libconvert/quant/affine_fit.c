/* Scales and zero points of a gang from the ends of its range, and what follows from them. */
#include <math.h>
#include <string.h>

#include "base/context.h"
#include "quant/affine_work.h"
#include "quant/scales.h"

void qn_affine_prepare(const qn_context *ctx, const qn_const *c, qn_affine *out) {
    const qn_code_type *type = qn_code_type_of(c->code_dtype);
    const float largest = qn_code_largest(type);
    *out = (qn_affine){.c = c, .type = type, .kernels = QN_ISA_PICK(ctx, &qn_affine_kernels),
                       .range = c->how ? c->how->scheme.range : QN_RANGE_MINMAX,
                       .percentile = c->how ? c->how->scheme.percentile : 100, .sign = qn_scales_signed(c), .max = largest,
                       .min = -largest, .power = c->scale_dtype == QN_F8E8M0};
    if (type->is_integer) /* symmetric int8 has no -128: kernels for products of int8 rely on it */
        out->min = c->code_dtype == QN_I8 && c->symmetric ? -127.0f : (float)type->min;
    out->both_ends = c->symmetric && -out->min != out->max;
    out->most = ilogbf(type->is_integer && type->is_signed ? -(float)type->min / 2 : largest);
    out->grid.is_integer = type->is_integer;
    out->grid.step = ldexpf(1.5f, 23 - type->mantissa);
    out->grid.least = type->is_integer ? 1.0f : ldexpf(1.0f, 2 - (1 << (type->exponent - 1)));
    for (int l = 0; l < QN_GANG; l++) {
        out->grid.lo[l] = out->min;
        out->grid.hi[l] = out->max;
    }
}

/* ---- by the kernels ------------------------------------------------------------------------------------ */

/* One group in all lanes: each lane gets the sum of all. */
static void join(const qn_gang *gang, double *sum) {
    double total = 0;
    for (int l = 0; gang->joined && l < QN_GANG; l++)
        total += sum[l];
    for (int l = 0; gang->joined && l < QN_GANG; l++)
        sum[l] = total;
}

/* The grid of codes less zero points; a scale of 0 leaves nothing but 0. scale[]: what may be divided by. */
static qn_affine_grid grid_of(const qn_affine *affine, const qn_fit *fit, float *scale) {
    qn_affine_grid grid = affine->grid;
    for (int l = 0; l < QN_GANG; l++) {
        scale[l] = fit->scale[l];
        grid.lo[l] -= fit->zero[l];
        grid.hi[l] -= fit->zero[l];
        if (fit->scale[l] == 0) {
            scale[l] = 1;
            grid.lo[l] = grid.hi[l] = 0;
        }
    }
    return grid;
}

void qn_affine_error(const qn_affine *affine, const qn_gang *gang, const qn_fit *fit, double *error) {
    float scale[QN_GANG];
    const qn_affine_grid grid = grid_of(affine, fit, scale);
    affine->kernels->error(gang, &grid, scale, error);
    join(gang, error);
}

void qn_affine_score(const qn_affine *affine, const qn_gang *gang, const qn_fit *fit, double *wxq, double *wqq) {
    float scale[QN_GANG];
    const qn_affine_grid grid = grid_of(affine, fit, scale);
    for (int l = 0; l < QN_GANG; l++)
        scale[l] = 1 / scale[l];
    affine->kernels->score(gang, &grid, scale, wxq, wqq);
    join(gang, wxq);
    join(gang, wqq);
}

/* Numbers of a floating point type as its bits: times 2^(bias - 127) a float32 has its exponent, also of those under the
 * normal ones, and its mantissa at the top of its own. */
static void float_codes(const qn_code_type *type, const float *numbers, int64_t n, int8_t *codes) {
    const float shift = ldexpf(1.0f, (1 << (type->exponent - 1)) - 1 - 127);
    const int drop = 23 - type->mantissa, top = type->bits - 1;
    for (int64_t i = 0; i < n; i++) {
        const float y = numbers[i] * shift;
        uint32_t bits;
        memcpy(&bits, &y, sizeof bits);
        codes[i] = (int8_t)(uint8_t)((bits & 0x7fffffff) >> drop | bits >> 31 << top);
    }
}

void qn_affine_codes(const qn_affine *affine, const qn_gang *gang, const qn_fit *fit) {
    float scale[QN_GANG];
    const qn_affine_grid grid = grid_of(affine, fit, scale);
    affine->kernels->numbers(gang, &grid, scale);
    if (!affine->type->is_integer) {
        float_codes(affine->type, gang->numbers, gang->n * QN_GANG, gang->codes);
        return;
    }
    for (int64_t k = 0; k < gang->n; k++)
        for (int l = 0; l < QN_GANG; l++)
            gang->codes[k * QN_GANG + l] = (int8_t)(int32_t)(gang->numbers[k * QN_GANG + l] + fit->zero[l]);
}

/* ---- ends of the range ------------------------------------------------------------------------------------ */

/* v[k], were v[0..n) in order; all before it are not above, all behind not below. */
static float select(float *v, int64_t n, int64_t k) {
    int64_t left = 0, right = n - 1;
    while (left < right) {
        const float pivot = v[left + (right - left) / 2];
        int64_t i = left, j = right;
        while (i <= j) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i > j)
                break;
            const float t = v[i];
            v[i++] = v[j];
            v[j--] = t;
        }
        if (k <= j)
            right = j;
        else if (k >= i)
            left = i;
        else
            break;
    }
    return v[k];
}

/* Of |x| of a lane, or of all lanes of a joined gang: between two in proportion (numpy's "linear"). Elements without a weight
 * are masked, unless their importance is 0. */
static float percentile_of(const qn_affine *affine, const qn_gang *gang, int lane, int64_t count) {
    float *v = gang->numbers;
    const int64_t step = gang->joined ? 1 : QN_GANG;
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = i * step + (gang->joined ? 0 : lane);
        if (!gang->w || gang->w[at] > 0)
            v[n++] = fabsf(gang->x[at]);
    }
    if (n == 0)
        return 0;
    const double at = affine->percentile / 100 * (double)(n - 1);
    const int64_t below = (int64_t)at < n - 1 ? (int64_t)at : n - 1;
    const float low = select(v, n, below);
    float high = low;
    for (int64_t i = below + 1; i < n; i++)
        high = i == below + 1 || v[i] < high ? v[i] : high;
    return (float)((double)low + ((double)high - (double)low) * (at - (double)below));
}

/* [least, 0], [0, largest] of each lane, after clamping to the percentile. */
static void ends_of(const qn_affine *affine, const qn_gang *gang, float *lo, float *hi) {
    double xx[QN_GANG], x[QN_GANG], w[QN_GANG];
    affine->kernels->moments(gang, lo, hi, xx, x, w);
    for (int l = 1; gang->joined && l < QN_GANG; l++) {
        lo[0] = lo[l] < lo[0] ? lo[l] : lo[0];
        hi[0] = hi[l] > hi[0] ? hi[l] : hi[0];
    }
    for (int l = 0; affine->range == QN_RANGE_PERCENTILE && l < gang->n_groups; l++) {
        const float most = percentile_of(affine, gang, l, gang->count[l]);
        lo[l] = lo[l] < -most ? -most : lo[l];
        hi[l] = hi[l] > most ? most : hi[l];
    }
    for (int l = 1; gang->joined && l < QN_GANG; l++) {
        lo[l] = lo[0];
        hi[l] = hi[0];
    }
}

/* Powers of two. Symmetric: OCP Microscaling Formats 1.0, section 6.3: floor(log2(max)) less the exponent of the largest
 * number, so that up to half of the largest step is clamped. Asymmetric: the least that clamps nothing. */
static float power_of(const qn_affine *affine, float lo, float hi) {
    const float top = -lo > hi ? -lo : hi;
    int exponent;
    if (top == 0)
        return 0;
    if (affine->c->symmetric)
        return ldexpf(1.0f, ilogbf(top) - affine->most);
    const float scale = (hi - lo) / (affine->max - affine->min), fraction = frexpf(scale, &exponent);
    return ldexpf(1.0f, exponent - (fraction == 0.5f));
}

static float scale_of(const qn_affine *affine, float lo, float hi) {
    const float top = -lo >= hi ? lo : hi;
    if (affine->power)
        return power_of(affine, lo, hi);
    if (!affine->c->symmetric)
        return hi / (affine->max - affine->min) - lo / (affine->max - affine->min);
    if (affine->both_ends && affine->sign) /* the largest number gets the end that is further from 0 */
        return top / (affine->min < 0 ? affine->min : affine->max);
    const float down = affine->min < 0 ? lo / affine->min : 0, up = hi / affine->max;
    return down > up ? down : up;
}

static float zero_of(const qn_affine *affine, float lo, float scale) {
    const float zero = scale > 0 ? rintf(-lo / scale) + affine->min : 0;
    return zero < affine->min ? affine->min : zero > affine->max ? affine->max : zero;
}

void qn_affine_plain(const qn_affine *affine, const qn_gang *gang, qn_fit *out) {
    float lo[QN_GANG], hi[QN_GANG];
    ends_of(affine, gang, lo, hi);
    for (int l = 0; l < QN_GANG; l++) {
        out->scale[l] = qn_affine_rounded(affine, gang, l, scale_of(affine, lo[l], hi[l]) + 0.0f, 0);
        out->zero[l] = affine->c->symmetric ? 0 : zero_of(affine, lo[l], out->scale[l]);
    }
}

void qn_affine_zeros(const qn_affine *affine, const qn_gang *gang, qn_fit *fit) {
    float lo[QN_GANG], hi[QN_GANG];
    if (!affine->c->symmetric)
        ends_of(affine, gang, lo, hi);
    for (int l = 0; l < QN_GANG; l++)
        fit->zero[l] = affine->c->symmetric ? 0 : zero_of(affine, lo[l], fit->scale[l]);
}

/* A scale that is a power of two stays. */
static float power_near(float scale, int round) {
    int exponent = -127;
    if (scale > 0) {
        const float fraction = frexpf(scale, &exponent); /* 0.5 .. 1 of 2^exponent */
        exponent -= round < 0 || (round == 0 && fraction < 0.70710678f) || fraction == 0.5f;
    }
    return ldexpf(1.0f, exponent < -127 ? -127 : exponent > 127 ? 127 : exponent);
}

float qn_affine_rounded(const qn_affine *affine, const qn_gang *gang, int lane, float scale, int round) {
    const int exponent = gang->exponent[lane];
    float s = exponent ? ldexpf(scale, exponent) : scale;
    s = affine->power ? power_near(s, round) : qn_scale_rounded(affine->c->scale_dtype, s);
    return exponent ? ldexpf(s, -exponent) : s;
}
