#include "quant/encode.h"

#include <string.h>

#include "kernels/ref/convert.h"
#include "quant/affine_tensor.h"
#include "quant/mask.h"
#include "quant/palette.h"

static int64_t ceil_div(int64_t n, int64_t by) { return n / by + (n % by != 0); }

/* SPARSE before elements are taken out: all of them, of the dtype. */
static qn_status encode_values(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x, qn_bytes part[QN_MAX_PARTS]) {
    const int64_t n = qn_const_numel(c);
    const size_t bytes = qn_dtype_bytes(c->dtype);
    char *values;
    for (int i = 0; i < QN_MAX_PARTS; i++)
        part[i] = (qn_bytes){NULL, 0};
    QN_NEW_ARRAY(ctx, arena, values, n * (int64_t)bytes + 1);
    qn_convert(QN_F32, x, c->dtype, values, n);
    part[QN_PART_VALUES] = (qn_bytes){values, (size_t)n * bytes};
    return QN_OK;
}

/* `bits` of an element of part 0. */
static const struct {
    qn_encoding encoding;
    qn_status (*encode)(qn_context *, qn_arena *, const qn_const *, const float *, qn_bytes *);
} g_encoders[] = {
    {QN_ENC_AFFINE, qn_affine_parts},
    {QN_ENC_PALETTE, qn_palette_encode},
    {QN_ENC_SPARSE, encode_values},
};

static size_t element_bits(const qn_const *c) {
    return c->encoding == QN_ENC_PALETTE  ? (size_t)c->bits
           : c->encoding == QN_ENC_AFFINE ? (size_t)qn_code_type_of(c->code_dtype)->bits
                                          : 8 * qn_dtype_bytes(c->dtype);
}

static qn_status encode_all(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x, qn_bytes part[QN_MAX_PARTS]) {
    for (size_t i = 0; i < sizeof g_encoders / sizeof g_encoders[0]; i++)
        if (g_encoders[i].encoding == c->encoding)
            return g_encoders[i].encode(ctx, arena, c, x, part);
    return qn_fail(ctx, QN_UNSUPPORTED, "tensor '%s': encoding %d has no encoder", c->name, (int)c->encoding);
}

/* ---- under a mask ------------------------------------------------------------------------------------- */

/* blocks[ceil(ceil(n / mask_block) / 8)]: the bits of PART_MASK; elements[ceil(n / 8)]: a bit for each element. Either is made from
 * the other. */
static void spread_bits(const uint8_t *blocks, int64_t mask_block, int64_t n, uint8_t *elements) {
    for (int64_t i = 0; i < n; i++)
        if (blocks[i / mask_block / 8] >> i / mask_block % 8 & 1)
            elements[i / 8] = (uint8_t)(elements[i / 8] | 1u << i % 8);
}
static void gather_bits(const uint8_t *elements, int64_t mask_block, int64_t n, uint8_t *blocks) {
    for (int64_t i = 0; i < n; i += mask_block)
        if (elements[i / 8] >> i % 8 & 1)
            blocks[i / mask_block / 8] = (uint8_t)(blocks[i / mask_block / 8] | 1u << i / mask_block % 8);
}

static qn_status encode_kept(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x, qn_bytes part[QN_MAX_PARTS]) {
    const int64_t n = qn_const_numel(c);
    qn_encode_how how = c->how ? *c->how : (qn_encode_how){.importance_axis = c->rank - 1};
    uint8_t *mask, *elements, *kept;
    uint32_t *starts;
    size_t mask_bytes, starts_bytes, kept_bytes;
    if (!qn_const_part_bytes(c, QN_PART_MASK, &mask_bytes) || !qn_const_part_bytes(c, QN_PART_STARTS, &starts_bytes) ||
        !qn_const_part_bytes(c, 0, &kept_bytes))
        return qn_fail(ctx, QN_USAGE, "tensor '%s': its mask has no size", c->name);
    QN_NEW_ARRAY(ctx, arena, mask, mask_bytes + 1);
    QN_NEW_ARRAY(ctx, arena, elements, ceil_div(n, 8) + 1);
    QN_NEW_ARRAY(ctx, arena, kept, kept_bytes + 1);
    QN_NEW_ARRAY(ctx, arena, starts, starts_bytes / sizeof *starts + 1);
    if (how.mask)
        gather_bits(how.mask, c->mask_block, n, mask);
    else
        QN_TRY(qn_mask_choose(ctx, arena, c, &how, x, mask));
    spread_bits(mask, c->mask_block, n, elements);
    how.mask = elements;
    qn_const all = *c;
    all.sparse = false;
    all.how = &how;
    QN_TRY(encode_all(ctx, arena, &all, x, part));
    qn_mask_starts(mask, n, c->mask_block, starts);
    qn_mask_compact(mask, c->mask_block, n, element_bits(c), part[0].data, kept);
    part[0] = (qn_bytes){kept, kept_bytes};
    part[QN_PART_MASK] = (qn_bytes){mask, mask_bytes};
    part[QN_PART_STARTS] = (qn_bytes){starts, starts_bytes};
    return QN_OK;
}

qn_status qn_encode(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x, qn_bytes part[QN_MAX_PARTS]) {
    const char *fault = qn_const_encoding_fault(c);
    if (fault)
        return qn_fail(ctx, QN_UNSUPPORTED, "tensor '%s' is to have %s", c->name, fault);
    return c->sparse ? encode_kept(ctx, arena, c, x, part) : encode_all(ctx, arena, c, x, part);
}
