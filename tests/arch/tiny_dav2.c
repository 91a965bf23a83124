#include "tests/arch/tiny_dav2.h"

#include <stdio.h>

#include "arch/builder.h"
#include "tests/test.h"

enum { HIDDEN = 16, LAYERS = 4, MLP = 64, PATCH = 14, SIDE = 4, FUSION = 8, HEAD = 6, LEVELS = 4 };
static const int64_t g_channels[LEVELS] = {8, 12, 16, 20};

const char tiny_dav2_config[] =
    "{\"model_type\": \"depth_anything\", \"backbone\": null, \"backbone_config\": {\"model_type\": \"dinov2\", \"hidden_size\": 16,"
    " \"num_attention_heads\": 2, \"num_hidden_layers\": 4, \"image_size\": 56, \"patch_size\": 14, \"out_indices\": [1, 2, 3, 4],"
    " \"out_features\": [\"stage1\", \"stage2\", \"stage3\", \"stage4\"], \"reshape_hidden_states\": false},"
    " \"patch_size\": 14, \"reassemble_hidden_size\": 16, \"neck_hidden_sizes\": [8, 12, 16, 20],"
    " \"reassemble_factors\": [4, 2, 1, 0.5], \"fusion_hidden_size\": 8, \"head_hidden_size\": 6, \"head_in_index\": -1}";

/* ---- Hugging Face's names ------------------------------------------------------------------------------------ */

static void add_layer(ckpt *c, int layer) {
    static const struct {
        const char *part;
        int64_t out, in;   /* 0: a norm; in 1: a scale */
    } rows[] = {{"norm1", 0, 0}, {"attention.attention.query", HIDDEN, HIDDEN}, {"attention.attention.key", HIDDEN, HIDDEN},
                {"attention.attention.value", HIDDEN, HIDDEN}, {"attention.output.dense", HIDDEN, HIDDEN},
                {"layer_scale1.lambda1", HIDDEN, 1}, {"norm2", 0, 0}, {"mlp.fc1", MLP, HIDDEN}, {"mlp.fc2", HIDDEN, MLP},
                {"layer_scale2.lambda1", HIDDEN, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[128];
        snprintf(name, sizeof name, "backbone.encoder.layer.%d.%s", layer, rows[i].part);
        if (rows[i].out == 0)
            ckpt_add_norm(c, name, HIDDEN);
        else if (rows[i].in == 1)
            (void)ckpt_add(c, name, 0.5, 0.1, QN_DIMS(HIDDEN));
        else
            ckpt_add_module(c, name, true, QN_DIMS(rows[i].out, rows[i].in));
    }
}

static void add_neck(ckpt *c, int level) {
    static const int64_t resize[LEVELS] = {4, 2, 0, 3};
    static const char *const units[] = {"residual_layer1.convolution1", "residual_layer1.convolution2",
                                        "residual_layer2.convolution1", "residual_layer2.convolution2"};
    const int64_t n = g_channels[level];
    char name[128];
    snprintf(name, sizeof name, "neck.reassemble_stage.layers.%d.projection", level);
    ckpt_add_module(c, name, true, QN_DIMS(n, HIDDEN, 1, 1));
    snprintf(name, sizeof name, "neck.reassemble_stage.layers.%d.resize", level);
    if (resize[level])
        ckpt_add_module(c, name, true, QN_DIMS(n, n, resize[level], resize[level]));
    snprintf(name, sizeof name, "neck.convs.%d", level);
    ckpt_add_module(c, name, false, QN_DIMS(FUSION, n, 3, 3));
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "neck.fusion_stage.layers.%d.%s", level, units[i]);
        ckpt_add_module(c, name, true, QN_DIMS(FUSION, FUSION, 3, 3));
    }
    snprintf(name, sizeof name, "neck.fusion_stage.layers.%d.projection", level);
    ckpt_add_module(c, name, true, QN_DIMS(FUSION, FUSION, 1, 1));
}

ckpt tiny_dav2(uint64_t seed) {
    ckpt c = ckpt_begin(seed);
    (void)ckpt_add(&c, "backbone.embeddings.cls_token", 0, 1, QN_DIMS(1, 1, HIDDEN));
    (void)ckpt_add(&c, "backbone.embeddings.mask_token", 0, 1, QN_DIMS(1, HIDDEN));
    (void)ckpt_add(&c, "backbone.embeddings.position_embeddings", 0, 1, QN_DIMS(1, 1 + SIDE * SIDE, HIDDEN));
    ckpt_add_module(&c, "backbone.embeddings.patch_embeddings.projection", true, QN_DIMS(HIDDEN, 3, PATCH, PATCH));
    for (int i = 0; i < LAYERS; i++)
        add_layer(&c, i);
    ckpt_add_norm(&c, "backbone.layernorm", HIDDEN);
    for (int i = 0; i < LEVELS; i++)
        add_neck(&c, i);
    ckpt_add_module(&c, "head.conv1", true, QN_DIMS(FUSION / 2, FUSION, 3, 3));
    ckpt_add_module(&c, "head.conv2", true, QN_DIMS(HEAD, FUSION / 2, 3, 3));
    ckpt_add_module(&c, "head.conv3", true, QN_DIMS(1, HEAD, 1, 1));
    ckpt_find(&c, "head.conv3.bias")->data[0] = 2; /* most depths are above 0 */
    return c;
}

/* ---- the original's names --------------------------------------------------------------------------------------- */

/* First what begins a name, then what follows; the first that fits. Of %d: the same number, or 4 less it for fusions. */
static const struct {
    const char *from, *to;
} g_prefixes[] = {
    {"backbone.embeddings.cls_token", "pretrained.cls_token"},
    {"backbone.embeddings.mask_token", "pretrained.mask_token"},
    {"backbone.embeddings.position_embeddings", "pretrained.pos_embed"},
    {"backbone.embeddings.patch_embeddings.projection", "pretrained.patch_embed.proj"},
    {"backbone.layernorm", "pretrained.norm"},
    {"backbone.encoder.layer.", "pretrained.blocks."},
    {"head.conv1", "depth_head.scratch.output_conv1"},
    {"head.conv2", "depth_head.scratch.output_conv2.0"},
    {"head.conv3", "depth_head.scratch.output_conv2.2"},
    {"neck.fusion_stage.layers.0", "depth_head.scratch.refinenet4"},
    {"neck.fusion_stage.layers.1", "depth_head.scratch.refinenet3"},
    {"neck.fusion_stage.layers.2", "depth_head.scratch.refinenet2"},
    {"neck.fusion_stage.layers.3", "depth_head.scratch.refinenet1"},
    {"neck.convs.0", "depth_head.scratch.layer1_rn"},
    {"neck.convs.1", "depth_head.scratch.layer2_rn"},
    {"neck.convs.2", "depth_head.scratch.layer3_rn"},
    {"neck.convs.3", "depth_head.scratch.layer4_rn"},
    {"neck.reassemble_stage.layers.", "depth_head.@."},
}, g_parts[] = {
    {".attention.output.dense", ".attn.proj"},
    {".layer_scale1.lambda1", ".ls1.gamma"},
    {".layer_scale2.lambda1", ".ls2.gamma"},
    {".residual_layer1.convolution", ".resConfUnit1.conv"},
    {".residual_layer2.convolution", ".resConfUnit2.conv"},
};

static const char *original_name(qn_arena *arena, const char *name) {
    for (size_t i = 0; i < sizeof g_prefixes / sizeof g_prefixes[0]; i++)
        if (strncmp(name, g_prefixes[i].from, strlen(g_prefixes[i].from)) == 0) {
            name = qn_arena_printf(arena, "%s%s", g_prefixes[i].to, name + strlen(g_prefixes[i].from));
            break;
        }
    /* "depth_head.@.2.projection.bias": "depth_head.projects.2.bias" */
    if (strncmp(name, "depth_head.@.", 13) == 0) {
        const bool resize = strncmp(name + 14, ".resize", 7) == 0;
        return qn_arena_printf(arena, "depth_head.%s.%c%s", resize ? "resize_layers" : "projects", name[13],
                               strrchr(name, '.'));
    }
    for (size_t i = 0; i < sizeof g_parts / sizeof g_parts[0]; i++) {
        const char *at = strstr(name, g_parts[i].from);
        if (at)
            return qn_arena_printf(arena, "%.*s%s%s", (int)(at - name), name, g_parts[i].to, at + strlen(g_parts[i].from));
    }
    /* "refinenet4.projection.bias": "refinenet4.out_conv.bias" */
    const char *at = strstr(name, "refinenet") ? strstr(name, ".projection.") : NULL;
    return at ? qn_arena_printf(arena, "%.*s.out_conv.%s", (int)(at - name), name, at + strlen(".projection.")) : name;
}

/* The rows of query, key and value, one after the other. */
static void fuse_qkv(ckpt *out, const ckpt *in, int layer, const char *what, int32_t rank) {
    static const char *const parts[] = {"query", "key", "value"};
    char name[128];
    snprintf(name, sizeof name, "pretrained.blocks.%d.attn.qkv.%s", layer, what);
    ckpt_tensor *fused = ckpt_add(out, name, 0, 0, (const int64_t[]){3 * HIDDEN, HIDDEN}, rank);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "backbone.encoder.layer.%d.attention.attention.%s.%s", layer, parts[i], what);
        const ckpt_tensor *t = ckpt_find(in, name);
        memcpy(fused->data + i * t->n, t->data, (size_t)t->n * sizeof *t->data);
    }
}

ckpt tiny_dav2_original(const ckpt *in) {
    ckpt out = ckpt_begin(0);
    for (int32_t i = 0; i < in->n; i++) {
        const ckpt_tensor *t = &in->tensors[i];
        if (!strstr(t->name, ".attention.attention."))
            memcpy(ckpt_add(&out, original_name(out.arena, t->name), 0, 0, t->dims, t->rank)->data, t->data,
                   (size_t)t->n * sizeof *t->data);
    }
    for (int i = 0; i < LAYERS; i++) {
        fuse_qkv(&out, in, i, "weight", 2);
        fuse_qkv(&out, in, i, "bias", 1);
    }
    return out;
}
