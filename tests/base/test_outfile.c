/* Files written whole or not at all. */
#include "tests/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"

static const char *fresh_folder(const char *name) {
    static char path[200];
    snprintf(path, sizeof path, "%s/outfile-%s", qn_test_tmp(), name);
    assert_int_equal(mkdir(path, 0700), 0);
    return path;
}

static int count_files(const char *folder) {
    int n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

QN_TEST(base_outfile_appears_on_commit) {
    qn_context *ctx = qn_test_context();
    const char *folder = fresh_folder("commit");
    char path[300], back[12] = {0};
    qn_outfile *f;
    snprintf(path, sizeof path, "%s/out", folder);
    ASSERT_OK(ctx, qn_outfile_create(ctx, path, &f));
    ASSERT_OK(ctx, qn_outfile_reserve(ctx, f, 11));
    ASSERT_OK(ctx, qn_outfile_write(ctx, f, 6, "world", 5)); /* in any order */
    ASSERT_OK(ctx, qn_outfile_write(ctx, f, 0, "hello ", 6));
    assert_int_not_equal(access(path, F_OK), 0);
    ASSERT_OK(ctx, qn_outfile_commit(ctx, f));
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    assert_int_equal(fread(back, 1, sizeof back, in), 11);
    fclose(in);
    assert_string_equal(back, "hello world");
    assert_int_equal(count_files(folder), 1);
    /* a second one under that name, given up: the first stays */
    ASSERT_OK(ctx, qn_outfile_create(ctx, path, &f));
    ASSERT_OK(ctx, qn_outfile_write(ctx, f, 0, "x", 1));
    qn_outfile_destroy(f);
    assert_int_equal(count_files(folder), 1);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 11);
    qn_context_destroy(ctx);
}

/* More is reserved than is written: the file is as long as what was written. */
QN_TEST(base_outfile_reserve_is_no_promise) {
    qn_context *ctx = qn_test_context();
    char path[300];
    qn_outfile *f;
    struct stat st;
    snprintf(path, sizeof path, "%s/out", fresh_folder("reserve"));
    ASSERT_OK(ctx, qn_outfile_create(ctx, path, &f));
    ASSERT_OK(ctx, qn_outfile_reserve(ctx, f, 0));
    ASSERT_OK(ctx, qn_outfile_reserve(ctx, f, 100000));
    ASSERT_OK(ctx, qn_outfile_write(ctx, f, 0, "abc", 3));
    ASSERT_OK(ctx, qn_outfile_commit(ctx, f));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 3);
    qn_context_destroy(ctx);
}

QN_TEST(base_outfile_larger_than_the_disk) {
    qn_context *ctx = qn_test_context();
    const char *folder = fresh_folder("disk");
    char path[300];
    qn_outfile *f;
    snprintf(path, sizeof path, "%s/out", folder);
    ASSERT_OK(ctx, qn_outfile_create(ctx, path, &f));
    qn_status status = qn_outfile_reserve(ctx, f, (uint64_t)1 << 60);
    if (status != QN_OK) { /* where the file system can reserve */
        assert_int_equal(status, QN_SYSTEM);
        assert_non_null(strstr(qn_context_message(ctx), "cannot reserve 1152921504606846976 bytes"));
    }
    qn_clear(ctx);
    ASSERT_FAILS(ctx, QN_SYSTEM, "larger than a file may be", qn_outfile_reserve(ctx, f, UINT64_MAX));
    qn_outfile_destroy(f);
    assert_int_equal(count_files(folder), 0);
    qn_context_destroy(ctx);
}
