/* Packages written and read back: the same graph, the same bytes every time, nothing left behind on failure. */
#include "tests/package/build.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/map.h"
#include "ir/text.h"
#include "quant/quant.h"
#include "tests/test.h"

QN_TEST(package_write_round_trip) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = qn_test_rich_graph(ctx), *back, *again;
    qn_provenance p;
    const char *path = qn_test_write_package(ctx, graph);
    ASSERT_OK(ctx, qn_package_read(ctx, path, true, &p, &back));
    assert_int_equal(p.n_sources, 2);
    assert_string_equal(p.recipe, qn_test_provenance.recipe);
    assert_string_equal(p.source_names[1], qn_test_provenance.source_names[1]);
    assert_null(qn_graph_find(back, "a")->origin);
    assert_string_equal(qn_graph_find(back, "c")->origin, "encoder_out");
    char *first = qn_test_dump(ctx, back, &p);
    /* what was read writes the same bytes */
    const char *second_path = qn_test_write_package(ctx, back);
    qn_test_bytes a = qn_test_read_bytes(path), b = qn_test_read_bytes(second_path);
    ASSERT_OK(ctx, qn_package_read_bytes(ctx, "copy", b.data, b.n, true, &p, &again));
    char *second = qn_test_dump(ctx, again, &p);
    assert_string_equal(first, second);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.data, b.data, a.n);
    /* the numbers are those of the source */
    const qn_const *w = qn_graph_find(graph, "w")->constant, *stored = qn_graph_find(back, "w")->constant;
    assert_int_equal((uintptr_t)stored->part[0].data % 64, 0);
    assert_memory_equal(w->part[0].data, stored->part[0].data, w->part[0].n);
    /* ports, and a zero with its sign */
    assert_string_equal(back->outputs[0].name, "result");
    const qn_node *linear = qn_graph_find(back, "c")->producer;
    assert_int_equal(linear->compute, QN_F32);
    assert_true(1 / qn_node_float(linear, "activation_min", 1) < 0);
    free(a.data), free(b.data), free(first), free(second);
    qn_graph_destroy(again);
    qn_graph_destroy(back);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

QN_TEST(package_write_codes_of_a_constant) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = qn_test_rich_graph(ctx), *back;
    const qn_const *source = qn_graph_find(graph, "w8")->constant->expr->in[0]->constant;
    ASSERT_OK(ctx, qn_package_read(ctx, qn_test_write_package(ctx, graph), true, NULL, &back));
    const qn_const *c = qn_graph_find(back, "w8")->constant;
    int8_t codes[48 * 32];
    float scales[32];
    int64_t bad;
    assert_true(qn_int8_quantise(qn_const_groups(c), source->part[0].data, 48 * 32, codes, scales, &bad));
    assert_int_equal(c->encoding, QN_ENC_AFFINE);
    assert_memory_equal(c->part[QN_PART_CODES].data, codes, sizeof codes);
    assert_memory_equal(c->part[QN_PART_SCALES].data, scales, sizeof scales);
    assert_int_equal((uintptr_t)c->part[QN_PART_SCALES].data % 64, 0);
    qn_graph_destroy(back);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* Constants of several pieces each, on 1 and on 3 threads. */
QN_TEST(package_write_any_thread_count_gives_the_same_bytes) {
    static const char text[] = "input %x: float32[2,1000]\n"
                               "const %a: float32[1000,700] = random(1)\n"
                               "const %b: float32[700,900] = random(2)\n"
                               "const %c: float32[900,3] = random(3)\n"
                               "%p = MatMul(%x, %a)\n%q = MatMul(%p, %b)\n%r = MatMul(%q, %c)\noutput %r\n";
    qn_test_bytes bytes[2];
    for (int i = 0; i < 2; i++) {
        qn_context *ctx;
        qn_graph *graph;
        qn_context_options options = {.threads = i ? 3 : 1};
        assert_int_equal(qn_context_create(&options, &ctx), QN_OK);
        ASSERT_OK(ctx, qn_graph_parse(ctx, text, &graph));
        qn_test_encode(ctx, graph, "b", 1);
        const char *path = qn_test_write_package(ctx, graph);
        ASSERT_OK(ctx, qn_package_verify(ctx, path, NULL, NULL));
        bytes[i] = qn_test_read_bytes(path);
        qn_graph_destroy(graph);
        qn_context_destroy(ctx);
    }
    assert_int_equal(bytes[0].n, bytes[1].n);
    assert_memory_equal(bytes[0].data, bytes[1].data, bytes[0].n);
    free(bytes[0].data), free(bytes[1].data);
}

static int count_files(const char *folder) {
    int n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    closedir(d);
    return n;
}

typedef struct bad_fill {
    int mode;
    const char *path;
} bad_fill;

/* Fails, gives too little, too much, or parts out of order; or ends the process. */
static qn_status fill_badly(void *user, qn_context *ctx, qn_arena *arena, const qn_const *c, qn_part_sink write, void *sink) {
    const bad_fill *b = user;
    static const uint8_t zeros[64];
    (void)arena;
    switch (b->mode) {
    case 0:
        return qn_fail(ctx, QN_SYSTEM, "the disk of %s is on fire", c->name);
    case 1:
        return write(sink, 0, zeros, 8);
    case 2:
        for (int i = 0; i < 100000; i++)
            QN_TRY(write(sink, 0, zeros, sizeof zeros));
        return QN_OK;
    case 3:
        return write(sink, 1, zeros, 4);
    default:
        _exit(3);
    }
}

QN_TEST(package_write_failure_leaves_nothing) {
    static const char *const messages[] = {"on fire", "too few bytes", "too many bytes", "too few bytes"};
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    char folder[160], path[200];
    snprintf(folder, sizeof folder, "%s/failing", qn_test_tmp());
    snprintf(path, sizeof path, "%s/out.quern", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    ASSERT_OK(ctx, qn_graph_parse(ctx, "input %x: float32[2,100]\nconst %a: float32[100,70] = random(1)\n"
                                       "%y = MatMul(%x, %a)\noutput %y\n", &graph));
    for (int mode = 0; mode < 4; mode++) {
        bad_fill b = {mode, path};
        ASSERT_FAILS(ctx, mode ? QN_USAGE : QN_SYSTEM, messages[mode],
                     qn_package_write(ctx, graph, NULL, fill_badly, &b, path, NULL));
        assert_int_equal(count_files(folder), 0);
        qn_clear(ctx);
    }
    /* an older file of that name survives a failure */
    ASSERT_OK(ctx, qn_package_write(ctx, graph, NULL, qn_fill_const, NULL, path, NULL));
    bad_fill b = {0, path};
    ASSERT_FAILS(ctx, QN_SYSTEM, "on fire", qn_package_write(ctx, graph, NULL, fill_badly, &b, path, NULL));
    ASSERT_OK(ctx, qn_package_verify(ctx, path, NULL, NULL));
    assert_int_equal(count_files(folder), 1);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* Killed between two pieces: no file under the package's name. */
QN_TEST(package_write_killed_half_way) {
    char folder[160], path[200];
    snprintf(folder, sizeof folder, "%s/killed", qn_test_tmp());
    snprintf(path, sizeof path, "%s/out.quern", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    pid_t child = fork();
    if (child == 0) {
        qn_context *ctx;
        qn_graph *graph;
        qn_context_options options = {.threads = 1};
        bad_fill b = {9, path};
        if (qn_context_create(&options, &ctx) != QN_OK ||
            qn_graph_parse(ctx, "input %x: float32[2,100]\nconst %a: float32[100,70] = random(1)\n"
                                "%y = MatMul(%x, %a)\noutput %y\n", &graph) != QN_OK)
            _exit(1);
        _exit(qn_package_write(ctx, graph, NULL, fill_badly, &b, path, NULL) == QN_OK ? 0 : 2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    assert_int_not_equal(access(path, F_OK), 0);
}

static bool cancel_now(void *user) {
    ++*(int *)user;
    return true;
}

QN_TEST(package_write_cancelled) {
    qn_context *ctx;
    qn_graph *graph;
    char folder[160], path[200];
    int calls = 0;
    qn_context_options options = {.threads = 1, .user = &calls, .cancelled = cancel_now};
    snprintf(folder, sizeof folder, "%s/cancelled", qn_test_tmp());
    snprintf(path, sizeof path, "%s/out.quern", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(qn_context_create(&options, &ctx), QN_OK);
    ASSERT_OK(ctx, qn_graph_parse(ctx, "input %x: float32[2,100]\nconst %a: float32[100,70] = random(1)\n"
                                       "%y = MatMul(%x, %a)\noutput %y\n", &graph));
    assert_int_equal(qn_package_write(ctx, graph, NULL, qn_fill_const, NULL, path, NULL), QN_CANCELLED);
    assert_true(calls > 0);
    assert_int_equal(count_files(folder), 0);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

QN_TEST(package_write_where_it_cannot) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    char path[160];
    ASSERT_OK(ctx, qn_graph_parse(ctx, "input %x: float32[3]\n%y = Relu(%x)\noutput %y\n", &graph));
    snprintf(path, sizeof path, "%s/no-folder/x.quern", qn_test_tmp());
    ASSERT_FAILS(ctx, QN_SYSTEM, "no-folder", qn_package_write(ctx, graph, NULL, qn_fill_const, NULL, path, NULL));
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}
