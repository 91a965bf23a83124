/* Reductions over neighbouring axes, [outer, size, inner] to [outer, inner]: float32 arithmetic, float32, float16 or
 * bfloat16 storage.
 *
 * Sums have two levels, QN_REDUCE_BLOCK additions to a part and then the parts, and lanes beside them, so that their
 * error is at most (QN_REDUCE_BLOCK + size / (QN_REDUCE_BLOCK * lanes) + lanes) 2^-24 of the sum of magnitudes. Long
 * rows are cut into pieces of QN_REDUCE_PART elements, whatever the number of threads, and joined in double. Squares
 * overflow from 1.8e19 on. */
#ifndef QN_KERNELS_REDUCE_REDUCE_H
#define QN_KERNELS_REDUCE_REDUCE_H

#include "base/status.h"
#include "kernels/kernel.h"

enum { QN_REDUCE_BLOCK = 64, QN_REDUCE_PART = 1 << 15, QN_REDUCE_COLUMNS = 64 };

typedef enum qn_reduce_kind {
    QN_REDUCE_SUM,
    QN_REDUCE_SQUARES,
    QN_REDUCE_PROD,
    QN_REDUCE_MAX,
    QN_REDUCE_MIN
} qn_reduce_kind;

typedef struct qn_reduction {
    qn_reduce_kind kind;
    qn_dtype dtype; /**< of x */
    const void *x;
    float *y; /**< inner 1: [outer, parts], parts = ceil(size / QN_REDUCE_PART); else [outer, inner] */
    int64_t size, inner;
} qn_reduction;

/** qn_pool_fn with a qn_reduction. inner 1: over outer * parts; else over outer * ceil(inner / QN_REDUCE_COLUMNS)
 *  groups of columns. */
void qn_reduce_pieces_scalar(void *reduction, int64_t begin, int64_t end, int worker);
void qn_reduce_pieces_neon(void *reduction, int64_t begin, int64_t end, int worker);
void qn_reduce_pieces_avx2(void *reduction, int64_t begin, int64_t end, int worker);
void qn_reduce_pieces_avx512(void *reduction, int64_t begin, int64_t end, int worker);

#endif
