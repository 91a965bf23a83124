/* The mathematics of compression: values to encodings. Knows of no graph. */
#ifndef QN_QUANT_QUANT_H
#define QN_QUANT_QUANT_H

#include "ir/groups.h"

/** How the range of a group of an affine scheme, or the scale of a palette's, is chosen. */
typedef enum qn_range_choice {
    QN_RANGE_MINMAX = 0,    /**< all numbers fit */
    QN_RANGE_PERCENTILE,    /**< qn_scheme.percentile of the magnitudes fit, the others are clamped */
    QN_RANGE_MSE            /**< least sum of w (x - stored)^2, w the importance of an element or 1 */
} qn_range_choice;

/** How the tables of a palette are made. */
typedef enum qn_table_choice {
    QN_TABLE_KMEANS = 0,    /**< least sum of w (x - stored)^2: exact for scalars, local for vectors */
    QN_TABLE_UNIFORM,       /**< equal steps from the least to the largest number */
    QN_TABLE_UNIQUE,        /**< the numbers themselves, where there are at most 2^bits of them */
    QN_TABLE_NF4            /**< quantiles of the normal distribution: Dettmers et al. 2023, arXiv 2305.14314, app. E */
} qn_table_choice;

/** Which elements are pruned to 0. */
typedef enum qn_prune_choice {
    QN_PRUNE_NONE = 0,
    QN_PRUNE_THRESHOLD,     /**< |x| under qn_scheme.threshold */
    QN_PRUNE_MAGNITUDE,     /**< the share qn_scheme.pruned of least |x| (w x^2 with importance); blocks of prune_block elements
                                 together, by their sum of squares, where that is over 1 */
    QN_PRUNE_N_OF_M         /**< all but the prune_n largest of each prune_m elements along the summed axis */
} qn_prune_choice;

/** What calibration inputs do for the codes. */
typedef enum qn_compensation {
    QN_COMPENSATE_NONE = 0,
    QN_COMPENSATE_IMPORTANCE, /**< squared errors count by the mean square of the input that meets a weight */
    QN_COMPENSATE_GPTQ,       /**< Frantar et al. 2022, arXiv 2210.17323 */
    QN_COMPENSATE_AWQ         /**< Lin et al. 2023, arXiv 2306.00978 */
} qn_compensation;

/** A parsed weight scheme: what a weight is to be stored as. docs/compression.md has the text form. */
typedef struct qn_scheme {
    qn_encoding encoding;   /**< QN_ENC_DENSE: left as it is; QN_ENC_SPARSE: values under a mask */
    qn_dtype code_dtype;    /**< AFFINE */
    bool symmetric;         /**< AFFINE */
    qn_dtype scale_dtype;   /**< AFFINE, PALETTE: as of qn_const; QN_NONE: a palette without scales */
    qn_dtype super_dtype;   /**< of two-level scales, or QN_NONE */
    int64_t super_block;    /**< groups under one super scale; 0: all */
    bool per_channel;       /**< scales by channel; else by tensor, or by block */
    int64_t block;          /**< elements of a block along the summed axis; 0: none */
    int64_t block2;         /**< output channels of a two-dimensional block; 0: blocks have one dimension */
    qn_range_choice range;
    double percentile;      /**< 0 < percentile <= 100 */
    int bits, width;        /**< PALETTE: of an index; elements it stands for */
    qn_table_choice table;  /**< PALETTE */
    qn_dtype lut_dtype;     /**< PALETTE: QN_NONE: the weight's own dtype */
    int64_t lut_group;      /**< PALETTE: channels that share a table; 0: all */
    bool lut_inputs;        /**< PALETTE: those channels are inputs (the summed axis), not outputs */
    qn_prune_choice prune;
    double pruned;          /**< share, 0..1 */
    double threshold;
    int32_t prune_n, prune_m;
    int64_t prune_block;    /**< 1: single elements */
    qn_compensation compensation;
    bool act_order;         /**< GPTQ: the input channels of largest mean square first */
} qn_scheme;

/** How the codes of an encoded constant are chosen. */
typedef struct qn_encode_how {
    qn_scheme scheme;
    const float *importance;  /**< weight of an element's squared error by its index on importance_axis, [dims of it]; or NULL */
    int32_t importance_axis;  /**< the summed axis, also without importance */
    const uint8_t *mask;      /**< a bit for each element in C order, from the low bit up: errors of others count for nothing; or
                                   NULL: all count */
} qn_encode_how;

/** Parse NAME[:OPTION]...: the names and options of docs/compression.md. What a name says by itself: int8 and narrow floating point a
 *  scale a channel, narrower integers blocks of 32; scales of blocks are float16, others float32. QN_USAGE names what is unknown, out
 *  of its range or does not go together. */
QN_MUST_USE qn_status qn_scheme_parse(qn_context *ctx, const char *text, qn_scheme *out);
/** The shortest text that parses to the scheme, in the arena; NULL when out of memory. */
char *qn_scheme_text(qn_arena *arena, const qn_scheme *scheme);

/* Symmetric int8: scale = max|x| / 127 over the group, code = round-half-even(x / scale), -127 .. 127, in float32;
 * the code -128 is not used. x = code * scale, |error| <= scale / 2 (and the rounding of the two float32 operations).
 * A group whose scale is 0 (all zeros, or magnitudes under 127 * 2^-149 / 2) has codes 0. A tensor may come in pieces:
 * `first` is the index of values[0] in the tensor. */

/** absmax[g] = max(absmax[g], |x|) over values[0..n). False when one is not finite: *bad is its index in the tensor. */
bool qn_int8_absmax(qn_groups groups, int64_t first, const float *values, int64_t n, float *absmax, int64_t *bad);
/** scales[g] = absmax[g] / 127; may be in place. */
void qn_int8_scales(const float *absmax, int64_t n_groups, float *scales);
/** codes[0..n) of values[0..n). */
void qn_int8_encode(qn_groups groups, int64_t first, const float *values, int64_t n, const float *scales, int8_t *codes);
/** The three for a whole tensor of n elements: codes[n], scales[n_groups]. */
bool qn_int8_quantise(qn_groups groups, const float *values, int64_t n, int8_t *codes, float *scales, int64_t *bad);

/* Other affine codes, from the least and the largest number of a group; r() rounds to scale_dtype, rne half to even:
 *   symmetric   scale = r(m / min), m the number of largest magnitude, min the least code (-8 of int4): m has that code
 *               exactly, and the scale is negative when m is positive. Codes min .. max. Against max|x| / 7 and -7 .. 7 that
 *               is 1.1 dB less error for normal and Laplace numbers in blocks of 32.
 *   asymmetric  lo = min(0, least), hi = max(0, largest), scale = r((hi - lo) / (max - min)),
 *               zero_point = clamp(rne(-lo / scale) + min): 0 is exact
 * code = clamp(rne(x / scale) + zero_point) to min .. max, in float32. A scale of 0: codes are the zero point, which is the
 * code nearest 0. */

/** least[g] and largest[g] lowered and raised to values[0..n). False when one is not finite: *bad is its index. */
bool qn_affine_range(const qn_groups *groups, int64_t first, const float *values, int64_t n, float *least,
                     float *largest, int64_t *bad);
/** Scales, rounded to scale_dtype, and zero points of n_groups groups. False when one is too large for scale_dtype: *bad is
 *  its group. */
bool qn_affine_fit(const qn_code_type *type, bool symmetric, qn_dtype scale_dtype, const float *least,
                   const float *largest, int64_t n_groups, float *scales, int8_t *zero_points, int64_t *bad);
/** codes[0..n) of values[0..n), one a byte. Codes of unsigned types over 127 wrap, as a cast to uint8_t undoes. */
void qn_affine_encode(const qn_code_type *type, const qn_groups *groups, int64_t first, const float *values, int64_t n,
                      const float *scales, const int8_t *zero_points, int8_t *codes);
/** Pack n codes from element `first` on into `out`, whose first byte is that of element `first`. When first is in the middle
 *  of a byte, the bits below are kept. Returns the bytes touched. */
size_t qn_codes_pack(const qn_code_type *type, const int8_t *codes, int64_t first, int64_t n, uint8_t *out);

/** Fill any constant that qn_package_write meets: evaluate (kernels/eval.h), encode, stream. The qn_fill of convert.
 *  A source range that has been read leaves resident memory. A number that a quantised tensor has and that is not finite
 *  is QN_UNSUPPORTED, naming tensor and element; weights clamped to float16's range (Cast with clamp=1) are logged. */
QN_MUST_USE qn_status qn_fill_const(void *user, qn_context *ctx, qn_arena *arena, const qn_const *c,
                                    qn_status (*write)(void *sink, int part, const void *data, size_t n), void *sink);

#endif
