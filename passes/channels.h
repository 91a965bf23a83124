/* The output channels of a Conv, ConvTranspose, Gemm or Linear: a factor and a shift of each, folded into weight and
 * bias. */
#ifndef QN_PASSES_CHANNELS_H
#define QN_PASSES_CHANNELS_H

#include "passes/rewrite.h"

typedef struct qn_channels {
    qn_node *node;
    int32_t rank;                 /**< of the output; the channels are dimension 1 */
    int64_t n;                    /**< channels */
    int64_t shape[QN_MAX_RANK];   /**< of the factors, so that they broadcast over the weight: 1 but for one
                                       dimension (n) or, with groups in a ConvTranspose, the first two */
    int32_t shape_rank;
    int64_t groups;               /**< of those first two, [C, n/groups]; else 1 */
} qn_channels;

/** True when `node` is one of them with channels at dimension 1, weight and bias are constant floats, and nothing
 *  (activation, residual) stands between the sum and the output. */
bool qn_channels_of(qn_node *node, qn_channels *out);

/** True when `node` computes in[*at] * factor + shift with numbers for each of n channels at dimension 1 of a value of
 *  `rank`: an inference BatchNormalization, or Mul, Div, Add or Sub by a constant. */
bool qn_channels_affine(const qn_node *node, int64_t n, int32_t rank, int32_t *at);
/** What such a node does: y * factor[i] + shift[i] becomes its result, for each channel i. Starts from what the two
 *  hold, so that a chain is gone through from its first node on. *finite false when a number is not. */
QN_MUST_USE qn_status qn_channels_compose(qn_pass_run *run, const qn_node *node, int64_t n, double *factor,
                                          double *shift, bool *finite);

/** Replace `last`, which computes y * factor + shift of the output y of c->node that nobody else reads, by that node with
 *  weight and bias changed; factor[n] and shift[n] are finite. Leaves the graph alone when the weight cannot be
 *  changed or the budget is used up. */
QN_MUST_USE qn_status qn_channels_fold(qn_pass_run *run, const qn_channels *c, qn_node *last, const double *factor,
                                       const double *shift, const char *what);

#endif
