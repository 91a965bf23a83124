/* What upgrades are written with: reading a source node, and emitting nodes of the graph. */
#ifndef QN_READ_UPGRADE_H
#define QN_READ_UPGRADE_H

#include "read/import.h"

/** Fail with the node's label before the message. */
QN_MUST_USE QN_PRINTF(3, 4) qn_status qn_up_fail(const qn_source_node *n, qn_status status, const char *fmt, ...);

/* Attributes, or the value given when absent. Kinds were checked by the row. */
const qn_attr *qn_up_attr(const qn_source_node *n, const char *name);
int64_t qn_up_int(const qn_source_node *n, const char *name, int64_t otherwise);
float qn_up_float(const qn_source_node *n, const char *name, float otherwise);
const char *qn_up_string(const qn_source_node *n, const char *name, const char *otherwise);

/** Input i, or NULL when it is absent. */
qn_value *qn_up_in(const qn_source_node *n, int32_t i);
/** True when the source names output i. */
bool qn_up_wants(const qn_source_node *n, int32_t i);
/** The dtype of input i; QN_UNSUPPORTED when it is not known. */
QN_MUST_USE qn_status qn_up_dtype(const qn_source_node *n, int32_t i, qn_dtype *out);
/** True when input i is a vector without elements (how ONNX before opset 13 leaves an input out). */
bool qn_up_is_empty(const qn_source_node *n, int32_t i);
/** Leave out outputs keep, keep + 1 ... when the model names but never reads them; *ok false: one may be read. */
QN_MUST_USE qn_status qn_up_drop_unread(qn_source_node *n, int32_t keep, bool *ok);

/** A constant [count] (or [] when count < 0) of int64. */
QN_MUST_USE qn_status qn_up_ints(const qn_source_node *n, const char *stem, const int64_t *v, int64_t count,
                                 qn_value **out);
/** A constant [count] (or []) of any dtype from doubles. */
QN_MUST_USE qn_status qn_up_numbers(const qn_source_node *n, const char *stem, qn_dtype dtype, const double *v,
                                    int64_t count, qn_value **out);

/** A node in the middle of what the source node becomes: `n_out` new values. Set its attributes, then qn_up_infer. */
QN_MUST_USE qn_status qn_up_node(const qn_source_node *n, qn_op op, qn_value *const *in, int32_t n_in, qn_node **out);
/** The last node: it makes the source node's outputs [first, first + count), all of which become n->out. */
QN_MUST_USE qn_status qn_up_last(qn_source_node *n, qn_op op, qn_value *const *in, int32_t n_in, qn_node **out);
/** A node for output `index` of the source alone. */
QN_MUST_USE qn_status qn_up_output(qn_source_node *n, int32_t index, qn_op op, qn_value *const *in, int32_t n_in,
                                   qn_node **out);
/** Copy all attributes that the row lists. */
QN_MUST_USE qn_status qn_up_copy_attrs(const qn_source_node *n, qn_node *node);
/** Types of the node's outputs, now that it is complete. */
QN_MUST_USE qn_status qn_up_infer(const qn_source_node *n, qn_node *node);

/** qn_up_node or qn_up_last, without attributes, inferred; *out is its output (NULL: not wanted). */
QN_MUST_USE qn_status qn_up_mid1(const qn_source_node *n, qn_op op, qn_value *a, qn_value **out);
QN_MUST_USE qn_status qn_up_mid2(const qn_source_node *n, qn_op op, qn_value *a, qn_value *b, qn_value **out);
QN_MUST_USE qn_status qn_up_last1(qn_source_node *n, qn_op op, qn_value *a);
QN_MUST_USE qn_status qn_up_last2(qn_source_node *n, qn_op op, qn_value *a, qn_value *b);

#define QN_ONNX_OP(NAME, SINCE, UNTIL, MIN_IN, MAX_IN, MAX_OUT, BECOMES, UPGRADE, ATTRS) \
    qn_status qn_up_##UPGRADE(qn_source_node *n);
#include "onnx_ops.def"
#undef QN_ONNX_OP

#endif
