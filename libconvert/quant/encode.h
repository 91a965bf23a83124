/* Values to the parts of an encoded constant, a whole tensor at a time. */
#ifndef QN_QUANT_ENCODE_H
#define QN_QUANT_ENCODE_H

#include "quant/quant.h"

/** The parts of c (AFFINE, PALETTE or SPARSE; c->how may be NULL) for its elements x[numel], in `arena`. What a sparse constant keeps is
 *  chosen first (quant/mask.h), unless how->mask says; scales and tables are then made for that alone. Defined by
 *  c's fields and c->how alone: same bytes on every machine and thread count. A number that is not finite is QN_UNSUPPORTED, naming tensor and
 *  element; so is one that the types of scales or tables cannot hold. */
QN_MUST_USE qn_status qn_encode(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x, qn_bytes part[QN_MAX_PARTS]);

/** sum x^2 and sum (x - stored)^2 of a filled constant, or a band of one, added to *signal and *noise. */
void qn_encoded_error(const qn_context *ctx, const qn_const *c, const float *x, double *signal, double *noise);

#endif
