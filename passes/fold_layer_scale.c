/* fold_layer_scale: a per-channel factor after Linear into its weight and bias.
 *
 * Before:
 *     input %x: float32[2,5,8]
 *     const %w: float32[8,6] = random(1)
 *     const %b: float32[6] = random(2)
 *     const %gamma: float32[6] = positive(3)
 *     %l = Linear(%x, %w, %b)
 *     %y = Mul(%l, %gamma)
 *     output %y
 * After:
 *     %y = Linear(%x, %w2, %b2)
 * with w2[k, n] = w[k, n] gamma[n] and b2 = b gamma: (x w + b) gamma = x (w gamma) + b gamma.
 *
 * Unchanged (an activation between):
 *     %l = Linear(%x, %w, %b) {activation="RELU"}
 *     %y = Mul(%l, %gamma)
 * Unchanged (the unscaled value has another reader):
 *     %l = Linear(%x, %w, %b)
 *     %m = Mul(%l, %gamma)
 *     %y = Add(%m, %l)
 */
#include "passes/linear.h"
#include "passes/match.h"
#include "passes/rewrite.h"

static qn_status fold(qn_pass_run *run, qn_node *mul) {
    qn_linear l;
    qn_value *other = NULL, *gamma, *scaled[2] = {NULL, NULL};
    if (!qn_linear_plain(qn_match_operand_only(mul, QN_OP_Linear, &other), &l) ||
        !qn_match_same_type(l.node->out[0], mul->out[0]) || (l.bias && !l.bias->constant))
        return QN_OK;
    QN_TRY(qn_linear_vector(run, other, l.n, &gamma));
    if (!gamma)
        return QN_OK;
    qn_value *bias[] = {l.bias, gamma};
    QN_TRY(qn_linear_scaled(run, &l, gamma, false, &scaled[0]));
    if (l.bias)
        QN_TRY(qn_fold_op(run, QN_OP_Mul, l.bias->name, bias, 2, NULL, 0, &scaled[1]));
    if (!scaled[0] || (l.bias && !scaled[1]) || !qn_rewrite(run, "a scale into Linear", mul))
        return QN_OK;
    l.w = scaled[0];
    l.bias = scaled[1];
    return qn_linear_replace(run, mul, &l, NULL);
}

qn_status qn_pass_fold_layer_scale(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (node->op == QN_OP_Mul)
            QN_TRY(fold(run, node));
    }
    return QN_OK;
}
