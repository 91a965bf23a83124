/* Reshape by a constant: what the passes about shapes share. */
#ifndef QN_PASSES_RESHAPE_H
#define QN_PASSES_RESHAPE_H

#include "passes/rewrite.h"

/** The constant second input with which Reshape takes a value of type `from` to type `to` whatever its symbols are
 *  bound to: numbers, 0 where a dimension is copied from the same place of `from`, one -1. False when there is none.
 *  target[0..to->rank) */
bool qn_reshape_target(const qn_type *from, const qn_type *to, int64_t *target);
/** Put Reshape(from, target) in place of `old`. */
QN_MUST_USE qn_status qn_reshape_instead(qn_pass_run *run, qn_node *old, qn_value *from, const int64_t *target,
                                         int32_t rank, qn_node **out);

#endif
