/* One axis of a resize: which inputs each output is made of, and how much of each. */
#ifndef QN_IMAGE_AXIS_H
#define QN_IMAGE_AXIS_H

#include "base/arena.h"
#include "ir/preprocess.h"

typedef struct qn_axis {
    int64_t n_in, n_out;
    int64_t max_taps;  /**< room for each output */
    bool filtered;     /**< antialias or area, whose sums have another order: see resize.h */
    int32_t *n_taps;   /**< [n_out] */
    int32_t *index;    /**< [n_out, max_taps], within 0..n_in, ascending */
    float *weight;     /**< [n_out, max_taps] */
} qn_axis;

/** The taps of an axis of n_in >= 1 brought to n_out >= 1, in the arena; QN_INTERPOLATE_AREA wants n_out <= n_in. */
QN_MUST_USE qn_status qn_axis_make(qn_context *ctx, qn_arena *arena, int64_t n_in, int64_t n_out,
                                   qn_interpolation interpolation, bool antialias, qn_axis *out);

#endif
