/* A graph to the message of model.pb. Values and constants are numbered in the order in which a walk over the graph
 * meets them, so that equal graphs give equal bytes whatever their history. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "ir/preprocess.h"
#include "ops/op.h"
#include "package/write.h"

typedef struct writer {
    qn_context *ctx;
    qn_arena *arena;
    const qn_graph *graph;     /* the outermost */
    uint32_t *value_ref;       /* by value id: index + 1, 0: not met */
    const qn_value **values;   /* in order of meeting */
    size_t n_values;
    const qn_const **consts;
    size_t n_consts, cap_consts;
    qn_table *const_refs;      /* address of a constant, as text -> index + 1 */
} writer;

static char *text(const char *s) { return s ? (char *)(uintptr_t)s : (char *)(uintptr_t)""; }

/* ---- numbering ------------------------------------------------------------------------------- */

static qn_status meet_const(writer *w, const qn_const *c, uint32_t *ref) {
    char key[32];
    snprintf(key, sizeof key, "%" PRIxPTR, (uintptr_t)c);
    uintptr_t known = (uintptr_t)qn_table_get(w->const_refs, key);
    if (!known) {
        if (w->n_consts == w->cap_consts) {
            size_t cap = w->cap_consts ? 2 * w->cap_consts : 64;
            const qn_const **grown = qn_arena_grow(w->arena, w->consts, w->n_consts, cap, sizeof *grown);
            if (!grown)
                return qn_fail_memory(w->ctx, cap * sizeof *grown, "the constants");
            w->consts = grown;
            w->cap_consts = cap;
        }
        w->consts[w->n_consts++] = c;
        known = w->n_consts;
        const char *kept = qn_arena_strdup(w->arena, key);
        if (!kept || !qn_table_put(w->const_refs, kept, (void *)known))
            return qn_fail_memory(w->ctx, sizeof key, "the constants");
    }
    *ref = (uint32_t)known;
    return QN_OK;
}

static qn_status meet_value(writer *w, const qn_value *v) {
    uint32_t ref;
    if (!v || w->value_ref[v->id])
        return QN_OK;
    w->values[w->n_values++] = v;
    w->value_ref[v->id] = (uint32_t)w->n_values;
    return v->constant ? meet_const(w, v->constant, &ref) : QN_OK;
}

static qn_status meet_graph(writer *w, const qn_graph *g, int depth) {
    uint32_t ref;
    if (depth > QN_GRAPH_MAX_DEPTH)
        return qn_fail(w->ctx, QN_UNSUPPORTED, "graphs nested deeper than %d", QN_GRAPH_MAX_DEPTH);
    for (int32_t i = 0; i < g->n_inputs; i++)
        QN_TRY(meet_value(w, g->inputs[i].value));
    for (const qn_node *node = g->first; node; node = node->next) {
        for (int32_t i = 0; i < node->n_in; i++)
            QN_TRY(meet_value(w, node->in[i]));
        for (int32_t i = 0; i < node->n_attrs; i++) {
            if (node->attrs[i].kind == QN_ATTR_TENSOR)
                QN_TRY(meet_const(w, node->attrs[i].as.tensor, &ref));
            if (node->attrs[i].kind == QN_ATTR_GRAPH)
                QN_TRY(meet_graph(w, node->attrs[i].as.graph, depth + 1));
        }
        for (int32_t i = 0; i < node->n_out; i++)
            QN_TRY(meet_value(w, node->out[i]));
    }
    for (int32_t i = 0; i < g->n_outputs; i++)
        QN_TRY(meet_value(w, g->outputs[i].value));
    return QN_OK;
}

/* ---- messages --------------------------------------------------------------------------------- */

/** ptr = array of n new messages' pointers, each initialised. */
#define NEW_MESSAGES(w, ptr, n, TYPE, init)                               \
    do {                                                                  \
        QN_NEW_ARRAY((w)->ctx, (w)->arena, (ptr), (n));                   \
        TYPE *new_messages_;                                              \
        QN_NEW_ARRAY((w)->ctx, (w)->arena, new_messages_, (n));           \
        for (size_t new_i_ = 0; new_i_ < (size_t)(n); new_i_++) {         \
            init(&new_messages_[new_i_]);                                 \
            (ptr)[new_i_] = &new_messages_[new_i_];                       \
        }                                                                 \
    } while (0)

static uint32_t ref_of(const writer *w, const qn_value *v) { return v ? w->value_ref[v->id] : 0; }

static qn_status put_ports(writer *w, const qn_port *ports, int32_t n, Quern__Port ***out) {
    NEW_MESSAGES(w, *out, n, Quern__Port, quern__port__init);
    for (int32_t i = 0; i < n; i++) {
        (*out)[i]->name = text(ports[i].name);
        (*out)[i]->value = ref_of(w, ports[i].value);
    }
    return QN_OK;
}

static qn_status put_graph(writer *w, const qn_graph *g, Quern__Graph *m);

static qn_status put_attr(writer *w, const qn_attr *a, Quern__Attribute *m) {
    m->name = text(a->name);
    m->kind = (uint32_t)a->kind;
    switch (a->kind) {
    case QN_ATTR_INT:
        QN_NEW(w->ctx, w->arena, m->ints);
        m->ints[0] = a->as.i;
        m->n_ints = 1;
        break;
    case QN_ATTR_FLOAT:
        QN_NEW(w->ctx, w->arena, m->floats);
        m->floats[0] = a->as.f;
        m->n_floats = 1;
        break;
    case QN_ATTR_STRING:
        QN_NEW(w->ctx, w->arena, m->strings);
        m->strings[0] = text(a->as.s);
        m->n_strings = 1;
        break;
    case QN_ATTR_INTS:
        m->ints = (int64_t *)(uintptr_t)a->as.ints;
        m->n_ints = (size_t)a->n;
        break;
    case QN_ATTR_FLOATS:
        m->floats = (float *)(uintptr_t)a->as.floats;
        m->n_floats = (size_t)a->n;
        break;
    case QN_ATTR_STRINGS:
        m->strings = (char **)(uintptr_t)a->as.strings;
        m->n_strings = (size_t)a->n;
        break;
    case QN_ATTR_TENSOR:
        QN_TRY(meet_const(w, a->as.tensor, &m->tensor));
        break;
    case QN_ATTR_GRAPH:
        QN_NEW(w->ctx, w->arena, m->graph);
        quern__graph__init(m->graph);
        QN_TRY(put_graph(w, a->as.graph, m->graph));
        break;
    }
    return QN_OK;
}

static qn_status put_node(writer *w, const qn_node *node, Quern__Node *m) {
    m->op = text(qn_op_row(node->op)->name);
    m->name = text(node->name);
    m->origin = text(node->origin);
    m->compute = (uint32_t)node->compute;
    m->n_inputs = (size_t)node->n_in;
    m->n_outputs = (size_t)node->n_out;
    m->n_attributes = (size_t)node->n_attrs;
    QN_NEW_ARRAY(w->ctx, w->arena, m->inputs, m->n_inputs);
    QN_NEW_ARRAY(w->ctx, w->arena, m->outputs, m->n_outputs);
    NEW_MESSAGES(w, m->attributes, m->n_attributes, Quern__Attribute, quern__attribute__init);
    for (int32_t i = 0; i < node->n_in; i++)
        m->inputs[i] = ref_of(w, node->in[i]);
    for (int32_t i = 0; i < node->n_out; i++)
        m->outputs[i] = ref_of(w, node->out[i]);
    for (int32_t i = 0; i < node->n_attrs; i++)
        QN_TRY(put_attr(w, &node->attrs[i], m->attributes[i]));
    return QN_OK;
}

static qn_status put_graph(writer *w, const qn_graph *g, Quern__Graph *m) {
    size_t at = 0;
    m->name = text(g->name);
    m->n_inputs = (size_t)g->n_inputs;
    m->n_outputs = (size_t)g->n_outputs;
    QN_TRY(put_ports(w, g->inputs, g->n_inputs, &m->inputs));
    QN_TRY(put_ports(w, g->outputs, g->n_outputs, &m->outputs));
    for (const qn_node *node = g->first; node; node = node->next)
        m->n_nodes++;
    NEW_MESSAGES(w, m->nodes, m->n_nodes, Quern__Node, quern__node__init);
    for (const qn_node *node = g->first; node; node = node->next)
        QN_TRY(put_node(w, node, m->nodes[at++]));
    return QN_OK;
}

static qn_status put_type(writer *w, const qn_value *v, Quern__Value *m) {
    qn_symbols *symbols = w->graph->symbols;
    m->dtype = (uint32_t)v->type.dtype;
    m->unranked = v->type.rank < 0;
    if (m->unranked)
        return QN_OK;
    m->n_dims = (size_t)v->type.rank;
    QN_NEW_ARRAY(w->ctx, w->arena, m->dims, m->n_dims);
    for (int32_t i = 0; i < v->type.rank; i++) {
        qn_dim d = v->type.dims[i];
        const char *s = qn_dim_format(w->arena, symbols, d);
        if (!s)
            return qn_fail_memory(w->ctx, 0, "a dimension");
        bool kept = d == QN_DIM_UNKNOWN ? strcmp(s, "?") == 0 : qn_dim_parse(symbols, s) == d;
        if (!kept || strlen(s) > QN_DIM_TEXT_MAX)
            return qn_fail(w->ctx, QN_UNSUPPORTED, "value '%s': dimension '%s' has no text form that reads back", v->name, s);
        m->dims[i] = text(s);
    }
    return QN_OK;
}

static qn_status put_values(writer *w, Quern__Package *m) {
    m->n_values = w->n_values;
    NEW_MESSAGES(w, m->values, w->n_values, Quern__Value, quern__value__init);
    for (size_t i = 0; i < w->n_values; i++) {
        m->values[i]->name = text(w->values[i]->name);
        m->values[i]->origin = text(w->values[i]->origin);
        if (w->values[i]->constant)
            QN_TRY(meet_const(w, w->values[i]->constant, &m->values[i]->constant));
        else
            QN_TRY(put_type(w, w->values[i], m->values[i]));
    }
    return QN_OK;
}

/** The symbols that a value's dimensions use: those without which a dimension has no number. */
static qn_status put_symbols(writer *w, Quern__Package *m) {
    qn_symbols *symbols = w->graph->symbols;
    int32_t n = qn_symbols_count(symbols);
    int64_t *bound, number;
    bool *used;
    QN_NEW_ARRAY(w->ctx, w->arena, bound, n);
    QN_NEW_ARRAY(w->ctx, w->arena, used, n);
    for (int32_t s = 0; s < n; s++)
        bound[s] = INT64_MIN;
    for (size_t i = 0; i < w->n_values; i++) {
        const qn_type *type = &w->values[i]->type;
        for (int32_t k = 0; !w->values[i]->constant && k < type->rank; k++) {
            if (qn_dim_is_const(type->dims[k]) || type->dims[k] == QN_DIM_UNKNOWN)
                continue;
            int32_t own = qn_dim_symbol_index(symbols, type->dims[k]);
            if (own >= 0) {
                used[own] = true;
                continue;
            }
            for (int32_t s = 0; s < n; s++)
                bound[s] = 1;
            for (int32_t s = 0; s < n; s++) {
                bound[s] = INT64_MIN;
                used[s] = used[s] || !qn_dim_eval(symbols, type->dims[k], bound, &number);
                bound[s] = 1;
            }
        }
    }
    for (int32_t s = 0; s < n; s++)
        m->n_symbols += used[s];
    NEW_MESSAGES(w, m->symbols, m->n_symbols, Quern__Symbol, quern__symbol__init);
    size_t at = 0;
    for (int32_t s = 0; s < n; s++) {
        if (!used[s])
            continue;
        const qn_dim_range *range = qn_symbol_range(symbols, s);
        Quern__Symbol *out = m->symbols[at++];
        out->name = text(qn_symbol_name(symbols, s));
        out->min = range->min;
        out->max = range->max;
        out->multiple = range->multiple;
        out->n_list = (size_t)range->n_list;
        out->list = (int64_t *)(uintptr_t)range->list;
    }
    return QN_OK;
}

static qn_status put_provenance(writer *w, const qn_provenance *p, Quern__Package *m) {
    if (!p)
        return QN_OK;
    QN_NEW(w->ctx, w->arena, m->provenance);
    quern__provenance__init(m->provenance);
    m->provenance->quern_version = text(p->quern_version);
    m->provenance->recipe = text(p->recipe);
    m->provenance->licence = text(p->licence);
    m->provenance->producer = text(p->producer);
    m->provenance->n_sources = (size_t)p->n_sources;
    NEW_MESSAGES(w, m->provenance->sources, p->n_sources, Quern__Source, quern__source__init);
    for (int32_t i = 0; i < p->n_sources; i++) {
        m->provenance->sources[i]->name = text(p->source_names[i]);
        m->provenance->sources[i]->hash = text(p->source_hashes[i]);
    }
    return QN_OK;
}

static qn_status put_preprocess(writer *w, Quern__Package *m) {
    const qn_preprocess *p = w->graph->preprocess;
    if (!p)
        return QN_OK;
    QN_TRY(qn_preprocess_check(w->ctx, p));
    QN_NEW(w->ctx, w->arena, m->preprocess);
    quern__preprocess__init(m->preprocess);
    m->preprocess->input = text(p->input);
    m->preprocess->size = (Quern__SizeRule)p->size;
    m->preprocess->height = (uint32_t)p->height;
    m->preprocess->width = (uint32_t)p->width;
    m->preprocess->multiple = (uint32_t)p->multiple;
    m->preprocess->interpolation = (Quern__Interpolation)p->interpolation;
    m->preprocess->antialias = p->antialias;
    m->preprocess->resize_last = p->resize_last;
    m->preprocess->rescale = p->rescale;
    m->preprocess->n_mean = m->preprocess->n_std = 3;
    m->preprocess->mean = (double *)(uintptr_t)p->mean;
    m->preprocess->std = (double *)(uintptr_t)p->std;
    return QN_OK;
}

/* ---- constants ---------------------------------------------------------------------------------- */

/** "weights/00012-encoder.layer.0.weight": a number that makes it unique, a name that says what it is. */
static const char *entry_name(writer *w, size_t index, const char *name) {
    enum { MAX_NAME = 100 };
    char safe[MAX_NAME + 1];
    size_t n = 0;
    for (const char *s = name ? name : ""; *s && n < MAX_NAME; s++) {
        char c = *s;
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
        safe[n++] = ok ? c : '_';
    }
    safe[n] = 0;
    return qn_arena_printf(w->arena, QN_WEIGHTS_FOLDER "%05zu%s%s", index, n ? "-" : "", safe);
}

typedef struct inline_sink {
    qn_context *ctx;
    const qn_const *c;
    uint8_t *data;
    size_t n, cap;
} inline_sink;

static qn_status inline_write(void *arg, int part, const void *data, size_t n) {
    inline_sink *s = arg;
    if (part != QN_PART_VALUES || n > s->cap - s->n)
        return qn_fail(s->ctx, QN_USAGE, "constant '%s' is filled with more bytes than it has", s->c->name);
    if (n)
        memcpy(s->data + s->n, data, n);
    s->n += n;
    return QN_OK;
}

static qn_status put_const(writer *w, const qn_const *c, size_t index, qn_fill fill, void *user, Quern__Constant *m,
                           qn_message *out) {
    size_t offset[QN_MAX_PARTS], n_bytes;
    m->name = text(c->name);
    m->dtype = (uint32_t)c->dtype;
    m->n_dims = (size_t)c->rank;
    m->dims = (int64_t *)(uintptr_t)c->dims;
    const char *fault = qn_const_encoding_fault(c);
    if (fault)
        return qn_fail(w->ctx, QN_UNSUPPORTED, "constant '%s' has %s", m->name, fault);
    qn_proto_put_encoding(c, m);
    if (!qn_const_layout(c, offset, &n_bytes))
        return qn_fail(w->ctx, QN_UNSUPPORTED, "constant '%s': its size does not fit 63 bits", m->name);
    if (c->encoding == QN_ENC_DENSE && n_bytes <= QN_INLINE_MAX) {
        inline_sink sink = {.ctx = w->ctx, .c = c, .cap = n_bytes};
        sink.data = qn_arena_alloc(w->arena, QN_INLINE_MAX);
        if (!sink.data)
            return qn_fail_memory(w->ctx, QN_INLINE_MAX, "a constant");
        if (n_bytes)
            QN_TRY(fill(user, w->ctx, w->arena, c, inline_write, &sink));
        if (sink.n != n_bytes)
            return qn_fail(w->ctx, QN_USAGE, "constant '%s' is filled with %zu of %zu bytes", m->name, sink.n, n_bytes);
        m->inline_ = (ProtobufCBinaryData){n_bytes, sink.data};
        return QN_OK;
    }
    const char *name = entry_name(w, index, c->name);
    if (!name)
        return qn_fail_memory(w->ctx, 0, "a name");
    m->entry = text(name);
    out->entries[out->n_entries] = (qn_zip_entry){.name = name, .n_bytes = n_bytes};
    out->filled[out->n_entries++] = c;
    return QN_OK;
}

qn_status qn_message_build(qn_context *ctx, qn_arena *arena, const qn_graph *graph, const qn_provenance *provenance,
                           qn_fill fill, void *user, qn_message *out) {
    writer w = {.ctx = ctx, .arena = arena, .graph = graph};
    *out = (qn_message){0};
    w.const_refs = qn_table_create(arena);
    if (!w.const_refs)
        return qn_fail_memory(ctx, 0, "the constants");
    QN_NEW_ARRAY(ctx, arena, w.value_ref, qn_graph_value_bound(graph));
    QN_NEW_ARRAY(ctx, arena, w.values, qn_graph_value_bound(graph));
    QN_TRY(meet_graph(&w, graph, 1));

    Quern__Package *m;
    QN_NEW(ctx, arena, m);
    quern__package__init(m);
    m->format_version = QN_FORMAT_VERSION;
    QN_NEW(ctx, arena, m->graph);
    quern__graph__init(m->graph);
    QN_TRY(put_graph(&w, graph, m->graph));
    QN_TRY(put_values(&w, m));
    QN_TRY(put_symbols(&w, m));
    QN_TRY(put_provenance(&w, provenance, m));
    QN_TRY(put_preprocess(&w, m));

    QN_NEW_ARRAY(ctx, arena, out->entries, w.n_consts + 1);
    QN_NEW_ARRAY(ctx, arena, out->filled, w.n_consts + 1);
    out->entries[0].name = QN_MODEL_ENTRY;
    out->n_entries = 1;
    m->n_constants = w.n_consts;
    NEW_MESSAGES(&w, m->constants, w.n_consts, Quern__Constant, quern__constant__init);
    for (size_t i = 0; i < w.n_consts; i++)
        QN_TRY(put_const(&w, w.consts[i], i, fill, user, m->constants[i], out));
    out->package = m;
    out->consts = w.consts;
    return QN_OK;
}
