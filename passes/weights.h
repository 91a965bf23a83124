/* Which constants are weights, along which axis their channels lie, and why others are left as they are. */
#ifndef QN_PASSES_WEIGHTS_H
#define QN_PASSES_WEIGHTS_H

#include "passes/pass.h"
#include "quant/quant.h"

/** What compress_weights makes of a constant value. */
typedef struct qn_weight {
    bool compress;
    int32_t axis;        /**< of the output channels, or of the blocks; -1: by tensor */
    int64_t block;       /**< elements of a block; 0: none */
    const char *reason;  /**< why it is left, or has groups other than those asked for; "" otherwise.
                              Static text, or in the arena */
} qn_weight;

/** Look at a constant value and its users, and at what a scheme makes of it. `arena` for the reason. */
QN_MUST_USE qn_status qn_weight_look(qn_context *ctx, qn_arena *arena, const qn_pass_options *options, const qn_value *v,
                                     const qn_scheme *scheme, qn_weight *out);

/** The axis of input i of `node` along which output channels lie, when the node may read that input encoded. False: it
 *  is no weight of the node. */
bool qn_weight_axis(const qn_node *node, int32_t i, int32_t *axis);

#endif
