/* Weights that are compensated: which are, why others are not, and that outputs err less on inputs that calibration has not seen. */
#include "tests/test.h"

#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "ir/text.h"
#include "passes/pass.h"
#include "passes/weights.h"
#include "quant/encode.h"
#include "tests/passes/evaluate.h"

enum { N_SAMPLES = 6, MOST = 4096, FACTORS = 4 };

typedef struct feed {
    float x[N_SAMPLES + 1][MOST]; /* the last is not among the samples */
} feed;

static qn_tensor tensor_of(const qn_graph *graph, float *x) {
    const qn_type *type = &graph->inputs[0].value->type;
    qn_tensor t = {.dtype = QN_F32, .rank = type->rank, .data = x};
    size_t n = 1;
    for (int32_t d = 0; d < type->rank; d++)
        n *= (size_t)(t.dims[d] = type->dims[d]);
    t.n_bytes = n * sizeof *x;
    return t;
}

static qn_status load(qn_context *ctx, void *user, int32_t index, const qn_graph *graph, qn_tensor *inputs, const char **name) {
    static const char *const names[N_SAMPLES] = {"first", "second", "third", "fourth", "fifth", "sixth"};
    (void)ctx;
    *name = names[index];
    inputs[0] = tensor_of(graph, ((feed *)user)->x[index]);
    return QN_OK;
}

/* Channels along `axis` share a few factors, as activations do. */
static void make_inputs(feed *f, const qn_graph *graph, int32_t axis) {
    uint64_t seed = 11;
    float mix[FACTORS][256];
    const qn_tensor t = tensor_of(graph, f->x[0]);
    const int64_t n = (int64_t)(t.n_bytes / sizeof(float));
    int64_t inner = 1;
    for (int32_t d = axis + 1; d < t.rank; d++)
        inner *= t.dims[d];
    assert_true(n <= MOST && t.dims[axis] <= 256);
    for (int k = 0; k < FACTORS; k++)
        for (int64_t c = 0; c < t.dims[axis]; c++)
            mix[k][c] = (float)qn_random_normal(&seed);
    for (int s = 0; s <= N_SAMPLES; s++) {
        float factor[FACTORS];
        for (int64_t o = 0; o < n / t.dims[axis] / inner; o++)
            for (int64_t i = 0; i < inner; i++) {
                for (int k = 0; k < FACTORS; k++)
                    factor[k] = (float)qn_random_normal(&seed);
                for (int64_t c = 0; c < t.dims[axis]; c++) {
                    float *x = &f->x[s][(o * t.dims[axis] + c) * inner + i];
                    *x = 0.2f * (float)qn_random_normal(&seed);
                    for (int k = 0; k < FACTORS; k++)
                        *x += factor[k] * mix[k][c];
                }
            }
    }
}

static qn_graph *compress(qn_context *ctx, const char *text, const qn_pass_options *options) {
    qn_graph *graph = NULL;
    ASSERT_OK(ctx, qn_graph_parse(ctx, text, &graph));
    ASSERT_OK(ctx, qn_infer_graph(ctx, graph));
    if (options)
        ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "compress_weights", options, NULL));
    return graph;
}

/* What is not ready yet is filled, as a package would be. */
static void fill(qn_context *ctx, qn_graph *graph) {
    for (qn_node *node = graph->first; node; node = node->next)
        for (int32_t i = 0; i < node->n_in; i++) {
            qn_const *c = node->in[i]->constant;
            const float *x;
            if (!c || !c->expr || c->encoding == QN_ENC_DENSE)
                continue;
            ASSERT_OK(ctx, qn_weight_numbers(ctx, graph->arena, c, &x));
            ASSERT_OK(ctx, qn_encode(ctx, graph->arena, c, x, c->part));
            c->expr = NULL;
        }
}

static double error_of(qn_context *ctx, const qn_graph *graph, const qn_graph *reference, feed *f) {
    qn_arena *arena = qn_arena_create();
    const qn_tensor x = tensor_of(graph, f->x[N_SAMPLES]);
    qn_tensor want, got;
    double sum = 0;
    ASSERT_OK(ctx, qn_test_evaluate(ctx, arena, reference, &x, &want));
    ASSERT_OK(ctx, qn_test_evaluate(ctx, arena, graph, &x, &got));
    assert_int_equal(want.n_bytes, got.n_bytes);
    for (size_t i = 0; i < want.n_bytes / sizeof(float); i++) {
        const double d = (double)((const float *)want.data)[i] - (double)((const float *)got.data)[i];
        sum += d * d;
    }
    qn_arena_destroy(arena);
    return sum;
}

static const qn_value *first_weight(const qn_graph *graph) {
    for (const qn_node *node = graph->first; node; node = node->next)
        for (int32_t i = 0; i < node->n_in; i++)
            if (node->in[i]->constant && node->in[i]->constant->encoding != QN_ENC_DENSE)
                return node->in[i];
    return NULL;
}

typedef struct example {
    const char *text, *weights;
    int32_t axis;       /* of the input's channels */
    bool ready;         /* GPTQ has made it */
    double at_most;     /* squared error of the outputs over that of plain codes */
    const char *reason; /* part of what is recorded */
} example;

#define LINEAR "input %x: float32[40,64]\nconst %w: float32[64,48] = random(1)\n%y = Linear(%x, %w)\noutput %y\n"
static const example g_examples[] = {
    {LINEAR, "int4:gptq", 1, true, 0.4, ""},
    {LINEAR, "int4:gptq:act_order:mse", 1, true, 0.4, ""},
    {LINEAR, "int8:gptq", 1, true, 0.4, ""},
    {LINEAR, "uint3:block=16:gptq", 1, true, 0.4, ""},
    {LINEAR, "palette3:gptq", 1, true, 0.4, ""},
    {LINEAR, "palette4:vector=2:gptq", 1, false, 1.05, "an index stands for several elements"},
    {LINEAR, "int4:prune=0.5:gptq", 1, false, 1.05, "importance only: pruned"},
    {LINEAR, "int3:importance", 1, false, 1.0, ""},
    /* two layers, both compensated */
    {"input %x: float32[40,64]\nconst %w: float32[64,48] = random(1)\nconst %v: float32[48,32] = random(2)\n"
     "%a = Linear(%x, %w)\n%b = Relu(%a)\n%y = Linear(%b, %v)\noutput %y\n", "int4:gptq", 1, true, 0.4, ""},
    /* two readers of one weight, in two layers */
    {"input %x: float32[40,48]\nconst %w: float32[48,48] = random(1)\n%a = MatMul(%x, %w)\n%b = Relu(%a)\n%c = MatMul(%b, %w)\n"
     "%y = Add(%c, %x)\noutput %y\n", "int4:gptq", 1, true, 0.6, ""},
    {"input %x: float32[2,20,64]\nconst %w: float32[64,48] = random(1)\n%y = MatMul(%x, %w)\noutput %y\n", "int4:gptq", 2, true, 0.4, ""},
    {"input %x: float32[64,40]\nconst %w: float32[48,64] = random(1)\n%y = MatMul(%w, %x)\noutput %y\n", "int4:gptq", 0, true, 0.4, ""},
    {"input %x: float32[64,40]\nconst %w: float32[48,64] = random(1)\n%y = Gemm(%x, %w) {transA=1, transB=1}\noutput %y\n", "int4:gptq", 0,
     true, 0.4, ""},
    {"input %x: float32[1,64,5,8]\nconst %w: float32[48,64,1,1] = random(1)\n%y = Conv(%x, %w)\noutput %y\n", "int4:gptq", 1, true, 0.4, ""},
    {"input %x: float32[1,32,5,8]\nconst %w: float32[48,32,3,3] = random(1)\n%y = Conv(%x, %w)\noutput %y\n", "int4:gptq", 1, false, 1.05,
     "importance only: its elements meet inputs of several places"},
    {"input %x: float32[1,64,5,8]\nconst %w: float32[48,32,1,1] = random(1)\n%y = Conv(%x, %w) {group=2}\noutput %y\n", "int4:gptq", 1, false,
     1.05, "importance only"},
    {"input %x: float32[40,64]\nconst %t: float32[48,64] = random(1)\nconst %i: int64[2] = {3, 5}\n%g = Gather(%t, %i)\n%s = ReduceSum(%g)\n"
     "%y = Add(%x, %s)\noutput %y\n", "int4:gptq", 1, false, 1.0, "rows are picked from it"},
};

QN_TEST(passes_compensate_weights_lowers_errors_or_says_why_not) {
    qn_context *ctx = qn_test_context();
    feed *f = malloc(sizeof *f);
    assert_non_null(f);
    for (size_t i = 0; i < sizeof g_examples / sizeof *g_examples; i++) {
        const example *e = &g_examples[i];
        const qn_samples samples = {.n = N_SAMPLES, .load = load, .user = f};
        const qn_pass_options options = {.precision = QN_F32, .weights = e->weights, .samples = &samples, .min_compress_elems = 1};
        qn_graph *reference = compress(ctx, e->text, NULL), *plain = compress(ctx, e->text, &options), *made = compress(ctx, e->text, &options);
        make_inputs(f, reference, e->axis);
        ASSERT_OK(ctx, qn_pass_run_one(ctx, made, "compensate_weights", &options, NULL));
        const qn_const *c = first_weight(made)->constant;
        if (getenv("QN_SHOW"))
            print_message("%d %s: '%s'\n", (int)i, e->weights, c->record->reason);
        assert_int_equal(c->expr == NULL, e->ready);
        assert_non_null(strstr(c->record->reason, e->reason));
        assert_true(e->reason[0] || !c->record->reason[0]);
        assert_int_equal(isnan(c->record->sqnr_db), !e->ready);
        fill(ctx, plain);
        fill(ctx, made);
        const double before = error_of(ctx, plain, reference, f), after = error_of(ctx, made, reference, f);
        if (getenv("QN_SHOW"))
            print_message("   %g -> %.3f\n", before, after / before);
        assert_true(before > 0 && after <= e->at_most * before);
        qn_graph_destroy(reference);
        qn_graph_destroy(plain);
        qn_graph_destroy(made);
    }
    free(f);
    qn_context_destroy(ctx);
}

QN_TEST(passes_compensate_weights_needs_samples) {
    qn_context *ctx = qn_test_context();
    static const char *const schemes[] = {"int4:gptq", "int4:importance"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        const qn_pass_options options = {.precision = QN_F32, .weights = schemes[i]};
        qn_graph *graph = compress(ctx, LINEAR, &options);
        qn_clear(ctx);
        ASSERT_FAILS(ctx, QN_USAGE, "needs calibration inputs (--calibrate)", qn_pass_run_one(ctx, graph, "compensate_weights", &options, NULL));
        assert_non_null(strstr(qn_context_message(ctx), schemes[i]));
        qn_graph_destroy(graph);
    }
    qn_context_destroy(ctx);
}

QN_TEST(passes_compensate_weights_refuses_samples_that_are_not_finite) {
    qn_context *ctx = qn_test_context();
    feed *f = malloc(sizeof *f);
    assert_non_null(f);
    const qn_samples samples = {.n = N_SAMPLES, .load = load, .user = f};
    const qn_pass_options options = {.precision = QN_F32, .weights = "int4:gptq", .samples = &samples};
    qn_graph *graph = compress(ctx, LINEAR, &options);
    make_inputs(f, graph, 1);
    f->x[2][77] = NAN;
    ASSERT_FAILS(ctx, QN_USAGE, "calibration input third makes numbers of 'x' that are not finite",
                 qn_pass_run_one(ctx, graph, "compensate_weights", &options, NULL));
    qn_graph_destroy(graph);
    free(f);
    qn_context_destroy(ctx);
}

/* Codes of a megabyte and more are mapped from a file without a name. */
QN_TEST(passes_compensate_weights_keeps_large_codes) {
    qn_context *ctx = qn_test_context();
    feed *f = malloc(sizeof *f);
    assert_non_null(f);
    const qn_samples samples = {.n = 1, .load = load, .user = f};
    const qn_pass_options options = {.precision = QN_F32, .weights = "int8:gptq", .samples = &samples};
    const char *text = "input %x: float32[2,64]\nconst %w: float32[64,20000] = random(1)\n%y = Linear(%x, %w)\noutput %y\n";
    qn_graph *graph = compress(ctx, text, &options), *reference = compress(ctx, text, NULL);
    make_inputs(f, graph, 1);
    ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "compensate_weights", &options, NULL));
    assert_int_equal(first_weight(graph)->constant->part[QN_PART_CODES].n, 64 * 20000);
    /* weights up to 5 in 127 steps: an error of 0.02 an element and input, at most */
    memcpy(f->x[N_SAMPLES], f->x[0], sizeof f->x[0]);
    assert_true(error_of(ctx, graph, reference, f) < 2 * 20000 * (0.02 * 0.02) * 64);
    qn_graph_destroy(graph);
    qn_graph_destroy(reference);
    free(f);
    qn_context_destroy(ctx);
}
