/* Constants of a graph sorted by what was done to them and why. The reasons are worked out from the graph as it is. */
#include "passes/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "passes/precision.h"
#include "passes/weight_rules.h"

typedef struct reporter {
    qn_context *ctx;
    qn_arena *arena;
    const qn_pass_options *options;
    qn_table *seen;          /* constants and source tensors met, by address */
    qn_convert_row *rows;
    int32_t n_rows, cap_rows;
} reporter;

/** True the first time that it sees `p`. */
static qn_status first_time(reporter *r, const void *p, bool *first) {
    char key[32];
    snprintf(key, sizeof key, "%" PRIxPTR, (uintptr_t)p);
    *first = qn_table_get(r->seen, key) == NULL;
    if (!*first)
        return QN_OK;
    const char *kept = qn_arena_strdup(r->arena, key);
    if (!kept || !qn_table_put(r->seen, kept, r))
        return qn_fail_memory(r->ctx, sizeof key, "the constants");
    return QN_OK;
}

/** Bytes of the tensors that c is made from, those not counted before. */
static qn_status source_bytes(reporter *r, const qn_const *c, int depth, uint64_t *sum) {
    enum { MAX_DEPTH = 256 };
    bool first;
    QN_TRY(first_time(r, c, &first));
    if (!first || depth > MAX_DEPTH)
        return QN_OK;
    for (int32_t i = 0; i < c->n_sources; i++)
        QN_TRY(source_bytes(r, c->sources[i], depth + 1, sum));
    if (!c->expr) {
        *sum += c->n_sources ? 0 : qn_const_bytes(c);
        return QN_OK;
    }
    for (int32_t i = 0; i < c->expr->n_in; i++)
        if (c->expr->in[i] && c->expr->in[i]->constant)
            QN_TRY(source_bytes(r, c->expr->in[i]->constant, depth + 1, sum));
    return QN_OK;
}

static qn_status add(reporter *r, const qn_const *c, const char *treatment, const char *reason) {
    uint64_t source = 0;
    const char *key = qn_arena_printf(r->arena, "stored %" PRIxPTR, (uintptr_t)c); /* one constant, several values */
    if (!key)
        return qn_fail_memory(r->ctx, 0, "the report");
    if (qn_table_get(r->seen, key))
        return QN_OK;
    if (!qn_table_put(r->seen, key, r))
        return qn_fail_memory(r->ctx, 0, "the report");
    QN_TRY(source_bytes(r, c, 0, &source));
    qn_convert_row *row = NULL;
    for (int32_t i = 0; i < r->n_rows && !row; i++)
        if (strcmp(r->rows[i].treatment, treatment) == 0 && strcmp(r->rows[i].reason, reason) == 0)
            row = &r->rows[i];
    if (!row && r->n_rows == r->cap_rows) {
        int32_t cap = r->cap_rows ? 2 * r->cap_rows : 16;
        r->rows = qn_arena_grow(r->arena, r->rows, (size_t)r->n_rows, (size_t)cap, sizeof *r->rows);
        if (!r->rows)
            return qn_fail_memory(r->ctx, (size_t)cap * sizeof *r->rows, "the report");
        r->cap_rows = cap;
    }
    if (!row) {
        row = &r->rows[r->n_rows++];
        *row = (qn_convert_row){.treatment = treatment, .reason = reason};
    }
    row->tensors++;
    row->source_bytes += source;
    row->package_bytes += qn_const_bytes(c);
    return QN_OK;
}

static bool by_calibration(const reporter *r, const qn_node *node) {
    const qn_kept_nodes *kept = r->options->kept;
    for (int32_t i = 0; kept && i < kept->n; i++)
        if (kept->rows[i].calibrated && strcmp(kept->rows[i].node, qn_precision_name(node)) == 0)
            return true;
    return false;
}

/** Why a float32 constant is one though a narrow dtype was asked for. */
static const char *wide_reason(const reporter *r, const qn_value *v) {
    if (v->n_outputs > 0)
        return "an output of the model";
    for (int32_t i = 0; i < v->n_uses; i++) {
        const qn_node *node = v->uses[i].node;
        const char *fixed = qn_precision_fixed_input(node, v->uses[i].index);
        if (fixed)
            return fixed;
        if (qn_precision_kept(r->options, node))
            return "kept by a pattern";
    }
    if (v->n_uses == 0)
        return "";
    if (by_calibration(r, v->uses[0].node))
        return qn_arena_printf(r->arena, "range on calibration inputs (%s)", qn_op_row(v->uses[0].node->op)->name);
    qn_op op = v->uses[0].node->op;
    const char *why = op == QN_OP_LSTM || op == QN_OP_GRU ? "gates that read an open range" : "range or exactness";
    return qn_arena_printf(r->arena, "%s (%s)", why, qn_op_row(op)->name);
}

static qn_status report_value(reporter *r, const qn_value *v) {
    const qn_const *c = v->constant;
    const char *treatment = qn_dtype_name(c->dtype), *reason = "";
    bool narrowing = r->options->precision == QN_F16 || r->options->precision == QN_BF16;
    if (c->encoding != QN_ENC_DENSE) {
        treatment = c->encoding == QN_ENC_AFFINE ? qn_code_type_of(c->code_dtype)->name
                    : c->encoding == QN_ENC_PALETTE ? "palette" : "values";
    } else if (!qn_dtype_is_float(c->dtype)) {
        reason = "not a float";
    } else if (narrowing && c->dtype == QN_F32) {
        treatment = "kept float32";
        reason = wide_reason(r, v);
    }
    if (c->record) {
        treatment = c->record->scheme[0] ? c->record->scheme : treatment;
        reason = reason && reason[0] ? reason : c->record->reason;
    }
    if (!treatment || !reason)
        return qn_fail_memory(r->ctx, 0, "the report");
    return add(r, c, treatment, reason);
}

static qn_status report_graph(qn_context *ctx, qn_graph *graph, void *arg) {
    reporter *r = arg;
    (void)ctx;
    for (const qn_node *node = graph->first; node; node = node->next) {
        for (int32_t i = 0; i < node->n_in; i++)
            if (node->in[i] && node->in[i]->constant)
                QN_TRY(report_value(r, node->in[i]));
        for (int32_t i = 0; i < node->n_attrs; i++)
            if (node->attrs[i].kind == QN_ATTR_TENSOR)
                QN_TRY(add(r, node->attrs[i].as.tensor, qn_dtype_name(node->attrs[i].as.tensor->dtype), "an attribute"));
    }
    for (int32_t i = 0; i < graph->n_outputs; i++)
        if (graph->outputs[i].value->constant)
            QN_TRY(report_value(r, graph->outputs[i].value));
    return QN_OK;
}

/** Largest package share first; then by text, so that the order is one. */
static bool before(const qn_convert_row *a, const qn_convert_row *b) {
    if (a->package_bytes != b->package_bytes)
        return a->package_bytes > b->package_bytes;
    int order = strcmp(a->treatment, b->treatment);
    return order ? order < 0 : strcmp(a->reason, b->reason) < 0;
}

qn_status qn_report_constants(qn_context *ctx, qn_arena *arena, const qn_graph *graph, const qn_pass_options *options,
                              qn_convert_row **rows, int32_t *n_rows, uint64_t *source) {
    reporter r = {.ctx = ctx, .arena = arena, .options = options, .seen = qn_table_create(arena)};
    if (!r.seen)
        return qn_fail_memory(ctx, 0, "the report");
    QN_TRY(qn_graph_each(ctx, (qn_graph *)(uintptr_t)graph, report_graph, &r));
    for (int32_t i = 1; i < r.n_rows; i++)
        for (int32_t k = i; k > 0 && before(&r.rows[k], &r.rows[k - 1]); k--) {
            qn_convert_row row = r.rows[k];
            r.rows[k] = r.rows[k - 1];
            r.rows[k - 1] = row;
        }
    uint64_t sum = 0;
    for (int32_t i = 0; i < r.n_rows; i++)
        sum += r.rows[i].source_bytes;
    *rows = r.rows;
    *n_rows = r.n_rows;
    if (source)
        *source = sum;
    return QN_OK;
}

/* ---- patterns ---------------------------------------------------------------------------------- */

static qn_status find_kept(qn_context *ctx, qn_graph *graph, void *arg) {
    qn_pass_options *one = arg;
    (void)ctx;
    for (const qn_node *node = graph->first; node && one->n_keep_fp32 > 0; node = node->next)
        if (qn_precision_kept(one, node))
            one->n_keep_fp32 = 0; /* found */
    return QN_OK;
}

/* A rule of weights that no weight matches. */
static qn_status find_ruled(qn_context *ctx, qn_graph *graph, void *arg) {
    qn_weight_rules *rules = arg;
    (void)ctx;
    for (const qn_node *node = graph->first; node; node = node->next)
        for (int32_t i = 0; i < node->n_in; i++)
            if (node->in[i] && node->in[i]->constant)
                (void)qn_weight_rules_find(rules, node->in[i]);
    return QN_OK;
}

static qn_status report_rules(qn_context *ctx, qn_arena *arena, const qn_graph *graph, const qn_pass_options *options) {
    qn_weight_rules rules;
    QN_TRY(qn_weight_rules_parse(ctx, arena, options, &rules));
    QN_TRY(qn_graph_each(ctx, (qn_graph *)(uintptr_t)graph, find_ruled, &rules));
    for (int32_t i = 0; i < rules.n; i++)
        if (!rules.rows[i].used)
            qn_log(ctx, QN_LOG_WARN, "weight rule '%s=%s' names no tensor, node or op", rules.rows[i].pattern, rules.rows[i].text);
    return QN_OK;
}

qn_status qn_report_patterns(qn_context *ctx, const qn_graph *graph, const qn_pass_options *options) {
    for (int32_t i = 0; i < options->n_keep_fp32; i++) {
        qn_pass_options one = {.keep_fp32 = &options->keep_fp32[i], .n_keep_fp32 = 1};
        QN_TRY(qn_graph_each(ctx, (qn_graph *)(uintptr_t)graph, find_kept, &one));
        if (one.n_keep_fp32 > 0)
            qn_log(ctx, QN_LOG_WARN, "keep-fp32 pattern '%s' names no node and no op", options->keep_fp32[i]);
    }
    if (options->n_weight_rules == 0)
        return QN_OK;
    qn_arena *arena = qn_arena_create();
    if (!arena)
        return qn_fail_memory(ctx, 0, "the weight rules");
    qn_status status = report_rules(ctx, arena, graph, options);
    qn_arena_destroy(arena);
    return status;
}
