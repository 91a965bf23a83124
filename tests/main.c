/* Runs every registered test, or those that match the pattern given as the first argument ("pack*"). */
#include "tests/test.h"

#include <fnmatch.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_TESTS = 8192 };
static struct CMUnitTest g_tests[MAX_TESTS];
static size_t g_n_tests;
static char g_tmp[64];
static int g_n_skipped;

void qn_test_register(const char *name, CMUnitTestFunction fn) {
    if (g_n_tests == MAX_TESTS) {
        fprintf(stderr, "more than %d tests\n", MAX_TESTS);
        exit(2);
    }
    g_tests[g_n_tests++] = (struct CMUnitTest){.name = name, .test_func = fn};
}

qn_context *qn_test_context(void) {
    qn_context *ctx = NULL;
    if (qn_context_create(NULL, &ctx) != QN_OK || !ctx) {
        fprintf(stderr, "no context\n");
        exit(2);
    }
    return ctx;
}

const char *qn_test_shared(void) {
    static char path[512];
    const char *env = getenv("QUERN_SHARED");
    snprintf(path, sizeof path, "%s", env ? env : "../shared");
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? path : NULL;
}

void qn_test_skip_shared(void) {
    g_n_skipped++;
    print_message("           skipped: no ../shared beside the checkout\n");
}

const char *qn_test_tmp(void) {
    if (!g_tmp[0]) {
        snprintf(g_tmp, sizeof g_tmp, "build/test-tmp-XXXXXX");
        if (!mkdtemp(g_tmp)) {
            perror(g_tmp);
            exit(2);
        }
    }
    return g_tmp;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw) {
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct CMUnitTest *)a)->name, ((const struct CMUnitTest *)b)->name);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        size_t kept = 0;
        for (size_t i = 0; i < g_n_tests; i++)
            if (fnmatch(argv[1], g_tests[i].name, 0) == 0)
                g_tests[kept++] = g_tests[i];
        g_n_tests = kept;
    }
    qsort(g_tests, g_n_tests, sizeof g_tests[0], by_name);
    int failed = _cmocka_run_group_tests("quern", g_tests, g_n_tests, NULL, NULL);
    if (g_tmp[0])
        nftw(g_tmp, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (g_n_skipped)
        print_message("%d tests skipped what needs ../shared\n", g_n_skipped);
    return failed ? 1 : 0;
}
