/* The geometry of RotaryEmbedding, for its kernels. */
#ifndef QN_KERNELS_REF_ROTARY_EMBEDDING_H
#define QN_KERNELS_REF_ROTARY_EMBEDDING_H

#include "kernels/kernel.h"

/** x as [B, H, S, D]: head (b, h) of token s begins at element b * batch + h * head + s * token. Of its D elements the
 *  first 2 * half are turned, the others stay. cos and sin have rows of `half` numbers. */
typedef struct qn_rotary {
    int64_t B, H, S, D, half;
    int64_t batch, head, token;
    bool interleaved;
    int64_t n_rows;      /**< of cos and sin */
    qn_tensor positions; /**< dtype QN_NONE: row b * S + s */
} qn_rotary;

/** Read and check the node's inputs: QN_MALFORMED names what does not fit. Positions are not looked at. */
QN_MUST_USE qn_status qn_rotary_read(const qn_kernel_args *args, qn_rotary *out);
/** The row of cos and sin for token s of batch b; out of [0, n_rows) when the position is. */
int64_t qn_rotary_row(const qn_rotary *r, int64_t b, int64_t s);
/** All positions are rows of cos and sin; QN_MALFORMED names the first that is none. */
QN_MUST_USE qn_status qn_rotary_check(const qn_kernel_args *args, const qn_rotary *r);

#endif
