/* Which elements of a pruned tensor are kept, and the encoding of those under a mask. */
#ifndef QN_QUANT_MASK_H
#define QN_QUANT_MASK_H

#include "quant/quant.h"

/** Elements or blocks in order of how little they matter; docs/compression.md says what is kept of each choice. Scores are
 *  |x|, or w x^2 with an importance w; of blocks their sums of x^2 (w x^2) in double, element after element. Among equal
 *  scores the earlier element is kept.
 *
 *  mask[ceil(ceil(n / mask_block) / 8)], zeroed: bits of c->mask_block elements each. c: a sparse constant; x[n]: its elements,
 *  finite. QN_USAGE when the number of elements kept is not c->n_kept, which belongs to the choice (qn_mask_kept). */
QN_MUST_USE qn_status qn_mask_choose(qn_context *ctx, qn_arena *arena, const qn_const *c, const qn_encode_how *how,
                                     const float *x, uint8_t *mask);

/** Elements that a choice keeps of a tensor of these dims, `sum_axis` its summed axis; -1 when that depends on the elements
 *  (QN_PRUNE_THRESHOLD). With blocks, a short last one is always kept. */
int64_t qn_mask_kept(const qn_scheme *scheme, int32_t rank, const int64_t *dims, int32_t sum_axis);

/** starts[ceil(n / QN_SPARSE_CHUNK)]: elements kept before each chunk. */
void qn_mask_starts(const uint8_t *mask, int64_t n, int64_t mask_block, uint32_t *starts);

/** Of n codes of `bits`, packed in `codes`, those that are kept, packed into out [ceil(kept bits / 8)], zeroed. */
void qn_mask_compact(const uint8_t *mask, int64_t mask_block, int64_t n, size_t bits, const uint8_t *codes, uint8_t *out);

#endif
