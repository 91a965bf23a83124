/* Packing of attention's operands into panels of units (attention.h), for one instruction set.
 *
 *   keys     [panels of PW keys][units of D][PW]
 *   values   [panels of PW elements][units of Nk][PW]
 *   queries  [units of D][NR], of a tile
 *
 * What is missing at the edges is 0. */
#include "kernels/attention/attention.h"
#include "kernels/simd/math.h"

#if defined(__AVX512BF16__)
#define ATTENTION_NAME(NAME) NAME##_avx512bf16
enum { PAIR = 2 };
VF_INLINE vf unit_dot(vf a, vf b, vf sum) { return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b); }
/** Lane i: a[i] below, b[i] above, rounded. */
VF_INLINE vf unit_pair(vf a, vf b) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                           21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return (vf)_mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(b, a));
}
/** VF_LANES units from an element on, of which n elements are there. */
VF_INLINE vf unit_read(qn_dtype dtype, const void *base, int64_t index, int64_t n) {
    if (dtype == QN_BF16) {
        const __mmask32 there = n >= 32 ? 0xffffffffu : (1u << n) - 1u;
        return (vf)_mm512_maskz_loadu_epi16(there, (const uint16_t *)base + index);
    }
    vf low = vf_read_n(dtype, base, index, n);
    vf high = n > VF_LANES ? vf_read_n(dtype, base, index + VF_LANES, n - VF_LANES) : vf_set1(0.0f);
    return (vf)_mm512_cvtne2ps_pbh(high, low);
}
#else
#define ATTENTION_NAME(NAME) VF_NAME(NAME)
enum { PAIR = 1 };
VF_INLINE vf unit_dot(vf a, vf b, vf sum) { return vf_fma(a, b, sum); }
VF_INLINE vf unit_read(qn_dtype dtype, const void *base, int64_t index, int64_t n) {
    return vf_read_n(dtype, base, index, n);
}
#endif

/* Tiles of MR keys or elements by NV vectors of queries: MR * NV sums, NV operands and one more fit into the vector
 * registers (32, or 16 of AVX2 and SSE). */
#if defined(__AVX512F__) || defined(__aarch64__)
enum { MR = 8, NV = 3 };
#elif defined(__AVX2__)
enum { MR = 4, NV = 3 };
#else
enum { MR = 4, NV = 2 };
#endif
enum { NR = NV * VF_LANES, PW = MR > (int)VF_LANES ? (int)MR : (int)VF_LANES };

typedef struct qn_row {
    const void *data;
    qn_dtype dtype;
} qn_row;

/* VF_LANES rows of which n are there, turned: dst[u][step] gets unit u of each. */
VF_INLINE void turn_rows(const qn_row *rows, int64_t n, int64_t D, float *dst, int64_t step) {
    const int64_t units = qn_attention_units(D, PAIR);
    for (int64_t u = 0; u < units; u += VF_LANES) {
        vf r[VF_LANES];
        VF_UNROLL
        for (int i = 0; i < VF_LANES; i++)
            r[i] = i < n ? unit_read(rows[i].dtype, rows[i].data, u * PAIR, D - u * PAIR) : vf_set1(0.0f);
        vf_transpose(r);
        const int64_t here = units - u < VF_LANES ? units - u : VF_LANES;
        for (int64_t i = 0; i < here; i++)
            vf_store(dst + (u + i) * step, r[i]);
    }
}

/* Rows n0..n0+n of head `index`, as one panel of `width` rows. */
static void pack_rows(const qn_heads *h, int64_t index, int64_t n0, int64_t n, int64_t width, float *dst) {
    for (int64_t from = 0; from < width && from < n; from += VF_LANES) {
        qn_row rows[VF_LANES];
        const int64_t here = n - from < VF_LANES ? n - from : VF_LANES;
        for (int64_t i = 0; i < here; i++)
            rows[i].data = qn_heads_row(h, index, n0 + from + i, &rows[i].dtype);
        turn_rows(rows, here, h->D, dst + from, width);
    }
}

/* Values j0..j0+n (j0 even) of head `index` to dst, where the panels of the head begin. */
static void pack_values(const qn_heads *v, int64_t index, int64_t j0, int64_t n, float *dst) {
    const int64_t units = qn_attention_units(v->N, PAIR);
    for (int64_t j = 0; j < n; j += PAIR) {
        float *to = dst + (j0 + j) / PAIR * PW;
        qn_row r;
        r.data = qn_heads_row(v, index, j0 + j, &r.dtype);
#if defined(__AVX512BF16__)
        qn_row s = r;
        if (j + 1 < n)
            s.data = qn_heads_row(v, index, j0 + j + 1, &s.dtype);
#endif
        for (int64_t d = 0; d < v->D; d += VF_LANES) {
#if defined(__AVX512BF16__)
            vf low = vf_read_n(r.dtype, r.data, d, v->D - d);
            vf high = j + 1 < n ? vf_read_n(s.dtype, s.data, d, v->D - d) : vf_set1(0.0f);
            vf x = unit_pair(low, high);
#else
            vf x = unit_read(r.dtype, r.data, d, v->D - d);
#endif
            vf_store(to + d / PW * units * PW + d % PW, x);
        }
    }
}

static void pack_head_block(const qn_attention *a, int64_t index, int64_t j0, float *keys) {
    const int64_t n = a->k.N - j0 < QN_ATTENTION_BLOCK ? a->k.N - j0 : QN_ATTENTION_BLOCK;
    const int64_t units = qn_attention_units(a->k.D, PAIR);
    for (int64_t j = 0; j < n; j += PW)
        pack_rows(&a->k, index, j0 + j, n - j < PW ? n - j : PW, PW, keys + (j0 + j) * units);
    pack_values(&a->v, index, j0, n, keys + a->k_units);
}

static void pack(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const qn_attention *a = arg;
    const int64_t blocks = (a->k.N + QN_ATTENTION_BLOCK - 1) / QN_ATTENTION_BLOCK;
    for (int64_t i = begin; i < end; i++) {
        const int64_t head = i / blocks;
        pack_head_block(a, a->first + head, i % blocks * QN_ATTENTION_BLOCK, a->packed + head * a->head_units);
    }
}
