#include "base/buf.h"
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

static void open_graph(void) {
    g_ctx = qn_test_context();
    ASSERT_OK(g_ctx, qn_graph_create(g_ctx, "test", &g_g));
}

static void close_graph(void) {
    qn_graph_destroy(g_g);
    qn_context_destroy(g_ctx);
}

static qn_value *input(const char *name) {
    qn_value *v;
    ASSERT_OK(g_ctx, qn_value_create(g_ctx, g_g, name, &v));
    ASSERT_OK(g_ctx, qn_graph_add_input(g_ctx, g_g, name, v));
    return v;
}

static qn_value *unary(qn_graph *g, qn_op op, const char *name, qn_value *in) {
    qn_node *node;
    ASSERT_OK(g_ctx, qn_node_create(g_ctx, g, NULL, op, name, &in, 1, 1, &node));
    return node->out[0];
}

static void valid(void) { ASSERT_OK(g_ctx, qn_graph_check(g_ctx, g_g)); }

QN_TEST(ir_graph_names_are_unique) {
    open_graph();
    qn_value *v[5];
    static const char *const want[] = {"x", "x.1", "x.2", "v3", "v3.1"};
    ASSERT_OK(g_ctx, qn_value_create(g_ctx, g_g, "x", &v[0]));
    ASSERT_OK(g_ctx, qn_value_create(g_ctx, g_g, "x.1", &v[1]));
    ASSERT_OK(g_ctx, qn_value_create(g_ctx, g_g, "x", &v[2]));
    ASSERT_OK(g_ctx, qn_value_create(g_ctx, g_g, NULL, &v[3]));
    ASSERT_OK(g_ctx, qn_value_create(g_ctx, g_g, "v3", &v[4]));
    for (uint32_t i = 0; i < 5; i++) {
        assert_string_equal(v[i]->name, want[i]);
        assert_ptr_equal(qn_graph_find(g_g, want[i]), v[i]);
        assert_int_equal(v[i]->id, i);
        assert_null(v[i]->origin);
        assert_int_equal(v[i]->type.rank, -1);
    }
    assert_null(qn_graph_find(g_g, "y"));
    assert_int_equal(qn_graph_value_bound(g_g), 5);
    close_graph();
}

QN_TEST(ir_graph_constants_have_content) {
    open_graph();
    qn_value *v;
    ASSERT_OK(g_ctx, qn_value_ints(g_ctx, g_g, "k", (int64_t[]){3, -1}, 2, &v));
    assert_int_equal(v->type.dtype, QN_I64);
    assert_int_equal(v->type.rank, 1);
    assert_int_equal(v->type.dims[0], 2);
    assert_int_equal(v->n_content, 2);
    assert_int_equal(v->content[1], -1);
    assert_string_equal(v->constant->name, "k");
    ASSERT_OK(g_ctx, qn_value_ints(g_ctx, g_g, "scalar", (int64_t[]){7}, -1, &v));
    assert_int_equal(v->type.rank, 0);
    assert_int_equal(v->content[0], 7);
    ASSERT_OK(g_ctx, qn_value_ints(g_ctx, g_g, "none", NULL, 0, &v));
    assert_int_equal(v->n_content, 0);
    assert_non_null(v->content);
    /* numbers that would be read as handles of expressions */
    ASSERT_OK(g_ctx, qn_value_ints(g_ctx, g_g, "low", (int64_t[]){INT64_MIN + 1}, 1, &v));
    assert_null(v->content);
    assert_true(qn_const_i64(v->constant, 0) == INT64_MIN + 1);
    ASSERT_OK(g_ctx, qn_value_floats(g_ctx, g_g, "f", (float[]){0.5f}, -1, &v));
    assert_int_equal(v->type.dtype, QN_F32);
    assert_null(v->content);
    static int64_t many[QN_MAX_CONTENT + 1];
    ASSERT_OK(g_ctx, qn_value_ints(g_ctx, g_g, "many", many, QN_MAX_CONTENT + 1, &v));
    assert_null(v->content);
    close_graph();
}

QN_TEST(ir_graph_replace_moves_uses_and_outputs) {
    open_graph();
    qn_value *x = input("x"), *a = unary(g_g, QN_OP_Relu, "a", x), *b = unary(g_g, QN_OP_Neg, "b", a);
    a->origin = "source/a";
    qn_node *sum;
    ASSERT_OK(g_ctx, qn_node_create(g_ctx, g_g, NULL, QN_OP_Add, "sum", (qn_value *[]){a, a}, 2, 1, &sum));
    ASSERT_OK(g_ctx, qn_graph_add_output(g_ctx, g_g, "first", a));
    ASSERT_OK(g_ctx, qn_graph_add_output(g_ctx, g_g, "second", a));
    ASSERT_OK(g_ctx, qn_graph_add_output(g_ctx, g_g, NULL, sum->out[0]));
    assert_string_equal(g_g->outputs[2].name, "sum");
    valid();
    qn_node *fresh;
    ASSERT_OK(g_ctx, qn_node_create(g_ctx, g_g, b->producer, QN_OP_Abs, "a", &x, 1, 1, &fresh));
    ASSERT_OK(g_ctx, qn_value_replace(g_ctx, a, fresh->out[0]));
    assert_int_equal(a->n_uses, 0);
    assert_int_equal(a->n_outputs, 0);
    assert_int_equal(fresh->out[0]->n_uses, 3);
    assert_int_equal(fresh->out[0]->n_outputs, 2);
    assert_string_equal(fresh->out[0]->origin, "source/a");
    assert_ptr_equal(g_g->outputs[1].value, fresh->out[0]);
    assert_ptr_equal(sum->in[1], fresh->out[0]);
    valid();
    qn_node_remove(a->producer);
    valid();
    ASSERT_OK(g_ctx, qn_value_replace(g_ctx, x, x));
    valid();
    close_graph();
}

/* A branch uses values of the graph around it; its uses come and go with the node that holds it. */
QN_TEST(ir_graph_subgraph_uses_follow_the_holder) {
    open_graph();
    qn_value *c = input("c"), *x = input("x");
    qn_graph *then_branch, *else_branch, *inner;
    ASSERT_OK(g_ctx, qn_graph_create_sub(g_ctx, g_g, "then", &then_branch));
    ASSERT_OK(g_ctx, qn_graph_create_sub(g_ctx, g_g, "else", &else_branch));
    ASSERT_OK(g_ctx, qn_graph_create_sub(g_ctx, then_branch, "inner", &inner));
    ASSERT_OK(g_ctx, qn_graph_add_output(g_ctx, inner, NULL, unary(inner, QN_OP_Exp, "e", x)));
    qn_node *nested, *node, *copy;
    ASSERT_OK(g_ctx, qn_node_create(g_ctx, then_branch, NULL, QN_OP_If, "nested", &c, 1, 1, &nested));
    ASSERT_OK(g_ctx, qn_node_set_attr(g_ctx, nested, &(qn_attr){.name = "then_branch", .kind = QN_ATTR_GRAPH, .as.graph = inner}));
    ASSERT_OK(g_ctx, qn_graph_create_sub(g_ctx, then_branch, "inner2", &inner));
    ASSERT_OK(g_ctx, qn_graph_add_output(g_ctx, inner, NULL, x));
    ASSERT_OK(g_ctx, qn_node_set_attr(g_ctx, nested, &(qn_attr){.name = "else_branch", .kind = QN_ATTR_GRAPH, .as.graph = inner}));
    ASSERT_OK(g_ctx, qn_graph_add_output(g_ctx, then_branch, NULL, nested->out[0]));
    ASSERT_OK(g_ctx, qn_graph_add_output(g_ctx, else_branch, NULL, unary(else_branch, QN_OP_Relu, "r", x)));
    ASSERT_OK(g_ctx, qn_node_create(g_ctx, g_g, NULL, QN_OP_If, "if", &c, 1, 1, &node));
    ASSERT_OK(g_ctx, qn_node_set_attr(g_ctx, node, &(qn_attr){.name = "then_branch", .kind = QN_ATTR_GRAPH, .as.graph = then_branch}));
    ASSERT_OK(g_ctx, qn_node_set_attr(g_ctx, node, &(qn_attr){.name = "else_branch", .kind = QN_ATTR_GRAPH, .as.graph = else_branch}));
    valid();
    assert_int_equal(x->n_uses, 2);
    assert_int_equal(x->n_outputs, 1);
    assert_int_equal(c->n_uses, 2);

    /* a copy holds the same branches: they stay when the first holder goes */
    ASSERT_OK(g_ctx, qn_node_create(g_ctx, g_g, node, QN_OP_If, "copy", &c, 1, 1, &copy));
    ASSERT_OK(g_ctx, qn_node_copy_attrs(g_ctx, copy, node));
    qn_node_remove(node);
    assert_int_equal(x->n_uses, 2);
    assert_int_equal(c->n_uses, 2);
    valid();
    /* a use that a branch lets go of is gone from the value */
    qn_value *y = unary(g_g, QN_OP_Abs, "y", x);
    qn_node_move(y->producer, copy);
    ASSERT_OK(g_ctx, qn_value_replace(g_ctx, x, y));
    ASSERT_OK(g_ctx, qn_node_set_input(g_ctx, y->producer, 0, x));
    assert_int_equal(y->n_uses, 2);
    assert_int_equal(y->n_outputs, 1);
    valid();
    qn_node_remove(copy);
    assert_int_equal(y->n_uses, 0);
    assert_int_equal(y->n_outputs, 0);
    assert_int_equal(c->n_uses, 0);
    valid();
    /* and are back when it is held again */
    ASSERT_OK(g_ctx, qn_node_create(g_ctx, g_g, NULL, QN_OP_If, "again", &c, 1, 1, &node));
    ASSERT_OK(g_ctx, qn_node_copy_attrs(g_ctx, node, copy));
    assert_int_equal(y->n_uses, 2);
    assert_int_equal(y->n_outputs, 1);
    valid();
    qn_node_remove_attr(node, "else_branch");
    assert_int_equal(y->n_uses, 1);
    ASSERT_REFUSED(g_ctx, QN_MALFORMED, "a branch is missing", qn_graph_check(g_ctx, g_g));
    close_graph();
}

/* Inlining a branch takes the subgraphs in it one level up. */
QN_TEST(ir_graph_subgraph_moves_outward) {
    open_graph();
    qn_graph *a, *b, *other;
    qn_node *node;
    qn_value *c = input("c");
    ASSERT_OK(g_ctx, qn_graph_create_sub(g_ctx, g_g, "a", &a));
    ASSERT_OK(g_ctx, qn_graph_create_sub(g_ctx, a, "b", &b));
    ASSERT_OK(g_ctx, qn_node_create(g_ctx, g_g, NULL, QN_OP_If, "if", &c, 1, 1, &node));
    qn_attr attr = {.name = "then_branch", .kind = QN_ATTR_GRAPH, .as.graph = b};
    ASSERT_OK(g_ctx, qn_node_set_attr(g_ctx, node, &attr));
    assert_ptr_equal(b->parent, g_g);
    ASSERT_OK(g_ctx, qn_graph_create(g_ctx, "other", &other));
    attr.as.graph = other;
    ASSERT_REFUSED(g_ctx, QN_USAGE, "does not lie inside the node's", qn_node_set_attr(g_ctx, node, &attr));
    qn_graph_destroy(other);
    close_graph();
}

static int g_closed[4], g_n_closed;
static void note_closed(void *ptr) { g_closed[g_n_closed++] = *(int *)ptr; }

QN_TEST(ir_graph_keeps_and_closes) {
    static int ids[3] = {1, 2, 3};
    open_graph();
    qn_graph *sub;
    ASSERT_OK(g_ctx, qn_graph_create_sub(g_ctx, g_g, "sub", &sub));
    g_n_closed = 0;
    ASSERT_OK(g_ctx, qn_graph_keep(g_ctx, g_g, &ids[0], note_closed));
    ASSERT_OK(g_ctx, qn_graph_keep(g_ctx, sub, &ids[1], note_closed));
    ASSERT_OK(g_ctx, qn_graph_keep(g_ctx, g_g, &ids[2], note_closed));
    qn_graph_destroy(sub); /* it goes with the outermost */
    assert_int_equal(g_n_closed, 0);
    close_graph();
    assert_int_equal(g_n_closed, 3);
    assert_int_equal(g_closed[0], 3);
    assert_int_equal(g_closed[2], 1);
    qn_graph_destroy(NULL);
}

static qn_status count_graph(qn_context *ctx, qn_graph *g, void *arg) {
    qn_buf *names = arg;
    qn_buf_printf(names, "%s ", g->name);
    return strcmp(g->name, "stop") == 0 ? qn_fail(ctx, QN_UNSUPPORTED, "stopped") : QN_OK;
}

QN_TEST(ir_graph_each_in_order) {
    open_graph();
    qn_value *c = input("c");
    static const char *const names[] = {"a", "b", "stop"};
    for (int i = 0; i < 3; i++) {
        qn_graph *sub;
        qn_node *node;
        ASSERT_OK(g_ctx, qn_graph_create_sub(g_ctx, g_g, names[i], &sub));
        ASSERT_OK(g_ctx, qn_node_create(g_ctx, g_g, NULL, QN_OP_If, "n", &c, 1, 1, &node));
        ASSERT_OK(g_ctx, qn_node_set_attr(g_ctx, node, &(qn_attr){.name = "then_branch", .kind = QN_ATTR_GRAPH, .as.graph = sub}));
    }
    qn_buf seen = QN_BUF_INIT;
    ASSERT_REFUSED(g_ctx, QN_UNSUPPORTED, "stopped", qn_graph_each(g_ctx, g_g, count_graph, &seen));
    assert_string_equal(seen.data, "test a b stop ");
    qn_buf_free(&seen);
    close_graph();
}

QN_TEST(ir_graph_nesting_is_limited) {
    open_graph();
    qn_graph *at = g_g;
    for (int i = 0; i < QN_MAX_GRAPH_DEPTH; i++)
        ASSERT_OK(g_ctx, qn_graph_create_sub(g_ctx, at, "deep", &at));
    ASSERT_REFUSED(g_ctx, QN_UNSUPPORTED, "subgraph 'deeper' is nested deeper than 64",
                 qn_graph_create_sub(g_ctx, at, "deeper", &at));
    close_graph();
}

/* 100,000 nodes over one name and one constant: linear, or this takes minutes. */
QN_TEST(ir_graph_large) {
    enum { N = 100000 };
    open_graph();
    qn_value *x = input("x"), *k, *at = x;
    ASSERT_OK(g_ctx, qn_value_floats(g_ctx, g_g, "k", (float[]){2}, -1, &k));
    for (int i = 0; i < N; i++) {
        qn_node *node;
        ASSERT_OK(g_ctx, qn_node_create(g_ctx, g_g, NULL, QN_OP_Add, "sum", (qn_value *[]){at, k}, 2, 1, &node));
        at = node->out[0];
    }
    ASSERT_OK(g_ctx, qn_graph_add_output(g_ctx, g_g, "y", at));
    assert_int_equal(k->n_uses, N);
    assert_int_equal(g_g->n_nodes, N);
    valid();
    /* every second node is passed by and removed, first to last */
    for (qn_node *node = g_g->first, *next; node; node = next) {
        next = node->next ? node->next->next : NULL;
        qn_value *out = node->out[0];
        ASSERT_OK(g_ctx, qn_value_replace(g_ctx, out, node->in[0]));
        qn_node_remove(node);
    }
    assert_int_equal(k->n_uses, N / 2);
    valid();
    qn_value *other;
    ASSERT_OK(g_ctx, qn_value_floats(g_ctx, g_g, "k", (float[]){3}, -1, &other));
    ASSERT_OK(g_ctx, qn_value_replace(g_ctx, k, other));
    assert_int_equal(other->n_uses, N / 2);
    valid();
    close_graph();
}
