/* What holds for every graph: all passes, or any number of rewrites, leave its numbers alone. */
#include <stdio.h>

#include "compare/metrics.h"
#include "ir/text.h"
#include "passes/pass.h"
#include "tests/passes/evaluate.h"
#include "tests/passes/random_graph.h"
#include "tests/test.h"

enum { N_GRAPHS = 600, N_NODES = 40 };

/* Of an output's largest magnitude: the default bound of the examples, doubled for chains of some dozen nodes. */
static const double g_bound = 2e-5;

static void check_graph(uint64_t seed, const char *stop_after) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_buf text = QN_BUF_INIT;
    qn_graph *source = NULL, *graph = NULL;
    qn_tensor in[2], want[2], got[2];
    const qn_pass_options options = {.precision = QN_F32, .stop_after = stop_after};
    qn_test_random_graph(&text, seed, 1 + (int)(seed % N_NODES));
    ASSERT_OK(ctx, qn_graph_parse(ctx, text.data, &source));
    ASSERT_OK(ctx, qn_graph_parse(ctx, text.data, &graph));
    ASSERT_OK(ctx, qn_test_random_inputs(ctx, arena, source, seed, in));
    ASSERT_OK(ctx, qn_test_evaluate(ctx, arena, source, in, want));
    ASSERT_OK(ctx, qn_passes_run(ctx, graph, &options, NULL, NULL));
    ASSERT_OK(ctx, qn_test_evaluate(ctx, arena, graph, in, got));
    for (int i = 0; i < 2; i++) {
        qn_metrics m;
        ASSERT_OK(ctx, qn_metrics_compute(ctx, &want[i], &got[i], NULL, 0, 0, &m));
        if (!(m.max_rel <= g_bound))
            fail_msg("seed %llu, stop after %s: output %d is off by %g\n%s", (unsigned long long)seed,
                     stop_after ? stop_after : "nothing", i, m.max_rel, text.data);
    }
    qn_graph_destroy(source);
    qn_graph_destroy(graph);
    qn_buf_free(&text);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

QN_TEST(passes_random_all) {
    for (uint64_t seed = 1; seed <= N_GRAPHS; seed++)
        check_graph(seed, NULL);
}

QN_TEST(passes_random_stopped) {
    for (uint64_t seed = 1; seed <= N_GRAPHS; seed++) {
        char n[16];
        snprintf(n, sizeof n, "%d", (int)(seed % 13));
        check_graph(seed + N_GRAPHS, n);
    }
}
