/* How far apart the distributions are that two tensors of logits stand for. */
#ifndef QN_COMPARE_LOGITS_H
#define QN_COMPARE_LOGITS_H

#include "base/arena.h"

/** Positions over all tensors added so far; zero it, and end it with qn_logits_free. */
typedef struct qn_logits_sums {
    double *kl;             /**< [n] divergence of each position */
    int64_t n, room;
    int64_t same_top;       /**< positions with the same largest logit; of equal ones the first counts */
    int64_t in_both;        /**< over positions: classes that are among the top_k of both */
    double loss_reference, loss; /**< sums of -log softmax at the target */
    int64_t n_targets;
} qn_logits_sums;

/** Divergence of softmax(variant) from softmax(reference), n logits each, in nats: sum p (log p - log q), with log-sum-exp. A
 *  class of p = 0 adds nothing; INFINITY where q = 0 and p is not, and where a number is NaN or +infinite. >= 0 but for rounding. */
double qn_logits_divergence(const float *reference, const float *variant, int64_t n);

/** Add the positions of two tensors of any floating dtype and the same shape [..., classes], classes > 0. top_k in 1..classes.
 *  targets (or NULL): int32 or int64 of their shape without the last axis; ignore_index has no say. mask (or NULL): bytes, one a position;
 *  0: it does not count. QN_USAGE names what does not fit, and a target that is no class with its position. */
QN_MUST_USE qn_status qn_logits_add(qn_context *ctx, const qn_tensor *reference, const qn_tensor *variant, int32_t top_k,
                                    const qn_tensor *targets, int64_t ignore_index, const uint8_t *mask, qn_logits_sums *sums);
/** The numbers of all positions; NAN where there are none. Sorts kl. */
void qn_logits_finish(qn_logits_sums *sums, int32_t top_k, qn_logits_comparison *out);
void qn_logits_free(qn_logits_sums *sums);

#endif
