/* All passes over every real model at hand: the checker stays content, and the numbers stay the same. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/path.h"
#include "compare/metrics.h"
#include "passes/pass.h"
#include "read/npy.h"
#include "read/onnx.h"
#include "run/session.h"
#include "tests/passes/evaluate.h"
#include "tests/test.h"

enum { MAX_PORTS = 64 };

/* Of an output's largest magnitude, with reference kernels, which accumulate in float64: what is left is the rounding of
 * changed weights and of values that are no longer stored in between, over some dozen layers. */
static const double g_bound = 1e-5;

typedef struct tally {
    int n, n_wrong;
    double widest; /* buffer over the largest set of bytes alive at once */
    int64_t nodes_before, nodes_after;
} tally;

/* The inputs of the golden file beside the model when it has them all, else random ones. */
static qn_status find_inputs(qn_context *ctx, qn_arena *arena, const char *path, const qn_graph *graph, qn_tensor *in) {
    const char *slash = strrchr(path, '/');
    const char *golden = qn_arena_printf(arena, "%.*s/golden0.npz", (int)(slash - path), path);
    qn_npz_entry *entries = NULL;
    int32_t n = 0, found = 0;
    if (qn_npz_read(ctx, arena, golden, "mid.", &entries, &n) != QN_OK)
        qn_clear(ctx);
    for (int32_t i = 0; i < graph->n_inputs; i++)
        for (int32_t k = 0; k < n; k++)
            if (strncmp(entries[k].name, "in.", 3) == 0 && strcmp(entries[k].name + 3, graph->inputs[i].name) == 0) {
                in[i] = entries[k].tensor;
                found++;
            }
    return found == graph->n_inputs ? QN_OK : qn_test_random_inputs(ctx, arena, graph, 1, in);
}

static qn_status run(qn_context *ctx, qn_graph *graph, const qn_tensor *in, qn_session **session, qn_tensor *out) {
    const qn_session_options options = {.reference = true};
    QN_TRY(qn_session_create(ctx, graph, &options, session));
    return qn_session_run(*session, in, graph->n_inputs, out, graph->n_outputs);
}

static void print_stats(const qn_pass_stat *stats, int32_t n) {
    for (int32_t i = 0; i < n; i++)
        if (stats[i].rewrites > 0)
            print_message("               %-30s %5lld %8.3f ms\n", stats[i].name, (long long)stats[i].rewrites,
                          1e3 * stats[i].seconds);
}

typedef struct pair {
    qn_graph *source, *graph;
    qn_session *before, *after;
    double worst;
} pair;

/* Buffers take at most 15 % more than what is alive at once. */
static qn_status check_buffers(qn_context *ctx, const qn_session *session, tally *t) {
    qn_plan_info info;
    qn_session_plan_info(session, &info);
    const double ratio = info.live_bytes ? (double)info.buffer_bytes / (double)info.live_bytes : 1;
    t->widest = ratio > t->widest ? ratio : t->widest;
    if (ratio > 1.15)
        return qn_fail(ctx, QN_BOUND, "%zu bytes of buffers for %zu alive", info.buffer_bytes, info.live_bytes);
    return QN_OK;
}

static qn_status check_pair(qn_context *ctx, qn_arena *arena, const char *path, pair *p, tally *t) {
    qn_tensor in[MAX_PORTS], want[MAX_PORTS], got[MAX_PORTS];
    qn_pass_stat *stats;
    int32_t n_stats;
    QN_TRY(qn_onnx_read(ctx, path, &p->source));
    QN_TRY(qn_onnx_read(ctx, path, &p->graph));
    if (p->graph->n_inputs > MAX_PORTS || p->graph->n_outputs > MAX_PORTS)
        return qn_fail(ctx, QN_UNSUPPORTED, "more than %d ports", (int)MAX_PORTS);
    QN_TRY(qn_passes_run(ctx, p->graph, NULL, &stats, &n_stats));
    if (getenv("QUERN_TEST_VERBOSE")) {
        print_message("           %s: %d nodes, then %d\n", path, p->source->n_nodes, p->graph->n_nodes);
        print_stats(stats, n_stats);
    }
    t->nodes_before += p->source->n_nodes;
    t->nodes_after += p->graph->n_nodes;
    QN_TRY(find_inputs(ctx, arena, path, p->source, in));
    QN_TRY(run(ctx, p->source, in, &p->before, want));
    QN_TRY(run(ctx, p->graph, in, &p->after, got));
    QN_TRY(check_buffers(ctx, p->before, t));
    QN_TRY(check_buffers(ctx, p->after, t));
    for (int32_t i = 0; i < p->graph->n_outputs; i++) {
        qn_metrics m;
        QN_TRY(qn_metrics_compute(ctx, &want[i], &got[i], NULL, 0, 0, &m));
        if (!(m.max_rel <= p->worst))
            p->worst = m.max_rel;
    }
    if (!(p->worst <= g_bound))
        return qn_fail(ctx, QN_BOUND, "an output is off by %g of its largest magnitude", p->worst);
    return QN_OK;
}

static void check_model(const char *path, tally *t) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    pair p = {0};
    t->n++;
    if (check_pair(ctx, arena, path, &p, t) != QN_OK) {
        t->n_wrong++;
        print_message("           %s: %s\n", path, qn_context_message(ctx));
    } else if (getenv("QUERN_TEST_VERBOSE")) {
        print_message("               off by %g\n", p.worst);
    }
    qn_session_destroy(p.before);
    qn_session_destroy(p.after);
    qn_graph_destroy(p.source);
    qn_graph_destroy(p.graph);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* All files called *.onnx in the folders of shared/NAME. */
static void check_folder(const char *name) {
    tally t = {0};
    char path[1024];
    const char *shared = qn_test_shared();
    if (!shared) {
        qn_test_skip_shared();
        return;
    }
    snprintf(path, sizeof path, "%s/%s", shared, name);
    struct dirent **folders, **files;
    const int n = scandir(path, &folders, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s/%s", shared, name, folders[i]->d_name);
        const int n_files = folders[i]->d_name[0] == '.' ? 0 : scandir(path, &files, NULL, alphasort);
        for (int k = 0; k < n_files; k++) {
            char file[2048];
            snprintf(file, sizeof file, "%s/%s", path, files[k]->d_name);
            const char *only = getenv("QUERN_TEST_MODEL");
            if (qn_path_ends_with(file, ".onnx") && (!only || strstr(file, only)))
                check_model(file, &t);
            free(files[k]);
        }
        if (n_files > 0)
            free(files);
        free(folders[i]);
    }
    if (n >= 0)
        free(folders);
    print_message("           %s: %d models, %d wrong; %lld nodes become %lld; buffers %.3f of what is alive\n", name, t.n,
                  t.n_wrong, (long long)t.nodes_before, (long long)t.nodes_after, t.widest);
    assert_true(t.n > 0);
    assert_int_equal(t.n_wrong, 0);
}

QN_TEST(passes_models_trained) { check_folder("models"); }
QN_TEST(passes_models_checkpoints) { check_folder("checkpoints"); }
