/* Copies between strided views: what transposing, slicing, expanding, tiling, joining and splitting have in common. */
#ifndef QN_KERNELS_REF_COPY_H
#define QN_KERNELS_REF_COPY_H

#include "kernels/kernel.h"

/** Tile views each dimension as two. */
enum { QN_COPY_MAX_RANK = 2 * QN_MAX_RANK };

/** dst[sum i_d dst_stride[d]] = src[sum i_d src_stride[d]] for all i_d in [0, dims[d]). Strides are in elements and may
 *  be 0 (src only) or negative; `bytes` is the size of an element: 1, 2, 4 or 8, and the
 *  addresses need not be aligned to it. The two do not overlap. Dimensions
 *  walked alike are merged, contiguous runs are memcpy, transposes go by cache-sized tiles, large copies over the
 *  pool. */
void qn_ref_copy(qn_context *ctx, size_t bytes, int32_t rank, const int64_t *dims, void *dst, const int64_t *dst_stride,
                 const void *src, const int64_t *src_stride);

/** y[i yi + j] = x[i + j xj] for i in [0, ni), j in [0, nj), elements of 1, 2 or 4 bytes at any address. */
typedef void (*qn_turn_fn)(size_t bytes, int64_t ni, int64_t nj, void *y, int64_t yi, const void *x, int64_t xj);
/** The same copy, with the planes in which source and destination run in different directions by `turn`. */
void qn_ref_copy_by(qn_context *ctx, qn_turn_fn turn, size_t bytes, int32_t rank, const int64_t *dims, void *dst,
                    const int64_t *dst_stride, const void *src, const int64_t *src_stride);

/** Strides along x of the axes of y for a Transpose node, checked. */
QN_MUST_USE qn_status qn_ref_transpose_strides(const qn_kernel_args *args, int64_t *stride);

/** Strides of a C-ordered tensor, in elements. */
void qn_ref_dense_strides(int32_t rank, const int64_t *dims, int64_t *stride);

#endif
