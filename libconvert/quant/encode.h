/* Values to the parts of an encoded constant, a whole tensor at a time. */
#ifndef QN_QUANT_ENCODE_H
#define QN_QUANT_ENCODE_H

#include "quant/quant.h"

/** The parts of c (AFFINE, PALETTE or SPARSE, without fault; c->how may be NULL) for its elements x[numel], in `arena`. Defined by
 *  c's fields and c->how alone: same bytes on every machine and thread count. A number that is not finite is QN_UNSUPPORTED, naming tensor and
 *  element; so is one that the types of scales or tables cannot hold. */
QN_MUST_USE qn_status qn_encode(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x, qn_bytes part[QN_MAX_PARTS]);

/** AFFINE without a mask: linear.c. */
QN_MUST_USE qn_status qn_linear_encode(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x,
                                       qn_bytes part[QN_MAX_PARTS]);

/** 10 log10(sum x^2 / sum (x - stored)^2) of a filled constant; INFINITY when they are equal. */
double qn_encoded_sqnr(const qn_const *c, const float *x);

#endif
