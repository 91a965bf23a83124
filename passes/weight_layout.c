/* A scheme on a weight: which axis has its groups, blocks and tables. */
#include "passes/weights.h"

#include "quant/mask.h"

/** A block that is longer than the summed axis is all of it; where that is shorter than this, beside other axes that are summed too (the
 *  taps of a convolution), its scale would cost more than it helps: one serves the whole channel. */
enum { MIN_SUM = 16 };

static bool has_blocks(const qn_scheme *s, const qn_weight *w, const qn_const *c) {
    return s->block > 0 && (c->dims[w->sum_axis] >= MIN_SUM || c->dims[w->sum_axis] >= s->block);
}

static void put_scales(const qn_scheme *s, const qn_weight *w, qn_const *c, const char **reason) {
    c->scale_dtype = s->scale_dtype;
    c->super_dtype = s->super_dtype;
    c->super_block = s->super_dtype ? s->super_block : 0;
    if (has_blocks(s, w, c)) {
        c->axis = w->sum_axis;
        c->block = s->block;
        if (s->block2 > 0 && w->axis >= 0 && w->axis != w->sum_axis) {
            c->axis2 = w->axis;
            c->block2 = s->block2;
        } else if (s->block2 > 0) {
            *reason = "blocks of one dimension: its readers have different channel axes";
        }
        return;
    }
    if (s->block > 0 || s->per_channel) {
        c->axis = w->axis;
        *reason = w->axis < 0   ? "by tensor: its readers have different channel axes"
                  : s->block > 0 ? "by channel: under 16 elements along the axis that is summed"
                                 : *reason;
    }
    if (s->super_dtype && (s->block > 0 || c->axis < 0)) { /* there are few scales: they need no second level */
        c->scale_dtype = QN_F32;
        c->super_dtype = QN_NONE;
        c->super_block = 0;
    } else if (s->block > 0 && s->scale_dtype == QN_F16) {
        c->scale_dtype = QN_F32;
    }
}

static void put_tables(const qn_scheme *s, const qn_weight *w, qn_const *c, const char **reason) {
    const int32_t axis = s->lut_inputs ? w->sum_axis : w->axis;
    c->bits = s->bits;
    c->width = s->width > 1 ? s->width : 1;
    c->lut_dtype = s->lut_dtype ? s->lut_dtype : c->dtype;
    c->lut_axis = -1;
    if (!s->lut_group)
        return;
    if (axis < 0) {
        *reason = "one table: its readers have different channel axes";
        return;
    }
    const int64_t group = s->lut_group < c->dims[axis] ? s->lut_group : c->dims[axis];
    int64_t served = group;
    for (int32_t d = axis + 1; d < c->rank; d++)
        served *= c->dims[d]; /* at most the elements of the tensor */
    if (group == 0)
        return;
    if (served % c->width != 0) {
        *reason = "one table: vectors would reach from one group of channels to the next";
        return;
    }
    c->lut_axis = axis;
    c->lut_group = group;
}

void qn_weight_layout(const qn_scheme *s, const qn_weight *w, qn_const *c, const char **reason) {
    *reason = "";
    c->encoding = s->encoding;
    c->axis = -1;
    c->lut_axis = -1;
    if (s->encoding == QN_ENC_AFFINE) {
        c->code_dtype = s->code_dtype;
        c->symmetric = s->symmetric;
    }
    if (s->encoding == QN_ENC_PALETTE)
        put_tables(s, w, c, reason);
    if (s->encoding == QN_ENC_AFFINE || (s->encoding == QN_ENC_PALETTE && s->scale_dtype))
        put_scales(s, w, c, reason);
    if (s->prune != QN_PRUNE_NONE) {
        const int64_t kept = qn_mask_kept(s, c->rank, c->dims, w->sum_axis);
        c->sparse = true;
        c->mask_block = s->prune_block > 1 ? s->prune_block : 1;
        c->n_kept = kept < 0 ? 0 : kept;
    }
}

qn_scheme qn_weight_scheme(const qn_scheme *asked, const qn_const *c) {
    qn_scheme s = *asked;
    if (c->encoding == QN_ENC_AFFINE || (c->encoding == QN_ENC_PALETTE && c->scale_dtype)) {
        s.block = c->block;
        s.block2 = c->block2;
        s.per_channel = c->block == 0 && c->axis >= 0;
        s.scale_dtype = c->scale_dtype;
        s.super_dtype = c->super_dtype;
        s.super_block = c->super_block;
    }
    if (c->encoding == QN_ENC_PALETTE && c->lut_axis < 0) {
        s.lut_group = 0;
        s.lut_inputs = false;
    }
    return s;
}
