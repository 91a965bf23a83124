/* What Depth Anything 3 refuses: configurations, one by one, and tensors. */
#include <stdio.h>
#include <stdlib.h>

#include "arch/arch.h"
#include "tests/arch/tiny_da3.h"
#include "tests/test.h"

/* The configuration with `from`, which is there once, replaced by `to`. free() it. */
static char *replaced(const char *config, const char *from, const char *to) {
    const char *at = strstr(config, from);
    if (!at || strstr(at + 1, from))
        fail_msg("'%s' is not once in the configuration", from);
    const size_t n = strlen(config) + strlen(to) + 1;
    char *text = malloc(n);
    assert_non_null(text);
    snprintf(text, n, "%.*s%s%s", (int)(at - config), config, to, at + strlen(from));
    return text;
}

static const struct {
    const char *from, *to;
    qn_status status;
    const char *message;
} g_refused[] = {
    {"\"config\": {\"__obj", "\"other\": {\"__obj", QN_MALFORMED, "config is missing"},
    {"DepthAnything3Net", "NestedDepthAnything3Net", QN_UNSUPPORTED, "config is of NestedDepthAnything3Net; only DepthAnything3Net"},
    {"\"net\"", "\"nets\"", QN_MALFORMED, "config.net is missing"},
    {"\"head\"", "\"heads\"", QN_MALFORMED, "config.head is missing"},
    {", \"embed_dim\": 16", "", QN_UNSUPPORTED, "config.net.name 'vit-test'; vits, vitb and vitl are built"},
    {"\"embed_dim\": 16", "\"embed_dim\": 100000", QN_MALFORMED, "config.net.embed_dim is 100000, not in 1..8192"},
    {"\"embed_dim\": 16", "\"embed_dim\": 17", QN_MALFORMED, "config.net.embed_dim is 17, no multiple of num_heads 2"},
    {"\"num_heads\": 2", "\"num_heads\": 0", QN_MALFORMED, "config.net.num_heads is 0, not in 1..8192"},
    {"\"num_heads\": 2", "\"num_heads\": 8", QN_MALFORMED, "config.net.num_heads is 8: heads of 2 elements are not turned"},
    {"\"depth\": 6", "\"depth\": 257", QN_MALFORMED, "config.net.depth is 257, not in 1..256"},
    {"\"img_size\": 56", "\"img_size\": 13", QN_MALFORMED, "config.net.img_size is 13, not in 14..8192"},
    {"\"alt_start\": 2", "\"alt_start\": 6", QN_MALFORMED, "config.net.alt_start is 6, not in -1..5"},
    {"\"alt_start\": 2, ", "", QN_MALFORMED, "config.net.alt_start is missing"},
    {"\"qknorm_start\": 2", "\"qknorm_start\": 3", QN_UNSUPPORTED, "config.net.qknorm_start is 3; only alt_start, 2, is built"},
    {"\"rope_start\": 2", "\"rope_start\": -1", QN_UNSUPPORTED, "config.net.rope_start is -1; only alt_start, 2, is built"},
    {"\"cat_token\": true", "\"cat_token\": false", QN_UNSUPPORTED, "config.net.cat_token is false with alt_start 2"},
    {"[2, 3, 4, 5]", "[2, 3, 4]", QN_MALFORMED, "config.net.out_layers"},
    {"[2, 3, 4, 5]", "[2, 3, 4, 6]", QN_MALFORMED, "config.net.out_layers"},
    {"[2, 3, 4, 5]", "[2, 4, 3, 5]", QN_MALFORMED, "config.net.out_layers do not ascend"},
    {"DualDPT", "DPT", QN_UNSUPPORTED, "config.head is of DPT; with alt_start 2 only DualDPT is built"},
    {"\"dim_in\": 32", "\"dim_in\": 16", QN_MALFORMED, "config.head.dim_in is 16, not in 32..32"},
    {"\"output_dim\": 2", "\"output_dim\": 1", QN_MALFORMED, "config.head.output_dim is 1, not in 2..2"},
    {"\"features\": 8", "\"features\": 12", QN_MALFORMED, "config.head.features is 12, no multiple of 8"},
    {"\"features\": 8, ", "", QN_MALFORMED, "config.head.features is missing"},
    {"[4, 8, 8, 12]", "[4, 8, 8, 10]", QN_MALFORMED, "config.head.out_channels holds 10, no multiple of 4"},
    {"[4, 8, 8, 12]", "[4, 8, 8, 0]", QN_MALFORMED, "config.head.out_channels"},
};

static void expect_refused(const char *folder, qn_status status, const char *message) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    qn_arch_info info;
    ASSERT_FAILS(ctx, status, message, qn_arch_read(ctx, folder, &graph, &info));
    assert_null(graph);
    qn_context_destroy(ctx);
}

QN_TEST(arch_depth_anything_3_refuses_configurations) {
    for (size_t i = 0; i < sizeof g_refused / sizeof g_refused[0]; i++) {
        char *config = replaced(tiny_da3_config, g_refused[i].from, g_refused[i].to);
        expect_refused(tiny_da3_write("da3-refused", false, config, NULL), g_refused[i].status, g_refused[i].message);
        free(config);
    }
}

/* Features of a monocular model need not be in quarters, but in halves. */
QN_TEST(arch_depth_anything_3_refuses_odd_monocular_features) {
    char *config = replaced(tiny_da3_mono_config, "\"features\": 8", "\"features\": 7");
    expect_refused(tiny_da3_write("da3-refused", true, config, NULL), QN_MALFORMED, "config.head.features is 7, no multiple of 2");
    free(config);
}

QN_TEST(arch_depth_anything_3_refuses_tensors) {
    static const struct {
        ckpt_change change;
        const char *message;
    } rows[] = {
        {{.without = "model.backbone.pretrained.camera_token"}, "1 tensor: 'model.backbone.pretrained.camera_token' [1, 2, 16] is missing"},
        {{.without = "model.head.scratch.output_conv2_aux.0.2.bias"},
         "1 tensor: 'model.head.scratch.output_conv2_aux.3.2.bias' [32] is missing"},
        {{.reversed = "model.backbone.pretrained.blocks.3.attn.qkv.weight"},
         "1 tensor: 'model.backbone.pretrained.blocks.3.attn.qkv.weight' is [16, 48], not [48, 16]"},
        {{.surplus = "model.backbone.pretrained.blocks.6.ls1.gamma"},
         "1 tensor: 'model.backbone.pretrained.blocks.6.ls1.gamma' [2] is no tensor of this model"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_refused(tiny_da3_write("da3-refused", false, NULL, &rows[i].change), QN_MALFORMED, rows[i].message);
}

static bool was_dropped(const qn_arch_info *info, const char *name) {
    for (int32_t i = 0; i < info->n_dropped; i++)
        if (strcmp(info->dropped[i].name, name) == 0)
            return true;
    return false;
}

/* What no output needs may be there; a model_name alone is enough to know it by. */
QN_TEST(arch_depth_anything_3_knows_what_it_does_not_need) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    qn_arch_info info;
    char *config = replaced(tiny_da3_config, "\"__object__\": {\"name\": \"DepthAnything3Net\"}, ", "");
    ASSERT_OK(ctx, qn_arch_read(ctx, tiny_da3_write("da3", false, config, NULL), &graph, &info));
    free(config);
    assert_string_equal(info.name, "depth_anything_3");
    assert_true(was_dropped(&info, "model.cam_enc.pose_branch.fc1.weight"));
    assert_true(was_dropped(&info, "model.head.scratch.output_conv1_aux.2.4.bias"));
    assert_true(was_dropped(&info, "model.head.scratch.output_conv2_aux.0.5.weight"));
    assert_false(was_dropped(&info, "model.head.scratch.output_conv2_aux.0.2.weight")); /* the norm of all four */
    assert_int_equal(info.n_dropped, 2 + 3 * 14);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}
