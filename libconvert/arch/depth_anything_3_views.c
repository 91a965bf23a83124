/* The reference view: of three and more views of a scene the one that all are seen from.
 *
 * With c[i] the class token of view i and u[i] = c[i] / |c[i]|, three criteria are
 *
 *   mean over j != i of u[i].u[j]        |c[i]|        variance of the elements of u[i]
 *
 * Each is brought to 0..1 over the views, and the view whose three numbers are nearest to the middle, in sum, is chosen; of
 * equals the first. What is summed here is |m - lo - d/2| / d with d = hi - lo + 1e-8, which is |(m - lo) / d - 1/2|; and the
 * sum of u[i].u[j] over j is one product with the sum of all u. Everything is in float32: close calls turn on little.
 */
#include "arch/depth_anything_3.h"

static qn_value *op(qn_builder *b, qn_op kind, const char *name, qn_value *x, qn_value *y) {
    return qn_build_binary(b, kind, name ? qn_build_name(b, "reference_view.%s", name) : NULL, x, y);
}

static qn_value *op_by_float(qn_builder *b, qn_op kind, const char *name, qn_value *x, float v) {
    return op(b, kind, name, x, qn_build_float(b, v));
}

/* Over one axis, which stays as one of 1. */
static qn_value *reduce(qn_builder *b, qn_op kind, const char *name, qn_value *x, int64_t axis) {
    return op(b, kind, name, x, qn_build_ints(b, &axis, 1));
}

/* The criteria of class tokens c [B, N, D]: [B, N, 3]. */
static qn_value *measure(qn_builder *b, const qn_da3 *m, const qn_da3_scene *scene, qn_value *c) {
    const float width = (float)m->encoder.hidden, one = 1;
    qn_value *criteria[3];
    qn_value *norm = reduce(b, QN_OP_ReduceL2, "norm", c, 2); /* [B, N, 1] */
    qn_value *unit = op(b, QN_OP_Div, "unit", c, norm);
    qn_value *others = qn_layer_cast(b, NULL, scene->views, QN_F32);
    others = op_by_float(b, QN_OP_Max, "others", op_by_float(b, QN_OP_Sub, NULL, others, one), one);
    qn_value *near = op(b, QN_OP_Mul, NULL, unit, reduce(b, QN_OP_ReduceSum, "sum", unit, 1));
    near = op_by_float(b, QN_OP_Sub, NULL, reduce(b, QN_OP_ReduceSum, "similarity", near, 2), one);
    criteria[0] = op(b, QN_OP_Div, "mean_similarity", near, others);
    criteria[1] = norm;
    qn_value *mean = op_by_float(b, QN_OP_Div, "mean", reduce(b, QN_OP_ReduceSum, NULL, unit, 2), width);
    qn_value *off = op(b, QN_OP_Sub, NULL, unit, mean);
    qn_value *square = reduce(b, QN_OP_ReduceSum, NULL, op(b, QN_OP_Mul, NULL, off, off), 2);
    criteria[2] = op_by_float(b, QN_OP_Div, "variance", square, width - 1);
    return qn_layer_concat(b, "reference_view.criteria", 2, criteria, 3);
}

/* The index that is chosen: int64 [B, 1]. */
static qn_value *choose(qn_builder *b, qn_value *criteria, const qn_da3_scene *scene) {
    const qn_attr attrs[] = {QN_INT("axis", 1), QN_INT("keepdims", 0)};
    qn_value *lo = reduce(b, QN_OP_ReduceMin, "lowest", criteria, 1), *hi = reduce(b, QN_OP_ReduceMax, "highest", criteria, 1);
    qn_value *span = op_by_float(b, QN_OP_Add, "span", op(b, QN_OP_Sub, NULL, hi, lo), 1e-8f); /* [B, 1, 3] */
    qn_value *middle = op(b, QN_OP_Add, "middle", lo, op_by_float(b, QN_OP_Mul, NULL, span, 0.5f));
    qn_value *away = qn_build_unary(b, QN_OP_Abs, NULL, op(b, QN_OP_Sub, NULL, criteria, middle));
    qn_value *score = reduce(b, QN_OP_ReduceSum, "score", op(b, QN_OP_Div, NULL, away, span), 2);  /* [B, N, 1] */
    qn_value *index = qn_build_op(b, QN_OP_ArgMin, "reference_view.index", &score, 1, attrs, 2);   /* [B, 1] */
    qn_value *few = qn_build_by_ints(b, QN_OP_Less, NULL, scene->views, QN_DIMS(3));
    qn_value *where[] = {few, qn_build_ints(b, QN_DIMS(0)), index};
    return qn_build_op(b, QN_OP_Where, "reference_view.chosen", where, 3, NULL, 0);
}

/* Views [B, N] of a scene each as views of all: int64 [V]. */
static qn_value *flatten(qn_builder *b, const char *name, qn_value *order, const qn_da3_scene *scene) {
    qn_value *first = qn_build_by_ints(b, QN_OP_Unsqueeze, NULL, qn_layer_range(b, scene->batch), QN_DIMS(1));
    /* [B, 1] */
    order = op(b, QN_OP_Add, NULL, order, op(b, QN_OP_Mul, NULL, first, scene->views));
    return qn_layer_reshape_to(b, name, order, scene->all);
}

/* order[j] is the view at place j: the chosen r, then 0, 1, .. r - 1, r + 1 ..; back[k] is the place of view k. */
static qn_da3_order order_of(qn_builder *b, qn_value *chosen, const qn_da3_scene *scene) {
    qn_value *zero = qn_build_ints(b, QN_DIMS(0)), *place = qn_layer_range(b, scene->views); /* [N] */
    qn_value *there[] = {op(b, QN_OP_Equal, NULL, place, zero), chosen, NULL};
    there[2] = op(b, QN_OP_Sub, NULL, place, qn_layer_cast(b, NULL, op(b, QN_OP_LessOrEqual, NULL, place, chosen), QN_I64));
    qn_value *back[] = {op(b, QN_OP_Equal, NULL, place, chosen), zero, NULL};
    back[2] = op(b, QN_OP_Add, NULL, place, qn_layer_cast(b, NULL, op(b, QN_OP_Less, NULL, place, chosen), QN_I64));
    return (qn_da3_order){
        .there = flatten(b, "reference_view.order", qn_build_op(b, QN_OP_Where, NULL, there, 3, NULL, 0), scene),
        .back = flatten(b, "reference_view.back", qn_build_op(b, QN_OP_Where, NULL, back, 3, NULL, 0), scene)};
}

qn_da3_order qn_da3_reference_view(qn_builder *b, const qn_da3 *m, const qn_da3_scene *scene, qn_value *x) {
    qn_value *dims[] = {scene->batch, scene->views, qn_build_ints(b, &m->encoder.hidden, 1)};
    qn_value *c = qn_layer_reshape_parts(b, "class_tokens", qn_layer_slice(b, NULL, x, 1, 0, 1), dims, 3); /* [B, N, D] */
    b->in_float32 = true;
    qn_value *chosen = choose(b, measure(b, m, scene, c), scene);
    b->in_float32 = false;
    return order_of(b, chosen, scene);
}
