/* Shape inference of a graph: each node in order, subgraphs before the node that holds them. */
#include <string.h>

#include "ops/shape.h"

/** Subgraphs inside subgraphs, at most. */
#define MAX_DEPTH 64

typedef struct walk {
    qn_context *ctx;
    qn_graph *graph;
    qn_arena *scratch;     /* reset after each node */
    bool *promised;        /* [n_promised] by symbol index: it is a dimension of a graph input */
    int32_t n_promised;
} walk;

/* ---- inputs of a node ------------------------------------------------------------------------- */

/* A small constant as a tensor; the bytes stay where they are and are only read. */
static qn_tensor value_of(const qn_value *value) {
    qn_tensor t = {.dtype = QN_NONE};
    const qn_const *c = value->constant;
    if (!c || !qn_const_is_ready(c) || qn_const_numel(c) > QN_MAX_CONTENT)
        return t;
    t.dtype = c->dtype;
    t.rank = c->rank;
    memcpy(t.dims, c->dims, sizeof t.dims);
    t.n_bytes = c->part[QN_PART_VALUES].n;
    memcpy(&t.data, &c->part[QN_PART_VALUES].data, sizeof t.data);
    return t;
}

static qn_status load(walk *w, const qn_node *node, qn_infer *inf) {
    *inf = (qn_infer){.ctx = w->ctx, .symbols = w->graph->symbols, .node = node, .arena = w->scratch,
                      .n_in = node->n_in, .n_out = node->n_out};
    qn_type *in;
    qn_content *content;
    qn_tensor *value;
    QN_NEW_ARRAY(w->ctx, w->scratch, in, node->n_in);
    QN_NEW_ARRAY(w->ctx, w->scratch, content, node->n_in);
    QN_NEW_ARRAY(w->ctx, w->scratch, value, node->n_in);
    QN_NEW_ARRAY(w->ctx, w->scratch, inf->out, node->n_out);
    QN_NEW_ARRAY(w->ctx, w->scratch, inf->out_content, node->n_out);
    for (int32_t i = 0; i < node->n_in; i++) {
        const qn_value *v = node->in[i];
        in[i] = (qn_type){.dtype = QN_NONE, .rank = -1};
        if (!v)
            continue;
        in[i] = v->type;
        content[i] = (qn_content){v->content, v->content ? v->n_content : 0};
        value[i] = value_of(v);
    }
    inf->in = in;
    inf->in_content = content;
    inf->in_value = value;
    return QN_OK;
}

/* ---- outputs ----------------------------------------------------------------------------------- */

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* "backbone_conv1_2" for dimension 2 of '/backbone/conv1': a name that expressions can hold, not too long. */
static qn_dim fresh(walk *w, const qn_value *value, int32_t axis) {
    char stem[64];
    size_t n = 0;
    const char *name = value->name ? value->name : "";
    const size_t length = strlen(name);
    if (length > 40) {
        name += length - 40;
        for (const char *at = name; *at; at++)
            if (*at == '/') {
                name = at;
                break;
            }
    }
    while (*name && !is_word(*name))
        name++;
    if (!*name || (*name >= '0' && *name <= '9'))
        stem[n++] = 'd';
    for (; *name; name++)
        stem[n++] = is_word(*name) ? *name : '_';
    stem[n++] = '_';
    stem[n++] = (char)('0' + axis);
    stem[n] = 0;
    return qn_dim_fresh(w->graph->symbols, stem);
}

/* A declared name of a dimension that cannot be told is kept, unless it is that of an input's dimension: exporters
 * give the same name to sizes that differ. */
static bool keeps(const walk *w, qn_dim declared) {
    if (declared == QN_DIM_UNKNOWN)
        return false;
    int32_t symbol = qn_dim_symbol_index(w->graph->symbols, declared);
    return symbol < 0 || symbol >= w->n_promised || !w->promised[symbol];
}

static qn_status store_type(walk *w, const qn_infer *inf, int32_t o, qn_value *value) {
    const qn_type *found = &inf->out[o];
    qn_type *type = &value->type;
    if (found->dtype != QN_NONE) {
        if (type->dtype != QN_NONE && type->dtype != found->dtype &&
            !(qn_dtype_is_float(type->dtype) && qn_dtype_is_float(found->dtype)))
            return qn_infer_fail(inf, "'%s' is declared %s, but is %s", value->name, qn_dtype_name(type->dtype),
                                 qn_dtype_name(found->dtype));
        type->dtype = found->dtype;
    }
    if (found->rank >= 0 && type->rank >= 0 && found->rank != type->rank)
        return qn_infer_fail(inf, "'%s' is declared with rank %d, but has rank %d", value->name, type->rank, found->rank);
    if (found->rank >= 0 && type->rank < 0) {
        type->rank = found->rank;
        for (int32_t k = 0; k < type->rank; k++)
            type->dims[k] = QN_DIM_UNKNOWN;
    }
    for (int32_t k = 0; k < type->rank; k++) {
        qn_dim d = found->rank < 0 ? QN_DIM_UNKNOWN : found->dims[k];
        if (d == QN_DIM_UNKNOWN)
            d = keeps(w, type->dims[k]) ? type->dims[k] : fresh(w, value, k);
        else if (qn_dim_is_const(d) && qn_dim_is_const(type->dims[k]) && d != type->dims[k])
            return qn_infer_fail(inf, "dimension %d of '%s' is declared %lld, but is %lld", k, value->name,
                                 (long long)type->dims[k], (long long)d);
        type->dims[k] = d;
    }
    return QN_OK;
}

/* Contents are copied to the graph's arena only when they are new: inference runs many times over a graph. */
static qn_status store_content(walk *w, const qn_content *found, qn_value *value) {
    if (!found->elems || found->n > QN_MAX_CONTENT) {
        value->content = NULL;
        value->n_content = 0;
        return QN_OK;
    }
    const size_t bytes = (size_t)found->n * sizeof *found->elems;
    if (value->content && value->n_content == found->n && memcmp(value->content, found->elems, bytes) == 0)
        return QN_OK;
    qn_dim *copy;
    QN_NEW_ARRAY(w->ctx, w->graph->arena, copy, found->n);
    if (bytes)
        memcpy(copy, found->elems, bytes);
    value->content = copy;
    value->n_content = found->n;
    return QN_OK;
}

/* ---- the walk ----------------------------------------------------------------------------------- */

static qn_status infer_nodes(walk *w, qn_graph *graph, int depth);

/* The number that the condition of an If is known to be; -1 when it is not. */
static int condition_of(const qn_infer *inf) {
    qn_dim d = inf->node->op == QN_OP_If && inf->n_in == 1 ? qn_infer_scalar(inf, 0) : QN_DIM_UNKNOWN;
    return qn_dim_is_const(d) ? d != 0 : -1;
}

/* A branch that is known not to be taken may hold shapes that do not fit: its failure is forgotten. */
static qn_status infer_subgraphs(walk *w, const qn_node *node, int condition, int depth) {
    for (int32_t i = 0; i < node->n_attrs; i++) {
        const qn_attr *attr = &node->attrs[i];
        if (attr->kind != QN_ATTR_GRAPH || !attr->as.graph)
            continue;
        if (depth >= MAX_DEPTH)
            return qn_fail(w->ctx, QN_UNSUPPORTED, "%s: subgraphs are nested more than %d deep", qn_node_label(node),
                           MAX_DEPTH);
        bool skipped = condition >= 0 && strcmp(attr->name, condition ? "then_branch" : "else_branch") != 0;
        qn_status status = infer_nodes(w, attr->as.graph, depth + 1);
        if (skipped && (status == QN_MALFORMED || status == QN_UNSUPPORTED))
            qn_clear(w->ctx);
        else
            QN_TRY(status);
    }
    return QN_OK;
}

static qn_status infer_one(walk *w, qn_node *node, int depth) {
    qn_infer inf;
    QN_TRY(load(w, node, &inf));
    bool nested = false;
    for (int32_t i = 0; i < node->n_attrs; i++)
        nested = nested || node->attrs[i].kind == QN_ATTR_GRAPH;
    if (nested) {
        QN_TRY(infer_subgraphs(w, node, condition_of(&inf), depth));
        QN_TRY(load(w, node, &inf)); /* the scratch arena was reset inside */
    }
    QN_TRY(qn_infer_node(&inf));
    for (int32_t o = 0; o < node->n_out; o++) {
        if (!node->out[o])
            continue;
        QN_TRY(store_type(w, &inf, o, node->out[o]));
        QN_TRY(store_content(w, &inf.out_content[o], node->out[o]));
    }
    return QN_OK;
}

static qn_status infer_nodes(walk *w, qn_graph *graph, int depth) {
    for (qn_node *node = graph->first; node; node = node->next) {
        QN_TRY(infer_one(w, node, depth));
        qn_arena_reset(w->scratch);
    }
    return QN_OK;
}

static qn_status mark_promised(walk *w, qn_arena *arena) {
    w->n_promised = qn_symbols_count(w->graph->symbols);
    QN_NEW_ARRAY(w->ctx, arena, w->promised, w->n_promised);
    for (int32_t i = 0; i < w->graph->n_inputs; i++) {
        const qn_type *type = &w->graph->inputs[i].value->type;
        for (int32_t k = 0; k < type->rank; k++) {
            int32_t symbol = qn_dim_symbol_index(w->graph->symbols, type->dims[k]);
            if (symbol >= 0)
                w->promised[symbol] = true;
        }
    }
    return QN_OK;
}

static qn_status infer_all(walk *w, qn_arena *arena) {
    QN_TRY(mark_promised(w, arena));
    return infer_nodes(w, w->graph, 0);
}

qn_status qn_infer_graph(qn_context *ctx, qn_graph *graph) {
    walk w = {.ctx = ctx, .graph = graph, .scratch = qn_arena_create()};
    qn_arena *arena = qn_arena_create();
    qn_status status = w.scratch && arena ? infer_all(&w, arena) : qn_fail_memory(ctx, sizeof w, "shape inference");
    qn_arena_destroy(w.scratch);
    qn_arena_destroy(arena);
    return status;
}

/* What a caller may have declared of the outputs is nothing but names made by earlier inference: all are kept. */
qn_status qn_infer_one(qn_context *ctx, qn_node *node) {
    walk w = {.ctx = ctx, .graph = node->graph, .scratch = qn_arena_create()};
    qn_status status = w.scratch ? infer_one(&w, node, 0) : qn_fail_memory(ctx, sizeof w, "shape inference");
    qn_arena_destroy(w.scratch);
    return status;
}
