/* Dot products over affine codes of 8 and 4 bits whose rows are what is summed.
 *
 * A lane takes a dword of codes: `run` = 32 / bits neighbours in k, code i of it in bits [i bits, (i + 1) bits). A step
 * is VF_LANES dwords: vector i of the step holds code i of each lane, and x is arranged to match (qn_dot). All codes of
 * a lane are in one group, since blocks are multiples of 16; so each lane's sum over a step is multiplied by its scale:
 *
 *     acc[l] += scale[l] * sum over i of (code[l][i] - zero[l]) * x[l][i]
 *
 * Codes less zero points are exact in float32. Unsigned codes are read as signed ones with the highest bit turned,
 * their zero points too, which leaves the difference. */
#include "ir/groups.h"
#include "kernels/codec/codec.h"
#include "kernels/simd/simd.h"

/* ---- dwords of codes ---------------------------------------------------------------------------------------- */

#if defined(__AVX512F__)
typedef __m512i ints;

VF_INLINE ints ints_set1(uint32_t x) { return _mm512_set1_epi32((int)x); }
VF_INLINE ints ints_load(const int32_t *p) { return _mm512_loadu_si512(p); }
/* n bytes (>= 1), zeros behind. */
VF_INLINE ints ints_load_n(const uint8_t *p, int64_t n) {
    return n >= 64 ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi8(_cvtu64_mask64((UINT64_C(1) << n) - 1), p);
}
VF_INLINE ints ints_xor(ints a, ints b) { return _mm512_xor_si512(a, b); }
VF_INLINE ints ints_shift_right(ints a, ints by) { return _mm512_srlv_epi32(a, by); }
/* Signed code i of each dword. */
VF_INLINE vf code_of(const int bits, ints w, const int i) {
    if (bits == 4) { /* the permutation reads four bits of an index */
        const vf table = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1);
        return _mm512_permutexvar_ps(i == 0 ? w : _mm512_srli_epi32(w, (unsigned)(4 * i)), table);
    }
    return _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(w, (unsigned)(24 - 8 * i)), 24));
}
/* Lane index[l] of a. */
VF_INLINE vf pick(vf a, ints index) { return _mm512_permutexvar_ps(index, a); }
#elif defined(__AVX2__)
typedef __m256i ints;

VF_INLINE ints ints_set1(uint32_t x) { return _mm256_set1_epi32((int)x); }
VF_INLINE ints ints_load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
VF_INLINE ints ints_load_n(const uint8_t *p, int64_t n) {
    ints v = _mm256_setzero_si256();
    if (n >= 32)
        return _mm256_loadu_si256((const __m256i *)(const void *)p);
    memcpy(&v, p, (size_t)n);
    return v;
}
VF_INLINE ints ints_xor(ints a, ints b) { return _mm256_xor_si256(a, b); }
VF_INLINE ints ints_shift_right(ints a, ints by) { return _mm256_srlv_epi32(a, by); }
VF_INLINE vf code_of(const int bits, ints w, const int i) {
    return _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(w, 32 - bits - bits * i), 32 - bits));
}
VF_INLINE vf pick(vf a, ints index) { return _mm256_permutevar8x32_ps(a, index); }
#else
typedef uint32_t ints __attribute__((vector_size(16)));
typedef int32_t signed_ints __attribute__((vector_size(16)));

VF_INLINE ints ints_set1(uint32_t x) { return (ints){x, x, x, x}; }
VF_INLINE ints ints_load(const int32_t *p) {
    ints v;
    memcpy(&v, p, sizeof v);
    return v;
}
VF_INLINE ints ints_load_n(const uint8_t *p, int64_t n) {
    ints v = {0, 0, 0, 0};
    if (n >= 16)
        memcpy(&v, p, 16);
    else
        memcpy(&v, p, (size_t)n);
    return v;
}
VF_INLINE ints ints_xor(ints a, ints b) { return a ^ b; }
VF_INLINE ints ints_shift_right(ints a, ints by) { return a >> by; }
VF_INLINE vf code_of(const int bits, ints w, const int i) {
    return __builtin_convertvector((signed_ints)(w << (32 - bits - bits * i)) >> (32 - bits), vf);
}
VF_INLINE vf pick(vf a, ints index) { return (vf){a[index[0]], a[index[1]], a[index[2]], a[index[3]]}; }
#endif

/* ---- rows --------------------------------------------------------------------------------------------------- */

enum { AHEAD = 2048 }; /* bytes of codes from what is used to what is asked for, at least */

typedef struct matrix {
    const uint8_t *codes, *zero_points; /* zero_points NULL: 0 */
    const char *scales;
    qn_dtype scale_dtype;
    int64_t row_bytes, n_groups, zero_bytes;
    int64_t row_groups;         /* from a row's first group to that of the next; 0: one group for all */
    int64_t ahead;              /* AHEAD in whole rows */
    int64_t steps, step_groups; /* after so many steps, so many groups on */
    int32_t lane_group[VF_LANES], lane_shift[VF_LANES]; /* each lane's group, less that of the step; in bits */
    uint32_t flip;                                      /* what turns unsigned codes into signed ones */
} matrix;

/* Zero points of the lanes of a step that begins with `group`; those of a step's groups are in 32 bits. */
VF_INLINE vf zeros_of(const int bits, const matrix *w, int64_t group) {
    uint64_t near = 0;
    const int64_t at = group * bits / 8, left = w->zero_bytes - at;
    if (left >= (int64_t)sizeof near)
        memcpy(&near, w->zero_points + at, sizeof near);
    else if (w->zero_points)
        memcpy(&near, w->zero_points + at, (size_t)left);
    const ints all = ints_set1((uint32_t)(near >> group * bits % 8) ^ w->flip);
    return code_of(bits, ints_shift_right(all, ints_load(w->lane_shift)), 0);
}

/* sums[r] += row r of x, r < m, times row j of the matrix, lane by lane, over its bytes [begin, end): whole steps,
 * except at the row's end. */
VF_INLINE void dot_row(const int m, const int bits, const bool zeros, const matrix *w, const qn_dot_rows *x, int64_t j,
                       int64_t begin, int64_t end, vf *sums) {
    const int run = 32 / bits;
    const int64_t first = begin / (int64_t)sizeof(ints);
    const uint8_t *codes = w->codes + j * w->row_bytes;
    const float *at_x = x->x + first * run * VF_LANES;
    const ints lane_group = ints_load(w->lane_group);
    int64_t group = j * w->row_groups + first / w->steps * w->step_groups, step = first % w->steps;
    vf acc[QN_DOT_ROWS];
    VF_UNROLL
    for (int r = 0; r < m; r++)
        acc[r] = sums[r];
    for (int64_t at = begin; at < end; at += (int64_t)sizeof(ints), at_x += run * VF_LANES) {
        ints dwords = ints_load_n(codes + at, end - at);
        const int64_t left = w->n_groups - group;
        const vf scale = pick(left >= VF_LANES ? vf_read_n(w->scale_dtype, w->scales, group, VF_LANES)
                                               : vf_read_n(w->scale_dtype, w->scales, group, left),
                              lane_group);
        vf zero = scale, sum[QN_DOT_ROWS];
        __builtin_prefetch((const void *)((uintptr_t)codes + (uintptr_t)(at + w->ahead)));
        if (zeros) {
            dwords = ints_xor(dwords, ints_set1(w->flip));
            zero = zeros_of(bits, w, group);
        }
        VF_UNROLL
        for (int i = 0; i < run; i++) {
            vf code = code_of(bits, dwords, i);
            if (zeros)
                code = vf_sub(code, zero);
            VF_UNROLL
            for (int r = 0; r < m; r++) {
                const vf v = vf_load(at_x + r * x->stride + i * VF_LANES);
                sum[r] = i == 0 ? vf_mul(v, code) : vf_fma(v, code, sum[r]);
            }
        }
        VF_UNROLL
        for (int r = 0; r < m; r++)
            acc[r] = vf_fma(scale, sum[r], acc[r]);
        if (++step == w->steps) {
            step = 0;
            group += w->step_groups;
        }
    }
    VF_UNROLL
    for (int r = 0; r < m; r++)
        sums[r] = acc[r];
}

/* Rows of x pass in pieces that stay in the first-level cache while those of the matrix pass by. */
VF_INLINE void dot_rows(const int m, const int bits, const bool zeros, matrix *w, const qn_dot_rows *x, int64_t j,
                        int64_t n, float *out, int64_t out_stride) {
    enum { COLUMNS = 32, X_BYTES = 16 << 10 };
    const int64_t piece = X_BYTES / m / 1024 * 1024 / 32 * bits, /* bytes of codes: whole steps */
        passing = piece < w->row_bytes ? piece : w->row_bytes;
    w->ahead = (AHEAD + passing - 1) / passing * w->row_bytes;
    for (int64_t c0 = 0; c0 < n; c0 += COLUMNS) {
        const int64_t cn = n - c0 < COLUMNS ? n - c0 : COLUMNS;
        vf sums[COLUMNS][QN_DOT_ROWS];
        for (int64_t c = 0; c < cn; c++)
            for (int r = 0; r < m; r++)
                sums[c][r] = vf_set1(0.0f);
        for (int64_t begin = 0; begin < w->row_bytes; begin += piece)
            for (int64_t c = 0; c < cn; c++)
                dot_row(m, bits, zeros, w, x, j + c0 + c, begin,
                        w->row_bytes - begin < piece ? w->row_bytes : begin + piece, sums[c]);
        for (int64_t c = 0; c < cn; c++)
            for (int r = 0; r < m; r++)
                out[r * out_stride + c0 + c] = vf_sum(sums[c][r]);
    }
}

VF_INLINE void dots(const int bits, const bool zeros, const qn_const *c, const qn_dot_rows *x, int64_t j, int64_t n,
                    float *out, int64_t out_stride) {
    const int64_t K = c->dims[1], step = 32 / bits * VF_LANES;
    const qn_groups g = qn_const_groups(c);
    matrix w = {.codes = c->part[QN_PART_CODES].data,
                .zero_points = c->symmetric ? NULL : c->part[QN_PART_ZERO_POINTS].data,
                .scales = c->part[QN_PART_SCALES].data,
                .scale_dtype = c->scale_dtype,
                .row_bytes = K * bits / 8,
                .n_groups = g.n_groups,
                .zero_bytes = c->symmetric ? 0 : (int64_t)c->part[QN_PART_ZERO_POINTS].n,
                .steps = INT64_MAX,
                .flip = qn_code_type_of(c->code_dtype)->is_signed ? 0
                        : bits == 8                               ? 0x80808080u
                                                                  : 0x88888888u};
    if (g.block > 0) {
        w.row_groups = K / g.block + (K % g.block != 0);
        w.steps = g.block < step ? 1 : g.block / step;
        w.step_groups = g.block < step ? step / g.block : 1;
    } else if (g.n_groups > 1)
        w.row_groups = 1;
    for (int l = 0; l < VF_LANES && g.block > 0 && g.block < step; l++) {
        w.lane_group[l] = (int32_t)(32 / bits * l / g.block);
        w.lane_shift[l] = w.lane_group[l] * bits;
    }
    switch (x->m) {
    case 1: dot_rows(1, bits, zeros, &w, x, j, n, out, out_stride); break;
    case 2: dot_rows(2, bits, zeros, &w, x, j, n, out, out_stride); break;
    case 3: dot_rows(3, bits, zeros, &w, x, j, n, out, out_stride); break;
    default: dot_rows(4, bits, zeros, &w, x, j, n, out, out_stride); break;
    }
}

static void symmetric4(const qn_const *c, const qn_dot_rows *x, int64_t j, int64_t n, float *out, int64_t stride) {
    dots(4, false, c, x, j, n, out, stride);
}
static void zeros4(const qn_const *c, const qn_dot_rows *x, int64_t j, int64_t n, float *out, int64_t stride) {
    dots(4, true, c, x, j, n, out, stride);
}
static void symmetric8(const qn_const *c, const qn_dot_rows *x, int64_t j, int64_t n, float *out, int64_t stride) {
    dots(8, false, c, x, j, n, out, stride);
}
static void zeros8(const qn_const *c, const qn_dot_rows *x, int64_t j, int64_t n, float *out, int64_t stride) {
    dots(8, true, c, x, j, n, out, stride);
}

const qn_dot *VF_NAME(qn_dot_affine)(const qn_const *c) {
    enum { BITS4, BITS8, N_BITS };
    static const qn_dot rows[N_BITS][2] = {
        [BITS4] = {{symmetric4, 8, VF_LANES}, {zeros4, 8, VF_LANES}},
        [BITS8] = {{symmetric8, 4, VF_LANES}, {zeros8, 4, VF_LANES}},
    };
    const qn_code_type *type = qn_code_type_of(c->code_dtype);
    const int64_t step = 32 / type->bits * VF_LANES;
    const bool by_row = c->axis < 0 || (c->axis == 0 && c->block == 0),
               blocks =
                   c->axis == 1 && c->block > 0 && c->block % 16 == 0 && (step % c->block == 0 || c->block % step == 0);
    if (c->rank != 2 || c->dims[1] < 1 || c->dims[1] * type->bits % 8 != 0 || !(by_row || blocks))
        return NULL;
    return &rows[type->bits == 8][!c->symmetric || !type->is_signed];
}
