/* The mathematics of compression: values to encodings. Knows of no graph. */
#ifndef QN_QUANT_QUANT_H
#define QN_QUANT_QUANT_H

#include "ir/constant.h"

/** A parsed weight scheme. */
typedef struct qn_scheme {
    qn_encoding encoding;
    qn_dtype code_dtype;
    bool symmetric;
    bool per_channel;   /**< else by tensor */
    int64_t block;
} qn_scheme;

/** Parse "int8", "int8:per_channel" (the same), "int8:per_tensor". A scheme of the documented list that this version
 *  lacks is QN_UNSUPPORTED by name; any other text is QN_USAGE. */
QN_MUST_USE qn_status qn_scheme_parse(qn_context *ctx, const char *text, qn_scheme *out);

/** Which group an element of a tensor in C order belongs to: element e is in group (e / inner) % n_groups. One group
 *  for the tensor: n_groups 1. One for each index of `axis`: n_groups = dims[axis], inner = product of the dims after. */
typedef struct qn_groups {
    int64_t n_groups, inner;
} qn_groups;

/** The groups of an affine constant without blocks. */
qn_groups qn_const_groups(const qn_const *c);

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

/** Fill any constant that qn_package_write meets: evaluate (kernels/eval.h), encode, stream. The qn_fill of convert.
 *  A source range that has been read leaves resident memory. A number that a quantised tensor has and that is not finite
 *  is QN_UNSUPPORTED, naming tensor and element; weights clamped to float16's range (Cast with clamp=1) are logged. */
QN_MUST_USE qn_status qn_fill_const(void *user, qn_context *ctx, qn_arena *arena, const qn_const *c,
                                    qn_status (*write)(void *sink, int part, const void *data, size_t n), void *sink);

#endif
