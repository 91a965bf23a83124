/* Factors moved from channels of a value into the weights that read them: y = (x / s) (diag(s) w), the same numbers.
 *
 * 1 / s goes where the value is made, s into the rows of each weight that it is multiplied by. */
#ifndef QN_PASSES_EQUALIZE_H
#define QN_PASSES_EQUALIZE_H

#include "passes/linear.h"

/** A value whose channels (its last axis) can be scaled. */
typedef struct qn_equal_site {
    qn_value *value;
    int64_t n;               /**< channels */
    qn_node *norm;           /**< that makes it, LayerNormalization or RMSNormalization: its scale and shift take 1 / s; or NULL */
    qn_linear source;        /**< else: outputs [first, first + n) of this Linear take 1 / s: those that are the value, before at
                                  most a ReLU, or those that attention mixes over positions and never with each other */
    int64_t first;
    qn_linear *readers;      /**< [n_readers]: all that read the value, each with a weight of its own */
    int32_t n_readers;
} qn_equal_site;

/** Look at a value. *reason: why it is no site, "" when it is one; static text. Arrays in the scratch arena. Good until the weights of a
 *  Linear in it change, as another site may. */
QN_MUST_USE qn_status qn_equal_find(qn_pass_run *run, qn_value *value, qn_equal_site *out, const char **reason);

/** Move the factors s[site->n], all positive and finite, where the rewrite is allowed. */
QN_MUST_USE qn_status qn_equal_apply(qn_pass_run *run, const qn_equal_site *site, const double *s);

#endif
