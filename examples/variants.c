/* variants MODEL OUT_FOLDER: convert a model to fp32, fp16 and int8 packages, run each on the same inputs, and print how
 * far each is from the source. Everything the command line does is in quern.h.
 *
 *     cc variants.c $(pkg-config --cflags --libs quern) -o variants
 */
#include <quern.h>

#include <stdio.h>
#include <stdlib.h>

enum { MAX_PORTS = 64 };

typedef struct loaded {
    qn_model *model;
    qn_runner *runner;
    qn_tensor outputs[MAX_PORTS];
} loaded;

static qn_status load_and_run(qn_context *ctx, const char *path, const qn_tensor *inputs, loaded *out) {
    qn_status status = qn_model_load(ctx, path, NULL, &out->model);
    if (status == QN_OK)
        status = qn_runner_create(ctx, out->model, NULL, &out->runner);
    if (status == QN_OK)
        status = qn_runner_run(out->runner, inputs, qn_model_n_inputs(out->model), out->outputs,
                               qn_model_n_outputs(out->model));
    return status;
}

static void unload(loaded *l) {
    qn_runner_destroy(l->runner);
    qn_model_destroy(l->model);
}

/* A conversion changes its model, so each variant starts from a fresh load. */
static qn_status convert(qn_context *ctx, const char *from, const qn_convert_options *options, const char *to) {
    qn_model *model = NULL;
    qn_status status = qn_model_load(ctx, from, NULL, &model);
    if (status == QN_OK)
        status = qn_model_convert(ctx, model, options, to, NULL);
    qn_model_destroy(model);
    return status;
}

static qn_status variant(qn_context *ctx, const char *source, const char *folder, const char *name,
                         const qn_convert_options *options, const qn_tensor *inputs, const loaded *reference) {
    char path[1024];
    loaded l = {0};
    snprintf(path, sizeof path, "%s/%s.quern", folder, name);
    qn_status status = convert(ctx, source, options, path);
    if (status == QN_OK)
        status = load_and_run(ctx, path, inputs, &l);
    for (int i = 0; status == QN_OK && i < qn_model_n_outputs(l.model); i++) {
        qn_comparison c;
        status = qn_tensor_compare(ctx, &reference->outputs[i], &l.outputs[i], NULL, &c);
        if (status == QN_OK)
            printf("%s %s: cosine %.8f, max_rel %.3g\n", name, qn_model_output(l.model, i).name, c.cosine, c.max_rel);
    }
    unload(&l);
    return status;
}

static qn_status compare_variants(qn_context *ctx, const char *source, const char *folder) {
    const qn_convert_options fp32 = {.precision = QN_F32}, fp16 = {.precision = QN_F16}, int8 = {.weights = "int8"};
    qn_model *model = NULL;
    loaded reference = {0};
    qn_tensor inputs[MAX_PORTS];
    qn_status status = qn_model_load(ctx, source, NULL, &model);
    if (status == QN_OK && (qn_model_n_inputs(model) > MAX_PORTS || qn_model_n_outputs(model) > MAX_PORTS))
        status = QN_UNSUPPORTED;
    if (status == QN_OK)
        status = qn_model_random_inputs(ctx, model, 1, NULL, 0, inputs);
    if (status == QN_OK)
        status = load_and_run(ctx, source, inputs, &reference);
    if (status == QN_OK)
        status = variant(ctx, source, folder, "fp32", &fp32, inputs, &reference);
    if (status == QN_OK)
        status = variant(ctx, source, folder, "fp16", &fp16, inputs, &reference);
    if (status == QN_OK)
        status = variant(ctx, source, folder, "int8", &int8, inputs, &reference);
    unload(&reference);
    qn_model_destroy(model);
    return status;
}

int main(int argc, char **argv) {
    qn_context *ctx = NULL;
    if (argc != 3) {
        fprintf(stderr, "usage: variants MODEL OUT_FOLDER\n");
        return QN_USAGE;
    }
    if (qn_context_create(NULL, &ctx) != QN_OK)
        return QN_SYSTEM;
    qn_status status = compare_variants(ctx, argv[1], argv[2]);
    if (status != QN_OK)
        fprintf(stderr, "variants: %s\n", qn_context_message(ctx));
    qn_context_destroy(ctx);
    return (int)status;
}
