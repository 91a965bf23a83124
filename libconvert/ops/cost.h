/* What a node costs at the least: operations that its meaning asks for, and bytes that it cannot do without. */
#ifndef QN_OPS_COST_H
#define QN_OPS_COST_H

#include "ops/op.h"

typedef struct qn_cost {
    double flops;        /**< additions, multiplications, comparisons; a multiply-add is two */
    double bytes;        /**< inputs as they are stored, each value once, and outputs */
    qn_dtype arithmetic; /**< narrowest in which its products may be done: QN_BF16, QN_I8, else QN_F32 */
} qn_cost;

/** The cost of `node` with concrete shapes: in [node->n_in] and out [node->n_out], dtype QN_NONE where absent, data not
 *  looked at. in_const[i] (or NULL; the array may be NULL): the encoded constant that input i is read from.
 *
 *  Products (MatMul, Gemm, Linear, BatchMatMul; Conv, ConvTranspose; attention; LSTM, GRU) count their multiply-adds
 * and nothing beside; taps in the padding count, keys that a causal query does not see do not. Everything else counts a
 * few operations an element, ten for an exponential, a logarithm or the like; moving costs none. An op that only moves
 *  elements reads no more of an input than it writes (rows of Gather, a part of Slice). */
qn_cost qn_node_cost(const qn_node *node, const qn_tensor *in, const qn_const *const *in_const, const qn_tensor *out);

#endif
