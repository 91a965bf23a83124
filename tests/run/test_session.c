/* Sessions: bindings, probes, threads, profiles, interruption. */
#include "base/buf.h"
#include "tests/passes/evaluate.h"
#include "tests/run/run_graph.h"

/* A little of everything that has fast kernels. */
static const char g_mixed[] =
    "input %x: float32[b,3,h,w]\n"
    "const %k: float32[8,3,3,3] = random(1)\nconst %d: float32[8,1,3,3] = random(2)\nconst %m: float32[8,5] = random(3)\n"
    "const %s: float32[5] = positive(4)\nconst %to: int64[3] = {0, 8, -1}\nconst %axes: int64[1] = {1}\n"
    "%c = Conv(%x, %k) {pads=[1,1,1,1]}\n%r = Relu(%c)\n%dw = Conv(%r, %d) {group=8}\n"
    "%p = AveragePool(%dw) {kernel_shape=[2,2], strides=[2,2]}\n%f = Reshape(%p, %to)\n%t = Transpose(%f) {perm=[0,2,1]}\n"
    "%l = MatMul(%t, %m)\n%n = LayerNormalization(%l, %s)\n%g = Gelu(%n)\n%q = Softmax(%g)\n%y = ReduceMean(%q, %axes)\n"
    "output %y\noutput %g";

/* The numbers do not depend on how many threads share the work. */
QN_TEST(run_session_threads_change_no_bit) {
    qn_tensor want[2];
    run_test one = run_begin_threads(g_mixed, NULL, 1);
    one.in[0] = run_normal(&one, 1, RUN_DIMS(2, 3, 37, 29));
    run_ok(&one);
    for (int i = 0; i < 2; i++)
        want[i] = one.out[i];
    for (int threads = 2; threads <= 3; threads++) {
        run_test t = run_begin_threads(g_mixed, NULL, threads);
        t.in[0] = one.in[0];
        run_ok(&t);
        for (int i = 0; i < 2; i++)
            run_expect_same(&t.out[i], &want[i], "an output");
        run_end(&t);
    }
    run_end(&one);
}

/* More bindings than plans are kept, back and forth: each run gives what a session of its own gives. */
QN_TEST(run_session_bindings) {
    run_test t = run_begin(g_mixed, &(qn_session_options){.reference = true});
    for (int i = 0; i < 30; i++) {
        const int64_t b = 1 + i % 2, h = 4 + i * 7 % 11, w = 4 + i * 5 % 3;
        t.in[0] = run_normal(&t, (uint64_t)i, RUN_DIMS(b, 3, h, w));
        run_exactly(&t);
        assert_int_equal(t.out[1].dims[0], b);
    }
    run_end(&t);
}

/* ---- probes -------------------------------------------------------------------------------------- */

/* Every value of the graph, kept by "*", is what the evaluator gives when that value is an output. */
QN_TEST(run_session_probes_hold_the_values) {
    static const char text[] = "input %x: float32[4,6]\nconst %to: int64[1] = {24}\n"
                               "%a = Relu(%x)\n%b = Neg(%a)\n%c = Mul(%b, %x)\n%d = Reshape(%c, %to)\n%e = Abs(%d)\noutput %e";
    const char *probes[] = {"*"};
    run_test t = run_begin(text, &(qn_session_options){.probes = probes, .n_probes = 1});
    t.in[0] = run_normal(&t, 1, RUN_DIMS(4, 6));
    run_ok(&t);
    const qn_probe *rows;
    assert_int_equal(qn_session_probes(t.session, &rows), 5);
    for (int i = 0; i < 5; i++) {
        qn_buf with = QN_BUF_INIT;
        qn_tensor want[2];
        qn_buf_printf(&with, "%s\noutput \"probed\" = %%%s", text, rows[i].name);
        run_test alone = run_begin(with.data, NULL);
        ASSERT_OK(alone.ctx, qn_test_evaluate(alone.ctx, alone.arena, alone.graph, t.in, want));
        run_expect_same(&rows[i].tensor, &want[1], rows[i].name);
        assert_non_null(strstr(rows[i].node, rows[i].name));
        run_end(&alone);
        qn_buf_free(&with);
    }
    run_end(&t);
}

/* Patterns go over names and origins; what no pattern fits is not kept, nor what a branch not taken would make. */
QN_TEST(run_session_probes_by_pattern) {
    const char *probes[] = {"b?", "layers[0]*"};
    run_test t = run_begin("input %x: float32[3]\ninput %p: bool[]\n%a1 = Relu(%x)\n%b1 = Neg(%a1)\n%c1 = Abs(%b1)\n"
                           "%i = If(%p) { then_branch={ %b2 = Relu(%c1) output %b2 }, else_branch={ %b3 = Neg(%c1) output %b3 }}\n"
                           "output %i",
                           NULL);
    qn_session_destroy(t.session);
    qn_graph_find(t.graph, "c1")->origin = "layers[0]/Abs_output_0";
    ASSERT_OK(t.ctx, qn_session_create(t.ctx, t.graph, &(qn_session_options){.probes = probes, .n_probes = 2}, &t.session));
    const qn_probe *rows;
    t.in[0] = run_normal(&t, 1, RUN_DIMS(3));
    for (uint8_t p = 0; p < 2; p++) {
        t.in[1] = run_tensor(&t, QN_BOOL, 0, (int64_t[]){0}, &p);
        run_ok(&t);
        assert_int_equal(qn_session_probes(t.session, &rows), 3);
        assert_string_equal(rows[0].name, "b1");
        assert_null(rows[0].origin);
        assert_string_equal(rows[1].name, "c1");
        assert_string_equal(rows[1].origin, "layers[0]/Abs_output_0");
        assert_string_equal(rows[2].name, p ? "b2" : "b3");
    }
    run_end(&t);
}

/* ---- profile and interruption ------------------------------------------------------------------------- */

QN_TEST(run_session_profile) {
    run_test t = run_begin("input %x: float32[100]\n%a = Relu(%x)\n%y = Exp(%a)\noutput %y",
                           &(qn_session_options){.reference = true, .profile = true});
    const qn_profile_row *rows;
    assert_int_equal(qn_session_profile(t.session, &rows), 0);
    t.in[0] = run_normal(&t, 1, RUN_DIMS(100));
    run_ok(&t);
    run_ok(&t);
    assert_int_equal(qn_session_profile(t.session, &rows), 2);
    assert_string_equal(rows[0].op, "Relu");
    assert_string_equal(rows[1].op, "Exp");
    assert_string_equal(rows[1].kernel, "ref");
    assert_true(rows[0].calls == 2 && rows[0].seconds >= 0);
    assert_true(rows[0].flops == 2 * 100 && rows[0].bytes == 2 * 800 && rows[0].arithmetic == QN_F32);
    run_end(&t);
}

static int g_nodes_left;
static bool after_some_nodes(void *user) {
    (void)user;
    return g_nodes_left-- <= 0;
}

/* A run that was stopped leaves a session that runs. */
QN_TEST(run_session_interrupted) {
    run_test t = run_begin("input %x: float32[8]\n%a = Exp(%x)\n%b = Sin(%a)\n%y = Cos(%b)\noutput %y", NULL);
    qn_session_destroy(t.session);
    qn_context *ctx = NULL;
    const qn_context_options options = {.threads = 1, .cancelled = after_some_nodes};
    assert_int_equal(qn_context_create(&options, &ctx), QN_OK);
    ASSERT_OK(ctx, qn_session_create(ctx, t.graph, NULL, &t.session));
    t.in[0] = run_normal(&t, 1, RUN_DIMS(8));
    g_nodes_left = 1;
    ASSERT_FAILS(ctx, QN_CANCELLED, "interrupted", qn_session_run(t.session, t.in, 1, t.out, 1));
    g_nodes_left = 1000;
    ASSERT_OK(ctx, qn_session_run(t.session, t.in, 1, t.out, 1));
    qn_session_destroy(t.session);
    t.session = NULL;
    run_end(&t);
    qn_context_destroy(ctx);
}

/* ---- observing ------------------------------------------------------------------------------------- */

typedef struct watched {
    run_test *test;
    const qn_value *value[64];
    qn_tensor tensor[64];
    int n;
} watched;

static void watch(void *user, const qn_value *value, const qn_tensor *t) {
    watched *w = user;
    assert_true(w->n < 64);
    w->value[w->n] = value;
    w->tensor[w->n++] = run_tensor(w->test, t->dtype, t->rank, t->dims, t->data);
}

/* Every value that is no view is told of once, before its buffer serves another: the numbers are those that probes keep. */
QN_TEST(run_session_observes_each_value) {
    watched w = {0};
    run_test kept = run_begin(g_mixed, &(qn_session_options){.probes = (const char *const[]){"*"}, .n_probes = 1});
    run_test t = run_begin(g_mixed, &(qn_session_options){.observe = watch, .observe_user = &w});
    w.test = &t;
    t.in[0] = kept.in[0] = run_normal(&t, 5, RUN_DIMS(2, 3, 13, 9));
    run_ok(&kept);
    run_ok(&t);
    const qn_probe *probes;
    const int32_t n = qn_session_probes(kept.session, &probes);
    int told = 0;
    for (int32_t i = 0; i < n; i++)
        for (int k = 0; k < w.n; k++)
            if (strcmp(w.value[k]->name, probes[i].name) == 0) {
                run_expect_same(&w.tensor[k], &probes[i].tensor, probes[i].name);
                told++;
            }
    assert_int_equal(told, w.n);
    assert_int_equal(told, n - 1); /* the Reshape */
    run_end(&kept);
    run_end(&t);
}
