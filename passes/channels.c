#include "passes/channels.h"

#include "base/checked.h"
#include "passes/match.h"

#include <math.h>

static bool absent(const qn_node *node, int32_t i) { return i >= node->n_in || !node->in[i]; }

/* n factors along dimension `axis` of a weight of `rank`. */
static void factor_shape(qn_channels *c, int32_t axis, int32_t rank) {
    c->shape_rank = rank;
    for (int32_t i = 0; i < rank; i++)
        c->shape[i] = i == axis ? c->n : 1;
}

/* Conv: [M, C/group, ...] */
static bool conv_channels(const qn_node *node, const qn_const *w, qn_channels *c) {
    if (w->rank < 3 || !absent(node, 3) || !qn_match_no_activation(node))
        return false;
    c->n = w->dims[0];
    c->rank = w->rank;
    factor_shape(c, 0, w->rank);
    return true;
}

/* ConvTranspose: [C, M/group, ...]; group g has rows g*C/group and on, and its column j is channel g*M/group + j. */
static bool transposed_channels(const qn_node *node, const qn_const *w, qn_channels *c) {
    const int64_t groups = qn_node_int(node, "group", 1);
    if (w->rank < 3 || groups < 1 || w->dims[0] % groups != 0 || !qn_mul_i64(w->dims[1], groups, &c->n))
        return false;
    c->rank = w->rank;
    c->groups = groups;
    factor_shape(c, 1, w->rank);
    c->shape[0] = groups > 1 ? w->dims[0] : 1;
    c->shape[1] = w->dims[1];
    return true;
}

/* Gemm, Linear: [K, M], or [M, K] when `trans` */
static bool product_channels(const qn_node *node, const qn_const *w, bool trans, qn_channels *c) {
    if (w->rank != 2 || qn_match_rank(node->out[0]) != 2 || !absent(node, 3) || !qn_match_no_activation(node))
        return false;
    c->n = w->dims[trans ? 0 : 1];
    c->rank = 2;
    factor_shape(c, trans ? 0 : 1, 2);
    return true;
}

bool qn_channels_of(qn_node *node, qn_channels *out) {
    *out = (qn_channels){.node = node, .groups = 1};
    if (!node || node->n_in < 2 || !node->in[1] || !node->in[1]->constant)
        return false;
    const qn_const *w = node->in[1]->constant;
    if (!qn_dtype_is_float(w->dtype) || w->encoding != QN_ENC_DENSE)
        return false;
    bool ok = false;
    switch ((int)node->op) {
    case QN_OP_Conv: ok = conv_channels(node, w, out); break;
    case QN_OP_ConvTranspose: ok = transposed_channels(node, w, out); break;
    case QN_OP_Gemm: ok = product_channels(node, w, qn_node_int(node, "transB", 0) != 0, out); break;
    case QN_OP_Linear: ok = product_channels(node, w, qn_node_int(node, "trans_w", 0) != 0, out); break;
    default: break;
    }
    return ok && (absent(node, 2) || qn_match_vector(node->in[2], 1, out->n) || qn_match_vector(node->in[2], 1, 1));
}

/* ---- factors and shifts ----------------------------------------------------------------------- */

static bool is_scale(const qn_node *node) { return node->op == QN_OP_Mul || node->op == QN_OP_Div; }

bool qn_channels_affine(const qn_node *node, int64_t n, int32_t rank, int32_t *at) {
    *at = 0;
    if (!node)
        return false;
    if (node->op == QN_OP_BatchNormalization) {
        for (int32_t i = 1; i < 5; i++)
            if (!node->in[i]->constant || qn_const_numel(node->in[i]->constant) != n)
                return false;
        return qn_node_int(node, "training_mode", 0) == 0;
    }
    const int32_t constant = qn_match_constant_operand(node);
    if (constant < 0 || !(is_scale(node) || node->op == QN_OP_Add || node->op == QN_OP_Sub) ||
        (constant == 0 && (node->op == QN_OP_Div || node->op == QN_OP_Sub)) || !qn_match_no_activation(node))
        return false;
    const qn_value *v = node->in[constant];
    *at = 1 - constant;
    return qn_match_float(v) && v->constant->rank <= rank &&
           (qn_match_vector(v, rank - 1, n) || qn_match_vector(v, 1, 1));
}

/* k = scale / sqrt(var + epsilon): y * k + (shift - mean * k) */
static qn_status compose_norm(qn_pass_run *run, const qn_node *norm, int64_t n, double *factor, double *shift) {
    const double epsilon = (double)qn_node_float(norm, "epsilon", 1e-5f);
    const double *p[4];
    int64_t count;
    for (int32_t i = 0; i < 4; i++)
        QN_TRY(qn_fold_numbers(run, norm->in[i + 1], &p[i], &count));
    for (int64_t i = 0; i < n; i++) {
        const double k = p[0][i] / sqrt(p[3][i] + epsilon);
        factor[i] *= k;
        shift[i] = (shift[i] - p[2][i]) * k + p[1][i];
    }
    return QN_OK;
}

static qn_status compose_operand(qn_pass_run *run, const qn_node *node, int64_t n, double *factor, double *shift) {
    const double *x;
    int64_t count;
    QN_TRY(qn_fold_numbers(run, node->in[qn_match_constant_operand(node)], &x, &count));
    for (int64_t i = 0; i < n; i++) {
        const double c = x[count == 1 ? 0 : i];
        if (is_scale(node)) {
            const double k = node->op == QN_OP_Div ? 1 / c : c;
            factor[i] *= k;
            shift[i] *= k;
        } else {
            shift[i] += node->op == QN_OP_Sub ? -c : c;
        }
    }
    return QN_OK;
}

qn_status qn_channels_compose(qn_pass_run *run, const qn_node *node, int64_t n, double *factor, double *shift,
                              bool *finite) {
    if (node->op == QN_OP_BatchNormalization)
        QN_TRY(compose_norm(run, node, n, factor, shift));
    else
        QN_TRY(compose_operand(run, node, n, factor, shift));
    *finite = true;
    for (int64_t i = 0; i < n; i++)
        *finite = *finite && isfinite(factor[i]) && isfinite(shift[i]);
    return QN_OK;
}

/* ---- into the product --------------------------------------------------------------------------- */

/* bias * factor + shift, in float64; a Gemm's bias has its beta first. */
static qn_status fold_bias(qn_pass_run *run, const qn_channels *c, const double *factor, const double *shift,
                           qn_value **out) {
    qn_node *node = c->node;
    const double *old = NULL, beta = node->op == QN_OP_Gemm ? (double)qn_node_float(node, "beta", 1) : 1;
    double *bias;
    int64_t n = 0;
    QN_NEW_ARRAY(run->ctx, run->scratch, bias, c->n);
    if (!absent(node, 2))
        QN_TRY(qn_fold_numbers(run, node->in[2], &old, &n));
    for (int64_t i = 0; i < c->n; i++)
        bias[i] = (old ? beta * old[n == 1 ? 0 : i] : 0) * factor[i] + shift[i];
    const char *name = absent(node, 2) ? node->name : node->in[2]->name;
    return qn_fold_vector(run, name, node->in[1]->constant->dtype, &c->n, 1, bias, out);
}

/* weight * factor */
static qn_status fold_weight(qn_pass_run *run, const qn_channels *c, const double *factor, qn_value **out) {
    qn_value *weight = c->node->in[1], *mul[2] = {weight, NULL};
    const double *factors = factor;
    if (c->groups > 1) {
        const int64_t rows = c->shape[0], columns = c->shape[1];
        double *each;
        QN_NEW_ARRAY(run->ctx, run->scratch, each, rows * columns);
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++)
                each[i * columns + j] = factor[i / (rows / c->groups) * columns + j];
        factors = each;
    }
    QN_TRY(qn_fold_vector(run, NULL, weight->constant->dtype, c->shape, c->shape_rank, factors, &mul[1]));
    return qn_fold_op(run, QN_OP_Mul, weight->name, mul, 2, NULL, 0, out);
}

static bool all_are(const double *v, int64_t n, double x) {
    for (int64_t i = 0; i < n; i++)
        if (v[i] < x || v[i] > x)
            return false;
    return true;
}

qn_status qn_channels_fold(qn_pass_run *run, const qn_channels *c, qn_node *last, const double *factor,
                           const double *shift, const char *what) {
    qn_value *in[3] = {c->node->in[0], c->node->in[1], absent(c->node, 2) ? NULL : c->node->in[2]};
    if (*run->budget == 0)
        return QN_OK;
    if (!all_are(factor, c->n, 1))
        QN_TRY(fold_weight(run, c, factor, &in[1]));
    if (!in[1])
        return QN_OK;
    if (in[2] || !all_are(shift, c->n, 0))
        QN_TRY(fold_bias(run, c, factor, shift, &in[2]));
    if (!qn_rewrite(run, what, last))
        return QN_OK;
    qn_node *folded;
    QN_TRY(qn_rewrite_as(run, last, c->node, in, in[2] ? 3 : 2, &folded));
    if (folded->op == QN_OP_Gemm)
        qn_node_remove_attr(folded, "beta");
    return QN_OK;
}
