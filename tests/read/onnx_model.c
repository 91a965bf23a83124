/* Whole models for tests, and what the reader makes of them. */
#include <stdlib.h>
#include <string.h>

#include "ir/check.h"
#include "ir/text.h"
#include "read/onnx.h"
#include "tests/read/onnx_build.h"
#include "tests/test.h"

qn_buf ob_model_of_node(int64_t opset, const char *inputs, qn_buf node, const char *outputs) {
    qn_buf graph = QN_BUF_INIT;
    char name[32], dims[64];
    for (const char *p = inputs; *p;) {
        size_t n = strcspn(p, "["), m = strcspn(p + n, "]");
        assert_true(n < sizeof name && m < sizeof dims);
        memcpy(name, p, n);
        name[n] = 0;
        memcpy(dims, p + n + 1, m - 1);
        dims[m - 1] = 0;
        pb_message(&graph, OB_INPUT, ob_value(name, QN_F32, dims));
        p += n + m + 1;
        p += *p == ',';
    }
    pb_message(&graph, OB_NODE, node);
    for (const char *p = outputs; *p;) {
        size_t n = strcspn(p, ",");
        assert_true(n < sizeof name);
        memcpy(name, p, n);
        name[n] = 0;
        pb_message(&graph, OB_OUTPUT, ob_value(name, QN_F32, NULL));
        p += n + (p[n] != 0);
    }
    return ob_model(opset, graph);
}

char *ob_read_text(qn_buf model, qn_status *status) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = NULL;
    qn_buf text = QN_BUF_INIT;
    *status = qn_onnx_read_bytes(ctx, "m.onnx", NULL, model.data, model.n, &graph);
    if (*status == QN_OK)
        *status = qn_graph_check(ctx, graph);
    if (*status == QN_OK)
        *status = qn_graph_print(ctx, graph, &text);
    if (*status != QN_OK)
        qn_buf_puts(&text, qn_context_message(ctx));
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
    qn_buf_free(&model);
    assert_non_null(text.data);
    return text.data;
}
