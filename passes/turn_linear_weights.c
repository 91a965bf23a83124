/* turn_linear_weights: the weight of a Linear as [N, K], each output's numbers in a row.
 *
 * Before:
 *     input %x: float32[2,5,8]
 *     const %w: float32[8,6] = random(1)
 *     const %b: float32[6] = random(2)
 *     %y = Linear(%x, %w, %b)
 *     output %y
 * After:
 *     %y = Linear(%x, %t, %b) {trans_w=1}
 * where %t[n, k] = %w[k, n]. The matrix product packs either order alike; products with few rows, which wait for memory,
 * then read each output's weights as one run, and blocks of K lie together for the encodings that have them.
 *
 * Unchanged (it is so already):
 *     const %t: float32[6,8] = random(3)
 *     %y = Linear(%x, %t, %b) {trans_w=1}
 * Unchanged (read by something else too, which would keep a second copy):
 *     %l = Linear(%x, %w, %b)
 *     %z = Exp(%w)
 *     output %z
 */
#include "passes/linear.h"
#include "passes/rewrite.h"

qn_status qn_pass_turn_linear_weights(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        qn_linear l;
        qn_value *turned;
        if (node->op != QN_OP_Linear || !qn_linear_of(node, &l) || l.trans_w || l.w->n_uses != 1)
            continue;
        QN_TRY(qn_fold_op(run, QN_OP_Transpose, l.w->name, &l.w, 1, NULL, 0, &turned));
        if (!turned || !qn_rewrite(run, "a weight by rows of outputs", node))
            continue;
        l.w = turned;
        l.trans_w = true;
        QN_TRY(qn_linear_replace(run, node, &l, NULL));
    }
    return QN_OK;
}
