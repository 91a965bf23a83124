/* Resize and MaxPool over the last two axes (or the last one).
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
void qn_resample_avx2(void *r, int64_t begin, int64_t end, int worker);
void qn_resample_avx512(void *r, int64_t begin, int64_t end, int worker);

typedef struct qn_max_pool {
    qn_tensor x, y;
    int64_t h_in, w_in, h_out, w_out, h_kernel, w_kernel, h_stride, w_stride, h_dilation, w_dilation, h_pad, w_pad;
    float *rows; /**< for each worker worker_floats */
    int64_t worker_floats;
} qn_max_pool;

/** A qn_pool_fn over planes * h_out. */
void qn_max_pool_scalar(void *p, int64_t begin, int64_t end, int worker);
void qn_max_pool_avx2(void *p, int64_t begin, int64_t end, int worker);
void qn_max_pool_avx512(void *p, int64_t begin, int64_t end, int worker);

#endif
