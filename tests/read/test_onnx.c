#include "read/onnx.h"

#include <stdio.h>
#include <stdlib.h>

#include "ir/check.h"
#include "ops/op.h"
#include "tests/read/onnx_build.h"
#include "tests/test.h"

/* Read a model, which must succeed; destroy the graph. */
static qn_graph *read_ok(qn_context *ctx, const qn_buf *model) {
    qn_graph *graph = NULL;
    ASSERT_OK(ctx, qn_onnx_read_bytes(ctx, "m.onnx", NULL, model->data, model->n, &graph));
    ASSERT_OK(ctx, qn_graph_check(ctx, graph));
    return graph;
}

static void refuse(qn_buf model, qn_status status, const char *message) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = NULL;
    ASSERT_FAILS(ctx, status, message, qn_onnx_read_bytes(ctx, "m.onnx", NULL, model.data, model.n, &graph));
    assert_memory_equal(qn_context_message(ctx), "m.onnx: ", 8);
    assert_null(graph);
    qn_buf_free(&model);
    qn_context_destroy(ctx);
}

static qn_buf weight(const char *name) {
    static const float w[3] = {1, 2, 3};
    return ob_tensor(name, QN_F32, (const int64_t[]){3, -1}, w, sizeof w);
}

/* y = Relu(x + w), with w also a graph input, as files before IR version 4 have it. */
QN_TEST(read_onnx_model) {
    qn_context *ctx = qn_test_context();
    qn_buf graph = QN_BUF_INIT, add = ob_node("Add", "x,w", "sum"), relu = ob_node("Relu", "sum", "y");
    pb_string(&relu, 3, "act");
    pb_message(&graph, OB_INPUT, ob_value("x", QN_F32, "batch,3"));
    pb_message(&graph, OB_INPUT, ob_value("w", QN_F32, "3"));
    pb_message(&graph, OB_INITIALIZER, weight("w"));
    pb_message(&graph, OB_NODE, add);
    pb_message(&graph, OB_NODE, relu);
    pb_message(&graph, OB_OUTPUT, ob_value("y", QN_F32, "batch,3"));
    qn_buf model = ob_model(13, graph);
    qn_graph *g = read_ok(ctx, &model);
    assert_int_equal(g->n_inputs, 1);
    assert_string_equal(g->inputs[0].name, "x");
    assert_int_equal(g->n_outputs, 1);
    assert_int_equal(g->n_nodes, 2);
    assert_int_equal(g->first->op, QN_OP_Add);
    assert_string_equal(g->first->origin, "sum");
    assert_string_equal(g->last->name, "act");
    assert_string_equal(g->last->origin, "act");
    assert_string_equal(g->last->out[0]->name, "y");
    assert_string_equal(g->last->out[0]->origin, "y");
    assert_int_equal(g->last->out[0]->type.rank, 2);
    assert_string_equal(qn_type_format(g->arena, g->symbols, &g->last->out[0]->type), "float32[batch,3]");
    const qn_const *w = g->first->in[1]->constant;
    assert_non_null(w);
    assert_true(qn_const_f64(w, 2) == 3);
    qn_graph_destroy(g);
    qn_buf_free(&model);
    qn_context_destroy(ctx);
}

/* One model with `change` applied to its graph. */
enum { X_TWICE, W_TWICE, Y_TWICE, OUTPUT_UNKNOWN, OUTPUT_TWICE, LATER, CYCLE, DANGLING, NO_TYPE, NO_OUTPUT, SPARSE,
       NAMELESS_INPUT, NAMELESS_INITIALIZER, BAD_DIM, SEQUENCE, TWO_DIMS, RANK, CONTROL_DIM };

static qn_buf broken(int change) {
    qn_buf graph = QN_BUF_INIT;
    pb_message(&graph, OB_INPUT, ob_value("x", QN_F32, change == BAD_DIM ? "-3" : change == RANK ? "1,1,1,1,1,1,1,1,1" : "3"));
    if (change == X_TWICE)
        pb_message(&graph, OB_INPUT, ob_value("x", QN_F32, "3"));
    if (change == NAMELESS_INPUT)
        pb_message(&graph, OB_INPUT, ob_value("", QN_F32, "3"));
    if (change == CONTROL_DIM)
        pb_message(&graph, OB_INPUT, ob_value("z", QN_F32, "a\nb"));
    if (change == NO_TYPE) {
        qn_buf value = QN_BUF_INIT;
        pb_string(&value, 1, "z");
        pb_message(&graph, OB_INPUT, value);
    }
    if (change == SEQUENCE || change == TWO_DIMS) {
        qn_buf value = QN_BUF_INIT, type = QN_BUF_INIT, inner = QN_BUF_INIT, shape = QN_BUF_INIT, dim = QN_BUF_INIT;
        pb_string(&value, 1, "z");
        pb_int(&dim, 1, 3);
        pb_string(&dim, 2, "n");
        pb_message(&shape, 1, dim);
        pb_int(&inner, 1, 1);
        pb_message(&inner, 2, shape);
        if (change == SEQUENCE) {
            qn_buf elem = QN_BUF_INIT, sequence = QN_BUF_INIT;
            pb_message(&elem, 1, inner);
            pb_message(&sequence, 1, elem);
            pb_message(&type, 4, sequence);
        } else {
            pb_message(&type, 1, inner);
        }
        pb_message(&value, 2, type);
        pb_message(&graph, OB_INPUT, value);
    }
    pb_message(&graph, OB_INITIALIZER, weight("w"));
    if (change == W_TWICE)
        pb_message(&graph, OB_INITIALIZER, weight("w"));
    if (change == NAMELESS_INITIALIZER)
        pb_message(&graph, OB_INITIALIZER, weight(""));
    if (change == SPARSE) {
        qn_buf sparse = QN_BUF_INIT;
        pb_message(&sparse, 1, weight("thin"));
        pb_message(&graph, 15, sparse);
    }
    const char *reads = change == LATER ? "later" : change == CYCLE ? "y" : change == DANGLING ? "nowhere" : "w";
    char inputs[32];
    snprintf(inputs, sizeof inputs, "x,%s", reads);
    pb_message(&graph, OB_NODE, ob_node("Add", inputs, "y"));
    pb_message(&graph, OB_NODE, ob_node("Relu", "x", change == Y_TWICE ? "y" : "later"));
    if (change != NO_OUTPUT)
        pb_message(&graph, OB_OUTPUT, ob_value(change == OUTPUT_UNKNOWN ? "nothing" : "y", QN_F32, "3"));
    if (change == OUTPUT_TWICE)
        pb_message(&graph, OB_OUTPUT, ob_value("y", QN_F32, "3"));
    return ob_model(13, graph);
}

QN_TEST(read_onnx_graph_refusals) {
    static const struct {
        int change;
        qn_status status;
        const char *message;
    } rows[] = {
        {X_TWICE, QN_MALFORMED, "'x' is defined twice"},
        {W_TWICE, QN_MALFORMED, "'w' is defined twice"},
        {Y_TWICE, QN_MALFORMED, "'y' is defined twice"},
        {OUTPUT_UNKNOWN, QN_MALFORMED, "output 'nothing' is made by nothing"},
        {OUTPUT_TWICE, QN_MALFORMED, "two outputs have the same name"},
        {LATER, QN_MALFORMED, "Add reads 'later' before it is made: the nodes are in no order, or form a cycle"},
        {CYCLE, QN_MALFORMED, "Add reads 'y' before it is made"},
        {DANGLING, QN_MALFORMED, "Add reads 'nowhere', which nothing makes"},
        {NO_TYPE, QN_MALFORMED, "input 'z': no type"},
        {NO_OUTPUT, QN_MALFORMED, "the model has no outputs"},
        {SPARSE, QN_UNSUPPORTED, "sparse initializer 'thin'"},
        {NAMELESS_INPUT, QN_MALFORMED, "input 1 has no name"},
        {NAMELESS_INITIALIZER, QN_MALFORMED, "initializer 1 has no name"},
        {BAD_DIM, QN_MALFORMED, "input 'x': dimension -3"},
        {SEQUENCE, QN_UNSUPPORTED, "input 'z': its type is a sequence"},
        {TWO_DIMS, QN_MALFORMED, "input 'z': a dimension is both 'n' and 3"},
        {RANK, QN_UNSUPPORTED, "input 'x': rank 9; the largest is 8"},
        {CONTROL_DIM, QN_MALFORMED, "input 'z': a dimension's name has control characters"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refuse(broken(rows[i].change), rows[i].status, rows[i].message);
}

QN_TEST(read_onnx_model_refusals) {
    qn_buf m = QN_BUF_INIT;
    refuse(m, QN_MALFORMED, "not an ONNX model: it has no graph");
    qn_buf_puts(&m, "PK\x03\x04 something else");
    refuse(m, QN_MALFORMED, "ModelProto");
    m = (qn_buf)QN_BUF_INIT;
    pb_message(&m, OB_GRAPH, (qn_buf)QN_BUF_INIT);
    refuse(m, QN_MALFORMED, "not an ONNX model: it has no IR version");
    m = (qn_buf)QN_BUF_INIT;
    pb_int(&m, 1, 8);
    qn_buf graph = QN_BUF_INIT;
    pb_message(&graph, OB_NODE, ob_node("Relu", "", "y"));
    pb_message(&m, OB_GRAPH, graph);
    refuse(m, QN_MALFORMED, "Relu 'y': operator Relu, but no opset of the default domain");
    m = (qn_buf)QN_BUF_INIT;
    pb_int(&m, 1, 2);
    pb_message(&m, OB_GRAPH, (qn_buf)QN_BUF_INIT);
    refuse(m, QN_UNSUPPORTED, "opset 1; 7 to 25 are read");
    refuse(ob_model(6, (qn_buf)QN_BUF_INIT), QN_UNSUPPORTED, "opset 6; 7 to 25 are read");
    refuse(ob_model(26, (qn_buf)QN_BUF_INIT), QN_UNSUPPORTED, "opset 26; 7 to 25 are read");
    refuse(ob_model(0, (qn_buf)QN_BUF_INIT), QN_MALFORMED, "opset 0");
    m = ob_model(13, (qn_buf)QN_BUF_INIT);
    pb_message(&m, OB_OPSET, ob_opset("ai.onnx", 14));
    refuse(m, QN_MALFORMED, "two opsets of the default domain");
}

static qn_buf node_of(const char *op, const char *domain, const char *inputs) {
    qn_buf node = ob_node(op, inputs, "y");
    pb_string(&node, 3, "n1");
    pb_string(&node, 7, domain);
    return ob_model_of_node(13, "x[2,3],w[3]", node, "y");
}

QN_TEST(read_onnx_node_refusals) {
    refuse(node_of("Frobnicate", "", "x"), QN_UNSUPPORTED, "Frobnicate 'n1': operator Frobnicate (opset 13) is not supported");
    refuse(node_of("FusedMatMul", "com.microsoft", "x,w"), QN_UNSUPPORTED,
           "operator FusedMatMul of domain 'com.microsoft'");
    refuse(node_of("Gelu", "ai.onnx", "x"), QN_UNSUPPORTED, "operator Gelu (opset 13) is not supported");
    refuse(node_of("", "", "x"), QN_MALFORMED, "a node without an operator");
    refuse(node_of("Relu", "", "x,w"), QN_MALFORMED, "Relu 'n1': 2 inputs in opset 13");
    refuse(node_of("Add", "", "x"), QN_MALFORMED, "Add 'n1': 1 inputs in opset 13");
    refuse(node_of("Add", "", ",w"), QN_MALFORMED, "Add 'n1': input 0 is missing");
    refuse(node_of("Max", "", "x,,w"), QN_MALFORMED, "Max 'n1': input 1 is missing");
    refuse(node_of("Concat", "", "x,x"), QN_MALFORMED, "Concat 'n1': attribute 'axis' is missing");
    refuse(ob_model_of_node(13, "x[3]", ob_node("Relu", "x", "y,z"), "y"), QN_MALFORMED, "2 outputs in opset 13");
    refuse(ob_model_of_node(13, "x[3]", ob_node("Relu", "x", ""), "x"), QN_MALFORMED, "no outputs");
    qn_buf n = ob_node("Relu", "x", "y");
    ob_attr_int(&n, "consumed_inputs", 1);
    refuse(ob_model_of_node(13, "x[3]", n, "y"), QN_UNSUPPORTED, "Relu 'y': attribute 'consumed_inputs' (opset 13) is not supported");
    n = ob_node("Conv", "x,w", "y");
    ob_attr_string(&n, "activation", "RELU");
    refuse(ob_model_of_node(13, "x[1,1,3,3],w[1,1,3,3]", n, "y"), QN_UNSUPPORTED, "attribute 'activation'");
    n = ob_node("Flatten", "x", "y");
    ob_attr_float(&n, "axis", 1);
    refuse(ob_model_of_node(13, "x[3]", n, "y"), QN_MALFORMED, "Flatten 'y': attribute 'axis' is not an int");
    n = ob_node("Flatten", "x", "y");
    ob_attr_int(&n, "axis", 1);
    ob_attr_int(&n, "axis", 1);
    refuse(ob_model_of_node(13, "x[3]", n, "y"), QN_MALFORMED, "Flatten 'y': attribute 'axis' is there twice");
    n = ob_node("Pad", "x,x", "y");
    ob_attr_string(&n, "mode", "\xff");
    refuse(ob_model_of_node(13, "x[3]", n, "y"), QN_MALFORMED, "attribute 'mode' has text that is not UTF-8");
    n = ob_node("ConstantOfShape", "x", "y");
    ob_attr_tensor(&n, "value", ob_tensor("", QN_F32, (const int64_t[]){1, -1}, "12", 2));
    refuse(ob_model_of_node(13, "x[3]", n, "y"), QN_MALFORMED, "attribute 'value': 2 bytes of elements");
    n = ob_node("Flatten", "x", "y");
    ob_attr_ref(&n, "axis", 2, "outer");
    refuse(ob_model_of_node(13, "x[3]", n, "y"), QN_MALFORMED, "attribute 'axis' refers to 'outer' outside a function");
    n = ob_node("Cast", "x", "y");
    ob_attr_int(&n, "to", 8);
    refuse(ob_model_of_node(13, "x[3]", n, "y"), QN_UNSUPPORTED, "Cast 'y': element type STRING");
}

/* A shape that cannot be is refused while reading. */
QN_TEST(read_onnx_infers) {
    refuse(ob_model_of_node(13, "x[2,3],w[4]", ob_node("Add", "x,w", "y"), "y"), QN_MALFORMED, "Add 'y'");
}

QN_TEST(read_onnx_names_dimensions) {
    static const struct {
        qn_dtype dtype;
        const char *dims, *type;
    } rows[] = {
        {QN_F32, "?,3,?,?", "float32[batch,3,height,width]"},
        {QN_F32, "-1,?,?,3", "float32[batch,height,width,3]"},
        {QN_I64, "?,?", "int64[batch,sequence]"},
        {QN_F32, "?,?", "float32[batch,x_dim_1]"},
        {QN_F32, "?", "float32[x_dim_0]"},
        {QN_F32, "n,past + seq", "float32[n,past+seq]"},
        {QN_F32, "?,n", "float32[batch,n]"},
        {QN_F32, NULL, "float32[...]"},
        {QN_F32, "", "float32[]"},
    };
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        qn_buf graph = QN_BUF_INIT;
        pb_message(&graph, OB_INPUT, ob_value("x", rows[i].dtype, rows[i].dims));
        pb_message(&graph, OB_NODE, ob_node("Identity", "x", "y"));
        pb_message(&graph, OB_OUTPUT, ob_value("y", rows[i].dtype, NULL));
        qn_buf model = ob_model(13, graph);
        qn_graph *g = read_ok(ctx, &model);
        assert_string_equal(qn_type_format(g->arena, g->symbols, &g->inputs[0].value->type), rows[i].type);
        qn_graph_destroy(g);
        qn_buf_free(&model);
    }
    /* A later input's own 'batch' is not the first input's unnamed one. */
    qn_buf graph = QN_BUF_INIT;
    pb_message(&graph, OB_INPUT, ob_value("x", QN_F32, "?,2"));
    pb_message(&graph, OB_INPUT, ob_value("z", QN_F32, "batch,2"));
    pb_message(&graph, OB_NODE, ob_node("Identity", "x", "y"));
    pb_message(&graph, OB_OUTPUT, ob_value("y", QN_F32, NULL));
    qn_buf model = ob_model(13, graph);
    qn_graph *g = read_ok(ctx, &model);
    assert_string_equal(qn_type_format(g->arena, g->symbols, &g->inputs[0].value->type), "float32[x_dim_0,2]");
    qn_graph_destroy(g);
    qn_buf_free(&model);
    qn_context_destroy(ctx);
}

static qn_buf branch(const char *op, const char *input, const char *output) {
    qn_buf graph = QN_BUF_INIT;
    if (op)
        pb_message(&graph, OB_NODE, ob_node(op, input, output));
    pb_message(&graph, OB_OUTPUT, ob_value(output, QN_F32, NULL));
    return graph;
}

/* Branches see the names around them, and may give one back as it is. */
QN_TEST(read_onnx_if) {
    qn_context *ctx = qn_test_context();
    qn_buf graph = QN_BUF_INIT, node = ob_node("If", "c", "y");
    ob_attr_graph(&node, "then_branch", branch("Relu", "x", "r"));
    ob_attr_graph(&node, "else_branch", branch(NULL, NULL, "x"));
    pb_message(&graph, OB_INPUT, ob_value("c", QN_BOOL, ""));
    pb_message(&graph, OB_INPUT, ob_value("x", QN_F32, "n,3"));
    pb_message(&graph, OB_NODE, node);
    pb_message(&graph, OB_OUTPUT, ob_value("y", QN_F32, NULL));
    qn_buf model = ob_model(13, graph);
    qn_graph *g = read_ok(ctx, &model);
    assert_int_equal(g->first->op, QN_OP_If);
    const qn_graph *then_branch = qn_node_graph(g->first, "then_branch"), *else_branch = qn_node_graph(g->first, "else_branch");
    assert_int_equal(then_branch->first->op, QN_OP_Relu);
    assert_ptr_equal(then_branch->first->in[0], g->inputs[1].value);
    assert_int_equal(else_branch->n_outputs, 1);
    assert_string_equal(qn_type_format(g->arena, g->symbols, &g->first->out[0]->type), "float32[n,3]");
    qn_graph_destroy(g);
    qn_buf_free(&model);

    graph = (qn_buf)QN_BUF_INIT;
    node = ob_node("If", "c", "y");
    qn_buf with_input = branch("Relu", "x", "r");
    pb_message(&with_input, OB_INPUT, ob_value("i", QN_F32, NULL));
    ob_attr_graph(&node, "then_branch", with_input);
    pb_message(&graph, OB_INPUT, ob_value("c", QN_BOOL, ""));
    pb_message(&graph, OB_INPUT, ob_value("x", QN_F32, "n,3"));
    pb_message(&graph, OB_NODE, node);
    pb_message(&graph, OB_OUTPUT, ob_value("y", QN_F32, NULL));
    refuse(ob_model(13, graph), QN_MALFORMED, "If 'y': a branch with inputs");
    qn_context_destroy(ctx);
}

QN_TEST(read_onnx_table) {
    int32_t n;
    const qn_onnx_op *ops = qn_onnx_ops(&n);
    assert_true(n > 100);
    for (int32_t i = 0; i < n; i++) {
        assert_true(ops[i].since >= 7 && ops[i].since <= ops[i].until && ops[i].until <= 25);
        for (int32_t k = 0; k < i; k++)
            if (strcmp(ops[i].name, ops[k].name) == 0)
                assert_true(ops[i].since > ops[k].until || ops[i].until < ops[k].since);
        for (const char *p = ops[i].becomes; *p;) {
            char name[64];
            size_t length = strcspn(p, " ");
            snprintf(name, sizeof name, "%.*s", (int)length, p);
            assert_int_not_equal(qn_op_from_name(name), QN_OP_NONE);
            p += length;
            p += *p == ' ';
        }
    }
}
