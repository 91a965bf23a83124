/* Depth Pro: pixel_values [B, 3, S, S] to predicted_depth [B, S, S] (the inverse depth of the canonical camera) and
 * field_of_view [B]; S is patch_size / scaled_images_ratios[0], 1536 of the published model.
 *
 *   features (depth_pro.h) ─► upsampled ─► image's and level 0's joined: low
 *   low, level 1, 2, ..., hook 0, 1, ... ─► each projected to the channels of fusion: each twice as large as the one before
 *   low ─► fuse ─► + level 1 ─► fuse ─► ... ─► + last hook ─► fuse ─► head
 *
 * Read are Hugging Face's DepthProForDepthEstimation: names and config.json.
 */
#include "arch/depth_pro.h"

#include "arch/arch.h"
#include "arch/dpt.h"

/* ---- the neck ------------------------------------------------------------------------------------------------- */

/* x [B, in, H, W] projected to `mid` channels and doubled n times: [B, out, 2^n H, 2^n W]. */
static qn_value *upsample(qn_builder *b, const char *name, qn_value *x, int64_t in, int64_t mid, int64_t out, int32_t n) {
    x = qn_layer_conv(b, qn_build_name(b, "%s.layers.0", name), x, (qn_conv_shape){in, mid, 1, 1, 0, false});
    for (int32_t i = 0; i < n; i++)
        x = qn_layer_conv_transpose(b, qn_build_name(b, "%s.layers.%d", name, (int)i + 1), x,
                                    (qn_conv_shape){i ? out : mid, out, 2, 2, 0, false});
    return x;
}

/* Every feature twice as large, those of hooks 4, 8, ... times. */
static void upsample_all(qn_builder *b, const qn_depth_pro *m, qn_value **features) {
    static const char neck[] = "depth_pro.neck.feature_upsample";
    const int64_t hidden = m->patch.hidden;
    features[0] = qn_layer_conv_transpose(b, qn_build_name(b, "%s.image_block.layers.0", neck), features[0],
                                          (qn_conv_shape){m->image.hidden, m->levels[0].channels, 2, 2, 0, true});
    for (int32_t i = 0; i < m->n_levels; i++) {
        const int64_t channels = m->levels[i].channels;
        qn_value **x = &features[1 + i];
        *x = upsample(b, qn_build_name(b, "%s.scaled_images.%d", neck, (int)i), *x, hidden, channels, channels, 1);
    }
    for (int32_t i = 0; i < m->n_hooks; i++) {
        const int64_t channels = m->hooks[i].channels, mid = i ? channels : m->fusion;
        qn_value **x = &features[1 + m->n_levels + i];
        *x = upsample(b, qn_build_name(b, "%s.intermediate.%d", neck, (int)i), *x, hidden, mid, channels, 2 + i);
    }
}

/* The image's feature and level 0's as one, in the place of the latter. */
static void join_low(qn_builder *b, const qn_depth_pro *m, qn_value **features) {
    const int64_t channels = m->levels[0].channels;
    qn_value *both[] = {features[1], features[0]};
    features[1] = qn_layer_conv(b, "depth_pro.neck.fuse_image_with_low_res", qn_layer_concat(b, NULL, 1, both, 2),
                                (qn_conv_shape){2 * channels, channels, 1, 1, 0, true});
}

/* Features [n] to the channels of fusion; the last one stays when it has them. */
static void project_all(qn_builder *b, const qn_depth_pro *m, qn_value **features, int32_t n) {
    for (int32_t i = 0; i < n; i++) {
        const int64_t channels = i < m->n_levels ? m->levels[i].channels : m->hooks[i - m->n_levels].channels;
        const char *name = qn_build_name(b, "depth_pro.neck.feature_projection.projections.%d", (int)i);
        if (i < n - 1 || channels != m->fusion)
            features[i] = qn_layer_conv(b, name, features[i], (qn_conv_shape){channels, m->fusion, 3, 1, 1, false});
    }
}

/* ---- fusion and head -------------------------------------------------------------------------------------------- */

/* Fuse x [B, fusion, H, W] (NULL for the first: the feature is taken as it is) and the feature of that size: as large, or
 * `twice` as large. */
static qn_value *fuse(qn_builder *b, const qn_depth_pro *m, const char *module, qn_value *x, qn_value *feature, bool twice) {
    if (x)
        x = qn_build_binary(b, QN_OP_Add, NULL, x,
                            qn_dpt_residual(b, &qn_dpt_hugging_face, qn_build_name(b, "%s.residual_layer1", module), feature, m->fusion,
                                            m->residual_bias));
    else
        x = feature;
    x = qn_dpt_residual(b, &qn_dpt_hugging_face, qn_build_name(b, "%s.residual_layer2", module), x, m->fusion, m->residual_bias);
    if (twice)
        x = qn_layer_conv_transpose(b, qn_build_name(b, "%s.deconv", module), x,
                                    (qn_conv_shape){m->fusion, m->fusion, 2, 2, 0, false});
    return qn_layer_conv(b, qn_build_name(b, "%s.projection", module), x, (qn_conv_shape){m->fusion, m->fusion, 1, 1, 0, true});
}

static qn_value *fuse_all(qn_builder *b, const qn_depth_pro *m, qn_value *const *features, int32_t n) {
    qn_value *x = NULL;
    for (int32_t i = 0; i < n - 1; i++)
        x = fuse(b, m, qn_build_name(b, "fusion_stage.intermediate.%d", (int)i), x, features[i], true);
    /* the first fusion has nothing to add, but the release has the weights for it */
    qn_build_unused(b, "fusion_stage.intermediate.0.residual_layer1.*");
    return fuse(b, m, "fusion_stage.final", x, features[n - 1], false);
}

/* x [B, fusion, S / 2, S / 2] to depth [B, S, S]. */
static qn_value *make_head(qn_builder *b, const qn_depth_pro *m, qn_value *x) {
    enum { LAST = 32 };
    const int64_t half = m->fusion / 2;
    x = qn_layer_conv(b, "head.layers.0", x, (qn_conv_shape){m->fusion, half, 3, 1, 1, true});
    x = qn_layer_conv_transpose(b, "head.layers.1", x, (qn_conv_shape){half, half, 2, 2, 0, true});
    x = qn_layer_conv(b, "head.layers.2", x, (qn_conv_shape){half, LAST, 3, 1, 1, true});
    x = qn_build_unary(b, QN_OP_Relu, "head.layers.3", x);
    x = qn_layer_conv(b, "head.layers.4", x, (qn_conv_shape){LAST, 1, 1, 1, 0, true});
    x = qn_build_unary(b, QN_OP_Relu, "head.layers.5", x);
    return qn_build_by_ints(b, QN_OP_Squeeze, "predicted_depth", x, QN_DIMS(1));
}

/* ---- the graph ---------------------------------------------------------------------------------------------------- */

static void build(qn_builder *b, const qn_depth_pro *m) {
    const qn_dim dims[] = {qn_build_symbol(b, "batch", 1, INT64_MAX, 1), m->patch.channels, m->size, m->size};
    const int32_t n = m->n_levels + m->n_hooks;
    qn_value *features[QN_DEPTH_PRO_FEATURES] = {NULL}, *small = NULL;
    qn_value *pixels = qn_build_input(b, "pixel_values", dims, 4);
    if (m->size <= QN_MAX_SIDE)
        qn_build_photo(b, &(qn_preprocess){.size = QN_SIZE_EXACT, .height = (int32_t)m->size, .width = (int32_t)m->size,
                                           .multiple = 1, .interpolation = QN_INTERPOLATE_BILINEAR, .resize_last = true,
                                           .rescale = 1.0 / 255, .mean = {0.5, 0.5, 0.5}, .std = {0.5, 0.5, 0.5}});
    qn_depth_pro_encode(b, m, pixels, features, &small);
    upsample_all(b, m, features);
    join_low(b, m, features);
    project_all(b, m, features + 1, n);
    qn_build_output(b, "predicted_depth", make_head(b, m, fuse_all(b, m, features + 1, n)));
    if (m->use_fov)
        qn_build_output(b, "field_of_view", qn_depth_pro_fov(b, m, small, features[1]));
    else
        qn_build_unused(b, "fov_model.*");
}

bool qn_arch_depth_pro_takes(const qn_checkpoint *source) { return qn_arch_has_type(source, "depth_pro"); }

void qn_arch_depth_pro_build(qn_builder *b) {
    qn_depth_pro m;
    qn_build_try(b, qn_depth_pro_config(&b->source->config, &m));
    if (b->status == QN_OK)
        build(b, &m);
}
