/* propagate_shapes: infer types, and replace shape arithmetic by what it is known to be.
 *
 * Before:
 *     input %x: float32[batch,12,64]
 *     const %one: int64[1] = {1}
 *     const %two: int64[1] = {2}
 *     const %three: int64[1] = {3}
 *     %s = Shape(%x)
 *     %n = Slice(%s, %one, %two)
 *     %c = Slice(%s, %two, %three)
 *     %m = Mul(%n, %c)
 *     %z = ConstantOfShape(%m)
 *     %y = ReduceSum(%z)
 *     output %y
 * After:
 *     const %shape: int64[1] = {768}
 *     %z = ConstantOfShape(%shape)
 *     %y = ReduceSum(%z)
 * A Reshape to a shape with one symbolic dimension (or more, which stay where they are) becomes Reshape by a constant.
 *
 * Before:
 *     input %x: float32[batch,12,64]
 *     const %zero: int64[1] = {0}
 *     const %one: int64[1] = {1}
 *     const %rest: int64[1] = {768}
 *     %s = Shape(%x)
 *     %b = Slice(%s, %zero, %one)
 *     %t = Concat(%b, %rest) {axis=0}
 *     %y = Reshape(%x, %t)
 *     output %y
 * After:
 *     const %target: int64[2] = {-1, 768}
 *     %y = Reshape(%x, %target)
 * An Expand to the shape that its input has is dropped.
 *
 * Before:
 *     input %x: float32[batch,seq,64]
 *     %a = Relu(%x)
 *     %s = Shape(%x)
 *     %b = Expand(%a, %s)
 *     %y = Neg(%b)
 *     output %y
 * After:
 *     %a = Relu(%x)
 *     %y = Neg(%a)
 * Unchanged (two dimensions that are not where they were):
 *     input %x: float32[batch,seq,64]
 *     const %zero: int64[1] = {0}
 *     const %one: int64[1] = {1}
 *     const %rest: int64[1] = {64}
 *     %s = Shape(%x) {start=0, end=2}
 *     %r = Gather(%s, %one) {axis=0}
 *     %b = Gather(%s, %zero) {axis=0}
 *     %t = Concat(%r, %b, %rest) {axis=0}
 *     %y = Reshape(%x, %t)
 */
#include "passes/match.h"
#include "passes/reshape.h"

#include <string.h>

/* All elements of an integer value are numbers. */
static bool content_is_known(const qn_value *v) {
    if (!v || v->constant || !v->content || !qn_type_is_static(&v->type) ||
        !(qn_dtype_is_int(v->type.dtype) || v->type.dtype == QN_BOOL))
        return false;
    for (int64_t i = 0; i < v->n_content; i++)
        if (!qn_dim_is_const(v->content[i]))
            return false;
    return true;
}

static bool all_known(const qn_node *node) {
    for (int32_t i = 0; i < node->n_out; i++)
        if (node->out[i] && !content_is_known(node->out[i]))
            return false;
    return true;
}

/* x as an integer of n bytes; two's complement, so that it serves signed and unsigned. */
static void store_int(int64_t x, void *to, size_t n) {
    const int8_t x8 = (int8_t)x;
    const int16_t x16 = (int16_t)x;
    const int32_t x32 = (int32_t)x;
    const void *from = n == 8 ? (const void *)&x : n == 4 ? (const void *)&x32 : n == 2 ? (const void *)&x16 : &x8;
    memcpy(to, from, n);
}

static qn_status set_from_content(qn_pass_run *run, qn_value *v) {
    const size_t size = qn_dtype_bytes(v->type.dtype), n_bytes = size * (size_t)v->n_content;
    char *data = qn_arena_alloc(run->graph->arena, n_bytes);
    qn_const *c;
    if (!data)
        return qn_fail_memory(run->ctx, n_bytes, "a constant");
    for (int64_t i = 0; i < v->n_content; i++)
        store_int(v->content[i], data + size * (size_t)i, size);
    QN_TRY(qn_const_dense(run->ctx, run->graph->arena, v->type.dtype, v->type.rank, v->type.dims, data, n_bytes, &c));
    c->name = v->name;
    return qn_fold_set(run, v, c);
}

/* The outputs become constants; what computed them goes. */
static qn_status replace_by_content(qn_pass_run *run, qn_node *node) {
    qn_node_detach(node);
    for (int32_t i = 0; i < node->n_out; i++)
        if (node->out[i])
            QN_TRY(set_from_content(run, node->out[i]));
    for (int32_t i = 0; i < node->n_in; i++)
        if (node->in[i] && node->in[i]->producer)
            QN_TRY(qn_rewrite_drop(run, node->in[i]->producer));
    return QN_OK;
}

static qn_status visit(qn_pass_run *run, qn_node *node) {
    int64_t target[QN_MAX_RANK];
    if (all_known(node) && !qn_rewrite_is_dead(node)) {
        if (!qn_rewrite(run, "numbers in place of shape arithmetic", node))
            return QN_OK;
        return replace_by_content(run, node);
    }
    if (node->op == QN_OP_Reshape && !node->in[1]->constant &&
        qn_reshape_target(&node->in[0]->type, &node->out[0]->type, target)) {
        if (!qn_rewrite(run, "Reshape by a constant", node))
            return QN_OK;
        return qn_reshape_instead(run, node, node->in[0], target, node->out[0]->type.rank, &node);
    }
    if (node->op == QN_OP_Expand && !node->in[1]->constant && qn_match_same_type(node->in[0], node->out[0])) {
        if (!qn_rewrite(run, "Expand to the same shape", node))
            return QN_OK;
        return qn_rewrite_value(run, node->out[0], node->in[0]);
    }
    return QN_OK;
}

qn_status qn_pass_propagate_shapes(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        QN_TRY(visit(run, node));
    }
    return QN_OK;
}
