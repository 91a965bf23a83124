/* Resize along one axis: which input samples an output position is made of, and how much of each. */
#ifndef QN_KERNELS_REF_RESIZE_AXIS_H
#define QN_KERNELS_REF_RESIZE_AXIS_H

#include "kernels/ref/real.h"

typedef enum qn_resize_coords {
    QN_RESIZE_HALF_PIXEL,
    QN_RESIZE_HALF_PIXEL_SYMMETRIC,
    QN_RESIZE_PYTORCH_HALF_PIXEL,
    QN_RESIZE_ALIGN_CORNERS,
    QN_RESIZE_ASYMMETRIC,
    QN_RESIZE_TF_CROP
} qn_resize_coords;

typedef enum qn_resize_mode { QN_RESIZE_NEAREST, QN_RESIZE_LINEAR, QN_RESIZE_CUBIC } qn_resize_mode;

typedef enum qn_resize_round {
    QN_RESIZE_PREFER_FLOOR, /* halves go down */
    QN_RESIZE_PREFER_CEIL,  /* halves go up */
    QN_RESIZE_FLOOR,
    QN_RESIZE_CEIL
} qn_resize_round;

typedef struct qn_resize {
    qn_resize_mode mode;
    qn_resize_coords coords;
    qn_resize_round round;  /* NEAREST */
    double cubic_a;         /* CUBIC */
    bool antialias;         /* LINEAR, CUBIC: widen the filter when shrinking */
    bool exclude_outside;   /* LINEAR, CUBIC: weights outside the input are 0, the rest sum to 1 */
    double extrapolation;   /* TF_CROP: value of positions outside the input */
} qn_resize;

typedef struct qn_resize_axis {
    int64_t in, out;
    double scale;           /* out / in, or the scale that was given */
    bool exact;             /* scale is out / in: coordinates are computed from the integers */
    double start, end;      /* TF_CROP: region of interest, in units of the input */
} qn_resize_axis;

/** The attributes of a Resize node; QN_UNSUPPORTED names a value that is not ONNX's. */
QN_MUST_USE qn_status qn_resize_read(const qn_kernel_args *args, qn_resize *out);

/** The axes of a Resize node whose input and output have elements: axis[0..rank). */
QN_MUST_USE qn_status qn_resize_axes(const qn_kernel_args *args, const qn_resize *r, qn_resize_axis *axis);
/** Does the axis keep its samples as they are? */
static inline bool qn_resize_is_identity(const qn_resize *r, const qn_resize_axis *a) {
    return a->in == a->out && a->scale == 1 && (r->coords != QN_RESIZE_TF_CROP || (a->start == 0 && a->end == 1));
}

/** Position of output sample o on the input's axis: in [0, in - 1] for samples of the input. */
double qn_resize_coordinate(const qn_resize *r, const qn_resize_axis *a, int64_t o);
/** True when coordinate x is outside the input and stands for the extrapolation value. */
bool qn_resize_outside(const qn_resize *r, const qn_resize_axis *a, double x);
/** NEAREST: the input sample for coordinate x. */
int64_t qn_resize_nearest(const qn_resize *r, const qn_resize_axis *a, double x);

/** LINEAR and CUBIC: how many samples an output is made of. */
int64_t qn_resize_n_taps(const qn_resize *r, const qn_resize_axis *a);
/** Their indices (held inside the input) and weights (summing to 1), for coordinate x. */
void qn_resize_taps(const qn_resize *r, const qn_resize_axis *a, double x, int64_t n, int64_t *index, double *weight);

#endif
