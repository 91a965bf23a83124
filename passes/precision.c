/* The analysis behind convert_precision; precision.h says what the classes are for. */
#include "passes/precision.h"

#include <math.h>
#include <string.h>

#include "base/glob.h"
#include "kernels/activation.h"
#include "passes/match.h"

/** What an op does to ranges. */
typedef enum rule {
    PLAIN,   /* element by element: the worst class of its operands */
    INSIDE,  /* likewise; float32 inside */
    NORM,    /* float32 inside; the result is NORMAL whatever comes in */
    BOUNDED, /* likewise, without float32 inside */
    GROWS,   /* the result is LARGE */
    MOVE,    /* moves elements: wide only when all it moves is */
    PRODUCT, /* sums of products, with weights as a rule */
    GATED,   /* products inside, float32 inside, bounded by their gates */
    TAKES,   /* takes float32 and narrow operands alike; what it makes is no float32 */
    MUL, DIV, RECIPROCAL, POW, CAST, RANGE, FILL, BRANCH
} rule;

static const struct {
    qn_op op;
    rule rule;
} g_rules[] = {
    {QN_OP_ReduceMean, INSIDE},
    {QN_OP_AveragePool, INSIDE},
    {QN_OP_GlobalAveragePool, INSIDE},
    {QN_OP_Resize, INSIDE},
    {QN_OP_GRU, GATED},
    {QN_OP_LSTM, GATED},
    {QN_OP_BatchNormalization, NORM},
    {QN_OP_InstanceNormalization, NORM},
    {QN_OP_LayerNormalization, NORM},
    {QN_OP_RMSNormalization, NORM},
    {QN_OP_Softmax, NORM},
    {QN_OP_LogSoftmax, NORM},
    {QN_OP_MultiHeadAttention, NORM},
    {QN_OP_Cos, BOUNDED},
    {QN_OP_Erf, BOUNDED},
    {QN_OP_HardSigmoid, BOUNDED},
    {QN_OP_Log, BOUNDED},
    {QN_OP_Sigmoid, BOUNDED},
    {QN_OP_Sign, BOUNDED},
    {QN_OP_Sin, BOUNDED},
    {QN_OP_Tanh, BOUNDED},
    {QN_OP_Exp, GROWS},
    {QN_OP_Tan, GROWS},
    {QN_OP_ReduceL2, GROWS},
    {QN_OP_ReduceProd, GROWS},
    {QN_OP_ReduceSum, GROWS},
    {QN_OP_ReduceSumSquare, GROWS},
    {QN_OP_Concat, MOVE},
    {QN_OP_Expand, MOVE},
    {QN_OP_Flatten, MOVE},
    {QN_OP_Gather, MOVE},
    {QN_OP_Identity, MOVE},
    {QN_OP_Pad, MOVE},
    {QN_OP_Reshape, MOVE},
    {QN_OP_ScatterND, MOVE},
    {QN_OP_Slice, MOVE},
    {QN_OP_Split, MOVE},
    {QN_OP_Squeeze, MOVE},
    {QN_OP_Tile, MOVE},
    {QN_OP_Transpose, MOVE},
    {QN_OP_Unsqueeze, MOVE},
    {QN_OP_BatchMatMul, PRODUCT},
    {QN_OP_Conv, PRODUCT},
    {QN_OP_ConvTranspose, PRODUCT},
    {QN_OP_Gemm, PRODUCT},
    {QN_OP_Linear, PRODUCT},
    {QN_OP_MatMul, PRODUCT},
    {QN_OP_Shape, TAKES},
    {QN_OP_Size, TAKES},
    {QN_OP_Mul, MUL},
    {QN_OP_Div, DIV},
    {QN_OP_Reciprocal, RECIPROCAL},
    {QN_OP_Pow, POW},
    {QN_OP_Cast, CAST},
    {QN_OP_Range, RANGE},
    {QN_OP_ConstantOfShape, FILL},
    {QN_OP_If, BRANCH},
};

static rule rule_of(qn_op op) {
    for (size_t i = 0; i < sizeof g_rules / sizeof g_rules[0]; i++)
        if (g_rules[i].op == op)
            return g_rules[i].rule;
    return PLAIN;
}

/** A float32 table of at most this many elements does not make a product one with weights. */
enum { SMALL_TABLE = 1024, TINY_CONSTANT = 16 };

/** What the float32 operands of a node are, constants apart. */
typedef struct operands {
    int32_t n;          /* of any kind */
    int32_t n_normal;
    int32_t n_exact, n_inverse, n_large;
    int64_t largest_constant; /* elements */
} operands;

static bool is_f32(const qn_value *v) { return v && v->type.dtype == QN_F32; }

static operands look(const qn_precision_plan *plan, const qn_node *node) {
    operands o = {0};
    for (int32_t i = 0; i < node->n_in; i++) {
        const qn_value *v = node->in[i];
        if (!v || !qn_dtype_is_float(v->type.dtype) || qn_precision_fixed_input(node, i))
            continue;
        if (v->constant) {
            int64_t n = qn_const_numel(v->constant);
            o.largest_constant = n > o.largest_constant ? n : o.largest_constant;
            continue;
        }
        o.n++;
        qn_range r = is_f32(v) ? plan->range[v->id] : QN_RANGE_NORMAL;
        o.n_normal += r == QN_RANGE_NORMAL;
        o.n_exact += r == QN_RANGE_EXACT;
        o.n_inverse += r == QN_RANGE_INVERSE;
        o.n_large += r == QN_RANGE_LARGE;
    }
    return o;
}

/** Class of in[i]; *constant when it is one. */
static qn_range class_of(const qn_precision_plan *plan, const qn_value *v, bool *constant) {
    *constant = v && v->constant;
    return v && !v->constant && is_f32(v) ? plan->range[v->id] : QN_RANGE_NORMAL;
}

/** A float operand with a number that the narrow dtype turns to zero or keeps a bit or two of: a guard such as 1e-9. */
static bool has_tiny_constant(const qn_node *node, qn_dtype narrow) {
    const double least = narrow == QN_F16 ? ldexp(1, -20) : ldexp(1, -126);
    for (int32_t i = 0; i < node->n_in; i++) {
        const qn_const *c = node->in[i] ? qn_match_ready(node->in[i]) : NULL;
        if (!c || c->dtype != QN_F32 || qn_const_numel(c) > TINY_CONSTANT)
            continue;
        for (int64_t k = 0; k < qn_const_numel(c); k++) {
            double x = fabs(qn_const_f64(c, k));
            if (x > 0 && x < least)
                return true;
        }
    }
    return false;
}

/* ---- classes by rule ------------------------------------------------------------------------------- */

static qn_range plain_range(operands o) {
    if (o.n_large)
        return QN_RANGE_LARGE;
    if (o.n_inverse)
        return QN_RANGE_INVERSE;
    return o.n_exact && !o.n_normal ? QN_RANGE_EXACT : QN_RANGE_NORMAL;
}

/** The class of a product or quotient, and whether the node must be wide though its result is NORMAL. */
static qn_range mul_range(const qn_precision_plan *plan, const qn_node *node, bool *wide) {
    bool ca, cb;
    qn_range a = class_of(plan, node->in[0], &ca), b = class_of(plan, node->in[1], &cb);
    *wide = a == QN_RANGE_INVERSE || b == QN_RANGE_INVERSE;
    if (node->in[0] == node->in[1] && !ca)
        return a == QN_RANGE_INVERSE ? QN_RANGE_INVERSE : QN_RANGE_LARGE;
    if (*wide) {
        bool other_constant = a == QN_RANGE_INVERSE ? cb : ca;
        qn_range other = a == QN_RANGE_INVERSE ? b : a;
        if (other_constant || other == QN_RANGE_INVERSE)
            return QN_RANGE_INVERSE;
        return other == QN_RANGE_EXACT ? QN_RANGE_EXACT : QN_RANGE_NORMAL;
    }
    return plain_range(look(plan, node));
}

static qn_range div_range(const qn_precision_plan *plan, const qn_node *node, bool *wide) {
    bool ca, cb;
    qn_range a = class_of(plan, node->in[0], &ca), b = class_of(plan, node->in[1], &cb);
    *wide = false;
    if (b == QN_RANGE_LARGE) {
        *wide = true;
        return ca ? QN_RANGE_INVERSE : QN_RANGE_NORMAL;
    }
    if (b == QN_RANGE_INVERSE)
        return QN_RANGE_LARGE;
    if (ca && b == QN_RANGE_NORMAL && !cb)
        return QN_RANGE_INVERSE;
    if (a == QN_RANGE_LARGE || a == QN_RANGE_INVERSE)
        return a;
    return plain_range(look(plan, node));
}

static qn_range pow_range(const qn_precision_plan *plan, const qn_node *node) {
    double exponent;
    bool constant;
    qn_range base = class_of(plan, node->in[0], &constant);
    if (!qn_match_scalar(node->in[1], &exponent))
        return QN_RANGE_LARGE;
    if (exponent < 0)
        return base == QN_RANGE_INVERSE ? QN_RANGE_LARGE : QN_RANGE_INVERSE;
    return exponent <= 1 && base != QN_RANGE_EXACT ? base : QN_RANGE_LARGE;
}

static qn_range cast_range(const qn_precision_plan *plan, const qn_node *node) {
    const qn_value *v = node->in[0];
    if (is_f32(v))
        return v->constant ? QN_RANGE_NORMAL : plan->range[v->id];
    switch (v->type.dtype) {
    case QN_BOOL:
    case QN_I8:
    case QN_U8:
    case QN_F16:
    case QN_BF16:
        return QN_RANGE_NORMAL;
    default:
        return QN_RANGE_EXACT;
    }
}

/* ---- open values ----------------------------------------------------------------------------------- */

static bool is_open(const qn_precision_plan *plan, const qn_value *v) {
    return v && !v->constant && (plan->open[v->id] || plan->range[v->id] == QN_RANGE_LARGE);
}

/** Whether the results of a node, of whatever dtype, follow the scale of an open operand. */
static bool makes_open(const qn_precision_plan *plan, const qn_node *node) {
    static const qn_activation_kind bounded[] = {QN_ACT_SIGMOID, QN_ACT_TANH, QN_ACT_HARDSIGMOID};
    rule r = rule_of(node->op);
    qn_activation act;
    if (r == NORM || r == BOUNDED || r == GATED || r == TAKES)
        return false;
    for (size_t i = 0; i < sizeof bounded / sizeof bounded[0] && qn_activation_of(node, &act); i++)
        if (act.kind == bounded[i])
            return false;
    for (int32_t i = 0; i < node->n_in; i++)
        if (is_open(plan, node->in[i]))
            return true;
    return false;
}

static qn_status analyse_graph(qn_pass_run *run, qn_graph *graph, qn_precision_plan *plan, int depth);

/** If: what its branches give decides what it gives. */
static qn_status analyse_branches(qn_pass_run *run, qn_node *node, qn_precision_plan *plan, int depth) {
    for (int32_t i = 0; i < node->n_attrs; i++)
        if (node->attrs[i].kind == QN_ATTR_GRAPH)
            QN_TRY(analyse_graph(run, node->attrs[i].as.graph, plan, depth + 1));
    for (int32_t k = 0; k < node->n_out; k++) {
        qn_range worst = QN_RANGE_NORMAL;
        bool open = false;
        if (!node->out[k])
            continue;
        for (int32_t i = 0; i < node->n_attrs; i++) {
            const qn_graph *branch = node->attrs[i].kind == QN_ATTR_GRAPH ? node->attrs[i].as.graph : NULL;
            bool constant;
            qn_range r = branch && k < branch->n_outputs ? class_of(plan, branch->outputs[k].value, &constant) : worst;
            worst = r > worst ? r : worst;
            open = open || (branch && k < branch->n_outputs && is_open(plan, branch->outputs[k].value));
        }
        plan->open[node->out[k]->id] = open;
        if (!is_f32(node->out[k]))
            continue;
        plan->range[node->out[k]->id] = worst;
        plan->narrow[node->out[k]->id] =
            worst == QN_RANGE_NORMAL && qn_ranges_fit(plan->ranges, node->out[k]) == QN_FITS;
    }
    return QN_OK;
}

/** Class of the results of `node`; *wide when it must work in float32 though they are NORMAL; *inside for float32 inside. */
static qn_range node_range(const qn_pass_run *run, const qn_precision_plan *plan, const qn_node *node, bool *wide,
                           bool *inside) {
    operands o = look(plan, node);
    bool tainted = o.n_large || o.n_inverse || o.n_exact;
    switch (rule_of(node->op)) {
    case NORM:
        *inside = true;
        *wide = tainted;
        return QN_RANGE_NORMAL;
    case BOUNDED:
        *wide = tainted;
        return QN_RANGE_NORMAL;
    case GROWS:
        return QN_RANGE_LARGE;
    case MOVE:
        return o.n_normal || !tainted ? QN_RANGE_NORMAL
               : o.n_large            ? QN_RANGE_LARGE
               : o.n_inverse          ? QN_RANGE_INVERSE
                                      : QN_RANGE_EXACT;
    case PRODUCT:
        return o.n_exact && !o.n_normal && o.largest_constant <= SMALL_TABLE ? QN_RANGE_EXACT : QN_RANGE_NORMAL;
    case GATED:
        *inside = true;
        *wide = run->options->precision == QN_F16 && is_open(plan, node->in[0]);
        return QN_RANGE_NORMAL;
    case MUL:
        return mul_range(plan, node, wide);
    case DIV:
        return div_range(plan, node, wide);
    case RECIPROCAL:
        return o.n_inverse ? QN_RANGE_LARGE : QN_RANGE_INVERSE;
    case POW:
        return pow_range(plan, node);
    case CAST:
        return cast_range(plan, node);
    case RANGE:
        return QN_RANGE_EXACT;
    case FILL:
        return QN_RANGE_NORMAL;
    case INSIDE:
        *inside = true;
        return plain_range(o);
    default:
        return has_tiny_constant(node, run->options->precision) ? QN_RANGE_LARGE : plain_range(o);
    }
}

static bool touches_f32(const qn_node *node) {
    for (int32_t i = 0; i < node->n_in; i++)
        if (is_f32(node->in[i]))
            return true;
    for (int32_t i = 0; i < node->n_out; i++)
        if (is_f32(node->out[i]))
            return true;
    return false;
}

static qn_status analyse_node(qn_pass_run *run, qn_node *node, qn_precision_plan *plan, int depth) {
    if (rule_of(node->op) == BRANCH)
        return analyse_branches(run, node, plan, depth);
    for (int32_t i = 0; i < node->n_out; i++)
        if (node->out[i])
            plan->open[node->out[i]->id] = makes_open(plan, node);
    if (rule_of(node->op) == TAKES || !touches_f32(node))
        return QN_OK;
    bool wide = false, inside = false, makes_f32 = false;
    qn_range range = node_range(run, plan, node, &wide, &inside);
    bool back = wide && range == QN_RANGE_NORMAL; /* to numbers that no scale of their operands is left in */
    if (node->compute == QN_F32 || qn_precision_kept(run->options, node)) {
        wide = true;
        range = QN_RANGE_NORMAL;
    }
    wide = wide || range != QN_RANGE_NORMAL;
    plan->calibrated[node->id] = !wide && qn_ranges_node_fit(plan->ranges, node, NULL) != QN_FITS;
    wide = wide || plan->calibrated[node->id];
    plan->node[node->id] = wide ? QN_WIDTH_WIDE : inside ? QN_WIDTH_INSIDE : QN_WIDTH_NARROW;
    for (int32_t i = 0; i < node->n_out; i++) {
        if (!is_f32(node->out[i]))
            continue;
        /* the statistics that LayerNormalization also gives are float32 by its definition */
        bool fixed = node->op == QN_OP_LayerNormalization && i > 0;
        plan->range[node->out[i]->id] = range;
        plan->open[node->out[i]->id] &= !back;
        plan->narrow[node->out[i]->id] = !wide && !fixed;
        makes_f32 = true;
    }
    if (node->op == QN_OP_Cast && !wide)
        plan->node[node->id] = QN_WIDTH_NONE; /* reads anything */
    if (node->op == QN_OP_Cast && !makes_f32)
        plan->node[node->id] = QN_WIDTH_NONE;
    return QN_OK;
}

static qn_status analyse_graph(qn_pass_run *run, qn_graph *graph, qn_precision_plan *plan, int depth) {
    enum { MAX_DEPTH = 64 };
    if (depth > MAX_DEPTH)
        return qn_fail(run->ctx, QN_UNSUPPORTED, "graphs nested deeper than %d", (int)MAX_DEPTH);
    for (qn_node *node = graph->first; node; node = node->next)
        QN_TRY(analyse_node(run, node, plan, depth));
    return QN_OK;
}

qn_status qn_precision_analyse(qn_pass_run *run, const qn_ranges *ranges, qn_precision_plan *plan) {
    plan->ranges = ranges;
    plan->n_values = qn_graph_value_bound(run->graph);
    plan->n_nodes = qn_graph_node_bound(run->graph);
    QN_NEW_ARRAY(run->ctx, run->scratch, plan->node, plan->n_nodes);
    QN_NEW_ARRAY(run->ctx, run->scratch, plan->calibrated, plan->n_nodes);
    QN_NEW_ARRAY(run->ctx, run->scratch, plan->range, plan->n_values);
    QN_NEW_ARRAY(run->ctx, run->scratch, plan->open, plan->n_values);
    QN_NEW_ARRAY(run->ctx, run->scratch, plan->narrow, plan->n_values);
    return analyse_graph(run, run->graph, plan, 0);
}

/* ---- operands ------------------------------------------------------------------------------------------ */

const char *qn_precision_fixed_input(const qn_node *node, int32_t i) {
    if (node->op == QN_OP_Resize && (i == 1 || i == 2))
        return "region and scales of Resize";
    if (node->op == QN_OP_BatchNormalization && i > 0)
        return "statistics and scale of a norm";
    return NULL;
}

qn_demand qn_precision_demand(const qn_precision_plan *plan, const qn_node *node, int32_t i) {
    if (qn_precision_fixed_input(node, i))
        return QN_DEMAND_WIDE;
    switch (node->id < plan->n_nodes ? plan->node[node->id] : QN_WIDTH_NONE) {
    case QN_WIDTH_NARROW:
    case QN_WIDTH_INSIDE:
        return QN_DEMAND_NARROW;
    case QN_WIDTH_WIDE:
        return QN_DEMAND_WIDE;
    default:
        return QN_DEMAND_ANY;
    }
}

static bool matches(const char *pattern, const char *text) { return text && text[0] && qn_glob_match(pattern, text); }

/** One of the names that "+" joins, or all of them as they stand. */
static bool matches_origin(const char *pattern, const char *origin) {
    char name[512];
    if (matches(pattern, origin))
        return true;
    for (const char *p = origin; p && *p;) {
        size_t n = strcspn(p, "+");
        if (n > 0 && n < sizeof name) {
            memcpy(name, p, n);
            name[n] = 0;
            if (matches(pattern, name))
                return true;
        }
        p += n + (p[n] == '+');
    }
    return false;
}

bool qn_precision_names(const char *pattern, const qn_node *node) {
    if (matches(pattern, node->name) || matches_origin(pattern, node->origin))
        return true;
    for (int32_t k = 0; k < node->n_out; k++)
        if (node->out[k] && (matches(pattern, node->out[k]->name) || matches(pattern, node->out[k]->origin)))
            return true;
    return false;
}

const char *qn_precision_kept(const qn_pass_options *options, const qn_node *node) {
    const qn_op_info *row = qn_op_row(node->op);
    for (int32_t i = 0; i < options->n_keep_fp32; i++) {
        const char *pattern = options->keep_fp32[i];
        if (qn_precision_names(pattern, node) || (row && matches(pattern, row->name)))
            return pattern;
    }
    return NULL;
}
