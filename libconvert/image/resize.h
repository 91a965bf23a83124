/* Planes of float32 brought to another size: nearest, bilinear, bicubic, with antialias or not, and by area.
 *
 * Half-pixel centres: output pixel i lies at (i + 0.5) * scale - 0.5 of the input, scale = input size / output size. Two
 * passes, along rows and then along columns; each output is a sum of taps w[k] * x[k] in float32, in a fixed order:
 *     plain:     t = w[1] * x[1];  t = fma(w[0], x[0], t);  then t = fma(w[k], x[k], t) for k = 2, 3
 *     filtered:  t = w[0] * x[0];  then, in groups of four while four are left, t = t + (w[k] * x[k]), both rounded;
 *                then t = fma(w[k], x[k], t) for those left over
 * With the weights of axis.h these are, bit for bit, the numbers of PyTorch's torch.nn.functional.interpolate (1.13, on a
 * CPU with AVX2, float32 of three channels): modes nearest-exact, bilinear and bicubic, align_corners=False, antialias
 * false or true. `area` is OpenCV's INTER_AREA as a formula, not to the bit.
 */
#ifndef QN_IMAGE_RESIZE_H
#define QN_IMAGE_RESIZE_H

#include "ir/preprocess.h"

/** in [planes, height, width] to out [planes, out_height, out_width]; all sizes >= 1 and at most INT32_MAX. The pool of
 *  `ctx` shares the rows; the numbers do not depend on it. */
QN_MUST_USE qn_status qn_resize(qn_context *ctx, const float *in, int64_t planes, int64_t height, int64_t width, float *out,
                                int64_t out_height, int64_t out_width, qn_interpolation interpolation, bool antialias);

#endif
