/* One node while planning: what goes in, what is known of what comes out. */
#ifndef QN_RUN_VISIT_H
#define QN_RUN_VISIT_H

#include "ops/infer.h"
#include "run/plan.h"

typedef struct qn_visit {
    const qn_node *node;
    qn_type *in, *out;
    qn_content *in_content, *out_content;
    qn_tensor *in_value;     /**< [n_in]: numbers at hand, data NULL where there are none */
    bool all_known;          /**< every input's numbers are at hand */
} qn_visit;

/** The slot of a value that a node reads; constants get theirs here. */
qn_slot *qn_plan_slot(qn_planner *p, const qn_value *value);
/** `value` is `t`, computed already. */
void qn_plan_set_known(qn_planner *p, const qn_value *value, const qn_tensor *t);

/** Types and numbers of the inputs of `node`. In the planner's scratch. */
QN_MUST_USE qn_status qn_visit_begin(qn_planner *p, const qn_node *node, qn_visit *v);
/** Types and contents of the outputs. */
QN_MUST_USE qn_status qn_visit_infer(qn_planner *p, qn_visit *v);
/** Every output has a dtype and a shape of numbers. */
bool qn_visit_is_static(const qn_visit *v);
/** Output i as a tensor without data. QN_UNSUPPORTED when it is larger than memory can be. */
QN_MUST_USE qn_status qn_visit_output(qn_planner *p, const qn_visit *v, int32_t i, qn_tensor *t);
/** Integer outputs whose contents inference gave as numbers become known: Shape, Size and what is made of them. */
QN_MUST_USE qn_status qn_visit_known_content(qn_planner *p, const qn_visit *v, bool *done);
/** Small outputs of known inputs are computed now. */
QN_MUST_USE qn_status qn_visit_known_value(qn_planner *p, const qn_visit *v, bool *done);

#endif
