/* Encodings of constants: sizes of their parts, what is wrong with their fields, scales and masks. */
#include "ir/groups.h"

#include "base/checked.h"
#include "base/half.h"

#include <string.h>

/* n * bits, in whole bytes. */
static bool packed_bytes(int64_t n, size_t bits, size_t *out) {
    if (!qn_mul_size((size_t)n, bits, out) || !qn_add_size(*out, 7, out))
        return false;
    *out /= 8;
    return true;
}

static int64_t ceil_div(int64_t n, int64_t by) { return n / by + (n % by != 0); }

static size_t bits_of(qn_dtype dtype) {
    const qn_code_type *type = qn_code_type_of(dtype);
    return type ? (size_t)type->bits : 8 * qn_dtype_bytes(dtype);
}

static bool two_levels(const qn_const *c) {
    const qn_code_type *type = qn_code_type_of(c->scale_dtype);
    return type && type->is_integer;
}

static bool has_scales(const qn_const *c) {
    return c->encoding == QN_ENC_AFFINE || (c->encoding == QN_ENC_PALETTE && c->scale_dtype != QN_NONE);
}

/* ---- faults ------------------------------------------------------------------------------------------- */

static bool is_float_scale(qn_dtype dtype) { return dtype == QN_F32 || dtype == QN_F16 || dtype == QN_BF16; }

static const char *groups_fault(const qn_const *c) {
    if (c->axis < -1 || c->axis >= c->rank)
        return "an axis that it has not";
    if (c->block < 0 || c->block2 < 0 || c->super_block < 0)
        return "a negative block";
    if (c->block > 0 && c->axis < 0)
        return "blocks along no axis";
    if (c->block2 > 0 && (c->block == 0 || c->axis2 < 0 || c->axis2 >= c->rank || c->axis2 == c->axis))
        return "blocks along a second axis that it has not";
    if (!is_float_scale(c->scale_dtype) && c->scale_dtype != QN_F8E8M0 && !two_levels(c))
        return "scales of a type that none have";
    if (two_levels(c) && !is_float_scale(c->super_dtype))
        return "scales of scales that are not floating point";
    if (!two_levels(c) && (c->super_dtype != QN_NONE || c->super_block))
        return "scales of scales that have no codes";
    return NULL;
}

static const char *affine_fault(const qn_const *c) {
    const qn_code_type *type = qn_code_type_of(c->code_dtype);
    if (!type || type->is_power)
        return "codes of a type that none have";
    if (!c->symmetric && !type->is_integer)
        return "zero points of floating point codes";
    return groups_fault(c);
}

static const char *palette_fault(const qn_const *c) {
    if (c->bits < 1 || c->bits > 8)
        return "indices that are not 1 to 8 bits wide";
    if (c->width != 0 && c->width != 1 && c->width != 2 && c->width != 4)
        return "vectors that are not 1, 2 or 4 wide";
    if (c->lut_axis < -1 || c->lut_axis >= c->rank || (c->lut_axis >= 0 && c->lut_group < 1))
        return "tables along an axis that it has not";
    if (!is_float_scale(c->lut_dtype) && (c->lut_dtype != QN_I8 || c->scale_dtype == QN_NONE))
        return "a table of a type that none have";
    if (c->width > 1 && c->lut_axis >= 0) {
        int64_t served = c->lut_group;
        for (int32_t d = c->lut_axis + 1; d < c->rank; d++)
            if (!qn_mul_i64(served, c->dims[d], &served))
                return "a table for more elements than 2^63";
        if (served % c->width != 0)
            return "vectors that reach from one table's elements to another's";
    }
    return c->scale_dtype == QN_NONE ? NULL : groups_fault(c);
}

static const char *mask_fault(const qn_const *c) {
    if (c->encoding == QN_ENC_PALETTE && c->width > 1)
        return "a mask over vectors";
    if (c->mask_block < 1 || c->mask_block > QN_SPARSE_CHUNK || (c->mask_block & (c->mask_block - 1)) != 0)
        return "a mask whose blocks are no power of two up to 512";
    if (c->n_kept < 0 || c->n_kept > UINT32_MAX || c->n_kept > qn_const_numel(c))
        return "a number of kept elements that cannot be";
    return NULL;
}

const char *qn_const_encoding_fault(const qn_const *c) {
    const char *fault = NULL;
    switch (c->encoding) {
    case QN_ENC_DENSE: return c->sparse ? "a mask over dense elements" : NULL;
    case QN_ENC_AFFINE: fault = affine_fault(c); break;
    case QN_ENC_PALETTE: fault = palette_fault(c); break;
    case QN_ENC_SPARSE: fault = c->sparse ? NULL : "no mask"; break;
    default: return "an encoding that none have";
    }
    return fault || !c->sparse ? fault : mask_fault(c);
}

/* ---- sizes ---------------------------------------------------------------------------------------------- */

/* Groups of scales. */
static bool count_groups(const qn_const *c, int64_t *out) {
    *out = 1;
    if (c->axis < 0)
        return true;
    if (c->block <= 0) {
        *out = c->dims[c->axis];
        return true;
    }
    int64_t dims[QN_MAX_RANK];
    memcpy(dims, c->dims, sizeof dims);
    dims[c->axis] = ceil_div(dims[c->axis], c->block);
    if (c->block2 > 0)
        dims[c->axis2] = ceil_div(dims[c->axis2], c->block2);
    return qn_count_elems(dims, c->rank, out);
}

static bool lut_bytes(const qn_const *c, size_t *out) {
    const int64_t n = c->lut_axis < 0 ? 1 : ceil_div(c->dims[c->lut_axis], c->lut_group);
    return qn_mul_size((size_t)n, (size_t)(c->width > 1 ? c->width : 1) << c->bits, out) &&
           qn_mul_size(*out, qn_dtype_bytes(c->lut_dtype), out);
}

/* Part 0: `n` elements are stored. */
static bool element_bytes(const qn_const *c, int64_t n, size_t *out) {
    switch (c->encoding) {
    case QN_ENC_AFFINE: return packed_bytes(n, bits_of(c->code_dtype), out);
    case QN_ENC_PALETTE: return packed_bytes(ceil_div(n, c->width > 1 ? c->width : 1), (size_t)c->bits, out);
    default: return qn_mul_size((size_t)n, qn_dtype_bytes(c->dtype), out);
    }
}

bool qn_const_part_bytes(const qn_const *c, int part, size_t *out) {
    int64_t n;
    *out = 0;
    if (qn_const_encoding_fault(c) || !qn_count_elems(c->dims, c->rank, &n))
        return false;
    if (part == 0)
        return element_bytes(c, c->sparse ? c->n_kept : n, out);
    if (part == QN_PART_LUT && c->encoding == QN_ENC_PALETTE)
        return lut_bytes(c, out);
    if (part == QN_PART_MASK && c->sparse)
        return packed_bytes(ceil_div(n, c->mask_block), 1, out);
    if (part == QN_PART_STARTS && c->sparse)
        return qn_mul_size((size_t)ceil_div(n, QN_SPARSE_CHUNK), sizeof(uint32_t), out);
    if (!has_scales(c) || part > QN_PART_SUPER_SCALES || part < 0 || part == QN_PART_LUT)
        return true;
    if (!count_groups(c, &n))
        return false;
    if (part == QN_PART_SCALES)
        return packed_bytes(n, bits_of(c->scale_dtype), out);
    if (part == QN_PART_ZERO_POINTS)
        return c->encoding != QN_ENC_AFFINE || c->symmetric || packed_bytes(n, bits_of(c->code_dtype), out);
    return !two_levels(c) || qn_mul_size((size_t)(c->super_block ? ceil_div(n, c->super_block) : n > 0),
                                         qn_dtype_bytes(c->super_dtype), out);
}

bool qn_const_is_plain_affine(const qn_const *c) {
    const qn_code_type *type = qn_code_type_of(c->code_dtype);
    return c->encoding == QN_ENC_AFFINE && type && type->is_integer && (type->bits == 8 || type->bits == 4) && c->block2 == 0 &&
           (c->scale_dtype == QN_F32 || c->scale_dtype == QN_F16) && !c->sparse;
}

/* ---- scales and masks -------------------------------------------------------------------------------------- */

static float float_at(qn_dtype dtype, const void *data, int64_t i) {
    const char *at = (const char *)data + (size_t)i * qn_dtype_bytes(dtype);
    float f;
    uint16_t h;
    if (dtype == QN_F32) {
        memcpy(&f, at, sizeof f);
        return f;
    }
    memcpy(&h, at, sizeof h);
    return dtype == QN_F16 ? qn_f16_to_f32(h) : qn_bf16_to_f32(h);
}

float qn_const_scale(const qn_const *c, int64_t group) {
    const void *scales = c->part[QN_PART_SCALES].data;
    if (!has_scales(c))
        return 1.0f;
    const qn_code_type *type = qn_code_type_of(c->scale_dtype);
    if (!type)
        return float_at(c->scale_dtype, scales, group);
    const float number = qn_code_number(type, qn_code_bits(type->bits, scales, group));
    if (type->is_power)
        return number;
    return number * float_at(c->super_dtype, c->part[QN_PART_SUPER_SCALES].data, c->super_block ? group / c->super_block : 0);
}

bool qn_const_is_kept(const qn_const *c, int64_t i) {
    const uint8_t *mask = c->part[QN_PART_MASK].data;
    const int64_t bit = i / c->mask_block;
    return mask[bit / 8] >> bit % 8 & 1;
}

int64_t qn_const_kept_before(const qn_const *c, int64_t i) {
    uint32_t start;
    int64_t at = i / QN_SPARSE_CHUNK;
    memcpy(&start, (const char *)c->part[QN_PART_STARTS].data + (size_t)at * sizeof start, sizeof start);
    int64_t kept = start;
    for (at *= QN_SPARSE_CHUNK; at < i; at += c->mask_block)
        if (qn_const_is_kept(c, at))
            kept += i - at < c->mask_block ? i - at : c->mask_block;
    return kept;
}

bool qn_const_mask_agrees(const qn_const *c) {
    const int64_t n = qn_const_numel(c);
    int64_t kept = 0;
    for (int64_t at = 0; at < n; at += c->mask_block) {
        if (at % QN_SPARSE_CHUNK == 0 && qn_const_kept_before(c, at) != kept)
            return false;
        if (qn_const_is_kept(c, at))
            kept += n - at < c->mask_block ? n - at : c->mask_block;
    }
    const int64_t bits = ceil_div(n, c->mask_block);
    const uint8_t *mask = c->part[QN_PART_MASK].data;
    return kept == c->n_kept && (bits % 8 == 0 || mask[bits / 8] >> bits % 8 == 0);
}
