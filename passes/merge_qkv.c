/* merge_qkv: the projections of one attention from one value as one product, read by offsets.
 *
 * Before:
 *     input %x: float32[2,5,8]
 *     const %wq: float32[8,8] = random(1)
 *     const %wk: float32[8,8] = random(2)
 *     const %wv: float32[8,8] = random(3)
 *     const %bq: float32[8] = random(4)
 *     const %bv: float32[8] = random(5)
 *     %q = Linear(%x, %wq, %bq)
 *     %k = Linear(%x, %wk)
 *     %v = Linear(%x, %wv, %bv)
 *     %y = MultiHeadAttention(%q, %k, %v) {num_heads=2, kv_num_heads=2, head_dim=4, v_head_dim=4, scale=0.5}
 *     output %y
 * After:
 *     %p = Linear(%x, %w, %b)
 *     %y = MultiHeadAttention(%p, %p, %p) {num_heads=2, kv_num_heads=2, head_dim=4, v_head_dim=4, scale=0.5, q_offset=0, k_offset=8, v_offset=16}
 * with w and b the three side by side, zeros where a bias is absent.
 *
 * Before:
 *     input %p: float32[2,5,24]
 *     const %parts: int64[3] = {8, 8, 8}
 *     %q, %k, %v = Split(%p, %parts) {axis=-1}
 *     %y = MultiHeadAttention(%q, %k, %v) {num_heads=2, kv_num_heads=2, head_dim=4, v_head_dim=4, scale=0.5}
 *     output %y
 * After:
 *     %y = MultiHeadAttention(%p, %p, %p) {num_heads=2, kv_num_heads=2, head_dim=4, v_head_dim=4, scale=0.5, q_offset=0, k_offset=8, v_offset=16}
 *
 * Unchanged (keys and values come from another value):
 *     input %x: float32[2,5,8]
 *     input %z: float32[2,7,8]
 *     const %wq: float32[8,8] = random(1)
 *     const %wk: float32[8,8] = random(2)
 *     const %wv: float32[8,8] = random(3)
 *     %q = Linear(%x, %wq)
 *     %k = Linear(%z, %wk)
 *     %v = Linear(%z, %wv)
 *     %y = MultiHeadAttention(%q, %k, %v) {num_heads=2, kv_num_heads=2, head_dim=4, v_head_dim=4, scale=0.5}
 */
#include <string.h>

#include "passes/linear.h"
#include "passes/match.h"
#include "passes/rewrite.h"

static const char *const g_offsets[3] = {"q_offset", "k_offset", "v_offset"};

/* The attention reads `packed` at these offsets, in place of its first three inputs. */
static qn_status read_packed(qn_pass_run *run, qn_node *attention, qn_value *packed, const int64_t offsets[3]) {
    for (int32_t i = 0; i < 3; i++) {
        QN_TRY(qn_rewrite_input(run, attention, i, packed));
        QN_TRY(qn_node_set_int(run->ctx, attention, g_offsets[i], offsets[i]));
    }
    return QN_OK;
}

static bool has_offsets(const qn_node *attention) {
    for (int i = 0; i < 3; i++)
        if (qn_node_int(attention, g_offsets[i], 0) != 0)
            return true;
    return attention->in[0] == attention->in[1];
}

/* ---- three products ---------------------------------------------------------------------------- */

static qn_status join(qn_pass_run *run, const char *name, int64_t axis, qn_value *const *in, qn_value **out) {
    const qn_attr attr = {.name = "axis", .kind = QN_ATTR_INT, .as = {.i = axis}};
    return qn_fold_op(run, QN_OP_Concat, name, in, 3, &attr, 1, out);
}

/* The bias, or zeros like it. */
static qn_status bias_or_zeros(qn_pass_run *run, const qn_linear *l, qn_value **out) {
    double *zeros;
    *out = l->bias;
    if (l->bias)
        return QN_OK;
    QN_NEW_ARRAY(run->ctx, run->scratch, zeros, l->n);
    return qn_fold_vector(run, l->w->name, l->w->type.dtype, &l->n, 1, zeros, out);
}

static bool alike(const qn_linear l[3]) {
    for (int i = 1; i < 3; i++)
        if (l[i].x != l[0].x || l[i].trans_w != l[0].trans_w || l[i].w->type.dtype != l[0].w->type.dtype)
            return false;
    for (int i = 0; i < 3; i++)
        if (l[i].bias && (!l[i].bias->constant || l[i].bias->constant->rank != 1 || l[i].bias->constant->dims[0] != l[i].n))
            return false;
    return true;
}

static qn_node *first_of(const qn_linear l[3]) {
    for (qn_node *node = l[0].node->graph->first; node; node = node->next)
        for (int i = 0; i < 3; i++)
            if (node == l[i].node)
                return node;
    return NULL;
}

static qn_status merge_linear(qn_pass_run *run, qn_node *attention) {
    qn_linear l[3];
    qn_value *weights[3], *biases[3], *weight, *bias = NULL;
    for (int i = 0; i < 3; i++) {
        qn_value *in = attention->in[i];
        if (!qn_match_private(in) || qn_match_rank(in) != 3 || !in->producer || !qn_linear_plain(in->producer, &l[i]))
            return QN_OK;
        weights[i] = l[i].w;
    }
    if (!alike(l))
        return QN_OK;
    QN_TRY(join(run, l[0].w->name, l[0].trans_w ? 0 : 1, weights, &weight));
    if (l[0].bias || l[1].bias || l[2].bias) {
        for (int i = 0; i < 3; i++)
            QN_TRY(bias_or_zeros(run, &l[i], &biases[i]));
        QN_TRY(join(run, (l[0].bias ? l[0].bias : biases[0])->name, 0, biases, &bias));
    }
    if (!weight || ((l[0].bias || l[1].bias || l[2].bias) && !bias) || !qn_rewrite(run, "one QKV product", attention))
        return QN_OK;
    qn_value *in[] = {l[0].x, weight, bias};
    qn_node *packed;
    QN_TRY(qn_rewrite_insert(run, first_of(l), QN_OP_Linear, l[0].node->name, in, bias ? 3 : 2, &packed));
    if (l[0].trans_w)
        QN_TRY(qn_node_set_int(run->ctx, packed, "trans_w", 1));
    for (int i = 0; i < 3; i++)
        QN_TRY(qn_node_add_origin(run->ctx, packed, l[i].node));
    const int64_t offsets[] = {0, l[0].n, l[0].n + l[1].n};
    return read_packed(run, attention, packed->out[0], offsets);
}

/* ---- a Split ------------------------------------------------------------------------------------- */

/* Offset of output i of a Split of the last axis, by the widths of the outputs before it. */
static bool split_offset(const qn_node *split, int32_t index, int64_t *out) {
    *out = 0;
    for (int32_t i = 0; i < index; i++) {
        const qn_dim width = qn_match_dim(split->out[i], -1);
        if (!qn_dim_is_const(width))
            return false;
        *out += width;
    }
    return true;
}

static qn_status merge_split(qn_pass_run *run, qn_node *attention) {
    const qn_node *split = qn_match_made_by(attention->in[0], QN_OP_Split);
    const int32_t rank = split ? qn_match_rank(split->in[0]) : -1;
    int32_t axis;
    int64_t offsets[3];
    if (rank != 3 || !qn_match_axis(qn_node_int(split, "axis", 0), rank, &axis) || axis != 2)
        return QN_OK;
    for (int i = 0; i < 3; i++)
        if (attention->in[i]->producer != split || !split_offset(split, attention->in[i]->producer_index, &offsets[i]))
            return QN_OK;
    if (!qn_rewrite(run, "a packed QKV read by offsets", attention))
        return QN_OK;
    return read_packed(run, attention, split->in[0], offsets);
}

qn_status qn_pass_merge_qkv(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (node->op != QN_OP_MultiHeadAttention || has_offsets(node))
            continue;
        const int64_t before = run->rewrites;
        QN_TRY(merge_linear(run, node));
        if (run->rewrites == before)
            QN_TRY(merge_split(run, node));
    }
    return QN_OK;
}
