/* Sliding windows over the spatial axes: the geometry that convolution and pooling share.
 *
 * Along one axis, tap k of the window at output position o reads the input at
 *     o * stride - pad_begin + k * dilation        (convolution, pooling)
 * and in a transposed convolution, where windows lie over the output, tap k brings to output position o the input at
 *     (o + pad_begin - k * dilation) / stride      when that is a whole number.
 * Taps that fall outside the input are left out.
 */
#ifndef QN_KERNELS_SPATIAL_H
#define QN_KERNELS_SPATIAL_H

#include "kernels/kernel.h"

#define QN_MAX_SPATIAL (QN_MAX_RANK - 2)

typedef struct qn_spatial_axis {
    int64_t in, out;             /**< sizes; an output size is >= 0 */
    int64_t kernel;              /**< taps, >= 1 */
    int64_t stride, dilation;    /**< >= 1 */
    int64_t pad_begin, pad_end;  /**< >= 0; auto_pad resolved */
} qn_spatial_axis;

typedef struct qn_spatial {
    int32_t n;                   /**< spatial axes, 1..QN_MAX_SPATIAL */
    qn_spatial_axis axis[QN_MAX_SPATIAL];
} qn_spatial;

/** The window of Conv and pooling (input 0 [N, C, spatial], output 0 likewise) from the attributes auto_pad,
 *  dilations, kernel_shape, pads and strides. `kernel`: the spatial sizes of the weight, or NULL: kernel_shape must
 *  say them. QN_MALFORMED names an attribute that does not fit. */
QN_MUST_USE qn_status qn_spatial_read(const qn_kernel_args *args, const int64_t *kernel, qn_spatial *out);
/** The same for ConvTranspose: pads follow from output_shape or auto_pad where these are given. */
QN_MUST_USE qn_status qn_spatial_read_transposed(const qn_kernel_args *args, const int64_t *kernel, qn_spatial *out);

/** Products over the axes; they fit, because tensors of that many elements exist (kernel: false when it does not). */
int64_t qn_spatial_in_numel(const qn_spatial *w);
int64_t qn_spatial_out_numel(const qn_spatial *w);
bool qn_spatial_kernel_numel(const qn_spatial *w, int64_t *out);

/** The taps of one output position that lie inside the input. */
typedef struct qn_taps {
    int64_t n;
    int64_t *in;      /**< [n] flat offset in the input's spatial axes */
    int64_t *kernel;  /**< [n] flat offset in the window */
} qn_taps;

/** Room for the taps of any position of `w`, in scratch. */
QN_MUST_USE qn_status qn_taps_create(const qn_kernel_args *args, const qn_spatial *w, qn_taps *out);
/** The taps at output position pos[0..w->n), the last axis running fastest. */
void qn_spatial_taps(const qn_spatial *w, const int64_t *pos, qn_taps *taps);
void qn_spatial_taps_transposed(const qn_spatial *w, const int64_t *pos, qn_taps *taps);
/** How many taps of the window at `pos` lie inside the input with its padding. */
double qn_spatial_padded_taps(const qn_spatial *w, const int64_t *pos);

#endif
