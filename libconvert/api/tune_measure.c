/* What each weight costs, alone, under each scheme: its error is put into the graph, which runs on all calibration inputs. */
#include <math.h>
#include <string.h>

#include "api/tune.h"
#include "quant/encode.h"

double qn_tune_cost(const qn_tuner *t, const qn_quality *q) {
    const double cost = t->metric == QN_TUNE_KL ? q->kl : t->metric == QN_TUNE_COSINE ? 1 - q->cosine : q->noise;
    return cost > 0 ? cost : 0; /* rounding may put it under 0 */
}

/* The elements of a weight as float32. */
static qn_status values_of(qn_context *ctx, qn_arena *arena, const qn_const *c, const float **out) {
    const int64_t n = qn_const_numel(c);
    qn_tensor dense;
    float *wide;
    QN_TRY(qn_const_eval(ctx, arena, c, &dense));
    QN_NEW_ARRAY(ctx, arena, wide, n + 1);
    const qn_const flat = {.dtype = c->dtype, .rank = 1, .dims = {n}, .axis = -1, .part = {{dense.data, dense.n_bytes}}};
    QN_TRY(qn_const_decode(ctx, &flat, 0, n, wide));
    *out = wide;
    return QN_OK;
}

qn_status qn_tune_encode(qn_tuner *t, qn_arena *arena, const qn_tune_weight *w, const qn_tune_scheme *scheme, qn_const **out) {
    const float *x = NULL;
    qn_const *c;
    qn_encode_how *how;
    const char *reason;
    double signal = 0, noise = 0;
    *out = NULL;
    QN_NEW(t->ctx, arena, c);
    QN_NEW(t->ctx, arena, how);
    QN_NEW(t->ctx, arena, c->record);
    c->dtype = w->dense->dtype;
    c->rank = w->dense->rank;
    c->name = w->dense->name;
    memcpy(c->dims, w->dense->dims, sizeof c->dims);
    qn_weight_layout(&scheme->scheme, &w->weight, c, &reason);
    *how = (qn_encode_how){.scheme = scheme->scheme, .importance_axis = w->weight.sum_axis};
    c->how = how;
    QN_TRY(values_of(t->ctx, arena, w->dense, &x));
    for (int64_t i = 0; scheme->scheme.prune == QN_PRUNE_THRESHOLD && i < qn_const_numel(c); i++)
        c->n_kept += (double)fabsf(x[i]) >= scheme->scheme.threshold;
    if (qn_const_encoding_fault(c))
        return QN_OK;
    const qn_status status = qn_encode(t->ctx, arena, c, x, c->part);
    if (status == QN_UNSUPPORTED) {
        qn_clear(t->ctx);
        return QN_OK;
    }
    QN_TRY(status);
    qn_encoded_error(t->ctx, c, x, &signal, &noise);
    c->record->scheme = scheme->text;
    c->record->reason = reason;
    c->record->sqnr_db = noise > 0 ? 10 * log10(signal / noise) : (double)INFINITY;
    *out = c;
    return QN_OK;
}

/* One cell, by a run over all samples. */
static qn_status measure_cell(qn_tuner *t, const qn_tune_weight *w, const qn_tune_scheme *scheme, qn_choice *out) {
    qn_quality quality;
    qn_const *encoded = NULL;
    *out = (qn_choice){(double)qn_const_bytes(w->dense), 0};
    if (scheme->scheme.encoding == QN_ENC_DENSE)
        return QN_OK;
    qn_arena *arena = qn_arena_create();
    qn_status status = arena ? qn_tune_encode(t, arena, w, scheme, &encoded) : qn_fail_memory(t->ctx, 0, "an arena");
    out->cost = (double)INFINITY;
    if (status == QN_OK && encoded) {
        w->value->constant = encoded;
        status = qn_judge_run(t->ctx, t->judge, &quality);
        w->value->constant = w->dense;
        *out = (qn_choice){(double)qn_const_bytes(encoded), qn_tune_cost(t, &quality)};
        t->measured++;
    }
    qn_arena_destroy(arena);
    return status;
}

static qn_status measure_weight(qn_tuner *t, int32_t i) {
    const qn_tune_weight *w = &t->weights[i];
    bool news = false;
    for (int32_t k = 0; k < t->n_schemes; k++) {
        qn_choice *cell = &t->cells[(size_t)i * (size_t)t->n_schemes + (size_t)k];
        if (k > 0 && t->state && qn_tune_state_get(t->state, w->value->name, t->schemes[k].text, cell)) {
            t->resumed++;
            continue;
        }
        QN_TRY(measure_cell(t, w, &t->schemes[k], cell));
        if (k > 0 && t->state)
            QN_TRY(qn_tune_state_put(t->ctx, t->state, w->value->name, t->schemes[k].text, *cell));
        news = news || k > 0;
    }
    return news && t->state ? qn_tune_state_save(t->ctx, t->state) : QN_OK;
}

qn_status qn_tune_measure(qn_tuner *t) {
    for (int32_t i = 0; i < t->n_weights; i++) {
        qn_progress(t->ctx, "measuring", (uint64_t)i, (uint64_t)t->n_weights);
        QN_TRY(qn_check_cancel(t->ctx));
        QN_TRY(measure_weight(t, i));
    }
    qn_progress(t->ctx, "measuring", (uint64_t)t->n_weights, (uint64_t)t->n_weights);
    return QN_OK;
}
