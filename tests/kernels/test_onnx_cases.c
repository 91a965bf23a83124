/* ONNX's own backend test cases, every one whose model the reader takes: the same shapes, dtypes and numbers. */
#include "read/onnx.h"
#include "run/session.h"
#include "tests/test.h"

#include "base/half.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* The bounds of ONNX's runner (onnx/backend/test/runner): rtol 1e-3, atol 1e-7; integers exactly. */
static const double g_rtol = 1e-3, g_atol = 1e-7;

enum { MAX_PORTS = 64, MAX_WHAT = 512 };

typedef struct tally {
    int passed, unsupported, failed;
    struct {
        char text[160];
        int n;
    } what[MAX_WHAT]; /* reasons of refusals */
    int n_what;
} tally;

/* ---- numbers ------------------------------------------------------------------------------------ */

static double element(const qn_tensor *t, int64_t i) {
    qn_const c = {.dtype = t->dtype, .rank = t->rank, .axis = -1};
    memcpy(c.dims, t->dims, sizeof c.dims);
    c.part[QN_PART_VALUES] = (qn_bytes){t->data, t->n_bytes};
    return qn_const_f64(&c, i);
}

/* What is wrong, or "". */
static void judge(const qn_tensor *want, const qn_tensor *got, char *why, size_t n_why) {
    why[0] = 0;
    if (want->dtype != got->dtype) {
        snprintf(why, n_why, "dtype %s, wanted %s", qn_dtype_name(got->dtype), qn_dtype_name(want->dtype));
        return;
    }
    if (want->rank != got->rank || memcmp(want->dims, got->dims, sizeof want->dims[0] * (size_t)want->rank) != 0) {
        int at = snprintf(why, n_why, "shape");
        for (int32_t d = 0; d < got->rank; d++)
            at += snprintf(why + at, n_why - (size_t)at, " %lld", (long long)got->dims[d]);
        at += snprintf(why + at, n_why - (size_t)at, ", wanted");
        for (int32_t d = 0; d < want->rank; d++)
            at += snprintf(why + at, n_why - (size_t)at, " %lld", (long long)want->dims[d]);
        return;
    }
    size_t bytes = qn_dtype_bytes(want->dtype);
    int64_t n = (int64_t)(want->n_bytes / bytes);
    for (int64_t i = 0; i < n; i++) {
        double w = element(want, i), g = element(got, i);
        bool same = qn_dtype_is_float(want->dtype)
                        ? (isnan(w) && isnan(g)) || w == g || fabs(w - g) <= g_atol + g_rtol * fabs(w)
                        : memcmp((const char *)want->data + (size_t)i * bytes,
                                 (const char *)got->data + (size_t)i * bytes, bytes) == 0;
        if (!same) {
            snprintf(why, n_why, "element %lld is %.9g, wanted %.9g", (long long)i, g, w);
            return;
        }
    }
}

/* ---- a case -------------------------------------------------------------------------------------- */

static bool file_of(char *path, size_t n, const char *folder, const char *kind, int32_t i) {
    struct stat st;
    snprintf(path, n, "%s/%s_%d.pb", folder, kind, i);
    return stat(path, &st) == 0;
}

static qn_status run_set(qn_context *ctx, qn_arena *arena, qn_session *session, const qn_graph *graph,
                         const char *folder, char *why, size_t n_why) {
    char path[1400];
    const char *name;
    qn_tensor in[MAX_PORTS], out[MAX_PORTS], want;
    if (graph->n_inputs > MAX_PORTS || graph->n_outputs > MAX_PORTS)
        return qn_fail(ctx, QN_UNSUPPORTED, "more ports than the test has room for");
    for (int32_t i = 0; i < graph->n_inputs; i++) {
        if (!file_of(path, sizeof path, folder, "input", i)) {
            snprintf(why, n_why, "the case has no input %d", i);
            return QN_OK;
        }
        QN_TRY(qn_onnx_read_tensor(ctx, arena, path, &name, &in[i]));
    }
    QN_TRY(qn_session_run(session, in, graph->n_inputs, out, graph->n_outputs));
    for (int32_t i = 0; i < graph->n_outputs && !why[0]; i++) {
        if (!file_of(path, sizeof path, folder, "output", i))
            continue;
        QN_TRY(qn_onnx_read_tensor(ctx, arena, path, &name, &want));
        judge(&want, &out[i], why, n_why);
    }
    return QN_OK;
}

static qn_status run_case(qn_context *ctx, qn_arena *arena, const char *folder, bool reference, char *why, size_t n_why) {
    char path[1200];
    struct stat st;
    qn_graph *graph = NULL;
    qn_session *session = NULL;
    const qn_session_options options = {.reference = reference};
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    QN_TRY(qn_onnx_read(ctx, path, &graph));
    qn_status status = qn_session_create(ctx, graph, &options, &session);
    for (int set = 0; status == QN_OK && !why[0]; set++) {
        snprintf(path, sizeof path, "%s/test_data_set_%d", folder, set);
        if (stat(path, &st) != 0)
            break;
        status = run_set(ctx, arena, session, graph, path, why, n_why);
    }
    qn_session_destroy(session);
    qn_graph_destroy(graph);
    return status;
}

static void count_reason(tally *t, const char *message) {
    /* the last words name what is not handled; the path before them differs from case to case */
    const char *text = strstr(message, "model.onnx: ");
    text = text ? text + strlen("model.onnx: ") : message;
    int i = 0;
    while (i < t->n_what && strncmp(t->what[i].text, text, sizeof t->what[i].text - 1) != 0)
        i++;
    if (i == MAX_WHAT)
        return;
    if (i == t->n_what)
        snprintf(t->what[t->n_what++].text, sizeof t->what[i].text, "%s", text);
    t->what[i].n++;
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }
static int is_case(const struct dirent *e) { return strncmp(e->d_name, "test_", 5) == 0; }

static void run_folder(tally *t, const char *folder, bool reference) {
    struct dirent **list = NULL;
    int n = scandir(folder, &list, is_case, by_name);
    const char *only = getenv("QUERN_ONNX_CASE");
    qn_context *ctx = qn_test_context();
    for (int i = 0; i < n; i++) {
        char path[1024], why[256] = "";
        snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        free(list[i]);
        if (only && !strstr(path, only))
            continue;
        qn_arena *arena = qn_arena_create();
        qn_clear(ctx);
        qn_status status = run_case(ctx, arena, path, reference, why, sizeof why);
        if (status == QN_UNSUPPORTED) {
            t->unsupported++;
            count_reason(t, qn_context_message(ctx));
        } else if (status != QN_OK || why[0]) {
            t->failed++;
            print_message("  %s: %s\n", strrchr(path, '/') + 1, status != QN_OK ? qn_context_message(ctx) : why);
        } else {
            t->passed++;
        }
        qn_arena_destroy(arena);
    }
    free(list);
    qn_context_destroy(ctx);
}

static void run_all(bool reference) {
    const char *shared = qn_test_shared();
    if (!shared) {
        qn_test_skip_shared();
        return;
    }
    static const char *const groups[] = {"node", "pytorch-converted", "pytorch-operator", "simple"};
    tally *t = calloc(1, sizeof *t);
    assert_non_null(t);
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        char folder[512];
        snprintf(folder, sizeof folder, "%s/onnx-tests/%s", shared, groups[i]);
        run_folder(t, folder, reference);
    }
    print_message("  %d passed, %d failed, %d not supported\n", t->passed, t->failed, t->unsupported);
    if (getenv("QUERN_ONNX_LIST"))
        for (int i = 0; i < t->n_what; i++)
            print_message("  %4d  %s\n", t->what[i].n, t->what[i].text);
    int failed = t->failed, passed = t->passed;
    free(t);
    assert_int_equal(failed, 0);
    assert_true(passed > 0 || getenv("QUERN_ONNX_CASE") != NULL);
}

QN_TEST(kernels_onnx_cases_reference) { run_all(true); }
QN_TEST(kernels_onnx_cases_fast) { run_all(false); }
