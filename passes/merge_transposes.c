/* merge_transposes: one Transpose for a chain, none for a chain that leaves every axis where it was.
 *
 * Before:
 *     input %x: float32[2,3,4,5]
 *     %a = Transpose(%x) {perm=[0,2,3,1]}
 *     %y = Transpose(%a) {perm=[0,2,1,3]}
 *     output %y
 * After:
 *     %y = Transpose(%x) {perm=[0,3,2,1]}
 * since %a's axis i is %x's axis p1[i], %y's axis i is %x's axis p1[p2[i]].
 *
 * Before:
 *     input %x: float32[2,3,4,5]
 *     %a = Transpose(%x) {perm=[0,2,3,1]}
 *     %b = Transpose(%a) {perm=[0,3,1,2]}
 *     %y = Relu(%b)
 *     output %y
 * After:
 *     %y = Relu(%x)
 * Unchanged (something else between):
 *     %a = Transpose(%x) {perm=[0,2,3,1]}
 *     %b = Relu(%a)
 *     %y = Transpose(%b) {perm=[0,3,1,2]}
 */
#include "passes/match.h"
#include "passes/rewrite.h"

static qn_status merge(qn_pass_run *run, qn_node *second, qn_node *first) {
    int32_t p1[QN_MAX_RANK], p2[QN_MAX_RANK], rank, rank2;
    if (!qn_match_perm(first, p1, &rank) || !qn_match_perm(second, p2, &rank2) || rank != rank2)
        return QN_OK;
    int64_t perm[QN_MAX_RANK];
    bool identity = true;
    for (int32_t i = 0; i < rank; i++) {
        perm[i] = p1[p2[i]];
        identity = identity && perm[i] == i;
    }
    if (!qn_rewrite(run, identity ? "a Transpose undone" : "two Transposes in one", second))
        return QN_OK;
    if (identity)
        return qn_rewrite_value(run, second->out[0], first->in[0]);
    qn_value *x = first->in[0];
    qn_node *merged;
    QN_TRY(qn_rewrite_node(run, second, QN_OP_Transpose, &x, 1, &merged));
    return qn_node_set_ints(run->ctx, merged, "perm", perm, rank);
}

qn_status qn_pass_merge_transposes(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        qn_node *first = node->op == QN_OP_Transpose ? qn_match_made_by(node->in[0], QN_OP_Transpose) : NULL;
        if (first)
            QN_TRY(merge(run, node, first));
    }
    return QN_OK;
}
