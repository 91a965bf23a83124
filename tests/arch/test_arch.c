/* Which architecture a checkpoint is of. */
#include "arch/arch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/map.h"
#include "ops/op.h"
#include "tests/arch/tiny_da3.h"
#include "tests/arch/tiny_dav2.h"
#include "tests/arch/tiny_depth_pro.h"
#include "tests/read/safetensors_build.h"
#include "tests/read/safetensors_fit.h"
#include "tests/structure/tree.h"
#include "tests/test.h"

static void refused(const char *path, qn_status status, const char *message) {
    qn_context *ctx = qn_test_context();
    qn_arch_info info;
    qn_graph *graph;
    ASSERT_FAILS(ctx, status, message, qn_arch_read(ctx, path, &graph, &info));
    assert_null(graph);
    qn_context_destroy(ctx);
}

/* " there are: a, b, c" of the table. */
static const char *names(void) {
    static char text[1024];
    int32_t n;
    const qn_arch *archs = qn_archs(&n);
    size_t at = (size_t)snprintf(text, sizeof text, "; there are: ");
    for (int32_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? ", " : "", archs[i].name);
    return text;
}

QN_TEST(arch_unknown) {
    static const struct {
        const char *config, *message;
    } rows[] = {
        {NULL, "/unknown: no config.json beside the tensors, and their names are of no known release"},
        {"{\"model_type\": \"perceiver\"}", "/unknown/config.json: model_type 'perceiver' is no architecture of this version"},
        {"{\"model_type\": 7}", "/unknown/config.json: model_type '' is no architecture of this version"},
        {"{\"model_type\": null}", "/unknown/config.json: model_type '' is no architecture of this version"},
        {"{}", "/unknown/config.json: model_type '' is no architecture of this version"},
        {"{\"model_type\": \"depth_anything\\nx\"}", "/unknown/config.json: model_type 'depth_anything?x' is no architecture"},
    };
    char folder[256];
    st_folder("unknown", folder);
    st_write_buf(folder, "model.safetensors", st_names("a"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].config)
            st_write_text(folder, "config.json", rows[i].config);
        refused(folder, QN_UNSUPPORTED, rows[i].message);
        refused(folder, QN_UNSUPPORTED, names());
    }
    refused("none.safetensors", QN_SYSTEM, "none.safetensors: cannot open");
}

/* What is read beside the graph; the graph keeps the files. */
QN_TEST(arch_read) {
    char folder[256], path[300];
    qn_context *ctx = qn_test_context();
    qn_arch_info info;
    qn_graph *graph;
    ckpt c = tiny_dav2(3);
    st_folder("known", folder);
    st_write_text(folder, "config.json", tiny_dav2_config);
    ckpt_write(&c, folder, NULL);
    ASSERT_OK(ctx, qn_arch_read(ctx, folder, &graph, &info));
    assert_string_equal(info.name, "depth_anything_v2");
    assert_int_equal(info.n_dropped, 5); /* the mask token, two convolutions */
    assert_string_equal(graph->name, "known");
    assert_int_equal(graph->n_sources, 2);
    snprintf(path, sizeof path, "%s/config.json", folder);
    assert_string_equal(graph->sources[0], path);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    assert_string_equal(graph->sources[1], path);
    assert_int_equal(graph->n_inputs, 1);
    assert_string_equal(graph->inputs[0].name, "pixel_values");
    assert_string_equal(graph->outputs[0].name, "predicted_depth");
    for (const qn_node *n = graph->first; n; n = n->next)
        assert_true(!n->name[0] || n->origin);
    assert_non_null(qn_graph_find(graph, "backbone.encoder.layer.3"));
    qn_graph_destroy(graph);
    /* the file by name, with the configuration beside it */
    ASSERT_OK(ctx, qn_arch_read(ctx, path, &graph, &info));
    assert_string_equal(graph->name, "model.safetensors");
    qn_graph_destroy(graph);
    ckpt_end(&c);
    qn_context_destroy(ctx);
}

/* Nodes and the names of values follow the order of the builder's calls, whichever compiler orders their arguments: packages
 * have the same bytes. The numbers change when a graph is meant to; they are the same for gcc and clang. */
QN_TEST(arch_order_is_of_calls) {
    static const uint64_t wanted[] = {0x064d23892fb4de01, 0x8a95f8e84ea8713f, 0x64a4606170b64198};
    char dav2[256], depth_pro[256];
    const char *const folders[] = {dav2, tiny_da3_write("order-da3", false, NULL, NULL), depth_pro};
    qn_context *ctx = qn_test_context();
    ckpt c = tiny_dav2(3);
    ckpt_write_folder(&c, "order-dav2", tiny_dav2_config, NULL, dav2);
    tiny_depth_pro_write("order-depth-pro", NULL, NULL, depth_pro);
    for (int i = 0; i < 3; i++) {
        qn_graph *graph;
        qn_arch_info info;
        qn_buf text = QN_BUF_INIT;
        ASSERT_OK(ctx, qn_arch_read(ctx, folders[i], &graph, &info));
        for (const qn_node *n = graph->first; n; n = n->next) {
            qn_buf_printf(&text, "%s", qn_op_row(n->op)->name);
            for (int32_t k = 0; k < n->n_in; k++)
                qn_buf_printf(&text, " %s", n->in[k] ? n->in[k]->name : "");
            qn_buf_printf(&text, " -> %s\n", n->out[0]->name);
        }
        ASSERT_OK(ctx, qn_buf_check(ctx, &text));
        const uint64_t got = qn_hash_bytes(text.data, text.n).low;
        if (got != wanted[i])
            fail_msg("%s: 0x%016llx", info.name, (unsigned long long)got);
        qn_buf_free(&text);
        qn_graph_destroy(graph);
    }
    ckpt_end(&c);
    qn_context_destroy(ctx);
}

/* A layer of 512 and of the greatest width, of which nothing is there: a message, not memory or minutes. */
QN_TEST(arch_large_and_empty) {
    static const char config[] =
        "{\"model_type\": \"depth_anything\", \"backbone_config\": {\"hidden_size\": 65536, \"num_attention_heads\": 65536,"
        " \"num_hidden_layers\": 512, \"num_channels\": 1024, \"image_size\": 65536, \"patch_size\": 1, \"mlp_ratio\": 64,"
        " \"out_indices\": [1, 2, 3, 512]}, \"patch_size\": 1, \"neck_hidden_sizes\": [65536, 65536, 65536, 65536],"
        " \"reassemble_factors\": [16, 16, 16, 0.0625], \"fusion_hidden_size\": 65536, \"head_hidden_size\": 65536}";
    char folder[256];
    st_folder("huge", folder);
    st_write_text(folder, "config.json", config);
    st_write_buf(folder, "model.safetensors", st_names("a"));
    refused(folder, QN_MALFORMED, "'backbone.embeddings.position_embeddings' [1, 4294967297, 65536] is missing");
}

/* The fuzzer begins with a checkpoint that is read, of 116 tensors: a configuration, a 0 byte, a header. */
QN_TEST(arch_seed_is_read) {
    char folder[256], *data;
    size_t n;
    qn_context *ctx = qn_test_context();
    qn_arch_info info;
    qn_graph *graph;
    ASSERT_OK(ctx, qn_read_file(ctx, "tests/data/fuzz/checkpoint/dav2", 1 << 20, &data, &n));
    const size_t n_config = strlen(data);
    assert_true(n_config + 1 < n);
    st_folder("seed", folder);
    st_write_text(folder, "config.json", data);
    st_write_buf(folder, "model.safetensors", st_fit(data + n_config + 1, n - n_config - 1));
    free(data);
    ASSERT_OK(ctx, qn_arch_read(ctx, folder, &graph, &info));
    assert_int_equal(info.n_dropped, 0);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* Its name or what config.json says, and each has a function and an example. */
QN_TEST(arch_rows_are_documented) {
    char *docs = tree_read("docs/checkpoints.md");
    int32_t n;
    const qn_arch *archs = qn_archs(&n);
    assert_true(n >= 1);
    for (int32_t i = 0; i < n; i++) {
        char type[64], row[100], file[128];
        assert_true(archs[i].takes && archs[i].build && strchr(archs[i].example, '/'));
        if (sscanf(archs[i].config, "model_type %63[a-z0-9_]", type) != 1)
            snprintf(type, sizeof type, "%s", archs[i].name);
        snprintf(row, sizeof row, "model_type: %s`", type);
        if (!strstr(docs, row) && !strstr(docs, archs[i].config))
            fail_msg("docs/checkpoints.md does not say how %s is recognised: %s", archs[i].name, archs[i].config);
        snprintf(file, sizeof file, "libconvert/arch/%s.c", archs[i].name);
        free(tree_read(file));
    }
    free(docs);
}
