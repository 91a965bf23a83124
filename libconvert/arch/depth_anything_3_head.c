/* The head of Depth Anything 3: DPT, twice over the same four maps, once for depth and once for rays.
 *
 *   features ─► norm ─► project, + places ─► resize ─► maps ─► fuse ─► to the image, + places ─► depth, its confidence
 *                                                         └─► fuse (aux) ─► + places ─► rays, their confidence
 *
 * A map is told where its cells are in the picture: the code of n channels is 1/10 of [sin u, cos u, sin v, cos v], n/4
 * each, over falling frequencies. u and v are centres of columns and rows in a coordinate in which half the diagonal of
 * the picture has length 1. A monocular model has one tower, no norm and no code.
 */
#include "arch/depth_anything_3.h"

enum { HEAD = 32, RAY = 6 }; /* channels before the last product; numbers of a ray */

static qn_value *op(qn_builder *b, qn_op kind, qn_value *x, qn_value *y) { return qn_build_binary(b, kind, NULL, x, y); }

/* ---- places ------------------------------------------------------------------------------------------------ */

/* Half sides of the picture when half its diagonal is 1: float32 [2], of height and width. */
static qn_value *half_sides(qn_builder *b, const qn_da3_scene *scene) {
    qn_value *size = qn_layer_cast(b, NULL, scene->size, QN_F32);
    return op(b, QN_OP_Div, size, qn_build_by_ints(b, QN_OP_ReduceL2, NULL, size, QN_DIMS(0)));
}

/* The code of n cells along a side: [channels / 2, n], scaled by 1/10. `half`: float32 [1]. */
static qn_value *code_side(qn_builder *b, int64_t channels, qn_value *n, qn_value *half) {
    qn_value *count = qn_layer_cast(b, NULL, n, QN_F32), *at = qn_layer_cast(b, NULL, qn_layer_range(b, n), QN_F32);
    at = qn_build_by_float(b, QN_OP_Add, NULL, qn_build_by_float(b, QN_OP_Mul, NULL, at, 2), 1);
    at = op(b, QN_OP_Div, op(b, QN_OP_Mul, op(b, QN_OP_Sub, at, count), half), count);      /* [n] */
    qn_value *frequency = qn_build_by_ints(b, QN_OP_Unsqueeze, NULL, qn_da3_frequencies(b, channels / 4), QN_DIMS(1));
    qn_value *angle = op(b, QN_OP_Mul, frequency, at);                                      /* [channels / 4, n] */
    qn_value *both[] = {qn_build_unary(b, QN_OP_Sin, NULL, angle), qn_build_unary(b, QN_OP_Cos, NULL, angle)};
    return qn_build_by_float(b, QN_OP_Mul, NULL, qn_layer_concat(b, NULL, 0, both, 2), 0.1f);
}

/* Zeros before or behind the channels of a side's code: float32 [1, channels, ...] of the rank-4 shape `dims`. */
static qn_value *place_side(qn_builder *b, qn_value *code, int64_t before, int64_t behind, const int64_t *dims) {
    const int64_t pads[] = {before, 0, behind, 0};
    code = qn_build_by_ints(b, QN_OP_Pad, NULL, code, pads, 4);
    return qn_layer_reshape(b, NULL, code, dims, 4);
}

/* What add_places is called with through qn_dpt_reassemble. */
typedef struct places {
    qn_builder *b;
    const qn_da3_scene *scene;
    int64_t channels;
} places;

/* x [V, channels, h', w'] and the code. Columns and rows are added one after the other, with zeros for the channels of the
 * other: no table of the size of x is made. */
static qn_value *add_places(void *user, qn_value *x) {
    const places *p = user;
    qn_builder *b = p->b;
    const int64_t n = p->channels;
    b->in_float32 = true;
    qn_value *half = half_sides(b, p->scene);
    qn_value *half_width = qn_layer_slice(b, NULL, half, 0, 1, 2), *half_height = qn_layer_slice(b, NULL, half, 0, 0, 1);
    qn_value *u = code_side(b, n, qn_layer_dims(b, x, 3, 4), half_width);
    qn_value *v = code_side(b, n, qn_layer_dims(b, x, 2, 3), half_height);
    b->in_float32 = false;
    u = place_side(b, u, 0, n / 2, (const int64_t[]){1, n, 1, -1});
    v = place_side(b, v, n / 2, 0, (const int64_t[]){1, n, -1, 1});
    return op(b, QN_OP_Add, op(b, QN_OP_Add, x, u), v);
}

/* ---- towers --------------------------------------------------------------------------------------------------- */

/* Features [V, h w, D'] of a level as a map of the channels of fusion. */
static qn_value *make_map(qn_builder *b, const qn_da3 *m, const qn_da3_scene *scene, int level, qn_value *x) {
    const int64_t dual = m->start >= 0;
    places p = {b, scene, m->dpt.channels[level]};
    if (dual)
        x = qn_layer_norm(b, qn_dpt_name(b, &m->dpt, "norm"), x, m->dpt.hidden, 1e-5);
    x = qn_tokens_to_map(b, NULL, x, m->dpt.hidden, scene->grid);
    x = qn_dpt_reassemble(b, &m->dpt, level, x, dual ? add_places : NULL, &p);
    return qn_dpt_conv(b, &m->dpt, level, x);
}

/* x [V, in, H, W] by a 3 x 3 and a pointwise convolution, NAME.0 and NAME.2, with a rectifier between. */
static qn_value *finish(qn_builder *b, const char *name, qn_value *x, int64_t in, int64_t out) {
    x = qn_layer_conv(b, qn_build_name(b, "%s.0", name), x, (qn_conv_shape){in, HEAD, 3, 1, 1, true});
    x = qn_build_unary(b, QN_OP_Relu, qn_build_name(b, "%s.1", name), x);
    return qn_layer_conv(b, qn_build_name(b, "%s.2", name), x, (qn_conv_shape){HEAD, out, 1, 1, 0, true});
}

static void give(qn_builder *b, const qn_da3_scene *scene, const char *name, qn_value *x, qn_value *size, int64_t n) {
    qn_value *dims[] = {scene->batch, scene->views, size, qn_build_ints(b, &n, 1)};
    qn_build_output(b, name, qn_layer_reshape_parts(b, name, x, dims, n ? 4 : 3));
}

static qn_value *one_more(qn_builder *b, qn_value *x) {
    return qn_build_by_float(b, QN_OP_Add, NULL, qn_build_unary(b, QN_OP_Exp, NULL, x), 1);
}

static void decode_depth(qn_builder *b, const qn_da3 *m, const qn_da3_scene *scene, qn_value *x) {
    const int64_t half = m->dpt.fusion / 2;
    places p = {b, scene, half};
    x = qn_layer_conv(b, qn_dpt_name(b, &m->dpt, "scratch.output_conv1"), x, (qn_conv_shape){m->dpt.fusion, half, 3, 1, 1, true});
    x = qn_layer_resize(b, NULL, x, scene->size, QN_BILINEAR_CORNERS); /* [V, half, H, W] */
    if (m->start < 0) {
        qn_value *sky = finish(b, qn_dpt_name(b, &m->dpt, "scratch.sky_output_conv2"), x, half, 1);
        x = finish(b, qn_dpt_name(b, &m->dpt, "scratch.output_conv2"), x, half, 1);
        give(b, scene, "depth", qn_build_unary(b, QN_OP_Exp, NULL, x), scene->size, 0);
        give(b, scene, "sky", qn_build_unary(b, QN_OP_Relu, NULL, sky), scene->size, 0);
        return;
    }
    x = finish(b, qn_dpt_name(b, &m->dpt, "scratch.output_conv2"), add_places(&p, x), half, 2);
    give(b, scene, "depth", qn_build_unary(b, QN_OP_Exp, NULL, qn_layer_slice(b, NULL, x, 1, 0, 1)), scene->size, 0);
    give(b, scene, "depth_conf", one_more(b, qn_layer_slice(b, NULL, x, 1, 1, 2)), scene->size, 0);
}

/* The last of four heads over the tower of rays: the others are of no output. */
static void decode_rays(qn_builder *b, const qn_da3 *m, const qn_da3_scene *scene, qn_value *x) {
    const int64_t full = m->dpt.fusion, half = full / 2;
    places p = {b, scene, half};
    for (int i = 0; i < 5; i++) {
        const int64_t in = i % 2 ? half : full, out = i % 2 ? full : half;
        x = qn_layer_conv(b, qn_build_name(b, "%sscratch.output_conv1_aux.3.%d", m->dpt.prefix, i), x,
                          (qn_conv_shape){in, out, 3, 1, 1, true});
    }
    x = qn_layer_conv(b, qn_dpt_name(b, &m->dpt, "scratch.output_conv2_aux.3.0"), add_places(&p, x),
                      (qn_conv_shape){half, HEAD, 3, 1, 1, true});
    x = qn_layer_transpose(b, NULL, x, QN_DIMS(0, 2, 3, 1));                                /* [V, 8 h, 8 w, 32] */
    x = qn_layer_norm(b, qn_dpt_name(b, &m->dpt, "scratch.output_conv2_aux.3.2"), x, HEAD, 1e-5);
    x = qn_build_unary(b, QN_OP_Relu, qn_dpt_name(b, &m->dpt, "scratch.output_conv2_aux.3.4"), x);
    const char *last = qn_dpt_name(b, &m->dpt, "scratch.output_conv2_aux.3.5");
    qn_value *weight = qn_build_weight(b, qn_build_name(b, "%s.weight", last), QN_DIMS(RAY + 1, HEAD, 1, 1));
    weight = qn_layer_reshape(b, NULL, weight, QN_DIMS(RAY + 1, HEAD));
    qn_value *bias = qn_build_weight(b, qn_build_name(b, "%s.bias", last), QN_DIMS(RAY + 1));
    x = qn_layer_linear_by(b, last, x, weight, bias);                                       /* [V, 8 h, 8 w, 7] */
    qn_value *size = qn_layer_dims(b, x, 1, 3);
    give(b, scene, "ray", qn_layer_slice(b, NULL, x, 3, 0, RAY), size, RAY);
    give(b, scene, "ray_conf", one_more(b, qn_layer_slice(b, NULL, x, 3, RAY, RAY + 1)), size, 0);
}

void qn_da3_decode(qn_builder *b, const qn_da3 *m, const qn_da3_scene *scene, qn_value *const *features) {
    qn_value *maps[QN_DPT_LEVELS];
    for (int i = 0; i < QN_DPT_LEVELS; i++)
        maps[i] = make_map(b, m, scene, i, features[i]);
    decode_depth(b, m, scene, qn_dpt_fuse_all(b, &m->dpt, "", maps, NULL));
    if (m->start >= 0)
        decode_rays(b, m, scene, qn_dpt_fuse_all(b, &m->dpt, "_aux", maps, NULL));
}
