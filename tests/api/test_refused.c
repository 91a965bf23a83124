/* Weights whose encoder refuses them when the package is filled. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/map.h"
#include "base/random.h"
#include "tests/api/small_model.h"
#include "tests/read/onnx_build.h"
#include "tests/test.h"

/* y = x a b c, each [64,64]: b and c are too large for float16's scales; b may have an infinity. */
static void write_model(char path[256], bool infinite) {
    static float data[64 * 64];
    static const int64_t dims[] = {64, 64, -1};
    static const char *const names[] = {"a", "b", "c"};
    qn_buf graph = QN_BUF_INIT;
    uint64_t seed = 5;
    pb_string(&graph, 2, "refused");
    pb_message(&graph, OB_NODE, ob_node("MatMul", "x,a", "xa"));
    pb_message(&graph, OB_NODE, ob_node("MatMul", "xa,b", "xab"));
    pb_message(&graph, OB_NODE, ob_node("MatMul", "xab,c", "y"));
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 64 * 64; i++)
            data[i] = (float)qn_random_normal(&seed) * (k > 0 ? 1e9f : 1.0f);
        if (k == 1 && infinite)
            data[100] = INFINITY;
        pb_message(&graph, OB_INITIALIZER, ob_tensor(names[k], QN_F32, dims, data, sizeof data));
    }
    pb_message(&graph, OB_INPUT, ob_value("x", QN_F32, "batch,64"));
    pb_message(&graph, OB_OUTPUT, ob_value("y", QN_F32, "batch,64"));
    qn_buf model = ob_model(17, graph);
    snprintf(path, 256, "%s/refused.onnx", qn_test_tmp());
    small_write(path, model.data, model.n);
    qn_buf_free(&model);
}

/* The package at `path` by `threads`, and what became of each weight; the status. */
static qn_status convert(const qn_convert_options *options, bool infinite, int threads, const char *path, qn_weight_info rows[3], char message[512]) {
    char source[256];
    qn_context *ctx;
    qn_model *model;
    const qn_convert_report *report;
    assert_int_equal(qn_context_create(&(qn_context_options){.threads = threads}, &ctx), QN_OK);
    write_model(source, infinite);
    ASSERT_OK(ctx, qn_model_load(ctx, source, NULL, &model));
    const qn_status status = qn_model_convert(ctx, model, options, path, &report);
    snprintf(message, 512, "%s", qn_context_message(ctx));
    if (status == QN_OK) {
        qn_model *package;
        const qn_weight_info *list;
        int32_t n;
        snprintf(message, 512, "%s", report->n_warnings ? report->warnings[report->n_warnings - 1] : "");
        ASSERT_OK(ctx, qn_model_load(ctx, path, &(qn_load_options){.check_crc = true}, &package));
        ASSERT_OK(ctx, qn_model_weights(ctx, package, &list, &n));
        assert_int_equal(n, 3);
        for (int i = 0; i < 3; i++) {
            rows[i] = list[i];
            rows[i].scheme = strcmp(list[i].scheme, "int4") == 0 ? "int4" : strcmp(list[i].scheme, "int8") == 0 ? "int8" : "";
            rows[i].reason = strstr(list[i].reason, "too large") ? "too large" : "";
        }
        qn_model_destroy(package);
    }
    qn_model_destroy(model);
    qn_context_destroy(ctx);
    return status;
}

/* Two of three cannot be: they are float32 in a whole package, the same for any number of threads. */
QN_TEST(api_refused_are_left) {
    qn_weight_info rows[3];
    char path[2][256], message[512];
    qn_context *ctx = qn_test_context();
    qn_map *maps[2];
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], 256, "%s/left%d.quern", qn_test_tmp(), i);
        assert_int_equal(convert(&(qn_convert_options){.weights = "int4"}, false, i ? 4 : 1, path[i], rows, message), QN_OK);
        assert_string_equal(rows[0].scheme, "int4");
        assert_true(rows[0].sqnr_db > 15);
        assert_string_equal(rows[1].scheme, "");
        assert_string_equal(rows[1].reason, "too large");
        assert_string_equal(rows[2].scheme, "");
        assert_string_equal(rows[2].reason, "too large");
        assert_true(rows[1].bytes == 64 * 64 * 4 && rows[2].bytes == 64 * 64 * 4 && isnan(rows[2].sqnr_db));
        assert_non_null(strstr(message, "left as it is, not int4: tensor '"));
        ASSERT_OK(ctx, qn_map_open(ctx, path[i], &maps[i]));
    }
    assert_int_equal(qn_map_bytes(maps[0]), qn_map_bytes(maps[1]));
    assert_memory_equal(qn_map_data(maps[0]), qn_map_data(maps[1]), qn_map_bytes(maps[0]));
    qn_map_close(maps[0]);
    qn_map_close(maps[1]);
    qn_context_destroy(ctx);
}

/* Who names the tensor wants that and nothing else; a pattern is no name. */
QN_TEST(api_refused_by_name) {
    static const qn_weight_rule named = {"b", "int4"}, glob = {"?", "int4"};
    qn_weight_info rows[3];
    char path[256], message[512];
    snprintf(path, 256, "%s/named.quern", qn_test_tmp());
    assert_int_equal(convert(&(qn_convert_options){.weight_rules = &named, .n_weight_rules = 1}, false, 2, path, rows, message), QN_UNSUPPORTED);
    assert_non_null(strstr(message, "too large"));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(convert(&(qn_convert_options){.weight_rules = &glob, .n_weight_rules = 1}, false, 2, path, rows, message), QN_OK);
    assert_string_equal(rows[1].reason, "too large");
    assert_string_equal(rows[0].scheme, "int4");
}

/* What is not a number is an error of the source, under any rule. */
QN_TEST(api_refused_not_finite) {
    static const qn_weight_rule glob = {"?", "int8"};
    qn_weight_info rows[3];
    char path[256], message[512];
    snprintf(path, 256, "%s/infinite.quern", qn_test_tmp());
    assert_int_equal(convert(&(qn_convert_options){.weight_rules = &glob, .n_weight_rules = 1}, true, 2, path, rows, message), QN_UNSUPPORTED);
    assert_non_null(strstr(message, "tensor 'b"));
    assert_non_null(strstr(message, "is not finite"));
    assert_int_not_equal(access(path, F_OK), 0);
}

/* A product of codes has no other form: the conversion says so. */
QN_TEST(api_refused_of_codes) {
    qn_weight_info rows[3];
    char path[256], message[512];
    snprintf(path, 256, "%s/codes.quern", qn_test_tmp());
    assert_int_equal(convert(&(qn_convert_options){.weights = "int8", .activations = "int8"}, true, 2, path, rows, message), QN_UNSUPPORTED);
    assert_non_null(strstr(message, "is not finite"));
}
