#include "api/refused.h"

#include <math.h>
#include <string.h>

#include "api/model.h"
#include "kernels/eval.h"
#include "passes/weight_rules.h"

qn_status qn_refused_fill(void *user, qn_context *ctx, qn_arena *arena, const qn_const *c,
                          qn_status (*write)(void *sink, int part, const void *data, size_t n), void *sink) {
    qn_refused *refused = user;
    const qn_status status = qn_fill_const(NULL, ctx, arena, c, write, sink);
    if (status == QN_UNSUPPORTED && c->encoding != QN_ENC_DENSE && c->expr) {
        const int at = atomic_fetch_add(&refused->n, 1);
        if (at < QN_MAX_REFUSED)
            refused->list[at] = c;
    }
    return status;
}

static qn_status discard(void *sink, int part, const void *data, size_t n) {
    (void)sink, (void)part, (void)data, (void)n;
    return QN_OK;
}

/* Does a product take its input as codes because of this weight? */
static bool is_of_codes(const qn_value *v) {
    for (int32_t i = 0; i < v->n_uses; i++)
        if (strcmp(qn_node_string(v->uses[i].node, "x_quant", "NONE"), "NONE") != 0)
            return true;
    return false;
}

static qn_status make_dense(qn_context *ctx, qn_arena *arena, qn_const *c) {
    const char *reason = qn_arena_strdup(arena, qn_context_message(ctx));
    qn_const_record *record;
    QN_NEW(ctx, arena, record);
    if (!reason)
        return qn_fail_memory(ctx, 0, "a reason");
    qn_clear(ctx);
    *record = (qn_const_record){.scheme = "", .reason = reason, .sqnr_db = (double)NAN};
    qn_log(ctx, QN_LOG_WARN, "left as it is, not %s: %s", c->record ? c->record->scheme : "encoded", reason);
    qn_const dense = {.dtype = c->dtype, .rank = c->rank, .axis = -1, .expr = c->expr, .name = c->name, .sources = c->sources,
                      .n_sources = c->n_sources, .record = record};
    memcpy(dense.dims, c->dims, sizeof dense.dims);
    *c = dense;
    return QN_OK;
}

/* Are all elements numbers? Others are no matter of the encoding: they are an error of the source. */
static qn_status is_finite(qn_context *ctx, qn_arena *arena, const qn_const *c, bool *out) {
    const int64_t n = qn_const_numel(c);
    qn_tensor t;
    float *x;
    QN_TRY(qn_const_eval(ctx, arena, c, &t));
    QN_NEW_ARRAY(ctx, arena, x, n + 1);
    const qn_const flat = {.dtype = c->dtype, .rank = 1, .dims = {n}, .axis = -1, .part = {{t.data, t.n_bytes}}};
    QN_TRY(qn_const_decode(ctx, &flat, 0, n, x));
    *out = true;
    for (int64_t i = 0; i < n && *out; i++)
        *out = isfinite(x[i]);
    return QN_OK;
}

static qn_status leave(qn_context *ctx, qn_arena *arena, qn_weight_rules *rules, const qn_value *v) {
    qn_arena *own = qn_arena_create();
    if (!own)
        return qn_fail_memory(ctx, 0, "an arena");
    bool finite = true;
    qn_clear(ctx);
    qn_status status = is_finite(ctx, own, v->constant, &finite);
    if (status == QN_OK)
        status = qn_fill_const(NULL, ctx, own, v->constant, discard, NULL);
    qn_arena_destroy(own);
    const qn_weight_choice *choice = qn_weight_rules_find(rules, v);
    if (status == QN_OK)
        return qn_fail(ctx, QN_UNSUPPORTED, "tensor '%s' cannot be stored twice alike", v->constant->name);
    if (status != QN_UNSUPPORTED || !finite || is_of_codes(v) || (choice && choice->exact))
        return status;
    return make_dense(ctx, arena, v->constant);
}

qn_status qn_refused_leave(qn_context *ctx, qn_arena *arena, const qn_graph *graph, const qn_pass_options *options,
                           const qn_refused *refused) {
    const int noted = atomic_load(&refused->n), n_refused = noted < QN_MAX_REFUSED ? noted : QN_MAX_REFUSED;
    qn_weight_rules rules;
    const qn_value **list;
    int32_t n, n_left = 0;
    qn_clear(ctx);
    QN_TRY(qn_weight_rules_parse(ctx, arena, options, &rules));
    QN_TRY(qn_graph_constants(ctx, arena, graph, &list, &n));
    for (int32_t i = 0; i < n; i++) /* in graph order, whatever the threads did */
        for (int k = 0; k < n_refused; k++)
            if (list[i]->constant == refused->list[k]) {
                QN_TRY(leave(ctx, arena, &rules, list[i]));
                n_left++;
                break;
            }
    return n_left ? QN_OK : qn_fail(ctx, QN_UNSUPPORTED, "tensor '%s' cannot be stored as it is to be", refused->list[0]->name);
}
