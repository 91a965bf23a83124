#include "tests/ops/shape_case.h"

#include <stdio.h>

#include "base/buf.h"
#include "ir/text.h"
#include "ops/infer.h"

static qn_graph *parse(qn_context *ctx, const char *file, int line, const char *before, const char *node) {
    qn_buf text = QN_BUF_INIT;
    qn_buf_printf(&text, "%s\n%s\noutput %%y\n", before, node);
    qn_graph *graph = NULL;
    qn_status status = qn_graph_parse(ctx, text.data, &graph);
    if (status != QN_OK)
        fail_msg("%s:%d: %s\n%s", file, line, qn_context_message(ctx), text.data);
    qn_buf_free(&text);
    return graph;
}

static void print_outputs(const qn_graph *graph, qn_buf *out) {
    for (int32_t o = 0; o < graph->n_outputs; o++) {
        const qn_value *value = graph->outputs[o].value;
        qn_buf_printf(out, "%s%s", o ? "; " : "", qn_type_format(graph->arena, graph->symbols, &value->type));
        for (int64_t i = 0; value->content && i < value->n_content; i++)
            qn_buf_printf(out, "%s%s", i ? ", " : " = {",
                          qn_dim_format(graph->arena, graph->symbols, value->content[i]));
        if (value->content)
            qn_buf_puts(out, value->n_content ? "}" : " = {}");
    }
}

void qn_expect_shape(const char *file, int line, const char *before, const char *node, const char *want) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = parse(ctx, file, line, before, node);
    for (int run = 0; run < 2; run++) {
        qn_buf got = QN_BUF_INIT;
        qn_status status = qn_infer_graph(ctx, graph);
        if (status != QN_OK)
            fail_msg("%s:%d: run %d: %s\n%s", file, line, run, qn_context_message(ctx), node);
        print_outputs(graph, &got);
        if (strcmp(got.data, want) != 0)
            fail_msg("%s:%d: run %d: %s\n  gives %s\n  want  %s", file, line, run, node, got.data, want);
        qn_buf_free(&got);
    }
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

void qn_expect_refusal(const char *file, int line, int status, const char *before, const char *node, const char *want) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = parse(ctx, file, line, before, node);
    qn_status got = qn_infer_graph(ctx, graph);
    if ((int)got != status)
        fail_msg("%s:%d: status %d, wanted %d: %s\n%s", file, line, (int)got, status, qn_context_message(ctx), node);
    if (!strstr(qn_context_message(ctx), want))
        fail_msg("%s:%d: message '%s' lacks '%s'", file, line, qn_context_message(ctx), want);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}
