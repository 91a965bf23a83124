#include "tests/arch/tiny_da3.h"

#include <math.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/random.h"
#include "tests/test.h"

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

typedef struct writer {
    qn_buf header, data;
    uint64_t state;
    const tiny_da3_change *change;
} writer;

static bool is(const char *wanted, const char *name) { return wanted && strcmp(wanted, name) == 0; }

/* Numbers around `mean`. */
static void put(writer *w, const char *name, double mean, double spread, const int64_t *dims, int32_t rank) {
    int64_t n = 1;
    if (is(w->change->drop, name))
        return;
    qn_buf_printf(&w->header, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", w->header.n > 1 ? "," : "", name);
    for (int32_t i = 0; i < rank; i++) {
        qn_buf_printf(&w->header, "%s%lld", i ? "," : "", (long long)dims[is(w->change->turn, name) ? rank - 1 - i : i]);
        n *= dims[i];
    }
    qn_buf_printf(&w->header, "],\"data_offsets\":[%zu,", w->data.n);
    for (int64_t i = 0; i < n; i++) {
        const float x = (float)(mean + spread * qn_random_normal(&w->state));
        qn_buf_append(&w->data, &x, sizeof x);
    }
    qn_buf_printf(&w->header, "%zu]}", w->data.n);
}

#define DIMS(...) (const int64_t[]){__VA_ARGS__}, (int32_t)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/* PREFIX.weight, so that sums over what it is multiplied with keep their size, and PREFIX.bias of n. */
static void put_product(writer *w, const char *prefix, int64_t n, const int64_t *dims, int32_t rank) {
    char name[160];
    double fan_in = 1;
    for (int32_t i = 1; i < rank; i++)
        fan_in *= (double)dims[i];
    snprintf(name, sizeof name, "%s.weight", prefix);
    put(w, name, 0, 1 / sqrt(fan_in), dims, rank);
    snprintf(name, sizeof name, "%s.bias", prefix);
    if (n)
        put(w, name, 0, 0.1, &n, 1);
}

static void put_linear(writer *w, const char *prefix, int64_t in, int64_t out) { put_product(w, prefix, out, DIMS(out, in)); }

static void put_conv(writer *w, const char *prefix, int64_t in, int64_t out, int64_t kernel) {
    put_product(w, prefix, out, DIMS(out, in, kernel, kernel));
}

static void put_norm(writer *w, const char *prefix, int64_t n) {
    char name[160];
    snprintf(name, sizeof name, "%s.weight", prefix);
    put(w, name, 1, 0.1, &n, 1);
    snprintf(name, sizeof name, "%s.bias", prefix);
    put(w, name, 0, 0.1, &n, 1);
}

static void put_layer(writer *w, int layer, bool turned) {
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
            put(w, name, 0.5, 0.1, &rows[i].in, 1);
        else if (rows[i].in == 0)
            put_norm(w, name, rows[i].out);
        else
            put_linear(w, name, rows[i].in, rows[i].out);
    }
}

static void put_backbone(writer *w, bool mono) {
    put(w, "model.backbone.pretrained.cls_token", 0, 1, DIMS(1, 1, HIDDEN));
    put(w, "model.backbone.pretrained.pos_embed", 0, 0.5, DIMS(1, 1 + SIDE * SIDE, HIDDEN));
    put_conv(w, "model.backbone.pretrained.patch_embed.proj", 3, HIDDEN, 14);
    put_norm(w, "model.backbone.pretrained.norm", HIDDEN);
    for (int i = 0; i < (mono ? 4 : 6); i++)
        put_layer(w, i, !mono && i >= START);
    if (!mono)
        put(w, "model.backbone.pretrained.camera_token", 0, 1, DIMS(1, 2, HIDDEN));
}

static void put_tower(writer *w, const char *suffix) {
    static const char *const units[] = {"resConfUnit1.conv1", "resConfUnit1.conv2", "resConfUnit2.conv1", "resConfUnit2.conv2"};
    char name[128];
    for (int i = 1; i <= LEVELS; i++) {
        for (int k = i == LEVELS ? 2 : 0; k < 4; k++) {
            snprintf(name, sizeof name, "model.head.scratch.refinenet%d%s.%s", i, suffix, units[k]);
            put_conv(w, name, FEATURES, FEATURES, 3);
        }
        snprintf(name, sizeof name, "model.head.scratch.refinenet%d%s.out_conv", i, suffix);
        put_conv(w, name, FEATURES, FEATURES, 1);
    }
}

/* Heads of the tower of rays; the norm of the first is that of all, as __metadata__ says. */
static void put_rays(writer *w) {
    char name[128];
    for (int i = 0; i < LEVELS; i++) {
        for (int k = 0; k < 5; k++) {
            snprintf(name, sizeof name, "model.head.scratch.output_conv1_aux.%d.%d", i, k);
            put_conv(w, name, k % 2 ? FEATURES / 2 : FEATURES, k % 2 ? FEATURES : FEATURES / 2, 3);
        }
        snprintf(name, sizeof name, "model.head.scratch.output_conv2_aux.%d.0", i);
        put_conv(w, name, FEATURES / 2, HEAD, 3);
        snprintf(name, sizeof name, "model.head.scratch.output_conv2_aux.%d.5", i);
        put_conv(w, name, HEAD, 7, 1);
    }
    put_norm(w, "model.head.scratch.output_conv2_aux.0.2", HEAD);
}

static void put_head(writer *w, bool mono) {
    static const int64_t resize[LEVELS] = {4, 2, 0, 3};
    const int64_t in = mono ? HIDDEN : 2 * HIDDEN;
    char name[128];
    for (int i = 0; i < LEVELS; i++) {
        const int64_t n = g_channels[i];
        snprintf(name, sizeof name, "model.head.projects.%d", i);
        put_conv(w, name, in, n, 1);
        snprintf(name, sizeof name, "model.head.resize_layers.%d", i);
        if (resize[i])
            put_conv(w, name, n, n, resize[i]);
        snprintf(name, sizeof name, "model.head.scratch.layer%d_rn", i + 1);
        put_product(w, name, 0, DIMS(FEATURES, n, 3, 3));
    }
    put_tower(w, "");
    put_conv(w, "model.head.scratch.output_conv1", FEATURES, FEATURES / 2, 3);
    put_conv(w, "model.head.scratch.output_conv2.0", FEATURES / 2, HEAD, 3);
    put_conv(w, "model.head.scratch.output_conv2.2", HEAD, mono ? 1 : 2, 1);
    if (mono) {
        put_conv(w, "model.head.scratch.sky_output_conv2.0", FEATURES / 2, HEAD, 3);
        put_conv(w, "model.head.scratch.sky_output_conv2.2", HEAD, 1, 1);
        return;
    }
    put_norm(w, "model.head.norm", in);
    put_tower(w, "_aux");
    put_rays(w);
}

static void put_cameras(writer *w) {
    put_linear(w, "model.cam_dec.backbone.0", 2 * HIDDEN, 2 * HIDDEN);
    put_linear(w, "model.cam_dec.backbone.2", 2 * HIDDEN, 2 * HIDDEN);
    put_linear(w, "model.cam_dec.fc_t", 2 * HIDDEN, 3);
    put_linear(w, "model.cam_dec.fc_qvec", 2 * HIDDEN, 4);
    put_product(w, "model.cam_dec.fc_fov.0", 0, DIMS(2, 2 * HIDDEN));
    put(w, "model.cam_dec.fc_fov.0.bias", 1, 0.1, DIMS(2)); /* angles of view are well above 0 */
    put_linear(w, "model.cam_enc.pose_branch.fc1", 9, HIDDEN / 2); /* of a part that is not read */
}

/* ---- files ------------------------------------------------------------------------------------------------- */

static void write_file(const char *folder, const char *name, const void *data, size_t n, const void *more, size_t n_more) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fwrite(more, 1, n_more, f), n_more);
    assert_int_equal(fclose(f), 0);
}

const char *tiny_da3_write(const char *name, bool mono, const char *config, const tiny_da3_change *change) {
    static char folder[256];
    static const tiny_da3_change none = {0};
    writer w = {.header = QN_BUF_INIT, .data = QN_BUF_INIT, .state = 3, .change = change ? change : &none};
    snprintf(folder, sizeof folder, "%s/%s", qn_test_tmp(), name);
    (void)mkdir(folder, 0777);
    qn_buf_puts(&w.header, "{");
    put_backbone(&w, mono);
    put_head(&w, mono);
    if (!mono)
        put_cameras(&w);
    if (w.change->add)
        put(&w, w.change->add, 0, 1, DIMS(1));
    if (!mono) {
        const char *const norm = "model.head.scratch.output_conv2_aux";
        qn_buf_printf(&w.header, ",\"__metadata__\":{\"%s.3.2.weight\":\"%s.0.2.weight\",\"%s.3.2.bias\":\"%s.0.2.bias\"}", norm,
                      norm, norm, norm);
    }
    qn_buf_puts(&w.header, "}");
    while (w.header.n % 8)
        qn_buf_puts(&w.header, " ");
    assert_false(w.header.failed || w.data.failed);
    qn_buf file = QN_BUF_INIT;
    const uint64_t n = w.header.n;
    qn_buf_append(&file, &n, sizeof n);
    qn_buf_append(&file, w.header.data, w.header.n);
    assert_false(file.failed);
    write_file(folder, "model.safetensors", file.data, file.n, w.data.data, w.data.n);
    config = config ? config : mono ? tiny_da3_mono_config : tiny_da3_config;
    write_file(folder, "config.json", config, strlen(config), "\n", 1);
    qn_buf_free(&file);
    qn_buf_free(&w.header);
    qn_buf_free(&w.data);
    return folder;
}
