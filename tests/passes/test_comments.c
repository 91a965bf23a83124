/* Runs the comments of the passes: Before becomes After, with the same numbers, and Unchanged stays as it is. */
#include "tests/test.h"

#include <stdlib.h>

#include "compare/metrics.h"
#include "ir/text.h"
#include "passes/pass.h"
#include "tests/passes/comment.h"
#include "tests/passes/evaluate.h"
#include "tests/passes/same.h"

enum { MAX_PORTS = 16, MAX_KEEP = 8 };

/* The default bound: rewrites change the order of float32 roundings, of which there are some hundred in the sums of
 * these examples; 100 * 2^-24 is 6e-6. */
static const double g_bound = 1e-5;

typedef struct check {
    qn_context *ctx;
    qn_arena *arena;
    const char *pass;
    const qn_block *block;
    qn_pass_options options;
    const char *keep[MAX_KEEP];
    double bound;
    const char *first;
    qn_samples samples;
} check;

#define FAIL(c, ...) fail_msg("passes/%s.c:%d: %s", (c)->pass, (c)->block->line, qn_arena_printf((c)->arena, __VA_ARGS__))
#define OK(c, call)                                                   \
    do {                                                              \
        if ((call) != QN_OK)                                          \
            FAIL(c, "%s: %s", #call, qn_context_message((c)->ctx));   \
    } while (0)

/* Sample 0 is the input that the numbers are compared on. */
static qn_status load_sample(qn_context *ctx, void *user, int32_t index, const qn_graph *graph, qn_tensor *inputs, const char **name) {
    *name = "random";
    return qn_test_random_inputs(ctx, ((check *)user)->arena, graph, 1 + (uint64_t)index, inputs);
}

/* "precision=float16, bound=2e-3" */
static void parse_options(check *c, const char *label) {
    char *text = qn_arena_strdup(c->arena, label), *save = NULL;
    c->options = (qn_pass_options){.precision = QN_F32, .keep_fp32 = c->keep};
    c->bound = g_bound;
    c->first = NULL;
    for (char *item = strtok_r(text, ", ", &save); item; item = strtok_r(NULL, ", ", &save)) {
        char *value = strchr(item, '=');
        if (!value)
            FAIL(c, "'%s' is no option", item);
        *value++ = 0;
        if (strcmp(item, "precision") == 0)
            c->options.precision = qn_dtype_from_name(value);
        else if (strcmp(item, "weights") == 0)
            c->options.weights = value;
        else if (strcmp(item, "activations") == 0)
            c->options.activations = value;
        else if (strcmp(item, "first") == 0)
            c->first = value;
        else if (strcmp(item, "fold_limit") == 0)
            c->options.fold_limit_bytes = strtoll(value, NULL, 10);
        else if (strcmp(item, "min_compress") == 0)
            c->options.min_compress_elems = strtoll(value, NULL, 10);
        else if (strcmp(item, "correct_bias") == 0)
            c->options.correct_bias = true;
        else if (strcmp(item, "equalize") == 0)
            c->options.equalize = strtod(value, NULL);
        else if (strcmp(item, "samples") == 0) {
            c->samples = (qn_samples){.n = (int32_t)strtol(value, NULL, 10), .load = load_sample, .user = c};
            c->options.samples = &c->samples;
        } else if (strcmp(item, "bound") == 0)
            c->bound = strtod(value, NULL);
        else if (strcmp(item, "keep_fp32") == 0 && c->options.n_keep_fp32 < MAX_KEEP)
            c->keep[c->options.n_keep_fp32++] = value;
        else
            FAIL(c, "there is no option '%s'", item);
    }
}

static qn_graph *parse(check *c, const qn_block *block) {
    qn_graph *graph = NULL;
    c->block = block;
    OK(c, qn_graph_parse(c->ctx, block->text, &graph));
    if (graph->n_outputs == 0 || graph->n_outputs > MAX_PORTS || graph->n_inputs > MAX_PORTS)
        FAIL(c, "%d inputs and %d outputs", graph->n_inputs, graph->n_outputs);
    if (c->first && block->kind != QN_BLOCK_AFTER)
        OK(c, qn_pass_run_one(c->ctx, graph, c->first, &c->options, NULL));
    return graph;
}

/* The graph as text, for messages. */
static const char *print(check *c, const qn_graph *graph) {
    qn_buf buf = QN_BUF_INIT;
    OK(c, qn_graph_print(c->ctx, graph, &buf));
    const char *text = qn_arena_strdup(c->arena, buf.data ? buf.data : "");
    qn_buf_free(&buf);
    return text;
}

static void compare_numbers(check *c, const qn_graph *before, const qn_graph *after) {
    qn_tensor in[MAX_PORTS], want[MAX_PORTS], got[MAX_PORTS];
    OK(c, qn_test_random_inputs(c->ctx, c->arena, before, 1, in));
    OK(c, qn_test_evaluate(c->ctx, c->arena, before, in, want));
    OK(c, qn_test_evaluate(c->ctx, c->arena, after, in, got));
    for (int32_t i = 0; i < before->n_outputs; i++) {
        qn_metrics m;
        if (want[i].dtype != got[i].dtype)
            FAIL(c, "output %d is %s, was %s", i, qn_dtype_name(got[i].dtype), qn_dtype_name(want[i].dtype));
        OK(c, qn_metrics_compute(c->ctx, &want[i], &got[i], NULL, 0, 0, &m));
        if (m.n == 0)
            FAIL(c, "output %d is empty", i);
        if (!(m.max_rel <= (qn_dtype_is_float(want[i].dtype) ? c->bound : 0)))
            FAIL(c, "output %d is off by %g of its largest magnitude, bound %g", i, m.max_rel, c->bound);
    }
}

static void check_after(check *c, const qn_block *before, const qn_block *after) {
    qn_graph *source = parse(c, before), *graph = parse(c, before), *want = parse(c, after);
    int64_t rewrites = 0;
    OK(c, qn_pass_run_one(c->ctx, graph, c->pass, &c->options, &rewrites));
    if (rewrites == 0)
        FAIL(c, "nothing was rewritten");
    const char *why = qn_test_same_graph(c->ctx, c->arena, want, graph, after->any);
    if (why)
        FAIL(c, "%s; the pass made\n%s", why, print(c, graph));
    compare_numbers(c, source, graph);
    qn_graph_destroy(want);
    qn_graph_destroy(graph);
    qn_graph_destroy(source);
}

static void check_unchanged(check *c, const qn_block *block) {
    qn_graph *graph = parse(c, block), *want = parse(c, block);
    int64_t rewrites = 0;
    OK(c, qn_pass_run_one(c->ctx, graph, c->pass, &c->options, &rewrites));
    const char *why = qn_test_same_graph(c->ctx, c->arena, want, graph, block->any);
    if (rewrites > 0 || why)
        FAIL(c, "(%s): %lld rewrites; the pass made\n%s", block->label, (long long)rewrites, print(c, graph));
    qn_graph_destroy(want);
    qn_graph_destroy(graph);
}

static void check_pass(const char *pass) {
    check c = {.ctx = qn_test_context(), .arena = qn_arena_create(), .pass = pass};
    const char *path = qn_arena_printf(c.arena, "passes/%s.c", pass);
    const char *source = qn_comment_file(c.arena, path);
    const qn_block *blocks;
    int32_t n, kinds[3] = {0};
    if (!source)
        fail_msg("%s: not there", path);
    const char *why = qn_comment_blocks(c.arena, source, pass, &blocks, &n);
    if (why)
        fail_msg("%s: %s", path, why);
    for (int32_t i = 0; i < n; i++) {
        const qn_block *block = &blocks[i];
        kinds[block->kind]++;
        c.block = block;
        parse_options(&c, blocks[block->before].label);
        if (block->kind == QN_BLOCK_AFTER)
            check_after(&c, &blocks[block->before], block);
        else if (block->kind == QN_BLOCK_UNCHANGED)
            check_unchanged(&c, block);
        else if (i + 1 == n || blocks[i + 1].kind == QN_BLOCK_BEFORE)
            FAIL(&c, "a Before without After");
    }
    if (kinds[QN_BLOCK_BEFORE] == 0 || kinds[QN_BLOCK_AFTER] == 0 || kinds[QN_BLOCK_UNCHANGED] == 0)
        fail_msg("%s: the comment needs Before, After and Unchanged blocks", path);
    qn_arena_destroy(c.arena);
    qn_context_destroy(c.ctx);
}

#define QN_PASS(NAME, ...) \
    QN_TEST(passes_##NAME##_comment) { check_pass(#NAME); }
#include "passes.def"
#undef QN_PASS
