#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "read/npy.h"
#include "tests/test.h"

#define NPY_TEXT "{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }"

/* One .npy of four bytes "abcd". */
static qn_buf npy(void) {
    qn_buf b = QN_BUF_INIT;
    qn_buf_append(&b, "\x93NUMPY\x01\x00", 8);
    uint8_t length[2] = {sizeof NPY_TEXT - 1, 0};
    qn_buf_append(&b, length, 2);
    qn_buf_puts(&b, NPY_TEXT "abcd");
    return b;
}

static void put(qn_buf *b, unsigned long long v, int n) {
    for (int i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)(v >> 8 * i);
        qn_buf_append(b, &byte, 1);
    }
}

typedef struct options {
    const char *name, *second;    /* members; second NULL: only one */
    unsigned method, flags;
    unsigned long long unpacked;  /* 0: the truth */
    uint32_t crc_error, local_error;
    bool zip64, cut_end;
    const char *local_name;
} options;

/* An archive of one or two members. */
static qn_buf archive(const options *o) {
    qn_buf data = npy(), out = QN_BUF_INIT, directory = QN_BUF_INIT;
    uint32_t crc = libdeflate_crc32(0, data.data, data.n) ^ o->crc_error;
    char packed[512];
    size_t n_packed = data.n;
    memcpy(packed, data.data, data.n);
    if (o->method == 8) {
        struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
        n_packed = libdeflate_deflate_compress(c, data.data, data.n, packed, sizeof packed);
        libdeflate_free_compressor(c);
    }
    unsigned long long unpacked = o->unpacked ? o->unpacked : data.n;
    for (int i = 0; i < (o->second ? 2 : 1); i++) {
        const char *name = i ? o->second : o->name, *local = o->local_name ? o->local_name : name;
        size_t at = out.n;
        put(&out, 0x04034b50 + o->local_error, 4);
        put(&out, 20, 2), put(&out, o->flags, 2), put(&out, o->method, 2), put(&out, 0, 4), put(&out, crc, 4);
        put(&out, n_packed, 4), put(&out, unpacked, 4), put(&out, strlen(local), 2), put(&out, 0, 2);
        qn_buf_puts(&out, local);
        qn_buf_append(&out, packed, n_packed);
        put(&directory, 0x02014b50, 4), put(&directory, 20, 2), put(&directory, 20, 2);
        put(&directory, o->flags, 2), put(&directory, o->method, 2), put(&directory, 0, 4), put(&directory, crc, 4);
        put(&directory, o->zip64 ? 0xffffffff : n_packed, 4), put(&directory, o->zip64 ? 0xffffffff : unpacked, 4);
        put(&directory, strlen(name), 2), put(&directory, o->zip64 ? 20 : 0, 2), put(&directory, 0, 2);
        put(&directory, 0, 8), put(&directory, at, 4);
        qn_buf_puts(&directory, name);
        if (o->zip64)
            put(&directory, 1, 2), put(&directory, 16, 2), put(&directory, unpacked, 8), put(&directory, n_packed, 8);
    }
    size_t begin = out.n, count = o->second ? 2 : 1;
    qn_buf_append(&out, directory.data, directory.n);
    if (o->zip64) {
        size_t end64 = out.n;
        put(&out, 0x06064b50, 4), put(&out, 44, 8), put(&out, 45, 2), put(&out, 45, 2), put(&out, 0, 8);
        put(&out, count, 8), put(&out, count, 8), put(&out, directory.n, 8), put(&out, begin, 8);
        put(&out, 0x07064b50, 4), put(&out, 0, 4), put(&out, end64, 8), put(&out, 1, 4);
    }
    put(&out, 0x06054b50, 4), put(&out, 0, 4), put(&out, count, 2), put(&out, count, 2);
    put(&out, o->zip64 ? 0xffffffff : directory.n, 4), put(&out, o->zip64 ? 0xffffffff : begin, 4);
    put(&out, 0, 2);
    if (o->cut_end)
        out.n -= 3;
    qn_buf_free(&data);
    qn_buf_free(&directory);
    return out;
}

static const char *write_archive(const options *o) {
    static char path[256];
    snprintf(path, sizeof path, "%s/a.npz", qn_test_tmp());
    qn_buf b = archive(o);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(b.data, 1, b.n, f), b.n);
    fclose(f);
    qn_buf_free(&b);
    return path;
}

QN_TEST(read_npz_members) {
    static const options rows[] = {{.name = "in.x.npy"},
                                   {.name = "in.x.npy", .method = 8},
                                   {.name = "in.x.npy", .second = "out.y.npy"},
                                   {.name = "in.x.npy", .second = "mid.z.npy"},
                                   {.name = "in.x.npy", .second = "out.y.npy", .method = 8, .zip64 = true}};
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        qn_npz_entry *entries;
        int32_t n;
        ASSERT_OK(ctx, qn_npz_read(ctx, arena, write_archive(&rows[i]), "mid.", &entries, &n));
        assert_int_equal(n, rows[i].second && rows[i].second[0] != 'm' ? 2 : 1);
        assert_string_equal(entries[0].name, "in.x");
        assert_int_equal(entries[n - 1].tensor.n_bytes, 4);
        assert_memory_equal(entries[n - 1].tensor.data, "abcd", 4);
    }
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

QN_TEST(read_npz_refusals) {
    static const struct {
        options o;
        qn_status status;
        const char *message;
    } rows[] = {
        {{.name = "x.npy", .crc_error = 1}, QN_MALFORMED, "x: its CRC does not match"},
        {{.name = "x.npy", .method = 8, .unpacked = 70}, QN_MALFORMED, "x: deflated data is broken"},
        {{.name = "x.npy", .method = 8, .unpacked = 1 << 20}, QN_MALFORMED, "cannot unpack to 1048576"},
        {{.name = "x.npy", .unpacked = 70}, QN_MALFORMED, "x: a stored entry with two sizes"},
        {{.name = "x.npy", .method = 12}, QN_UNSUPPORTED, "x: ZIP method 12"},
        {{.name = "x.npy", .flags = 1}, QN_UNSUPPORTED, "encrypted"},
        {{.name = "x.npy", .local_error = 1}, QN_MALFORMED, "a local header is not where it should be"},
        {{.name = "x.npy", .local_name = "y.npy"}, QN_MALFORMED, "a local header disagrees with the directory"},
        {{.name = "x.txt"}, QN_MALFORMED, "an entry that is not an .npy"},
        {{.name = "x.npy", .second = "x.npy"}, QN_MALFORMED, "x: it is there twice"},
        {{.name = "x.npy", .cut_end = true}, QN_MALFORMED, "no end record"},
    };
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        qn_npz_entry *entries;
        int32_t n;
        ASSERT_FAILS(ctx, rows[i].status, rows[i].message,
                     qn_npz_read(ctx, arena, write_archive(&rows[i].o), NULL, &entries, &n));
        qn_clear(ctx);
    }
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* Every byte of a small archive changed, one at a time: read or refused, never worse. */
QN_TEST(read_npz_one_byte_changed) {
    qn_context *ctx = qn_test_context();
    char path[256];
    snprintf(path, sizeof path, "%s/b.npz", qn_test_tmp());
    qn_buf b = archive(&(options){.name = "x.npy", .method = 8, .zip64 = true});
    for (size_t i = 0; i < b.n; i++) {
        char kept = b.data[i];
        b.data[i] = (char)(kept ^ 0xff);
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(b.data, 1, b.n, f), b.n);
        fclose(f);
        b.data[i] = kept;
        qn_arena *arena = qn_arena_create();
        qn_npz_entry *entries;
        int32_t n;
        qn_status status = qn_npz_read(ctx, arena, path, NULL, &entries, &n);
        assert_true(status == QN_OK || status == QN_MALFORMED || status == QN_UNSUPPORTED);
        qn_clear(ctx);
        qn_arena_destroy(arena);
    }
    qn_buf_free(&b);
    qn_context_destroy(ctx);
}

QN_TEST(read_npz_goldens) {
    const char *shared = qn_test_shared();
    if (!shared) {
        qn_test_skip_shared();
        return;
    }
    static const char *const files[] = {"models/mnist/golden0.npz", "checkpoints/tiny-bert/golden0.npz",
                                        "checkpoints/tiny-bert/golden0_f64.npz"};
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", shared, files[i]);
        qn_arena *arena = qn_arena_create();
        qn_npz_entry *entries;
        int32_t n;
        ASSERT_OK(ctx, qn_npz_read(ctx, arena, path, "mid.", &entries, &n));
        assert_true(n >= 1);
        qn_arena_destroy(arena);
    }
    qn_context_destroy(ctx);
}
