/* A graph of a few lines in a session, and the reference evaluator of the passes' tests beside it. */
#ifndef QN_TESTS_RUN_RUN_GRAPH_H
#define QN_TESTS_RUN_RUN_GRAPH_H

#include "run/session.h"
#include "tests/test.h"

enum { RUN_MAX_PORTS = 16 };

typedef struct run_test {
    qn_context *ctx;
    qn_arena *arena;            /* of tensors: until run_end */
    qn_graph *graph;
    qn_session *session;
    qn_tensor in[RUN_MAX_PORTS], out[RUN_MAX_PORTS]; /* of the last run */
} run_test;

/** Parse and infer `text`, and make a session. `options` may be NULL. */
run_test run_begin(const char *text, const qn_session_options *options);
/** The same with so many threads. */
run_test run_begin_threads(const char *text, const qn_session_options *options, int threads);
void run_end(run_test *t);

/** A tensor in the test's arena: a copy of `n_bytes` bytes. */
qn_tensor run_tensor(run_test *t, qn_dtype dtype, int32_t rank, const int64_t *dims, const void *data);
/** float32 numbers from a seed. */
qn_tensor run_normal(run_test *t, uint64_t seed, int32_t rank, const int64_t *dims);

/** Run on t->in; the test fails when it fails. */
void run_ok(run_test *t);
/** Run on t->in and compare every output with the evaluator's, to the bit. */
void run_exactly(run_test *t);
/** Same dtype, dims and bytes. */
void run_expect_same(const qn_tensor *got, const qn_tensor *want, const char *what);

#define RUN_DIMS(...) (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__}

#endif
