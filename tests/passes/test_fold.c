#include "compare/metrics.h"
#include "ir/text.h"
#include "passes/pass.h"
#include "tests/passes/evaluate.h"
#include "tests/test.h"

static qn_graph *parse(qn_context *ctx, const char *text) {
    qn_graph *graph = NULL;
    ASSERT_OK(ctx, qn_graph_parse(ctx, text, &graph));
    return graph;
}

static int64_t fold(qn_context *ctx, qn_graph *graph, int64_t limit) {
    const qn_pass_options options = {.precision = QN_F32, .fold_limit_bytes = limit};
    int64_t rewrites = 0;
    ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "fold_constants", &options, &rewrites));
    return rewrites;
}

/* The graph computes what the text says. */
static void assert_same_numbers(qn_context *ctx, const char *text, const qn_graph *graph) {
    qn_arena *arena = qn_arena_create();
    qn_graph *source = parse(ctx, text);
    qn_tensor in[4], want[4], got[4];
    qn_metrics m;
    ASSERT_OK(ctx, qn_test_random_inputs(ctx, arena, source, 9, in));
    ASSERT_OK(ctx, qn_test_evaluate(ctx, arena, source, in, want));
    ASSERT_OK(ctx, qn_test_evaluate(ctx, arena, graph, in, got));
    for (int32_t i = 0; i < source->n_outputs; i++) {
        ASSERT_OK(ctx, qn_metrics_compute(ctx, &want[i], &got[i], NULL, 0, 0, &m));
        assert_true(m.max_abs <= 0); /* the same kernels on the same numbers */
    }
    qn_graph_destroy(source);
    qn_arena_destroy(arena);
}

QN_TEST(passes_fold_expression_holds_no_bytes) {
    static const char text[] = "const %w: float32[4,6] = random(1)\n"
                               "%t = Transpose(%w) {perm=[1,0]}\n"
                               "output %t\n";
    qn_context *ctx = qn_test_context();
    qn_graph *graph = parse(ctx, text);
    assert_int_equal(fold(ctx, graph, 8), 1);
    const qn_const *c = graph->outputs[0].value->constant;
    assert_int_equal(graph->n_nodes, 0);
    assert_non_null(c);
    assert_non_null(c->expr);
    assert_null(c->part[QN_PART_VALUES].data);
    assert_int_equal(c->dims[0], 6);
    assert_int_equal(c->dims[1], 4);
    assert_same_numbers(ctx, text, graph);
    qn_graph_destroy(graph);
    graph = parse(ctx, text);
    assert_int_equal(fold(ctx, graph, 6 * 4 * 4), 1);
    assert_null(graph->outputs[0].value->constant->expr);
    assert_same_numbers(ctx, text, graph);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* Each part of a Split is an expression of its own. */
QN_TEST(passes_fold_split) {
    static const char text[] = "const %w: float32[4,7] = random(1)\n"
                               "const %sizes: int64[3] = {2, 4, 1}\n"
                               "%a, %b, %c = Split(%w, %sizes) {axis=-1}\n"
                               "output %a\noutput %b\noutput %c\n";
    qn_context *ctx = qn_test_context();
    qn_graph *graph = parse(ctx, text);
    assert_int_equal(fold(ctx, graph, 8), 1);
    for (int32_t i = 0; i < 3; i++)
        assert_non_null(graph->outputs[i].value->constant->expr);
    assert_same_numbers(ctx, text, graph);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* x + x, over and over: as a tree it would be evaluated 2^100 times. */
QN_TEST(passes_fold_bounds_expressions) {
    qn_context *ctx = qn_test_context();
    qn_buf text = QN_BUF_INIT;
    qn_buf_puts(&text, "const %x0: float32[4,6] = random(1)\n");
    for (int i = 0; i < 100; i++)
        qn_buf_printf(&text, "%%x%d = Mul(%%x%d, %%x%d)\n", i + 1, i, i);
    qn_buf_puts(&text, "output %x100\n");
    qn_graph *graph = parse(ctx, text.data);
    const int64_t folded = fold(ctx, graph, 8);
    assert_true(folded > 0 && folded < 10);
    assert_int_equal(graph->n_nodes, 100 - folded);
    assert_same_numbers(ctx, text.data, graph);
    qn_graph_destroy(graph);
    qn_buf_free(&text);
    qn_context_destroy(ctx);
}

/* A branch with constants of its own and an If inside is taken whole. */
QN_TEST(passes_fold_nested_branches) {
    static const char text[] = "input %x: float32[2,3]\n"
                               "input %t: bool[]\n"
                               "const %yes: bool[] = 1\n"
                               "%a = If(%yes) {then_branch={\n"
                               "    const %k: float32[3] = {1, 2, 3}\n"
                               "    %b = Mul(%x, %k)\n"
                               "    %c = If(%t) {then_branch={\n"
                               "        %d = Add(%b, %k)\n"
                               "        output %d\n"
                               "    }, else_branch={\n"
                               "        %e = Sub(%b, %x)\n"
                               "        output %e\n"
                               "    }}\n"
                               "    output %c\n"
                               "}, else_branch={\n"
                               "    output %x\n"
                               "}}\n"
                               "output %a\n";
    qn_context *ctx = qn_test_context();
    qn_graph *graph = parse(ctx, text);
    assert_int_equal(fold(ctx, graph, 0), 1);
    assert_int_equal(graph->n_nodes, 2);
    assert_string_equal(graph->outputs[0].name, "a");
    assert_same_numbers(ctx, text, graph);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* A branch may give a value of the graph around it, even a graph input. */
QN_TEST(passes_fold_branch_gives_outer_value) {
    static const char text[] = "input %x: float32[2,3]\n"
                               "const %no: bool[] = 0\n"
                               "%r = Exp(%x)\n"
                               "%a, %b = If(%no) {then_branch={\n"
                               "    %c = Relu(%r)\n"
                               "    output %c\n"
                               "    output %r\n"
                               "}, else_branch={\n"
                               "    output %x\n"
                               "    output %r\n"
                               "}}\n"
                               "%y = Add(%a, %b)\n"
                               "output %y\noutput %a\n";
    qn_context *ctx = qn_test_context();
    qn_graph *graph = parse(ctx, text);
    assert_int_equal(fold(ctx, graph, 0), 1);
    assert_int_equal(graph->n_nodes, 2);
    assert_ptr_equal(graph->outputs[1].value, graph->inputs[0].value);
    assert_same_numbers(ctx, text, graph);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}
