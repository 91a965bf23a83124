/* Depth Anything V2: pixel_values [B, 3, H, W] to predicted_depth [B, H, W]; H and W are multiples of the patch.
 *
 * DINOv2 encoder, the normed states of four layers, DPT, head: conv1, resize to the image, conv2, relu, conv3, relu
 * (relative depth) or sigmoid times max_depth (metric). Yang et al., Depth Anything V2, 2024.
 *
 * Read are Hugging Face's DepthAnythingForDepthEstimation (names and config.json), and the names of the original release:
 * then the sizes are those of config.json when there is one, else of the published model with that hidden size.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "arch/dinov2.h"
#include "arch/dpt.h"

/* What a release calls the parts. */
typedef struct release {
    const qn_dinov2_names *encoder;
    const char *encoder_prefix;
    const qn_dpt_names *dpt;
    const char *dpt_prefix;
    const char *conv1, *conv2, *conv3;
} release;

static const release g_hugging_face = {
    .encoder = &qn_dinov2_hugging_face,
    .encoder_prefix = "backbone.",
    .dpt = &qn_dpt_hugging_face,
    .dpt_prefix = "neck.",
    .conv1 = "head.conv1",
    .conv2 = "head.conv2",
    .conv3 = "head.conv3",
};

static const release g_original = {
    .encoder = &qn_dinov2_original,
    .encoder_prefix = "pretrained.",
    .dpt = &qn_dpt_original,
    .dpt_prefix = "depth_head.",
    .conv1 = "depth_head.scratch.output_conv1",
    .conv2 = "depth_head.scratch.output_conv2.0",
    .conv3 = "depth_head.scratch.output_conv2.2",
};

typedef struct model {
    const release *release;
    qn_dinov2 encoder;
    qn_dpt dpt;
    int64_t taps[QN_DPT_LEVELS];  /* layers whose states are read, counted from 1 */
    int64_t head;                 /* channels between conv2 and conv3 */
    int64_t head_in;              /* the fusion that the head reads */
    bool metric;
    double max_depth;
} model;

/* ---- sizes of a configuration --------------------------------------------------------------------------- */

/* "stage7" is the state of layer 7. */
static qn_status read_stages(const qn_json *backbone, int64_t *taps) {
    const json_t *list = json_object_get(backbone->value, "out_features");
    if (!json_is_array(list) || json_array_size(list) != QN_DPT_LEVELS)
        return qn_json_fail(backbone, "out_indices", "is missing, and out_features is no list of %d", QN_DPT_LEVELS);
    for (size_t i = 0; i < QN_DPT_LEVELS; i++) {
        const char *stage = json_string_value(json_array_get(list, i));
        const size_t n = stage && strncmp(stage, "stage", 5) == 0 ? strspn(stage + 5, "0123456789") : 0;
        if (n == 0 || n > 6 || stage[5 + n])
            return qn_json_fail(backbone, "out_features", "holds what is no stage");
        taps[i] = strtol(stage + 5, NULL, 10);
    }
    return QN_OK;
}

static qn_status read_taps(const qn_json *backbone, model *m) {
    if (qn_json_has(backbone, "out_indices"))
        QN_TRY(qn_json_ints(backbone, "out_indices", QN_JSON_MUST, 0, m->encoder.layers, QN_DPT_LEVELS, m->taps));
    else
        QN_TRY(read_stages(backbone, m->taps));
    for (int i = 0; i < QN_DPT_LEVELS; i++)
        if (m->taps[i] <= (i ? m->taps[i - 1] : 0) || m->taps[i] > m->encoder.layers)
            return qn_json_fail(backbone, "out_indices", "are not %d ascending layers of 1..%lld", QN_DPT_LEVELS,
                                (long long)m->encoder.layers);
    return QN_OK;
}

/* Factors are whole numbers, or 1 over one. */
static qn_status check_factors(const qn_json *config, const double *factors) {
    for (int i = 0; i < QN_DPT_LEVELS; i++) {
        const double whole = factors[i] >= 1 ? factors[i] : 1 / factors[i];
        if (whole != floor(whole))
            return qn_json_fail(config, "reassemble_factors", "holds %g, neither a whole number nor 1 over one", factors[i]);
    }
    return QN_OK;
}

static qn_status read_backbone(const qn_json *config, model *m) {
    const char *type = "dinov2";
    bool normed = true;
    qn_json backbone;
    if (qn_json_has(config, "backbone"))
        return qn_fail(config->ctx, QN_UNSUPPORTED, "%s: backbone by name; only backbone_config is built", config->file);
    QN_TRY(qn_json_object(config, "backbone_config", QN_JSON_MUST, &backbone));
    QN_TRY(qn_json_string(&backbone, "model_type", QN_JSON_MAY, &type));
    if (strcmp(type, "dinov2") != 0)
        return qn_fail(config->ctx, QN_UNSUPPORTED, "%s: backbone_config.model_type '%.60s'; only dinov2 is built",
                       config->file, type);
    QN_TRY(qn_json_bool(&backbone, "apply_layernorm", QN_JSON_MAY, &normed));
    if (!normed)
        return qn_fail(config->ctx, QN_UNSUPPORTED, "%s: backbone_config.apply_layernorm false is not built", config->file);
    QN_TRY(qn_dinov2_config(&backbone, &m->encoder));
    return read_taps(&backbone, m);
}

static qn_status read_config(const qn_json *config, model *m) {
    const char *kind = "relative";
    int64_t head_in = -1, patch = 14;
    /* defaults of DepthAnythingConfig */
    m->dpt = (qn_dpt){.channels = {48, 96, 192, 384}, .factors = {4, 2, 1, 0.5}, .fusion = 64};
    m->head = 32;
    m->max_depth = 1;
    QN_TRY(read_backbone(config, m));
    m->dpt.hidden = m->encoder.hidden;
    patch = m->encoder.patch;
    QN_TRY(qn_json_int(config, "patch_size", QN_JSON_MAY, m->encoder.patch, m->encoder.patch, &patch));
    QN_TRY(qn_json_int(config, "reassemble_hidden_size", QN_JSON_MAY, m->dpt.hidden, m->dpt.hidden, &m->dpt.hidden));
    QN_TRY(qn_json_ints(config, "neck_hidden_sizes", QN_JSON_MAY, 1, 1 << 16, QN_DPT_LEVELS, m->dpt.channels));
    QN_TRY(qn_json_numbers(config, "reassemble_factors", QN_JSON_MAY, 1.0 / 16, 16, QN_DPT_LEVELS, m->dpt.factors));
    QN_TRY(check_factors(config, m->dpt.factors));
    QN_TRY(qn_json_int(config, "fusion_hidden_size", QN_JSON_MAY, 2, 1 << 16, &m->dpt.fusion));
    QN_TRY(qn_json_int(config, "head_hidden_size", QN_JSON_MAY, 1, 1 << 16, &m->head));
    QN_TRY(qn_json_int(config, "head_in_index", QN_JSON_MAY, -QN_DPT_LEVELS, QN_DPT_LEVELS - 1, &head_in));
    m->head_in = head_in < 0 ? head_in + QN_DPT_LEVELS : head_in;
    QN_TRY(qn_json_string(config, "depth_estimation_type", QN_JSON_MAY, &kind));
    QN_TRY(qn_json_number(config, "max_depth", QN_JSON_MAY, 1e-6, 1e6, &m->max_depth));
    m->metric = strcmp(kind, "metric") == 0;
    if (!m->metric && strcmp(kind, "relative") != 0)
        return qn_json_fail(config, "depth_estimation_type", "is '%.60s', neither relative nor metric", kind);
    return QN_OK;
}

/* ---- sizes of the published models ------------------------------------------------------------------------ */

static const struct published {
    int64_t hidden, heads, layers, taps[QN_DPT_LEVELS], channels[QN_DPT_LEVELS], fusion;
} g_published[] = {
    {384, 6, 12, {3, 6, 9, 12}, {48, 96, 192, 384}, 64},
    {768, 12, 12, {3, 6, 9, 12}, {96, 192, 384, 768}, 128},
    {1024, 16, 24, {5, 12, 18, 24}, {256, 512, 1024, 1024}, 256},
};

static qn_status guess_config(qn_builder *b, model *m) {
    const qn_safetensors_tensor *cls = qn_checkpoint_find(b->source, "pretrained.cls_token");
    const int64_t hidden = cls->rank == 3 ? cls->dims[2] : 0;
    for (size_t i = 0; i < sizeof g_published / sizeof g_published[0]; i++) {
        const struct published *p = &g_published[i];
        if (p->hidden != hidden)
            continue;
        m->encoder = (qn_dinov2){.hidden = p->hidden, .heads = p->heads, .layers = p->layers, .mlp = 4 * p->hidden,
                                 .channels = 3, .patch = 14, .side = 37, .epsilon = 1e-6, .qkv_bias = true};
        m->dpt = (qn_dpt){.hidden = p->hidden, .factors = {4, 2, 1, 0.5}, .fusion = p->fusion};
        memcpy(m->taps, p->taps, sizeof m->taps);
        memcpy(m->dpt.channels, p->channels, sizeof m->dpt.channels);
        m->head = 32;
        m->head_in = QN_DPT_LEVELS - 1;
        m->max_depth = 1;
        return QN_OK;
    }
    return qn_fail(b->ctx, QN_UNSUPPORTED, "%s: no config.json, and 'pretrained.cls_token' is of none of the published sizes "
                   "(384, 768, 1024)", b->source->path);
}

/* ---- the graph ---------------------------------------------------------------------------------------------- */

/* The normed state of a layer, [B, 1 + h w, hidden], without its class token as a map: [B, fusion, h', w']. */
static qn_value *make_map(qn_builder *b, const model *m, int level, qn_value *state, qn_value *grid) {
    qn_value *x = qn_dinov2_norm(b, &m->encoder, state);
    x = qn_layer_slice(b, NULL, x, 1, 1, INT64_MAX);
    x = qn_tokens_to_map(b, NULL, x, m->encoder.hidden, grid);
    x = qn_dpt_reassemble(b, &m->dpt, level, x, NULL, NULL);
    return qn_dpt_conv(b, &m->dpt, level, x);
}

/* Depth [B, H, W] of what the last fusion made, [B, fusion, H', W']. */
static qn_value *make_head(qn_builder *b, const model *m, qn_value *x, qn_value *pixels) {
    const int64_t half = m->dpt.fusion / 2;
    x = qn_layer_conv(b, m->release->conv1, x, (qn_conv_shape){m->dpt.fusion, half, 3, 1, 1, true});
    x = qn_layer_resize(b, NULL, x, qn_layer_dims(b, pixels, 2, 4), QN_BILINEAR_CORNERS); /* [B, half, H, W] */
    x = qn_layer_conv(b, m->release->conv2, x, (qn_conv_shape){half, m->head, 3, 1, 1, true});
    x = qn_build_unary(b, QN_OP_Relu, qn_build_name(b, "%s.activation", m->release->conv2), x);
    x = qn_layer_conv(b, m->release->conv3, x, (qn_conv_shape){m->head, 1, 1, 1, 0, true});
    x = qn_build_unary(b, m->metric ? QN_OP_Sigmoid : QN_OP_Relu, qn_build_name(b, "%s.activation", m->release->conv3), x);
    if (m->max_depth != 1)
        x = qn_build_by_float(b, QN_OP_Mul, NULL, x, (float)m->max_depth);
    return qn_build_by_ints(b, QN_OP_Squeeze, "predicted_depth", x, QN_DIMS(1));
}

static void build(qn_builder *b, const model *m) {
    const int64_t patch = m->encoder.patch;
    const qn_dim dims[] = {qn_build_symbol(b, "batch", 1, INT64_MAX, 1), m->encoder.channels,
                           qn_build_symbol(b, "height", patch, INT64_MAX, patch),
                           qn_build_symbol(b, "width", patch, INT64_MAX, patch)};
    qn_value *states[QN_DPT_LEVELS] = {NULL}, *maps[QN_DPT_LEVELS], *fused[QN_DPT_LEVELS];
    qn_value *pixels = qn_build_input(b, "pixel_values", dims, 4);
    (void)qn_dinov2_run(b, &m->encoder, pixels, m->taps, QN_DPT_LEVELS, states);
    qn_value *grid = qn_patch_grid(b, pixels, patch);
    for (int i = 0; i < QN_DPT_LEVELS; i++)
        maps[i] = make_map(b, m, i, states[i], grid);
    (void)qn_dpt_fuse_all(b, &m->dpt, "", maps, fused);
    /* the first fusion has no finer map to add, but the release has the weights for one */
    qn_build_unused(b, qn_build_name(b, "%s%s.%s.*", m->dpt.prefix, m->dpt.names->fuse[0], m->dpt.names->lateral));
    qn_build_photo(b, &(qn_preprocess){.size = QN_SIZE_ASPECT, .height = 518, .width = 518, .multiple = (int32_t)patch,
                                       .interpolation = QN_INTERPOLATE_BICUBIC, .antialias = true, .rescale = 1.0 / 255,
                                       .mean = QN_IMAGENET_MEAN, .std = QN_IMAGENET_STD});
    qn_build_output(b, "predicted_depth", make_head(b, m, fused[m->head_in], pixels));
}

static bool has_original_names(const qn_checkpoint *source) {
    return qn_checkpoint_find(source, "pretrained.cls_token") && qn_checkpoint_find(source, "depth_head.projects.0.weight");
}

bool qn_arch_depth_anything_v2_takes(const qn_checkpoint *source) {
    return qn_arch_has_type(source, "depth_anything") || (!source->config.value && has_original_names(source));
}

void qn_arch_depth_anything_v2_build(qn_builder *b) {
    model m = {.release = has_original_names(b->source) ? &g_original : &g_hugging_face};
    qn_build_try(b, b->source->config.value ? read_config(&b->source->config, &m) : guess_config(b, &m));
    if (b->status != QN_OK)
        return;
    m.encoder.names = m.release->encoder;
    m.encoder.prefix = m.release->encoder_prefix;
    m.dpt.names = m.release->dpt;
    m.dpt.prefix = m.release->dpt_prefix;
    build(b, &m);
}
