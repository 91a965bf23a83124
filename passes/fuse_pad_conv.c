/* fuse_pad_conv: a constant zero Pad of the spatial dimensions into the Conv or AveragePool after it.
 *
 * Before:
 *     input %x: float32[2,3,8,8]
 *     const %w: float32[6,3,3,3] = random(1)
 *     const %pads: int64[8] = {0, 0, 1, 2, 0, 0, 3, 0}
 *     %p = Pad(%x, %pads)
 *     %y = Conv(%p, %w) {pads=[1,1,1,1], strides=[2,2]}
 *     output %y
 * After:
 *     %y = Conv(%x, %w) {pads=[2,3,4,1], strides=[2,2]}
 * Unchanged (channels are padded):
 *     const %more: int64[8] = {0, 0, 1, 1, 0, 1, 1, 1}
 *     const %v: float32[6,4,3,3] = random(1)
 *     %p = Pad(%x, %more)
 *     %y = Conv(%p, %v)
 * Unchanged (not by zero):
 *     const %one: float32[] = 1
 *     %p = Pad(%x, %pads, %one)
 *     %y = Conv(%p, %w)
 * Unchanged (reflected):
 *     %p = Pad(%x, %pads) {mode="reflect"}
 *     %y = Conv(%p, %w)
 * Unchanged (cropped):
 *     const %crop: int64[8] = {0, 0, -1, -1, 0, 0, -1, -1}
 *     %p = Pad(%x, %crop)
 *     %y = Conv(%p, %w)
 * Unchanged (the padded value has another use):
 *     %p = Pad(%x, %pads)
 *     %c = Conv(%p, %w)
 *     %r = ReduceMean(%p)
 *     %y = Add(%c, %r)
 * Unchanged (the Conv chooses its padding by the size of its input):
 *     %p = Pad(%x, %pads)
 *     %y = Conv(%p, %w) {auto_pad="SAME_UPPER", strides=[2,2]}
 * An average counts the zeros of a Pad, so the pool has to count them too.
 *
 * Before:
 *     input %x: float32[2,3,8,8]
 *     const %pads: int64[4] = {1, 1, 1, 1}
 *     const %zero: float32[] = 0
 *     const %axes: int64[2] = {2, -1}
 *     %p = Pad(%x, %pads, %zero, %axes)
 *     %y = AveragePool(%p) {kernel_shape=[3,3], strides=[2,2]}
 *     output %y
 * After:
 *     %y = AveragePool(%x) {kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], count_include_pad=1}
 * Unchanged (the pool's own padding is not counted, the zeros of the Pad are):
 *     %p = Pad(%x, %pads, %zero, %axes)
 *     %y = AveragePool(%p) {kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]}
 */
#include "passes/match.h"
#include "passes/rewrite.h"

#include "base/checked.h"

#include <string.h>

static bool absent(const qn_node *node, int32_t i) { return i >= node->n_in || !node->in[i]; }

/* What a Pad by zeros adds: begin[axis], end[axis] of the last `spatial` axes; false when it does anything else. */
static bool zero_pad(const qn_node *pad, int32_t rank, int64_t *begin, int64_t *end) {
    int64_t pads[2 * QN_MAX_RANK], axes[QN_MAX_RANK], n, n_axes = rank;
    if (strcmp(qn_node_string(pad, "mode", "constant"), "constant") != 0 ||
        (!absent(pad, 2) && !qn_match_all(pad->in[2], 0)) || !qn_match_ints(pad->in[1], pads, 2 * QN_MAX_RANK, &n))
        return false;
    if (absent(pad, 3))
        for (int32_t i = 0; i < rank; i++)
            axes[i] = i;
    else if (!qn_match_ints(pad->in[3], axes, QN_MAX_RANK, &n_axes))
        return false;
    if (n != 2 * n_axes)
        return false;
    for (int32_t i = 0; i < rank; i++)
        begin[i] = end[i] = 0;
    for (int64_t i = 0; i < n_axes; i++) {
        int32_t axis;
        if (pads[i] < 0 || pads[n_axes + i] < 0 || !qn_match_axis(axes[i], rank, &axis))
            return false;
        if (axis < 2 && (pads[i] != 0 || pads[n_axes + i] != 0))
            return false;
        begin[axis] += pads[i];
        end[axis] += pads[n_axes + i];
    }
    return true;
}

/* pads of the window op, all 0 when absent */
static bool own_pads(const qn_node *node, int32_t spatial, int64_t *pads, bool *none) {
    const char *auto_pad = qn_node_string(node, "auto_pad", "NOTSET");
    int64_t n;
    const int64_t *given = qn_node_ints(node, "pads", &n);
    const bool valid = strcmp(auto_pad, "VALID") == 0;
    if ((strcmp(auto_pad, "NOTSET") != 0 && !valid) || (given && n != 2 * spatial))
        return false;
    *none = true;
    for (int32_t i = 0; i < 2 * spatial; i++) {
        pads[i] = given && !valid ? given[i] : 0;
        *none = *none && pads[i] == 0;
    }
    return true;
}

static qn_status visit(qn_pass_run *run, qn_node *node) {
    qn_node *pad = qn_match_only(node->in[0], QN_OP_Pad);
    const int32_t rank = qn_match_rank(node->in[0]), spatial = rank - 2;
    int64_t begin[QN_MAX_RANK], end[QN_MAX_RANK], pads[2 * QN_MAX_RANK];
    bool none;
    if (!pad || spatial < 1 || !zero_pad(pad, rank, begin, end) || !own_pads(node, spatial, pads, &none))
        return QN_OK;
    const bool pool = node->op == QN_OP_AveragePool;
    if (pool && (qn_node_int(node, "ceil_mode", 0) != 0 || (!none && qn_node_int(node, "count_include_pad", 0) == 0)))
        return QN_OK;
    for (int32_t i = 0; i < spatial; i++)
        if (!qn_add_i64(pads[i], begin[i + 2], &pads[i]) ||
            !qn_add_i64(pads[spatial + i], end[i + 2], &pads[spatial + i]))
            return QN_OK;
    if (!qn_rewrite(run, "a Pad taken in", node))
        return QN_OK;
    QN_TRY(qn_node_add_origin(run->ctx, node, pad));
    QN_TRY(qn_rewrite_input(run, node, 0, pad->in[0]));
    qn_node_remove_attr(node, "auto_pad");
    if (pool)
        QN_TRY(qn_node_set_int(run->ctx, node, "count_include_pad", 1));
    return qn_node_set_ints(run->ctx, node, "pads", pads, 2 * spatial);
}

qn_status qn_pass_fuse_pad_conv(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (node->op == QN_OP_Conv || node->op == QN_OP_AveragePool)
            QN_TRY(visit(run, node));
    }
    return QN_OK;
}
