#include "passes/weight_rules.h"

#include <string.h>

#include "base/glob.h"
#include "ops/op.h"
#include "passes/precision.h"

static qn_status parse(qn_context *ctx, const char *pattern, const char *text, qn_weight_choice *out) {
    *out = (qn_weight_choice){.pattern = pattern, .text = text};
    return qn_scheme_parse(ctx, text, &out->scheme);
}

qn_status qn_weight_rules_parse(qn_context *ctx, qn_arena *arena, const qn_pass_options *options, qn_weight_rules *out) {
    *out = (qn_weight_rules){.n = options->n_weight_rules};
    if (options->weights)
        QN_TRY(parse(ctx, NULL, options->weights, &out->all));
    QN_NEW_ARRAY(ctx, arena, out->rows, out->n + 1);
    for (int32_t i = 0; i < out->n; i++) {
        const qn_weight_rule *rule = &options->weight_rules[i];
        if (!rule->pattern || !rule->pattern[0])
            return qn_fail(ctx, QN_USAGE, "weight rule '=%s' has no pattern: NAME=SCHEME", rule->scheme);
        QN_TRY(parse(ctx, rule->pattern, rule->scheme, &out->rows[i]));
    }
    return QN_OK;
}

/* ---- how specific a match is -------------------------------------------------------------------------------- */

enum { NO_MATCH = 0, BY_OP = 1, BY_NAME = 2, EXACT = 1 << 30 }; /* BY_NAME + literal characters */

static bool is_literal(const char *pattern) { return !strpbrk(pattern, "*?"); }

static int literals(const char *pattern) {
    int n = 0;
    for (; *pattern; pattern++)
        n += *pattern != '*' && *pattern != '?';
    return n;
}

static int by_name(const char *pattern, const char *name) {
    if (!name || !name[0] || !qn_glob_match(pattern, name))
        return NO_MATCH;
    return BY_NAME + literals(pattern);
}

static int most(int a, int b) { return a > b ? a : b; }

static int by_tensor(const char *pattern, const qn_value *v) {
    const char *const names[] = {v->constant->name, v->name, v->origin};
    int best = NO_MATCH;
    for (int i = 0; i < 3; i++) {
        if (names[i] && is_literal(pattern) && strcmp(pattern, names[i]) == 0)
            return EXACT;
        best = most(best, by_name(pattern, names[i]));
    }
    return best;
}

/* What a weight was made from. Matrices are as good as itself; a factor that went into it is not. */
static int by_source(const char *pattern, const qn_const *c) {
    if (c->rank >= 2 && c->name && is_literal(pattern) && strcmp(pattern, c->name) == 0)
        return EXACT;
    return by_name(pattern, c->name);
}

/* A weight that was made of others, as of three projections: their names. */
static int by_sources(const char *pattern, const qn_const *c, int depth) {
    enum { MAX_DEPTH = 16 };
    int best = NO_MATCH;
    for (int32_t i = 0; c->expr && depth < MAX_DEPTH && i < c->expr->n_in; i++) {
        const qn_value *in = c->expr->in[i];
        if (in && in->constant)
            best = most(best, most(by_source(pattern, in->constant), by_sources(pattern, in->constant, depth + 1)));
    }
    for (int32_t i = 0; depth < MAX_DEPTH && i < c->n_sources; i++)
        best = most(best, most(by_source(pattern, c->sources[i]), by_sources(pattern, c->sources[i], depth + 1)));
    return best;
}

static int by_reader(const char *pattern, const qn_node *node) {
    const qn_op_info *row = qn_op_row(node->op);
    const char *op = strncmp(pattern, "op:", 3) == 0 ? pattern + 3 : pattern;
    if (row && qn_glob_match(op, row->name) && (op != pattern || is_literal(pattern)))
        return BY_OP;
    if (op != pattern)
        return NO_MATCH;
    return qn_precision_names(pattern, node) ? BY_NAME + literals(pattern) : NO_MATCH;
}

static int specificity(const char *pattern, const qn_value *v) {
    int best = most(by_tensor(pattern, v), by_sources(pattern, v->constant, 0));
    for (int32_t i = 0; i < v->n_uses; i++)
        best = most(best, by_reader(pattern, v->uses[i].node));
    return best;
}

qn_weight_choice *qn_weight_rules_find(qn_weight_rules *rules, const qn_value *v) {
    qn_weight_choice *found = rules->all.text ? &rules->all : NULL;
    int best = NO_MATCH;
    for (int32_t i = 0; i < rules->n; i++) {
        const int match = specificity(rules->rows[i].pattern, v);
        if (match == NO_MATCH)
            continue;
        rules->rows[i].used = true;
        if (match < best)
            continue;
        best = match;
        found = &rules->rows[i];
        found->exact = match == EXACT;
    }
    return found;
}
