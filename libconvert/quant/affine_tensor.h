/* Affine encodings of every kind: which scale and zero point a group has, and the code of each element. */
#ifndef QN_QUANT_AFFINE_TENSOR_H
#define QN_QUANT_AFFINE_TENSOR_H

#include "quant/quant.h"

/** The parts of c, an AFFINE constant that is not sparse, for its elements x[numel], finite: in `arena`, other parts empty.
 *  QN_UNSUPPORTED: numbers too large for the type of the scales. */
QN_MUST_USE qn_status qn_affine_parts(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x,
                                       qn_bytes part[QN_MAX_PARTS]);

#endif
