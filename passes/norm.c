#include "passes/norm.h"

#include "passes/match.h"
#include "passes/rewrite.h"

/* v = value^2: Pow(value, 2) or Mul(value, value). */
static qn_value *match_square(const qn_value *v) {
    const qn_node *pow = qn_match_made_by(v, QN_OP_Pow);
    if (pow)
        return qn_match_scalar_is(pow->in[1], 2, 0) ? pow->in[0] : NULL;
    const qn_node *mul = qn_match_made_by(v, QN_OP_Mul);
    return mul && mul->in[0] == mul->in[1] ? mul->in[0] : NULL;
}

/* v = mean(value^2) + epsilon */
static bool match_mean_square(const qn_value *v, qn_norm_root *out) {
    double epsilon;
    qn_value *other = NULL;
    const qn_node *add = qn_match_made_by(v, QN_OP_Add);
    const qn_node *mean = add ? qn_match_operand(add, QN_OP_ReduceMean, &other) : NULL;
    if (!mean || !qn_match_scalar(other, &epsilon) || !(epsilon >= 0) || !qn_node_int(mean, "keepdims", 1) ||
        !qn_match_no_activation(add))
        return false;
    out->value = match_square(mean->in[0]);
    out->epsilon = (float)epsilon;
    return out->value && qn_match_axes(mean, qn_match_rank(out->value), &out->axes);
}

/* v = sqrt(mean square): Sqrt(.) or Pow(., 0.5) */
static bool match_root(const qn_value *v, qn_norm_root *out) {
    const qn_node *sqrt = qn_match_made_by(v, QN_OP_Sqrt);
    if (sqrt)
        return match_mean_square(sqrt->in[0], out);
    const qn_node *pow = qn_match_made_by(v, QN_OP_Pow);
    return pow && qn_match_scalar_is(pow->in[1], 0.5, 0) && match_mean_square(pow->in[0], out);
}

/* v = 1 / root */
static bool match_inverse_root(const qn_value *v, qn_norm_root *out) {
    const qn_node *node = v ? v->producer : NULL;
    if (!node)
        return false;
    if (node->op == QN_OP_Reciprocal)
        return match_root(node->in[0], out);
    if (node->op == QN_OP_Div)
        return qn_match_scalar_is(node->in[0], 1, 0) && match_root(node->in[1], out);
    return node->op == QN_OP_Pow && qn_match_scalar_is(node->in[1], -0.5, 0) && match_mean_square(node->in[0], out);
}

bool qn_norm_match_root(const qn_node *node, qn_norm_root *out) {
    if (node->n_in != 2)
        return false;
    if (node->op == QN_OP_Div)
        return match_root(node->in[1], out) && out->value == node->in[0];
    if (node->op != QN_OP_Mul)
        return false;
    for (int i = 0; i < 2; i++)
        if (match_inverse_root(node->in[i], out) && out->value == node->in[1 - i])
            return true;
    return false;
}

bool qn_norm_trailing(const qn_value *x, uint32_t axes, int32_t *axis) {
    const int32_t rank = qn_match_rank(x);
    int32_t first = rank;
    while (first > 0 && (axes >> (first - 1) & 1u))
        first--;
    *axis = first;
    return first < rank && axes >> first << first == axes && (axes & ((1u << first) - 1u)) == 0;
}

qn_status qn_norm_ones(qn_pass_run *run, const qn_node *at, const qn_value *x, int32_t axis, qn_value **out) {
    int64_t n = 1;
    const int32_t rank = x->type.rank;
    *out = NULL;
    for (int32_t i = axis; i < rank; i++) {
        const qn_dim d = x->type.dims[i];
        if (!qn_dim_is_const(d) || d < 1 || d > 65536 || (n *= d) > 65536)
            return QN_OK;
    }
    double *ones;
    QN_NEW_ARRAY(run->ctx, run->scratch, ones, n);
    for (int64_t i = 0; i < n; i++)
        ones[i] = 1;
    const char *name = qn_arena_printf(run->scratch, "%s.scale", at->out[0]->name);
    return name ? qn_fold_vector(run, name, x->type.dtype, x->type.dims + axis, rank - axis, ones, out)
                : qn_fail_memory(run->ctx, 64, "a name");
}

qn_status qn_norm_affine(qn_pass_run *run, const qn_node *norm, qn_value *v, qn_value **out) {
    const qn_value *x = norm->in[0];
    const int32_t rank = qn_match_rank(x);
    int32_t axis;
    *out = NULL;
    if (!v || !v->constant || rank < 0 || !qn_match_axis(qn_node_int(norm, "axis", -1), rank, &axis))
        return QN_OK;
    const qn_const *c = v->constant;
    const int32_t n = rank - axis, leading = c->rank - n;
    if (leading < 0 || c->dtype != x->type.dtype)
        return QN_OK;
    for (int32_t i = 0; i < c->rank; i++)
        if (c->dims[i] != (i < leading ? 1 : x->type.dims[axis + i - leading]))
            return QN_OK;
    if (leading == 0) {
        *out = v;
        return QN_OK;
    }
    qn_value *shape, *in[2] = {v, NULL};
    QN_TRY(qn_value_ints(run->ctx, run->graph, NULL, c->dims + leading, n, &shape));
    in[1] = shape;
    return qn_fold_op(run, QN_OP_Reshape, v->name, in, 2, NULL, 0, out);
}

qn_status qn_norm_replace(qn_pass_run *run, qn_node *old, qn_node *norm, qn_value *const *in, int32_t n_in) {
    const qn_op op = norm->op;
    const int64_t axis = qn_node_int(norm, "axis", -1);
    const float epsilon = qn_node_float(norm, "epsilon", 1e-5f);
    qn_node *fresh;
    QN_TRY(qn_rewrite_node(run, old, op, in, n_in, &fresh));
    QN_TRY(qn_node_set_int(run->ctx, fresh, "axis", axis));
    return qn_node_set_float(run->ctx, fresh, "epsilon", epsilon);
}

qn_status qn_norm_fuse_scale(qn_pass_run *run, qn_node *mul, qn_op op) {
    qn_value *scale = NULL, *trailing;
    qn_node *norm = qn_match_operand_only(mul, op, &scale);
    if (!norm || norm->n_out != 1 || (norm->n_in > 2 && norm->in[2]) || !qn_match_all(norm->in[1], 1))
        return QN_OK;
    QN_TRY(qn_norm_affine(run, norm, scale, &trailing));
    if (!trailing || !qn_rewrite(run, "the scale after a norm", mul))
        return QN_OK;
    qn_value *in[] = {norm->in[0], trailing};
    return qn_norm_replace(run, mul, norm, in, 2);
}
