/* Models through quern.h: what they say of themselves, and what is refused. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/api/small_model.h"
#include "tests/test.h"

static qn_model *load(qn_context *ctx, const char *name, const char *const *dims, int32_t n_dims) {
    char path[256];
    qn_model *model = NULL;
    small_model_file(name, path);
    ASSERT_OK(ctx, qn_model_load(ctx, path, &(qn_load_options){.dims = dims, .n_dims = n_dims}, &model));
    return model;
}

QN_TEST(api_model_ports) {
    qn_context *ctx = qn_test_context();
    qn_model *model = load(ctx, "ports.onnx", NULL, 0);
    assert_int_equal(qn_model_n_inputs(model), 2);
    assert_int_equal(qn_model_n_outputs(model), 1);
    const qn_port_info x = qn_model_input(model, 0), ids = qn_model_input(model, 1), y = qn_model_output(model, 0);
    assert_string_equal(x.name, "x");
    assert_true(x.dtype == QN_F32 && x.rank == 3 && x.dims[0] == -1 && x.dims[1] == -1 && x.dims[2] == 64);
    assert_string_equal(x.dim_text[0], "batch");
    assert_string_equal(x.dim_text[2], "64");
    assert_string_equal(ids.name, "ids");
    assert_true(ids.dtype == QN_I64 && ids.rank == 2);
    assert_string_equal(y.name, "y");
    assert_string_equal(y.dim_text[1], "seq");
    assert_int_equal(y.dims[2], 10);
    assert_int_equal(qn_model_n_dims(model), 2);
    assert_string_equal(qn_model_dim(model, 0).name, "batch");
    assert_string_equal(qn_model_dim(model, 0).range, "0..");
    qn_model_destroy(model);
    qn_model_destroy(NULL);
    qn_context_destroy(ctx);
}

QN_TEST(api_model_bound_dims) {
    static const char *const dims[] = {"batch=1..64", "seq=16"};
    qn_context *ctx = qn_test_context();
    qn_model *model = load(ctx, "bound.onnx", dims, 2);
    assert_int_equal(qn_model_n_dims(model), 1);
    assert_string_equal(qn_model_dim(model, 0).name, "batch");
    assert_string_equal(qn_model_dim(model, 0).range, "1..64");
    assert_int_equal(qn_model_output(model, 0).dims[1], 16);
    assert_int_equal(qn_model_output(model, 0).dims[0], -1);
    qn_model_destroy(model);
    qn_context_destroy(ctx);
}

QN_TEST(api_model_summary) {
    qn_context *ctx = qn_test_context();
    qn_model *model = load(ctx, "summary.onnx", NULL, 0);
    qn_summary s;
    ASSERT_OK(ctx, qn_model_summary(ctx, model, &s));
    assert_int_equal(s.parameters, SMALL_PARAMETERS);
    assert_int_equal(s.weight_bytes, 4 * SMALL_PARAMETERS);
    assert_int_equal(s.nodes, 6);
    assert_int_equal(s.n_ops, 4);
    assert_string_equal(s.ops[0].name, "Add"); /* by name */
    assert_int_equal(s.ops[0].count, 2);
    assert_string_equal(s.ops[3].name, "Relu");
    assert_int_equal(s.n_storage, 1);
    assert_string_equal(s.storage[0].name, "float32");
    assert_true(s.storage[0].count == 4 && s.storage[0].elements == SMALL_PARAMETERS);
    const qn_weight_info *rows;
    int32_t n;
    uint64_t bytes = 0;
    ASSERT_OK(ctx, qn_model_weights(ctx, model, &rows, &n));
    assert_int_equal(n, 4);
    assert_string_equal(rows[0].name, "table"); /* in the order in which nodes read them */
    assert_true(rows[0].rank == 2 && rows[0].dims[0] == 2 && rows[0].dims[1] == 64 && rows[0].dtype == QN_F32);
    for (int32_t i = 0; i < n; i++)
        bytes += rows[i].bytes;
    assert_int_equal(bytes, s.weight_bytes);
    qn_model_destroy(model);
    qn_context_destroy(ctx);
}

QN_TEST(api_model_source) {
    qn_context *ctx = qn_test_context();
    qn_model *model = load(ctx, "source.onnx", NULL, 0);
    const qn_source_info s = qn_model_source(model);
    assert_string_equal(s.format, "onnx");
    assert_null(s.version);
    assert_true(s.file_bytes > 4 * SMALL_PARAMETERS);
    qn_model_destroy(model);
    qn_context_destroy(ctx);
}

QN_TEST(api_model_text_and_dot) {
    qn_context *ctx = qn_test_context();
    qn_model *model = load(ctx, "text.onnx", NULL, 0);
    char *text, *dot;
    ASSERT_OK(ctx, qn_model_text(ctx, model, &text));
    assert_non_null(strstr(text, "input %x: float32[batch,seq,64]"));
    assert_non_null(strstr(text, "= Relu(%h)"));
    assert_non_null(strstr(text, "output %y"));
    ASSERT_OK(ctx, qn_model_dot(ctx, model, &dot));
    assert_int_equal(strncmp(dot, "digraph", 7), 0);
    assert_non_null(strstr(dot, "label=\"MatMul\""));
    assert_string_equal(dot + strlen(dot) - 2, "}\n");
    free(text);
    free(dot);
    qn_model_destroy(model);
    qn_context_destroy(ctx);
}

/* From memory: the same model, without a file. */
QN_TEST(api_model_from_bytes) {
    qn_context *ctx = qn_test_context();
    qn_buf bytes = small_model();
    qn_model *model;
    ASSERT_OK(ctx, qn_model_load_bytes(ctx, "in memory", bytes.data, bytes.n, NULL, &model));
    assert_int_equal(qn_model_n_inputs(model), 2);
    assert_int_equal(qn_model_source(model).file_bytes, bytes.n);
    qn_model_destroy(model);
    ASSERT_FAILS(ctx, QN_MALFORMED, "in memory: ", qn_model_load_bytes(ctx, "in memory", bytes.data, bytes.n - 9, NULL, &model));
    assert_null(model);
    static const char *const dims[] = {"width=7"};
    ASSERT_FAILS(ctx, QN_USAGE, "in memory: no dimension 'width'",
                 qn_model_load_bytes(ctx, "in memory", bytes.data, bytes.n, &(qn_load_options){.dims = dims, .n_dims = 1},
                                     &model));
    qn_buf_free(&bytes);
    qn_context_destroy(ctx);
}

static void refuses(qn_context *ctx, const char *path, const qn_load_options *options, qn_status status, const char *message) {
    qn_model *model = (qn_model *)ctx;
    ASSERT_FAILS(ctx, status, message, qn_model_load(ctx, path, options, &model));
    assert_null(model);
    assert_non_null(strstr(qn_context_message(ctx), path)); /* the file is named, always */
}

QN_TEST(api_model_refusals) {
    qn_context *ctx = qn_test_context();
    char path[256];
    snprintf(path, sizeof path, "%s/refused.onnx", qn_test_tmp());
    refuses(ctx, "no/such.onnx", NULL, QN_SYSTEM, "cannot open");
    refuses(ctx, qn_test_tmp(), NULL, QN_MALFORMED, "no checkpoint: neither model.safetensors nor");
    refuses(ctx, "model.safetensors", NULL, QN_SYSTEM, "model.safetensors: cannot open");
    small_write(path, "", 0);
    refuses(ctx, path, NULL, QN_MALFORMED, "");
    small_write(path, "PK\3\4 no archive", 15);
    refuses(ctx, path, NULL, QN_MALFORMED, "");
    small_write(path, "\xff\xff\xff\xff\xff", 5);
    refuses(ctx, path, NULL, QN_MALFORMED, "");
    static const char *const unknown[] = {"channels=3"}, *const odd[] = {"batch"}, *const wrong[] = {"batch=9..2"};
    small_model_file("dims.onnx", path);
    refuses(ctx, path, &(qn_load_options){.dims = unknown, .n_dims = 1}, QN_USAGE, "no dimension 'channels'; there are: batch");
    refuses(ctx, path, &(qn_load_options){.dims = odd, .n_dims = 1}, QN_USAGE, "not NAME=RANGE");
    refuses(ctx, path, &(qn_load_options){.dims = wrong, .n_dims = 1}, QN_USAGE, "9..2");
    qn_context_destroy(ctx);
}
