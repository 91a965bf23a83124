/* Shipping form to package: what is read, and what is refused and why. */
#include "package/shipped.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>

#include "ir/text.h"
#include "tests/package/build.h"
#include "tests/test.h"

enum { SIZE = 8, CRC = 4, BLOCKS = 16, ROW = 24, WIDTH = ROW + 4, PLANES = ROW + 8, TABLE_END = 64 }; /* of one block */

static uint32_t get4(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }
static void put4(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* An archive taken apart, each entry with room to grow. */
typedef struct parts {
    qn_arena *arena;
    qn_test_bytes bytes;
    qn_zip_entry *entries;
    uint8_t *data[16];
    int64_t n;
} parts;

enum { SPARE = 64 };

static parts take_apart(qn_context *ctx, const char *path) {
    parts p = {.arena = qn_arena_create(), .bytes = qn_test_read_bytes(path)};
    ASSERT_OK(ctx, qn_zip_read(ctx, p.arena, p.bytes.data, p.bytes.n, &p.entries, &p.n));
    assert_true(p.n <= 16);
    for (int64_t i = 0; i < p.n; i++) {
        p.data[i] = qn_arena_alloc(p.arena, (size_t)p.entries[i].n_bytes + SPARE);
        memcpy(p.data[i], p.bytes.data + p.entries[i].data, (size_t)p.entries[i].n_bytes);
    }
    return p;
}

static void drop(parts *p) {
    free(p->bytes.data);
    qn_arena_destroy(p->arena);
}

static qn_status read_parts(qn_context *ctx, const parts *p) {
    qn_graph *graph = NULL;
    qn_test_bytes b = qn_test_archive(p->entries, p->data, p->n);
    qn_status status = qn_package_read_bytes(ctx, "x.quern", b.data, b.n, true, NULL, &graph);
    assert_int_equal(status == QN_OK, graph != NULL);
    qn_graph_destroy(graph);
    free(b.data);
    return status;
}

static const char g_graph[] = "input %x: float32[n,64]\nconst %w: float32[64,48] = random(1)\n%y = MatMul(%x, %w)\noutput %y\n";

static const char *ship_graph(qn_context *ctx, const char *text) {
    qn_graph *graph;
    ASSERT_OK(ctx, qn_graph_parse(ctx, text, &graph));
    const char *path = qn_test_ship(ctx, qn_test_write_package(ctx, graph));
    qn_graph_destroy(graph);
    return path;
}

/* From a file and from memory, what is read is what the package has. */
QN_TEST(package_read_shipped_same_graph) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = qn_test_rich_graph(ctx), *back[3];
    qn_provenance p[3];
    const char *path = qn_test_write_package(ctx, graph), *shipped = qn_test_ship(ctx, path);
    qn_test_bytes plain = qn_test_read_bytes(path), b = qn_test_read_bytes(shipped);
    assert_true(qn_shipped_is(b.data, b.n));
    assert_false(qn_shipped_is(plain.data, plain.n));
    assert_false(qn_shipped_is(b.data, 40));
    ASSERT_OK(ctx, qn_package_read(ctx, path, true, &p[0], &back[0]));
    ASSERT_OK(ctx, qn_package_read(ctx, shipped, true, &p[1], &back[1]));
    ASSERT_OK(ctx, qn_package_read_bytes(ctx, "memory", b.data, b.n, false, &p[2], &back[2]));
    assert_int_equal(p[0].expanded_bytes, 0);
    char *want = qn_test_dump(ctx, back[0], &p[0]);
    for (int i = 1; i < 3; i++) {
        char *have = qn_test_dump(ctx, back[i], &p[i]);
        assert_string_equal(have, want);
        assert_int_equal(p[i].expanded_bytes, plain.n);
        free(have);
    }
    for (int i = 0; i < 3; i++)
        qn_graph_destroy(back[i]);
    free(want), free(plain.data), free(b.data);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* ---- refusals ----------------------------------------------------------------------------------- */

static void change_magic(uint8_t *d, uint64_t *n) { (void)n, d[0] ^= 1; }
static void too_short(uint8_t *d, uint64_t *n) { (void)d, *n = 23; }
static void many_blocks(uint8_t *d, uint64_t *n) { (void)n, put4(d + BLOCKS, 1000); }
static void very_many_blocks(uint8_t *d, uint64_t *n) { (void)n, put4(d + BLOCKS + 4, 0x80000000u); }
static void no_blocks(uint8_t *d, uint64_t *n) { (void)n, put4(d + BLOCKS, 0); }
static void change_width(uint8_t *d, uint64_t *n) { (void)n, put4(d + WIDTH, 3); }
static void empty_block(uint8_t *d, uint64_t *n) { (void)n, put4(d + ROW, 0); }
static void large_block(uint8_t *d, uint64_t *n) { (void)n, put4(d + ROW, (1u << 20) + 4); }
static void ragged_block(uint8_t *d, uint64_t *n) { (void)n, put4(d + ROW, 12287); }
static void no_plane(uint8_t *d, uint64_t *n) { (void)n, put4(d + PLANES, 0); }
static void large_plane(uint8_t *d, uint64_t *n) { (void)n, put4(d + PLANES, 3073); }
static void fifth_plane(uint8_t *d, uint64_t *n) { (void)n, put4(d + PLANES + 16, 1); }
static void cut_block(uint8_t *d, uint64_t *n) { (void)d, *n -= 1; }
static void more_bytes(uint8_t *d, uint64_t *n) { (void)d, *n += 2; }
static void other_size(uint8_t *d, uint64_t *n) { (void)n, put4(d + SIZE, 12284); }
static void other_crc(uint8_t *d, uint64_t *n) { (void)n, d[CRC] ^= 1; }

static uint8_t *last_plane(uint8_t *d) { return d + TABLE_END + get4(d + PLANES) + get4(d + PLANES + 4) + get4(d + PLANES + 8); }
static void bad_stream(uint8_t *d, uint64_t *n) { (void)n, *last_plane(d) = 7; } /* the block type that DEFLATE lacks */
static void long_stream(uint8_t *d, uint64_t *n) { *n += 1, put4(d + PLANES + 12, get4(d + PLANES + 12) + 1); }
static void short_stream(uint8_t *d, uint64_t *n) { *n -= 9, put4(d + PLANES + 12, get4(d + PLANES + 12) - 9); }
static void smaller_block(uint8_t *d, uint64_t *n) { /* consistent, but not what the constant takes */
    put4(d + SIZE, 4), put4(d + ROW, 4), put4(d + WIDTH, 1), put4(d + PLANES, 4);
    put4(d + PLANES + 4, 0), put4(d + PLANES + 8, 0), put4(d + PLANES + 12, 0), *n = TABLE_END + 4;
}

QN_TEST(package_read_shipped_refusals) {
    static const struct {
        void (*change)(uint8_t *data, uint64_t *n);
        qn_status status;
        const char *message;
    } rows[] = {
        {change_magic, QN_MALFORMED, "is not in shipping form"},
        {too_short, QN_MALFORMED, "is not in shipping form"},
        {many_blocks, QN_MALFORMED, "a table of 1000 blocks does not fit its"},
        {very_many_blocks, QN_MALFORMED, "blocks does not fit its"},
        {no_blocks, QN_MALFORMED, "bytes after its last block"},
        {change_width, QN_UNSUPPORTED, "block 0: elements of 3 bytes"},
        {empty_block, QN_MALFORMED, "block 0: 0 bytes in elements of 4"},
        {large_block, QN_MALFORMED, "block 0: 1048580 bytes in elements of 4"},
        {ragged_block, QN_MALFORMED, "block 0: 12287 bytes in elements of 4"},
        {no_plane, QN_MALFORMED, "plane 0 of 3072 bytes is stored in 0"},
        {large_plane, QN_MALFORMED, "plane 0 of 3072 bytes is stored in 3073"},
        {fifth_plane, QN_MALFORMED, "plane 4 of 0 bytes is stored in 1"},
        {cut_block, QN_MALFORMED, "block 0 is cut short"},
        {more_bytes, QN_MALFORMED, "2 bytes after its last block"},
        {other_size, QN_MALFORMED, "blocks of 12288 bytes, its header says 12284"},
        {smaller_block, QN_MALFORMED, "constant 'w' takes 12288 bytes, entry 'weights/"},
        {bad_stream, QN_MALFORMED, "the block at byte 0 does not inflate to its size"},
        {long_stream, QN_MALFORMED, "the block at byte 0 does not inflate to its size"},
        {short_stream, QN_MALFORMED, "the block at byte 0 does not inflate to its size"},
        {other_crc, QN_MALFORMED, "expands to CRC"},
    };
    qn_context *ctx = qn_test_context();
    const char *path = ship_graph(ctx, g_graph);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        parts p = take_apart(ctx, path);
        assert_int_equal(p.n, 2);
        assert_int_equal(get4(p.data[1] + SIZE), 12288);
        assert_true(get4(p.data[1] + PLANES) == 3072 && get4(p.data[1] + PLANES + 12) < 3072);
        ASSERT_OK(ctx, read_parts(ctx, &p));
        rows[i].change(p.data[1], &p.entries[1].n_bytes);
        ASSERT_FAILS(ctx, rows[i].status, rows[i].message, read_parts(ctx, &p));
        assert_non_null(strstr(qn_context_message(ctx), "x.quern: "));
        assert_non_null(strstr(qn_context_message(ctx), "entry 'weights/"));
        qn_clear(ctx);
        drop(&p);
    }
    qn_context_destroy(ctx);
}

QN_TEST(package_read_shipped_refuses_other_archives) {
    qn_context *ctx = qn_test_context();
    const char *path = ship_graph(ctx, g_graph);
    parts p = take_apart(ctx, path);
    p.entries[1].name = "model.pb";
    ASSERT_FAILS(ctx, QN_MALFORMED, "two entries expand to 'model.pb'", read_parts(ctx, &p));
    qn_clear(ctx);
    p.entries[1].name = "weights/other";
    ASSERT_FAILS(ctx, QN_MALFORMED, "the archive has no entry 'weights/", read_parts(ctx, &p));
    qn_clear(ctx);
    p.n = 1;
    ASSERT_FAILS(ctx, QN_MALFORMED, "the archive has no entry 'weights/", read_parts(ctx, &p));
    qn_clear(ctx);
    drop(&p);
    p = take_apart(ctx, path);
    p.data[0][CRC] ^= 1;
    ASSERT_FAILS(ctx, QN_MALFORMED, "entry 'model.pb.shipped' expands to CRC", read_parts(ctx, &p));
    qn_clear(ctx);
    qn_test_bytes b = qn_test_archive(p.entries, p.data, 2);
    b.data[p.entries[1].data + TABLE_END] ^= 1; /* the CRC of the entry as it is stored */
    qn_graph *graph;
    ASSERT_FAILS(ctx, QN_MALFORMED, "its record says", qn_package_read_bytes(ctx, "x", b.data, b.n, true, NULL, &graph));
    qn_clear(ctx);
    /* without asking for CRCs too, since the one of the expanded bytes is always looked at */
    ASSERT_FAILS(ctx, QN_MALFORMED, "its header says", qn_package_read_bytes(ctx, "x", b.data, b.n, false, NULL, &graph));
    qn_clear(ctx);
    free(b.data);
    drop(&p);
    qn_context_destroy(ctx);
}

/* 65 MiB of zeros in a few KiB as model.pb: refused before memory is taken for them. */
QN_TEST(package_read_shipped_model_has_a_limit) {
    enum { N = 65, MIB = 1 << 20 };
    qn_context *ctx = qn_test_context();
    uint8_t *zeros = calloc(1, MIB), *stream = malloc(MIB), *container = calloc(1, 1 << 20);
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
    const size_t n = libdeflate_deflate_compress(c, zeros, MIB, stream, MIB);
    assert_true(n > 0 && n * N < MIB / 2);
    put4(container, QN_SHIPPED_MAGIC);
    put4(container + SIZE, N * MIB);
    put4(container + BLOCKS, N);
    size_t at = QN_SHIPPED_HEADER + N * QN_SHIPPED_ROW;
    for (size_t i = 0; i < N; i++, at += n) {
        uint8_t *row = container + QN_SHIPPED_HEADER + i * QN_SHIPPED_ROW;
        put4(row, MIB), put4(row + 4, 1), put4(row + 8, (uint32_t)n);
        memcpy(container + at, stream, n);
    }
    qn_zip_entry entry = {.name = QN_SHIPPED_MODEL, .n_bytes = at};
    qn_test_bytes b = qn_test_archive(&entry, &container, 1);
    qn_graph *graph;
    ASSERT_FAILS(ctx, QN_UNSUPPORTED, "model.pb of 68157440 bytes: at most 67108864",
                 qn_package_read_bytes(ctx, "x", b.data, b.n, false, NULL, &graph));
    libdeflate_free_compressor(c);
    free(zeros), free(stream), free(container), free(b.data);
    qn_context_destroy(ctx);
}
