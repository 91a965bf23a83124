#include <stdio.h>

#include "compare/metrics.h"
#include "ir/check.h"
#include "ir/text.h"
#include "passes/pass.h"
#include "tests/passes/evaluate.h"
#include "tests/test.h"

/* Something for many passes, a subgraph included. */
static const char g_model[] =
    "input %x: float32[2,3,8,8]\n"
    "input %t: bool[]\n"
    "const %w: float32[4,3,3,3] = random(1)\n"
    "const %scale: float32[4] = positive(2)\n"
    "const %shift: float32[4] = random(3)\n"
    "const %mean: float32[4] = random(4)\n"
    "const %var: float32[4] = positive(5)\n"
    "const %m: float32[6,7] = random(6)\n"
    "const %b: float32[7] = random(7)\n"
    "const %one: float32[] = 1\n"
    "%c = Conv(%x, %w)\n"
    "%n = BatchNormalization(%c, %scale, %shift, %mean, %var)\n"
    "%r = Relu(%n)\n"
    "%p = Transpose(%r) {perm=[0,2,3,1]}\n"
    "%q = Mul(%p, %one)\n"
    "%s = Sigmoid(%q)\n"
    "%u = Transpose(%s) {perm=[0,3,1,2]}\n"
    "%v = If(%t) {then_branch={\n"
    "    %a = Identity(%u)\n"
    "    %d = MatMul(%a, %m)\n"
    "    %e = Add(%d, %b)\n"
    "    output %e\n"
    "}, else_branch={\n"
    "    %f = MatMul(%u, %m)\n"
    "    output %f\n"
    "}}\n"
    "%unused = Exp(%v)\n"
    "%y = Neg(%v)\n"
    "output %y\n";

static qn_graph *parse(qn_context *ctx, const char *text) {
    qn_graph *graph = NULL;
    ASSERT_OK(ctx, qn_graph_parse(ctx, text, &graph));
    return graph;
}

static int64_t total(const qn_pass_stat *stats, int32_t n) {
    int64_t sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += stats[i].rewrites;
    return sum;
}

static int64_t run(qn_context *ctx, qn_graph *graph, const char *stop_after, const qn_pass_stat **stats) {
    const qn_pass_options options = {.precision = QN_F32, .stop_after = stop_after};
    qn_pass_stat *rows = NULL;
    int32_t n = 0;
    ASSERT_OK(ctx, qn_passes_run(ctx, graph, &options, &rows, &n));
    if (stats)
        *stats = rows;
    return total(rows, n);
}

static int32_t row_of(const char *name) {
    int32_t n;
    const qn_pass *passes = qn_passes(&n);
    for (int32_t i = 0; i < n; i++)
        if (strcmp(passes[i].name, name) == 0)
            return i;
    return -1;
}

QN_TEST(passes_driver_order) {
    int32_t n;
    const qn_pass *passes = qn_passes(&n);
    assert_true(n > 0);
    for (int32_t i = 0; i < n; i++) {
        char names[256], *save = NULL;
        snprintf(names, sizeof names, "%s", passes[i].after);
        for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
            assert_true(row_of(name) >= 0);
            assert_true(row_of(name) < i);
        }
        assert_true(strcmp(passes[i].group, "clean") == 0 || strcmp(passes[i].group, "fuse") == 0 ||
                    strcmp(passes[i].group, "finish") == 0);
    }
}

QN_TEST(passes_driver_all) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = parse(ctx, g_model);
    const qn_pass_stat *stats;
    assert_true(run(ctx, graph, NULL, &stats) > 0);
    assert_int_equal(stats[row_of("fuse_conv_batchnorm")].rewrites, 1);
    assert_int_equal(stats[row_of("push_transposes")].rewrites, 1);
    assert_true(stats[row_of("remove_dead_nodes")].rewrites >= 1);
    /* Conv with its activation, Sigmoid, If, Neg */
    assert_int_equal(graph->n_nodes, 4);
    qn_graph *branch = NULL;
    for (const qn_node *node = graph->first; node; node = node->next)
        if (node->op == QN_OP_If)
            branch = qn_node_graph(node, "then_branch");
    assert_non_null(branch);
    assert_int_equal(branch->n_nodes, 1); /* subgraphs are walked: Linear with bias */
    assert_int_equal(branch->first->op, QN_OP_Linear);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* Whatever number of rewrites it stops after, the graph is whole and computes the same. */
QN_TEST(passes_driver_stop_after_number) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_graph *source = parse(ctx, g_model);
    qn_tensor in[2], want, got;
    ASSERT_OK(ctx, qn_test_random_inputs(ctx, arena, source, 3, in));
    ASSERT_OK(ctx, qn_test_evaluate(ctx, arena, source, in, &want));
    int64_t n = 0, done;
    do {
        char text[32];
        qn_graph *graph = parse(ctx, g_model);
        snprintf(text, sizeof text, "%lld", (long long)n);
        done = run(ctx, graph, text, NULL);
        assert_true(done <= n);
        ASSERT_OK(ctx, qn_graph_check(ctx, graph));
        ASSERT_OK(ctx, qn_test_evaluate(ctx, arena, graph, in, &got));
        qn_metrics m;
        ASSERT_OK(ctx, qn_metrics_compute(ctx, &want, &got, NULL, 0, 0, &m));
        if (!(m.max_rel <= 1e-5)) /* sums of 27 products and their scales in another order */
            fail_msg("after %lld rewrites: off by %g", (long long)n, m.max_rel);
        qn_graph_destroy(graph);
    } while (done == n++ && n < 200);
    assert_true(n > 8 && n < 200);
    qn_graph_destroy(source);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

QN_TEST(passes_driver_stop_after_name) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = parse(ctx, g_model);
    const qn_pass_stat *stats;
    int32_t n;
    run(ctx, graph, "fuse_conv_batchnorm", &stats);
    qn_passes(&n);
    for (int32_t i = row_of("fuse_conv_batchnorm") + 1; i < n; i++)
        assert_int_equal(stats[i].rewrites, 0);
    assert_int_equal(stats[row_of("fuse_conv_batchnorm")].rewrites, 1);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

QN_TEST(passes_driver_refusals) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = parse(ctx, g_model);
    qn_pass_options options = {.precision = QN_F32, .stop_after = "fuse_nothing"};
    ASSERT_FAILS(ctx, QN_USAGE, "fuse_nothing", qn_passes_run(ctx, graph, &options, NULL, NULL));
    qn_clear(ctx);
    options.stop_after = "-1";
    ASSERT_FAILS(ctx, QN_USAGE, "-1", qn_passes_run(ctx, graph, &options, NULL, NULL));
    qn_clear(ctx);
    ASSERT_FAILS(ctx, QN_USAGE, "fuse_nothing", qn_pass_run_one(ctx, graph, "fuse_nothing", NULL, NULL));
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

QN_TEST(passes_driver_provenance) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = parse(ctx, g_model);
    for (qn_node *node = graph->first; node; node = node->next) {
        node->origin = node->out[0]->name;
        node->out[0]->origin = node->out[0]->name;
    }
    run(ctx, graph, NULL, NULL);
    /* the Conv with its activation stands for the Relu, and comes from all three */
    const qn_node *conv = graph->first;
    assert_int_equal(conv->op, QN_OP_Conv);
    assert_string_equal(conv->out[0]->origin, "r");
    assert_non_null(strstr(conv->origin, "c"));
    assert_non_null(strstr(conv->origin, "n"));
    assert_non_null(strstr(conv->origin, "r"));
    /* the Sigmoid now gives what the Transpose after it gave */
    assert_string_equal(conv->next->out[0]->origin, "u");
    assert_string_equal(graph->outputs[0].value->origin, "y");
    assert_string_equal(graph->outputs[0].name, "y");
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}
