/* Constants as numbers: expressions evaluated, encodings expanded. Reference kernels only, so that a package has the
 * same bytes wherever it was made. */
#ifndef QN_KERNELS_EVAL_H
#define QN_KERNELS_EVAL_H

#include "kernels/kernel.h"

/** The dense value of `c` (any encoding; a constant expression is evaluated first): `out` is shaped, and its data is
 *  in `arena`, or borrowed (wherever in a file it lies, perhaps unaligned) when c is ready. An expression's own encoding
 *  is not applied. Memory: c and the intermediates of its expression. Expressions more than 256 deep are
 *  QN_UNSUPPORTED. */
QN_MUST_USE qn_status qn_const_eval(qn_context *ctx, qn_arena *arena, const qn_const *c, qn_tensor *out);

/** Elements [first, first + n) of a filled constant of any encoding (no expr) as float32: the definition of each
 *  encoding. With n = 0 it says whether the constant can be decoded. */
QN_MUST_USE qn_status qn_const_decode(qn_context *ctx, const qn_const *c, int64_t first, int64_t n, float *out);
/** The same for elements that are there, of a constant that can be decoded. */
void qn_const_elements(const qn_const *c, int64_t first, int64_t n, float *out);

/** Run the reference kernel of `node` on `in` (dense, concrete; data NULL with dtype QN_NONE: absent); the outputs
 *  are shaped by the shape function and allocated in `arena`. */
QN_MUST_USE qn_status qn_eval_node(qn_context *ctx, qn_arena *arena, const qn_node *node, const qn_tensor *in,
                                   int32_t n_in, qn_tensor *out, int32_t n_out);

#endif
