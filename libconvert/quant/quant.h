/* The mathematics of compression: values to encodings. Knows of no graph. */
#ifndef QN_QUANT_QUANT_H
#define QN_QUANT_QUANT_H

#include "ir/groups.h"

/** A parsed weight scheme. */
typedef struct qn_scheme {
    qn_encoding encoding;
    qn_dtype code_dtype;
    qn_dtype scale_dtype;
    bool symmetric;
    bool per_channel;   /**< else by tensor, or by block */
    int64_t block;      /**< elements of a block; 0: none */
} qn_scheme;

/** Parse NAME[:OPTION]...: int8, uint8 (by channel when nothing else is said), int4, uint4 (in blocks of 32); per_channel,
 *  per_tensor, block=N (a multiple of 16 from 16 to 256), symmetric, asymmetric (what the unsigned ones always are). Scales
 *  of blocks are float16, others float32. A scheme of the documented list that this version lacks is QN_UNSUPPORTED by
 *  name; any other text is QN_USAGE. */
QN_MUST_USE qn_status qn_scheme_parse(qn_context *ctx, const char *text, qn_scheme *out);

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
