/* Scales as they are stored: rounded to a float type or a power of two, or as codes under super scales. */
#ifndef QN_QUANT_SCALES_H
#define QN_QUANT_SCALES_H

#include "quant/quant.h"

/** Rounded to a floating point type; any other: as it is. */
float qn_scale_rounded(qn_dtype dtype, float x);

/** Round scales[n], n the groups of c, to what c's scale_dtype and super_dtype store, in place, and make the bytes of the two
 *  parts in `arena` (part_super is empty with one level).
 *
 *  Floating point: to nearest even. A power of two (float8_e8m0): the one above |scale| unless scale is one itself, so that nothing
 *  that fitted is clamped; its sign is lost, so codes follow the rounded scales. Two levels: of each super_block groups, super =
 *  r(max|scale| / largest code) (for signed codes: the largest positive one), code = scale / super to nearest even; a scale that
 *  is not 0 has a code that is not 0. Negative scales become 0 under unsigned codes: callers give magnitudes there
 *  (qn_scales_signed).
 *
 *  False when a scale is not finite or too large for the type: *bad is its group. */
bool qn_scales_round(const qn_const *c, float *scales, int64_t n, int64_t *bad, uint8_t *bytes, void *super_bytes);
/** The same with room for the bytes from `arena`; QN_UNSUPPORTED names tensor, type and an option that helps. */
QN_MUST_USE qn_status qn_scales_store(qn_context *ctx, qn_arena *arena, const qn_const *c, float *scales, int64_t n,
                                      qn_bytes *part_scales, qn_bytes *part_super);

/** QN_UNSUPPORTED: the scale of a group is too large for its type; says what helps. */
QN_MUST_USE qn_status qn_scales_too_large(qn_context *ctx, const qn_const *c, int64_t group);

/** The percentile (0..100) of v[n], n > 0, which it sorts: between the two numbers that it falls between, in proportion (numpy's
 *  "linear"). */
float qn_percentile(float *v, int64_t n, double percentile);

/** Can scales of c be negative? */
bool qn_scales_signed(const qn_const *c);

#endif
