/* Rules of weight schemes: what a pattern names, which of several wins, and what a rule does that plain options do not. */
#include <stdio.h>

#include "ir/text.h"
#include "passes/report.h"
#include "passes/weight_rules.h"
#include "tests/test.h"

enum { MAX_RULES = 4 };

/* %q is made of %k by an expression that the graph keeps, as merged projections are. */
static const char g_text[] = "input %x: float32[3,64]\n"
                             "const %enc.w1: float32[64,64] = random(1)\n"
                             "const %enc.w2: float32[64,64] = random(2)\n"
                             "const %small: float32[64,8] = random(3)\n"
                             "const %b: float32[64] = random(4)\n"
                             "%one = Linear(%x, %enc.w1, %b)\n"
                             "%two = MatMul(%one, %enc.w2)\n"
                             "%y = MatMul(%two, %small)\n"
                             "output %y\n";

typedef struct row {
    const char *all;
    qn_weight_rule rules[MAX_RULES];
    const char *w1, *w2; /* schemes; "": left */
} row;

static const row g_rows[] = {
    {NULL, {{"enc.w1", "int8"}}, "int8", ""},
    {"int4", {{"enc.w1", "int8"}}, "int8", "int4"},
    {"int4", {{"enc.*", "int8"}}, "int8", "int8"},
    {"int4", {{"enc.w?", "none"}}, "", ""},
    {"int8", {{"one", "int6"}}, "int6", "int8"},                       /* the node that reads it */
    {"int8", {{"Linear", "int6"}}, "int6", "int8"},                    /* its op */
    {"int8", {{"op:MatMul", "int6"}}, "int8", "int6"},
    {"int8", {{"op:Mat*", "int6"}}, "int8", "int6"},
    {"int8", {{"Mat*", "int6"}}, "int8", "int8"},                      /* without op: a glob is of names */
    {"int8", {{"op:matmul", "int6"}}, "int8", "int8"},
    {NULL, {{"enc.w1", "int8"}, {"enc.*", "int4"}}, "int8", "int4"},   /* its name over a pattern, whatever the order */
    {NULL, {{"*c.w*", "int3"}, {"*w*", "int4"}}, "int3", "int3"},      /* more characters */
    {NULL, {{"enc.*", "int3"}, {"*.w1", "int4"}}, "int3", "int3"},     /* as many: four over three */
    {NULL, {{"enc*", "int3"}, {"*.w1", "int4"}}, "int4", "int3"},      /* as many: the last */
    {NULL, {{"*.w1", "int4"}, {"enc*", "int3"}}, "int3", "int3"},
    {NULL, {{"*", "int4"}, {"Linear", "int8"}}, "int4", "int4"},       /* any name over an op */
    {"int8", {{"nothing", "int4"}}, "int8", "int8"},
    {"none", {{"enc.w2", "nf4"}}, "", "nf4"},
};

static qn_graph *compress(qn_context *ctx, const qn_pass_options *options) {
    qn_graph *graph;
    ASSERT_OK(ctx, qn_graph_parse(ctx, g_text, &graph));
    ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "compress_weights", options, NULL));
    return graph;
}

static int32_t count(const qn_weight_rule *rules) {
    int32_t n = 0;
    while (n < MAX_RULES && rules[n].pattern)
        n++;
    return n;
}

static const qn_const_record *record(const qn_graph *graph, const char *name) {
    const qn_const *c = qn_graph_find(graph, name)->constant;
    assert_non_null(c->record);
    assert_int_equal(c->record->scheme[0] == 0, c->encoding == QN_ENC_DENSE);
    return c->record;
}

QN_TEST(passes_weight_rules_find) {
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof g_rows / sizeof g_rows[0]; i++) {
        const qn_pass_options options = {.precision = QN_F32, .weights = g_rows[i].all, .weight_rules = g_rows[i].rules,
                                         .n_weight_rules = count(g_rows[i].rules)};
        qn_graph *graph = compress(ctx, &options);
        const char *w1 = record(graph, "enc.w1")->scheme, *w2 = record(graph, "enc.w2")->scheme;
        if (strcmp(w1, g_rows[i].w1) != 0 || strcmp(w2, g_rows[i].w2) != 0)
            fail_msg("row %d: '%s' and '%s', not '%s' and '%s'", (int)i, w1, w2, g_rows[i].w1, g_rows[i].w2);
        qn_graph_destroy(graph);
    }
    qn_context_destroy(ctx);
}

/* Under 1024 elements is left, but where a rule has its very name. */
QN_TEST(passes_weight_rules_small) {
    static const qn_weight_rule named = {"small", "int8"}, glob = {"smal?", "int8"}, op = {"op:MatMul", "int8"};
    const qn_weight_rule *const rules[] = {&named, &glob, &op};
    qn_context *ctx = qn_test_context();
    for (int i = 0; i < 3; i++) {
        qn_graph *graph = compress(ctx, &(qn_pass_options){.precision = QN_F32, .weight_rules = rules[i], .n_weight_rules = 1});
        assert_string_equal(record(graph, "small")->scheme, i == 0 ? "int8" : "");
        assert_string_equal(record(graph, "small")->reason, i == 0 ? "" : "under 1024 elements");
        qn_graph_destroy(graph);
    }
    qn_context_destroy(ctx);
}

/* Why the others are as they were. */
QN_TEST(passes_weight_rules_reasons) {
    static const qn_weight_rule rules[] = {{"enc.w1", "none"}};
    qn_context *ctx = qn_test_context();
    qn_graph *graph = compress(ctx, &(qn_pass_options){.precision = QN_F32, .weight_rules = rules, .n_weight_rules = 1});
    assert_string_equal(record(graph, "enc.w1")->reason, "left by a rule");
    assert_string_equal(record(graph, "enc.w2")->reason, "no scheme is asked for it");
    assert_string_equal(record(graph, "b")->reason, "bias");
    qn_graph_destroy(graph);
    graph = compress(ctx, &(qn_pass_options){.precision = QN_F32, .weights = "none"});
    assert_string_equal(record(graph, "enc.w1")->reason, "left, as all are");
    qn_graph_destroy(graph);
    graph = compress(ctx, &(qn_pass_options){.precision = QN_F32});
    assert_null(qn_graph_find(graph, "enc.w1")->constant->record);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* A weight that was turned, or made of two, has the names of what it was made from. */
QN_TEST(passes_weight_rules_sources) {
    static const qn_weight_rule named = {"enc.w1", "int8"}, glob = {"enc*", "int4"}, factor = {"b", "int8"};
    static const char text[] = "input %x: float32[3,64]\nconst %enc.w1: float32[64,64] = random(1)\nconst %b: float32[64] = random(4)\n"
                               "%w = Mul(%enc.w1, %b)\n%y = Linear(%x, %w)\noutput %y\n";
    const qn_weight_rule *const rules[] = {&named, &glob, &factor};
    static const char *const want[] = {"int8", "int4", "int8"};
    qn_context *ctx = qn_test_context();
    for (int i = 0; i < 3; i++)
        for (int64_t limit = 1; limit <= 1 << 20; limit <<= 20) { /* an expression, and evaluated */
            qn_graph *graph;
            const qn_pass_options options = {.precision = QN_F32, .weight_rules = rules[i], .n_weight_rules = 1, .fold_limit_bytes = limit};
            ASSERT_OK(ctx, qn_graph_parse(ctx, text, &graph));
            ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "fold_constants", &options, NULL));
            ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "compress_weights", &options, NULL));
            assert_string_equal(record(graph, "w")->scheme, want[i]);
            qn_arena *arena = qn_arena_create();
            qn_weight_rules parsed;
            ASSERT_OK(ctx, qn_weight_rules_parse(ctx, arena, &options, &parsed));
            assert_int_equal(qn_weight_rules_find(&parsed, qn_graph_find(graph, "w"))->exact, i == 0);
            qn_arena_destroy(arena);
            qn_graph_destroy(graph);
        }
    qn_context_destroy(ctx);
}

static void keep_last(void *user, const char *line) { snprintf(user, 256, "%s", line); }

/* A rule that names nothing is warned of; keep_fp32 wins over rules. */
QN_TEST(passes_weight_rules_unused) {
    static const qn_weight_rule rules[] = {{"enc.*", "int8"}, {"decoder.*", "int4"}};
    static const char *const keep[] = {"one"};
    char last[256] = "";
    qn_context *ctx = qn_test_context();
    const qn_pass_options options = {.precision = QN_F32, .weight_rules = rules, .n_weight_rules = 2, .keep_fp32 = keep, .n_keep_fp32 = 1};
    qn_graph *graph = compress(ctx, &options);
    assert_string_equal(record(graph, "enc.w1")->reason, "kept by a pattern");
    assert_string_equal(record(graph, "enc.w2")->scheme, "int8");
    qn_listen_warnings(ctx, keep_last, last);
    ASSERT_OK(ctx, qn_report_patterns(ctx, graph, &options));
    assert_non_null(strstr(last, "weight rule 'decoder.*=int4' names no tensor, node or op"));
    last[0] = 0;
    ASSERT_OK(ctx, qn_report_patterns(ctx, graph, &(qn_pass_options){.weight_rules = rules, .n_weight_rules = 1}));
    assert_string_equal(last, "");
    qn_listen_warnings(ctx, NULL, NULL);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

QN_TEST(passes_weight_rules_refused) {
    static const qn_weight_rule empty = {"", "int8"}, unknown = {"enc.*", "int9"};
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    ASSERT_OK(ctx, qn_graph_parse(ctx, g_text, &graph));
    ASSERT_FAILS(ctx, QN_USAGE, "weight rule '=int8' has no pattern",
                 qn_pass_run_one(ctx, graph, "compress_weights", &(qn_pass_options){.weight_rules = &empty, .n_weight_rules = 1}, NULL));
    qn_clear(ctx);
    ASSERT_FAILS(ctx, QN_USAGE, "'int9' is no weight scheme",
                 qn_pass_run_one(ctx, graph, "compress_weights", &(qn_pass_options){.weight_rules = &unknown, .n_weight_rules = 1}, NULL));
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* More numbers than a table has: left with the reason and a warning, refused where the rule means just this tensor. */
QN_TEST(passes_weight_rules_cannot_be) {
    static const qn_weight_rule glob = {"enc.w?", "palette4:unique"}, named = {"enc.w1", "palette4:unique"};
    char last[256] = "";
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    qn_listen_warnings(ctx, keep_last, last);
    graph = compress(ctx, &(qn_pass_options){.precision = QN_F32, .weight_rules = &glob, .n_weight_rules = 1});
    assert_string_equal(record(graph, "enc.w1")->reason, "more than 16 different numbers");
    assert_non_null(strstr(last, "tensor 'enc.w2' is left as it is, not palette4:unique: more than 16 different numbers"));
    qn_listen_warnings(ctx, NULL, NULL);
    qn_graph_destroy(graph);
    ASSERT_OK(ctx, qn_graph_parse(ctx, g_text, &graph));
    ASSERT_FAILS(ctx, QN_UNSUPPORTED, "tensor 'enc.w1' cannot be palette4:unique: more than 16 different numbers",
                 qn_pass_run_one(ctx, graph, "compress_weights", &(qn_pass_options){.weight_rules = &named, .n_weight_rules = 1}, NULL));
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}
