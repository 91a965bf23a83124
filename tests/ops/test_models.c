/* Trained models and checkpoints: every rank is known, outputs come out as expressions over the inputs' dimensions,
 * and with the sizes of a golden bound they are the golden's. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "ops/infer.h"
#include "read/npy.h"
#include "read/onnx.h"
#include "tests/test.h"

static qn_graph *read_model(qn_context *ctx, const char *path) {
    qn_graph *graph = NULL;
    if (qn_onnx_read(ctx, path, &graph) != QN_OK)
        fail_msg("%s", qn_context_message(ctx));
    return graph;
}

static const qn_tensor *find(const qn_npz_entry *entries, int32_t n, const char *prefix, const char *name) {
    for (int32_t i = 0; i < n; i++)
        if (strncmp(entries[i].name, prefix, strlen(prefix)) == 0 && strcmp(entries[i].name + strlen(prefix), name) == 0)
            return &entries[i].tensor;
    return NULL;
}

/* The golden's sizes for the model's inputs, bound as a user would; false when it is a golden of another model. */
static bool bind_golden(qn_context *ctx, qn_graph *graph, const qn_npz_entry *entries, int32_t n) {
    for (int32_t i = 0; i < graph->n_inputs; i++) {
        const qn_tensor *t = find(entries, n, "in.", graph->inputs[i].name);
        if (!t || t->rank != graph->inputs[i].value->type.rank)
            return false;
    }
    for (int32_t i = 0; i < graph->n_inputs; i++) {
        const qn_tensor *t = find(entries, n, "in.", graph->inputs[i].name);
        for (int32_t k = 0; k < t->rank; k++) {
            qn_dim d = graph->inputs[i].value->type.dims[k];
            char text[256];
            const char *texts[] = {text};
            snprintf(text, sizeof text, "%s.%d=%lld", graph->inputs[i].name, k, (long long)t->dims[k]);
            if (qn_dim_is_const(d) || qn_dim_symbol_index(graph->symbols, d) >= 0)
                ASSERT_OK(ctx, qn_graph_bind_dims(ctx, graph, texts, 1));
        }
    }
    return true;
}

static int judge_golden(const char *model, const char *golden) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_graph *graph = read_model(ctx, model);
    qn_npz_entry *entries;
    int32_t n, judged = 0;
    ASSERT_OK(ctx, qn_npz_read(ctx, arena, golden, "mid.", &entries, &n));
    if (bind_golden(ctx, graph, entries, n)) {
        ASSERT_OK(ctx, qn_infer_graph(ctx, graph));
        for (int32_t o = 0; o < graph->n_outputs; o++) {
            const qn_tensor *t = find(entries, n, "out.", graph->outputs[o].name);
            const qn_type *type = &graph->outputs[o].value->type;
            if (!t)
                continue;
            judged++;
            if (type->rank != t->rank || !qn_type_is_static(type))
                fail_msg("%s: %s: %s is %s", model, golden, graph->outputs[o].name,
                         qn_type_format(arena, graph->symbols, type));
            for (int32_t k = 0; k < t->rank; k++)
                if (type->dims[k] != t->dims[k])
                    fail_msg("%s: %s: %s is %s, dimension %d should be %lld", model, golden, graph->outputs[o].name,
                             qn_type_format(arena, graph->symbols, type), k, (long long)t->dims[k]);
        }
    }
    qn_graph_destroy(graph);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
    return judged;
}

static bool is_like(const char *name, const char *start, const char *end) {
    size_t n = strlen(name);
    return n >= strlen(end) && strncmp(name, start, strlen(start)) == 0 && strcmp(name + n - strlen(end), end) == 0;
}

/* All models of a folder against all its goldens; the number of outputs judged. */
static int judge_folder(const char *folder) {
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort), judged = 0;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n && is_like(names[i]->d_name, "", ".onnx"); k++)
            if (is_like(names[k]->d_name, "golden", ".npz") && !strstr(names[k]->d_name, "f64")) {
                char model[1200], golden[1200];
                snprintf(model, sizeof model, "%s/%s", folder, names[i]->d_name);
                snprintf(golden, sizeof golden, "%s/%s", folder, names[k]->d_name);
                judged += judge_golden(model, golden);
            }
    for (int i = 0; i < n; i++)
        free(names[i]);
    if (n >= 0)
        free(names);
    return judged;
}

static int judge_all(const char *group) {
    const char *shared = qn_test_shared();
    char path[512], folder[800];
    struct dirent **names;
    int judged = 0;
    if (!shared) {
        qn_test_skip_shared();
        return -1;
    }
    snprintf(path, sizeof path, "%s/%s", shared, group);
    int n = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(folder, sizeof folder, "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && names[i]->d_type == DT_DIR)
            judged += judge_folder(folder);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    print_message("           %s: %d output shapes judged\n", group, judged);
    return judged;
}

QN_TEST(ops_models_trained) {
    int judged = judge_all("models");
    assert_true(judged == -1 || judged >= 12);
}

QN_TEST(ops_models_checkpoints) {
    int judged = judge_all("checkpoints");
    assert_true(judged == -1 || judged >= 20);
}

/* ---- expressions ---------------------------------------------------------------------------------- */

static qn_status count_unknown(qn_context *ctx, qn_graph *graph, void *arg) {
    (void)ctx;
    for (const qn_node *node = graph->first; node; node = node->next)
        for (int32_t o = 0; o < node->n_out; o++)
            if (node->out[o]) {
                *(int *)arg += node->out[o]->type.rank < 0;
                for (int32_t k = 0; k < node->out[o]->type.rank; k++)
                    *(int *)arg += node->out[o]->type.dims[k] == QN_DIM_UNKNOWN;
            }
    return QN_OK;
}

static void expect_outputs(const char *model, const char *want) {
    const char *shared = qn_test_shared();
    char path[512], got[1024] = "";
    if (!shared) {
        qn_test_skip_shared();
        return;
    }
    qn_context *ctx = qn_test_context();
    snprintf(path, sizeof path, "%s/%s", shared, model);
    qn_graph *graph = read_model(ctx, path);
    int unknown = 0;
    ASSERT_OK(ctx, qn_graph_each(ctx, graph, count_unknown, &unknown));
    assert_int_equal(unknown, 0);
    for (int32_t o = 0; o < graph->n_outputs; o++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", o ? "; " : "",
                 qn_type_format(graph->arena, graph->symbols, &graph->outputs[o].value->type));
    assert_string_equal(got, want);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

QN_TEST(ops_models_expressions) {
    expect_outputs("checkpoints/dav2-tiny/model.onnx", "float32[batch,14*(height//14),14*(width//14)]");
    expect_outputs("checkpoints/tiny-bert/model.onnx",
                   "float32[batch_size,sequence_length,64]; float32[batch_size,64]");
    expect_outputs("checkpoints/da3-tiny/model.onnx",
                   "float32[batch,views,14*(height//14),14*(width//14)]; float32[batch,views,14*(height//14),14*(width//14)]; "
                   "float32[batch,views,8*(height//14),8*(width//14),6]; float32[batch,views,8*(height//14),8*(width//14)]; "
                   "float32[batch,views,9]; float32[batch,views,3,4]; float32[batch,views,3,3]");
    expect_outputs("models/ppocr-det/model.onnx", "float32[batch,1,32*((height+31)//32),32*((width+31)//32)]");
    expect_outputs("models/yolox-nano/model.onnx", "float32[1,3549,85]");
}
