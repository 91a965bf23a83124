/* Plans: what is computed while planning, what runs in place, and where a plan has to stop and go on with numbers. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/random.h"
#include "tests/run/run_graph.h"

static qn_plan_info info_of(const run_test *t) {
    qn_plan_info info;
    qn_session_plan_info(t->session, &info);
    return info;
}

/* ---- known while planning ------------------------------------------------------------------------ */

/* Shape arithmetic runs once, when a plan is made; views take neither a step nor a buffer. */
QN_TEST(run_plan_knows_shape_arithmetic) {
    run_test t = run_begin("input %x: float32[b,h,w]\n"
                           "const %zero: int64[1] = {0}\nconst %minus: int64[1] = {-1}\n"
                           "%s = Shape(%x)\n%n = Gather(%s, %zero)\n%twice = Add(%n, %n)\n%k = Div(%twice, %n)\n"
                           "%to = Concat(%n, %minus) {axis=0}\n"
                           "%f = Reshape(%x, %to)\n%r = Relu(%f)\n%y = Reshape(%r, %s)\n"
                           "output %y\noutput %k\noutput %to",
                           NULL);
    for (int64_t b = 1; b < 4; b++) {
        t.in[0] = run_normal(&t, (uint64_t)b, RUN_DIMS(b, 3, 5));
        run_exactly(&t);
        assert_int_equal(info_of(&t).n_nodes, 1);
        assert_int_equal(info_of(&t).buffer_bytes, (b * 15 * 4 + 63) / 64 * 64);
    }
    run_end(&t);
}

/* Small constants are combined once; nothing is left to run. */
QN_TEST(run_plan_knows_constants) {
    run_test t = run_begin("input %x: float32[2]\nconst %a: float32[3] = {1, 2, 3}\nconst %c: bool[] = 1\n"
                           "%b = Exp(%a)\n%i = If(%c) {then_branch={ %p = Neg(%b) output %p }, else_branch={ output %x }}\n"
                           "output %i\noutput %a\noutput %x\noutput \"again\" = %x",
                           NULL);
    t.in[0] = run_normal(&t, 1, RUN_DIMS(2));
    run_exactly(&t);
    assert_int_equal(info_of(&t).n_nodes, 0);
    run_end(&t);
}

QN_TEST(run_plan_empty_tensors) {
    run_test t = run_begin("input %x: float32[b,4]\nconst %w: float32[4,3] = random(1)\n"
                           "%m = MatMul(%x, %w)\n%r = Relu(%m)\n%y = Concat(%r, %r) {axis=1}\noutput %y",
                           NULL);
    t.in[0] = run_normal(&t, 1, RUN_DIMS(0, 4));
    run_exactly(&t);
    assert_int_equal(t.out[0].dims[1], 6);
    run_end(&t);
}

/* ---- in place: random graphs -------------------------------------------------------------------------- */

enum { NODES = 40, KEPT = 4 };

/* Values [4,6] or its transpose, made by ops whose results are exact or rounded once, the same in every kernel. Old values
 * stay in use, so that a buffer that is written over too early shows. */
static void random_graph(uint64_t *seed, qn_buf *text) {
    static const char *const unary[] = {"Relu", "Neg", "Abs", "Identity"};
    static const char *const binary[] = {"Add", "Sub", "Mul"};
    bool turned[NODES + 2] = {false};
    qn_buf_puts(text, "input %v0: float32[4,6]\ninput %v1: float32[4,6]\nconst %flat: int64[1] = {24}\n"
                      "const %rows: int64[2] = {4, 6}\nconst %cols: int64[2] = {6, 4}\nconst %c: float32[1] = {0.5}\n");
    for (int i = 2; i < NODES + 2; i++) {
        const uint64_t r = qn_random_next(seed);
        const int back = i < 6 ? i : 6, a = i - 1 - (int)(r % (uint64_t)back);
        int b = i - 1 - (int)((r >> 8) % (uint64_t)i);
        while (turned[b] != turned[a])
            b = (b + i - 1) % i;
        turned[i] = turned[a];
        switch ((r >> 16) % 8) {
        case 0:
        case 1:
            qn_buf_printf(text, "%%v%d = %s(%%v%d)\n", i, unary[(r >> 24) % 4], a);
            break;
        case 2:
            qn_buf_printf(text, "%%v%d = Transpose(%%v%d)\n", i, a);
            turned[i] = !turned[a];
            break;
        case 3:
            qn_buf_printf(text, "%%f%d = Reshape(%%v%d, %%flat)\n%%g%d = Mul(%%f%d, %%c)\n%%v%d = Reshape(%%g%d, %%%s)\n", i, a, i, i,
                          i, i, turned[a] ? "cols" : "rows");
            break;
        case 4:
            qn_buf_printf(text, "%%v%d = Mul(%%v%d, %%c)\n", i, a);
            break;
        default:
            qn_buf_printf(text, "%%v%d = %s(%%v%d, %%v%d)\n", i, binary[(r >> 24) % 3], a, b);
        }
    }
    qn_buf_printf(text, "output %%v%d\n", NODES + 1);
    for (int k = 0; k < KEPT; k++)
        qn_buf_printf(text, "output \"kept%d\" = %%v%d\n", k, (int)(qn_random_next(seed) % (NODES + 2)));
}

/* Fast kernels in place and reference kernels apart give the same bits, twice from one plan. */
QN_TEST(run_plan_in_place_keeps_numbers) {
    uint64_t seed = 5;
    size_t saved = 0;
    for (int round = 0; round < 60; round++) {
        qn_buf text = QN_BUF_INIT;
        random_graph(&seed, &text);
        const char *probes[] = {"v?5"};
        const qn_session_options options = {.probes = probes, .n_probes = round % 2};
        run_test t = run_begin_threads(text.data, &options, 1);
        for (int again = 0; again < 2; again++) {
            t.in[0] = run_normal(&t, seed, RUN_DIMS(4, 6));
            t.in[1] = run_normal(&t, seed + 1, RUN_DIMS(4, 6));
            run_exactly(&t);
        }
        saved += info_of(&t).buffer_bytes < NODES / 2 * 128;
        run_end(&t);
        qn_buf_free(&text);
    }
    assert_true(saved > 50); /* buffers are shared at all */
}

/* The input belongs to the caller and an output to the reader: neither is written over. */
QN_TEST(run_plan_in_place_leaves_inputs_and_outputs) {
    run_test t = run_begin("input %x: float32[64]\n%a = Relu(%x)\n%b = Neg(%a)\n%y = Abs(%b)\noutput %a\noutput %y", NULL);
    t.in[0] = run_normal(&t, 3, RUN_DIMS(64));
    qn_tensor before = run_tensor(&t, QN_F32, RUN_DIMS(64), t.in[0].data);
    run_exactly(&t);
    run_expect_same(&t.in[0], &before, "the input");
    assert_int_equal(info_of(&t).buffer_bytes, 2 * 64 * 4); /* a, and b with y over it */
    run_end(&t);
}

/* A buffer is taken over from any input of a binary node, and from the data of ScatterND. */
QN_TEST(run_plan_in_place_of_another_input) {
    run_test t = run_begin("input %x: float32[8,8]\ninput %s: float32[8]\nconst %i: int64[3,1] = {2, 3, 7}\n"
                           "input %u: float32[3,8]\n"
                           "%a = Relu(%x)\n%b = Sub(%s, %a)\n%c = ScatterND(%b, %i, %u)\n%y = Neg(%c)\noutput %y",
                           NULL);
    t.in[0] = run_normal(&t, 3, RUN_DIMS(8, 8));
    t.in[1] = run_normal(&t, 4, RUN_DIMS(8));
    t.in[2] = run_normal(&t, 5, RUN_DIMS(3, 8));
    run_exactly(&t);
    assert_int_equal(info_of(&t).buffer_bytes, 64 * 4);
    run_end(&t);
}

/* Weights that a model cuts and joins itself are moved once, not in every run; what grows them is left to the run. */
QN_TEST(run_plan_moves_constants_once) {
    run_test t = run_begin("input %x: float32[64,4]\nconst %w: float32[300,64] = random(1)\nconst %from: int64[1] = {100}\n"
                           "const %to: int64[1] = {200}\nconst %three: int64[2] = {3, 1}\n"
                           "%a = Slice(%w, %from, %to)\n%c = Concat(%a, %a) {axis=0}\n"
                           "%m = MatMul(%c, %x)\n%g = Tile(%a, %three)\n%n = MatMul(%g, %x)\noutput %m\noutput %n",
                           NULL);
    t.in[0] = run_normal(&t, 3, RUN_DIMS(64, 4));
    run_ok(&t);
    assert_int_equal(info_of(&t).n_nodes, 3); /* two products and Tile */
    run_end(&t);
}

/* ---- stages ------------------------------------------------------------------------------------------ */

static const char g_if[] = "input %x: float32[n]\nconst %zero: float32[] = 0\nconst %axes: int64[1] = {0}\n"
                           "%d = Neg(%x)\n%m = ReduceMax(%x, %axes) {keepdims=0}\n%c = Greater(%m, %zero)\n"
                           "%i = If(%c) {\n"
                           "  then_branch={ %a = Relu(%x) %b = Mul(%a, %d) output %b },\n"
                           "  else_branch={ %e = Concat(%d, %x) {axis=0} output %e }}\n"
                           "%y = Neg(%i)\noutput %y\noutput %c\noutput %d";

/* The condition is a number of the run: the branch is planned when it is known, and may give another shape. */
QN_TEST(run_plan_if_on_a_number_of_the_run) {
    const char *probes[] = {"*"};
    const qn_session_options options = {.probes = probes, .n_probes = 1};
    for (int probed = 0; probed < 2; probed++) {
        run_test t = run_begin(g_if, probed ? &options : NULL);
        for (int i = 0; i < 6; i++) {
            t.in[0] = run_tensor(&t, QN_F32, RUN_DIMS(3), i % 2 ? (float[]){-1, -2, -3} : (float[]){1, -2, 3});
            run_exactly(&t);
            assert_int_equal(t.out[0].dims[0], i % 2 ? 6 : 3);
        }
        run_end(&t);
    }
}

/* Branches inside branches, values from around them, and a value that is handed through. */
QN_TEST(run_plan_if_nested) {
    run_test t = run_begin("input %x: float32[4]\ninput %p: bool[]\ninput %q: bool[]\n%a = Neg(%x)\n"
                           "%i = If(%p) {\n"
                           "  then_branch={ %b = Relu(%a)\n"
                           "    %j = If(%q) { then_branch={ %e = Mul(%b, %x) output %e }, else_branch={ output %a } }\n"
                           "    %k = Add(%j, %b) output %k },\n"
                           "  else_branch={ output %x }}\n"
                           "%y = Add(%i, %a)\noutput %y\noutput %i",
                           NULL);
    for (uint8_t bits = 0; bits < 4; bits++) {
        const uint8_t p = bits & 1, q = bits >> 1;
        t.in[0] = run_normal(&t, bits, RUN_DIMS(4));
        t.in[1] = run_tensor(&t, QN_BOOL, 0, (int64_t[]){0}, &p);
        t.in[2] = run_tensor(&t, QN_BOOL, 0, (int64_t[]){0}, &q);
        run_exactly(&t);
    }
    run_end(&t);
}

/* A shape that is a number of the run, three times over. */
QN_TEST(run_plan_shape_from_a_number_of_the_run) {
    run_test t = run_begin("input %n: int64[1]\ninput %x: float32[2]\nconst %one: int64[1] = {1}\nconst %axes: int64[1] = {0}\n"
                           "%z = ConstantOfShape(%n) {value=float32[1]{2}}\n%s = ReduceSum(%z, %axes)\n"
                           "%k = Cast(%s) {to=int64}\n%e = Expand(%one, %k)\n%w = ReduceSum(%e, %axes)\n%u = Add(%w, %n)\n"
                           "%f = Cast(%u) {to=float32}\n%y = Tile(%x, %u)\n%v = Mul(%f, %f)\noutput %y\noutput %v",
                           NULL);
    for (int64_t n = 0; n < 5; n++) {
        t.in[0] = run_tensor(&t, QN_I64, RUN_DIMS(1), &n);
        t.in[1] = run_normal(&t, 1, RUN_DIMS(2));
        run_exactly(&t);
        assert_int_equal(t.out[0].dims[0], 2 * 3 * n);
    }
    run_end(&t);
}
