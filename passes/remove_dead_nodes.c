/* remove_dead_nodes: drop nodes whose results nobody uses.
 *
 * Before:
 *     input %x: float32[2,3]
 *     %a = Relu(%x)
 *     %b = Exp(%a)
 *     %c = Neg(%b)
 *     %y = Sigmoid(%a)
 *     output %y
 * After:
 *     %a = Relu(%x)
 *     %y = Sigmoid(%a)
 * Graph inputs stay, used or not: they are the contract with the caller. A branch of a dropped If gives up the values
 * of the graphs around it.
 *
 * Before:
 *     input %x: float32[2,3]
 *     input %t: bool[]
 *     %a = Relu(%x)
 *     %z = If(%t) {then_branch={
 *         %p = Exp(%a)
 *         output %p
 *     }, else_branch={
 *         %q = Neg(%x)
 *         output %q
 *     }}
 *     %y = Sigmoid(%x)
 *     output %y
 * After:
 *     %y = Sigmoid(%x)
 * Unchanged (every result is used):
 *     %a = Relu(%x)
 *     %y, %z = Split(%a) {axis=0, num_outputs=2}
 *     output %y
 * Unchanged (a branch uses it):
 *     %a = Relu(%x)
 *     %y = If(%t) {then_branch={
 *         %p = Exp(%a)
 *         output %p
 *     }, else_branch={
 *         %q = Neg(%x)
 *         output %q
 *     }}
 *     output %y
 */
#include "passes/rewrite.h"

/* Backwards, so that a chain goes in one sweep. */
qn_status qn_pass_remove_dead_nodes(qn_pass_run *run) {
    for (qn_node *node = run->graph->last, *prev; node; node = prev) {
        prev = node->prev;
        if (!qn_rewrite_is_dead(node))
            continue;
        if (!qn_rewrite(run, "dropped", node))
            return QN_OK;
        qn_node_remove(node);
    }
    return QN_OK;
}
