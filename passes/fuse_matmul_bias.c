/* fuse_matmul_bias: a product with a constant matrix, and the bias after it, to Linear.
 *
 * Before:
 *     input %x: float32[2,5,8]
 *     const %w: float32[8,6] = random(1)
 *     const %b: float32[6] = random(2)
 *     %m = MatMul(%x, %w)
 *     %y = Add(%b, %m)
 *     output %y
 * After:
 *     %y = Linear(%x, %w, %b)
 *
 * Before:
 *     input %x: float32[5,8]
 *     const %w: float32[6,8] = random(1)
 *     const %b: float32[6] = random(2)
 *     %y = Gemm(%x, %w, %b) {transB=1}
 *     output %y
 * After:
 *     %y = Linear(%x, %w, %b) {trans_w=1}
 *
 * Before:
 *     input %x: float32[batch,seq,8]
 *     const %w: float32[8,6] = random(1)
 *     const %rows: int64[2] = {-1, 8}
 *     %flat = Reshape(%x, %rows)
 *     %g = Gemm(%flat, %w)
 *     %s = Shape(%x) {end=2}
 *     const %last: int64[1] = {6}
 *     %shape = Concat(%s, %last) {axis=0}
 *     %y = Reshape(%g, %shape)
 *     output %y
 * After:
 *     %y = Linear(%x, %w)
 * since the rows of a product are independent of each other. What was flattened need not have had that shape before.
 *
 * Before:
 *     input %x: float32[batch,seq,4,2]
 *     const %w: float32[8,6] = random(1)
 *     const %rows: int64[2] = {-1, 8}
 *     const %last: int64[1] = {6}
 *     %flat = Reshape(%x, %rows)
 *     %g = Gemm(%flat, %w)
 *     %s = Shape(%x) {end=2}
 *     %shape = Concat(%s, %last) {axis=0}
 *     %y = Reshape(%g, %shape)
 *     output %y
 * After:
 *     const %joined: int64[3] = {0, 0, 8}
 *     %j = Reshape(%x, %joined)
 *     %y = Linear(%j, %w)
 *
 * Unchanged (the matrix is computed):
 *     input %z: float32[2,8,6]
 *     input %v: float32[2,5,8]
 *     const %b: float32[6] = random(2)
 *     %m = MatMul(%v, %z)
 *     %y = Add(%m, %b)
 * Unchanged (Gemm with a factor):
 *     input %z: float32[5,8]
 *     const %v: float32[8,6] = random(1)
 *     %y = Gemm(%z, %v) {alpha=2}
 */
#include "passes/linear.h"
#include "passes/match.h"
#include "passes/reshape.h"

static bool is_weight(const qn_value *v) { return v && v->constant && v->constant->rank == 2 && qn_match_float(v); }

static qn_status fuse_matmul(qn_pass_run *run, qn_node *node) {
    if (node->in[0]->constant || !is_weight(node->in[1]) || qn_match_rank(node->in[0]) < 2 ||
        !qn_rewrite(run, "MatMul to Linear", node))
        return QN_OK;
    const qn_linear parts = {.x = node->in[0], .w = node->in[1]};
    return qn_linear_replace(run, node, &parts, NULL);
}

static bool is_one(float x) { return x >= 1 && x <= 1; }

static qn_status fuse_gemm(qn_pass_run *run, qn_node *node) {
    qn_value *bias = node->n_in > 2 ? node->in[2] : NULL, *vector = NULL;
    if (node->in[0]->constant || !is_weight(node->in[1]) || qn_node_int(node, "transA", 0) ||
        !is_one(qn_node_float(node, "alpha", 1)) || (bias && !is_one(qn_node_float(node, "beta", 1))))
        return QN_OK;
    const bool trans = qn_node_int(node, "transB", 0) != 0;
    if (bias) {
        QN_TRY(qn_linear_vector(run, bias, node->in[1]->constant->dims[trans ? 0 : 1], &vector));
        if (!vector)
            return QN_OK;
    }
    if (!qn_rewrite(run, "Gemm to Linear", node))
        return QN_OK;
    const qn_linear parts = {.x = node->in[0], .w = node->in[1], .bias = vector, .trans_w = trans};
    return qn_linear_replace(run, node, &parts, NULL);
}

static qn_status fuse_bias(qn_pass_run *run, qn_node *add) {
    qn_linear l;
    qn_value *other = NULL, *bias;
    if (!qn_linear_plain(qn_match_operand_only(add, QN_OP_Linear, &other), &l) || l.bias ||
        !qn_match_no_activation(add) || !qn_match_same_type(l.node->out[0], add->out[0]))
        return QN_OK;
    QN_TRY(qn_linear_vector(run, other, l.n, &bias));
    if (!bias || !qn_rewrite(run, "the bias after Linear", add))
        return QN_OK;
    l.bias = bias;
    return qn_linear_replace(run, add, &l, NULL);
}

/* The rows of Reshape(x), K wide, with the leading dimensions of y: x itself, or a Reshape of it by a constant. NULL when
 * neither will do. */
static qn_status rows_like(qn_pass_run *run, const qn_node *flatten, const qn_value *y, int64_t k, qn_value **rows) {
    qn_value *x = flatten->in[0];
    qn_type type = y->type;
    int64_t target[QN_MAX_RANK];
    *rows = NULL;
    type.dims[type.rank - 1] = k;
    if (x->type.rank == type.rank && qn_type_equal(&x->type, &type)) {
        *rows = x;
        return QN_OK;
    }
    if (!qn_reshape_target(&x->type, &type, target))
        return QN_OK;
    qn_value *in[2] = {x, NULL};
    qn_node *reshape;
    QN_TRY(qn_value_ints(run->ctx, flatten->graph, NULL, target, type.rank, &in[1]));
    QN_TRY(qn_rewrite_insert(run, flatten->next, QN_OP_Reshape, flatten->name, in, 2, &reshape));
    reshape->origin = flatten->origin;
    *rows = reshape->out[0];
    return qn_infer_one(run->ctx, reshape);
}

/* Reshape(Linear(Reshape(x))) that leaves the last dimension of the product alone: the Linear on rows of that shape. */
static qn_status drop_reshapes(qn_pass_run *run, qn_node *last) {
    qn_linear l;
    if (!qn_linear_plain(qn_match_only(last->in[0], QN_OP_Linear), &l))
        return QN_OK;
    const qn_node *flatten = qn_match_made_by(l.x, QN_OP_Reshape);
    const qn_value *y = last->out[0];
    const int32_t rank = qn_match_rank(y);
    if (!flatten || rank < 2 || qn_match_dim(l.x, -1) != l.k || qn_match_dim(y, -1) != l.n ||
        y->type.dtype != l.x->type.dtype || *run->budget == 0)
        return QN_OK;
    for (int32_t i = 0; i < rank - 1; i++)
        if (y->type.dims[i] == QN_DIM_UNKNOWN)
            return QN_OK;
    QN_TRY(rows_like(run, flatten, y, l.k, &l.x));
    if (!l.x || !qn_rewrite(run, "Linear without reshapes around it", last))
        return QN_OK;
    return qn_linear_replace(run, last, &l, NULL);
}

qn_status qn_pass_fuse_matmul_bias(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (node->op == QN_OP_MatMul)
            QN_TRY(fuse_matmul(run, node));
        else if (node->op == QN_OP_Gemm)
            QN_TRY(fuse_gemm(run, node));
    }
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (node->op == QN_OP_Add)
            QN_TRY(fuse_bias(run, node));
        else if (node->op == QN_OP_Reshape)
            QN_TRY(drop_reshapes(run, node));
    }
    return QN_OK;
}
