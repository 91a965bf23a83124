#include "read/external.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "onnx.pb-c.h"
#include "tests/read/onnx_build.h"
#include "tests/test.h"

typedef struct ext_folder {
    char path[256];
} ext_folder;

/* A folder with w.bin (16 bytes "0123456789abcdef"), in.bin -> w.bin, out.bin -> a file beside the folder. */
static ext_folder make_folder(void) {
    ext_folder f;
    char path[512];
    snprintf(f.path, sizeof f.path, "%s/ext", qn_test_tmp());
    if (mkdir(f.path, 0700) != 0)
        return f;
    static const char *const files[] = {"ext/w.bin", "beside.bin"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", qn_test_tmp(), files[i]);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fputs("0123456789abcdef", file);
        fclose(file);
    }
    snprintf(path, sizeof path, "%s/in.bin", f.path);
    assert_int_equal(symlink("w.bin", path), 0);
    snprintf(path, sizeof path, "%s/out.bin", f.path);
    assert_int_equal(symlink("../beside.bin", path), 0);
    snprintf(path, sizeof path, "%s/sub", f.path);
    assert_int_equal(symlink("..", path), 0);
    return f;
}

static void entry(qn_buf *t, const char *key, const char *value) {
    qn_buf e = QN_BUF_INIT;
    pb_string(&e, 1, key);
    pb_string(&e, 2, value);
    pb_message(t, 13, e);
}

/* float32 [2] at `location`; offset, length NULL: left out. */
static qn_buf external(const char *location, const char *offset, const char *length) {
    qn_buf t = ob_tensor_head("t", QN_F32, (const int64_t[]){2, -1});
    if (location)
        entry(&t, "location", location);
    if (offset)
        entry(&t, "offset", offset);
    if (length)
        entry(&t, "length", length);
    pb_int(&t, 14, 1);
    return t;
}

static qn_status read_it(qn_context *ctx, qn_graph *keeper, const qn_buf *b, const char *folder, qn_const **out) {
    qn_reduced r;
    QN_TRY(qn_reduce(ctx, keeper->arena, &qn_onnx__tensor_proto__descriptor, (const uint8_t *)b->data, b->n, &r));
    qn_onnx_source source = {.ctx = ctx, .arena = keeper->arena, .cuts = r.cuts, .n_cuts = r.n_cuts,
                             .folder = folder, .keeper = keeper};
    return qn_tensor_read(&source, (const QnOnnx__TensorProto *)r.message, "tensor 't'", out);
}

QN_TEST(read_external_data) {
    static const struct {
        const char *location, *offset, *length, *data;
    } rows[] = {{"w.bin", NULL, NULL, "01234567"}, {"w.bin", "8", "8", "89abcdef"},
                {"./w.bin", "3", NULL, "3456789a"}, {"in.bin", "4", "8", "456789ab"}};
    ext_folder f = make_folder();
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        qn_graph *graph;
        qn_const *c;
        ASSERT_OK(ctx, qn_graph_create(ctx, "g", &graph));
        qn_buf t = external(rows[i].location, rows[i].offset, rows[i].length);
        ASSERT_OK(ctx, read_it(ctx, graph, &t, f.path, &c));
        assert_memory_equal(c->part[0].data, rows[i].data, 8);
        qn_buf_free(&t);
        qn_graph_destroy(graph);
    }
    qn_context_destroy(ctx);
}

QN_TEST(read_external_refusals) {
    static const struct {
        const char *location, *offset, *length;
        qn_status status;
        const char *message;
    } rows[] = {
        {NULL, "0", NULL, QN_MALFORMED, "external data without a location"},
        {"", "0", NULL, QN_MALFORMED, "external data without a location"},
        {"/etc/passwd", NULL, NULL, QN_MALFORMED, "external data '/etc/passwd' leads out of the model's folder"},
        {"../beside.bin", NULL, NULL, QN_MALFORMED, "leads out of the model's folder"},
        {"sub/../../beside.bin", NULL, NULL, QN_MALFORMED, "leads out of the model's folder"},
        {"..\\beside.bin", NULL, NULL, QN_MALFORMED, "leads out of the model's folder"},
        {"out.bin", NULL, NULL, QN_MALFORMED, "is a link that leads out of the model's folder"},
        {"sub/beside.bin", NULL, NULL, QN_MALFORMED, "is a link that leads out of the model's folder"},
        {"none.bin", NULL, NULL, QN_SYSTEM, "no such file"},
        {".", NULL, NULL, QN_MALFORMED, "is a link that leads out of the model's folder"},
        {"w.bin", "9", NULL, QN_MALFORMED, "bytes 9+8 of external data 'w.bin', which has 16"},
        {"w.bin", "18446744073709551615", NULL, QN_MALFORMED, "of external data 'w.bin', which has 16"},
        {"w.bin", "18446744073709551616", NULL, QN_MALFORMED, "offset '18446744073709551616' is not a number"},
        {"w.bin", "-1", NULL, QN_MALFORMED, "offset '-1' is not a number"},
        {"w.bin", "", NULL, QN_MALFORMED, "offset '' is not a number"},
        {"w.bin", NULL, "12", QN_MALFORMED, "12 bytes of external data, the shape needs 8"},
    };
    ext_folder f = make_folder();
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    qn_const *c;
    ASSERT_OK(ctx, qn_graph_create(ctx, "g", &graph));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        qn_buf t = external(rows[i].location, rows[i].offset, rows[i].length);
        ASSERT_FAILS(ctx, rows[i].status, rows[i].message, read_it(ctx, graph, &t, f.path, &c));
        qn_clear(ctx);
        qn_buf_free(&t);
    }
    qn_buf t = external("w.bin", NULL, NULL);
    ASSERT_FAILS(ctx, QN_UNSUPPORTED, "a model that has no folder", read_it(ctx, graph, &t, NULL, &c));
    qn_clear(ctx);
    entry(&t, "colour", "red");
    ASSERT_FAILS(ctx, QN_UNSUPPORTED, "external data key 'colour'", read_it(ctx, graph, &t, f.path, &c));
    qn_clear(ctx);
    qn_buf_free(&t);
    t = external("w.bin", NULL, NULL);
    pb_bytes(&t, 9, "12345678", 8);
    ASSERT_FAILS(ctx, QN_MALFORMED, "elements in more than one place", read_it(ctx, graph, &t, f.path, &c));
    qn_buf_free(&t);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}
