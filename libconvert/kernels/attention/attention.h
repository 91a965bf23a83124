/* MultiHeadAttention without a matrix of scores in memory.
 *
 * Many queries: for each key head, keys and values are packed once. Then a tile of NR queries, one a vector lane, walks
 * over the keys in blocks (online softmax: Milakov and Gimelshein 2018, section 3):
 *
 *     Sᵀ [block, NR] = scale K · Qᵀ + mask      MR keys at a time in registers, with the running maximum m' of each
 * lane Pᵀ = exp(Sᵀ - m'),  l = l exp(m - m') + sum of rows of Pᵀ Oᵀ [E, NR] = Oᵀ exp(m - m') + Vᵀ · Pᵀ      MR elements
 * at a time in registers
 *
 * and at the end y = (O / l), turned back to rows. One block covers up to QN_ATTENTION_BLOCK keys: then nothing is
 * corrected.
 *
 * Few queries (QN_ATTENTION_FEW) read keys and values where they lie, each head in chunks of QN_ATTENTION_CHUNK keys
 * that are worked on apart; the chunks' (m, l, O) are merged in their order (flash-decoding: Dao and others 2023).
 *
 * Everything packed is in units of 32 bits: one float32, or two bfloat16 that are neighbours along the index that is
 * summed (attention_avx512bf16.c): Q, K, V and Pᵀ rounded, l the sum of the Pᵀ that was not.
 */
#ifndef QN_KERNELS_ATTENTION_ATTENTION_H
#define QN_KERNELS_ATTENTION_ATTENTION_H

#include "base/pool.h"
#include "kernels/kernel.h"

enum {
    QN_ATTENTION_BLOCK = 128, /**< keys in a block; a multiple of every panel's width */
    QN_ATTENTION_STRIP = 4,   /**< tiles that are worked on together, so that a block of keys is read once for them */
    QN_ATTENTION_FEW = 8,     /**< queries that are not worth packing for */
    QN_ATTENTION_CHUNK = 512  /**< keys of a piece then */
};

/** Heads of q, k or v: element d of row n >= n_past of head h of batch b is
 *  data[b * batch + h * head + (n - n_past) * row + d], of an earlier row past[((b * H + h) * n_past + n) * D + d]. */
typedef struct qn_heads {
    const void *data, *past;
    qn_dtype dtype, past_dtype;
    int64_t B, H, N, D;
    int64_t n_past;
    int64_t batch, head, row;
} qn_heads;

/** What is added to the scores: element (b, h, i, j) is data[b * batch + h * head + i * query + j * key]. */
typedef struct qn_attention_mask {
    const void *data; /**< NULL: nothing */
    qn_dtype dtype;
    int64_t batch, head, query, key; /**< key is 0 or 1 */
} qn_attention_mask;

typedef struct qn_attention {
    qn_heads q, k, v;
    qn_attention_mask mask;
    bool causal;
    float scale;
    qn_dtype dtype; /**< of y [B, Nq, H E] */
    void *y;
    int64_t group; /**< query heads a key head */

    int64_t first, n_heads; /**< key heads (b Hk + g) of this run */
    bool local_pack;        /**< a piece is a key head, packed by the worker for itself */
    float *packed;          /**< for each head head_units: K, then V */
    int64_t k_units, head_units;
    char *local; /**< for each worker local_bytes: packed if local_pack, then the tile */
    size_t local_bytes;

    int64_t n_chunks, state_floats; /**< few queries: chunks of a head, floats of a chunk */
    float *state;                   /**< [key heads][chunks][group Nq][2 + E]: m, l, O */
} qn_attention;

/** What an instruction set gives. */
typedef struct qn_attention_isa {
    int nr, panel, pair; /**< queries of a tile; width of panels; elements of a unit */
    /** qn_pool_fn over n_heads * blocks of QN_ATTENTION_BLOCK keys. */
    qn_pool_fn pack;
    /** Over n_heads * strips (of the group * tiles of a head), or n_heads when local_pack. */
    qn_pool_fn tiles;
    /** Over (all key heads) * n_chunks, and over B * Hk * group * Nq rows of y. */
    qn_pool_fn chunks, merge;
} qn_attention_isa;

extern const qn_attention_isa qn_attention_isa_scalar, qn_attention_isa_neon, qn_attention_isa_avx2,
    qn_attention_isa_avx512, qn_attention_isa_avx512bf16;

/** Inputs and attributes of the node. Fails where they disagree. */
QN_MUST_USE qn_status qn_attention_read(const qn_kernel_args *args, qn_attention *a);

/** Units of 32 bits that n elements take. */
static inline int64_t qn_attention_units(int64_t n, int pair) { return (n + pair - 1) / pair; }
static inline int64_t qn_attention_round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
/** Row n of key head `index` (b Hk + g) and its dtype. */
static inline const void *qn_heads_row(const qn_heads *h, int64_t index, int64_t n, qn_dtype *dtype) {
    const int64_t at = n < h->n_past ? (index * h->n_past + n) * h->D
                                     : index / h->H * h->batch + index % h->H * h->head + (n - h->n_past) * h->row;
    *dtype = n < h->n_past ? h->past_dtype : h->dtype;
    return (const char *)(n < h->n_past ? h->past : h->data) + at * (int64_t)qn_dtype_bytes(*dtype);
}

#endif
