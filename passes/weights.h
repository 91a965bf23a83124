/* Which constants are weights, along which axis their channels lie, and why others are left as they are. */
#ifndef QN_PASSES_WEIGHTS_H
#define QN_PASSES_WEIGHTS_H

#include "passes/pass.h"
#include "quant/quant.h"

/** What a constant value is to those that read it. */
typedef struct qn_weight {
    bool is_weight;      /**< it may be compressed */
    bool is_small;       /**< only its size says that it may not: a rule that names the tensor says otherwise */
    int32_t axis;        /**< of the output channels; -1: its readers have different ones */
    int32_t sum_axis;    /**< the axis that is summed, for the first reader */
    const char *reason;  /**< why it may not; "" otherwise. Static text, or in the arena */
} qn_weight;

/** Look at a constant value and its users. `arena` for the reason. */
QN_MUST_USE qn_status qn_weight_look(qn_context *ctx, qn_arena *arena, const qn_pass_options *options, const qn_value *v,
                                     qn_weight *out);

/** The fields of c (dtype, rank, dims set) that a scheme asks for, for a weight of these axes. *reason: what is otherwise than the
 *  scheme says, "" when nothing is; static text. n_kept of QN_PRUNE_THRESHOLD is left 0. */
void qn_weight_layout(const qn_scheme *scheme, const qn_weight *weight, qn_const *c, const char **reason);
/** The scheme that c, laid out for `asked`, has in the end: other groups where there was a reason. */
qn_scheme qn_weight_scheme(const qn_scheme *asked, const qn_const *c);

/** The elements of a constant, evaluated first when it is an expression, its encoding aside, as float32: in `arena`. */
QN_MUST_USE qn_status qn_weight_numbers(qn_context *ctx, qn_arena *arena, const qn_const *c, const float **out);

/** The axis of input i of `node` along which output channels lie, when the node may read that input encoded. False: it
 *  is no weight of the node. */
bool qn_weight_axis(const qn_node *node, int32_t i, int32_t *axis);

#endif
