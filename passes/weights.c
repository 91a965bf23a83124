/* Weights and their output channels; a row an op that has them. */
#include "passes/weights.h"

#include <inttypes.h>

#include "kernels/eval.h"
#include "passes/precision.h"

/** Fewest elements of a weight that is compressed when the options do not say. */
enum { DEFAULT_MIN_ELEMS = 1024 };

typedef int32_t (*axis_fn)(const qn_node *node, int32_t rank, const qn_const *c);

static int32_t last_axis(const qn_node *node, int32_t rank, const qn_const *c) {
    (void)node, (void)c;
    return rank - 1;
}
static int32_t row_axis(const qn_node *node, int32_t rank, const qn_const *c) {
    (void)node, (void)c;
    return rank - 2;
}
static int32_t first_axis(const qn_node *node, int32_t rank, const qn_const *c) {
    (void)node, (void)rank, (void)c;
    return 0;
}
static int32_t second_axis(const qn_node *node, int32_t rank, const qn_const *c) {
    (void)node, (void)rank, (void)c;
    return 1;
}
static int32_t linear_axis(const qn_node *node, int32_t rank, const qn_const *c) {
    (void)c;
    return qn_node_int(node, "trans_w", 0) ? 0 : rank - 1;
}
static int32_t gemm_a_axis(const qn_node *node, int32_t rank, const qn_const *c) {
    (void)rank, (void)c;
    return qn_node_int(node, "transA", 0) ? 1 : 0;
}
static int32_t gemm_b_axis(const qn_node *node, int32_t rank, const qn_const *c) {
    (void)rank, (void)c;
    return qn_node_int(node, "transB", 0) ? 0 : 1;
}
static int32_t batch_a_axis(const qn_node *node, int32_t rank, const qn_const *c) {
    (void)c;
    return qn_node_int(node, "trans_a", 0) ? rank - 1 : rank - 2;
}
static int32_t batch_b_axis(const qn_node *node, int32_t rank, const qn_const *c) {
    (void)c;
    return qn_node_int(node, "trans_b", 0) ? rank - 2 : rank - 1;
}
/** [C_in, C_out / group, k...]: a scale for each index of axis 1 serves that channel of every group. When a group has one
 *  output channel (depthwise), the channels lie along axis 0. */
static int32_t conv_transpose_axis(const qn_node *node, int32_t rank, const qn_const *c) {
    (void)rank;
    return qn_node_int(node, "group", 1) > 1 && c->dims[1] == 1 ? 0 : 1;
}
/** The axis that is indexed: a table has a scale a row. */
static int32_t gather_axis(const qn_node *node, int32_t rank, const qn_const *c) {
    (void)c;
    int64_t axis = qn_node_int(node, "axis", 0);
    axis = axis < 0 ? axis + rank : axis;
    return axis >= 0 && axis < rank ? (int32_t)axis : -1;
}

/* The other of two axes. */
static int32_t linear_sum(const qn_node *node, int32_t rank, const qn_const *c) {
    return 1 - linear_axis(node, rank, c);
}
static int32_t gemm_a_sum(const qn_node *node, int32_t rank, const qn_const *c) {
    return 1 - gemm_a_axis(node, rank, c);
}
static int32_t gemm_b_sum(const qn_node *node, int32_t rank, const qn_const *c) {
    return 1 - gemm_b_axis(node, rank, c);
}
static int32_t batch_a_sum(const qn_node *node, int32_t rank, const qn_const *c) {
    return 2 * rank - 3 - batch_a_axis(node, rank, c);
}
static int32_t batch_b_sum(const qn_node *node, int32_t rank, const qn_const *c) {
    return 2 * rank - 3 - batch_b_axis(node, rank, c);
}
/** Blocks of a table lie in its rows. */
static int32_t gather_row(const qn_node *node, int32_t rank, const qn_const *c) {
    return gather_axis(node, rank, c) == rank - 1 ? rank - 2 : rank - 1;
}

/** `sum`: the axis along which blocks lie, the one that is summed. */
static const struct {
    qn_op op;
    int32_t input;
    axis_fn axis, sum;
} g_weights[] = {
    {QN_OP_Linear, 1, linear_axis, linear_sum},
    {QN_OP_MatMul, 1, last_axis, row_axis},
    {QN_OP_MatMul, 0, row_axis, last_axis},
    {QN_OP_Gemm, 0, gemm_a_axis, gemm_a_sum},
    {QN_OP_Gemm, 1, gemm_b_axis, gemm_b_sum},
    {QN_OP_BatchMatMul, 0, batch_a_axis, batch_a_sum},
    {QN_OP_BatchMatMul, 1, batch_b_axis, batch_b_sum},
    {QN_OP_Conv, 1, first_axis, second_axis},
    {QN_OP_ConvTranspose, 1, conv_transpose_axis, first_axis},
    {QN_OP_Gather, 0, gather_axis, gather_row},
    {QN_OP_LSTM, 1, second_axis, last_axis}, /* W [directions, gates * hidden, input] */
    {QN_OP_LSTM, 2, second_axis, last_axis}, /* R [directions, gates * hidden, hidden] */
    {QN_OP_GRU, 1, second_axis, last_axis},
    {QN_OP_GRU, 2, second_axis, last_axis},
};

static bool weight_axis(const qn_node *node, int32_t i, bool sum, int32_t *axis) {
    const qn_const *c = node->in[i] ? node->in[i]->constant : NULL;
    if (!c || c->rank < 2)
        return false;
    for (size_t k = 0; k < sizeof g_weights / sizeof g_weights[0]; k++)
        if (g_weights[k].op == node->op && g_weights[k].input == i) {
            *axis = (sum ? g_weights[k].sum : g_weights[k].axis)(node, c->rank, c);
            return *axis >= 0;
        }
    return false;
}

bool qn_weight_axis(const qn_node *node, int32_t i, int32_t *axis) { return weight_axis(node, i, false, axis); }

/** "read by Add", and what part it plays there when that has a name. */
static const char *user_reason(qn_arena *arena, const qn_use *use) {
    static const struct {
        qn_op op;
        int32_t input;
        const char *part;
    } parts[] = {
        {QN_OP_Linear, 2, "bias"},           {QN_OP_Conv, 2, "bias"},
        {QN_OP_ConvTranspose, 2, "bias"},    {QN_OP_Gemm, 2, "bias"},
        {QN_OP_LSTM, 3, "bias"},             {QN_OP_GRU, 3, "bias"},
        {QN_OP_LayerNormalization, 1, "scale of a norm"}, {QN_OP_LayerNormalization, 2, "bias of a norm"},
        {QN_OP_RMSNormalization, 1, "scale of a norm"},   {QN_OP_InstanceNormalization, 1, "scale of a norm"},
        {QN_OP_InstanceNormalization, 2, "bias of a norm"},
    };
    for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++)
        if (parts[k].op == use->node->op && parts[k].input == use->index)
            return parts[k].part;
    const char *fixed = qn_precision_fixed_input(use->node, use->index);
    return fixed ? fixed : qn_arena_printf(arena, "read by %s", qn_op_row(use->node->op)->name);
}

qn_status qn_weight_look(qn_context *ctx, qn_arena *arena, const qn_pass_options *options, const qn_value *v, qn_weight *out) {
    const qn_const *c = v->constant;
    int64_t least = options->min_compress_elems > 0 ? options->min_compress_elems : DEFAULT_MIN_ELEMS;
    *out = (qn_weight){.axis = -1, .sum_axis = -1, .reason = ""};
    if (!qn_dtype_is_float(c->dtype)) {
        out->reason = "not a float";
        return QN_OK;
    }
    if (v->n_outputs > 0) {
        out->reason = "an output of the model";
        return QN_OK;
    }
    bool first = true, clash = false;
    for (int32_t i = 0; i < v->n_uses; i++) {
        const qn_node *node = v->uses[i].node;
        int32_t axis;
        if (!qn_weight_axis(node, v->uses[i].index, &axis)) {
            out->reason = user_reason(arena, &v->uses[i]);
            return out->reason ? QN_OK : qn_fail_memory(ctx, 0, "a reason");
        }
        if (qn_precision_kept(options, node)) {
            out->reason = "kept by a pattern";
            return QN_OK;
        }
        clash = clash || (!first && axis != out->axis);
        out->axis = axis;
        if (first)
            (void)weight_axis(node, v->uses[i].index, true, &out->sum_axis);
        first = false;
    }
    if (clash)
        out->axis = -1;
    if (c->dtype == QN_F64)
        out->reason = "float64";
    else if (first)
        out->reason = "read by nothing";
    else if (qn_const_numel(c) < least)
        out->reason = qn_arena_printf(arena, "under %" PRId64 " elements", least);
    if (!out->reason)
        return qn_fail_memory(ctx, 0, "a reason");
    out->is_weight = !out->reason[0];
    out->is_small = !out->is_weight && !first && c->dtype != QN_F64;
    return QN_OK;
}

qn_status qn_weight_numbers(qn_context *ctx, qn_arena *arena, const qn_const *c, const float **out) {
    qn_tensor t;
    float *wide;
    QN_TRY(qn_const_eval(ctx, arena, c, &t));
    QN_NEW_ARRAY(ctx, arena, wide, qn_const_numel(c) + 1);
    const qn_const dense = {.dtype = c->dtype, .rank = 1, .dims = {qn_const_numel(c)}, .axis = -1, .part = {{t.data, t.n_bytes}}};
    QN_TRY(qn_const_decode(ctx, &dense, 0, qn_const_numel(c), wide));
    *out = wide;
    return QN_OK;
}
