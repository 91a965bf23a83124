#include "ir/check.h"
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
static qn_value *g_x;

static void open_graph(void) {
    g_ctx = qn_test_context();
    ASSERT_OK(g_ctx, qn_graph_create(g_ctx, "test", &g_g));
    ASSERT_OK(g_ctx, qn_value_create(g_ctx, g_g, "x", &g_x));
    ASSERT_OK(g_ctx, qn_graph_add_input(g_ctx, g_g, "x", g_x));
}

static void close_graph(void) {
    ASSERT_OK(g_ctx, qn_graph_check(g_ctx, g_g));
    qn_graph_destroy(g_g);
    qn_context_destroy(g_ctx);
}

static qn_node *make(qn_op op, const char *name, qn_node *before, qn_value *a, qn_value *b) {
    qn_node *node;
    ASSERT_OK(g_ctx, qn_node_create(g_ctx, g_g, before, op, name, (qn_value *[]){a, b}, b ? 2 : 1, 1, &node));
    return node;
}

QN_TEST(ir_node_create) {
    open_graph();
    qn_node *a = make(QN_OP_Relu, "layer/a", NULL, g_x, NULL);
    qn_node *c = make(QN_OP_Neg, NULL, NULL, a->out[0], NULL);
    qn_node *b = make(QN_OP_Abs, "layer/b", c, a->out[0], NULL);
    assert_ptr_equal(g_g->first, a);
    assert_ptr_equal(a->next, b);
    assert_ptr_equal(b->next, c);
    assert_ptr_equal(g_g->last, c);
    assert_ptr_equal(c->prev, b);
    assert_string_equal(a->origin, "layer/a");
    assert_string_equal(a->out[0]->name, "layer/a");
    assert_string_equal(c->name, "");
    assert_string_equal(c->origin, "");
    assert_string_equal(qn_node_label(a), "Relu 'layer/a'");
    assert_string_equal(qn_node_label(c), "Neg 'v2'");
    assert_int_equal(a->out[0]->n_uses, 2);
    assert_int_equal(qn_graph_node_bound(g_g), 3);
    qn_node *pool;
    ASSERT_OK(g_ctx, qn_node_create(g_ctx, g_g, NULL, QN_OP_MaxPool, "pool", &g_x, 1, 2, &pool));
    assert_string_equal(pool->out[0]->name, "pool");
    assert_string_equal(pool->out[1]->name, "pool.1");
    assert_int_equal(pool->out[1]->producer_index, 1);
    close_graph();
}

QN_TEST(ir_node_create_with) {
    open_graph();
    qn_value *y, *clash;
    qn_node *node, *again;
    ASSERT_OK(g_ctx, qn_value_create(g_ctx, g_g, "y", &y));
    ASSERT_OK(g_ctx, qn_node_create_with(g_ctx, g_g, NULL, QN_OP_MaxPool, "p", &g_x, 1, (qn_value *[]){y, NULL}, 2, &node));
    assert_ptr_equal(y->producer, node);
    ASSERT_REFUSED(g_ctx, QN_MALFORMED, "value 'y' is defined twice",
                 qn_node_create_with(g_ctx, g_g, NULL, QN_OP_Relu, "q", &g_x, 1, &y, 1, &again));
    ASSERT_REFUSED(g_ctx, QN_MALFORMED, "value 'x' is defined twice",
                 qn_node_create_with(g_ctx, g_g, NULL, QN_OP_Relu, "q", &y, 1, &g_x, 1, &again));
    /* the output of a removed node may be made by another */
    qn_node_remove(node);
    assert_null(qn_graph_find(g_g, "y"));
    assert_null(y->producer);
    ASSERT_OK(g_ctx, qn_value_create(g_ctx, g_g, "y", &clash));
    ASSERT_OK(g_ctx, qn_node_create_with(g_ctx, g_g, NULL, QN_OP_Relu, "q", &g_x, 1, &y, 1, &again));
    assert_string_equal(y->name, "y.1");
    assert_ptr_equal(qn_graph_find(g_g, "y.1"), y);
    close_graph();
}

QN_TEST(ir_node_remove_detach_move) {
    open_graph();
    qn_node *a = make(QN_OP_Relu, "a", NULL, g_x, NULL), *b = make(QN_OP_Neg, "b", NULL, g_x, NULL);
    qn_node *c = make(QN_OP_Add, "c", NULL, g_x, g_x);
    assert_int_equal(g_x->n_uses, 4);
    qn_node_move(c, a);
    assert_ptr_equal(g_g->first, c);
    assert_ptr_equal(g_g->last, b);
    qn_node_move(c, c);
    qn_node_move(c, a);
    assert_ptr_equal(g_g->first, c);
    qn_node_move(c, NULL);
    assert_ptr_equal(g_g->last, c);
    assert_ptr_equal(g_g->first, a);
    assert_int_equal(g_g->n_nodes, 3);
    ASSERT_OK(g_ctx, qn_graph_check(g_ctx, g_g));
    qn_value *out = c->out[0];
    qn_node_detach(c);
    assert_int_equal(g_x->n_uses, 2);
    assert_null(out->producer);
    assert_ptr_equal(qn_graph_find(g_g, "c"), out);
    assert_ptr_equal(c->in[0], g_x); /* it can still be read */
    ASSERT_OK(g_ctx, qn_graph_check(g_ctx, g_g));
    qn_node_remove(a);
    assert_null(qn_graph_find(g_g, "a"));
    assert_ptr_equal(g_g->first, b);
    qn_node_remove(b);
    assert_null(g_g->first);
    assert_null(g_g->last);
    assert_int_equal(g_x->n_uses, 0);
    close_graph();
}

QN_TEST(ir_node_set_input) {
    open_graph();
    qn_node *a = make(QN_OP_Relu, "a", NULL, g_x, NULL), *cat = make(QN_OP_Concat, "cat", NULL, g_x, NULL);
    ASSERT_OK(g_ctx, qn_node_set_input(g_ctx, cat, 0, a->out[0]));
    assert_int_equal(g_x->n_uses, 1);
    for (int32_t i = 1; i < 100; i++)
        ASSERT_OK(g_ctx, qn_node_set_input(g_ctx, cat, i, i % 2 ? g_x : a->out[0]));
    assert_int_equal(cat->n_in, 100);
    assert_int_equal(g_x->n_uses, 51);
    assert_int_equal(a->out[0]->n_uses, 50);
    ASSERT_OK(g_ctx, qn_graph_check(g_ctx, g_g));
    ASSERT_REFUSED(g_ctx, QN_USAGE, "Concat 'cat' has no input 101", qn_node_set_input(g_ctx, cat, 101, g_x));
    ASSERT_REFUSED(g_ctx, QN_USAGE, "has no input -1", qn_node_set_input(g_ctx, cat, -1, g_x));
    for (int32_t i = 99; i > 0; i--)
        ASSERT_OK(g_ctx, qn_node_set_input(g_ctx, cat, i, NULL));
    assert_int_equal(g_x->n_uses, 1);
    assert_int_equal(a->out[0]->n_uses, 1);
    close_graph();
}

QN_TEST(ir_node_origins) {
    open_graph();
    qn_node *a = make(QN_OP_Relu, "a", NULL, g_x, NULL), *b = make(QN_OP_Relu, "b", NULL, g_x, NULL);
    qn_node *none = make(QN_OP_Relu, NULL, NULL, g_x, NULL);
    ASSERT_OK(g_ctx, qn_node_add_origin(g_ctx, a, b));
    assert_string_equal(a->origin, "a+b");
    ASSERT_OK(g_ctx, qn_node_add_origin(g_ctx, a, a));
    ASSERT_OK(g_ctx, qn_node_add_origin(g_ctx, a, none));
    assert_string_equal(a->origin, "a+b");
    ASSERT_OK(g_ctx, qn_node_add_origin(g_ctx, none, a));
    assert_string_equal(none->origin, "a+b");
    b->origin = "b+c+d";
    ASSERT_OK(g_ctx, qn_node_add_origin(g_ctx, a, b));
    assert_string_equal(a->origin, "a+b+c+d");
    b->origin = "d+e+f";
    ASSERT_OK(g_ctx, qn_node_add_origin(g_ctx, a, b));
    assert_string_equal(a->origin, "a+b+c+d+...");
    ASSERT_OK(g_ctx, qn_node_add_origin(g_ctx, a, b));
    assert_string_equal(a->origin, "a+b+c+d+...");
    b->origin = NULL;
    ASSERT_OK(g_ctx, qn_node_add_origin(g_ctx, a, b));
    close_graph();
}
