/* Changing a graph: what every pass does once it has found its pattern.
 *
 * The pattern's last node is replaced in place (qn_rewrite_node): its output values stay, with their names, types, users
 * and origins, so that nothing downstream notices. Nodes that fed it and are not needed any more go with it.
 * A pass walks forward and keeps node->next; everything here touches `old` and nodes before it only.
 */
#ifndef QN_PASSES_REWRITE_H
#define QN_PASSES_REWRITE_H

#include "passes/pass.h"

/** A new node `op` in place of `old`, which is gone afterwards: same outputs, name and origin, in float32 when `old` is said
 *  to be (qn_node.compute), no attributes. The nodes behind the old inputs that nobody needs now are dropped, and their
 *  origins joined to the new node's. */
QN_MUST_USE qn_status qn_rewrite_node(qn_pass_run *run, qn_node *old, qn_op op, qn_value *const *in, int32_t n_in,
                                      qn_node **out);
/** As qn_rewrite_node, with the op, attributes, name and compute dtype of `like` (a node that goes into the new one) and
 *  the origins of both; float32 when either is. */
QN_MUST_USE qn_status qn_rewrite_as(qn_pass_run *run, qn_node *old, const qn_node *like, qn_value *const *in,
                                    int32_t n_in, qn_node **out);
/** A new node with one output before `before`, its type not inferred (qn_infer_one; the driver infers all after the
 *  pass). `name` is made unique by its output value. */
QN_MUST_USE qn_status qn_rewrite_insert(qn_pass_run *run, qn_node *before, qn_op op, const char *name,
                                        qn_value *const *in, int32_t n_in, qn_node **out);
/** Users of `old` (and graph outputs) read `with` instead; the nodes behind `old` that nobody needs now are dropped. */
QN_MUST_USE qn_status qn_rewrite_value(qn_pass_run *run, qn_value *old, qn_value *with);
/** node->in[index] = value; what stood behind the old input goes when nobody needs it. */
QN_MUST_USE qn_status qn_rewrite_input(qn_pass_run *run, qn_node *node, int32_t index, qn_value *value);
/** Drop `node` and, upwards, what only it needed, when nobody reads its outputs. */
QN_MUST_USE qn_status qn_rewrite_drop(qn_pass_run *run, qn_node *node);
/** Nobody reads any output of the node, and none is a graph output. */
bool qn_rewrite_is_dead(const qn_node *node);

/* ---- constants made by passes (passes/fold.c) ------------------------------------------------- */

/** `op` of constants as a constant value of run->graph: evaluated when small (qn_pass_options.fold_limit_bytes), else a
 *  constant expression. `in` are constant values (NULL: absent), `attrs` the attributes. *out is NULL when the result
 *  can be neither, so ask before qn_rewrite: an unused constant costs nothing. */
QN_MUST_USE qn_status qn_fold_op(qn_pass_run *run, qn_op op, const char *name, qn_value *const *in, int32_t n_in,
                                 const qn_attr *attrs, int32_t n_attrs, qn_value **out);
/** What may become of a node whose inputs are all constant. */
typedef enum qn_fold { QN_FOLD_NO, QN_FOLD_EVALUATE, QN_FOLD_EXPRESSION } qn_fold;
/** Looks at the types of the node's outputs, which must be known. */
qn_fold qn_fold_can(const qn_pass_run *run, const qn_node *node);
/** Turn the outputs of `node` into constants, as qn_fold_can said; the node is gone afterwards. */
QN_MUST_USE qn_status qn_fold_node(qn_pass_run *run, qn_node *node, qn_fold how);
/** `v`, which has no producer, is this constant from now on (type and content set). */
QN_MUST_USE qn_status qn_fold_set(qn_pass_run *run, qn_value *v, qn_const *c);
/** The constant v as float64 numbers in the scratch arena, evaluated first when it has to be. */
QN_MUST_USE qn_status qn_fold_numbers(qn_pass_run *run, const qn_value *v, const double **x, int64_t *n);
/** A constant of a float dtype from float64 numbers (float16 and bfloat16 by way of float32), shape dims[0..rank). */
QN_MUST_USE qn_status qn_fold_vector(qn_pass_run *run, const char *name, qn_dtype dtype, const int64_t *dims,
                                     int32_t rank, const double *x, qn_value **out);

#endif
