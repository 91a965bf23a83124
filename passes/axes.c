#include "passes/axes.h"

#include "passes/match.h"

/* What an op does with axes: one row a kind of them. */
typedef enum family { NONE, UNARY, BROADCAST, AXIS, CONCAT, REDUCE, PAD, SLICE } family;

static const struct row {
    qn_op op;
    family family;
} g_rows[] = {
    {QN_OP_PRelu, BROADCAST},      {QN_OP_Softmax, AXIS},       {QN_OP_LogSoftmax, AXIS},
    {QN_OP_Split, AXIS},           {QN_OP_Concat, CONCAT},      {QN_OP_Pad, PAD},
    {QN_OP_Slice, SLICE},          {QN_OP_ReduceL2, REDUCE},    {QN_OP_ReduceMax, REDUCE},
    {QN_OP_ReduceMean, REDUCE},    {QN_OP_ReduceMin, REDUCE},   {QN_OP_ReduceProd, REDUCE},
    {QN_OP_ReduceSum, REDUCE},     {QN_OP_ReduceSumSquare, REDUCE},
};

static family family_of(qn_op op) {
    for (size_t i = 0; i < sizeof g_rows / sizeof g_rows[0]; i++)
        if (g_rows[i].op == op)
            return g_rows[i].family;
    switch ((int)qn_op_row(op)->kind) {
    case QN_KIND_UNARY: return UNARY;
    case QN_KIND_BINARY:
    case QN_KIND_LOGIC: return BROADCAST;
    default: return NONE;
    }
}

static bool absent(const qn_node *node, int32_t i) { return i >= node->n_in || !node->in[i]; }

/* One element, which broadcasts to any shape of its rank or more. */
static bool is_single(const qn_value *v) {
    if (!v || v->type.rank < 0)
        return false;
    for (int32_t i = 0; i < v->type.rank; i++)
        if (v->type.dims[i] != 1)
            return false;
    return true;
}

bool qn_axes_carried(const qn_node *node, int32_t i) {
    switch (family_of(node->op)) {
    case BROADCAST: return !absent(node, i) && !is_single(node->in[i]);
    case CONCAT: return true;
    default: return i == 0;
    }
}

/* ---- which nodes ------------------------------------------------------------------------------- */

/* A carried input has the full rank, or is a constant that can be given it. */
static bool inputs_fit(const qn_node *node, const qn_perm *p) {
    for (int32_t i = 0; i < node->n_in; i++) {
        const int32_t rank = qn_match_rank(node->in[i]);
        if (qn_axes_carried(node, i) && (rank < 0 || rank > p->rank || (rank < p->rank && !node->in[i]->constant)))
            return false;
    }
    return true;
}

static bool ints_known(const qn_node *node, int32_t i) {
    int64_t v[2 * QN_MAX_RANK], n;
    return qn_match_ints(node->in[i], v, 2 * QN_MAX_RANK, &n);
}

static bool axis_known(const qn_node *node, const qn_perm *p) {
    int32_t axis;
    return qn_match_axis(qn_node_int(node, "axis", node->op == QN_OP_Split ? 0 : -1), p->rank, &axis);
}

bool qn_axes_movable(const qn_node *node, const qn_perm *p) {
    uint32_t mask;
    bool ok = false;
    switch (family_of(node->op)) {
    case NONE: return false;
    case UNARY:
    case BROADCAST: ok = true; break;
    case AXIS:
    case CONCAT: ok = axis_known(node, p); break;
    case REDUCE: ok = qn_node_int(node, "keepdims", 1) != 0 && qn_match_axes(node, p->rank, &mask); break;
    case PAD: ok = absent(node, 3) && ints_known(node, 1); break;
    case SLICE: ok = absent(node, 3) ? qn_match_dim(node->in[1], 0) == p->rank : ints_known(node, 3); break;
    }
    for (int32_t i = 0; ok && i < node->n_out; i++)
        ok = !node->out[i] || qn_match_rank(node->out[i]) == p->rank;
    return ok && inputs_fit(node, p);
}

/* ---- moving them ------------------------------------------------------------------------------- */

static qn_status set_ints(qn_pass_run *run, qn_node *node, int32_t i, const int64_t *v, int64_t n) {
    qn_value *value;
    while (node->n_in < i)
        QN_TRY(qn_node_set_input(run->ctx, node, node->n_in, NULL));
    QN_TRY(qn_value_ints(run->ctx, node->graph, NULL, v, n, &value));
    return qn_node_set_input(run->ctx, node, i, value);
}

static qn_status move_axis(qn_pass_run *run, qn_node *made, const qn_perm *p) {
    int32_t axis;
    if (!qn_match_axis(qn_node_int(made, "axis", made->op == QN_OP_Split ? 0 : -1), p->rank, &axis))
        return QN_OK;
    return qn_node_set_int(run->ctx, made, "axis", p->to[axis]);
}

/* The axes of a mask, each moved, ascending. */
static int64_t moved_axes(const qn_perm *p, uint32_t mask, int64_t *axes) {
    int64_t n = 0;
    for (int32_t j = 0; j < p->rank; j++)
        if (mask >> p->back[j] & 1u)
            axes[n++] = j;
    return n;
}

static qn_status move_reduction(qn_pass_run *run, qn_node *made, const qn_perm *p) {
    int64_t axes[QN_MAX_RANK];
    uint32_t mask;
    if (absent(made, 1) || !qn_match_axes(made, p->rank, &mask))
        return QN_OK; /* all axes */
    return set_ints(run, made, 1, axes, moved_axes(p, mask, axes));
}

static qn_status move_pads(qn_pass_run *run, qn_node *made, const qn_perm *p) {
    int64_t pads[2 * QN_MAX_RANK], moved[2 * QN_MAX_RANK], n;
    if (!qn_match_ints(made->in[1], pads, 2 * QN_MAX_RANK, &n) || n != 2 * p->rank)
        return qn_fail(run->ctx, QN_MALFORMED, "%s: %lld pads for rank %d", qn_node_label(made), (long long)n,
                       (int)p->rank);
    for (int32_t i = 0; i < p->rank; i++) {
        moved[p->to[i]] = pads[i];
        moved[p->rank + p->to[i]] = pads[p->rank + i];
    }
    return set_ints(run, made, 1, moved, n);
}

static qn_status move_slice(qn_pass_run *run, qn_node *made, const qn_perm *p) {
    int64_t axes[QN_MAX_RANK], n = p->rank;
    for (int32_t i = 0; i < p->rank; i++)
        axes[i] = i;
    if (!absent(made, 3) && !qn_match_ints(made->in[3], axes, QN_MAX_RANK, &n))
        return QN_OK;
    for (int64_t i = 0; i < n; i++) {
        int32_t axis;
        if (!qn_match_axis(axes[i], p->rank, &axis))
            return qn_fail(run->ctx, QN_MALFORMED, "%s: axis %lld of rank %d", qn_node_label(made), (long long)axes[i],
                           (int)p->rank);
        axes[i] = p->to[axis];
    }
    return set_ints(run, made, 3, axes, n);
}

qn_status qn_axes_move(qn_pass_run *run, qn_node *made, const qn_perm *p) {
    switch (family_of(made->op)) {
    case AXIS:
    case CONCAT: return move_axis(run, made, p);
    case REDUCE: return move_reduction(run, made, p);
    case PAD: return move_pads(run, made, p);
    case SLICE: return move_slice(run, made, p);
    case NONE:
    case UNARY:
    case BROADCAST: break;
    }
    return QN_OK;
}

/* ---- reductions that end the matter -------------------------------------------------------------- */

bool qn_axes_absorbs(const qn_node *node, const qn_perm *p) {
    uint32_t mask;
    int32_t last = -1;
    if (family_of(node->op) != REDUCE || qn_node_int(node, "keepdims", 1) != 0 ||
        qn_match_rank(node->in[0]) != p->rank || !qn_match_axes(node, p->rank, &mask))
        return false;
    for (int32_t i = 0; i < p->rank; i++) {
        if (mask >> i & 1u)
            continue;
        if (p->to[i] < last)
            return false;
        last = p->to[i];
    }
    return true;
}

qn_status qn_axes_absorb(qn_pass_run *run, qn_node *node, const qn_perm *p, qn_value *x) {
    QN_TRY(move_reduction(run, node, p));
    return qn_node_set_input(run->ctx, node, 0, x);
}
