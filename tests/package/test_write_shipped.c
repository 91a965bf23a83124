/* Package to shipping form: smaller, the same for any thread count, part by part. */
#include "package/shipped.h"

#include <stdio.h>
#include <stdlib.h>

#include "ir/text.h"
#include "quant/quant.h"
#include "tests/package/build.h"
#include "tests/test.h"

/* Several blocks, of several widths. */
static const char g_text[] =
    "input %x: float32[n,700]\nconst %w: float32[700,900] = random(1)\nconst %h: float16[400000] = random(2)\n"
    "const %b: bfloat16[1000001] = random(3)\nconst %d: float64[200] = random(4)\nconst %u: float32[5000] = positive(5)\n"
    "%y = MatMul(%x, %w)\noutput %y\noutput %h\noutput %b\noutput %d\noutput %u\n";

static uint64_t get(const uint8_t *p, int n) {
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

QN_TEST(package_write_shipped_any_threads_and_back) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    ASSERT_OK(ctx, qn_graph_parse(ctx, g_text, &graph));
    qn_test_bytes plain = qn_test_read_bytes(qn_test_write_package(ctx, graph)), first = {0};
    char path[160];
    for (int threads = 1; threads <= 5; threads += 2) {
        const qn_context_options options = {.threads = threads};
        qn_context *own;
        qn_map *map;
        uint64_t n;
        assert_int_equal(qn_context_create(&options, &own), QN_OK);
        snprintf(path, sizeof path, "%s/shipped-%d.quern", qn_test_tmp(), threads);
        ASSERT_OK(own, qn_shipped_write(own, plain.data, plain.n, path, &n));
        qn_test_bytes b = qn_test_read_bytes(path);
        assert_int_equal(n, b.n);
        ASSERT_OK(own, qn_shipped_map(own, "b", b.data, b.n, true, path, &map));
        assert_int_equal(qn_map_bytes(map), plain.n);
        assert_memory_equal(qn_map_data(map), plain.data, plain.n);
        qn_map_close(map);
        if (first.data)
            assert_true(first.n == b.n && memcmp(first.data, b.data, b.n) == 0);
        else
            first = b;
        if (first.data != b.data)
            free(b.data);
        qn_context_destroy(own);
    }
    assert_true(first.n < plain.n - plain.n / 10); /* of 16 bits of random weights at least 3 go, of 32 as many */
    free(first.data);
    free(plain.data);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* The codes of an int8 constant are bytes, its scales floats: a block each, the padding between them with the first. */
QN_TEST(package_write_shipped_cuts_at_parts) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    ASSERT_OK(ctx, qn_graph_parse(ctx, "const %w: float32[10,100] = random(1)\n%y = Abs(%w)\noutput %y\n", &graph));
    qn_test_encode(ctx, graph, "w", 1); /* 1000 codes, 24 bytes of padding, 100 scales */
    qn_test_bytes b = qn_test_read_bytes(qn_test_ship(ctx, qn_test_write_package(ctx, graph)));
    qn_arena *arena = qn_arena_create();
    qn_zip_entry *entries;
    int64_t n;
    ASSERT_OK(ctx, qn_zip_read(ctx, arena, b.data, b.n, &entries, &n));
    assert_int_equal(n, 2);
    assert_string_equal(entries[0].name, QN_SHIPPED_MODEL);
    const uint8_t *p = b.data + entries[1].data, *row = p + QN_SHIPPED_HEADER;
    assert_int_equal(get(p, 4), QN_SHIPPED_MAGIC);
    assert_int_equal(get(p + 8, 8), 1024 + 400);
    assert_int_equal(get(p + 16, 8), 2);
    assert_int_equal(get(row, 4), 1024);
    assert_int_equal(get(row + 4, 4), 1);
    assert_int_equal(get(row + QN_SHIPPED_ROW, 4), 400);
    assert_int_equal(get(row + QN_SHIPPED_ROW + 4, 4), 4);
    qn_arena_destroy(arena);
    free(b.data);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* Literals alone would take a bit a byte. */
QN_TEST(package_write_shipped_repetition_is_matched) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    qn_const *c;
    qn_value *v;
    const int64_t dims[1] = {1 << 18};
    float *same = malloc(sizeof *same << 18);
    for (int i = 0; i < 1 << 18; i++)
        same[i] = (float)(i % 256);
    ASSERT_OK(ctx, qn_graph_parse(ctx, "input %x: float32[262144]\n%y = Abs(%x)\noutput %y\n", &graph));
    ASSERT_OK(ctx, qn_const_dense(ctx, graph->arena, QN_F32, 1, dims, same, sizeof *same << 18, &c));
    ASSERT_OK(ctx, qn_value_constant(ctx, graph, "c", c, &v));
    ASSERT_OK(ctx, qn_graph_add_output(ctx, graph, "c", v));
    qn_test_bytes b = qn_test_read_bytes(qn_test_ship(ctx, qn_test_write_package(ctx, graph)));
    assert_true(b.n < (1 << 20) / 50); /* 1 MiB of 1 KiB repeated */
    free(b.data);
    free(same);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* By way of a graph, as convert does it, the bytes are those of shipping the file; and no other file stays. */
QN_TEST(package_write_shipped_of_a_graph) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = qn_test_rich_graph(ctx);
    qn_write_stats stats;
    char path[160];
    snprintf(path, sizeof path, "%s/shipped-graph.quern", qn_test_tmp());
    const char *plain = qn_test_write_package(ctx, graph), *shipped = qn_test_ship(ctx, plain);
    ASSERT_OK(ctx, qn_package_write_shipped(ctx, graph, &qn_test_provenance, qn_fill_const, NULL, path, &stats));
    qn_test_bytes a = qn_test_read_bytes(path), b = qn_test_read_bytes(shipped), c = qn_test_read_bytes(plain);
    assert_true(a.n == b.n && memcmp(a.data, b.data, a.n) == 0);
    assert_int_equal(stats.shipped_bytes, a.n);
    assert_int_equal(stats.package_bytes, c.n);
    free(a.data), free(b.data), free(c.data);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

QN_TEST(package_write_shipped_refuses_a_broken_package) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    uint64_t n;
    char path[160];
    snprintf(path, sizeof path, "%s/shipped-broken.quern", qn_test_tmp());
    ASSERT_OK(ctx, qn_graph_parse(ctx, g_text, &graph));
    const char *plain = qn_test_write_package(ctx, graph);
    qn_test_bytes b = qn_test_read_bytes(plain), s = qn_test_read_bytes(qn_test_ship(ctx, plain));
    b.data[b.n / 2] ^= 1;
    ASSERT_FAILS(ctx, QN_MALFORMED, "its record says", qn_shipped_write(ctx, b.data, b.n, path, &n));
    qn_clear(ctx);
    ASSERT_FAILS(ctx, QN_MALFORMED, "the first entry is not 'model.pb'", qn_shipped_write(ctx, s.data, s.n, path, &n));
    qn_clear(ctx);
    FILE *f = fopen(path, "rb");
    assert_null(f);
    free(b.data), free(s.data);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* Sizes are checked when no mask is there to look at yet; a mask that disagrees is not shipped. */
QN_TEST(package_write_shipped_of_a_sparse_constant) {
    enum { N = 2 * QN_SPARSE_CHUNK };
    qn_context *ctx = qn_test_context();
    float values[N / 2];
    uint8_t mask[N / 8];
    uint32_t starts[2] = {0, QN_SPARSE_CHUNK / 2};
    qn_const c = {.dtype = QN_F32, .rank = 1, .dims = {N}, .encoding = QN_ENC_SPARSE, .sparse = true, .axis = -1,
                  .lut_axis = -1, .n_kept = N / 2, .mask_block = 1, .name = "c"};
    memset(mask, 0x55, sizeof mask);
    for (int i = 0; i < N / 2; i++)
        values[i] = (float)i + 0.25f;
    c.part[QN_PART_VALUES] = (qn_bytes){values, sizeof values};
    c.part[QN_PART_MASK] = (qn_bytes){mask, sizeof mask};
    c.part[QN_PART_STARTS] = (qn_bytes){starts, sizeof starts};
    for (int broken = 0; broken < 2; broken++) {
        qn_graph *graph, *back;
        qn_value *v;
        char path[160];
        snprintf(path, sizeof path, "%s/sparse-%d.quern", qn_test_tmp(), broken);
        starts[1] -= (uint32_t)broken;
        ASSERT_OK(ctx, qn_graph_parse(ctx, "input %x: float32[4]\n%y = Abs(%x)\noutput %y\n", &graph));
        ASSERT_OK(ctx, qn_value_constant(ctx, graph, "c", &c, &v));
        ASSERT_OK(ctx, qn_graph_add_output(ctx, graph, "c", v));
        const qn_status status =
            qn_package_write_shipped(ctx, graph, &qn_test_provenance, qn_test_fill_parts, NULL, path, NULL);
        if (broken) {
            ASSERT_FAILS(ctx, QN_MALFORMED, "its mask does not keep", status);
            qn_clear(ctx);
        } else {
            ASSERT_OK(ctx, status);
            ASSERT_OK(ctx, qn_package_read(ctx, path, true, NULL, &back));
            const qn_const *have = back->outputs[1].value->constant;
            assert_int_equal(have->part[QN_PART_VALUES].n, sizeof values);
            assert_memory_equal(have->part[QN_PART_VALUES].data, values, sizeof values);
            assert_memory_equal(have->part[QN_PART_MASK].data, mask, sizeof mask);
            qn_graph_destroy(back);
        }
        qn_graph_destroy(graph);
    }
    qn_context_destroy(ctx);
}
