/* The program of an Elementwise node: what the separate nodes did, one step each. */
#ifndef QN_OPS_PROGRAM_H
#define QN_OPS_PROGRAM_H

#include "ops/op.h"

/** LIVE: results that fast kernels keep at a time. */
enum { QN_PROGRAM_STEPS = 24, QN_PROGRAM_INPUTS = 8, QN_PROGRAM_LIVE = 8 };

/** result k = op(operand a, operand b). An operand below n_in is an input, n_in + j the result of step j < k. */
typedef struct qn_program_step {
    qn_op op;
    int32_t a, b;      /**< b is -1 for an op of one operand */
    float alpha, beta; /**< the op's attributes of these names; Clip: the bounds; Pow: the exponent; Gelu: alpha 1 is
                          the tanh form; ops without them: 0 */
} qn_program_step;

typedef struct qn_program {
    int32_t n_in, n_steps;
    qn_program_step step[QN_PROGRAM_STEPS]; /**< the last one makes the output */
} qn_program;

/** Operands that a step of this op has (1 or 2); 0 when it is no step of a program. */
int32_t qn_program_operands(qn_op op);

/** The program in the attributes ops, operands and params of `node`. NULL when it is one; what is wrong otherwise. */
const char *qn_program_read(const qn_node *node, qn_program *out);
/** last[k] = the last step that reads the result of step k (k itself when none does); [n_steps]. */
void qn_program_last_readers(const qn_program *program, int32_t *last);
/** The largest number of results that are there at once: made before or by a step, and
 *  read by it or later. */
int32_t qn_program_live(const qn_program *program);
/** Set these attributes. */
QN_MUST_USE qn_status qn_program_write(qn_context *ctx, qn_node *node, const qn_program *program);

#endif
