/* merge_reshapes: one node for a chain of Reshape, Flatten, Squeeze and Unsqueeze.
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
 * A chain that ends in the shape in which it began is dropped. A value that something else reads stays where it is.
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
 * Unchanged (something else reads the value between):
 *     const %s: int64[4] = {0, 0, 2, 4}
 *     const %t: int64[2] = {-1, 8}
 *     %a = Reshape(%x, %s)
 *     %b = Relu(%a)
 *     %y = Reshape(%a, %t)
 *     output %y
 *     output %b
 * Unchanged (one alone):
 *     const %s: int64[4] = {0, 0, 2, 4}
 *     %y = Reshape(%x, %s)
 * Where dimensions of 1 come or go, one Unsqueeze or Squeeze will do.
 *
 * Before:
 *     input %x: float32[batch,seq,8]
 *     const %first: int64[1] = {0}
 *     const %last: int64[1] = {-1}
 *     const %both: int64[2] = {0, 4}
 *     %a = Unsqueeze(%x, %first)
 *     %b = Unsqueeze(%a, %last)
 *     %c = Relu(%b)
 *     %d = Squeeze(%c, %last)
 *     %y = Squeeze(%d, %first)
 *     output %y
 * After:
 *     const %all: int64[2] = {0, 4}
 *     %b = Unsqueeze(%x, %both)
 *     %c = Relu(%b)
 *     %y = Squeeze(%c, %all)
 */
#include "passes/match.h"
#include "passes/reshape.h"

static bool keeps_elements(const qn_node *node) {
    return node && (node->op == QN_OP_Reshape || node->op == QN_OP_Flatten || node->op == QN_OP_Squeeze ||
                    node->op == QN_OP_Unsqueeze);
}

/* Every reader keeps the elements too, so that the node that makes v may become idle. */
static bool only_reshaped(const qn_value *v) {
    for (int32_t i = 0; i < v->n_uses; i++)
        if (!keeps_elements(v->uses[i].node) || v->uses[i].index != 0)
            return false;
    return v->n_outputs == 0;
}

/* Where 1s stand in `large` that `small` lacks; false when something else differs. */
static bool ones_between(const qn_type *small, const qn_type *large, int64_t *axes, int64_t *n) {
    int32_t at = 0;
    *n = 0;
    if (small->rank < 0 || large->rank <= small->rank)
        return false;
    for (int32_t i = 0; i < large->rank; i++) {
        const qn_dim d = large->dims[i];
        if (at < small->rank && d == small->dims[at] && d != QN_DIM_UNKNOWN)
            at++;
        else if (d == 1)
            axes[(*n)++] = i;
        else
            return false;
    }
    return at == small->rank;
}

/* `node`, at the end of a chain that starts at x, in one step. */
static qn_status shorten(qn_pass_run *run, qn_node *node, qn_value *x) {
    int64_t target[QN_MAX_RANK], axes[QN_MAX_RANK], n = 0;
    qn_value *y = node->out[0];
    const bool same = qn_match_same_type(x, y);
    const bool wider = !same && ones_between(&x->type, &y->type, axes, &n);
    const bool narrower = !same && !wider && ones_between(&y->type, &x->type, axes, &n);
    const bool reshape = !same && !wider && !narrower && qn_reshape_target(&x->type, &y->type, target);
    if ((!same && !wider && !narrower && !reshape) ||
        !qn_rewrite(run, same ? "reshaped and back" : "a chain in one step", node))
        return QN_OK;
    if (same)
        return qn_rewrite_value(run, y, x);
    if (reshape)
        return qn_reshape_instead(run, node, x, target, y->type.rank, &node);
    qn_value *in[2] = {x, NULL};
    QN_TRY(qn_value_ints(run->ctx, node->graph, NULL, axes, n, &in[1]));
    return qn_rewrite_node(run, node, wider ? QN_OP_Unsqueeze : QN_OP_Squeeze, in, 2, &node);
}

qn_status qn_pass_merge_reshapes(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (!keeps_elements(node))
            continue;
        qn_value *x = node->in[0];
        while (keeps_elements(x->producer) && only_reshaped(x))
            x = x->producer->in[0];
        if (x != node->in[0])
            QN_TRY(shorten(run, node, x));
    }
    return QN_OK;
}
