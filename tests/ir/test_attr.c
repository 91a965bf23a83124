#include "ir/graph.h"

#include "tests/test.h"

/* The context keeps its first message until it is cleared. */
#define ASSERT_REFUSED(ctx, status, text, call)    \
    do {                                           \
        ASSERT_FAILS(ctx, status, text, call);     \
        qn_clear(ctx);                             \
    } while (0)

static qn_context *g_ctx;
static qn_graph *g_g;

static qn_node *open_node(void) {
    qn_node *node;
    qn_value *x;
    g_ctx = qn_test_context();
    ASSERT_OK(g_ctx, qn_graph_create(g_ctx, "test", &g_g));
    ASSERT_OK(g_ctx, qn_value_create(g_ctx, g_g, "x", &x));
    ASSERT_OK(g_ctx, qn_node_create(g_ctx, g_g, NULL, QN_OP_LSTM, "n", &x, 1, 1, &node));
    return node;
}

static void close_node(void) {
    qn_graph_destroy(g_g);
    qn_context_destroy(g_ctx);
}

QN_TEST(ir_attr_set_and_get) {
    qn_node *node = open_node();
    int64_t n, ints[2] = {4, -5};
    char text[] = "forward";
    ASSERT_OK(g_ctx, qn_node_set_int(g_ctx, node, "i", 7));
    ASSERT_OK(g_ctx, qn_node_set_float(g_ctx, node, "f", 0.5f));
    ASSERT_OK(g_ctx, qn_node_set_string(g_ctx, node, "s", text));
    ASSERT_OK(g_ctx, qn_node_set_ints(g_ctx, node, "I", ints, 2));
    ASSERT_OK(g_ctx, qn_node_set_ints(g_ctx, node, "empty", NULL, 0));
    const char *list[2] = {"Tanh", "Relu"};
    float floats[2] = {1, 2};
    ASSERT_OK(g_ctx, qn_node_set_attr(g_ctx, node, &(qn_attr){.name = "S", .kind = QN_ATTR_STRINGS, .n = 2, .as.strings = list}));
    ASSERT_OK(g_ctx, qn_node_set_attr(g_ctx, node, &(qn_attr){.name = "F", .kind = QN_ATTR_FLOATS, .n = 2, .as.floats = floats}));
    /* they are copies */
    text[0] = 'X';
    ints[0] = 0;
    list[0] = NULL;
    floats[0] = 0;
    assert_int_equal(qn_node_int(node, "i", 0), 7);
    assert_true(qn_node_float(node, "f", 0) == 0.5f);
    assert_string_equal(qn_node_string(node, "s", ""), "forward");
    assert_int_equal(qn_node_ints(node, "I", &n)[0], 4);
    assert_int_equal(n, 2);
    assert_non_null(qn_node_ints(node, "empty", &n));
    assert_int_equal(n, 0);
    assert_true(qn_node_floats(node, "F", &n)[0] == 1);
    assert_string_equal(qn_node_attr(node, "S")->as.strings[0], "Tanh");
    assert_int_equal(node->n_attrs, 7);
    /* defaults: absent, or of another kind */
    assert_int_equal(qn_node_int(node, "f", 3), 3);
    assert_int_equal(qn_node_int(node, "none", 3), 3);
    assert_true(qn_node_float(node, "i", 2) == 2);
    assert_string_equal(qn_node_string(node, "i", "d"), "d");
    assert_null(qn_node_ints(node, "i", &n));
    assert_int_equal(n, 0);
    assert_null(qn_node_floats(node, "I", &n));
    assert_null(qn_node_graph(node, "i"));
    assert_null(qn_node_attr(node, "none"));
    /* replace, with another kind too, and remove */
    ASSERT_OK(g_ctx, qn_node_set_int(g_ctx, node, "i", 8));
    ASSERT_OK(g_ctx, qn_node_set_int(g_ctx, node, "s", 9));
    assert_int_equal(qn_node_int(node, "i", 0), 8);
    assert_int_equal(qn_node_int(node, "s", 0), 9);
    assert_int_equal(node->n_attrs, 7);
    qn_node_remove_attr(node, "f");
    qn_node_remove_attr(node, "f");
    assert_int_equal(node->n_attrs, 6);
    assert_null(qn_node_attr(node, "f"));
    assert_string_equal(node->attrs[1].name, "s");
    ASSERT_REFUSED(g_ctx, QN_USAGE, "an attribute of -1 items", qn_node_set_ints(g_ctx, node, "I", ints, -1));
    close_node();
}

QN_TEST(ir_attr_copy) {
    qn_node *node = open_node(), *to;
    node->origin = "a+b";
    node->compute = QN_F32;
    char name[] = "attr00";
    for (int i = 0; i < 40; i++) {
        name[4] = (char)('0' + i / 10);
        name[5] = (char)('0' + i % 10);
        ASSERT_OK(g_ctx, qn_node_set_int(g_ctx, node, name, i));
    }
    ASSERT_OK(g_ctx, qn_node_create(g_ctx, g_g, NULL, QN_OP_LSTM, "m", node->in, 1, 1, &to));
    ASSERT_OK(g_ctx, qn_node_set_int(g_ctx, to, "own", 1));
    ASSERT_OK(g_ctx, qn_node_copy_attrs(g_ctx, to, node));
    ASSERT_OK(g_ctx, qn_node_copy_attrs(g_ctx, to, to));
    assert_int_equal(to->n_attrs, 41);
    assert_int_equal(qn_node_int(to, "attr39", 0), 39);
    assert_string_equal(to->name, "n");
    assert_string_equal(to->origin, "a+b");
    assert_int_equal(to->compute, QN_F32);
    close_node();
}
