/* Conversion through quern.h: the report, the package, and the same bytes every time. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/map.h"
#include "tests/api/small_model.h"
#include "tests/test.h"

typedef struct conversion {
    qn_context *ctx;
    qn_model *model;
    char source[256], path[256];
} conversion;

static conversion begin(const char *name, int threads) {
    conversion c;
    char file[128];
    const qn_context_options options = {.threads = threads};
    assert_int_equal(qn_context_create(&options, &c.ctx), QN_OK);
    snprintf(file, sizeof file, "%s.onnx", name);
    small_model_file(file, c.source);
    snprintf(c.path, sizeof c.path, "%s/%s.quern", qn_test_tmp(), name);
    ASSERT_OK(c.ctx, qn_model_load(c.ctx, c.source, NULL, &c.model));
    return c;
}

static void end(conversion *c) {
    qn_model_destroy(c->model);
    qn_context_destroy(c->ctx);
}

static const qn_convert_row *find_row(const qn_convert_report *r, const char *treatment) {
    for (int32_t i = 0; i < r->n_rows; i++)
        if (strcmp(r->rows[i].treatment, treatment) == 0)
            return &r->rows[i];
    fail_msg("no row '%s'", treatment);
    return NULL;
}

/* A package over the file that the weights are mapped from would be the end of them. */
QN_TEST(api_convert_not_over_its_source) {
    conversion c = begin("over", 1);
    char link_path[300];
    snprintf(link_path, sizeof link_path, "%s.link", c.source);
    assert_int_equal(symlink(strrchr(c.source, '/') + 1, link_path), 0);
    ASSERT_FAILS(c.ctx, QN_USAGE, "over.onnx would replace a file of the source",
                 qn_model_convert(c.ctx, c.model, NULL, c.source, NULL));
    ASSERT_FAILS(c.ctx, QN_USAGE, "over.onnx.link would replace a file", qn_model_convert(c.ctx, c.model, NULL, link_path, NULL));
    end(&c);
}

/* Every byte of the weights is in one row, and the package is what the report says. */
QN_TEST(api_convert_report) {
    conversion c = begin("report", 2);
    const qn_convert_report *r;
    const qn_convert_options options = {.precision = QN_F16, .weights = "int8:per_channel", .licence = "CC0", .recipe = "by hand"};
    ASSERT_OK(c.ctx, qn_model_convert(c.ctx, c.model, &options, c.path, &r));
    uint64_t source = 0, package = 0;
    int64_t tensors = 0;
    for (int32_t i = 0; i < r->n_rows; i++) {
        source += r->rows[i].source_bytes;
        package += r->rows[i].package_bytes;
        tensors += r->rows[i].tensors;
    }
    assert_int_equal(tensors, 4);
    assert_int_equal(source, 4 * SMALL_PARAMETERS);
    assert_int_equal(r->source_bytes, source);
    const qn_convert_row *codes = find_row(r, "int8");
    assert_int_equal(codes->tensors, 2);
    assert_string_equal(codes->reason, "");
    assert_true(codes->package_bytes < codes->source_bytes / 3);
    assert_int_equal(find_row(r, "float16")->source_bytes, 4 * 128); /* b1 and table: a row each, by reason */
    assert_true(r->package_bytes > package && r->seconds >= 0);
    assert_true(r->n_passes > 10);
    qn_map *map;
    ASSERT_OK(c.ctx, qn_map_open(c.ctx, c.path, &map));
    assert_int_equal(qn_map_bytes(map), r->package_bytes);
    qn_map_close(map);
    ASSERT_OK(c.ctx, qn_package_check(c.ctx, c.path));
    qn_model *again;
    ASSERT_OK(c.ctx, qn_model_load(c.ctx, c.path, &(qn_load_options){.check_crc = true}, &again));
    const qn_source_info s = qn_model_source(again);
    assert_string_equal(s.format, "quern");
    assert_string_equal(s.version, qn_version());
    assert_string_equal(s.licence, "CC0");
    assert_string_equal(s.recipe, "by hand");
    assert_int_equal(s.n_sources, 1);
    assert_string_equal(s.source_names[0], "report.onnx");
    assert_int_equal(strncmp(s.source_hashes[0], "xxh3-128:", 9), 0);
    qn_model_destroy(again);
    end(&c);
}

static void expect_same_file(qn_context *ctx, const char *a, const char *b) {
    qn_map *x, *y;
    ASSERT_OK(ctx, qn_map_open(ctx, a, &x));
    ASSERT_OK(ctx, qn_map_open(ctx, b, &y));
    assert_int_equal(qn_map_bytes(x), qn_map_bytes(y));
    assert_memory_equal(qn_map_data(x), qn_map_data(y), qn_map_bytes(x));
    qn_map_close(x);
    qn_map_close(y);
}

/* Whatever the threads and instruction sets. */
QN_TEST(api_convert_same_bytes) {
    static const qn_convert_options options[] = {
        {.precision = QN_F32}, {.precision = QN_F16}, {.precision = QN_BF16, .weights = "int8:per_tensor"}, {.no_passes = true},
        {.weights = "int8", .activations = "int8"}, {.weights = "int4"}, {.precision = QN_F16, .weights = "uint4:block=16"}};
    static const char *const isa[] = {NULL, "scalar", "avx2"};
    char source[256], path[2][256];
    small_model_file("same.onnx", source);
    for (size_t o = 0; o < sizeof options / sizeof options[0]; o++)
        for (int i = 0; i < 3; i++) {
            qn_context *ctx = NULL;
            qn_model *model;
            const qn_context_options context = {.threads = 1 + i, .isa = isa[i]};
            assert_int_equal(qn_context_create(&context, &ctx), QN_OK);
            snprintf(path[i > 0], 256, "%s/same%d.quern", qn_test_tmp(), i > 0);
            ASSERT_OK(ctx, qn_model_load(ctx, source, NULL, &model));
            ASSERT_OK(ctx, qn_model_convert(ctx, model, &options[o], path[i > 0], NULL));
            if (i > 0)
                expect_same_file(ctx, path[0], path[1]);
            qn_model_destroy(model);
            qn_context_destroy(ctx);
        }
}

static void run(qn_context *ctx, qn_model *model, double *out) {
    qn_tensor in[2], y;
    qn_runner *runner;
    static const char *const dims[] = {"batch=2", "seq=5"};
    ASSERT_OK(ctx, qn_model_random_inputs(ctx, model, 1, dims, 2, in));
    ASSERT_OK(ctx, qn_runner_create(ctx, model, NULL, &runner));
    ASSERT_OK(ctx, qn_runner_run(runner, in, 2, &y, 1));
    ASSERT_OK(ctx, qn_tensor_to_f64(ctx, &y, out));
    qn_runner_destroy(runner);
}

/* The model is then the converted graph; the package is the same one. Rounding 74 weights to 11 bits leaves an SQNR of
 * well over 40 dB. */
QN_TEST(api_convert_model_is_what_was_written) {
    conversion c = begin("written", 2);
    double source[100], converted[100], package[100], error = 0, power = 0;
    qn_model *again;
    run(c.ctx, c.model, source);
    ASSERT_OK(c.ctx, qn_model_convert(c.ctx, c.model, &(qn_convert_options){.precision = QN_F16}, c.path, NULL));
    run(c.ctx, c.model, converted);
    ASSERT_OK(c.ctx, qn_model_load(c.ctx, c.path, NULL, &again));
    run(c.ctx, again, package);
    for (int i = 0; i < 100; i++) {
        assert_true(converted[i] == package[i]);
        error += (package[i] - source[i]) * (package[i] - source[i]);
        power += source[i] * source[i];
    }
    assert_true(10 * log10(power / error) > 40);
    qn_model_destroy(again);
    end(&c);
}

/* A package converted again keeps where it came from; nothing else changes it. */
QN_TEST(api_convert_a_package) {
    conversion c = begin("twice", 1);
    char second[300];
    qn_model *again;
    ASSERT_OK(c.ctx, qn_model_convert(c.ctx, c.model, NULL, c.path, NULL));
    ASSERT_OK(c.ctx, qn_model_load(c.ctx, c.path, NULL, &again));
    snprintf(second, sizeof second, "%s.2", c.path);
    ASSERT_OK(c.ctx, qn_model_convert(c.ctx, again, NULL, second, NULL));
    qn_model_destroy(again);
    expect_same_file(c.ctx, c.path, second);
    end(&c);
}

static int64_t rewrites(const qn_convert_report *r) {
    int64_t n = 0;
    for (int32_t i = 0; i < r->n_passes; i++)
        n += r->passes[i].rewrites;
    return n;
}

QN_TEST(api_convert_stop_after) {
    const qn_convert_report *r;
    for (int n = 0; n < 3; n++) {
        conversion c = begin("stopped", 1);
        const char text[] = {(char)('0' + n), 0};
        ASSERT_OK(c.ctx, qn_model_convert(c.ctx, c.model, &(qn_convert_options){.stop_after = text}, c.path, &r));
        assert_int_equal(rewrites(r), n);
        end(&c);
    }
    conversion c = begin("stopped", 1);
    ASSERT_OK(c.ctx, qn_model_convert(c.ctx, c.model, &(qn_convert_options){.no_passes = true}, c.path, &r));
    assert_int_equal(rewrites(r), 0);
    end(&c);
}

QN_TEST(api_convert_refusals) {
    conversion c = begin("refused", 1);
    static const struct {
        qn_convert_options options;
        qn_status status;
        const char *message;
    } rows[] = {{{.precision = QN_I8}, QN_USAGE, "precision int8"},
                {{.weights = "int9"}, QN_USAGE, "int9"},
                {{.activations = "int8"}, QN_USAGE, "need weights int8"},
                {{.weights = "int4", .activations = "int8"}, QN_USAGE, "not int4"},
                {{.weights = "int8", .equalize = 0.5}, QN_USAGE, "equalize needs calibration inputs"},
                {{.weights = "int8", .equalize = 1.5}, QN_USAGE, "equalize 1.5: a number from 0 to 1"},
                {{.weights = "int8", .correct_bias = true}, QN_USAGE, "bias correction needs calibration inputs"},
                {{.correct_bias = true}, QN_USAGE, "bias correction needs weights that are encoded"},
                {{.weights = "int8", .activations = "int4"}, QN_USAGE, "activations 'int4'"},
                {{.weights = "int8", .activations = "int8:static:mse"}, QN_USAGE, "activations int8:static:mse need calibration inputs"},
                {{.stop_after = "no_such_pass"}, QN_USAGE, "no_such_pass"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ASSERT_FAILS(c.ctx, rows[i].status, rows[i].message,
                     qn_model_convert(c.ctx, c.model, &rows[i].options, c.path, NULL));
        assert_int_not_equal(access(c.path, F_OK), 0); /* nothing was written */
    }
    ASSERT_FAILS(c.ctx, QN_SYSTEM, "no/such/folder", qn_model_convert(c.ctx, c.model, NULL, "no/such/folder/a.quern", NULL));
    ASSERT_FAILS(c.ctx, QN_MALFORMED, c.source, qn_package_check(c.ctx, c.source));
    end(&c);
}

/* What was warned of comes back with the report. */
QN_TEST(api_convert_warnings) {
    conversion c = begin("warned", 1);
    const qn_convert_report *r;
    static const char *const keep[] = {"no_such_node*"};
    ASSERT_OK(c.ctx, qn_model_convert(c.ctx, c.model, &(qn_convert_options){.precision = QN_F16, .keep_fp32 = keep, .n_keep_fp32 = 1},
                                      c.path, &r));
    assert_true(r->n_warnings >= 1);
    assert_non_null(strstr(r->warnings[0], "no_such_node*"));
    end(&c);
}

/* A pattern that names nothing keeps nothing: those shipped name nodes of a checkpoint's graph and of its export. */
QN_TEST(api_convert_recipe_patterns_match) {
    static const struct {
        const char *recipe, *checkpoint;
    } rows[] = {{"depth-anything-v2-small", "dav2-tiny"}, {"depth-anything-3-large", "da3-tiny"}, {"depth-pro", "depthpro-tiny"}};
    if (!qn_test_shared()) {
        qn_test_skip_shared();
        return;
    }
    qn_context *ctx = qn_test_context();
    for (int i = 0; i < 6; i++) {
        char path[1024], package[256];
        const qn_convert_report *report;
        qn_recipe *r;
        qn_model *model;
        snprintf(path, sizeof path, "recipes/%s.yaml", rows[i / 2].recipe);
        ASSERT_OK(ctx, qn_recipe_load(ctx, path, &r));
        snprintf(path, sizeof path, "%s/checkpoints/%s%s", qn_test_shared(), rows[i / 2].checkpoint, i % 2 ? "/model.onnx" : "");
        snprintf(package, sizeof package, "%s/patterns.quern", qn_test_tmp());
        ASSERT_OK(ctx, qn_model_load(ctx, path, NULL, &model));
        ASSERT_OK(ctx, qn_model_convert(ctx, model, &r->options, package, &report));
        for (int32_t w = 0; w < report->n_warnings; w++)
            fail_msg("%s by %s: %s", path, rows[i / 2].recipe, report->warnings[w]);
        qn_model_destroy(model);
        qn_recipe_destroy(r);
    }
    qn_context_destroy(ctx);
}
