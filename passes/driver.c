/* The driver: runs the table of passes, with the checker between them.
 *
 *   infer, check
 *   clean group   until a round changes nothing
 *   fuse          each row once; after one that changed something, the clean group again
 *   finish        each row once
 *
 * After a pass that changed the graph, types are inferred anew and the graph is checked; a failure names the pass.
 */
#include "passes/pass.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ir/check.h"

static const qn_pass g_passes[] = {
#define QN_PASS(NAME, GROUP, AFTER, SUMMARY) {#NAME, #GROUP, AFTER, SUMMARY, qn_pass_##NAME},
#include "passes.def"
#undef QN_PASS
};
enum {
    N_PASSES = (int)(sizeof g_passes / sizeof g_passes[0]),
    MAX_CLEAN_ROUNDS = 64, /* a model of depth d needs a few; this many means two passes undo each other */
};

const qn_pass *qn_passes(int32_t *n) {
    *n = N_PASSES;
    return g_passes;
}

static int32_t find_pass(const char *name, size_t n) {
    for (int32_t i = 0; i < N_PASSES; i++)
        if (strlen(g_passes[i].name) == n && memcmp(g_passes[i].name, name, n) == 0)
            return i;
    return -1;
}

/* Every name in `after` is a row above. */
static qn_status check_order(qn_context *ctx) {
    for (int32_t i = 0; i < N_PASSES; i++) {
        for (const char *s = g_passes[i].after; *s;) {
            const size_t n = strcspn(s, " ");
            const int32_t before = find_pass(s, n);
            if (n > 0 && (before < 0 || before >= i))
                return qn_fail(ctx, QN_UNSUPPORTED, "pass '%s' must come after '%.*s', which is not above it",
                               g_passes[i].name, (int)n, s);
            s += n;
            s += strspn(s, " ");
        }
    }
    return QN_OK;
}

bool qn_rewrite(qn_pass_run *run, const char *what, const qn_node *at) {
    if (*run->budget == 0)
        return false;
    if (*run->budget > 0)
        --*run->budget;
    run->rewrites++;
    qn_log(run->ctx, QN_LOG_DEBUG, "%s: %s at %s", run->pass, what, at ? qn_node_label(at) : "the graph");
    return true;
}

typedef struct driver {
    qn_context *ctx;
    qn_graph *graph;
    qn_arena *scratch;
    const qn_pass_options *options;
    qn_pass_stat *stats; /* one a row of the table */
    int64_t budget;
    int32_t stop_after;  /* row, or -1 */
    bool stopped;
    /* of the pass in progress */
    const qn_pass *pass;
    int64_t rewrites;
} driver;

static qn_status run_on_graph(qn_context *ctx, qn_graph *graph, void *arg) {
    driver *d = arg;
    qn_pass_run run = {.ctx = ctx, .graph = graph, .options = d->options, .scratch = d->scratch,
                       .pass = d->pass->name, .budget = &d->budget};
    qn_status status = d->pass->fn(&run);
    d->rewrites += run.rewrites;
    return status;
}

static qn_status infer_and_check(driver *d) {
    QN_TRY(qn_infer_graph(d->ctx, d->graph));
    return qn_graph_check(d->ctx, d->graph);
}

/* One pass over the graph and its subgraphs. */
static qn_status run_pass(driver *d, int32_t row) {
    d->rewrites = 0;
    if (d->stopped)
        return QN_OK;
    QN_TRY(qn_check_cancel(d->ctx));
    d->pass = &g_passes[row];
    const double start = qn_clock_seconds();
    qn_arena_reset(d->scratch);
    qn_status status = qn_graph_each(d->ctx, d->graph, run_on_graph, d);
    if (status == QN_OK && d->rewrites > 0)
        status = infer_and_check(d);
    if (status != QN_OK)
        return qn_fail_in(d->ctx, status, "pass %s", d->pass->name);
    d->stats[row].seconds += qn_clock_seconds() - start;
    d->stats[row].rewrites += d->rewrites;
    if (d->stop_after == row || d->budget == 0)
        d->stopped = true;
    return QN_OK;
}

static bool in_group(int32_t row, const char *group) { return strcmp(g_passes[row].group, group) == 0; }

static qn_status run_clean(driver *d) {
    for (int32_t round = 0; round < MAX_CLEAN_ROUNDS; round++) {
        int64_t changes = 0;
        for (int32_t i = 0; i < N_PASSES && !d->stopped; i++)
            if (in_group(i, "clean")) {
                QN_TRY(run_pass(d, i));
                changes += d->rewrites;
            }
        if (changes == 0 || d->stopped)
            return QN_OK;
    }
    qn_log(d->ctx, QN_LOG_WARN, "passes: still changing after %d rounds of cleaning", (int)MAX_CLEAN_ROUNDS);
    return QN_OK;
}

static qn_status run_all(driver *d) {
    QN_TRY(infer_and_check(d));
    QN_TRY(run_clean(d));
    for (int32_t i = 0; i < N_PASSES; i++)
        if (in_group(i, "fuse")) {
            QN_TRY(run_pass(d, i));
            if (d->rewrites > 0)
                QN_TRY(run_clean(d));
        }
    for (int32_t i = 0; i < N_PASSES; i++)
        if (in_group(i, "finish"))
            QN_TRY(run_pass(d, i));
    return QN_OK;
}

/* "--stop-after": a number of rewrites or the name of a pass. */
static qn_status parse_stop(driver *d, const char *text) {
    if (!text)
        return QN_OK;
    char *end;
    errno = 0;
    const long long n = strtoll(text, &end, 10);
    if (end != text && *end == 0 && errno == 0 && n >= 0) {
        d->budget = n;
        d->stopped = n == 0;
        return QN_OK;
    }
    d->stop_after = find_pass(text, strlen(text));
    if (d->stop_after < 0)
        return qn_fail(d->ctx, QN_USAGE, "stop after '%s': neither a pass nor a number of rewrites", text);
    return QN_OK;
}

static const qn_pass_options g_defaults = {.precision = QN_F32};

static qn_status start(driver *d, qn_context *ctx, qn_graph *graph, const qn_pass_options *options) {
    *d = (driver){.ctx = ctx, .graph = graph, .options = options ? options : &g_defaults, .budget = -1, .stop_after = -1};
    QN_NEW_ARRAY(ctx, graph->arena, d->stats, N_PASSES);
    for (int32_t i = 0; i < N_PASSES; i++)
        d->stats[i].name = g_passes[i].name;
    d->scratch = qn_arena_create();
    return d->scratch ? QN_OK : qn_fail_memory(ctx, 0, "passes");
}

qn_status qn_passes_run(qn_context *ctx, qn_graph *graph, const qn_pass_options *options, qn_pass_stat **stats,
                        int32_t *n_stats) {
    QN_TRY(check_order(ctx));
    driver d;
    QN_TRY(start(&d, ctx, graph, options));
    qn_status status = parse_stop(&d, d.options->stop_after);
    if (status == QN_OK)
        status = run_all(&d);
    qn_arena_destroy(d.scratch);
    QN_TRY(status);
    if (stats) {
        *stats = d.stats;
        *n_stats = N_PASSES;
    }
    return QN_OK;
}

static qn_status run_until_still(driver *d, int32_t row, int64_t *total) {
    QN_TRY(infer_and_check(d));
    for (int32_t round = 0; round < MAX_CLEAN_ROUNDS; round++) {
        QN_TRY(run_pass(d, row));
        *total += d->rewrites;
        if (d->rewrites == 0 || d->stopped)
            return QN_OK;
    }
    return qn_fail(d->ctx, QN_UNSUPPORTED, "pass %s: still changing after %d runs", g_passes[row].name,
                   (int)MAX_CLEAN_ROUNDS);
}

qn_status qn_pass_run_one(qn_context *ctx, qn_graph *graph, const char *name, const qn_pass_options *options,
                          int64_t *rewrites) {
    const int32_t row = find_pass(name, strlen(name));
    if (row < 0)
        return qn_fail(ctx, QN_USAGE, "there is no pass '%s'", name);
    driver d;
    QN_TRY(start(&d, ctx, graph, options));
    int64_t total = 0;
    qn_status status = run_until_still(&d, row, &total);
    qn_arena_destroy(d.scratch);
    if (rewrites)
        *rewrites = total;
    return status;
}
