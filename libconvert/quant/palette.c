#include "quant/palette_work.h"

#include <math.h>
#include <string.h>

#include "base/half.h"
#include "quant/palette.h"
#include "quant/scales.h"

static int64_t ceil_div(int64_t n, int64_t by) { return n / by + (n % by != 0); }

/* ---- what a table serves --------------------------------------------------------------------------------- */

qn_served qn_palette_served(const qn_palette *p, int64_t table) {
    const qn_const *c = p->c;
    if (c->lut_axis < 0)
        return (qn_served){.n_runs = 1, .length = p->n};
    int64_t outer = 1, inner = 1;
    for (int32_t d = 0; d < c->rank; d++)
        if (d < c->lut_axis)
            outer *= c->dims[d];
        else if (d > c->lut_axis)
            inner *= c->dims[d];
    const int64_t size = c->dims[c->lut_axis], begin = table * c->lut_group,
                  count = size - begin < c->lut_group ? size - begin : c->lut_group;
    return (qn_served){.first = begin * inner, .stride = size * inner, .n_runs = outer, .length = count * inner};
}

/* ---- the making ------------------------------------------------------------------------------------------ */

static qn_status prepare(qn_palette *p) {
    const qn_const *c = p->c;
    size_t bytes;
    p->n = qn_const_numel(c);
    p->width = c->width > 1 ? c->width : 1;
    p->entries = 1 << c->bits;
    p->n_tables = c->lut_axis < 0 ? 1 : ceil_div(c->dims[c->lut_axis], c->lut_group);
    p->groups = qn_const_groups(c);
    p->n_groups = c->scale_dtype == QN_NONE ? 0 : p->groups.n_groups;
    if (!qn_const_part_bytes(c, QN_PART_LUT, &bytes))
        return qn_fail(p->ctx, QN_USAGE, "tensor '%s': its tables have no size", c->name);
    QN_NEW_ARRAY(p->ctx, p->arena, p->lut, p->n_tables * p->entries * p->width);
    QN_NEW_ARRAY(p->ctx, p->arena, p->index, ceil_div(p->n, p->width) + 1);
    if (p->n_groups)
        QN_NEW_ARRAY(p->ctx, p->arena, p->scales, p->n_groups);
    p->y = (float *)(uintptr_t)p->x;
    if (p->n_groups)
        QN_NEW_ARRAY(p->ctx, p->arena, p->y, p->n);
    if (p->n_groups || p->how->importance || p->how->mask)
        QN_NEW_ARRAY(p->ctx, p->arena, p->weight, p->n);
    return QN_OK;
}

/* Weights of squared errors in x: importance, 0 outside the mask. */
float qn_palette_weight(const qn_palette *p, int64_t e) {
    const qn_encode_how *how = p->how;
    if (how->mask && !(how->mask[e / 8] >> e % 8 & 1))
        return 0.0f;
    return how->importance ? how->importance[e / p->importance_inner % p->importance_size] : 1.0f;
}

/* y and its weights by the scales as they are. */
static void scale_elements(qn_palette *p) {
    qn_run run;
    for (int64_t e = 0; p->weight && e < p->n; e += run.n) {
        run = p->n_groups ? qn_run_at(&p->groups, e, p->n - e) : (qn_run){p->n - e, 0, 0};
        for (int64_t i = 0; i < run.n; i++) {
            const float scale = p->n_groups ? p->scales[run.group + i * run.step] : 1.0f;
            p->weight[e + i] = qn_palette_weight(p, e + i) * scale * scale;
            if (p->n_groups)
                p->y[e + i] = scale != 0 ? p->x[e + i] / scale : 0.0f;
        }
    }
}

/* Tables as they are stored. False: a number is too large for the type. */
static bool round_tables(qn_palette *p) {
    const int64_t n = p->n_tables * p->entries * p->width;
    p->rounded = false;
    for (int64_t i = 0; i < n; i++) {
        float v = p->lut[i];
        switch (p->c->lut_dtype) {
        case QN_F16: v = qn_f16_to_f32(qn_f32_to_f16(v)); break;
        case QN_BF16: v = qn_bf16_to_f32(qn_f32_to_bf16(v)); break;
        case QN_I8: v = rintf(v < -127 ? -127 : v > 127 ? 127 : v); break;
        default: break;
        }
        if (!isfinite(v))
            return false;
        p->rounded = p->rounded || v != p->lut[i];
        p->lut[i] = v;
    }
    return true;
}

static qn_status make_tables(qn_palette *p) {
    for (int64_t t = 0; t < p->n_tables; t++)
        QN_TRY(qn_palette_table(p, t, &p->lut[t * p->entries * p->width]));
    if (!round_tables(p))
        return qn_fail(p->ctx, QN_UNSUPPORTED, "tensor '%s' has numbers too large for tables of %s: table=fp32 holds them", p->c->name,
                       qn_dtype_name(p->c->lut_dtype));
    return QN_OK;
}

/* ---- bytes --------------------------------------------------------------------------------------------------- */

static qn_status put_indices(qn_palette *p, qn_bytes *part) {
    const size_t bits = (size_t)p->c->bits;
    uint8_t *bytes;
    if (!qn_const_part_bytes(p->c, QN_PART_INDICES, &part->n))
        return qn_fail(p->ctx, QN_USAGE, "tensor '%s': its indices have no size", p->c->name);
    QN_NEW_ARRAY(p->ctx, p->arena, bytes, part->n + 1);
    const int64_t n = ceil_div(p->n, p->width);
    for (int64_t i = 0; i < n; i++) {
        const size_t bit = (size_t)i * bits;
        const unsigned word = (unsigned)p->index[i] << bit % 8;
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] | word);
        if (bit % 8 + bits > 8)
            bytes[bit / 8 + 1] = (uint8_t)(bytes[bit / 8 + 1] | word >> 8);
    }
    part->data = bytes;
    return QN_OK;
}

static qn_status put_tables(qn_palette *p, qn_bytes *part) {
    const int64_t n = p->n_tables * p->entries * p->width;
    char *bytes;
    if (!qn_const_part_bytes(p->c, QN_PART_LUT, &part->n))
        return qn_fail(p->ctx, QN_USAGE, "tensor '%s': its tables have no size", p->c->name);
    QN_NEW_ARRAY(p->ctx, p->arena, bytes, part->n + 1);
    for (int64_t i = 0; i < n; i++) {
        const float v = p->lut[i];
        const uint16_t half = p->c->lut_dtype == QN_F16 ? qn_f32_to_f16(v) : qn_f32_to_bf16(v);
        if (p->c->lut_dtype == QN_F32)
            memcpy(bytes + (size_t)i * sizeof v, &v, sizeof v);
        else if (p->c->lut_dtype == QN_I8)
            bytes[i] = (char)(int8_t)v;
        else
            memcpy(bytes + (size_t)i * sizeof half, &half, sizeof half);
    }
    part->data = bytes;
    return QN_OK;
}

static qn_status store_scales(qn_palette *p, qn_bytes part[QN_MAX_PARTS]) {
    if (!p->n_groups)
        return QN_OK;
    return qn_scales_store(p->ctx, p->arena, p->c, p->scales, p->n_groups, &part[QN_PART_SCALES], &part[QN_PART_SUPER_SCALES]);
}

static qn_status encode(qn_palette *p, qn_bytes part[QN_MAX_PARTS]) {
    enum { TURNS = 3 };
    QN_TRY(prepare(p));
    const int turns = p->n_groups && p->how->scheme.range == QN_RANGE_MSE && p->n > 0 ? TURNS : 1;
    if (p->n_groups)
        QN_TRY(qn_palette_first_scales(p));
    for (int turn = 0; turn < turns; turn++) {
        if (turn > 0)
            QN_TRY(qn_palette_refine_scales(p));
        QN_TRY(store_scales(p, part));
        scale_elements(p);
        QN_TRY(make_tables(p));
    }
    qn_palette_choose(p);
    QN_TRY(put_tables(p, &part[QN_PART_LUT]));
    return put_indices(p, &part[QN_PART_INDICES]);
}

qn_status qn_palette_encode(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x, qn_bytes part[QN_MAX_PARTS]) {
    static const qn_encode_how plain = {.scheme = {.table = QN_TABLE_KMEANS}};
    qn_palette p = {.ctx = ctx, .arena = arena, .c = c, .how = c->how ? c->how : &plain, .x = x, .importance_inner = 1,
                    .importance_size = 1, .kmeans = qn_kmeans_create()};
    if (!p.kmeans)
        return qn_fail_memory(ctx, 0, "k-means");
    for (int i = 0; i < QN_MAX_PARTS; i++)
        part[i] = (qn_bytes){NULL, 0};
    if (p.how->importance) {
        p.importance_size = c->dims[p.how->importance_axis];
        for (int32_t d = p.how->importance_axis + 1; d < c->rank; d++)
            p.importance_inner *= c->dims[d];
    }
    qn_status status = encode(&p, part);
    qn_kmeans_destroy(p.kmeans);
    return status;
}
