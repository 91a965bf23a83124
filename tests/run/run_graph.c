#include "tests/run/run_graph.h"

#include "base/checked.h"
#include "base/random.h"
#include "ir/check.h"
#include "ir/text.h"
#include "ops/infer.h"
#include "tests/passes/evaluate.h"

run_test run_begin_threads(const char *text, const qn_session_options *options, int threads) {
    run_test t = {.arena = qn_arena_create()};
    const qn_context_options context = {.threads = threads};
    assert_int_equal(qn_context_create(&context, &t.ctx), QN_OK);
    ASSERT_OK(t.ctx, qn_graph_parse(t.ctx, text, &t.graph));
    ASSERT_OK(t.ctx, qn_infer_graph(t.ctx, t.graph));
    ASSERT_OK(t.ctx, qn_graph_check(t.ctx, t.graph));
    assert_true(t.graph->n_inputs <= RUN_MAX_PORTS && t.graph->n_outputs <= RUN_MAX_PORTS);
    ASSERT_OK(t.ctx, qn_session_create(t.ctx, t.graph, options, &t.session));
    return t;
}

run_test run_begin(const char *text, const qn_session_options *options) { return run_begin_threads(text, options, 2); }

void run_end(run_test *t) {
    qn_session_destroy(t->session);
    qn_graph_destroy(t->graph);
    qn_arena_destroy(t->arena);
    qn_context_destroy(t->ctx);
}

qn_tensor run_tensor(run_test *t, qn_dtype dtype, int32_t rank, const int64_t *dims, const void *data) {
    qn_tensor x = {.dtype = dtype, .rank = rank};
    int64_t n;
    memcpy(x.dims, dims, (size_t)rank * sizeof *dims);
    assert_true(qn_count_elems(dims, rank, &n));
    x.n_bytes = (size_t)n * qn_dtype_bytes(dtype);
    x.data = qn_arena_alloc(t->arena, x.n_bytes);
    if (data && x.n_bytes)
        memcpy(x.data, data, x.n_bytes);
    return x;
}

qn_tensor run_normal(run_test *t, uint64_t seed, int32_t rank, const int64_t *dims) {
    qn_tensor x = run_tensor(t, QN_F32, rank, dims, NULL);
    for (size_t i = 0; i < x.n_bytes / sizeof(float); i++)
        ((float *)x.data)[i] = (float)qn_random_normal(&seed);
    return x;
}

void run_ok(run_test *t) {
    ASSERT_OK(t->ctx, qn_session_run(t->session, t->in, t->graph->n_inputs, t->out, t->graph->n_outputs));
}

void run_expect_same(const qn_tensor *got, const qn_tensor *want, const char *what) {
    if (got->dtype != want->dtype || got->rank != want->rank || got->n_bytes != want->n_bytes ||
        memcmp(got->dims, want->dims, sizeof(int64_t) * (size_t)want->rank) != 0)
        fail_msg("%s: another type", what);
    if (want->n_bytes && memcmp(got->data, want->data, want->n_bytes) != 0)
        fail_msg("%s: other numbers", what);
}

void run_exactly(run_test *t) {
    qn_tensor want[RUN_MAX_PORTS];
    qn_arena *arena = qn_arena_create();
    run_ok(t);
    ASSERT_OK(t->ctx, qn_test_evaluate(t->ctx, arena, t->graph, t->in, want));
    for (int32_t i = 0; i < t->graph->n_outputs; i++)
        run_expect_same(&t->out[i], &want[i], t->graph->outputs[i].name);
    qn_arena_destroy(arena);
}
