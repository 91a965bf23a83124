#include "tests/test.h"

#include "ir/text.h"
#include "ops/infer.h"

static const char *const g_text =
    "input %x: float32[batch,3,height,width]\n"
    "input %m: float32[batch,past + seq]\n"
    "const %w: float32[8,3,14,14] = random(1)\n"
    "const %one: int64[1] = {1}\n"
    "%c = Conv(%x, %w) {strides=[14,14]}\n"
    "%s = Shape(%c)\n"
    "%p = Slice(%m, %one, %one, %one)\n"
    "output %c\noutput %s\n";

static qn_graph *graph_of(qn_context *ctx) {
    qn_graph *graph = NULL;
    ASSERT_OK(ctx, qn_graph_parse(ctx, g_text, &graph));
    ASSERT_OK(ctx, qn_infer_graph(ctx, graph));
    return graph;
}

static qn_status bind(qn_context *ctx, qn_graph *graph, const char *const *texts, size_t n) {
    qn_clear(ctx);
    return qn_graph_bind_dims(ctx, graph, texts, (int32_t)n);
}

#define BIND(...) bind(ctx, graph, (const char *const[]){__VA_ARGS__}, \
                       sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void outputs_are(qn_graph *graph, const char *type, const char *elem0) {
    const qn_value *s = graph->outputs[1].value;
    assert_string_equal(qn_type_format(graph->arena, graph->symbols, &graph->outputs[0].value->type), type);
    assert_non_null(s->content);
    assert_string_equal(qn_dim_format(graph->arena, graph->symbols, s->content[0]), elem0);
}

QN_TEST(ops_bind_numbers_are_substituted) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = graph_of(ctx);
    outputs_are(graph, "float32[batch,8,height//14,width//14]", "batch");
    ASSERT_OK(ctx, BIND("batch=2", "height=28"));
    outputs_are(graph, "float32[2,8,2,width//14]", "2");
    ASSERT_OK(ctx, qn_infer_graph(ctx, graph));
    outputs_are(graph, "float32[2,8,2,width//14]", "2");
    ASSERT_OK(ctx, BIND("x.3=518"));
    outputs_are(graph, "float32[2,8,2,37]", "2");
    ASSERT_OK(ctx, BIND("x.3=518"));
    ASSERT_FAILS(ctx, QN_USAGE, "'x.3' is 518 and stays so", BIND("x.3=519"));
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

QN_TEST(ops_bind_ranges_are_kept) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = graph_of(ctx);
    ASSERT_OK(ctx, BIND("batch=1..64", "height=14..2072:14", "seq=32|128"));
    ASSERT_OK(ctx, BIND("batch=1..64", "height=14..2072:14", "seq=32|128")); /* once more says nothing new */
    outputs_are(graph, "float32[batch,8,height//14,width//14]", "batch");
    for (int32_t i = 0; i < qn_symbols_count(graph->symbols); i++) {
        const char *name = qn_symbol_name(graph->symbols, i);
        const char *range = qn_dim_range_format(graph->arena, qn_symbol_range(graph->symbols, i));
        if (strcmp(name, "batch") == 0)
            assert_string_equal(range, "1..64");
        if (strcmp(name, "height") == 0)
            assert_string_equal(range, "14..2072:14");
        if (strcmp(name, "seq") == 0)
            assert_string_equal(range, "32|128");
    }
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* A range may become narrower, never wider: the graph was built for what it says. */
QN_TEST(ops_bind_within_the_contract) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = graph_of(ctx);
    ASSERT_OK(ctx, BIND("batch=1..64", "height=14..2072:14", "seq=32|128", "width=14..:14"));
    ASSERT_FAILS(ctx, QN_USAGE, "dimension 'height=15' is outside the model's 14..2072:14", BIND("height=15"));
    ASSERT_FAILS(ctx, QN_USAGE, "dimension 'height=0' is outside the model's 14..2072:14", BIND("height=0"));
    ASSERT_FAILS(ctx, QN_USAGE, "dimension 'height=14..2072:7' is outside", BIND("height=14..2072:7"));
    ASSERT_FAILS(ctx, QN_USAGE, "dimension 'height=14..2086:14' is outside", BIND("height=14..2086:14"));
    ASSERT_FAILS(ctx, QN_USAGE, "dimension 'width=518|520' is outside the model's 14..:14", BIND("width=518|520"));
    ASSERT_FAILS(ctx, QN_USAGE, "dimension 'seq=32..128' is outside the model's 32|128", BIND("seq=32..128"));
    ASSERT_FAILS(ctx, QN_USAGE, "dimension 'batch=1..65' is outside the model's 1..64", BIND("batch=1..65"));
    ASSERT_OK(ctx, BIND("batch=2..4", "height=28..1036:28", "width=14|28", "seq=128"));
    outputs_are(graph, "float32[batch,8,height//14,width//14]", "batch");
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

QN_TEST(ops_bind_refusals) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = graph_of(ctx);
    ASSERT_FAILS(ctx, QN_USAGE, "no dimension 'depth'; there are: batch, height, width, past, seq", BIND("depth=3"));
    ASSERT_FAILS(ctx, QN_USAGE, "no dimension 'x.4'", BIND("x.4=3"));
    ASSERT_FAILS(ctx, QN_USAGE, "no dimension 'x.99999999999999999999'", BIND("x.99999999999999999999=3"));
    ASSERT_FAILS(ctx, QN_USAGE, "no dimension 'y.0'", BIND("y.0=3"));
    ASSERT_FAILS(ctx, QN_USAGE, "'x.1' is 3 and stays so", BIND("x.1=1..4"));
    ASSERT_OK(ctx, BIND("x.1=3"));
    ASSERT_FAILS(ctx, QN_USAGE, "'m.1' is computed", BIND("m.1=8"));
    ASSERT_FAILS(ctx, QN_USAGE, "is not NAME=RANGE", BIND("batch"));
    ASSERT_FAILS(ctx, QN_USAGE, "is not NAME=RANGE", BIND("=3"));
    ASSERT_FAILS(ctx, QN_USAGE, "", BIND("batch=many"));
    ASSERT_FAILS(ctx, QN_USAGE, "", BIND("batch=-1"));
    ASSERT_FAILS(ctx, QN_USAGE, "", BIND("batch="));
    qn_graph_destroy(graph);
    ASSERT_OK(ctx, qn_graph_parse(ctx, "input %x: float32[3]\noutput %x", &graph));
    ASSERT_FAILS(ctx, QN_USAGE, "all of them are numbers", BIND("batch=3"));
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}
