/* A model of 1.3 GB opens without its weights being read: the file is sparse, so it takes no room here. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "read/onnx.h"
#include "run/session.h"
#include "tests/read/onnx_build.h"
#include "tests/test.h"

enum { N_WEIGHTS = 320 };
#define WEIGHT_BYTES ((size_t)4 << 20)

static long resident_kib(void) {
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f)
        return 0;
    if (fscanf(f, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    fclose(f);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void put(int fd, off_t *at, const qn_buf *b) {
    assert_int_equal(pwrite(fd, b->data, b->n, *at), b->n);
    *at += (off_t)b->n;
}

/* x + w0 + w1 + ..., each w [1024, 1024]; the elements are holes in the file. */
static void write_model(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    qn_buf heads[N_WEIGHTS], nodes = QN_BUF_INIT, model = QN_BUF_INIT;
    size_t graph = 0;
    for (int i = 0; i < N_WEIGHTS; i++) {
        char name[32], inputs[64], output[32];
        snprintf(name, sizeof name, "w%d", i);
        snprintf(inputs, sizeof inputs, "%s%d,%s", i ? "sum" : "x", i ? i - 1 : 0, name);
        snprintf(output, sizeof output, "sum%d", i);
        pb_message(&nodes, OB_NODE, ob_node("Add", inputs, output));
        qn_buf tensor = ob_tensor_head(name, QN_F32, (const int64_t[]){1024, 1024, -1});
        pb_key(&tensor, 9, 2);
        pb_varint(&tensor, WEIGHT_BYTES);
        heads[i] = (qn_buf)QN_BUF_INIT;
        pb_key(&heads[i], OB_INITIALIZER, 2);
        pb_varint(&heads[i], tensor.n + WEIGHT_BYTES);
        qn_buf_append(&heads[i], tensor.data, tensor.n);
        qn_buf_free(&tensor);
        graph += heads[i].n + WEIGHT_BYTES;
    }
    pb_message(&nodes, OB_INPUT, ob_value("x0", QN_F32, "1024,1024"));
    pb_message(&nodes, OB_OUTPUT, ob_value("sum319", QN_F32, NULL));
    pb_int(&model, 1, 8);
    pb_message(&model, OB_OPSET, ob_opset("", 17));
    pb_key(&model, OB_GRAPH, 2);
    pb_varint(&model, graph + nodes.n);
    off_t at = 0;
    put(fd, &at, &model);
    for (int i = 0; i < N_WEIGHTS; i++) {
        put(fd, &at, &heads[i]);
        at += (off_t)WEIGHT_BYTES;
        qn_buf_free(&heads[i]);
    }
    put(fd, &at, &nodes);
    close(fd);
    qn_buf_free(&nodes);
    qn_buf_free(&model);
}

QN_TEST(read_large_model) {
    qn_context *ctx = qn_test_context();
    char path[256];
    snprintf(path, sizeof path, "%s/large.onnx", qn_test_tmp());
    write_model(path);
    long before = resident_kib();
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    qn_graph *graph = NULL;
    ASSERT_OK(ctx, qn_onnx_read(ctx, path, &graph));
    clock_gettime(CLOCK_MONOTONIC, &end);
    long grown = resident_kib() - before;
    double ms = (double)(end.tv_sec - start.tv_sec) * 1e3 + (double)(end.tv_nsec - start.tv_nsec) * 1e-6;
    print_message("           %.0f MB opened in %.1f ms, %ld KiB more resident\n",
                  N_WEIGHTS * (double)WEIGHT_BYTES * 1e-6, ms, grown);
    assert_int_equal(graph->n_nodes, N_WEIGHTS);
    assert_non_null(graph->last->in[1]->constant);
    assert_int_equal(graph->last->in[1]->constant->part[0].n, WEIGHT_BYTES);
    assert_true(grown < 32 << 10); /* a fortieth of the file, and far above what 640 small structures take */
    assert_true(ms < 1000);
    qn_graph_destroy(graph);
    remove(path);
    qn_context_destroy(ctx);
}

/* Weights that are borrowed at addresses of every alignment give the same numbers. */
QN_TEST(read_large_unaligned_weights) {
    enum { N = 600 };
    qn_context *ctx = qn_test_context();
    float *w = calloc(N * N, sizeof *w), first[N];
    assert_non_null(w);
    for (size_t i = 0; i < N * N; i++)
        w[i] = (float)((i * 37) % 101) / 64 - 0.75f;
    float x[N];
    for (size_t i = 0; i < N; i++)
        x[i] = (float)(i % 7) - 3;
    bool unaligned = false;
    for (int pad = 0; pad < 4; pad++) {
        char name[8] = "w", inputs[16];
        memset(name + 1, 'w', (size_t)pad);
        snprintf(inputs, sizeof inputs, "x,%s", name);
        qn_buf graph = QN_BUF_INIT;
        pb_message(&graph, OB_INPUT, ob_value("x", QN_F32, "1,600"));
        qn_buf tensor = ob_tensor_head(name, QN_F32, (const int64_t[]){N, N, -1});
        pb_bytes(&tensor, 9, w, N * N * sizeof *w);
        pb_message(&graph, OB_INITIALIZER, tensor);
        pb_message(&graph, OB_NODE, ob_node("MatMul", inputs, "y"));
        pb_message(&graph, OB_OUTPUT, ob_value("y", QN_F32, NULL));
        qn_buf model = ob_model(13, graph);
        qn_graph *g = NULL;
        qn_session *session = NULL;
        ASSERT_OK(ctx, qn_onnx_read_bytes(ctx, "m.onnx", NULL, model.data, model.n, &g));
        const uint8_t *at = g->first->in[1]->constant->part[0].data;
        assert_true(at >= (const uint8_t *)model.data && at < (const uint8_t *)model.data + model.n);
        unaligned = unaligned || (uintptr_t)at % 4 != 0;
        qn_tensor in = {QN_F32, 2, {1, N}, x, sizeof x}, out;
        ASSERT_OK(ctx, qn_session_create(ctx, g, NULL, &session));
        ASSERT_OK(ctx, qn_session_run(session, &in, 1, &out, 1));
        if (pad == 0)
            memcpy(first, out.data, sizeof first);
        assert_memory_equal(out.data, first, sizeof first);
        qn_session_destroy(session);
        qn_graph_destroy(g);
        qn_buf_free(&model);
    }
    assert_true(unaligned);
    free(w);
    qn_context_destroy(ctx);
}
