/* The wire format of model.pb: what protobuf-c never gets to see. */
#include "tests/package/build.h"

#include <stdlib.h>

#include "base/buf.h"
#include "tests/test.h"

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

QN_TEST(package_proto_check_refusals) {
    static const uint8_t overlong[] = {0x12, 0x05, 0x0a, 0x03, 'a', 0xc0, 0x80};
    const struct {
        const char *text; /* NULL: fine */
        qn_status status;
        const uint8_t *data;
        size_t n;
    } rows[] = {
        {NULL, QN_OK, BYTES(0x08, 0x01)},
        {NULL, QN_OK, BYTES(0x08, 0x81, 0x00)},                                   /* not the shortest form */
        {NULL, QN_OK, BYTES(0x12, 0x03, 0x0a, 0x01, 'g')},
        {NULL, QN_OK, BYTES(0x22, 0x04, 0x1a, 0x02, 0x05, 0x06)},                 /* packed dims */
        {NULL, QN_OK, BYTES(0x22, 0x04, 0x18, 0x05, 0x18, 0x06)},                 /* dims one by one */
        {"Package has a field 8 that this version does not know", QN_UNSUPPORTED, BYTES(0x40, 0x01)},
        {"Preprocess.rescale has wire type 5", QN_MALFORMED, BYTES(0x3a, 0x05, 0x4d, 0, 0, 0, 0)},
        {"Preprocess.rescale is cut short", QN_MALFORMED, BYTES(0x3a, 0x05, 0x49, 0, 0, 0, 0)},
        {"Preprocess.mean is cut short", QN_MALFORMED, BYTES(0x3a, 0x06, 0x52, 0x04, 0, 0, 0, 0)},
        {"Graph has a field 5", QN_UNSUPPORTED, BYTES(0x12, 0x02, 0x28, 0x00)},
        {"tag is cut short or out of range", QN_MALFORMED, BYTES(0x00, 0x01)},
        {"tag is cut short", QN_MALFORMED, BYTES(0x80)},
        {"tag is cut short or out of range", QN_MALFORMED, BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)},
        {"Package.format_version has wire type 2", QN_MALFORMED, BYTES(0x0a, 0x01, 0x01)},
        {"Package.format_version has wire type 3", QN_MALFORMED, BYTES(0x0b)},
        {"Package.graph has wire type 0", QN_MALFORMED, BYTES(0x10, 0x01)},
        {"Package.format_version is there twice", QN_MALFORMED, BYTES(0x08, 0x01, 0x08, 0x01)},
        {"Package.graph is there twice", QN_MALFORMED, BYTES(0x12, 0x00, 0x12, 0x00)},
        {"Package.format_version is cut short", QN_MALFORMED, BYTES(0x08, 0x80)},
        {"Package.graph is cut short", QN_MALFORMED, BYTES(0x12, 0x05, 0x0a)},
        {"Package.graph is cut short", QN_MALFORMED, BYTES(0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)},
        {"Constant.dims is cut short", QN_MALFORMED, BYTES(0x22, 0x04, 0x1a, 0x02, 0x05, 0x86)},
        {"Graph.name is not UTF-8", QN_MALFORMED, BYTES(0x12, 0x03, 0x0a, 0x01, 0x80)},
        {"Graph.name is not UTF-8", QN_MALFORMED, BYTES(0x12, 0x03, 0x0a, 0x01, 0x00)},
        {"Graph.name is not UTF-8", QN_MALFORMED, overlong, sizeof overlong},
        {"Graph.name is not UTF-8", QN_MALFORMED, BYTES(0x12, 0x05, 0x0a, 0x03, 0xed, 0xa0, 0x80)},
        {"Graph.name is not UTF-8", QN_MALFORMED, BYTES(0x12, 0x06, 0x0a, 0x04, 0xf4, 0x90, 0x80, 0x80)},
        {"Graph.name is not UTF-8", QN_MALFORMED, BYTES(0x12, 0x04, 0x0a, 0x02, 0xe2, 0x82)},
        {NULL, QN_OK, BYTES(0x12, 0x05, 0x0a, 0x03, 0xe2, 0x82, 0xac)},
        {NULL, QN_OK, NULL, 0},
    };
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t *copy = malloc(rows[i].n ? rows[i].n : 1);
        if (rows[i].n)
            memcpy(copy, rows[i].data, rows[i].n);
        qn_status status = qn_proto_check(ctx, copy, rows[i].n);
        if (status != rows[i].status || (rows[i].text && !strstr(qn_context_message(ctx), rows[i].text)))
            fail_msg("row %zu: status %d, '%s'", i, (int)status, qn_context_message(ctx));
        qn_clear(ctx);
        free(copy);
    }
    qn_context_destroy(ctx);
}

/* Graphs in attributes of nodes of graphs ... `depth` of them, in one message each, from the inside out. */
static qn_test_bytes nested(int depth) {
    qn_buf b = QN_BUF_INIT;
    static const uint8_t tags[3] = {0x3a, 0x32, 0x22}; /* Attribute.graph, Node.attributes, Graph.nodes */
    for (int level = 0; level < 3 * (depth - 1) + 1; level++) {
        uint8_t tag = level == 3 * (depth - 1) ? 0x12 : tags[level % 3], head[6];
        size_t n = b.n, k = 0;
        head[k++] = tag;
        do
            head[k++] = (uint8_t)((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
        while (n >>= 7);
        qn_buf outer = QN_BUF_INIT;
        qn_buf_append(&outer, head, k);
        qn_buf_append(&outer, b.data ? b.data : "", b.n);
        qn_buf_free(&b);
        b = outer;
    }
    return (qn_test_bytes){(uint8_t *)b.data, b.n};
}

QN_TEST(package_proto_check_depth) {
    qn_context *ctx = qn_test_context();
    qn_test_bytes b = nested(QN_GRAPH_MAX_DEPTH);
    ASSERT_OK(ctx, qn_proto_check(ctx, b.data, b.n));
    free(b.data);
    for (int depth = QN_GRAPH_MAX_DEPTH + 1; depth < 3000; depth *= 3) {
        b = nested(depth);
        ASSERT_FAILS(ctx, QN_MALFORMED, "nested deeper than 16", qn_proto_check(ctx, b.data, b.n));
        qn_clear(ctx);
        free(b.data);
    }
    qn_context_destroy(ctx);
}
