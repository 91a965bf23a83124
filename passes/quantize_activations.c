/* quantize_activations: products with int8 weights take their input as 8 bit codes, made while the model runs.
 *
 * Before (activations=int8, weights=int8, first=compress_weights, min_compress=1, bound=3e-2):
 *     input  %x: float32[3,64]
 *     const  %w: float32[64,32] = random(1)
 *     const  %b: float32[32] = random(2)
 *     %y = Linear(%x, %w, %b) {activation="RELU"}
 *     output %y
 * After:
 *     %y = Linear(%x, %codes, %b) {activation="RELU", x_quant="dynamic_uint8"}
 * where %codes is %w as compress_weights stored it: the product of codes is a sum of integers.
 *
 * Before (activations=int8, weights=int8, first=compress_weights, min_compress=1, bound=3e-2):
 *     input  %x: float32[1,4,5,6]
 *     const  %w: float32[8,4,3,3] = random(1)
 *     %y = Conv(%x, %w)
 *     output %y
 * After:
 *     %y = Conv(%x, %codes) {x_quant="dynamic_uint8"}
 * Unchanged (sums over three channels a tap: the picture itself, or depthwise):
 *     input  %x: float32[1,3,5,6]
 *     const  %w: float32[8,3,3,3] = random(1)
 *     %y = Conv(%x, %w)
 *     output %y
 * Unchanged (the weight is not constant):
 *     input  %x: float32[3,64]
 *     input  %v: float32[64,32]
 *     %y = Linear(%x, %v)
 *     output %y
 *
 * Before (activations=int8, weights=int8, first=compress_weights, min_compress=1, bound=3e-2, keep_fp32=kept):
 *     input  %x: float32[3,64]
 *     const  %w: float32[64,32] = random(1)
 *     %y = Linear(%x, %w)
 *     output %y
 * After:
 *     %y = Linear(%x, %codes) {x_quant="dynamic_uint8"}
 * Unchanged (a node that keep_fp32 names):
 *     %kept = Linear(%x, %w)
 *     output %kept
 *
 * Before (activations=int8:static:mse, weights=int8, first=compress_weights, min_compress=1, samples=2, bound=3e-2):
 *     input  %x: float32[3,64]
 *     const  %w: float32[64,32] = random(1)
 *     %r = Relu(%x)
 *     %y = Linear(%r, %w)
 *     output %y
 * After:
 *     %r = Relu(%x)
 *     %y = Linear(%r, %codes) {x_quant="static_uint8", x_zero=0}
 * with an x_scale that the observer of quant/observe.h makes of what %r is on calibration inputs.
 * Unchanged (0 on all calibration inputs, or reached by none):
 *     const  %none: float32[] = 0
 *     %r = Mul(%x, %none)
 *     %y = Linear(%r, %w)
 *
 * Before (activations=int8, weights=int8, bound=2e-2):
 *     input  %q: float32[2,5,24]
 *     %y = MultiHeadAttention(%q, %q, %q) {num_heads=3, head_dim=8}
 *     output %y
 * After:
 *     %y = MultiHeadAttention@bfloat16(%q, %q, %q) {num_heads=3, head_dim=8}
 * whose products then take operands rounded to bfloat16; the softmax between them stays float32 (docs/ops.md).
 *
 * The weight has to be int8 without zero points, a scale for the tensor or for each output channel. Convolutions whose
 * sums run over fewer than four channels of a tap are left: they are few of the multiplications, and the first layer's
 * input is what everything after it is made from. Each product that is left is logged with the reason.
 */
#include "kernels/ref/x_quant.h"
#include "passes/precision.h"
#include "passes/rewrite.h"
#include "passes/statistics.h"
#include "passes/weights.h"
#include "quant/observe.h"

#include <string.h>

enum { MIN_CHANNELS = 4 };

static const char *weight_reason(const qn_const *c, const qn_node *node) {
    int32_t axis;
    if (!c)
        return "its weight is no constant";
    if (!qn_const_is_plain_affine(c) || c->code_dtype != QN_I8)
        return "its weight is not int8";
    if (!c->symmetric)
        return "its weight has zero points";
    if (c->block > 0 || (c->axis >= 0 && !(qn_weight_axis(node, 1, &axis) && axis == c->axis)))
        return "its weight's scales do not follow the output channels";
    return NULL;
}

static const char *linear_reason(const qn_node *node, const qn_const *c) {
    (void)node, (void)c;
    return NULL;
}
static const char *conv_reason(const qn_node *node, const qn_const *c) {
    (void)node;
    return c->rank > 1 && c->dims[1] < MIN_CHANNELS ? "under 4 channels a group" : NULL;
}
static const char *conv_transpose_reason(const qn_node *node, const qn_const *c) {
    const int64_t groups = qn_node_int(node, "group", 1);
    return groups < 1 || c->dims[0] / groups < MIN_CHANNELS ? "under 4 channels a group" : NULL;
}
static const char *recurrent_reason(const qn_node *node, const qn_const *c) {
    (void)node, (void)c;
    return "gates turn on absolute amounts";
}
static const char *other_reason(const qn_node *node, const qn_const *c) {
    (void)node, (void)c;
    return "both operands may be computed: only Linear, Conv and ConvTranspose take codes";
}

/* Ops with products, and why one of these nodes is left though its weight would do. */
static const struct {
    qn_op op;
    const char *(*reason)(const qn_node *node, const qn_const *weight);
} g_products[] = {
    {QN_OP_Linear, linear_reason},  {QN_OP_Conv, conv_reason},         {QN_OP_ConvTranspose, conv_transpose_reason},
    {QN_OP_LSTM, recurrent_reason}, {QN_OP_GRU, recurrent_reason},     {QN_OP_MatMul, other_reason},
    {QN_OP_Gemm, other_reason},     {QN_OP_BatchMatMul, other_reason},
};

/** Products that take codes, and of static ones what their inputs are on calibration inputs. */
typedef struct work {
    qn_pass_run *run;
    qn_activation_scheme scheme;
    qn_node **nodes;
    qn_stat *stats;      /* of nodes[i]->in[0]; static */
    int32_t n;
} work;

static void tell_left(const qn_pass_run *run, const qn_node *node, const char *reason) {
    qn_log(run->ctx, QN_LOG_INFO, "%s: %s keeps its input in floating point: %s", run->pass, qn_node_label(node), reason);
}

static void look_at_product(work *w, qn_node *node, size_t row) {
    const qn_const *c = node->n_in > 1 && node->in[1] ? node->in[1]->constant : NULL;
    const char *reason = qn_precision_kept(w->run->options, node) ? "kept by a pattern" : NULL;
    const bool takes_codes = qn_op_attr_kind(node->op, "x_quant") != 0;
    if (strcmp(qn_node_string(node, "x_quant", "NONE"), "NONE") != 0)
        return;
    if (!reason && takes_codes)
        reason = weight_reason(c, node);
    if (!reason)
        reason = g_products[row].reason(node, c);
    if (reason)
        tell_left(w->run, node, reason);
    else
        w->nodes[w->n++] = node;
}

static void narrow_attention(qn_pass_run *run, qn_node *node) {
    if (node->compute == QN_BF16)
        return;
    if (qn_precision_kept(run->options, node))
        qn_log(run->ctx, QN_LOG_INFO, "%s: %s keeps its products as they are: kept by a pattern", run->pass,
               qn_node_label(node));
    else if (qn_rewrite(run, "bfloat16 products", node))
        node->compute = QN_BF16;
}

static qn_status collect(work *w) {
    qn_pass_run *run = w->run;
    if (!run->options->samples)
        return qn_fail(run->ctx, QN_USAGE, "activations %s need calibration inputs (--calibrate)", run->options->activations);
    QN_NEW_ARRAY(run->ctx, run->scratch, w->stats, w->n + 1);
    for (int32_t i = 0; i < w->n; i++)
        w->stats[i] = (qn_stat){.value = w->nodes[i]->in[0], .flags = QN_STAT_RANGE | QN_STAT_MOVING | QN_STAT_HISTOGRAM};
    return w->n ? qn_statistics_collect(run, run->scratch, w->stats, w->n) : QN_OK;
}

static qn_status set_static(work *w, qn_node *node, const qn_stat *stat) {
    float lo = stat->moving_least, hi = stat->moving_largest;
    if (stat->n_samples && w->scheme.observer != QN_OBSERVE_AVERAGE)
        qn_observe(w->scheme.observer, w->scheme.percentile, stat->histogram, &lo, &hi);
    const qn_x_quant q = stat->n_samples ? qn_x_quant_make(lo, hi, true) : (qn_x_quant){0};
    if (!(q.scale > 0)) {
        tell_left(w->run, node, stat->n_samples ? "it is 0 on all calibration inputs" : "no calibration input reaches it");
        return QN_OK;
    }
    if (!qn_rewrite(w->run, "static 8 bit codes", node))
        return QN_OK;
    QN_TRY(qn_node_set_string(w->run->ctx, node, "x_quant", "static_uint8"));
    QN_TRY(qn_node_set_float(w->run->ctx, node, "x_scale", q.scale));
    return qn_node_set_int(w->run->ctx, node, "x_zero", q.zero_point);
}

static qn_status set_dynamic(work *w, qn_node *node) {
    return qn_rewrite(w->run, "8 bit codes", node) ? qn_node_set_string(w->run->ctx, node, "x_quant", "dynamic_uint8")
                                                   : QN_OK;
}

qn_status qn_pass_quantize_activations(qn_pass_run *run) {
    work w = {.run = run};
    if (!run->options->activations)
        return QN_OK;
    QN_TRY(qn_activation_scheme_parse(run->ctx, run->options->activations, &w.scheme));
    QN_NEW_ARRAY(run->ctx, run->scratch, w.nodes, run->graph->n_nodes + 1);
    for (qn_node *node = run->graph->first; node; node = node->next) {
        if (node->op == QN_OP_MultiHeadAttention)
            narrow_attention(run, node);
        for (size_t row = 0; row < sizeof g_products / sizeof g_products[0]; row++)
            if (g_products[row].op == node->op)
                look_at_product(&w, node, row);
    }
    if (w.scheme.is_static)
        QN_TRY(collect(&w));
    for (int32_t i = 0; i < w.n; i++)
        QN_TRY(w.scheme.is_static ? set_static(&w, w.nodes[i], &w.stats[i]) : set_dynamic(&w, w.nodes[i]));
    return QN_OK;
}
