/* The Python reader, which shares no code with the library, and other people's archivers see what our reader sees. */
#include "tests/package/build.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/hash.h"
#include "tests/test.h"

/* What the command prints; NULL when there is no such program (exit 127). */
static char *output_of(const char *command, int *status) {
    qn_buf out = QN_BUF_INIT;
    char piece[4096];
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    for (size_t n; (n = fread(piece, 1, sizeof piece, pipe)) > 0;)
        qn_buf_append(&out, piece, n);
    int end = pclose(pipe);
    *status = WIFEXITED(end) ? WEXITSTATUS(end) : -1;
    if (*status == 127) {
        qn_buf_free(&out);
        return NULL;
    }
    return out.data ? out.data : calloc(1, 1);
}

static const char *first_difference(const char *a, const char *b) {
    static char line[400];
    while (*a && *a == *b)
        a++, b++;
    snprintf(line, sizeof line, "ours '%.120s', theirs '%.120s'", a, b);
    return line;
}

static void expect_agreement(bool shipped) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = qn_test_rich_graph(ctx), *back;
    qn_provenance p;
    const char *package = qn_test_write_package(ctx, graph), *path = shipped ? qn_test_ship(ctx, package) : package;
    char command[400];
    int status;
    ASSERT_OK(ctx, qn_package_read(ctx, path, true, &p, &back));
    snprintf(command, sizeof command, "python3 -B tests/package/read_quern.py %s 2>&1", path);
    char *theirs = output_of(command, &status);
    if (theirs) {
        char *ours = qn_test_dump(ctx, back, &p);
        if (status != 0 || strcmp(ours, theirs) != 0)
            fail_msg("exit %d: %s", status, first_difference(ours, theirs));
        free(ours);
        free(theirs);
    } else {
        print_message("           skipped: no python3\n");
    }
    qn_graph_destroy(back);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

QN_TEST(package_second_reader_agrees) { expect_agreement(false); }
QN_TEST(package_second_reader_agrees_about_a_shipping_form) { expect_agreement(true); }

/* Real models, and both kinds of compression at once. */
QN_TEST(package_second_reader_real_models) {
    static const struct {
        const char *model, *weights;
        qn_dtype precision;
    } rows[] = {{"yunet-dynamic", "int8", QN_F16}, {"dtln-1", "int8", QN_BF16}, {"gtcrn-simple", NULL, QN_F32}};
    if (!qn_test_shared()) {
        qn_test_skip_shared();
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        qn_context *ctx = qn_test_context();
        qn_convert_options options = {.precision = rows[i].precision, .weights = rows[i].weights, .ship = i == 1};
        char path[200], source[600], command[400];
        qn_provenance p;
        qn_model *model;
        qn_graph *back;
        int status;
        snprintf(source, sizeof source, "%s/models/%s/model.onnx", qn_test_shared(), rows[i].model);
        snprintf(path, sizeof path, "%s/%s.quern", qn_test_tmp(), rows[i].model);
        ASSERT_OK(ctx, qn_model_load(ctx, source, NULL, &model));
        ASSERT_OK(ctx, qn_model_convert(ctx, model, &options, path, NULL));
        ASSERT_OK(ctx, qn_package_verify(ctx, path, NULL, NULL));
        ASSERT_OK(ctx, qn_package_read(ctx, path, true, &p, &back));
        qn_hash hash; /* made while the weights were written */
        char text[64];
        ASSERT_OK(ctx, qn_hash_file(ctx, source, &hash));
        qn_hash_format(hash, text);
        assert_int_equal(p.n_sources, 1);
        assert_string_equal(p.source_names[0], "model.onnx");
        assert_string_equal(p.source_hashes[0], text);
        snprintf(command, sizeof command, "python3 -B tests/package/read_quern.py %s 2>&1", path);
        char *theirs = output_of(command, &status), *ours = qn_test_dump(ctx, back, &p);
        if (!theirs)
            print_message("           skipped: no python3\n");
        else if (status != 0 || strcmp(ours, theirs) != 0)
            fail_msg("%s: exit %d: %s", rows[i].model, status, first_difference(ours, theirs));
        free(ours);
        free(theirs);
        qn_graph_destroy(back);
        qn_model_destroy(model);
        qn_context_destroy(ctx);
    }
}

static void expect_good_archive(bool shipped) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = qn_test_rich_graph(ctx);
    const char *package = qn_test_write_package(ctx, graph), *path = shipped ? qn_test_ship(ctx, package) : package;
    char command[400];
    int status;
    snprintf(command, sizeof command, "unzip -t %s 2>&1", path);
    char *theirs = output_of(command, &status);
    if (theirs) {
        assert_int_equal(status, 0);
        assert_non_null(strstr(theirs, "testing: model.pb"));
        assert_non_null(strstr(theirs, "No errors detected"));
        assert_null(strstr(theirs, "warning"));
        free(theirs);
    } else {
        print_message("           skipped: no unzip\n");
    }
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

QN_TEST(package_second_reader_unzip) { expect_good_archive(false); }
QN_TEST(package_second_reader_unzip_of_a_shipping_form) { expect_good_archive(true); }
