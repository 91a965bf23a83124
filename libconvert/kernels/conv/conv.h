/* Convolution over one or two axes.
 *
 *   Conv           a product W [M/g, C/g taps] · X' for each image and group, where X'[(c, tap), position] is the input
 *                  under the tap. By the first strategy of conv.c that fits:
 *     int8           quantised inputs: the packed product over an image of codes
 *     bf16           bfloat16 arithmetic: the packed product over an image of pairs, where that is faster
 *     winograd       3x3, stride 1, from 8 channels on: 36 products for a 4x4 tile of outputs instead of 144
 *     direct         depthwise, few weights: rows of X' are read where they lie in a padded band of the image
 *     gemm           the packed product; panels of X' are packed straight from the image
 *   ConvTranspose  Wᵀ [M/g taps, C/g] · X, then each output gathers the columns that lie over it
 *
 * One axis is two with a height of 1.
 */
#ifndef QN_KERNELS_CONV_CONV_H
#define QN_KERNELS_CONV_CONV_H

#include "kernels/gemm/gemm.h"
#include "kernels/spatial.h"

/** A convolution over [height, width]. */
typedef struct qn_conv {
    qn_spatial_axis h, w;
    int64_t images, groups, c, m;      /**< c and m: channels of a group, in and out */
    int64_t in_plane, out_plane, taps; /**< elements */
} qn_conv;

/** Read Conv (or ConvTranspose) of 1 or 2 spatial axes. QN_MALFORMED when sizes do not fit. */
QN_MUST_USE qn_status qn_conv_read(const qn_kernel_args *args, bool transposed, qn_conv *out);

/** Is X' the image itself: one tap, no stride, no padding? */
bool qn_conv_pointwise(const qn_conv *c);
/** Y with bias, activation and residual as the epilogue of the products [M, out_plane] of the first image and group. */
QN_MUST_USE qn_status qn_conv_out_read(const qn_kernel_args *args, const qn_conv *c, qn_gemm_out *out);
/** The same moved to product number image * groups + group. */
qn_gemm_out qn_conv_out_at(const qn_gemm_out *out, const qn_conv *c, int64_t batch);

/** The strategies: can this convolution (with outputs) run so; and run it. */
bool qn_conv_winograd_fits(const qn_kernel_args *args, const qn_conv *c);
QN_MUST_USE qn_status qn_conv_winograd_run(const qn_kernel_args *args, const qn_conv *c);
bool qn_conv_bf16_fits(const qn_kernel_args *args, const qn_conv *c);
QN_MUST_USE qn_status qn_conv_bf16_run(const qn_kernel_args *args, const qn_conv *c);
bool qn_conv_direct_fits(const qn_kernel_args *args, const qn_conv *c);
QN_MUST_USE qn_status qn_conv_direct_run(const qn_kernel_args *args, const qn_conv *c);

/** Can this convolution (with outputs), whose input is not quantised yet, run in int8 arithmetic; and run it so. */
bool qn_conv_int8_fits(const qn_kernel_args *args, const qn_conv *c);
QN_MUST_USE qn_status qn_conv_int8_run(const qn_kernel_args *args, const qn_conv *c);

/** qn_pack_fn whose operand is an image [c, in_plane] of F32, F16 or BF16, or of units as F32: x walks over output
 * positions, k over (channel, tap), pack_arg is a qn_conv. */
qn_pack_fn qn_conv_pack_of(const qn_context *ctx);
void qn_conv_pack_scalar(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int width, float *dst);
void qn_conv_pack_neon(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int width, float *dst);
void qn_conv_pack_avx2(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int width, float *dst);
void qn_conv_pack_avx512(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int width, float *dst);

#endif
