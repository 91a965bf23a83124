/* remove_noops: drop nodes that give back what they are given.
 *
 * Before:
 *     input %x: float32[batch,6,8]
 *     const %zero: float32[] = 0
 *     const %ones: float32[8] = {1, 1, 1, 1, 1, 1, 1, 1}
 *     const %start: int64[1] = {0}
 *     const %end: int64[1] = {9223372036854775807}
 *     const %axis: int64[1] = {1}
 *     const %pads: int64[6] = {0, 0, 0, 0, 0, 0}
 *     const %shape: int64[3] = {-1, 6, 8}
 *     %a = Identity(%x)
 *     %b = Cast(%a) {to=1}
 *     %c = Slice(%b, %start, %end, %axis)
 *     %d = Pad(%c, %pads)
 *     %e = Mul(%d, %ones)
 *     %f = Add(%zero, %e)
 *     %g = Sub(%f, %zero)
 *     %h = Div(%g, %ones)
 *     %i = Concat(%h) {axis=0}
 *     %j = Transpose(%i) {perm=[0,1,2]}
 *     %k = Reshape(%j, %shape)
 *     %l = Clip(%k)
 *     %y = Relu(%l)
 *     output %y
 * After:
 *     %y = Relu(%x)
 *
 * Unchanged (the dtype changes):
 *     %y = Cast(%x) {to=10}
 * Unchanged (x * 1 broadcasts x to a larger shape):
 *     const %one: float32[2,1,1,1] = {1, 1}
 *     %y = Mul(%x, %one)
 * Unchanged (0 - x, 1 / x):
 *     const %one: float32[] = 1
 *     %a = Sub(%zero, %x)
 *     %y = Div(%one, %a)
 * Unchanged (the elements are reversed though the shape stays):
 *     const %last: int64[1] = {-1}
 *     const %first: int64[1] = {-9223372036854775807}
 *     %y = Slice(%x, %last, %first, %axis, %last)
 * Unchanged (what is cut on one side is added on the other):
 *     const %shift: int64[6] = {0, -1, 0, 0, 1, 0}
 *     %y = Pad(%x, %shift)
 * Unchanged (an activation is fused into the Add):
 *     %y = Add(%x, %zero) {activation="RELU"}
 */
#include "passes/match.h"
#include "passes/rewrite.h"

/* Each says which input the output of `node` equals in type and numbers, or -1. */
typedef int32_t (*noop_fn)(const qn_node *node);

static bool keeps_type(const qn_node *node, int32_t i) { return qn_match_same_type(node->in[i], node->out[0]); }

static bool absent(const qn_node *node, int32_t i) { return i >= node->n_in || !node->in[i]; }

static int32_t always(const qn_node *node) {
    (void)node;
    return 0;
}

static int32_t same_type(const qn_node *node) { return keeps_type(node, 0) ? 0 : -1; }

static int32_t cast(const qn_node *node) {
    const qn_dtype dtype = node->in[0]->type.dtype;
    return dtype != QN_NONE && qn_node_int(node, "to", QN_NONE) == (int64_t)dtype ? 0 : -1;
}

static int32_t only_input(const qn_node *node) { return node->n_in == 1 ? 0 : -1; }

static int32_t clip(const qn_node *node) { return absent(node, 1) && absent(node, 2) ? 0 : -1; }

/* Input i is a constant full of `neutral`, and the other input has the type of the result. */
static bool neutral_operand(const qn_node *node, int32_t i, double neutral) {
    return qn_match_all(node->in[i], neutral) && keeps_type(node, 1 - i);
}

static int32_t add(const qn_node *node) {
    if (!qn_match_no_activation(node))
        return -1;
    return neutral_operand(node, 1, 0) ? 0 : neutral_operand(node, 0, 0) ? 1 : -1;
}

static int32_t mul(const qn_node *node) { return neutral_operand(node, 1, 1) ? 0 : neutral_operand(node, 0, 1) ? 1 : -1; }

static int32_t minus_zero(const qn_node *node) { return neutral_operand(node, 1, 0) ? 0 : -1; }

static int32_t by_one(const qn_node *node) { return neutral_operand(node, 1, 1) ? 0 : -1; }

/* All integers in input i equal x. */
static bool ints_are(const qn_node *node, int32_t i, int64_t x) {
    int64_t v[2 * QN_MAX_RANK], n;
    if (!qn_match_ints(node->in[i], v, 2 * QN_MAX_RANK, &n))
        return false;
    for (int64_t k = 0; k < n; k++)
        if (v[k] != x)
            return false;
    return true;
}

static int32_t pad(const qn_node *node) { return ints_are(node, 1, 0) ? 0 : -1; }

static int32_t tile(const qn_node *node) { return ints_are(node, 1, 1) ? 0 : -1; }

/* A Slice with steps of 1 that has as many elements as its input has them all. */
static int32_t slice(const qn_node *node) {
    return keeps_type(node, 0) && (absent(node, 4) || ints_are(node, 4, 1)) ? 0 : -1;
}

static int32_t split(const qn_node *node) { return node->n_out == 1 && keeps_type(node, 0) ? 0 : -1; }

/* The axes longer than 1 keep their order, and each dimension its place. */
static int32_t transpose(const qn_node *node) {
    int32_t perm[QN_MAX_RANK], rank, last = -1;
    if (!qn_match_perm(node, perm, &rank))
        return -1;
    bool identity = true;
    for (int32_t i = 0; i < rank; i++)
        identity = identity && perm[i] == i;
    if (identity)
        return 0;
    for (int32_t i = 0; i < rank; i++) {
        if (qn_match_dim(node->in[0], perm[i]) == 1)
            continue;
        if (perm[i] < last)
            return -1;
        last = perm[i];
    }
    return keeps_type(node, 0) ? 0 : -1;
}

static const struct noop {
    qn_op op;
    noop_fn which;
} g_noops[] = {
    {QN_OP_Identity, always},    {QN_OP_Cast, cast},          {QN_OP_Slice, slice},       {QN_OP_Pad, pad},
    {QN_OP_Mul, mul},            {QN_OP_Add, add},            {QN_OP_Sub, minus_zero},    {QN_OP_Div, by_one},
    {QN_OP_Pow, by_one},         {QN_OP_Concat, only_input},  {QN_OP_Max, only_input},    {QN_OP_Min, only_input},
    {QN_OP_Clip, clip},          {QN_OP_Tile, tile},          {QN_OP_Split, split},       {QN_OP_Transpose, transpose},
    {QN_OP_Reshape, same_type},  {QN_OP_Flatten, same_type},  {QN_OP_Squeeze, same_type}, {QN_OP_Unsqueeze, same_type},
    {QN_OP_Expand, same_type},
};

qn_status qn_pass_remove_noops(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        for (size_t i = 0; i < sizeof g_noops / sizeof g_noops[0]; i++) {
            const int32_t same = g_noops[i].op == node->op ? g_noops[i].which(node) : -1;
            if (same < 0)
                continue;
            if (!qn_rewrite(run, "no operation", node))
                return QN_OK;
            QN_TRY(qn_rewrite_value(run, node->out[0], node->in[same]));
            break;
        }
    }
    return QN_OK;
}
