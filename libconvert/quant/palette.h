/* Palettes: tables of a few numbers or short vectors, and the index of the nearest for each weight. */
#ifndef QN_QUANT_PALETTE_H
#define QN_QUANT_PALETTE_H

#include "quant/quant.h"

/** The parts of c, a PALETTE that is not sparse, for its elements x[numel], finite: in `arena`, other parts empty.
 *
 *  y = x / scale is what the tables are made of and indices are chosen by, scale 1 without scales. A group's scale is at first its
 *  number of largest magnitude (|x|, where scales have no sign), for int8 tables over 127; with QN_RANGE_PERCENTILE the percentile
 *  of |x|. Tables are made by how->scheme.table, an error in y counting importance * scale^2; rounded to lut_dtype. With
 *  QN_RANGE_MSE scales and tables take turns: of each group's scale times a few factors, the one whose nearest entries v fit best
 *  after least squares (scale = sum w x v / sum w v^2), then new tables.
 *
 *  how->mask (may be NULL): elements without a bit count for nothing; their index is that of the entry nearest to 0.
 *  QN_UNSUPPORTED: QN_TABLE_UNIQUE and more than 2^bits numbers, or numbers too large for the types of scales or tables. */
QN_MUST_USE qn_status qn_palette_encode(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x,
                                        qn_bytes part[QN_MAX_PARTS]);

#endif
