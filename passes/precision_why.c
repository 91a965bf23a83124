/* Why nodes stay in float32, as convert -v says it: the same rules as precision.c, in words. */
#include <math.h>

#include "passes/match.h"
#include "passes/precision.h"

/** Ops whose own doing it is, whatever comes in. */
static const struct {
    qn_op op;
    const char *why;
} g_own[] = {
    {QN_OP_Exp, "an exponential has an open range"},
    {QN_OP_Pow, "a power has an open range"},
    {QN_OP_ReduceL2, "a sum of squares has an open range"},
    {QN_OP_ReduceSumSquare, "a sum of squares has an open range"},
    {QN_OP_ReduceProd, "a product over an axis has an open range"},
    {QN_OP_ReduceSum, "a sum over an axis has an open range"},
    {QN_OP_Tan, "a tangent has an open range"},
    {QN_OP_Reciprocal, "a reciprocal has an open range"},
    {QN_OP_LSTM, "its gates read an open range"},
    {QN_OP_GRU, "its gates read an open range"},
    {QN_OP_Range, "it counts in whole numbers"},
};

static const char *static_reason(const qn_precision_plan *plan, const qn_node *node) {
    bool class[QN_RANGE_LARGE + 1] = {false};
    if (node->compute == QN_F32)
        return "marked float32 where the graph was built";
    for (size_t i = 0; i < sizeof g_own / sizeof g_own[0]; i++)
        if (g_own[i].op == node->op)
            return g_own[i].why;
    if (node->op == QN_OP_Mul && node->in[0] == node->in[1])
        return "the square has an open range";
    if (node->op == QN_OP_Cast && node->in[0]->type.dtype != QN_F32)
        return "it is made from whole numbers";
    for (int32_t i = 0; i < node->n_in; i++)
        if (node->in[i] && !node->in[i]->constant && node->in[i]->type.dtype == QN_F32)
            class[plan->range[node->in[i]->id]] = true;
    if (class[QN_RANGE_LARGE])
        return "it reads an open range";
    if (class[QN_RANGE_INVERSE])
        return "it reads one over an open range";
    if (class[QN_RANGE_EXACT])
        return "it reads counts or positions";
    if (node->op == QN_OP_Div && node->in[0]->constant)
        return "a reciprocal has an open range";
    return "a constant of it is too small for the narrow dtype";
}

/** "named by keep_fp32 'head.*': disparity needs 1e-3". */
static const char *pattern_reason(qn_arena *arena, const qn_pass_options *o, const char *pattern) {
    const char *why = NULL;
    for (int32_t i = 0; i < o->n_keep_fp32 && o->keep_why; i++)
        if (o->keep_fp32[i] == pattern)
            why = o->keep_why[i];
    return qn_arena_printf(arena, "named by keep_fp32 '%s'%s%s", pattern, why ? ": " : "", why ? why : "");
}

static const char *range_reason(qn_arena *arena, const qn_precision_plan *plan, const qn_node *node, qn_fit fit, double x) {
    bool makes = false;
    for (int32_t i = 0; i < node->n_out; i++)
        makes = makes || qn_ranges_fit(plan->ranges, node->out[i]) == fit;
    const char *what = makes ? "|x|" : "|x| of what it reads";
    if (fit == QN_TOO_SMALL)
        return qn_arena_printf(arena, "%s stays under %.3g on calibration inputs, float16 is subnormal under 6.1e-05", what, x);
    const char *bound = x > QN_RANGES_LARGEST * QN_RANGES_MARGIN ? "float16 ends at 65504" : "over a quarter of float16's 65504";
    return x < 1e9 ? qn_arena_printf(arena, "%s reaches %.0f on calibration inputs, %s", what, x, bound)
                   : qn_arena_printf(arena, "%s reaches %.3g on calibration inputs, %s", what, x, bound);
}

const char *qn_precision_name(const qn_node *node) {
    if (node->name && node->name[0])
        return node->name;
    return node->n_out > 0 && node->out[0] ? node->out[0]->name : "";
}

static qn_status tell_node(qn_pass_run *run, const qn_precision_plan *plan, const qn_node *node) {
    qn_kept_nodes *kept = run->options->kept;
    const char *pattern = qn_precision_kept(run->options, node);
    const qn_op_info *op = qn_op_row(node->op);
    double max_abs;
    if (kept->n == kept->room) {
        const int32_t room = kept->room ? 2 * kept->room : 64;
        kept->rows = qn_arena_grow(kept->arena, kept->rows, (size_t)kept->n, (size_t)room, sizeof *kept->rows);
        if (!kept->rows)
            return qn_fail_memory(run->ctx, (size_t)room * sizeof *kept->rows, "the nodes kept");
        kept->room = room;
    }
    const qn_fit fit = qn_ranges_node_fit(plan->ranges, node, &max_abs);
    qn_convert_kept row = {.node = qn_arena_strdup(kept->arena, qn_precision_name(node)), .op = op ? op->name : "",
                           .max_abs = max_abs};
    if (pattern) {
        row.reason = pattern_reason(kept->arena, run->options, pattern);
    } else if (plan->calibrated[node->id]) {
        row.reason = range_reason(kept->arena, plan, node, fit, max_abs);
        row.calibrated = true;
    } else {
        row.reason = static_reason(plan, node);
    }
    if (!row.node || !row.reason)
        return qn_fail_memory(run->ctx, 0, "the nodes kept");
    kept->rows[kept->n++] = row;
    return QN_OK;
}

static qn_status tell_graph(qn_pass_run *run, const qn_precision_plan *plan, const qn_graph *graph, int depth) {
    enum { MAX_DEPTH = 64 };
    for (const qn_node *node = graph->first; node && depth < MAX_DEPTH; node = node->next) {
        if (plan->node[node->id] == QN_WIDTH_WIDE)
            QN_TRY(tell_node(run, plan, node));
        for (int32_t i = 0; i < node->n_attrs; i++)
            if (node->attrs[i].kind == QN_ATTR_GRAPH)
                QN_TRY(tell_graph(run, plan, node->attrs[i].as.graph, depth + 1));
    }
    return QN_OK;
}

qn_status qn_precision_tell(qn_pass_run *run, const qn_precision_plan *plan) {
    return run->options->kept ? tell_graph(run, plan, run->graph, 0) : QN_OK;
}
