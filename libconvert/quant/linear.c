#include "quant/linear.h"

#include "quant/scales.h"

/* From the least and the largest number of each group. */
qn_status qn_linear_encode(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x, qn_bytes part[QN_MAX_PARTS]) {
    const qn_code_type *type = qn_code_type_of(c->code_dtype);
    const qn_groups groups = qn_const_groups(c);
    const int64_t n = qn_const_numel(c);
    float *least, *largest, *scales;
    int8_t *zero_points, *codes;
    uint8_t *packed, *packed_zeros;
    int64_t bad;
    for (int i = 0; i < QN_MAX_PARTS; i++)
        part[i] = (qn_bytes){NULL, 0};
    if (!type->is_integer)
        return qn_fail(ctx, QN_UNSUPPORTED, "tensor '%s': codes of %s have no encoder", c->name, type->name);
    QN_NEW_ARRAY(ctx, arena, least, groups.n_groups + 1);
    QN_NEW_ARRAY(ctx, arena, largest, groups.n_groups + 1);
    QN_NEW_ARRAY(ctx, arena, scales, groups.n_groups + 1);
    QN_NEW_ARRAY(ctx, arena, zero_points, groups.n_groups + 1);
    QN_NEW_ARRAY(ctx, arena, packed_zeros, groups.n_groups + 1);
    QN_NEW_ARRAY(ctx, arena, codes, n + 1);
    QN_NEW_ARRAY(ctx, arena, packed, n + 1);
    if (!qn_affine_range(&groups, 0, x, n, least, largest, &bad))
        return qn_fail(ctx, QN_UNSUPPORTED, "tensor '%s': element %lld is not finite: it cannot be quantised", c->name, (long long)bad);
    (void)qn_affine_fit(type, c->symmetric, c->scale_dtype, least, largest, groups.n_groups, scales, zero_points, &bad);
    QN_TRY(qn_scales_store(ctx, arena, c, scales, groups.n_groups, &part[QN_PART_SCALES], &part[QN_PART_SUPER_SCALES]));
    qn_affine_encode(type, &groups, 0, x, n, scales, zero_points, codes);
    part[QN_PART_CODES] = (qn_bytes){packed, qn_codes_pack(type, codes, 0, n, packed)};
    if (!c->symmetric)
        part[QN_PART_ZERO_POINTS] = (qn_bytes){packed_zeros, qn_codes_pack(type, zero_points, 0, groups.n_groups, packed_zeros)};
    return QN_OK;
}
