/* The checker. One walk in order over the graph and its subgraphs marks what is defined and counts what is used; side
 * tables are indexed by value id, so the whole is linear.
 *
 * A value is visible where its graph is the one looked at or around it, and it was defined before: marks stay when a
 * subgraph ends, its graph then hides it.
 */
#include "ir/check.h"

#include "ir/opdef.h"

#include <string.h>

typedef struct seen {
    const qn_value *value;
    int32_t n_uses, n_outputs; /* found in the walk */
    bool defined;
    uint8_t expr;              /* constants: 0 not looked at, 1 being looked at, 2 fine */
} seen;

typedef struct checker {
    qn_context *ctx;
    const qn_graph *top;
    qn_arena *scratch;
    seen *seen;                /* by value id */
    const qn_value **stack;    /* constant expressions being looked at */
    size_t n_stack, cap_stack;
} checker;

static qn_status bad(const checker *c, const char *what) { return qn_fail(c->ctx, QN_MALFORMED, "%s", what); }

#define BAD(...) qn_fail(c->ctx, QN_MALFORMED, __VA_ARGS__)

/* ---- values ---- */

/* What holds for every value, wherever it is met. */
static qn_status check_value(checker *c, const qn_value *v) {
    if (v->id >= qn_graph_value_bound(c->top) || !v->name)
        return bad(c, "a value of another graph");
    seen *s = &c->seen[v->id];
    if (s->value == v)
        return QN_OK;
    if (s->value || qn_graph_find(c->top, v->name) != v)
        return BAD("value '%s': another value has its name or number", v->name);
    if (v->type.rank < -1 || v->type.rank > QN_MAX_RANK)
        return BAD("value '%s': rank %d", v->name, (int)v->type.rank);
    for (int32_t i = 0; i < v->type.rank; i++)
        if (qn_dim_is_const(v->type.dims[i]) && v->type.dims[i] < 0)
            return BAD("value '%s': dimension %d is %lld", v->name, (int)i, (long long)v->type.dims[i]);
    s->value = v;
    return QN_OK;
}

static bool is_around(const qn_graph *inner, const qn_graph *g) {
    while (inner && inner != g)
        inner = inner->parent;
    return inner == g;
}

/* ---- constants ---- */

static qn_status check_parts(const checker *c, const qn_value *v) {
    const qn_const *k = v->constant;
    for (int part = 0; part < QN_MAX_PARTS; part++) {
        size_t want;
        if (!qn_const_part_bytes(k, part, &want))
            return BAD("constant '%s': its shape and encoding do not fit each other", v->name);
        if (k->part[part].data ? k->part[part].n != want : want && !k->expr)
            return BAD("constant '%s': part %d has %zu bytes, its shape wants %zu", v->name, part,
                       k->part[part].data ? k->part[part].n : 0, want);
    }
    return QN_OK;
}

static qn_status check_const_shape(const checker *c, const qn_value *v) {
    const qn_const *k = v->constant;
    if (v->producer || v->is_input)
        return BAD("constant '%s' is also %s", v->name, v->producer ? "made by a node" : "an input");
    if (k->rank < 0 || k->rank > QN_MAX_RANK || !qn_dtype_bytes(k->dtype))
        return BAD("constant '%s': rank %d, dtype %d", v->name, (int)k->rank, (int)k->dtype);
    bool same = v->type.dtype == k->dtype && v->type.rank == k->rank;
    for (int32_t i = 0; i < k->rank; i++) {
        if (k->dims[i] < 0)
            return BAD("constant '%s': dimension %d is %lld", v->name, (int)i, (long long)k->dims[i]);
        same = same && v->type.dims[i] == k->dims[i];
    }
    return same ? QN_OK : BAD("constant '%s': its value has another type", v->name);
}

static qn_status check_arity(const checker *c, const qn_node *node);
static qn_status check_attrs(const checker *c, const qn_node *node);

static qn_status push(checker *c, const qn_value *v) {
    if (c->n_stack == c->cap_stack) {
        size_t cap = c->cap_stack ? 2 * c->cap_stack : 64;
        const qn_value **grown = qn_arena_grow(c->scratch, c->stack, c->n_stack, cap, sizeof *grown);
        if (!grown)
            return qn_fail_memory(c->ctx, cap * sizeof *grown, "graph check");
        c->stack = grown;
        c->cap_stack = cap;
    }
    c->stack[c->n_stack++] = v;
    return QN_OK;
}

/* The operands of the expression of v: constants, those not yet looked at pushed. */
static qn_status push_operands(checker *c, const qn_value *v) {
    const qn_node *expr = v->constant->expr;
    if (!expr)
        return QN_OK;
    QN_TRY(check_arity(c, expr));
    QN_TRY(check_attrs(c, expr));
    for (int32_t i = 0; i < expr->n_in; i++) {
        const qn_value *in = expr->in[i];
        if (!in)
            continue;
        QN_TRY(check_value(c, in));
        if (!in->constant)
            return BAD("constant '%s': operand '%s' of its expression is no constant", v->name, in->name);
        if (c->seen[in->id].expr == 1)
            return BAD("constant '%s': its expression needs itself", v->name);
        if (c->seen[in->id].expr == 0)
            QN_TRY(push(c, in));
    }
    return QN_OK;
}

/* The constant and what its expression needs; expressions may be nested deep, so no recursion. */
static qn_status check_const(checker *c, const qn_value *v) {
    QN_TRY(push(c, v));
    while (c->n_stack > 0) {
        const qn_value *top = c->stack[c->n_stack - 1];
        uint8_t *state = &c->seen[top->id].expr;
        if (*state == 0) {
            *state = 1;
            QN_TRY(check_const_shape(c, top));
            QN_TRY(check_parts(c, top));
            QN_TRY(push_operands(c, top));
        } else {
            *state = 2;
            c->n_stack--;
        }
    }
    return QN_OK;
}

/* ---- nodes ---- */

static qn_status check_arity(const checker *c, const qn_node *node) {
    const qn_opdef *row = qn_opdef_row(node->op);
    if (!row)
        return BAD("node '%s' has no op (%d)", node->name, (int)node->op);
    if (node->n_in < row->min_in || (row->max_in >= 0 && node->n_in > row->max_in))
        return BAD("%s: %d inputs, the op takes %d to %d", qn_node_label(node), (int)node->n_in, (int)row->min_in,
                   (int)row->max_in);
    if (node->n_out < row->min_out || (row->max_out >= 0 && node->n_out > row->max_out))
        return BAD("%s: %d outputs, the op makes %d to %d", qn_node_label(node), (int)node->n_out, (int)row->min_out,
                   (int)row->max_out);
    for (int32_t i = 0; i < row->min_in; i++)
        if (!node->in[i])
            return BAD("%s: input %d is absent", qn_node_label(node), (int)i);
    return QN_OK;
}

static qn_status check_attrs(const checker *c, const qn_node *node) {
    for (int32_t i = 0; i < node->n_attrs; i++) {
        const qn_attr *a = &node->attrs[i];
        char kind = qn_opdef_attr_kind(node->op, a->name, strlen(a->name));
        if (!kind)
            return BAD("%s: the op has no attribute '%s'", qn_node_label(node), a->name);
        if (kind != (char)a->kind)
            return BAD("%s: attribute '%s' is of kind '%c', not '%c'", qn_node_label(node), a->name, (char)a->kind,
                       kind);
        if (a->kind == QN_ATTR_TENSOR && (!a->as.tensor || !qn_const_is_ready(a->as.tensor)))
            return BAD("%s: attribute '%s' has no numbers", qn_node_label(node), a->name);
        for (int32_t k = 0; k < i; k++)
            if (strcmp(node->attrs[k].name, a->name) == 0)
                return BAD("%s: attribute '%s' is there twice", qn_node_label(node), a->name);
    }
    return QN_OK;
}

static qn_status check_input(checker *c, const qn_node *node, int32_t index) {
    const qn_value *v = node->in[index];
    QN_TRY(check_value(c, v));
    if (!is_around(node->graph, v->graph))
        return BAD("%s: input %d ('%s') is not visible here", qn_node_label(node), (int)index, v->name);
    if (v->constant)
        QN_TRY(check_const(c, v));
    else if (!c->seen[v->id].defined)
        return BAD("%s: input %d ('%s') is not defined before it", qn_node_label(node), (int)index, v->name);
    int32_t at = node->use_at[index];
    if (at < 0 || at >= v->n_uses || v->uses[at].node != node || v->uses[at].index != index)
        return BAD("%s: input %d ('%s') does not list it as a use", qn_node_label(node), (int)index, v->name);
    c->seen[v->id].n_uses++;
    return QN_OK;
}

static qn_status check_output(checker *c, const qn_node *node, int32_t index) {
    const qn_value *v = node->out[index];
    QN_TRY(check_value(c, v));
    if (c->seen[v->id].defined || v->constant)
        return BAD("%s: output '%s' is defined twice", qn_node_label(node), v->name);
    if (v->producer != node || v->producer_index != index || v->graph != node->graph)
        return BAD("%s: output '%s' names another producer", qn_node_label(node), v->name);
    c->seen[v->id].defined = true;
    return QN_OK;
}

static qn_status check_graph(checker *c, const qn_graph *g);

static qn_status check_subgraph(checker *c, const qn_node *node, const qn_attr *a) {
    const qn_graph *sub = a->as.graph;
    if (!sub || sub->parent != node->graph || sub->shared != node->graph->shared || sub->dormant)
        return BAD("%s: attribute '%s' is a graph from elsewhere", qn_node_label(node), a->name);
    if (sub->n_inputs != 0 || sub->n_outputs != node->n_out)
        return BAD("%s: graph '%s' has %d inputs and %d outputs for 0 and %d", qn_node_label(node), a->name,
                   (int)sub->n_inputs, (int)sub->n_outputs, (int)node->n_out);
    return check_graph(c, sub);
}

static qn_status check_node(checker *c, const qn_node *node) {
    QN_TRY(check_arity(c, node));
    QN_TRY(check_attrs(c, node));
    for (int32_t i = 0; i < node->n_in; i++)
        if (node->in[i])
            QN_TRY(check_input(c, node, i));
    int32_t n_graphs = 0;
    for (int32_t i = 0; i < node->n_attrs; i++) {
        if (node->attrs[i].kind != QN_ATTR_GRAPH)
            continue;
        n_graphs++;
        QN_TRY(check_subgraph(c, node, &node->attrs[i]));
    }
    if (node->op == QN_OP_If && n_graphs != 2)
        return BAD("%s: a branch is missing", qn_node_label(node));
    for (int32_t i = 0; i < node->n_out; i++)
        if (node->out[i])
            QN_TRY(check_output(c, node, i));
    return QN_OK;
}

/* ---- graphs ---- */

static qn_status check_port_names(const checker *c, const qn_port *ports, int32_t n, const char *what) {
    qn_table *names = qn_table_create(c->scratch);
    if (!names)
        return qn_fail_memory(c->ctx, sizeof *ports, "graph check");
    for (int32_t i = 0; i < n; i++) {
        if (!ports[i].value || !ports[i].name)
            return BAD("%s %d of the graph has no value", what, (int)i);
        if (qn_table_get(names, ports[i].name))
            return BAD("two %ss of the graph are called '%s'", what, ports[i].name);
        if (!qn_table_put(names, ports[i].name, ports[i].value))
            return qn_fail_memory(c->ctx, sizeof *ports, "graph check");
    }
    return QN_OK;
}

static qn_status check_inputs(checker *c, const qn_graph *g) {
    QN_TRY(check_port_names(c, g->inputs, g->n_inputs, "input"));
    for (int32_t i = 0; i < g->n_inputs; i++) {
        const qn_value *v = g->inputs[i].value;
        QN_TRY(check_value(c, v));
        if (v->producer || v->constant || !v->is_input || v->graph != g || c->seen[v->id].defined)
            return BAD("graph input '%s' is defined elsewhere too", v->name);
        c->seen[v->id].defined = true;
    }
    return QN_OK;
}

static qn_status check_outputs(checker *c, const qn_graph *g) {
    QN_TRY(check_port_names(c, g->outputs, g->n_outputs, "output"));
    for (int32_t i = 0; i < g->n_outputs; i++) {
        const qn_value *v = g->outputs[i].value;
        QN_TRY(check_value(c, v));
        if (v->constant)
            QN_TRY(check_const(c, v));
        else if (!c->seen[v->id].defined)
            return BAD("graph output '%s' is not defined", v->name);
        if (!is_around(g, v->graph))
            return BAD("graph output '%s' is not visible in its graph", v->name);
        c->seen[v->id].n_outputs++;
    }
    return QN_OK;
}

static qn_status check_graph(checker *c, const qn_graph *g) {
    QN_TRY(check_inputs(c, g));
    const qn_node *before = NULL;
    int32_t n = 0;
    for (const qn_node *node = g->first; node; before = node, node = node->next, n++) {
        if (node->prev != before || node->graph != g || n >= g->n_nodes)
            return BAD("%s: the list of nodes is broken here", qn_node_label(node));
        QN_TRY(check_node(c, node));
    }
    if (g->last != before || n != g->n_nodes)
        return BAD("graph '%s' counts %d nodes and has %d", g->name, (int)g->n_nodes, (int)n);
    return check_outputs(c, g);
}

static qn_status check_counts(const checker *c) {
    for (uint32_t id = 0; id < qn_graph_value_bound(c->top); id++) {
        const seen *s = &c->seen[id];
        if (!s->value)
            continue;
        if (s->value->n_uses != s->n_uses)
            return BAD("value '%s' lists %d uses, the graph has %d", s->value->name, (int)s->value->n_uses,
                       (int)s->n_uses);
        if (s->value->n_outputs != s->n_outputs)
            return BAD("value '%s' counts as %d graph outputs and is %d", s->value->name, (int)s->value->n_outputs,
                       (int)s->n_outputs);
    }
    return QN_OK;
}

qn_status qn_graph_check(qn_context *ctx, const qn_graph *graph) {
    checker c = {.ctx = ctx, .top = graph, .scratch = qn_arena_create()};
    if (!c.scratch)
        return qn_fail_memory(ctx, sizeof c, "graph check");
    c.seen = qn_arena_array(c.scratch, qn_graph_value_bound(graph), sizeof *c.seen);
    qn_status status = c.seen ? check_graph(&c, graph) : qn_fail_memory(ctx, sizeof c, "graph check");
    if (status == QN_OK)
        status = check_counts(&c);
    qn_arena_destroy(c.scratch);
    return status;
}
