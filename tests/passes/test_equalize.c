/* Equalisation: the same function, with the ratio of channels that its formula says. */
#include "tests/test.h"

#include <math.h>
#include <string.h>

#include "ir/text.h"
#include "passes/equalize.h"
#include "passes/statistics.h"
#include "tests/passes/evaluate.h"

static qn_status load(qn_context *ctx, void *user, int32_t index, const qn_graph *graph, qn_tensor *inputs, const char **name) {
    *name = "random";
    return qn_test_random_inputs(ctx, user, graph, 7 + (uint64_t)index, inputs);
}

static const char g_text[] = "input %x: float32[4,32]\nconst %scale: float32[32] = positive(1)\nconst %w: float32[32,48] = random(3)\n"
                             "const %u: float32[40,32] = random(5)\n%n = RMSNormalization(%x, %scale) {axis=1}\n%y = Linear(%n, %w)\n"
                             "%z = Linear(%n, %u) {trans_w=1}\noutput %y\noutput %z\n";

/* max |n| of each channel over both samples, and max |w| over both weights. */
static void look(qn_context *ctx, qn_arena *arena, qn_graph *graph, const qn_pass_options *options, double *x, double *w) {
    int64_t budget = -1;
    qn_pass_run run = {.ctx = ctx, .graph = graph, .options = options, .scratch = arena, .budget = &budget};
    qn_stat stat = {.value = qn_graph_find(graph, "n"), .flags = QN_STAT_CHANNEL, .axis = -1, .n_channels = 32};
    ASSERT_OK(ctx, qn_statistics_collect(&run, arena, &stat, 1));
    for (int k = 0; k < 32; k++) {
        x[k] = (double)stat.channel_max[k];
        w[k] = 0;
    }
    for (const qn_node *node = graph->first; node; node = node->next) {
        qn_tensor t;
        if (node->op != QN_OP_Linear)
            continue;
        const bool trans = qn_node_int(node, "trans_w", 0) != 0;
        ASSERT_OK(ctx, qn_const_eval(ctx, arena, node->in[1]->constant, &t));
        for (int64_t i = 0; i < t.dims[0] * t.dims[1]; i++) {
            const int64_t k = trans ? i % t.dims[1] : i / t.dims[1];
            w[k] = fmax(w[k], fabs((double)((const float *)t.data)[i]));
        }
    }
}

QN_TEST(passes_equalize_formula) {
    static const double alphas[] = {0.25, 0.5, 0.8, 1};
    for (int a = 0; a < 4; a++) {
        qn_context *ctx = qn_test_context();
        qn_arena *arena = qn_arena_create();
        const qn_samples samples = {.n = 2, .load = load, .user = arena};
        const qn_pass_options options = {.weights = "int8", .equalize = alphas[a], .samples = &samples};
        double x[32], w[32], x2[32], w2[32];
        qn_graph *graph;
        int64_t rewrites;
        ASSERT_OK(ctx, qn_graph_parse(ctx, g_text, &graph));
        ASSERT_OK(ctx, qn_infer_graph(ctx, graph));
        look(ctx, arena, graph, &options, x, w);
        ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "equalize_activations", &options, &rewrites));
        assert_int_equal(rewrites, 1); /* a second time there is nothing to move */
        look(ctx, arena, graph, &options, x2, w2);
        for (int k = 0; k < 32; k++) {
            const double s = pow(x[k], alphas[a]) / pow(w[k], 1 - alphas[a]);
            /* three roundings to float32 and those of the norm */
            assert_true(fabs(x2[k] * s / x[k] - 1) < 1e-5 && fabs(w2[k] / s / w[k] - 1) < 1e-6);
        }
        qn_graph_destroy(graph);
        qn_arena_destroy(arena);
        qn_context_destroy(ctx);
    }
}

/* Why a value is left. */
QN_TEST(passes_equalize_reasons) {
    static const struct {
        const char *text, *reason;
    } rows[] = {
        {"%n = Relu(%x)\n%y = Linear(%n, %w)", "what makes it cannot take factors of channels"},
        {"%n = Linear(%x, %v) {activation=\"SILU\"}\n%y = Linear(%n, %w)", "what makes it cannot take factors of channels"},
        {"%n = Linear(%x, %v, %b, %x)\n%y = Linear(%n, %w)", "what makes it cannot take factors of channels"},
        {"%n = RMSNormalization(%x, %s) {axis=1}\n%y = Linear(%n, %w)\n%z = Linear(%x, %w)\noutput %z",
         "something else than products by weights of their own reads it"},
        {"%n = RMSNormalization(%x, %s) {axis=1}\n%y = Linear(%n, %w, %b, %n)", "something else than products by weights of their own reads it"},
        {"%n = RMSNormalization(%x, %s) {axis=1}\n%y = Linear(%n, %w)\noutput %n", "it is an output"},
        {"%n = RMSNormalization(%x, %s) {axis=1}\n%y = Linear(%n, %w)", ""},
        {"%n = Linear(%x, %v) {activation=\"RELU\"}\n%y = Linear(%n, %w)", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        qn_context *ctx = qn_test_context();
        qn_arena *arena = qn_arena_create();
        qn_equal_site site;
        const char *reason;
        qn_graph *graph;
        qn_pass_run run = {.ctx = ctx, .scratch = arena};
        const char *text = qn_arena_printf(arena,
                                           "input %%x: float32[4,32]\nconst %%v: float32[32,32] = random(1)\nconst %%w: float32[32,32] = random(2)\n"
                                           "const %%b: float32[32] = random(3)\nconst %%s: float32[32] = positive(4)\n%s\noutput %%y\n",
                                           rows[i].text);
        ASSERT_OK(ctx, qn_graph_parse(ctx, text, &graph));
        ASSERT_OK(ctx, qn_infer_graph(ctx, graph));
        run.graph = graph;
        ASSERT_OK(ctx, qn_equal_find(&run, qn_graph_find(graph, "n"), &site, &reason));
        assert_string_equal(reason, rows[i].reason);
        if (!reason[0])
            assert_true(site.n == 32 && site.n_readers == 1);
        qn_graph_destroy(graph);
        qn_arena_destroy(arena);
        qn_context_destroy(ctx);
    }
}

/* Two channels of a norm are 40 times the others: static codes of one scale then have a step of a third of what the others are, until
 * the weights take their share. */
QN_TEST(passes_equalize_outliers) {
    static const char text[] = "input %x: float32[16,64]\nconst %scale: float32[64] = positive(1)\nconst %w: float32[64,48] = random(3)\n"
                               "const %out: float32[64] = {1, 40, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, "
                               "1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 40, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}\n"
                               "const %back: float32[64,1] = {1, 0.025, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, "
                               "1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.025, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}\n"
                               "%s = Mul(%scale, %out)\n%v = Mul(%w, %back)\n%n = RMSNormalization(%x, %s) {axis=1}\n%y = Linear(%n, %v)\noutput %y\n";
    double noise[2];
    for (int e = 0; e < 2; e++) {
        qn_context *ctx = qn_test_context();
        qn_arena *arena = qn_arena_create();
        const qn_samples samples = {.n = 3, .load = load, .user = arena};
        const qn_pass_options options = {.weights = "int8", .activations = "int8:static", .equalize = 0.5 * e, .samples = &samples};
        qn_tensor in, want, got;
        qn_graph *graph;
        ASSERT_OK(ctx, qn_graph_parse(ctx, text, &graph));
        ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "fold_constants", &options, NULL));
        ASSERT_OK(ctx, qn_test_random_inputs(ctx, arena, graph, 1, &in));
        ASSERT_OK(ctx, qn_test_evaluate(ctx, arena, graph, &in, &want));
        ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "equalize_activations", &options, NULL));
        ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "compress_weights", &options, NULL));
        ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "quantize_activations", &options, NULL));
        ASSERT_OK(ctx, qn_test_evaluate(ctx, arena, graph, &in, &got));
        noise[e] = 0;
        for (int64_t i = 0; i < 16 * 48; i++)
            noise[e] += pow((double)((const float *)got.data)[i] - (double)((const float *)want.data)[i], 2);
        qn_graph_destroy(graph);
        qn_arena_destroy(arena);
        qn_context_destroy(ctx);
    }
    /* the range is sqrt(40) instead of 40 times that of the others: 16 dB; half of that in amplitude is asked for */
    assert_true(noise[1] < noise[0] / 10);
}
