/* fold_constants: evaluate small constant subgraphs, make large ones constant expressions, take the known branch of If.
 *
 * Before:
 *     input %x: float32[2,3]
 *     const %w: float32[3,4] = random(1)
 *     const %k: float32[4] = positive(2)
 *     %t = Mul(%w, %k)
 *     %u = Neg(%t)
 *     %y = MatMul(%x, %u)
 *     output %y
 * After:
 *     %y = MatMul(%x, %folded)
 * A result over the limit stays a constant expression, which is evaluated when the package is filled. Only movement,
 * Cast and the four operations become expressions, and only where they do not make more elements than they read.
 *
 * Before (fold_limit=64):
 *     input %x: float32[2,8]
 *     const %w: float32[8,8] = random(1)
 *     const %k: float32[8] = positive(2)
 *     %t = Transpose(%w) {perm=[1,0]}
 *     %u = Mul(%t, %k)
 *     %a, %b = Split(%u) {axis=1, num_outputs=2}
 *     %p = MatMul(%x, %a)
 *     %q = MatMul(%x, %b)
 *     %y = Add(%p, %q)
 *     output %y
 * After:
 *     %p = MatMul(%x, %left)
 *     %q = MatMul(%x, %right)
 *     %y = Add(%p, %q)
 * Unchanged (large, and not an op of expressions):
 *     %t = Neg(%w)
 *     %y = MatMul(%x, %t)
 *     output %y
 * Unchanged (much out of little: the product of a column and a row):
 *     const %c: float32[8,1] = random(3)
 *     %t = Mul(%c, %k)
 *     %y = MatMul(%x, %t)
 *     output %y
 * Unchanged (not constant):
 *     %t = Mul(%x, %k)
 *     %y = MatMul(%t, %w)
 *     output %y
 *
 * Before:
 *     input %x: float32[2,3]
 *     const %c: bool[] = 1
 *     %r = Relu(%x)
 *     %i = If(%c) {then_branch={
 *         %a = Exp(%r)
 *         output %a
 *     }, else_branch={
 *         %b = Neg(%r)
 *         output %b
 *     }}
 *     %y = Sigmoid(%i)
 *     output %y
 * After:
 *     %r = Relu(%x)
 *     %a = Exp(%r)
 *     %y = Sigmoid(%a)
 * Unchanged (the condition is an input):
 *     input %t: bool[]
 *     %y = If(%t) {then_branch={
 *         %a = Exp(%x)
 *         output %a
 *     }, else_branch={
 *         %b = Neg(%x)
 *         output %b
 *     }}
 *     output %y
 */
#include "passes/match.h"
#include "passes/rewrite.h"

typedef struct move {
    qn_graph *to;
    const qn_graph *branch;
} move;

/* What belonged to the branch (its constants) belongs to the graph around it. */
static void adopt(const move *m, qn_value *value) {
    if (value && value->graph == m->branch)
        value->graph = m->to;
}

static qn_status adopt_inputs(qn_context *ctx, qn_graph *graph, void *arg) {
    (void)ctx;
    for (const qn_node *node = graph->first; node; node = node->next)
        for (int32_t i = 0; i < node->n_in; i++)
            adopt(arg, node->in[i]);
    for (int32_t i = 0; i < graph->n_outputs; i++)
        adopt(arg, graph->outputs[i].value);
    return QN_OK;
}

/* Take a node out of the branch and put it, over the same values, before `before`. */
static qn_status move_out(qn_pass_run *run, qn_node *node, qn_node *before) {
    qn_node *moved;
    qn_node_detach(node);
    QN_TRY(qn_node_create_with(run->ctx, before->graph, before, node->op, node->name, node->in, node->n_in, node->out,
                               node->n_out, &moved));
    return qn_node_copy_attrs(run->ctx, moved, node);
}

/* The nodes of the taken branch stand where the If stood. */
static qn_status take_branch(qn_pass_run *run, qn_node *node, bool taken) {
    qn_graph *branch = qn_node_graph(node, taken ? "then_branch" : "else_branch");
    if (!branch || branch->n_outputs != node->n_out)
        return qn_fail(run->ctx, QN_MALFORMED, "%s: the branch taken does not give its %d outputs",
                       qn_node_label(node), (int)node->n_out);
    move m = {node->graph, branch};
    QN_TRY(qn_graph_each(run->ctx, branch, adopt_inputs, &m));
    while (branch->first)
        QN_TRY(move_out(run, branch->first, node));
    for (int32_t i = 0; i < node->n_out; i++)
        if (node->out[i])
            QN_TRY(qn_value_replace(run->ctx, node->out[i], branch->outputs[i].value));
    return qn_rewrite_drop(run, node);
}

qn_status qn_pass_fold_constants(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        double condition;
        if (node->op == QN_OP_If) {
            if (!qn_match_scalar(node->in[0], &condition))
                continue;
            if (!qn_rewrite(run, condition != 0 ? "the then branch is taken" : "the else branch is taken", node))
                return QN_OK;
            QN_TRY(take_branch(run, node, condition != 0));
            continue;
        }
        const qn_fold how = qn_fold_can(run, node);
        if (how == QN_FOLD_NO)
            continue;
        if (!qn_rewrite(run, how == QN_FOLD_EVALUATE ? "evaluated" : "a constant expression", node))
            return QN_OK;
        QN_TRY(qn_fold_node(run, node, how));
    }
    return QN_OK;
}
