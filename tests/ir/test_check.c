#include "ir/check.h"
#include "ir/text.h"

#include "tests/test.h"

/* A valid graph of everything that the checker looks at; each test breaks one thing. */
static const char g_text[] =
    "input %x: float32[n,4]\n"
    "input %t: bool[]\n"
    "const %w: float32[4,4] = random(1)\n"
    "%a = Relu(%x)\n"
    "%m = MatMul(%a, %w)\n"
    "%s, %u = Split(%m) {axis=1, num_outputs=2}\n"
    "%z = If(%t) {then_branch={\n"
    "  %p = Exp(%a)\n"
    "  output %p\n"
    "}, else_branch={\n"
    "  output %w\n"
    "}}\n"
    "output %z\n"
    "output %s\n";

static qn_context *g_ctx;
static qn_graph *g_g;

static void open_graph(void) {
    g_ctx = qn_test_context();
    ASSERT_OK(g_ctx, qn_graph_parse(g_ctx, g_text, &g_g));
    ASSERT_OK(g_ctx, qn_graph_check(g_ctx, g_g));
}

static void close_graph(void) {
    qn_graph_destroy(g_g);
    qn_context_destroy(g_ctx);
}

static qn_value *value(const char *name) { return qn_graph_find(g_g, name); }
static qn_node *node(const char *name) { return value(name)->producer; }

static void refused(const char *message) {
    ASSERT_FAILS(g_ctx, QN_MALFORMED, message, qn_graph_check(g_ctx, g_g));
    qn_clear(g_ctx);
}

QN_TEST(ir_check_order_and_visibility) {
    open_graph();
    qn_node_move(node("a"), NULL);
    refused("MatMul 'm': input 0 ('a') is not defined before it");
    qn_node_move(node("a"), g_g->first);
    ASSERT_OK(g_ctx, qn_graph_check(g_ctx, g_g));
    qn_node *outside;
    ASSERT_OK(g_ctx, qn_node_create(g_ctx, g_g, NULL, QN_OP_Neg, "o", (qn_value *[]){value("p")}, 1, 1, &outside));
    refused("Neg 'o': input 0 ('p') is not visible here");
    qn_node_remove(outside);
    qn_value *never;
    ASSERT_OK(g_ctx, qn_value_create(g_ctx, g_g, "never", &never));
    ASSERT_OK(g_ctx, qn_node_create(g_ctx, g_g, NULL, QN_OP_Neg, "o", &never, 1, 1, &outside));
    refused("Neg 'o': input 0 ('never') is not defined before it");
    qn_node_remove(outside);
    ASSERT_OK(g_ctx, qn_graph_add_output(g_ctx, g_g, "never", never));
    refused("graph output 'never' is not defined");
    close_graph();
}

QN_TEST(ir_check_uses) {
    open_graph();
    node("m")->in[0] = value("x"); /* behind the back of the uses */
    refused("MatMul 'm': input 0 ('x') does not list it as a use");
    node("m")->in[0] = value("a");
    value("a")->n_uses++;
    refused("value 'a' lists 3 uses, the graph has 2");
    value("a")->n_uses--;
    value("s")->n_outputs = 0;
    refused("value 's' counts as 0 graph outputs and is 1");
    value("s")->n_outputs = 1;
    value("s")->producer_index = 1;
    refused("Split 's': output 's' names another producer");
    value("s")->producer_index = 0;
    g_g->n_nodes++;
    refused("graph 'graph' counts 5 nodes and has 4");
    g_g->n_nodes--;
    node("m")->prev = NULL;
    refused("MatMul 'm': the list of nodes is broken here");
    close_graph();
}

QN_TEST(ir_check_arity_and_attributes) {
    open_graph();
    qn_node *m = node("m"), *split = node("s");
    m->n_in = 1;
    refused("MatMul 'm': 1 inputs, the op takes 2 to 2");
    m->n_in = 2;
    ASSERT_OK(g_ctx, qn_node_set_input(g_ctx, m, 1, NULL));
    refused("MatMul 'm': input 1 is absent");
    ASSERT_OK(g_ctx, qn_node_set_input(g_ctx, m, 1, value("w")));
    split->n_out = 0;
    refused("Split '");
    split->n_out = 2;
    m->op = QN_OP_NONE;
    refused("node 'm' has no op (0)");
    m->op = QN_OP_COUNT;
    refused("node 'm' has no op");
    m->op = QN_OP_MatMul;
    ASSERT_OK(g_ctx, qn_node_set_int(g_ctx, m, "axis", 1));
    refused("MatMul 'm': the op has no attribute 'axis'");
    qn_node_remove_attr(m, "axis");
    ASSERT_OK(g_ctx, qn_node_set_float(g_ctx, split, "axis", 1));
    refused("Split 's': attribute 'axis' is of kind 'f', not 'i'");
    ASSERT_OK(g_ctx, qn_node_set_int(g_ctx, split, "axis", 1));
    split->attrs[1].name = "axis";
    refused("Split 's': attribute 'axis' is there twice");
    close_graph();
}

QN_TEST(ir_check_names_and_types) {
    open_graph();
    qn_value *s = value("s"), *u = value("u");
    const char *name = s->name;
    s->name = u->name;
    refused("value 'u': another value has its name or number");
    s->name = name;
    uint32_t id = s->id;
    s->id = u->id;
    refused("another value has its name or number");
    s->id = 1000;
    refused("a value of another graph");
    s->id = id;
    s->type.rank = 9;
    refused("value 's': rank 9");
    s->type = (qn_type){QN_F32, 1, {-2}};
    refused("value 's': dimension 0 is -2");
    close_graph();
}

QN_TEST(ir_check_ports) {
    open_graph();
    g_g->outputs[1].name = "z";
    refused("two outputs of the graph are called 'z'");
    g_g->outputs[1].name = "s";
    g_g->inputs[1].name = "x";
    refused("two inputs of the graph are called 'x'");
    g_g->inputs[1].name = "t";
    g_g->inputs[1].value = NULL;
    refused("input 1 of the graph has no value");
    g_g->inputs[1].value = value("x");
    refused("graph input 'x' is defined elsewhere too");
    close_graph();
}

QN_TEST(ir_check_subgraphs) {
    open_graph();
    qn_node *z = node("z");
    qn_node_remove_attr(z, "then_branch");
    refused("If 'z': a branch is missing");
    qn_graph *empty;
    ASSERT_OK(g_ctx, qn_graph_create_sub(g_ctx, g_g, "empty", &empty));
    ASSERT_OK(g_ctx, qn_node_set_attr(g_ctx, z, &(qn_attr){.name = "then_branch", .kind = QN_ATTR_GRAPH, .as.graph = empty}));
    refused("If 'z': graph 'then_branch' has 0 inputs and 0 outputs for 0 and 1");
    empty->parent = NULL;
    refused("If 'z': attribute 'then_branch' is a graph from elsewhere");
    close_graph();
}

QN_TEST(ir_check_constants) {
    open_graph();
    qn_const *w = value("w")->constant, good = *w;
    w->part[0].n--;
    refused("constant 'w': part 0 has 63 bytes, its shape wants 64");
    *w = good;
    w->part[0].data = NULL;
    refused("constant 'w': part 0 has 0 bytes, its shape wants 64");
    *w = good;
    w->part[2] = w->part[0];
    refused("constant 'w': part 2 has 64 bytes, its shape wants 0");
    *w = good;
    w->dims[0] = 2;
    refused("constant 'w': its value has another type");
    *w = good;
    w->rank = 9;
    refused("constant 'w': rank 9");
    *w = good;
    w->dims[1] = -4;
    refused("constant 'w': dimension 1 is -4");
    *w = good;
    w->encoding = (qn_encoding)7;
    refused("constant 'w': its shape and encoding do not fit each other");
    *w = good;
    value("w")->is_input = true;
    refused("constant 'w' is also an input");
    close_graph();
}

QN_TEST(ir_check_constant_expressions) {
    open_graph();
    /* %e = Transpose(%w) and %f = Neg(%e), as expressions, beside %w in the product */
    qn_node *transpose, *neg;
    ASSERT_OK(g_ctx, qn_node_create(g_ctx, g_g, NULL, QN_OP_Transpose, "e", (qn_value *[]){value("w")}, 1, 1, &transpose));
    qn_value *e = transpose->out[0], *f;
    ASSERT_OK(g_ctx, qn_node_create(g_ctx, g_g, NULL, QN_OP_Neg, "f", &e, 1, 1, &neg));
    f = neg->out[0];
    qn_node_detach(neg);
    qn_node_detach(transpose);
    qn_const expr_e = {.dtype = QN_F32, .rank = 2, .dims = {4, 4}, .axis = -1, .expr = transpose}, expr_f = expr_e;
    expr_f.expr = neg;
    e->constant = &expr_e;
    f->constant = &expr_f;
    e->type = f->type = (qn_type){QN_F32, 2, {4, 4}};
    ASSERT_OK(g_ctx, qn_node_set_input(g_ctx, node("m"), 1, f));
    ASSERT_OK(g_ctx, qn_graph_check(g_ctx, g_g));
    transpose->in[0] = f;
    refused("constant 'e': its expression needs itself");
    transpose->in[0] = value("x");
    refused("constant 'e': operand 'x' of its expression is no constant");
    transpose->in[0] = NULL;
    refused("Transpose 'e': input 0 is absent");
    transpose->in[0] = value("w");
    transpose->op = QN_OP_Relu;
    ASSERT_OK(g_ctx, qn_node_set_int(g_ctx, transpose, "axis", 1));
    refused("the op has no attribute 'axis'");
    close_graph();
}

/* A chain of expressions as long as a model may be: no recursion. */
QN_TEST(ir_check_long_expressions) {
    open_graph();
    qn_value *at = value("w");
    for (int i = 0; i < 100000; i++) {
        qn_node *neg;
        ASSERT_OK(g_ctx, qn_node_create(g_ctx, g_g, NULL, QN_OP_Neg, "chain", &at, 1, 1, &neg));
        qn_node_detach(neg);
        qn_const *c = qn_arena_alloc(g_g->arena, sizeof *c);
        *c = (qn_const){.dtype = QN_F32, .rank = 2, .dims = {4, 4}, .axis = -1, .expr = neg};
        at = neg->out[0];
        at->constant = c;
        at->type = (qn_type){QN_F32, 2, {4, 4}};
    }
    ASSERT_OK(g_ctx, qn_node_set_input(g_ctx, node("m"), 1, at));
    ASSERT_OK(g_ctx, qn_graph_check(g_ctx, g_g));
    qn_buf text = QN_BUF_INIT;
    ASSERT_OK(g_ctx, qn_graph_print(g_ctx, g_g, &text));
    qn_buf_free(&text);
    close_graph();
}
