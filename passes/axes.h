/* Nodes whose axes can be permuted: op(Transpose(x)) = Transpose(op'(x)), with op' reading other axes.
 *
 * A permutation p stands for Transpose with perm = p: axis i of the transposed value is axis p[i] of the other.
 */
#ifndef QN_PASSES_AXES_H
#define QN_PASSES_AXES_H

#include "passes/rewrite.h"

typedef struct qn_perm {
    int32_t rank;
    int32_t to[QN_MAX_RANK];   /**< p */
    int32_t back[QN_MAX_RANK]; /**< its inverse: back[p[i]] = i */
} qn_perm;

/** Input i of `node` carries the axes of the output (it has to be transposed with it); otherwise it is read as it is. */
bool qn_axes_carried(const qn_node *node, int32_t i);
/** `node`, all of whose outputs have rank p->rank, can be permuted. */
bool qn_axes_movable(const qn_node *node, const qn_perm *p);
/** `made` has the op and attributes of a movable node and its inputs, the carried ones without the Transpose: change
 *  axes in attributes and inputs to match. */
QN_MUST_USE qn_status qn_axes_move(qn_pass_run *run, qn_node *made, const qn_perm *p);
/** `node` reduces the axes of its transposed input away so that the axes left are in the same order without the
 *  Transpose: it can read the other side directly. */
bool qn_axes_absorbs(const qn_node *node, const qn_perm *p);
/** Make such a node read `x`, the other side of the Transpose. */
QN_MUST_USE qn_status qn_axes_absorb(qn_pass_run *run, qn_node *node, const qn_perm *p, qn_value *x);

#endif
