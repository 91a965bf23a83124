#include "quant/encode.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "kernels/codec/codec.h"
#include "quant/affine_tensor.h"
#include "quant/mask.h"
#include "quant/palette.h"

static qn_status values_encode(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x, qn_bytes part[QN_MAX_PARTS]) {
    const int64_t n = qn_const_numel(c);
    const size_t bytes = qn_dtype_bytes(c->dtype);
    char *out;
    QN_NEW_ARRAY(ctx, arena, out, (size_t)n * bytes + 1);
    if (c->dtype == QN_F32)
        memcpy(out, x, (size_t)n * bytes);
    else if (c->dtype == QN_F16)
        qn_f32_to_f16_n(x, (uint16_t *)(void *)out, (size_t)n);
    else if (c->dtype == QN_BF16)
        qn_f32_to_bf16_n(x, (uint16_t *)(void *)out, (size_t)n);
    else
        return qn_fail(ctx, QN_UNSUPPORTED, "tensor '%s': values of %s under a mask", c->name, qn_dtype_name(c->dtype));
    part[QN_PART_VALUES] = (qn_bytes){out, (size_t)n * bytes};
    return QN_OK;
}

typedef qn_status (*encode_fn)(qn_context *, qn_arena *, const qn_const *, const float *, qn_bytes *);
static const encode_fn g_by_encoding[] = {
    [QN_ENC_DENSE] = values_encode, [QN_ENC_AFFINE] = qn_affine_parts, [QN_ENC_PALETTE] = qn_palette_encode, [QN_ENC_SPARSE] = values_encode};

static size_t bits_of(const qn_const *c) {
    const qn_code_type *type = qn_code_type_of(c->code_dtype);
    return c->encoding == QN_ENC_AFFINE ? (size_t)type->bits
           : c->encoding == QN_ENC_PALETTE ? (size_t)c->bits : 8 * qn_dtype_bytes(c->dtype);
}

/* blocks[]: PART_MASK, of a bit for each element. */
static void gather_bits(const uint8_t *elements, int64_t mask_block, int64_t n, uint8_t *blocks) {
    for (int64_t i = 0; i < n; i += mask_block)
        if (elements[i / 8] >> i % 8 & 1)
            blocks[i / mask_block / 8] = (uint8_t)(blocks[i / mask_block / 8] | 1u << i / mask_block % 8);
}

/* What is pruned is 0 and counts for nothing; of the rest's codes, those that are kept. */
static qn_status encode_masked(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x, qn_bytes part[QN_MAX_PARTS]) {
    static const qn_encode_how plain = {.scheme = {.prune = QN_PRUNE_NONE}};
    const int64_t n = qn_const_numel(c);
    qn_encode_how how = c->how ? *c->how : plain;
    qn_const whole = *c;
    size_t mask_bytes, start_bytes, kept_bytes;
    uint8_t *mask, *kept;
    uint32_t *starts;
    float *masked;
    if (!qn_const_part_bytes(c, QN_PART_MASK, &mask_bytes) || !qn_const_part_bytes(c, QN_PART_STARTS, &start_bytes) ||
        !qn_const_part_bytes(c, 0, &kept_bytes))
        return qn_fail(ctx, QN_USAGE, "tensor '%s': its mask has no size", c->name);
    QN_NEW_ARRAY(ctx, arena, mask, mask_bytes + 1);
    QN_NEW_ARRAY(ctx, arena, starts, start_bytes / sizeof *starts + 1);
    QN_NEW_ARRAY(ctx, arena, kept, kept_bytes + 1);
    QN_NEW_ARRAY(ctx, arena, masked, n + 1);
    if (how.mask)
        gather_bits(how.mask, c->mask_block, n, mask);
    else
        QN_TRY(qn_mask_choose(ctx, arena, c, &how, x, mask));
    qn_mask_starts(mask, n, c->mask_block, starts);
    uint8_t *bits = mask;
    if (c->mask_block > 1) { /* a bit an element */
        QN_NEW_ARRAY(ctx, arena, bits, n / 8 + 1);
        for (int64_t i = 0; i < n; i++)
            if (mask[i / c->mask_block / 8] >> i / c->mask_block % 8 & 1)
                bits[i / 8] = (uint8_t)(bits[i / 8] | 1u << i % 8);
    }
    for (int64_t i = 0; i < n; i++)
        masked[i] = bits[i / 8] >> i % 8 & 1 ? x[i] : 0.0f;
    how.mask = bits;
    whole.how = &how;
    whole.sparse = false;
    if (whole.encoding == QN_ENC_SPARSE)
        whole.encoding = QN_ENC_DENSE;
    QN_TRY(g_by_encoding[c->encoding](ctx, arena, &whole, masked, part));
    qn_mask_compact(mask, c->mask_block, n, bits_of(c), part[0].data, kept);
    part[0] = (qn_bytes){kept, kept_bytes};
    part[QN_PART_MASK] = (qn_bytes){mask, mask_bytes};
    part[QN_PART_STARTS] = (qn_bytes){starts, start_bytes};
    return QN_OK;
}

qn_status qn_encode(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x, qn_bytes part[QN_MAX_PARTS]) {
    const int64_t n = qn_const_numel(c);
    const char *fault = qn_const_encoding_fault(c);
    if (fault)
        return qn_fail(ctx, QN_UNSUPPORTED, "tensor '%s' is to have %s", c->name, fault);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return qn_fail(ctx, QN_UNSUPPORTED, "tensor '%s': element %" PRId64 " is not finite: it cannot be quantised", c->name, i);
    for (int i = 0; i < QN_MAX_PARTS; i++)
        part[i] = (qn_bytes){NULL, 0};
    return c->sparse ? encode_masked(ctx, arena, c, x, part) : g_by_encoding[c->encoding](ctx, arena, c, x, part);
}

void qn_encoded_error(const qn_context *ctx, const qn_const *c, const float *x, double *signal, double *noise) {
    const qn_coded coded = qn_coded_of(ctx, c);
    enum { PIECE = 4096 };
    float stored[PIECE];
    const int64_t n = qn_const_numel(c);
    for (int64_t at = 0; at < n; at += PIECE) {
        const int64_t m = n - at < PIECE ? n - at : PIECE;
        coded.decode(c, at, m, stored);
        for (int64_t i = 0; i < m; i++) {
            const double v = (double)x[at + i], d = v - (double)stored[i];
            *signal += v * v;
            *noise += d * d;
        }
    }
}
