/* compress_weights: give weights an encoding.
 *
 * Before (weights=int8):
 *     input  %x: float32[3,64]
 *     const  %w: float32[64,32] = random(1)
 *     const  %b: float32[32] = random(2)
 *     %y = Linear(%x, %w, %b)
 *     output %y
 * After:
 *     %y = Linear(%x, %codes, %b)
 * where %codes is %w stored as int8 with a float32 scale for each of its 32 columns.
 *
 * Unchanged (under 1024 elements):
 *     const  %w: float32[64,8] = random(1)
 *     %y = MatMul(%x, %w)
 * Unchanged (not a weight):
 *     const  %w: float32[64,3,64] = random(1)
 *     %y = Add(%x, %w)
 * Unchanged (read by something else too):
 *     const  %w: float32[64,64] = random(1)
 *     %a = MatMul(%x, %w)
 *     %y = MatMul(%x, %w)
 *     %z = Exp(%w)
 *     output %a
 *     output %y
 *     output %z
 *
 * Weights are input 1 of Linear, Conv and ConvTranspose, either input of MatMul, Gemm and BatchMatMul, the table of Gather,
 * W and R of LSTM and GRU, with two dimensions or more; those of nodes that a keep_fp32 pattern names are left.
 * A weight whose readers have different channel axes gets one scale for the tensor. The bytes are made when the package is
 * filled (quant/fill.h): the constant becomes an expression with an encoding.
 */
#include <string.h>

#include "passes/rewrite.h"
#include "passes/weights.h"
#include "quant/quant.h"

typedef struct compressor {
    qn_pass_run *run;
    qn_scheme scheme;
    bool *seen;          /* by value id */
    uint32_t n_seen;
} compressor;

/** The constant `old` under the scheme, its elements to be made by its expression, or taken from it as it is. */
static qn_status encode(compressor *c, qn_value *v, int32_t axis) {
    qn_context *ctx = c->run->ctx;
    qn_const *old = v->constant, *encoded;
    const qn_node *expr = old->expr;
    if (!expr) {
        qn_value *source;
        qn_node *identity;
        QN_TRY(qn_value_constant(ctx, v->graph, v->name, old, &source));
        QN_TRY(qn_node_create(ctx, v->graph, NULL, QN_OP_Identity, v->name, &source, 1, 1, &identity));
        qn_node_detach(identity);
        expr = identity;
    }
    QN_NEW(ctx, v->graph->arena, encoded);
    *encoded = (qn_const){.dtype = old->dtype, .rank = old->rank, .encoding = c->scheme.encoding,
                          .code_dtype = c->scheme.code_dtype, .scale_dtype = QN_F32, .symmetric = c->scheme.symmetric,
                          .axis = axis, .block = c->scheme.block, .expr = expr, .name = old->name};
    memcpy(encoded->dims, old->dims, sizeof old->dims);
    return qn_fold_set(c->run, v, encoded);
}

static qn_status compress_value(compressor *c, qn_value *v, const qn_node *at) {
    qn_weight weight;
    if (!v || !v->constant || v->id >= c->n_seen || c->seen[v->id])
        return QN_OK;
    c->seen[v->id] = true;
    if (v->constant->encoding != QN_ENC_DENSE)
        return QN_OK;
    QN_TRY(qn_weight_look(c->run->ctx, c->run->scratch, c->run->options, v, c->scheme.per_channel, &weight));
    if (!weight.compress || !qn_rewrite(c->run, c->run->options->weights, at))
        return QN_OK;
    return encode(c, v, weight.axis);
}

qn_status qn_pass_compress_weights(qn_pass_run *run) {
    compressor c = {.run = run};
    if (!run->options->weights)
        return QN_OK;
    QN_TRY(qn_scheme_parse(run->ctx, run->options->weights, &c.scheme));
    c.n_seen = qn_graph_value_bound(run->graph);
    QN_NEW_ARRAY(run->ctx, run->scratch, c.seen, c.n_seen);
    for (qn_node *node = run->graph->first; node; node = node->next)
        for (int32_t i = 0; i < node->n_in; i++)
            QN_TRY(compress_value(&c, node->in[i], node));
    return QN_OK;
}
