/* From the numbers of a tensor to the parts of an encoded constant. */
#ifndef QN_QUANT_ENCODE_H
#define QN_QUANT_ENCODE_H

#include "quant/quant.h"

/** The parts of c, an encoding with its fields set, for its elements x[numel], finite, in C order: by the method of c->how, or of
 *  QN_RANGE_MINMAX and QN_TABLE_KMEANS when that is NULL. Bytes are in `arena`; parts that c has not are empty. One row of
 *  encode.c for each encoding. The elements of a sparse constant are chosen first (quant/mask.h), unless how->mask says which are
 *  kept; scales and tables are then made for those alone.
 *  QN_UNSUPPORTED: an encoding without a row; numbers that do not fit (what the encoders say). */
QN_MUST_USE qn_status qn_encode(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x, qn_bytes part[QN_MAX_PARTS]);

#endif
