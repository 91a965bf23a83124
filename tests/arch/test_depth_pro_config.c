/* Depth Pro: one row for each configuration and each tensor that is refused. */
#include <stdio.h>
#include <stdlib.h>

#include "arch/arch.h"
#include "tests/arch/tiny_depth_pro.h"
#include "tests/test.h"

/* 2^63 - 1 */
#define HUGE_NUMBER "9223372036854775807"

static const struct {
    const char *section, *key, *value;  /* value NULL: taken out */
    qn_status status;
    const char *message;                /* after "config.json: " */
} g_refusals[] = {
    {NULL, "use_batch_norm_in_fusion_residual", "true", QN_UNSUPPORTED, "use_batch_norm_in_fusion_residual is not built"},
    {NULL, "use_batch_norm_in_fusion_residual", "1", QN_MALFORMED, "use_batch_norm_in_fusion_residual is neither true nor false"},
    {NULL, "use_bias_in_fusion_residual", "\"no\"", QN_MALFORMED, "use_bias_in_fusion_residual is neither true nor false"},
    {NULL, "use_fov_model", "0", QN_MALFORMED, "use_fov_model is neither true nor false"},
    {NULL, "patch_size", "0", QN_MALFORMED, "patch_size is 0, not in 1..8192"},
    {NULL, "patch_size", HUGE_NUMBER, QN_MALFORMED, "patch_size is " HUGE_NUMBER ", not in 1..8192"},
    {NULL, "patch_size", "[64, 64]", QN_MALFORMED, "patch_size is no whole number"},
    {NULL, "patch_size", "72", QN_MALFORMED, "patch_size is 72, no multiple of the 16 of patch_model_config"},
    {NULL, "fusion_hidden_size", "1", QN_MALFORMED, "fusion_hidden_size is 1, not in 2..65536"},
    {NULL, "fusion_hidden_size", "5", QN_MALFORMED, "fusion_hidden_size is 5, an odd number"},
    {NULL, "fusion_hidden_size", "65538", QN_MALFORMED, "fusion_hidden_size is 65538, not in 2..65536"},
    {NULL, "num_fov_head_layers", "-1", QN_MALFORMED, "num_fov_head_layers is -1, not in 0..16"},
    {NULL, "num_fov_head_layers", HUGE_NUMBER, QN_MALFORMED, "num_fov_head_layers is " HUGE_NUMBER ", not in 0..16"},
    {NULL, "num_fov_head_layers", "3", QN_MALFORMED, "num_fov_head_layers is 3: that many cannot halve the 4 channels of"},
    {NULL, "merge_padding_value", "-1", QN_MALFORMED, "merge_padding_value is -1, not in 0..65536"},
    {NULL, "merge_padding_value", HUGE_NUMBER, QN_MALFORMED, "merge_padding_value is " HUGE_NUMBER ", not in 0..65536"},
    {NULL, "intermediate_hook_ids", "3", QN_MALFORMED, "intermediate_hook_ids is no list"},
    {NULL, "intermediate_hook_ids", "[]", QN_MALFORMED, "intermediate_hook_ids has 0 entries, not 1..8"},
    {NULL, "intermediate_hook_ids", "[0, 0, 0, 0, 0, 0, 0, 0, 0]", QN_MALFORMED, "intermediate_hook_ids has 9 entries, not 1..8"},
    {NULL, "intermediate_hook_ids", "[1, -1]", QN_MALFORMED, "intermediate_hook_ids is -1, not in 0..1"},
    {NULL, "intermediate_hook_ids", "[1, 2]", QN_MALFORMED, "intermediate_hook_ids is 2, not in 0..1"},
    {NULL, "intermediate_hook_ids", "[1, 0.5]", QN_MALFORMED, "intermediate_hook_ids is no whole number"},
    {NULL, "intermediate_hook_ids", NULL, QN_MALFORMED, "intermediate_hook_ids is missing, and its default 11 is no layer of 2"},
    {NULL, "intermediate_hook_ids", "[0, 1, 1]", QN_MALFORMED, "intermediate_feature_dims has 2 entries, not 3"},
    {NULL, "intermediate_feature_dims", "[3]", QN_MALFORMED, "intermediate_feature_dims has 1 entries, not 2"},
    {NULL, "intermediate_feature_dims", "[3, 0]", QN_MALFORMED, "intermediate_feature_dims is 0, not in 1..65536"},
    {NULL, "scaled_images_ratios", "{}", QN_MALFORMED, "scaled_images_ratios is no list"},
    {NULL, "scaled_images_ratios", "[]", QN_MALFORMED, "scaled_images_ratios has 0 entries, not 1..8"},
    {NULL, "scaled_images_ratios", "[1, 1, 1, 1, 1, 1, 1, 1, 1]", QN_MALFORMED, "scaled_images_ratios has 9 entries, not 1..8"},
    {NULL, "scaled_images_ratios", "[0, 0.5, 1]", QN_MALFORMED, "scaled_images_ratios is 0, not in 0.00390625..1"},
    {NULL, "scaled_images_ratios", "[0.25, 0.5, 2]", QN_MALFORMED, "scaled_images_ratios is 2, not in 0.00390625..1"},
    {NULL, "scaled_images_ratios", "[0.25, 1, 0.5]", QN_MALFORMED, "scaled_images_ratios are not in ascending order"},
    {NULL, "scaled_images_ratios", "[0.3, 0.5, 1]", QN_MALFORMED,
     "scaled_images_ratios begins with 0.3: images of 213.333 pixels a side, no whole number up to 65536"},
    {NULL, "scaled_images_ratios", "[0.25, 0.3, 1]", QN_MALFORMED, "scaled_images_ratios holds 0.3, which makes 76.8 pixels of 256"},
    {NULL, "scaled_images_ratios", "[0.25, 0.5]", QN_MALFORMED, "scaled_images_overlap_ratios has 3 entries, not 2"},
    {NULL, "scaled_images_overlap_ratios", "[0, 0.5, 1]", QN_MALFORMED,
     "scaled_images_overlap_ratios holds 1, which moves patches of 64 by nothing"},
    {NULL, "scaled_images_overlap_ratios", "[0, 0.5, -0.25]", QN_MALFORMED, "scaled_images_overlap_ratios is -0.25, not in 0..1"},
    {NULL, "scaled_images_overlap_ratios", "[0, 0.5, 0.98]", QN_MALFORMED,
     "scaled_images_overlap_ratios make more than 10000 patches"},
    {NULL, "scaled_images_feature_dims", "[6, 5]", QN_MALFORMED, "scaled_images_feature_dims has 2 entries, not 3"},
    {NULL, "scaled_images_feature_dims", "[6, 5, 65537]", QN_MALFORMED, "scaled_images_feature_dims is 65537, not in 1..65536"},
    {NULL, "patch_model_config", "[]", QN_MALFORMED, "patch_model_config is no object"},
    {"patch_model_config", "model_type", "\"vit\"", QN_UNSUPPORTED, "patch_model_config.model_type 'vit'; only dinov2 is built"},
    {"image_model_config", "hidden_act", "\"relu\"", QN_UNSUPPORTED, "image_model_config.hidden_act 'relu'; only gelu is built"},
    {"fov_model_config", "num_hidden_layers", "513", QN_MALFORMED, "fov_model_config.num_hidden_layers is 513, not in 1..512"},
    {"fov_model_config", "patch_size", "24", QN_MALFORMED, "patch_size is 64, no multiple of the 24 of fov_model_config"},
    {"image_model_config", "num_channels", "4", QN_MALFORMED,
     "patch_model_config has num_channels 3, the other encoders 4 and 3"},
};

static void refused(const char *folder, qn_status status, const char *message) {
    qn_context *ctx = qn_test_context();
    qn_arch_info info;
    qn_graph *graph;
    ASSERT_FAILS(ctx, status, message, qn_arch_read(ctx, folder, &graph, &info));
    assert_null(graph);
    qn_context_destroy(ctx);
}

QN_TEST(arch_depth_pro_config_refusals) {
    char folder[256], message[512];
    for (size_t i = 0; i < sizeof g_refusals / sizeof g_refusals[0]; i++) {
        char *config = ckpt_config_with(tiny_depth_pro_config, g_refusals[i].section, g_refusals[i].key, g_refusals[i].value);
        tiny_depth_pro_write("dp_refused", config, NULL, folder);
        snprintf(message, sizeof message, "/dp_refused/config.json: %s", g_refusals[i].message);
        refused(folder, g_refusals[i].status, message);
        free(config);
    }
}

/* Maps double with each feature that is fused. */
QN_TEST(arch_depth_pro_config_map_size) {
    char folder[256];
    tiny_depth_pro_write("dp_maps",
                         "{\"model_type\": \"depth_pro\", \"patch_size\": 1024, \"scaled_images_ratios\": [1, 1, 1, 1, 1, 1, 1, 1],"
                         " \"scaled_images_overlap_ratios\": [0, 0, 0, 0, 0, 0, 0, 0],"
                         " \"scaled_images_feature_dims\": [4, 4, 4, 4, 4, 4, 4, 4],"
                         " \"patch_model_config\": {\"patch_size\": 16}, \"image_model_config\": {\"patch_size\": 16},"
                         " \"fov_model_config\": {\"patch_size\": 16}}",
                         NULL, folder);
    refused(folder, QN_MALFORMED, "/dp_maps/config.json: intermediate_hook_ids and scaled_images_ratios make a map of 131072 pixels");
}

/* The names of the configuration before the release, where the encoders have none of their own. */
QN_TEST(arch_depth_pro_config_flat) {
    char folder[256];
    tiny_depth_pro_write("dp_flat", "{\"model_type\": \"depth_pro\", \"hidden_size\": 8, \"patch_size\": 64}",
                         NULL, folder);
    refused(folder, QN_UNSUPPORTED, "/dp_flat/config.json: hidden_size without patch_model_config is of a configuration from before");
}

/* An encoder without a configuration is a base model of patches of 14, of which 64 is no multiple. */
QN_TEST(arch_depth_pro_config_defaults) {
    char folder[256], *config = ckpt_config_with(tiny_depth_pro_config, NULL, "patch_model_config", NULL);
    tiny_depth_pro_write("dp_default", config, NULL, folder);
    refused(folder, QN_MALFORMED, "patch_size is 64, no multiple of the 14 of patch_model_config");
    free(config);
}

/* One of each part: all that is wrong in one message. */
QN_TEST(arch_depth_pro_config_tensors) {
    static const struct {
        const char *name, *shape, *longer;
    } rows[] = {
        {"depth_pro.encoder.patch_encoder.model.embeddings.position_embeddings", "[1, 17, 8]", "[2, 17, 8]"},
        {"depth_pro.encoder.image_encoder.model.layernorm.weight", "[8]", "[9]"},
        {"fov_model.fov_encoder.model.encoder.layer.1.mlp.fc2.weight", "[8, 16]", "[9, 16]"},
        {"depth_pro.neck.feature_upsample.image_block.layers.0.bias", "[6]", "[7]"},
        {"depth_pro.neck.feature_upsample.scaled_images.1.layers.1.weight", "[5, 5, 2, 2]", "[6, 5, 2, 2]"},
        {"depth_pro.neck.feature_upsample.intermediate.1.layers.3.weight", "[4, 4, 2, 2]", "[5, 4, 2, 2]"},
        {"depth_pro.neck.fuse_image_with_low_res.weight", "[6, 12, 1, 1]", "[7, 12, 1, 1]"},
        {"depth_pro.neck.feature_projection.projections.3.weight", "[4, 3, 3, 3]", "[5, 3, 3, 3]"},
        {"fusion_stage.intermediate.1.residual_layer1.convolution2.bias", "[4]", "[5]"},
        {"fusion_stage.intermediate.3.deconv.weight", "[4, 4, 2, 2]", "[5, 4, 2, 2]"},
        {"fusion_stage.final.projection.bias", "[4]", "[5]"},
        {"head.layers.2.weight", "[32, 2, 3, 3]", "[33, 2, 3, 3]"},
        {"fov_model.fov_encoder.neck.weight", "[2, 8]", "[3, 8]"},
        {"fov_model.conv.weight", "[2, 4, 3, 3]", "[3, 4, 3, 3]"},
        {"fov_model.head.layers.4.bias", "[1]", "[2]"},
    };
    char folder[256], message[512];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tiny_depth_pro_write("dp_missing", NULL, &(ckpt_change){.without = rows[i].name}, folder);
        snprintf(message, sizeof message, "1 tensor: '%s' %s is missing", rows[i].name, rows[i].shape);
        refused(folder, QN_MALFORMED, message);
        tiny_depth_pro_write("dp_longer", NULL, &(ckpt_change){.longer = rows[i].name}, folder);
        snprintf(message, sizeof message, "1 tensor: '%s' is %s, not %s", rows[i].name, rows[i].longer, rows[i].shape);
        refused(folder, QN_MALFORMED, message);
    }
    tiny_depth_pro_write("dp_surplus", NULL, &(ckpt_change){.surplus = "head.layers.9.weight"}, folder);
    refused(folder, QN_MALFORMED, "1 tensor: 'head.layers.9.weight' [2] is no tensor of this model");
}
