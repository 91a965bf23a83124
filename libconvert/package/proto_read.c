/* The message in model.pb to a graph. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "ir/check.h"
#include "ir/preprocess.h"
#include "ops/op.h"
#include "package/proto.h"

typedef struct reader {
    qn_context *ctx;
    const Quern__Package *package;
    qn_graph *graph;    /* the outermost */
    qn_arena *scratch;
    qn_const *consts;   /* [n_constants] */
    bool *const_used;   /* [n_constants] */
    qn_value **values;  /* [n_values]; NULL until it is defined */
} reader;

/** Copy of a message's string; NULL for the empty one when `optional`. */
static qn_status copy_text(reader *r, const char *text, bool optional, const char **out) {
    *out = NULL;
    if (optional && !text[0])
        return QN_OK;
    *out = qn_arena_strdup(r->graph->arena, text);
    return *out ? QN_OK : qn_fail_memory(r->ctx, strlen(text), "a name");
}

static qn_status read_symbols(reader *r) {
    qn_symbols *symbols = r->graph->symbols;
    for (size_t i = 0; i < r->package->n_symbols; i++) {
        const Quern__Symbol *m = r->package->symbols[i];
        if (!m->name[0] || strlen(m->name) > QN_DIM_TEXT_MAX)
            return qn_fail(r->ctx, QN_MALFORMED, "a dimension's name has %zu bytes", strlen(m->name));
        qn_dim d = qn_dim_symbol(symbols, m->name);
        int32_t index = qn_dim_symbol_index(symbols, d);
        if (index < 0 || qn_symbols_count(symbols) != (int32_t)i + 1)
            return qn_fail(r->ctx, QN_MALFORMED, "dimension '%s' is declared twice", m->name);
        qn_dim_range range = {.min = m->min, .max = m->max, .multiple = m->multiple};
        bool ok = m->min >= 0 && m->max >= m->min && m->multiple >= 1 && m->n_list <= INT32_MAX;
        for (size_t k = 0; ok && k < m->n_list; k++)
            ok = k ? m->list[k] > m->list[k - 1] : m->list[0] >= 0;
        if (ok && m->n_list)
            ok = m->list[0] == m->min && m->list[m->n_list - 1] == m->max;
        if (!ok)
            return qn_fail(r->ctx, QN_MALFORMED, "dimension '%s' has no valid range", m->name);
        if (m->n_list) {
            int64_t *list;
            QN_NEW_ARRAY(r->ctx, r->graph->arena, list, m->n_list);
            memcpy(list, m->list, m->n_list * sizeof *list);
            range.list = list;
            range.n_list = (int32_t)m->n_list;
        }
        qn_symbol_set_range(symbols, index, range);
    }
    return QN_OK;
}

static qn_status read_type(reader *r, const Quern__Value *m, qn_type *type) {
    *type = (qn_type){.dtype = (qn_dtype)m->dtype, .rank = -1};
    if (m->dtype != 0 && (m->dtype > 0xff || !qn_dtype_row(type->dtype)))
        return qn_fail(r->ctx, QN_UNSUPPORTED, "value '%s': dtype %" PRIu32 " is not known", m->name, m->dtype);
    if (m->unranked && m->n_dims)
        return qn_fail(r->ctx, QN_MALFORMED, "value '%s' has dimensions and none", m->name);
    if (m->n_dims > QN_MAX_RANK)
        return qn_fail(r->ctx, QN_UNSUPPORTED, "value '%s' has %zu dimensions: at most %d", m->name, m->n_dims, QN_MAX_RANK);
    if (m->unranked)
        return QN_OK;
    type->rank = (int32_t)m->n_dims;
    for (int32_t i = 0; i < type->rank; i++) {
        const char *text = m->dims[i];
        if (!text[0] || strlen(text) > QN_DIM_TEXT_MAX)
            return qn_fail(r->ctx, QN_MALFORMED, "value '%s': the text of dimension %" PRId32 " has %zu bytes", m->name, i,
                           strlen(text));
        type->dims[i] = strcmp(text, "?") == 0 ? QN_DIM_UNKNOWN : qn_dim_parse(r->graph->symbols, text);
        if ((size_t)qn_symbols_count(r->graph->symbols) != r->package->n_symbols)
            return qn_fail(r->ctx, QN_MALFORMED, "value '%s': dimension '%s' uses a name that is not declared", m->name, text);
        if (qn_dim_is_const(type->dims[i]) && type->dims[i] < 0)
            return qn_fail(r->ctx, QN_MALFORMED, "value '%s': dimension %" PRId32 " is '%s'", m->name, i, text);
    }
    return QN_OK;
}

/** Bring value `index` into being in `graph`; a constant when its message says so, which must be what is `wanted`. */
static qn_status define_value(reader *r, qn_graph *graph, uint32_t index, bool constant) {
    const Quern__Value *m = r->package->values[index];
    qn_value *v;
    if (!m->name[0])
        return qn_fail(r->ctx, QN_MALFORMED, "value %" PRIu32 " has no name", index);
    if (qn_graph_find(r->graph, m->name))
        return qn_fail(r->ctx, QN_MALFORMED, "two values are called '%s'", m->name);
    if (constant) {
        if (m->constant > r->package->n_constants)
            return qn_fail(r->ctx, QN_MALFORMED, "value '%s': there is no constant %" PRIu32, m->name, m->constant);
        if (m->dtype || m->n_dims || m->unranked)
            return qn_fail(r->ctx, QN_MALFORMED, "value '%s' has a constant and a type", m->name);
        r->const_used[m->constant - 1] = true;
        QN_TRY(qn_value_constant(r->ctx, graph, m->name, &r->consts[m->constant - 1], &v));
    } else {
        if (m->constant)
            return qn_fail(r->ctx, QN_MALFORMED, "value '%s' is a constant and is defined by the graph", m->name);
        QN_TRY(qn_value_create(r->ctx, graph, m->name, &v));
        QN_TRY(read_type(r, m, &v->type));
    }
    QN_TRY(copy_text(r, m->origin, true, &v->origin));
    r->values[index] = v;
    return QN_OK;
}

/** The value behind "index + 1": one that is defined and seen from `graph`. NULL for 0. */
static qn_status use_value(reader *r, const qn_graph *graph, uint32_t ref, const char *who, qn_value **out) {
    *out = NULL;
    if (ref == 0)
        return QN_OK;
    if (ref > r->package->n_values)
        return qn_fail(r->ctx, QN_MALFORMED, "%s: there is no value %" PRIu32, who, ref);
    *out = r->values[ref - 1];
    if (!*out)
        return qn_fail(r->ctx, QN_MALFORMED, "%s uses '%s' before it is defined", who, r->package->values[ref - 1]->name);
    while (graph && graph != (*out)->graph)
        graph = graph->parent;
    if (!graph)
        return qn_fail(r->ctx, QN_MALFORMED, "%s uses '%s' of a graph that it is not in", who, (*out)->name);
    return QN_OK;
}

/** Define the value behind "index + 1" as an input or a node's output. */
static qn_status make_value(reader *r, qn_graph *graph, uint32_t ref, const char *who, qn_value **out) {
    *out = NULL;
    if (ref == 0)
        return QN_OK;
    if (ref > r->package->n_values)
        return qn_fail(r->ctx, QN_MALFORMED, "%s: there is no value %" PRIu32, who, ref);
    if (r->values[ref - 1])
        return qn_fail(r->ctx, QN_MALFORMED, "%s defines '%s', which is defined already", who,
                       r->package->values[ref - 1]->name);
    QN_TRY(define_value(r, graph, ref - 1, false));
    *out = r->values[ref - 1];
    return QN_OK;
}

static qn_status read_graph(reader *r, const Quern__Graph *m, qn_graph *graph);

/** One attribute; its arrays are borrowed from the message (qn_node_set_attr copies). */
static qn_status read_attr(reader *r, const Quern__Attribute *m, qn_graph *graph, const char *who, qn_attr *a) {
    *a = (qn_attr){.name = m->name, .kind = (qn_attr_kind)m->kind};
    bool none = false;
    switch (m->kind) {
    case QN_ATTR_INT:
        none = m->n_ints != 1;
        a->as.i = none ? 0 : m->ints[0];
        break;
    case QN_ATTR_FLOAT:
        none = m->n_floats != 1;
        a->as.f = none ? 0 : m->floats[0];
        break;
    case QN_ATTR_STRING:
        none = m->n_strings != 1;
        a->as.s = none ? "" : m->strings[0];
        break;
    case QN_ATTR_INTS:
        a->n = (int64_t)m->n_ints;
        a->as.ints = m->ints;
        break;
    case QN_ATTR_FLOATS:
        a->n = (int64_t)m->n_floats;
        a->as.floats = m->floats;
        break;
    case QN_ATTR_STRINGS:
        a->n = (int64_t)m->n_strings;
        a->as.strings = (const char *const *)m->strings;
        break;
    case QN_ATTR_TENSOR:
        none = m->tensor == 0 || m->tensor > r->package->n_constants;
        if (!none) {
            a->as.tensor = &r->consts[m->tensor - 1];
            r->const_used[m->tensor - 1] = true;
        }
        break;
    case QN_ATTR_GRAPH:
        none = m->graph == NULL;
        if (!none) {
            QN_TRY(qn_graph_create_sub(r->ctx, graph, m->graph->name, &a->as.graph));
            QN_TRY(read_graph(r, m->graph, a->as.graph));
        }
        break;
    default:
        return qn_fail(r->ctx, QN_UNSUPPORTED, "%s: attribute '%s' is of an unknown kind %" PRIu32, who, m->name, m->kind);
    }
    if (none)
        return qn_fail(r->ctx, QN_MALFORMED, "%s: attribute '%s' has no value of its kind '%c'", who, m->name, (int)m->kind);
    bool scalar = m->kind == QN_ATTR_INT, list = m->kind == QN_ATTR_INTS;
    if ((m->n_ints && !scalar && !list) || (m->n_floats && m->kind != QN_ATTR_FLOAT && m->kind != QN_ATTR_FLOATS) ||
        (m->n_strings && m->kind != QN_ATTR_STRING && m->kind != QN_ATTR_STRINGS) ||
        (m->tensor && m->kind != QN_ATTR_TENSOR) || (m->graph && m->kind != QN_ATTR_GRAPH))
        return qn_fail(r->ctx, QN_MALFORMED, "%s: attribute '%s' has values of two kinds", who, m->name);
    return QN_OK;
}

static qn_status read_node(reader *r, const Quern__Node *m, qn_graph *graph) {
    qn_context *ctx = r->ctx;
    qn_op op = qn_op_from_name(m->op);
    if (op == QN_OP_NONE)
        return qn_fail(ctx, QN_UNSUPPORTED, "op '%s' (node '%s') is not known", m->op, m->name);
    const char *who = qn_arena_printf(r->scratch, "%s '%s'", m->op, m->name);
    if (!who)
        return qn_fail_memory(ctx, strlen(m->name), "a name");
    if (m->n_inputs > INT32_MAX || m->n_outputs > INT32_MAX || m->n_attributes > INT32_MAX)
        return qn_fail(ctx, QN_MALFORMED, "%s has too many inputs, outputs or attributes", who);
    qn_value **in, **out;
    qn_attr *attrs;
    QN_NEW_ARRAY(ctx, r->scratch, in, m->n_inputs);
    QN_NEW_ARRAY(ctx, r->scratch, out, m->n_outputs);
    QN_NEW_ARRAY(ctx, r->scratch, attrs, m->n_attributes);
    for (size_t i = 0; i < m->n_inputs; i++)
        QN_TRY(use_value(r, graph, m->inputs[i], who, &in[i]));
    for (size_t i = 0; i < m->n_attributes; i++) {
        for (size_t k = 0; k < i; k++)
            if (strcmp(m->attributes[k]->name, m->attributes[i]->name) == 0)
                return qn_fail(ctx, QN_MALFORMED, "%s has attribute '%s' twice", who, m->attributes[i]->name);
        if (!qn_op_attr_kind(op, m->attributes[i]->name))
            return qn_fail(ctx, QN_UNSUPPORTED, "%s: attribute '%s' is not known", who, m->attributes[i]->name);
        QN_TRY(read_attr(r, m->attributes[i], graph, who, &attrs[i]));
    }
    for (size_t i = 0; i < m->n_outputs; i++)
        QN_TRY(make_value(r, graph, m->outputs[i], who, &out[i]));
    qn_node *node;
    QN_TRY(qn_node_create_with(ctx, graph, NULL, op, m->name, in, (int32_t)m->n_inputs, out, (int32_t)m->n_outputs, &node));
    for (size_t i = 0; i < m->n_attributes; i++)
        QN_TRY(qn_node_set_attr(ctx, node, &attrs[i]));
    QN_TRY(copy_text(r, m->origin, true, &node->origin));
    if (m->compute != QN_NONE && m->compute != QN_F32 && (m->compute != QN_BF16 || op != QN_OP_MultiHeadAttention))
        return qn_fail(ctx, QN_UNSUPPORTED, "%s computes in dtype %" PRIu32, who, m->compute);
    node->compute = (qn_dtype)m->compute;
    return QN_OK;
}

static qn_status read_graph(reader *r, const Quern__Graph *m, qn_graph *graph) {
    qn_value *v;
    for (size_t i = 0; i < m->n_inputs; i++) {
        QN_TRY(make_value(r, graph, m->inputs[i]->value, "an input of the graph", &v));
        if (!v)
            return qn_fail(r->ctx, QN_MALFORMED, "input '%s' has no value", m->inputs[i]->name);
        QN_TRY(qn_graph_add_input(r->ctx, graph, m->inputs[i]->name, v));
    }
    for (size_t i = 0; i < m->n_nodes; i++)
        QN_TRY(read_node(r, m->nodes[i], graph));
    for (size_t i = 0; i < m->n_outputs; i++) {
        QN_TRY(use_value(r, graph, m->outputs[i]->value, "an output of the graph", &v));
        if (!v)
            return qn_fail(r->ctx, QN_MALFORMED, "output '%s' has no value", m->outputs[i]->name);
        QN_TRY(qn_graph_add_output(r->ctx, graph, m->outputs[i]->name, v));
    }
    return QN_OK;
}

static qn_status read_provenance(reader *r, qn_provenance *p) {
    const Quern__Provenance *m = r->package->provenance;
    *p = (qn_provenance){0};
    if (!m)
        return QN_OK;
    QN_TRY(copy_text(r, m->quern_version, true, &p->quern_version));
    QN_TRY(copy_text(r, m->recipe, true, &p->recipe));
    QN_TRY(copy_text(r, m->licence, true, &p->licence));
    QN_TRY(copy_text(r, m->producer, true, &p->producer));
    if (m->n_sources > INT32_MAX)
        return qn_fail(r->ctx, QN_MALFORMED, "%zu sources", m->n_sources);
    const char **names, **hashes;
    QN_NEW_ARRAY(r->ctx, r->graph->arena, names, m->n_sources);
    QN_NEW_ARRAY(r->ctx, r->graph->arena, hashes, m->n_sources);
    for (size_t i = 0; i < m->n_sources; i++) {
        QN_TRY(copy_text(r, m->sources[i]->name, false, &names[i]));
        QN_TRY(copy_text(r, m->sources[i]->hash, false, &hashes[i]));
    }
    p->n_sources = (int32_t)m->n_sources;
    p->source_names = names;
    p->source_hashes = hashes;
    return QN_OK;
}

static qn_status read_preprocess(reader *r) {
    const Quern__Preprocess *m = r->package->preprocess;
    if (!m)
        return QN_OK;
    if (m->n_mean != 3 || m->n_std != 3)
        return qn_fail(r->ctx, QN_MALFORMED, "preprocessing: %zu means and %zu stds of 3 channels", m->n_mean, m->n_std);
    if (m->height > QN_MAX_SIDE || m->width > QN_MAX_SIDE || m->multiple > QN_MAX_SIDE)
        return qn_fail(r->ctx, QN_MALFORMED, "preprocessing: a size or multiple is over %d", QN_MAX_SIDE);
    qn_preprocess p = {.input = m->input, .size = (qn_size_rule)m->size, .height = (int32_t)m->height,
                       .width = (int32_t)m->width, .multiple = (int32_t)m->multiple,
                       .interpolation = (qn_interpolation)m->interpolation, .antialias = m->antialias != 0,
                       .resize_last = m->resize_last != 0, .rescale = m->rescale};
    memcpy(p.mean, m->mean, sizeof p.mean);
    memcpy(p.std, m->std, sizeof p.std);
    return qn_graph_set_preprocess(r->ctx, r->graph, &p);
}

static qn_status read_package(reader *r, const qn_archive *archive, qn_provenance *provenance) {
    const Quern__Package *m = r->package;
    qn_context *ctx = r->ctx;
    QN_NEW_ARRAY(ctx, r->graph->arena, r->consts, m->n_constants);
    QN_NEW_ARRAY(ctx, r->scratch, r->const_used, m->n_constants);
    QN_NEW_ARRAY(ctx, r->scratch, r->values, m->n_values);
    QN_TRY(read_symbols(r));
    QN_TRY(qn_proto_constants(ctx, r->graph->arena, r->scratch, m, archive, r->consts));
    if (m->n_values >= UINT32_MAX)
        return qn_fail(ctx, QN_MALFORMED, "%zu values", m->n_values);
    for (size_t i = 0; i < m->n_values; i++)
        if (m->values[i]->constant)
            QN_TRY(define_value(r, r->graph, (uint32_t)i, true));
    QN_TRY(read_graph(r, m->graph, r->graph));
    for (size_t i = 0; i < m->n_values; i++)
        if (!r->values[i])
            return qn_fail(ctx, QN_MALFORMED, "value '%s' is defined nowhere", m->values[i]->name);
    for (size_t i = 0; i < m->n_constants; i++)
        if (!r->const_used[i])
            return qn_fail(ctx, QN_MALFORMED, "constant '%s' is used nowhere", m->constants[i]->name);
    QN_TRY(read_preprocess(r));
    qn_provenance p;
    QN_TRY(read_provenance(r, provenance ? provenance : &p));
    return qn_graph_check(ctx, r->graph);
}

qn_status qn_proto_read(qn_context *ctx, qn_arena *scratch, const Quern__Package *package, const qn_archive *archive,
                        qn_provenance *provenance, qn_graph **out) {
    reader r = {.ctx = ctx, .package = package, .scratch = scratch};
    *out = NULL;
    if (package->format_version != QN_FORMAT_VERSION)
        return qn_fail(ctx, QN_UNSUPPORTED, "format version %" PRIu32 ": this program reads version %u",
                       package->format_version, QN_FORMAT_VERSION);
    if (!package->graph)
        return qn_fail(ctx, QN_MALFORMED, "model.pb has no graph");
    QN_TRY(qn_graph_create(ctx, package->graph->name, &r.graph));
    qn_status status = read_package(&r, archive, provenance);
    if (status != QN_OK) {
        qn_graph_destroy(r.graph);
        return status;
    }
    *out = r.graph;
    return QN_OK;
}
