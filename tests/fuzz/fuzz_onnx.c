/* Any bytes as an ONNX model: read or refused, and what is read passes the checker. */
#include <stdlib.h>

#include "ir/check.h"
#include "read/onnx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static qn_context *ctx;
    static const qn_context_options options = {.threads = 1};
    if (!ctx && qn_context_create(&options, &ctx) != QN_OK)
        abort();
    qn_graph *graph = NULL;
    qn_status status = qn_onnx_read_bytes(ctx, "fuzz.onnx", NULL, data, size, &graph);
    if (status == QN_OK && qn_graph_check(ctx, graph) != QN_OK)
        abort();
    qn_graph_destroy(graph);
    qn_clear(ctx);
    return 0;
}
