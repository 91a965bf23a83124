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

/** Stream the dense value of `c` in C order, at most `chunk_elems` at a time: fn(arg, first_elem, n_elems, data).
 *  Plain and encoded constants, a plain matrix transposed, and Casts of these never stand in memory whole; others are
 *  evaluated, then handed over (and cast) in pieces. `data` is aligned to its dtype and lives until fn returns. */
typedef qn_status (*qn_const_chunk_fn)(void *arg, int64_t first, int64_t n, const void *data);
QN_MUST_USE qn_status qn_const_stream(qn_context *ctx, qn_arena *arena, const qn_const *c, int64_t chunk_elems,
                                      qn_const_chunk_fn fn, void *arg);

/** Elements [first, first + n) of a filled constant of any encoding (no expr) as float32: the definition of each
 *  encoding. */
QN_MUST_USE qn_status qn_const_decode(qn_context *ctx, const qn_const *c, int64_t first, int64_t n, float *out);

/** Run the reference kernel of `node` on `in` (dense, concrete; data NULL with dtype QN_NONE: absent); the outputs
 *  are shaped by the shape function and allocated in `arena`. */
QN_MUST_USE qn_status qn_eval_node(qn_context *ctx, qn_arena *arena, const qn_node *node, const qn_tensor *in,
                                   int32_t n_in, qn_tensor *out, int32_t n_out);

#endif
