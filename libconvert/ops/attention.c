/* MultiHeadAttention: as defined in schemas/ops.def. */
#include "ops/shape.h"

/* One of q, k, v: tokens and batch unified into *tokens and *batch; `heads` of `width` fit into its row or its shape.
 */
static qn_status operand(const qn_infer *inf, int32_t i, int64_t heads, int64_t width, const char *offset_name,
                         qn_dim *batch, qn_dim *tokens) {
    const qn_type *x = &inf->in[i];
    int64_t offset = qn_node_int(inf->node, offset_name, 0);
    if (offset < 0)
        return qn_infer_fail(inf, "%s is %lld", offset_name, (long long)offset);
    QN_TRY(qn_infer_rank(inf, i, 3, 4));
    if (x->rank < 0)
        return QN_OK;
    QN_TRY(qn_infer_unify(inf, *batch, x->dims[0], "batches differ", batch));
    QN_TRY(qn_infer_unify(inf, *tokens, x->dims[x->rank - 2], "keys and values differ in number", tokens));
    qn_dim row, last = x->dims[x->rank - 1];
    if (x->rank == 4) {
        qn_dim same;
        if (offset != 0)
            return qn_infer_fail(inf, "%s is %lld for an input with its heads apart", offset_name, (long long)offset);
        QN_TRY(qn_infer_unify(inf, x->dims[1], heads, "heads differ", &same));
        return qn_infer_unify(inf, last, width, "head sizes differ", &same);
    }
    QN_TRY(qn_infer_mul(inf, heads, width, &row));
    QN_TRY(qn_infer_add(inf, row, offset, &row));
    if (qn_dim_is_const(last) && qn_dim_is_const(row) && row > last)
        return qn_infer_fail(inf, "input %d has rows of %lld, %lld heads of %lld from %lld on need %lld", i,
                             (long long)last, (long long)heads, (long long)width, (long long)offset, (long long)row);
    return QN_OK;
}

/* past_key or past_value: the batch unified into *batch, the tokens into *past. */
static qn_status past_operand(const qn_infer *inf, int32_t i, int64_t heads, int64_t width, qn_dim *batch,
                              qn_dim *past) {
    const qn_type *x = qn_infer_in(inf, i);
    qn_dim same;
    if (!qn_infer_has(inf, i))
        return QN_OK;
    QN_TRY(qn_infer_rank(inf, i, 4, 4));
    if (x->rank < 0) {
        *past = QN_DIM_UNKNOWN;
        return QN_OK;
    }
    QN_TRY(qn_infer_unify(inf, *batch, x->dims[0], "batches differ", batch));
    QN_TRY(qn_infer_unify(inf, x->dims[1], heads, "heads differ", &same));
    QN_TRY(qn_infer_unify(inf, x->dims[3], width, "head sizes differ", &same));
    return qn_infer_unify(inf, *past, x->dims[2], "keys and values of the past differ in number", past);
}

qn_status qn_shape_MultiHeadAttention(qn_infer *inf) {
    QN_TRY(qn_infer_floats_mix(inf, 0, 5));
    int64_t heads = qn_node_int(inf->node, "num_heads", 0), kv_heads = qn_node_int(inf->node, "kv_num_heads", heads);
    int64_t width = qn_node_int(inf->node, "head_dim", 0), v_width = qn_node_int(inf->node, "v_head_dim", width);
    if (heads < 1 || kv_heads < 1 || heads % kv_heads != 0)
        return qn_infer_fail(inf, "has %lld heads over %lld", (long long)heads, (long long)kv_heads);
    if (width < 1 || v_width < 1)
        return qn_infer_fail(inf, "has heads of %lld and %lld", (long long)width, (long long)v_width);
    qn_dim batch = QN_DIM_UNKNOWN, queries = QN_DIM_UNKNOWN, keys = QN_DIM_UNKNOWN, row;
    QN_TRY(operand(inf, 0, heads, width, "q_offset", &batch, &queries));
    QN_TRY(operand(inf, 1, kv_heads, width, "k_offset", &batch, &keys));
    QN_TRY(operand(inf, 2, kv_heads, v_width, "v_offset", &batch, &keys));
    if (qn_infer_has(inf, 4) != qn_infer_has(inf, 5))
        return qn_infer_fail(inf, "has a past of keys or of values alone");
    if (qn_infer_has(inf, 4)) {
        qn_dim past = QN_DIM_UNKNOWN;
        QN_TRY(past_operand(inf, 4, kv_heads, width, &batch, &past));
        QN_TRY(past_operand(inf, 5, kv_heads, v_width, &batch, &past));
        QN_TRY(qn_infer_add(inf, keys, past, &keys));
    }
    QN_TRY(qn_infer_mul(inf, heads, v_width, &row));
    const qn_type scores = {.dtype = inf->in[0].dtype, .rank = 4, .dims = {batch, heads, queries, keys}};
    QN_TRY(qn_infer_broadcast_to(inf, 3, &scores, "mask"));
    QN_TRY(qn_infer_set(inf, 0, inf->in[0].dtype, 3));
    inf->out[0].dims[0] = batch;
    inf->out[0].dims[1] = queries;
    inf->out[0].dims[2] = row;
    return QN_OK;
}
