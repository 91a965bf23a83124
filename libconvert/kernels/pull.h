/* A constant as a source of elements: what its expression makes is made a piece at a time, as pieces are asked for.
 *
 *   plain | encoded | plain matrix transposed
 *     └─► Cast | Reshape and its like | Concat | Add, Sub, Mul, Div with a small operand ─► ... ─► elements
 *
 * Any other part of an expression is evaluated whole when the source is made. The elements are those of qn_const_eval,
 * bit for bit. */
#ifndef QN_KERNELS_PULL_H
#define QN_KERNELS_PULL_H

#include "kernels/eval.h"

typedef struct qn_pull qn_pull;

/** A source of the dense elements of `c`, which has some; `most` is the largest piece that will be asked for. Lives in
 *  the arena. */
QN_MUST_USE qn_status qn_pull_create(qn_context *ctx, qn_arena *arena, const qn_const *c, int64_t most, qn_pull **out);
/** Elements [first, first + n) of c's dtype, aligned to it; they live until the next call. Pieces that go forward let the
 *  mapped source leave resident memory behind them. */
QN_MUST_USE qn_status qn_pull_read(qn_pull *pull, int64_t first, int64_t n, const void **out);
/** All has been read for now: what was mapped may leave resident memory. */
void qn_pull_release(qn_pull *pull);
/** No part was evaluated whole: reading it twice costs no more than reading does. */
bool qn_pull_is_light(const qn_pull *pull);

#endif
