/* Steps: nodes that a run computes, and the buffers between them. */
#ifndef QN_RUN_STEP_H
#define QN_RUN_STEP_H

#include "run/visit.h"

/** The buffer of value `id` is needed at `step` (QN_STEP_FOREVER: kept). */
void qn_plan_use(qn_planner *p, uint32_t id, int32_t step);
/** `value` is made at `step` in the buffer of `root` (its own id: a buffer of its own). */
void qn_plan_output(qn_planner *p, const qn_value *value, const qn_tensor *t, uint32_t root, int32_t step);
/** Ops whose output is the bytes of their input under another shape. */
bool qn_plan_is_view(qn_op op);
/** The output of such a node shares the buffer of its input. */
QN_MUST_USE qn_status qn_plan_view(qn_planner *p, const qn_visit *v, int32_t step);
/** A step for the node: tensors, kernel, buffers of the outputs. */
QN_MUST_USE qn_status qn_plan_step(qn_planner *p, qn_stage *stage, const qn_visit *v);

#endif
