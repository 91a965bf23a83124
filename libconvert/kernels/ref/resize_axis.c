/* Resize's coordinates and filters (ONNX operator page Resize; onnx/reference/ops/op_resize.py defines the antialias
 * filters).
 *
 * Coordinates, with L input samples, scale s and output length s L (which may be a fraction):
 *   half_pixel            (o + 0.5) / s - 0.5
 *   half_pixel_symmetric  L/2 (1 - out / (s L)) + (o + 0.5) / s - 0.5
 *   pytorch_half_pixel    half_pixel; 0 when out is 1
 *   align_corners         o (L - 1) / (s L - 1); 0 when out is 1
 *   asymmetric            o / s
 *   tf_crop_and_resize    start (L - 1) + o (end - start) (L - 1) / (out - 1); (start + end) (L - 1) / 2 when out is 1
 * ONNX's backend tests fix that align_corners reads the length as s L; ONNX Runtime and PyTorch read it as out there,
 * which differs where a given scale makes s L a fraction.
 *
 * Weights at distance d from the coordinate, in input samples; with antialias and s < 1 the filter is stretched: d is
 * multiplied by s:
 *   linear  1 - |d| for |d| < 1
 *   cubic   (a+2)|d|^3 - (a+3)|d|^2 + 1 for |d| <= 1;  a|d|^3 - 5a|d|^2 + 8a|d| - 4a for |d| < 2
 */
#include "kernels/ref/resize_axis.h"

#include <string.h>

typedef struct name_row {
    const char *name;
    int value;
} name_row;

static const name_row g_modes[] = {
    {"nearest", QN_RESIZE_NEAREST}, {"linear", QN_RESIZE_LINEAR}, {"cubic", QN_RESIZE_CUBIC}, {NULL, 0}};
static const name_row g_coords[] = {{"half_pixel", QN_RESIZE_HALF_PIXEL},
                                    {"half_pixel_symmetric", QN_RESIZE_HALF_PIXEL_SYMMETRIC},
                                    {"pytorch_half_pixel", QN_RESIZE_PYTORCH_HALF_PIXEL},
                                    {"align_corners", QN_RESIZE_ALIGN_CORNERS},
                                    {"asymmetric", QN_RESIZE_ASYMMETRIC},
                                    {"tf_crop_and_resize", QN_RESIZE_TF_CROP},
                                    {NULL, 0}};
static const name_row g_rounds[] = {{"round_prefer_floor", QN_RESIZE_PREFER_FLOOR},
                                    {"round_prefer_ceil", QN_RESIZE_PREFER_CEIL},
                                    {"floor", QN_RESIZE_FLOOR},
                                    {"ceil", QN_RESIZE_CEIL},
                                    {NULL, 0}};

static qn_status read_name(const qn_kernel_args *args, const char *attr, const name_row *rows, int *out) {
    const char *name = qn_node_string(args->node, attr, rows[0].name);
    for (; rows->name; rows++)
        if (strcmp(rows->name, name) == 0) {
            *out = rows->value;
            return QN_OK;
        }
    return qn_kernel_fail(args, QN_UNSUPPORTED, "%s '%s'", attr, name);
}

qn_status qn_resize_read(const qn_kernel_args *args, qn_resize *r) {
    int mode = 0, coords = 0, round = 0;
    QN_TRY(read_name(args, "mode", g_modes, &mode));
    QN_TRY(read_name(args, "coordinate_transformation_mode", g_coords, &coords));
    QN_TRY(read_name(args, "nearest_mode", g_rounds, &round));
    r->mode = (qn_resize_mode)mode;
    r->coords = (qn_resize_coords)coords;
    r->round = (qn_resize_round)round;
    r->cubic_a = (double)qn_node_float(args->node, "cubic_coeff_a", -0.75f);
    r->antialias = qn_node_int(args->node, "antialias", 0) != 0;
    r->exclude_outside = qn_node_int(args->node, "exclude_outside", 0) != 0;
    r->extrapolation = (double)qn_node_float(args->node, "extrapolation_value", 0);
    return QN_OK;
}

/* x / s, from integers where the scale is their quotient: exact wherever the result is. */
static double unscale(const qn_resize_axis *a, double x) {
    return a->exact ? x * (double)a->in / (double)a->out : x / a->scale;
}

double qn_resize_coordinate(const qn_resize *r, const qn_resize_axis *a, int64_t o) {
    double x = (double)o, L = (double)a->in, length = a->exact ? (double)a->out : a->scale * L;
    switch (r->coords) {
    case QN_RESIZE_HALF_PIXEL: x = unscale(a, x + 0.5) - 0.5; break;
    case QN_RESIZE_HALF_PIXEL_SYMMETRIC:
        x = L / 2 * (1 - (double)a->out / length) + unscale(a, x + 0.5) - 0.5;
        break;
    case QN_RESIZE_PYTORCH_HALF_PIXEL: x = a->out > 1 ? unscale(a, x + 0.5) - 0.5 : 0; break;
    case QN_RESIZE_ALIGN_CORNERS: x = a->out > 1 ? x * (L - 1) / (length - 1) : 0; break;
    case QN_RESIZE_ASYMMETRIC: x = unscale(a, x); break;
    case QN_RESIZE_TF_CROP:
        x = a->out > 1 ? a->start * (L - 1) + x * (a->end - a->start) * (L - 1) / (double)(a->out - 1)
                       : (a->start + a->end) * (L - 1) / 2;
        break;
    }
    return x;
}

bool qn_resize_outside(const qn_resize *r, const qn_resize_axis *a, double x) {
    return r->coords == QN_RESIZE_TF_CROP && (x < 0 || x > (double)(a->in - 1));
}

/* Held inside [0, in); NaN gives 0. */
static int64_t hold(const qn_resize_axis *a, double i) {
    return !(i > 0) ? 0 : i < (double)a->in ? (int64_t)i : a->in - 1;
}

/* A given scale has the 24 bits of a float32, and 4 / 1.3333334 is meant to be 3: rounding the coordinate to as many
 * bits puts it on the sample, or the half, that it is next to. */
int64_t qn_resize_nearest(const qn_resize *r, const qn_resize_axis *a, double x) {
    if (!a->exact)
        x = (double)(float)x;
    double low = floor(x);
    switch (r->round) {
    case QN_RESIZE_PREFER_FLOOR: return hold(a, x - low > 0.5 ? low + 1 : low);
    case QN_RESIZE_PREFER_CEIL: return hold(a, x - low >= 0.5 ? low + 1 : low);
    case QN_RESIZE_FLOOR: return hold(a, low);
    case QN_RESIZE_CEIL: return hold(a, ceil(x));
    }
    return 0;
}

/* By how much the filter is stretched: s, or 1. */
static double stretch(const qn_resize *r, const qn_resize_axis *a) {
    return r->antialias && a->scale < 1 ? a->scale : 1;
}

/* Samples on each side of the coordinate that the filter can reach. */
static double reach(const qn_resize *r, const qn_resize_axis *a) {
    return ceil((r->mode == QN_RESIZE_CUBIC ? 2 : 1) / stretch(r, a));
}

int64_t qn_resize_n_taps(const qn_resize *r, const qn_resize_axis *a) {
    double n = 2 * reach(r, a), most = 4 * (double)a->in + 8;
    return (int64_t)(n < most ? n : most);
}

static double filter(const qn_resize *r, double d) {
    d = fabs(d);
    if (r->mode == QN_RESIZE_LINEAR)
        return d < 1 ? 1 - d : 0;
    double k = r->cubic_a;
    if (d <= 1)
        return ((k + 2) * d - (k + 3)) * d * d + 1;
    return d < 2 ? ((d - 5) * d + 8) * d * k - 4 * k : 0;
}

void qn_resize_taps(const qn_resize *r, const qn_resize_axis *a, double x, int64_t n, int64_t *index, double *weight) {
    double first = floor(x) + 1 - (double)(n / 2), s = stretch(r, a), sum = 0;
    for (int64_t t = 0; t < n; t++) {
        double at = first + (double)t;
        index[t] = hold(a, at);
        weight[t] = filter(r, (at - x) * s);
        if (r->exclude_outside && (at < 0 || at >= (double)a->in))
            weight[t] = 0;
        sum += weight[t];
    }
    for (int64_t t = 0; sum != 0 && t < n; t++)
        weight[t] /= sum;
}
