/* Depth Anything V2: one row for each configuration that is refused. */
#include <stdio.h>
#include <stdlib.h>

#include "arch/arch.h"
#include "tests/arch/tiny_dav2.h"
#include "tests/read/safetensors_build.h"
#include "tests/test.h"

#define BACKBONE "backbone_config"

static const struct {
    const char *section, *key, *value;  /* value NULL: taken out */
    qn_status status;
    const char *message;                /* after "config.json: ", or after the folder when it is of tensors */
} g_refusals[] = {
    {NULL, "backbone", "\"facebook/dinov2-small\"", QN_UNSUPPORTED, "backbone by name; only backbone_config is built"},
    {NULL, "backbone_config", NULL, QN_MALFORMED, "backbone_config is missing"},
    {NULL, "backbone_config", "null", QN_MALFORMED, "backbone_config is missing"},
    {NULL, "backbone_config", "[]", QN_MALFORMED, "backbone_config is no object"},
    {NULL, "patch_size", "16", QN_MALFORMED, "patch_size is 16, not in 14..14"},
    {NULL, "patch_size", "\"14\"", QN_MALFORMED, "patch_size is no whole number"},
    {NULL, "reassemble_hidden_size", "32", QN_MALFORMED, "reassemble_hidden_size is 32, not in 16..16"},
    {NULL, "reassemble_hidden_size", "{}", QN_MALFORMED, "reassemble_hidden_size is no whole number"},
    {NULL, "neck_hidden_sizes", "8", QN_MALFORMED, "neck_hidden_sizes is no list"},
    {NULL, "neck_hidden_sizes", "[8, 12, 16]", QN_MALFORMED, "neck_hidden_sizes has 3 entries, not 4"},
    {NULL, "neck_hidden_sizes", "[8, 12, 16, 20, 24]", QN_MALFORMED, "neck_hidden_sizes has 5 entries, not 4"},
    {NULL, "neck_hidden_sizes", "[8, 12, 16, 0]", QN_MALFORMED, "neck_hidden_sizes is 0, not in 1..65536"},
    {NULL, "neck_hidden_sizes", "[8, 12, 16, 65537]", QN_MALFORMED, "neck_hidden_sizes is 65537, not in 1..65536"},
    {NULL, "neck_hidden_sizes", "[8, 12, 16, 2.5]", QN_MALFORMED, "neck_hidden_sizes is no whole number"},
    {NULL, "reassemble_factors", "4", QN_MALFORMED, "reassemble_factors is no list"},
    {NULL, "reassemble_factors", "[4, 2, 1]", QN_MALFORMED, "reassemble_factors has 3 entries, not 4"},
    {NULL, "reassemble_factors", "[4, 2, 1, \"0.5\"]", QN_MALFORMED, "reassemble_factors is no number"},
    {NULL, "reassemble_factors", "[4, 2, 1, 0]", QN_MALFORMED, "reassemble_factors is 0, not in 0.0625..16"},
    {NULL, "reassemble_factors", "[4, 2, 1, -1]", QN_MALFORMED, "reassemble_factors is -1, not in 0.0625..16"},
    {NULL, "reassemble_factors", "[17, 2, 1, 0.5]", QN_MALFORMED, "reassemble_factors is 17, not in 0.0625..16"},
    {NULL, "reassemble_factors", "[4, 1.5, 1, 0.5]", QN_MALFORMED,
     "reassemble_factors holds 1.5, neither a whole number nor 1 over one"},
    {NULL, "reassemble_factors", "[4, 2, 1, 0.4]", QN_MALFORMED,
     "reassemble_factors holds 0.4, neither a whole number nor 1 over one"},
    {NULL, "fusion_hidden_size", "1", QN_MALFORMED, "fusion_hidden_size is 1, not in 2..65536"},
    {NULL, "fusion_hidden_size", "65537", QN_MALFORMED, "fusion_hidden_size is 65537, not in 2..65536"},
    {NULL, "fusion_hidden_size", "true", QN_MALFORMED, "fusion_hidden_size is no whole number"},
    {NULL, "head_hidden_size", "0", QN_MALFORMED, "head_hidden_size is 0, not in 1..65536"},
    {NULL, "head_hidden_size", "[]", QN_MALFORMED, "head_hidden_size is no whole number"},
    {NULL, "head_in_index", "4", QN_MALFORMED, "head_in_index is 4, not in -4..3"},
    {NULL, "head_in_index", "-5", QN_MALFORMED, "head_in_index is -5, not in -4..3"},
    {NULL, "head_in_index", "0.5", QN_MALFORMED, "head_in_index is no whole number"},
    {NULL, "depth_estimation_type", "\"stereo\"", QN_MALFORMED, "depth_estimation_type is 'stereo', neither relative nor metric"},
    {NULL, "depth_estimation_type", "1", QN_MALFORMED, "depth_estimation_type is no text"},
    {NULL, "max_depth", "0", QN_MALFORMED, "max_depth is 0, not in 1e-06..1e+06"},
    {NULL, "max_depth", "-20", QN_MALFORMED, "max_depth is -20, not in 1e-06..1e+06"},
    {NULL, "max_depth", "1e300", QN_MALFORMED, "max_depth is 1e+300, not in 1e-06..1e+06"},
    {NULL, "max_depth", "\"20\"", QN_MALFORMED, "max_depth is no number"},
    {BACKBONE, "model_type", "\"swin\"", QN_UNSUPPORTED, "backbone_config.model_type 'swin'; only dinov2 is built"},
    {BACKBONE, "model_type", "7", QN_MALFORMED, "backbone_config.model_type is no text"},
    {BACKBONE, "apply_layernorm", "false", QN_UNSUPPORTED, "backbone_config.apply_layernorm false is not built"},
    {BACKBONE, "apply_layernorm", "1", QN_MALFORMED, "backbone_config.apply_layernorm is neither true nor false"},
    {BACKBONE, "hidden_act", "\"relu\"", QN_UNSUPPORTED, "backbone_config.hidden_act 'relu'; only gelu is built"},
    {BACKBONE, "hidden_act", "[]", QN_MALFORMED, "backbone_config.hidden_act is no text"},
    {BACKBONE, "use_swiglu_ffn", "true", QN_UNSUPPORTED, "backbone_config.use_swiglu_ffn is not built"},
    {BACKBONE, "use_swiglu_ffn", "0", QN_MALFORMED, "backbone_config.use_swiglu_ffn is neither true nor false"},
    {BACKBONE, "hidden_size", "0", QN_MALFORMED, "backbone_config.hidden_size is 0, not in 1..65536"},
    {BACKBONE, "hidden_size", "65537", QN_MALFORMED, "backbone_config.hidden_size is 65537, not in 1..65536"},
    {BACKBONE, "hidden_size", "9223372036854775807", QN_MALFORMED, "backbone_config.hidden_size is 9223372036854775807, not in"},
    {BACKBONE, "hidden_size", "17", QN_MALFORMED, "backbone_config.hidden_size is 17, no multiple of num_attention_heads 2"},
    {BACKBONE, "hidden_size", "\"16\"", QN_MALFORMED, "backbone_config.hidden_size is no whole number"},
    {BACKBONE, "num_attention_heads", "0", QN_MALFORMED, "backbone_config.num_attention_heads is 0, not in 1..65536"},
    {BACKBONE, "num_attention_heads", "3", QN_MALFORMED, "backbone_config.hidden_size is 16, no multiple of num_attention_heads 3"},
    {BACKBONE, "num_hidden_layers", "0", QN_MALFORMED, "backbone_config.num_hidden_layers is 0, not in 1..512"},
    {BACKBONE, "num_hidden_layers", "513", QN_MALFORMED, "backbone_config.num_hidden_layers is 513, not in 1..512"},
    {BACKBONE, "num_hidden_layers", "3", QN_MALFORMED, "backbone_config.out_indices is 4, not in 0..3"},
    {BACKBONE, "num_channels", "0", QN_MALFORMED, "backbone_config.num_channels is 0, not in 1..1024"},
    {BACKBONE, "num_channels", "4", QN_MALFORMED,
     "1 tensor: 'backbone.embeddings.patch_embeddings.projection.weight' is [16, 3, 14, 14], not [16, 4, 14, 14]"},
    {BACKBONE, "patch_size", "0", QN_MALFORMED, "backbone_config.patch_size is 0, not in 1..1024"},
    {BACKBONE, "patch_size", "[14, 14]", QN_MALFORMED, "backbone_config.patch_size is no whole number"},
    {BACKBONE, "patch_size", "7", QN_MALFORMED, "patch_size is 14, not in 7..7"},
    {BACKBONE, "image_size", "13", QN_MALFORMED, "backbone_config.image_size is 13, less than patch_size 14"},
    {BACKBONE, "image_size", "65537", QN_MALFORMED, "backbone_config.image_size is 65537, not in 1..65536"},
    {BACKBONE, "image_size", "65536", QN_MALFORMED,
     "1 tensor: 'backbone.embeddings.position_embeddings' is [1, 17, 16], not [1, 21911762, 16]"},
    {BACKBONE, "mlp_ratio", "0", QN_MALFORMED, "backbone_config.mlp_ratio is 0, not in 0.015625..64"},
    {BACKBONE, "mlp_ratio", "65", QN_MALFORMED, "backbone_config.mlp_ratio is 65, not in 0.015625..64"},
    {BACKBONE, "mlp_ratio", "0.05", QN_MALFORMED, "backbone_config.mlp_ratio is 0.05: a layer of 16 has no hidden unit"},
    {BACKBONE, "layer_norm_eps", "-1e-6", QN_MALFORMED, "backbone_config.layer_norm_eps is -1e-06, not in 0..1"},
    {BACKBONE, "layer_norm_eps", "\"1e-6\"", QN_MALFORMED, "backbone_config.layer_norm_eps is no number"},
    {BACKBONE, "qkv_bias", "1", QN_MALFORMED, "backbone_config.qkv_bias is neither true nor false"},
    {BACKBONE, "qkv_bias", "false", QN_MALFORMED, "12 tensors: 'backbone.encoder.layer.0.attention.attention.query.bias' [16] is no"
                                                  " tensor of this model"},
    {BACKBONE, "out_indices", "4", QN_MALFORMED, "backbone_config.out_indices is no list"},
    {BACKBONE, "out_indices", "[1, 2, 3]", QN_MALFORMED, "backbone_config.out_indices has 3 entries, not 4"},
    {BACKBONE, "out_indices", "[1, 2, 3, 5]", QN_MALFORMED, "backbone_config.out_indices is 5, not in 0..4"},
    {BACKBONE, "out_indices", "[-4, -3, -2, -1]", QN_MALFORMED, "backbone_config.out_indices is -4, not in 0..4"},
    {BACKBONE, "out_indices", "[0, 1, 2, 3]", QN_MALFORMED, "backbone_config.out_indices are not 4 ascending layers of 1..4"},
    {BACKBONE, "out_indices", "[1, 2, 2, 4]", QN_MALFORMED, "backbone_config.out_indices are not 4 ascending layers of 1..4"},
    {BACKBONE, "out_indices", "[4, 3, 2, 1]", QN_MALFORMED, "backbone_config.out_indices are not 4 ascending layers of 1..4"},
    {BACKBONE, "out_indices", "[1, 2, \"3\", 4]", QN_MALFORMED, "backbone_config.out_indices is no whole number"},
};

static void refused(const char *folder, qn_status status, const char *message) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    qn_arch_info info;
    ASSERT_FAILS(ctx, status, message, qn_arch_read(ctx, folder, &graph, &info));
    if (strncmp(qn_context_message(ctx), folder, strlen(folder)) != 0)
        fail_msg("'%s' does not begin with the folder", qn_context_message(ctx));
    assert_null(graph);
    qn_context_destroy(ctx);
}

QN_TEST(arch_depth_anything_v2_refusals) {
    char folder[256], message[256];
    ckpt c = tiny_dav2(7);
    st_folder("refusals", folder);
    ckpt_write(&c, folder, NULL);
    for (size_t i = 0; i < sizeof g_refusals / sizeof g_refusals[0]; i++) {
        char *config = ckpt_config_with(tiny_dav2_config, g_refusals[i].section, g_refusals[i].key, g_refusals[i].value);
        const bool tensors = strstr(g_refusals[i].message, " tensor") && !strstr(g_refusals[i].message, "config");
        snprintf(message, sizeof message, "/refusals%s: %s", tensors ? "" : "/config.json", g_refusals[i].message);
        st_write_text(folder, "config.json", config);
        refused(folder, g_refusals[i].status, message);
        free(config);
    }
    ckpt_end(&c);
}

/* Without out_indices, out_features says which layers: "stage4". */
QN_TEST(arch_depth_anything_v2_stages) {
    static const struct {
        const char *features, *message;
    } rows[] = {
        {"null", "backbone_config.out_indices is missing, and out_features is no list of 4"},
        {"[\"stage1\"]", "backbone_config.out_indices is missing, and out_features is no list of 4"},
        {"[1, 2, 3, 4]", "backbone_config.out_features holds what is no stage"},
        {"[\"stem\", \"stage1\", \"stage2\", \"stage3\"]", "backbone_config.out_features holds what is no stage"},
        {"[\"stage1\", \"stage2\", \"stage3\", \"stage4x\"]", "backbone_config.out_features holds what is no stage"},
        {"[\"stage1\", \"stage2\", \"stage3\", \"stage\"]", "backbone_config.out_features holds what is no stage"},
        {"[\"stage1\", \"stage2\", \"stage3\", \"stage +4\"]", "backbone_config.out_features holds what is no stage"},
        {"[\"stage1\", \"stage2\", \"stage3\", \"stage99999999999999999999\"]",
         "backbone_config.out_features holds what is no stage"},
        {"[\"stage1\", \"stage2\", \"stage3\", \"stage5\"]", "backbone_config.out_indices are not 4 ascending layers of 1..4"},
        {"[\"stage-1\", \"stage2\", \"stage3\", \"stage4\"]", "backbone_config.out_features holds what is no stage"},
    };
    char folder[256];
    ckpt c = tiny_dav2(7);
    st_folder("stages", folder);
    ckpt_write(&c, folder, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = ckpt_config_with(tiny_dav2_config, BACKBONE, "out_indices", NULL);
        json_t *config = json_loads(text, 0, NULL);
        free(text);
        assert_int_equal(json_object_set_new(json_object_get(config, BACKBONE), "out_features",
                                             json_loads(rows[i].features, JSON_DECODE_ANY, NULL)), 0);
        text = json_dumps(config, 0);
        st_write_text(folder, "config.json", text);
        refused(folder, QN_MALFORMED, rows[i].message);
        free(text);
        json_decref(config);
    }
    ckpt_end(&c);
}

/* Without a config.json the class token's width says which published model it is. */
QN_TEST(arch_depth_anything_v2_published_sizes) {
    static const struct {
        int64_t hidden;
        const char *probe; /* a tensor of another shape: the message says which one it should have */
        qn_status status;
        const char *message;
    } rows[] = {
        {384, "pretrained.blocks.11.mlp.fc2.weight", QN_MALFORMED,
         "'pretrained.blocks.11.mlp.fc2.weight' is [5], not [384, 1536]"},
        {768, "depth_head.projects.3.weight", QN_MALFORMED, "'depth_head.projects.3.weight' is [5], not [768, 768, 1, 1]"},
        {1024, "pretrained.pos_embed", QN_MALFORMED, "'pretrained.pos_embed' is [5], not [1, 1370, 1024]"},
        {64, "pretrained.pos_embed", QN_UNSUPPORTED,
         "no config.json, and 'pretrained.cls_token' is of none of the published sizes (384, 768, 1024)"},
    };
    char folder[256];
    st_folder("published", folder);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ckpt c = ckpt_begin(1);
        (void)ckpt_add(&c, "pretrained.cls_token", 0, 1, QN_DIMS(1, 1, rows[i].hidden));
        (void)ckpt_add(&c, "depth_head.projects.0.weight", 0, 1, QN_DIMS(1));
        (void)ckpt_add(&c, rows[i].probe, 0, 1, QN_DIMS(5));
        ckpt_write(&c, folder, NULL);
        refused(folder, rows[i].status, rows[i].message);
        ckpt_end(&c);
    }
    ckpt c = ckpt_begin(1);
    (void)ckpt_add(&c, "pretrained.cls_token", 0, 1, NULL, 0);
    (void)ckpt_add(&c, "depth_head.projects.0.weight", 0, 1, QN_DIMS(1));
    ckpt_write(&c, folder, NULL);
    refused(folder, QN_UNSUPPORTED, "'pretrained.cls_token' is of none of the published sizes");
    ckpt_end(&c);
}
