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

/** Strides of a C-ordered tensor, in elements. */
void qn_ref_dense_strides(int32_t rank, const int64_t *dims, int64_t *stride);

#endif
