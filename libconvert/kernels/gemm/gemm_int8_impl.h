/* Int8 arithmetic for one instruction set: unsigned bytes times signed ones, four products to a lane, exact in int32.
 * Before including it define GEMM_MR, GEMM_NV, GEMM_ROWS (gemm_micro_impl.h) and GEMM_TABLE, the table's name.
 *
 * Without VNNI the bytes are widened to 16 bits first: VPMADDUBSW saturates the sum of two products, which
 * 255 * 127 * 2 exceeds; VPMADDWD on widened numbers does not. */
#include "kernels/gemm/gemm_finish_impl.h"
#include "kernels/gemm/gemm_units_impl.h"
#include "kernels/ref/x_quant.h"

#include <math.h>

enum { LANES = VF_LANES };
VF_INLINE int load_unit(const char *p) {
    int unit;
    memcpy(&unit, p, sizeof unit);
    return unit;
}

#if defined(__AVX512BW__)
typedef __m512i acc_vec;
typedef __m512i unit_vec;
#define VI(NAME) _mm512_##NAME
VF_INLINE acc_vec acc_zero(void) { return _mm512_setzero_si512(); }
VF_INLINE acc_vec acc_load(const void *p) { return _mm512_loadu_si512(p); }
VF_INLINE void acc_store(char *p, acc_vec v) { _mm512_storeu_si512(p, v); }
VF_INLINE unit_vec bits_and(unit_vec a, unit_vec b) { return _mm512_and_si512(a, b); }
VF_INLINE void store_codes(uint8_t *to, __m512i codes) { /* of 0..255, one a lane */
    _mm_storeu_si128((__m128i *)(void *)to, _mm512_cvtepi32_epi8(codes));
}
#else
typedef __m256i acc_vec;
typedef __m256i unit_vec;
#define VI(NAME) _mm256_##NAME
VF_INLINE acc_vec acc_zero(void) { return _mm256_setzero_si256(); }
VF_INLINE acc_vec acc_load(const void *p) { return _mm256_loadu_si256(p); }
VF_INLINE void acc_store(char *p, acc_vec v) { _mm256_storeu_si256((__m256i *)(void *)p, v); }
VF_INLINE unit_vec bits_and(unit_vec a, unit_vec b) { return _mm256_and_si256(a, b); }
VF_INLINE void store_codes(uint8_t *to, __m256i codes) {
    __m128i pairs = _mm_packus_epi32(_mm256_castsi256_si128(codes), _mm256_extracti128_si256(codes, 1));
    _mm_storel_epi64((__m128i *)(void *)to, _mm_packus_epi16(pairs, pairs));
}
#endif
VF_INLINE unit_vec unit_load(const char *p) { return acc_load(p); }
VF_INLINE unit_vec unit_set1(const char *p) { return VI(set1_epi32)(load_unit(p)); }

/* acc + the four products of each lane; a unsigned, b signed */
VF_INLINE acc_vec unit_dot(acc_vec acc, unit_vec a, unit_vec b) {
#if defined(__AVX512VNNI__)
    return _mm512_dpbusd_epi32(acc, a, b);
#else
    const unit_vec low = VI(set1_epi16)(0x00ff);
    unit_vec a_even = bits_and(a, low), a_odd = VI(srli_epi16)(a, 8);
    unit_vec b_even = VI(srai_epi16)(VI(slli_epi16)(b, 8), 8), b_odd = VI(srai_epi16)(b, 8);
    acc = VI(add_epi32)(acc, VI(madd_epi16)(a_even, b_even));
    return VI(add_epi32)(acc, VI(madd_epi16)(a_odd, b_odd));
#endif
}
#include "kernels/gemm/gemm_micro_impl.h"
GEMM_ROWS(MICRO)
GEMM_ROWS(TURNED)

/* ---- real numbers, quantised row by row ------------------------------------------------------------------ */

VF_INLINE qn_x_quant quant_of(const qn_dtype dtype, const void *data, int64_t first, int64_t n) {
    vf lo = vf_set1(0.0f), hi = lo, odd = lo, zero = lo;
    for (int64_t k = 0; k < n; k += VF_LANES) {
        vf x = vf_read_n(dtype, data, first + k, n - k); /* zeros behind the end widen nothing */
        lo = vf_min(lo, x);
        hi = vf_max(hi, x);
        odd = vf_fma(x, zero, odd); /* NaN from the first number on that is not finite */
    }
    float low[VF_LANES], minus[VF_LANES];
    vf_store(low, lo);
    for (int i = 0; i < VF_LANES; i++)
        minus[i] = -low[i];
    float sum = vf_sum(odd);
    return qn_x_quant_make(-vf_top(vf_load(minus)), vf_top(hi), sum == 0.0f);
}

VF_INLINE void quantise_run(const qn_dtype dtype, const void *data, int64_t first, int64_t n, qn_x_quant r,
                            uint8_t *to) {
    const vf inverse = vf_set1(r.inverse), below = vf_set1(-256.0f), above = vf_set1(256.0f);
    const acc_vec zero_point = VI(set1_epi32)(r.zero_point), most = VI(set1_epi32)(255);
    for (int64_t k = 0; k < n; k += VF_LANES) {
        vf x = vf_mul(vf_read_n(dtype, data, first + k, n - k), inverse);
        acc_vec q = VI(cvtps_epi32)(vf_min(vf_max(x, below), above)); /* numbers beyond a fixed range; NaN: -256 */
        q = VI(add_epi32)(q, zero_point);
        store_codes(to + k, VI(min_epi32)(most, VI(max_epi32)(acc_zero(), q)));
    }
}

VF_INLINE void pack_numbers_as(const qn_dtype dtype, const qn_operand *op, int64_t x0, int64_t xn, int64_t k0,
                               int64_t kn, int64_t k_all, int width, float *dst, const qn_side *side) {
    enum { RUN = 512 };
    uint8_t codes[NR > MR ? NR : MR][RUN + VF_LANES];
    for (int64_t x = 0; x < width && k0 == 0; x++) {
        qn_x_quant r = {.finite = true};
        if (x < xn && op->is_fixed)
            r = (qn_x_quant){op->unit_scale, 0, op->unit_zero, true};
        else if (x < xn)
            r = quant_of(dtype, op->data, (x0 + x) * op->x_stride, k_all);
        side->scale[x] = r.finite ? r.scale : NAN; /* so that the results are */
        side->offset[x] = r.zero_point;
    }
    for (int64_t k = 0; k < kn; k += RUN) {
        int64_t n = kn - k < RUN ? kn - k : RUN;
        for (int64_t x = 0; x < xn; x++) {
            float s = side->scale[x];
            const qn_x_quant r = {s, s > 0.0f ? 1.0f / s : 0.0f, side->offset[x], true};
            quantise_run(dtype, op->data, (x0 + x) * op->x_stride + k0 + k, n, r, codes[x]);
        }
        pack_unit_columns((const char *)codes, RUN + VF_LANES, xn, n, width, dst + k / 4 * width);
    }
}

static void pack_numbers(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int64_t k_all, int width,
                         float *dst, const qn_side *side) {
    switch (op->dtype) {
    case QN_F16: pack_numbers_as(QN_F16, op, x0, xn, k0, kn, k_all, width, dst, side); break;
    case QN_BF16: pack_numbers_as(QN_BF16, op, x0, xn, k0, kn, k_all, width, dst, side); break;
    default: pack_numbers_as(QN_F32, op, x0, xn, k0, kn, k_all, width, dst, side); break;
    }
}

/* ---- codes ------------------------------------------------------------------------------------------------- */

/* 16 columns of four rows as 16 units. */
VF_INLINE void interleave_16(const int8_t *const row[4], int64_t at, char *to) {
    __m128i r[4];
    for (int i = 0; i < 4; i++)
        r[i] = _mm_loadu_si128((const __m128i *)(const void *)(row[i] + at));
    __m128i a = _mm_unpacklo_epi8(r[0], r[1]), b = _mm_unpackhi_epi8(r[0], r[1]);
    __m128i c = _mm_unpacklo_epi8(r[2], r[3]), d = _mm_unpackhi_epi8(r[2], r[3]);
    __m128i *units = (__m128i *)(void *)to;
    _mm_storeu_si128(units, _mm_unpacklo_epi16(a, c));
    _mm_storeu_si128(units + 1, _mm_unpackhi_epi16(a, c));
    _mm_storeu_si128(units + 2, _mm_unpacklo_epi16(b, d));
    _mm_storeu_si128(units + 3, _mm_unpackhi_epi16(b, d));
}

/* x contiguous: four rows make one of units. */
static void pack_code_rows(const int8_t *from, int64_t k_stride, int64_t xn, int64_t kn, int width, float *dst) {
    static const int8_t zeros[64];
    for (int64_t k = 0; k < kn; k += 4, from += 4 * k_stride) {
        char *to = (char *)(dst + k / 4 * width);
        const int8_t *row[4];
        for (int i = 0; i < 4; i++) {
            row[i] = k + i < kn ? from + i * k_stride : NULL;
            __builtin_prefetch(from + (AHEAD + i) * k_stride);
        }
        for (int v = 0; v < width; v += 16) {
            int64_t n = xn - v < 16 ? xn - v : 16;
            if (n == 16 && k + 4 <= kn && v + 16 <= width) {
                interleave_16(row, v, to + 4 * v);
                continue;
            }
            int8_t part[4][16] = {{0}};
            char units[64];
            const int8_t *const parts[4] = {part[0], part[1], part[2], part[3]};
            for (int i = 0; i < 4; i++)
                memcpy(part[i], row[i] && n > 0 ? row[i] + v : zeros, n > 0 ? (size_t)n : 0);
            interleave_16(parts, 0, units);
            memcpy(to + 4 * v, units, 4 * (size_t)(width - v < 16 ? width - v : 16));
        }
    }
}

/* side->offset[x] += sum of the codes of column x. The pairwise sums of signed bytes fit 16 bits. */
static void add_sums(const float *units, int64_t un, int width, int32_t *offset) {
    const unit_vec ones = VI(set1_epi8)(1), ones16 = VI(set1_epi16)(1);
    int v = 0;
    for (; v + LANES <= width; v += LANES) {
        acc_vec sum = acc_load(offset + v);
        for (int64_t u = 0; u < un; u++)
            sum = VI(add_epi32)(
                sum, VI(madd_epi16)(VI(maddubs_epi16)(ones, unit_load((const char *)(units + u * width + v))), ones16));
        acc_store((char *)(offset + v), sum);
    }
    for (; v < width; v++)
        for (int64_t u = 0; u < un; u++) {
            int8_t code[4];
            memcpy(code, units + u * width + v, 4);
            offset[v] += code[0] + code[1] + code[2] + code[3];
        }
}

static void begin_codes(const qn_operand *op, int64_t x0, int64_t xn, int width, const qn_side *side) {
    for (int64_t x = 0; x < width; x++) {
        int64_t i = op->scale_axis == QN_SCALE_X ? (x0 + x) / op->scale_run : 0;
        side->scale[x] = x < xn ? qn_read_float(op->scale_dtype, op->scales, i) : 0.0f;
        side->offset[x] = 0;
    }
}

/* Units that the operand's own function made of an image that is quantised already. */
static void begin_image(const qn_operand *op, int width, const qn_side *side) {
    for (int64_t x = 0; x < width; x++) {
        side->scale[x] = op->unit_scale;
        side->offset[x] = op->unit_zero;
    }
}

static void pack_units(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int64_t k_all, int width,
                       void *dst, const qn_side *side) {
    if (op->quantise) {
        pack_numbers(op, x0, xn, k0, kn, k_all, width, dst, side);
        return;
    }
    const int64_t un = (kn + 3) / 4;
    if (k0 == 0 && op->is_unsigned)
        begin_image(op, width, side);
    else if (k0 == 0)
        begin_codes(op, x0, xn, width, side);
    const int8_t *from = op->pack ? NULL : (const int8_t *)op->data + x0 * op->x_stride + k0 * op->k_stride;
    if (op->pack)
        op->pack(op, x0, xn, k0 / 4, un, width, dst);
    else if (op->k_stride == 1)
        pack_unit_columns((const char *)from, op->x_stride, xn, kn, width, dst);
    else
        pack_code_rows(from, op->k_stride, xn, kn, width, dst);
    if (!op->is_unsigned)
        add_sums(dst, un, width, side->offset);
}

/* ---- epilogue ------------------------------------------------------------------------------------------------ */

VF_INLINE void finish_int_as(const qn_activation_kind kind, const qn_gemm_out *c, const char *tile, int64_t i0,
                             int64_t j0, int mr, int64_t nr, const qn_side *a, const qn_side *b) {
    for (int i = 0; i < mr; i++) {
        const acc_vec offset = VI(set1_epi32)(a->offset[i]);
        const vf scale = vf_set1(a->scale[i]);
        for (int v = 0; v < nr; v += VF_LANES) {
            acc_vec sum =
                VI(sub_epi32)(acc_load(tile + 4 * (i * NR + v)), VI(mullo_epi32)(offset, acc_load(b->offset + v)));
            vf x = vf_mul(VI(cvtepi32_ps)(sum), vf_mul(scale, vf_load(b->scale + v)));
            finish_vector(kind, c, x, i0 + i, j0 + v, nr - v);
        }
    }
}

static void finish_tile(const qn_gemm_out *c, void *tile, int64_t i, int64_t j, int mr, int64_t nr, const qn_side *a,
                        const qn_side *b) {
    VF_BY_ACTIVATION(c->act.kind, finish_int_as(KIND, c, tile, i, j, mr, nr, a, b))
}

/* ---- few rows -------------------------------------------------------------------------------------------- */

enum { UNIT = 4 };
VF_INLINE acc_vec acc_add(acc_vec a, acc_vec b) { return VI(add_epi32)(a, b); }
VF_INLINE unit_vec few_load(const qn_dtype dtype, const char *p, int64_t left) {
    (void)dtype;
    if (left >= 4 * LANES)
        return acc_load(p);
    char part[4 * LANES] = {0};
    memcpy(part, p, (size_t)left);
    return acc_load(part);
}
VF_INLINE void few_finish(const qn_gemm *g, char *tile, int64_t j0, int64_t n, const qn_side *a, const qn_side *b) {
    finish_tile(&g->c, tile, 0, j0, (int)g->m, n, a, b);
}
#define FEW_COLUMN_SUMS 1
#include "kernels/gemm/few_rows_impl.h"

static void few_rows(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const qn_few_rows *f = arg;
    few_rows_as(QN_I8, f, begin, end);
}

const qn_gemm_isa GEMM_TABLE = {.mr = MR,
                                .nr = NR,
                                .nv = NV,
                                .unit = 4,
                                .micro = {GEMM_ROWS(MICRO_ROW)},
                                .turned = {GEMM_ROWS(TURNED_ROW)},
                                .pack = pack,
                                .pack_units = pack_units,
                                .finish = finish_tile,
                                .few_rows = few_rows};
