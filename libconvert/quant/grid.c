#include "quant/grid.h"

#include <math.h>
#include <string.h>

#include "base/half.h"

static float float_at(qn_dtype dtype, const void *data, int64_t i) {
    const char *p = (const char *)data + (size_t)i * qn_dtype_bytes(dtype);
    uint16_t half;
    float x;
    if (dtype == QN_F32) {
        memcpy(&x, p, sizeof x);
        return x;
    }
    memcpy(&half, p, sizeof half);
    return dtype == QN_F16 ? qn_f16_to_f32(half) : qn_bf16_to_f32(half);
}

static float rounded(qn_dtype dtype, float x) {
    return dtype == QN_F16 ? qn_f16_to_f32(qn_f32_to_f16(x)) : dtype == QN_BF16 ? qn_bf16_to_f32(qn_f32_to_bf16(x)) : x;
}

const char *qn_grid_fault(const qn_const *c) {
    if (c->sparse)
        return "pruned";
    if (c->encoding == QN_ENC_AFFINE)
        return NULL;
    if (c->encoding != QN_ENC_PALETTE)
        return "not encoded";
    return c->width > 1 ? "an index stands for several elements" : NULL;
}

/* ---- numbers ---------------------------------------------------------------------------------------------- */

/* The finite numbers of a floating point type in ascending order, one zero, and their codes. */
static qn_status list_numbers(qn_context *ctx, qn_arena *arena, qn_grid *g) {
    float numbers[256];
    QN_NEW_ARRAY(ctx, arena, g->numbers, 256);
    qn_code_numbers(g->type, numbers);
    for (int code = 0; code < 1 << g->type->bits; code++) {
        const float x = numbers[code];
        if (!isfinite(x) || (x == 0 && signbit(x)))
            continue;
        int32_t at = g->count++;
        for (; at > 0 && g->numbers[at - 1] > x; at--) {
            g->numbers[at] = g->numbers[at - 1];
            g->codes[at] = g->codes[at - 1];
        }
        g->numbers[at] = x;
        g->codes[at] = (uint8_t)code;
    }
    return QN_OK;
}

static qn_status read_tables(qn_context *ctx, qn_arena *arena, const qn_bytes *lut, qn_grid *g) {
    const qn_const *c = g->c;
    const int64_t n = (int64_t)(lut->n / qn_dtype_bytes(c->lut_dtype));
    g->count = 1 << c->bits;
    QN_NEW_ARRAY(ctx, arena, g->numbers, n + 1);
    for (int64_t i = 0; i < n; i++)
        g->numbers[i] = c->lut_dtype == QN_I8 ? (float)((const int8_t *)lut->data)[i] : float_at(c->lut_dtype, lut->data, i);
    for (int i = 0; i < g->count; i++)
        g->codes[i] = (uint8_t)i;
    if (c->lut_axis < 0)
        return QN_OK;
    g->table_size = c->dims[c->lut_axis];
    g->table_group = c->lut_group;
    for (int32_t d = c->lut_axis + 1; d < c->rank; d++)
        g->table_inner *= c->dims[d];
    return QN_OK;
}

qn_status qn_grid_make(qn_context *ctx, qn_arena *arena, const qn_const *c, const qn_bytes part[QN_MAX_PARTS], qn_grid *g) {
    qn_const stored = *c;
    memcpy(stored.part, part, sizeof stored.part);
    *g = (qn_grid){.c = c, .type = qn_code_type_of(c->code_dtype), .groups = qn_const_groups(c), .table_inner = 1, .table_size = 1,
                   .table_group = 1};
    QN_NEW_ARRAY(ctx, arena, g->scales, g->groups.n_groups + 1);
    QN_NEW_ARRAY(ctx, arena, g->zeros, g->groups.n_groups + 1);
    for (int64_t i = 0; i < g->groups.n_groups; i++) {
        g->scales[i] = qn_const_scale(&stored, i);
        g->zeros[i] = c->encoding == QN_ENC_AFFINE && !c->symmetric ? qn_code_at(g->type, part[QN_PART_ZERO_POINTS].data, i) : 0;
    }
    if (c->super_dtype != QN_NONE) {
        const int64_t n = (int64_t)(part[QN_PART_SUPER_SCALES].n / qn_dtype_bytes(c->super_dtype));
        QN_NEW_ARRAY(ctx, arena, g->super, n + 1);
        for (int64_t i = 0; i < n; i++)
            g->super[i] = float_at(c->super_dtype, part[QN_PART_SUPER_SCALES].data, i);
    }
    if (c->encoding == QN_ENC_PALETTE)
        return read_tables(ctx, arena, &part[QN_PART_LUT], g);
    g->integer = g->type->is_integer;
    g->least = c->symmetric && c->code_dtype == QN_I8 ? -g->type->max : g->type->min;
    g->most = g->type->max;
    return g->integer ? QN_OK : list_numbers(ctx, arena, g);
}

float qn_grid_nearest(const qn_grid *g, int64_t e, int64_t group, float scale, float x, uint8_t *code) {
    if (g->integer) {
        const int32_t zero = g->zeros[group];
        const float q = scale != 0 ? rintf(x / scale) : 0, lo = (float)(g->least - zero), hi = (float)(g->most - zero),
                    number = q < lo ? lo : q > hi ? hi : q;
        *code = (uint8_t)((int32_t)number + zero);
        return number;
    }
    const float *table = g->numbers + e / g->table_inner % g->table_size / g->table_group * g->count, y = scale != 0 ? x / scale : 0;
    int32_t begin = 0, end = g->count - 1; /* the answer is in begin .. end */
    while (begin < end) {
        const int32_t middle = (begin + end) / 2;
        if (y <= 0.5f * (table[middle] + table[middle + 1]))
            end = middle;
        else
            begin = middle + 1;
    }
    *code = g->codes[begin];
    return table[begin];
}

/* ---- scales and codes ---------------------------------------------------------------------------------------- */

float qn_grid_scale(const qn_grid *g, int64_t group, float scale) {
    const qn_code_type *type = qn_code_type_of(g->c->scale_dtype);
    if (g->c->scale_dtype == QN_NONE || !isfinite(scale))
        return g->scales[group];
    if (type && type->is_power) {
        const float exponent = scale > 0 ? rintf(log2f(scale)) : -127;
        return ldexpf(1.0f, exponent < -127 ? -127 : exponent > 127 ? 127 : (int)exponent);
    }
    if (!type) {
        const float stored = rounded(g->c->scale_dtype, scale);
        return isfinite(stored) ? stored : g->scales[group];
    }
    const float super = g->super[g->c->super_block ? group / g->c->super_block : 0], least = type->is_signed ? (float)-type->max : 0,
                most = (float)type->max;
    const float code = super > 0 ? rintf(scale / super) : 0;
    return (code < least ? least : code > most ? most : code) * super;
}

static void put_bits(int bits, uint32_t code, uint8_t *bytes, int64_t i) {
    const size_t bit = (size_t)i * (size_t)bits;
    const uint32_t word = (code & ((1u << bits) - 1)) << bit % 8;
    bytes[bit / 8] = (uint8_t)(bytes[bit / 8] | word);
    if (bit % 8 + (size_t)bits > 8)
        bytes[bit / 8 + 1] = (uint8_t)(bytes[bit / 8 + 1] | word >> 8);
}

static void put_scale(const qn_grid *g, int64_t group, uint8_t *bytes) {
    const qn_dtype dtype = g->c->scale_dtype;
    const qn_code_type *type = qn_code_type_of(dtype);
    const float scale = g->scales[group];
    if (type && type->is_power) {
        bytes[group] = (uint8_t)(ilogbf(scale) + 127);
    } else if (type) {
        const float super = g->super[g->c->super_block ? group / g->c->super_block : 0];
        put_bits(type->bits, super > 0 ? (uint32_t)(int32_t)rintf(scale / super) : 0, bytes, group);
    } else if (dtype == QN_F32) {
        memcpy(bytes + (size_t)group * sizeof scale, &scale, sizeof scale);
    } else {
        const uint16_t half = dtype == QN_F16 ? qn_f32_to_f16(scale) : qn_f32_to_bf16(scale);
        memcpy(bytes + (size_t)group * sizeof half, &half, sizeof half);
    }
}

qn_status qn_grid_store(qn_context *ctx, qn_arena *arena, const qn_grid *g, const uint8_t *codes, qn_bytes part[QN_MAX_PARTS]) {
    const int64_t n = qn_const_numel(g->c);
    const int bits = g->c->encoding == QN_ENC_AFFINE ? g->type->bits : g->c->bits;
    const bool scales = g->c->scale_dtype != QN_NONE;
    uint8_t *packed, *zeros, *stored;
    QN_NEW_ARRAY(ctx, arena, packed, part[0].n + 1);
    QN_NEW_ARRAY(ctx, arena, zeros, part[QN_PART_ZERO_POINTS].n + 1);
    QN_NEW_ARRAY(ctx, arena, stored, part[QN_PART_SCALES].n + 1);
    for (int64_t i = 0; i < n; i++)
        put_bits(bits, codes[i], packed, i);
    part[0].data = packed;
    for (int64_t i = 0; part[QN_PART_ZERO_POINTS].n && i < g->groups.n_groups; i++)
        put_bits(bits, (uint32_t)g->zeros[i], zeros, i);
    if (part[QN_PART_ZERO_POINTS].n)
        part[QN_PART_ZERO_POINTS].data = zeros;
    for (int64_t i = 0; scales && i < g->groups.n_groups; i++)
        put_scale(g, i, stored);
    if (scales)
        part[QN_PART_SCALES].data = stored;
    return QN_OK;
}
