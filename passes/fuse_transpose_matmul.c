/* fuse_transpose_matmul: a Transpose of the last two axes into the MatMul that reads it, which becomes BatchMatMul.
 *
 * Before:
 *     input %a: float32[2,3,4,5]
 *     input %b: float32[2,3,6,5]
 *     %t = Transpose(%b) {perm=[0,1,3,2]}
 *     %y = MatMul(%a, %t)
 *     output %y
 * After:
 *     %y = BatchMatMul(%a, %b) {trans_a=0, trans_b=1}
 * A permutation that ends with the last two axes swapped is taken apart: what is left of it keeps the last axis in place
 * and moves whole rows.
 *
 * Before:
 *     input %a: float32[2,3,5,4]
 *     input %b: float32[2,6,3,5]
 *     %s = Transpose(%a) {perm=[0,1,3,2]}
 *     %t = Transpose(%b) {perm=[0,2,3,1]}
 *     %y = MatMul(%s, %t)
 *     output %y
 * After:
 *     %r = Transpose(%b) {perm=[0,2,1,3]}
 *     %y = BatchMatMul(%a, %r) {trans_a=1, trans_b=1}
 *
 * Before:
 *     input %a: float32[2,3,4,5]
 *     input %b: float32[2,3,5,6]
 *     %t = Transpose(%b) {perm=[0,1,3,2]}
 *     %y = BatchMatMul(%a, %t) {trans_b=1, alpha=0.5}
 *     output %y
 * After:
 *     %y = BatchMatMul(%a, %b) {trans_a=0, trans_b=0, alpha=0.5}
 * Unchanged (the rows move, the last axis stays):
 *     input %c: float32[2,5,3,6]
 *     %t = Transpose(%c) {perm=[0,2,1,3]}
 *     %y = MatMul(%a, %t)
 * Unchanged (the other operand is a vector):
 *     input %v: float32[5]
 *     %t = Transpose(%b) {perm=[0,1,3,2]}
 *     %y = MatMul(%v, %b)
 *     %z = Relu(%t)
 *     output %y
 *     output %z
 * Unchanged (the rest of the permutation would be one more Transpose, as another node needs the whole):
 *     input %c: float32[2,6,3,5]
 *     %t = Transpose(%c) {perm=[0,2,3,1]}
 *     %y = MatMul(%a, %t)
 *     %z = Relu(%t)
 *     output %y
 *     output %z
 */
#include "passes/match.h"
#include "passes/rewrite.h"

/* perm with its last two entries swapped: perm is "that, then swap the last two axes". */
typedef struct operand {
    qn_node *transpose;         /* NULL: nothing to take in */
    int64_t rest[QN_MAX_RANK];
    int32_t rank;
    bool identity;              /* rest is */
} operand;

static operand look(const qn_value *v) {
    operand o = {0};
    int32_t perm[QN_MAX_RANK];
    qn_node *transpose = qn_match_made_by(v, QN_OP_Transpose);
    if (!qn_match_perm(transpose, perm, &o.rank) || o.rank < 2)
        return o;
    o.identity = true;
    for (int32_t i = 0; i < o.rank; i++) {
        const int32_t from = i == o.rank - 1 ? o.rank - 2 : i == o.rank - 2 ? o.rank - 1 : i;
        o.rest[i] = perm[from];
        o.identity = o.identity && perm[from] == i;
    }
    if (o.identity || (o.rest[o.rank - 1] == o.rank - 1 && qn_match_private(v)))
        o.transpose = transpose;
    return o;
}

/* The value that the product reads in place of the transposed one. */
static qn_status take(qn_pass_run *run, const operand *o, qn_node *before, qn_value **out) {
    *out = o->transpose->in[0];
    if (o->identity)
        return QN_OK;
    qn_node *rest;
    QN_TRY(qn_rewrite_insert(run, before, QN_OP_Transpose, o->transpose->name, out, 1, &rest));
    QN_TRY(qn_node_set_ints(run->ctx, rest, "perm", o->rest, o->rank));
    rest->origin = o->transpose->origin;
    *out = rest->out[0];
    return qn_infer_one(run->ctx, rest);
}

static qn_status visit(qn_pass_run *run, qn_node *node) {
    static const char *const names[2] = {"trans_a", "trans_b"};
    qn_value *in[2] = {node->in[0], node->in[1]};
    int64_t trans[2];
    operand o[2];
    if (qn_match_rank(in[0]) < 2 || qn_match_rank(in[1]) < 2)
        return QN_OK;
    for (int32_t i = 0; i < 2; i++) {
        o[i] = look(in[i]);
        trans[i] = qn_node_int(node, names[i], 0) ^ (o[i].transpose != NULL);
    }
    if ((!o[0].transpose && !o[1].transpose) || !qn_rewrite(run, "a Transpose taken in", node))
        return QN_OK;
    const float alpha = qn_node_float(node, "alpha", 1);
    for (int32_t i = 0; i < 2; i++)
        if (o[i].transpose)
            QN_TRY(take(run, &o[i], node, &in[i]));
    const qn_dtype compute = node->compute;
    QN_TRY(qn_rewrite_node(run, node, QN_OP_BatchMatMul, in, 2, &node));
    node->compute = compute;
    for (int32_t i = 0; i < 2; i++)
        QN_TRY(qn_node_set_int(run->ctx, node, names[i], trans[i]));
    return qn_node_set_float(run->ctx, node, "alpha", alpha);
}

qn_status qn_pass_fuse_transpose_matmul(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (node->op == QN_OP_MatMul || node->op == QN_OP_BatchMatMul)
            QN_TRY(visit(run, node));
    }
    return QN_OK;
}
