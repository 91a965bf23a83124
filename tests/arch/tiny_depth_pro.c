#include "tests/arch/tiny_depth_pro.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/glob.h"
#include "base/random.h"
#include "tests/test.h"

/* ---- configuration -------------------------------------------------------------------------------------- */

#define ENCODER                                                                                                   \
    "{\"model_type\": \"dinov2\", \"hidden_act\": \"gelu\", \"hidden_size\": 8, \"image_size\": 64, \"layer_norm_eps\": 1e-6," \
    " \"mlp_ratio\": 2, \"num_attention_heads\": 2, \"num_channels\": 3, \"num_hidden_layers\": 2, \"patch_size\": 16,"       \
    " \"qkv_bias\": true, \"use_swiglu_ffn\": false}"

static const char g_config[] =
    "{\"model_type\": \"depth_pro\", \"fusion_hidden_size\": 4, \"patch_size\": 64, \"intermediate_hook_ids\": [1, 0],"
    " \"intermediate_feature_dims\": [3, 4], \"scaled_images_ratios\": [0.25, 0.5, 1],"
    " \"scaled_images_overlap_ratios\": [0.0, 0.5, 0.25], \"scaled_images_feature_dims\": [6, 5, 4],"
    " \"merge_padding_value\": 3, \"use_batch_norm_in_fusion_residual\": false, \"use_bias_in_fusion_residual\": true,"
    " \"use_fov_model\": true, \"num_fov_head_layers\": 2,"
    " \"image_model_config\": " ENCODER ", \"patch_model_config\": " ENCODER ", \"fov_model_config\": " ENCODER "}";

char *tiny_depth_pro_config(const char *section, const char *key, const char *value) {
    json_t *config = json_loads(g_config, 0, NULL);
    json_t *object = section ? json_object_get(config, section) : config;
    assert_non_null(object);
    if (value) {
        json_t *v = json_loads(value, JSON_DECODE_ANY, NULL);
        assert_non_null(v);
        assert_int_equal(json_object_set_new(object, key, v), 0);
    } else {
        assert_int_equal(json_object_del(object, key), 0);
    }
    char *text = json_dumps(config, 0);
    json_decref(config);
    assert_non_null(text);
    return text;
}

/* ---- tensors ---------------------------------------------------------------------------------------------- */

typedef struct writer {
    qn_buf header, elements;
    tiny_depth_pro_change change;
} writer;

static bool fits(const char *pattern, const char *name) { return pattern && qn_glob_match(pattern, name); }

/* Numbers of a tensor are its name's, whatever else there is (FNV-1a). */
static uint64_t seed_of(const char *name) {
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 0x100000001b3u;
    return h;
}

/* The tensor PREFIX PART of mean + spread * (normal numbers). */
static void add(writer *w, const char *prefix, const char *part, double mean, double spread, const int64_t *dims, int rank) {
    char name[256];
    int64_t n = 1;
    snprintf(name, sizeof name, "%s%s", prefix, part);
    if (fits(w->change.without, name))
        return;
    qn_buf_printf(&w->header, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", w->header.n > 1 ? "," : "", name);
    for (int k = 0; k < rank; k++) {
        const int64_t dim = dims[k] + (k == 0 && fits(w->change.longer, name));
        qn_buf_printf(&w->header, "%s%lld", k ? "," : "", (long long)dim);
        n *= dim;
    }
    qn_buf_printf(&w->header, "],\"data_offsets\":[%zu,%zu]}", w->elements.n, w->elements.n + 4 * (size_t)n);
    const bool zero = fits(w->change.zero, name);
    uint64_t state = seed_of(name);
    for (int64_t i = 0; i < n; i++) {
        const float x = (float)(mean + spread * qn_random_normal(&state));
        qn_buf_append(&w->elements, zero ? &(float){0} : &x, sizeof x);
    }
}

#define DIMS(...) (const int64_t[]){__VA_ARGS__}, (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/* MODULE.weight of [a, b, k, k], or [a, b] when k is 0, and MODULE.bias of [out] unless that is 0. Numbers keep the size
 * of what comes in. */
static void add_module(writer *w, const char *module, int64_t a, int64_t b, int64_t k, int64_t out) {
    const double spread = k ? 1.0 / (double)k : 0.35;
    add(w, module, ".weight", 0.05, spread / 2, (const int64_t[]){a, b, k, k}, k ? 4 : 2);
    if (out)
        add(w, module, ".bias", 0.05, 0.1, DIMS(out));
}

static void add_norm(writer *w, const char *prefix, const char *module) {
    char part[128];
    snprintf(part, sizeof part, "%s.weight", module);
    add(w, prefix, part, 1, 0.1, DIMS(8));
    snprintf(part, sizeof part, "%s.bias", module);
    add(w, prefix, part, 0, 0.1, DIMS(8));
}

static void add_encoder(writer *w, const char *prefix) {
    static const struct {
        const char *name;
        int64_t out, in;
    } products[] = {{"attention.attention.query", 8, 8}, {"attention.attention.key", 8, 8}, {"attention.attention.value", 8, 8},
                    {"attention.output.dense", 8, 8},    {"mlp.fc1", 16, 8},                {"mlp.fc2", 8, 16}};
    char layer[128], module[256];
    add(w, prefix, "embeddings.cls_token", 0, 1, DIMS(1, 1, 8));
    add(w, prefix, "embeddings.mask_token", 0, 1, DIMS(1, 8));
    add(w, prefix, "embeddings.position_embeddings", 0, 0.3, DIMS(1, 17, 8));
    snprintf(module, sizeof module, "%sembeddings.patch_embeddings.projection", prefix);
    add_module(w, module, 8, 3, 16, 8);
    for (int i = 0; i < 2; i++) {
        snprintf(layer, sizeof layer, "%sencoder.layer.%d.", prefix, i);
        add_norm(w, layer, "norm1");
        add_norm(w, layer, "norm2");
        add(w, layer, "layer_scale1.lambda1", 0.5, 0.1, DIMS(8));
        add(w, layer, "layer_scale2.lambda1", 0.5, 0.1, DIMS(8));
        for (size_t k = 0; k < sizeof products / sizeof products[0]; k++) {
            snprintf(module, sizeof module, "%s%s", layer, products[k].name);
            add_module(w, module, products[k].out, products[k].in, 0, products[k].out);
        }
    }
    add_norm(w, prefix, "layernorm");
}

#define UPSAMPLE "depth_pro.neck.feature_upsample."
#define PROJECT "depth_pro.neck.feature_projection.projections."

/* What is between the encoders and fusion, and the two heads: as their modules are stored. */
static void add_heads(writer *w) {
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
        add_module(w, modules[i].name, modules[i].a, modules[i].b, modules[i].kernel, modules[i].bias);
}

static void add_fusion(writer *w, const char *module, bool deconv) {
    char name[128];
    for (int unit = 1; unit <= 2; unit++)
        for (int conv = 1; conv <= 2; conv++) {
            snprintf(name, sizeof name, "%s.residual_layer%d.convolution%d", module, unit, conv);
            add_module(w, name, 4, 4, 3, 4);
        }
    snprintf(name, sizeof name, "%s.deconv", module);
    if (deconv)
        add_module(w, name, 4, 4, 2, 0);
    snprintf(name, sizeof name, "%s.projection", module);
    add_module(w, name, 4, 4, 1, 4);
}

/* ---- files -------------------------------------------------------------------------------------------------- */

static void put(const char *folder, const char *name, const qn_buf *parts, int n) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (int i = 0; i < n; i++)
        assert_int_equal(fwrite(parts[i].data, 1, parts[i].n, f), parts[i].n);
    assert_int_equal(fclose(f), 0);
}

static void write_tensors(writer *w, const char *folder) {
    qn_buf parts[3] = {QN_BUF_INIT, w->header, w->elements};
    for (size_t i = 0; i < 8; i++)
        qn_buf_append(&parts[0], &(uint8_t){(uint8_t)((uint64_t)w->header.n >> (8 * i))}, 1);
    assert_false(parts[0].failed || w->header.failed || w->elements.failed);
    put(folder, "model.safetensors", parts, 3);
    qn_buf_free(&parts[0]);
}

void tiny_depth_pro_write(const char *name, const char *config, tiny_depth_pro_change change, char *path) {
    writer w = {.header = QN_BUF_INIT, .elements = QN_BUF_INIT, .change = change};
    qn_buf text = QN_BUF_INIT;
    char module[64];
    snprintf(path, 256, "%s/%s", qn_test_tmp(), name);
    (void)mkdir(path, 0755); /* or it is there */
    qn_buf_puts(&w.header, "{");
    add_encoder(&w, "depth_pro.encoder.patch_encoder.model.");
    add_encoder(&w, "depth_pro.encoder.image_encoder.model.");
    add_encoder(&w, "fov_model.fov_encoder.model.");
    add_heads(&w);
    for (int i = 0; i < 4; i++) {
        snprintf(module, sizeof module, "fusion_stage.intermediate.%d", i);
        add_fusion(&w, module, true);
    }
    add_fusion(&w, "fusion_stage.final", false);
    if (change.surplus)
        add(&w, "", change.surplus, 0, 1, DIMS(2));
    qn_buf_puts(&w.header, "}");
    write_tensors(&w, path);
    qn_buf_puts(&text, config ? config : g_config);
    put(path, "config.json", &text, 1);
    qn_buf_free(&text);
    qn_buf_free(&w.header);
    qn_buf_free(&w.elements);
}
