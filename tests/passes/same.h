/* Two graphs compared by structure, names of intermediate values aside. */
#ifndef QN_TESTS_PASSES_SAME_H
#define QN_TESTS_PASSES_SAME_H

#include "base/table.h"
#include "ir/graph.h"

/** NULL when `got` is `want`: outputs matched in order, and from there upwards ops, inputs and the attributes that `want`
 *  gives; inputs by name, constants by number; as many nodes. A constant of `want` whose name is in `any` stands for
 *  any constant. Otherwise what differs, in `arena`. */
const char *qn_test_same_graph(qn_context *ctx, qn_arena *arena, const qn_graph *want, const qn_graph *got,
                               const qn_table *any);

#endif
