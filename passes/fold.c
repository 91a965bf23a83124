/* Constants that passes make: evaluated when small, constant expressions when not. */
#include "passes/rewrite.h"

#include <string.h>

#include "base/checked.h"
#include "base/half.h"
#include "kernels/eval.h"

/* A node is evaluated when its results are small and its operands can be gone through quickly. Expressions are
 * evaluated as trees, so their size as a tree is bounded. */
enum { MAX_OPERAND_ELEMS = 4 << 20, MAX_EXPR_NODES = 64 };

/* Ops that may be left as a constant expression, unevaluated until the package is filled. */
static const qn_op g_expression_ops[] = {
    QN_OP_Transpose, QN_OP_Cast, QN_OP_Reshape, QN_OP_Concat, QN_OP_Slice, QN_OP_Split, QN_OP_Mul, QN_OP_Add,
    QN_OP_Sub, QN_OP_Div, QN_OP_Squeeze, QN_OP_Unsqueeze, QN_OP_Expand, QN_OP_Gather,
};

static bool is_expression_op(qn_op op) {
    for (size_t i = 0; i < sizeof g_expression_ops / sizeof g_expression_ops[0]; i++)
        if (g_expression_ops[i] == op)
            return true;
    return false;
}

/* Take the nodes of c's expression, counted as a tree, from *left; false when they are more. Stops by then, so that
 * neither depth nor sharing can make it long. */
static bool count_expr(const qn_const *c, int32_t *left) {
    if (!c->expr)
        return true;
    if (--*left < 0)
        return false;
    for (int32_t i = 0; i < c->expr->n_in; i++)
        if (c->expr->in[i] && c->expr->in[i]->constant && !count_expr(c->expr->in[i]->constant, left))
            return false;
    return true;
}

static bool static_elems(const qn_type *type, int64_t *n) {
    return qn_type_is_static(type) && type->dtype != QN_NONE && qn_count_elems(type->dims, type->rank, n);
}

qn_fold qn_fold_can(const qn_pass_run *run, const qn_node *node) {
    int64_t in_elems = 0, out_elems = 0, out_bytes = 0;
    int32_t left = MAX_EXPR_NODES - 1;
    bool dense = true, any = false, expressions = false;
    for (int32_t i = 0; i < node->n_attrs; i++)
        if (node->attrs[i].kind == QN_ATTR_GRAPH)
            return QN_FOLD_NO;
    for (int32_t i = 0; i < node->n_in; i++) {
        if (!node->in[i])
            continue;
        const qn_const *c = node->in[i]->constant;
        if (!c || !count_expr(c, &left) || !qn_add_i64(in_elems, qn_const_numel(c), &in_elems))
            return QN_FOLD_NO;
        dense = dense && c->encoding == QN_ENC_DENSE;
        expressions = expressions || c->expr;
        any = true;
    }
    if (!any)
        return QN_FOLD_NO;
    for (int32_t i = 0; i < node->n_out; i++) {
        int64_t n, bytes;
        if (!node->out[i])
            continue;
        if (!static_elems(&node->out[i]->type, &n) || !qn_add_i64(out_elems, n, &out_elems) ||
            !qn_mul_i64(n, (int64_t)qn_dtype_bytes(node->out[i]->type.dtype), &bytes) ||
            !qn_add_i64(out_bytes, bytes, &out_bytes))
            return QN_FOLD_NO;
    }
    const int64_t limit = run->options->fold_limit_bytes > 0 ? run->options->fold_limit_bytes : QN_FOLD_LIMIT_BYTES;
    const bool picks = (node->op == QN_OP_Gather || node->op == QN_OP_Slice) && !expressions && dense;
    if (out_bytes <= limit && (in_elems <= MAX_OPERAND_ELEMS || picks))
        return QN_FOLD_EVALUATE;
    /* an expression must not make much out of little: a package would be larger for it */
    return is_expression_op(node->op) && dense && out_elems <= in_elems ? QN_FOLD_EXPRESSION : QN_FOLD_NO;
}

/* ---- making constants --------------------------------------------------------------------------- */

qn_status qn_fold_set(qn_pass_run *run, qn_value *v, qn_const *c) {
    v->constant = c;
    v->type = (qn_type){.dtype = c->dtype, .rank = c->rank};
    memcpy(v->type.dims, c->dims, sizeof(int64_t) * (size_t)c->rank);
    v->content = NULL;
    v->n_content = 0;
    const int64_t n = qn_const_numel(c);
    if (!qn_const_is_ready(c) || n > QN_MAX_CONTENT || !(qn_dtype_is_int(c->dtype) || c->dtype == QN_BOOL))
        return QN_OK;
    qn_dim *content;
    QN_NEW_ARRAY(run->ctx, run->graph->arena, content, n);
    for (int64_t i = 0; i < n; i++) {
        content[i] = qn_const_i64(c, i);
        if (!qn_dim_is_const(content[i]))
            return QN_OK;
    }
    v->content = content;
    v->n_content = n;
    return QN_OK;
}

/* The constants that the node reads. */
static qn_status list_sources(qn_pass_run *run, const qn_node *node, const qn_const *const **out, int32_t *n) {
    const qn_const **list;
    QN_NEW_ARRAY(run->ctx, run->graph->arena, list, node->n_in + 1);
    *n = 0;
    for (int32_t i = 0; i < node->n_in; i++)
        if (node->in[i])
            list[(*n)++] = node->in[i]->constant;
    *out = list;
    return QN_OK;
}

static qn_status fold_evaluate(qn_pass_run *run, qn_node *node, qn_arena *arena) {
    qn_tensor *in, *out;
    const qn_const *const *sources = NULL;
    int32_t n_sources = 0;
    QN_TRY(list_sources(run, node, &sources, &n_sources));
    QN_NEW_ARRAY(run->ctx, arena, in, node->n_in + 1);
    QN_NEW_ARRAY(run->ctx, arena, out, node->n_out + 1);
    for (int32_t i = 0; i < node->n_in; i++)
        if (node->in[i])
            QN_TRY(qn_const_eval(run->ctx, arena, node->in[i]->constant, &in[i]));
    QN_TRY(qn_eval_node(run->ctx, arena, node, in, node->n_in, out, node->n_out));
    qn_node_detach(node);
    for (int32_t i = 0; i < node->n_out; i++) {
        if (!node->out[i])
            continue;
        qn_const *c;
        void *data = qn_arena_alloc(run->graph->arena, out[i].n_bytes);
        if (!data)
            return qn_fail_memory(run->ctx, out[i].n_bytes, "a folded constant");
        if (out[i].n_bytes > 0)
            memcpy(data, out[i].data, out[i].n_bytes);
        QN_TRY(qn_const_dense(run->ctx, run->graph->arena, out[i].dtype, out[i].rank, out[i].dims, data,
                              out[i].n_bytes, &c));
        c->name = node->out[i]->name;
        c->sources = sources;
        c->n_sources = n_sources;
        QN_TRY(qn_fold_set(run, node->out[i], c));
    }
    return QN_OK;
}

/* The detached `expr` is what value stands for. */
static qn_status set_expression(qn_pass_run *run, qn_value *value, const qn_node *expr) {
    qn_const *c;
    QN_NEW(run->ctx, run->graph->arena, c);
    c->dtype = value->type.dtype;
    c->rank = value->type.rank;
    memcpy(c->dims, value->type.dims, sizeof(int64_t) * (size_t)c->rank);
    c->axis = -1;
    c->expr = expr;
    c->name = value->name;
    return qn_fold_set(run, value, c);
}

/* An expression has one output: each output of a Split is a Slice. */
static qn_status split_expressions(qn_pass_run *run, const qn_node *split) {
    const int32_t rank = split->in[0]->type.rank;
    int64_t axis = qn_node_int(split, "axis", 0), start = 0;
    axis = axis < 0 ? axis + rank : axis;
    for (int32_t i = 0; i < split->n_out; i++) {
        qn_value *out = split->out[i];
        if (!out)
            return qn_fail(run->ctx, QN_MALFORMED, "%s: output %d is absent", qn_node_label(split), (int)i);
        const int64_t end = start + out->type.dims[axis];
        qn_value *in[4] = {split->in[0]};
        qn_node *slice;
        QN_TRY(qn_value_ints(run->ctx, run->graph, NULL, &start, 1, &in[1]));
        QN_TRY(qn_value_ints(run->ctx, run->graph, NULL, &end, 1, &in[2]));
        QN_TRY(qn_value_ints(run->ctx, run->graph, NULL, &axis, 1, &in[3]));
        QN_TRY(qn_node_create_with(run->ctx, run->graph, NULL, QN_OP_Slice, split->name, in, 4, &out, 1, &slice));
        slice->origin = split->origin;
        qn_node_detach(slice);
        QN_TRY(set_expression(run, out, slice));
        start = end;
    }
    return QN_OK;
}

qn_status qn_fold_node(qn_pass_run *run, qn_node *node, qn_fold how) {
    if (how == QN_FOLD_EXPRESSION) {
        qn_node_detach(node);
        return node->op == QN_OP_Split ? split_expressions(run, node) : set_expression(run, node->out[0], node);
    }
    qn_arena *arena = qn_arena_create();
    if (!arena)
        return qn_fail_memory(run->ctx, 0, "folding");
    qn_status status = fold_evaluate(run, node, arena);
    qn_arena_destroy(arena);
    return status;
}

qn_status qn_fold_op(qn_pass_run *run, qn_op op, const char *name, qn_value *const *in, int32_t n_in,
                     const qn_attr *attrs, int32_t n_attrs, qn_value **out) {
    qn_node *node;
    *out = NULL;
    QN_TRY(qn_node_create(run->ctx, run->graph, NULL, op, name, in, n_in, 1, &node));
    for (int32_t i = 0; i < n_attrs; i++)
        QN_TRY(qn_node_set_attr(run->ctx, node, &attrs[i]));
    QN_TRY(qn_infer_one(run->ctx, node));
    const qn_fold how = qn_fold_can(run, node);
    if (how == QN_FOLD_NO) {
        qn_node_remove(node);
        return QN_OK;
    }
    *out = node->out[0];
    return qn_fold_node(run, node, how);
}

/* ---- numbers ------------------------------------------------------------------------------------- */

qn_status qn_fold_numbers(qn_pass_run *run, const qn_value *v, const double **x, int64_t *n) {
    qn_tensor t;
    QN_TRY(qn_const_eval(run->ctx, run->scratch, v->constant, &t));
    const qn_const c = {.dtype = t.dtype, .rank = 1, .dims = {qn_const_numel(v->constant)},
                        .part = {{t.data, t.n_bytes}}};
    double *numbers;
    QN_NEW_ARRAY(run->ctx, run->scratch, numbers, c.dims[0]);
    for (int64_t i = 0; i < c.dims[0]; i++)
        numbers[i] = qn_const_f64(&c, i);
    *x = numbers;
    *n = c.dims[0];
    return QN_OK;
}

static void store_float(qn_dtype dtype, double x, void *to, int64_t i) {
    const float f = (float)x;
    uint16_t half;
    switch (dtype) {
    case QN_F64: memcpy((char *)to + 8 * i, &x, 8); return;
    case QN_F32: memcpy((char *)to + 4 * i, &f, 4); return;
    case QN_F16: half = qn_f32_to_f16(f); break;
    default: half = qn_f32_to_bf16(f); break;
    }
    memcpy((char *)to + 2 * i, &half, 2);
}

qn_status qn_fold_vector(qn_pass_run *run, const char *name, qn_dtype dtype, const int64_t *dims, int32_t rank,
                         const double *x, qn_value **out) {
    int64_t n;
    size_t n_bytes;
    if (!qn_dtype_is_float(dtype) || !qn_count_elems(dims, rank, &n) ||
        !qn_mul_size((size_t)n, qn_dtype_bytes(dtype), &n_bytes))
        return qn_fail(run->ctx, QN_UNSUPPORTED, "constant '%s': cannot be made as %s", name ? name : "",
                       qn_dtype_name(dtype));
    void *data = qn_arena_alloc(run->graph->arena, n_bytes);
    if (!data)
        return qn_fail_memory(run->ctx, n_bytes, "a constant");
    for (int64_t i = 0; i < n; i++)
        store_float(dtype, x[i], data, i);
    qn_const *c;
    QN_TRY(qn_const_dense(run->ctx, run->graph->arena, dtype, rank, dims, data, n_bytes, &c));
    QN_TRY(qn_value_constant(run->ctx, run->graph, name, c, out));
    c->name = (*out)->name;
    return QN_OK;
}
