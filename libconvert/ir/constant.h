/* Constants: what is stored, and how.
 *
 * A constant has a logical dtype and shape (what a consumer sees) and an encoding (how it is stored):
 *
 *   DENSE    part[VALUES]: the elements in C order, usually borrowed from the mapped source file
 *   AFFINE   value = (code - zero_point) * scale
 *            part[CODES]: code_dtype, one an element, C order;  part[SCALES]: scale_dtype, one a group;
 *            part[ZERO_POINTS]: code_dtype, one a group, absent when symmetric.
 *            Codes narrower than a byte are packed from the low bit up, element after element, rows too: of int4 and
 *            uint4, element i is the low half of byte i / 2 when i is even, the high half when it is odd.
 *            Groups: axis < 0: one for the tensor; block == 0: one for each index of `axis`;
 *            block > 0: along `axis`, ceil(dims[axis]/block) groups for each index of the other axes.
 *   PALETTE  value = lut[index]: part[LUT], 2^bits elements of the constant's dtype for the tensor (axis < 0) or for
 *            each index of `axis`; part[INDICES], `bits` an element (1..8), C order, packed from the low bit up
 *
 * The bytes of a part may lie at any address, also one that is no multiple of the element's size (weights borrowed from
 * an ONNX file usually do): read them with memcpy, or through qn_const_eval and the session, which realign.
 *
 * A constant whose `expr` is set has no bytes yet: its dense value is that detached node applied to constant
 * inputs (a *constant expression*: transpose of a weight, cast, concatenation ...), encoded as `enc` says when
 * it is filled. Sizes are known before the bytes are: qn_const_part_bytes.
 */
#ifndef QN_IR_CONSTANT_H
#define QN_IR_CONSTANT_H

#include "ir/type.h"

struct qn_node;

/* Types of codes that no tensor has: numbers of ONNX's TensorProto.DataType. */
#define QN_U4 ((qn_dtype)21)
#define QN_I4 ((qn_dtype)22)

/** What the codes of an AFFINE constant may be. */
typedef struct qn_code_type {
    qn_dtype dtype;
    const char *name;
    int bits;       /**< 1..8 */
    bool is_signed;
    int32_t min, max;
} qn_code_type;
/** The row of a type of codes, or NULL. */
const qn_code_type *qn_code_type_of(qn_dtype dtype);
/** Code i of `codes`, packed as that type is. */
int32_t qn_code_at(const qn_code_type *type, const uint8_t *codes, int64_t i);

typedef enum qn_encoding { QN_ENC_DENSE = 0, QN_ENC_AFFINE = 1, QN_ENC_PALETTE = 2 } qn_encoding;

typedef enum qn_part {
    QN_PART_VALUES = 0,       /* DENSE */
    QN_PART_CODES = 0,        /* AFFINE */
    QN_PART_SCALES = 1,
    QN_PART_ZERO_POINTS = 2,
    QN_PART_INDICES = 0,      /* PALETTE */
    QN_PART_LUT = 1
} qn_part;
#define QN_MAX_PARTS 3

typedef struct qn_bytes {
    const void *data; /**< NULL: not there (yet) */
    size_t n;
} qn_bytes;

typedef struct qn_const {
    qn_dtype dtype;
    int32_t rank;
    int64_t dims[QN_MAX_RANK];
    qn_encoding encoding;
    qn_dtype code_dtype;   /**< AFFINE: QN_I8, QN_U8, QN_I4 or QN_U4 */
    qn_dtype scale_dtype;  /**< AFFINE: QN_F32 or QN_F16 */
    bool symmetric;        /**< AFFINE: no zero points */
    int32_t axis;          /**< AFFINE, PALETTE: see above; -1 by tensor */
    int64_t block;         /**< AFFINE: see above */
    int bits;              /**< PALETTE */
    qn_bytes part[QN_MAX_PARTS];
    const struct qn_node *expr; /**< or NULL */
    const char *name;      /**< of the tensor in the source, for messages */
    const struct qn_const *const *sources; /**< [n_sources]: of a ready constant that was computed, what from; for reports */
    int32_t n_sources;     /**< 0: from the source model as it is, or made up */
} qn_const;

/** Elements; dims were checked when the constant was made. */
int64_t qn_const_numel(const qn_const *c);
/** Bytes of a part by the constant's encoding and shape; 0 for a part that it has not. False on overflow. */
bool qn_const_part_bytes(const qn_const *c, int part, size_t *out);
/** Sum over parts; SIZE_MAX on overflow. */
size_t qn_const_bytes(const qn_const *c);
/** True when it is dense and its bytes are here. */
static inline bool qn_const_is_ready(const qn_const *c) {
    return c->encoding == QN_ENC_DENSE && (c->part[QN_PART_VALUES].data != NULL || qn_const_numel(c) == 0) && !c->expr;
}
/** A dense constant over borrowed bytes (checked: n_bytes fits dtype and dims). Lives in the arena. */
QN_MUST_USE qn_status qn_const_dense(qn_context *ctx, qn_arena *arena, qn_dtype dtype, int32_t rank,
                                     const int64_t *dims, const void *data, size_t n_bytes, qn_const **out);
/** Element i of a ready constant as a number (any dtype). As an integer: fractions are cut, what does not fit takes the
 *  nearest int64, NaN is 0. */
double qn_const_f64(const qn_const *c, int64_t i);
int64_t qn_const_i64(const qn_const *c, int64_t i);

#endif
