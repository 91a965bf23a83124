#include "ir/constant.h"

#include "base/checked.h"
#include "base/half.h"

#include <string.h>

int64_t qn_const_numel(const qn_const *c) {
    int64_t n;
    return qn_count_elems(c->dims, c->rank, &n) ? n : 0;
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
