/* Shape functions: the declarations of all of them, and the steps that they share.
 *
 * A shape function reads inf->in (types), contents and values, and fills inf->out and inf->out_content. What it cannot
 * tell it leaves unknown; what contradicts the op's meaning it refuses with qn_infer_fail. It sees hostile attributes
 * and numbers, and must have no undefined behaviour on any of them: raw integers become dimensions only through
 * qn_infer_number or after a check of their range, and sums and products of them go through qn_infer_add and friends.
 */
#ifndef QN_OPS_SHAPE_H
#define QN_OPS_SHAPE_H

#include "ops/infer.h"

#define QN_OP(NAME, ...) qn_status qn_shape_##NAME(qn_infer *inf);
#include "ops.def"
#undef QN_OP

/* ---- inputs and outputs -------------------------------------------------------------------- */

/** True when input i is given (whether or not its type is known). */
bool qn_infer_has(const qn_infer *inf, int32_t i);
/** The type of input i; of no dtype and unknown rank when it is absent. */
const qn_type *qn_infer_in(const qn_infer *inf, int32_t i);
/** Input i has a rank in [min, max], or an unknown one; malformed otherwise. */
QN_MUST_USE qn_status qn_infer_rank(const qn_infer *inf, int32_t i, int32_t min, int32_t max);
/** Input i is a vector of `n` elements (-1: any number), or unknown. */
QN_MUST_USE qn_status qn_infer_vector(const qn_infer *inf, int32_t i, qn_dim n);
/** Elements of input i when it is a vector of known length or a scalar; -1 otherwise. */
int64_t qn_infer_length(const qn_infer *inf, int32_t i);

/** Kinds of dtypes, as a set. */
enum {
    QN_SET_FLOAT = 1,
    QN_SET_SIGNED = 2,
    QN_SET_UNSIGNED = 4,
    QN_SET_BOOL = 8,
    QN_SET_INT = QN_SET_SIGNED | QN_SET_UNSIGNED,
    QN_SET_NUMBER = QN_SET_FLOAT | QN_SET_INT,
    QN_SET_ANY = QN_SET_NUMBER | QN_SET_BOOL
};
/** The dtype of input i is of one of these kinds, or unknown; malformed otherwise. */
QN_MUST_USE qn_status qn_infer_dtype(const qn_infer *inf, int32_t i, unsigned set);
/** Inputs i and j have the same dtype (or one is unknown or absent); malformed otherwise. */
QN_MUST_USE qn_status qn_infer_same_dtype(const qn_infer *inf, int32_t i, int32_t j);
/** Every input given among [first, last] is float32, float16 or bfloat16 in any mixture, or all are float64: parameters
 *  may be stored narrower or wider than what they are applied to. */
QN_MUST_USE qn_status qn_infer_floats_mix(const qn_infer *inf, int32_t first, int32_t last);
/** Input i is int32 or int64 (or unknown). */
QN_MUST_USE qn_status qn_infer_index_dtype(const qn_infer *inf, int32_t i);

/** out[o] = dtype and rank, every dimension unknown. Nothing when the node has no output o. Malformed when rank is over
 *  QN_MAX_RANK. */
QN_MUST_USE qn_status qn_infer_set(const qn_infer *inf, int32_t o, qn_dtype dtype, int32_t rank);
/** out[o] = the type of input i. */
void qn_infer_copy(const qn_infer *inf, int32_t o, int32_t i);

/* ---- dimensions ------------------------------------------------------------------------------ */

/** An integer of the model as a dimension: QN_DIM_UNKNOWN when it is below what a qn_dim holds. */
static inline qn_dim qn_infer_number(int64_t v) { return v >= QN_DIM_CONST_MIN ? v : QN_DIM_UNKNOWN; }
/** a + b, a - b, a * b; malformed when two numbers overflow. */
QN_MUST_USE qn_status qn_infer_add(const qn_infer *inf, qn_dim a, qn_dim b, qn_dim *out);
QN_MUST_USE qn_status qn_infer_sub(const qn_infer *inf, qn_dim a, qn_dim b, qn_dim *out);
QN_MUST_USE qn_status qn_infer_mul(const qn_infer *inf, qn_dim a, qn_dim b, qn_dim *out);
/** *out = what a and b both are: a number beats a symbol, a symbol an expression. Malformed, naming `what`, when they
 *  are different numbers. */
QN_MUST_USE qn_status qn_infer_unify(const qn_infer *inf, qn_dim a, qn_dim b, const char *what, qn_dim *out);
/** One dimension of a broadcast. */
QN_MUST_USE qn_status qn_infer_broadcast_dim(const qn_infer *inf, qn_dim a, qn_dim b, qn_dim *out);
/** Input i can be broadcast to `to` without changing it; malformed, naming `what`, otherwise. */
QN_MUST_USE qn_status qn_infer_broadcast_to(const qn_infer *inf, int32_t i, const qn_type *to, const char *what);
/** a < b for certain. */
bool qn_infer_less(const qn_infer *inf, qn_dim a, qn_dim b);
/** d >= n for certain. */
bool qn_infer_at_least(const qn_infer *inf, qn_dim d, int64_t n);
/** Text of a dimension, for messages. */
const char *qn_infer_text(const qn_infer *inf, qn_dim d);

/* ---- contents -------------------------------------------------------------------------------- */

/** The content of input i, from in_content or else from in_value. Elements may be QN_DIM_UNKNOWN. False when nothing is
 *  known. */
bool qn_infer_content(const qn_infer *inf, int32_t i, qn_content *out);
/** The content of input i, which gives the sizes or counts of axes: as above, but without elements known only their
 *  number may be (then all are unknown). False when not even that is. */
bool qn_infer_sizes(const qn_infer *inf, int32_t i, qn_content *out);
/** The one element of input i; QN_DIM_UNKNOWN when it is not known. */
qn_dim qn_infer_scalar(const qn_infer *inf, int32_t i);
/** dims of a type whose dimensions are all numbers, and their product; false when they are not, or it is more than
 *  QN_MAX_CONTENT. */
bool qn_infer_small(const qn_type *type, int64_t dims[QN_MAX_RANK], int64_t *n);
/** Elements from one index of axis k to the next, in C order, of dims from qn_infer_small. */
void qn_infer_strides(const int64_t *dims, int32_t rank, int64_t *stride);
/** out_content[o] = a strided view of `from`: element idx of out[o] (small, else nothing happens) is
 *  from[offset + sum idx[k] * stride[k]]. The caller's strides stay inside. */
QN_MUST_USE qn_status qn_infer_view(qn_infer *inf, int32_t o, qn_content from, int64_t offset, const int64_t *stride);
/** out_content[o] = the content of input i, when out[o] has as many elements. */
void qn_infer_pass(qn_infer *inf, int32_t o, int32_t i);
/** An element as the dtype stores it: QN_DIM_UNKNOWN when it might not fit. */
qn_dim qn_infer_fit(const qn_infer *inf, qn_dtype dtype, qn_dim d);
/** out_content[0][idx] = fn(args), args[k] being the element of input k at idx, broadcast (QN_DIM_UNKNOWN when its
 *  content is not known or the input is absent). Nothing happens when out[0] is not small or no input has content. */
typedef qn_dim (*qn_infer_fn)(const qn_infer *inf, const qn_dim *args);
QN_MUST_USE qn_status qn_infer_map(qn_infer *inf, qn_infer_fn fn);

/* ---- attributes and lists ---------------------------------------------------------------------- */

/** The axes in input i (rank > 0 known): sorted out into taken[0..rank). *known is false when the numbers are not known;
 *  malformed when one is out of range or given twice. */
QN_MUST_USE qn_status qn_infer_axes(const qn_infer *inf, int32_t i, int32_t rank, bool taken[QN_MAX_RANK], bool *known);

#endif
