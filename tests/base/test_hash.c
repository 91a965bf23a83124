/* Hashes of bytes and of files are the same, whatever the windows in which a file is read. */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#include <libdeflate.h>

#include "base/hash.h"

QN_TEST(base_hash_file_equals_bytes) {
    static const size_t sizes[] = {0, 1, 4095, (size_t)4 << 20, ((size_t)4 << 20) + 1, ((size_t)9 << 20) + 123};
    qn_context *ctx = qn_test_context();
    size_t most = sizes[5];
    uint8_t *data = malloc(most);
    char path[200];
    for (size_t i = 0; i < most; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    snprintf(path, sizeof path, "%s/hashed", qn_test_tmp());
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(data, 1, sizes[k], f), sizes[k]);
        fclose(f);
        qn_hash a = qn_hash_bytes(data, sizes[k]), b;
        ASSERT_OK(ctx, qn_hash_file(ctx, path, &b));
        assert_true(a.low == b.low && a.high == b.high);
    }
    free(data);
    qn_hash none;
    ASSERT_FAILS(ctx, QN_SYSTEM, "no/such", qn_hash_file(ctx, "no/such", &none));
    qn_clear(ctx);
    ASSERT_FAILS(ctx, QN_SYSTEM, "tests", qn_hash_file(ctx, "tests", &none));
    qn_context_destroy(ctx);
}

/* XXH3-128 of nothing and of "abc", from the specification's reference implementation (xxhsum -H2). */
QN_TEST(base_hash_known_values) {
    char text[64];
    qn_hash_format(qn_hash_bytes("", 0), text);
    assert_string_equal(text, "xxh3-128:99aa06d3014798d86001c324468d497f");
    qn_hash_format(qn_hash_bytes("abc", 3), text);
    assert_string_equal(text, "xxh3-128:06b05ab6733a618578af5f94892f3950");
}

/* "123456789" is the check value of the CRC's catalogue; every cut of it, and lengths of every power of two, join. */
QN_TEST(base_hash_crc32_join) {
    static const char digits[] = "123456789";
    enum { MOST = 1 << 16 };
    static uint8_t data[MOST];
    for (size_t i = 0; i <= 9; i++) {
        const uint32_t a = libdeflate_crc32(0, digits, i), b = libdeflate_crc32(0, digits + i, 9 - i);
        assert_int_equal(qn_crc32_join(a, b, 9 - i), 0xcbf43926u);
    }
    for (size_t i = 0; i < MOST; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t n = 1; n < MOST; n *= 2)
        assert_int_equal(qn_crc32_join(libdeflate_crc32(0, data, MOST - n), libdeflate_crc32(0, data + MOST - n, n), n),
                         libdeflate_crc32(0, data, MOST));
}
