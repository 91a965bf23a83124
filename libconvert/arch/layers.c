#include "arch/layers.h"

#include <math.h>

static qn_value *weight_of(qn_builder *b, const char *module, const int64_t *dims, int32_t rank) {
    return qn_build_weight(b, qn_build_name(b, "%s.weight", module), dims, rank);
}

static qn_value *bias_of(qn_builder *b, const char *module, int64_t n, bool there) {
    return there ? qn_build_weight(b, qn_build_name(b, "%s.bias", module), &n, 1) : NULL;
}

/* Inputs without a last one that is absent. */
static int32_t count_inputs(const qn_value *last) { return last ? 3 : 2; }

qn_value *qn_layer_linear(qn_builder *b, const char *name, qn_value *x, int64_t in, int64_t out, bool bias) {
    qn_value *weight = weight_of(b, name, QN_DIMS(out, in));
    return qn_layer_linear_by(b, name, x, weight, bias_of(b, name, out, bias));
}

qn_value *qn_layer_linear_by(qn_builder *b, const char *name, qn_value *x, qn_value *weight, qn_value *bias) {
    qn_value *inputs[] = {x, weight, bias};
    const qn_attr attrs[] = {QN_INT("trans_w", 1)};
    return qn_build_op(b, QN_OP_Linear, name, inputs, count_inputs(bias), attrs, 1);
}

qn_value *qn_layer_conv(qn_builder *b, const char *name, qn_value *x, qn_conv_shape s) {
    const int64_t kernel[] = {s.kernel, s.kernel}, strides[] = {s.stride, s.stride};
    const int64_t pads[] = {s.pad, s.pad, s.pad, s.pad};
    qn_value *inputs[] = {x, weight_of(b, name, QN_DIMS(s.out, s.in, s.kernel, s.kernel)), bias_of(b, name, s.out, s.bias)};
    const qn_attr attrs[] = {QN_INTS("kernel_shape", 2, kernel), QN_INTS("strides", 2, strides), QN_INTS("pads", 4, pads)};
    return qn_build_op(b, QN_OP_Conv, name, inputs, count_inputs(inputs[2]), attrs, 3);
}

qn_value *qn_layer_conv_transpose(qn_builder *b, const char *name, qn_value *x, qn_conv_shape s) {
    const int64_t kernel[] = {s.kernel, s.kernel}, strides[] = {s.stride, s.stride};
    qn_value *inputs[] = {x, weight_of(b, name, QN_DIMS(s.in, s.out, s.kernel, s.kernel)), bias_of(b, name, s.out, s.bias)};
    const qn_attr attrs[] = {QN_INTS("kernel_shape", 2, kernel), QN_INTS("strides", 2, strides)};
    return qn_build_op(b, QN_OP_ConvTranspose, name, inputs, count_inputs(inputs[2]), attrs, 2);
}

qn_value *qn_layer_norm(qn_builder *b, const char *name, qn_value *x, int64_t n, double epsilon) {
    qn_value *inputs[] = {x, weight_of(b, name, QN_DIMS(n)), bias_of(b, name, n, true)};
    const qn_attr attrs[] = {QN_INT("axis", -1), QN_FLOAT("epsilon", (float)epsilon)};
    return qn_build_op(b, QN_OP_LayerNormalization, name, inputs, 3, attrs, 2);
}

/* q, k and v from elements at * distance of their rows on. */
static qn_value *attention(qn_builder *b, const char *name, qn_value *const *qkv, int64_t heads, int64_t width,
                           int64_t distance) {
    const qn_attr attrs[] = {QN_INT("num_heads", heads), QN_INT("kv_num_heads", heads), QN_INT("head_dim", width),
                             QN_INT("v_head_dim", width), QN_FLOAT("scale", (float)(1 / sqrt((double)width))),
                             QN_INT("q_offset", 0), QN_INT("k_offset", distance), QN_INT("v_offset", 2 * distance)};
    return qn_build_op(b, QN_OP_MultiHeadAttention, name, qkv, 3, attrs, distance ? 8 : 5);
}

qn_value *qn_layer_attention(qn_builder *b, const char *name, qn_value *q, qn_value *k, qn_value *v, int64_t heads,
                             int64_t width) {
    qn_value *inputs[] = {q, k, v};
    return attention(b, name, inputs, heads, width, 0);
}

qn_value *qn_layer_attention_packed(qn_builder *b, const char *name, qn_value *qkv, int64_t heads, int64_t width) {
    qn_value *inputs[] = {qkv, qkv, qkv};
    return attention(b, name, inputs, heads, width, heads * width);
}

/* ---- movement --------------------------------------------------------------------------------------------- */

qn_value *qn_layer_reshape(qn_builder *b, const char *name, qn_value *x, const int64_t *dims, int32_t rank) {
    return qn_layer_reshape_to(b, name, x, qn_build_ints(b, dims, rank));
}

qn_value *qn_layer_reshape_to(qn_builder *b, const char *name, qn_value *x, qn_value *dims) {
    return qn_build_binary(b, QN_OP_Reshape, name, x, dims);
}

qn_value *qn_layer_reshape_parts(qn_builder *b, const char *name, qn_value *x, qn_value *const *parts, int32_t n) {
    return qn_layer_reshape_to(b, name, x, qn_layer_concat(b, NULL, 0, parts, n));
}

qn_value *qn_layer_transpose(qn_builder *b, const char *name, qn_value *x, const int64_t *perm, int32_t rank) {
    const qn_attr attrs[] = {QN_INTS("perm", rank, perm)};
    return qn_build_op(b, QN_OP_Transpose, name, &x, 1, attrs, 1);
}

qn_value *qn_layer_slice(qn_builder *b, const char *name, qn_value *x, int64_t axis, int64_t begin, int64_t end) {
    qn_value *inputs[] = {x, qn_build_ints(b, &begin, 1), qn_build_ints(b, &end, 1), qn_build_ints(b, &axis, 1)};
    return qn_build_op(b, QN_OP_Slice, name, inputs, 4, NULL, 0);
}

qn_value *qn_layer_concat(qn_builder *b, const char *name, int64_t axis, qn_value *const *in, int32_t n) {
    const qn_attr attrs[] = {QN_INT("axis", axis)};
    return qn_build_op(b, QN_OP_Concat, name, in, n, attrs, 1);
}

qn_value *qn_layer_gather(qn_builder *b, const char *name, qn_value *x, qn_value *index, int64_t axis) {
    qn_value *inputs[] = {x, index};
    const qn_attr attrs[] = {QN_INT("axis", axis)};
    return qn_build_op(b, QN_OP_Gather, name, inputs, 2, attrs, 1);
}

qn_value *qn_layer_dims(qn_builder *b, qn_value *x, int64_t begin, int64_t end) {
    const qn_attr attrs[] = {QN_INT("start", begin), QN_INT("end", end)};
    return qn_build_op(b, QN_OP_Shape, NULL, &x, 1, attrs, 2);
}

qn_value *qn_layer_range(qn_builder *b, qn_value *n) {
    const int64_t zero = 0, one = 1;
    qn_value *inputs[] = {qn_build_ints(b, &zero, -1), qn_build_by_ints(b, QN_OP_Squeeze, NULL, n, QN_DIMS(0)),
                          qn_build_ints(b, &one, -1)};
    return qn_build_op(b, QN_OP_Range, NULL, inputs, 3, NULL, 0);
}

qn_value *qn_layer_cast(qn_builder *b, const char *name, qn_value *x, qn_dtype dtype) {
    const qn_attr attrs[] = {QN_INT("to", dtype)};
    return qn_build_op(b, QN_OP_Cast, name, &x, 1, attrs, 1);
}

/* ---- resampling --------------------------------------------------------------------------------------------- */

static qn_value *resize(qn_builder *b, const char *name, qn_value *const *inputs, int32_t n, qn_resampling how) {
    static const int64_t axes[] = {2, 3};
    const qn_attr attrs[] = {
        QN_STRING("mode", how == QN_BICUBIC ? "cubic" : "linear"),
        QN_STRING("coordinate_transformation_mode", how == QN_BILINEAR_CORNERS ? "align_corners" : "half_pixel"),
        QN_FLOAT("cubic_coeff_a", -0.75f), QN_INTS("axes", 2, axes)};
    return qn_build_op(b, QN_OP_Resize, name, inputs, n, attrs, 4);
}

qn_value *qn_layer_resize(qn_builder *b, const char *name, qn_value *x, qn_value *sizes, qn_resampling how) {
    qn_value *inputs[] = {x, NULL, NULL, sizes};
    return resize(b, name, inputs, 4, how);
}

qn_value *qn_layer_rescale(qn_builder *b, const char *name, qn_value *x, float factor, qn_resampling how) {
    const float factors[] = {factor, factor};
    qn_value *inputs[] = {x, NULL, qn_build_floats(b, factors, 2)};
    return resize(b, name, inputs, 3, how);
}
