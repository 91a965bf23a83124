/* equalize_activations: channels of large activations made smaller, and the weights that they meet larger (SmoothQuant).
 *
 * Before (equalize=0.5, weights=int8, samples=2):
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
 *     s[j] = max |n[j]|^alpha / max |w[j]|^(1 - alpha)
 * n over all calibration inputs, w over all weights that the channel meets: Xiao et al. 2022, arXiv 2211.10438, eq. 4. 8 bit
 * codes then have to hold only a part of what makes one channel larger than others; alpha says how much of it goes to the weights.
 * Unchanged (read by something else too, as the residual after a norm is):
 *     %n = LayerNormalization(%x, %scale, %shift) {axis=2}
 *     %y = Linear(%n, %w, %b)
 *     %z = Relu(%n)
 * Unchanged (an activation between that factors do not pass):
 *     const  %v: float32[48,32] = random(6)
 *     %a = Linear(%x, %w, %b) {activation="GELU"}
 *     %y = Linear(%a, %v)
 *     output %y
 * Unchanged (a weight under 1024 elements is not compressed):
 *     const  %v: float32[32,8] = random(6)
 *     %n = LayerNormalization(%x, %scale, %shift) {axis=2}
 *     %y = Linear(%n, %v)
 *     output %y
 *
 * Before (equalize=0.5, weights=int8, samples=2):
 *     input  %x: float32[2,5,32]
 *     const  %w: float32[32,48] = random(3)
 *     const  %b: float32[48] = random(4)
 *     const  %v: float32[48,32] = random(6)
 *     %a = Linear(%x, %w, %b) {activation="RELU"}
 *     %y = MatMul(%a, %v)
 *     output %y
 * After:
 *     %a = Linear(%x, %w2, %b2) {activation="RELU"}
 *     %y = MatMul(%a, %v2)
 * max(0, x) / s is max(0, x / s).
 *
 * Before (equalize=0.5, weights=int8, samples=2):
 *     input  %x: float32[2,5,32]
 *     const  %w: float32[32,96] = random(3)
 *     const  %v: float32[32,32] = random(6)
 *     %qkv = Linear(%x, %w)
 *     %a = MultiHeadAttention(%qkv, %qkv, %qkv) {num_heads=2, head_dim=16, k_offset=32, v_offset=64}
 *     %y = Linear(%a, %v)
 *     output %y
 * After:
 *     %qkv = Linear(%x, %w2)
 *     %a = MultiHeadAttention(%qkv, %qkv, %qkv) {num_heads=2, head_dim=16, k_offset=32, v_offset=64}
 *     %y = Linear(%a, %v2)
 * where w2 is w with its last 32 columns divided: attention mixes rows of values, never their channels.
 *
 * Before (equalize=0.5, weights=int8, samples=2):
 *     input  %x: float32[2,5,32]
 *     const  %scale: float32[32] = positive(1)
 *     const  %w: float32[32,96] = random(3)
 *     const  %v: float32[32,32] = random(6)
 *     %n = RMSNormalization(%x, %scale)
 *     %qkv = Linear(%n, %w)
 *     %a = MultiHeadAttention(%qkv, %qkv, %qkv) {num_heads=2, head_dim=16, k_offset=32, v_offset=64}
 *     %y = Linear(%a, %v)
 *     output %y
 * After:
 *     %n = RMSNormalization(%x, %scale2)
 *     %qkv = Linear(%n, %w2)
 *     %a = MultiHeadAttention(%qkv, %qkv, %qkv) {num_heads=2, head_dim=16, k_offset=32, v_offset=64}
 *     %y = Linear(%a, %v2)
 * where w2 has factors of both.
 * Unchanged (heads of values that several heads of queries read):
 *     const  %t: float32[32,64] = random(3)
 *     %qkv = Linear(%x, %t)
 *     %a = MultiHeadAttention(%qkv, %qkv, %qkv) {num_heads=2, kv_num_heads=1, head_dim=16, k_offset=32, v_offset=48}
 *     %y = Linear(%a, %v)
 *
 * Only where every weight that reads the value is to be compressed. Factors that are all within 1 % of 1 are none.
 */
#include <math.h>

#include "kernels/eval.h"
#include "kernels/ref/convert.h"
#include "passes/equalize.h"
#include "passes/rewrite.h"
#include "passes/statistics.h"
#include "passes/weight_rules.h"
#include "passes/weights.h"

#define LEAST_CHANGE 0.01

typedef struct equalizer {
    qn_pass_run *run;
    qn_weight_rules rules;
    qn_equal_site *sites;
    qn_stat *stats;        /* of sites[i].value */
    int32_t n;
} equalizer;

static qn_status are_compressed(equalizer *e, const qn_equal_site *site, bool *out) {
    *out = true;
    for (int32_t i = 0; i < site->n_readers && *out; i++) {
        qn_weight weight;
        qn_value *w = site->readers[i].w;
        QN_TRY(qn_weight_look(e->run->ctx, e->run->scratch, e->run->options, w, &weight));
        const qn_weight_choice *choice = weight.is_weight ? qn_weight_rules_find(&e->rules, w) : NULL;
        *out = choice && choice->scheme.encoding != QN_ENC_DENSE;
    }
    return QN_OK;
}

static qn_status find_sites(equalizer *e) {
    const qn_graph *graph = e->run->graph;
    const char *reason;
    bool compressed;
    QN_NEW_ARRAY(e->run->ctx, e->run->scratch, e->sites, graph->n_nodes + 1);
    QN_NEW_ARRAY(e->run->ctx, e->run->scratch, e->stats, graph->n_nodes + 1);
    for (const qn_node *node = graph->first; node; node = node->next) {
        qn_value *v = node->n_out == 1 ? node->out[0] : NULL;
        bool is_read = false;
        for (int32_t i = 0; v && i < v->n_uses; i++)
            is_read = is_read || (v->uses[i].index == 0 && v->uses[i].node->op == QN_OP_Linear);
        if (!v)
            continue;
        QN_TRY(qn_equal_find(e->run, v, &e->sites[e->n], &reason));
        if (reason[0]) {
            if (is_read)
                qn_log(e->run->ctx, QN_LOG_INFO, "%s: '%s' stays as it is: %s", e->run->pass, v->name, reason);
            continue;
        }
        QN_TRY(are_compressed(e, &e->sites[e->n], &compressed));
        if (!compressed)
            continue;
        e->stats[e->n] = (qn_stat){.value = v, .flags = QN_STAT_CHANNEL, .axis = -1, .n_channels = e->sites[e->n].n};
        e->n++;
    }
    return QN_OK;
}

/** most[k] = max(most[k], |w| over what channel k meets). */
static qn_status look_at_weight(qn_context *ctx, const qn_linear *l, float *most) {
    qn_arena *own = qn_arena_create();
    qn_tensor t;
    if (!own)
        return qn_fail_memory(ctx, 0, "a weight");
    float *w = qn_arena_alloc(own, (size_t)(l->k * l->n) * sizeof *w);
    qn_status status = w ? qn_const_eval(ctx, own, l->w->constant, &t) : qn_fail_memory(ctx, 0, "a weight");
    if (status == QN_OK)
        qn_convert(t.dtype, t.data, QN_F32, w, l->k * l->n);
    const int64_t k_stride = l->trans_w ? 1 : l->n, n_stride = l->trans_w ? l->k : 1;
    for (int64_t k = 0; k < l->k && status == QN_OK; k++)
        for (int64_t n = 0; n < l->n; n++)
            most[k] = fmaxf(most[k], fabsf(w[k * k_stride + n * n_stride]));
    qn_arena_destroy(own);
    return status;
}

static qn_status equalize(equalizer *e, int32_t index) {
    qn_equal_site *site = &e->sites[index];
    const char *reason;
    QN_TRY(qn_equal_find(e->run, site->value, site, &reason)); /* a site before may have changed the weights */
    if (reason[0])
        return QN_OK;
    const qn_stat *stat = &e->stats[index];
    const double alpha = e->run->options->equalize;
    bool changes = false;
    float *most;
    double *s;
    QN_NEW_ARRAY(e->run->ctx, e->run->scratch, most, site->n);
    QN_NEW_ARRAY(e->run->ctx, e->run->scratch, s, site->n);
    for (int32_t i = 0; i < site->n_readers; i++)
        QN_TRY(look_at_weight(e->run->ctx, &site->readers[i], most));
    for (int64_t i = 0; i < site->n; i++) {
        const double x = stat->n_samples ? (double)stat->channel_max[i] : 0, w = (double)most[i];
        s[i] = x > 0 && w > 0 && isfinite(w) ? pow(x, alpha) / pow(w, 1 - alpha) : 1;
        changes = changes || fabs(s[i] - 1) > LEAST_CHANGE;
    }
    return changes ? qn_equal_apply(e->run, site, s) : QN_OK;
}

qn_status qn_pass_equalize_activations(qn_pass_run *run) {
    equalizer e = {.run = run};
    if (!(run->options->equalize > 0) || !qn_weight_rules_any(run->options))
        return QN_OK;
    if (!run->options->samples)
        return qn_fail(run->ctx, QN_USAGE, "equalisation needs calibration inputs (--calibrate)");
    QN_TRY(qn_weight_rules_parse(run->ctx, run->scratch, run->options, &e.rules));
    QN_TRY(find_sites(&e));
    if (e.n)
        QN_TRY(qn_statistics_collect(run, run->scratch, e.stats, e.n));
    for (int32_t i = 0; i < e.n; i++)
        QN_TRY(equalize(&e, i));
    return QN_OK;
}
