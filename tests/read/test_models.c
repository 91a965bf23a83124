/* Every real model at hand is read, or refused by name. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/path.h"
#include "ir/check.h"
#include "read/onnx.h"
#include "tests/test.h"

typedef struct tally {
    int n_read, n_unsupported, n_wrong;
} tally;

static void read_one(const char *path, tally *t) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = NULL;
    qn_status status = qn_onnx_read(ctx, path, &graph);
    if (status == QN_OK)
        status = qn_graph_check(ctx, graph);
    if (status == QN_OK)
        t->n_read++;
    else if (status == QN_UNSUPPORTED)
        t->n_unsupported++;
    else
        t->n_wrong++;
    if (status != QN_OK && (status != QN_UNSUPPORTED || getenv("QUERN_TEST_VERBOSE")))
        print_message("           %d %s\n", (int)status, qn_context_message(ctx));
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* All files called *.onnx under `path`, at most `depth` folders down. */
static void read_under(const char *path, int depth, tally *t) {
    struct dirent **names;
    int n = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char below[1024];
        if (names[i]->d_name[0] != '.' && snprintf(below, sizeof below, "%s/%s", path, names[i]->d_name) < 1024) {
            if (qn_path_ends_with(below, ".onnx"))
                read_one(below, t);
            else if (depth > 0 && names[i]->d_type == DT_DIR)
                read_under(below, depth - 1, t);
        }
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

static tally read_folder(const char *name) {
    char path[512];
    tally t = {0, 0, 0};
    const char *shared = qn_test_shared();
    if (!shared) {
        qn_test_skip_shared();
        return t;
    }
    snprintf(path, sizeof path, "%s/%s", shared, name);
    read_under(path, 3, &t);
    print_message("           %s: %d read, %d unsupported, %d wrong\n", name, t.n_read, t.n_unsupported, t.n_wrong);
    return t;
}

QN_TEST(read_models_trained) {
    tally t = read_folder("models");
    assert_int_equal(t.n_wrong, 0);
    assert_int_equal(t.n_unsupported, 0);
}

QN_TEST(read_models_checkpoints) {
    tally t = read_folder("checkpoints");
    assert_int_equal(t.n_wrong, 0);
    assert_int_equal(t.n_unsupported, 0);
}

QN_TEST(read_models_backend_tests) {
    tally t = read_folder("onnx-tests");
    assert_int_equal(t.n_wrong, 0);
}
