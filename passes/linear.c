#include "passes/linear.h"

#include "passes/match.h"
#include "passes/rewrite.h"

bool qn_linear_of(qn_node *node, qn_linear *out) {
    if (!node || node->op != QN_OP_Linear || !node->in[1] || !node->in[1]->constant || node->in[1]->constant->rank != 2)
        return false;
    const qn_const *w = node->in[1]->constant;
    const bool trans = qn_node_int(node, "trans_w", 0) != 0;
    *out = (qn_linear){.node = node, .x = node->in[0], .w = node->in[1], .trans_w = trans,
                       .bias = node->n_in > 2 ? node->in[2] : NULL, .residual = node->n_in > 3 ? node->in[3] : NULL,
                       .k = w->dims[trans ? 1 : 0], .n = w->dims[trans ? 0 : 1]};
    return true;
}

bool qn_linear_plain(qn_node *node, qn_linear *out) {
    return qn_linear_of(node, out) && !out->residual && qn_match_no_activation(node);
}

qn_status qn_linear_replace(qn_pass_run *run, qn_node *old, const qn_linear *parts, qn_node **out) {
    qn_value *in[] = {parts->x, parts->w, parts->bias, parts->residual};
    const int32_t n_in = parts->residual ? 4 : parts->bias ? 3 : 2;
    const bool trans = parts->trans_w;
    qn_node *node;
    QN_TRY(qn_rewrite_node(run, old, QN_OP_Linear, in, n_in, &node));
    if (out)
        *out = node;
    return trans ? qn_node_set_int(run->ctx, node, "trans_w", 1) : QN_OK;
}

qn_status qn_linear_scaled(qn_pass_run *run, const qn_linear *l, qn_value *vector, bool inputs, qn_value **out) {
    const int64_t n = inputs ? l->k : l->n, column[] = {n, 1}, row[] = {1, n};
    qn_value *to[2] = {vector, NULL}, *shaped;
    *out = NULL;
    QN_TRY(qn_value_ints(run->ctx, run->graph, NULL, inputs == l->trans_w ? row : column, 2, &to[1]));
    QN_TRY(qn_fold_op(run, QN_OP_Reshape, vector->name, to, 2, NULL, 0, &shaped));
    if (!shaped)
        return QN_OK;
    qn_value *product[] = {l->w, shaped};
    return qn_fold_op(run, QN_OP_Mul, l->w->name, product, 2, NULL, 0, out);
}

qn_status qn_linear_vector(qn_pass_run *run, qn_value *v, int64_t n, qn_value **out) {
    *out = NULL;
    if (!v || !v->constant || !qn_dtype_is_float(v->type.dtype))
        return QN_OK;
    const qn_const *c = v->constant;
    qn_value *shape, *in[2];
    if (qn_match_vector(v, 1, n) && c->rank == 1) {
        *out = v;
        return QN_OK;
    }
    if (!qn_match_vector(v, 1, n) && qn_const_numel(c) != 1)
        return QN_OK;
    QN_TRY(qn_value_ints(run->ctx, run->graph, NULL, &n, 1, &shape));
    const bool one = qn_const_numel(c) == 1;
    in[0] = v;
    in[1] = shape;
    if (!one || n == 1)
        return qn_fold_op(run, QN_OP_Reshape, v->name, in, 2, NULL, 0, out);
    if (c->rank > 1) {
        const int64_t single = 1;
        qn_value *flat, *to[2] = {v, NULL};
        QN_TRY(qn_value_ints(run->ctx, run->graph, NULL, &single, 1, &to[1]));
        QN_TRY(qn_fold_op(run, QN_OP_Reshape, v->name, to, 2, NULL, 0, &flat));
        if (!flat)
            return QN_OK;
        in[0] = flat;
    }
    return qn_fold_op(run, QN_OP_Expand, v->name, in, 2, NULL, 0, out);
}
