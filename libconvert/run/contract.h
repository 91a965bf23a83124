/* The dimension contract: inputs against what the graph's inputs say of themselves. */
#ifndef QN_RUN_CONTRACT_H
#define QN_RUN_CONTRACT_H

#include "ir/graph.h"

/** dtype, rank, sizes in bytes, numbers, symbols (one value each, within its range) and expressions over them.
 *  QN_USAGE names input and dimension. */
QN_MUST_USE qn_status qn_contract_check(qn_context *ctx, qn_arena *scratch, const qn_graph *graph,
                                        const qn_tensor *inputs, int32_t n_inputs);

#endif
