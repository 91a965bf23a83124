/* MultiHeadAttention without a matrix of scores in memory.
 *
 * For each head, keys and values are packed once. Then each piece of work takes a tile of NR queries, one a vector
 * lane, and walks over the keys in blocks (online softmax: Milakov and Gimelshein 2018, section 3):
 *
 *     Sᵀ [block, NR] = K · (scale Q)ᵀ          microkernel; rows are keys
 *     Sᵀ += mask;  m' = max(m, rows of Sᵀ)     lane by lane: no sums across a vector
 *     Pᵀ = exp(Sᵀ - m')
 *     l = l exp(m - m') + sum of rows of Pᵀ
 *     Oᵀ [Dv, NR] = Oᵀ exp(m - m') + Vᵀ · Pᵀ   microkernel; Pᵀ as it lies there is a packed panel
 *
 * and at the end y = (O / l), turned back to rows.
 */
#ifndef QN_KERNELS_ATTENTION_ATTENTION_H
#define QN_KERNELS_ATTENTION_ATTENTION_H

#include "kernels/gemm/gemm_isa.h"

/** Heads of q, k or v: element d of row n of head h of batch b is data[b * batch + h * head + n * row + d]. */
typedef struct qn_heads {
    const void *data;
    qn_dtype dtype;
    int64_t B, H, N, D;
    int64_t batch, head, row;
} qn_heads;

enum { QN_ATTENTION_PANELS = 8 }; /**< panels of MR keys in a block */

typedef struct qn_attention {
    qn_heads q, k, v;
    qn_operand mask; /**< data NULL: none; x is a query, k a key */
    int64_t mask_batch, mask_head;
    bool causal;
    float scale;
    qn_dtype dtype; /**< of y [B, Nq, H Dv] */
    void *y;
    int64_t first, n_heads; /**< key heads (b Hk + g) of this run */
    float *packed;          /**< for each of them head_floats: K [panels][D][MR], then V [panels of Dv][Nk][MR] */
    int64_t head_floats, v_floats; /**< v_floats: where V begins */
    char *local;                   /**< for each worker local_bytes */
    size_t local_bytes;
} qn_attention;

/** Floats that a worker needs. */
int64_t qn_attention_local_floats(const qn_attention *a, const qn_gemm_isa *isa);

/** A qn_pool_fn over n_heads * (H / Hk) * query tiles. */
void qn_attention_scalar(void *a, int64_t begin, int64_t end, int worker);
void qn_attention_avx2(void *a, int64_t begin, int64_t end, int worker);
void qn_attention_avx512(void *a, int64_t begin, int64_t end, int worker);

#endif
