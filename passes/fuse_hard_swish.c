/* fuse_hard_swish: x * clip(x + 3, 0, 6) / 6, in any order of the factors, to HardSwish.
 *
 * Before:
 *     input %x: float32[2,3,4]
 *     const %three: float32[] = 3
 *     const %zero: float32[] = 0
 *     const %six: float32[] = 6
 *     %a = Add(%x, %three)
 *     %c = Clip(%a, %zero, %six)
 *     %m = Mul(%x, %c)
 *     %y = Div(%m, %six)
 *     output %y
 * After:
 *     %y = HardSwish(%x)
 *
 * Before:
 *     input %x: float32[2,3,4]
 *     const %three: float32[] = 3
 *     const %zero: float32[] = 0
 *     const %six: float32[] = 6
 *     const %sixth: float32[] = 0.16666667
 *     %a = Add(%three, %x)
 *     %c = Clip(%a, %zero, %six)
 *     %d = Mul(%c, %sixth)
 *     %y = Mul(%d, %x)
 *     output %y
 * After:
 *     %y = HardSwish(%x)
 *
 * Before:
 *     input %x: float32[2,3,4]
 *     %h = HardSigmoid(%x) {alpha=0.16666667, beta=0.5}
 *     %y = Mul(%x, %h)
 *     output %y
 * After:
 *     %y = HardSwish(%x)
 * Unchanged (another slope):
 *     %h = HardSigmoid(%x) {alpha=0.2, beta=0.5}
 *     %y = Mul(%x, %h)
 * Unchanged (of another value):
 *     input %z: float32[2,3,4]
 *     %h = HardSigmoid(%x) {alpha=0.16666667, beta=0.5}
 *     %y = Mul(%z, %h)
 * Unchanged (clipped at another value):
 *     const %three: float32[] = 3
 *     const %zero: float32[] = 0
 *     const %six: float32[] = 6
 *     %a = Add(%x, %three)
 *     %c = Clip(%a, %zero, %three)
 *     %m = Mul(%x, %c)
 *     %y = Div(%m, %six)
 */
#include "passes/match.h"
#include "passes/rewrite.h"

#include <math.h>

/* Constants were rounded to float16 or better somewhere. */
static const double g_rel = 1e-3;

static bool near(float x, double y) { return fabs((double)x - y) <= 1e-6; }

/* v / 6 or v * (1/6): v. */
static qn_value *sixth_of(const qn_node *node) {
    if (!node)
        return NULL;
    if (node->op == QN_OP_Div && qn_match_scalar_is(node->in[1], 6, g_rel))
        return node->in[0];
    for (int32_t i = 0; node->op == QN_OP_Mul && i < 2; i++)
        if (qn_match_scalar_is(node->in[i], 1.0 / 6, g_rel))
            return node->in[1 - i];
    return NULL;
}

/* clip(x + 3, 0, 6), which nothing else reads: x. */
static qn_value *clipped(const qn_value *v) {
    const qn_node *clip = qn_match_only(v, QN_OP_Clip);
    if (!clip || clip->n_in != 3 || !qn_match_scalar_is(clip->in[1], 0, 0) ||
        !qn_match_scalar_is(clip->in[2], 6, g_rel))
        return NULL;
    const qn_node *add = qn_match_only(clip->in[0], QN_OP_Add);
    for (int32_t i = 0; qn_match_no_activation(add) && i < 2; i++)
        if (qn_match_scalar_is(add->in[i], 3, g_rel))
            return add->in[1 - i];
    return NULL;
}

/* clip(x + 3, 0, 6) / 6, as HardSigmoid or spelled out: x. */
static qn_value *gate(const qn_value *v) {
    const qn_node *node = qn_match_private(v) ? v->producer : NULL;
    if (node && node->op == QN_OP_HardSigmoid)
        return near(qn_node_float(node, "alpha", 0.2f), 1.0 / 6) && near(qn_node_float(node, "beta", 0.5f), 0.5)
                   ? node->in[0]
                   : NULL;
    return clipped(sixth_of(node));
}

/* One factor of the product is f(the other): the other. */
static qn_value *gated(const qn_node *product, qn_value *(*f)(const qn_value *)) {
    for (int32_t i = 0; product && product->op == QN_OP_Mul && i < 2; i++)
        if (f(product->in[i]) && f(product->in[i]) == product->in[1 - i])
            return product->in[1 - i];
    return NULL;
}

qn_status qn_pass_fuse_hard_swish(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        qn_value *x = gated(node, gate);
        if (!x)
            x = gated(qn_match_only(sixth_of(node), QN_OP_Mul), clipped);
        if (!x || !qn_match_float(x) || !qn_match_same_type(x, node->out[0]))
            continue;
        if (!qn_rewrite(run, "HardSwish", node))
            return QN_OK;
        QN_TRY(qn_rewrite_node(run, node, QN_OP_HardSwish, &x, 1, &node));
    }
    return QN_OK;
}
