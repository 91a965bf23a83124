#include "tests/arch/tiny_da3.h"

#include <stdio.h>

#include "arch/builder.h"

enum { HIDDEN = 16, HEADS = 2, SIDE = 4, FEATURES = 8, HEAD = 32, START = 2, LEVELS = 4 };
static const int64_t g_channels[LEVELS] = {4, 8, 8, 12};

#define TINY_CONFIG(NET, HEAD_TEXT)                                                                                 \
    "{\"model_name\": \"da3-test\", \"config\": {\"__object__\": {\"name\": \"DepthAnything3Net\"}, \"net\": {" NET  \
    ", \"embed_dim\": 16, \"num_heads\": 2, \"img_size\": 56}, \"head\": {" HEAD_TEXT                              \
    ", \"features\": 8, \"out_channels\": [4, 8, 8, 12]}}}"

const char tiny_da3_config[] =
    TINY_CONFIG("\"name\": \"vit-test\", \"depth\": 6, \"out_layers\": [2, 3, 4, 5], \"alt_start\": 2, \"qknorm_start\": 2, "
                "\"rope_start\": 2, \"cat_token\": true",
                "\"__object__\": {\"name\": \"DualDPT\"}, \"dim_in\": 32, \"output_dim\": 2");
const char tiny_da3_mono_config[] =
    TINY_CONFIG("\"name\": \"vit-test\", \"depth\": 4, \"out_layers\": [0, 1, 2, 3], \"alt_start\": -1, \"qknorm_start\": -1, "
                "\"rope_start\": -1, \"cat_token\": false",
                "\"__object__\": {\"name\": \"DPT\"}, \"dim_in\": 16, \"output_dim\": 1");

/* ---- tensors --------------------------------------------------------------------------------------------- */

static void add_linear(ckpt *c, const char *prefix, int64_t in, int64_t out) {
    ckpt_add_module(c, prefix, true, QN_DIMS(out, in));
}

static void add_conv(ckpt *c, const char *prefix, int64_t in, int64_t out, int64_t kernel) {
    ckpt_add_module(c, prefix, true, QN_DIMS(out, in, kernel, kernel));
}

static void add_layer(ckpt *c, int layer, bool turned) {
    static const struct {
        const char *part;
        int64_t in, out;   /* in 0: a norm of `out`; out 0: a scale */
        bool turned;       /* of layers that turn only */
    } rows[] = {{"norm1", 0, HIDDEN, false}, {"attn.qkv", HIDDEN, 3 * HIDDEN, false}, {"attn.proj", HIDDEN, HIDDEN, false},
                {"attn.q_norm", 0, HIDDEN / HEADS, true}, {"attn.k_norm", 0, HIDDEN / HEADS, true},
                {"ls1.gamma", HIDDEN, 0, false}, {"norm2", 0, HIDDEN, false}, {"mlp.fc1", HIDDEN, 4 * HIDDEN, false},
                {"mlp.fc2", 4 * HIDDEN, HIDDEN, false}, {"ls2.gamma", HIDDEN, 0, false}};
    char name[128];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].turned && !turned)
            continue;
        snprintf(name, sizeof name, "model.backbone.pretrained.blocks.%d.%s", layer, rows[i].part);
        if (rows[i].out == 0)
            (void)ckpt_add(c, name, 0.5, 0.1, &rows[i].in, 1);
        else if (rows[i].in == 0)
            ckpt_add_norm(c, name, rows[i].out);
        else
            add_linear(c, name, rows[i].in, rows[i].out);
    }
}

static void add_backbone(ckpt *c, bool mono) {
    (void)ckpt_add(c, "model.backbone.pretrained.cls_token", 0, 1, QN_DIMS(1, 1, HIDDEN));
    (void)ckpt_add(c, "model.backbone.pretrained.pos_embed", 0, 0.5, QN_DIMS(1, 1 + SIDE * SIDE, HIDDEN));
    add_conv(c, "model.backbone.pretrained.patch_embed.proj", 3, HIDDEN, 14);
    ckpt_add_norm(c, "model.backbone.pretrained.norm", HIDDEN);
    for (int i = 0; i < (mono ? 4 : 6); i++)
        add_layer(c, i, !mono && i >= START);
    if (!mono)
        (void)ckpt_add(c, "model.backbone.pretrained.camera_token", 0, 1, QN_DIMS(1, 2, HIDDEN));
}

static void add_tower(ckpt *c, const char *suffix) {
    static const char *const units[] = {"resConfUnit1.conv1", "resConfUnit1.conv2", "resConfUnit2.conv1", "resConfUnit2.conv2"};
    char name[128];
    for (int i = 1; i <= LEVELS; i++) {
        for (int k = i == LEVELS ? 2 : 0; k < 4; k++) {
            snprintf(name, sizeof name, "model.head.scratch.refinenet%d%s.%s", i, suffix, units[k]);
            add_conv(c, name, FEATURES, FEATURES, 3);
        }
        snprintf(name, sizeof name, "model.head.scratch.refinenet%d%s.out_conv", i, suffix);
        add_conv(c, name, FEATURES, FEATURES, 1);
    }
}

/* Heads of the tower of rays; the norm of the first is that of all, as __metadata__ says. */
static void add_rays(ckpt *c) {
    char name[128];
    for (int i = 0; i < LEVELS; i++) {
        for (int k = 0; k < 5; k++) {
            snprintf(name, sizeof name, "model.head.scratch.output_conv1_aux.%d.%d", i, k);
            add_conv(c, name, k % 2 ? FEATURES / 2 : FEATURES, k % 2 ? FEATURES : FEATURES / 2, 3);
        }
        snprintf(name, sizeof name, "model.head.scratch.output_conv2_aux.%d.0", i);
        add_conv(c, name, FEATURES / 2, HEAD, 3);
        snprintf(name, sizeof name, "model.head.scratch.output_conv2_aux.%d.5", i);
        add_conv(c, name, HEAD, 7, 1);
    }
    ckpt_add_norm(c, "model.head.scratch.output_conv2_aux.0.2", HEAD);
}

static void add_head(ckpt *c, bool mono) {
    static const int64_t resize[LEVELS] = {4, 2, 0, 3};
    const int64_t in = mono ? HIDDEN : 2 * HIDDEN;
    char name[128];
    for (int i = 0; i < LEVELS; i++) {
        const int64_t n = g_channels[i];
        snprintf(name, sizeof name, "model.head.projects.%d", i);
        add_conv(c, name, in, n, 1);
        snprintf(name, sizeof name, "model.head.resize_layers.%d", i);
        if (resize[i])
            add_conv(c, name, n, n, resize[i]);
        snprintf(name, sizeof name, "model.head.scratch.layer%d_rn", i + 1);
        ckpt_add_module(c, name, false, QN_DIMS(FEATURES, n, 3, 3));
    }
    add_tower(c, "");
    add_conv(c, "model.head.scratch.output_conv1", FEATURES, FEATURES / 2, 3);
    add_conv(c, "model.head.scratch.output_conv2.0", FEATURES / 2, HEAD, 3);
    add_conv(c, "model.head.scratch.output_conv2.2", HEAD, mono ? 1 : 2, 1);
    if (mono) {
        add_conv(c, "model.head.scratch.sky_output_conv2.0", FEATURES / 2, HEAD, 3);
        add_conv(c, "model.head.scratch.sky_output_conv2.2", HEAD, 1, 1);
        return;
    }
    ckpt_add_norm(c, "model.head.norm", in);
    add_tower(c, "_aux");
    add_rays(c);
}

static void add_cameras(ckpt *c) {
    add_linear(c, "model.cam_dec.backbone.0", 2 * HIDDEN, 2 * HIDDEN);
    add_linear(c, "model.cam_dec.backbone.2", 2 * HIDDEN, 2 * HIDDEN);
    add_linear(c, "model.cam_dec.fc_t", 2 * HIDDEN, 3);
    add_linear(c, "model.cam_dec.fc_qvec", 2 * HIDDEN, 4);
    ckpt_add_module(c, "model.cam_dec.fc_fov.0", false, QN_DIMS(2, 2 * HIDDEN));
    (void)ckpt_add(c, "model.cam_dec.fc_fov.0.bias", 1, 0.1, QN_DIMS(2)); /* angles of view are well above 0 */
    add_linear(c, "model.cam_enc.pose_branch.fc1", 9, HIDDEN / 2); /* of a part that is not read */
}

const char *tiny_da3_write(const char *name, bool mono, const char *config, const ckpt_change *change) {
#define SHARED "model.head.scratch.output_conv2_aux"
    static char folder[256];
    static const char metadata[] = "{\"" SHARED ".3.2.weight\":\"" SHARED ".0.2.weight\",\"" SHARED ".3.2.bias\":\"" SHARED
                                   ".0.2.bias\"}";
    ckpt c = ckpt_begin(3);
    add_backbone(&c, mono);
    add_head(&c, mono);
    if (!mono)
        add_cameras(&c);
    ckpt_apply(&c, change);
    ckpt_write_folder(&c, name, config ? config : mono ? tiny_da3_mono_config : tiny_da3_config,
                      &(ckpt_storage){.metadata = mono ? NULL : metadata}, folder);
    ckpt_end(&c);
    return folder;
}
