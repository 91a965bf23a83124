/* Constants: what is stored, and how.
 *
 * A constant has a logical dtype and shape (what a consumer sees) and an encoding (how it is stored). All arithmetic is
 * float32; the result is rounded to the dtype.
 *
 *   DENSE    part[VALUES]: the elements in C order, usually borrowed from the mapped source file
 *   AFFINE   value = (number(code) - zero_point) * scale
 *            part[CODES]: code_dtype (ir/codes.h: integers or narrow floating point), one an element, C order;
 *            part[ZERO_POINTS]: code_dtype, an integer, one a group; absent when symmetric, as floating point always is.
 *   PALETTE  value = lut[index], times a scale when scale_dtype is not QN_NONE
 *            part[INDICES]: `bits` (1..8) each, one for `width` elements that follow each other in C order over the whole
 *            tensor (the last vector may be cut); part[LUT]: lut_dtype (F32, F16, BF16, or I8, which needs scales), for each
 *            table 2^bits vectors of `width` elements. Tables: lut_axis < 0: one; else one for each lut_group indices of
 *            lut_axis that follow each other. With width > 1, what a table serves is a multiple of width, but for the end.
 *   SPARSE   value = part[VALUES], elements of the dtype
 *
 * Codes and indices narrower than a byte are packed from the low bit up, element after element, rows too.
 *
 * Groups share a scale (and a zero point). axis < 0: one for the tensor; block == 0: one for each index of `axis`;
 * block > 0: `block` indices along `axis` together, apart from those of every other axis; with block2 > 0 also block2 of
 * axis2 together. Last blocks may be short. Groups are in C order (ir/groups.h).
 * part[SCALES] is of scale_dtype: F32, F16, BF16 or F8E8M0; or, of two levels, an integer type of codes, and then a group's
 * scale is its code times part[SUPER_SCALES][group / super_block] (super_block 0: one for all), of super_dtype F32, F16 or
 * BF16; codes narrower than a byte are packed like all others.
 *
 * With `sparse` (always set for SPARSE; allowed with AFFINE, and with PALETTE of width 1) only elements of blocks whose bit
 * is set are in part 0, all others are 0: part[MASK]: bit j, from the low bit up, is for elements mask_block * j on in C
 * order (mask_block divides QN_SPARSE_CHUNK; the last block may be short); part[STARTS]: uint32, for each QN_SPARSE_CHUNK
 * elements, how many are kept before them; n_kept in all. Scales belong to the place of an element, as without.
 *
 * The bytes of a part may lie at any address, also one that is no multiple of the element's size (weights borrowed from
 * an ONNX file usually do): read them with memcpy, or through qn_const_eval and the session, which realign.
 *
 * A constant whose `expr` is set has no bytes yet: its dense value is that detached node applied to constant
 * inputs (a *constant expression*: transpose of a weight, cast, concatenation ...), encoded as the fields say, by the
 * method of `how`, when it is filled. Sizes are known before the bytes are: qn_const_part_bytes.
 */
#ifndef QN_IR_CONSTANT_H
#define QN_IR_CONSTANT_H

#include "ir/codes.h"

struct qn_node;
struct qn_encode_how;

typedef enum qn_encoding { QN_ENC_DENSE = 0, QN_ENC_AFFINE = 1, QN_ENC_PALETTE = 2, QN_ENC_SPARSE = 3 } qn_encoding;

typedef enum qn_part {
    QN_PART_VALUES = 0,       /* DENSE, SPARSE */
    QN_PART_CODES = 0,        /* AFFINE */
    QN_PART_INDICES = 0,      /* PALETTE */
    QN_PART_SCALES = 1,
    QN_PART_ZERO_POINTS = 2,
    QN_PART_LUT = 3,
    QN_PART_SUPER_SCALES = 4,
    QN_PART_MASK = 5,
    QN_PART_STARTS = 6
} qn_part;
#define QN_MAX_PARTS 7
#define QN_SPARSE_CHUNK 512

typedef struct qn_bytes {
    const void *data; /**< NULL: not there (yet) */
    size_t n;
} qn_bytes;

/** What reports say of a constant: how it came to be stored as it is. */
typedef struct qn_const_record {
    const char *scheme;  /**< scheme text; "" when it is as it was */
    const char *reason;  /**< why it was left alone, or got another scheme than was asked for; "" otherwise */
    double sqnr_db;      /**< of the stored values against the source's: 10 log10(sum x^2 / sum (x - stored)^2); INFINITY when
                              they are equal, NAN when not measured. Known once it is filled */
} qn_const_record;

typedef struct qn_const {
    qn_dtype dtype;
    int32_t rank;
    int64_t dims[QN_MAX_RANK];
    qn_encoding encoding;
    qn_dtype code_dtype;   /**< AFFINE: a type of codes */
    qn_dtype scale_dtype;  /**< AFFINE, PALETTE: see above; QN_NONE: no scales */
    qn_dtype super_dtype;  /**< of two-level scales */
    int64_t super_block;   /**< groups that share a super scale; 0: all */
    bool symmetric;        /**< AFFINE: no zero points */
    int32_t axis;          /**< of groups: see above; -1 by tensor */
    int64_t block;         /**< of groups: see above */
    int32_t axis2;         /**< the other axis of a two-dimensional block */
    int64_t block2;        /**< 0: blocks are one-dimensional */
    int bits;              /**< PALETTE */
    int width;             /**< PALETTE: elements an index stands for: 1, 2 or 4 (0 is 1) */
    qn_dtype lut_dtype;    /**< PALETTE */
    int32_t lut_axis;      /**< PALETTE: -1: one table */
    int64_t lut_group;     /**< PALETTE: indices of lut_axis that share a table, > 0 */
    bool sparse;
    int64_t n_kept;        /**< elements that are stored, when sparse */
    int64_t mask_block;    /**< elements of a bit of the mask, when sparse: a power of two up to QN_SPARSE_CHUNK */
    qn_bytes part[QN_MAX_PARTS];
    const struct qn_node *expr; /**< or NULL */
    const struct qn_encode_how *how; /**< of an encoded expression: how codes are chosen (quant/); NULL: the plain way */
    qn_const_record *record;    /**< or NULL */
    const char *name;      /**< of the tensor in the source, for messages */
    const struct qn_const *const *sources; /**< [n_sources]: of a ready constant that was computed, what from; for reports */
    int32_t n_sources;     /**< 0: from the source model as it is, or made up */
} qn_const;

/** Elements; dims were checked when the constant was made. */
int64_t qn_const_numel(const qn_const *c);
/** What is wrong with the fields of an encoding, dims and dtype aside; NULL when nothing is. Static text. */
const char *qn_const_encoding_fault(const qn_const *c);
/** Scale of a group of a filled AFFINE or PALETTE constant; 1 when it has none. */
float qn_const_scale(const qn_const *c, int64_t group);
/** Elements of a filled sparse constant that are kept before element i, by MASK and STARTS. */
int64_t qn_const_kept_before(const qn_const *c, int64_t i);
/** Is element i of a filled sparse constant kept? */
bool qn_const_is_kept(const qn_const *c, int64_t i);
/** Does STARTS of a filled sparse constant agree with MASK and n_kept? Readers of unchecked bytes ask once. */
bool qn_const_mask_agrees(const qn_const *c);
/** Is it AFFINE with integer codes of 8 or 4 bits, float32 or float16 scales, no two-dimensional blocks, not sparse? */
bool qn_const_is_plain_affine(const qn_const *c);
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
