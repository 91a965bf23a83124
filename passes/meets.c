#include "passes/meets.h"

/* Of a constant at input `weight` of an op: the other operand, the axis of its channels, and the axis of the weight they index. */
static int32_t last(const qn_node *node) {
    (void)node;
    return -1;
}
static int32_t before_last(const qn_node *node) {
    (void)node;
    return -2;
}
static int32_t second(const qn_node *node) {
    (void)node;
    return 1;
}
static int32_t gemm_a(const qn_node *node) { return qn_node_int(node, "transA", 0) ? -2 : -1; }
static int32_t gemm_b(const qn_node *node) { return qn_node_int(node, "transB", 0) ? -1 : -2; }
static int32_t batch_a(const qn_node *node) { return qn_node_int(node, "trans_a", 0) ? -2 : -1; }
static int32_t batch_b(const qn_node *node) { return qn_node_int(node, "trans_b", 0) ? -1 : -2; }

static const struct {
    qn_op op;
    int32_t weight, other;
    int32_t (*axis)(const qn_node *node);
} g_products[] = {
    {QN_OP_Linear, 1, 0, last},  {QN_OP_MatMul, 1, 0, last},      {QN_OP_MatMul, 0, 1, before_last},
    {QN_OP_Gemm, 1, 0, gemm_a},  {QN_OP_Gemm, 0, 1, gemm_b},      {QN_OP_BatchMatMul, 1, 0, batch_a},
    {QN_OP_BatchMatMul, 0, 1, batch_b}, {QN_OP_Conv, 1, 0, second}, {QN_OP_ConvTranspose, 1, 0, second},
    {QN_OP_LSTM, 1, 0, last},    {QN_OP_GRU, 1, 0, last},
};

static int64_t channels_of(const qn_value *v, int32_t axis) {
    const int32_t at = axis < 0 ? axis + v->type.rank : axis;
    return at >= 0 && at < v->type.rank && qn_dim_is_const(v->type.dims[at]) ? v->type.dims[at] : 0;
}

static bool meets_rows(const qn_node *node, const qn_const *c, int64_t groups) {
    const bool conv = node->op == QN_OP_Conv || node->op == QN_OP_ConvTranspose;
    for (int32_t d = 2; conv && d < c->rank; d++)
        if (c->dims[d] != 1)
            return false;
    if (conv)
        return groups == 1;
    return c->rank == 2 || node->op == QN_OP_LSTM || node->op == QN_OP_GRU;
}

qn_meets qn_weight_meets(const qn_use *use, const qn_const *c) {
    const qn_node *node = use->node;
    for (size_t i = 0; i < sizeof g_products / sizeof *g_products; i++) {
        if (g_products[i].op != node->op || g_products[i].weight != use->index || node->n_in <= g_products[i].other)
            continue;
        qn_meets m = {.input = node->in[g_products[i].other], .axis = g_products[i].axis(node), .groups = 1, .reason = ""};
        if (node->op == QN_OP_Conv || node->op == QN_OP_ConvTranspose)
            m.groups = qn_node_int(node, "group", 1);
        m.n_channels = m.input && !m.input->constant ? channels_of(m.input, m.axis) : 0;
        m.rows = meets_rows(node, c, m.groups);
        if (m.n_channels <= 0 || m.groups < 1 || m.n_channels % m.groups)
            return (qn_meets){.reason = "the channels that it meets are not known"};
        return m;
    }
    if (node->op == QN_OP_Gather)
        return (qn_meets){.reason = "rows are picked from it: it is not multiplied"};
    return (qn_meets){.reason = "what it is multiplied by is not seen"};
}
