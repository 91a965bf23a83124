/* verify: no byte of a package can be another one. */
#include "tests/package/build.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/test.h"

static void put_file(const char *path, qn_test_bytes b) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(b.data, 1, b.n, f), b.n);
    assert_int_equal(fclose(f), 0);
}

QN_TEST(package_verify_good) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = qn_test_rich_graph(ctx);
    const char *path = qn_test_write_package(ctx, graph);
    int64_t n;
    uint64_t bytes;
    ASSERT_OK(ctx, qn_package_verify(ctx, path, &n, &bytes));
    qn_test_bytes b = qn_test_read_bytes(path);
    assert_int_equal(bytes, b.n);
    assert_int_equal(n, 1 + 4); /* model.pb, w, w8, w4, b; the rest is inline */
    free(b.data);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

static void flip_bits(bool shipped) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = qn_test_rich_graph(ctx);
    const char *package = qn_test_write_package(ctx, graph);
    qn_test_bytes b = qn_test_read_bytes(shipped ? qn_test_ship(ctx, package) : package);
    char path[160];
    snprintf(path, sizeof path, "%s/flipped.quern", qn_test_tmp());
    for (size_t i = 0; i < b.n; i += i < 2000 || i + 600 > b.n ? 1 : 61) {
        b.data[i] = (uint8_t)(b.data[i] ^ 1u << (i % 8));
        put_file(path, b);
        qn_status status = qn_package_verify(ctx, path, NULL, NULL);
        if (status != QN_MALFORMED && status != QN_UNSUPPORTED)
            fail_msg("byte %zu of %zu: status %d", i, b.n, (int)status);
        assert_non_null(strstr(qn_context_message(ctx), "flipped.quern: "));
        qn_clear(ctx);
        b.data[i] = (uint8_t)(b.data[i] ^ 1u << (i % 8));
    }
    put_file(path, b);
    ASSERT_OK(ctx, qn_package_verify(ctx, path, NULL, NULL));
    free(b.data);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

QN_TEST(package_verify_any_flipped_bit) { flip_bits(false); }
QN_TEST(package_verify_any_flipped_bit_of_a_shipping_form) { flip_bits(true); }

/* Codes of 40 bytes, then scales at 64: the 24 bytes between must be zero, and their CRC being right does not help. */
QN_TEST(package_verify_padding) {
    qn_context *ctx = qn_test_context();
    qn_const c = {.dtype = QN_F32, .rank = 2, .dims = {10, 4}, .encoding = QN_ENC_AFFINE, .code_dtype = QN_I8,
                  .scale_dtype = QN_F32, .symmetric = true, .axis = 1};
    size_t offset[QN_MAX_PARTS], n_bytes;
    assert_true(qn_const_layout(&c, offset, &n_bytes));
    assert_int_equal(offset[QN_PART_SCALES], 64);
    assert_int_equal(n_bytes, 80);

    uint8_t weights[80] = {0}, *data[2] = {NULL, weights};
    Quern__Package m = QUERN__PACKAGE__INIT;
    Quern__Graph graph = QUERN__GRAPH__INIT;
    Quern__Constant constant = QUERN__CONSTANT__INIT, *constants[1] = {&constant};
    Quern__Value value = QUERN__VALUE__INIT, *values[1] = {&value};
    Quern__Port port = QUERN__PORT__INIT, *ports[1] = {&port};
    static char name[] = "w", entry[] = "weights/w";
    m.format_version = 1;
    m.graph = &graph;
    m.n_values = m.n_constants = graph.n_outputs = 1;
    m.values = values;
    m.constants = constants;
    graph.outputs = ports;
    port.name = value.name = constant.name = name;
    port.value = value.constant = 1;
    constant.dtype = QN_F32;
    constant.dims = c.dims;
    constant.n_dims = 2;
    constant.encoding = QUERN__ENCODING__AFFINE;
    constant.code_dtype = QN_I8;
    constant.scale_dtype = QN_F32;
    constant.symmetric = 1;
    constant.axis = 2;
    constant.entry = entry;
    qn_zip_entry entries[2] = {{.name = "model.pb"}, {.name = entry, .n_bytes = sizeof weights}};
    entries[0].n_bytes = quern__package__get_packed_size(&m);
    data[0] = malloc((size_t)entries[0].n_bytes);
    quern__package__pack(&m, data[0]);
    char path[160];
    snprintf(path, sizeof path, "%s/padding.quern", qn_test_tmp());
    for (int i = 0; i < 3; i++) {
        weights[i == 1 ? 40 : 63] = i > 0;
        qn_test_bytes b = qn_test_archive(entries, data, 2);
        put_file(path, b);
        if (i == 0)
            ASSERT_OK(ctx, qn_package_verify(ctx, path, NULL, NULL));
        else
            ASSERT_FAILS(ctx, QN_MALFORMED, i == 1 ? "constant 'w': padding byte 40 is not zero" : "padding byte 63",
                         qn_package_verify(ctx, path, NULL, NULL));
        qn_clear(ctx);
        weights[40] = weights[63] = 0;
        free(b.data);
    }
    free(data[0]);
    qn_context_destroy(ctx);
}
