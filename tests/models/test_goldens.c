/* Every model whose inputs are those of its goldens, in five precisions, every golden, every output. */
#include <stdio.h>

#include "tests/models/measure.h"
#include "tests/test.h"

enum { MAX_GOLDENS = 8 };

/* The folder's goldens, read once for the five packages. */
typedef struct goldens {
    qn_arrays *set[MAX_GOLDENS];
    int n;
} goldens;

static void load_goldens(qn_context *ctx, const char *folder, int limit, goldens *g) {
    char path[512];
    for (g->n = 0; g->n < limit && measure_golden_path(path, sizeof path, folder, g->n); g->n++)
        ASSERT_OK(ctx, qn_arrays_load(ctx, path, &g->set[g->n]));
    assert_true(g->n > 0);
}

/* One golden through a package; outputs that the golden lacks (a cache) are not judged. */
static void run_golden(qn_context *ctx, const measure_package *package, const qn_arrays *golden, int index,
                       measure_worst *worst) {
    qn_tensor in[MEASURE_PORTS], out[MEASURE_PORTS];
    int32_t n_in = qn_model_n_inputs(package->model), n_out = qn_model_n_outputs(package->model);
    char where[24];
    snprintf(where, sizeof where, "golden%d", index);
    assert_true(n_in <= MEASURE_PORTS && n_out <= MEASURE_PORTS);
    for (int32_t i = 0; i < n_in; i++) {
        const qn_tensor *t = measure_find(golden, "in.", qn_model_input(package->model, i).name);
        assert_non_null(t);
        in[i] = *t;
    }
    ASSERT_OK(ctx, qn_runner_run(package->runner, in, n_in, out, n_out));
    for (int32_t i = 0; i < n_out; i++) {
        const char *name = qn_model_output(package->model, i).name;
        const qn_tensor *want = measure_find(golden, "out.", name);
        if (want)
            ASSERT_OK(ctx, measure_output(ctx, want, &out[i], qn_arrays_find(golden, "in.attention_mask"), name, where, worst));
    }
}

/* Shapes of the inputs differ between at least two goldens: one package serves both. */
static bool sizes_differ(const qn_model *model, const goldens *g) {
    for (int32_t i = 0; i < qn_model_n_inputs(model); i++) {
        const qn_tensor *first = measure_find(g->set[0], "in.", qn_model_input(model, i).name);
        for (int k = 1; k < g->n; k++) {
            const qn_tensor *t = measure_find(g->set[k], "in.", qn_model_input(model, i).name);
            if (memcmp(t->dims, first->dims, sizeof t->dims[0] * (size_t)first->rank) != 0)
                return true;
        }
    }
    return false;
}

/* `limit`: goldens to use; `sizes`: they are of two input sizes or more. */
static void check_model(const char *group, const char *folder, const char *file, int limit, bool sizes) {
    const char *shared = qn_test_shared();
    if (!shared) {
        qn_test_skip_shared();
        return;
    }
    char path[512], source[768], label[128];
    goldens g;
    qn_context *ctx = qn_test_context();
    bool good = true;
    snprintf(path, sizeof path, "%s/%s/%s", shared, group, folder);
    snprintf(source, sizeof source, "%s/%s", path, file);
    snprintf(label, sizeof label, "%s%s%s", folder, strcmp(file, "model.onnx") ? "/" : "", strcmp(file, "model.onnx") ? file : "");
    load_goldens(ctx, path, limit, &g);
    for (int v = 0; v < MEASURE_VARIANTS; v++) {
        measure_package package;
        measure_worst worst = measure_begin();
        ASSERT_OK(ctx, measure_convert(ctx, source, &measure_variants[v], &package));
        if (sizes)
            assert_true(sizes_differ(package.model, &g));
        for (int k = 0; k < g.n; k++)
            run_golden(ctx, &package, g.set[k], k, &worst);
        good &= measure_end(label, &measure_variants[v], &package, &worst);
        measure_close(&package);
    }
    for (int k = 0; k < g.n; k++)
        qn_arrays_destroy(g.set[k]);
    qn_context_destroy(ctx);
    assert_true(good);
}

#define MODEL(NAME, FOLDER) \
    QN_TEST(models_goldens_##NAME) { check_model("models", FOLDER, "model.onnx", MAX_GOLDENS, false); }
MODEL(deeplab_v3, "deeplab-v3")
MODEL(dtln_1, "dtln-1")
MODEL(dtln_2, "dtln-2")
MODEL(gtcrn_simple, "gtcrn-simple")
MODEL(magika, "magika")
MODEL(mnist, "mnist")
MODEL(ppocr_det, "ppocr-det")
MODEL(silero_vad, "silero-vad-op15")
MODEL(super_resolution, "super-resolution")
MODEL(ultraface_rfb_320, "ultraface-rfb-320")
MODEL(yolox_nano, "yolox-nano")
MODEL(yunet_dynamic, "yunet-dynamic")

/* The first two of four: the third has three views, of which the PyTorch model picks the reference view by their features,
 * the fourth has given cameras; the exported graph does neither. */
QN_TEST(models_goldens_checkpoint_da3) { check_model("checkpoints", "da3-tiny", "model.onnx", 2, true); }

#define CHECKPOINT(NAME, FOLDER, FILE) \
    QN_TEST(models_goldens_checkpoint_##NAME) { check_model("checkpoints", FOLDER, FILE, MAX_GOLDENS, true); }
CHECKPOINT(dav2, "dav2-tiny", "model.onnx")
CHECKPOINT(depthpro, "depthpro-tiny", "model.onnx")
CHECKPOINT(bert, "tiny-bert", "model.onnx")
CHECKPOINT(bert_external, "tiny-bert", "model_ext.onnx")
CHECKPOINT(gpt2, "tiny-gpt2", "model.onnx")
CHECKPOINT(qwen3, "tiny-qwen3", "model.onnx")
CHECKPOINT(qwen3_external, "tiny-qwen3", "model_ext.onnx")
CHECKPOINT(qwen3_embedding, "tiny-qwen3-embedding", "model.onnx")
CHECKPOINT(trained_gpt2, "trained-gpt2", "model.onnx")
CHECKPOINT(whisper_encoder, "tiny-whisper", "encoder_model.onnx")
CHECKPOINT(whisper_decoder, "tiny-whisper", "decoder_model.onnx")
