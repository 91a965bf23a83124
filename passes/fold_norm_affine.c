/* fold_norm_affine: scale and shift of a norm into the Linear that alone reads it.
 *
 * Before:
 *     input %x: float32[2,5,8]
 *     const %scale: float32[8] = positive(1)
 *     const %shift: float32[8] = random(2)
 *     const %w: float32[8,6] = random(3)
 *     const %b: float32[6] = random(4)
 *     %n = LayerNormalization(%x, %scale, %shift) {axis=2}
 *     %y = Linear(%n, %w, %b)
 *     output %y
 * After:
 *     %n = LayerNormalization(%x, %ones) {axis=2}
 *     %y = Linear(%n, %w2, %b2)
 * with w2[k, n] = scale[k] w[k, n] and b2 = b + shift w: (z scale + shift) w + b = z (diag(scale) w) + (shift w + b).
 *
 * Left alone: weights over 2^20 elements, which are streamed when the package is filled and never multiplied by each
 * other; and every norm when weights are going to be quantised, since a norm's outlier channels would widen the range
 * of the codes of every output.
 *
 * Unchanged (two readers):
 *     %n = LayerNormalization(%x, %scale, %shift) {axis=2}
 *     %l = Linear(%n, %w, %b)
 *     %m = Linear(%n, %w)
 *     %y = Add(%l, %m)
 * Unchanged (the weight has another reader, and would be stored twice):
 *     %n = LayerNormalization(%x, %scale, %shift) {axis=2}
 *     %l = Linear(%n, %w, %b)
 *     %m = Linear(%x, %w)
 *     %y = Add(%l, %m)
 * Unchanged (no scale to fold):
 *     const %unit: float32[8] = {1, 1, 1, 1, 1, 1, 1, 1}
 *     %n = LayerNormalization(%x, %unit) {axis=2}
 *     %y = Linear(%n, %w, %b)
 */
#include <string.h>

#include "kernels/eval.h"
#include "passes/linear.h"
#include "passes/match.h"
#include "passes/norm.h"
#include "passes/rewrite.h"

enum { MAX_ELEMS = 1 << 20 };

static bool is_vector(const qn_value *v, int64_t n) {
    return v && v->constant && v->constant->rank == 1 && v->constant->dims[0] == n;
}

/* sum[n] += s w, of a float32 weight; w in an arena of its own, which is given back. */
static qn_status add_products(qn_pass_run *run, const qn_linear *l, const double *s, double *sum) {
    qn_arena *own = qn_arena_create();
    qn_tensor w;
    if (!own)
        return qn_fail_memory(run->ctx, 0, "a weight");
    const qn_status status = qn_const_eval(run->ctx, own, l->w->constant, &w);
    const int64_t step_n = l->trans_w ? l->k : 1, step_k = l->trans_w ? 1 : l->n;
    for (int64_t n = 0; n < l->n && status == QN_OK; n++)
        for (int64_t k = 0; k < l->k; k++) {
            float x; /* weights of a file lie at any address */
            memcpy(&x, (const char *)w.data + sizeof x * (size_t)(n * step_n + k * step_k), sizeof x);
            sum[n] += s[k] * (double)x;
        }
    qn_arena_destroy(own);
    return status;
}

/* shift w + b as numbers. */
static qn_status shifted_bias(qn_pass_run *run, const qn_linear *l, const qn_value *shift, qn_value **out) {
    const double *s, *b = NULL;
    int64_t n_s, n_b;
    double *sum;
    QN_TRY(qn_fold_numbers(run, shift, &s, &n_s));
    if (l->bias)
        QN_TRY(qn_fold_numbers(run, l->bias, &b, &n_b));
    QN_NEW_ARRAY(run->ctx, run->scratch, sum, l->n);
    for (int64_t n = 0; n < l->n && b; n++)
        sum[n] = b[n];
    QN_TRY(add_products(run, l, s, sum));
    return qn_fold_vector(run, l->bias ? l->bias->name : shift->name, l->w->type.dtype, &l->n, 1, sum, out);
}

static qn_status fold(qn_pass_run *run, qn_node *node) {
    qn_linear l;
    qn_value *ones, *weight, *bias;
    if (!qn_linear_of(node, &l) || l.n * l.k > MAX_ELEMS || l.w->type.dtype != QN_F32 || l.w->n_uses > 1 || (l.bias && !is_vector(l.bias, l.n)))
        return QN_OK;
    qn_node *norm = qn_match_only(l.x, QN_OP_LayerNormalization);
    if (!norm)
        norm = qn_match_only(l.x, QN_OP_RMSNormalization);
    if (!norm || norm->n_out != 1 || !is_vector(norm->in[1], l.k))
        return QN_OK;
    qn_value *shift = norm->n_in > 2 ? norm->in[2] : NULL;
    if ((shift && !is_vector(shift, l.k)) || (!shift && qn_match_all(norm->in[1], 1)))
        return QN_OK;
    QN_TRY(qn_norm_ones(run, norm, norm->in[0], qn_match_rank(norm->in[0]) - 1, &ones));
    QN_TRY(qn_linear_scaled(run, &l, norm->in[1], true, &weight));
    bias = l.bias;
    if (shift)
        QN_TRY(shifted_bias(run, &l, shift, &bias));
    if (!ones || !weight || !qn_rewrite(run, "scale and shift of a norm into Linear", node))
        return QN_OK;
    QN_TRY(qn_node_set_input(run->ctx, norm, 1, ones));
    if (shift)
        QN_TRY(qn_node_set_input(run->ctx, norm, 2, NULL));
    QN_TRY(qn_node_set_input(run->ctx, node, 1, weight));
    /* The normalised value is not what the source had under its name. */
    norm->out[0]->origin = NULL;
    return bias == l.bias ? QN_OK : qn_node_set_input(run->ctx, node, 2, bias);
}

qn_status qn_pass_fold_norm_affine(qn_pass_run *run) {
    if (run->options && run->options->weights)
        return QN_OK;
    for (qn_node *node = run->graph->first; node; node = node->next)
        if (node->op == QN_OP_Linear)
            QN_TRY(fold(run, node));
    return QN_OK;
}
