#include "ir/graph.h"

#include "base/checked.h"
#include "ir/shared.h"

#include <stdlib.h>
#include <string.h>

/* ---- graphs ---- */

qn_status qn_graph_create(qn_context *ctx, const char *name, qn_graph **out) {
    *out = NULL;
    qn_arena *arena = qn_arena_create();
    if (!arena)
        return qn_fail_memory(ctx, sizeof(qn_graph), "graph");
    qn_graph *g = qn_arena_alloc(arena, sizeof *g);
    struct qn_graph_shared *shared = g ? qn_arena_alloc(arena, sizeof *shared) : NULL;
    if (shared) {
        g->arena = arena;
        g->shared = shared;
        g->symbols = qn_symbols_create(arena);
        g->name = qn_arena_strdup(arena, name ? name : "");
        shared->names = qn_table_create(arena);
        shared->stems = qn_table_create(arena);
        shared->graphs = g;
    }
    if (!shared || !g->symbols || !g->name || !shared->names || !shared->stems) {
        qn_arena_destroy(arena);
        return qn_fail_memory(ctx, sizeof(qn_graph), "graph");
    }
    *out = g;
    return QN_OK;
}

qn_status qn_graph_create_sub(qn_context *ctx, qn_graph *parent, const char *name, qn_graph **out) {
    *out = NULL;
    if (parent->depth >= QN_MAX_GRAPH_DEPTH)
        return qn_fail(ctx, QN_UNSUPPORTED, "subgraph '%s' is nested deeper than %d", name ? name : "",
                       QN_MAX_GRAPH_DEPTH);
    qn_graph *g;
    QN_NEW(ctx, parent->arena, g);
    g->name = qn_arena_strdup(parent->arena, name ? name : "");
    if (!g->name)
        return qn_fail_memory(ctx, sizeof *g, "graph");
    g->arena = parent->arena;
    g->symbols = parent->symbols;
    g->shared = parent->shared;
    g->parent = parent;
    g->depth = parent->depth + 1;
    g->next_graph = g->shared->graphs;
    g->shared->graphs = g;
    *out = g;
    return QN_OK;
}

void qn_graph_destroy(qn_graph *graph) {
    if (!graph || graph->parent)
        return;
    for (qn_kept *k = graph->shared->kept; k; k = k->next)
        k->close(k->ptr);
    qn_arena_destroy(graph->arena);
}

qn_status qn_graph_keep(qn_context *ctx, qn_graph *graph, void *ptr, void (*close)(void *)) {
    qn_kept *k;
    QN_NEW(ctx, graph->arena, k);
    *k = (qn_kept){graph->shared->kept, ptr, close};
    graph->shared->kept = k;
    return QN_OK;
}

qn_status qn_graph_add_source(qn_context *ctx, qn_graph *graph, const char *path) {
    const char **grown = qn_arena_grow(graph->arena, graph->sources, (size_t)graph->n_sources,
                                       (size_t)graph->n_sources + 1, sizeof *grown);
    const char *copy = qn_arena_strdup(graph->arena, path);
    if (!grown || !copy)
        return qn_fail_memory(ctx, strlen(path), "the source's path");
    graph->sources = grown;
    graph->sources[graph->n_sources++] = copy;
    return QN_OK;
}

static qn_status add_port(qn_context *ctx, qn_graph *g, qn_port **ports, int32_t *n, int32_t *cap, const char *name,
                          qn_value *value) {
    if (*n == *cap) {
        int32_t more = *cap < 4 ? 4 : 2 * *cap;
        qn_port *grown = qn_arena_grow(g->arena, *ports, (size_t)*n, (size_t)more, sizeof *grown);
        if (!grown)
            return qn_fail_memory(ctx, (size_t)more * sizeof *grown, "graph ports");
        *ports = grown;
        *cap = more;
    }
    const char *copy = name ? qn_arena_strdup(g->arena, name) : value->name;
    if (!copy)
        return qn_fail_memory(ctx, strlen(name), "graph ports");
    (*ports)[(*n)++] = (qn_port){copy, value};
    return QN_OK;
}

qn_status qn_graph_add_input(qn_context *ctx, qn_graph *g, const char *name, qn_value *value) {
    QN_TRY(add_port(ctx, g, &g->inputs, &g->n_inputs, &g->cap_inputs, name, value));
    value->is_input = true;
    return QN_OK;
}

qn_status qn_graph_add_output(qn_context *ctx, qn_graph *g, const char *name, qn_value *value) {
    QN_TRY(add_port(ctx, g, &g->outputs, &g->n_outputs, &g->cap_outputs, name, value));
    if (!g->dormant)
        value->n_outputs++;
    return QN_OK;
}

qn_value *qn_graph_find(const qn_graph *graph, const char *name) { return qn_table_get(graph->shared->names, name); }
uint32_t qn_graph_value_bound(const qn_graph *graph) { return graph->shared->n_values; }
uint32_t qn_graph_node_bound(const qn_graph *graph) { return graph->shared->n_nodes; }

qn_status qn_graph_each(qn_context *ctx, qn_graph *graph, qn_status (*fn)(qn_context *, qn_graph *, void *),
                        void *arg) {
    QN_TRY(fn(ctx, graph, arg));
    for (qn_node *node = graph->first; node; node = node->next)
        for (int32_t i = 0; i < node->n_attrs; i++)
            if (node->attrs[i].kind == QN_ATTR_GRAPH)
                QN_TRY(qn_graph_each(ctx, node->attrs[i].as.graph, fn, arg));
    return QN_OK;
}

/* ---- values ---- */

qn_status qn_value_name(qn_context *ctx, qn_value *v, const char *stem) {
    struct qn_graph_shared *shared = v->graph->shared;
    qn_arena *arena = v->graph->arena;
    const char *name = stem && *stem ? qn_arena_strdup(arena, stem) : qn_arena_printf(arena, "v%u", v->id);
    if (name && qn_table_get(shared->names, name)) {
        stem = name;
        uint32_t *last = qn_table_get(shared->stems, stem);
        if (!last) {
            last = qn_arena_alloc(arena, sizeof *last);
            if (!last || !qn_table_put(shared->stems, stem, last))
                return qn_fail_memory(ctx, strlen(stem), "value names");
        }
        do
            name = qn_arena_printf(arena, "%s.%u", stem, ++*last);
        while (name && qn_table_get(shared->names, name));
    }
    if (!name || !qn_table_put(shared->names, name, v))
        return qn_fail_memory(ctx, sizeof *v, "value names");
    v->name = name;
    return QN_OK;
}

qn_status qn_value_create(qn_context *ctx, qn_graph *graph, const char *name, qn_value **out) {
    *out = NULL;
    struct qn_graph_shared *shared = graph->shared;
    if (shared->n_values == INT32_MAX)
        return qn_fail(ctx, QN_UNSUPPORTED, "a graph of more than %d values", INT32_MAX);
    qn_value *v;
    QN_NEW(ctx, graph->arena, v);
    v->graph = graph;
    v->type.rank = -1;
    v->id = shared->n_values++;
    QN_TRY(qn_value_name(ctx, v, name));
    *out = v;
    return QN_OK;
}

/* Contents are dimensions: numbers so low that they would be read as handles are not followed. */
static qn_status set_content(qn_context *ctx, qn_value *v) {
    const qn_const *c = v->constant;
    int64_t n = qn_const_numel(c);
    if (!(qn_dtype_is_int(c->dtype) || c->dtype == QN_BOOL) || !qn_const_is_ready(c) || n > QN_MAX_CONTENT)
        return QN_OK;
    qn_dim *content;
    QN_NEW_ARRAY(ctx, v->graph->arena, content, n);
    for (int64_t i = 0; i < n; i++) {
        content[i] = qn_const_i64(c, i);
        if (!qn_dim_is_const(content[i]) || (c->dtype == QN_U64 && content[i] == INT64_MAX))
            return QN_OK;
    }
    v->content = content;
    v->n_content = n;
    return QN_OK;
}

qn_status qn_value_constant(qn_context *ctx, qn_graph *graph, const char *name, qn_const *constant, qn_value **out) {
    *out = NULL;
    qn_value *v;
    QN_TRY(qn_value_create(ctx, graph, name, &v));
    v->constant = constant;
    v->type.dtype = constant->dtype;
    v->type.rank = constant->rank;
    for (int32_t i = 0; i < constant->rank; i++)
        v->type.dims[i] = constant->dims[i];
    QN_TRY(set_content(ctx, v));
    *out = v;
    return QN_OK;
}

static qn_status constant_of(qn_context *ctx, qn_graph *graph, const char *name, qn_dtype dtype, const void *v,
                             int64_t n, qn_value **out) {
    *out = NULL;
    size_t bytes;
    if (!qn_mul_size(n < 0 ? 1 : (size_t)n, qn_dtype_bytes(dtype), &bytes))
        return qn_fail_memory(ctx, SIZE_MAX, name ? name : "constant");
    void *data = qn_arena_alloc(graph->arena, bytes);
    if (!data)
        return qn_fail_memory(ctx, bytes, name ? name : "constant");
    if (bytes)
        memcpy(data, v, bytes);
    qn_const *c;
    QN_TRY(qn_const_dense(ctx, graph->arena, dtype, n < 0 ? 0 : 1, &n, data, bytes, &c));
    QN_TRY(qn_value_constant(ctx, graph, name, c, out));
    c->name = (*out)->name;
    return QN_OK;
}

qn_status qn_value_ints(qn_context *ctx, qn_graph *graph, const char *name, const int64_t *v, int64_t n,
                        qn_value **out) {
    return constant_of(ctx, graph, name, QN_I64, v, n, out);
}

qn_status qn_value_floats(qn_context *ctx, qn_graph *graph, const char *name, const float *v, int64_t n,
                          qn_value **out) {
    return constant_of(ctx, graph, name, QN_F32, v, n, out);
}

qn_status qn_value_reserve_uses(qn_context *ctx, qn_value *v, int32_t more) {
    int64_t want = (int64_t)v->n_uses + more;
    if (want <= v->cap_uses)
        return QN_OK;
    int64_t cap = want < 2 * (int64_t)v->cap_uses ? 2 * (int64_t)v->cap_uses : want;
    if (cap > INT32_MAX)
        return qn_fail(ctx, QN_UNSUPPORTED, "value '%s' has more than %d uses", v->name, INT32_MAX);
    qn_use *grown = qn_arena_grow(v->graph->arena, v->uses, (size_t)v->n_uses, (size_t)cap, sizeof *grown);
    if (!grown)
        return qn_fail_memory(ctx, (size_t)cap * sizeof *grown, "uses");
    v->uses = grown;
    v->cap_uses = (int32_t)cap;
    return QN_OK;
}

/* The ports of one graph that are `old`; those of a dormant graph are counted nowhere. */
static void replace_outputs(qn_graph *g, qn_value *old, qn_value *with) {
    for (int32_t i = 0; i < g->n_outputs; i++) {
        if (g->outputs[i].value != old)
            continue;
        g->outputs[i].value = with;
        if (!g->dormant) {
            old->n_outputs--;
            with->n_outputs++;
        }
    }
}

qn_status qn_value_replace(qn_context *ctx, qn_value *old, qn_value *with) {
    if (old == with)
        return QN_OK;
    QN_TRY(qn_value_reserve_uses(ctx, with, old->n_uses));
    for (int32_t i = 0; i < old->n_uses; i++) {
        qn_use use = old->uses[i];
        use.node->in[use.index] = with;
        use.node->use_at[use.index] = with->n_uses;
        with->uses[with->n_uses++] = use;
    }
    old->n_uses = 0;
    if (old->n_outputs)
        replace_outputs(old->graph, old, with);
    for (qn_graph *g = old->graph->shared->graphs; g && old->n_outputs; g = g->next_graph)
        replace_outputs(g, old, with);
    if (!with->origin)
        with->origin = old->origin;
    return QN_OK;
}
