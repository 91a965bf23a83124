/* fuse_silu: x * sigmoid(x) to Swish, x * hardsigmoid(x) to HardSwish.
 *
 * Before:
 *     input %x: float32[4,9]
 *     %s = Sigmoid(%x)
 *     %y = Mul(%x, %s)
 *     output %y
 * After:
 *     %y = Swish(%x)
 *
 * Before:
 *     input %x: float32[4,9]
 *     const %beta: float32[] = 3
 *     %t = Mul(%x, %beta)
 *     %s = Sigmoid(%t)
 *     %y = Mul(%s, %x)
 *     output %y
 * After:
 *     %y = Swish(%x) {alpha=3}
 *
 * Before:
 *     input %x: float32[4,9]
 *     %s = HardSigmoid(%x) {alpha=0.16666667, beta=0.5}
 *     %y = Mul(%x, %s)
 *     output %y
 * After:
 *     %y = HardSwish(%x)
 * Swish(x) = x sigmoid(alpha x), SiLU for alpha 1 (https://onnx.ai/onnx/operators/onnx__Swish.html).
 *
 * Unchanged (the sigmoid of another value):
 *     %z = Relu(%x)
 *     %s = Sigmoid(%z)
 *     %y = Mul(%x, %s)
 * Unchanged (the sigmoid has another reader):
 *     %s = Sigmoid(%x)
 *     %m = Mul(%x, %s)
 *     %y = Add(%m, %s)
 */
#include "passes/match.h"
#include "passes/polynomial.h"
#include "passes/rewrite.h"

static qn_status fuse_sigmoid(qn_pass_run *run, qn_node *mul) {
    qn_value *x = NULL;
    qn_poly p;
    const qn_node *sigmoid = qn_match_operand_only(mul, QN_OP_Sigmoid, &x);
    if (!sigmoid || !qn_poly_of(sigmoid->in[0], x, &p))
        return QN_OK;
    const double argument[] = {0, p.c[1], 0, 0};
    if (p.c[1] == 0 || !qn_poly_is(&p, argument, 0) || !qn_match_same_type(x, mul->out[0]) ||
        !qn_rewrite(run, "Swish", mul))
        return QN_OK;
    qn_node *swish;
    QN_TRY(qn_rewrite_node(run, mul, QN_OP_Swish, &x, 1, &swish));
    return p.c[1] == 1 ? QN_OK : qn_node_set_float(run->ctx, swish, "alpha", (float)p.c[1]);
}

static qn_status fuse_hard_sigmoid(qn_pass_run *run, qn_node *mul) {
    qn_value *x = NULL;
    const qn_node *gate = qn_match_operand_only(mul, QN_OP_HardSigmoid, &x);
    if (!gate || gate->in[0] != x || !qn_match_same_type(x, mul->out[0]))
        return QN_OK;
    const float alpha = qn_node_float(gate, "alpha", 0.2f), beta = qn_node_float(gate, "beta", 0.5f);
    const float sixth = 1.0f / 6.0f;
    if (alpha < sixth * 0.9999f || alpha > sixth * 1.0001f || beta < 0.5f || beta > 0.5f ||
        !qn_rewrite(run, "HardSwish", mul))
        return QN_OK;
    qn_node *hard;
    return qn_rewrite_node(run, mul, QN_OP_HardSwish, &x, 1, &hard);
}

qn_status qn_pass_fuse_silu(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (node->op != QN_OP_Mul)
            continue;
        const int64_t before = run->rewrites;
        QN_TRY(fuse_sigmoid(run, node));
        if (run->rewrites == before)
            QN_TRY(fuse_hard_sigmoid(run, node));
    }
    return QN_OK;
}
