#include "api/model.h"

#include "base/buf.h"
#include "ir/text.h"
#include "ops/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <math.h>
#include <string.h>

/* ---- constants of a graph ------------------------------------------------------------------- */

typedef struct gather {
    qn_arena *arena;
    bool *seen;
    const qn_value **list;
    int32_t n;
} gather;

static void add_constant(gather *g, const qn_value *value) {
    if (!value || !value->constant || g->seen[value->id])
        return;
    g->seen[value->id] = true;
    g->list[g->n++] = value;
}

static qn_status gather_graph(qn_context *ctx, qn_graph *graph, void *arg) {
    (void)ctx;
    for (const qn_node *node = graph->first; node; node = node->next)
        for (int32_t i = 0; i < node->n_in; i++)
            add_constant(arg, node->in[i]);
    for (int32_t i = 0; i < graph->n_outputs; i++)
        add_constant(arg, graph->outputs[i].value);
    return QN_OK;
}

qn_status qn_graph_constants(qn_context *ctx, qn_arena *arena, const qn_graph *graph, const qn_value ***out,
                             int32_t *n) {
    gather g = {.arena = arena};
    union { const qn_graph *from; qn_graph *to; } walked = {graph}; /* the walk does not change it */
    QN_NEW_ARRAY(ctx, arena, g.seen, qn_graph_value_bound(graph));
    QN_NEW_ARRAY(ctx, arena, g.list, qn_graph_value_bound(graph));
    QN_TRY(qn_graph_each(ctx, walked.to, gather_graph, &g));
    *out = g.list;
    *n = g.n;
    return QN_OK;
}

const char *qn_const_storage(qn_arena *arena, const qn_const *c) {
    const char *text = NULL;
    switch (c->encoding) {
    case QN_ENC_DENSE:
        return qn_dtype_name(c->dtype);
    case QN_ENC_AFFINE:
        if (c->block)
            text = qn_arena_printf(arena, "%s block %lld", qn_code_type_of(c->code_dtype)->name, (long long)c->block);
        else
            text = qn_arena_printf(arena, "%s per %s", qn_code_type_of(c->code_dtype)->name, c->axis < 0 ? "tensor" : "channel");
        break;
    case QN_ENC_PALETTE:
        text = qn_arena_printf(arena, "palette %d bits", c->bits);
        break;
    case QN_ENC_SPARSE:
        text = qn_arena_printf(arena, "sparse %s", qn_dtype_name(c->dtype));
        break;
    }
    return text ? text : "?";
}

/* ---- summary ----------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) {
    return strcmp(((const qn_count *)a)->name, ((const qn_count *)b)->name);
}

static int by_bytes(const void *a, const void *b) {
    const qn_count *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return strcmp(x->name, y->name);
}

typedef struct counts {
    int64_t ops[QN_OP_COUNT], int8_products;
} counts;

static qn_status count_ops(qn_context *ctx, qn_graph *graph, void *arg) {
    (void)ctx;
    counts *c = arg;
    for (const qn_node *node = graph->first; node; node = node->next) {
        c->ops[node->op]++;
        c->int8_products += strcmp(qn_node_string(node, "x_quant", "NONE"), "NONE") != 0;
    }
    return QN_OK;
}

static qn_count *storage_row(qn_count *rows, int32_t *n, const char *name) {
    for (int32_t i = 0; i < *n; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    rows[*n].name = name;
    return &rows[(*n)++];
}

static qn_status sum_storage(qn_context *ctx, qn_model *model, qn_summary *out) {
    const qn_value **list;
    int32_t n;
    qn_count *rows;
    QN_TRY(qn_graph_constants(ctx, model->arena, model->graph, &list, &n));
    QN_NEW_ARRAY(ctx, model->arena, rows, n + 1);
    for (int32_t i = 0; i < n; i++) {
        const qn_const *c = list[i]->constant;
        qn_count *row = storage_row(rows, &out->n_storage, qn_const_storage(model->arena, c));
        size_t bytes = qn_const_bytes(c);
        row->count++;
        row->elements += qn_const_numel(c);
        row->bytes += bytes;
        out->weight_bytes += bytes;
        if (qn_dtype_is_float(c->dtype))
            out->parameters += qn_const_numel(c);
    }
    qsort(rows, (size_t)out->n_storage, sizeof *rows, by_bytes);
    out->storage = rows;
    return QN_OK;
}

qn_status qn_model_summary(qn_context *ctx, qn_model *model, qn_summary *out) {
    counts c = {0};
    qn_count *ops;
    qn_clear(ctx);
    *out = (qn_summary){0};
    QN_TRY(qn_graph_each(ctx, model->graph, count_ops, &c));
    QN_NEW_ARRAY(ctx, model->arena, ops, QN_OP_COUNT);
    for (int op = 1; op < QN_OP_COUNT; op++)
        if (c.ops[op]) {
            ops[out->n_ops++] = (qn_count){.name = qn_op_row((qn_op)op)->name, .count = c.ops[op]};
            out->nodes += c.ops[op];
        }
    out->int8_products = c.int8_products;
    qsort(ops, (size_t)out->n_ops, sizeof *ops, by_name);
    out->ops = ops;
    return sum_storage(ctx, model, out);
}

qn_status qn_model_weights(qn_context *ctx, qn_model *model, const qn_weight_info **rows, int32_t *n) {
    const qn_value **list;
    qn_weight_info *out;
    qn_clear(ctx);
    QN_TRY(qn_graph_constants(ctx, model->arena, model->graph, &list, n));
    QN_NEW_ARRAY(ctx, model->arena, out, *n + 1);
    for (int32_t i = 0; i < *n; i++) {
        const qn_const *c = list[i]->constant;
        out[i] = (qn_weight_info){.name = list[i]->name, .storage = qn_const_storage(model->arena, c), .dtype = c->dtype,
                                  .rank = c->rank, .bytes = qn_const_bytes(c), .scheme = c->record ? c->record->scheme : "",
                                  .reason = c->record ? c->record->reason : "", .sqnr_db = c->record ? c->record->sqnr_db : (double)NAN};
        const int64_t elements = qn_const_numel(c);
        out[i].bits_per_weight = elements > 0 ? 8 * (double)out[i].bytes / (double)elements : 0;
        memcpy(out[i].dims, c->dims, sizeof c->dims);
    }
    *rows = out;
    return QN_OK;
}

/* ---- text ---------------------------------------------------------------------------------------- */

static qn_status hand_out(qn_context *ctx, qn_buf *buf, char **text) {
    QN_TRY(qn_buf_check(ctx, buf));
    if (!buf->data)
        qn_buf_puts(buf, "");
    *text = buf->data;
    return qn_buf_check(ctx, buf);
}

qn_status qn_model_text(qn_context *ctx, const qn_model *model, char **text) {
    qn_buf buf = QN_BUF_INIT;
    *text = NULL;
    qn_clear(ctx);
    qn_status status = qn_graph_print(ctx, model->graph, &buf);
    if (status == QN_OK)
        status = hand_out(ctx, &buf, text);
    if (status != QN_OK)
        qn_buf_free(&buf);
    return status;
}

/* A string in double quotes for dot. */
static void dot_string(qn_buf *buf, const char *s) {
    qn_buf_puts(buf, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            qn_buf_append(buf, "\\", 1);
        qn_buf_append(buf, s, 1);
    }
    qn_buf_puts(buf, "\"");
}

static void dot_edge(qn_buf *buf, const qn_graph *graph, qn_arena *arena, const qn_value *value, const char *to) {
    if (value->constant)
        return;
    if (value->producer)
        qn_buf_printf(buf, "  n%u -> %s [label=", value->producer->id, to);
    else
        qn_buf_printf(buf, "  v%u -> %s [label=", value->id, to);
    dot_string(buf, qn_type_format(arena, graph->symbols, &value->type));
    qn_buf_puts(buf, "];\n");
}

static qn_status dot_graph(qn_context *ctx, qn_graph *graph, void *arg) {
    qn_buf *buf = arg;
    qn_arena *arena = qn_arena_create();
    char to[32];
    if (!arena)
        return qn_fail_memory(ctx, 64, "a drawing");
    for (int32_t i = 0; i < graph->n_inputs; i++) {
        qn_buf_printf(buf, "  v%u [shape=ellipse, label=", graph->inputs[i].value->id);
        dot_string(buf, graph->inputs[i].name);
        qn_buf_puts(buf, "];\n");
    }
    for (const qn_node *node = graph->first; node; node = node->next) {
        qn_buf_printf(buf, "  n%u [label=\"%s\"];\n", node->id, qn_op_row(node->op)->name);
        snprintf(to, sizeof to, "n%u", node->id);
        for (int32_t i = 0; i < node->n_in; i++)
            if (node->in[i])
                dot_edge(buf, graph, arena, node->in[i], to);
    }
    for (int32_t i = 0; i < graph->n_outputs && !graph->parent; i++) {
        qn_buf_printf(buf, "  o%d [shape=ellipse, label=", i);
        dot_string(buf, graph->outputs[i].name);
        qn_buf_puts(buf, "];\n");
        snprintf(to, sizeof to, "o%d", i);
        dot_edge(buf, graph, arena, graph->outputs[i].value, to);
    }
    qn_arena_destroy(arena);
    return QN_OK;
}

qn_status qn_model_dot(qn_context *ctx, const qn_model *model, char **text) {
    qn_buf buf = QN_BUF_INIT;
    union { const qn_graph *from; qn_graph *to; } graph = {model->graph}; /* the walk does not change it */
    *text = NULL;
    qn_clear(ctx);
    qn_buf_puts(&buf, "digraph model {\n  node [shape=box, fontname=Helvetica];\n  edge [fontname=Helvetica, fontsize=9];\n");
    qn_status status = qn_graph_each(ctx, graph.to, dot_graph, &buf);
    qn_buf_puts(&buf, "}\n");
    if (status == QN_OK)
        status = hand_out(ctx, &buf, text);
    if (status != QN_OK)
        qn_buf_free(&buf);
    return status;
}
