/* Files written whole or not at all. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/map.h"
#include "tests/test.h"

/* A fresh folder; its name in out[256]. */
static void make_folder(const char *name, char *out) {
    snprintf(out, 256, "%s/outfile-%s", qn_test_tmp(), name);
    assert_int_equal(mkdir(out, 0777), 0);
}

static int count_files(const char *folder) {
    DIR *dir = opendir(folder);
    int n = 0;
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir));)
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void expect_text(qn_context *ctx, const char *path, const char *text) {
    char *data;
    size_t n;
    ASSERT_OK(ctx, qn_read_file(ctx, path, 1 << 20, &data, &n));
    assert_string_equal(data, text);
    free(data);
}

static qn_outfile *begin(qn_context *ctx, const char *path, const char *text) {
    qn_outfile *f;
    ASSERT_OK(ctx, qn_outfile_create(ctx, path, &f));
    ASSERT_OK(ctx, qn_outfile_write(ctx, f, 0, text, strlen(text)));
    return f;
}

QN_TEST(base_outfile_takes_its_name_on_commit) {
    qn_context *ctx = qn_test_context();
    char folder[256], path[512];
    make_folder("commit", folder);
    snprintf(path, sizeof path, "%s/out", folder);
    qn_outfile *f = begin(ctx, path, "first");
    ASSERT_OK(ctx, qn_outfile_reserve(ctx, f, 9));
    assert_int_not_equal(access(path, F_OK), 0);
    ASSERT_OK(ctx, qn_outfile_write(ctx, f, 8, "!", 1)); /* a gap reads as zeros */
    ASSERT_OK(ctx, qn_outfile_commit(ctx, f));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 9);
    const mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(st.st_mode & 0777, 0666 & ~mask);
    expect_text(ctx, path, "first");
    ASSERT_OK(ctx, qn_outfile_commit(ctx, begin(ctx, path, "second"))); /* over the old one */
    expect_text(ctx, path, "second");
    assert_int_equal(count_files(folder), 1);
    qn_context_destroy(ctx);
}

QN_TEST(base_outfile_uncommitted_leaves_nothing) {
    qn_context *ctx = qn_test_context();
    char folder[256], path[512];
    make_folder("uncommitted", folder);
    snprintf(path, sizeof path, "%s/out", folder);
    ASSERT_OK(ctx, qn_outfile_commit(ctx, begin(ctx, path, "old")));
    qn_outfile_destroy(begin(ctx, path, "new"));
    qn_outfile_destroy(NULL);
    expect_text(ctx, path, "old");
    assert_int_equal(count_files(folder), 1);
    qn_context_destroy(ctx);
}

/* A rename would put a file in the place of what is there. */
QN_TEST(base_outfile_only_over_files) {
    qn_context *ctx = qn_test_context();
    char folder[256], path[512];
    qn_outfile *f;
    struct stat st;
    make_folder("over", folder);
    ASSERT_FAILS(ctx, QN_SYSTEM, "outfile-over: is a folder", qn_outfile_create(ctx, folder, &f));
    snprintf(path, sizeof path, "%s/pipe", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    qn_clear(ctx);
    ASSERT_FAILS(ctx, QN_SYSTEM, "pipe: is not a regular file", qn_outfile_create(ctx, path, &f));
    assert_true(stat(path, &st) == 0 && S_ISFIFO(st.st_mode));
    qn_context_destroy(ctx);
}

/* Whether the file system has unnamed files decides whether SIGKILL can leave something: where it has, nothing. */
static bool has_unnamed_files(const char *folder) {
    qn_context *ctx = qn_test_context();
    char path[512];
    snprintf(path, sizeof path, "%s/probe", folder);
    qn_outfile *f = begin(ctx, path, "x");
    const bool unnamed = count_files(folder) == 0;
    qn_outfile_destroy(f);
    qn_context_destroy(ctx);
    return unnamed;
}

/* Write in a child that then ends by `sig`, in its handler after qn_outfile_unlink_all when `handled`. */
static void unlink_and_leave(int sig) {
    (void)sig;
    qn_outfile_unlink_all();
    _exit(0);
}

static int files_after_signal(const char *folder, int sig, bool handled) {
    char path[512];
    snprintf(path, sizeof path, "%s/out", folder);
    const pid_t child = fork();
    if (child == 0) {
        qn_context *ctx = NULL;
        qn_outfile *f;
        const qn_context_options options = {.threads = 1};
        if (handled)
            signal(sig, unlink_and_leave);
        if (qn_context_create(&options, &ctx) != QN_OK || qn_outfile_create(ctx, path, &f) != QN_OK ||
            qn_outfile_write(ctx, f, 0, path, sizeof path) != QN_OK)
            _exit(1);
        kill(getpid(), sig);
        _exit(2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (handled)
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    else
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == sig);
    return count_files(folder);
}

QN_TEST(base_outfile_killed_leaves_nothing) {
    char folder[256];
    make_folder("killed", folder);
    const int left = files_after_signal(folder, SIGKILL, false);
    if (has_unnamed_files(folder))
        assert_int_equal(left, 0);
    else
        assert_true(left <= 1); /* the temporary at most, never the target */
}

QN_TEST(base_outfile_interrupted_leaves_nothing) {
    char folder[256];
    make_folder("interrupted", folder);
    assert_int_equal(files_after_signal(folder, SIGINT, true), 0);
    assert_int_equal(files_after_signal(folder, SIGTERM, true), 0);
}

QN_TEST(base_outfile_refusals) {
    qn_context *ctx = qn_test_context();
    qn_outfile *f, *many[100];
    char path[512];
    int n = 0;
    ASSERT_FAILS(ctx, QN_SYSTEM, "no/such/folder/out: cannot create", qn_outfile_create(ctx, "no/such/folder/out", &f));
    assert_null(f);
    qn_clear(ctx);
    ASSERT_FAILS(ctx, QN_SYSTEM, "is a folder", qn_outfile_create(ctx, qn_test_tmp(), &f));
    qn_clear(ctx);
    snprintf(path, sizeof path, "%s/many", qn_test_tmp());
    while (n < 100 && qn_outfile_create(ctx, path, &many[n]) == QN_OK)
        n++;
    assert_true(n < 100 && strstr(qn_context_message(ctx), "files in the making"));
    ASSERT_FAILS(ctx, QN_SYSTEM, "", qn_outfile_write(ctx, many[0], (uint64_t)INT64_MAX, "x", 1));
    while (n > 0)
        qn_outfile_destroy(many[--n]);
    qn_clear(ctx);
    ASSERT_OK(ctx, qn_outfile_create(ctx, path, &f)); /* slots are free again */
    qn_outfile_destroy(f);
    qn_context_destroy(ctx);
}

/* More is reserved than is written: the file is as long as what was written. */
QN_TEST(base_outfile_reserve_is_no_promise) {
    qn_context *ctx = qn_test_context();
    char folder[256], path[512];
    qn_outfile *f;
    struct stat st;
    make_folder("reserve", folder);
    snprintf(path, sizeof path, "%s/out", folder);
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
    char folder[256], path[512];
    make_folder("disk", folder);
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

QN_TEST(base_outfile_unnamed) {
    static const char *const text = "for a while";
    qn_context *ctx = qn_test_context();
    char folder[256], beside[512];
    qn_outfile *f;
    qn_map *map;
    const char *place;
    make_folder("unnamed", folder);
    snprintf(beside, sizeof beside, "%s/package", folder);
    const struct {
        const char *beside, *place;
    } rows[] = {{beside, NULL}, {"no/such/folder/file", NULL}, {NULL, "in memory"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ASSERT_OK(ctx, qn_outfile_create_unnamed(ctx, rows[i].beside, &f, &place));
        if (rows[i].place)
            assert_string_equal(place, rows[i].place);
        ASSERT_OK(ctx, qn_outfile_reserve(ctx, f, 100));
        ASSERT_OK(ctx, qn_outfile_write(ctx, f, 2, text, strlen(text)));
        ASSERT_OK(ctx, qn_outfile_map(ctx, f, "its name", &map));
        assert_int_equal(count_files(folder), 0);
        qn_outfile_destroy(f);
        assert_int_equal(qn_map_bytes(map), 2 + strlen(text));
        qn_map_release(qn_map_data(map), qn_map_bytes(map)); /* what is released comes back from the file */
        assert_memory_equal(qn_map_data(map) + 2, text, strlen(text));
        assert_string_equal(qn_map_path(map), "its name");
        qn_map_close(map);
    }
    qn_context_destroy(ctx);
}
