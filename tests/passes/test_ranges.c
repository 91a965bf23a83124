/* Ranges on calibration inputs: what is observed, and what convert_precision then keeps in float32. */
#include "tests/test.h"

#include <math.h>
#include <stdio.h>

#include "ir/text.h"
#include "passes/precision.h"

/* Samples that the tests hold: float32[2,4] for %x, and a bool for %f when the graph has two inputs. */
typedef struct sample {
    float x[8];
    bool f;
} sample;

static qn_status load(qn_context *ctx, void *user, int32_t index, const qn_graph *graph, qn_tensor *inputs, const char **name) {
    sample *s = (sample *)user + index;
    (void)ctx;
    *name = index ? "second" : "first";
    inputs[0] = (qn_tensor){.dtype = QN_F32, .rank = 2, .dims = {2, 4}, .data = s->x, .n_bytes = sizeof s->x};
    if (graph->n_inputs > 1)
        inputs[1] = (qn_tensor){.dtype = QN_BOOL, .rank = 0, .data = &s->f, .n_bytes = 1};
    return QN_OK;
}

typedef struct row {
    const char *name, *text;
    sample samples[2];
    const char *narrow, *wide; /* values, each with a space behind it */
    const char *reason;        /* of one of the nodes kept, or NULL: none is */
} row;

static const row g_rows[] = {
    {"nothing leaves the range",
     "input %x: float32[2,4]\nconst %k: float32[] = 1000\n%a = Mul(%x, %k)\n%y = Tanh(%a)\noutput %y\n",
     {{{1, -2, 3, -16}, false}, {{0}, false}}, "a y ", "x ", NULL},
    {"a value over a quarter of the range, and what reads it",
     "input %x: float32[2,4]\nconst %k: float32[] = 1000\n%r = Relu(%x)\n%a = Mul(%r, %k)\n%b = Tanh(%a)\n%y = Relu(%b)\noutput %y\n",
     {{{1, -2, 3, 4}, false}, {{0, 17}, false}}, "r y ", "x a b ", "|x| reaches 17000 on calibration inputs, over a quarter"},
    {"a sample that overflows, whichever it is",
     "input %x: float32[2,4]\nconst %k: float32[] = 10000\n%r = Relu(%x)\n%a = Mul(%r, %k)\n%y = Tanh(%a)\noutput %y\n",
     {{{-1, 8.1234f}, false}, {{1, 1}, false}}, "r ", "a y ", "|x| reaches 81234 on calibration inputs, float16 ends at 65504"},
    {"a product with weights",
     "input %x: float32[2,4]\nconst %w: float32[4,64] = positive(1)\nconst %k: float32[] = 16000\n%a = Mul(%x, %k)\n"
     "%p = Linear(%a, %w)\n%g = Softmax(%p)\n%y = Relu(%g)\noutput %y\n",
     {{{1, 1, 1, 1, 1, 1, 1, 1}, false}, {{0}, false}}, "a y ", "p w g ", "|x| of what it reads reaches"},
    {"values so small that all are subnormal",
     "input %x: float32[2,4]\nconst %k: float32[] = 1e-5\n%r = Relu(%x)\n%a = Mul(%r, %k)\n%y = Relu(%a)\noutput %y\n",
     {{{1, 6}, false}, {{0}, false}}, "r ", "a y ", "|x| stays under 6e-05 on calibration inputs, float16 is subnormal"},
    {"one element that is normal is enough, and zeros are no range",
     "input %x: float32[2,4]\nconst %k: float32[] = 1e-5\n%a = Mul(%x, %k)\n%b = Relu(%a)\n%n = Neg(%b)\n%z = Relu(%n)\n"
     "output %b\noutput %z\n",
     {{{1, 6}, false}, {{0, 0, 9}, false}}, "a b n z ", "", NULL},
    {"the fill of a mask",
     "input %x: float32[2,4]\ninput %f: bool[]\nconst %k: float32[] = -3e38\n%r = Relu(%x)\n%a = Where(%f, %r, %k)\n%y = Softmax(%a)\n"
     "output %y\n",
     {{{1, 6}, true}, {{0, 0, 9}, false}}, "r a y ", "", NULL},
    {"through views",
     "input %x: float32[2,4]\nconst %k: float32[] = 10000\nconst %to: int64[1] = {8}\n%r = Relu(%x)\n%a = Mul(%r, %k)\n"
     "%v = Reshape(%a, %to)\n%s = Sigmoid(%v)\n%y = Relu(%s)\noutput %y\n",
     {{{7}, false}, {{1}, false}}, "r y ", "a v s ", "|x| of what it reads reaches 70000"},
    {"in the branch that a sample takes",
     "input %x: float32[2,4]\ninput %f: bool[]\nconst %k: float32[] = 10000\n%r = Relu(%x)\n"
     "%b = If(%f) {then_branch={\n%m = Mul(%r, %k)\noutput %m\n}, else_branch={\n%n = Neg(%r)\noutput %n\n}}\n"
     "%y = Tanh(%b)\noutput %y\n",
     {{{7}, false}, {{7}, true}}, "r ", "b y ", "|x| reaches 70000"},
    {"an input",
     "input %x: float32[2,4]\n%r = Relu(%x)\n%y = Sigmoid(%r)\noutput %y\n",
     {{{-70000}, false}, {{1}, false}}, "y ", "r x ", "|x| of what it reads reaches 70000"},
};

static void check_dtypes(const row *r, const qn_graph *graph, const char *names, qn_dtype dtype) {
    char name[32];
    for (const char *p = names; *p;) {
        const size_t n = strcspn(p, " ");
        snprintf(name, sizeof name, "%.*s", (int)n, p);
        const qn_value *v = qn_graph_find(graph, name);
        if (!v || v->type.dtype != dtype)
            fail_msg("%s: '%s' is %s, not %s", r->name, name, v ? qn_dtype_name(v->type.dtype) : "gone", qn_dtype_name(dtype));
        p += n + 1;
    }
}

static void check_row(qn_context *ctx, const row *r) {
    qn_graph *graph;
    row copy = *r;
    qn_kept_nodes kept = {.arena = qn_arena_create()};
    const qn_samples samples = {.n = 2, .load = load, .user = copy.samples};
    const qn_pass_options options = {.precision = QN_F16, .samples = &samples, .kept = &kept};
    bool found = r->reason == NULL;
    ASSERT_OK(ctx, qn_graph_parse(ctx, r->text, &graph));
    ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "convert_precision", &options, NULL));
    check_dtypes(r, graph, r->narrow, QN_F16);
    check_dtypes(r, graph, r->wide, QN_F32);
    for (int32_t i = 0; i < kept.n; i++) {
        found = found || strstr(kept.rows[i].reason, r->reason);
        assert_true(kept.rows[i].calibrated && kept.rows[i].max_abs > 0);
    }
    if (!found || (!r->reason && kept.n))
        fail_msg("%s: %d kept, the first for '%s'", r->name, kept.n, kept.n ? kept.rows[0].reason : "");
    qn_arena_destroy(kept.arena);
    qn_graph_destroy(graph);
}

QN_TEST(passes_ranges_cases) {
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof g_rows / sizeof g_rows[0]; i++)
        check_row(ctx, &g_rows[i]);
    qn_context_destroy(ctx);
}

/* bfloat16 has the range of float32: the samples are not even run. */
static qn_status refuse(qn_context *ctx, void *user, int32_t index, const qn_graph *graph, qn_tensor *inputs, const char **name) {
    (void)user, (void)index, (void)graph, (void)inputs, (void)name;
    return qn_fail(ctx, QN_SYSTEM, "a sample was read");
}

QN_TEST(passes_ranges_are_for_float16) {
    qn_context *ctx = qn_test_context();
    const qn_samples samples = {.n = 1, .load = refuse};
    static const qn_dtype dtypes[] = {QN_F32, QN_BF16, QN_F16};
    for (int i = 0; i < 3; i++) {
        qn_graph *graph;
        const qn_pass_options options = {.precision = dtypes[i], .samples = &samples};
        ASSERT_OK(ctx, qn_graph_parse(ctx, g_rows[0].text, &graph));
        qn_status status = qn_pass_run_one(ctx, graph, "convert_precision", &options, NULL);
        assert_int_equal(status, dtypes[i] == QN_F16 ? QN_SYSTEM : QN_OK);
        qn_graph_destroy(graph);
    }
    qn_context_destroy(ctx);
}

/* The reasons of the rules, one a rule. */
QN_TEST(passes_ranges_static_reasons) {
    static const struct {
        const char *text, *node, *reason;
    } rows[] = {
        {"%a = Mul(%x, %x)\n%y = Relu(%a)", "a", "the square has an open range"},
        {"%a = Mul(%x, %x)\n%y = Relu(%a)", "y", "it reads an open range"},
        {"const %two: float32[] = 2\n%y = Pow(%x, %two)", "y", "a power has an open range"},
        {"%y = Exp(%x)", "y", "an exponential has an open range"},
        {"const %e: float32[] = 1e-9\n%y = Add(%x, %e)", "y", "a constant of it is too small for the narrow dtype"},
        {"const %one: float32[] = 1\n%y = Div(%one, %x)", "y", "a reciprocal has an open range"},
        {"%r = Reciprocal(%x)\n%y = Sqrt(%r)", "y", "it reads one over an open range"},
        {"input %i: int64[4]\n%a = Cast(%i) {to=1}\n%y = Neg(%a)", "a", "it is made from whole numbers"},
        {"input %i: int64[4]\n%a = Cast(%i) {to=1}\n%y = Neg(%a)", "y", "it reads counts or positions"},
        {"%y = Relu@float32(%x)", "y", "marked float32 where the graph was built"},
        {"%y = Tanh(%x)", "y", "named by keep_fp32 'Tanh': it is the last"},
    };
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static const char *const keep[] = {"Tanh"}, *const why[] = {"it is the last"};
        char text[400];
        qn_graph *graph;
        const char *reason = "";
        qn_kept_nodes kept = {.arena = qn_arena_create()};
        const qn_pass_options options = {.precision = QN_F16, .kept = &kept, .keep_fp32 = keep, .n_keep_fp32 = 1, .keep_why = why};
        snprintf(text, sizeof text, "input %%x: float32[2,4]\n%s\noutput %%y\n", rows[i].text);
        ASSERT_OK(ctx, qn_graph_parse(ctx, text, &graph));
        ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "convert_precision", &options, NULL));
        for (int32_t k = 0; k < kept.n && !reason[0]; k++)
            if (strcmp(kept.rows[k].node, rows[i].node) == 0) {
                reason = kept.rows[k].reason;
                assert_true(isnan(kept.rows[k].max_abs) && !kept.rows[k].calibrated);
            }
        assert_string_equal(reason, rows[i].reason);
        qn_arena_destroy(kept.arena);
        qn_graph_destroy(graph);
    }
    qn_context_destroy(ctx);
}
