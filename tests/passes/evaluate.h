/* A small evaluator for the tests of passes: walks the nodes and runs each with its reference kernel. */
#ifndef QN_TESTS_PASSES_EVALUATE_H
#define QN_TESTS_PASSES_EVALUATE_H

#include "kernels/eval.h"

/** A tensor for each input of `graph`: symbols bound to small numbers of their ranges, floats normal, integers 0 or 1,
 *  the same for the same seed. */
QN_MUST_USE qn_status qn_test_random_inputs(qn_context *ctx, qn_arena *arena, const qn_graph *graph, uint64_t seed,
                                            qn_tensor *inputs);
/** outputs[i] for graph output i, in `arena` or borrowed. */
QN_MUST_USE qn_status qn_test_evaluate(qn_context *ctx, qn_arena *arena, const qn_graph *graph, const qn_tensor *inputs,
                                       qn_tensor *outputs);

#endif
