/* Which scheme each weight gets: the most specific rule, and of equals the last. */
#include "passes/weight_rules.h"

#include "ir/text.h"
#include "passes/report.h"
#include "tests/test.h"

enum { MAX_RULES = 5 };

/* Node %y reads the weight w; %h the weight block.1.v, as does nothing else. */
static const char g_text[] = "input %x: float32[3,64]\n"
                             "const %w: float32[64,64] = random(1)\nconst %block.1.v: float32[64,64] = random(2)\n"
                             "%h = Linear(%x, %block.1.v)\n%y = MatMul(%h, %w)\noutput %y\n";

typedef struct row {
    const char *weight;
    qn_weight_rule rules[MAX_RULES]; /* until the pattern is NULL */
    const char *all;
    const char *scheme;              /* that the weight gets; NULL: none */
} row;

static const row g_rows[] = {
    {"w", {{NULL, NULL}}, NULL, NULL},
    {"w", {{NULL, NULL}}, "int8", "int8"},
    {"w", {{"v", "int4"}}, NULL, NULL},
    {"w", {{"v", "int4"}}, "int8", "int8"},
    /* a name is more than a glob, a glob more than an op, an op more than the scheme of all: in any order */
    {"w", {{"w", "int4"}, {"w*", "int6"}, {"MatMul", "int3"}}, "int8", "int4"},
    {"w", {{"MatMul", "int3"}, {"w*", "int6"}, {"w", "int4"}}, "int8", "int4"},
    {"w", {{"w*", "int6"}, {"MatMul", "int3"}}, "int8", "int6"},
    {"w", {{"MatMul", "int3"}, {"*", "int6"}}, "int8", "int6"},
    {"w", {{"MatMul", "int3"}}, "int8", "int3"},
    {"w", {{"op:MatMul", "int3"}}, "int8", "int3"},
    {"w", {{"op:Mat*", "int3"}}, "int8", "int3"},
    {"w", {{"op:*", "int3"}, {"*", "int6"}}, "int8", "int6"},
    {"block.1.v", {{"op:MatMul", "int3"}}, "int8", "int8"},
    {"block.1.v", {{"Linear", "int3"}}, NULL, "int3"},
    /* characters that are not * or ? */
    {"block.1.v", {{"block*", "int2"}, {"block.?.v", "int4"}, {"block.*", "int3"}}, NULL, "int4"},
    {"block.1.v", {{"block.1*", "int4"}, {"**********", "int2"}}, NULL, "int4"},
    {"block.1.v", {{"block.?.v", "int4"}, {"?lock.1.v", "int2"}}, NULL, "int2"},
    {"block.1.v", {{"?lock.1.v", "int2"}, {"block.?.v", "int4"}}, NULL, "int4"},
    {"block.1.v", {{"block.2*", "int4"}}, NULL, NULL},
    /* a node that reads it, by the length of the pattern like any other name; never exact */
    {"w", {{"y", "int4"}}, NULL, "int4"},
    {"w", {{"y", "int4"}, {"*", "int2"}}, NULL, "int4"},
    {"w", {{"w", "int2"}, {"y", "int4"}}, NULL, "int2"},
    {"block.1.v", {{"y", "int4"}}, NULL, NULL},
    /* the last of equals, and none is a scheme like others */
    {"w", {{"w", "int4"}, {"w", "int6"}}, NULL, "int6"},
    {"w", {{"op:MatMul", "int4"}, {"MatMul", "int6"}}, NULL, "int6"},
    {"w", {{"w", "none"}}, "int8", "none"},
};

static qn_value *value(qn_graph *graph, const char *name) {
    qn_value *v = qn_graph_find(graph, name);
    assert_non_null(v);
    assert_non_null(v->constant);
    return v;
}

static int32_t count(const qn_weight_rule *rules) {
    int32_t n = 0;
    while (n < MAX_RULES && rules[n].pattern)
        n++;
    return n;
}

QN_TEST(passes_weight_rules_precedence) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    ASSERT_OK(ctx, qn_graph_parse(ctx, g_text, &graph));
    for (size_t i = 0; i < sizeof g_rows / sizeof *g_rows; i++) {
        const row *r = &g_rows[i];
        qn_arena *arena = qn_arena_create();
        qn_weight_rules rules;
        const qn_pass_options options = {.weights = r->all, .weight_rules = r->rules, .n_weight_rules = count(r->rules)};
        ASSERT_OK(ctx, qn_weight_rules_parse(ctx, arena, &options, &rules));
        const qn_weight_choice *c = qn_weight_rules_find(&rules, value(graph, r->weight));
        const char *got = c ? c->text : "(nothing)", *want = r->scheme ? r->scheme : "(nothing)";
        if (strcmp(got, want) != 0)
            fail_msg("row %d, '%s': %s, not %s", (int)i, r->weight, got, want);
        if (c)
            assert_true(c->exact == (c->pattern && strcmp(c->pattern, r->weight) == 0));
        qn_arena_destroy(arena);
    }
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

QN_TEST(passes_weight_rules_any) {
    const qn_weight_rule rule = {"w", "int8"};
    assert_false(qn_weight_rules_any(&(qn_pass_options){.precision = QN_F16}));
    assert_true(qn_weight_rules_any(&(qn_pass_options){.weights = "int8"}));
    assert_true(qn_weight_rules_any(&(qn_pass_options){.weight_rules = &rule, .n_weight_rules = 1}));
}

static void refuse(qn_context *ctx, qn_arena *arena, const qn_pass_options *options, const char *message) {
    qn_weight_rules rules;
    ASSERT_FAILS(ctx, QN_USAGE, message, qn_weight_rules_parse(ctx, arena, options, &rules));
    qn_clear(ctx);
}

QN_TEST(passes_weight_rules_refusals) {
    static const qn_weight_rule empty = {"", "int8"}, missing = {NULL, "int8"}, unknown = {"w", "int9"};
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    const qn_pass_options all = {.weights = "int9"}, a = {.weight_rules = &empty, .n_weight_rules = 1},
                          b = {.weight_rules = &missing, .n_weight_rules = 1}, c = {.weight_rules = &unknown, .n_weight_rules = 1};
    refuse(ctx, arena, &all, "'int9'");
    refuse(ctx, arena, &a, "weight rule '=int8' has no pattern");
    refuse(ctx, arena, &b, "weight rule '=int8' has no pattern");
    refuse(ctx, arena, &c, "'int9'");
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* ---- what the pass makes of them ------------------------------------------------------------------------------------ */

static void keep_line(void *user, qn_log_level level, const char *line) {
    char *lines = user;
    if (level == QN_LOG_WARN) {
        strncat(lines, line, 1000 - strlen(lines));
        strncat(lines, "\n", 1000 - strlen(lines));
    }
}

static qn_context *listening(char *lines) {
    qn_context *ctx = NULL;
    lines[0] = 0;
    assert_int_equal(qn_context_create(&(qn_context_options){.threads = 1, .log = keep_line, .user = lines}, &ctx), QN_OK);
    return ctx;
}

/* A rule that names nothing is told, one that another wins over is not. */
QN_TEST(passes_weight_rules_unused_is_warned) {
    static const qn_weight_rule rules[] = {{"head.*", "int4"}, {"*", "int6"}, {"w", "int8"}, {"op:Conv", "none"}};
    char lines[1024];
    qn_context *ctx = listening(lines);
    qn_graph *graph;
    ASSERT_OK(ctx, qn_graph_parse(ctx, g_text, &graph));
    const qn_pass_options options = {.weight_rules = rules, .n_weight_rules = 4};
    ASSERT_OK(ctx, qn_report_patterns(ctx, graph, &options));
    assert_non_null(strstr(lines, "weight rule 'head.*=int4' names no tensor, node or op"));
    assert_non_null(strstr(lines, "weight rule 'op:Conv=none' names no tensor, node or op"));
    assert_null(strstr(lines, "int6"));
    assert_null(strstr(lines, "int8"));
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* What cannot be done is an error where a rule names the tensor itself, and a warning where it came by a pattern. */
QN_TEST(passes_weight_rules_exact_or_not) {
    static const qn_weight_rule exact = {"w", "palette1:unique"}, glob = {"*", "palette1:unique"};
    char lines[1024];
    qn_context *ctx = listening(lines);
    for (int i = 0; i < 2; i++) {
        qn_graph *graph;
        ASSERT_OK(ctx, qn_graph_parse(ctx, g_text, &graph));
        const qn_pass_options options = {.precision = QN_F32, .weight_rules = i ? &glob : &exact, .n_weight_rules = 1};
        if (i == 0) {
            ASSERT_FAILS(ctx, QN_UNSUPPORTED, "tensor 'w' cannot be palette1:unique: more than 2 different numbers",
                         qn_pass_run_one(ctx, graph, "compress_weights", &options, NULL));
            qn_clear(ctx);
        } else {
            ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "compress_weights", &options, NULL));
            assert_non_null(strstr(lines, "tensor 'w' is left as it is, not palette1:unique: more than 2 different numbers"));
            assert_int_equal(value(graph, "w")->constant->encoding, QN_ENC_DENSE);
            assert_string_equal(value(graph, "w")->constant->record->scheme, "");
        }
        qn_graph_destroy(graph);
    }
    qn_context_destroy(ctx);
}

/* ---- a weight that was made of others ------------------------------------------------------------------------------- */

static const char g_attention[] =
    "input %x: float32[2,5,64]\n"
    "const %attn.q.weight: float32[64,64] = random(1)\nconst %attn.k.weight: float32[64,64] = random(2)\n"
    "const %attn.v.weight: float32[64,64] = random(3)\n"
    "%q = Linear(%x, %attn.q.weight)\n%k = Linear(%x, %attn.k.weight)\n%v = Linear(%x, %attn.v.weight)\n"
    "%y = MultiHeadAttention(%q, %k, %v) {num_heads=2, kv_num_heads=2, head_dim=32, v_head_dim=32, scale=0.125}\noutput %y\n";

/* The scheme of the only weight there is after three projections became one. */
static const char *merged(qn_context *ctx, const qn_weight_rule *rules, int32_t n, const char *all, char *scheme) {
    qn_graph *graph;
    const qn_pass_options options = {.precision = QN_F32, .weights = all, .weight_rules = rules, .n_weight_rules = n};
    ASSERT_OK(ctx, qn_graph_parse(ctx, g_attention, &graph));
    ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "merge_qkv", &options, NULL));
    ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "compress_weights", &options, NULL));
    assert_int_equal(graph->first->op, QN_OP_Linear);
    const qn_const *c = graph->first->in[1]->constant;
    assert_true(c->dims[0] + c->dims[1] == 64 + 192);
    strcpy(scheme, c->record ? c->record->scheme : "");
    ASSERT_OK(ctx, qn_report_patterns(ctx, graph, &options));
    qn_graph_destroy(graph);
    return scheme;
}

QN_TEST(passes_weight_rules_merged_by_sources) {
    static const qn_weight_rule k = {"attn.k.weight", "int4"}, none = {"attn.k*", "none"},
                                both[] = {{"attn.k.weight", "int4"}, {"attn.v*", "int6"}}, other = {"attn.o*", "int4"};
    char lines[1024], scheme[64];
    qn_context *ctx = listening(lines);
    assert_string_equal(merged(ctx, &k, 1, NULL, scheme), "int4");
    assert_string_equal(merged(ctx, &none, 1, "int8", scheme), "");
    assert_string_equal(merged(ctx, both, 2, "int8", scheme), "int4"); /* more characters */
    assert_string_equal(lines, "");
    assert_string_equal(merged(ctx, &other, 1, "int8", scheme), "int8");
    assert_non_null(strstr(lines, "weight rule 'attn.o*=int4' names no tensor"));
    qn_context_destroy(ctx);
}

/* All of one tensor, turned, is that tensor: its name is exact. A merged one has no such name. */
QN_TEST(passes_weight_rules_turned) {
    static const char text[] = "input %x: float32[3,64]\nconst %w: float32[64,32] = random(1)\n%y = Linear(%x, %w)\noutput %y\n";
    static const qn_weight_rule exact = {"w", "palette1:unique"}, both[] = {{"w", "int4"}, {"?1111111", "int2"}, {"*", "int6"}};
    char lines[1024];
    qn_context *ctx = listening(lines);
    for (int large = 0; large < 2; large++) { /* evaluated, and left as an expression */
        const qn_pass_options options = {.precision = QN_F32, .weight_rules = &exact, .n_weight_rules = 1, .fold_limit_bytes = large ? 64 : 0};
        qn_arena *arena = qn_arena_create();
        qn_graph *graph;
        qn_weight_rules rules;
        ASSERT_OK(ctx, qn_graph_parse(ctx, text, &graph));
        ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "turn_linear_weights", &options, NULL));
        const qn_value *turned = graph->first->in[1];
        assert_true(turned->constant->dims[0] == 32 && (turned->constant->expr != NULL) == (large == 1));
        assert_string_not_equal(turned->constant->name, "w");
        ASSERT_OK(ctx, qn_weight_rules_parse(ctx, arena, &(qn_pass_options){.weight_rules = both, .n_weight_rules = 3}, &rules));
        const qn_weight_choice *c = qn_weight_rules_find(&rules, turned);
        assert_true(c && c->exact && strcmp(c->text, "int4") == 0);
        ASSERT_FAILS(ctx, QN_UNSUPPORTED, "cannot be palette1:unique", qn_pass_run_one(ctx, graph, "compress_weights", &options, NULL));
        qn_clear(ctx);
        qn_arena_destroy(arena);
        qn_graph_destroy(graph);
    }
    qn_context_destroy(ctx);
}
