#include "ir/text.h"

#include "tests/test.h"

/* Parse, print. The caller frees the text. */
static char *reprint(qn_context *ctx, const char *text) {
    qn_graph *g;
    qn_buf out = QN_BUF_INIT;
    ASSERT_OK(ctx, qn_graph_parse(ctx, text, &g));
    ASSERT_OK(ctx, qn_graph_print(ctx, g, &out));
    qn_graph_destroy(g);
    return out.data;
}

static void prints_itself(qn_context *ctx, const char *text) {
    char *again = reprint(ctx, text);
    assert_string_equal(again, text);
    qn_buf_free(&(qn_buf){.data = again});
}

static const char g_all[] =
    "input %x: float32[batch,3,224,(h//14)*w+1]\n"
    "input \"ids in\" = %\"a b\": int64[...]\n"
    "%c, _ = MaxPool(%x) {kernel_shape=[3,3], auto_pad=\"SAME_UPPER\"}\n"
    "const %s: float32[] = 0.5\n"
    "%q: float32[...] = Resize(%c, _, %s) {cubic_coeff_a=-0.75, axes=[], mode=\"cu\\\"bic\"}\n"
    "const %k: int64[2] = {1, -9223372036854775808}\n"
    "%o, %p = Split(%q, %k) {axis=1}\n"
    "const %n: float16[4] = {inf, -inf, nan, 65504.0}\n"
    "const %e: float32[2,0] = {}\n"
    "const %u: uint64[1] = {18446744073709551615}\n"
    "const %d: float64[1] = {0.1}\n"
    "const %t: bool[2] = {true, false}\n"
    "%r = Concat(%n, %e, %u, %d, %t) {axis=0}\n"
    "%m: float32[batch] = Softmax@float32(%o) {axis=-1}\n"
    "%f = ConstantOfShape(%k) {value=float32[1]{1e-05}}\n"
    "%l, %l.h = LSTM(%x, %x, %x) {activations=[\"Tanh\",\"Relu\"], activation_alpha=[0.5,2.0]}\n"
    "const %cond: bool[] = true\n"
    "const %two: float32[1] = {2.0}\n"
    "%z: float32[1] = If(%cond) {then_branch={\n"
    "  %y1 = Neg(%two)\n"
    "  output %y1\n"
    "}, else_branch={\n"
    "  const %three: float32[1] = {3.0}\n"
    "  %y2 = Add(%two, %three)\n"
    "  output \"other\" = %y2\n"
    "}}\n"
    "output %z\n"
    "output \"the r\" = %r\n";

QN_TEST(ir_text_round_trip) {
    qn_context *ctx = qn_test_context();
    prints_itself(ctx, g_all);
    prints_itself(ctx, "input %x: float32[]\noutput %x\n");
    prints_itself(ctx, "input %x: none[...]\noutput %x\n");
    prints_itself(ctx, "const %\"x:\": float32[] = 1.0\noutput %\"x:\"\n");
    qn_context_destroy(ctx);
}

QN_TEST(ir_text_is_free_form) {
    qn_context *ctx = qn_test_context();
    char *text = reprint(ctx, "# about\n input%x: float32[ a , 2 ]%y=Relu( %x )# behind\n%z=Cast(%y){to=float16}output\n%z");
    assert_string_equal(text, "input %x: float32[a,2]\n%y = Relu(%x)\n%z = Cast(%y) {to=10}\noutput %z\n");
    qn_buf_free(&(qn_buf){.data = text});
    qn_context_destroy(ctx);
}

QN_TEST(ir_text_seeded_constants) {
    qn_context *ctx = qn_test_context();
    qn_graph *g, *h;
    const char *text = "const %w: float32[64,128] = random(7)\nconst %v: float32[1000] = positive(3)\n"
                       "const %k: float16[8,16,3,3] = random(1)\nconst %i: int8[100] = random(2)\n";
    ASSERT_OK(ctx, qn_graph_parse(ctx, text, &g));
    ASSERT_OK(ctx, qn_graph_parse(ctx, text, &h));
    static const char *const names[] = {"w", "v", "k", "i"};
    for (int i = 0; i < 4; i++) {
        const qn_const *a = qn_graph_find(g, names[i])->constant, *b = qn_graph_find(h, names[i])->constant;
        assert_true(qn_const_is_ready(a));
        assert_memory_equal(a->part[0].data, b->part[0].data, a->part[0].n);
    }
    const qn_const *w = qn_graph_find(g, "w")->constant, *v = qn_graph_find(g, "v")->constant;
    double sum = 0, square = 0;
    for (int64_t i = 0; i < 64 * 128; i++) {
        sum += qn_const_f64(w, i);
        square += qn_const_f64(w, i) * qn_const_f64(w, i);
    }
    /* 8192 samples of variance 1/64: six standard deviations of their mean and of their mean square */
    assert_true(sum / 8192 < 6 * 0.125 / 90.5 && sum / 8192 > -6 * 0.125 / 90.5);
    assert_true(square / 8192 > (1 - 6 * 1.5 / 90.5) / 64 && square / 8192 < (1 + 6 * 1.5 / 90.5) / 64);
    for (int64_t i = 0; i < 1000; i++)
        assert_true(qn_const_f64(v, i) >= 0.5 && qn_const_f64(v, i) < 1.5);
    for (int64_t i = 0; i < 100; i++)
        assert_in_range(qn_const_i64(qn_graph_find(g, "i")->constant, i) + 8, 0, 16);
    qn_buf out = QN_BUF_INIT;
    qn_node *node;
    qn_value *in[3] = {qn_graph_find(g, "w"), qn_graph_find(g, "v")};
    ASSERT_OK(ctx, qn_node_create(ctx, g, NULL, QN_OP_MatMul, "y", in, 2, 1, &node));
    ASSERT_OK(ctx, qn_graph_print(ctx, g, &out));
    assert_string_equal(out.data, "const %w: float32[64,128] = ... dense\nconst %v: float32[1000] = ... dense\n"
                                  "%y = MatMul(%w, %v)\n");
    qn_buf_free(&out);
    qn_graph_destroy(g);
    qn_graph_destroy(h);
    qn_context_destroy(ctx);
}

QN_TEST(ir_text_prints_expressions_and_encodings) {
    qn_context *ctx = qn_test_context();
    qn_graph *g;
    qn_node *node;
    ASSERT_OK(ctx, qn_graph_parse(ctx, "const %w: float32[64,32] = random(7)\ninput %x: float32[n,64]\n"
                                       "%wt = Transpose(%w) {perm=[1,0]}\n", &g));
    qn_value *wt = qn_graph_find(g, "wt");
    node = wt->producer;
    qn_node_detach(node);
    qn_const *c = qn_arena_alloc(g->arena, sizeof *c);
    *c = (qn_const){.dtype = QN_F32, .rank = 2, .dims = {32, 64}, .encoding = QN_ENC_AFFINE, .code_dtype = QN_I8,
                    .scale_dtype = QN_F32, .symmetric = true, .axis = 0, .block = 32, .expr = node};
    wt->constant = c;
    ASSERT_OK(ctx, qn_node_create(ctx, g, NULL, QN_OP_MatMul, "y", (qn_value *[]){qn_graph_find(g, "x"), wt}, 2, 1,
                                  &node));
    ASSERT_OK(ctx, qn_graph_add_output(ctx, g, NULL, node->out[0]));
    qn_buf out = QN_BUF_INIT;
    ASSERT_OK(ctx, qn_graph_print(ctx, g, &out));
    assert_string_equal(out.data, "input %x: float32[n,64]\nconst %w: float32[64,32] = ... dense\n"
                                  "const %wt: float32[32,64] = expr Transpose(%w) {perm=[1,0]} as affine int8 float32 "
                                  "symmetric axis=0 block=32\n%y = MatMul(%x, %wt)\noutput %y\n");
    qn_graph *again;
    ASSERT_FAILS(ctx, QN_MALFORMED, "line 2, column 31: constant 'w' was printed without its numbers",
                 qn_graph_parse(ctx, out.data, &again));
    qn_buf_free(&out);
    qn_graph_destroy(g);
    qn_context_destroy(ctx);
}

QN_TEST(ir_text_refusals) {
    static const struct { const char *text, *message; } bad[] = {
        {"%y = Relu(%x)", "line 1, column 13: %x is not defined"},
        {"input %x: float32[2]\n%x = Relu(%x)", "line 2, column 3: %x is defined twice"},
        {"input %x: float32[2]\n%y, %y = MaxPool(%x)", "%y is defined twice"},
        {"input %x: float32[2]\n%y = Relu(%y)", "%y is not defined"},
        {"input %x: float3[2]", "'float3' is no dtype"},
        {"input %x: float32", "expected '['"},
        {"input %x: float32[2", "expected a dimension"},
        {"input %x: float32[2,]", "expected a dimension"},
        {"input %x: float32[-2]", "dimension '-2' is negative"},
        {"input %x: float32[1,1,1,1,1,1,1,1,1]", "more than 8 dimensions"},
        {"input %x: float32[\"a]", "a quoted name without an end"},
        {"input %: float32[]", "expected a name after %"},
        {"input %\"\": float32[]", "an empty name"},
        {"input %\"a\\q\": float32[]", "expected a quoted text"},
        {"input %x: float32[] %y = Rulu(%x)", "'Rulu' is no op"},
        {"input %x: float32[] %y = Relu@float(%x)", "'float' is no dtype"},
        {"input %x: float32[] %y = Relu(%x", "expected ')', not the end"},
        {"input %x: float32[] %y = Relu %x", "expected '(', not '%x'"},
        {"input %x: float32[] %y = Relu(%x) {", "expected the name of an attribute"},
        {"input %x: float32[] %y = Elu(%x) {alpha}", "expected '='"},
        {"input %x: float32[] %y = Elu(%x) {alpha=\"1\"}", "attribute 'alpha' is of kind 'f'"},
        {"input %x: float32[] %y = Elu(%x) {alpha=1, alpha=2}", "attribute 'alpha' is given twice"},
        {"input %x: float32[] %y = Flatten(%x) {axis=1.5}", "'1.5' is no integer"},
        {"input %x: float32[] %y = Flatten(%x) {axis=99999999999999999999}", "is no integer"},
        {"input %x: float32[] %y = Transpose(%x) {perm=[\"a\"]}", "'a' is no integer"},
        {"input %x: float32[] %y = Transpose(%x) {perm=[1,0}", "expected ']'"},
        {"const %k: int8[1] = {128}", "'128' is no int8"},
        {"const %k: int8[1] = {-129}", "'-129' is no int8"},
        {"const %k: uint8[1] = {-1}", "'-1' is no uint8"},
        {"const %k: bool[1] = {2}", "'2' is no bool"},
        {"const %k: int64[1] = {0.5}", "'0.5' is no int64"},
        {"const %k: float32[1] = {x}", "'x' is no number"},
        {"const %k: int64[2] = {1}", "expected ','"},
        {"const %k: int64[1] = {1, 2}", "expected '}'"},
        {"const %k: int64[1] = 1", "expected {numbers}, random(SEED) or positive(SEED)"},
        {"const %k: int64[n] = {1}", "a constant needs a dtype and numbers as dimensions"},
        {"const %k: int64[1] = random(x)", "'x' is no seed"},
        {"const %k: int64[1] = ... dense", "printed without its numbers"},
        {"output %x", "%x is not defined"},
        {"const %c: bool[] = true %z = If(%c) {then_branch={ output %c", "a subgraph without an end"},
        {"const %c: bool[] = true %z = If(%c) {then_branch={ %a = Not(%c) output %a }} %b = Not(%a)", "%a is not defined"},
        {"const %c: bool[] = true %z = If(%c) {then_branch={ %a = Not(%c) }, else_branch={ %a = Not(%c) }}", "%a is defined twice"},
        {"const %c: bool[] = true %z = If(%c) {then_branch={ %z = Not(%c) }}", "%z is defined twice"},
        {"hello", "expected '%', not 'hello'"},
    };
    qn_context *ctx = qn_test_context();
    qn_graph *g;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ASSERT_FAILS(ctx, QN_MALFORMED, bad[i].message, qn_graph_parse(ctx, bad[i].text, &g));
        assert_null(g);
        qn_clear(ctx);
    }
    ASSERT_FAILS(ctx, QN_UNSUPPORTED, "more than 67108864 elements",
                 qn_graph_parse(ctx, "const %k: int8[1000000,1000000] = random(1)", &g));
    qn_clear(ctx);
    qn_context_destroy(ctx);
}

QN_TEST(ir_text_nesting_is_limited) {
    qn_context *ctx = qn_test_context();
    qn_graph *g;
    for (int depth = QN_MAX_GRAPH_DEPTH; depth <= QN_MAX_GRAPH_DEPTH + 1; depth++) {
        qn_buf text = QN_BUF_INIT;
        qn_buf_puts(&text, "const %c: bool[] = true\n");
        for (int i = 0; i < depth; i++)
            qn_buf_printf(&text, "%%y%d = If(%%c) {then_branch={", i);
        for (int i = 0; i < depth; i++)
            qn_buf_puts(&text, "}}");
        if (depth <= QN_MAX_GRAPH_DEPTH) {
            ASSERT_OK(ctx, qn_graph_parse(ctx, text.data, &g));
            qn_buf out = QN_BUF_INIT;
            ASSERT_OK(ctx, qn_graph_print(ctx, g, &out));
            qn_buf_free(&out);
            qn_graph_destroy(g);
        } else {
            ASSERT_FAILS(ctx, QN_UNSUPPORTED, "subgraph 'then_branch' is nested deeper than 64",
                         qn_graph_parse(ctx, text.data, &g));
        }
        qn_buf_free(&text);
    }
    qn_context_destroy(ctx);
}
