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
 * Before (weights=int4:block=32):
 *     input  %x: float32[3,64]
 *     const  %w: float32[64,32] = random(1)
 *     %y = Linear(%x, %w)
 *     output %y
 * After:
 *     %y = Linear(%x, %codes) {trans_w=1}
 * where %codes is %w turned, so that what is summed lies in a row, each row in blocks of 32 with a float16 scale.
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
 * A weight whose readers have different channel axes gets one scale for the tensor. Blocks lie along the axis that is summed
 * (in the rows of a table); where that has under 16 elements there is one scale a channel. The bytes are made when the package is
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

/** Is `v` the untransposed matrix of Linear nodes, and nothing else? */
static bool is_linear_matrix(const qn_value *v) {
    for (int32_t i = 0; i < v->n_uses; i++)
        if (v->uses[i].node->op != QN_OP_Linear || v->uses[i].index != 1 || qn_node_int(v->uses[i].node, "trans_w", 0))
            return false;
    return v->constant->rank == 2;
}

/** `op` of the elements of v as an expression of its own. */
static qn_status express(compressor *c, qn_value *v, qn_op op, const qn_node **out) {
    qn_context *ctx = c->run->ctx;
    qn_value *source;
    qn_node *node;
    QN_TRY(qn_value_constant(ctx, v->graph, v->name, v->constant, &source));
    QN_TRY(qn_node_create(ctx, v->graph, NULL, op, v->name, &source, 1, 1, &node));
    qn_node_detach(node);
    if (op == QN_OP_Transpose)
        QN_TRY(qn_node_set_ints(ctx, node, "perm", (int64_t[]){1, 0}, 2));
    *out = node;
    return QN_OK;
}

/** v under the scheme, its elements to be made by its expression, or taken from it as it is. */
static qn_status encode(compressor *c, qn_value *v, const qn_weight *weight) {
    qn_context *ctx = c->run->ctx;
    qn_const *old = v->constant, *encoded;
    const qn_node *expr = old->expr;
    const bool turn = weight->block > 0 && is_linear_matrix(v);
    if (!expr || turn)
        QN_TRY(express(c, v, turn ? QN_OP_Transpose : QN_OP_Identity, &expr));
    QN_NEW(ctx, v->graph->arena, encoded);
    *encoded = (qn_const){.dtype = old->dtype, .rank = old->rank, .encoding = c->scheme.encoding,
                          .code_dtype = c->scheme.code_dtype, .symmetric = c->scheme.symmetric,
                          .scale_dtype = weight->block > 0 ? c->scheme.scale_dtype : QN_F32,
                          .axis = weight->axis, .block = weight->block, .expr = expr, .name = old->name};
    memcpy(encoded->dims, old->dims, sizeof old->dims);
    if (turn) {
        encoded->dims[0] = old->dims[1];
        encoded->dims[1] = old->dims[0];
        encoded->axis = 1 - weight->axis;
        for (int32_t i = 0; i < v->n_uses; i++)
            QN_TRY(qn_node_set_int(ctx, v->uses[i].node, "trans_w", 1));
    }
    return qn_fold_set(c->run, v, encoded);
}

static qn_status compress_value(compressor *c, qn_value *v, const qn_node *at) {
    qn_weight weight;
    if (!v || !v->constant || v->id >= c->n_seen || c->seen[v->id])
        return QN_OK;
    c->seen[v->id] = true;
    if (v->constant->encoding != QN_ENC_DENSE)
        return QN_OK;
    QN_TRY(qn_weight_look(c->run->ctx, c->run->scratch, c->run->options, v, &c->scheme, &weight));
    if (!weight.compress || !qn_rewrite(c->run, c->run->options->weights, at))
        return QN_OK;
    return encode(c, v, &weight);
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
