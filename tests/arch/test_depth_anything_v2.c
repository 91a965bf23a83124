/* Depth Anything V2 from a checkpoint: against goldens, the exported ONNX, its other spelling, and bad configurations. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "arch/arch.h"
#include "passes/pass.h"
#include "read/onnx.h"
#include "tests/arch/tiny_dav2.h"
#include "tests/models/measure.h"
#include "tests/read/safetensors_build.h"
#include "tests/test.h"

/* ---- goldens ----------------------------------------------------------------------------------------------- */

/* As they are read, differences to PyTorch's float32 are those of the order of sums. A package rounds weights and what is
 * between nodes to 11, 8 or (int8, weights alone) about 7 bits; errors of some thirty layers are independent. */
static const measure_variant g_variants[] = {
    {"fp32", QN_F32, NULL, NULL, 0.999999, 1e-4},
    {"fp16", QN_F16, NULL, NULL, 0.9999, 0},
    {"bf16", QN_BF16, NULL, NULL, 0.999, 0},
    {"int8", QN_F32, "int8", NULL, 0.999, 0},
};

/* All goldens of the folder through a package or a source. */
static void check_goldens(qn_context *ctx, const char *folder, const char *label, const measure_variant *variant,
                          measure_package *package) {
    char path[512];
    int n = 0;
    measure_worst worst = measure_begin();
    for (; measure_golden_path(path, sizeof path, folder, n); n++) {
        qn_arrays *golden;
        ASSERT_OK(ctx, qn_arrays_load(ctx, path, &golden));
        const qn_tensor *in = qn_arrays_find(golden, "in.pixel_values"), *want = qn_arrays_find(golden, "out.predicted_depth");
        qn_tensor out;
        assert_true(in && want);
        ASSERT_OK(ctx, qn_runner_run(package->runner, in, 1, &out, 1));
        ASSERT_OK(ctx, measure_output(ctx, want, &out, NULL, "predicted_depth", label, &worst));
        qn_arrays_destroy(golden);
    }
    assert_true(n >= 2);
    assert_true(measure_end(label, variant, package, &worst));
}

static void check_checkpoint(const char *name, size_t n_variants) {
    const char *shared = qn_test_shared();
    char folder[512];
    measure_package package;
    if (!shared) {
        qn_test_skip_shared();
        return;
    }
    qn_context *ctx = qn_test_context();
    snprintf(folder, sizeof folder, "%s/checkpoints/%s", shared, name);
    ASSERT_OK(ctx, measure_open(ctx, folder, &package));
    check_goldens(ctx, folder, name, &g_variants[0], &package);
    measure_close(&package);
    for (size_t i = 0; i < n_variants; i++) {
        ASSERT_OK(ctx, measure_convert(ctx, folder, &g_variants[i], &package));
        check_goldens(ctx, folder, name, &g_variants[i], &package);
        measure_close(&package);
    }
    qn_context_destroy(ctx);
}

QN_TEST(arch_depth_anything_v2_goldens) { check_checkpoint("dav2-tiny", sizeof g_variants / sizeof g_variants[0]); }
QN_TEST(arch_depth_anything_v2_goldens_bf16) { check_checkpoint("dav2-tiny-bf16-sharded", 1); }

/* ---- the same weights as ONNX --------------------------------------------------------------------------------- */

/* Ops from the first LayerNormalization to the last MultiHeadAttention and the two products of the MLP after it. */
static int encoder_ops(const qn_graph *graph, qn_op *ops, int room) {
    int n = 0, end = 0, linears = 0;
    bool inside = false;
    for (const qn_node *node = graph->first; node; node = node->next) {
        inside = inside || node->op == QN_OP_LayerNormalization;
        if (!inside)
            continue;
        assert_true(n < room);
        ops[n++] = node->op;
        linears = node->op == QN_OP_MultiHeadAttention ? 3 : linears;
        if (node->op == QN_OP_Linear && linears > 0 && --linears == 0)
            end = n;
    }
    return end;
}

QN_TEST(arch_depth_anything_v2_is_what_onnx_is) {
    enum { ROOM = 512 };
    const char *shared = qn_test_shared();
    if (!shared) {
        qn_test_skip_shared();
        return;
    }
    char folder[512], onnx[600];
    qn_context *ctx = qn_test_context();
    qn_graph *built, *exported;
    qn_arch_info info;
    qn_op a[ROOM], b[ROOM];
    snprintf(folder, sizeof folder, "%s/checkpoints/dav2-tiny", shared);
    snprintf(onnx, sizeof onnx, "%s/model.onnx", folder);
    ASSERT_OK(ctx, qn_arch_read(ctx, folder, &built, &info));
    ASSERT_OK(ctx, qn_onnx_read(ctx, onnx, &exported));
    ASSERT_OK(ctx, qn_passes_run(ctx, built, NULL, NULL, NULL));
    ASSERT_OK(ctx, qn_passes_run(ctx, exported, NULL, NULL, NULL));
    const int n = encoder_ops(built, a, ROOM), m = encoder_ops(exported, b, ROOM);
    assert_int_equal(n, m);
    assert_int_equal(n, 4 * 7); /* a layer: norm, product, attention, product, norm, two products */
    assert_memory_equal(a, b, (size_t)n * sizeof *a);
    qn_graph_destroy(built);
    qn_graph_destroy(exported);
    qn_context_destroy(ctx);
}

/* Both sum in float32, in orders that differ in the head and the neck alone. */
QN_TEST(arch_depth_anything_v2_runs_as_onnx_does) {
    const char *shared = qn_test_shared();
    if (!shared) {
        qn_test_skip_shared();
        return;
    }
    char folder[512], path[600];
    qn_context *ctx = qn_test_context();
    measure_package built, exported;
    snprintf(folder, sizeof folder, "%s/checkpoints/dav2-tiny", shared);
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    ASSERT_OK(ctx, measure_open(ctx, folder, &built));
    ASSERT_OK(ctx, measure_open(ctx, path, &exported));
    for (int i = 0; measure_golden_path(path, sizeof path, folder, i); i++) {
        qn_arrays *golden;
        qn_tensor x, y;
        qn_comparison c;
        ASSERT_OK(ctx, qn_arrays_load(ctx, path, &golden));
        const qn_tensor *in = qn_arrays_find(golden, "in.pixel_values");
        ASSERT_OK(ctx, qn_runner_run(built.runner, in, 1, &x, 1));
        ASSERT_OK(ctx, qn_runner_run(exported.runner, in, 1, &y, 1));
        ASSERT_OK(ctx, qn_tensor_compare(ctx, &y, &x, NULL, &c));
        assert_true(c.max_rel <= 2e-5);
        qn_arrays_destroy(golden);
    }
    measure_close(&built);
    measure_close(&exported);
    qn_context_destroy(ctx);
}

/* ---- a model of seeded numbers ----------------------------------------------------------------------------------- */

enum { BATCH = 2, HEIGHT = 42, WIDTH = 70, PIXELS = BATCH * 3 * HEIGHT * WIDTH, DEPTHS = BATCH * HEIGHT * WIDTH };

/* A folder of that name with a configuration. */
static void folder_with(const char *name, const char *config, char *folder) {
    st_folder(name, folder);
    if (config)
        st_write_text(folder, "config.json", config);
}

static void run(qn_context *ctx, const measure_package *package, float *depth) {
    static float pixels[PIXELS];
    const qn_tensor in = {.dtype = QN_F32, .rank = 4, .dims = {BATCH, 3, HEIGHT, WIDTH}, .data = pixels, .n_bytes = sizeof pixels};
    qn_tensor out;
    for (int i = 0; i < PIXELS; i++)
        pixels[i] = (float)((i * 37 + i / HEIGHT) % 101) / 50 - 1;
    ASSERT_OK(ctx, qn_runner_run(package->runner, &in, 1, &out, 1));
    assert_true(out.rank == 3 && out.dims[0] == BATCH && out.dims[1] == HEIGHT && out.dims[2] == WIDTH);
    memcpy(depth, out.data, DEPTHS * sizeof *depth);
}

/* Of the folder as it is, and converted. */
static void run_both(const char *folder, float *depth, float *converted) {
    qn_context *ctx = qn_test_context();
    measure_package package;
    ASSERT_OK(ctx, measure_open(ctx, folder, &package));
    run(ctx, &package, depth);
    measure_close(&package);
    ASSERT_OK(ctx, measure_convert(ctx, folder, &g_variants[0], &package));
    run(ctx, &package, converted);
    measure_close(&package);
    qn_context_destroy(ctx);
}

static void range_of(const float *depth, float *low, float *high) {
    *low = *high = depth[0];
    for (int i = 1; i < DEPTHS; i++) {
        *low = fminf(*low, depth[i]);
        *high = fmaxf(*high, depth[i]);
    }
    assert_true(isfinite(*low) && isfinite(*high));
}

/* One numbers, four ways of storing them: the same bits. */
QN_TEST(arch_depth_anything_v2_spellings_agree) {
    static float want[2][DEPTHS], got[2][DEPTHS];
    float low, high;
    char folder[256];
    ckpt c = tiny_dav2(7), original = tiny_dav2_original(&c);
    folder_with("dav2hf", tiny_dav2_config, folder);
    ckpt_write(&c, folder, NULL);
    run_both(folder, want[0], want[1]);
    range_of(want[0], &low, &high);
    assert_true(low >= 0 && high > low); /* relative depth: what is below 0 is 0 */
    folder_with("dav2original", tiny_dav2_config, folder);
    ckpt_write(&original, folder, NULL);
    run_both(folder, got[0], got[1]);
    assert_memory_equal(got, want, sizeof want);
    folder_with("dav2shards", tiny_dav2_config, folder);
    ckpt_write_shards(&c, folder, 3);
    run_both(folder, got[0], got[1]);
    assert_memory_equal(got, want, sizeof want);
    folder_with("dav2unaligned", tiny_dav2_config, folder);
    ckpt_write(&c, folder, &(ckpt_storage){.pad = 1});
    run_both(folder, got[0], got[1]);
    assert_memory_equal(got, want, sizeof want);
    ckpt_end(&original);
    ckpt_end(&c);
}

/* What is converted is the same, shard or not: all but the names and hashes of what it was read from. */
QN_TEST(arch_depth_anything_v2_shards_convert_alike) {
    char folder[256], path[2][300], *text[2];
    ckpt c = tiny_dav2(7);
    qn_context *ctx = qn_test_context();
    for (int i = 0; i < 2; i++) {
        const qn_convert_options options = {.precision = QN_F16};
        qn_model *model;
        folder_with(i ? "alike3" : "alike1", tiny_dav2_config, folder);
        if (i)
            ckpt_write_shards(&c, folder, 3);
        else
            ckpt_write(&c, folder, NULL);
        snprintf(path[i], sizeof path[i], "%s/out.quern", folder);
        ASSERT_OK(ctx, qn_model_load(ctx, folder, NULL, &model));
        ASSERT_OK(ctx, qn_model_convert(ctx, model, &options, path[i], NULL));
        qn_model_destroy(model);
        ASSERT_OK(ctx, qn_model_load(ctx, path[i], NULL, &model));
        ASSERT_OK(ctx, qn_model_text(ctx, model, &text[i]));
        assert_int_equal(qn_model_source(model).n_sources, i ? 4 : 2);
        qn_model_destroy(model);
    }
    assert_string_equal(text[0], text[1]);
    free(text[0]);
    free(text[1]);
    ckpt_end(&c);
    qn_context_destroy(ctx);
}

QN_TEST(arch_depth_anything_v2_metric) {
    static float relative[DEPTHS], depth[DEPTHS], converted[DEPTHS];
    float low, high;
    char folder[256], *config = ckpt_config_with(tiny_dav2_config, NULL, "depth_estimation_type", "\"metric\"");
    ckpt c = tiny_dav2(7);
    folder_with("metric", config, folder);
    ckpt_write(&c, folder, NULL);
    run_both(folder, relative, converted); /* max_depth 1 */
    range_of(relative, &low, &high);
    assert_true(low > 0 && high < 1 && high > low);
    config[strlen(config) - 1] = 0;
    char with_depth[2048];
    snprintf(with_depth, sizeof with_depth, "%s, \"max_depth\": 20}", config);
    folder_with("metric", with_depth, folder);
    run_both(folder, depth, converted);
    range_of(depth, &low, &high);
    assert_true(low > 0 && high < 20 && high > 1);
    for (int i = 0; i < DEPTHS; i++) /* a product with 20, rounded */
        assert_true(fabsf(depth[i] - 20 * relative[i]) <= 2e-6f * 20);
    free(config);
    ckpt_end(&c);
}

/* Defaults, spellings of the same, keys that change what is computed, and keys that do not. */
QN_TEST(arch_depth_anything_v2_other_configurations) {
    static const struct {
        const char *section, *key, *value;
        bool same;
    } rows[] = {
        {NULL, "head_in_index", "3", true},
        {NULL, "head_in_index", "0", false},
        {NULL, "head_in_index", "-4", false},
        {NULL, "head_in_index", NULL, true},
        {NULL, "reassemble_factors", "[4.0, 2, 1, 0.5]", true},
        {NULL, "reassemble_factors", NULL, true},
        {NULL, "reassemble_hidden_size", NULL, true},
        {NULL, "depth_estimation_type", "\"relative\"", true},
        {NULL, "max_depth", "null", true},
        {NULL, "max_depth", "2.5", false},
        {NULL, "patch_size", NULL, true},
        {NULL, "backbone", NULL, true},
        {NULL, "unknown_key", "7", true},
        {"backbone_config", "out_indices", NULL, true},
        {"backbone_config", "out_indices", "[1, 2, 3, 4.0]", true},
        {"backbone_config", "model_type", NULL, true},
        {"backbone_config", "image_size", "69", true},
        {"backbone_config", "patch_size", NULL, true},
        {"backbone_config", "num_attention_heads", "4", false},
        {"backbone_config", "layer_norm_eps", "1e-6", true},
        {"backbone_config", "layer_norm_eps", "0.1", false},
        {"backbone_config", "mlp_ratio", "4", true},
        {"backbone_config", "qkv_bias", "true", true},
        {"backbone_config", "apply_layernorm", "true", true},
        {"backbone_config", "hidden_act", "\"gelu\"", true},
        {"backbone_config", "use_swiglu_ffn", "false", true},
    };
    static float want[DEPTHS], depth[DEPTHS], converted[DEPTHS];
    char folder[256];
    ckpt c = tiny_dav2(7);
    folder_with("others", tiny_dav2_config, folder);
    ckpt_write(&c, folder, NULL);
    run_both(folder, want, converted);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *config = ckpt_config_with(tiny_dav2_config, rows[i].section, rows[i].key, rows[i].value);
        folder_with("others", config, folder);
        run_both(folder, depth, converted);
        if ((memcmp(depth, want, sizeof want) == 0) != rows[i].same)
            fail_msg("%s %s: %s depth", rows[i].key, rows[i].value, rows[i].same ? "another" : "the same");
        free(config);
    }
    ckpt_end(&c);
}
