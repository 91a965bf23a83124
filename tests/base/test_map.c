#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "tests/test.h"

static void write_file(const char *path, const void *data, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

QN_TEST(base_map_bytes_of_a_file) {
    qn_context *ctx = qn_test_context();
    char path[256];
    qn_map *map;
    snprintf(path, sizeof path, "%s/mapped", qn_test_tmp());
    write_file(path, "weights", 7);
    ASSERT_OK(ctx, qn_map_open(ctx, path, &map));
    assert_int_equal(unlink(path), 0); /* the mapping outlives the name */
    assert_int_equal(qn_map_bytes(map), 7);
    assert_memory_equal(qn_map_data(map), "weights", 7);
    assert_string_equal(qn_map_path(map), path);
    qn_map_close(map);
    qn_map_close(NULL);
    qn_context_destroy(ctx);
}

QN_TEST(base_map_empty_file) {
    qn_context *ctx = qn_test_context();
    char path[256];
    qn_map *map;
    snprintf(path, sizeof path, "%s/empty", qn_test_tmp());
    write_file(path, "", 0);
    ASSERT_OK(ctx, qn_map_open(ctx, path, &map));
    assert_int_equal(qn_map_bytes(map), 0);
    assert_non_null(qn_map_data(map));
    qn_map_close(map);
    qn_context_destroy(ctx);
}

QN_TEST(base_map_refusals) {
    qn_context *ctx = qn_test_context();
    char path[256];
    qn_map *map;
    char *data;
    size_t n;
    ASSERT_FAILS(ctx, QN_SYSTEM, "no/such/file: cannot open: No such file", qn_map_open(ctx, "no/such/file", &map));
    assert_null(map);
    qn_clear(ctx);
    ASSERT_FAILS(ctx, QN_SYSTEM, "is a folder", qn_map_open(ctx, qn_test_tmp(), &map));
    qn_clear(ctx);
    ASSERT_FAILS(ctx, QN_SYSTEM, "/dev/null: is not a regular file", qn_map_open(ctx, "/dev/null", &map));
    qn_clear(ctx);
    /* a pipe that no one writes to is not waited for */
    snprintf(path, sizeof path, "%s/pipe", qn_test_tmp());
    assert_int_equal(mkfifo(path, 0600), 0);
    ASSERT_FAILS(ctx, QN_SYSTEM, "pipe: is not a regular file", qn_map_open(ctx, path, &map));
    qn_clear(ctx);
    ASSERT_FAILS(ctx, QN_SYSTEM, "cannot open", qn_read_file(ctx, "no/such/file", 10, &data, &n));
    qn_context_destroy(ctx);
}

/* Released pages come back with what the file holds; memory of no file is left alone. */
QN_TEST(base_map_release_changes_no_byte) {
    enum { N = 100000 };
    qn_context *ctx = qn_test_context();
    char path[256], *data = malloc(N);
    qn_map *map;
    for (int i = 0; i < N; i++)
        data[i] = (char)(i % 251);
    snprintf(path, sizeof path, "%s/released", qn_test_tmp());
    write_file(path, data, N);
    ASSERT_OK(ctx, qn_map_open(ctx, path, &map));
    assert_memory_equal(qn_map_data(map), data, N);
    qn_map_release(qn_map_data(map), N);
    qn_map_release(qn_map_data(map) + 5000, 50000);
    qn_map_release(data, N);
    qn_map_release(NULL, 0);
    assert_memory_equal(qn_map_data(map), data, N);
    for (int i = 0; i < N; i++)
        assert_int_equal(data[i], (char)(i % 251));
    qn_map_close(map);
    free(data);
    qn_context_destroy(ctx);
}

/* Bytes by reading are those of the mapping; what is no part of a mapping is not read; many files still work. */
QN_TEST(base_map_reads_past_the_mapping) {
    enum { N = 100 };
    qn_context *ctx = qn_test_context();
    char path[256], got[8] = "";
    qn_map *maps[N];
    int read = 0;
    snprintf(path, sizeof path, "%s/streamed", qn_test_tmp());
    write_file(path, "weights", 7);
    for (int i = 0; i < N; i++)
        ASSERT_OK(ctx, qn_map_open(ctx, path, &maps[i]));
    assert_true(qn_map_read(qn_map_data(maps[0]) + 2, 4, got));
    assert_memory_equal(got, "ight", 4);
    assert_false(qn_map_read(qn_map_data(maps[0]) + 2, 6, got));
    assert_false(qn_map_read(path, 4, got));
    for (int i = 0; i < N; i++)
        read += qn_map_read(qn_map_data(maps[i]), 7, got);
    assert_in_range(read, 1, N - 1); /* descriptors are kept of some alone */
    for (int i = 0; i < N; i++)
        qn_map_close(maps[i]);
    assert_false(qn_map_read(path, 4, got));
    qn_context_destroy(ctx);
}

QN_TEST(base_map_read_small_file) {
    qn_context *ctx = qn_test_context();
    char path[256], *data;
    size_t n;
    snprintf(path, sizeof path, "%s/small", qn_test_tmp());
    write_file(path, "12345", 5);
    ASSERT_OK(ctx, qn_read_file(ctx, path, 5, &data, &n));
    assert_int_equal(n, 5);
    assert_string_equal(data, "12345");
    free(data);
    ASSERT_FAILS(ctx, QN_MALFORMED, "small: 5 bytes, more than the 4", qn_read_file(ctx, path, 4, &data, &n));
    assert_null(data);
    qn_context_destroy(ctx);
}
