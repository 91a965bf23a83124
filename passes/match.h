/* Looking at a graph: who made a value, who reads it, what a constant holds. Nothing here changes the graph, and every
 * function takes NULL for a value or node and then says no. */
#ifndef QN_PASSES_MATCH_H
#define QN_PASSES_MATCH_H

#include "passes/pass.h"

/** One node reads v, once, and v is no graph output: a rewrite of that node may drop v. */
bool qn_match_private(const qn_value *v);
/** The node that makes v when it is an `op`, else NULL. */
qn_node *qn_match_made_by(const qn_value *v, qn_op op);
/** As qn_match_made_by, and v is private. */
qn_node *qn_match_only(const qn_value *v, qn_op op);
/** The node that reads the private v when it is an `op` (QN_OP_NONE: any), else NULL. */
qn_node *qn_match_reader(const qn_value *v, qn_op op);
/** The other input of a node with two inputs of which v is one; NULL when v is neither. */
qn_value *qn_match_other(const qn_node *node, const qn_value *v);
/** The node of kind `op` behind either input of the two-input `node`; *other is the other input. The first input is
 *  tried first. */
qn_node *qn_match_operand(const qn_node *node, qn_op op, qn_value **other);
/** As qn_match_operand, and the value between is private. */
qn_node *qn_match_operand_only(const qn_node *node, qn_op op, qn_value **other);
/** Index (0 or 1) of the input of a two-input node that is constant while the other is not; -1 otherwise. */
int32_t qn_match_constant_operand(const qn_node *node);

/* ---- constants ------------------------------------------------------------------------------ */

/** v is a constant with bytes at hand (dense, no expression). */
const qn_const *qn_match_ready(const qn_value *v);
/** v is a ready constant of one element, any rank and dtype: its number in *x. */
bool qn_match_scalar(const qn_value *v, double *x);
/** v is a ready constant of one element within rel * |x| of x. */
bool qn_match_scalar_is(const qn_value *v, double x, double rel);
/** v is a ready constant whose elements all equal x; false over 65,536 elements. */
bool qn_match_all(const qn_value *v, double x);
/** v is a constant in whose shape at most dimension `axis`, counted from the end (1: the last) is not 1, and that
 *  dimension is n. With n 1, any constant of one element. */
bool qn_match_vector(const qn_value *v, int32_t axis_from_end, int64_t n);
/** The integers of v, from its content or its constant: up to `cap` in out[], their count in *n. */
bool qn_match_ints(const qn_value *v, int64_t *out, int64_t cap, int64_t *n);

/* ---- types ------------------------------------------------------------------------------------- */

/** Rank of v, -1 when not known. */
int32_t qn_match_rank(const qn_value *v);
/** Dimension i of v, counted from the end when negative; QN_DIM_UNKNOWN when there is none. */
qn_dim qn_match_dim(const qn_value *v, int32_t i);
/** Both types are fully known and equal. */
bool qn_match_same_type(const qn_value *a, const qn_value *b);
/** Both shapes are fully known and equal. */
bool qn_match_same_shape(const qn_value *a, const qn_value *b);
/** Dtype float16, bfloat16, float32 or float64. */
bool qn_match_float(const qn_value *v);

/* ---- attributes -------------------------------------------------------------------------------- */

/** The permutation of a Transpose over a known rank (reversal when absent), checked; false otherwise. */
bool qn_match_perm(const qn_node *transpose, int32_t *perm, int32_t *rank);
/** axis of a node in [-rank, rank) as [0, rank); false outside. */
bool qn_match_axis(int64_t axis, int32_t rank, int32_t *out);
/** The axes of a reduction (or of Squeeze, Unsqueeze) as a mask of bits, axes being its second input or, when that is
 *  absent, all of `rank`. False when they are not known. */
bool qn_match_axes(const qn_node *node, int32_t rank, uint32_t *mask);
/** The node has no activation fused into it. */
bool qn_match_no_activation(const qn_node *node);

#endif
