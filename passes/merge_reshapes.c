/* merge_reshapes: one Reshape for a chain of Reshape, Flatten, Squeeze and Unsqueeze.
 *
 * Before:
 *     input %x: float32[batch,12,4,4]
 *     const %s: int64[3] = {0, 12, 16}
 *     const %axes: int64[1] = {3}
 *     %a = Reshape(%x, %s)
 *     %b = Unsqueeze(%a, %axes)
 *     %y = Flatten(%b) {axis=1}
 *     output %y
 * After:
 *     const %t: int64[2] = {-1, 192}
 *     %y = Reshape(%x, %t)
 * A chain that ends in the shape in which it began is dropped.
 *
 * Before:
 *     input %x: float32[batch,seq,8]
 *     const %one: int64[1] = {1}
 *     %a = Unsqueeze(%x, %one)
 *     %b = Squeeze(%a, %one)
 *     %y = Relu(%b)
 *     output %y
 * After:
 *     %y = Relu(%x)
 *
 * Before:
 *     input %x: float32[batch,seq,8]
 *     const %one: int64[1] = {2}
 *     const %s: int64[4] = {0, 0, 2, 4}
 *     %a = Unsqueeze(%x, %one)
 *     %b = Squeeze(%a, %one)
 *     %y = Reshape(%b, %s)
 *     output %y
 * After:
 *     const %t: int64[4] = {0, 0, 2, 4}
 *     %y = Reshape(%x, %t)
 * Unchanged (two symbolic dimensions, neither where it was):
 *     const %s: int64[4] = {0, 0, 2, 4}
 *     const %first: int64[1] = {0}
 *     %a = Reshape(%x, %s)
 *     %y = Unsqueeze(%a, %first)
 * Unchanged (one alone):
 *     const %s: int64[4] = {0, 0, 2, 4}
 *     %y = Reshape(%x, %s)
 */
#include "passes/match.h"
#include "passes/reshape.h"

static bool keeps_elements(const qn_node *node) {
    return node && (node->op == QN_OP_Reshape || node->op == QN_OP_Flatten || node->op == QN_OP_Squeeze ||
                    node->op == QN_OP_Unsqueeze);
}

qn_status qn_pass_merge_reshapes(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (!keeps_elements(node) || !keeps_elements(node->in[0]->producer))
            continue;
        qn_value *x = node->in[0];
        while (keeps_elements(x->producer))
            x = x->producer->in[0];
        int64_t target[QN_MAX_RANK];
        const qn_value *y = node->out[0];
        const bool same = qn_match_same_type(x, y);
        if (!same && !qn_reshape_target(&x->type, &y->type, target))
            continue;
        if (!qn_rewrite(run, same ? "a Reshape undone" : "a chain in one Reshape", node))
            return QN_OK;
        if (same)
            QN_TRY(qn_rewrite_value(run, node->out[0], x));
        else
            QN_TRY(qn_reshape_instead(run, node, x, target, y->type.rank, &node));
    }
    return QN_OK;
}
