/* LayerNormalization, RMSNormalization, Softmax and LogSoftmax by rows, BatchNormalization and InstanceNormalization by
 * planes [n, c]: float32 arithmetic, lane sums, float32, float16
 * or bfloat16 storage. */
#ifndef QN_KERNELS_NORM_NORM_H
#define QN_KERNELS_NORM_NORM_H

#include "kernels/kernel.h"

typedef struct qn_norm {
    qn_op op;
    qn_tensor x, y, scale, shift; /**< scale and shift have `size` elements; shift may be absent */
    int64_t size;                 /**< elements that are normalised together */
    int64_t inner;                /**< distance between them; 1 but for softmax over an inner axis */
    float epsilon;
} qn_norm;

/** y = (x - mean[c]) factor[c] + shift[c] over planes of `size` elements; where mean is NULL, each plane's own mean, and
 *  factor / sqrt(its variance + epsilon). */
typedef struct qn_norm_channels {
    qn_tensor x, y;
    const float *mean, *factor, *shift; /**< [channels] */
    int64_t channels, size;
    float epsilon;
} qn_norm_channels;

/** qn_pool_fn with a qn_norm_channels over planes. */
void qn_norm_planes_scalar(void *norm, int64_t begin, int64_t end, int worker);
void qn_norm_planes_neon(void *norm, int64_t begin, int64_t end, int worker);
void qn_norm_planes_avx2(void *norm, int64_t begin, int64_t end, int worker);
void qn_norm_planes_avx512(void *norm, int64_t begin, int64_t end, int worker);

/** qn_pool_fn over rows, or with inner > 1 over rows * ceil(inner / lanes) groups of lanes. */
void qn_norm_rows_scalar(void *norm, int64_t begin, int64_t end, int worker);
void qn_norm_rows_neon(void *norm, int64_t begin, int64_t end, int worker);
void qn_norm_rows_avx2(void *norm, int64_t begin, int64_t end, int worker);
void qn_norm_rows_avx512(void *norm, int64_t begin, int64_t end, int worker);

#endif
