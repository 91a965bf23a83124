/* scale_salient_channels: weights that meet large activations get finer steps: they are scaled up, and the activations down (AWQ).
 *
 * Before (weights=int4:awq, samples=2):
 *     input  %x: float32[2,5,32]
 *     const  %scale: float32[32] = positive(1)
 *     const  %shift: float32[32] = random(2)
 *     const  %w: float32[32,48] = random(3)
 *     const  %b: float32[48] = random(4)
 *     const  %u: float32[40,32] = random(5)
 *     %n = LayerNormalization(%x, %scale, %shift) {axis=2}
 *     %y = Linear(%n, %w, %b)
 *     %z = Linear(%n, %u) {trans_w=1}
 *     output %y
 *     output %z
 * After:
 *     %n = LayerNormalization(%x, %scale2, %shift2) {axis=2}
 *     %y = Linear(%n, %w2, %b)
 *     %z = Linear(%n, %u2) {trans_w=1}
 * with scale2 = scale / s, shift2 = shift / s, w2 = diag(s) w and u2 = u diag(s), where of channel j
 *     s[j] = rms(n[j])^alpha / sqrt(greatest of these * least of these)
 * and alpha is that of 0, 0.05 ... 0.95 with the least error of all products, sum over n of |n diag(1/s) (Q(diag(s) w) - diag(s) w)|^2, by
 * the Gram matrix of n (Lin et al. 2023, arXiv 2306.00978, eq. 4 and 5; there the mean of |n[j]| stands for rms). Codes are made later, with
 * importance (compensate_weights). Errors that fall by under 2 % change nothing.
 *
 * Unchanged (read by something else too, as the residual after a norm is):
 *     %n = LayerNormalization(%x, %scale, %shift) {axis=2}
 *     %y = Linear(%n, %w, %b)
 *     %z = Relu(%n)
 * Unchanged (an activation between that factors do not pass):
 *     const  %v: float32[48,32] = random(6)
 *     %a = Linear(%x, %w, %b) {activation="GELU"}
 *     %y = Linear(%a, %v)
 *     output %y
 *
 * What can take factors is what passes/equalize.h says, where all readers ask for awq. Other weights that do get importance alone, with a
 * warning.
 */
#include <math.h>
#include <string.h>

#include "kernels/eval.h"
#include "passes/equalize.h"
#include "passes/rewrite.h"
#include "passes/statistics.h"
#include "passes/weight_rules.h"
#include "passes/weights.h"
#include "quant/encode.h"
#include "quant/gptq.h"

/* Room for Gram matrices of the values looked at together. */
static const size_t MOST_BYTES = (size_t)512 << 20;
enum { ALPHAS = 20 };
/* An error that falls by less is no reason to change a model. */
#define LEAST_GAIN 0.02

typedef struct scaler {
    qn_pass_run *run;
    qn_weight_rules rules;
    qn_equal_site *sites;
    qn_stat *stats;        /* of sites[i].value */
    int32_t n;
} scaler;

/* A weight as it will be stored: [n, k]. */
typedef struct stored {
    qn_const c;
    qn_encode_how how;
    float *w, *scaled;     /* [n, k] */
} stored;

/* ---- where ---------------------------------------------------------------------------------------------------- */

static qn_status scheme_of(scaler *s, qn_value *w, const qn_scheme **out) {
    qn_weight weight;
    QN_TRY(qn_weight_look(s->run->ctx, s->run->scratch, s->run->options, w, &weight));
    const qn_weight_choice *choice = weight.is_weight ? qn_weight_rules_find(&s->rules, w) : NULL;
    *out = choice ? &choice->scheme : NULL;
    return QN_OK;
}

/* Does a weight that the node multiplies by ask for awq? */
static qn_status asks(scaler *s, const qn_value *v, bool *out) {
    *out = false;
    for (int32_t i = 0; i < v->n_uses && !*out; i++) {
        const qn_scheme *scheme;
        const qn_use *use = &v->uses[i];
        qn_value *w = use->node->n_in > 1 ? use->node->in[1 - (use->index == 1)] : NULL;
        if (use->index > 1 || !w || !w->constant)
            continue;
        QN_TRY(scheme_of(s, w, &scheme));
        *out = scheme && scheme->compensation == QN_COMPENSATE_AWQ;
    }
    return QN_OK;
}

static qn_status find_sites(scaler *s) {
    const qn_graph *graph = s->run->graph;
    QN_NEW_ARRAY(s->run->ctx, s->run->scratch, s->sites, graph->n_nodes + 1);
    QN_NEW_ARRAY(s->run->ctx, s->run->scratch, s->stats, graph->n_nodes + 1);
    for (const qn_node *node = graph->first; node; node = node->next)
        for (int32_t k = 0; k < node->n_out; k++) {
            qn_value *v = node->out[k];
            const char *reason = "";
            bool wanted = false;
            if (v)
                QN_TRY(asks(s, v, &wanted));
            if (!wanted)
                continue;
            qn_equal_site *site = &s->sites[s->n];
            QN_TRY(qn_equal_find(s->run, v, site, &reason));
            for (int32_t i = 0; i < site->n_readers && !reason[0]; i++) {
                const qn_scheme *scheme;
                QN_TRY(scheme_of(s, site->readers[i].w, &scheme));
                if (!scheme || scheme->compensation != QN_COMPENSATE_AWQ)
                    reason = "not all weights that read it ask for awq";
            }
            if (reason[0])
                qn_log(s->run->ctx, QN_LOG_WARN, "awq: weights that read '%s' are not scaled: %s", v->name, reason);
            else if (s->n < graph->n_nodes)
                s->stats[s->n++] = (qn_stat){.value = v, .flags = QN_STAT_GRAM, .axis = -1, .n_channels = site->n};
        }
    return QN_OK;
}

/* ---- how much --------------------------------------------------------------------------------------------------- */

static qn_status look_at_reader(scaler *s, qn_arena *arena, const qn_linear *l, const float *importance, stored *out) {
    const qn_weight weight = {.is_weight = true, .axis = 0, .sum_axis = 1};
    const qn_scheme *scheme;
    const char *reason;
    const float *x;
    QN_TRY(scheme_of(s, l->w, &scheme));
    QN_TRY(qn_weight_numbers(s->run->ctx, arena, l->w->constant, &x));
    QN_NEW_ARRAY(s->run->ctx, arena, out->w, l->n * l->k + 1);
    QN_NEW_ARRAY(s->run->ctx, arena, out->scaled, l->n * l->k + 1);
    for (int64_t n = 0; n < l->n; n++)
        for (int64_t k = 0; k < l->k; k++)
            out->w[n * l->k + k] = l->trans_w ? x[n * l->k + k] : x[k * l->n + n];
    out->c = (qn_const){.dtype = QN_F32, .rank = 2, .dims = {l->n, l->k}, .name = l->w->constant->name};
    qn_weight_layout(scheme, &weight, &out->c, &reason);
    out->how = (qn_encode_how){.scheme = *scheme, .importance = importance, .importance_axis = 1};
    if (out->how.scheme.range == QN_RANGE_MINMAX)
        out->how.scheme.range = QN_RANGE_MSE; /* as compensate_weights will */
    out->c.how = &out->how;
    return QN_OK;
}

/* Error of the products of one weight under factors s. */
static qn_status error_of(scaler *sc, stored *st, const float *gram, const double *s, double *sum) {
    qn_context *ctx = sc->run->ctx;
    const int64_t rows = st->c.dims[0], k_size = st->c.dims[1], numel = rows * k_size;
    float *d, *product;
    qn_arena *arena = qn_arena_create();
    if (!arena)
        return qn_fail_memory(ctx, 0, "an arena");
    for (int64_t i = 0; i < numel; i++)
        st->scaled[i] = (float)((double)st->w[i] * s[i % k_size]);
    qn_status status = qn_encode(ctx, arena, &st->c, st->scaled, st->c.part);
    d = qn_arena_array(arena, (size_t)numel, sizeof *d);
    product = qn_arena_array(arena, (size_t)numel, sizeof *product);
    if (status == QN_OK && (!d || !product))
        status = qn_fail_memory(ctx, (size_t)numel * sizeof *d, "an error");
    if (status == QN_OK)
        status = qn_const_decode(ctx, &st->c, 0, numel, d);
    for (int64_t i = 0; i < numel && status == QN_OK; i++)
        d[i] = (float)(((double)d[i] - (double)st->scaled[i]) / s[i % k_size]);
    if (status == QN_OK)
        status = qn_gptq_product(ctx, rows, k_size, d, gram, product);
    for (int64_t i = 0; i < numel && status == QN_OK; i++)
        *sum += (double)d[i] * (double)product[i];
    qn_arena_destroy(arena);
    return status;
}

/* s[j] = rms^alpha, the geometric mean of the ends 1. */
static void set_factors(const qn_stat *stat, double alpha, double *s) {
    const int64_t n = stat->n_channels;
    double least = INFINITY, most = 0;
    for (int64_t k = 0; k < n; k++) {
        const double square = (double)stat->gram[k * n + k] / (double)(stat->n_rows ? stat->n_rows : 1);
        s[k] = pow(square > 1e-8 ? sqrt(square) : 1e-4, alpha);
        least = s[k] < least ? s[k] : least;
        most = s[k] > most ? s[k] : most;
    }
    for (int64_t k = 0; k < n; k++)
        s[k] /= sqrt(least * most);
}

static qn_status search(scaler *sc, qn_arena *arena, const qn_equal_site *site, const qn_stat *stat, double *s) {
    qn_context *ctx = sc->run->ctx;
    const int64_t n = site->n;
    stored *weights;
    float *importance;
    double best = INFINITY, first = 0, best_alpha = 0;
    QN_NEW_ARRAY(ctx, arena, weights, site->n_readers);
    QN_NEW_ARRAY(ctx, arena, importance, n);
    for (int32_t i = 0; i < site->n_readers; i++)
        QN_TRY(look_at_reader(sc, arena, &site->readers[i], importance, &weights[i]));
    for (int step = 0; step < ALPHAS; step++) {
        const double alpha = (double)step / ALPHAS;
        double error = 0;
        QN_TRY(qn_check_cancel(ctx));
        set_factors(stat, alpha, s);
        for (int64_t k = 0; k < n; k++) /* of the activations as they will be */
            importance[k] = (float)((double)stat->gram[k * n + k] / (s[k] * s[k]));
        for (int32_t i = 0; i < site->n_readers; i++)
            QN_TRY(error_of(sc, &weights[i], stat->gram, s, &error));
        first = step == 0 ? error : first;
        if (error < (step == 0 ? best : fmin(best, (1 - LEAST_GAIN) * first))) {
            best = error;
            best_alpha = alpha;
        }
    }
    set_factors(stat, best_alpha, s);
    qn_log(ctx, QN_LOG_INFO, "%s: '%s': alpha %.2f", sc->run->pass, site->value->name, best_alpha);
    return QN_OK;
}

static qn_status scale_site(scaler *sc, int32_t index) {
    qn_equal_site *site = &sc->sites[index];
    const char *reason;
    double *s;
    bool changes = false;
    QN_TRY(qn_equal_find(sc->run, site->value, site, &reason)); /* a site before may have changed the weights */
    if (reason[0] || !sc->stats[index].n_samples)
        return QN_OK;
    QN_NEW_ARRAY(sc->run->ctx, sc->run->scratch, s, site->n);
    qn_arena *arena = qn_arena_create();
    if (!arena)
        return qn_fail_memory(sc->run->ctx, 0, "an arena");
    qn_status status = search(sc, arena, site, &sc->stats[index], s);
    qn_arena_destroy(arena);
    QN_TRY(status);
    for (int64_t k = 0; k < site->n; k++)
        changes = changes || fabs(s[k] - 1) > 1e-6;
    return changes ? qn_equal_apply(sc->run, site, s) : QN_OK;
}

static qn_status scale_stage(scaler *sc, int32_t begin, int32_t end) {
    qn_arena *arena = qn_arena_create();
    if (!arena)
        return qn_fail_memory(sc->run->ctx, 0, "an arena");
    qn_status status = qn_statistics_collect(sc->run, arena, sc->stats + begin, end - begin);
    for (int32_t i = begin; i < end && status == QN_OK; i++)
        status = scale_site(sc, i);
    qn_arena_destroy(arena);
    return status;
}

qn_status qn_pass_scale_salient_channels(qn_pass_run *run) {
    scaler s = {.run = run};
    if (!qn_weight_rules_any(run->options))
        return QN_OK;
    QN_TRY(qn_weight_rules_parse(run->ctx, run->scratch, run->options, &s.rules));
    if (!run->options->samples)
        return QN_OK; /* compensate_weights refuses a weight that needs them */
    QN_TRY(find_sites(&s));
    for (int32_t begin = 0, end; begin < s.n; begin = end) {
        for (end = begin + 1; end < s.n && qn_statistics_bytes(s.stats + begin, end - begin + 1) <= MOST_BYTES; end++)
            ;
        QN_TRY(scale_stage(&s, begin, end));
    }
    return QN_OK;
}
