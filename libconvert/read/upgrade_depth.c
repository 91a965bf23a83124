/* DepthToSpace and SpaceToDepth as Reshape, Transpose, Reshape. The channels must be a number; the rest may be
 * symbolic: it is taken from Shape. https://onnx.ai/onnx/operators/onnx__DepthToSpace.html */
#include <string.h>

#include "read/upgrade.h"

/* [N], blocks..., H, W ... : one piece of a shape, either constants or a slice of Shape(x). */
static qn_status shape_slice(const qn_source_node *n, int64_t start, int64_t end, qn_value **out) {
    qn_node *node = NULL;
    QN_TRY(qn_up_node(n, QN_OP_Shape, n->in, 1, &node));
    QN_TRY(qn_node_set_int(n->im->ctx, node, "start", start));
    QN_TRY(qn_node_set_int(n->im->ctx, node, "end", end));
    *out = node->out[0];
    return qn_up_infer(n, node);
}

static qn_status join(const qn_source_node *n, qn_value *const *parts, int32_t count, qn_value **out) {
    qn_node *node = NULL;
    QN_TRY(qn_up_node(n, QN_OP_Concat, parts, count, &node));
    QN_TRY(qn_node_set_int(n->im->ctx, node, "axis", 0));
    *out = node->out[0];
    return qn_up_infer(n, node);
}

static qn_status transpose(const qn_source_node *n, qn_value *x, const int64_t *perm, int64_t rank, qn_value **out) {
    qn_node *node = NULL;
    QN_TRY(qn_up_node(n, QN_OP_Transpose, &x, 1, &node));
    QN_TRY(qn_node_set_ints(n->im->ctx, node, "perm", perm, rank));
    *out = node->out[0];
    return qn_up_infer(n, node);
}

static qn_status check_image(const qn_source_node *n, int64_t *channels, int64_t *block) {
    const qn_type *type = &n->in[0]->type;
    *block = qn_up_int(n, "blocksize", 0);
    if (*block < 1 || *block > 1 << 15)
        return qn_up_fail(n, QN_MALFORMED, "blocksize is %lld", (long long)*block);
    if (type->rank != -1 && type->rank != 4)
        return qn_up_fail(n, QN_MALFORMED, "an input of rank %d", type->rank);
    if (type->rank == -1 || !qn_dim_is_const(type->dims[1]))
        return qn_up_fail(n, QN_UNSUPPORTED, "the channels of its input are not known");
    *channels = type->dims[1];
    return QN_OK;
}

/* DCR: [N, C, H, W] -> [N, b, b, C', H, W] -> [N, C', H, b, W, b]; CRD: [N, C', b, b, H, W]; then [N, C', H b, W b] */
qn_status qn_up_depth_to_space(qn_source_node *n) {
    static const int64_t dcr[6] = {0, 3, 4, 1, 5, 2}, crd[6] = {0, 1, 4, 2, 5, 3};
    int64_t channels = 0, b = 0;
    qn_value *parts[3], *shape = NULL, *blocks = NULL, *y = NULL;
    QN_TRY(check_image(n, &channels, &b));
    const char *mode = qn_up_string(n, "mode", "DCR");
    bool depth_first = strcmp(mode, "DCR") == 0;
    if (!depth_first && strcmp(mode, "CRD") != 0)
        return qn_up_fail(n, QN_MALFORMED, "mode '%s'", mode);
    if (channels % (b * b))
        return qn_up_fail(n, QN_MALFORMED, "%lld channels for blocksize %lld", (long long)channels, (long long)b);
    const int64_t inner = channels / (b * b), split[3] = {depth_first ? b : inner, b, depth_first ? inner : b};
    const int64_t twice[2] = {b, b}, one_inner[1] = {inner};
    QN_TRY(shape_slice(n, 0, 1, &parts[0]));
    QN_TRY(qn_up_ints(n, "blocks", split, 3, &parts[1]));
    QN_TRY(shape_slice(n, 2, 4, &parts[2]));
    QN_TRY(join(n, parts, 3, &shape));
    QN_TRY(qn_up_mid2(n, QN_OP_Reshape, n->in[0], shape, &y));
    QN_TRY(transpose(n, y, depth_first ? dcr : crd, 6, &y));
    QN_TRY(qn_up_ints(n, "channels", one_inner, 1, &parts[1]));
    QN_TRY(qn_up_ints(n, "block", twice, 2, &blocks));
    QN_TRY(qn_up_mid2(n, QN_OP_Mul, parts[2], blocks, &parts[2]));
    QN_TRY(join(n, parts, 3, &shape));
    return qn_up_last2(n, QN_OP_Reshape, y, shape);
}

/* [N, C, H, W] -> [N, C, H/b, b, W/b, b] -> [N, b, b, C, H/b, W/b] -> [N, C b b, H/b, W/b] */
qn_status qn_up_space_to_depth(qn_source_node *n) {
    static const int64_t perm[6] = {0, 3, 5, 1, 2, 4};
    int64_t channels = 0, b = 0;
    qn_value *parts[5], *size[2], *one = NULL, *shape = NULL, *y = NULL;
    QN_TRY(check_image(n, &channels, &b));
    QN_TRY(qn_up_ints(n, "block", &b, 1, &one));
    QN_TRY(shape_slice(n, 0, 2, &parts[0]));
    for (int i = 0; i < 2; i++) {
        QN_TRY(shape_slice(n, 2 + i, 3 + i, &size[i]));
        QN_TRY(qn_up_mid2(n, QN_OP_Div, size[i], one, &size[i]));
        parts[1 + 2 * i] = size[i];
        parts[2 + 2 * i] = one;
    }
    QN_TRY(join(n, parts, 5, &shape));
    QN_TRY(qn_up_mid2(n, QN_OP_Reshape, n->in[0], shape, &y));
    QN_TRY(transpose(n, y, perm, 6, &y));
    const int64_t deep = channels * b * b;
    QN_TRY(shape_slice(n, 0, 1, &parts[0]));
    QN_TRY(qn_up_ints(n, "channels", &deep, 1, &parts[1]));
    parts[2] = size[0];
    parts[3] = size[1];
    QN_TRY(join(n, parts, 4, &shape));
    return qn_up_last2(n, QN_OP_Reshape, y, shape);
}
