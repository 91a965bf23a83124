#include "ir/shared.h"

#include "base/checked.h"

#include <string.h>

const qn_attr *qn_node_attr(const qn_node *node, const char *name) {
    for (int32_t i = 0; i < node->n_attrs; i++)
        if (strcmp(node->attrs[i].name, name) == 0)
            return &node->attrs[i];
    return NULL;
}

static const qn_attr *attr_of_kind(const qn_node *node, const char *name, qn_attr_kind kind) {
    const qn_attr *attr = qn_node_attr(node, name);
    return attr && attr->kind == kind ? attr : NULL;
}

int64_t qn_node_int(const qn_node *node, const char *name, int64_t otherwise) {
    const qn_attr *attr = attr_of_kind(node, name, QN_ATTR_INT);
    return attr ? attr->as.i : otherwise;
}

float qn_node_float(const qn_node *node, const char *name, float otherwise) {
    const qn_attr *attr = attr_of_kind(node, name, QN_ATTR_FLOAT);
    return attr ? attr->as.f : otherwise;
}

const char *qn_node_string(const qn_node *node, const char *name, const char *otherwise) {
    const qn_attr *attr = attr_of_kind(node, name, QN_ATTR_STRING);
    return attr ? attr->as.s : otherwise;
}

const int64_t *qn_node_ints(const qn_node *node, const char *name, int64_t *n) {
    const qn_attr *attr = attr_of_kind(node, name, QN_ATTR_INTS);
    *n = attr ? attr->n : 0;
    return attr ? attr->as.ints : NULL;
}

const float *qn_node_floats(const qn_node *node, const char *name, int64_t *n) {
    const qn_attr *attr = attr_of_kind(node, name, QN_ATTR_FLOATS);
    *n = attr ? attr->n : 0;
    return attr ? attr->as.floats : NULL;
}

qn_graph *qn_node_graph(const qn_node *node, const char *name) {
    const qn_attr *attr = attr_of_kind(node, name, QN_ATTR_GRAPH);
    return attr ? attr->as.graph : NULL;
}

/* ---- setters ---- */

/* `count` items, never NULL. */
static qn_status copy_array(qn_context *ctx, qn_arena *arena, const void *from, int64_t count, size_t size,
                            const void **out) {
    if (count < 0)
        return qn_fail(ctx, QN_USAGE, "an attribute of %lld items", (long long)count);
    void *copy = qn_arena_array(arena, (size_t)count, size);
    if (!copy)
        return qn_fail_memory(ctx, (size_t)count, "attribute");
    if (count)
        memcpy(copy, from, (size_t)count * size);
    *out = copy;
    return QN_OK;
}

static qn_status copy_string(qn_context *ctx, qn_arena *arena, const char *from, const char **out) {
    *out = qn_arena_strdup(arena, from ? from : "");
    return *out ? QN_OK : qn_fail_memory(ctx, strlen(from ? from : ""), "attribute");
}

static qn_status copy_strings(qn_context *ctx, qn_arena *arena, const qn_attr *from, qn_attr *to) {
    const char **list;
    if (from->n < 0)
        return qn_fail(ctx, QN_USAGE, "an attribute of %lld items", (long long)from->n);
    QN_NEW_ARRAY(ctx, arena, list, from->n);
    for (int64_t i = 0; i < from->n; i++)
        QN_TRY(copy_string(ctx, arena, from->as.strings[i], &list[i]));
    to->as.strings = list;
    return QN_OK;
}

static qn_status copy_attr(qn_context *ctx, qn_arena *arena, const qn_attr *from, qn_attr *to) {
    const void *data = NULL;
    *to = *from;
    QN_TRY(copy_string(ctx, arena, from->name, &to->name));
    switch (from->kind) {
    case QN_ATTR_INTS:
        QN_TRY(copy_array(ctx, arena, from->as.ints, from->n, sizeof(int64_t), &data));
        to->as.ints = data;
        return QN_OK;
    case QN_ATTR_FLOATS:
        QN_TRY(copy_array(ctx, arena, from->as.floats, from->n, sizeof(float), &data));
        to->as.floats = data;
        return QN_OK;
    case QN_ATTR_STRING: return copy_string(ctx, arena, from->as.s, &to->as.s);
    case QN_ATTR_STRINGS: return copy_strings(ctx, arena, from, to);
    case QN_ATTR_INT: case QN_ATTR_FLOAT: case QN_ATTR_TENSOR: case QN_ATTR_GRAPH: return QN_OK;
    }
    return qn_fail(ctx, QN_USAGE, "attribute '%s' of unknown kind %d", from->name, (int)from->kind);
}

/* Make `sub` a subgraph of the graph of `node`, which is around it. */
static qn_status adopt(qn_context *ctx, qn_node *node, const char *name, qn_graph *sub) {
    const qn_graph *around = sub->parent;
    while (around && around != node->graph)
        around = around->parent;
    if (!around)
        return qn_fail(ctx, QN_USAGE, "%s: the graph of attribute '%s' does not lie inside the node's",
                       qn_node_label(node), name);
    sub->parent = node->graph;
    return QN_OK;
}

/* A slot for an attribute of that name. */
static qn_status find_slot(qn_context *ctx, qn_node *node, const char *name, qn_attr **out) {
    for (int32_t i = 0; i < node->n_attrs; i++) {
        *out = &node->attrs[i];
        if (strcmp(node->attrs[i].name, name) == 0)
            return QN_OK;
    }
    /* room for 4, 8, 16 ... */
    int32_t n = node->n_attrs;
    if (n == 0 || (n >= 4 && (n & (n - 1)) == 0)) {
        size_t cap = n ? 2 * (size_t)n : 4;
        qn_attr *grown = qn_arena_grow(node->graph->arena, node->attrs, (size_t)n, cap, sizeof *grown);
        if (!grown)
            return qn_fail_memory(ctx, cap * sizeof *grown, "attributes");
        node->attrs = grown;
    }
    *out = &node->attrs[n];
    return QN_OK;
}

qn_status qn_node_set_attr(qn_context *ctx, qn_node *node, const qn_attr *attr) {
    qn_attr copy, *slot = NULL;
    QN_TRY(copy_attr(ctx, node->graph->arena, attr, &copy));
    QN_TRY(find_slot(ctx, node, attr->name, &slot));
    bool live = qn_node_is_live(node);
    if (attr->kind == QN_ATTR_GRAPH) {
        QN_TRY(adopt(ctx, node, attr->name, attr->as.graph));
        if (live)
            QN_TRY(qn_graph_hold(ctx, attr->as.graph));
    }
    if (slot < node->attrs + node->n_attrs) {
        if (live && slot->kind == QN_ATTR_GRAPH)
            qn_graph_release(slot->as.graph);
    } else {
        node->n_attrs++;
    }
    *slot = copy;
    return QN_OK;
}

qn_status qn_node_set_int(qn_context *ctx, qn_node *node, const char *name, int64_t v) {
    return qn_node_set_attr(ctx, node, &(qn_attr){.name = name, .kind = QN_ATTR_INT, .as.i = v});
}

qn_status qn_node_set_float(qn_context *ctx, qn_node *node, const char *name, float v) {
    return qn_node_set_attr(ctx, node, &(qn_attr){.name = name, .kind = QN_ATTR_FLOAT, .as.f = v});
}

qn_status qn_node_set_string(qn_context *ctx, qn_node *node, const char *name, const char *v) {
    return qn_node_set_attr(ctx, node, &(qn_attr){.name = name, .kind = QN_ATTR_STRING, .as.s = v});
}

qn_status qn_node_set_ints(qn_context *ctx, qn_node *node, const char *name, const int64_t *v, int64_t n) {
    return qn_node_set_attr(ctx, node, &(qn_attr){.name = name, .kind = QN_ATTR_INTS, .n = n, .as.ints = v});
}

void qn_node_remove_attr(qn_node *node, const char *name) {
    const qn_attr *found = qn_node_attr(node, name);
    if (!found)
        return;
    if (found->kind == QN_ATTR_GRAPH && qn_node_is_live(node))
        qn_graph_release(found->as.graph);
    int32_t at = (int32_t)(found - node->attrs);
    memmove(&node->attrs[at], &node->attrs[at + 1], (size_t)(node->n_attrs - at - 1) * sizeof *node->attrs);
    node->n_attrs--;
}

qn_status qn_node_copy_attrs(qn_context *ctx, qn_node *to, const qn_node *from) {
    if (to == from)
        return QN_OK;
    for (int32_t i = 0; i < from->n_attrs; i++)
        QN_TRY(qn_node_set_attr(ctx, to, &from->attrs[i]));
    qn_arena *arena = to->graph->arena;
    QN_TRY(copy_string(ctx, arena, from->name, &to->name));
    QN_TRY(copy_string(ctx, arena, from->origin, &to->origin));
    to->compute = from->compute;
    return QN_OK;
}
