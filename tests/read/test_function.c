/* Model-local functions: expanded where they are called. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/read/onnx_build.h"
#include "tests/test.h"

enum { F_NAME = 1, F_INPUT = 4, F_OUTPUT = 5, F_ATTR = 6, F_NODE = 7, F_OPSET = 9, F_DOMAIN = 10, F_ATTR_PROTO = 11 };

static qn_buf function(const char *name, const char *const *inputs, const char *const *outputs) {
    qn_buf f = QN_BUF_INIT;
    pb_string(&f, F_NAME, name);
    pb_string(&f, F_DOMAIN, "my");
    for (; *inputs; inputs++)
        pb_string(&f, F_INPUT, *inputs);
    for (; *outputs; outputs++)
        pb_string(&f, F_OUTPUT, *outputs);
    pb_message(&f, F_OPSET, ob_opset("", 13));
    return f;
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static qn_buf call(const char *name, const char *inputs, const char *outputs) {
    qn_buf node = ob_node(name, inputs, outputs);
    pb_string(&node, 7, "my");
    return node;
}

/* The text of a model with `functions` whose one node is `node`. */
static char *read_text(qn_buf *functions, int n, qn_buf node, qn_status *status) {
    qn_buf model = ob_model_of_node(13, "x[2,3]", node, "y");
    pb_message(&model, OB_OPSET, ob_opset("my", 1));
    for (int i = 0; i < n; i++)
        pb_message(&model, OB_FUNCTION, functions[i]);
    return ob_read_text(model, status);
}

static void refuses(qn_buf *functions, int n, qn_buf node, qn_status wanted, const char *message) {
    qn_status status;
    char *text = read_text(functions, n, node, &status);
    if (status != wanted || !strstr(text, message))
        fail_msg("status %d: %s", (int)status, text);
    free(text);
}

/* twice(a) = a + a; leaky(a) {alpha=0.25} = LeakyRelu(a) {alpha=alpha} */
static qn_buf twice(void) {
    qn_buf f = function("twice", NAMES("a"), NAMES("b"));
    pb_message(&f, F_NODE, ob_node("Add", "a,a", "b"));
    return f;
}

static qn_buf leaky(void) {
    qn_buf f = function("leaky", NAMES("a"), NAMES("b")), node = ob_node("LeakyRelu", "a", "b"), value = QN_BUF_INIT;
    ob_attr_ref(&node, "alpha", 1, "slope");
    pb_message(&f, F_NODE, node);
    pb_string(&value, 1, "slope");
    pb_int(&value, 20, 1);
    pb_float(&value, 2, 0.25f);
    pb_message(&f, F_ATTR_PROTO, value);
    return f;
}

QN_TEST(read_function_expanded) {
    qn_status status;
    qn_buf f[2] = {twice(), function("four", NAMES("a"), NAMES("c"))};
    pb_message(&f[1], F_NODE, call("twice", "a", "b"));
    pb_message(&f[1], F_NODE, call("twice", "b", "c"));
    qn_buf node = call("four", "x", "y");
    pb_string(&node, 3, "n1");
    char *text = read_text(f, 2, node, &status);
    assert_int_equal(status, QN_OK);
    assert_non_null(strstr(text, "%n1/b: float32[2,3] = Add(%x, %x)\n"));
    assert_non_null(strstr(text, "%y: float32[2,3] = Add(%n1/b, %n1/b)\n"));
    free(text);
}

QN_TEST(read_function_attributes) {
    qn_status status;
    qn_buf f = leaky();
    char *text = read_text(&f, 1, call("leaky", "x", "y"), &status);
    assert_int_equal(status, QN_OK);
    assert_non_null(strstr(text, "LeakyRelu(%x) {alpha=0.25}"));
    free(text);
    f = leaky();
    qn_buf node = call("leaky", "x", "y");
    ob_attr_float(&node, "slope", 0.5f);
    text = read_text(&f, 1, node, &status);
    assert_int_equal(status, QN_OK);
    assert_non_null(strstr(text, "LeakyRelu(%x) {alpha=0.5}"));
    free(text);
    f = leaky();
    node = call("leaky", "x", "y");
    ob_attr_float(&node, "steep", 0.5f);
    refuses(&f, 1, node, QN_UNSUPPORTED, "attribute 'steep', which function 'leaky' does not have");
    f = leaky();
    node = call("leaky", "x", "y");
    ob_attr_int(&node, "slope", 1);
    refuses(&f, 1, node, QN_MALFORMED, "are of different kinds");
    /* Declared without a default and not given: the operator's own default. */
    f = function("leaky", NAMES("a"), NAMES("b"));
    node = ob_node("LeakyRelu", "a", "b");
    ob_attr_ref(&node, "alpha", 1, "slope");
    pb_message(&f, F_NODE, node);
    pb_string(&f, F_ATTR, "slope");
    text = read_text(&f, 1, call("leaky", "x", "y"), &status);
    assert_int_equal(status, QN_OK);
    assert_non_null(strstr(text, "LeakyRelu(%x)\n"));
    free(text);
}

/* An argument that is left out is absent inside; a result may be an argument. */
QN_TEST(read_function_absent_arguments) {
    qn_status status;
    qn_buf f = function("clip", NAMES("a", "low", "high"), NAMES("b"));
    pb_message(&f, F_NODE, ob_node("Clip", "a,low,high", "b"));
    char *text = read_text(&f, 1, call("clip", "x", "y"), &status);
    assert_int_equal(status, QN_OK);
    assert_non_null(strstr(text, "= Clip(%x)\n"));
    free(text);
    f = function("same", NAMES("a"), NAMES("a"));
    text = read_text(&f, 1, call("same", "x", "y"), &status);
    assert_int_equal(status, QN_OK);
    assert_non_null(strstr(text, "output \"y\" = %x"));
    free(text);
}

QN_TEST(read_function_refusals) {
    qn_buf f[2] = {function("self", NAMES("a"), NAMES("b")), twice()};
    pb_message(&f[0], F_NODE, call("self", "a", "b"));
    qn_buf_free(&f[1]);
    refuses(f, 1, call("self", "x", "y"), QN_UNSUPPORTED, "functions call each other more than 32 deep");
    f[0] = twice();
    refuses(f, 1, call("twice", "x,x", "y"), QN_MALFORMED, "2 arguments for 1 inputs of function 'twice'");
    f[0] = twice();
    refuses(f, 1, call("twice", "x", "y,z"), QN_MALFORMED, "2 results of function 'twice', which has 1");
    f[0] = twice();
    f[1] = twice();
    refuses(f, 2, call("twice", "x", "y"), QN_MALFORMED, "function 'twice' of domain 'my' is defined twice");
    f[0] = function("empty", NAMES("a"), NAMES("b"));
    refuses(f, 1, call("empty", "x", "y"), QN_MALFORMED, "result 'b' of function 'empty' is made by nothing");
    f[0] = function("open", NAMES("a"), NAMES("b"));
    pb_message(&f[0], F_NODE, ob_node("Add", "a,x", "b"));
    refuses(f, 1, call("open", "x", "y"), QN_MALFORMED, "Add reads 'x', which nothing makes");
    f[0] = twice();
    pb_message(&f[0], F_OPSET, ob_opset("", 99));
    refuses(f, 1, call("twice", "x", "y"), QN_UNSUPPORTED, "opset 99");
    f[0] = twice();
    refuses(f, 1, call("thrice", "x", "y"), QN_UNSUPPORTED, "operator thrice of domain 'my'");
}

/* Ten functions that each call the next ten times: ten thousand million nodes, refused early. */
QN_TEST(read_function_explosion) {
    qn_buf f[11];
    for (int i = 0; i < 11; i++) {
        char name[16], next[16];
        snprintf(name, sizeof name, "f%d", i);
        snprintf(next, sizeof next, "f%d", i + 1);
        f[i] = function(name, NAMES("a"), NAMES("b9"));
        for (int k = 0; k < 10; k++) {
            char out[16];
            snprintf(out, sizeof out, "b%d", k);
            pb_message(&f[i], F_NODE, i < 10 ? call(next, "a", out) : ob_node("Relu", "a", out));
        }
    }
    refuses(f, 11, call("f0", "x", "y"), QN_UNSUPPORTED, "functions expand to more than 250000 nodes and names");
}
