/* Depth Pro from a checkpoint: against goldens and the exported ONNX; a tiny one of seeded numbers. */
#include "arch/depth_pro.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "arch/arch.h"
#include "passes/pass.h"
#include "read/onnx.h"
#include "tests/arch/tiny_depth_pro.h"
#include "tests/models/measure.h"
#include "tests/test.h"

enum { N_OUTPUTS = 2 };

/* The folder of the checkpoint, or NULL: the test is skipped. */
static const char *shared_folder(void) {
    static char folder[512];
    const char *shared = qn_test_shared();
    if (!shared) {
        qn_test_skip_shared();
        return NULL;
    }
    snprintf(folder, sizeof folder, "%s/checkpoints/depthpro-tiny", shared);
    return folder;
}

/* ---- goldens ----------------------------------------------------------------------------------------------- */

/* As they are read, differences to PyTorch's float32 are those of the order of sums. A package rounds weights and what is
 * between nodes to 11, 8 or (int8, weights alone) about 7 bits; errors of some forty layers are independent. */
static const measure_variant g_variants[] = {
    {"fp32", QN_F32, NULL, NULL, 0.999999, 1e-5},
    {"fp16", QN_F16, NULL, NULL, 0.9999, 0},
    {"bf16", QN_BF16, NULL, NULL, 0.999, 0},
    {"int8", QN_F32, "int8", NULL, 0.999, 0},
};

/* Both goldens, of one image and of two, through a package or a source. */
static void check_goldens(qn_context *ctx, const char *folder, const measure_variant *variant, measure_package *package) {
    char path[600];
    int n = 0;
    measure_worst worst = measure_begin();
    for (; measure_golden_path(path, sizeof path, folder, n); n++) {
        static const char *const names[] = {"out.predicted_depth", "out.field_of_view"};
        qn_arrays *golden;
        qn_tensor out[N_OUTPUTS];
        ASSERT_OK(ctx, qn_arrays_load(ctx, path, &golden));
        const qn_tensor *in = qn_arrays_find(golden, "in.pixel_values");
        assert_non_null(in);
        ASSERT_OK(ctx, qn_runner_run(package->runner, in, 1, out, N_OUTPUTS));
        for (int i = 0; i < N_OUTPUTS; i++) {
            const qn_tensor *want = qn_arrays_find(golden, names[i]);
            assert_non_null(want);
            ASSERT_OK(ctx, measure_output(ctx, want, &out[i], NULL, names[i], variant->name, &worst));
        }
        qn_arrays_destroy(golden);
    }
    assert_int_equal(n, 2);
    assert_true(measure_end("depthpro-tiny", variant, package, &worst));
}

QN_TEST(arch_depth_pro_goldens) {
    const char *folder = shared_folder();
    measure_package package;
    if (!folder)
        return;
    qn_context *ctx = qn_test_context();
    ASSERT_OK(ctx, measure_open(ctx, folder, &package));
    check_goldens(ctx, folder, &g_variants[0], &package);
    measure_close(&package);
    for (size_t i = 0; i < sizeof g_variants / sizeof g_variants[0]; i++) {
        ASSERT_OK(ctx, measure_convert(ctx, folder, &g_variants[i], &package));
        check_goldens(ctx, folder, &g_variants[i], &package);
        measure_close(&package);
    }
    qn_context_destroy(ctx);
}

/* ---- the same weights as ONNX --------------------------------------------------------------------------------- */

/* Ops that the encoders are made of, in their order. */
static int encoder_ops(const qn_graph *graph, qn_op *ops, int room) {
    int n = 0;
    for (const qn_node *node = graph->first; node; node = node->next)
        if (node->op == QN_OP_LayerNormalization || node->op == QN_OP_Linear || node->op == QN_OP_MultiHeadAttention ||
            node->op == QN_OP_Gelu || node->op == QN_OP_Softmax || node->op == QN_OP_MatMul) {
            assert_true(n < room);
            ops[n++] = node->op;
        }
    return n;
}

QN_TEST(arch_depth_pro_is_what_onnx_is) {
    enum { ROOM = 512 };
    const char *folder = shared_folder();
    char onnx[600];
    if (!folder)
        return;
    qn_context *ctx = qn_test_context();
    qn_graph *built, *exported;
    qn_arch_info info;
    qn_op a[ROOM], b[ROOM];
    snprintf(onnx, sizeof onnx, "%s/model.onnx", folder);
    ASSERT_OK(ctx, qn_arch_read(ctx, folder, &built, &info));
    ASSERT_OK(ctx, qn_onnx_read(ctx, onnx, &exported));
    ASSERT_OK(ctx, qn_passes_run(ctx, built, NULL, NULL, NULL));
    ASSERT_OK(ctx, qn_passes_run(ctx, exported, NULL, NULL, NULL));
    const int n = encoder_ops(built, a, ROOM), m = encoder_ops(exported, b, ROOM);
    assert_int_equal(n, m);
    /* three encoders of four layers (norm, product, attention, product, norm, two products) and a norm; the neck's product */
    assert_int_equal(n, 3 * (4 * 7 + 1) + 1);
    assert_memory_equal(a, b, (size_t)n * sizeof *a);
    qn_graph_destroy(built);
    qn_graph_destroy(exported);
    qn_context_destroy(ctx);
}

/* Both sum in float32, in orders that differ outside of the encoders alone. */
QN_TEST(arch_depth_pro_runs_as_onnx_does) {
    const char *folder = shared_folder();
    char path[600];
    if (!folder)
        return;
    qn_context *ctx = qn_test_context();
    measure_package built, exported;
    qn_arrays *golden;
    qn_tensor x[N_OUTPUTS], y[N_OUTPUTS];
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    ASSERT_OK(ctx, measure_open(ctx, folder, &built));
    ASSERT_OK(ctx, measure_open(ctx, path, &exported));
    assert_true(measure_golden_path(path, sizeof path, folder, 1));
    ASSERT_OK(ctx, qn_arrays_load(ctx, path, &golden));
    const qn_tensor *in = qn_arrays_find(golden, "in.pixel_values");
    assert_non_null(in);
    ASSERT_OK(ctx, qn_runner_run(built.runner, in, 1, x, N_OUTPUTS));
    ASSERT_OK(ctx, qn_runner_run(exported.runner, in, 1, y, N_OUTPUTS));
    for (int i = 0; i < N_OUTPUTS; i++) {
        qn_comparison c;
        ASSERT_OK(ctx, qn_tensor_compare(ctx, &y[i], &x[i], NULL, &c));
        assert_true(c.max_rel <= 2e-5);
    }
    qn_arrays_destroy(golden);
    measure_close(&built);
    measure_close(&exported);
    qn_context_destroy(ctx);
}

/* ---- a model of seeded numbers ----------------------------------------------------------------------------------- */

enum { SIZE = TINY_DEPTH_PRO_SIZE, IMAGE = 3 * SIZE * SIZE, DEPTHS = SIZE * SIZE };

typedef struct result {
    float depth[2 * DEPTHS], fov[2];
} result;

/* Two images; the second is a gradient, the first is not. */
static const float *pixels(void) {
    static float x[2 * IMAGE];
    for (int i = 0; i < IMAGE; i++) {
        x[i] = (float)((i * 37 + i / SIZE * 11) % 101) / 50 - 1;
        x[IMAGE + i] = (float)(i % SIZE + i / SIZE % SIZE) / SIZE - 1;
    }
    return x;
}

/* Images first .. first + n - 1, into the first places of *out; without a field of view it stays. */
static void run(qn_context *ctx, const measure_package *package, int first, int n, result *out) {
    const qn_tensor in = {.dtype = QN_F32, .rank = 4, .dims = {n, 3, SIZE, SIZE}, .data = (float *)pixels() + first * IMAGE,
                          .n_bytes = sizeof(float) * (size_t)n * IMAGE};
    const int32_t n_outputs = qn_model_n_outputs(package->model);
    qn_tensor y[N_OUTPUTS];
    assert_true(n_outputs >= 1 && n_outputs <= N_OUTPUTS);
    ASSERT_OK(ctx, qn_runner_run(package->runner, &in, 1, y, n_outputs));
    assert_true(y[0].rank == 3 && y[0].dims[0] == n && y[0].dims[1] == SIZE && y[0].dims[2] == SIZE);
    memcpy(out->depth, y[0].data, sizeof(float) * (size_t)n * DEPTHS);
    if (n_outputs == 1)
        return;
    assert_true(y[1].rank == 1 && y[1].dims[0] == n);
    memcpy(out->fov, y[1].data, sizeof(float) * (size_t)n);
}

/* What the folder gives for the first image. */
static void run_folder(const char *folder, result *out) {
    qn_context *ctx = qn_test_context();
    measure_package package;
    memset(out, 0, sizeof *out);
    ASSERT_OK(ctx, measure_open(ctx, folder, &package));
    run(ctx, &package, 0, 1, out);
    measure_close(&package);
    qn_context_destroy(ctx);
}

static float range_of(const float *x, int n) {
    float low = x[0], high = x[0];
    for (int i = 1; i < n; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
    }
    assert_true(low >= 0 && isfinite(high));
    return high - low;
}

/* float32 sums in another order: some 2^-24 of the range for each of some thirty layers. */
static void assert_close(const float *x, const float *want, int n, float range) {
    for (int i = 0; i < n; i++)
        assert_true(fabsf(x[i] - want[i]) <= 1e-5f * range);
}

/* Each image of a batch by itself, whatever is beside it: its patches find each other again. */
QN_TEST(arch_depth_pro_batch) {
    static result both, again, alone, converted;
    char folder[256];
    qn_context *ctx = qn_test_context();
    measure_package package;
    tiny_depth_pro_write("dp_batch", NULL, NULL, folder);
    ASSERT_OK(ctx, measure_open(ctx, folder, &package));
    run(ctx, &package, 0, 2, &both);
    const float range = range_of(both.depth, 2 * DEPTHS);
    assert_true(range > 0.01f);
    assert_true(memcmp(both.depth, both.depth + DEPTHS, DEPTHS * sizeof(float)) != 0);
    run(ctx, &package, 0, 2, &again);
    assert_memory_equal(&again, &both, sizeof both);
    for (int i = 0; i < 2; i++) {
        run(ctx, &package, i, 1, &alone);
        assert_close(alone.depth, both.depth + i * DEPTHS, DEPTHS, range);
        assert_close(alone.fov, both.fov + i, 1, fmaxf(1, fabsf(both.fov[i])));
    }
    measure_close(&package);
    ASSERT_OK(ctx, measure_convert(ctx, folder, &g_variants[0], &package));
    run(ctx, &package, 0, 2, &converted);
    assert_close(converted.depth, both.depth, 2 * DEPTHS, range);
    measure_close(&package);
    qn_context_destroy(ctx);
}

/* Ports, what is dropped, and resizes: two of levels, those of the finest level's map and of the hooks'. */
QN_TEST(arch_depth_pro_graph) {
    char folder[256];
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    qn_arch_info info;
    int n_resize = 0, n_slice = 0;
    tiny_depth_pro_write("dp_graph", NULL, NULL, folder);
    ASSERT_OK(ctx, qn_arch_read(ctx, folder, &graph, &info));
    assert_string_equal(info.name, "depth_pro");
    assert_int_equal(info.n_dropped, 3 + 4); /* mask tokens, and the first fusion's lateral unit */
    assert_int_equal(graph->n_inputs, 1);
    assert_int_equal(graph->n_outputs, 2);
    assert_string_equal(graph->outputs[0].name, "predicted_depth");
    assert_string_equal(graph->outputs[1].name, "field_of_view");
    for (const qn_node *node = graph->first; node; node = node->next) {
        n_resize += node->op == QN_OP_Resize;
        n_slice += node->op == QN_OP_Slice;
    }
    assert_int_equal(n_resize, 2 + 1 + 2);
    assert_int_equal(n_slice, 25 + 9 + 3 + 2 + 2); /* patches; levels' and hooks' tokens; the other encoders' */
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* Without it there is one output, and its weights may be there or not. */
QN_TEST(arch_depth_pro_without_field_of_view) {
    static result want, got;
    char folder[256], *config = ckpt_config_with(tiny_depth_pro_config, NULL, "use_fov_model", "false");
    tiny_depth_pro_write("dp_fov", NULL, NULL, folder);
    run_folder(folder, &want);
    assert_true(want.fov[0] != 0);
    for (int i = 0; i < 2; i++) {
        tiny_depth_pro_write("dp_nofov", config, &(ckpt_change){.without = i ? "fov_model.*" : NULL}, folder);
        run_folder(folder, &got);
        assert_memory_equal(got.depth, want.depth, sizeof want.depth);
        assert_true(got.fov[0] == 0);
    }
    free(config);
}

/* Residual units without biases are those with biases of 0. */
QN_TEST(arch_depth_pro_without_bias) {
    static const char biases[] = "fusion_stage.*.residual_layer?.convolution?.bias";
    static result want, got;
    char folder[256], *config = ckpt_config_with(tiny_depth_pro_config, NULL, "use_bias_in_fusion_residual", "false");
    tiny_depth_pro_write("dp_zeros", NULL, &(ckpt_change){.zero = biases}, folder);
    run_folder(folder, &want);
    assert_true(range_of(want.depth, DEPTHS) > 0.01f);
    tiny_depth_pro_write("dp_nobias", config, &(ckpt_change){.zero = biases, .without = biases}, folder);
    run_folder(folder, &got);
    assert_memory_equal(got.depth, want.depth, sizeof want.depth);
    free(config);
}

/* Defaults, keys that change what is computed, and keys that do not. */
QN_TEST(arch_depth_pro_other_configurations) {
    static const struct {
        const char *section, *key, *value;
        bool same;
    } rows[] = {
        {NULL, "scaled_images_ratios", NULL, true},
        {NULL, "scaled_images_overlap_ratios", NULL, true},
        {NULL, "scaled_images_overlap_ratios", "[0.5, 0.5, 0.25]", true}, /* one patch overlaps with none */
        {NULL, "scaled_images_overlap_ratios", "[0, 0.25, 0.25]", false}, /* four patches instead of nine */
        {NULL, "merge_padding_value", NULL, true},
        {NULL, "merge_padding_value", "1", true}, /* a quarter of four cells */
        {NULL, "merge_padding_value", "0", false},
        {NULL, "num_fov_head_layers", NULL, true},
        {NULL, "use_bias_in_fusion_residual", NULL, true},
        {NULL, "use_batch_norm_in_fusion_residual", NULL, true},
        {NULL, "intermediate_hook_ids", "[0, 1]", false},
        {NULL, "initializer_range", "0.5", true},
        {"patch_model_config", "image_size", "224", true}, /* it is patch_size */
        {"patch_model_config", "model_type", NULL, true},
        {"patch_model_config", "num_attention_heads", "4", false},
        {"image_model_config", "num_attention_heads", "4", false},
    };
    static result want, got;
    char folder[256];
    tiny_depth_pro_write("dp_usual", NULL, NULL, folder);
    run_folder(folder, &want);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *config = ckpt_config_with(tiny_depth_pro_config, rows[i].section, rows[i].key, rows[i].value);
        tiny_depth_pro_write("dp_others", config, NULL, folder);
        run_folder(folder, &got);
        if ((memcmp(&got, &want, sizeof want) == 0) != rows[i].same)
            fail_msg("%s %s: %s result", rows[i].key, rows[i].value, rows[i].same ? "another" : "the same");
        free(config);
    }
}
