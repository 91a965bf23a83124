/* The output channels of a Conv, ConvTranspose, Gemm or Linear: a factor and a shift of each, folded into weight and
 * bias. */
#ifndef QN_PASSES_CHANNELS_H
#define QN_PASSES_CHANNELS_H

#include "passes/rewrite.h"

typedef struct qn_channels {
    qn_node *node;
    int32_t rank;                 /**< of the output; the channels are dimension 1 */
    int64_t n;                    /**< channels */
    int64_t shape[QN_MAX_RANK];   /**< of n factors so that they broadcast over the weight */
    int32_t shape_rank;
} qn_channels;

/** True when `node` is one of them with channels at dimension 1, weight and bias are constant floats, and nothing
 *  (activation, residual) stands between the sum and the output. */
bool qn_channels_of(qn_node *node, qn_channels *out);

/** Replace `last`, which computes y * factor + shift of the private output y of c->node, by that node with weight and
 *  bias changed; factor[n] (NULL: 1) and shift[n] (NULL: 0), finite. Leaves the graph alone when the weight cannot be
 *  changed or the budget is used up. */
QN_MUST_USE qn_status qn_channels_fold(qn_pass_run *run, const qn_channels *c, qn_node *last, const double *factor,
                                       const double *shift, const char *what);

#endif
