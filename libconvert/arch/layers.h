/* Modules as PyTorch has them, built from a checkpoint: "NAME.weight" and "NAME.bias" become a node called NAME. */
#ifndef QN_ARCH_LAYERS_H
#define QN_ARCH_LAYERS_H

#include "arch/builder.h"

/** nn.Linear: x [..., in] to [..., out]; weight [out, in], bias [out]. */
qn_value *qn_layer_linear(qn_builder *b, const char *name, qn_value *x, int64_t in, int64_t out, bool bias);

/** The same by values that need not be of the checkpoint: weight [out, in], bias [out]. */
qn_value *qn_layer_linear_by(qn_builder *b, const char *name, qn_value *x, qn_value *weight, qn_value *bias);

/** nn.Conv2d: x [B, in, H, W] to [B, out, H', W']; weight [out, in, kernel, kernel], bias [out]; `pad` on every side. */
typedef struct qn_conv_shape {
    int64_t in, out, kernel, stride, pad;
    bool bias;
} qn_conv_shape;
qn_value *qn_layer_conv(qn_builder *b, const char *name, qn_value *x, qn_conv_shape shape);
/** nn.ConvTranspose2d without padding: x [B, in, H, W] to [B, out, H * stride, W * stride] for kernel = stride; weight
 *  [in, out, kernel, kernel], bias [out]. `pad` is ignored. */
qn_value *qn_layer_conv_transpose(qn_builder *b, const char *name, qn_value *x, qn_conv_shape shape);

/** nn.LayerNorm over the last axis, of n elements. */
qn_value *qn_layer_norm(qn_builder *b, const char *name, qn_value *x, int64_t n, double epsilon);

/** softmax(q k^T / sqrt(width)) v by heads: q, k, v [B, N, heads * width], or [B, heads, N, width]; [B, N, heads * width]. */
qn_value *qn_layer_attention(qn_builder *b, const char *name, qn_value *q, qn_value *k, qn_value *v, int64_t heads,
                             int64_t width);
/** The same of one value [B, N, 3 * heads * width] that holds q, k and v side by side. */
qn_value *qn_layer_attention_packed(qn_builder *b, const char *name, qn_value *qkv, int64_t heads, int64_t width);

/* ---- movement; names may be NULL -------------------------------------------------------------------------- */

/** To `dims`, where 0 keeps the dimension of x and -1 is what is left. */
qn_value *qn_layer_reshape(qn_builder *b, const char *name, qn_value *x, const int64_t *dims, int32_t rank);
/** To the numbers of an int64 value. */
qn_value *qn_layer_reshape_to(qn_builder *b, const char *name, qn_value *x, qn_value *dims);
/** To the numbers of n int64 vectors, one after the other. */
qn_value *qn_layer_reshape_parts(qn_builder *b, const char *name, qn_value *x, qn_value *const *parts, int32_t n);
qn_value *qn_layer_transpose(qn_builder *b, const char *name, qn_value *x, const int64_t *perm, int32_t rank);
/** x[..., begin:end, ...] of one axis; end INT64_MAX: to the end. */
qn_value *qn_layer_slice(qn_builder *b, const char *name, qn_value *x, int64_t axis, int64_t begin, int64_t end);
qn_value *qn_layer_concat(qn_builder *b, const char *name, int64_t axis, qn_value *const *in, int32_t n);
/** Elements of x along an axis, which become those that `index` has (int64). */
qn_value *qn_layer_gather(qn_builder *b, const char *name, qn_value *x, qn_value *index, int64_t axis);
/** Dimensions begin .. end - 1 of x: int64 [end - begin]. */
qn_value *qn_layer_dims(qn_builder *b, qn_value *x, int64_t begin, int64_t end);
/** 0, 1, .. n - 1 for n, int64 [1]: int64 [n]. */
qn_value *qn_layer_range(qn_builder *b, qn_value *n);
qn_value *qn_layer_cast(qn_builder *b, const char *name, qn_value *x, qn_dtype dtype);

/** How F.interpolate samples the last two axes of x [B, C, H, W]. */
typedef enum qn_resampling {
    QN_BILINEAR_CORNERS,  /**< bilinear, align_corners=True */
    QN_BILINEAR,          /**< bilinear, align_corners=False */
    QN_BICUBIC            /**< bicubic, a = -0.75, align_corners=False */
} qn_resampling;
/** To sizes, int64 [2]. */
qn_value *qn_layer_resize(qn_builder *b, const char *name, qn_value *x, qn_value *sizes, qn_resampling how);
/** By factors of height and width: output = floor(input * factor). */
qn_value *qn_layer_rescale(qn_builder *b, const char *name, qn_value *x, float factor, qn_resampling how);

#endif
