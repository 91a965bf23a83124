#include "ir/constant.h"

#include "base/checked.h"
#include "base/half.h"

#include <string.h>

static const qn_code_type g_code_types[] = {
    {QN_I8, "int8", 8, true, INT8_MIN, INT8_MAX},
    {QN_U8, "uint8", 8, false, 0, UINT8_MAX},
    {QN_I4, "int4", 4, true, -8, 7},
    {QN_U4, "uint4", 4, false, 0, 15},
};

const qn_code_type *qn_code_type_of(qn_dtype dtype) {
    for (size_t i = 0; i < sizeof g_code_types / sizeof g_code_types[0]; i++)
        if (g_code_types[i].dtype == dtype)
            return &g_code_types[i];
    return NULL;
}

int32_t qn_code_at(const qn_code_type *type, const uint8_t *codes, int64_t i) {
    const size_t bit = (size_t)i * (size_t)type->bits;
    unsigned word = codes[bit / 8];
    if (bit % 8 + (size_t)type->bits > 8)
        word |= (unsigned)codes[bit / 8 + 1] << 8;
    const int32_t code = (int32_t)(word >> bit % 8 & ((1u << type->bits) - 1));
    return code > type->max ? code - (1 << type->bits) : code;
}

int64_t qn_const_numel(const qn_const *c) {
    int64_t n;
    return qn_count_elems(c->dims, c->rank, &n) ? n : 0;
}

/* n * bits, in whole bytes. */
static bool packed_bytes(int64_t n, size_t bits, size_t *out) {
    if (!qn_mul_size((size_t)n, bits, out) || !qn_add_size(*out, 7, out))
        return false;
    *out /= 8;
    return true;
}

/* Scales of an affine constant; see the header. */
static bool affine_groups(const qn_const *c, int64_t *out) {
    if (c->axis < 0) {
        *out = 1;
        return true;
    }
    if (c->axis >= c->rank)
        return false;
    if (c->block <= 0) {
        *out = c->dims[c->axis];
        return true;
    }
    int64_t dims[QN_MAX_RANK];
    memcpy(dims, c->dims, sizeof dims);
    dims[c->axis] = c->dims[c->axis] / c->block + (c->dims[c->axis] % c->block != 0);
    return qn_count_elems(dims, c->rank, out);
}

static bool dense_bytes(const qn_const *c, int part, size_t *out) {
    int64_t n;
    *out = 0;
    return part != QN_PART_VALUES || (qn_count_elems(c->dims, c->rank, &n) &&
                                      qn_mul_size((size_t)n, qn_dtype_bytes(c->dtype), out));
}

static bool affine_bytes(const qn_const *c, int part, size_t *out) {
    const qn_code_type *type = qn_code_type_of(c->code_dtype);
    int64_t n;
    *out = 0;
    if (!type)
        return false;
    if (part == QN_PART_CODES)
        return qn_count_elems(c->dims, c->rank, &n) && packed_bytes(n, (size_t)type->bits, out);
    if (part == QN_PART_ZERO_POINTS && c->symmetric)
        return true;
    if (!affine_groups(c, &n))
        return false;
    return part == QN_PART_SCALES ? qn_mul_size((size_t)n, qn_dtype_bytes(c->scale_dtype), out)
                                  : packed_bytes(n, (size_t)type->bits, out);
}

static bool palette_bytes(const qn_const *c, int part, size_t *out) {
    int64_t n;
    *out = 0;
    if (c->bits < 1 || c->bits > 8 || c->axis >= c->rank)
        return false;
    if (part == QN_PART_INDICES)
        return qn_count_elems(c->dims, c->rank, &n) && packed_bytes(n, (size_t)c->bits, out);
    if (part != QN_PART_LUT)
        return true;
    n = c->axis < 0 ? 1 : c->dims[c->axis];
    return qn_mul_size((size_t)n, (size_t)1 << c->bits, out) && qn_mul_size(*out, qn_dtype_bytes(c->dtype), out);
}

bool qn_const_part_bytes(const qn_const *c, int part, size_t *out) {
    static bool (*const by_encoding[])(const qn_const *, int, size_t *) = {
        [QN_ENC_DENSE] = dense_bytes, [QN_ENC_AFFINE] = affine_bytes, [QN_ENC_PALETTE] = palette_bytes};
    *out = 0;
    if ((size_t)c->encoding >= sizeof by_encoding / sizeof *by_encoding)
        return false;
    if (part < 0 || part >= QN_MAX_PARTS)
        return true;
    return by_encoding[c->encoding](c, part, out);
}

size_t qn_const_bytes(const qn_const *c) {
    size_t sum = 0, n;
    for (int part = 0; part < QN_MAX_PARTS; part++)
        if (!qn_const_part_bytes(c, part, &n) || !qn_add_size(sum, n, &sum))
            return SIZE_MAX;
    return sum;
}

qn_status qn_const_dense(qn_context *ctx, qn_arena *arena, qn_dtype dtype, int32_t rank, const int64_t *dims,
                         const void *data, size_t n_bytes, qn_const **out) {
    *out = NULL;
    if (!qn_dtype_bytes(dtype))
        return qn_fail(ctx, QN_MALFORMED, "a constant of unknown dtype %d", (int)dtype);
    if (rank < 0 || rank > QN_MAX_RANK)
        return qn_fail(ctx, QN_UNSUPPORTED, "a constant of rank %d; at most %d is handled", rank, QN_MAX_RANK);
    qn_const *c;
    QN_NEW(ctx, arena, c);
    c->dtype = dtype;
    c->rank = rank;
    c->axis = -1;
    for (int32_t i = 0; i < rank; i++) {
        if (dims[i] < 0)
            return qn_fail(ctx, QN_MALFORMED, "a constant with dimension %lld", (long long)dims[i]);
        c->dims[i] = dims[i];
    }
    size_t want;
    if (!qn_const_part_bytes(c, QN_PART_VALUES, &want))
        return qn_fail(ctx, QN_MALFORMED, "the size of a constant does not fit 64 bits");
    if (want != n_bytes || (want && !data))
        return qn_fail(ctx, QN_MALFORMED, "a constant has %zu bytes, its shape wants %zu", data ? n_bytes : 0, want);
    c->part[QN_PART_VALUES] = (qn_bytes){data, n_bytes};
    *out = c;
    return QN_OK;
}

/* ---- elements: the bytes may lie anywhere in a mapped file, so they are copied out ---- */

#define LOAD(TYPE, var) TYPE var; memcpy(&var, at, sizeof var)

static int64_t saturate(double v) {
    if (v != v)
        return 0;
    if (v >= 9223372036854775808.0)
        return INT64_MAX;
    return v < -9223372036854775808.0 ? INT64_MIN : (int64_t)v;
}

double qn_const_f64(const qn_const *c, int64_t i) {
    const uint8_t *at = (const uint8_t *)c->part[QN_PART_VALUES].data + (size_t)i * qn_dtype_bytes(c->dtype);
    switch (c->dtype) {
    case QN_F32: { LOAD(float, v); return (double)v; }
    case QN_F64: { LOAD(double, v); return v; }
    case QN_F16: { LOAD(uint16_t, v); return (double)qn_f16_to_f32(v); }
    case QN_BF16: { LOAD(uint16_t, v); return (double)qn_bf16_to_f32(v); }
    case QN_U64: { LOAD(uint64_t, v); return (double)v; }
    default: return (double)qn_const_i64(c, i);
    }
}

int64_t qn_const_i64(const qn_const *c, int64_t i) {
    const uint8_t *at = (const uint8_t *)c->part[QN_PART_VALUES].data + (size_t)i * qn_dtype_bytes(c->dtype);
    switch (c->dtype) {
    case QN_I64: { LOAD(int64_t, v); return v; }
    case QN_I32: { LOAD(int32_t, v); return v; }
    case QN_I16: { LOAD(int16_t, v); return v; }
    case QN_I8: { LOAD(int8_t, v); return v; }
    case QN_U64: { LOAD(uint64_t, v); return v > INT64_MAX ? INT64_MAX : (int64_t)v; }
    case QN_U32: { LOAD(uint32_t, v); return v; }
    case QN_U16: { LOAD(uint16_t, v); return v; }
    case QN_U8: return *at;
    case QN_BOOL: return *at != 0;
    case QN_F32: case QN_F64: case QN_F16: case QN_BF16: return saturate(qn_const_f64(c, i));
    case QN_NONE: break;
    }
    return 0;
}
