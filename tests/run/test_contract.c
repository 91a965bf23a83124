/* The dimension contract: each refusal names input and dimension. */
#include "run/contract.h"
#include "tests/run/run_graph.h"

static const char g_text[] = "input %x: float32[batch,3,14*rows]\ninput %m: int64[batch,n]\n%y = Relu(%x)\noutput %y\noutput %m";

static run_test begin(void) {
    run_test t = run_begin(g_text, NULL);
    const int32_t batch = qn_dim_symbol_index(t.graph->symbols, qn_dim_symbol(t.graph->symbols, "batch"));
    const int32_t rows = qn_dim_symbol_index(t.graph->symbols, qn_dim_symbol(t.graph->symbols, "n"));
    qn_dim_range range;
    ASSERT_OK(t.ctx, qn_dim_range_parse(t.ctx, t.graph->arena, "1..4", &range));
    qn_symbol_set_range(t.graph->symbols, batch, range);
    ASSERT_OK(t.ctx, qn_dim_range_parse(t.ctx, t.graph->arena, "8|16", &range));
    qn_symbol_set_range(t.graph->symbols, rows, range);
    t.in[0] = run_normal(&t, 1, RUN_DIMS(2, 3, 28));
    t.in[1] = run_tensor(&t, QN_I64, RUN_DIMS(2, 8), NULL);
    return t;
}

static void refuses(run_test *t, const char *message) {
    ASSERT_FAILS(t->ctx, QN_USAGE, message, qn_session_run(t->session, t->in, 2, t->out, 2));
}

QN_TEST(run_contract_refusals) {
    run_test t = begin();
    run_ok(&t);
    t.in[0].dtype = QN_I32;
    refuses(&t, "input 'x' is int32, the model takes float32");
    t.in[0] = run_normal(&t, 1, RUN_DIMS(2, 3));
    refuses(&t, "input 'x' has 2 dimensions, the model takes 3");
    t.in[0] = run_normal(&t, 1, RUN_DIMS(2, 4, 28));
    refuses(&t, "input 'x': dimension 1 is 4, the model takes 3");
    t.in[0] = run_normal(&t, 1, RUN_DIMS(3, 3, 28));
    refuses(&t, "input 'm': dimension 0 (batch) is 2, elsewhere batch is 3");
    t.in[0] = run_normal(&t, 1, RUN_DIMS(2, 3, 28));
    t.in[0].n_bytes--;
    refuses(&t, "input 'x': its bytes do not fit its shape");
    t.in[0].n_bytes++;
    t.in[0].data = NULL;
    refuses(&t, "input 'x': its bytes do not fit its shape");
    t.in[0] = run_normal(&t, 1, RUN_DIMS(2, 3, 28));
    t.in[0].dims[2] = -28;
    refuses(&t, "input 'x': its bytes do not fit its shape");
    t.in[0].dims[2] = INT64_MAX;
    refuses(&t, "input 'x': its bytes do not fit its shape");
    t.in[0].rank = QN_MAX_RANK + 1;
    refuses(&t, "input 'x' has 9 dimensions");
    run_end(&t);
}

QN_TEST(run_contract_ranges) {
    run_test t = begin();
    t.in[0] = run_normal(&t, 1, RUN_DIMS(5, 3, 28));
    t.in[1] = run_tensor(&t, QN_I64, RUN_DIMS(5, 8), NULL);
    refuses(&t, "dimension batch is 5, the model takes 1..4");
    t.in[0] = run_normal(&t, 1, RUN_DIMS(4, 3, 28));
    t.in[1] = run_tensor(&t, QN_I64, RUN_DIMS(4, 9), NULL);
    refuses(&t, "dimension n is 9, the model takes 8|16");
    t.in[1] = run_tensor(&t, QN_I64, RUN_DIMS(4, 16), NULL);
    run_ok(&t);
    run_end(&t);
}

QN_TEST(run_contract_counts) {
    run_test t = begin();
    ASSERT_FAILS(t.ctx, QN_USAGE, "1 inputs, the model takes 2", qn_session_run(t.session, t.in, 1, t.out, 2));
    ASSERT_FAILS(t.ctx, QN_USAGE, "3 outputs, the model gives 2", qn_session_run(t.session, t.in, 2, t.out, 3));
    run_end(&t);
}

/* A dimension that is an expression of a symbol known from elsewhere has one value. */
QN_TEST(run_contract_expressions) {
    run_test t = run_begin("input %x: float32[n]\ninput %z: float32[2*n+1]\n%y = Relu(%z)\noutput %y", NULL);
    t.in[0] = run_normal(&t, 1, RUN_DIMS(4));
    t.in[1] = run_normal(&t, 1, RUN_DIMS(9));
    run_ok(&t);
    t.in[1] = run_normal(&t, 1, RUN_DIMS(8));
    ASSERT_FAILS(t.ctx, QN_USAGE, "input 'z': dimension 0 is 8, the model takes 9 = 2*n+1",
                 qn_session_run(t.session, t.in, 2, t.out, 1));
    run_end(&t);
}
