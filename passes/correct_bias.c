/* correct_bias: what the codes of a weight move the mean of its product by, taken back by the bias.
 *
 * Before (correct_bias=1, weights=int4:per_channel, first=compress_weights, samples=2, bound=0.3):
 *     input  %x: float32[3,64]
 *     const  %w: float32[64,32] = random(1)
 *     const  %b: float32[32] = random(2)
 *     %r = Relu(%x)
 *     %y = Linear(%r, %w, %b)
 *     output %y
 * After:
 *     %r = Relu(%x)
 *     %y = Linear(%r, %codes, %b2)
 * with b2 = b + E[r] (w - codes), E[r] the mean of each channel over all calibration inputs: Nagel et al. 2019, Data-free
 * quantization through weight equalization and bias correction, arXiv 1906.04721, sec. 4.2, in its empirical form. The mean of each
 * output is then that of the source's (but for what rounds x, and for the borders of convolutions, where E counts for
 * padding too).
 *
 * Before (correct_bias=1, weights=int4:per_channel, first=compress_weights, samples=2, bound=0.3):
 *     input  %x: float32[2,8,5,6]
 *     const  %w: float32[16,8,3,3] = random(1)
 *     %r = Relu(%x)
 *     %y = Conv(%r, %w)
 *     output %y
 * After:
 *     %r = Relu(%x)
 *     %y = Conv(%r, %codes, %b2)
 * Unchanged (a weight that is not encoded: under 1024 elements):
 *     const  %w: float32[8,8,3,3] = random(1)
 *     %y = Conv(%x, %w)
 *
 * The mean is taken over the samples in the arithmetic of the graph. Weights whose codes compensate_weights has made are left: those
 * make up for each other already.
 */
#include <math.h>
#include <string.h>

#include "kernels/eval.h"
#include "kernels/ref/convert.h"
#include "passes/meets.h"
#include "passes/rewrite.h"
#include "passes/statistics.h"
#include "quant/encode.h"

static const char g_reason[] = "moved by what the codes of its weight do to the mean";

typedef struct corrector {
    qn_pass_run *run;
    qn_node **nodes;
    qn_meets *meets;
    qn_stat *stats;      /* of meets[i].input */
    int32_t n;
} corrector;

static bool is_corrected(const qn_value *bias) {
    const qn_const_record *r = bias && bias->constant ? bias->constant->record : NULL;
    return r && strcmp(r->reason, g_reason) == 0;
}

static const char *look(const qn_node *node, qn_meets *m) {
    const qn_const *w = node->n_in > 1 && node->in[1] ? node->in[1]->constant : NULL;
    const qn_value *bias = node->n_in > 2 ? node->in[2] : NULL;
    if (!w || w->encoding == QN_ENC_DENSE)
        return "its weight is not encoded";
    if (!w->expr)
        return "its codes are made already";
    if (bias && (!bias->constant || bias->constant->encoding != QN_ENC_DENSE))
        return "its bias is no plain constant";
    *m = qn_weight_meets(&(qn_use){(qn_node *)node, 1}, w);
    return m->input ? "" : m->reason;
}

static qn_status find_nodes(corrector *c) {
    const qn_graph *graph = c->run->graph;
    QN_NEW_ARRAY(c->run->ctx, c->run->scratch, c->nodes, graph->n_nodes + 1);
    QN_NEW_ARRAY(c->run->ctx, c->run->scratch, c->meets, graph->n_nodes + 1);
    QN_NEW_ARRAY(c->run->ctx, c->run->scratch, c->stats, graph->n_nodes + 1);
    for (qn_node *node = graph->first; node; node = node->next) {
        qn_meets *m = &c->meets[c->n];
        if ((node->op != QN_OP_Linear && node->op != QN_OP_Conv) || is_corrected(node->n_in > 2 ? node->in[2] : NULL))
            continue;
        const char *reason = look(node, m);
        if (reason[0]) {
            qn_log(c->run->ctx, QN_LOG_INFO, "%s: %s keeps its bias: %s", c->run->pass, qn_node_label(node), reason);
            continue;
        }
        c->stats[c->n] = (qn_stat){.value = m->input, .flags = QN_STAT_CHANNEL, .axis = m->axis, .n_channels = m->n_channels};
        c->nodes[c->n++] = node;
    }
    return QN_OK;
}

/** Elements of a tensor as float32, in `arena`. */
static qn_status widen(qn_context *ctx, qn_arena *arena, const qn_tensor *t, int64_t n, float **out) {
    *out = qn_arena_alloc(arena, (size_t)(n + 1) * sizeof **out);
    if (!*out)
        return qn_fail_memory(ctx, (size_t)n * sizeof **out, "a weight");
    qn_convert(t->dtype, t->data, QN_F32, *out, n);
    return QN_OK;
}

/** w[n] = the source's numbers less those of the codes that filling will make. */
static qn_status find_errors(qn_context *ctx, qn_arena *own, const qn_const *c, float **out) {
    const int64_t n = qn_const_numel(c);
    qn_const filled = *c;
    qn_tensor source;
    float *w, *stored;
    QN_TRY(qn_const_eval(ctx, own, c, &source));
    QN_TRY(widen(ctx, own, &source, n, &w));
    filled.expr = NULL;
    QN_TRY(qn_encode(ctx, own, c, w, filled.part));
    QN_TRY(widen(ctx, own, &(qn_tensor){.dtype = QN_F32, .data = w}, n, &stored));
    QN_TRY(qn_const_decode(ctx, &filled, 0, n, stored));
    for (int64_t i = 0; i < n; i++)
        w[i] -= stored[i];
    *out = w;
    return QN_OK;
}

/** delta[o] += sum of mean[the channel that it meets] error. */
static void add_products(const qn_node *node, const qn_const *c, const qn_meets *m, const qn_stat *stat, const float *error,
                         double *delta, int64_t n_out) {
    const bool linear = node->op == QN_OP_Linear, trans = linear && qn_node_int(node, "trans_w", 0);
    const int64_t depth = linear ? m->n_channels : c->dims[1], taps = linear ? 1 : qn_const_numel(c) / (n_out * depth);
    const int64_t per_group = linear ? n_out : n_out / m->groups;
    for (int64_t o = 0; o < n_out; o++)
        for (int64_t k = 0; k < depth; k++) {
            const int64_t channel = linear ? k : o / per_group * depth + k;
            const double mean = stat->channel_sum[channel] / (double)stat->n_rows;
            const float *e = error + (linear ? trans ? o * depth + k : k * n_out + o : (o * depth + k) * taps);
            double sum = 0;
            for (int64_t t = 0; t < taps; t++)
                sum += (double)e[t];
            delta[o] += mean * sum;
        }
}

static qn_status set_bias(corrector *c, qn_node *node, int64_t n_out, const double *numbers, qn_value *old) {
    qn_graph *graph = c->run->graph;
    qn_const_record *record;
    const qn_const **source;
    qn_value *bias;
    const qn_dtype dtype = old ? old->type.dtype : node->in[1]->constant->dtype;
    QN_TRY(qn_fold_vector(c->run, old ? old->name : "bias", dtype, &n_out, 1, numbers, &bias));
    if (!bias || !qn_rewrite(c->run, "the mean of the codes' error into the bias", node))
        return QN_OK;
    QN_NEW(c->run->ctx, graph->arena, record);
    *record = (qn_const_record){.scheme = "", .reason = g_reason, .sqnr_db = (double)NAN};
    bias->constant->record = record;
    if (old) {
        QN_NEW(c->run->ctx, graph->arena, source);
        *source = old->constant;
        bias->constant->sources = source;
        bias->constant->n_sources = 1;
    }
    return qn_node_set_input(c->run->ctx, node, 2, bias);
}

static qn_status correct(corrector *c, int32_t i) {
    qn_context *ctx = c->run->ctx;
    qn_node *node = c->nodes[i];
    const qn_const *w = node->in[1]->constant;
    const bool linear = node->op == QN_OP_Linear;
    const int64_t n_out = linear ? w->dims[qn_node_int(node, "trans_w", 0) ? 0 : 1] : w->dims[0];
    qn_value *old = node->n_in > 2 ? node->in[2] : NULL;
    const double *b = NULL;
    double *numbers;
    float *error;
    int64_t n_b = n_out;
    if (c->stats[i].n_samples == 0) {
        qn_log(ctx, QN_LOG_INFO, "%s: %s keeps its bias: no calibration input reaches it", c->run->pass, qn_node_label(node));
        return QN_OK;
    }
    if (old)
        QN_TRY(qn_fold_numbers(c->run, old, &b, &n_b));
    if (n_b != n_out || n_out == 0)
        return QN_OK;
    QN_NEW_ARRAY(ctx, c->run->scratch, numbers, n_out);
    for (int64_t o = 0; o < n_out && b; o++)
        numbers[o] = b[o];
    qn_arena *own = qn_arena_create();
    if (!own)
        return qn_fail_memory(ctx, 0, "an arena");
    qn_status status = find_errors(ctx, own, w, &error);
    if (status == QN_OK)
        add_products(node, w, &c->meets[i], &c->stats[i], error, numbers, n_out);
    qn_arena_destroy(own);
    QN_TRY(status);
    return set_bias(c, node, n_out, numbers, old);
}

qn_status qn_pass_correct_bias(qn_pass_run *run) {
    corrector c = {.run = run};
    if (!run->options->correct_bias)
        return QN_OK;
    if (!run->options->samples)
        return qn_fail(run->ctx, QN_USAGE, "bias correction needs calibration inputs (--calibrate)");
    QN_TRY(find_nodes(&c));
    if (c.n)
        QN_TRY(qn_statistics_collect(run, run->scratch, c.stats, c.n));
    for (int32_t i = 0; i < c.n; i++)
        QN_TRY(correct(&c, i));
    return QN_OK;
}
