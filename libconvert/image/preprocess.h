/* Photos to the input of a model: RGB of 8 bits to float32 [1, 3, h, w], as the preprocessing of the graph says. */
#ifndef QN_IMAGE_PREPROCESS_H
#define QN_IMAGE_PREPROCESS_H

#include "ir/preprocess.h"

/** The size that a photo of height x width (each 1..QN_MAX_SIDE) is brought to; docs/images.md has the formulas.
 *  QN_UNSUPPORTED when a side comes to 0 or to more than QN_MAX_SIDE, or all of it (or what comes first, of
 *  QN_SIZE_LONGEST) to more than QN_MAX_PIXELS. */
QN_MUST_USE qn_status qn_preprocess_size(qn_context *ctx, const qn_preprocess *p, int64_t height, int64_t width,
                                         int64_t *out_height, int64_t *out_width);

/** out [3, out_height, out_width] (of qn_preprocess_size) from rgb [height, width, 3]. With the channel's
 *      m = mean * (1 / rescale),  s = std * (1 / rescale)
 *  in float32 (1 / rescale is rounded to it), x becomes (x - m) / s; where all means are 0 and all std 1, x * rescale. */
QN_MUST_USE qn_status qn_preprocess_photo(qn_context *ctx, const qn_preprocess *p, const uint8_t *rgb, int64_t height,
                                          int64_t width, int64_t out_height, int64_t out_width, float *out);

#endif
