/* AWQ: factors that lower the error of products where few channels are large, and none where they would not. */
#include "tests/test.h"

#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "ir/text.h"
#include "passes/pass.h"
#include "passes/weights.h"
#include "quant/encode.h"
#include "tests/passes/evaluate.h"

enum { ROWS = 64, K = 96 };

static const char g_text[] = "input %x: float32[64,96]\nconst %g: float32[96] = positive(1)\nconst %w: float32[96,80] = random(2)\n"
                             "%n = RMSNormalization(%x, %g)\n%y = Linear(%n, %w)\noutput %y\n";

/* Channel 7 is `loud` times as large as others; samples differ. */
typedef struct feed {
    float x[2][ROWS * K];
} feed;

static void make_inputs(feed *f, float loud) {
    uint64_t seed = 5;
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < ROWS * K; i++)
            f->x[s][i] = (float)qn_random_normal(&seed) * (i % K == 7 ? loud : 1.0f);
}

static qn_tensor tensor_of(float *x) {
    return (qn_tensor){.dtype = QN_F32, .rank = 2, .dims = {ROWS, K}, .data = x, .n_bytes = sizeof(float) * ROWS * K};
}

static qn_status load(qn_context *ctx, void *user, int32_t index, const qn_graph *graph, qn_tensor *inputs, const char **name) {
    (void)ctx, (void)index, (void)graph;
    *name = "one";
    inputs[0] = tensor_of(((feed *)user)->x[0]);
    return QN_OK;
}

/* The graph under a scheme, filled, and how many rewrites the pass did. */
static qn_graph *convert(qn_context *ctx, const char *weights, const qn_samples *samples, int64_t *rewrites) {
    const qn_pass_options options = {.precision = QN_F32, .weights = weights, .samples = samples};
    qn_graph *graph = NULL;
    ASSERT_OK(ctx, qn_graph_parse(ctx, g_text, &graph));
    ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "scale_salient_channels", &options, rewrites));
    ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "compress_weights", &options, NULL));
    ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "compensate_weights", &options, NULL));
    qn_const *c = graph->last->in[1]->constant;
    const float *x;
    assert_non_null(c->expr);
    ASSERT_OK(ctx, qn_weight_numbers(ctx, graph->arena, c, &x));
    ASSERT_OK(ctx, qn_encode(ctx, graph->arena, c, x, c->part));
    c->expr = NULL;
    return graph;
}

static double error_of(qn_context *ctx, const qn_graph *graph, feed *f) {
    qn_arena *arena = qn_arena_create();
    qn_graph *reference = NULL;
    const qn_tensor x = tensor_of(f->x[1]);
    qn_tensor want, got;
    double sum = 0;
    ASSERT_OK(ctx, qn_graph_parse(ctx, g_text, &reference));
    ASSERT_OK(ctx, qn_infer_graph(ctx, reference));
    ASSERT_OK(ctx, qn_test_evaluate(ctx, arena, reference, &x, &want));
    ASSERT_OK(ctx, qn_test_evaluate(ctx, arena, graph, &x, &got));
    for (size_t i = 0; i < want.n_bytes / sizeof(float); i++) {
        const double d = (double)((const float *)want.data)[i] - (double)((const float *)got.data)[i];
        sum += d * d;
    }
    qn_graph_destroy(reference);
    qn_arena_destroy(arena);
    return sum;
}

QN_TEST(passes_scale_salient_channels_lowers_the_error_of_products) {
    qn_context *ctx = qn_test_context();
    feed *f = malloc(sizeof *f);
    assert_non_null(f);
    const qn_samples samples = {.n = 1, .load = load, .user = f};
    int64_t rewrites = 0;
    make_inputs(f, 8);
    qn_graph *scaled = convert(ctx, "int4:awq", &samples, &rewrites);
    assert_true(rewrites >= 1); /* until nothing changes: what is left to gain is taken too */
    qn_graph *plain = convert(ctx, "int4:mse", &samples, &rewrites);
    assert_int_equal(rewrites, 0);
    /* a channel 8 times as large makes 64 / (64 + 95) = 40 % of the error: finer steps for it take at least a quarter of that away */
    assert_true(error_of(ctx, scaled, f) < 0.9 * error_of(ctx, plain, f));
    qn_graph_destroy(scaled);
    qn_graph_destroy(plain);
    free(f);
    qn_context_destroy(ctx);
}

/* Without samples nothing is done here: compensate_weights refuses. */
QN_TEST(passes_scale_salient_channels_needs_samples) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph = NULL;
    const qn_pass_options options = {.precision = QN_F32, .weights = "int4:awq"};
    int64_t rewrites;
    ASSERT_OK(ctx, qn_graph_parse(ctx, g_text, &graph));
    ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "scale_salient_channels", &options, &rewrites));
    assert_int_equal(rewrites, 0);
    ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "compress_weights", &options, NULL));
    ASSERT_FAILS(ctx, QN_USAGE, "int4:awq needs calibration inputs (--calibrate)",
                 qn_pass_run_one(ctx, graph, "compensate_weights", &options, NULL));
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}
