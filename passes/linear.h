/* What the passes about Linear share. */
#ifndef QN_PASSES_LINEAR_H
#define QN_PASSES_LINEAR_H

#include "passes/pass.h"

/** Linear(x, w, bias?, residual?) with a constant weight of two dimensions. */
typedef struct qn_linear {
    qn_node *node;
    qn_value *x, *w, *bias, *residual; /**< bias and residual may be NULL */
    bool trans_w;
    int64_t k, n;                      /**< inputs and outputs */
} qn_linear;

/** True when `node` is a Linear of that kind. */
bool qn_linear_of(qn_node *node, qn_linear *out);
/** As above, and nothing stands between the sum and the output: no activation, no residual. */
bool qn_linear_plain(qn_node *node, qn_linear *out);
/** A Linear with these parts in place of `old`. */
QN_MUST_USE qn_status qn_linear_replace(qn_pass_run *run, qn_node *old, const qn_linear *parts, qn_node **out);
/** The weight times a constant vector, [k] along its inputs or [n] along its outputs; NULL when that can be no constant. */
QN_MUST_USE qn_status qn_linear_scaled(qn_pass_run *run, const qn_linear *l, qn_value *vector, bool inputs, qn_value **out);
/** A constant vector of n elements that v broadcasts along the last dimension: [n], [1,...,1,n], or for n elements
 *  alike a scalar. As shape [n]; NULL when v is none. */
QN_MUST_USE qn_status qn_linear_vector(qn_pass_run *run, qn_value *v, int64_t n, qn_value **out);

#endif
