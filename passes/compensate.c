#include "passes/compensate.h"

#include <math.h>
#include <string.h>

#include "base/map.h"
#include "passes/rewrite.h"
#include "passes/weights.h"
#include "quant/encode.h"
#include "quant/gptq.h"

/* Larger codes go to a file without a name beside this one, and are mapped: memory for them can be had back. */
enum { IN_MEMORY = 1 << 20 };
static const char g_spill[] = "/var/tmp/quern";

/* ---- inputs ------------------------------------------------------------------------------------------------------- */

static double square_of(const qn_stat *s, int64_t channel) {
    return s->flags & QN_STAT_GRAM ? (double)s->gram[channel * s->n_channels + channel] : s->channel_squares[channel];
}

qn_status qn_compensate_inputs(qn_pass_run *run, qn_arena *arena, const qn_compensated *w, const qn_stat *stats, float **squares,
                               float **gram, bool *known) {
    const qn_const *c = w->value->constant;
    const int64_t n = c->dims[c->how->importance_axis];
    double *sums, rows = 0;
    const qn_stat *one = NULL;
    int32_t n_known = 0;
    QN_NEW_ARRAY(run->ctx, arena, sums, n + 1);
    QN_NEW_ARRAY(run->ctx, arena, *squares, n + 1);
    for (int32_t i = 0; i < w->n_stats; i++) {
        const qn_stat *s = &stats[i];
        if (!s->n_samples || !s->n_rows)
            continue;
        one = s;
        n_known++;
        rows += (double)s->n_rows * (double)(s->n_channels / n);
        for (int64_t k = 0; k < s->n_channels; k++)
            sums[k % n] += square_of(s, k);
    }
    *known = n_known > 0;
    for (int64_t k = 0; k < n && rows > 0; k++)
        (*squares)[k] = (float)(sums[k] / rows);
    if (!gram || !one)
        return QN_OK;
    *gram = one->gram;
    if (n_known == 1)
        return QN_OK;
    QN_NEW_ARRAY(run->ctx, arena, *gram, n * n);
    for (int32_t i = 0; i < w->n_stats; i++)
        for (int64_t k = 0; stats[i].n_samples && k < n * n; k++)
            (*gram)[k] += stats[i].gram[k];
    return QN_OK;
}

/* ---- the constant ---------------------------------------------------------------------------------------------------- */

static void close_map(void *map) { qn_map_close(map); }

/* Bytes that live as long as the graph. */
static qn_status keep_bytes(qn_pass_run *run, const char *name, qn_bytes *bytes) {
    qn_outfile *file;
    qn_map *map = NULL;
    if (bytes->n < IN_MEMORY) {
        char *copy = qn_arena_alloc(run->graph->arena, bytes->n);
        if (!copy)
            return qn_fail_memory(run->ctx, bytes->n, name);
        if (bytes->n)
            memcpy(copy, bytes->data, bytes->n);
        bytes->data = bytes->n ? copy : NULL;
        return QN_OK;
    }
    QN_TRY(qn_outfile_create_unnamed(run->ctx, g_spill, &file, NULL));
    qn_status status = qn_outfile_write(run->ctx, file, 0, bytes->data, bytes->n);
    if (status == QN_OK)
        status = qn_outfile_map(run->ctx, file, name, &map);
    qn_outfile_destroy(file);
    QN_TRY(status);
    bytes->data = qn_map_data(map);
    status = qn_graph_keep(run->ctx, run->graph, map, close_map);
    if (status != QN_OK)
        qn_map_close(map);
    return status;
}

/* What a ready constant was made from, for reports. */
static qn_status list_sources(qn_pass_run *run, const qn_node *expr, qn_const *c) {
    const qn_const **list;
    QN_NEW_ARRAY(run->ctx, run->graph->arena, list, expr->n_in + 1);
    c->n_sources = 0;
    for (int32_t i = 0; i < expr->n_in; i++)
        if (expr->in[i] && expr->in[i]->constant)
            list[c->n_sources++] = expr->in[i]->constant;
    c->sources = list;
    return QN_OK;
}

static qn_status encode_ready(qn_pass_run *run, qn_arena *arena, const qn_compensated *w, const float *gram) {
    const qn_const *old = w->value->constant;
    const float *x;
    qn_const *ready;
    double error = 0, signal = 0, noise = 0;
    QN_NEW(run->ctx, run->graph->arena, ready);
    *ready = *old;
    QN_TRY(qn_weight_numbers(run->ctx, arena, old, &x));
    for (int64_t i = 0; i < qn_const_numel(old); i++)
        if (!isfinite(x[i]))
            return qn_fail(run->ctx, QN_UNSUPPORTED, "tensor '%s': element %lld is not finite: it cannot be quantised", old->name,
                           (long long)i);
    QN_TRY(qn_gptq_encode(run->ctx, arena, old, x, gram, QN_GPTQ_SWEEPS, ready->part, &error));
    ready->expr = NULL;
    qn_encoded_error(run->ctx, ready, x, &signal, &noise);
    if (ready->record)
        ready->record->sqnr_db = noise > 0 ? 10 * log10(signal / noise) : (double)INFINITY;
    for (int part = 0; part < QN_MAX_PARTS; part++)
        QN_TRY(keep_bytes(run, old->name, &ready->part[part]));
    QN_TRY(list_sources(run, old->expr, ready));
    qn_log(run->ctx, QN_LOG_INFO, "%s: '%s': outputs differ by %.2f dB on calibration inputs", run->pass, old->name,
           10 * log10(error > 0 ? error : 1e-30));
    return qn_fold_set(run, w->value, ready);
}

/* Bytes are made when the package is filled, with the importance of inputs. */
static qn_status set_importance(qn_pass_run *run, const qn_compensated *w, const float *squares) {
    const qn_const *old = w->value->constant;
    const size_t n = (size_t)old->dims[old->how->importance_axis];
    qn_encode_how *how;
    qn_const *c;
    float *importance, largest = 0;
    QN_NEW(run->ctx, run->graph->arena, how);
    QN_NEW(run->ctx, run->graph->arena, c);
    QN_NEW_ARRAY(run->ctx, run->graph->arena, importance, n + 1);
    for (size_t k = 0; k < n; k++)
        largest = squares[k] > largest ? squares[k] : largest;
    for (size_t k = 0; k < n; k++) /* inputs that were 0 may not always be: their weights count a little */
        importance[k] = squares[k] > 1e-4f * largest ? squares[k] : largest > 0 ? 1e-4f * largest : 1;
    *how = *old->how;
    how->importance = importance;
    if (how->scheme.range == QN_RANGE_MINMAX)
        how->scheme.range = QN_RANGE_MSE; /* the ends of a range know nothing of importance */
    *c = *old;
    c->how = how;
    return qn_fold_set(run, w->value, c);
}

static qn_status record_reason(qn_pass_run *run, const qn_compensated *w, const char *reason) {
    qn_const_record *record = w->value->constant->record;
    if (!reason[0])
        return QN_OK;
    qn_log(run->ctx, QN_LOG_WARN, "tensor '%s': %s", w->value->constant->name, reason);
    if (record)
        record->reason = record->reason[0] ? qn_arena_printf(run->graph->arena, "%s; %s", record->reason, reason)
                                           : qn_arena_strdup(run->graph->arena, reason);
    return !record || record->reason ? QN_OK : qn_fail_memory(run->ctx, 0, "a reason");
}

qn_status qn_compensate_weight(qn_pass_run *run, const qn_compensated *w, const qn_stat *stats) {
    const qn_node *reader = w->value->uses[0].node;
    float *squares, *gram = NULL;
    bool known = false;
    if (w->how == QN_COMPENSATE_NONE)
        return record_reason(run, w, w->reason);
    qn_arena *arena = qn_arena_create();
    if (!arena)
        return qn_fail_memory(run->ctx, 0, "an arena");
    qn_status status = qn_compensate_inputs(run, arena, w, stats, &squares, w->how == QN_COMPENSATE_GPTQ ? &gram : NULL, &known);
    if (status == QN_OK)
        status = record_reason(run, w, known ? w->reason : "no calibration input reaches it");
    if (status == QN_OK && known && qn_rewrite(run, gram ? "gptq" : "importance", reader))
        status = gram ? encode_ready(run, arena, w, gram) : set_importance(run, w, squares);
    qn_arena_destroy(arena);
    if (status != QN_UNSUPPORTED)
        return status;
    qn_clear(run->ctx); /* numbers that no code holds: the filler meets them as well, and leaves the weight with a reason */
    return QN_OK;
}
