/* Dynamic quantisation of numbers to unsigned bytes (docs/ops.md, x_quant): the range of a row decides scale and zero
 * point. */
#ifndef QN_KERNELS_GEMM_X_RANGE_H
#define QN_KERNELS_GEMM_X_RANGE_H

#include <math.h>
#include <stdint.h>

/** value = (code - zero_point) * scale; code = clamp(round-half-even(value * inverse) + zero_point, 0, 255). */
typedef struct qn_x_range {
    float scale, inverse;
    int32_t zero_point;
} qn_x_range;

/** The range [lo, hi] (widened to hold 0) as codes. Where it is not finite the scale is NaN, so that results are. */
static inline qn_x_range qn_x_range_of(float lo, float hi) {
    lo = lo < 0.0f ? lo : 0.0f;
    hi = hi > 0.0f ? hi : 0.0f;
    qn_x_range r = {(hi - lo) / 255.0f, 0, 0};
    if (!(r.scale < INFINITY)) {
        r.scale = NAN;
        return r;
    }
    r.inverse = r.scale > 0.0f ? 1.0f / r.scale : 0.0f;
    if (!(r.inverse < INFINITY)) { /* a subnormal scale: everything is 0 */
        r.scale = r.inverse = 0.0f;
        return r;
    }
    float zero = rintf(-lo * r.inverse);
    r.zero_point = (int32_t)(zero < 255.0f ? zero : 255.0f);
    return r;
}

#endif
