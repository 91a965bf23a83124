#include "passes/channels.h"

#include "passes/match.h"

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

/* ConvTranspose: [C, M/group, ...]; channel m of group g lies in column m - g*M/group of that group's rows. */
static bool transposed_channels(const qn_node *node, const qn_const *w, qn_channels *c) {
    const int64_t group = qn_node_int(node, "group", 1);
    if (w->rank < 3)
        return false;
    c->rank = w->rank;
    if (group == 1) {
        c->n = w->dims[1];
        factor_shape(c, 1, w->rank);
        return true;
    }
    c->n = group;
    factor_shape(c, 0, w->rank);
    return w->dims[1] == 1 && w->dims[0] == group;
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
    *out = (qn_channels){.node = node};
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
    for (int64_t i = 0; i < c->n; i++) {
        bias[i] = old ? beta * old[n == 1 ? 0 : i] : 0;
        bias[i] = bias[i] * (factor ? factor[i] : 1) + (shift ? shift[i] : 0);
    }
    const char *name = absent(node, 2) ? node->name : node->in[2]->name;
    return qn_fold_vector(run, name, node->in[1]->constant->dtype, &c->n, 1, bias, out);
}

qn_status qn_channels_fold(qn_pass_run *run, const qn_channels *c, qn_node *last, const double *factor,
                           const double *shift, const char *what) {
    qn_value *in[3] = {c->node->in[0], c->node->in[1], absent(c->node, 2) ? NULL : c->node->in[2]};
    if (factor) {
        qn_value *mul[2] = {in[1], NULL};
        QN_TRY(qn_fold_vector(run, NULL, in[1]->constant->dtype, c->shape, c->shape_rank, factor, &mul[1]));
        QN_TRY(qn_fold_op(run, QN_OP_Mul, in[1]->name, mul, 2, NULL, 0, &in[1]));
        if (!in[1])
            return QN_OK;
    }
    if (in[2] || shift)
        QN_TRY(fold_bias(run, c, factor, shift, &in[2]));
    if (!qn_rewrite(run, what, last))
        return QN_OK;
    qn_node *folded;
    QN_TRY(qn_rewrite_as(run, last, c->node, in, in[2] ? 3 : 2, &folded));
    if (folded->op == QN_OP_Gemm)
        qn_node_remove_attr(folded, "beta");
    return QN_OK;
}
