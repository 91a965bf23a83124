/* What became of each share of the weights' bytes: the table that closes a conversion. */
#ifndef QN_PASSES_REPORT_H
#define QN_PASSES_REPORT_H

#include "passes/pass.h"

/** Sort every constant that the graph (after the passes) stores into rows of equal (treatment, reason), the largest
 *  package share first. `treatment` is the dtype stored ("float16", "int64"), the scheme ("int8:per_channel"), or, where
 *  a narrow dtype was asked for, "kept float32"; `reason` is "" for what was asked. `source_bytes` are those of the
 *  tensors that a constant was made from, one that serves several constants counted with the first. Rows and texts live in
 *  `arena`; *source_bytes (may be NULL) is the sum. */
QN_MUST_USE qn_status qn_report_constants(qn_context *ctx, qn_arena *arena, const qn_graph *graph,
                                          const qn_pass_options *options, qn_convert_row **rows, int32_t *n_rows,
                                          uint64_t *source_bytes);

/** Warn of each keep_fp32 pattern that no node of the graph (after the passes) matches. */
QN_MUST_USE qn_status qn_report_patterns(qn_context *ctx, const qn_graph *graph, const qn_pass_options *options);

#endif
