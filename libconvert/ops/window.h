/* Windows that slide over spatial axes: what Conv, ConvTranspose and the pools read from their attributes. */
#ifndef QN_OPS_WINDOW_H
#define QN_OPS_WINDOW_H

#include "ops/shape.h"

typedef struct qn_window {
    int32_t n;                                  /**< spatial axes */
    bool same, lower;                           /**< auto_pad SAME_UPPER or SAME_LOWER */
    qn_dim kernel[QN_MAX_RANK];                 /**< >= 1, or unknown */
    int64_t stride[QN_MAX_RANK], dilation[QN_MAX_RANK];       /**< >= 1 */
    int64_t pad_begin[QN_MAX_RANK], pad_end[QN_MAX_RANK];     /**< >= 0; 0 under auto_pad */
} qn_window;

/** Read the attributes of a node with `n` spatial axes. `weight` gives the kernel's size in dims[2..] and must agree
 *  with kernel_shape; NULL: kernel_shape must be there. */
QN_MUST_USE qn_status qn_window_read(const qn_infer *inf, int32_t n, const qn_type *weight, qn_window *out);
/** (kernel - 1) * dilation + 1 */
QN_MUST_USE qn_status qn_window_extent(const qn_infer *inf, const qn_window *w, int32_t axis, qn_dim *out);
/** Places of the window over `in` elements; `ceil`: the last place may reach past the padding at the end, as long as
 *  it does not start there. */
QN_MUST_USE qn_status qn_window_places(const qn_infer *inf, const qn_window *w, int32_t axis, qn_dim in, bool ceil,
                                       qn_dim *out);
/** The attribute `name`, of `n` numbers >= min, into out; `otherwise` when it is absent. */
QN_MUST_USE qn_status qn_window_ints(const qn_infer *inf, const char *name, int32_t n, int64_t min, int64_t otherwise,
                                     int64_t *out);

#endif
