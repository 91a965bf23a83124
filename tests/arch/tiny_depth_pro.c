#include "tests/arch/tiny_depth_pro.h"

#include <stdio.h>

#include "arch/builder.h"

/* ---- configuration -------------------------------------------------------------------------------------- */

#define ENCODER                                                                                                   \
    "{\"model_type\": \"dinov2\", \"hidden_act\": \"gelu\", \"hidden_size\": 8, \"image_size\": 64, \"layer_norm_eps\": 1e-6," \
    " \"mlp_ratio\": 2, \"num_attention_heads\": 2, \"num_channels\": 3, \"num_hidden_layers\": 2, \"patch_size\": 16,"       \
    " \"qkv_bias\": true, \"use_swiglu_ffn\": false}"

const char tiny_depth_pro_config[] =
    "{\"model_type\": \"depth_pro\", \"fusion_hidden_size\": 4, \"patch_size\": 64, \"intermediate_hook_ids\": [1, 0],"
    " \"intermediate_feature_dims\": [3, 4], \"scaled_images_ratios\": [0.25, 0.5, 1],"
    " \"scaled_images_overlap_ratios\": [0.0, 0.5, 0.25], \"scaled_images_feature_dims\": [6, 5, 4],"
    " \"merge_padding_value\": 3, \"use_batch_norm_in_fusion_residual\": false, \"use_bias_in_fusion_residual\": true,"
    " \"use_fov_model\": true, \"num_fov_head_layers\": 2,"
    " \"image_model_config\": " ENCODER ", \"patch_model_config\": " ENCODER ", \"fov_model_config\": " ENCODER "}";

/* ---- tensors ---------------------------------------------------------------------------------------------- */

/* The tensor PREFIX PART. */
static void add(ckpt *c, const char *prefix, const char *part, double mean, double spread, const int64_t *dims, int32_t rank) {
    (void)ckpt_add(c, qn_arena_printf(c->arena, "%s%s", prefix, part), mean, spread, dims, rank);
}

/* MODULE.weight of [a, b, k, k], or [a, b] when k is 0, and MODULE.bias of [out] unless that is 0. Numbers keep the size
 * of what comes in, and are more often above 0 than below: few are lost to rectifiers. */
static void add_module(ckpt *c, const char *module, int64_t a, int64_t b, int64_t k, int64_t out) {
    const double spread = k ? 1.0 / (double)k : 0.35;
    add(c, module, ".weight", 0.05, spread / 2, (const int64_t[]){a, b, k, k}, k ? 4 : 2);
    if (out)
        add(c, module, ".bias", 0.05, 0.1, QN_DIMS(out));
}

static void add_norm(ckpt *c, const char *prefix, const char *module) {
    ckpt_add_norm(c, qn_arena_printf(c->arena, "%s%s", prefix, module), 8);
}

static void add_encoder(ckpt *c, const char *prefix) {
    static const struct {
        const char *name;
        int64_t out, in;
    } products[] = {{"attention.attention.query", 8, 8}, {"attention.attention.key", 8, 8}, {"attention.attention.value", 8, 8},
                    {"attention.output.dense", 8, 8},    {"mlp.fc1", 16, 8},                {"mlp.fc2", 8, 16}};
    char layer[128], module[256];
    add(c, prefix, "embeddings.cls_token", 0, 1, QN_DIMS(1, 1, 8));
    add(c, prefix, "embeddings.mask_token", 0, 1, QN_DIMS(1, 8));
    add(c, prefix, "embeddings.position_embeddings", 0, 0.3, QN_DIMS(1, 17, 8));
    snprintf(module, sizeof module, "%sembeddings.patch_embeddings.projection", prefix);
    add_module(c, module, 8, 3, 16, 8);
    for (int i = 0; i < 2; i++) {
        snprintf(layer, sizeof layer, "%sencoder.layer.%d.", prefix, i);
        add_norm(c, layer, "norm1");
        add_norm(c, layer, "norm2");
        add(c, layer, "layer_scale1.lambda1", 0.5, 0.1, QN_DIMS(8));
        add(c, layer, "layer_scale2.lambda1", 0.5, 0.1, QN_DIMS(8));
        for (size_t k = 0; k < sizeof products / sizeof products[0]; k++) {
            snprintf(module, sizeof module, "%s%s", layer, products[k].name);
            add_module(c, module, products[k].out, products[k].in, 0, products[k].out);
        }
    }
    add_norm(c, prefix, "layernorm");
}

#define UPSAMPLE "depth_pro.neck.feature_upsample."
#define PROJECT "depth_pro.neck.feature_projection.projections."

/* What is between the encoders and fusion, and the two heads: as their modules are stored. */
static void add_heads(ckpt *c) {
    static const struct {
        const char *name;
        int64_t a, b, kernel, bias;
    } modules[] = {
        {UPSAMPLE "image_block.layers.0", 8, 6, 2, 6},
        {UPSAMPLE "scaled_images.0.layers.0", 6, 8, 1, 0}, {UPSAMPLE "scaled_images.0.layers.1", 6, 6, 2, 0},
        {UPSAMPLE "scaled_images.1.layers.0", 5, 8, 1, 0}, {UPSAMPLE "scaled_images.1.layers.1", 5, 5, 2, 0},
        {UPSAMPLE "scaled_images.2.layers.0", 4, 8, 1, 0}, {UPSAMPLE "scaled_images.2.layers.1", 4, 4, 2, 0},
        {UPSAMPLE "intermediate.0.layers.0", 4, 8, 1, 0},  {UPSAMPLE "intermediate.0.layers.1", 4, 3, 2, 0},
        {UPSAMPLE "intermediate.0.layers.2", 3, 3, 2, 0},  {UPSAMPLE "intermediate.1.layers.0", 4, 8, 1, 0},
        {UPSAMPLE "intermediate.1.layers.1", 4, 4, 2, 0},  {UPSAMPLE "intermediate.1.layers.2", 4, 4, 2, 0},
        {UPSAMPLE "intermediate.1.layers.3", 4, 4, 2, 0},
        {"depth_pro.neck.fuse_image_with_low_res", 6, 12, 1, 6},
        {PROJECT "0", 4, 6, 3, 0}, {PROJECT "1", 4, 5, 3, 0}, {PROJECT "2", 4, 4, 3, 0}, {PROJECT "3", 4, 3, 3, 0},
        {"head.layers.0", 2, 4, 3, 2}, {"head.layers.1", 2, 2, 2, 2}, {"head.layers.2", 32, 2, 3, 32}, {"head.layers.4", 1, 32, 1, 1},
        {"fov_model.fov_encoder.neck", 2, 8, 0, 2}, {"fov_model.conv", 2, 4, 3, 2},
        {"fov_model.head.layers.0", 1, 2, 3, 1}, {"fov_model.head.layers.2", 1, 1, 3, 1}, {"fov_model.head.layers.4", 1, 1, 1, 1},
    };
    for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++)
        add_module(c, modules[i].name, modules[i].a, modules[i].b, modules[i].kernel, modules[i].bias);
}

static void add_fusion(ckpt *c, const char *module, bool deconv) {
    char name[128];
    for (int unit = 1; unit <= 2; unit++)
        for (int conv = 1; conv <= 2; conv++) {
            snprintf(name, sizeof name, "%s.residual_layer%d.convolution%d", module, unit, conv);
            add_module(c, name, 4, 4, 3, 4);
        }
    snprintf(name, sizeof name, "%s.deconv", module);
    if (deconv)
        add_module(c, name, 4, 4, 2, 0);
    snprintf(name, sizeof name, "%s.projection", module);
    add_module(c, name, 4, 4, 1, 4);
}

/* ---- the folder ------------------------------------------------------------------------------------------- */

void tiny_depth_pro_write(const char *name, const char *config, const ckpt_change *change, char *path) {
    ckpt c = ckpt_begin(5);
    char module[64];
    add_encoder(&c, "depth_pro.encoder.patch_encoder.model.");
    add_encoder(&c, "depth_pro.encoder.image_encoder.model.");
    add_encoder(&c, "fov_model.fov_encoder.model.");
    add_heads(&c);
    for (int i = 0; i < 4; i++) {
        snprintf(module, sizeof module, "fusion_stage.intermediate.%d", i);
        add_fusion(&c, module, true);
    }
    add_fusion(&c, "fusion_stage.final", false);
    ckpt_apply(&c, change);
    ckpt_write_folder(&c, name, config ? config : tiny_depth_pro_config, NULL, path);
    ckpt_end(&c);
}
