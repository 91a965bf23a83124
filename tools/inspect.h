/* inspect on what a checkpoint stores. */
#ifndef QN_TOOLS_INSPECT_H
#define QN_TOOLS_INSPECT_H

#include "tools/cli.h"

/** Whether the operand's tensors are asked for, not its graph. */
bool inspect_wants_tensors(const cli_args *args);
/** Print them; the exit code. */
int inspect_tensors(qn_context *ctx, const cli_args *args);

/* A row for each constant; the bits a weight of those with a scheme, and of all in floating point. */
void inspect_print_weights(const qn_weight_info *rows, int32_t n);
json_t *inspect_json_weights(const qn_weight_info *rows, int32_t n);

#endif
