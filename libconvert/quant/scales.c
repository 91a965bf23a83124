#include "quant/scales.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"

float qn_scale_rounded(qn_dtype dtype, float x) {
    return dtype == QN_F16 ? qn_f16_to_f32(qn_f32_to_f16(x)) : dtype == QN_BF16 ? qn_bf16_to_f32(qn_f32_to_bf16(x)) : x;
}

static void put_float(qn_dtype dtype, float x, void *bytes, int64_t i) {
    const uint16_t half = dtype == QN_F16 ? qn_f32_to_f16(x) : qn_f32_to_bf16(x);
    if (dtype == QN_F32)
        memcpy((char *)bytes + (size_t)i * sizeof x, &x, sizeof x);
    else
        memcpy((char *)bytes + (size_t)i * sizeof half, &half, sizeof half);
}

static void put_bits(int bits, uint32_t code, uint8_t *bytes, int64_t i) {
    const size_t bit = (size_t)i * (size_t)bits;
    const uint32_t word = (code & ((1u << bits) - 1)) << bit % 8;
    bytes[bit / 8] = (uint8_t)(bytes[bit / 8] | word);
    if (bit % 8 + (size_t)bits > 8)
        bytes[bit / 8 + 1] = (uint8_t)(bytes[bit / 8 + 1] | word >> 8);
}

static bool round_floats(const qn_const *c, float *scales, int64_t n, int64_t *bad, void *bytes) {
    for (int64_t g = 0; g < n; g++) {
        scales[g] = qn_scale_rounded(c->scale_dtype, scales[g]);
        if (!isfinite(scales[g])) {
            *bad = g;
            return false;
        }
        put_float(c->scale_dtype, scales[g], bytes, g);
    }
    return true;
}

/* Powers of two from 2^-127 to 2^127; 0 becomes the least of them. */
static bool round_powers(float *scales, int64_t n, int64_t *bad, uint8_t *bytes) {
    for (int64_t g = 0; g < n; g++) {
        int exponent = -127;
        const float magnitude = fabsf(scales[g]);
        if (magnitude > 0) {
            const float fraction = frexpf(magnitude, &exponent); /* 0.5 .. 1 */
            exponent -= fraction == 0.5f;
        }
        if (!isfinite(magnitude) || exponent > 127) {
            *bad = g;
            return false;
        }
        exponent = exponent < -127 ? -127 : exponent;
        scales[g] = ldexpf(1.0f, exponent);
        bytes[g] = (uint8_t)(exponent + 127);
    }
    return true;
}

static bool round_codes(const qn_const *c, const qn_code_type *type, float *scales, int64_t n, int64_t *bad, uint8_t *bytes,
                        void *super_bytes) {
    const int64_t block = c->super_block > 0 ? c->super_block : n;
    for (int64_t first = 0; first < n; first += block) {
        const int64_t end = n - first < block ? n : first + block;
        float largest = 0;
        for (int64_t g = first; g < end; g++)
            largest = fabsf(scales[g]) > largest || isnan(scales[g]) ? fabsf(scales[g]) : largest;
        const float super = qn_scale_rounded(c->super_dtype, largest / (float)type->max);
        if (!isfinite(super)) {
            *bad = first;
            return false;
        }
        put_float(c->super_dtype, super, super_bytes, first / block);
        for (int64_t g = first; g < end; g++) {
            float code = super > 0 ? rintf(scales[g] / super) : 0;
            if (code == 0 && scales[g] != 0)
                code = scales[g] < 0 ? -1.0f : 1.0f;
            code = code < (float)(type->is_signed ? -type->max : 0) ? (float)(type->is_signed ? -type->max : 0) : code;
            code = code > (float)type->max ? (float)type->max : code;
            scales[g] = code * super;
            put_bits(type->bits, (uint32_t)(int32_t)code, bytes, g);
        }
    }
    return true;
}

static int by_size(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

float qn_percentile(float *v, int64_t n, double percentile) {
    qsort(v, (size_t)n, sizeof *v, by_size);
    const double at = percentile / 100 * (double)(n - 1);
    const int64_t below = (int64_t)floor(at), above = below + 1 < n ? below + 1 : n - 1;
    return (float)((double)v[below] + ((double)v[above] - (double)v[below]) * (at - (double)below));
}

bool qn_scales_signed(const qn_const *c) {
    const qn_code_type *type = qn_code_type_of(c->scale_dtype);
    return !type || type->is_signed;
}

bool qn_scales_round(const qn_const *c, float *scales, int64_t n, int64_t *bad, uint8_t *bytes, void *super_bytes) {
    const qn_code_type *type = qn_code_type_of(c->scale_dtype);
    if (!type)
        return round_floats(c, scales, n, bad, bytes);
    return type->is_power ? round_powers(scales, n, bad, bytes) : round_codes(c, type, scales, n, bad, bytes, super_bytes);
}

qn_status qn_scales_too_large(qn_context *ctx, const qn_const *c, int64_t group) {
    return qn_fail(ctx, QN_UNSUPPORTED, "tensor '%s' has numbers too large for scales of %s (group %lld): scale=fp32 or scale=bf16 "
                                        "hold them", c->name, qn_stored_name(c->super_dtype ? c->super_dtype : c->scale_dtype),
                   (long long)group);
}

qn_status qn_scales_store(qn_context *ctx, qn_arena *arena, const qn_const *c, float *scales, int64_t n, qn_bytes *part_scales,
                          qn_bytes *part_super) {
    uint8_t *bytes, *super;
    int64_t bad = 0;
    if (!qn_const_part_bytes(c, QN_PART_SCALES, &part_scales->n) || !qn_const_part_bytes(c, QN_PART_SUPER_SCALES, &part_super->n))
        return qn_fail(ctx, QN_USAGE, "tensor '%s': its scales have no size", c->name);
    QN_NEW_ARRAY(ctx, arena, bytes, part_scales->n + 1);
    QN_NEW_ARRAY(ctx, arena, super, part_super->n + 1);
    if (!qn_scales_round(c, scales, n, &bad, bytes, super))
        return qn_scales_too_large(ctx, c, bad);
    part_scales->data = bytes;
    part_super->data = part_super->n ? super : NULL;
    return QN_OK;
}
