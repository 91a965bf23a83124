/* fuse_rms_norm: mean square and division to RMSNormalization, and the scale after it.
 *
 * Before:
 *     input %x: float32[2,5,8]
 *     const %axes: int64[1] = {-1}
 *     const %two: float32[] = 2
 *     const %eps: float32[] = 1e-06
 *     const %one: float32[] = 1
 *     const %scale: float32[8] = positive(1)
 *     %p = Pow(%x, %two)
 *     %v = ReduceMean(%p, %axes)
 *     %e = Add(%v, %eps)
 *     %s = Sqrt(%e)
 *     %r = Div(%one, %s)
 *     %n = Mul(%x, %r)
 *     %y = Mul(%scale, %n)
 *     output %y
 * After:
 *     %y = RMSNormalization(%x, %scale) {axis=2, epsilon=1e-06}
 * with y = x / sqrt(mean x^2 + epsilon) * scale (https://onnx.ai/onnx/operators/onnx__RMSNormalization.html).
 *
 * Unchanged (what is divided is not what the mean is of):
 *     %other = Relu(%x)
 *     %p = Pow(%other, %two)
 *     %v = ReduceMean(%p, %axes)
 *     %e = Add(%v, %eps)
 *     %s = Sqrt(%e)
 *     %y = Div(%x, %s)
 * Unchanged (the mean is over the first axes):
 *     const %first: int64[1] = {0}
 *     %p = Pow(%x, %two)
 *     %v = ReduceMean(%p, %first)
 *     %e = Add(%v, %eps)
 *     %s = Sqrt(%e)
 *     %y = Div(%x, %s)
 */
#include "passes/match.h"
#include "passes/norm.h"
#include "passes/rewrite.h"

static qn_status fuse_division(qn_pass_run *run, qn_node *node) {
    qn_norm_root root;
    qn_value *ones;
    int32_t axis;
    if (!qn_norm_match_root(node, &root) || !qn_norm_trailing(root.value, root.axes, &axis))
        return QN_OK;
    QN_TRY(qn_norm_ones(run, node, root.value, axis, &ones));
    if (!ones || !qn_rewrite(run, "RMSNormalization", node))
        return QN_OK;
    qn_value *in[] = {root.value, ones};
    qn_node *norm;
    QN_TRY(qn_rewrite_node(run, node, QN_OP_RMSNormalization, in, 2, &norm));
    QN_TRY(qn_node_set_int(run->ctx, norm, "axis", axis));
    return qn_node_set_float(run->ctx, norm, "epsilon", root.epsilon);
}

qn_status qn_pass_fuse_rms_norm(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (node->op == QN_OP_Div || node->op == QN_OP_Mul)
            QN_TRY(fuse_division(run, node));
    }
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (node->op == QN_OP_Mul)
            QN_TRY(qn_norm_fuse_scale(run, node, QN_OP_RMSNormalization));
    }
    return QN_OK;
}
