#include "passes/match.h"

#include <math.h>
#include <string.h>

bool qn_match_private(const qn_value *v) { return v && v->n_uses == 1 && v->n_outputs == 0; }

qn_node *qn_match_made_by(const qn_value *v, qn_op op) {
    return v && v->producer && v->producer->op == op ? v->producer : NULL;
}

qn_node *qn_match_only(const qn_value *v, qn_op op) { return qn_match_private(v) ? qn_match_made_by(v, op) : NULL; }

qn_node *qn_match_reader(const qn_value *v, qn_op op) {
    if (!qn_match_private(v))
        return NULL;
    qn_node *reader = v->uses[0].node;
    return op == QN_OP_NONE || reader->op == op ? reader : NULL;
}

qn_value *qn_match_other(const qn_node *node, const qn_value *v) {
    if (!node || !v || node->n_in != 2)
        return NULL;
    return node->in[0] == v ? node->in[1] : node->in[1] == v ? node->in[0] : NULL;
}

static qn_node *operand(const qn_node *node, qn_op op, qn_value **other, bool only) {
    if (!node || node->n_in != 2)
        return NULL;
    for (int32_t i = 0; i < 2; i++) {
        qn_node *found = only ? qn_match_only(node->in[i], op) : qn_match_made_by(node->in[i], op);
        if (found) {
            *other = node->in[1 - i];
            return found;
        }
    }
    return NULL;
}

qn_node *qn_match_operand(const qn_node *node, qn_op op, qn_value **other) { return operand(node, op, other, false); }

qn_node *qn_match_operand_only(const qn_node *node, qn_op op, qn_value **other) {
    return operand(node, op, other, true);
}

int32_t qn_match_constant_operand(const qn_node *node) {
    if (!node || node->n_in != 2 || !node->in[0] || !node->in[1] || !node->in[0]->constant == !node->in[1]->constant)
        return -1;
    return node->in[0]->constant ? 0 : 1;
}

/* ---- constants ------------------------------------------------------------------------------ */

const qn_const *qn_match_ready(const qn_value *v) {
    return v && v->constant && qn_const_is_ready(v->constant) ? v->constant : NULL;
}

bool qn_match_scalar(const qn_value *v, double *x) {
    const qn_const *c = qn_match_ready(v);
    if (!c || qn_const_numel(c) != 1)
        return false;
    *x = qn_const_f64(c, 0);
    return true;
}

bool qn_match_scalar_is(const qn_value *v, double x, double rel) {
    double y;
    return qn_match_scalar(v, &y) && (y == x || fabs(y - x) <= rel * fabs(x));
}

enum { MAX_LOOK = 65536 };

bool qn_match_all(const qn_value *v, double x) {
    const qn_const *c = qn_match_ready(v);
    if (!c)
        return false;
    const int64_t n = qn_const_numel(c);
    if (n > MAX_LOOK)
        return false;
    for (int64_t i = 0; i < n; i++)
        if (qn_const_f64(c, i) != x)
            return false;
    return true;
}

bool qn_match_vector(const qn_value *v, int32_t axis_from_end, int64_t n) {
    if (!v || !v->constant)
        return false;
    const qn_const *c = v->constant;
    if (n == 1)
        return qn_const_numel(c) == 1;
    if (axis_from_end < 1 || c->rank < axis_from_end)
        return false;
    for (int32_t i = 0; i < c->rank; i++)
        if (c->dims[i] != (i == c->rank - axis_from_end ? n : 1))
            return false;
    return true;
}

bool qn_match_ints(const qn_value *v, int64_t *out, int64_t cap, int64_t *n) {
    if (!v)
        return false;
    if (v->content) {
        if (v->n_content > cap)
            return false;
        for (int64_t i = 0; i < v->n_content; i++) {
            if (!qn_dim_is_const(v->content[i]))
                return false;
            out[i] = v->content[i];
        }
        *n = v->n_content;
        return true;
    }
    const qn_const *c = qn_match_ready(v);
    if (!c || !qn_dtype_is_int(c->dtype) || qn_const_numel(c) > cap)
        return false;
    *n = qn_const_numel(c);
    for (int64_t i = 0; i < *n; i++)
        out[i] = qn_const_i64(c, i);
    return true;
}

/* ---- types ------------------------------------------------------------------------------------- */

int32_t qn_match_rank(const qn_value *v) { return v ? v->type.rank : -1; }

qn_dim qn_match_dim(const qn_value *v, int32_t i) {
    if (!v || v->type.rank < 0)
        return QN_DIM_UNKNOWN;
    if (i < 0)
        i += v->type.rank;
    return i < 0 || i >= v->type.rank ? QN_DIM_UNKNOWN : v->type.dims[i];
}

bool qn_match_same_shape(const qn_value *a, const qn_value *b) {
    if (!a || !b || a->type.rank < 0 || a->type.rank != b->type.rank)
        return false;
    for (int32_t i = 0; i < a->type.rank; i++)
        if (a->type.dims[i] == QN_DIM_UNKNOWN || a->type.dims[i] != b->type.dims[i])
            return false;
    return true;
}

bool qn_match_same_type(const qn_value *a, const qn_value *b) {
    return qn_match_same_shape(a, b) && a->type.dtype != QN_NONE && a->type.dtype == b->type.dtype;
}

bool qn_match_float(const qn_value *v) { return v && qn_dtype_is_float(v->type.dtype); }

/* ---- attributes -------------------------------------------------------------------------------- */

bool qn_match_perm(const qn_node *transpose, int32_t *perm, int32_t *rank) {
    if (!transpose || transpose->op != QN_OP_Transpose || transpose->n_in != 1)
        return false;
    const int32_t r = qn_match_rank(transpose->in[0]);
    if (r < 0)
        return false;
    int64_t n;
    const int64_t *given = qn_node_ints(transpose, "perm", &n);
    if (given && n != r)
        return false;
    uint32_t seen = 0;
    for (int32_t i = 0; i < r; i++) {
        const int64_t p = given ? given[i] : r - 1 - i;
        if (p < 0 || p >= r || (seen >> p & 1u))
            return false;
        seen |= 1u << p;
        perm[i] = (int32_t)p;
    }
    *rank = r;
    return true;
}

bool qn_match_axis(int64_t axis, int32_t rank, int32_t *out) {
    if (axis < -(int64_t)rank || axis >= rank)
        return false;
    *out = (int32_t)(axis < 0 ? axis + rank : axis);
    return true;
}

bool qn_match_axes(const qn_node *node, int32_t rank, uint32_t *mask) {
    if (!node || rank < 0 || rank > QN_MAX_RANK)
        return false;
    const uint32_t all = (1u << rank) - 1u;
    int64_t axes[QN_MAX_RANK], n = 0;
    if (node->n_in < 2 || !node->in[1]) {
        *mask = all;
        return qn_node_int(node, "noop_with_empty_axes", 0) == 0;
    }
    if (!qn_match_ints(node->in[1], axes, QN_MAX_RANK, &n))
        return false;
    if (n == 0) {
        *mask = all;
        return qn_node_int(node, "noop_with_empty_axes", 0) == 0;
    }
    *mask = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t axis;
        if (!qn_match_axis(axes[i], rank, &axis))
            return false;
        *mask |= 1u << axis;
    }
    return true;
}

bool qn_match_no_activation(const qn_node *node) {
    return node && strcmp(qn_node_string(node, "activation", "NONE"), "NONE") == 0;
}
