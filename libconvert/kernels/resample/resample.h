/* Resize and pooling over the last two axes (or the last one); global pooling.
 *
 * Resize by taps: each output is a sum of a few input samples along each axis, with weights that depend on the position
 * alone. An input row is resampled along the row once, kept for the output rows that use it, and these are sums of
 * whole rows. */
#ifndef QN_KERNELS_RESAMPLE_RESAMPLE_H
#define QN_KERNELS_RESAMPLE_RESAMPLE_H

#include "kernels/kernel.h"

/** Taps of one axis: output o is the sum over t of weight[t * out + o] * sample index[t * out + o]. */
typedef struct qn_axis_taps {
    int64_t in, out, n;
    int32_t *index;
    float *weight;
    bool ascends; /**< no tap's index is less than that of the output before it */
} qn_axis_taps;

typedef struct qn_resample {
    qn_axis_taps h, w;
    qn_tensor x, y;
    int64_t band, bands; /**< output rows of a piece; pieces of a plane */
    float *rows;         /**< for each worker worker_floats: h.n + 1 rows of w.out, one of w.in */
    int64_t worker_floats;
} qn_resample;

/** A qn_pool_fn over planes * bands. */
void qn_resample_scalar(void *r, int64_t begin, int64_t end, int worker);
void qn_resample_neon(void *r, int64_t begin, int64_t end, int worker);
void qn_resample_avx2(void *r, int64_t begin, int64_t end, int worker);
void qn_resample_avx512(void *r, int64_t begin, int64_t end, int worker);

/** MaxPool or AveragePool. */
typedef struct qn_window_pool {
    qn_tensor x, y;
    int64_t h_in, w_in, h_out, w_out, h_kernel, w_kernel, h_stride, w_stride, h_dilation, w_dilation, h_pad, w_pad;
    float *h_taps, *w_taps; /**< AveragePool, [h_out] and [w_out]: taps that count along each axis */
    float *rows;            /**< for each worker worker_floats: a padded row, and QN_POOL_SLACK behind it */
    int64_t worker_floats;
} qn_window_pool;

enum { QN_POOL_SLACK = 64 };

/** qn_pool_fn over planes * h_out. */
void qn_max_pool_scalar(void *p, int64_t begin, int64_t end, int worker);
void qn_max_pool_neon(void *p, int64_t begin, int64_t end, int worker);
void qn_max_pool_avx2(void *p, int64_t begin, int64_t end, int worker);
void qn_max_pool_avx512(void *p, int64_t begin, int64_t end, int worker);
void qn_average_pool_scalar(void *p, int64_t begin, int64_t end, int worker);
void qn_average_pool_neon(void *p, int64_t begin, int64_t end, int worker);
void qn_average_pool_avx2(void *p, int64_t begin, int64_t end, int worker);
void qn_average_pool_avx512(void *p, int64_t begin, int64_t end, int worker);

/** GlobalAveragePool or GlobalMaxPool: planes of `size` elements. */
typedef struct qn_global_pool {
    const qn_tensor *x, *y;
    int64_t size;
    bool max;
} qn_global_pool;

/** A qn_pool_fn over planes. */
void qn_global_pool_scalar(void *p, int64_t begin, int64_t end, int worker);
void qn_global_pool_neon(void *p, int64_t begin, int64_t end, int worker);
void qn_global_pool_avx2(void *p, int64_t begin, int64_t end, int worker);
void qn_global_pool_avx512(void *p, int64_t begin, int64_t end, int worker);

#endif
