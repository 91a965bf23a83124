/* fuse_attention: softmax(scale q k^T + mask) v, heads split before and joined after, to MultiHeadAttention.
 *
 * Before:
 *     input %q: float32[2,5,8]
 *     input %k: float32[2,7,8]
 *     input %v: float32[2,7,8]
 *     input %mask: float32[2,1,5,7]
 *     const %split: int64[4] = {0, 0, 2, 4}
 *     const %join: int64[3] = {0, 0, 8}
 *     const %root: float32[] = 2
 *     %q1 = Reshape(%q, %split)
 *     %q2 = Transpose(%q1) {perm=[0,2,1,3]}
 *     %k1 = Reshape(%k, %split)
 *     %k2 = Transpose(%k1) {perm=[0,2,3,1]}
 *     %v1 = Reshape(%v, %split)
 *     %v2 = Transpose(%v1) {perm=[0,2,1,3]}
 *     %s = MatMul(%q2, %k2)
 *     %d = Div(%s, %root)
 *     %a = Add(%d, %mask)
 *     %p = Softmax(%a) {axis=3}
 *     %o = MatMul(%p, %v2)
 *     %t = Transpose(%o) {perm=[0,2,1,3]}
 *     %y = Reshape(%t, %join)
 *     output %y
 * After:
 *     %y = MultiHeadAttention(%q, %k, %v, %mask) {num_heads=2, kv_num_heads=2, head_dim=4, v_head_dim=4, scale=0.5}
 *
 * Before:
 *     input %q: float32[2,4,5,8]
 *     input %k: float32[2,2,7,8]
 *     input %v: float32[2,2,7,8]
 *     const %axis: int64[1] = {2}
 *     const %group: int64[5] = {2, 2, 2, 7, 8}
 *     const %heads: int64[4] = {2, 4, 7, 8}
 *     const %join: int64[3] = {0, 0, 32}
 *     const %half: float32[] = 0.5
 *     %k1 = Unsqueeze(%k, %axis)
 *     %k2 = Expand(%k1, %group)
 *     %k3 = Reshape(%k2, %heads)
 *     %kt = Transpose(%k3) {perm=[0,1,3,2]}
 *     %v1 = Unsqueeze(%v, %axis)
 *     %v2 = Expand(%v1, %group)
 *     %v3 = Reshape(%v2, %heads)
 *     %qs = Mul(%q, %half)
 *     %s = MatMul(%qs, %kt)
 *     %p = Softmax(%s)
 *     %o = MatMul(%p, %v3)
 *     %t = Transpose(%o) {perm=[0,2,1,3]}
 *     %y = Reshape(%t, %join)
 *     output %y
 * After:
 *     %y = MultiHeadAttention(%q, %k, %v) {num_heads=4, kv_num_heads=2, head_dim=8, v_head_dim=8, scale=0.5}
 * docs/ops.md defines the op.
 *
 * Unchanged (the softmax is over the queries):
 *     %kt = Transpose(%q) {perm=[0,1,3,2]}
 *     %s = MatMul(%q, %kt)
 *     %p = Softmax(%s) {axis=2}
 *     %o = MatMul(%p, %q)
 *     %t = Transpose(%o) {perm=[0,2,1,3]}
 *     %y = Reshape(%t, %join)
 * Unchanged (the weights have another reader):
 *     %kt = Transpose(%q) {perm=[0,1,3,2]}
 *     %s = MatMul(%q, %kt)
 *     %p = Softmax(%s)
 *     %o = MatMul(%p, %q)
 *     %t = Transpose(%o) {perm=[0,2,1,3]}
 *     %j = Reshape(%t, %join)
 *     %m = ReduceMax(%p)
 *     %y = Add(%j, %m)
 */
#include "passes/match.h"
#include "passes/rewrite.h"

#include <string.h>

/* One of q, k, v: where it comes from and how its heads lie. */
typedef struct operand {
    qn_value *value;     /* [B, N, heads * width], or [B, heads, N, width] */
    int64_t heads, width;
    double scale;        /* factors met on the way */
} operand;

typedef struct attention {
    operand q, k, v;
    qn_value *mask;      /* or NULL */
    double scale;
} attention;

static bool has_perm(const qn_node *transpose, int32_t a, int32_t b, int32_t c, int32_t d) {
    int32_t perm[QN_MAX_RANK], rank;
    return qn_match_perm(transpose, perm, &rank) && rank == 4 && perm[0] == a && perm[1] == b && perm[2] == c &&
           perm[3] == d;
}

/* Step over products with and divisions by a number. */
static qn_value *peel_scale(qn_value *v, double *scale) {
    for (;;) {
        double number;
        const qn_node *mul = qn_match_made_by(v, QN_OP_Mul), *div = qn_match_made_by(v, QN_OP_Div);
        if (mul && qn_match_scalar(mul->in[1], &number)) {
            *scale *= number;
            v = mul->in[0];
        } else if (mul && qn_match_scalar(mul->in[0], &number)) {
            *scale *= number;
            v = mul->in[1];
        } else if (div && qn_match_scalar(div->in[1], &number) && number != 0) {
            *scale /= number;
            v = div->in[0];
        } else {
            return v;
        }
    }
}

/* v [B, N, heads, width] is Reshape of x [B, N, heads * width]: x, else NULL. */
static qn_value *match_split(qn_value *v) {
    const qn_node *reshape = qn_match_made_by(v, QN_OP_Reshape);
    qn_value *x = reshape ? reshape->in[0] : NULL;
    if (qn_match_rank(x) != 3 || qn_match_rank(v) != 4)
        return NULL;
    const qn_dim heads = v->type.dims[2], width = v->type.dims[3];
    const bool same = x->type.dims[0] == v->type.dims[0] && x->type.dims[1] == v->type.dims[1];
    return same && qn_dim_is_const(heads) && qn_dim_is_const(width) && x->type.dims[2] == heads * width ? x : NULL;
}

/* Keys or values repeated for groups of queries: Reshape(Expand(Unsqueeze(x, 2))) of x [B, heads, N, width]. */
static qn_value *match_repeated(qn_value *v) {
    const qn_node *reshape = qn_match_made_by(v, QN_OP_Reshape);
    const qn_node *expand = reshape ? qn_match_made_by(reshape->in[0], QN_OP_Expand) : NULL;
    const qn_node *unsqueeze = expand ? expand->in[0]->producer : NULL;
    if (!unsqueeze || (unsqueeze->op != QN_OP_Unsqueeze && unsqueeze->op != QN_OP_Reshape))
        return NULL;
    qn_value *x = unsqueeze->in[0];
    const qn_value *wide = expand->out[0], *thin = expand->in[0];
    if (qn_match_rank(x) != 4 || qn_match_rank(thin) != 5 || qn_match_rank(wide) != 5 || qn_match_rank(v) != 4 ||
        thin->type.dims[2] != 1)
        return NULL;
    for (int32_t i = 0; i < 5; i++) {
        const qn_dim d = thin->type.dims[i];
        if (i != 2 && (d == QN_DIM_UNKNOWN || d != wide->type.dims[i] || d != x->type.dims[i < 2 ? i : i - 1]))
            return NULL;
    }
    const qn_dim heads = x->type.dims[1], group = wide->type.dims[2];
    const bool fits = qn_dim_is_const(heads) && qn_dim_is_const(group) && v->type.dims[1] == heads * group &&
                      v->type.dims[0] == x->type.dims[0] && v->type.dims[2] == x->type.dims[2] &&
                      v->type.dims[3] == x->type.dims[3];
    return fits ? x : NULL;
}

static bool from_heads(qn_value *v, operand *out) {
    const qn_dim heads = qn_match_dim(v, 1), width = qn_match_dim(v, 3);
    if (qn_match_rank(v) != 4 || !qn_dim_is_const(heads) || !qn_dim_is_const(width))
        return false;
    out->value = v;
    out->heads = heads;
    out->width = width;
    return true;
}

/* v [B, heads, N, width] */
static bool match_operand(qn_value *v, bool may_repeat, operand *out) {
    v = peel_scale(v, &out->scale);
    qn_value *repeated = may_repeat ? match_repeated(v) : NULL;
    if (repeated)
        v = peel_scale(repeated, &out->scale);
    if (!from_heads(v, out))
        return false;
    const qn_node *transpose = qn_match_made_by(v, QN_OP_Transpose);
    qn_value *row = transpose && has_perm(transpose, 0, 2, 1, 3) ? match_split(peel_scale(transpose->in[0], &out->scale))
                                                                 : NULL;
    if (row)
        out->value = peel_scale(row, &out->scale);
    return true;
}

/* v [B, heads, width, N]: the keys, turned. */
static bool match_turned(qn_value *v, operand *out) {
    v = peel_scale(v, &out->scale);
    const qn_node *transpose = qn_match_made_by(v, QN_OP_Transpose);
    if (!transpose)
        return false;
    if (has_perm(transpose, 0, 1, 3, 2))
        return match_operand(transpose->in[0], true, out);
    if (!has_perm(transpose, 0, 2, 3, 1))
        return false;
    qn_value *split = peel_scale(transpose->in[0], &out->scale), *row = match_split(split);
    if (!row)
        return false;
    out->heads = split->type.dims[2];
    out->width = split->type.dims[3];
    out->value = peel_scale(row, &out->scale);
    return true;
}

/* scores = scale q k^T (+ mask) */
static bool match_scores(qn_value *v, attention *a) {
    for (int masked = 0; masked < 2; masked++) {
        double scale = 1;
        const qn_node *product = qn_match_made_by(peel_scale(v, &scale), QN_OP_MatMul);
        if (product) {
            a->scale = scale;
            return match_operand(product->in[0], false, &a->q) && match_turned(product->in[1], &a->k);
        }
        const qn_node *add = qn_match_made_by(v, QN_OP_Add);
        if (!add || masked || !qn_match_no_activation(add))
            return false;
        scale = 1;
        const bool first = qn_match_made_by(peel_scale(add->in[0], &scale), QN_OP_MatMul) != NULL;
        v = add->in[first ? 0 : 1];
        a->mask = add->in[first ? 1 : 0];
        if (qn_match_rank(a->mask) < 0 || qn_match_rank(a->mask) > 4 || !qn_match_same_shape(v, add->out[0]))
            return false;
    }
    return false;
}

/* Everything from the scores to the joined heads is read by nothing else. */
static bool match_attention(const qn_node *join, attention *a) {
    *a = (attention){.q = {.scale = 1}, .k = {.scale = 1}, .v = {.scale = 1}, .scale = 1};
    const qn_node *transpose = qn_match_only(join->in[0], QN_OP_Transpose);
    if (!transpose || !has_perm(transpose, 0, 2, 1, 3))
        return false;
    const qn_node *product = qn_match_only(transpose->in[0], QN_OP_MatMul);
    const qn_node *softmax = product ? qn_match_only(product->in[0], QN_OP_Softmax) : NULL;
    const int64_t axis = softmax ? qn_node_int(softmax, "axis", -1) : 0;
    if (!softmax || (axis != -1 && axis != 3) || qn_match_rank(softmax->in[0]) != 4)
        return false;
    if (!match_scores(softmax->in[0], a) || !match_operand(product->in[1], true, &a->v))
        return false;
    /* A factor on the values is not one on the scores. */
    if (a->v.scale < 1 || a->v.scale > 1 || a->q.width != a->k.width || a->k.heads != a->v.heads ||
        a->k.heads < 1 || a->q.heads % a->k.heads != 0)
        return false;
    const qn_value *y = join->out[0], *o = product->out[0];
    return qn_match_rank(y) == 3 && y->type.dims[0] == o->type.dims[0] && y->type.dims[1] == o->type.dims[2] &&
           y->type.dims[2] == a->q.heads * a->v.width && o->type.dims[1] == a->q.heads;
}

static qn_status fuse(qn_pass_run *run, qn_node *join) {
    attention a;
    if (!match_attention(join, &a) || !qn_rewrite(run, "attention", join))
        return QN_OK;
    qn_value *in[] = {a.q.value, a.k.value, a.v.value, a.mask};
    qn_node *node;
    QN_TRY(qn_rewrite_node(run, join, QN_OP_MultiHeadAttention, in, a.mask ? 4 : 3, &node));
    QN_TRY(qn_node_set_int(run->ctx, node, "num_heads", a.q.heads));
    QN_TRY(qn_node_set_int(run->ctx, node, "kv_num_heads", a.k.heads));
    QN_TRY(qn_node_set_int(run->ctx, node, "head_dim", a.q.width));
    QN_TRY(qn_node_set_int(run->ctx, node, "v_head_dim", a.v.width));
    return qn_node_set_float(run->ctx, node, "scale", (float)(a.scale * a.q.scale * a.k.scale));
}

qn_status qn_pass_fuse_attention(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (node->op == QN_OP_Reshape)
            QN_TRY(fuse(run, node));
    }
    return QN_OK;
}
