/* ONNX's backend tests: what the reader makes of each model computes what the test expects. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/half.h"
#include "read/onnx.h"
#include "run/session.h"
#include "tests/test.h"

enum { MAX_PORTS = 64 };

typedef struct tally {
    int n_right, n_wrong, n_unsupported, n_skipped;
} tally;

/* The tensors PREFIX_0.pb, PREFIX_1.pb ... of a folder; -1 when one is no tensor. */
static int read_tensors(qn_context *ctx, qn_arena *arena, const char *folder, const char *prefix, qn_tensor *out) {
    for (int i = 0; i < MAX_PORTS; i++) {
        char path[1100];
        const char *name;
        snprintf(path, sizeof path, "%s/%s_%d.pb", folder, prefix, i);
        FILE *f = fopen(path, "rb");
        if (!f)
            return i;
        fclose(f);
        if (qn_onnx_read_tensor(ctx, arena, path, &name, &out[i]) != QN_OK)
            return -1;
    }
    return -1;
}

static double number(const qn_tensor *t, int64_t i) {
    const void *at = (const char *)t->data + (size_t)i * qn_dtype_bytes(t->dtype);
    int64_t v = 0;
    switch (t->dtype) {
    case QN_F32: { float f; memcpy(&f, at, 4); return (double)f; }
    case QN_F64: { double d; memcpy(&d, at, 8); return d; }
    case QN_F16: { uint16_t h; memcpy(&h, at, 2); return (double)qn_f16_to_f32(h); }
    case QN_BF16: { uint16_t h; memcpy(&h, at, 2); return (double)qn_bf16_to_f32(h); }
    case QN_I8: { int8_t x; memcpy(&x, at, 1); return x; }
    case QN_I16: { int16_t x; memcpy(&x, at, 2); return x; }
    case QN_I32: { int32_t x; memcpy(&x, at, 4); return x; }
    default: memcpy(&v, at, qn_dtype_bytes(t->dtype)); return (double)v;
    }
}

/* numpy's allclose with the tolerances of ONNX's own runner (rtol 1e-3, atol 1e-7), wider where elements are half. */
static bool is_close(const qn_tensor *want, const qn_tensor *have) {
    if (want->dtype != have->dtype || want->rank != have->rank || want->n_bytes != have->n_bytes ||
        memcmp(want->dims, have->dims, (size_t)want->rank * sizeof want->dims[0]) != 0) {
        print_message("           %s of rank %d and %zu bytes, wanted %s of rank %d and %zu bytes\n",
                      qn_dtype_name(have->dtype), have->rank, have->n_bytes, qn_dtype_name(want->dtype), want->rank,
                      want->n_bytes);
        return false;
    }
    bool half = want->dtype == QN_F16 || want->dtype == QN_BF16;
    double rtol = want->dtype == QN_BF16 ? 1.6e-2 : half ? 2e-3 : 1e-3, atol = half ? 1e-3 : 1e-7;
    int64_t n = (int64_t)(want->n_bytes / qn_dtype_bytes(want->dtype));
    for (int64_t i = 0; i < n; i++) {
        double w = number(want, i), h = number(have, i);
        if (!(w == h || (isnan(w) && isnan(h)) || fabs(w - h) <= atol + rtol * fabs(w))) {
            print_message("           element %lld is %g, wanted %g\n", (long long)i, h, w);
            return false;
        }
    }
    return true;
}

/* QN_OK and *right, or why it could not be run. */
static qn_status run_set(qn_context *ctx, qn_session *session, const qn_graph *graph, const char *folder, bool *right,
                         bool *skipped) {
    qn_tensor in[MAX_PORTS], want[MAX_PORTS], have[MAX_PORTS];
    qn_arena *arena = qn_arena_create();
    int n_in = read_tensors(ctx, arena, folder, "input", in), n_out = read_tensors(ctx, arena, folder, "output", want);
    qn_status status = QN_OK;
    qn_clear(ctx);
    *skipped = n_in < graph->n_inputs || n_out != graph->n_outputs;
    if (!*skipped)
        status = qn_session_run(session, in, graph->n_inputs, have, n_out);
    for (int i = 0; status == QN_OK && !*skipped && i < n_out; i++)
        *right = *right && is_close(&want[i], &have[i]);
    qn_arena_destroy(arena);
    return status;
}

static void run_one(const char *folder, bool reference, tally *t) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = NULL;
    qn_session *session = NULL;
    char path[1024];
    const qn_session_options options = {.reference = reference};
    bool right = true, skipped = false;
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    qn_status status = qn_onnx_read(ctx, path, &graph);
    if (status == QN_OK)
        status = qn_session_create(ctx, graph, &options, &session);
    for (int i = 0; status == QN_OK && right && !skipped; i++) {
        snprintf(path, sizeof path, "%s/test_data_set_%d", folder, i);
        DIR *d = opendir(path);
        if (!d)
            break;
        closedir(d);
        status = run_set(ctx, session, graph, path, &right, &skipped);
    }
    bool wrong = (status != QN_OK && status != QN_UNSUPPORTED) || (status == QN_OK && !right);
    t->n_wrong += wrong;
    t->n_unsupported += status == QN_UNSUPPORTED;
    t->n_skipped += status == QN_OK && skipped;
    t->n_right += status == QN_OK && right && !skipped;
    if (wrong || (session && status != QN_OK && getenv("QUERN_TEST_VERBOSE")))
        print_message("           %d %s %s\n", (int)status, folder, qn_context_message(ctx));
    qn_session_destroy(session);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

static void run_under(const char *path, bool reference, tally *t) {
    struct dirent **names;
    int n = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char below[900];
        if (names[i]->d_name[0] != '.' && snprintf(below, sizeof below, "%s/%s", path, names[i]->d_name) < 900)
            run_one(below, reference, t);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

static void run_all(bool reference) {
    static const char *const folders[] = {"node", "simple", "pytorch-converted", "pytorch-operator"};
    const char *shared = qn_test_shared();
    tally t = {0, 0, 0, 0};
    if (!shared) {
        qn_test_skip_shared();
        return;
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/onnx-tests/%s", shared, folders[i]);
        run_under(path, reference, &t);
    }
    print_message("           %d right, %d wrong, %d unsupported, %d without tensors\n", t.n_right, t.n_wrong,
                  t.n_unsupported, t.n_skipped);
    assert_int_equal(t.n_wrong, 0);
    assert_true(t.n_right >= 850);
}

QN_TEST(read_backend_reference_kernels) { run_all(true); }
QN_TEST(read_backend_chosen_kernels) { run_all(false); }
