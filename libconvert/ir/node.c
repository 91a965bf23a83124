/* Nodes: their list, and the uses of their inputs.
 *
 * in[i]->uses[use_at[i]] is the use of input i, so that one is taken out in constant time: the last use of the value
 * takes its place. Only live nodes keep uses: those in the list of a graph that is outermost or held by a live node.
 */
#include "ir/opdef.h"
#include "ir/shared.h"

#include <string.h>

bool qn_node_is_live(const qn_node *node) {
    return (node->prev || node->graph->first == node) && !node->graph->dormant;
}

/* Room was reserved. */
static void push_use(qn_node *node, int32_t index) {
    qn_value *v = node->in[index];
    node->use_at[index] = v->n_uses;
    v->uses[v->n_uses++] = (qn_use){node, index};
}

static void drop_use(qn_node *node, int32_t index) {
    qn_value *v = node->in[index];
    int32_t at = node->use_at[index];
    if (!v || at < 0)
        return;
    qn_use last = v->uses[--v->n_uses];
    v->uses[at] = last;
    last.node->use_at[last.index] = at;
    node->use_at[index] = -1;
}

/* ---- subgraphs come and go with the nodes that hold them ---- */

static void lose_uses(qn_node *node) {
    for (int32_t i = 0; i < node->n_in; i++)
        drop_use(node, i);
    for (int32_t i = 0; i < node->n_attrs; i++)
        if (node->attrs[i].kind == QN_ATTR_GRAPH)
            qn_graph_release(node->attrs[i].as.graph);
}

static qn_status gain_uses(qn_context *ctx, qn_node *node) {
    for (int32_t i = 0; i < node->n_in; i++) {
        if (!node->in[i])
            continue;
        QN_TRY(qn_value_reserve_uses(ctx, node->in[i], 1));
        push_use(node, i);
    }
    for (int32_t i = 0; i < node->n_attrs; i++)
        if (node->attrs[i].kind == QN_ATTR_GRAPH)
            QN_TRY(qn_graph_hold(ctx, node->attrs[i].as.graph));
    return QN_OK;
}

void qn_graph_release(qn_graph *sub) {
    if (sub->n_holders == 0 || --sub->n_holders > 0)
        return;
    sub->dormant = true;
    for (qn_node *node = sub->first; node; node = node->next)
        lose_uses(node);
    for (int32_t i = 0; i < sub->n_outputs; i++)
        sub->outputs[i].value->n_outputs--;
}

qn_status qn_graph_hold(qn_context *ctx, qn_graph *sub) {
    sub->n_holders++;
    if (!sub->dormant)
        return QN_OK;
    sub->dormant = false;
    for (qn_node *node = sub->first; node; node = node->next)
        QN_TRY(gain_uses(ctx, node));
    for (int32_t i = 0; i < sub->n_outputs; i++)
        sub->outputs[i].value->n_outputs++;
    return QN_OK;
}

/* ---- the list ---- */

static void link_before(qn_graph *g, qn_node *node, qn_node *before) {
    node->next = before;
    node->prev = before ? before->prev : g->last;
    *(node->prev ? &node->prev->next : &g->first) = node;
    *(before ? &before->prev : &g->last) = node;
    g->n_nodes++;
}

static void unlink_node(qn_node *node) {
    qn_graph *g = node->graph;
    *(node->prev ? &node->prev->next : &g->first) = node->next;
    *(node->next ? &node->next->prev : &g->last) = node->prev;
    node->prev = node->next = NULL;
    g->n_nodes--;
}

/* Everything of a node but its outputs and its place. */
static qn_status new_node(qn_context *ctx, qn_graph *g, qn_op op, const char *name, qn_value *const *in, int32_t n_in,
                          int32_t n_out, qn_node **out) {
    *out = NULL;
    qn_node *node;
    if (g->shared->n_nodes == INT32_MAX)
        return qn_fail(ctx, QN_UNSUPPORTED, "a graph of more than %d nodes", INT32_MAX);
    QN_NEW(ctx, g->arena, node);
    node->op = op;
    node->graph = g;
    node->name = node->origin = name && *name ? qn_arena_strdup(g->arena, name) : "";
    if (!node->name)
        return qn_fail_memory(ctx, sizeof *node, "node");
    QN_NEW_ARRAY(ctx, g->arena, node->in, n_in);
    QN_NEW_ARRAY(ctx, g->arena, node->use_at, n_in);
    QN_NEW_ARRAY(ctx, g->arena, node->out, n_out);
    node->n_in = node->cap_in = n_in;
    node->n_out = n_out;
    for (int32_t i = 0; i < n_in; i++) {
        node->in[i] = in[i];
        node->use_at[i] = -1;
    }
    node->id = g->shared->n_nodes++;
    *out = node;
    return QN_OK;
}

static qn_status place_node(qn_context *ctx, qn_node *node, qn_node *before) {
    bool live = !node->graph->dormant;
    for (int32_t i = 0; live && i < node->n_in; i++) {
        if (!node->in[i])
            continue;
        qn_status status = qn_value_reserve_uses(ctx, node->in[i], 1);
        if (status != QN_OK) {
            lose_uses(node);
            return status;
        }
        push_use(node, i);
    }
    for (int32_t i = 0; i < node->n_out; i++) {
        if (!node->out[i])
            continue;
        node->out[i]->producer = node;
        node->out[i]->producer_index = i;
        node->out[i]->graph = node->graph;
    }
    link_before(node->graph, node, before);
    return QN_OK;
}

qn_status qn_node_create(qn_context *ctx, qn_graph *graph, qn_node *before, qn_op op, const char *name,
                         qn_value *const *in, int32_t n_in, int32_t n_out, qn_node **out) {
    *out = NULL;
    qn_node *node;
    QN_TRY(new_node(ctx, graph, op, name, in, n_in, n_out, &node));
    for (int32_t i = 0; i < n_out; i++)
        QN_TRY(qn_value_create(ctx, graph, name, &node->out[i]));
    QN_TRY(place_node(ctx, node, before));
    *out = node;
    return QN_OK;
}

qn_status qn_node_create_with(qn_context *ctx, qn_graph *graph, qn_node *before, qn_op op, const char *name,
                              qn_value *const *in, int32_t n_in, qn_value *const *outs, int32_t n_out, qn_node **out) {
    *out = NULL;
    qn_node *node;
    for (int32_t i = 0; i < n_out; i++)
        if (outs[i] && (outs[i]->producer || outs[i]->constant || outs[i]->is_input))
            return qn_fail(ctx, QN_MALFORMED, "value '%s' is defined twice", outs[i]->name);
    QN_TRY(new_node(ctx, graph, op, name, in, n_in, n_out, &node));
    for (int32_t i = 0; i < n_out; i++) {
        node->out[i] = outs[i];
        /* the output of a node that was removed gave its name up */
        if (outs[i] && qn_table_get(graph->shared->names, outs[i]->name) != outs[i])
            QN_TRY(qn_value_name(ctx, outs[i], outs[i]->name));
    }
    QN_TRY(place_node(ctx, node, before));
    *out = node;
    return QN_OK;
}

void qn_node_detach(qn_node *node) {
    if (qn_node_is_live(node))
        lose_uses(node);
    unlink_node(node);
    for (int32_t i = 0; i < node->n_out; i++)
        if (node->out[i] && node->out[i]->producer == node)
            node->out[i]->producer = NULL;
}

void qn_node_remove(qn_node *node) {
    qn_node_detach(node);
    qn_table *names = node->graph->shared->names;
    for (int32_t i = 0; i < node->n_out; i++)
        if (node->out[i] && qn_table_get(names, node->out[i]->name) == node->out[i])
            qn_table_remove(names, node->out[i]->name);
}

void qn_node_move(qn_node *node, qn_node *before) {
    if (before == node || node->next == before)
        return;
    qn_graph *g = node->graph;
    unlink_node(node);
    link_before(g, node, before);
}

static qn_status grow_inputs(qn_context *ctx, qn_node *node) {
    qn_arena *arena = node->graph->arena;
    if (node->n_in < node->cap_in)
        return QN_OK;
    size_t n = (size_t)node->n_in, cap = n < 4 ? 4 : 2 * n;
    if (cap > INT32_MAX)
        return qn_fail(ctx, QN_UNSUPPORTED, "%s has more than %d inputs", qn_node_label(node), INT32_MAX);
    qn_value **in = qn_arena_grow(arena, node->in, n, cap, sizeof(qn_value *));
    int32_t *use_at = qn_arena_grow(arena, node->use_at, n, cap, sizeof *use_at);
    if (!in || !use_at)
        return qn_fail_memory(ctx, cap * sizeof *in, "node inputs");
    node->in = in;
    node->use_at = use_at;
    node->cap_in = (int32_t)cap;
    return QN_OK;
}

qn_status qn_node_set_input(qn_context *ctx, qn_node *node, int32_t index, qn_value *value) {
    if (index < 0 || index > node->n_in)
        return qn_fail(ctx, QN_USAGE, "%s has no input %d", qn_node_label(node), index);
    bool live = qn_node_is_live(node);
    if (live && value)
        QN_TRY(qn_value_reserve_uses(ctx, value, 1));
    if (index == node->n_in) {
        QN_TRY(grow_inputs(ctx, node));
        node->in[index] = NULL;
        node->use_at[index] = -1;
        node->n_in++;
    }
    drop_use(node, index);
    node->in[index] = value;
    if (live && value)
        push_use(node, index);
    return QN_OK;
}

const char *qn_node_label(const qn_node *node) {
    const char *op = qn_opdef_name(node->op);
    const char *name = node->name;
    for (int32_t i = 0; !*name && i < node->n_out; i++)
        if (node->out[i])
            name = node->out[i]->name;
    const char *text = qn_arena_printf(node->graph->arena, "%s '%s'", op, name);
    return text ? text : op;
}

/* ---- provenance ---- */

enum { MAX_ORIGINS = 4 };

/* True when the first n bytes of `name` are an item of the "+"-joined `list`. */
static bool has_origin(const char *list, const char *name, size_t n) {
    while (*list) {
        size_t k = strcspn(list, "+");
        if (k == n && memcmp(list, name, n) == 0)
            return true;
        list += k + (list[k] == '+');
    }
    return false;
}

static int count_origins(const char *list) {
    int n = *list != 0;
    for (; *list; list++)
        n += *list == '+';
    return n;
}

qn_status qn_node_add_origin(qn_context *ctx, qn_node *node, const qn_node *also) {
    qn_arena *arena = node->graph->arena;
    const char *from = also->origin ? also->origin : "";
    const char *to = node->origin ? node->origin : "";
    while (*from) {
        size_t n = strcspn(from, "+");
        if (count_origins(to) > MAX_ORIGINS)
            break;
        if (n && !has_origin(to, from, n)) {
            bool full = count_origins(to) == MAX_ORIGINS;
            to = full   ? qn_arena_printf(arena, "%s+...", to)
                 : *to ? qn_arena_printf(arena, "%s+%.*s", to, (int)n, from)
                       : qn_arena_strndup(arena, from, n);
            if (!to)
                return qn_fail_memory(ctx, n, "origin");
        }
        from += n + (from[n] == '+');
    }
    node->origin = to;
    return QN_OK;
}
