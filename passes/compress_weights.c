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
 * Which scheme a weight gets: passes/weight_rules.h; along which axes: passes/weight_layout.c. A weight whose readers have
 * different channel axes gets one scale for the tensor. Blocks lie along the axis that is summed (in the rows of a table), the last one
 * as short as need be; where that axis has under 16 elements and is shorter than a block there is one scale a channel. The bytes are made when the package is filled (quant/fill.h): the constant becomes
 * an expression with an encoding. Every constant that is met carries what became of it, and why (qn_const_record).
 */
#include <math.h>
#include <string.h>

#include "passes/rewrite.h"
#include "passes/weight_rules.h"
#include "passes/weights.h"
#include "quant/lut.h"

typedef struct compressor {
    qn_pass_run *run;
    qn_weight_rules rules;
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

/** Encodings whose codes are best read along what is summed. */
static bool wants_rows(const qn_scheme *s) { return s->block > 0 || s->encoding == QN_ENC_PALETTE || s->prune != QN_PRUNE_NONE; }

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

/* ---- what depends on the numbers --------------------------------------------------------------------------------- */

/** The elements that a threshold keeps; tensors that are to be exact but have too many different numbers. */
static qn_status look_at_numbers(compressor *c, const qn_value *v, const qn_scheme *s, qn_const *encoded, const char **left) {
    const bool unique = s->encoding == QN_ENC_PALETTE && s->table == QN_TABLE_UNIQUE;
    qn_context *ctx = c->run->ctx;
    const float *x = NULL;
    float table[QN_LUT_MAX];
    int count;
    if (s->prune != QN_PRUNE_THRESHOLD && !unique)
        return QN_OK;
    qn_arena *own = qn_arena_create();
    if (!own)
        return qn_fail_memory(ctx, 0, "an arena");
    const int64_t n = qn_const_numel(encoded);
    qn_status status = qn_weight_numbers(ctx, own, v->constant, &x);
    if (status == QN_OK && s->prune == QN_PRUNE_THRESHOLD)
        for (int64_t i = 0; i < n; i++)
            encoded->n_kept += (double)fabsf(x[i]) >= s->threshold;
    if (status == QN_OK && unique && encoded->lut_axis < 0 && !encoded->sparse && !qn_lut_unique(x, n, 1 << s->bits, table, &count))
        *left = qn_arena_printf(v->graph->arena, "more than %d different numbers", 1 << s->bits);
    qn_arena_destroy(own);
    if (status == QN_OK && *left == NULL)
        return qn_fail_memory(ctx, 0, "a reason");
    return status;
}

/* ---- one weight ------------------------------------------------------------------------------------------------- */

/** What became of a constant. */
static qn_status record(compressor *c, const qn_value *v, qn_const *constant, const char *scheme, const char *reason) {
    qn_const_record *r;
    QN_NEW(c->run->ctx, v->graph->arena, r);
    r->scheme = scheme;
    r->reason = qn_arena_strdup(v->graph->arena, reason);
    r->sqnr_db = (double)NAN;
    constant->record = r;
    return r->scheme && r->reason ? QN_OK : qn_fail_memory(c->run->ctx, 0, "a report");
}

/** v under a scheme, its elements to be made by its expression, or taken from it as it is; *left: why it is not. */
static qn_status encode(compressor *c, qn_value *v, qn_weight weight, const qn_weight_choice *choice, const char **left) {
    qn_context *ctx = c->run->ctx;
    qn_const *old = v->constant, *encoded;
    qn_encode_how *how;
    const char *reason;
    const bool turn = wants_rows(&choice->scheme) && is_linear_matrix(v) && weight.axis >= 0;
    QN_NEW(ctx, v->graph->arena, encoded);
    QN_NEW(ctx, v->graph->arena, how);
    *encoded = (qn_const){.dtype = old->dtype, .rank = old->rank, .name = old->name};
    memcpy(encoded->dims, old->dims, sizeof old->dims);
    if (turn) {
        encoded->dims[0] = old->dims[1];
        encoded->dims[1] = old->dims[0];
        weight.axis = 1 - weight.axis;
        weight.sum_axis = 1 - weight.sum_axis;
    }
    qn_weight_layout(&choice->scheme, &weight, encoded, &reason);
    QN_TRY(look_at_numbers(c, v, &choice->scheme, encoded, left));
    if (!(*left)[0] && qn_const_encoding_fault(encoded))
        *left = qn_const_encoding_fault(encoded);
    if ((*left)[0] || !qn_rewrite(c->run, choice->text, v->uses[0].node))
        return QN_OK;
    *how = (qn_encode_how){.scheme = qn_weight_scheme(&choice->scheme, encoded), .importance_axis = weight.sum_axis};
    encoded->how = how;
    encoded->expr = old->expr;
    if (!encoded->expr || turn)
        QN_TRY(express(c, v, turn ? QN_OP_Transpose : QN_OP_Identity, &encoded->expr));
    for (int32_t i = 0; turn && i < v->n_uses; i++)
        QN_TRY(qn_node_set_int(ctx, v->uses[i].node, "trans_w", 1));
    QN_TRY(record(c, v, encoded, qn_scheme_text(v->graph->arena, &how->scheme), reason));
    return qn_fold_set(c->run, v, encoded);
}

static qn_status compress_value(compressor *c, qn_value *v) {
    qn_weight weight;
    const char *left = "";
    if (!v || !v->constant || v->id >= c->n_seen || c->seen[v->id])
        return QN_OK;
    c->seen[v->id] = true;
    if (v->constant->encoding != QN_ENC_DENSE)
        return QN_OK;
    QN_TRY(qn_weight_look(c->run->ctx, c->run->scratch, c->run->options, v, &weight));
    const qn_weight_choice *choice = weight.is_weight || weight.is_small ? qn_weight_rules_find(&c->rules, v) : NULL;
    if (!weight.is_weight && !(weight.is_small && choice && choice->exact))
        return record(c, v, v->constant, "", weight.reason);
    if (!choice)
        return record(c, v, v->constant, "", "no scheme is asked for it");
    if (choice->scheme.encoding == QN_ENC_DENSE)
        return record(c, v, v->constant, "", choice->pattern ? "left by a rule" : "left, as all are");
    QN_TRY(encode(c, v, weight, choice, &left));
    if (!left[0])
        return QN_OK;
    if (choice->exact)
        return qn_fail(c->run->ctx, QN_UNSUPPORTED, "tensor '%s' cannot be %s: %s", v->constant->name, choice->text, left);
    qn_log(c->run->ctx, QN_LOG_WARN, "tensor '%s' is left as it is, not %s: %s", v->constant->name, choice->text, left);
    return record(c, v, v->constant, "", left);
}

qn_status qn_pass_compress_weights(qn_pass_run *run) {
    compressor c = {.run = run};
    if (!qn_weight_rules_any(run->options))
        return QN_OK;
    QN_TRY(qn_weight_rules_parse(run->ctx, run->scratch, run->options, &c.rules));
    c.n_seen = qn_graph_value_bound(run->graph);
    QN_NEW_ARRAY(run->ctx, run->scratch, c.seen, c.n_seen);
    for (qn_node *node = run->graph->first; node; node = node->next)
        for (int32_t i = 0; i < node->n_in; i++)
            QN_TRY(compress_value(&c, node->in[i]));
    return QN_OK;
}
