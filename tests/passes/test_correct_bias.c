/* Bias correction: means of outputs on the calibration inputs are the source's. */
#include "tests/test.h"

#include <math.h>
#include <string.h>

#include "ir/text.h"
#include "passes/pass.h"
#include "quant/encode.h"
#include "tests/passes/evaluate.h"

enum { N_SAMPLES = 3 };

static qn_status load(qn_context *ctx, void *user, int32_t index, const qn_graph *graph, qn_tensor *inputs, const char **name) {
    *name = "random";
    return qn_test_random_inputs(ctx, user, graph, 40 + (uint64_t)index, inputs);
}

/* Sums of each channel (axis `axis` of the output) over all samples; their number of terms in the result. */
static int64_t sum_channels(qn_context *ctx, qn_arena *arena, const qn_graph *graph, int32_t axis, double *sums) {
    int64_t n = 0;
    for (int32_t s = 0; s < N_SAMPLES; s++) {
        qn_tensor in, out;
        ASSERT_OK(ctx, qn_test_random_inputs(ctx, arena, graph, 40 + (uint64_t)s, &in));
        ASSERT_OK(ctx, qn_test_evaluate(ctx, arena, graph, &in, &out));
        int64_t inner = 1;
        for (int32_t d = axis + 1; d < out.rank; d++)
            inner *= out.dims[d];
        for (int64_t i = 0; i < (int64_t)(out.n_bytes / 4); i++)
            sums[i / inner % out.dims[axis]] += (double)((const float *)out.data)[i];
        n += (int64_t)(out.n_bytes / 4) / out.dims[axis];
    }
    return n;
}

/* Encoded expressions become what filling makes of them. */
static qn_status encode_weights(qn_context *ctx, qn_arena *arena, qn_graph *graph) {
    for (qn_node *node = graph->first; node; node = node->next)
        for (int32_t i = 0; i < node->n_in; i++) {
            qn_const *c = node->in[i] ? node->in[i]->constant : NULL;
            qn_tensor t;
            if (!c || c->encoding == QN_ENC_DENSE || !c->expr)
                continue;
            QN_TRY(qn_const_eval(ctx, arena, c, &t));
            QN_TRY(qn_encode(ctx, arena, c, t.data, c->part));
            c->expr = NULL;
        }
    return QN_OK;
}

typedef struct row {
    const char *text;
    int32_t axis, n_channels;
    const char *weights;
} row;

/* Windows of 1 x 1, so that no border counts for E what it is not. */
static const row g_rows[] = {
    {"input %x: float32[5,64]\nconst %w: float32[64,32] = random(1)\nconst %b: float32[32] = random(2)\n%r = Sigmoid(%x)\n"
     "%y = Linear(%r, %w, %b)\noutput %y\n", 1, 32, "int4:per_channel"},
    {"input %x: float32[5,64]\nconst %w: float32[32,64] = random(1)\n%r = Sigmoid(%x)\n%y = Linear(%r, %w) {trans_w=1}\noutput %y\n",
     1, 32, "int4:block=32"},
    {"input %x: float32[5,64]\nconst %w: float32[64,32] = random(1)\n%r = Sigmoid(%x)\n%y = Linear(%r, %w)\noutput %y\n", 1, 32,
     "palette3"},
    {"input %x: float32[2,64,3,4]\nconst %w: float32[32,64,1,1] = random(1)\nconst %b: float32[32] = random(2)\n%r = Sigmoid(%x)\n"
     "%y = Conv(%r, %w, %b)\noutput %y\n", 1, 32, "int4:per_channel"},
    {"input %x: float32[2,128,3,4]\nconst %w: float32[64,32,1,1] = random(1)\n%r = Sigmoid(%x)\n%y = Conv(%r, %w) {group=4}\noutput %y\n",
     1, 64, "int4:per_channel"},
};

/* float32 sums of 128 products up to about 4, and the float32 bias: 1e-5. The codes move means by 1e-2. */
QN_TEST(passes_correct_bias_means) {
    for (size_t r = 0; r < sizeof g_rows / sizeof g_rows[0]; r++) {
        qn_context *ctx = qn_test_context();
        qn_arena *arena = qn_arena_create();
        double want[64] = {0}, plain[64] = {0}, got[64] = {0}, worst = 0, before = 0;
        const qn_samples samples = {.n = N_SAMPLES, .load = load, .user = arena};
        const qn_pass_options options = {.weights = g_rows[r].weights, .correct_bias = true, .samples = &samples};
        qn_graph *graph;
        int64_t rewrites;
        ASSERT_OK(ctx, qn_graph_parse(ctx, g_rows[r].text, &graph));
        const int64_t n = sum_channels(ctx, arena, graph, g_rows[r].axis, want);
        ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "compress_weights", &options, &rewrites));
        assert_int_equal(rewrites, 1);
        ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "correct_bias", &options, &rewrites));
        assert_int_equal(rewrites, 1); /* and not again */
        /* the evaluator applies no encoding: the correction itself must be what makes up for it */
        sum_channels(ctx, arena, graph, g_rows[r].axis, plain);
        ASSERT_OK(ctx, encode_weights(ctx, arena, graph));
        sum_channels(ctx, arena, graph, g_rows[r].axis, got);
        for (int32_t i = 0; i < g_rows[r].n_channels; i++) {
            worst = fmax(worst, fabs(got[i] - want[i]) / (double)n);
            before = fmax(before, fabs(plain[i] - want[i]) / (double)n);
        }
        if (!(worst < 1e-5 && before > 1e-3))
            fail_msg("row %zu: means off by %g, the correction is %g", r, worst, before);
        qn_graph_destroy(graph);
        qn_arena_destroy(arena);
        qn_context_destroy(ctx);
    }
}

QN_TEST(passes_correct_bias_refused) {
    static const char *const passes[] = {"correct_bias", "equalize_activations", "quantize_activations"};
    static const char *const messages[] = {"bias correction needs calibration inputs", "equalisation needs calibration inputs",
                                           "activations int8:static need calibration inputs"};
    for (int i = 0; i < 3; i++) {
        qn_context *ctx = qn_test_context();
        const qn_pass_options options = {.weights = "int8", .activations = "int8:static", .correct_bias = true, .equalize = 0.5};
        qn_graph *graph;
        ASSERT_OK(ctx, qn_graph_parse(ctx, g_rows[0].text, &graph));
        ASSERT_FAILS(ctx, QN_USAGE, messages[i], qn_pass_run_one(ctx, graph, passes[i], &options, NULL));
        qn_graph_destroy(graph);
        qn_context_destroy(ctx);
    }
}
