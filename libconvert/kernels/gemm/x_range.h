/* Dynamic quantisation of numbers to unsigned bytes (docs/ops.md, x_quant): the range of a row decides scale and zero
 * point, as qn_x_quant_make says. */
#ifndef QN_KERNELS_GEMM_X_RANGE_H
#define QN_KERNELS_GEMM_X_RANGE_H

#include "kernels/ref/x_quant.h"

#include <math.h>

/** value = (code - zero_point) * scale; code = clamp(round-half-even(value * inverse) + zero_point, 0, 255). */
typedef struct qn_x_range {
    float scale, inverse;
    int32_t zero_point;
} qn_x_range;

/** The range [lo, hi] (widened to hold 0) as codes. Where it is not finite the scale is NaN, so that results are. */
static inline qn_x_range qn_x_range_of(float lo, float hi) {
    const qn_x_quant q = qn_x_quant_make(lo, hi, true);
    return (qn_x_range){q.finite ? q.scale : NAN, q.inverse, q.zero_point};
}

#endif
