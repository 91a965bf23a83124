/* The checker: what every graph must hold between any two steps. */
#ifndef QN_IR_CHECK_H
#define QN_IR_CHECK_H

#include "ir/graph.h"

/** Topological order, uses and producers in step, arity and attribute names and kinds by schemas/ops.def, unique
 *  names, constants whose bytes fit their shapes, ports that exist. QN_MALFORMED names the node or value. */
QN_MUST_USE qn_status qn_graph_check(qn_context *ctx, const qn_graph *graph);

#endif
