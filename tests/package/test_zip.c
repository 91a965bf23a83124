/* The container: what qn_zip_put_* writes reads back, every other byte is refused, each refusal says why. */
#include "tests/test.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>

#include "package/zip.h"

typedef struct archive {
    uint8_t *data;
    size_t n;
    uint64_t central;
    qn_zip_entry entries[4];
} archive;

static const char *const g_names[3] = {"model.pb", "weights/00001-a", "weights/00002-b.c"};
static const size_t g_sizes[3] = {100, 0, 65};

/* An archive of the first `n` entries; `names` NULL: g_names. */
static archive make(int n, const char *const *names) {
    archive a = {0};
    uint64_t end;
    for (int i = 0; i < n; i++)
        a.entries[i] = (qn_zip_entry){.name = (names ? names : g_names)[i], .n_bytes = g_sizes[i]};
    assert_true(qn_zip_place(a.entries, n, &end));
    a.central = end;
    a.n = (size_t)end + QN_ZIP_END_BYTES;
    for (int i = 0; i < n; i++)
        a.n += qn_zip_central_bytes(&a.entries[i]);
    a.data = calloc(a.n, 1);
    assert_non_null(a.data);
    size_t at = (size_t)end;
    for (int i = 0; i < n; i++) {
        qn_zip_entry *e = &a.entries[i];
        for (size_t k = 0; k < e->n_bytes; k++)
            a.data[e->data + k] = (uint8_t)(i + (int)k * 7);
        e->crc = libdeflate_crc32(0, a.data + e->data, (size_t)e->n_bytes);
        qn_zip_put_local(e, a.data + e->header);
        qn_zip_put_central(e, a.data + at);
        at += qn_zip_central_bytes(e);
    }
    qn_zip_put_end((uint64_t)n, end, at - end, a.data + at);
    return a;
}

static qn_status read_all(qn_context *ctx, const uint8_t *data, size_t n, bool crc) {
    qn_arena *arena = qn_arena_create();
    qn_zip_entry *entries;
    int64_t count;
    qn_status status = qn_zip_read(ctx, arena, data, n, &entries, &count);
    for (int64_t i = 0; status == QN_OK && crc && i < count; i++)
        status = qn_zip_check_crc(ctx, data, &entries[i]);
    qn_arena_destroy(arena);
    return status;
}

QN_TEST(package_zip_round_trip) {
    qn_context *ctx = qn_test_context();
    archive a = make(3, NULL);
    qn_arena *arena = qn_arena_create();
    qn_zip_entry *entries;
    int64_t n;
    ASSERT_OK(ctx, qn_zip_read(ctx, arena, a.data, a.n, &entries, &n));
    assert_int_equal(n, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(entries[i].name, g_names[i]);
        assert_int_equal(entries[i].n_bytes, g_sizes[i]);
        assert_int_equal(entries[i].header, a.entries[i].header);
        assert_int_equal(entries[i].data, a.entries[i].data);
        assert_int_equal(entries[i].data % QN_ZIP_ALIGN, 0);
        assert_int_equal(entries[i].crc, a.entries[i].crc);
        ASSERT_OK(ctx, qn_zip_check_crc(ctx, a.data, &entries[i]));
    }
    archive none = make(0, NULL);
    ASSERT_OK(ctx, read_all(ctx, none.data, none.n, true));
    free(none.data);
    free(a.data);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

QN_TEST(package_zip_any_other_byte_is_refused) {
    qn_context *ctx = qn_test_context();
    archive a = make(3, NULL);
    for (size_t i = 0; i < a.n; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            a.data[i] = (uint8_t)(a.data[i] ^ 1u << bit);
            if (read_all(ctx, a.data, a.n, true) == QN_OK)
                fail_msg("bit %u of byte %zu of %zu can be another one", bit, i, a.n);
            a.data[i] = (uint8_t)(a.data[i] ^ 1u << bit);
            qn_clear(ctx);
        }
    free(a.data);
    qn_context_destroy(ctx);
}

QN_TEST(package_zip_any_cut_is_refused) {
    qn_context *ctx = qn_test_context();
    archive a = make(3, NULL);
    for (size_t n = 0; n < a.n; n++) {
        uint8_t *cut = malloc(n ? n : 1); /* of its own, so that a sanitiser sees a read past the end */
        memcpy(cut, a.data, n);
        assert_int_equal(read_all(ctx, cut, n, true), QN_MALFORMED);
        qn_clear(ctx);
        free(cut);
    }
    free(a.data);
    qn_context_destroy(ctx);
}

QN_TEST(package_zip_refusals_say_why) {
    static const struct {
        const char *text;
        char where;      /* 'l' local or 'c' central header of entry 2, 'e' end records, counted from their ends' start */
        int offset;
        int bytes;
        uint64_t value;
        qn_status status;
    } rows[] = {
        {"compressed (method 8)", 'c', 10, 2, 8, QN_UNSUPPORTED},
        {"encrypted", 'c', 8, 2, 1, QN_UNSUPPORTED},
        {"no name of a package's entry", 'c', 46, 1, ' ', QN_MALFORMED},
        {"no name of a package's entry", 'c', 46, 1, '/', QN_MALFORMED},
        {"no ZIP64 sizes", 'c', 46 + 17, 2, 7, QN_MALFORMED},
        {"two sizes in the central directory", 'c', 46 + 17 + 4, 8, 64, QN_MALFORMED},
        {"overlaps the one before it", 'c', 46 + 17 + 20, 8, 0, QN_MALFORMED},
        {"belong to no entry", 'c', 46 + 17 + 20, 8, 100000, QN_MALFORMED},
        {"differs from the package format", 'c', 12, 2, 77, QN_MALFORMED},
        {"fewer than 3 entries", 'c', 0, 4, 0, QN_MALFORMED},
        {"no local header for entry 'weights/00002-b.c'", 'l', 0, 4, 0, QN_MALFORMED},
        {"the compression", 'l', 8, 2, 8, QN_MALFORMED},
        {"the CRC", 'l', 14, 4, 1, QN_MALFORMED},
        {"the name", 'l', 30, 1, 'x', QN_MALFORMED},
        {"the size", 'l', 30 + 17 + 4, 8, 66, QN_MALFORMED},
        {"not at the next 64-byte boundary", 'l', 28, 2, 26, QN_MALFORMED},
        {"differs from the package format", 'l', 30 + 17 + 20 + 6, 1, 1, QN_MALFORMED},
        {"no ZIP64 end records", 'e', 0, 4, 0, QN_MALFORMED},
        {"locator points to", 'e', 56 + 8, 8, 5, QN_MALFORMED},
        {"does not end where", 'e', 48, 8, 3, QN_MALFORMED},
        {"does not end where", 'e', 48, 8, UINT64_MAX, QN_MALFORMED},
        {"do not fit", 'e', 32, 8, 1u << 20, QN_MALFORMED},
        {"cut short, or with bytes after it", 'e', 76, 4, 0, QN_MALFORMED},
        {"end records differ", 'e', 24, 8, 2, QN_MALFORMED},
    };
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        archive a = make(3, NULL);
        size_t at = rows[i].where == 'l'   ? (size_t)a.entries[2].header
                    : rows[i].where == 'e' ? a.n - QN_ZIP_END_BYTES
                                           : a.n - QN_ZIP_END_BYTES - qn_zip_central_bytes(&a.entries[2]);
        for (int b = 0; b < rows[i].bytes; b++)
            a.data[at + (size_t)rows[i].offset + (size_t)b] = (uint8_t)(rows[i].value >> (8 * b));
        ASSERT_FAILS(ctx, rows[i].status, rows[i].text, read_all(ctx, a.data, a.n, false));
        qn_clear(ctx);
        free(a.data);
    }
    qn_context_destroy(ctx);
}

QN_TEST(package_zip_refuses_other_archives) {
    qn_context *ctx = qn_test_context();
    static const char *const twice[3] = {"model.pb", "weights/a", "weights/a"};
    archive a = make(3, twice);
    ASSERT_FAILS(ctx, QN_MALFORMED, "two entries are called 'weights/a'", read_all(ctx, a.data, a.n, false));
    qn_clear(ctx);
    free(a.data);

    a = make(3, NULL);
    uint8_t *longer = calloc(a.n + 1, 1);
    memcpy(longer, a.data, a.n);
    ASSERT_FAILS(ctx, QN_MALFORMED, "bytes after it", read_all(ctx, longer, a.n + 1, false));
    qn_clear(ctx);
    free(longer);
    memset(a.data, 'x', a.n);
    ASSERT_FAILS(ctx, QN_MALFORMED, "not a package", read_all(ctx, a.data, a.n, false));
    qn_clear(ctx);
    ASSERT_FAILS(ctx, QN_MALFORMED, "too few for a package", read_all(ctx, a.data, 97, false));
    free(a.data);

    /* one entry fewer in the end records than in the directory */
    a = make(3, NULL);
    size_t end = a.n - QN_ZIP_END_BYTES;
    qn_zip_put_end(2, a.central, end - a.central, a.data + end);
    qn_clear(ctx);
    ASSERT_FAILS(ctx, QN_MALFORMED, "more than 2 entries", read_all(ctx, a.data, a.n, false));
    free(a.data);
    qn_context_destroy(ctx);
}

QN_TEST(package_zip_names) {
    static const char *const good[] = {"a", "weights/0-a.b_c", "a.b/..c", "..."};
    static const char *const bad[] = {"", "/a", "a/", "a//b", ".", "..", "a/../b", "a b", "a\\b", "\xc3\xa9", "a:b"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(qn_zip_name_ok(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(qn_zip_name_ok(bad[i], strlen(bad[i])));
    char name[QN_ZIP_MAX_NAME + 2];
    memset(name, 'a', sizeof name);
    assert_true(qn_zip_name_ok(name, QN_ZIP_MAX_NAME));
    assert_false(qn_zip_name_ok(name, QN_ZIP_MAX_NAME + 1));
}

QN_TEST(package_zip_offsets_do_not_wrap) {
    uint64_t end;
    qn_zip_entry e[2] = {{.name = "a", .n_bytes = (uint64_t)1 << 62}, {.name = "b", .n_bytes = (uint64_t)1 << 62}};
    assert_true(qn_zip_place(e, 1, &end));
    assert_false(qn_zip_place(e, 2, &end));
    e[1].n_bytes = UINT64_MAX;
    assert_false(qn_zip_place(e, 2, &end));
}
