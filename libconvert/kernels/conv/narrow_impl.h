/* Rows of neighbouring channels woven into rows of units (conv/narrow.c). Blocks have a constant length, so that
 * compilers make vectors of the loops over them. */
#include "kernels/conv/conv_isa.h"
#include "kernels/simd/simd.h"

enum { BLOCK = 2 * VF_LANES };

static void weave_pairs(const uint16_t *even, const uint16_t *odd, int64_t n, uint32_t *to) {
    int64_t i = 0;
    for (; i + BLOCK <= n; i += BLOCK)
        for (int j = 0; j < BLOCK; j++)
            to[i + j] = even[i + j] | (uint32_t)odd[i + j] << 16;
    for (; i < n; i++)
        to[i] = even[i] | (uint32_t)odd[i] << 16;
}

/* The codes of VF_LANES numbers; 0 for a NaN. */
VF_INLINE vf codes_of(const qn_dtype dtype, const void *row, int64_t i, int64_t n, vf inverse, vf zero) {
    vf code = vf_add(vf_round(vf_mul(vf_read_n(dtype, row, i, n), inverse)), zero);
    return vf_min(vf_max(code, vf_set1(0.0f)), vf_set1(255.0f));
}

/* Two codes are one number below 2^16, which float32 holds. */
VF_INLINE void weave_codes_as(const qn_dtype dtype, const void *const row[4], int64_t n, const qn_x_quant *q,
                              uint32_t *to) {
    const vf inverse = vf_set1(q->inverse), zero = vf_set1((float)q->zero_point), next = vf_set1(256.0f);
    for (int64_t i = 0; i < n; i += VF_LANES) {
        float low[VF_LANES], high[VF_LANES];
        uint32_t units[VF_LANES];
        const int64_t left = n - i;
        vf c0 = codes_of(dtype, row[0], i, left, inverse, zero), c1 = codes_of(dtype, row[1], i, left, inverse, zero);
        vf c2 = codes_of(dtype, row[2], i, left, inverse, zero), c3 = codes_of(dtype, row[3], i, left, inverse, zero);
        vf_store(low, vf_fma(c1, next, c0));
        vf_store(high, vf_fma(c3, next, c2));
        for (int j = 0; j < VF_LANES; j++)
            units[j] = (uint32_t)(int32_t)low[j] | (uint32_t)(int32_t)high[j] << 16;
        memcpy(to + i, units, (size_t)(left < VF_LANES ? left : VF_LANES) * sizeof *to);
    }
}

static void weave_codes(qn_dtype dtype, const void *const row[4], int64_t n, const qn_x_quant *q, uint32_t *to) {
    switch (dtype) {
    case QN_F16: weave_codes_as(QN_F16, row, n, q, to); break;
    case QN_BF16: weave_codes_as(QN_BF16, row, n, q, to); break;
    default: weave_codes_as(QN_F32, row, n, q, to); break;
    }
}
