/* Bfloat16 arithmetic by VDPBF16PS: a unit is two numbers, neighbours in k. Products are exact; each step adds the two
 * of a unit and then the sum, rounding to nearest twice, and takes subnormal numbers as 0. */
#define GEMM_MR      14
#define GEMM_NV      2
#define GEMM_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#include "kernels/gemm/gemm_finish_impl.h"
#include "kernels/gemm/gemm_units_impl.h"

typedef vf acc_vec;
typedef __m512bh unit_vec;
enum { LANES = VF_LANES };
VF_INLINE vf acc_zero(void) { return vf_set1(0.0f); }
VF_INLINE vf acc_load(const char *p) { return _mm512_loadu_ps(p); }
VF_INLINE void acc_store(char *p, vf v) { _mm512_storeu_ps(p, v); }
VF_INLINE unit_vec unit_load(const char *p) { return (unit_vec)_mm512_loadu_si512(p); }
VF_INLINE unit_vec unit_set1(const char *p) {
    int unit;
    memcpy(&unit, p, sizeof unit);
    return (unit_vec)_mm512_set1_epi32(unit);
}
VF_INLINE vf unit_dot(vf acc, unit_vec a, unit_vec b) { return _mm512_dpbf16_ps(acc, a, b); }
#include "kernels/gemm/gemm_micro_impl.h"
GEMM_ROWS(MICRO)

/* ---- packing ------------------------------------------------------------------------------------------- */

VF_INLINE void store_units(float *to, __m256i even, __m256i odd, int64_t n) {
    __m512i units = _mm512_or_si512(_mm512_cvtepu16_epi32(even), _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16));
    _mm512_mask_storeu_epi32(to, vf_lanes(n), units);
}

/* x contiguous: two rows make one of units. */
static void pack_bf16_rows(const uint16_t *from, int64_t k_stride, int64_t xn, int64_t kn, int width, float *dst) {
    for (int64_t k = 0; k < kn; k += 2, from += 2 * k_stride)
        for (int v = 0; v < width; v += VF_LANES) {
            vf_mask lanes = vf_lanes(xn - v);
            __builtin_prefetch(from + AHEAD * k_stride + v);
            __builtin_prefetch(from + (AHEAD + 1) * k_stride + v);
            __m256i even = _mm256_maskz_loadu_epi16(lanes, from + v);
            __m256i odd = k + 1 < kn ? _mm256_maskz_loadu_epi16(lanes, from + k_stride + v) : _mm256_setzero_si256();
            store_units(dst + k / 2 * width + v, even, odd, width - v);
        }
}

/* Anything else by way of float32, a few rows at a time. */
static void pack_via_float(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int width,
                           float *dst) {
    enum { ROWS = 32 };
    float rows[ROWS * NR] __attribute__((aligned(64)));
    for (int64_t k = 0; k < kn; k += ROWS) {
        int64_t n = kn - k < ROWS ? kn - k : ROWS;
        pack(op, x0, xn, k0 + k, n, width, rows);
        for (int64_t r = 0; r < n; r += 2)
            for (int v = 0; v < width; v += VF_LANES) {
                vf even = vf_read_n(QN_F32, rows, r * width + v, width - v);
                vf odd = r + 1 < n ? vf_read_n(QN_F32, rows, (r + 1) * width + v, width - v) : vf_set1(0.0f);
                store_units(dst + (k + r) / 2 * width + v, (__m256i)_mm512_cvtneps_pbh(even),
                            (__m256i)_mm512_cvtneps_pbh(odd), width - v);
            }
    }
}

static void pack_units(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int64_t k_all, int width,
                       void *dst, const qn_side *side) {
    (void)k_all;
    (void)side;
    const bool plain = op->dtype == QN_BF16 && !op->pack && !op->scales;
    const uint16_t *from = plain ? (const uint16_t *)op->data + x0 * op->x_stride + k0 * op->k_stride : NULL;
    if (op->pack && op->packs_units)
        op->pack(op, x0, xn, k0 / 2, (kn + 1) / 2, width, dst);
    else if (plain && op->k_stride == 1)
        pack_unit_columns((const char *)from, 2 * op->x_stride, xn, 2 * kn, width, dst);
    else if (plain && op->x_stride == 1)
        pack_bf16_rows(from, op->k_stride, xn, kn, width, dst);
    else
        pack_via_float(op, x0, xn, k0, kn, width, dst);
}

static void finish_tile(const qn_gemm_out *c, void *tile, int64_t i, int64_t j, int mr, int64_t nr, const qn_side *a,
                        const qn_side *b) {
    (void)a;
    (void)b;
    finish(c, tile, NR, i, j, mr, nr);
}

/* ---- few rows -------------------------------------------------------------------------------------------- */

enum { UNIT = 2 };
VF_INLINE vf acc_add(vf a, vf b) { return vf_add(a, b); }
VF_INLINE unit_vec few_load(const qn_dtype dtype, const char *p, int64_t left) {
    (void)dtype;
    return (unit_vec)(left >= 32 ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi16((1u << left) - 1, p));
}
VF_INLINE void few_finish(const qn_gemm *g, char *tile, int64_t j0, int64_t n, const qn_side *a, const qn_side *b) {
    (void)a;
    (void)b;
    finish(&g->c, (const float *)(const void *)tile, NR, 0, j0, (int)g->m, n);
}
#define FEW_COLUMN_SUMS 0
#include "kernels/gemm/few_rows_impl.h"

static void few_rows(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const qn_few_rows *f = arg;
    few_rows_as(QN_BF16, f, begin, end);
}

const qn_gemm_isa qn_gemm_bf16_avx512bf16 = {.mr = MR,
                                             .nr = NR,
                                             .nv = NV,
                                             .unit = 2,
                                             .micro = {GEMM_ROWS(MICRO_ROW)},
                                             .pack = pack,
                                             .pack_units = pack_units,
                                             .finish = finish_tile,
                                             .few_rows = few_rows};
