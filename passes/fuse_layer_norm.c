/* fuse_layer_norm: mean, variance and division to LayerNormalization; then the scale and the shift after it.
 *
 * Before:
 *     input %x: float32[2,5,8]
 *     const %axes: int64[1] = {-1}
 *     const %two: float32[] = 2
 *     const %eps: float32[] = 1e-05
 *     const %scale: float32[8] = positive(1)
 *     const %shift: float32[8] = random(2)
 *     %m = ReduceMean(%x, %axes)
 *     %d = Sub(%x, %m)
 *     %p = Pow(%d, %two)
 *     %v = ReduceMean(%p, %axes)
 *     %e = Add(%v, %eps)
 *     %s = Sqrt(%e)
 *     %n = Div(%d, %s)
 *     %a = Mul(%n, %scale)
 *     %y = Add(%a, %shift)
 *     output %y
 * After:
 *     %y = LayerNormalization(%x, %scale, %shift) {axis=2, epsilon=1e-05}
 * with y = (x - mean x) / sqrt(mean (x - mean x)^2 + epsilon) * scale + shift over the axes from `axis` on
 * (https://onnx.ai/onnx/operators/onnx__LayerNormalization.html).
 *
 * Unchanged (the mean is not over the last axes):
 *     const %first: int64[1] = {1}
 *     %m = ReduceMean(%x, %first)
 *     %d = Sub(%x, %m)
 *     %p = Mul(%d, %d)
 *     %v = ReduceMean(%p, %first)
 *     %e = Add(%v, %eps)
 *     %s = Sqrt(%e)
 *     %y = Div(%d, %s)
 * Unchanged (mean and variance are of two values):
 *     %other = Relu(%x)
 *     %m = ReduceMean(%other, %axes)
 *     %d = Sub(%x, %m)
 *     %p = Mul(%d, %d)
 *     %v = ReduceMean(%p, %axes)
 *     %e = Add(%v, %eps)
 *     %s = Sqrt(%e)
 *     %y = Div(%d, %s)
 */
#include "passes/match.h"
#include "passes/norm.h"
#include "passes/rewrite.h"

/* d = x - mean(x); sets *x and the axes of the mean. */
static bool match_centred(const qn_value *d, qn_value **x, uint32_t *axes) {
    const qn_node *sub = qn_match_made_by(d, QN_OP_Sub);
    const qn_node *mean = sub ? qn_match_made_by(sub->in[1], QN_OP_ReduceMean) : NULL;
    if (!mean || mean->in[0] != sub->in[0] || !qn_node_int(mean, "keepdims", 1))
        return false;
    *x = sub->in[0];
    return qn_match_axes(mean, qn_match_rank(*x), axes);
}

static qn_status fuse_division(qn_pass_run *run, qn_node *node) {
    qn_norm_root root;
    qn_value *x, *ones;
    uint32_t axes;
    int32_t axis;
    if (!qn_norm_match_root(node, &root) || !match_centred(root.value, &x, &axes) || axes != root.axes ||
        !qn_norm_trailing(x, axes, &axis))
        return QN_OK;
    QN_TRY(qn_norm_ones(run, node, x, axis, &ones));
    if (!ones || !qn_rewrite(run, "LayerNormalization", node))
        return QN_OK;
    qn_value *in[] = {x, ones};
    qn_node *norm;
    QN_TRY(qn_rewrite_node(run, node, QN_OP_LayerNormalization, in, 2, &norm));
    QN_TRY(qn_node_set_int(run->ctx, norm, "axis", axis));
    return qn_node_set_float(run->ctx, norm, "epsilon", root.epsilon);
}

/* Add(LayerNormalization(x, scale), shift) */
static qn_status fuse_shift(qn_pass_run *run, qn_node *add) {
    qn_value *shift = NULL, *trailing;
    qn_node *norm = qn_match_operand_only(add, QN_OP_LayerNormalization, &shift);
    if (!norm || norm->n_out != 1 || (norm->n_in > 2 && norm->in[2]) || !qn_match_no_activation(add))
        return QN_OK;
    QN_TRY(qn_norm_affine(run, norm, shift, &trailing));
    if (!trailing || !qn_rewrite(run, "the shift after LayerNormalization", add))
        return QN_OK;
    qn_value *in[] = {norm->in[0], norm->in[1], trailing};
    return qn_norm_replace(run, add, norm, in, 3);
}

qn_status qn_pass_fuse_layer_norm(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (node->op == QN_OP_Div || node->op == QN_OP_Mul)
            QN_TRY(fuse_division(run, node));
    }
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (node->op == QN_OP_Mul)
            QN_TRY(qn_norm_fuse_scale(run, node, QN_OP_LayerNormalization));
        else if (node->op == QN_OP_Add)
            QN_TRY(fuse_shift(run, node));
    }
    return QN_OK;
}
